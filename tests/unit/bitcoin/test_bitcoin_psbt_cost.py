"""What a PSBT may cost: calls and memory grow with its size and no faster, and there is an end to both."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.psbt_judge import judge
from tests.support.psbt_mutations import deep, wide
from vault.bitcoin.psbt.checks import MAX_WITNESS_ITEMS
from vault.bitcoin.psbt.combine import combine
from vault.bitcoin.psbt.compare import compare
from vault.bitcoin.psbt.convert import to_v0, to_v2
from vault.bitcoin.psbt.document import MAGIC, MAX_BYTES, Psbt
from vault.bitcoin.psbt.fields import Global, In
from vault.bitcoin.psbt.maps import MAX_FIELDS, Field, FieldMap, PsbtInput
from vault.bitcoin.psbt.signer_checks import check_signer_rules
from vault.bitcoin.transaction import Transaction, TxOut
from vault.bitcoin.wire import compact_size, counted
from vault.errors import PsbtError


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called, Python's own included: the same on every machine."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def wide_v2(inputs: int) -> Psbt:
    return to_v2(wide(inputs, inputs))


def crowded(fields: int) -> Psbt:
    """All in one map."""
    psbt = wide(1, 1)
    return psbt.with_input(
        0, FieldMap(tuple(Field(0xF0, number.to_bytes(4, "big"), b"x") for number in range(fields)))
    )


WORK: dict[str, tuple[Callable[[int], Psbt], Callable[[Psbt], object]]] = {
    "parse": (lambda n: wide(n, n), lambda psbt: Psbt.parse(psbt.serialise())),
    "parse version 2": (wide_v2, lambda psbt: Psbt.parse(psbt.serialise())),
    "parse one crowded map": (crowded, lambda psbt: Psbt.parse(psbt.serialise())),
    "to version 2": (lambda n: wide(n, n), to_v2),
    "to version 0": (wide_v2, to_v0),
    "combine": (lambda n: wide(n, n), lambda psbt: combine([psbt, psbt, psbt])),
    "combine crowded maps": (crowded, lambda psbt: combine([psbt, psbt])),
    "compare": (lambda n: wide(n, n), lambda psbt: compare(psbt, psbt)),
    "compare crowded maps": (crowded, lambda psbt: compare(psbt, psbt)),
    "signer checks": (lambda n: wide(n, n), check_signer_rules),
}


@pytest.mark.parametrize("name", WORK)
def test_ten_times_the_inputs_cost_ten_times_the_calls(name: str) -> None:
    build, work = WORK[name]
    few, many = build(30), build(300)
    assert calls_of(lambda: work(many)) < 10.5 * calls_of(lambda: work(few))


def test_a_thousand_inputs_parse_with_a_bounded_number_of_calls_each() -> None:
    data = wide(1000, 2).serialise()
    assert calls_of(lambda: Psbt.parse(data)) < 250 * 1000


def hostile() -> dict[str, bytes]:
    """Small things of which there are as many as possible."""
    base = wide(1, 1)
    outputs = Transaction(2, base.unsigned.inputs, (TxOut(0, b""),) * 10_000, 0)
    stack = compact_size(60_000) + bytes(60_000)
    previous = replace(outputs, inputs=(replace(outputs.inputs[0], witness=(b"",) * 50_000 + (b"\1",)),))
    leaves = b"\x80\xc0\x00" * 30_000
    top = FieldMap(to_v2(base).globals.put(Global.INPUT_COUNT, compact_size(1_000_000)).fields)
    return {
        "fields": crowded(MAX_FIELDS // 4).serialise(),
        "outputs": Psbt.create(outputs).serialise(),
        "witness items": base.with_input(0, PsbtInput(()).put(In.FINAL_SCRIPTWITNESS, stack)).serialise(),
        "previous transaction": base.with_input(
            0, PsbtInput(()).put(In.NON_WITNESS_UTXO, previous.serialise())
        ).serialise(),
        "leaves": base.with_output(0, FieldMap((Field(0x06, b"", leaves),))).serialise(),
        "empty maps": MAGIC + top.serialise() + bytes(1_000_000),
        "a field of all bytes": base.with_input(
            0, FieldMap((Field(0xF0, b"", bytes(1_000_000)),))
        ).serialise(),
        "a length of all bytes": MAGIC + b"\x01\x00" + compact_size(2**64 - 1) + bytes(1000),
        "the deepest tree": deep().serialise(),
        "psbt in psbt in psbt": _nested(200),
    }


def _nested(depth: int) -> bytes:
    data = wide(1, 1).serialise()
    for _ in range(depth):
        data = MAGIC + b"\x02\xf0\x01" + counted(data) + wide(1, 1).serialise()[len(MAGIC) :]
    return data


HOSTILE = hostile()


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_is_bounded_by_the_size_of_the_input(name: str) -> None:
    judge(HOSTILE[name], weigh=True)


def refused_in(calls: int, psbt: Psbt) -> None:
    data = psbt.serialise()

    def refused() -> None:
        with pytest.raises(PsbtError) as caught:
            Psbt.parse(data)
        assert caught.value.code == "psbt.bad_value"

    assert calls_of(refused) < calls


def test_a_final_witness_of_more_items_than_any_script_begins_with_is_refused_before_they_are_read() -> None:
    for items, calls in ((MAX_WITNESS_ITEMS + 1, 500), (1_000_000, 500)):
        stack = compact_size(items) + bytes(items)
        refused_in(calls, wide(1, 1).with_input(0, PsbtInput(()).put(In.FINAL_SCRIPTWITNESS, stack)))
    largest = compact_size(MAX_WITNESS_ITEMS) + bytes(MAX_WITNESS_ITEMS)
    taken = wide(1, 1).with_input(0, PsbtInput(()).put(In.FINAL_SCRIPTWITNESS, largest))
    assert Psbt.parse(taken.serialise()) == taken


@pytest.mark.parametrize(
    "leaves",
    [b"\x00\xc0\x00" * 500_000, b"\x01\xc0\x00" * 500_000, b"\x02\xc0\x00\x01\xc0\x00" * 250_000],
    ids=["roots", "halves", "steps up"],
)
def test_a_tree_that_cannot_become_whole_is_refused_at_the_leaf_that_says_so(leaves: bytes) -> None:
    refused_in(500, wide(1, 1).with_output(0, FieldMap((Field(0x06, b"", leaves),))))


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    data = MAGIC + bytes(MAX_BYTES)
    tracemalloc.start()
    try:
        with pytest.raises(PsbtError) as refused:
            Psbt.parse(data)
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()
    assert refused.value.code == "psbt.too_large"


def test_an_unsigned_transaction_beyond_a_block_is_refused_before_it_is_read() -> None:
    raw = Transaction(2, (), (TxOut(0, b""),) * 120_000, 0).serialise()
    data = MAGIC + counted(b"\x00") + counted(raw) + bytes(1 + 120_000)

    def refused() -> None:
        with pytest.raises(PsbtError, match="at most 1000000 bytes"):
            Psbt.parse(data)

    assert calls_of(refused) < 2_000
