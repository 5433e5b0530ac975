"""PSBTs and device answers that lie, each made by a small builder from a clean one: all refused.

Every forgery has its own error code, for p2wpkh and for taproot; the clean original passes. The
builders are in forged_psbts.py and forged_answers.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from vault.bitcoin.psbt import Psbt
from vault.bitcoin.spend import FinalTransaction, VerifiedSpend
from vault.bitcoin.verify import verify_psbt, verify_serialised, verify_signed
from vault.errors import PsbtError
from vault.money import BTC, Amount

Sample = Any  # tests/support/bitcoin_keys.py, loaded by path


def clean(sample: Sample) -> VerifiedSpend:
    return verify_psbt(sample.serialise(), sample.expected, sample.limits)


def accept(verified: VerifiedSpend, answer: tuple[tuple[int, bytes], ...] | bytes) -> FinalTransaction:
    if isinstance(answer, bytes):
        return verify_serialised(verified, answer)
    return verify_signed(verified, answer)


def test_accepts_the_clean_psbt_and_the_honest_answer(sample: Sample) -> None:
    verified = clean(sample)
    assert verified.fee == Amount(BTC, 2_500)
    assert [each.amount.units for each in verified.payments] == [50_000_000, 40_000_000]
    assert verified.change is not None
    assert verified.change.path == sample.descriptor.path(True, 5)
    final_transaction = verify_signed(verified, sample.account.sign(verified))
    assert final_transaction.txid == sample.unsigned.txid
    assert verify_serialised(verified, final_transaction.raw) == final_transaction


def test_refuses_forged_psbt(sample: Sample, psbt_forgery: Any) -> None:
    made = psbt_forgery.make(sample)
    psbt, plan = (made, sample) if isinstance(made, Psbt) else (made.psbt, made)
    with pytest.raises(PsbtError) as refused:
        verify_psbt(psbt.serialise(), plan.expected, plan.limits)
    assert refused.value.code == psbt_forgery.code, refused.value.message


def test_refuses_forged_device_answer(sample: Sample, answer_forgery: Any) -> None:
    verified = clean(sample)
    answer = answer_forgery.make(sample, verified)
    with pytest.raises(PsbtError) as refused:
        accept(verified, answer)
    assert refused.value.code == answer_forgery.code, refused.value.message


def test_every_forgery_has_its_own_code(forgeries: dict[str, Any]) -> None:
    codes = [forgery.code for forgery in forgeries.values()]
    assert len(set(codes)) == len(codes)
    assert len(codes) >= 15
    for name, forgery in forgeries.items():
        print(f"{name:45} {forgery.code}")  # noqa: T201


def test_refuses_the_signatures_of_another_seed(sample: Sample, bitcoin_keys: Any) -> None:
    verified = clean(sample)
    stranger = bitcoin_keys.account_of(b"another seed", sample.descriptor.kind)
    with pytest.raises(PsbtError) as refused:
        verify_signed(verified, stranger.sign(verified))
    assert refused.value.code == "psbt.signature_invalid"


def test_refuses_any_flipped_bit_of_a_signature(sample: Sample) -> None:
    verified = clean(sample)
    (number, first), *rest = sample.account.sign(verified)
    for position in range(len(first)):
        broken = bytearray(first)
        broken[position] ^= 1 << (position % 8)
        with pytest.raises(PsbtError) as refused:
            verify_signed(verified, ((number, bytes(broken)), *rest))
        assert refused.value.code.startswith("psbt.signature_")


def test_a_plan_for_one_wallet_refuses_the_psbt_of_another(sample: Sample, bitcoin_keys: Any) -> None:
    other = bitcoin_keys.sample_of(sample.descriptor.kind, hashlib.sha256(b"other").digest())
    expected = replace(other.expected, inputs=None)
    with pytest.raises(PsbtError) as refused:
        verify_psbt(sample.serialise(), expected, sample.limits)
    assert refused.value.code == "psbt.foreign_input"
