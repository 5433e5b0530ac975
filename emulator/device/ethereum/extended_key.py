"""Ethereum's extended public keys: in Bitcoin's format, without script types."""

from __future__ import annotations

from trezorlib import messages

from ..bitcoin.address import b58check_encode
from ..keys import Node
from ..protocol.proto import Message

XPUB_VERSION = 0x0488B21E


def extended_public_key(node: Node) -> str:
    """xpub... of a node."""
    return b58check_encode(node.serialize_public(XPUB_VERSION))


def node_message(node: Node) -> Message:
    """The public half of a node as the protocol has it."""
    return messages.HDNodeType(
        depth=node.depth,
        fingerprint=node.fingerprint,
        child_num=node.child_num,
        chain_code=node.chain_code,
        public_key=node.public_key,
    )
