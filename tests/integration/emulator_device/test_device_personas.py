"""What each make and model says about itself, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from trezorlib import messages as m

from emulator.device.faults import Faults
from emulator.device.management.features import features
from emulator.device.personas import PERSONAS, by_name
from emulator.device.protocol import answers, plans
from emulator.device.protocol.core_decoder import _varint
from emulator.device.state import DeviceState


def fields_of(persona: str, state: DeviceState) -> dict[int, Any]:
    """Tag -> values of the Features a persona sends."""
    row = by_name(persona)
    data = answers.encode(features(row, state), row, Faults())
    found: dict[int, Any] = {}
    pos = 0
    while pos < len(data):
        key, pos = _varint(data, pos)
        value, pos = _varint(data, pos)
        if key & 7 == plans.WIRE_BYTES:
            value, pos = data[pos : pos + value], pos + value  # type: ignore[assignment]
        found.setdefault(key >> 3, []).append(value)
    return found


def state(**changes: Any) -> DeviceState:
    return DeviceState(mnemonic="all " * 11 + "all", label="desk", imported=True, **changes)


VENDOR, MAJOR, MINOR, PATCH, MODEL, INTERNAL_MODEL = 1, 2, 3, 4, 21, 44
LABEL, INITIALIZED, PIN_PROTECTION, UNLOCKED, CAPABILITIES = 10, 12, 7, 16, 30
PASSPHRASE, FLAGS, SAFETY, AUTO_LOCK, WIPE_CODE, IMPORTED = 8, 20, 37, 38, 34, 15


@pytest.mark.parametrize(
    ("persona", "vendor", "model", "internal", "version"),
    [
        ("trezor-core", b"trezor.io", b"T", b"T2T1", (2, 12, 5)),
        ("trezor-one", b"trezor.io", b"1", None, (1, 14, 2)),
        ("onekey-classic1s", b"onekey.so", b"1", None, (2, 99, 99)),
        ("onekey-pro", b"onekey.so", b"T", None, (2, 99, 99)),
    ],
)
def test_who_made_it(
    persona: str, vendor: bytes, model: bytes, internal: bytes | None, version: tuple[int, int, int]
) -> None:
    told = fields_of(persona, state())
    assert (told[VENDOR], told[MODEL]) == ([vendor], [model])
    assert told.get(INTERNAL_MODEL) == (None if internal is None else [internal])
    assert tuple(told[tag][0] for tag in (MAJOR, MINOR, PATCH)) == version


def test_onekeys_own_fields() -> None:
    classic, pro = fields_of("onekey-classic1s", state()), fields_of("onekey-pro", state())
    assert (classic[508], classic[609]) == ([b"3.12.0"], [b"3.12.0"])
    assert (classic[600], pro[600]) == ([1], [5])
    for told in (classic, pro):
        assert told[511] == told[612]  # serial numbers
        assert told[626] == [0]
    assert classic[521] == [b"classic1s"]
    assert not any(tag >= 500 for tag in fields_of("trezor-core", state()))


def test_capabilities_are_the_firmwares_in_its_order() -> None:
    assert fields_of("trezor-one", state())[CAPABILITIES] == [1, 2, 5, 7, 10, 12, 14]
    assert fields_of("onekey-classic1s", state())[CAPABILITIES] == [1, 2, 5, 7, 10, 12, 14]
    assert 1000 in fields_of("onekey-pro", state())[CAPABILITIES]  # typed data, a number of its own
    assert 8 not in fields_of("trezor-core", state())[CAPABILITIES]


@pytest.mark.parametrize("persona", sorted(PERSONAS))
def test_a_locked_device_tells_less(persona: str) -> None:
    locked = fields_of(persona, state(pin="1", locked=True, flags=3, wipe_code="2"))
    opened = fields_of(persona, state(pin="1", flags=3, wipe_code="2"))
    assert (locked[UNLOCKED], opened[UNLOCKED]) == ([0], [1])
    assert locked[PIN_PROTECTION] == [1]
    assert (FLAGS in locked, opened[FLAGS]) == (False, [3])
    assert (WIPE_CODE in locked, opened[WIPE_CODE]) == (False, [1])
    core = by_name(persona).firmware == "core"
    assert (PASSPHRASE in locked) is not core  # private in core, public storage in C
    assert (SAFETY in locked) is not core
    assert IMPORTED not in locked
    assert (IMPORTED in opened) is not core


def test_a_device_without_a_name() -> None:
    nameless = DeviceState(label="")
    assert fields_of("trezor-core", nameless)[LABEL] == [b""]
    assert LABEL not in fields_of("trezor-one", nameless)
    assert fields_of("onekey-classic1s", nameless)[LABEL] == [b"OneKey Classic"]
    assert fields_of("trezor-one", nameless)[INITIALIZED] == [0]


@pytest.fixture
def known() -> Iterator[dict[str, set[str]]]:
    from emulator.device.handlers import table_for

    yield {
        name: {cls.__name__ for cls, _ in table_for(persona).values()} for name, persona in PERSONAS.items()
    }


def test_messages_a_firmware_has_not(known: dict[str, set[str]]) -> None:
    assert "GetNonce" in known["trezor-core"]
    assert "GetNonce" not in known["trezor-one"] | known["onekey-classic1s"]
    assert "TxAck" not in known["trezor-core"] | known["onekey-pro"]
    assert "TxAck" in known["trezor-one"] & known["onekey-classic1s"]
    assert "EthereumSignTypedData" not in known["trezor-one"]
    assert "EntropyCheckContinue" not in known["onekey-classic1s"]


def test_button_requests_of_c_firmware_carry_a_code_only() -> None:
    from emulator.device.rules import rules_for

    assert [rules_for(by_name(name)).names_buttons for name in ("trezor-core", "trezor-one")] == [True, False]


def test_an_unknown_persona_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="onekey-classic1s, onekey-pro, trezor-core, trezor-one"):
        by_name("abacus")
    assert m.Features.MESSAGE_WIRE_TYPE == 17
