"""BIP174's rules for signers, each broken once, and the last steps: final maps and the transaction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vault.address import hash160
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.extract import extract, finalised_input, is_final, partial_signatures, witness_stack
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.psbt.maps import Field, PsbtInput
from vault.bitcoin.psbt.signer_checks import check_signer_rules
from vault.bitcoin.scripts import p2pkh, p2sh, p2wpkh, p2wsh
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.errors import PsbtError

KEY = b"\x02" + b"\x11" * 32
WITNESS_SCRIPT = b"\x51\x21" + KEY + b"\x51\xae"
SIGNATURE = bytes.fromhex("300602010102010101")
SCRIPTS = {
    "p2pkh": (p2pkh(hash160(KEY)), None, None),
    "p2sh": (p2sh(WITNESS_SCRIPT), WITNESS_SCRIPT, None),
    "p2wpkh": (p2wpkh(KEY), None, None),
    "p2sh-p2wpkh": (p2sh(p2wpkh(KEY)), p2wpkh(KEY), None),
    "p2wsh": (p2wsh(WITNESS_SCRIPT), None, WITNESS_SCRIPT),
    "p2sh-p2wsh": (p2sh(p2wsh(WITNESS_SCRIPT)), p2wsh(WITNESS_SCRIPT), WITNESS_SCRIPT),
    "p2tr": (b"\x51\x20" + KEY[1:], None, None),
}
WITNESS = [kind for kind in SCRIPTS if kind not in {"p2pkh", "p2sh"}]


def ready(kind: str, *, claim: bool | None = None) -> Psbt:
    """A PSBT of one input with its previous transaction, its scripts, and a witness UTXO where it may be."""
    script, redeem, witness = SCRIPTS[kind]
    coin = TxOut(50_000, script)
    previous = Transaction(2, (TxIn(OutPoint("11" * 32, 0), b"\x51", 0),), (TxOut(1, b"\x51"), coin), 0)
    spend = Transaction(2, (TxIn(OutPoint(previous.txid, 1), b"", 0),), (TxOut(49_000, b"\x51"),), 0)
    fields = PsbtInput(()).put(In.NON_WITNESS_UTXO, previous.serialise())
    if kind in WITNESS if claim is None else claim:
        fields = fields.put(In.WITNESS_UTXO, coin.serialise())
    if redeem is not None:
        fields = fields.put(In.REDEEM_SCRIPT, redeem)
    if witness is not None:
        fields = fields.put(In.WITNESS_SCRIPT, witness)
    return Psbt.create(spend).with_input(0, fields)


def put(psbt: Psbt, kind: int, value: bytes) -> Psbt:
    return psbt.with_input(0, psbt.inputs[0].put(kind, value))


def drop(psbt: Psbt, *kinds: int) -> Psbt:
    return psbt.with_input(0, psbt.inputs[0].drop(*kinds))


def code(psbt: Psbt) -> str:
    with pytest.raises(PsbtError) as refused:
        check_signer_rules(psbt)
    assert "input 0" in refused.value.message
    return refused.value.code


@pytest.mark.parametrize("kind", SCRIPTS)
def test_takes_every_kind_in_both_versions(kind: str) -> None:
    check_signer_rules(ready(kind))
    check_signer_rules(to_v2(ready(kind)))


@pytest.mark.parametrize("kind", WITNESS)
def test_a_witness_utxo_alone_is_enough_for_bip174(kind: str) -> None:
    check_signer_rules(drop(ready(kind), In.NON_WITNESS_UTXO))


@pytest.mark.parametrize("kind", SCRIPTS)
def test_refuses_a_coin_that_is_missing_or_another(kind: str) -> None:
    psbt = ready(kind)
    assert code(drop(psbt, In.NON_WITNESS_UTXO, In.WITNESS_UTXO)) == "psbt.utxo_missing"
    raw = psbt.inputs[0].get(In.NON_WITNESS_UTXO) or b""
    richer = replace(Transaction.parse(raw), locktime=1)
    assert code(put(psbt, In.NON_WITNESS_UTXO, richer.serialise())) == "psbt.prevtx_txid"
    lie = TxOut(1, SCRIPTS[kind][0])
    assert code(put(psbt, In.WITNESS_UTXO, lie.serialise())) == "psbt.witness_utxo_differs"


def test_refuses_an_output_that_the_previous_transaction_has_not() -> None:
    psbt = ready("p2wpkh")
    spent = psbt.unsigned.inputs[0]
    other = replace(spent, outpoint=OutPoint(spent.outpoint.txid, 2))
    moved = replace(psbt, unsigned=replace(psbt.unsigned, inputs=(other,)))
    assert code(moved) == "psbt.prevtx_output"


@pytest.mark.parametrize("kind", ["p2pkh", "p2sh"])
def test_refuses_a_witness_utxo_of_an_output_without_witness(kind: str) -> None:
    assert code(ready(kind, claim=True)) == "psbt.witness_utxo_without_witness"


@pytest.mark.parametrize("kind", SCRIPTS)
def test_refuses_scripts_that_are_not_what_is_spent(kind: str) -> None:
    assert code(put(ready(kind), In.REDEEM_SCRIPT, b"\x51")) == "psbt.redeem_script_differs"
    assert code(put(ready(kind), In.WITNESS_SCRIPT, b"\x51")) == "psbt.witness_script_differs"


def test_refuses_scripts_that_are_missing() -> None:
    for kind in ("p2sh", "p2sh-p2wpkh", "p2sh-p2wsh"):
        assert code(drop(ready(kind), In.REDEEM_SCRIPT)) == "psbt.redeem_script_missing"
    for kind in ("p2wsh", "p2sh-p2wsh"):
        assert code(drop(ready(kind), In.WITNESS_SCRIPT)) == "psbt.witness_script_missing"


def test_refuses_a_sighash_nobody_agreed_to() -> None:
    for number in (0x02, 0x03, 0x81, 0x82, 0x83, 0xFFFFFFFF):
        assert code(put(ready("p2wpkh"), In.SIGHASH_TYPE, number.to_bytes(4, "little"))) == "psbt.sighash"
    single = put(ready("p2wpkh"), In.SIGHASH_TYPE, b"\x03\0\0\0")
    check_signer_rules(single, sighashes={0x03})


def test_an_input_that_is_final_needs_no_coin() -> None:
    psbt = ready("p2wpkh")
    final = finalised_input(psbt.inputs[0], b"", (SIGNATURE, KEY))
    check_signer_rules(drop(psbt.with_input(0, final), In.NON_WITNESS_UTXO, In.WITNESS_UTXO))


@pytest.mark.parametrize("kind", ["p2sh", "p2sh-p2wpkh", "p2wsh"])
def test_a_final_map_keeps_coins_and_unknown_fields_only(kind: str) -> None:
    psbt = ready(kind)
    rich = PsbtInput((*psbt.inputs[0].fields, Field(0xF0, b"\1", b"x"), Field(0xFC, b"\x01a\x00", b"y")))
    rich = PsbtInput(rich.put(In.PARTIAL_SIG, SIGNATURE, KEY).fields)
    assert partial_signatures(rich) == {KEY: SIGNATURE}
    final = finalised_input(rich, b"\x51", (b"\x01", b""))
    coins = {In.NON_WITNESS_UTXO, In.WITNESS_UTXO} & set(rich.types())
    assert set(final.types()) == coins | {In.FINAL_SCRIPTSIG, In.FINAL_SCRIPTWITNESS, 0xF0, 0xFC}
    assert witness_stack(final) == (b"\x01", b"")
    assert is_final(final)
    assert not is_final(rich)


def test_no_empty_final_field_is_written() -> None:
    assert In.FINAL_SCRIPTSIG not in finalised_input(PsbtInput(()), b"", (b"",)).types()
    assert In.FINAL_SCRIPTWITNESS not in finalised_input(PsbtInput(()), b"\x51", ()).types()


@pytest.mark.parametrize("version", [0, 2])
def test_extracts_the_transaction_once_all_inputs_are_final(version: int) -> None:
    psbt = ready("p2sh-p2wpkh") if version == 0 else to_v2(ready("p2sh-p2wpkh"))
    with pytest.raises(PsbtError) as refused:
        extract(psbt)
    assert refused.value.code == "psbt.not_final"
    final = psbt.with_input(0, finalised_input(psbt.inputs[0], b"\x16" + p2wpkh(KEY), (SIGNATURE, KEY)))
    transaction = extract(Psbt.parse(final.serialise()))
    assert transaction.inputs[0].witness == (SIGNATURE, KEY)
    assert transaction.inputs[0].script_sig == b"\x16" + p2wpkh(KEY)
    assert transaction.without_witness() == psbt.unsigned
    assert Transaction.parse(transaction.serialise()) == transaction


def test_extracts_nothing_from_a_psbt_without_inputs() -> None:
    with pytest.raises(PsbtError) as refused:
        extract(Psbt.create(Transaction(2, (), (TxOut(1, b"\x51"),), 0)))
    assert refused.value.code == "psbt.not_final"
