"""The control port against web pages, broken clients and silent ones."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from trezorlib import messages as m
from trezorlib.tools import parse_path

from emulator.device import control as control_module
from emulator.device.control import ControlServer
from emulator.device.server import DeviceEmulator
from emulator.world_client import DeviceControl, WorldError
from tests.support.raw_host import ALL, RawHost

JSON = "Content-Type: application/json"
UNPLUG = b'{"unplugged": true}'


@pytest.fixture
def device() -> Iterator[DeviceEmulator]:
    with DeviceEmulator(mnemonic=ALL, mode="scripted") as device:
        yield device


@pytest.fixture
def control(device: DeviceEmulator) -> Iterator[ControlServer]:
    control = ControlServer(device)
    control.start()
    yield control
    control.stop()


def port_of(control: ControlServer) -> int:
    return int(control.url.rpartition(":")[2])


def connected(control: ControlServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(control)), timeout=5)


def exchange(control: ControlServer, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; (status, headers, body) of the answer, read to the end of the connection."""
    with connected(control) as line:
        line.sendall(data)
        received = b""
        while chunk := line.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = dict(row.split(": ", 1) for row in rest)
    return int(first.split()[1]), headers, body


def ask(
    control: ControlServer,
    method: str,
    name: str,
    *headers: str,
    body: bytes = b"",
    host: str | None = "127.0.0.1:{port}",
    length: str | None = None,
) -> tuple[int, dict[str, str], bytes]:
    rows = [f"{method} /_emulator/{name} HTTP/1.1"]
    if host is not None:
        rows.append("Host: " + host.replace("{port}", str(port_of(control))))
    rows += headers
    if length is not None:
        rows.append(f"Content-Length: {length}")
    elif body:
        rows.append(f"Content-Length: {len(body)}")
    return exchange(control, "\r\n".join([*rows, "", ""]).encode() + body)


# Web pages


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
def test_its_own_names_are_served(control: ControlServer, host: str) -> None:
    assert ask(control, "GET", "seed", host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example:{port}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
    ],
)
def test_another_host_is_refused_and_nothing_changes(
    device: DeviceEmulator, control: ControlServer, host: str | None
) -> None:
    assert ask(control, "GET", "seed", host=host)[0] == 403
    assert ask(control, "POST", "fault", JSON, body=UNPLUG, host=host)[0] == 403
    assert device.faults["unplugged"] is False


def test_two_hosts_are_refused(control: ControlServer) -> None:
    assert ask(control, "GET", "seed", "Host: evil.example")[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:{port}"])
def test_any_origin_is_refused(device: DeviceEmulator, control: ControlServer, origin: str) -> None:
    header = "Origin: " + origin.replace("{port}", str(port_of(control)))
    assert ask(control, "GET", "screens", header)[0] == 403
    assert ask(control, "OPTIONS", "fault", header)[0] == 403
    assert ask(control, "POST", "fault", JSON, header, body=UNPLUG)[0] == 403
    assert device.faults["unplugged"] is False


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("Content-Type: text/plain",),
        ("Content-Type: application/x-www-form-urlencoded",),
        ("Content-Type: text/plain; application/json",),
        ("Content-Type: application/json, text/plain",),
        ("Content-Type: text/plain", JSON),
    ],
)
def test_a_body_of_another_type_is_refused(
    device: DeviceEmulator, control: ControlServer, headers: tuple[str, ...]
) -> None:
    assert ask(control, "POST", "fault", *headers, body=UNPLUG)[0] == 415
    assert device.faults["unplugged"] is False


def test_json_with_a_charset_is_served(device: DeviceEmulator, control: ControlServer) -> None:
    assert ask(control, "POST", "fault", JSON + "; charset=utf-8", body=UNPLUG)[0] == 200
    assert device.faults["unplugged"] is True


def test_the_scenarios_own_hand_is_served(device: DeviceEmulator, control: ControlServer) -> None:
    hand = DeviceControl(control.url)
    hand.fault(unplugged=True)
    assert device.faults["unplugged"] is True
    assert hand.screens() == ()


# Methods


@pytest.mark.parametrize(
    ("method", "name", "allowed"),
    [
        ("GET", "press", "POST"),
        ("POST", "screens", "GET"),
        ("PUT", "fault", "GET, POST"),
        ("DELETE", "seed", "GET, POST"),
        ("PATCH", "seed", "GET, POST"),
        ("OPTIONS", "press", "POST"),
        ("HEAD", "screens", "GET"),
    ],
)
def test_another_method_is_refused(control: ControlServer, method: str, name: str, allowed: str) -> None:
    status, headers, body = ask(control, method, name, JSON, body=b"{}")
    assert (status, headers["Allow"]) == (405, allowed)
    assert (body == b"") == (method == "HEAD")


