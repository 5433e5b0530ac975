"""SignTx with inputs of someone else: presigned, proven not to be ours, or unknown."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from embit.transaction import Transaction
from trezorlib import exceptions, messages

from emulator.device.bitcoin.ownership import generate_proof
from emulator.device.bitcoin.rules import rules_for
from emulator.device.flow import slip21_key
from emulator.device.keys import Node, seed_from_mnemonic
from emulator.device.personas import by_name
from emulator.device.server import DeviceEmulator

m: Any = messages
LEGACY, NESTED = m.InputScriptType.SPENDADDRESS, m.InputScriptType.SPENDP2SHWITNESS
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER_MNEMONIC = "all " * 11 + "all"
COMMITMENT = b"what this is for"


def relax(bench: Any) -> None:
    level = m.SafetyCheckLevel.PromptTemporarily
    bench.session.call(m.ApplySettings(safety_checks=level), expect=m.Success)


@pytest.fixture
def other(bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    """Someone else's device, which trusts whatever it is told."""
    with DeviceEmulator(mnemonic=OTHER_MNEMONIC, mode="auto", label="other") as device:
        client = connected(device)
        theirs = type(bench)(device, client, client.get_session(""), bench.coin, bench.prev_txes, bench.spent)
        relax(theirs)
        yield theirs


def external(bench: Any, txi: Any, **fields: Any) -> Any:
    """An input as someone who does not own it sees it."""
    script, amount = bench.spent[(txi.prev_hash, txi.prev_index)]
    return m.TxInputType(
        prev_hash=txi.prev_hash,
        prev_index=txi.prev_index,
        amount=amount,
        script_pubkey=script,
        script_type=m.InputScriptType.EXTERNAL,
        sequence=txi.sequence,
        **fields,
    )


def pay(amount: int) -> Any:
    return m.TxOutputType(address=STRANGER, amount=amount)


def presigned(bench: Any, other: Any, kind: Any, own_kind: Any = WITNESS) -> tuple[list[Any], list[Any]]:
    """Inputs and outputs of a joint transaction which the other has signed already."""
    theirs, ours = other.fund(kind, 100_000), bench.fund(own_kind, 100_000)
    outputs = [pay(150_000), pay(40_000)]
    _, serialized = other.sign([theirs, external(bench, ours)], outputs)
    signed = Transaction.parse(serialized).vin[0]
    fields = {"script_sig": signed.script_sig.data}
    if signed.witness.items:
        fields["witness"] = signed.witness.serialize()
    return [external(bench, theirs, **fields), ours], outputs


def refuse(bench: Any, text: str, inputs: list[Any], outputs: list[Any]) -> None:
    with pytest.raises(exceptions.TrezorFailure) as caught:
        bench.sign(inputs, outputs)
    assert f"{caught.value.code.name}: {caught.value.message}" == text
    assert bench.client.ping("alive") == "alive"


def names(bench: Any) -> list[str]:
    return [screen.name for screen in bench.device.screens]


# Presigned


@pytest.mark.parametrize("own_kind", [LEGACY, WITNESS, TAPROOT])
@pytest.mark.parametrize("kind", [LEGACY, NESTED, WITNESS, TAPROOT])
def test_a_joint_transaction_is_complete_after_our_signature(
    bench: Any, other: Any, kind: Any, own_kind: Any
) -> None:
    _, serialized = bench.sign(*presigned(bench, other, kind, own_kind))
    assert bench.accepted_by_kernel(serialized)
    assert names(bench)[-1] == "confirm_joint_total"
    assert bench.device.screens[-1].lines[1::2] == ("0.001 REGTEST", "0.002 REGTEST")


@pytest.mark.parametrize("kind", [LEGACY, NESTED, WITNESS, TAPROOT])
def test_refuses_a_signature_for_another_transaction(bench: Any, other: Any, kind: Any) -> None:
    inputs, outputs = presigned(bench, other, kind)
    outputs[0].amount -= 1
    refuse(bench, "DataError: Invalid signature", inputs, outputs)


