"""Multisig groups: the keys of all cosigners, their script, and the group's fingerprint.

Refuses hardened steps below a cosigner's key, keys that are no points, groups without or with more
than 15 keys, and a key of ours that is not among them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from coincurve import PublicKey
from trezorlib.messages import MultisigPubkeysOrder

from ..errors import DataError
from ..keys import HARDENED, ORDER
from ..protocol.proto import Message
from .rules import BitcoinRules

MAX_KEYS = 15
_KEY_SIZE = 33
_CHAIN_CODE_SIZE = 32
_OP_1_LESS_1 = 0x50
_OP_CHECKMULTISIG = 0xAE


def invalid_parameters() -> DataError:
    """The firmware's word for a group that cannot be."""
    return DataError("Invalid multisig parameters")


def is_sorted(multisig: Message, rules: BitcoinRules) -> bool:
    """Whether the keys stand in the script in lexicographic order (BIP67)."""
    return rules.knows_pubkeys_order and multisig.pubkeys_order == MultisigPubkeysOrder.LEXICOGRAPHIC


def nodes(multisig: Message) -> list[Message]:
    """The cosigners' extended keys, whichever of the two forms the host used."""
    return list(multisig.nodes) or [hd.node for hd in multisig.pubkeys]


def key_count(multisig: Message) -> int:
    return len(multisig.nodes) or len(multisig.pubkeys)


def uses_single_path(multisig: Message) -> bool:
    """Whether all cosigners derive with the same path."""
    return len({tuple(hd.address_n) for hd in multisig.pubkeys}) <= 1


def validate(multisig: Message) -> None:
    """Raises DataError when a step below a cosigner's key is hardened."""
    steps = list(multisig.address_n)
    for hd in multisig.pubkeys:
        steps += hd.address_n
    if any(step & HARDENED for step in steps):
        raise DataError("Cannot perform hardened derivation from XPUB")


def _derived_key(node: Message, path: Sequence[int]) -> bytes:
    """The public key below a cosigner's extended key (BIP32 CKDpub)."""
    if len(node.chain_code) != _CHAIN_CODE_SIZE or len(node.public_key) != _KEY_SIZE:
        raise DataError("Invalid multisig pubkey")
    try:
        point, chain_code = PublicKey(bytes(node.public_key)), bytes(node.chain_code)
        for step in path:
            data = point.format() + step.to_bytes(4, "big")
            digest = hmac.new(chain_code, data, hashlib.sha512).digest()
            if int.from_bytes(digest[:32], "big") >= ORDER:
                raise ValueError("no such child")
            point, chain_code = point.add(digest[:32]), digest[32:]
    except ValueError:
        raise DataError("Invalid multisig pubkey") from None
    return bytes(point.format())


def _keys_as_given(multisig: Message) -> list[bytes]:
    validate(multisig)
    if multisig.nodes:
        return [_derived_key(node, multisig.address_n) for node in multisig.nodes]
    return [_derived_key(hd.node, hd.address_n) for hd in multisig.pubkeys]


def public_keys(multisig: Message, rules: BitcoinRules) -> list[bytes]:
    """The keys as they stand in the script. Raises DataError."""
    keys = _keys_as_given(multisig)
    return sorted(keys) if is_sorted(multisig, rules) else keys


def index_of(multisig: Message, public_key: bytes, rules: BitcoinRules) -> int:
    """The place of a key in the script. Raises DataError if it has none."""
    try:
        return public_keys(multisig, rules).index(public_key)
    except ValueError:
        raise DataError("Pubkey not found in multisig script") from None


def cosigner_index(multisig: Message, public_key: bytes) -> int:
    """The place of a key's extended key in the request. Raises DataError if it has none."""
    try:
        return _keys_as_given(multisig).index(public_key)
    except ValueError:
        raise DataError("XPUB not found in multisig script") from None


def script_of_keys(keys: Sequence[bytes], threshold: int, rules: BitcoinRules) -> bytes:
    """`threshold <keys> n OP_CHECKMULTISIG`. Raises DataError."""
    if not 1 <= len(keys) <= MAX_KEYS or not 1 <= threshold <= MAX_KEYS:
        raise invalid_parameters()
    if rules.threshold_within_keys and threshold > len(keys):
        raise invalid_parameters()
    script = bytearray([_OP_1_LESS_1 + threshold])
    for key in keys:
        script += bytes([_KEY_SIZE]) + key
    return bytes(script + bytes([_OP_1_LESS_1 + len(keys), _OP_CHECKMULTISIG]))


def redeem_script(multisig: Message, rules: BitcoinRules) -> bytes:
    """The script all cosigners share: redeem script of p2sh, witness script of p2wsh."""
    return script_of_keys(public_keys(multisig, rules), multisig.m, rules)


def fingerprint(multisig: Message, rules: BitcoinRules) -> bytes:
    """What identifies the group, whatever the address: threshold, order and extended keys."""
    group = nodes(multisig)
    if not 1 <= len(group) <= MAX_KEYS or not 1 <= multisig.m <= MAX_KEYS:
        raise invalid_parameters()
    if any(len(n.public_key) != _KEY_SIZE or len(n.chain_code) != _CHAIN_CODE_SIZE for n in group):
        raise invalid_parameters()
    in_order = is_sorted(multisig, rules)
    if rules.fingerprint_ignores_order:
        group.sort(key=lambda n: bytes(n.public_key))
    elif in_order:
        group.sort(key=lambda n: bytes(n.public_key) + bytes(n.chain_code))
    digest = hashlib.sha256()
    for number in (multisig.m, len(group), int(in_order)):
        digest.update(number.to_bytes(4, "little"))
    for node in group:
        for number in (node.depth, node.fingerprint, node.child_num):
            digest.update(number.to_bytes(4, "little"))
        digest.update(bytes(node.chain_code) + bytes(node.public_key))
    return digest.digest()