def test_a_resource_there_is_not_is_not_found_by_any_method(control: ControlServer) -> None:
    for method in ("GET", "POST", "PUT"):
        assert ask(control, method, "secrets", JSON, body=b"{}")[0] == 404


# Bodies


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 10_000, b"[" * 30_000 + b"]" * 30_000])
def test_deeply_nested_json_is_not_understood(control: ControlServer, body: bytes) -> None:
    status, _, answer = ask(control, "POST", "fault", JSON, body=body)
    assert status == 400
    assert "error" in json.loads(answer)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"nul", b'{"yes": tru'])
def test_what_is_not_json_is_not_understood(control: ControlServer, body: bytes) -> None:
    assert ask(control, "POST", "press", JSON, body=body)[0] == 400


@pytest.mark.parametrize(
    ("headers", "length", "status"),
    [
        ((), None, 411),
        (("Transfer-Encoding: chunked",), None, 411),
        (("Transfer-Encoding: chunked",), "19", 411),
        ((), "-1", 400),
        ((), "0x13", 400),
        ((), "\u00b2", 400),
        ((), "", 400),
        (("Content-Length: 19",), "20", 400),
        ((), str(control_module.MAX_BODY + 1), 413),
        ((), "9" * 5000, 413),
    ],
)
def test_a_body_without_a_good_length_is_refused(
    device: DeviceEmulator, control: ControlServer, headers: tuple[str, ...], length: str | None, status: int
) -> None:
    rows = ["POST /_emulator/fault HTTP/1.1", f"Host: 127.0.0.1:{port_of(control)}", JSON, *headers]
    rows += [] if length is None else [f"Content-Length: {length}"]
    data = "\r\n".join([*rows, "", ""]).encode("latin-1") + UNPLUG
    assert exchange(control, data)[0] == status
    assert device.faults["unplugged"] is False