@pytest.mark.parametrize("own_kind", [WITNESS, TAPROOT])
def test_refuses_a_signature_that_was_bent(bench: Any, other: Any, own_kind: Any) -> None:
    inputs, outputs = presigned(bench, other, TAPROOT, own_kind)
    bent = bytearray(inputs[0].witness)
    bent[40] ^= 1
    inputs[0].witness = bytes(bent)
    refuse(bench, "DataError: Invalid signature", inputs, outputs)


def test_refuses_a_key_that_does_not_belong_to_the_output(bench: Any, other: Any) -> None:
    inputs, outputs = presigned(bench, other, WITNESS)
    bent = bytearray(inputs[0].witness)
    bent[-1] ^= 1
    inputs[0].witness = bytes(bent)
    refuse(bench, "DataError: Invalid public key hash", inputs, outputs)


@pytest.mark.parametrize(
    ("hash_type", "text"), [(0x83, "Invalid witness."), (0x41, "Unsupported sighash type")]
)
def test_refuses_other_hash_types(bench: Any, other: Any, hash_type: int, text: str) -> None:
    inputs, outputs = presigned(bench, other, WITNESS)
    witness = bytearray(inputs[0].witness)
    witness[1 + witness[1]] = hash_type  # count, length, signature
    inputs[0].witness = bytes(witness)
    refuse(bench, f"DataError: {text}", inputs, outputs)


def test_refuses_a_false_amount_of_a_presigned_input(bench: Any, other: Any) -> None:
    inputs, outputs = presigned(bench, other, WITNESS)
    inputs[0].amount += 1
    refuse(bench, "DataError: Invalid amount specified", inputs, outputs)


# Proofs that an input is not ours


def proof_of(mnemonic: str, bench: Any, txi: Any, commitment: bytes = COMMITMENT) -> bytes:
    script = bench.spent[(txi.prev_hash, txi.prev_index)][0]
    node = Node.from_seed(seed_from_mnemonic(mnemonic, "")).derive(txi.address_n)
    proof, _ = generate_proof(
        node,
        txi.script_type,
        None,
        rules_for(by_name("trezor-core")),
        user_confirmed=False,
        ownership_ids=[b"\x77" * 32],
        script_pubkey=script,
        commitment_data=commitment,
    )
    return proof


@pytest.mark.parametrize("kind", [LEGACY, NESTED, WITNESS, TAPROOT])
def test_an_input_with_a_proof_is_taken_and_left_unsigned(bench: Any, other: Any, kind: Any) -> None:
    theirs = other.fund(kind, 100_000)
    proof = proof_of(OTHER_MNEMONIC, bench, theirs)
    inputs = [
        external(bench, theirs, ownership_proof=proof, commitment_data=COMMITMENT),
        bench.fund(WITNESS, 100_000),
    ]
    signatures, serialized = bench.sign(inputs, [pay(190_000)])
    assert not signatures[0]
    assert signatures[1]
    assert Transaction.parse(serialized).vin[0].witness.items == []
    assert names(bench)[-1] == "confirm_joint_total"


