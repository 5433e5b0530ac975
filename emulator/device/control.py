"""Control of a running device from another process: HTTP and JSON on a loopback port.

GET  /_emulator/fault    the fault switches          POST the switches to change
GET  /_emulator/screens  every screen with its answer
GET  /_emulator/seed     root fingerprint             POST {"mnemonic": words or null}
POST /_emulator/press    {"yes": true or false}

For scenarios and tests only. Answers 400 with {"error": text} to what it does not understand.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .protocol.link import HOST
from .server import DeviceEmulator

MAX_BODY = 64 * 1024


class _Refused(ValueError):  # noqa: N818 - becomes a 400
    """A request that is not understood."""


def _get(device: DeviceEmulator, path: str) -> Any:
    if path == "/_emulator/fault":
        return device.faults
    if path == "/_emulator/seed":
        return {"root_fingerprint": device.root_fingerprint}
    if path == "/_emulator/screens":
        return [
            {
                "name": record.screen.name,
                "title": record.screen.title,
                "lines": list(record.screen.lines),
                "answer": record.answer.value,
            }
            for record in device.screen_records
        ]
    return None


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
    if path == "/_emulator/press":
        if set(body) != {"yes"} or not isinstance(body["yes"], bool):
            raise _Refused('expected {"yes": true or false}')
        if body["yes"]:
            device.press_yes()
        else:
            device.press_no()
        return {}
    return None


class ControlServer:
    """The HTTP server; `port` 0 chooses a free one."""

    def __init__(self, device: DeviceEmulator, port: int = 0) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(lambda: _get(device, self.path))

            def do_POST(self) -> None:
                self._answer(lambda: _post(device, self.path, self._body()))

            def _body(self) -> Any:
                length = self.headers.get("Content-Length", "0")
                if not length.isdigit() or int(length) > MAX_BODY:
                    raise _Refused("bad or too large Content-Length")
                return json.loads(self.rfile.read(int(length)) or b"{}")

            def _answer(self, work: Any) -> None:
                status, result = HTTPStatus.OK, None
                try:
                    result = work()
                    if result is None:
                        status, result = HTTPStatus.NOT_FOUND, {"error": f"no such resource {self.path}"}
                except (ValueError, TimeoutError) as error:  # JSON errors are ValueErrors
                    status, result = HTTPStatus.BAD_REQUEST, {"error": str(error)}
                data = json.dumps(result).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Requests are not logged: stdout belongs to the ready line."""

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
