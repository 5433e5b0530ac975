"""Control of a running device from another process: HTTP and JSON on a loopback port.

GET  /_emulator/fault    the fault switches          POST the switches to change
GET  /_emulator/screens  every screen with its answer, its buttons (`info` "" for no third one) and its entry
GET  /_emulator/seed     root fingerprint             POST {"mnemonic": words or null}
POST /_emulator/press    {"yes": true or false}, or {"info": true} for the third button

For scenarios and tests only. Answers 400 with {"error": text} to what it does not understand. A web
page cannot use it: a request needs this very address as its Host, no Origin, and a body in JSON by its
Content-Type (403, 415). No client holds a thread for longer than it takes to see that it is silent.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from .protocol.link import HOST
from .server import DeviceEmulator

LOG = logging.getLogger(__name__)
MAX_BODY = 64 * 1024
PATIENCE_S = 5.0  # for a client that sends nothing, and for a body as a whole
LINGER_S = 1.0  # to let a client that was refused read why before the connection ends
BACKLOG = 128
JSON_TYPE = "application/json"
_MAX_DIGITS = 10  # of a Content-Length
_PRESSES = 'expected {"yes": true or false} or {"info": true}'
# What there is, and the methods it takes.
RESOURCES = {
    "/_emulator/fault": ("GET", "POST"),
    "/_emulator/screens": ("GET",),
    "/_emulator/seed": ("GET", "POST"),
    "/_emulator/press": ("POST",),
}


class _Refused(Exception):  # noqa: N818 - becomes an answer
    """A request that is not served, and the status that says why."""

    def __init__(self, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(text)
        self.status = status


def _get(device: DeviceEmulator, path: str) -> Any:
    if path == "/_emulator/fault":
        return device.faults
    if path == "/_emulator/seed":
        return {"root_fingerprint": device.root_fingerprint}
    return [
        {
            "name": record.screen.name,
            "title": record.screen.title,
            "lines": list(record.screen.lines),
            "answer": record.answer.value,
            "confirm": record.screen.confirm,
            "cancel": record.screen.cancel,
            "info": record.screen.info,
            "entry": record.screen.entry.value,
        }
        for record in device.screen_records
    ]


def _post(device: DeviceEmulator, path: str, body: Any) -> Any:
    if not isinstance(body, dict):
        raise _Refused("expected a JSON object")
    if path == "/_emulator/fault":
        device.set_faults(body)
        return device.faults
    if path == "/_emulator/seed":
        mnemonic = body.get("mnemonic")
        if set(body) != {"mnemonic"} or not (mnemonic is None or isinstance(mnemonic, str)):
            raise _Refused('expected {"mnemonic": words or null}')
        device.load_seed(mnemonic)
        return {"root_fingerprint": device.root_fingerprint}
    _press(device, body)
    return {}


def _press(device: DeviceEmulator, body: dict[str, Any]) -> None:
    button = tuple(body.items())
    # Not by equality alone: JSON's 1 is equal to true.
    if len(button) != 1 or not isinstance(button[0][1], bool) or button[0] == ("info", False):
        raise _Refused(_PRESSES)
    presses = {
        ("yes", True): device.press_yes,
        ("yes", False): device.press_no,
        ("info", True): device.press_info,
    }
    if button[0] not in presses:
        raise _Refused(_PRESSES)
    presses[button[0]]()


class _Server(ThreadingHTTPServer):
    """Listens for one device; a client that goes away is no error."""

    daemon_threads = True
    request_queue_size = BACKLOG

    def __init__(self, device: DeviceEmulator, port: int) -> None:
        self.device = device
        super().__init__((HOST, port), _Handler)
        own = self.server_address[1]
        self.hosts = frozenset(f"{name}:{own}" for name in ("127.0.0.1", "localhost", "[::1]"))

    def handle_error(self, request: object, client_address: object) -> None:
        """Called within `except`."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            LOG.exception("the control port failed on a request")


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S

    def _dispatch(self) -> None:
        device = cast(_Server, self.server).device
        if self.command == "GET":
            self._answer(lambda: _get(device, self.path))
        else:
            self._answer(lambda: _post(device, self.path, self._body()))

    # The names http.server looks for; any other method is a 501 of its own.
    do_GET = do_POST = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _dispatch  # noqa: N815

    def _check(self) -> None:
        """Refuse what a web page could make a browser send, and what there is not."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].strip().lower() not in cast(_Server, self.server).hosts:
            raise _Refused("the Host is not this address", HTTPStatus.FORBIDDEN)
        if "Origin" in self.headers:
            raise _Refused("web pages are not served", HTTPStatus.FORBIDDEN)
        methods = RESOURCES.get(self.path)
        if methods is None:
            raise _Refused(f"no such resource {self.path}", HTTPStatus.NOT_FOUND)
        if self.command not in methods:
            raise _Refused(f"{self.path} takes {' and '.join(methods)}", HTTPStatus.METHOD_NOT_ALLOWED)

    def _body(self) -> Any:
        if len(self.headers.get_all("Content-Type", [])) != 1 or self.headers.get_content_type() != JSON_TYPE:
            raise _Refused(f"expected Content-Type {JSON_TYPE}", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or not lengths:
            raise _Refused("expected a Content-Length", HTTPStatus.LENGTH_REQUIRED)
        digits = lengths[0].strip()
        if len(lengths) > 1 or not (digits.isascii() and digits.isdigit()):
            raise _Refused("bad Content-Length")
        if len(digits) > _MAX_DIGITS or int(digits) > MAX_BODY:
            raise _Refused("too large a body", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return json.loads(self._read(int(digits)) or b"{}")

    def _read(self, length: int) -> bytes:
        """That many bytes, within the time a client has for all of them."""
        deadline, received = time.monotonic() + PATIENCE_S, b""
        while len(received) < length:
            self.connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                chunk = self.rfile.read1(length - len(received))
            except TimeoutError:
                raise _Refused("the body did not come", HTTPStatus.REQUEST_TIMEOUT) from None
            if not chunk:
                raise _Refused("the body is shorter than its Content-Length")
            received += chunk
        self.connection.settimeout(PATIENCE_S)
        return received

    def _answer(self, work: Callable[[], Any]) -> None:
        status = HTTPStatus.OK
        try:
            self._check()
            result = work()
        except _Refused as refused:
            status, result = refused.status, {"error": str(refused)}
        except RecursionError:
            status, result = HTTPStatus.BAD_REQUEST, {"error": "too deeply nested"}
        except (ValueError, TimeoutError) as error:  # JSON errors are ValueErrors
            status, result = HTTPStatus.BAD_REQUEST, {"error": str(error)}
        data = json.dumps(result).encode()
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", JSON_TYPE)
        self.send_header("Content-Length", str(len(data)))
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", ", ".join(RESOURCES[self.path]))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        if status is not HTTPStatus.OK:
            self._linger()

    def _linger(self) -> None:
        """Take what is left of a refused request: unread, it would reset the connection and the answer."""
        deadline, left = time.monotonic() + LINGER_S, MAX_BODY
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0:
                self.connection.settimeout(max(0.001, deadline - time.monotonic()))
                received = len(self.connection.recv(left))
                if not received:
                    return
                left -= received

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Requests are not logged: stdout belongs to the ready line."""


class ControlServer:
    """The HTTP server; `port` 0 chooses a free one."""

    def __init__(self, device: DeviceEmulator, port: int = 0) -> None:
        self._server = _Server(device, port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the server; one that was never started, too."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
