"""EthereumGetAddress and EthereumGetPublicKey, and OneKey's own messages of the same kind."""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib import messages

from ..bitcoin.keys import get_public_key as bitcoin
from ..errors import DataError
from ..flow import Flow
from ..keys import HARDENED, Node
from ..protocol.proto import Message
from ..slip24 import address_mac
from . import onekey_messages
from .address import address_of_key, checksum_address
from .extended_key import extended_public_key, node_message
from .networks import Network
from .paths import slip44_of
from .questions.choice import questions_for
from .rules import rules_for
from .wallet import Wallet

# Rootstock and its testnet have coin types of their own, by which the C firmwares know them.
_RSKIP60_CHAINS = {137: 30, 37310: 31}


def _written(wallet: Wallet, node: Node, path: Sequence[int]) -> str:
    """The address as the firmware writes it; the C ones take the checksum's chain from the path."""
    network = wallet.network
    if wallet.rules.checksum_by_path:
        chain = _RSKIP60_CHAINS.get(slip44_of(path) or 0, 0)
        network = Network(chain, 0, "", "")
    return checksum_address(address_of_key(node.public_key), network)


def _show_and_return(flow: Flow, wallet: Wallet, path: list[int], network: Network, *, show: bool) -> str:
    node = wallet.derive(path)
    address = _written(wallet, node, path)
    decoy = flow.faults.wrong_address or flow.faults.wrong_address_on_screen
    other = _written(wallet, wallet.decoy(path), path) if decoy else address
    if show:
        shown = other if flow.faults.wrong_address_on_screen else address
        questions_for(flow).show_address(shown, path, network)
    return other if flow.faults.wrong_address else address


def get_address(flow: Flow, msg: Message) -> Message:
    """The address of a path; forbidden paths are refused."""
    path = list(msg.address_n)
    wallet = Wallet.for_path(flow, path, msg.encoded_network)
    wallet.validate_path(path)
    mac = None
    if wallet.rules.address_mac:
        if len(path) < 2:
            raise wallet.rules.stumble("list index out of range")
        honest = _written(wallet, wallet.derive(path), path)
        mac = address_mac(flow, path[1] & ~HARDENED, path, honest)
    address = _show_and_return(flow, wallet, path, wallet.network, show=bool(msg.show_display))
    return messages.EthereumAddress(address=address, mac=mac)


def get_address_onekey(flow: Flow, msg: Message) -> Message:
    """OneKey's own EthereumGetAddressOneKey."""
    path = list(msg.address_n)
    wallet = Wallet.for_own_path(flow, path, msg.chain_id)
    wallet.validate_path(path)
    network = wallet.network
    if wallet.rules.checksum_by_path:  # and its screen names only the chain that was asked for
        network = Network(msg.chain_id or 0, 0, "", "")
    address = _show_and_return(flow, wallet, path, network, show=bool(msg.show_display))
    return onekey_messages.EthereumAddressOneKey(address=address)


def get_public_key(flow: Flow, msg: Message) -> Message:
    """The extended public key of a path, in Bitcoin's format.

    Any path, but for the C firmwares only 44' and 45'.
    """
    path = list(msg.address_n)
    purposes = rules_for(flow.persona).public_key_purposes
    if purposes and (not path or path[0] not in purposes):
        raise DataError("Invalid path for EthereumGetPublicKey")
    found = bitcoin.get_public_key(flow, messages.GetPublicKey(address_n=path))
    if msg.show_display:
        questions_for(flow).show_public_key(bytes(found.node.public_key), path)
    return messages.EthereumPublicKey(node=found.node, xpub=found.xpub)


def get_public_key_onekey(flow: Flow, msg: Message) -> Message:
    """OneKey's own EthereumGetPublicKeyOneKey: only accounts of known coin types and below."""
    path = list(msg.address_n)
    wallet = Wallet.for_own_path(flow, path, msg.chain_id)
    wallet.validate_branch(path)
    node = flow.root().derive(path)
    if msg.show_display:
        questions_for(flow).show_public_key(node.public_key, path)
    return onekey_messages.EthereumPublicKeyOneKey(node=node_message(node), xpub=extended_public_key(node))
