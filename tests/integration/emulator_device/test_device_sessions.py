"""Sessions and passphrases of every make, as their firmware has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from trezorlib import messages as m
from trezorlib.messages import FailureType
from trezorlib.tools import parse_path

from emulator.device.protocol.wire import Frame
from emulator.device.server import DeviceEmulator
from tests.support.raw_host import ALL, RawHost

PERSONAS = ("trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro")
ADDRESS = m.GetAddress(
    address_n=parse_path("m/84h/0h/0h/0/2"), coin_name="Bitcoin", script_type=m.InputScriptType.SPENDWITNESS
)
ALPHA = "bc1q84q2zvhwnk0d0fmm7g6eqpmetzznxvnw3gl9r4"
EMPTY = "bc1q5f2lvs7t29wv8nwssse6a4f6099sc3nagchqyc"


@pytest.fixture(params=PERSONAS)
def raw(request: pytest.FixtureRequest) -> Iterator[RawHost]:
    with (
        DeviceEmulator(mnemonic=ALL, persona=request.param, passphrase_protection=True) as device,
        RawHost(device) as host,
    ):
        yield host


def host_of(persona: str, **options: Any) -> Any:
    return DeviceEmulator(mnemonic=ALL, persona=persona, passphrase_protection=True, **options)


def address(raw: RawHost, ack: m.PassphraseAck) -> Any:
    """The address, after PassphraseRequest was answered and every question confirmed."""
    assert isinstance(raw.call(ADDRESS), m.PassphraseRequest)
    return raw.confirmed(ack)


def test_a_passphrase_opens_a_wallet_that_the_session_keeps(raw: RawHost) -> None:
    first = raw.call(m.Initialize()).session_id
    assert address(raw, m.PassphraseAck(passphrase="alpha")).address == ALPHA
    second = raw.call(m.Initialize()).session_id
    assert address(raw, m.PassphraseAck(passphrase="")).address == EMPTY
    assert raw.call(m.Initialize(session_id=first)).session_id == first
    assert raw.call(ADDRESS).address == ALPHA
    assert raw.call(m.Initialize(session_id=second)).session_id == second
    assert raw.call(ADDRESS).address == EMPTY


def test_an_ended_session_and_none_are_refused(raw: RawHost) -> None:
    reply = raw.call(ADDRESS)
    assert (reply.code, reply.message) == (FailureType.InvalidSession, "Invalid session")
    session_id = raw.call(m.Initialize()).session_id
    assert isinstance(raw.call(m.EndSession()), m.Success)
    assert raw.call(ADDRESS).code == FailureType.InvalidSession
    assert raw.call(m.Initialize(session_id=session_id)).session_id != session_id


@pytest.mark.parametrize("session_id", [b"", b"\x01" * 16, b"\x02" * 32])
def test_an_id_that_is_not_known_opens_a_session(raw: RawHost, session_id: bytes) -> None:
    opened = raw.call(m.Initialize(session_id=session_id)).session_id
    assert len(opened) == 32
    assert opened != session_id


def test_an_id_that_is_too_long_is_a_new_session_or_does_not_fit(raw: RawHost) -> None:
    reply = raw.call(m.Initialize(session_id=b"\x03" * 33))
    if raw.device.persona in ("trezor-core", "onekey-pro"):
        assert len(reply.session_id) == 32
    else:
        assert (reply.code, reply.message) == (FailureType.DataError, "bytes overflow")


def test_the_eleventh_session_takes_the_place_of_the_one_unused_longest(raw: RawHost) -> None:
    ids = [raw.call(m.Initialize()).session_id for _ in range(10)]
    raw.call(m.Initialize(session_id=ids[0]))
    raw.call(m.Initialize())
    assert raw.call(m.Initialize(session_id=ids[0])).session_id == ids[0]
    assert raw.call(m.Initialize(session_id=ids[1])).session_id != ids[1]


TEXTS = {
    "trezor-core": (
        "Passphrase not provided and on_device is False. Use empty string to set an empty passphrase.",
        "Maximum passphrase length is 50 bytes",
    ),
    "trezor-one": ("No passphrase provided. Use empty string to set an empty passphrase.", "string overflow"),
}
TEXTS |= {"onekey-pro": TEXTS["trezor-core"], "onekey-classic1s": TEXTS["trezor-one"]}


def test_a_passphrase_that_is_absent_or_too_long_is_refused(raw: RawHost) -> None:
    absent, too_long = TEXTS[raw.device.persona]
    for ack, text in ((m.PassphraseAck(), absent), (m.PassphraseAck(passphrase="p" * 51), too_long)):
        raw.call(m.Initialize())
        reply = address(raw, ack)
        assert (reply.code, reply.message) == (FailureType.DataError, text)
        raw.call(m.Cancel())
    raw.call(m.Initialize())
    assert address(raw, m.PassphraseAck(passphrase="p" * 50)).address


def test_a_cancelled_passphrase_opens_nothing(raw: RawHost) -> None:
    raw.call(m.Initialize())
    raw.call(ADDRESS)
    assert raw.call(m.Cancel()).code == FailureType.ActionCancelled
    assert isinstance(raw.call(ADDRESS), m.PassphraseRequest)


def test_a_refused_passphrase_is_cancelled_in_the_firmwares_words(raw: RawHost) -> None:
    raw.call(m.Initialize())
    raw.call(ADDRESS)
    reply = raw.confirmed(m.PassphraseAck(passphrase="alpha"), answers=(True, False))
    legacy = raw.device.persona in ("trezor-one", "onekey-classic1s")
    assert (reply.code, reply.message) == (
        FailureType.ActionCancelled,
        "Passphrase dismissed" if legacy else "Cancelled",
    )


def test_a_passphrase_typed_on_the_device(raw: RawHost) -> None:
    raw.call(m.Initialize())
    raw.call(ADDRESS)
    reply = raw.confirmed(m.PassphraseAck(on_device=True), answers=("alpha",))
    if raw.device.persona == "trezor-one":
        assert reply.message == "This firmware is incapable of passphrase entry on the device."
    else:
        assert reply.address == ALPHA


def test_onekey_types_letter_by_letter_when_only_confirm_is_pressed() -> None:
    with host_of("onekey-classic1s") as device, RawHost(device) as raw:
        raw.call(m.Initialize())
        raw.call(ADDRESS)
        assert raw.call(m.PassphraseAck(on_device=True)).code == m.ButtonRequestType.PassphraseEntry
        raw.send(m.ButtonAck())
        for _ in range(1 + 50):  # the tips, then fifty times the letter shown
            device.wait_for_screen()
            device.press_yes()
        assert raw.read().code == m.ButtonRequestType.Other
        raw.send(m.ButtonAck())
        raw.decide(True)
        assert raw.read().code == m.ButtonRequestType.Other
        assert "a" * 50 in device.wait_for_screen().lines


def test_always_on_device_never_asks_the_host() -> None:
    with host_of("trezor-core", typed_passphrase="alpha", mode="auto") as device, RawHost(device) as raw:
        raw.call(m.Initialize())
        assert isinstance(raw.confirmed(m.ApplySettings(passphrase_always_on_device=True)), m.Success)
        assert raw.confirmed(ADDRESS).address == ALPHA


def test_a_hidden_passphrase_is_not_shown() -> None:
    with host_of("trezor-core", mode="auto") as device, RawHost(device) as raw:
        raw.call(m.Initialize())
        raw.confirmed(m.ApplySettings(safety_checks=m.SafetyCheckLevel.PromptAlways))
        raw.confirmed(m.ApplySettings(hide_passphrase_from_host=True))
        assert address(raw, m.PassphraseAck(passphrase="alpha")).address == ALPHA
        assert not any("alpha" in screen.text for screen in device.screens)


def test_core_opens_another_session_for_another_kind_of_seed() -> None:
    with host_of("trezor-core", mode="auto") as device, RawHost(device) as raw:
        first = raw.call(m.Initialize()).session_id
        address(raw, m.PassphraseAck(passphrase=""))
        assert raw.call(m.Initialize(session_id=first)).session_id == first
        assert raw.call(m.Initialize(session_id=first, derive_cardano=False)).session_id == first
        assert raw.call(m.Initialize(session_id=first, derive_cardano=True)).session_id != first


def test_locking_ends_the_sessions_of_onekeys_c_firmware_only() -> None:
    for persona, kept in (("trezor-one", True), ("onekey-classic1s", False)):
        with host_of(persona, mode="auto") as device, RawHost(device) as raw:
            first = raw.call(m.Initialize()).session_id
            raw.call(m.LockDevice())
            assert (raw.call(m.Initialize(session_id=first)).session_id == first) is kept


def test_a_workflow_of_c_firmware_goes_on_after_another_message() -> None:
    with DeviceEmulator(persona="trezor-one") as device, RawHost(device) as raw:
        raw.call(m.Initialize())
        raw.confirmed(m.ResetDevice(strength=128, skip_backup=True))
        assert raw.call(m.Ping(message="x")).message == "x"
        assert raw.call(m.TxAck(tx=m.TransactionType())).message == "Not in Signing mode"
        assert raw.call(m.EntropyAck(entropy=b"\0" * 32)).message == "Device successfully initialized"


def test_a_workflow_of_core_firmware_does_not() -> None:
    with DeviceEmulator(persona="trezor-core") as device, RawHost(device) as raw:
        raw.call(m.Initialize())
        raw.confirmed(m.ResetDevice(strength=128, skip_backup=True))
        assert raw.call(m.Ping(message="x")).message == "x"
        assert raw.call(m.EntropyAck(entropy=b"\0" * 32)).message == "Unexpected message"
        assert not raw.call(m.GetFeatures()).initialized


UNKNOWN = {"trezor-core": "Unexpected message", "onekey-pro": "Unexpected message"}


def test_unknown_malformed_and_oversized_messages(raw: RawHost) -> None:
    core = raw.device.persona in UNKNOWN
    raw.send_frame(Frame(12345, b""))
    reply = raw.read()
    assert (reply.code, reply.message) == (
        FailureType.UnexpectedMessage,
        UNKNOWN.get(raw.device.persona, "Unknown message"),
    )
    raw.send_frame(Frame(29, b"\x12\x05abc"))
    text = "Failed to decode message" if core else "end-of-stream"
    assert raw.read().message == text
    raw.send_packet(b"?##" + (29).to_bytes(2, "big") + (2**31).to_bytes(4, "big") + bytes(55))
    reply = raw.read()
    assert reply.message == ("Message too large" if core else "Message too big")
    assert isinstance(raw.call(m.GetFeatures()), m.Features)


def test_bad_magic_is_answered_by_core_and_overheard_by_c(raw: RawHost) -> None:
    raw.send_packet(b"!" * 64)
    raw.send_packet(b"?" * 10)
    reply = raw.call(m.Ping(message="still there"))
    if raw.device.persona in UNKNOWN:
        assert (reply.code, reply.message) == (FailureType.FirmwareError, "Invalid magic")
        reply = raw.read()
    assert reply.message == "still there"
