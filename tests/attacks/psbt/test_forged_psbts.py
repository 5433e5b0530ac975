"""PSBTs and signers' answers that lie, each made by a small builder from a clean one: all refused.

Every lie has its own error code, for all six kinds of wallet; the clean original passes. The builders
are in forged_*.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from tests.attacks.psbt.forged_answers import (
    FORGED_ANSWERS,
    accept,
    one_cosigner_signs_again,
    signed_with_nonce,
)
from tests.attacks.psbt.forged_fields import honestly_in_progress
from tests.attacks.psbt.forged_psbts import FORGED_PSBTS, forged
from tests.support.bitcoin_keys import Forgery, Sample, account_of, make_sample, sample_of
from vault.bitcoin.scripts import GROUP_KINDS, KINDS
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.spend import PartialSignature, VerifiedSpend
from vault.bitcoin.verify import collect, verify_psbt, verify_serialised, verify_signed
from vault.errors import PsbtError
from vault.money import BTC, Amount


def clean(sample: Sample) -> VerifiedSpend:
    return verify_psbt(sample.serialise(), sample.expected, sample.limits)


def test_accepts_the_clean_psbt_and_the_honest_answer(sample: Sample) -> None:
    verified = clean(sample)
    assert verified.fee == Amount(BTC, 2_500)
    assert [each.amount.units for each in verified.payments] == [50_000_000, 40_000_000]
    assert verified.change is not None
    assert verified.change.place == sample.descriptor.place(True, 5)
    final = accept(verified, sample.account.honest(verified))
    assert final.vsize <= verified.worst_vsize
    assert (final.txid == sample.unsigned.txid) == (sample.kind in {"p2wpkh", "p2tr", "p2wsh"})
    assert verify_serialised(verified, final.raw) == final


def test_refuses_forged_psbt(sample: Sample, psbt_forgery: Forgery) -> None:
    raw, plan = forged(psbt_forgery, sample)
    with pytest.raises(PsbtError) as refused:
        verify_psbt(raw, plan.expected, plan.limits)
    assert refused.value.code == psbt_forgery.code, refused.value.message


def test_refuses_forged_answer(sample: Sample, answer_forgery: Forgery) -> None:
    verified = clean(sample)
    answer = answer_forgery.make(sample, verified)
    with pytest.raises(PsbtError) as refused:
        accept(verified, answer)
    assert refused.value.code == answer_forgery.code, refused.value.message


@pytest.mark.parametrize("corpus", [FORGED_PSBTS, FORGED_ANSWERS], ids=["psbts", "answers"])
def test_every_lie_has_its_own_code(corpus: dict[str, Forgery]) -> None:
    """A forgery that tells a lie of another in another way names it, and shares its code."""
    for name, forgery in corpus.items():
        print(f"{name:50} {forgery.code:40} {' '.join(forgery.kinds)}")  # noqa: T201
        if forgery.like:
            assert corpus[forgery.like].code == forgery.code, name
    own = [forgery.code for forgery in corpus.values() if not forgery.like]
    assert len(set(own)) == len(own)


def test_there_are_at_least_sixty_forged_psbts_over_all_kinds() -> None:
    assert len({forgery.code for forgery in FORGED_PSBTS.values()}) >= 60
    for kind in KINDS:
        assert sum(kind in forgery.kinds for forgery in FORGED_PSBTS.values()) >= 60


def test_takes_the_true_signature_of_a_cosigner_where_the_plan_expects_some() -> None:
    for kind in ("p2wsh", "p2sh-p2wsh"):
        sample = honestly_in_progress(sample_of(kind))
        verified = clean(sample)
        assert (len(verified.partial), verified.missing) == (3, 1)


def test_a_cosigner_who_signs_again_with_another_nonce_counts_once() -> None:
    """Both signatures are valid: kept one after the other, they still are one person's."""
    for kind in GROUP_KINDS:
        sample = sample_of(kind)
        verified = clean(sample)
        twice = one_cosigner_signs_again(sample, verified)
        once = collect(verified, twice[:-1])
        again = collect(once, twice[-1:])
        assert again == once
        assert again.missing == 1
        only = make_sample(sample.account, places=((False, 0),), values=(200_000_000,))
        spend = clean(only)
        digest = SighashParts.of(spend.unsigned, spend.spent).digest(0, spend.inputs[0].place.script_code)
        (true,) = only.account.cosign(spend, 0)
        secret = int.from_bytes(only.account.nodes[0].child(0).child(0).secret, "big")
        fresh = replace(true, signature=signed_with_nonce(secret, digest, 7))
        assert collect(spend, [fresh]).missing == 1  # valid by itself: only the count refuses it
        with pytest.raises(PsbtError) as refused:
            verify_signed(collect(spend, [true]), partial=[fresh])
        assert refused.value.code == "psbt.threshold"


def test_refuses_the_signatures_of_another_seed(sample: Sample) -> None:
    verified = clean(sample)
    stranger = account_of(b"another seed", sample.kind)
    if sample.descriptor.group:
        ours = sample.account.cosign(verified, 0)
        theirs = stranger.sign_digest(False, 0, bytes(32))
        answer: object = tuple(replace(each, signature=theirs) for each in ours)
    else:
        answer = stranger.sign(verified)
    with pytest.raises(PsbtError) as refused:
        accept(verified, answer)  # type: ignore[arg-type]
    assert refused.value.code == "psbt.signature_invalid"


def test_refuses_any_flipped_bit_of_a_signature(sample: Sample) -> None:
    verified = clean(sample)
    first, *rest = sample.account.honest(verified)
    signature = first.signature if isinstance(first, PartialSignature) else first[1]
    for position in range(len(signature)):
        broken = bytearray(signature)
        broken[position] ^= 1 << (position % 8)
        spoiled = (
            replace(first, signature=bytes(broken))
            if isinstance(first, PartialSignature)
            else (first[0], bytes(broken))
        )
        with pytest.raises(PsbtError) as refused:
            accept(verified, (spoiled, *rest))  # type: ignore[arg-type]
        assert refused.value.code.startswith("psbt.signature_")


def test_a_plan_for_one_wallet_refuses_the_psbt_of_another(sample: Sample) -> None:
    other = sample_of(sample.kind, hashlib.sha256(b"other").digest())
    with pytest.raises(PsbtError) as refused:
        verify_psbt(sample.serialise(), replace(other.expected, inputs=None), sample.limits)
    assert refused.value.code == "psbt.foreign_input"
