"""Devices of protocol THP, against a scripted one: channel, pairing, lost packets, and lies."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from trezorlib import messages

from vault.address import NETWORKS
from vault.device.connection.connect import Surroundings, open_connection
from vault.device.connection.credentials import PairingCredential
from vault.device.connection.keyboard import Keyboard
from vault.device.connection.thp import ThpConnection, pair
from vault.errors import DeviceError, DeviceRefusedError
from vault.secrets import Secret

REGTEST = NETWORKS["regtest"]
PATH = "udp:127.0.0.1:1"
KEY = "m/84h/1h/100h/0/0"
FINGERPRINT = "5c9e228d"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trezorlib.thp.channel.time.sleep", lambda _seconds: None)


def typing(text: Callable[[], str]) -> Keyboard:
    return Keyboard(code=lambda: Secret(text()))


def paired(thp: Any, method: Any = "code", code: Callable[[], str] | None = None) -> PairingCredential:
    keyboard = typing(code or (lambda: thp.shown_code if method == "code" else thp.shown_qr.hex()))
    with open_connection(PATH, Surroundings(1.0)) as connection:
        assert isinstance(connection, ThpConnection)
        assert not connection.paired
        return pair(connection, method, keyboard)


def pairing_code(thp: Any, **options: Any) -> str:
    with pytest.raises(DeviceError) as error:
        paired(thp, **options)
    return error.value.code


# Pairing


@pytest.mark.parametrize("method", ["code", "qr"])
@pytest.mark.parametrize("version", [(2, 0), (2, 1)])
def test_pairs_by_a_code_and_comes_back_with_the_credential(
    thp: Any, opened: Any, method: str, version: tuple[int, int]
) -> None:
    thp.version = version
    credential = paired(thp, method)
    assert credential.trezor_pubkey == thp.static_public
    assert thp.host_names[0][1] == "vault"
    asked = len(thp.sent)
    with opened(credentials=lambda: (credential,), timeout_s=1.0) as session:
        assert session.fingerprint == FINGERPRINT
        assert session.features.protocol == "thp"
    assert messages.ThpPairingRequest not in thp.sent_types()[asked:]
    assert messages.ThpSelectMethod not in thp.sent_types()[asked:]


def test_the_right_credential_is_found_among_others(thp: Any, opened: Any) -> None:
    others = tuple(PairingCredential(bytes([n]) * 32, bytes([n]) * 32, b"x") for n in range(1, 4))
    credential = paired(thp)
    with opened(credentials=lambda: (*others, credential), timeout_s=1.0) as session:
        assert session.fingerprint == FINGERPRINT


def test_a_credential_that_the_device_does_not_accept_is_no_pairing(thp: Any, opened: Any) -> None:
    credential = paired(thp)
    thp.credentials.clear()
    with pytest.raises(DeviceError) as error, opened(credentials=lambda: (credential,), timeout_s=1.0):
        pass
    assert error.value.code == "device.not_paired"


def test_an_unpaired_device_is_told_apart_and_asked_nothing(thp: Any, opened: Any) -> None:
    with pytest.raises(DeviceError) as error, opened(timeout_s=1.0):
        pass
    assert error.value.code == "device.not_paired"
    assert "Trezor T3W1" in error.value.message
    assert set(thp.sent_types()) <= {messages.Cancel}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("000000", "device.wrong_code"),
        ("12345", "device.bad_code"),
        ("12345x", "device.bad_code"),
        ("١٢٣٤٥٦", "device.bad_code"),
        ("", "device.bad_code"),
    ],
)
def test_a_code_that_is_not_the_shown_one_pairs_nothing(thp: Any, typed: str, code: str) -> None:
    thp._secret = b"\1" * 16
    assert pairing_code(thp, code=lambda: typed) == code
    assert thp.credentials == {}


def test_a_device_that_commits_to_another_secret_is_refused(thp: Any) -> None:
    thp.false_commitment = True
    assert pairing_code(thp) == "device.wrong_code"
    assert thp.credentials == {}


def test_a_wrong_qr_code_pairs_nothing(thp: Any) -> None:
    assert pairing_code(thp, method="qr", code=lambda: "00" * 16) == "device.wrong_code"
    assert pairing_code(thp, method="qr", code=lambda: "zz") == "device.bad_code"


def test_pairing_without_a_code_is_never_chosen(thp: Any) -> None:
    thp.methods = thp.methods[:1]
    assert pairing_code(thp) == "device.pairing_method"
    assert messages.ThpSelectMethod not in thp.sent_types()


def test_pairing_needs_somebody_who_types(thp: Any) -> None:
    with open_connection(PATH, Surroundings(1.0)) as connection, pytest.raises(DeviceError) as error:
        assert isinstance(connection, ThpConnection)
        pair(connection, "code")
    assert error.value.code == "device.nobody_to_pair"


def test_a_person_who_does_not_allow_pairing_is_a_refusal(thp: Any, fail: Any) -> None:
    thp.rules[messages.ThpPairingRequest] = lambda _: [fail(4, "Cancelled")]
    with pytest.raises(DeviceRefusedError):
        paired(thp)


def test_a_credential_does_not_print() -> None:
    credential = PairingCredential(b"\1" * 32, b"\2" * 32, b"secret")
    assert "secret" not in repr(credential)
    assert "\\x02" not in f"{credential}"


# The channel


def open_paired(thp: Any, opened: Any, **options: Any) -> Any:
    credential = paired(thp)
    facts: dict[str, Any] = {"timeout_s": 1.0}
    return opened(credentials=lambda: (credential,), **(facts | options))


def sign(session: Any) -> str:
    return str(session.sign_message(KEY, "text", REGTEST))


def signature() -> Any:
    return messages.MessageSignature(address="a", signature=b"\x27" * 65)


def test_signs_through_the_channel(thp: Any, opened: Any) -> None:
    thp.rules[messages.SignMessage] = lambda _: [signature()]
    with open_paired(thp, opened) as session:
        assert sign(session) == sign(session)


def test_a_locked_device_is_locked_when_nobody_is_there(thp: Any, opened: Any) -> None:
    thp.locked = True
    with pytest.raises(DeviceError) as error, opened(timeout_s=1.0):
        pass
    assert error.value.code == "device.locked"


def test_a_locked_device_is_unlocked_on_its_screen(thp: Any, opened: Any) -> None:
    credential = paired(thp)
    thp.locked = True
    prompts: list[Any] = []
    with opened(
        credentials=lambda: (credential,),
        timeout_s=1.0,
        keyboard=Keyboard(pin=lambda: Secret("unused")),
        on_prompt=prompts.append,
    ) as session:
        assert session.fingerprint == FINGERPRINT
    assert prompts[0].action == "unlock"


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_lost_packet_is_sent_again_and_answered_once(thp: Any, opened: Any, lost: int) -> None:
    answers: list[int] = []

    def answer(_message: Any) -> list[Any]:
        answers.append(1)
        return [signature()]

    thp.rules[messages.SignMessage] = answer
    with open_paired(thp, opened) as session:
        thp.lose = lost
        assert sign(session)
    assert len(answers) == 1


def test_a_device_that_hears_nothing_is_given_up(thp: Any, opened: Any) -> None:
    with open_paired(thp, opened, timeout_s=0.2) as session:
        thp.lose = 10_000
        with pytest.raises(DeviceError) as error:
            sign(session)
        assert error.value.code == "device.timeout"
        thp.lose = 0
        with pytest.raises(DeviceError) as later:
            sign(session)
        assert later.value.code == "device.closed"


def test_silence_on_the_channel_is_a_timeout_and_cancel_is_sent(thp: Any, opened: Any) -> None:
    thp.rules[messages.SignMessage] = lambda _: [messages.ButtonRequest(code=1)]
    thp.rules[messages.ButtonAck] = lambda _: []
    with open_paired(thp, opened, timeout_s=0.2) as session:
        with pytest.raises(DeviceError) as error:
            sign(session)
        assert error.value.code == "device.timeout"
    assert thp.sent_types()[-1] is messages.Cancel


def test_an_answer_given_twice_is_never_taken_for_the_next_one(thp: Any, opened: Any) -> None:
    thp.rules[messages.SignMessage] = lambda _: [signature(), signature()]
    with open_paired(thp, opened) as session, pytest.raises(DeviceError) as error:
        sign(session)
    assert error.value.code in {"device.bad_answer", "device.out_of_step"}


def test_altered_ciphertext_ends_the_session(thp: Any, opened: Any) -> None:
    with open_paired(thp, opened) as session:
        thp.noise.encrypt = lambda data: b"\0" * (len(data) + 16)
        with pytest.raises(DeviceError) as error:
            sign(session)
    assert error.value.code == "device.bad_answer"


def test_a_channel_that_the_device_gave_up_is_a_typed_error(thp: Any, opened: Any) -> None:
    from trezorlib.thp import control_byte
    from trezorlib.thp.message import Message

    def gone(_message: Any) -> list[Any]:
        thp._say_packet(Message(control_byte.ERROR, thp._channel, b"\2"))
        return []

    thp.rules[messages.SignMessage] = gone
    with open_paired(thp, opened) as session, pytest.raises(DeviceError) as error:
        sign(session)
    assert error.value.code == "device.channel_lost"


def test_a_device_that_repeats_itself_without_end_is_given_up(thp: Any, opened: Any) -> None:
    def flood(_message: Any) -> list[Any]:
        thp._send(4, bytes(thp.noise.encrypt(b"\0" * 30)))
        last = thp.inbox[-1]
        thp.inbox.extend([last] * 30_000)
        return []

    thp.rules[messages.SignMessage] = flood
    with open_paired(thp, opened) as session, pytest.raises(DeviceError) as error:
        sign(session)
    assert error.value.code in {"device.endless", "device.bad_answer", "device.timeout", "device.out_of_step"}


def test_the_wallet_must_be_the_configured_one(thp: Any, opened: Any) -> None:
    with pytest.raises(DeviceError) as error, open_paired(thp, opened, expected_fingerprint="00000001"):
        pass
    assert error.value.code == "device.wrong_wallet"


def test_ctrl_c_sends_cancel_through_the_channel(thp: Any, opened: Any) -> None:
    def interrupt(_message: Any) -> list[Any]:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt), open_paired(thp, opened) as session:
        thp.rules[messages.SignMessage] = interrupt
        sign(session)
    assert thp.sent_types()[-1] is messages.Cancel
    assert thp.closed >= 1
