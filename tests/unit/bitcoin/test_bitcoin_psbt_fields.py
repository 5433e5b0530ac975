"""The table of fields, row by row: a key that does not fit, a value that does not, both that disagree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.psbt_mutations import wide
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import TABLE, Global, In, MapName, Out, name_of
from vault.bitcoin.psbt.maps import Field, FieldMap, PsbtInput, PsbtOutput
from vault.errors import PsbtError

V0 = wide(1, 1)
V2 = to_v2(V0)
KEY = b"\x02" + b"\x11" * 32
XPUB = bytes.fromhex("043587cf") + b"\x00" + bytes(40) + KEY

# Values of the wrong length or form, beside a key that fits.
BAD_VALUES: list[tuple[MapName, int, bytes, bytes]] = [
    ("global", Global.XPUB, XPUB, bytes(3)),
    ("global", Global.TX_VERSION, b"", bytes(3)),
    ("global", Global.TX_VERSION, b"", bytes(5)),
    ("global", Global.FALLBACK_LOCKTIME, b"", bytes(3)),
    ("global", Global.INPUT_COUNT, b"", b""),
    ("global", Global.OUTPUT_COUNT, b"", b"\x01\x00"),
    ("global", Global.TX_MODIFIABLE, b"", b""),
    ("global", Global.VERSION, b"", b"\x02"),
    ("input", In.SIGHASH_TYPE, b"", bytes(5)),
    ("input", In.BIP32_DERIVATION, KEY, bytes(3)),
    ("input", In.FINAL_SCRIPTWITNESS, b"", b""),
    ("input", In.POR_COMMITMENT, b"", b"\xc3\x28"),
    ("input", In.PREVIOUS_TXID, b"", bytes(31)),
    ("input", In.PREVIOUS_TXID, b"", bytes(33)),
    ("input", In.OUTPUT_INDEX, b"", bytes(8)),
    ("input", In.SEQUENCE, b"", b""),
    ("input", In.REQUIRED_TIME_LOCKTIME, b"", b"\xff" * 5),
    ("input", In.REQUIRED_HEIGHT_LOCKTIME, b"", b"\x01"),
    ("input", In.TAP_KEY_SIG, b"", bytes(63)),
    ("input", In.TAP_SCRIPT_SIG, bytes(64), bytes(66)),
    ("input", In.TAP_LEAF_SCRIPT, bytes(33), b"\x51\x01"),
    ("input", In.TAP_BIP32_DERIVATION, bytes(32), b"\x00" + bytes(3)),
    ("input", In.TAP_INTERNAL_KEY, b"", KEY),
    ("input", In.TAP_MERKLE_ROOT, b"", bytes(31)),
    ("output", Out.BIP32_DERIVATION, KEY, bytes(7)),
    ("output", Out.AMOUNT, b"", bytes(9)),
    ("output", Out.TAP_INTERNAL_KEY, b"", bytes(33)),
    ("output", Out.TAP_TREE, b"", b"\x01\xc0\x00"),
    ("output", Out.TAP_BIP32_DERIVATION, bytes(32), b"\x01" + bytes(31)),
]
# Keys of the wrong length or form; what is not listed has no key data at all.
BAD_KEYS: dict[tuple[MapName, int], tuple[bytes, ...]] = {
    ("global", Global.XPUB): (b"", XPUB[:-1], XPUB + b"\0", XPUB[:45] + b"\0" + XPUB[46:]),
    ("global", Global.PROPRIETARY): (b"", b"\x05name\x00", b"\x04name"),
    ("input", In.PARTIAL_SIG): (b"", KEY[:-1], b"\x04" + KEY[1:], b"\x02" + bytes(64)),
    ("input", In.BIP32_DERIVATION): (b"", KEY[1:], b"\x05" + KEY[1:]),
    ("input", In.RIPEMD160): (b"", bytes(19), bytes(32)),
    ("input", In.SHA256): (b"", bytes(31), bytes(33)),
    ("input", In.HASH160): (b"", bytes(21), bytes(32)),
    ("input", In.HASH256): (b"", bytes(20), bytes(33)),
    ("input", In.TAP_SCRIPT_SIG): (b"", bytes(63), bytes(65)),
    ("input", In.TAP_LEAF_SCRIPT): (b"", bytes(32), bytes(34), bytes(33 + 32 * 129)),
    ("input", In.TAP_BIP32_DERIVATION): (b"", KEY, bytes(31)),
    ("input", In.PROPRIETARY): (b"", b"\xfd"),
    ("output", Out.BIP32_DERIVATION): (b"", KEY[:-1]),
    ("output", Out.TAP_BIP32_DERIVATION): (b"", KEY),
    ("output", Out.PROPRIETARY): (b"", b"\x01"),
}
DISAGREEING: list[tuple[MapName, int, bytes, bytes]] = [
    ("global", Global.XPUB, XPUB, bytes(8)),
    ("input", In.RIPEMD160, bytes(20), b"secret"),
    ("input", In.SHA256, bytes(32), b"secret"),
    ("input", In.HASH160, bytes(20), b"secret"),
    ("input", In.HASH256, bytes(32), b"secret"),
    ("input", In.TAP_LEAF_SCRIPT, b"\xc1" + bytes(32), b"\x51\xc2"),
]
ROWS = [(where, kind) for where, rows in TABLE.items() for kind in rows]


def with_field(where: MapName, field: Field) -> bytes:
    """A PSBT of a version that may have the field, with this one for any other of its type."""
    psbt = V0 if 0 in TABLE[where][field.type].versions else V2
    fields = {"global": psbt.globals, "input": psbt.inputs[0], "output": psbt.outputs[0]}[where]
    changed = (*fields.drop(field.type).fields, field)
    if where == "global":
        return replace(psbt, globals=FieldMap(changed)).serialise()
    if where == "input":
        return replace(psbt, inputs=(PsbtInput(changed),)).serialise()
    return replace(psbt, outputs=(PsbtOutput(changed),)).serialise()


def refusal(where: MapName, field: Field) -> PsbtError:
    with pytest.raises(PsbtError) as refused:
        Psbt.parse(with_field(where, field))
    return refused.value


@pytest.mark.parametrize(("where", "kind", "key", "value"), BAD_VALUES)
def test_refuses_a_value_that_does_not_fit(where: MapName, kind: int, key: bytes, value: bytes) -> None:
    error = refusal(where, Field(kind, key, value))
    assert error.code == "psbt.bad_value"
    assert name_of(where, kind) in error.message


@pytest.mark.parametrize(("where", "kind"), ROWS)
def test_refuses_a_key_that_does_not_fit(where: MapName, kind: int) -> None:
    for key in BAD_KEYS.get((where, kind), (b"\0",)):
        error = refusal(where, Field(kind, key, b""))
        assert error.code == "psbt.bad_key"
        assert name_of(where, kind) in error.message


@pytest.mark.parametrize(("where", "kind", "key", "value"), DISAGREEING)
def test_refuses_a_key_and_a_value_that_disagree(where: MapName, kind: int, key: bytes, value: bytes) -> None:
    assert refusal(where, Field(kind, key, value)).code == "psbt.key_and_value_differ"


@pytest.mark.parametrize(
    ("where", "kind"), [(where, kind) for where, kind in ROWS if TABLE[where][kind].versions != (0, 2)]
)
def test_refuses_a_field_of_the_other_version(where: MapName, kind: int) -> None:
    own = TABLE[where][kind].versions[0]
    psbt = V0 if own == 2 else V2
    field = Field(kind, b"", b"")
    changed = {
        "global": lambda: replace(psbt, globals=FieldMap((*psbt.globals.fields, field))),
        "input": lambda: replace(psbt, inputs=(PsbtInput((*psbt.inputs[0].fields, field)),)),
        "output": lambda: replace(psbt, outputs=(PsbtOutput((*psbt.outputs[0].fields, field)),)),
    }[where]()
    with pytest.raises(PsbtError) as refused:
        Psbt.parse(changed.serialise())
    assert refused.value.code == f"psbt.version_{own}_field"


def test_types_without_a_row_are_named_by_their_number() -> None:
    assert name_of("input", 0x19) == "0x19"
    assert name_of("output", Out.TAP_TREE) == "TAP_TREE (0x06)"