def test_refuses_a_proof_of_our_own_input(bench: Any, other: Any) -> None:
    theirs = other.fund(WITNESS, 100_000)
    script = bench.spent[(theirs.prev_hash, theirs.prev_index)][0]
    seed = seed_from_mnemonic("abandon " * 11 + "about", "")
    own_id = hmac.new(slip21_key(seed, b"SLIP-0019", b"Ownership identification key"), script, hashlib.sha256)
    node = Node.from_seed(seed_from_mnemonic(OTHER_MNEMONIC, "")).derive(theirs.address_n)
    proof, _ = generate_proof(
        node,
        WITNESS,
        None,
        rules_for(by_name("trezor-core")),
        user_confirmed=True,
        ownership_ids=[b"\x77" * 32, own_id.digest()],
        script_pubkey=script,
        commitment_data=b"",
    )
    inputs = [external(bench, theirs, ownership_proof=proof), bench.fund(WITNESS, 100_000)]
    refuse(bench, "DataError: Invalid external input", inputs, [pay(190_000)])


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda proof: b"XX" + proof[2:], "Unknown format of proof of ownership"),
        (lambda proof: proof[:4] + b"\x02" + proof[5:], "Unknown flags in proof of ownership"),
        (lambda proof: proof[:20], "Invalid proof of ownership"),
        (lambda proof: proof[:5] + b"\xff" + b"\xff" * 8 + proof[6:], "Invalid proof of ownership"),
        (lambda proof: proof[:-1], "Invalid witness."),
        (lambda proof: proof + b"\x00", "Invalid witness."),
        (lambda proof: proof[:60] + bytes([proof[60] ^ 1]) + proof[61:], "Invalid signature"),
        (lambda proof: proof[:10] + bytes([proof[10] ^ 1]) + proof[11:], "Invalid signature"),
    ],
)
def test_refuses_a_proof_that_was_bent(
    bench: Any, other: Any, spoil: Callable[[bytes], bytes], text: str
) -> None:
    theirs = other.fund(WITNESS, 100_000)
    proof = spoil(proof_of(OTHER_MNEMONIC, bench, theirs))
    foreign = external(bench, theirs, ownership_proof=proof, commitment_data=COMMITMENT)
    refuse(bench, f"DataError: {text}", [foreign, bench.fund(WITNESS, 100_000)], [pay(190_000)])


def test_refuses_a_proof_for_another_purpose(bench: Any, other: Any) -> None:
    theirs = other.fund(WITNESS, 100_000)
    proof = proof_of(OTHER_MNEMONIC, bench, theirs, b"something else")
    foreign = external(bench, theirs, ownership_proof=proof, commitment_data=COMMITMENT)
    refuse(bench, "DataError: Invalid signature", [foreign, bench.fund(WITNESS, 100_000)], [pay(190_000)])


def test_refuses_a_proof_together_with_signatures(bench: Any, other: Any) -> None:
    inputs, outputs = presigned(bench, other, WITNESS)
    inputs[0].ownership_proof = b"x"
    refuse(bench, "DataError: Ownership proof not expected for presigned input.", inputs, outputs)


# Unknown


def test_refuses_an_input_nobody_vouches_for_while_strict(bench: Any, other: Any) -> None:
    inputs = [external(bench, other.fund(WITNESS, 100_000)), bench.fund(WITNESS, 100_000)]
    refuse(bench, "ProcessError: Unverifiable external input.", inputs, [pay(190_000)])
    assert bench.device.screens == ()


def test_asks_about_an_input_nobody_vouches_for_when_relaxed(bench: Any, other: Any) -> None:
    relax(bench)
    inputs = [external(bench, other.fund(WITNESS, 100_000)), bench.fund(WITNESS, 100_000)]
    signatures, _ = bench.sign(inputs, [pay(190_000)])
    assert not signatures[0]
    assert "unverified_external_input" in names(bench)
    assert names(bench)[-1] == "confirm_total"  # counted as if it were ours


def test_an_external_input_does_not_make_change(bench: Any, other: Any) -> None:
    """Only our own inputs say which account change belongs to."""
    relax(bench)
    inputs = [external(bench, other.fund(TAPROOT, 100_000)), bench.fund(WITNESS, 100_000)]
    bench.sign(inputs, [bench.change(WITNESS, 190_000)])
    assert "confirm_output" not in names(bench)


def test_gives_signatures_only_when_no_transaction_is_wanted(bench: Any, other: Any) -> None:
    inputs, outputs = presigned(bench, other, WITNESS)
    signatures, serialized = bench.sign(inputs, outputs, serialize=False)
    assert serialized == b""
    assert not signatures[0]
    assert signatures[1]
