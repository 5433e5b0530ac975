"""What spends our inputs, as the C firmware writes it.

A group's signatures are those the host sent, ours put in its place; if the host left no place for
it, it is missing from the transaction (and still returned).
"""

from __future__ import annotations

import hashlib

from ....errors import DataError, ProcessError
from ....keys import Node
from ....protocol.proto import Message
from ... import multisig
from ...address import witness_script
from ...rules import BitcoinRules
from ...scripts import serialise
from ...scripts.serialise import SIGHASH_ALL, prefixed, push


def _group_signatures(
    group: Message, node: Node, signature: bytes, rules: BitcoinRules
) -> tuple[list[bytes], bytes]:
    """(signatures with their hash type, script). Raises DataError for a group without our key."""
    index = multisig.index_of(group, node.public_key, rules)
    signatures = [bytes(given) for given in group.signatures]
    if index < len(signatures):
        signatures[index] = signature
    given = [sig + bytes([SIGHASH_ALL]) for sig in signatures if sig]
    return given, multisig.redeem_script(group, rules)


def require_membership(group: Message | None, node: Node, rules: BitcoinRules) -> None:
    """Raises DataError when our key is not one of the group's."""
    if group is None:
        return
    try:
        multisig.index_of(group, node.public_key, rules)
    except DataError:
        raise DataError("Pubkey not found in multisig script") from None


def script_sig(txi: Message, node: Node, signature: bytes, rules: BitcoinRules) -> bytes:
    """The scriptSig of a legacy input."""
    if txi.multisig is None:
        return serialise.p2pkh_script_sig(signature, node.public_key)
    given, script = _group_signatures(txi.multisig, node, signature, rules)
    return b"\0" + b"".join(push(sig) for sig in given) + push(script)


def witness(txi: Message, node: Node, signature: bytes, rules: BitcoinRules) -> bytes:
    """The witness of a segwit version 0 input, with its count."""
    if txi.multisig is None:
        return serialise.p2wpkh_witness(signature, node.public_key)
    given, script = _group_signatures(txi.multisig, node, signature, rules)
    return bytes([len(given) + 2]) + b"\0" + b"".join(prefixed(sig) for sig in given) + prefixed(script)


def nested_script_sig(txi: Message, node: Node | None, rules: BitcoinRules) -> bytes:
    """The scriptSig of a segwit input nested in p2sh; a group's needs no key of ours."""
    if txi.multisig is None:
        return serialise.nested_script_sig(node.public_key if node else b"")
    try:
        script = multisig.redeem_script(txi.multisig, rules)
    except DataError:
        raise ProcessError("Failed to compile input") from None
    return push(witness_script(0, hashlib.sha256(script).digest()))
