"""Which key paths belong to a coin, and which script type belongs to a path.

A path outside the coin's schemas is "Forbidden key path" while safety checks are strict; a path
that does not fit the script type is allowed after a warning. Schemas follow BIP44/45/48/49/84/86
and the compatibility paths core firmware lists (Casa, Green Address, Unchained).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from trezorlib.messages import InputScriptType

from ..keys import HARDENED
from .coins import Coin

BIP44 = "44'/coin'/account'/change/index"
BIP45 = "45'/0-100/change/index"
BIP48_RAW = "48'/coin'/account'/0'/change/index"
BIP48_P2SH_SEGWIT = "48'/coin'/account'/1'/change/index"
BIP48_SEGWIT = "48'/coin'/account'/2'/change/index"
BIP49 = "49'/coin'/account'/change/index"
BIP84 = "84'/coin'/account'/change/index"
BIP86 = "86'/coin'/account'/change/index"
CASA = "45'/coin/account/change/index"
CASA_UNHARDENED = "49/coin/account/change/index"
GREEN_A = "1,4/index"
GREEN_B = "3'/1-100'/1,4/index"
GREEN_SIGN_A = "1195487518"
GREEN_SIGN_B = "1195487518/6/index"
UNCHAINED_HARDENED = "45'/coin'/account'/0-1000000/change/index"
UNCHAINED_UNHARDENED = "45'/coin/account/0-1000000/change/index"
T1_FIRMWARE = "10026'/826421588'/2'/0'"

_NAMES = {"account": "0-100", "change": "0,1", "index": "0-1000000"}

# The change chain and the highest address index an output may have to count as change.
CHANGE_CHAIN = 1
MAX_CHANGE_INDEX = 1_000_000
WALLET_DEPTH = 2  # chain and index


@dataclass(frozen=True, slots=True)
class _Step:
    allowed: frozenset[int] | range

    def matches(self, value: int) -> bool:
        return value in self.allowed


@cache
def _schema(pattern: str, slip44: int) -> tuple[_Step, ...]:
    steps = []
    for part in pattern.split("/"):
        offset = HARDENED if part.endswith("'") else 0
        word = part.rstrip("'")
        word = str(slip44) if word == "coin" else _NAMES.get(word, word)
        if "-" in word:
            low, high = (int(n) for n in word.split("-"))
            steps.append(_Step(range(low + offset, high + offset + 1)))
        else:
            steps.append(_Step(frozenset(int(n) + offset for n in word.split(","))))
    return tuple(steps)


def _matches(pattern: str, coin: Coin, path: Sequence[int]) -> bool:
    schema = _schema(pattern, coin.slip44)
    return len(schema) == len(path) and all(s.matches(v) for s, v in zip(schema, path, strict=True))


def is_in_keychain(coin: Coin, path: Sequence[int]) -> bool:
    """Whether the path is one of the coin's, whatever the script type."""
    patterns = [BIP44, BIP48_RAW, CASA, CASA_UNHARDENED, UNCHAINED_HARDENED, UNCHAINED_UNHARDENED]
    patterns += [BIP49, BIP84, BIP48_P2SH_SEGWIT, BIP48_SEGWIT, BIP86]
    if coin.slip44 == 0:
        patterns += [BIP45, GREEN_A, GREEN_B, GREEN_SIGN_A, GREEN_SIGN_B, T1_FIRMWARE]
    return any(_matches(pattern, coin, path) for pattern in patterns)


def fits_script_type(
    coin: Coin,
    path: Sequence[int],
    script_type: InputScriptType,
    *,
    multisig: bool = False,
    for_message: bool = False,
) -> bool:
    """Whether the path is the usual one for the script type; if not, the device warns."""
    patterns: list[str] = []
    green = [GREEN_A, GREEN_B] if coin.slip44 == 0 else []
    unchained = [UNCHAINED_HARDENED, UNCHAINED_UNHARDENED]
    legacy = (InputScriptType.SPENDADDRESS, InputScriptType.SPENDMULTISIG)
    if script_type == InputScriptType.SPENDADDRESS and not multisig:
        patterns = [BIP44, *green] + ([T1_FIRMWARE] if for_message else [])
    elif script_type in legacy and multisig:
        patterns = [BIP48_RAW, *([BIP45] if coin.slip44 == 0 else []), *green, *unchained]
    elif script_type == InputScriptType.SPENDP2SHWITNESS:
        patterns = [BIP49, CASA, CASA_UNHARDENED, *green]
        patterns += [BIP48_P2SH_SEGWIT] if multisig else []
    elif script_type == InputScriptType.SPENDWITNESS:
        patterns = [BIP84, *green] + ([BIP48_SEGWIT, *unchained] if multisig else [])
    elif script_type == InputScriptType.SPENDTAPROOT:
        patterns = [BIP86]
    return any(_matches(pattern, coin, path) for pattern in patterns)


def format_path(path: Sequence[int]) -> str:
    """m/84'/0'/0' notation."""
    parts = [f"{n - HARDENED}'" if n & HARDENED else str(n) for n in path]
    return "/".join(["m", *parts])


def account_name(
    coin: Coin, path: Sequence[int], script_type: InputScriptType | None, *, account_level: bool = False
) -> str | None:
    """The name the device gives an account, None for an unusual path."""
    kinds = (
        ("Legacy", BIP44, InputScriptType.SPENDADDRESS),
        ("L. SegWit", BIP49, InputScriptType.SPENDP2SHWITNESS),
        ("SegWit", BIP84, InputScriptType.SPENDWITNESS),
        ("Taproot", BIP86, InputScriptType.SPENDTAPROOT),
    )
    for name, pattern, kind in kinds:
        wanted = pattern.rsplit("/", WALLET_DEPTH)[0] if account_level else pattern
        if script_type in (None, kind) and _matches(wanted, coin, path):
            return f"{name} #{path[2] - HARDENED + 1}"
    return None


def account_label(coin: Coin, path: Sequence[int], script_type: InputScriptType) -> str:
    name = account_name(coin, path, script_type)
    return "Unknown path" if name is None else f"{coin.shortcut} {name}"
