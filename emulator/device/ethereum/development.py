"""Signs definitions with the development keys, for test suites that need networks of their own.

The keys are public: genuine devices refuse what they sign, debug builds and this device take it.
"""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib import cosi

from ..protocol import proto
from ..protocol.proto import Message
from .definitions import FORMAT_VERSION, KINDS, merkle_root

_PRIVATE_KEYS = tuple(bytes([filler]) * 32 for filler in (0xDD, 0xDE, 0xDF))
FAR_FUTURE = 0xFFFF_FFFF  # newer than any firmware's own tables


def signed_definition(
    message: Message,
    *,
    timestamp: int = FAR_FUTURE,
    neighbours: Sequence[bytes] = (),
    signers: int = 3,
) -> bytes:
    """An encoded definition of a network, a token or a display format.

    `neighbours` are the hashes beside it on the way to the root of the Merkle tree.
    """
    payload = proto.encode(message)
    leaf = (
        FORMAT_VERSION
        + bytes([KINDS[type(message)]])
        + timestamp.to_bytes(4, "little")
        + len(payload).to_bytes(2, "little")
        + payload
    )
    root = merkle_root(leaf, list(neighbours))
    signature = cosi.sign_with_privkeys(root, _PRIVATE_KEYS[:signers])
    proof = bytes([len(neighbours)]) + b"".join(neighbours)
    return leaf + proof + bytes([(1 << signers) - 1]) + bytes(signature)
