"""PINs and wipe codes of every make: asked for, wrong, changed, refused, and the wipe after sixteen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trezorlib import messages as m
from trezorlib.messages import FailureType, PinMatrixRequestType
from trezorlib.tools import parse_path
from trezorlib.transport import Timeout

from emulator.device.errors import DeviceRestarts, FirmwareError
from emulator.device.pin import storage
from emulator.device.profile import STATE_FILE
from emulator.device.server import DeviceEmulator
from emulator.device.state import DeviceState
from tests.support.raw_host import ALL, RawHost

PIN = "1234"
ADDRESS = m.GetAddress(
    address_n=parse_path("m/84h/0h/0h/0/2"), coin_name="Bitcoin", script_type=m.InputScriptType.SPENDWITNESS
)
LEGACY = ("trezor-one", "onekey-classic1s")
CORE = ("trezor-core", "onekey-pro")
EXPECTED = "bc1q5f2lvs7t29wv8nwssse6a4f6099sc3nagchqyc"

Open = Callable[..., RawHost]


@pytest.fixture
def host() -> Iterator[Open]:
    """`host(persona)` is a host of a locked device with a session."""
    opened: list[Any] = []

    def open_it(persona: str, pin: str = PIN, **options: Any) -> RawHost:
        device = DeviceEmulator(mnemonic=ALL, persona=persona, pin=pin, **options).start()
        raw = RawHost(device).__enter__()
        opened.extend((raw, device))
        raw.call(m.Initialize())
        return raw

    yield open_it
    for thing in opened:
        thing.__exit__(None, None, None)


def failed(reply: Any, code: FailureType, text: str) -> None:
    assert isinstance(reply, m.Failure), reply
    assert (reply.code, reply.message) == (code, text)


@pytest.mark.parametrize("persona", LEGACY)
def test_the_host_unlocks_by_places_on_the_matrix(host: Open, persona: str) -> None:
    raw = host(persona)
    request = raw.call(ADDRESS)
    assert request.type == PinMatrixRequestType.Current
    assert raw.call(raw.places(PIN)).address == EXPECTED
    assert raw.call(ADDRESS).address == EXPECTED  # asked once


@pytest.mark.parametrize("persona", CORE)
def test_the_person_unlocks_on_the_screen(host: Open, persona: str) -> None:
    raw = host(persona)
    reply = raw.confirmed(ADDRESS, answers=("1111", PIN))
    assert reply.address == EXPECTED
    names = [screen.name for screen in raw.device.screens]
    assert names == ["pin_device", "pin_device"]
    assert "Wrong PIN" in raw.device.screens[1].text


@pytest.mark.parametrize("persona", LEGACY)
def test_a_wrong_pin_ends_the_workflow_of_c_firmware(host: Open, persona: str) -> None:
    raw = host(persona)
    raw.call(ADDRESS)
    failed(raw.call(raw.places("1111")), FailureType.PinInvalid, "PIN invalid")
    raw.call(ADDRESS)
    assert raw.call(raw.places(PIN)).address == EXPECTED


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (m.Cancel(), FailureType.PinCancelled, "PIN cancelled"),
        (m.PinMatrixAck(pin=""), FailureType.PinInvalid, "PIN invalid"),
        (m.PinMatrixAck(pin="0"), FailureType.PinCancelled, "PIN cancelled"),
        (m.PinMatrixAck(pin="1" * 51), FailureType.DataError, "string overflow"),
        (m.PinMatrixAck(pin="1" * 60), FailureType.DataError, "Message too big"),
    ],
)
def test_c_firmware_refuses_what_is_no_place(host: Open, answer: Any, code: FailureType, text: str) -> None:
    raw = host("trezor-one")
    raw.call(ADDRESS)
    failed(raw.call(answer), code, text)


def test_other_messages_are_overheard_while_a_pin_is_awaited(host: Open) -> None:
    raw = host("trezor-one")
    raw.call(ADDRESS)
    raw.send(m.Ping(message="x"))
    raw.send(m.GetFeatures())
    assert raw.call(raw.places(PIN)).address == EXPECTED


def test_initialize_instead_of_a_pin_opens_a_session_of_its_own(host: Open) -> None:
    raw = host("trezor-one")
    first = raw.call(m.Initialize()).session_id
    raw.call(ADDRESS)
    reply = raw.call(m.Initialize(session_id=first))
    assert isinstance(reply, m.Features)
    assert reply.session_id != first


def test_onekey_has_a_tenth_place_and_trezor_has_not(host: Open) -> None:
    raw = host("onekey-classic1s", "1230")
    raw.call(ADDRESS)
    assert sorted(raw.debug(m.DebugLinkGetState()).matrix) == sorted("1234567890")
    assert raw.call(raw.places("1230")).address == EXPECTED
    with pytest.raises(ValueError, match="digits"):
        DeviceEmulator(mnemonic=ALL, persona="trezor-one", pin="1230")


def test_a_reseeded_device_shows_the_firmwares_matrix(host: Open) -> None:
    raw = host("trezor-one")
    raw.debug(m.DebugLinkReseedRandom(value=0))
    raw.call(ADDRESS)
    first = raw.debug(m.DebugLinkGetState()).matrix
    raw.call(m.Cancel())
    assert raw.debug(m.DebugLinkGetState()).matrix == "X" * 9
    raw.debug(m.DebugLinkReseedRandom(value=0))
    raw.call(ADDRESS)
    assert raw.debug(m.DebugLinkGetState()).matrix == first


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_what_a_locked_device_answers_without_its_pin(host: Open, persona: str) -> None:
    raw = host(persona)
    features = raw.call(m.GetFeatures())
    assert (features.pin_protection, features.unlocked) == (True, False)
    assert features.wipe_code_protection is None
    assert isinstance(raw.call(m.Ping(message="x")), m.Success)
    assert isinstance(raw.call(m.LockDevice()), m.Success)
    assert isinstance(raw.call(m.EndSession()), m.Success)


def test_core_asks_for_the_pin_before_any_other_workflow(host: Open) -> None:
    raw = host("trezor-core")
    for message in (m.ApplyFlags(flags=1), m.VerifyMessage(address="", signature=b"", message=b"")):
        assert raw.call(message).name == "pin_device"
        raw.call(m.Cancel())


def test_sixteen_wrong_pins_wipe_the_device(host: Open) -> None:
    raw = host("trezor-one")
    for _ in range(storage.MAX_TRIES - 1):
        raw.call(ADDRESS)
        failed(raw.call(raw.places("1111")), FailureType.PinInvalid, "PIN invalid")
    raw.call(ADDRESS)
    raw.send(raw.places("1111"))
    with pytest.raises(Timeout):
        raw.read(timeout=0.2)
    features = raw.call(m.GetFeatures())
    assert (features.initialized, features.pin_protection) == (False, False)
    assert raw.device.root_fingerprint is None


def test_a_right_pin_forgives_the_wrong_ones(host: Open) -> None:
    raw = host("trezor-one")
    for _ in range(storage.MAX_TRIES + 2):
        raw.call(ADDRESS)
        raw.call(raw.places("1111"))
        raw.call(ADDRESS)
        assert raw.call(raw.places(PIN)).address == EXPECTED
        raw.call(m.LockDevice())


@pytest.mark.parametrize("persona", LEGACY)
def test_c_firmware_sets_changes_and_removes_a_pin(host: Open, persona: str) -> None:
    raw = host(persona, "")
    asked = []

    def change(remove: bool, *pins: str) -> Any:
        reply, left = raw.confirmed(m.ChangePin(remove=remove)), list(pins)
        while isinstance(reply, m.PinMatrixRequest):
            asked.append(reply.type)
            reply = raw.call(raw.places(left.pop(0)))
        return reply

    assert change(False, "77", "77").message == "PIN changed"
    failed(change(False, "1"), FailureType.PinInvalid, "PIN invalid")
    failed(change(False, "77", "1", "2"), FailureType.PinMismatch, "PIN mismatch")
    assert change(False, "77", "99", "99").message == "PIN changed"
    assert change(True, "99").message == "PIN removed"
    assert change(True).message == "PIN removed"
    assert raw.call(m.GetFeatures()).pin_protection is False
    kinds = PinMatrixRequestType
    assert asked[:3] == [kinds.NewFirst, kinds.NewSecond, kinds.Current]


def test_core_sets_changes_and_removes_a_pin_on_the_screen(host: Open) -> None:
    raw = host("trezor-core", "")
    enabled = raw.confirmed(m.ChangePin(), answers=(True, "77", "78", True, "77", "77"))
    assert enabled.message == "PIN enabled"
    assert "pin_mismatch" in [screen.name for screen in raw.device.screens]
    wrong = raw.confirmed(m.ChangePin(), answers=(True, "1", True))
    failed(wrong, FailureType.PinInvalid, "PIN invalid")
    assert raw.confirmed(m.ChangePin(), answers=(True, "77", "9", "9")).message == "PIN changed"
    failed(
        raw.confirmed(m.ChangePin(), answers=(True, False)), FailureType.PinCancelled, "PIN entry cancelled"
    )
    assert raw.confirmed(m.ChangePin(remove=True), answers=(True, "9")).message == "PIN removed"
    failed(
        raw.confirmed(m.ChangePin(remove=True)), FailureType.ProcessError, "PIN protection already disabled"
    )


def test_the_wipe_code_in_place_of_the_pin_wipes_the_device(host: Open) -> None:
    raw = host("trezor-core")
    answers = (PIN, True, PIN, "66", "66")
    assert raw.confirmed(m.ChangeWipeCode(), answers=answers).message == "Wipe code set"
    assert raw.call(m.GetFeatures()).wipe_code_protection
    raw.call(m.LockDevice())
    raw.call(ADDRESS)
    raw.send(m.ButtonAck())
    raw.decide("66")
    with pytest.raises(Timeout):
        raw.read(timeout=0.2)
    assert not raw.call(m.GetFeatures()).initialized


def test_the_wipe_code_is_not_the_pin_nor_becomes_it(host: Open) -> None:
    raw = host("trezor-one")

    def talk(message: Any, *pins: str) -> Any:
        reply, left = raw.confirmed(message), list(pins)
        while isinstance(reply, m.PinMatrixRequest):
            reply = raw.call(raw.places(left.pop(0)))
        return reply

    same = talk(m.ChangeWipeCode(), PIN, PIN)
    failed(same, FailureType.ProcessError, "The wipe code must be different from your PIN.")
    failed(talk(m.ChangeWipeCode(), PIN, "66", "67"), FailureType.WipeCodeMismatch, "Wipe code mismatch")
    assert talk(m.ChangeWipeCode(), PIN, "66", "66").message == "Wipe code set"
    new = talk(m.ChangePin(), PIN, "66", "66")
    failed(new, FailureType.ProcessError, "The new PIN must be different from your wipe code.")


def test_the_delay_before_a_try_is_counted_and_not_spent() -> None:
    state = DeviceEmulator(mnemonic=ALL, pin=PIN)._engine.state
    assert [storage.verify(state, "1") for _ in range(3)] == [False] * 3
    assert storage.delay_seconds(state) == 7
    assert storage.tries_left(state) == 13


def test_wrong_pins_of_one_workflow_are_on_disk_while_it_runs(host: Open, tmp_path: Path) -> None:
    raw = host("trezor-core", profile=tmp_path)
    raw.call(ADDRESS)
    for tries in range(1, 5):
        raw.send(m.ButtonAck())
        raw.decide("1111")
        assert isinstance(raw.read(), m.ButtonRequest)  # asks again, the workflow goes on
        assert json.loads((tmp_path / STATE_FILE).read_text())["storage"]["pin_failures"] == tries


def test_the_counter_is_kept_before_a_pin_is_compared() -> None:
    kept: list[int] = []
    state = DeviceState(mnemonic=ALL, pin=PIN, locked=True)
    state.keep = lambda: kept.append(state.pin_failures)
    assert not storage.verify(state, "1")
    assert kept == [1]
    assert storage.verify(state, PIN)
    assert kept == [1, 2, 0]


def test_a_counter_that_cannot_be_kept_unlocks_nothing() -> None:
    def keep() -> None:
        raise FirmwareError("Firmware error")

    state = DeviceState(mnemonic=ALL, pin=PIN, locked=True, keep=keep)
    with pytest.raises(FirmwareError):
        storage.verify(state, PIN)
    assert not state.unlocked


def test_a_device_that_lost_its_power_before_the_wipe_is_wiped_at_the_next_try() -> None:
    state = DeviceState(mnemonic=ALL, pin=PIN, locked=True, pin_failures=storage.MAX_TRIES)
    with pytest.raises(DeviceRestarts):
        storage.verify(state, PIN)
    assert not state.initialized


@pytest.mark.parametrize("persona", CORE)
def test_nobody_types_an_empty_pin(host: Open, persona: str) -> None:
    raw = host(persona, "", mode="auto")
    reply = raw.call(m.ChangePin())
    while isinstance(reply, m.ButtonRequest):
        reply = raw.call(m.ButtonAck())
    failed(reply, FailureType.PinCancelled, "PIN entry cancelled")
    assert raw.call(m.GetFeatures()).pin_protection is False
