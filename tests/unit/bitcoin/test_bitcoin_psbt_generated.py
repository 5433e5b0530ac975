"""Any PSBT that holds what its specification allows is read, kept to the byte and worked with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import psbt_strategies
from tests.support.psbt_judge import judge, work_with
from vault.bitcoin.psbt.combine import combine
from vault.bitcoin.psbt.compare import compare
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import SIGNATURES, TABLE
from vault.bitcoin.psbt.maps import Field, PsbtInput
from vault.errors import PsbtError


@given(psbt_strategies.psbts())
def test_a_valid_psbt_reads_as_it_was_made(psbt: Psbt) -> None:
    assert Psbt.parse(psbt.serialise()) == psbt
    work_with(psbt)


@pytest.mark.parametrize(
    ("where", "kinds"),
    [("input", psbt_strategies.INPUT_FIELDS), ("output", psbt_strategies.OUTPUT_FIELDS)],
)
def test_the_strategies_leave_no_type_out(where: str, kinds: list[psbt_strategies.Fields]) -> None:
    found: set[int] = set()
    for strategy in kinds:

        @given(strategy)
        def note(field: Field) -> None:
            found.add(field.type)

        note()
    both = {kind for kind, row in TABLE[where].items() if row.versions == (0, 2)}  # type: ignore[index]
    assert both <= found


@given(psbt_strategies.psbts(), st.data())
def test_every_byte_of_a_valid_psbt_may_be_wrong(psbt: Psbt, data: st.DataObject) -> None:
    raw = bytearray(psbt.serialise())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    judge(bytes(raw))


@given(psbt_strategies.psbts(), st.data())
def test_cut_anywhere_it_is_refused(psbt: Psbt, data: st.DataObject) -> None:
    raw = psbt.serialise()
    with pytest.raises(PsbtError):
        Psbt.parse(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(psbt_strategies.psbts(), st.data())
def test_signatures_split_over_copies_come_together_again(psbt: Psbt, data: st.DataObject) -> None:
    copies = [psbt, psbt]
    for number, fields in enumerate(psbt.inputs):
        for field in fields.fields:
            if field.type in SIGNATURES:
                without = data.draw(st.integers(0, 1))
                left = tuple(each for each in copies[without].inputs[number].fields if each != field)
                copies[without] = copies[without].with_input(number, PsbtInput(left))
    merged = combine(copies)
    assert [each.by_identity() for each in merged.inputs] == [each.by_identity() for each in psbt.inputs]
    for copy in copies:
        assert compare(copy, merged).only_signatures
