"""Proofs of ownership (SLIP-19): made and checked for every script type, and what is refused."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib import messages as m
from trezorlib.messages import InputScriptType

from emulator.device.bitcoin import coins, ownership
from emulator.device.bitcoin.address import address_of_key, script_of_address
from emulator.device.bitcoin.rules import rules_for
from emulator.device.errors import DataError, DeviceFailure
from emulator.device.keys import Node
from emulator.device.personas import PERSONAS

BITCOIN = coins.by_name("Bitcoin")
assert BITCOIN is not None
RULES = rules_for(PERSONAS["trezor-core"])
OURS, THEIRS = Node.from_seed(b"ours" * 4), Node.from_seed(b"theirs" * 4)
SINGLE = (
    InputScriptType.SPENDADDRESS,
    InputScriptType.SPENDP2SHWITNESS,
    InputScriptType.SPENDWITNESS,
    InputScriptType.SPENDTAPROOT,
)
GROUPS = (
    InputScriptType.SPENDMULTISIG,
    InputScriptType.SPENDP2SHWITNESS,
    InputScriptType.SPENDWITNESS,
)


class _Wallet:
    """What of a workflow a proof needs: the symmetric keys of its seed."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    def slip21_key(self, *labels: bytes) -> bytes:
        return hmac.new(self._seed, b"/".join(labels), hashlib.sha256).digest()


OUR_FLOW: Any = _Wallet(b"ours")
THEIR_FLOW: Any = _Wallet(b"theirs")


def group_of(*members: Node, threshold: int = 1) -> m.MultisigRedeemScriptType:
    nodes = [
        m.HDNodeType(depth=0, fingerprint=0, child_num=0, chain_code=n.chain_code, public_key=n.public_key)
        for n in members
    ]
    return m.MultisigRedeemScriptType(m=threshold, signatures=[b""] * len(nodes), nodes=nodes)


def made(
    kind: InputScriptType,
    group: m.MultisigRedeemScriptType | None = None,
    commitment: bytes = b"",
    *,
    confirmed: bool = False,
) -> tuple[bytes, bytes]:
    """(proof, scriptPubKey) of our key, as our wallet makes it."""
    script = script_of_address(address_of_key(kind, BITCOIN, OURS.public_key, group, RULES), BITCOIN)
    proof, _ = ownership.generate_proof(
        OURS,
        kind,
        group,
        RULES,
        user_confirmed=confirmed,
        ownership_ids=[ownership.ownership_id(OUR_FLOW, script)],
        script_pubkey=script,
        commitment_data=commitment,
    )
    return proof, script


@pytest.mark.parametrize("kind", SINGLE)
@pytest.mark.parametrize("commitment", [b"", b"round 7"])
def test_our_proof_convinces_others_and_is_known_as_ours(kind: InputScriptType, commitment: bytes) -> None:
    proof, script = made(kind, commitment=commitment)
    assert ownership.verify_proof(THEIR_FLOW, proof, script, commitment)
    assert not ownership.verify_proof(OUR_FLOW, proof, script, commitment)


@pytest.mark.parametrize("kind", GROUPS)
def test_one_of_a_group_of_two_can_prove_it(kind: InputScriptType) -> None:
    proof, script = made(kind, group_of(THEIRS, OURS))
    assert ownership.verify_proof(THEIR_FLOW, proof, script, b"")


@pytest.mark.parametrize("kind", GROUPS)
def test_one_signature_does_not_prove_a_group_that_needs_two(kind: InputScriptType) -> None:
    proof, script = made(kind, group_of(THEIRS, OURS, threshold=2))
    with pytest.raises(DataError, match="Invalid signature"):
        ownership.verify_proof(THEIR_FLOW, proof, script, b"")


@pytest.mark.parametrize("kind", SINGLE)
def test_a_proof_holds_for_its_commitment_and_script_only(kind: InputScriptType) -> None:
    proof, script = made(kind, commitment=b"round 7")
    with pytest.raises(DataError, match="Invalid signature"):
        ownership.verify_proof(THEIR_FLOW, proof, script, b"round 8")
    other = script_of_address(address_of_key(kind, BITCOIN, THEIRS.public_key), BITCOIN)
    with pytest.raises(DataError, match="Invalid"):
        ownership.verify_proof(THEIR_FLOW, proof, other, b"round 7")


def test_the_confirmation_of_a_person_cannot_be_added_later() -> None:
    proof, script = made(InputScriptType.SPENDWITNESS)
    forged = proof[:4] + b"\x01" + proof[5:]
    with pytest.raises(DataError, match="Invalid signature"):
        ownership.verify_proof(THEIR_FLOW, forged, script, b"")
    confirmed, _ = made(InputScriptType.SPENDWITNESS, confirmed=True)
    assert confirmed[4] == 1


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (b"SL\x00\x18\x00\x00", "Unknown format of proof of ownership"),
        (b"SL\x00\x19\x02\x00", "Unknown flags in proof of ownership"),
        (b"SL\x00", "Invalid proof of ownership"),
        (b"SL\x00\x19\x00\x02" + bytes(40), "Invalid proof of ownership"),
        (b"SL\x00\x19\x00\xff" + b"\xff" * 8, "Invalid proof of ownership"),
        (b"SL\x00\x19\x00\x00", "Invalid proof of ownership"),
    ],
)
def test_refuses_what_is_no_proof(start: bytes, text: str) -> None:
    with pytest.raises(DataError, match=text):
        ownership.verify_proof(THEIR_FLOW, start, b"\x00\x14" + bytes(20), b"")


@given(st.sampled_from(SINGLE), st.data())
def test_a_proof_with_one_changed_byte_proves_nothing(kind: InputScriptType, data: st.DataObject) -> None:
    proof, script = made(kind)
    position = data.draw(st.integers(0, len(proof) - 1))
    wrong = bytearray(proof)
    wrong[position] ^= data.draw(st.integers(1, 255))
    try:
        ownership.verify_proof(THEIR_FLOW, bytes(wrong), script, b"")
    except DeviceFailure:
        return
    # Only the hash type behind an ECDSA signature may change: the firmware does not look at it.
    assert kind != InputScriptType.SPENDTAPROOT
    assert [i for i, byte in enumerate(proof) if byte != wrong[i]] == [position]
    assert proof[position] == 1


@given(st.binary(max_size=200))
def test_noise_is_refused_with_a_failure(noise: bytes) -> None:
    with pytest.raises(DeviceFailure):
        ownership.verify_proof(THEIR_FLOW, b"SL\x00\x19" + noise, b"\x00\x14" + bytes(20), b"")
