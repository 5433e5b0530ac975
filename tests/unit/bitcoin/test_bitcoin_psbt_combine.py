"""The combiner: all fields of all copies, in any order of copies, and nothing of another transaction."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.psbt_mutations import wide
from vault.bitcoin.psbt.combine import combine
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global, In
from vault.bitcoin.psbt.maps import Field, PsbtInput
from vault.errors import PsbtError

BASE = wide(2, 2)
SIGNATURE = bytes.fromhex("3006020101020101") + b"\x01"
KEYS = [b"\x02" + bytes([number]) * 32 for number in range(1, 6)]


def signed(psbt: Psbt, index: int, key: bytes, signature: bytes = SIGNATURE) -> Psbt:
    return psbt.with_input(index, psbt.inputs[index].put(In.PARTIAL_SIG, signature, key))


def flagged(value: int | None) -> Psbt:
    psbt = to_v2(BASE)
    if value is None:
        return psbt
    return replace(psbt, globals=psbt.globals.put(Global.TX_MODIFIABLE, bytes([value])))


def refused(*psbts: Psbt) -> PsbtError:
    with pytest.raises(PsbtError) as error:
        combine(psbts)
    return error.value


def test_signatures_of_all_copies_are_in_the_result() -> None:
    copies = [signed(BASE, number % 2, key) for number, key in enumerate(KEYS)]
    merged = combine(copies)
    assert {field.key for field in merged.inputs[0].all(In.PARTIAL_SIG)} == {*KEYS[::2]}
    assert {field.key for field in merged.inputs[1].all(In.PARTIAL_SIG)} == {*KEYS[1::2]}
    assert Psbt.parse(merged.serialise()) == merged
    assert merged.unsigned == BASE.unsigned


def test_new_fields_follow_those_of_their_type() -> None:
    merged = combine([signed(BASE, 0, KEYS[1]), signed(BASE, 0, KEYS[0])])
    types = [field.type for field in merged.inputs[0].fields]
    assert types == sorted(types)
    assert [field.key for field in merged.inputs[0].all(In.PARTIAL_SIG)] == [KEYS[1], KEYS[0]]


def test_one_copy_or_the_same_twice_stays_as_it_is() -> None:
    shuffled = replace(BASE, inputs=tuple(PsbtInput(each.fields[::-1]) for each in BASE.inputs))
    for psbt in (BASE, shuffled, to_v2(BASE)):
        assert combine([psbt]) == psbt
        assert combine([psbt, psbt]) == psbt


@given(st.permutations(range(5)), st.lists(st.integers(0, 1), min_size=5, max_size=5))
def test_the_order_of_copies_changes_no_field(order: list[int], places: list[int]) -> None:
    copies = [signed(BASE, place, key) for place, key in zip(places, KEYS, strict=True)]
    one, other = combine(copies), combine([copies[number] for number in order])
    assert [each.by_identity() for each in one.inputs] == [each.by_identity() for each in other.inputs]
    assert combine([combine(copies[:2]), *copies[2:]]) == one


def test_refuses_two_values_for_one_key_and_names_it() -> None:
    other = signed(BASE, 1, KEYS[0], bytes.fromhex("3006020101020102") + b"\x01")
    error = refused(signed(BASE, 1, KEYS[0]), other)
    assert error.code == "psbt.combine_conflict"
    assert "input 1" in error.message
    assert "PARTIAL_SIG" in error.message


def test_refuses_a_coin_of_another_amount() -> None:
    lie = BASE.with_input(0, BASE.inputs[0].put(In.WITNESS_UTXO, bytes(8) + b"\x16\x00\x14" + bytes(20)))
    assert refused(BASE, lie).code == "psbt.combine_conflict"


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE.unsigned, locktime=1),
        replace(BASE.unsigned, version=1),
        replace(BASE.unsigned, outputs=BASE.unsigned.outputs[::-1]),
        replace(BASE.unsigned, inputs=BASE.unsigned.inputs[:1]),
    ],
    ids=["locktime", "version", "outputs swapped", "input gone"],
)
def test_refuses_another_transaction(other: object) -> None:
    stranger = Psbt.create(other)  # type: ignore[arg-type]
    assert refused(BASE, BASE, stranger).code == "psbt.combine_transactions"


def test_refuses_nothing_and_two_versions() -> None:
    assert refused().code == "psbt.nothing_to_combine"
    assert refused(BASE, to_v2(BASE)).code == "psbt.combine_versions"


def test_refuses_a_sequence_that_signatures_did_not_commit_to() -> None:
    psbt = to_v2(BASE)
    other = psbt.with_input(0, psbt.inputs[0].put(In.SEQUENCE, bytes(4)))
    assert refused(psbt, other).code == "psbt.combine_transactions"


def test_refuses_demands_that_only_together_change_the_lock_time() -> None:
    """Each copy alone is locked to a time; together every input accepts a height, which then wins."""
    height, time = (5).to_bytes(4, "little"), (600_000_000).to_bytes(4, "little")

    def demanding(with_height: int) -> Psbt:
        psbt = to_v2(BASE)
        inputs = [each.put(In.REQUIRED_TIME_LOCKTIME, time) for each in psbt.inputs]
        inputs[with_height] = inputs[with_height].put(In.REQUIRED_HEIGHT_LOCKTIME, height)
        return replace(psbt, inputs=tuple(PsbtInput(each.fields) for each in inputs)).determined()

    one, other = demanding(0), demanding(1)
    assert one.unsigned == other.unsigned
    assert one.unsigned.locktime == 600_000_000
    assert refused(one, other).code == "psbt.combine_transactions"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((3, 0), b"\0"),
        ((3, 1), b"\x01"),
        ((3, None), b"\0"),
        ((3, 4), b"\x04"),
        ((None, 7), b"\x04"),
        ((0x13, 0x11), b"\x11"),
        ((None, None), None),
    ],
)
def test_the_narrowest_flags_hold(flags: tuple[int | None, ...], expected: bytes | None) -> None:
    assert combine([flagged(each) for each in flags]).globals.get(Global.TX_MODIFIABLE) == expected


def test_refuses_different_flags_of_unknown_meaning() -> None:
    assert refused(flagged(0x10), flagged(0x20)).code == "psbt.combine_conflict"


def test_more_fields_than_a_psbt_may_have_are_refused_together_too() -> None:
    def crowded(low: int) -> Psbt:
        fields = (Field(0xF0, number.to_bytes(4, "big"), b"") for number in range(low, low + 30_000))
        return BASE.with_input(0, PsbtInput((*BASE.inputs[0].fields, *fields)))

    assert refused(crowded(0), crowded(30_000)).code == "psbt.too_many_fields"
