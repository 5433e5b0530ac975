"""What differs between firmwares in the Bitcoin room: one named field per behaviour.

Code asks a field, never who the persona is. The rows are judged by the makers' sources and by
recordings of their emulators. Refuses a persona it has no row for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from ..personas import Persona
from .path_policies import PathPolicy, PrefixPolicy, SchemaPolicy
from .paths import BIP44_OPEN

_COINS = frozenset({"Bitcoin", "Testnet", "Signet", "Regtest"})
_COINS_WITHOUT_SIGNET = _COINS - {"Signet"}


@dataclass(frozen=True, slots=True)
class BitcoinRules:
    """One firmware's ways."""

    # Multisig: whether `pubkeys_order` is a field of its definition at all.
    knows_pubkeys_order: bool = True
    # The group's fingerprint is the same whatever the order of its keys.
    fingerprint_ignores_order: bool = False
    # A threshold above the number of keys is refused when the script is made.
    threshold_within_keys: bool = True
    # Paths: which are allowed, which are usual.
    path_policy: PathPolicy = field(default_factory=SchemaPolicy)
    # With relaxed safety checks ("prompt") a foreign path is a warning instead of a refusal.
    prompt_allows_any_path: bool = True
    # Title and last line of the warning about an unusual path.
    path_warning: tuple[str, str] = ("Wrong derivation path for selected account.", "Continue anyway?")
    # The coins of its table, and the refusal of another name.
    coins: frozenset[str] = _COINS
    unknown_coin: str = "Unsupported coin type"
    # The wallet is opened (passphrase) before a path is looked at.
    seed_before_paths: bool = True
    # The order in which a transaction is signed: core firmware's, or that of the C firmware.
    signing: Literal["core", "c"] = "core"
    # Change to a group needs one derivation path for all cosigners.
    change_needs_one_path: bool = True
    # From a group's inputs, an output to a key of ours on the same account is change, too.
    groups_may_change_to_key: bool = False
    # In a coinjoin the coordinator marks our inputs under a key of its own.
    masks_coinjoin_inputs: bool = False
    # Whose questions a signing asks.
    questions: Literal["core", "legacy", "onekey-classic"] = "core"


_CORE = BitcoinRules()
_LEGACY = replace(
    _CORE,
    threshold_within_keys=False,
    path_policy=PrefixPolicy(),
    path_warning=("Wrong address path for selected coin.", "Continue at your own risk!"),
    unknown_coin="Invalid coin name",
    seed_before_paths=False,
    signing="c",
    questions="legacy",
)
_ANY_ACCOUNT = 0x7FFF_FFFF

_ROWS = {
    "trezor-core": _CORE,
    "trezor-one": _LEGACY,
    "onekey-pro": replace(
        _CORE,
        coins=_COINS_WITHOUT_SIGNET,
        knows_pubkeys_order=False,
        fingerprint_ignores_order=True,
        path_policy=SchemaPolicy(
            account=f"0-{_ANY_ACCOUNT}",
            bip44=BIP44_OPEN,
            casa=False,
            unchained_segwit=False,
            firmware_signing=False,
            unchained_deprecated=True,
        ),
        prompt_allows_any_path=False,
        path_warning=("Unknown path", "This path is not a usual one. Continue?"),
    ),
    "onekey-classic1s": replace(
        _LEGACY,
        coins=_COINS_WITHOUT_SIGNET,
        knows_pubkeys_order=False,
        fingerprint_ignores_order=True,
        path_policy=PrefixPolicy(
            max_account=_ANY_ACCOUNT, bip45_hardened_unchecked=False, unchained_segwit=False
        ),
        path_warning=("Check path", "This is a non-standard path. Use this path?"),
        change_needs_one_path=False,
        groups_may_change_to_key=True,
        masks_coinjoin_inputs=True,
        questions="onekey-classic",
    ),
}


def rules_for(persona: Persona) -> BitcoinRules:
    """The row of a persona. KeyError if the room has none."""
    return _ROWS[persona.name]
