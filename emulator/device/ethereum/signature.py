"""The key that signs a message or typed data: its address, and 65-byte signatures r, s, v."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..deceit import signing_key
from ..flow import Flow
from ..keys import Node
from .address import address_of_key, checksum_address
from .wallet import Wallet

_UNCOMPRESSED = 27  # v of recovery id 0


@dataclass(frozen=True, slots=True)
class SignerOfMessages:
    """A key, and who else signs when the device lies."""

    flow: Flow
    node: Node
    decoy: Node
    address: str

    @classmethod
    def at(cls, flow: Flow, wallet: Wallet, path: Sequence[int]) -> SignerOfMessages:
        """The key at a path that was validated before."""
        node = wallet.derive(path)
        if wallet.rules.signer_checksum_of_chain:
            address = wallet.address(node)
        else:
            address = checksum_address(address_of_key(node.public_key))
        decoy = signing_key(flow, wallet, path, node)
        return cls(flow, node, decoy, address)

    def sign(self, digest: bytes) -> bytes:
        """r || s || v of a 32-byte digest."""
        recovery_id, raw = self.decoy.sign_recoverable(digest)
        signature = raw + bytes([_UNCOMPRESSED + recovery_id])
        return signature[:-1] if self.flow.faults.truncate_signature else signature
