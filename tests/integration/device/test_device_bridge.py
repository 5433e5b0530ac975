"""A bridge on HTTP that finds no device, hangs or loses it: typed errors within the limit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vault.device.session import open_device
from vault.errors import DeviceError


class Bridge:
    """A bridge with one device at ``bridge:1``; `hang` and `fail` name the calls that do so."""

    def __init__(self) -> None:
        self.hang: set[str] = set()
        self.fail: set[str] = set()
        self.calls: list[str] = []
        self.release = threading.Event()
        bridge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                name = self.path.strip("/").split("/")[0]
                bridge.calls.append(name)
                if name in bridge.hang:
                    bridge.release.wait(30)
                answers: dict[str, Any] = {
                    "configure": {"version": "2.0.33"},
                    "enumerate": [{"path": "1", "session": None, "debugSession": None}],
                    "acquire": {"session": "7"},
                    "release": {},
                    "post": {},
                }
                failed = name in bridge.fail
                body = json.dumps({"error": "device disconnected"} if failed else answers.get(name, {}))
                self.send_response(400 if failed else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(autouse=True)
def locks_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bridges here have one path: tests side by side must not lock each other out."""
    monkeypatch.setattr("vault.device.connection.lock.lock_folder", lambda: tmp_path / "locks")


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bridge]:
    result = Bridge()
    monkeypatch.setattr("trezorlib.transport.bridge.TREZORD_HOST", result.url)
    result.thread.start()
    yield result
    result.release.set()
    result.server.shutdown()
    result.thread.join()
    result.server.server_close()


def code_of(path: str = "bridge:1") -> str:
    with (
        pytest.raises(DeviceError) as error,
        open_device(path, kind="trezor", expected_fingerprint=None, timeout_s=0.3),
    ):
        pass
    return error.value.code


def test_a_device_the_bridge_does_not_know_is_not_found(bridge: Bridge) -> None:
    assert code_of("bridge:2") == "device.not_found"
    assert "acquire" not in bridge.calls


def test_no_bridge_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trezorlib.transport.bridge.TREZORD_HOST", "http://127.0.0.1:1")
    assert code_of() == "device.not_found"


@pytest.mark.parametrize(
    ("hangs", "code"),
    [
        ("configure", "device.not_found"),
        ("enumerate", "device.not_found"),
        ("acquire", "device.timeout"),
        ("post", "device.timeout"),
        ("read", "device.timeout"),
    ],
)
def test_a_bridge_that_hangs_is_given_up_at_every_call(bridge: Bridge, hangs: str, code: str) -> None:
    bridge.hang.add(hangs)
    assert code_of() == code


@pytest.mark.parametrize("fails", ["acquire", "post", "read"])
def test_a_bridge_that_lost_the_device_is_a_disconnection(bridge: Bridge, fails: str) -> None:
    bridge.fail.add(fails)
    assert code_of() == "device.disconnected"
