"""GetOwnershipId and GetOwnershipProof over the wire: SLIP-19's vectors, and each make's refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from trezorlib import btc, exceptions
from trezorlib import messages as m
from trezorlib.tools import parse_path

PERSONAS = ("trezor-core", "trezor-one", "onekey-pro", "onekey-classic1s")
LEGACY = ("trezor-one", "onekey-classic1s")
KIND = m.InputScriptType
PATH, NESTED_PATH = parse_path("m/84h/0h/0h/1/0"), parse_path("m/49h/0h/0h/1/0")
OWN_ID = "a122407efc198211c81af4450f40b235d54775efd934d16b9e31c6ce9bad5707"
# SLIP-19, test vector 1, of the seed "all all ... all"
PROOF = (
    "534c00190001a122407efc198211c81af4450f40b235d54775efd934d16b9e31c6ce9bad5707"
    "0002483045022100c0dc28bb563fc5fea76cacff75dba9cb4122412faae01937cdebccfb065f9a70"
    "02202e980bfbd8a434a7fc4cd2ca49da476ce98ca097437f8159b1a386b41fcdfac5"
    "0121032ef68318c8f6aaa0adec0199c69901f0db7d3485eb38d9ad235221dc3d61154b"
)


def proof(session: Any, **kwargs: Any) -> bytes:
    fields = {"n": PATH, "script_type": KIND.SPENDWITNESS, **kwargs}
    return bytes(btc.get_ownership_proof(session, "Bitcoin", **fields)[0])


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(exceptions.TrezorFailure) as caught:
        call()
    return f"{caught.value.code.name}: {caught.value.message}"


def group(session: Any) -> m.MultisigRedeemScriptType:
    node = btc.get_public_node(session, parse_path("m/84h/0h/0h"), coin_name="Bitcoin").node
    return m.MultisigRedeemScriptType(m=1, signatures=[b""], nodes=[node], address_n=[1, 0])


@pytest.mark.parametrize("persona", PERSONAS)
def test_id_and_proof_are_slip_19s(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona)
    found = btc.get_ownership_id(session, "Bitcoin", PATH, script_type=KIND.SPENDWITNESS)
    assert found.hex() == OWN_ID
    assert proof(session).hex() == PROOF
    assert device.screens == ()


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_confirmed_proof_was_confirmed(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona)
    made = proof(session, user_confirmation=True, commitment_data=b"round seven")
    assert made[4] == 1
    assert {screen.name for screen in device.screens} == {"confirm_ownership_proof"}
    lines = [line for screen in device.screens for line in screen.lines]
    assert ("round seven" if persona in LEGACY else b"round seven".hex()) in lines


@pytest.mark.parametrize("persona", PERSONAS)
def test_no_means_no_proof(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona, "scripted")
    session.client.app.button_callback = lambda _request: device.press_no()
    with pytest.raises(exceptions.Cancelled):
        proof(session, user_confirmation=True)


@pytest.mark.parametrize("persona", PERSONAS)
def test_an_id_of_someone_else_is_refused(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    assert proof(session, ownership_ids=[bytes.fromhex(OWN_ID)]).hex() == PROOF
    for ids in ([bytes(32)], [bytes.fromhex(OWN_ID), bytes(32)]):
        text = refusal(lambda ids=ids: proof(session, ownership_ids=ids))
        assert text == "DataError: Invalid ownership identifier"


@pytest.mark.parametrize("persona", PERSONAS)
def test_foreign_paths_and_external_scripts_are_refused(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    assert refusal(lambda: proof(session, n=parse_path("m/84h/1h/0h/1/0"))) == "DataError: Forbidden key path"
    assert refusal(lambda: proof(session, script_type=KIND.EXTERNAL)) == "DataError: Invalid script type"


@pytest.mark.parametrize("persona", PERSONAS)
def test_the_c_firmware_proves_native_segwit_only(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)

    def nested() -> bytes:
        return proof(session, n=NESTED_PATH, script_type=KIND.SPENDP2SHWITNESS)

    if persona in LEGACY:
        assert refusal(nested) == "ProcessError: Signing failed"
    else:
        assert nested().startswith(b"SL\x00\x19")
    assert proof(session, n=parse_path("m/86h/0h/0h/1/0"), script_type=KIND.SPENDTAPROOT)


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_groups_proof_needs_the_ids_of_its_members(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    multisig = group(session)
    own = btc.get_ownership_id(session, "Bitcoin", PATH, multisig=multisig, script_type=KIND.SPENDWITNESS)
    assert own.hex() != OWN_ID
    if persona in LEGACY:
        text = refusal(lambda: proof(session, multisig=multisig, ownership_ids=[own]))
        assert text == "DataError: Multisig not supported."
        return
    text = refusal(lambda: proof(session, multisig=multisig, ownership_ids=[bytes(32)]))
    assert text == "DataError: Missing ownership identifier"
    made = proof(session, multisig=multisig, ownership_ids=[bytes(32), own])
    assert made[5] == 2
    assert made[6:70] == bytes(32) + own


def test_a_group_our_key_is_not_in_has_no_id(opened: Callable[..., Any]) -> None:
    for persona, text in (
        ("trezor-core", "DataError: Pubkey not found in multisig script"),
        ("trezor-one", "ProcessError: Failed to derive scriptPubKey"),
    ):
        _, session = opened(persona)
        foreign = group(session)
        foreign.address_n = [1, 1]
        request = m.GetOwnershipId(
            address_n=PATH, coin_name="Bitcoin", multisig=foreign, script_type=KIND.SPENDWITNESS
        )
        assert refusal(lambda s=session, r=request: s.call(r)) == text
