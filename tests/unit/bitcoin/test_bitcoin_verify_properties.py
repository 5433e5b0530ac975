"""For random wallets of every kind and random spends: honest ones pass, any single change is refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bitcoin_keys import Sample, account_of, group_of, make_sample
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.maps import Field, FieldMap
from vault.bitcoin.scripts import GROUP_KINDS, KINDS, Kind
from vault.bitcoin.spend import FeeLimits
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.bitcoin.verify import verify_psbt, verify_serialised, verify_signed
from vault.errors import PsbtError
from vault.money import BTC, Amount

# The caps have tests of their own; here they would refuse honest spends.
WIDE = FeeLimits(Amount(BTC, 100_000), Decimal(1_000), Decimal(1))
VALUES = st.integers(5_000_000, 2_000_000_000)


@st.composite
def spends(draw: st.DrawFn, kind: Kind) -> Sample:
    seed = draw(st.binary(min_size=4, max_size=8))
    if kind in GROUP_KINDS:
        cosigners = draw(st.integers(2, 5))
        seeds = [seed + bytes([number]) for number in range(cosigners)]
        account = group_of(seeds, draw(st.integers(1, cosigners)), kind)
    else:
        account = account_of(seed, kind)
    values = draw(st.lists(VALUES, min_size=1, max_size=4))
    places = [(draw(st.booleans()), draw(st.integers(0, 49))) for _ in values]
    parts = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    payments = [sum(values) * part // 40 for part in parts]
    sample = make_sample(
        account,
        places=places,
        values=values,
        payments=payments,
        change_index=draw(st.none() | st.integers(0, 49)),
        fee=draw(st.integers(0, 9_000)),
        locktime=draw(st.sampled_from([0, 800_000])),
        sequence=draw(st.sampled_from([0xFFFFFFFD, 0xFFFFFFFE, 0])),
    )
    return replace(sample, limits=WIDE)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_an_honest_spend_passes_from_the_plan_to_the_kernel(kind: Kind, data: st.DataObject) -> None:
    sample = data.draw(spends(kind))
    verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
    answer = sample.account.honest(verified)
    if sample.descriptor.group:
        final = verify_signed(verified, partial=answer)  # type: ignore[arg-type]
    else:
        final = verify_signed(verified, answer)  # type: ignore[arg-type]
    assert final.vsize <= verified.worst_vsize
    assert verify_serialised(verified, final.raw) == final


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_single_change_of_the_transaction_is_refused(kind: Kind, data: st.DataObject) -> None:
    sample = data.draw(spends(kind))
    changed = _changed_transaction(sample.unsigned, data)
    with pytest.raises(PsbtError):
        verify_psbt(sample.retold(changed).serialise(), sample.expected, sample.limits)


def _changed_transaction(unsigned: Transaction, data: st.DataObject) -> Transaction:
    what = data.draw(st.sampled_from(["amount", "script", "outpoint", "sequence", "locktime", "version"]))
    if what == "locktime":
        return replace(unsigned, locktime=unsigned.locktime ^ 1 << data.draw(st.integers(0, 31)))
    if what == "version":
        return replace(unsigned, version=unsigned.version ^ 1 << data.draw(st.integers(0, 31)))
    if what in {"amount", "script"}:
        outputs = list(unsigned.outputs)
        at = data.draw(st.integers(0, len(outputs) - 1))
        if what == "amount":
            changed = replace(outputs[at], value=outputs[at].value ^ 1 << data.draw(st.integers(0, 50)))
        else:
            changed = replace(outputs[at], script=_flipped(outputs[at].script, data))
        outputs[at] = changed
        return replace(unsigned, outputs=tuple(outputs))
    inputs = list(unsigned.inputs)
    at = data.draw(st.integers(0, len(inputs) - 1))
    if what == "sequence":
        inputs[at] = replace(inputs[at], sequence=inputs[at].sequence ^ 1 << data.draw(st.integers(0, 31)))
    else:
        flipped = _flipped(inputs[at].outpoint.serialise(), data)
        point = OutPoint(flipped[:32][::-1].hex(), int.from_bytes(flipped[32:], "little"))
        inputs[at] = replace(inputs[at], outpoint=point)
    return replace(unsigned, inputs=tuple(inputs))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_single_change_of_a_field_is_refused(kind: Kind, data: st.DataObject) -> None:
    sample = data.draw(spends(kind))
    maps: list[FieldMap] = [sample.psbt.globals, *sample.psbt.inputs, *sample.psbt.outputs]
    filled = [number for number, each in enumerate(maps) if each.fields]
    which = data.draw(st.sampled_from(filled))
    fields = list(maps[which].fields)
    at = data.draw(st.integers(0, len(fields) - 1))
    fields[at] = _changed_field(fields[at], data)
    maps[which] = FieldMap(tuple(fields))
    raw = b"psbt\xff" + b"".join(each.serialise() for each in maps)
    try:
        verify_psbt(raw, sample.expected, sample.limits)
    except PsbtError:
        return
    # Only the witness of a previous transaction is signed by nobody and proves nothing.
    number = which - 1
    before, after = sample.psbt.inputs[number], Psbt.parse(raw).inputs[number]
    assert fields[at].type == 0
    assert after.previous_transaction() != before.previous_transaction()
    assert after.previous_transaction().txid == before.previous_transaction().txid  # type: ignore[union-attr]


def _changed_field(field: Field, data: st.DataObject) -> Field:
    parts = ["value", "type", *(["key"] if field.key else [])]
    what = data.draw(st.sampled_from(parts))
    if what == "value":
        return replace(field, value=_flipped(field.value, data))
    if what == "key":
        return replace(field, key=_flipped(field.key, data))
    return replace(field, type=field.type ^ 1 << data.draw(st.integers(0, 6)))


def _flipped(raw: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(raw)
    changed[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(changed)
