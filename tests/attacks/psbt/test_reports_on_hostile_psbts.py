"""Reports on PSBTs made to look harmless: what a person must be told before anything is signed or sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coincurve import PrivateKey

from tests.attacks.psbt.forged_psbts import forged
from tests.support.bitcoin_keys import (
    REGTEST,
    Forgery,
    Sample,
    account_of,
    make_sample,
    previous_of,
    sample_of,
)
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.extract import finalised_input
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.psbt.maps import PsbtInput
from vault.bitcoin.psbt_report import PsbtReport, Surroundings, report
from vault.bitcoin.scripts import GROUP_KINDS, p2wsh, push
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.standard_inputs import finalise, read_inputs
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.errors import PsbtError


def told(sample: Sample, psbt: Psbt, **wallets: Sample) -> PsbtReport:
    known = {"cold": sample.descriptor} | {name: each.descriptor for name, each in wallets.items()}
    return report(psbt, Surroundings(REGTEST, known, {}))


def codes(found: PsbtReport) -> set[str]:
    return {each.code for each in (*found.faults, *found.warnings)}


ORDINARY = {"replaceable", "global_xpubs"}


def test_a_report_tells_every_lie_that_needs_no_plan_to_be_known(sample: Sample, plain_lie: Forgery) -> None:
    raw, _ = forged(plain_lie, sample)
    try:
        psbt = Psbt.parse(raw)
    except PsbtError:
        return  # told already
    found = told(sample, psbt)
    assert found.faults or {each.code for each in found.warnings} - ORDINARY


@pytest.mark.parametrize("index", [1_000, 0x7FFFFFFF])
def test_change_at_a_place_that_no_restored_wallet_looks_at_is_told(sample: Sample, index: int) -> None:
    """The change is ours, but only who chose the index knows where: a ransom."""
    *paid, change = sample.unsigned.outputs
    far = sample.descriptor.script_pubkey(True, index)
    psbt = sample.with_outputs(*paid, replace(change, script=far))
    found = told(sample, psbt.with_output(2, sample.output_map(True, index)))
    assert found.outputs[2].what == "change"
    assert [each.where for each in found.warnings if each.code == "far_index"] == ["output 2"]
    assert "far_index" not in codes(told(sample, sample.psbt))


def test_coins_of_several_owners_in_one_transaction_are_told(sample: Sample) -> None:
    """A stranger's coin beside ours, or those of two of our wallets: the fee and the change are whose?"""
    other = make_sample(account_of(b"another wallet", sample.kind))
    stranger = previous_of(other.descriptor.script_pubkey(False, 0), 70_000_000, 99)
    inputs = (*sample.unsigned.inputs, TxIn(OutPoint(stranger.txid, 1), b"", 0xFFFFFFFD))
    joined = sample.with_inputs(*inputs)
    joined = replace(joined, inputs=(*joined.inputs, other.input_map(False, 0, stranger)))
    for around in ({}, {"staging": other}):
        found = told(sample, joined, **around)
        assert "mixed_inputs" in codes(found)
        assert "nothing_ours" not in codes(found)
        assert ("strangers" in str(found.warnings)) == (not around)
    assert "mixed_inputs" not in codes(told(sample, sample.psbt, staging=other))


def final_psbt(sample: Sample, sighash: int) -> Psbt:
    """A final PSBT whose first input's first signature says that it is under `sighash`."""
    verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
    honest = sample.account.honest(verified)
    given = {"partial": honest} if sample.descriptor.group else {"signatures": honest}
    final = Transaction.parse(verify_signed(verified, **given).raw)  # type: ignore[arg-type]
    inputs = []
    for number, each in enumerate(final.inputs):
        script_sig, witness = each.script_sig, each.witness
        if number == 0 and sample.kind == "p2pkh":
            size = script_sig[0]
            script_sig = script_sig[:size] + bytes([sighash]) + script_sig[size + 1 :]
        elif number == 0:
            at = 1 if sample.descriptor.group else 0
            base = witness[at] if sample.taproot else witness[at][:-1]
            witness = (*witness[:at], base + bytes([sighash]), *witness[at + 1 :])
        inputs.append(finalised_input(sample.psbt.inputs[number], script_sig, witness))
    return replace(sample.psbt, inputs=tuple(inputs))


