"""PIN and passphrase: who is asked, what is sent, what is refused, and that neither is seen anywhere."""

from __future__ import annotations

import logging
import traceback
import unicodedata
from typing import Any

import pytest
from trezorlib import messages

from vault.address import NETWORKS
from vault.device.connection.keyboard import Keyboard
from vault.errors import DeviceError, VaultError, WrongDeviceError
from vault.secrets import Secret

REGTEST = NETWORKS["regtest"]
PIN = "738291"
PASSPHRASE = "zirkon émeraude"


def keyboard(pin: str = PIN, passphrase: str = PASSPHRASE) -> Keyboard:
    return Keyboard(pin=lambda: Secret(pin), passphrase=lambda: Secret(passphrase))


def code_of(opened: Any, **changes: Any) -> str:
    with pytest.raises(VaultError) as error, opened(**changes):
        pass
    return error.value.code


def lock(line: Any, *, matrix: bool, right: str = PIN) -> None:
    """Locked until the right PIN: by a matrix as on models without a keypad, or on the screen."""
    line.features |= {"unlocked": False, "pin_protection": True, "model": "1" if matrix else "T"}
    if matrix:
        line.features |= {"internal_model": "T1B1", "major_version": 1, "minor_version": 14}

    def success() -> list[Any]:
        line.features["unlocked"] = True
        return [messages.Success(message="")]

    def ack(message: Any) -> list[Any]:
        from tests.support.scripted_device import failure

        return success() if message.pin == right else [failure(7, "PIN invalid")]

    line.rules[messages.ApplyFlags] = lambda _: [
        messages.PinMatrixRequest() if matrix else messages.ButtonRequest(code=19)
    ]
    line.rules[messages.PinMatrixAck] = ack
    line.rules[messages.ButtonAck] = lambda _: success()


# PIN


def test_places_of_a_matrix_unlock_a_model_without_a_keypad(line: Any, opened: Any) -> None:
    lock(line, matrix=True)
    prompts: list[Any] = []
    with opened(keyboard=keyboard(), on_prompt=prompts.append) as session:
        assert not session.features.locked
    assert [prompt.action for prompt in prompts] == ["enter_pin"]
    assert not any(PIN in each for prompt in prompts for each in prompt.lines)


def test_a_model_with_a_keypad_is_unlocked_on_its_screen(line: Any, opened: Any) -> None:
    lock(line, matrix=False)
    prompts: list[Any] = []
    with opened(keyboard=keyboard(), on_prompt=prompts.append):
        pass
    assert [prompt.action for prompt in prompts] == ["unlock"]
    assert messages.PinMatrixAck not in line.sent_types()


@pytest.mark.parametrize("matrix", [True, False])
def test_nobody_at_the_keyboard_is_locked_and_nothing_is_asked(line: Any, opened: Any, matrix: bool) -> None:
    lock(line, matrix=matrix)
    assert code_of(opened) == "device.locked"
    assert messages.ApplyFlags not in line.sent_types()


def test_a_wrong_pin_is_sent_once_and_ends_it(line: Any, opened: Any) -> None:
    lock(line, matrix=True)
    assert code_of(opened, keyboard=keyboard("111")) == "device.wrong_pin"
    assert line.sent_types().count(messages.PinMatrixAck) == 1


def test_a_device_that_asks_for_the_pin_again_gets_no_second_one(line: Any, opened: Any) -> None:
    lock(line, matrix=True)
    line.rules[messages.PinMatrixAck] = lambda _: [messages.PinMatrixRequest()]
    assert code_of(opened, keyboard=keyboard()) == "device.pin_requested"
    assert line.sent_types().count(messages.PinMatrixAck) == 1


@pytest.mark.parametrize("typed", ["", "0123", "12a4", "1 2", "1" * 51, "¹²³"])
def test_places_that_are_none_are_not_sent(line: Any, opened: Any, typed: str) -> None:
    lock(line, matrix=True)
    assert code_of(opened, keyboard=keyboard(typed)) == "device.bad_pin"
    assert messages.PinMatrixAck not in line.sent_types()
    assert line.sent_types()[-1] is messages.Cancel


def as_onekey(line: Any) -> None:
    line.features |= {"vendor": "onekey.so", "onekey_device_type": 1, "onekey_firmware_version": "3.12.0"}
    line.features |= {"internal_model": None, "major_version": 2, "minor_version": 99}


def test_a_onekey_takes_the_tenth_place(line: Any, opened: Any) -> None:
    lock(line, matrix=True, right="1230")
    as_onekey(line)
    with opened(kind="onekey", keyboard=keyboard("1230")) as session:
        assert not session.features.locked


def test_a_onekey_takes_the_pin_on_its_own_buttons_when_nothing_is_typed(line: Any, opened: Any) -> None:
    from vault.device.connection.onekey import pin_on_device

    lock(line, matrix=True)
    as_onekey(line)

    def on_device(_message: Any) -> list[Any]:
        line.features["unlocked"] = True
        return [messages.Success(message="")]

    line.rules[pin_on_device()] = on_device
    with opened(kind="onekey", keyboard=keyboard("")):
        pass
    assert messages.PinMatrixAck not in line.sent_types()


def test_ctrl_c_while_the_pin_is_typed_cancels_on_the_device(line: Any, opened: Any) -> None:
    lock(line, matrix=True)

    def interrupted() -> Secret:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), opened(keyboard=Keyboard(pin=interrupted)):
        pass
    assert line.sent_types()[-1] is messages.Cancel


