"""GetAddress: derives an address and, on request, shows it in full before returning it.

Refuses foreign paths, a group our key is not in, and (with strict safety checks, where the firmware
looks) cosigners that derive with different paths.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import InputScriptType

from ...errors import DeviceFailure
from ...flow import Flow
from ...protocol.proto import Message
from ...slip24 import address_mac
from .. import multisig as group
from .. import paths
from ..address import address_of_key, b58check_encode, group_address
from ..coins import Coin
from ..questions.keys_base import AddressShown, GroupShown
from ..wallet import Wallet
from .key_rules import KeyRules, key_rules_for


def get_address(flow: Flow, msg: Message) -> Message:
    """The address of a path, or of the group its key is a member of."""
    wallet, rules = Wallet.for_path_check(flow, msg.coin_name), key_rules_for(flow.persona)
    path, multisig = msg.address_n, msg.multisig
    lenient = rules.groups_are_lenient and multisig is not None
    usual = wallet.fits(path, msg.script_type, multisig=multisig is not None)
    usual = usual and wallet.is_in_keychain(path)
    wallet.verify_path(path, lenient=lenient)
    if msg.show_display and not usual:
        wallet.warn_unusual_path(path)
    key = wallet.derive(path, lenient=lenient).public_key
    address = _address(wallet, rules, msg, key)
    mac = None
    if rules.gives_mac and multisig is None and (msg.show_display or usual):
        mac = address_mac(flow, wallet.coin.slip44, path, address, with_path=rules.mac_covers_path)
    if msg.show_display:
        cosigners = None
        if multisig is not None:
            cosigners = _cosigners(wallet, rules, msg, key)
            rules.questions.multisig(flow)
            _check_different_paths(flow, rules, multisig)
        shown = _other_address(wallet, msg) if flow.faults.wrong_address_on_screen else address
        rules.questions.address(flow, _shown(wallet.coin, msg, shown, cosigners))
    if flow.faults.wrong_address:
        address = _other_address(wallet, msg)
    return messages.Address(address=address, mac=mac)


def _address(wallet: Wallet, rules: KeyRules, msg: Message, key: bytes) -> str:
    try:
        return address_of_key(msg.script_type, wallet.coin, key, msg.multisig, wallet.rules)
    except DeviceFailure:
        if rules.address is None:
            raise
        raise rules.address.error() from None


def _other_address(wallet: Wallet, msg: Message) -> str:
    """What a device that lies returns: a neighbour's, or the group's with its keys turned round."""
    if msg.multisig is None:
        return address_of_key(msg.script_type, wallet.coin, wallet.decoy(msg.address_n).public_key)
    keys = group.public_keys(msg.multisig, wallet.rules)[::-1]
    script = group.script_of_keys(keys, msg.multisig.m, wallet.rules)
    return group_address(msg.script_type, wallet.coin, script)


def _shown(coin: Coin, msg: Message, address: str, cosigners: GroupShown | None) -> AddressShown:
    return AddressShown(
        coin=coin,
        address=address,
        path=paths.format_path(msg.address_n),
        account=paths.account_label(coin, msg.address_n, msg.script_type),
        chunkify=bool(msg.chunkify),
        group=cosigners,
    )


def _check_different_paths(flow: Flow, rules: KeyRules, multisig: Message) -> None:
    """Each cosigner's path ends in one of a million indexes: scattered, they are hard to find again."""
    if rules.different_paths is None or group.uses_single_path(multisig):
        return
    if flow.state.strict:
        raise rules.different_paths.error()
    rules.questions.different_paths(flow)


def _cosigners(wallet: Wallet, rules: KeyRules, msg: Message, key: bytes) -> GroupShown:
    version = _xpub_version(wallet.coin, rules, msg)
    return GroupShown(
        threshold=msg.multisig.m,
        xpubs=tuple(_xpub(node, version) for node in group.nodes(msg.multisig)),
        own_index=group.cosigner_index(msg.multisig, key),
        is_sorted=group.is_sorted(msg.multisig, wallet.rules),
    )


def _xpub_version(coin: Coin, rules: KeyRules, msg: Message) -> int:
    if msg.ignore_xpub_magic:
        return coin.xpub_version
    own = rules.group_xpub_versions
    if msg.script_type == InputScriptType.SPENDWITNESS:
        return coin.xpub_version_group_segwit if own else coin.xpub_version_segwit
    if msg.script_type == InputScriptType.SPENDP2SHWITNESS:
        return coin.xpub_version_group_p2sh_segwit if own else coin.xpub_version_p2sh_segwit
    return coin.xpub_version


def _xpub(node: Message, version: int) -> str:
    numbers = version.to_bytes(4, "big") + bytes([node.depth & 0xFF])
    numbers += node.fingerprint.to_bytes(4, "big") + node.child_num.to_bytes(4, "big")
    return b58check_encode(numbers + bytes(node.chain_code) + bytes(node.public_key))
