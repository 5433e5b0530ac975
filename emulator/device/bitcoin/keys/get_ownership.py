"""GetOwnershipId and GetOwnershipProof: that a script is ours, for us and for others (SLIP-19).

Refuses foreign paths, script types without proofs, ids that are not ours, and inside an authorised
coinjoin everything that does not belong to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib import messages

from ...errors import DataError, DeviceFailure, ProcessError
from ...flow import Flow
from ...protocol.proto import Message
from .. import ownership
from ..address import address_of_key, script_of_address
from ..scripts.script_types import INTERNAL_INPUT_TYPES
from ..signing.coinjoin import allows_proof
from ..wallet import Wallet
from .key_rules import KeyRules, key_rules_for
from .message import ask_of_path


def _check_path(wallet: Wallet, rules: KeyRules, msg: Message) -> None:
    if rules.proofs_ask_of_paths:
        ask_of_path(wallet, rules, msg)
    else:
        wallet.verify_path(msg.address_n)


def _check_script_type(msg: Message) -> None:
    if msg.script_type not in INTERNAL_INPUT_TYPES:
        raise DataError("Invalid script type")


def _script_pubkey(wallet: Wallet, rules: KeyRules, msg: Message) -> bytes:
    key = wallet.derive(msg.address_n).public_key
    try:
        address = address_of_key(msg.script_type, wallet.coin, key, msg.multisig, wallet.rules)
    except DeviceFailure:
        if rules.no_script is None:
            raise
        raise rules.no_script.error() from None
    return script_of_address(address, wallet.coin)


def get_ownership_id(flow: Flow, msg: Message) -> Message:
    """What this wallet calls the script at a path."""
    wallet, rules = Wallet.for_path_check(flow, msg.coin_name), key_rules_for(flow.persona)
    _check_path(wallet, rules, msg)
    _check_script_type(msg)
    identifier = ownership.ownership_id(flow, _script_pubkey(wallet, rules, msg))
    return messages.OwnershipId(ownership_id=identifier)


def _checked_ids(msg: Message, own: bytes) -> Sequence[bytes]:
    """The ids a proof carries: a group's all come from the host, a single key's is ours."""
    given = [bytes(identifier) for identifier in msg.ownership_ids]
    if msg.multisig is not None:
        if own not in given:
            raise DataError("Missing ownership identifier")
        return given
    if given and given != [own]:
        raise DataError("Invalid ownership identifier")
    return [own]


def get_ownership_proof(flow: Flow, msg: Message) -> Message:
    """Prove that a script is ours; with the person's confirmation if the proof says so."""
    wallet = Wallet.for_path_check(flow, msg.coin_name, change_chain_too=True)
    rules, authorization = key_rules_for(flow.persona), flow.coinjoin
    if authorization is None:
        _check_path(wallet, rules, msg)
    elif not allows_proof(authorization, msg):
        raise ProcessError("Unauthorized operation")
    if msg.multisig is not None and rules.groups_unprovable is not None:
        raise rules.groups_unprovable.error()
    _check_script_type(msg)
    script = _script_pubkey(wallet, rules, msg)
    identifiers = _checked_ids(msg, ownership.ownership_id(flow, script))
    commitment = bytes(msg.commitment_data or b"")
    if msg.user_confirmation and authorization is None:
        rules.questions.proof_of_ownership(flow, commitment)
    if msg.script_type not in rules.proof_types:
        raise rules.unprovable.error()
    proof, signature = ownership.generate_proof(
        wallet.derive(msg.address_n),
        msg.script_type,
        msg.multisig,
        wallet.rules,
        user_confirmed=bool(msg.user_confirmation),
        ownership_ids=identifiers,
        script_pubkey=script,
        commitment_data=commitment,
    )
    return messages.OwnershipProof(ownership_proof=proof, signature=signature)