# Passphrase


def with_passphrase(line: Any, fingerprint: str = "5c9e228d") -> list[Any]:
    """A device that asks for a passphrase once a session; returns what it was given."""
    from tests.support.scripted_device import public_key

    line.features |= {"passphrase_protection": True}
    line.features["capabilities"] = [messages.Capability.Bitcoin, messages.Capability.PassphraseEntry]
    given: list[Any] = []

    def ask(_message: Any) -> list[Any]:
        return [public_key(fingerprint) if given else messages.PassphraseRequest()]

    def take(message: Any) -> list[Any]:
        given.append(message)
        return [public_key(fingerprint)]

    line.rules[messages.GetPublicKey] = ask
    line.rules[messages.PassphraseAck] = take
    return given


def test_a_passphrase_on_the_device_never_passes_through_here(line: Any, opened: Any) -> None:
    given = with_passphrase(line)
    with opened(passphrase="device"):
        pass
    assert [(ack.on_device, ack.passphrase) for ack in given] == [(True, None)]


def test_a_passphrase_typed_here_is_sent_normalised(line: Any, opened: Any) -> None:
    given = with_passphrase(line)
    with opened(passphrase="host", keyboard=keyboard()):
        pass
    assert [ack.passphrase for ack in given] == [unicodedata.normalize("NFKD", PASSPHRASE)]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "device.bad_passphrase"),
        ("x" * 51, "device.bad_passphrase"),
        ("é" * 17, "device.bad_passphrase"),  # 34 bytes as typed, 51 normalised
        ("tab\there", "device.bad_passphrase"),
        ("\udc80", "device.bad_passphrase"),
    ],
)
def test_a_passphrase_that_no_device_takes_is_not_sent(line: Any, opened: Any, typed: str, code: str) -> None:
    given = with_passphrase(line)
    assert code_of(opened, passphrase="host", keyboard=keyboard(passphrase=typed)) == code
    assert given == []


def test_fifty_bytes_are_taken(line: Any, opened: Any) -> None:
    given = with_passphrase(line)
    with opened(passphrase="host", keyboard=keyboard(passphrase="é" * 16 + "xx")):
        pass
    assert len(given[0].passphrase.encode()) == 50


def test_a_passphrase_is_typed_here_only_when_somebody_is_there(line: Any, opened: Any) -> None:
    given = with_passphrase(line)
    assert code_of(opened, passphrase="host") == "device.passphrase_needed"
    assert given == []


@pytest.mark.parametrize("source", ["device", "host"])
def test_another_passphrase_is_named_as_such_and_nothing_is_shown(
    line: Any, opened: Any, source: str
) -> None:
    with_passphrase(line, "0badcafe")
    with pytest.raises(WrongDeviceError) as error, opened(passphrase=source, keyboard=keyboard()):
        pass
    assert (error.value.code, error.value.exit_status) == ("device.wrong_passphrase", 41)
    assert {messages.GetAddress, messages.SignMessage}.isdisjoint(line.sent_types())


def test_a_device_that_always_asks_on_its_screen_needs_that_setting(line: Any, opened: Any) -> None:
    with_passphrase(line)
    line.features |= {"passphrase_always_on_device": True}
    assert code_of(opened) == "device.passphrase_always_on_device"
    with opened(passphrase="device"):
        pass


def test_a_model_without_a_keypad_takes_a_passphrase_from_here_only(line: Any, opened: Any) -> None:
    with_passphrase(line)
    line.features["capabilities"] = [messages.Capability.Bitcoin]
    with pytest.raises(DeviceError) as error, opened(passphrase="device"):
        pass
    assert error.value.code == "device.not_supported"
    assert "host" in error.value.hint


def test_a_pin_attached_to_a_hidden_wallet_is_named_in_the_hint(line: Any, opened: Any) -> None:
    as_onekey(line)
    line.features["unlocked_attach_pin"] = True
    with (
        pytest.raises(WrongDeviceError) as error,
        opened(kind="onekey", expected_fingerprint="00000001"),
    ):
        pass
    assert "hidden wallet" in error.value.hint


# Neither is seen


@pytest.mark.parametrize("failing", [None, messages.PinMatrixAck, messages.PassphraseAck])
def test_pin_and_passphrase_are_in_no_log_prompt_or_error(
    line: Any, opened: Any, caplog: pytest.LogCaptureFixture, failing: Any
) -> None:
    caplog.set_level(logging.NOTSET)
    for name in ("trezorlib.protocol_v1", "trezorlib.client", "trezorlib.transport"):
        logging.getLogger(name).setLevel(1)
    lock(line, matrix=True)
    with_passphrase(line)
    if failing is not None:
        line.rules[failing] = lambda _: [(60000, b"x")]
    said: list[str] = []
    try:
        with opened(
            passphrase="host", keyboard=keyboard(), on_prompt=lambda prompt: said.append(repr(prompt))
        ) as session:
            said += [repr(session), repr(vars(session)), repr(session.features)]
    except VaultError as error:
        said += ["".join(traceback.format_exception(error)), repr(error.as_json())]
    said += [record.getMessage() + repr(vars(record)) for record in caplog.records]
    normal = unicodedata.normalize("NFKD", PASSPHRASE)
    secrets = {PIN, PASSPHRASE, normal, PIN.encode().hex(), normal.encode().hex()}
    assert not any(secret in text for secret in secrets for text in said)
    assert failing is None or any("Error" in text for text in said)
