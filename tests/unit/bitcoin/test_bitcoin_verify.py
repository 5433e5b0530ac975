"""What a verified spend says, and the cases of the verifier that are no forgery."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.address import base58check_decode, network_of
from vault.bitcoin import verify
from vault.bitcoin.descriptor import path_text
from vault.bitcoin.finalise import require_consensus, worst_weight
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global, In
from vault.bitcoin.psbt.maps import KeyOrigin
from vault.bitcoin.spend import FeeRange, FinalTransaction, VerifiedSpend, describe
from vault.bitcoin.transaction import Transaction, TxOut
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.errors import PsbtError
from vault.money import BTC, Amount

Sample = Any  # of tests/support/bitcoin_keys.py


def clean(sample: Sample) -> VerifiedSpend:
    return verify_psbt(sample.serialise(), sample.expected, sample.limits)


def finished(sample: Sample, verified: VerifiedSpend) -> FinalTransaction:
    answer = sample.account.honest(verified)
    if sample.descriptor.group:
        return verify_signed(verified, partial=answer)
    return verify_signed(verified, answer)


def test_describes_a_spend_with_whole_addresses_and_proven_change(sample: Sample) -> None:
    said = describe(clean(sample))
    assert [line.amount.units for line in said.inputs] == [30_000_000, 45_000_000, 60_000_000]
    assert [line.what.startswith("bcrt1q") for line in said.payments] == [True, True]
    assert said.change is not None
    assert said.change.what == sample.descriptor.address(True, 5)
    where = "1/5, 2 of 3 keys" if sample.descriptor.group else path_text(sample.descriptor.path(True, 5))
    assert said.change.note == f"derived again from our descriptor at {where}"
    assert said.fee == Amount(BTC, 2_500)
    assert said.replaceable


def test_finds_change_without_any_hint(sample: Sample) -> None:
    bare = sample.psbt.with_output(2, type(sample.psbt.outputs[2])(()))
    verified = verify_psbt(bare.serialise(), sample.expected, sample.limits)
    assert verified.change is not None
    assert (verified.change.place.change, verified.change.place.index) == (True, 5)


def test_takes_global_extended_keys_that_are_ours(sample: Sample) -> None:
    fields = sample.psbt.globals
    for key in sample.descriptor.keys:
        raw = base58check_decode(key.account.text(sample.descriptor.network))
        fields = fields.put(Global.XPUB, KeyOrigin(b"", key.fingerprint, key.path).value(taproot=False), raw)
    psbt = replace(sample.psbt, globals=fields)
    assert clean(replace(sample, psbt=psbt)).txid == sample.unsigned.txid


def test_refuses_version_2_which_no_device_speaks(sample: Sample) -> None:
    with pytest.raises(PsbtError) as refused:
        clean(replace(sample, psbt=to_v2(sample.psbt)))
    assert refused.value.code == "psbt.version_2"


def test_takes_a_fee_within_its_planned_range(sample: Sample) -> None:
    for least, most in ((2_500, 2_500), (0, 2_500), (2_500, 9_999)):
        fees = FeeRange(Amount(BTC, least), Amount(BTC, most))
        expected = replace(sample.expected, fee=fees)
        assert clean(replace(sample, expected=expected)).fee == Amount(BTC, 2_500)


def test_takes_a_consolidation_that_is_all_change(bitcoin_keys: ModuleType) -> None:
    account = bitcoin_keys.account_of(b"gather", "p2wpkh")
    sample = bitcoin_keys.make_sample(account, payments=(), change_index=2)
    verified = clean(sample)
    assert verified.payments == ()
    assert finished(sample, verified).txid == verified.txid


def test_takes_unconfirmed_coins_only_where_the_plan_allows_them(sample: Sample) -> None:
    coins = frozenset(each.outpoint for each in sample.unsigned.inputs)
    for confirmed in (None, coins):
        assert clean(replace(sample, expected=replace(sample.expected, confirmed=confirmed)))
    with pytest.raises(PsbtError) as refused:
        clean(replace(sample, expected=replace(sample.expected, confirmed=frozenset())))
    assert refused.value.code == "psbt.unconfirmed_input"


def test_needs_no_witness_utxo_when_the_previous_transaction_is_there(sample: Sample) -> None:
    bare = sample.psbt.with_input(0, sample.psbt.inputs[0].drop(In.WITNESS_UTXO))
    assert verify_psbt(bare.serialise(), sample.expected, sample.limits).fee == Amount(BTC, 2_500)


def test_takes_the_default_sighash_said_aloud(sample: Sample) -> None:
    value = b"\0\0\0\0" if sample.taproot else b"\x01\0\0\0"
    aloud = sample.psbt.with_input(0, sample.psbt.inputs[0].put(In.SIGHASH_TYPE, value))
    assert verify_psbt(aloud.serialise(), sample.expected, sample.limits).txid == sample.unsigned.txid


def test_takes_a_spend_without_change(sample: Sample) -> None:
    a, b, change = sample.unsigned.outputs
    psbt = sample.with_outputs(a, replace(b, value=b.value + change.value))
    psbt = replace(psbt, outputs=sample.psbt.outputs[:2])
    payments = (sample.expected.payments[0], (b.script, Amount(BTC, b.value + change.value)))
    verified = verify_psbt(psbt.serialise(), replace(sample.expected, payments=payments), sample.limits)
    assert verified.change is None
    assert describe(verified).change is None


def test_takes_the_same_payment_twice_when_it_was_planned_twice(sample: Sample) -> None:
    a, b, change = sample.unsigned.outputs
    psbt = sample.with_outputs(a, a, replace(change, value=change.value + b.value - a.value))
    payment = sample.expected.payments[0]
    expected = replace(sample.expected, payments=(payment, payment))
    assert len(verify_psbt(psbt.serialise(), expected, sample.limits).payments) == 2


def test_takes_a_payment_to_our_own_wallet_with_its_true_path(sample: Sample) -> None:
    a, b, change = sample.unsigned.outputs
    own = replace(a, script=sample.descriptor.script_pubkey(False, 8))
    psbt = sample.with_outputs(own, b, change).with_output(0, sample.output_map(False, 8))
    payments = ((own.script, Amount(BTC, own.value)), sample.expected.payments[1])
    expected = replace(sample.expected, payments=payments)
    assert len(verify_psbt(psbt.serialise(), expected, sample.limits).payments) == 2


def test_refuses_a_wallet_of_another_network(sample: Sample) -> None:
    with pytest.raises(PsbtError) as refused:
        verify_psbt(
            sample.serialise(), replace(sample.expected, network=network_of("mainnet")), sample.limits
        )
    assert refused.value.code == "psbt.other_network"


def test_refuses_a_spend_without_inputs(sample: Sample) -> None:
    empty = Psbt.create(Transaction(2, (), (), 0))
    with pytest.raises(PsbtError) as refused:
        verify_psbt(empty.serialise(), sample.expected, sample.limits)
    assert refused.value.code == "psbt.no_inputs"


def test_the_signed_transaction_never_outweighs_the_worst_case(sample: Sample) -> None:
    verified = clean(sample)
    final = finished(sample, verified)
    worst = worst_weight(verified.unsigned, sample.descriptor)
    # A low-s signature has 71 bytes, 70 as often, and rarely less; each byte of a scriptSig weighs four.
    slack = {"p2tr": 0, "p2pkh": 4 * 9}.get(sample.kind, 2 * 9)
    assert worst - slack <= Transaction.parse(final.raw).weight <= worst
    assert final.vsize <= verified.worst_vsize


def test_refuses_what_nodes_would_not_relay(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_WEIGHT", clean(sample).worst_vsize * 4 - 4)
    with pytest.raises(PsbtError) as refused:
        clean(sample)
    assert refused.value.code == "psbt.too_heavy"


def test_libbitcoinkernel_vetoes_a_script_that_does_not_hold(sample: Sample) -> None:
    verified = clean(sample)
    raw = finished(sample, verified).raw
    spent = [each.spent for each in verified.inputs]
    require_consensus(raw, spent)
    lied = [replace(spent[0], value=spent[0].value + 1), *spent[1:]]
    amounts_are_signed = [lied] if sample.kind != "p2pkh" else []
    for wrong in (*amounts_are_signed, [TxOut(1, b"\x00\x14" + bytes(20)), *spent[1:]]):
        with pytest.raises(PsbtError) as refused:
            require_consensus(raw, wrong)
        assert refused.value.code == "psbt.consensus"
    with pytest.raises(PsbtError) as refused:
        require_consensus(raw, spent[:-1])  # asked of the kernel, this would abort the process
    assert refused.value.code == "psbt.consensus"


@given(data=st.data())
def test_no_single_changed_byte_yields_a_spend_of_another_transaction(
    data: st.DataObject, sample: Sample
) -> None:
    raw = bytearray(sample.serialise())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        verified = verify_psbt(bytes(raw), sample.expected, sample.limits)
    except PsbtError:
        return
    # Accepted only where the byte is no part of what is signed or proven (another change index is ours too).
    assert verified.txid == sample.unsigned.txid


def test_the_verifier_stays_small_enough_to_be_audited_in_one_sitting(repo_root: Path) -> None:
    room = repo_root / "vault" / "bitcoin"
    names = ("verify", "claims", "signatures", "finalise", "spend", "sighash", "scripts", "descriptor*")
    files = [path for name in names for path in room.glob(f"{name}.py")]
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert lines["verify.py"] < 400
    assert sum(lines.values()) < 2_000
    assert not any("bdk" in path.read_text(encoding="utf-8").replace("no bdk", "") for path in files)
