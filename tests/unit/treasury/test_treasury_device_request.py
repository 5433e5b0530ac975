"""A verified spend as a device is asked to sign it, for all kinds of wallet: both rooms judge it alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.bitcoin_keys import REGTEST, Sample, sample_of
from vault.bitcoin.scripts import KINDS
from vault.bitcoin.spend import VerifiedSpend
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.device.bitcoin.finish import carry_on, finish
from vault.device.bitcoin.request import GroupOrigin, KeyOrigin, PartialSignature, SignedInputs
from vault.errors import PsbtError
from vault.treasury.spending import device_request, with_answer


@pytest.fixture(params=KINDS)
def sample(request: pytest.FixtureRequest) -> Sample:
    return sample_of(request.param)


def verified_of(sample: Sample) -> VerifiedSpend:
    return verify_psbt(sample.serialise(), sample.expected, sample.limits)


def cosigned(sample: Sample, verified: VerifiedSpend, signer: int) -> SignedInputs:
    """A cosigner's device's answer, in the words of the device room."""
    signed = sample.account.cosign(verified, signer)
    return SignedInputs((), tuple(PartialSignature(one.input, one.key, one.signature) for one in signed))


def test_says_nothing_but_what_was_proven(sample: Sample) -> None:
    verified = verified_of(sample)
    request = device_request(verified)
    assert request.fee_sat == verified.fee.units
    assert [each.script_type for each in request.inputs] == [sample.kind] * 3
    assert [each.prevtx for each in request.inputs] == [each.previous for each in verified.inputs]
    a, b, change = request.outputs
    assert a.address and b.address and not a.change and not b.change
    assert change.address is None
    if sample.descriptor.group:
        assert isinstance(change.change, GroupOrigin)
        assert (change.change.branch, change.change.index) == (1, 5)
        keys = sample.descriptor.keys
        assert [(each.fingerprint, each.path) for each in change.change.group.cosigners] == [
            (key.fingerprint, key.path) for key in keys
        ]
    else:
        path = sample.descriptor.path(True, 5)
        key = sample.descriptor.key(True, 5)
        assert change.change == KeyOrigin(sample.descriptor.origin_fingerprint, path, key)


def test_both_rooms_build_the_same_final_transaction(sample: Sample) -> None:
    verified = verified_of(sample)
    request = device_request(verified)
    if sample.descriptor.group:
        once = with_answer(verified, cosigned(sample, verified, 2))
        request = carry_on(request, cosigned(sample, verified, 2))
        assert device_request(once) == request
        answer = cosigned(sample, verified, 1)
        final = verify_signed(with_answer(once, answer))
    else:
        answer = SignedInputs(sample.account.sign(verified))
        final = verify_signed(verified, answer.signatures)
    assert finish(request, REGTEST, answer) == final.raw


def test_proves_a_cosigners_answer_again() -> None:
    sample = sample_of("p2wsh")
    verified = verified_of(sample)
    answer: Any = cosigned(sample, verified, 1)
    spoiled = replace(answer.partial[0], signature=cosigned(sample, verified, 0).partial[0].signature)
    with pytest.raises(PsbtError) as refused:
        with_answer(verified, replace(answer, partial=(spoiled, *answer.partial[1:])))
    assert refused.value.code == "psbt.signature_other_cosigner"
