"""Groups of cosigners: signatures collected one after the other, kept in the PSBT, finalised when enough."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.support.bitcoin_keys import Sample, group_of, make_sample, sample_of
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.scripts import GROUP_KINDS, Kind
from vault.bitcoin.spend import PartialSignature, VerifiedSpend
from vault.bitcoin.transaction import Transaction
from vault.bitcoin.verify import collect, verify_psbt, verify_serialised, verify_signed
from vault.errors import PsbtError


@pytest.fixture(params=GROUP_KINDS)
def group(request: pytest.FixtureRequest) -> Sample:
    return sample_of(request.param)


def clean(sample: Sample) -> VerifiedSpend:
    return verify_psbt(sample.serialise(), sample.expected, sample.limits)


def test_collects_some_signatures_now_and_others_later(group: Sample) -> None:
    verified = clean(group)
    assert verified.missing == 2
    once = collect(verified, group.account.cosign(verified, 2))
    assert (once.missing, len(once.partial)) == (1, 3)
    carried = Psbt.parse(once.psbt)
    assert [len(each.all(In.PARTIAL_SIG)) for each in carried.inputs] == [1, 1, 1]
    # Another day, from the file alone: every signature that it carries is proven again.
    resumed = verify_psbt(once.psbt, replace(group.expected, in_progress=True), group.limits)
    assert resumed.partial == once.partial
    enough = collect(resumed, group.account.cosign(resumed, 0))
    assert enough.missing == 0
    final = verify_signed(enough)
    assert final == verify_signed(verified, partial=enough.partial)
    assert verify_serialised(verified, final.raw) == final


def test_the_final_transaction_does_not_depend_on_who_signed_first(group: Sample) -> None:
    verified = clean(group)
    for pair in itertools.combinations(range(3), 2):
        finals = set()
        for order in (pair, pair[::-1]):
            spend = verified
            for signer in order:
                spend = collect(spend, group.account.cosign(spend, signer))
            finals.add(verify_signed(spend).raw)
        assert len(finals) == 1


def test_of_more_signatures_than_needed_the_first_in_the_order_of_the_keys_are_used(group: Sample) -> None:
    verified = clean(group)
    spend = collect(
        verified, [each for signer in range(3) for each in group.account.cosign(verified, signer)]
    )
    final = Transaction.parse(verify_signed(spend).raw)
    for number, (coin, tx_in) in enumerate(zip(verified.inputs, final.inputs, strict=True)):
        first = [each.cosigner for each in coin.place.keys][:2]
        theirs = [group.account.cosign(verified, signer)[number].signature + b"\x01" for signer in first]
        assert tx_in.witness == (b"", *theirs, coin.place.witness_script)


def test_collecting_the_same_again_changes_nothing(group: Sample) -> None:
    verified = clean(group)
    signed = group.account.cosign(verified, 1)
    once = collect(verified, signed)
    assert collect(once, signed) == once
    assert collect(once, ()) == once


def test_a_refused_signature_leaves_those_that_are_there(group: Sample) -> None:
    verified = clean(group)
    once = collect(verified, group.account.cosign(verified, 1))
    bad = replace(group.account.cosign(verified, 0)[0], signature=bytes(70))
    with pytest.raises(PsbtError) as refused:
        collect(once, (bad,))
    assert refused.value.code == "psbt.signature_encoding"
    assert once.missing == 1


def test_a_wallet_of_one_key_takes_no_partial_signatures() -> None:
    sample = sample_of("p2wpkh")
    verified = clean(sample)
    number, signature = sample.account.sign(verified)[0]
    given = PartialSignature(number, verified.inputs[0].place.keys[0].key, signature)
    with pytest.raises(PsbtError) as refused:
        collect(verified, (given,))
    assert refused.value.code == "psbt.signature_foreign_key"
    with pytest.raises(PsbtError) as refused:
        verify_signed(verified, sample.account.sign(verified), (given,))
    assert refused.value.code == "psbt.signature_foreign_key"


@pytest.mark.parametrize("kind", GROUP_KINDS)
@pytest.mark.parametrize(("threshold", "cosigners"), [(1, 2), (3, 5), (8, 15), (15, 15)])
def test_groups_of_all_sizes_end_in_a_transaction_that_the_kernel_accepts(
    kind: Kind, threshold: int, cosigners: int
) -> None:
    sample = make_sample(group_of([bytes([number]) * 16 for number in range(cosigners)], threshold, kind))
    verified = clean(sample)
    final = verify_signed(verified, partial=sample.account.honest(verified))
    # A signature is 71 or 70 bytes, as a rule: the worst case is never far.
    assert verified.worst_vsize - threshold * 3 <= final.vsize <= verified.worst_vsize


def test_inputs_may_be_signed_by_different_cosigners(group: Sample) -> None:
    verified = clean(group)
    by = [group.account.cosign(verified, signer) for signer in range(3)]
    mixed = (by[0][0], by[1][0], by[1][1], by[2][1], by[2][2], by[0][2])
    assert verify_signed(verified, partial=mixed).txid
    with pytest.raises(PsbtError) as refused:
        verify_signed(verified, partial=mixed[:-1])
    assert refused.value.code == "psbt.threshold"
    assert "input 2" in refused.value.message