@pytest.mark.parametrize("sighash", [0x02, 0x03, 0x81, 0x82, 0x83])
def test_a_final_signature_over_less_than_everything_is_told(sample: Sample, sighash: int) -> None:
    """Ready to send, it says: but its outputs may be exchanged by whoever passes it on."""
    assert "unusual_sighash" not in codes(told(sample, final_psbt(sample, 1)))
    found = told(sample, final_psbt(sample, sighash))
    assert [each.where for each in found.doubts if each.code == "unusual_sighash"] == ["input 0"]


def test_a_signature_of_an_old_group_over_less_than_everything_is_told() -> None:
    """OP_0, two signatures and the script, each pushed: no kind of ours, but perhaps the coin beside ours."""
    sample = sample_of("p2pkh")
    signature = bytes.fromhex("3006020101020101")
    for sighash, told_so in ((0x01, False), (0x82, True)):
        script_sig = (
            b"\0" + push(signature + b"\x01") + push(signature + bytes([sighash])) + b"\x4c\x69" + bytes(105)
        )
        psbt = sample.psbt.with_input(0, finalised_input(sample.psbt.inputs[0], script_sig, ()))
        assert ("unusual_sighash" in codes(told(sample, psbt))) is told_so


def test_a_schnorr_signature_over_less_than_everything_is_told_behind_an_annex_too() -> None:
    sample = sample_of("p2tr")
    for field in (In.TAP_KEY_SIG, In.TAP_SCRIPT_SIG):
        key = bytes(64) if field == In.TAP_SCRIPT_SIG else b""
        psbt = sample.put_input(1, field, bytes(64) + b"\x83", key)
        assert "unusual_sighash" in codes(told(sample, psbt))
    witness = (bytes(64) + b"\x02", b"\x50annex")
    annexed = sample.psbt.with_input(0, finalised_input(sample.psbt.inputs[0], b"", witness))
    assert "unusual_sighash" in codes(told(sample, annexed))


def test_a_key_that_stands_twice_in_a_multisig_script_is_no_two_signers() -> None:
    """2 of 3 in which one person holds two keys: one signature would open it, and be shown as one of two."""
    keys = [PrivateKey(bytes([number]) * 32) for number in (1, 2)]
    first, second = (each.public_key.format() for each in keys)
    script = b"\x52" + push(first) + push(first) + push(second) + b"\x53\xae"
    made = previous_of(p2wsh(script), 50_000, 1)
    unsigned = Transaction(2, (TxIn(OutPoint(made.txid, 1), b"", 0),), (TxOut(49_000, b"\x51"),), 0)
    psbt = Psbt.create(unsigned)
    signature = keys[0].sign(SighashParts.of(unsigned, made.outputs[1:]).digest(0, script), hasher=None)
    fields = psbt.inputs[0].put(In.NON_WITNESS_UTXO, made.serialise()).put(In.WITNESS_SCRIPT, script)
    signed = psbt.with_input(0, PsbtInput(fields.fields).put(In.PARTIAL_SIG, signature + b"\x01", first))
    (read,) = read_inputs(signed)
    assert read.place is None
    assert not any(each.holds for each in read.signatures)
    with pytest.raises(PsbtError) as refused:
        finalise(signed)
    assert refused.value.code == "psbt.cannot_finalise"


@pytest.mark.parametrize("kind", GROUP_KINDS)
def test_one_cosigner_under_two_forms_of_a_key_is_not_finalised(kind: str) -> None:
    from coincurve import PublicKey

    sample = sample_of(kind)  # type: ignore[arg-type]
    verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
    psbt = sample.psbt
    for each in sample.account.cosign(verified, 0):
        for compressed in (True, False):
            key = PublicKey(each.key).format(compressed=compressed)
            fields = psbt.inputs[each.input].put(In.PARTIAL_SIG, each.signature + b"\x01", key)
            psbt = psbt.with_input(each.input, fields)
    with pytest.raises(PsbtError) as refused:
        finalise(psbt)
    assert refused.value.code == "psbt.signature_invalid"
    assert "signature_invalid" in codes(told(sample, psbt))
