"""GetAddress: derives an address and, on request, shows it in full before returning it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ..flow import Flow
from ..proto import Message
from ..screens import Screen
from . import paths
from .address import address_of_key
from .coins import Coin
from .serialise import compact_size, u32
from .wallet import Wallet


def address_mac(flow: Flow, coin: Coin, path: Sequence[int], address: str) -> bytes:
    """SLIP-24 address MAC."""
    key = flow.slip21_key(b"SLIP-0024", b"Address MAC key")
    text = address.encode()
    data = u32(coin.slip44) + compact_size(len(path)) + b"".join(u32(n) for n in path)
    return hmac.new(key, data + compact_size(len(text)) + text, hashlib.sha256).digest()


def get_address(flow: Flow, msg: Message) -> Message:
    """The address of a path; forbidden paths and unknown coins are refused."""
    wallet = Wallet.for_coin(flow, msg.coin_name)
    coin, path = wallet.coin, msg.address_n
    usual = paths.fits_script_type(coin, path, msg.script_type, multisig=msg.multisig is not None)
    if msg.show_display:
        wallet.verify_path(path)
        if not (usual and paths.is_in_keychain(coin, path)):
            wallet.warn_unusual_path(path)
    address = address_of_key(msg.script_type, coin, wallet.derive(path).public_key, msg.multisig)
    mac = None
    if msg.show_display or (usual and paths.is_in_keychain(coin, path)):
        mac = address_mac(flow, coin, path, address)
    if msg.show_display:
        account = paths.account_label(coin, path, msg.script_type)
        lines = (address, account, paths.format_path(path))
        flow.confirm(Screen("show_address", "Receive address", lines, int(ButtonRequestType.Address)))
    if flow.faults.wrong_address:
        address = address_of_key(msg.script_type, coin, wallet.decoy(path).public_key)
    return messages.Address(address=address, mac=mac)
