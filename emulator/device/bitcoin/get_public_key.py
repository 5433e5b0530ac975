"""GetPublicKey: extended public keys of any path, with descriptor and SLIP-132 versions."""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import ButtonRequestType, InputScriptType

from ..errors import DataError, FirmwareError, forbidden_key_path
from ..flow import Flow
from ..keys import HARDENED
from ..proto import Message
from ..screens import Screen
from . import coins, paths
from .address import b58check_encode
from .coins import Coin

_SLIP25_PURPOSE = 10025 | HARDENED  # needs UnlockPath, which is not supported
_DESCRIPTORS = {
    InputScriptType.SPENDADDRESS: "pkh({})",
    InputScriptType.SPENDP2SHWITNESS: "sh(wpkh({}))",
    InputScriptType.SPENDWITNESS: "wpkh({})",
    InputScriptType.SPENDTAPROOT: "tr({})",
}


def descriptor_checksum(descriptor: str) -> str:
    """BIP380 checksum of an output descriptor."""
    charset = (
        "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
    )
    generator = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
    symbols: list[int] = []
    groups: list[int] = []
    for char in descriptor:
        value = charset.index(char)
        symbols.append(value & 31)
        groups.append(value >> 5)
        if len(groups) == 3:
            symbols.append(groups[0] * 9 + groups[1] * 3 + groups[2])
            groups = []
    if groups:
        symbols.append(groups[0] if len(groups) == 1 else groups[0] * 3 + groups[1])
    check = 1
    for value in symbols + [0] * 8:
        top = check >> 35
        check = (check & 0x7FFFFFFFF) << 5 ^ value
        for i in range(5):
            check ^= generator[i] if top >> i & 1 else 0
    check ^= 1
    return "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[check >> 5 * (7 - i) & 31] for i in range(8))


def _version(coin: Coin, script_type: InputScriptType, plain: bool) -> int:
    if script_type == InputScriptType.SPENDP2SHWITNESS:
        return coin.xpub_version if plain else coin.xpub_version_p2sh_segwit
    if script_type == InputScriptType.SPENDWITNESS:
        return coin.xpub_version if plain else coin.xpub_version_segwit
    if script_type == InputScriptType.EXTERNAL:
        raise DataError("Invalid combination of coin and script_type")
    return coin.xpub_version


def get_public_key(flow: Flow, msg: Message) -> Message:
    """The extended public key of any path (no path rules apply to public keys)."""
    coin = coins.by_name(msg.coin_name)
    if coin is None:
        raise FirmwareError("Unknown coin name")
    path = msg.address_n
    if path and path[0] == _SLIP25_PURPOSE:
        raise forbidden_key_path()
    if msg.ecdsa_curve_name not in (None, "secp256k1"):
        raise FirmwareError("Unsupported curve")
    node = flow.root().derive(path)
    version = _version(coin, msg.script_type, bool(msg.ignore_xpub_magic))
    xpub = b58check_encode(node.serialize_public(version))
    fingerprint = flow.root_fingerprint()
    descriptor = None
    if msg.script_type in _DESCRIPTORS:
        origin = paths.format_path(path)[1:].replace("'", "h")
        plain = b58check_encode(node.serialize_public(coin.xpub_version))
        inner = f"[{fingerprint:08x}{origin}]{plain}/<0;1>/*"
        descriptor = _DESCRIPTORS[msg.script_type].format(inner)
        descriptor += "#" + descriptor_checksum(descriptor)
    if msg.show_display:
        shown = descriptor if msg.script_type == InputScriptType.SPENDTAPROOT and descriptor else xpub
        _show(flow, coin, msg, shown)
    return messages.PublicKey(
        node=messages.HDNodeType(
            depth=node.depth,
            fingerprint=node.fingerprint,
            child_num=node.child_num,
            chain_code=node.chain_code,
            public_key=node.public_key,
        ),
        xpub=xpub,
        root_fingerprint=fingerprint,
        descriptor=descriptor,
    )


def _show(flow: Flow, coin: Coin, msg: Message, shown: str) -> None:
    path = paths.format_path(msg.address_n)
    name = paths.account_name(coin, msg.address_n, msg.script_type, account_level=True)
    if name is None:
        code = int(ButtonRequestType.UnknownDerivationPath)
        title = "Wrong derivation path for selected account."
        flow.confirm(Screen("path_warning", title, (path, "Continue anyway?"), code, "CONTINUE"))
    account = "Unknown path" if name is None else f"{coin.shortcut} {name}"
    lines = (shown, account, path)
    flow.confirm(Screen("show_xpub", "XPUB", lines, int(ButtonRequestType.PublicKey)))
