"""GetPublicKey: extended public keys of any path, with descriptor and SLIP-132 versions.

Refuses the coinjoin account (SLIP-25) unless it was unlocked, unknown curves, and script types that
have no extended key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trezorlib import messages
from trezorlib.messages import InputScriptType

from ...errors import DataError, forbidden_key_path
from ...flow import Flow
from ...keys import HARDENED
from ...protocol.proto import Message
from .. import coins, paths
from ..address import b58check_encode
from ..coins import Coin
from ..questions.keys_base import PublicKeyShown
from ..rules import rules_for
from . import curves
from .curves import NoSuchKeyError, PublicNode
from .descriptors import account_descriptor
from .key_rules import KeyRules, key_rules_for

_ACCOUNT_DEPTH = 3  # keys are derived in two parts: to the account, and from there


def known_coin(flow: Flow, rules: KeyRules, name: str) -> Coin:
    """The coin of messages that need no keychain: their refusal of a name may be another."""
    room = rules_for(flow.persona)
    if rules.unknown_coin is None:
        return coins.wanted(name, room.coins, room.unknown_coin)
    coin = coins.by_name(name or "Bitcoin")
    if coin is None or coin.name not in room.coins:
        raise rules.unknown_coin.error()
    return coin


def _version(coin: Coin, script_type: InputScriptType, plain: bool) -> int:
    if script_type == InputScriptType.SPENDP2SHWITNESS:
        return coin.xpub_version if plain else coin.xpub_version_p2sh_segwit
    if script_type == InputScriptType.SPENDWITNESS:
        return coin.xpub_version if plain else coin.xpub_version_segwit
    if script_type == InputScriptType.EXTERNAL:
        raise DataError("Invalid combination of coin and script_type")
    return coin.xpub_version


def _check_unlocked(flow: Flow, path: Sequence[int]) -> None:
    if path and path[0] == paths.SLIP25_PURPOSE:
        opened = flow.unlocked_path
        if opened is None or list(path[: len(opened)]) != list(opened):
            raise forbidden_key_path()


def _nodes(flow: Flow, rules: KeyRules, curve_name: str, path: Sequence[int]) -> tuple[PublicNode, int]:
    """The node at a path and the fingerprint of its root. Raises DeviceFailure."""
    root = flow.root()
    if rules.max_steps is not None and len(path[_ACCOUNT_DEPTH:]) > rules.max_steps:
        raise rules.too_many_steps.error()
    if curve_name == curves.SECP256K1:
        return curves.on_bitcoins_curve(root, path), flow.root_fingerprint()
    curve = curves.curve_named(curve_name, marks_edwards_by_1=rules.marks_edwards_by_1)
    if curve is None:
        raise rules.unknown_curve.error()
    seed = flow.session().seed
    try:
        return curve.derive(seed, path), curve.derive(seed, [HARDENED]).fingerprint
    except NoSuchKeyError:
        refusal = rules.unhardened_ed25519 if curve_name == curves.ED25519 else rules.underivable
        raise refusal.error() from None


def get_public_key(flow: Flow, msg: Message) -> Message:
    """The extended public key of any path (no path rules apply to public keys)."""
    rules = key_rules_for(flow.persona)
    coin, path = known_coin(flow, rules, msg.coin_name), msg.address_n
    _check_unlocked(flow, path)
    absent = msg.ecdsa_curve_name is None or (rules.empty_is_absent and not msg.ecdsa_curve_name)
    node, fingerprint = _nodes(flow, rules, curves.SECP256K1 if absent else msg.ecdsa_curve_name, path)
    version = _version(coin, msg.script_type, bool(msg.ignore_xpub_magic))
    xpub = b58check_encode(node.serialize(version))
    descriptor = None
    if rules.gives_descriptor:
        plain = b58check_encode(node.serialize(coin.xpub_version))
        descriptor = account_descriptor(msg.script_type, fingerprint, paths.format_path(path), plain)
    if msg.show_display:
        taproot = msg.script_type == InputScriptType.SPENDTAPROOT
        rules.questions.public_key(flow, _shown(coin, msg, xpub, descriptor if taproot else None))
    if node.public_key[0] == 1:
        node = replace(node, public_key=b"\x00" + node.public_key[1:])
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


def _shown(coin: Coin, msg: Message, xpub: str, descriptor: str | None) -> PublicKeyShown:
    name = paths.account_name(coin, msg.address_n, msg.script_type, account_level=True)
    return PublicKeyShown(
        coin=coin,
        xpub=xpub,
        path=paths.format_path(msg.address_n),
        account=None if name is None else f"{coin.shortcut} {name}",
        descriptor=descriptor,
    )
