"""What a spend from a multisig group carries: cosigners' signatures with ours among them, and the script.

Refuses a slot that is already filled, and (p2sh) a request without a slot for our signature.
"""

from __future__ import annotations

import hashlib

from ...errors import FirmwareError
from ...protocol.proto import Message
from ..address import witness_script
from ..multisig import index_of, invalid_parameters, key_count, redeem_script
from ..rules import BitcoinRules
from .serialise import SIGHASH_ALL, compact_size, prefixed, push


def _with_ours(multisig: Message, index: int, signature: bytes) -> list[bytes]:
    signatures = [bytes(given) for given in multisig.signatures]
    if index >= len(signatures):
        raise FirmwareError("list index out of range")  # the firmware's own exception
    if signatures[index]:
        raise invalid_parameters()
    signatures[index] = signature
    return [given for given in signatures if given]


def script_sig(multisig: Message, public_key: bytes, signature: bytes, rules: BitcoinRules) -> bytes:
    """`0 <signatures> <script>` of a p2sh group; the host gives a slot for every signature."""
    given = _with_ours(multisig, index_of(multisig, public_key, rules), signature)
    pushes = b"".join(push(sig + bytes([SIGHASH_ALL])) for sig in given)
    return b"\0" + pushes + push(redeem_script(multisig, rules))


def witness(multisig: Message, public_key: bytes, signature: bytes, rules: BitcoinRules) -> bytes:
    """The witness stack of a p2wsh group, with its count; missing slots are filled in."""
    index = index_of(multisig, public_key, rules)
    signatures = [bytes(given) for given in multisig.signatures]
    signatures += [b""] * (key_count(multisig) - len(signatures))
    if signatures[index]:
        raise invalid_parameters()
    signatures[index] = signature
    given = [sig for sig in signatures if sig]
    items = b"".join(prefixed(sig + bytes([SIGHASH_ALL])) for sig in given)
    return compact_size(len(given) + 2) + b"\0" + items + prefixed(redeem_script(multisig, rules))


def nested_script_sig(multisig: Message, rules: BitcoinRules) -> bytes:
    """The scriptSig of a p2wsh group nested in p2sh: a push of its witness program."""
    script_hash = hashlib.sha256(redeem_script(multisig, rules)).digest()
    return push(witness_script(0, script_hash))
