"""Version 2: what BIP370 adds, its lock times, and conversion to version 0 and back without a loss unsaid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.psbt_mutations import wide
from tests.support.psbt_strategies import numbers, transactions
from vault.bitcoin.psbt.convert import close, convert, dropped_by_v0, to_v0, to_v2
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import Field, FieldMap, PsbtInput, PsbtOutput
from vault.bitcoin.psbt.v2 import lock_time
from vault.bitcoin.transaction import MAX_MONEY, Transaction
from vault.bitcoin.wire import compact_size
from vault.errors import PsbtError

V2 = to_v2(wide(2, 2))
BARE = to_v2(Psbt.create(wide(2, 2).unsigned))
TIME = 1_657_048_460


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def with_global(kind: int, value: bytes) -> Psbt:
    return replace(V2, globals=V2.globals.put(kind, value))


def counting(kind: int, count: int) -> Psbt:
    """Without fields that could be taken for those of another map."""
    return replace(BARE, globals=BARE.globals.put(kind, compact_size(count)))


def without_global(kind: int) -> Psbt:
    return replace(V2, globals=V2.globals.drop(kind))


def with_raw_input(change: Callable[[FieldMap], FieldMap]) -> Psbt:
    return replace(V2, inputs=(PsbtInput(change(V2.inputs[0]).fields), *V2.inputs[1:]))


def with_raw_output(change: Callable[[FieldMap], FieldMap]) -> Psbt:
    return replace(V2, outputs=(PsbtOutput(change(V2.outputs[0]).fields), *V2.outputs[1:]))


def demand(height: int | None = None, time: int | None = None) -> FieldMap:
    fields = FieldMap(())
    if height is not None:
        fields = fields.put(In.REQUIRED_HEIGHT_LOCKTIME, number(height))
    return fields if time is None else fields.put(In.REQUIRED_TIME_LOCKTIME, number(time))


REFUSED: dict[str, tuple[Psbt, str]] = {
    "an unsigned transaction": (
        with_global(Global.UNSIGNED_TX, V2.unsigned.serialise(witness=False)),
        "psbt.version_0_field",
    ),
    "version 0 said": (with_global(Global.VERSION, number(0)), "psbt.version_2_field"),
    "no version said": (without_global(Global.VERSION), "psbt.version_2_field"),
    "no transaction version": (without_global(Global.TX_VERSION), "psbt.missing_field"),
    "no input count": (without_global(Global.INPUT_COUNT), "psbt.missing_field"),
    "no output count": (without_global(Global.OUTPUT_COUNT), "psbt.missing_field"),
    "an input too few": (counting(Global.INPUT_COUNT, 3), "psbt.bad_value"),
    "an input too many": (counting(Global.INPUT_COUNT, 1), "psbt.missing_field"),
    "an output too few": (counting(Global.OUTPUT_COUNT, 3), "psbt.truncated"),
    "an output too many": (counting(Global.OUTPUT_COUNT, 1), "psbt.trailing_bytes"),
    "more inputs than memory": (
        counting(Global.INPUT_COUNT, 2**64 - 1),
        "psbt.bad_value",
    ),
    "a count with bytes behind it": (with_global(Global.INPUT_COUNT, b"\x02\x00"), "psbt.bad_value"),
    "a count that is not minimal": (with_global(Global.INPUT_COUNT, b"\xfd\x02\x00"), "psbt.bad_value"),
    "flags of two bytes": (with_global(Global.TX_MODIFIABLE, b"\x00\x00"), "psbt.bad_value"),
    "no previous txid": (with_raw_input(lambda m: m.drop(In.PREVIOUS_TXID)), "psbt.missing_field"),
    "no output index": (with_raw_input(lambda m: m.drop(In.OUTPUT_INDEX)), "psbt.missing_field"),
    "sequence of five bytes": (with_raw_input(lambda m: m.put(In.SEQUENCE, bytes(5))), "psbt.bad_value"),
    "height of zero": (
        with_raw_input(lambda m: m.put(In.REQUIRED_HEIGHT_LOCKTIME, number(0))),
        "psbt.bad_value",
    ),
    "height that is a time": (
        with_raw_input(lambda m: m.put(In.REQUIRED_HEIGHT_LOCKTIME, number(500_000_000))),
        "psbt.bad_value",
    ),
    "time that is a height": (
        with_raw_input(lambda m: m.put(In.REQUIRED_TIME_LOCKTIME, number(499_999_999))),
        "psbt.bad_value",
    ),
    "no amount": (with_raw_output(lambda m: m.drop(Out.AMOUNT)), "psbt.missing_field"),
    "no script": (with_raw_output(lambda m: m.drop(Out.SCRIPT)), "psbt.missing_field"),
    "amount of seven bytes": (with_raw_output(lambda m: m.put(Out.AMOUNT, bytes(7))), "psbt.bad_value"),
    "negative amount": (
        with_raw_output(lambda m: m.put(Out.AMOUNT, (-1).to_bytes(8, "little", signed=True))),
        "psbt.bad_amount",
    ),
    "more than all coins": (
        with_raw_output(lambda m: m.put(Out.AMOUNT, (MAX_MONEY + 1).to_bytes(8, "little"))),
        "psbt.bad_amount",
    ),
    "script no block could hold": (
        with_raw_output(lambda m: m.put(Out.SCRIPT, bytes(1_000_000))),
        "psbt.too_large",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    psbt, code = REFUSED[name]
    with pytest.raises(PsbtError) as refused:
        Psbt.parse(psbt.serialise())
    assert refused.value.code == code


def test_the_transaction_is_the_one_the_maps_describe() -> None:
    parsed = Psbt.parse(V2.serialise())
    assert (parsed.version, parsed.unsigned) == (2, wide(2, 2).unsigned)
    silent = with_raw_input(lambda each: each.drop(In.SEQUENCE))
    assert Psbt.parse(silent.serialise()).unsigned.inputs[0].sequence == 0xFFFFFFFF


def test_a_replaced_map_changes_the_transaction() -> None:
    changed = V2.with_input(1, V2.inputs[1].put(In.SEQUENCE, number(7)))
    assert changed.unsigned.inputs[1].sequence == 7
    assert Psbt.parse(changed.serialise()) == changed
    paid = V2.with_output(0, V2.outputs[0].put(Out.AMOUNT, bytes(8)))
    assert paid.unsigned.outputs[0].value == 0


def test_identity_outlives_a_sequence_but_no_other_change() -> None:
    assert V2.with_input(0, V2.inputs[0].put(In.SEQUENCE, number(1))).identity() == V2.identity()
    assert V2.with_output(0, V2.outputs[0].put(Out.AMOUNT, bytes(8))).identity() != V2.identity()
    assert wide(2, 2).identity() == wide(2, 2).unsigned.txid


@pytest.mark.parametrize(
    ("fallback", "demands", "expected"),
    [
        (None, [demand(), demand()], 0),
        (850_000, [demand(), demand()], 850_000),
        (850_000, [demand(10_000), demand()], 10_000),
        (None, [demand(10_000), demand(9_000)], 10_000),
        (None, [demand(10_000), demand(9_000, TIME)], 10_000),
        (None, [demand(10_000, TIME - 1), demand(9_000, TIME)], 10_000),
        (None, [demand(None, TIME - 1), demand(9_000, TIME)], TIME),
        (None, [demand(10_000, TIME - 1), demand(None, TIME), demand()], TIME),
        (850_000, [], 850_000),
    ],
)
def test_lock_time_is_the_highest_of_the_kind_that_all_inputs_accept(
    fallback: int | None, demands: list[FieldMap], expected: int
) -> None:
    top = FieldMap(()) if fallback is None else FieldMap(()).put(Global.FALLBACK_LOCKTIME, number(fallback))
    assert lock_time(top, demands) == expected


def test_no_transaction_is_made_up_when_lock_times_conflict() -> None:
    inputs = tuple(
        PsbtInput((*each.fields, *wants.fields))
        for each, wants in zip(V2.inputs, (demand(10_000), demand(None, TIME)), strict=True)
    )
    with pytest.raises(PsbtError) as refused:
        Psbt.parse(replace(V2, inputs=inputs).serialise())
    assert refused.value.code == "psbt.locktime_conflict"


@pytest.mark.parametrize(
    "psbt", [wide(), wide(0, 1), wide(1, 0), wide(0, 0)], ids=["12x9", "0x1", "1x0", "0x0"]
)
def test_version_0_comes_back_from_version_2_to_the_byte(psbt: Psbt) -> None:
    there = convert(psbt, 2)
    assert there.version == 2
    assert there.globals.get(Global.UNSIGNED_TX) is None
    assert there.unsigned == psbt.unsigned
    assert convert(there, 0).serialise() == psbt.serialise()
    assert convert(psbt, 0) is psbt


def test_conversion_keeps_every_other_field() -> None:
    secret = FieldMap((Field(0xFC, b"\x04name\x01", b"data"), Field(0xF0, b"\x01", b"unknown")))
    psbt = wide(1, 1)
    rich = replace(
        psbt,
        globals=FieldMap((*psbt.globals.fields, *secret.fields)),
        inputs=(PsbtInput((*psbt.inputs[0].fields, *secret.fields)),),
        outputs=(PsbtOutput((*psbt.outputs[0].fields, *secret.fields)),),
    )
    there = to_v2(rich)
    for one in (there.globals, there.inputs[0], there.outputs[0]):
        assert set(secret.fields) <= set(one.fields)
    assert to_v0(there).globals.by_identity() == rich.globals.by_identity()
    assert to_v0(there).inputs[0].by_identity() == rich.inputs[0].by_identity()


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (1, "psbt.still_modifiable"),
        (2, "psbt.still_modifiable"),
        (7, "psbt.still_modifiable"),
        (8, "psbt.unknown_flags"),
        (0x84, "psbt.unknown_flags"),
    ],
)
def test_version_0_cannot_say_that_more_may_be_added(flags: int, code: str) -> None:
    with pytest.raises(PsbtError) as refused:
        to_v0(with_global(Global.TX_MODIFIABLE, bytes([flags])))
    assert refused.value.code == code


def test_a_closed_psbt_converts_and_keeps_its_single_flag_until_then() -> None:
    closed = close(with_global(Global.TX_MODIFIABLE, b"\x07"))
    assert closed.globals.get(Global.TX_MODIFIABLE) == b"\x04"
    assert to_v0(closed).unsigned == V2.unsigned
    assert close(with_global(Global.TX_MODIFIABLE, b"\xff")).globals.get(Global.TX_MODIFIABLE) == b"\xfc"
    assert close(with_global(Global.TX_MODIFIABLE, b"\x03")).globals.get(Global.TX_MODIFIABLE) is None


def test_what_version_0_has_no_place_for_is_named_and_its_lock_time_kept() -> None:
    locked = V2.with_input(0, V2.inputs[0].put(In.REQUIRED_HEIGHT_LOCKTIME, number(10_000)))
    assert dropped_by_v0(V2) == ()
    assert dropped_by_v0(locked) == ("input 0: REQUIRED_HEIGHT_LOCKTIME (0x12) 10000",)
    assert to_v0(locked).unsigned.locktime == 10_000


def test_conversion_refuses_a_third_version_and_the_same_direction_twice() -> None:
    for wrong in (lambda: convert(V2, 1), lambda: to_v2(V2), lambda: to_v0(wide())):
        with pytest.raises(PsbtError) as refused:
            wrong()
        assert refused.value.code in {"psbt.unknown_version", "psbt.version_2", "psbt.version_0"}


@given(transactions)
def test_any_transaction_is_the_same_in_both_versions(transaction: Transaction) -> None:
    psbt = Psbt.create(transaction)
    there = to_v2(psbt)
    assert Psbt.parse(there.serialise()).unsigned == transaction
    assert to_v0(there) == psbt


@given(
    st.lists(
        st.tuples(st.none() | st.integers(1, 499_999_999), st.none() | st.integers(500_000_000, 2**32 - 1))
    ),
    numbers,
)
def test_lock_time_satisfies_every_input_or_there_is_none(
    wants: list[tuple[int | None, int | None]], fallback: int
) -> None:
    top = FieldMap(()).put(Global.FALLBACK_LOCKTIME, number(fallback))
    asking = [each for each in wants if each != (None, None)]
    try:
        found = lock_time(top, [demand(*each) for each in wants])
    except PsbtError as error:
        assert error.code == "psbt.locktime_conflict"
        assert any(time is None for _, time in asking)
        assert any(height is None for height, _ in asking)
        return
    if not asking:
        assert found == fallback
        return
    kind = 0 if found < 500_000_000 else 1
    values = [each[kind] for each in asking]
    assert None not in values
    assert found == max(value for value in values if value is not None)
