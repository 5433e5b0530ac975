"""What trezorlib's transports do that a caller does not expect: raw errors, late pongs, a lost answer."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from trezorlib import messages
from trezorlib.transport import DeviceIsBusy, Timeout, TransportException

from vault.address import NETWORKS
from vault.device.connection import transports
from vault.errors import DeviceError

REGTEST = NETWORKS["regtest"]
KEY = "m/84h/1h/100h/0/0"


def raw_usb_error(name: str) -> Exception:
    """As libusb1's classes are: of no kind that trezorlib knows."""
    kind: type[Exception] = type(name, (Exception,), {})
    return kind("a text in no known form")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (raw_usb_error("USBErrorAccess"), "device.no_permission"),
        (raw_usb_error("USBErrorNoDevice"), "device.disconnected"),
        (raw_usb_error("USBErrorIO"), "device.disconnected"),
        (DeviceIsBusy("claimed"), "device.busy"),
        (TransportException("gone"), "device.disconnected"),
        (OSError("Cannot open device"), "device.disconnected"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.parametrize("step", ["open", "write_chunk", "read_chunk"])
def test_every_error_of_a_transport_is_typed_at_every_step(
    *, line: Any, opened: Any, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, code: str
) -> None:
    def fails(*_args: object, **_kwargs: object) -> bytes:
        raise error

    monkeypatch.setattr(line, step, fails)
    with pytest.raises(DeviceError) as caught, opened():
        pass
    assert caught.value.code == code
    assert "text in no known form" not in caught.value.message
    assert caught.value.hint


def test_without_permission_the_hint_is_the_udev_rules(
    line: Any, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise raw_usb_error("USBErrorAccess")

    monkeypatch.setattr(line, "open", fails)
    with pytest.raises(DeviceError) as error, opened():
        pass
    assert "udev" in error.value.hint


class Chatterer:
    """A UDP port that answers each ping three times."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.asked = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    @property
    def path(self) -> str:
        return f"udp:127.0.0.1:{self.socket.getsockname()[1]}"

    def _run(self) -> None:
        while True:
            packet, sender = self.socket.recvfrom(64)
            if packet == b"stop":
                return
            for _ in range(3):
                self.socket.sendto(b"PONGPONG", sender)
            self.asked.set()

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"stop", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


@pytest.fixture
def chatterer() -> Iterator[Chatterer]:
    result = Chatterer()
    yield result
    result.stop()


def test_late_pongs_are_not_among_the_answers(chatterer: Chatterer) -> None:
    transport = transports.find(chatterer.path, 1.0)
    transport.open()
    try:
        assert chatterer.asked.wait(5)
        with pytest.raises(Timeout):
            transport.read_chunk(timeout=0.05)
    finally:
        transport.close()


def test_a_port_that_pongs_and_says_nothing_else_is_no_device(chatterer: Chatterer) -> None:
    from vault.device.session import open_device

    with (
        pytest.raises(DeviceError) as error,
        open_device(chatterer.path, kind=None, expected_fingerprint=None, timeout_s=0.3),
    ):
        pass
    assert error.value.code in {"device.timeout", "device.bad_answer", "device.disconnected"}


def test_the_answer_that_came_after_its_time_is_not_the_next_ones(line: Any, opened: Any) -> None:
    """trezorlib would hand the late signature to whoever asks next."""
    late = messages.MessageSignature(address="a", signature=b"\x27" * 65)
    line.rules[messages.SignMessage] = lambda _: []
    with opened() as session, pytest.raises(DeviceError) as error:
        session.sign_message(KEY, "first", REGTEST)
    assert error.value.code == "device.timeout"
    line.say(late)
    fresh = messages.MessageSignature(address="a", signature=b"\x28" * 65)
    line.rules[messages.SignMessage] = lambda _: [fresh]
    with opened() as session:
        assert base64.b64decode(session.sign_message(KEY, "second", REGTEST)) == b"\x28" * 65


def test_a_session_the_device_forgot_is_named(line: Any, opened: Any, fail: Any) -> None:
    """A Trezor One keeps ten; a second program can push ours out."""
    with opened() as session:
        line.rules[messages.GetPublicKey] = lambda _: [fail(14, "Invalid session")]
        with pytest.raises(DeviceError) as error:
            session.sign_message(KEY, "text", REGTEST)
    assert error.value.code == "device.session_lost"
    assert messages.SignMessage not in line.sent_types()


def test_emulators_of_both_makes_are_looked_for_where_they_listen() -> None:
    """trezorlib looks at 21324 only."""
    assert transports.USUAL_EMULATOR_PATHS == ("udp:127.0.0.1:21324", "udp:127.0.0.1:54935")


def test_a_vendor_that_was_refused_once_is_refused_again(line: Any, opened: Any) -> None:
    """trezorlib's own check raises once, and then passes on the same client."""
    line.features |= {"vendor": "evil.example"}
    for _ in range(2):
        with pytest.raises(DeviceError) as error, opened():
            pass
        assert error.value.code == "device.wrong_make"
    assert messages.GetPublicKey not in line.sent_types()
