"""Block headers and Merkle branches: what a server must show before a confirmation is believed.

A branch proves that a transaction is in a block; the header's work proves that the block cost something.
Neither proves that the block is on the best chain: only another server, or a node of one's own, does.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from vault.address import Network, sha256d
from vault.bitcoin.backends.answers import nonsense, to_bytes, to_integer, to_list, to_object
from vault.bitcoin.backends.chains import CHAINS
from vault.bitcoin.transaction import Transaction
from vault.errors import PsbtError

HEADER_BYTES: Final = 80
# A block of 4,000,000 weight units holds fewer than 2**17 transactions.
MAX_BRANCH: Final = 17
# From this height on a mainnet header needs a tenth of the work that block 800,000 needed (53.9e12 times
# the easiest): without a floor a server could mine its own lies at the easiest target in seconds.
MAINNET_FLOOR_HEIGHT: Final = 800_000
MAINNET_FLOOR_TARGET: Final = CHAINS["mainnet"].limit // 5_390_000_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """A block header that has the work its target asks for."""

    height: int
    hash: str
    previous: str
    merkle_root: bytes


def block_hash_of(header: bytes) -> str:
    """A header's hash as people write it, whatever work it has."""
    return sha256d(header[:HEADER_BYTES])[::-1].hex()


def read_header(raw: bytes, height: int, network: Network) -> Header:
    """A header whose hash meets its own target, which is within the network's bounds."""
    if len(raw) != HEADER_BYTES:
        raise nonsense("block header", f"{HEADER_BYTES} bytes", raw.hex())
    bits = int.from_bytes(raw[72:76], "little")
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    target = mantissa << 8 * (exponent - 3) if exponent >= 3 else mantissa >> 8 * (3 - exponent)
    easiest = CHAINS[network.name].limit
    if network.name == "mainnet" and height >= MAINNET_FLOOR_HEIGHT:
        easiest = MAINNET_FLOOR_TARGET
    digest = sha256d(raw)
    if exponent > 32 or bits & 0x800000 or not 0 < target <= easiest:
        raise nonsense("block header", f"a target of {network.name}", f"{bits:08x}")
    if int.from_bytes(digest, "little") > target:
        raise nonsense("block header", "a hash that meets its target", digest[::-1].hex())
    return Header(height, digest[::-1].hex(), raw[4:36][::-1].hex(), raw[36:68])


def read_chain(raw: bytes, first: int, network: Network) -> tuple[Header, ...]:
    """Headers from height `first` on, each built on the one before it."""
    if not raw or len(raw) % HEADER_BYTES:
        raise nonsense("block headers", f"a multiple of {HEADER_BYTES} bytes", f"{len(raw)} bytes")
    headers = tuple(
        read_header(raw[start : start + HEADER_BYTES], first + start // HEADER_BYTES, network)
        for start in range(0, len(raw), HEADER_BYTES)
    )
    for before, after in itertools.pairwise(headers):
        if after.previous != before.hash:
            raise nonsense(f"block header {after.height}", f"one built on {before.hash}", after.previous)
    return headers


def require_branch(answer: Any, txid: str, header: Header) -> None:
    """Raises `ChainError` (``chain.bad_answer``) unless the branch leads from `txid` to the header's root."""
    proof = to_object(answer, "Merkle proof")
    branch = [to_bytes(each, "Merkle branch") for each in to_list(proof.get("merkle"), "Merkle branch")]
    position = to_integer(proof.get("pos"), "position in the block")
    if len(branch) > MAX_BRANCH or any(len(each) != 32 for each in branch) or position >> len(branch):
        raise nonsense("Merkle proof", "a branch of hashes that fits the position", answer)
    if climb(bytes.fromhex(txid)[::-1], [each[::-1] for each in branch], position) != header.merkle_root:
        raise nonsense("Merkle proof", f"that {txid} is in block {header.hash}", answer)


def climb(leaf: bytes, branch: Sequence[bytes], position: int) -> bytes:
    """The root over a leaf; all hashes in the order they have on the wire."""
    node = leaf
    for sibling in branch:
        pair = sibling + node if position & 1 else node + sibling
        # An inner node that is also a 64 byte transaction would prove a payment that never was.
        if _is_transaction(pair):
            raise nonsense("Merkle proof", "hashes", "a transaction in place of two of them")
        node = sha256d(pair)
        position >>= 1
    return node


def _is_transaction(pair: bytes) -> bool:
    try:
        Transaction.parse(pair)
    except PsbtError:
        return False
    return True


def script_hash(script: bytes) -> str:
    """What Electrum servers call a script: SHA-256, reversed, in hex."""
    return hashlib.sha256(script).digest()[::-1].hex()
