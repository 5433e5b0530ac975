"""The line to a device: limits, stale answers, and every state a device may be found in."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from trezorlib import client as trezor_client
from trezorlib import messages

from vault.address import NETWORKS
from vault.device.connection.wire import GuardedTransport
from vault.errors import DeviceError, DeviceRefusedError, WrongDeviceError

REGTEST = NETWORKS["regtest"]
KEY = "m/84h/1h/100h/0/0"


def code_of(opened: Any, **changes: Any) -> str:
    with pytest.raises(DeviceError) as error, opened(**changes):
        pass
    return error.value.code


def sign_code(opened: Any) -> str:
    with opened() as session, pytest.raises(DeviceError) as error:
        session.sign_message(KEY, "text", REGTEST)
    return error.value.code


# State of the device at open


@pytest.mark.parametrize(
    ("features", "code"),
    [
        ({"bootloader_mode": True}, "device.bootloader"),
        ({"initialized": False}, "device.not_initialised"),
        ({"unlocked": False, "pin_protection": True}, "device.locked"),
        ({"busy": True}, "device.busy"),
        ({"vendor": "evil.example"}, "device.wrong_make"),
        ({"vendor": None}, "device.wrong_make"),
        ({"vendor": "onekey.so"}, "device.wrong_make"),
        ({"onekey_device_type": 1}, "device.wrong_make"),
        ({"onekey_serial_no": "X1"}, "device.wrong_make"),
        ({"major_version": 2, "minor_version": 2}, "device.outdated"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_each_state_that_forbids_use_has_its_own_code(
    line: Any, opened: Any, features: dict[str, Any], code: str
) -> None:
    line.features |= features
    assert code_of(opened) == code
    assert line.closed >= 1


def test_a_onekey_in_trezor_compatible_mode_is_a_onekey(line: Any, opened: Any) -> None:
    line.features |= {"vendor": "trezor.io", "onekey_device_type": 5, "onekey_firmware_version": "4.11.0"}
    with opened(kind="onekey") as session:
        assert session.features.model == "OneKey Pro"
        assert session.features.firmware_version == "4.11.0"


def test_a_vendor_alone_does_not_make_a_trezor_a_onekey(line: Any, opened: Any) -> None:
    assert code_of(opened, kind="onekey") == "device.wrong_make"


def test_an_unknown_onekey_type_and_safety_level_are_read_not_crashed_on(
    line: Any, opened: Any, varint: Any
) -> None:
    line.features |= {"vendor": "onekey.so", "onekey_device_type": 77}
    line.more_features = varint(37, 9)
    with opened(kind="onekey") as session:
        assert session.features.model == "OneKey type 77"
        assert session.features.safety_checks == "prompt_always"


def test_stock_definitions_are_left_as_they_are() -> None:
    from trezorlib.mapping import DEFAULT_MAPPING

    from vault.device.connection.onekey import device_mapping

    assert device_mapping() is not DEFAULT_MAPPING
    assert DEFAULT_MAPPING.type_to_class[17] is messages.Features
    assert 600 not in messages.Features.FIELDS
    assert all(field._owner is messages.Features for field in messages.Features.FIELDS.values())


def test_the_wallet_at_open_must_be_the_configured_one(line: Any, opened: Any) -> None:
    with pytest.raises(WrongDeviceError) as error, opened(expected_fingerprint="00000001"):
        pass
    assert (error.value.code, error.value.exit_status) == ("device.wrong_wallet", 41)
    assert "00000001" in error.value.message
    assert "5c9e228d" in error.value.message


def test_a_wallet_swapped_after_open_is_noticed_before_anything_is_signed(
    line: Any, opened: Any, key_of: Any
) -> None:
    with opened() as session:
        line.rules[messages.GetPublicKey] = lambda _: [key_of("0badcafe")]
        with pytest.raises(WrongDeviceError) as error:
            session.sign_message(KEY, "text", REGTEST)
    assert error.value.code == "device.wrong_wallet"
    assert messages.SignMessage not in line.sent_types()


@pytest.mark.parametrize("level", [1, 2, 7])
def test_lowered_safety_checks_are_refused_before_signing(
    line: Any, opened: Any, varint: Any, level: int
) -> None:
    with opened() as session:
        line.more_features = varint(37, level)
        with pytest.raises(DeviceError) as error:
            session.sign_message(KEY, "text", REGTEST)
    assert error.value.code == "device.safety_checks_lowered"
    assert messages.SignMessage not in line.sent_types()


def test_a_device_that_locks_itself_in_between_is_reported_as_locked(line: Any, opened: Any) -> None:
    with opened() as session:
        line.features["unlocked"] = False
        with pytest.raises(DeviceError) as error:
            session.sign_message(KEY, "text", REGTEST)
    assert error.value.code == "device.locked"


# Failures on the wire


@pytest.mark.parametrize(
    ("number", "text", "code"),
    [
        (1, "Unexpected message", "device.unexpected_message"),
        (3, "Forbidden key path", "device.path_refused"),
        (3, "Invalid address", "device.refused_by_device"),
        (4, "Cancelled", "device.refused_by_person"),
        (6, None, "device.refused_by_person"),
        (7, "PIN invalid", "device.wrong_pin"),
        (9, None, "device.refused_by_device"),
        (10, None, "device.not_enough_funds"),
        (11, "Not initialized", "device.not_initialised"),
        (14, "Invalid session", "device.session_lost"),
        (15, "Busy", "device.busy"),
        (19, None, "device.busy"),
        (30, "Low battery", "device.battery_low"),
        (99, "Firmware error", "device.firmware_error"),
        (12345, "from the future", "device.unknown_failure"),
        (77, None, "device.unknown_failure"),
    ],
)
def test_each_failure_code_of_the_wire_has_its_own_error(
    *, line: Any, opened: Any, fail: Any, number: int, text: str | None, code: str
) -> None:
    line.rules[messages.SignMessage] = lambda _: [fail(number, text)]
    assert sign_code(opened) == code


def test_what_the_device_says_is_cleaned_before_it_is_printed(line: Any, opened: Any, fail: Any) -> None:
    line.rules[messages.SignMessage] = lambda _: [fail(9, "\x1b[2Jé\n" + "x" * 5000)]
    with opened() as session, pytest.raises(DeviceRefusedError) as error:
        session.sign_message(KEY, "text", REGTEST)
    assert "\x1b" not in error.value.message
    assert "\n" not in error.value.message
    assert len(error.value.message) < 300


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((60000, b""), "device.bad_answer"),  # a type nobody knows: a bare KeyError in the library
        ((40, b"\x12\xff\xff\xff\xff\x0f"), "device.bad_answer"),
        ((40, b"\x0a\x01\xff\x12\x01\x00"), "device.bad_answer"),  # not UTF-8
        ((40, b""), "device.bad_answer"),  # required fields missing
        (messages.Success(message="fine"), "device.bad_answer"),
        (messages.MessageSignature(address="a", signature=b"\x27" * 64), "device.bad_signature"),
        (messages.MessageSignature(address="a", signature=b"\x27" * 66), "device.bad_signature"),
        (messages.MessageSignature(address="a", signature=b"\x1f" * 65), "device.bad_signature"),
        (messages.MessageSignature(address="a", signature=b"\x2b" * 65), "device.bad_signature"),
        (messages.PassphraseRequest(), "device.passphrase_requested"),
        (messages.PinMatrixRequest(), "device.pin_requested"),
    ],
)
def test_answers_that_are_none_are_refused(line: Any, opened: Any, answer: Any, code: str) -> None:
    line.rules[messages.SignMessage] = lambda _: [answer]
    assert sign_code(opened) == code


def test_bytes_without_the_protocols_magic_end_the_session(line: Any, opened: Any) -> None:
    def noise(_msg: Any) -> list[Any]:
        line.inbox.append(b"\xff" * 64)
        return []

    line.rules[messages.SignMessage] = noise
    assert sign_code(opened) == "device.bad_answer"


def test_a_key_that_contradicts_itself_is_refused(line: Any, opened: Any) -> None:
    with opened() as session, pytest.raises(DeviceError) as error:
        session.xpub("m/84h/1h/0h")
    assert error.value.code == "device.bad_public_key"


# Limits and stale answers


def test_silence_after_a_button_request_ends_in_a_timeout(line: Any, opened: Any) -> None:
    assert trezor_client._DEFAULT_READ_TIMEOUT is None
    line.rules[messages.SignMessage] = lambda _: [messages.ButtonRequest(code=1)]
    line.rules[messages.ButtonAck] = lambda _: []
    with opened() as session:
        with pytest.raises(DeviceError) as error:
            session.sign_message(KEY, "text", REGTEST)
        assert error.value.code == "device.timeout"
        assert type(line.sent[-1]) is messages.Cancel
        sent = len(line.sent)
        line.say(messages.MessageSignature(address="a", signature=b"\x27" * 65))
        with pytest.raises(DeviceError) as later:
            session.sign_message(KEY, "text", REGTEST)
        assert later.value.code == "device.closed"
        assert len(line.sent) == sent
    assert trezor_client._DEFAULT_READ_TIMEOUT is None


def test_a_device_that_asks_without_end_is_given_up(line: Any, opened: Any) -> None:
    line.rules[messages.SignMessage] = lambda _: [messages.ButtonRequest(code=1)]
    line.rules[messages.ButtonAck] = lambda _: [messages.ButtonRequest(code=1)]
    assert sign_code(opened) == "device.endless"


def test_an_answer_without_end_is_given_up(line: Any, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault.device.connection.wire.MAX_REPORTS", 50)

    def flood(_msg: Any) -> list[Any]:
        line.inbox.extend([b"?##" + (40).to_bytes(2, "big") + b"\xff" * 4 + b"\0" * 55] + [b"?" * 64] * 60)
        return []

    line.rules[messages.SignMessage] = flood
    assert sign_code(opened) == "device.bad_answer"


def test_answers_left_over_by_an_earlier_program_are_read_away(line: Any, opened: Any, fail: Any) -> None:
    for old in (public_key_of("11111111"), fail(4, "old"), messages.Success(message="old"), (60000, b"x")):
        line.say(old)
    line.inbox.append(b"?" + b"\0" * 63)  # the tail of a message whose head is lost
    with opened() as session:
        assert session.fingerprint == "5c9e228d"


def public_key_of(fingerprint: str) -> Any:
    node = messages.HDNodeType(
        depth=1, fingerprint=int(fingerprint, 16), child_num=0, chain_code=b"\2" * 32, public_key=b"\2" * 33
    )
    return messages.PublicKey(node=node, xpub="xpub")


def test_answers_that_come_late_after_cancel_are_read_away_too(line: Any, opened: Any, fail: Any) -> None:
    line.rules[messages.Cancel] = lambda _: [public_key_of("11111111"), fail(4, "x"), fail(4, "y")]
    with opened() as session:
        assert session.fingerprint == "5c9e228d"


def test_an_answer_given_twice_is_never_taken_for_the_next_one(line: Any, opened: Any) -> None:
    signature = messages.MessageSignature(address="a", signature=b"\x27" * 65)
    line.rules[messages.SignMessage] = lambda _: [signature, signature]
    assert sign_code(opened) == "device.out_of_step"


def test_a_late_duplicate_is_noticed_before_the_answer_is_used(line: Any, opened: Any) -> None:
    with opened() as session:
        first = base64.b64decode(sign_with(line, session, b"\x27" * 65))
        assert first == b"\x27" * 65
        line.say(messages.Features(major_version=2, minor_version=0, patch_version=0))
        with pytest.raises(DeviceError) as error:
            session.public_key(KEY, REGTEST)
    assert error.value.code in {"device.out_of_step", "device.bad_answer"}


def sign_with(line: Any, session: Any, raw: bytes) -> str:
    line.rules[messages.SignMessage] = lambda _: [messages.MessageSignature(address="a", signature=raw)]
    return str(session.sign_message(KEY, "text", REGTEST))


def test_a_device_that_never_stops_talking_is_given_up(line: Any, opened: Any) -> None:
    line.rules[messages.Cancel] = lambda _: [messages.Success(message="old")] * 200
    assert code_of(opened) == "device.out_of_step"


def test_a_silent_device_is_a_timeout(line: Any, opened: Any) -> None:
    line.rules[messages.Cancel] = lambda _: []
    assert code_of(opened) == "device.timeout"


def test_a_device_left_in_the_middle_of_a_message_is_brought_back(line: Any, opened: Any) -> None:
    line._left, line._kind, line._partial = 60, 39, b""  # the next report is swallowed as its rest
    with opened(timeout_s=0.2) as session:
        assert session.fingerprint == "5c9e228d"


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("usb1.USBErrorNoDevice")])
def test_a_line_that_breaks_is_one_typed_error(
    line: Any, opened: Any, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as session:

        def broken(*_args: object, **_kwargs: object) -> bytes:
            raise error

        monkeypatch.setattr(line, "read_chunk", broken)
        with pytest.raises(DeviceError) as caught:
            session.xpub("m/84h/1h/0h")
    assert caught.value.code == "device.disconnected"


def test_ctrl_c_sends_cancel_and_goes_on_as_ctrl_c(
    line: Any, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*, timeout: float | None = None) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), opened() as session:
        monkeypatch.setattr(line, "read_chunk", interrupted)
        session.sign_message(KEY, "text", REGTEST)
    assert messages.Cancel in line.sent_types()[-2:]
    assert line.closed >= 1


def test_a_guarded_line_is_opened_once_only(line: Any) -> None:
    guard = GuardedTransport(line, 0.05)
    guard.open()
    guard.close()
    for use in (guard.open, lambda: guard.write_chunk(b"?" * 64), guard.read_chunk, guard.__enter__):
        with pytest.raises(DeviceError) as error:
            use()
        assert error.value.code == "device.closed"


def test_a_usb_write_that_takes_nothing_is_given_up() -> None:
    from trezorlib.transport import Timeout

    from vault.device.connection.transports import bounded_usb_write

    class USBErrorTimeout(Exception):  # noqa: N818 -- the library's name
        transferred = 0

    class Handle:
        def interruptWrite(self, _endpoint: int, _chunk: bytes, _ms: int) -> int:
            raise USBErrorTimeout

    class Raw:
        handle, endpoint = Handle(), 1

    with pytest.raises(Timeout):
        bounded_usb_write(Raw(), 0.01)(b"?" * 64)


class Moments:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    clock = Moments()
    monkeypatch.setattr("vault.device.connection.wire.time", clock)
    return clock


def test_the_limit_counts_anew_from_each_message_sent(line: Any, moments: Moments) -> None:
    guard = GuardedTransport(line, 10.0)
    guard.open()
    guard.allow(10.0, 5)
    for _ in range(3):
        moments.now += 9.0
        guard.write_chunk(b"?##" + b"\0" * 61)
        line.inbox.clear()
        moments.now += 9.0
        line.inbox.append(b"?" * 64)
        assert guard.read_chunk() == b"?" * 64
    moments.now += 1.0
    with pytest.raises(DeviceError) as error:
        guard.read_chunk()
    assert error.value.code == "device.timeout"


def test_a_line_that_timed_out_is_dead_even_when_the_answer_comes(line: Any, moments: Moments) -> None:
    guard = GuardedTransport(line, 10.0)
    guard.open()
    moments.now += 10.0
    with pytest.raises(DeviceError):
        guard.read_chunk()
    line.inbox.append(b"?" * 64)
    with pytest.raises(DeviceError) as error:
        guard.read_chunk()
    assert error.value.code == "device.closed"
    with pytest.raises(DeviceError):
        guard.write_chunk(b"?##" + b"\0" * 61)
    assert line.sent == []


def test_what_still_arrives_after_the_features_is_read_away(line: Any, opened: Any, fail: Any) -> None:
    late = [fail(4, "late"), public_key_of("11111111")]

    def once(_msg: Any) -> list[Any]:
        answers = [line._features(), *late]
        late.clear()
        return answers

    line.rules[messages.GetFeatures] = once
    with opened() as session:
        assert session.fingerprint == "5c9e228d"