def test_a_refused_body_is_still_told_why_it_was(control: ControlServer) -> None:
    """The rest that is not read must not reset the connection before the answer is."""
    for _ in range(20):
        body = b" " * control_module.MAX_BODY
        assert ask(control, "POST", "fault", "Content-Type: text/plain", body=body)[0] == 415


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(
    device: DeviceEmulator, control: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert control_module.PATIENCE_S == 5
    monkeypatch.setattr(control_module, "PATIENCE_S", 0.05)
    status, _, body = ask(control, "POST", "fault", JSON, body=UNPLUG, length="1000")
    assert status == 408
    assert "error" in json.loads(body)
    assert device.faults["unplugged"] is False


def test_a_client_that_says_nothing_is_let_go(
    control: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert control_module._Handler.timeout == 5
    monkeypatch.setattr(control_module._Handler, "timeout", 0.05)
    with connected(control) as line:
        assert line.recv(1) == b""
    with connected(control) as line:
        line.sendall(b"GET /_emulator/seed HT")
        assert line.recv(1) == b""


def test_a_body_cut_short_is_refused(device: DeviceEmulator, control: ControlServer) -> None:
    head = f"POST /_emulator/fault HTTP/1.1\r\nHost: 127.0.0.1:{port_of(control)}\r\n{JSON}\r\n"
    with connected(control) as line:
        line.sendall(head.encode() + b"Content-Length: 100\r\n\r\n" + UNPLUG)
        line.shutdown(socket.SHUT_WR)
        assert line.recv(65536).startswith(b"HTTP/1.0 400 ")
    assert device.faults["unplugged"] is False


# Clients that leave


def test_a_client_that_leaves_is_no_error(
    control: ControlServer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    reset = struct.pack("ii", 1, 0)  # close with RST
    head = f"Host: 127.0.0.1:{port_of(control)}\r\n{JSON}\r\n".encode()
    for data in (
        b"",
        b"GET /_emu",
        b"GET /_emulator/fault HTTP/1.1\r\n" + head + b"\r\n",
        b"POST /_emulator/fault HTTP/1.1\r\n" + head + b"Content-Length: 50\r\n\r\n{",
    ):
        for _ in range(5):
            line = connected(control)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            line.sendall(data)
            line.close()
    assert ask(control, "GET", "seed")[0] == 200
    assert capfd.readouterr().err == ""
    assert not caplog.records


@pytest.mark.parametrize("error", [BrokenPipeError(), ConnectionResetError(), TimeoutError()])
def test_a_broken_connection_is_not_reported(
    control: ControlServer,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    error: OSError,
) -> None:
    try:
        raise error
    except OSError:
        control._server.handle_error(None, None)
    assert capfd.readouterr().err == ""
    assert not caplog.records


def test_many_clients_may_wait_at_once(device: DeviceEmulator) -> None:
    control = ControlServer(device)  # listens, and nobody accepts yet
    lines: list[Any] = []
    try:
        for _ in range(100):
            line = socket.socket()
            line.settimeout(2)
            lines.append(line)
            line.connect(("127.0.0.1", port_of(control)))
        control.start()
        host = f"Host: 127.0.0.1:{port_of(control)}"
        for line in lines:
            line.sendall(f"GET /_emulator/seed HTTP/1.1\r\n{host}\r\n\r\n".encode())
        assert all(line.recv(65536).startswith(b"HTTP/1.0 200 ") for line in lines)
    finally:
        for line in lines:
            line.close()
        control.stop()


def test_a_server_that_was_never_started_stops(device: DeviceEmulator) -> None:
    ControlServer(device).stop()


# Buttons

LONG_TEXT = "a statement of many pages " * 40


@contextmanager
def asked_for_a_long_text(device: DeviceEmulator) -> Iterator[RawHost]:
    """The device has shown the signing address, and now offers to show the whole text."""
    path = parse_path("m/84h/1h/0h/0/0")
    kind = m.InputScriptType.SPENDWITNESS
    with RawHost(device) as host:
        request = m.SignMessage(
            address_n=path, message=LONG_TEXT.encode(), coin_name="Regtest", script_type=kind
        )
        host.call(m.Initialize())
        assert isinstance(host.call(request), m.ButtonRequest)
        host.send(m.ButtonAck())
        device.wait_for_screen()
        device.press_yes()
        assert isinstance(host.read(), m.ButtonRequest)
        host.send(m.ButtonAck())
        assert device.wait_for_screen().info
        yield host


def test_the_third_button_shows_the_whole_text(device: DeviceEmulator, control: ControlServer) -> None:
    hand = DeviceControl(control.url)
    with asked_for_a_long_text(device) as host:
        offered = hand.screens()[-1]
        assert (offered.confirm, offered.cancel, offered.info) == ("CONFIRM", "CANCEL", "Show all")
        assert (offered.entry, offered.answer) == ("nothing", "pending")
        assert LONG_TEXT.strip() not in " ".join(offered.lines)
        hand.press_info()
        assert isinstance(host.read(), m.ButtonRequest)
        host.send(m.ButtonAck())
        device.wait_for_screen()
        whole = hand.screens()[-1]
        assert (whole.lines, whole.info) == ((LONG_TEXT,), "")
        hand.press(yes=True)
        assert isinstance(host.read(), m.MessageSignature)


def test_the_third_button_where_there_is_none_is_refused_and_confirms_nothing(
    device: DeviceEmulator, control: ControlServer
) -> None:
    hand = DeviceControl(control.url)
    with pytest.raises(WorldError, match="no screen with a third button"):
        hand.press_info()
    with RawHost(device) as host:
        assert isinstance(host.call(m.Ping(message="x", button_protection=True)), m.ButtonRequest)
        host.send(m.ButtonAck())
        device.wait_for_screen()
        assert hand.screens()[-1].info == ""
        status, _, body = ask(control, "POST", "press", JSON, body=b'{"info": true}')
        assert (status, json.loads(body)) == (400, {"error": "no screen with a third button is asking now"})
        assert hand.screens()[-1].answer == "pending"
        hand.press(yes=False)
        assert isinstance(host.read(), m.Failure)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"true",
        b'{"yes": 1}',
        b'{"yes": 0}',
        b'{"yes": "true"}',
        b'{"yes": null}',
        b'{"info": false}',
        b'{"info": 1}',
        b'{"info": "true"}',
        b'{"yes": true, "info": true}',
        b'{"yes": true, "more": 1}',
        b'{"no": true}',
        b'{"Yes": true}',
    ],
)
def test_a_press_is_yes_no_or_info_and_nothing_else(
    device: DeviceEmulator, control: ControlServer, body: bytes
) -> None:
    with asked_for_a_long_text(device):
        status, _, told = ask(control, "POST", "press", JSON, body=body)
        assert status == 400
        assert "expected" in json.loads(told)["error"]
        assert DeviceControl(control.url).screens()[-1].answer == "pending"


def test_a_thorough_person_opens_the_whole_text_before_the_yes_and_an_automatic_one_does_not() -> None:
    read = {}
    for mode in ("auto", "thorough"):
        with DeviceEmulator(mnemonic=ALL, mode=mode) as device, RawHost(device) as host:
            host.call(m.Initialize())
            request = m.SignMessage(
                address_n=parse_path("m/84h/1h/0h/0/0"),
                message=LONG_TEXT.encode(),
                coin_name="Regtest",
                script_type=m.InputScriptType.SPENDWITNESS,
            )
            reply = host.call(request)
            while isinstance(reply, m.ButtonRequest):
                host.send(m.ButtonAck())
                reply = host.read()
            assert isinstance(reply, m.MessageSignature)
            read[mode] = any(screen.lines == (LONG_TEXT,) for screen in device.screens)
    assert read == {"auto": False, "thorough": True}
