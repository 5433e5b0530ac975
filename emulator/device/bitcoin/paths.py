"""Key paths: the schemas firmware knows, how a path is written, and what its account is called.

Schemas follow BIP44/45/48/49/84/86, SLIP-25 and the compatibility paths core firmware lists (Casa,
Green Address, Unchained). Which of them are allowed is decided by `path_policies`.
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
UNCHAINED_DEPRECATED = "45'/coin'/account'/0-1000000/index"
T1_FIRMWARE = "10026'/826421588'/2'/0'"
SLIP25_TAPROOT = "10025'/coin'/0'/1'/change/index"
SLIP25_TAPROOT_EXTERNAL = "10025'/coin'/0'/1'/0/index"
# One fork's BIP44 schema ends open: any number of unhardened steps may follow the chain.
BIP44_OPEN = "44'/coin'/account'/change/*"

ACCOUNTS = "0-100"
_NAMES = {"change": "0,1", "index": "0-1000000"}
SLIP25_PURPOSE = 10025 | HARDENED

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
def _schema(pattern: str, slip44: int, accounts: str) -> tuple[_Step, ...]:
    steps = []
    for part in pattern.split("/"):
        offset = HARDENED if part.endswith("'") else 0
        word = part.rstrip("'")
        word = {"coin": str(slip44), "account": accounts}.get(word, _NAMES.get(word, word))
        if "-" in word:
            low, high = (int(n) for n in word.split("-"))
            steps.append(_Step(range(low + offset, high + offset + 1)))
        else:
            steps.append(_Step(frozenset(int(n) + offset for n in word.split(","))))
    return tuple(steps)


def matches(pattern: str, coin: Coin, path: Sequence[int], accounts: str = ACCOUNTS) -> bool:
    """Whether a path follows a schema; `/*` at its end stands for any unhardened steps."""
    head = pattern.removesuffix("/*")
    schema = _schema(head, coin.slip44, accounts)
    if len(path) < len(schema) or (head == pattern and len(path) > len(schema)):
        return False
    if any(step >= HARDENED for step in path[len(schema) :]):
        return False
    return all(step.matches(value) for step, value in zip(schema, path, strict=False))


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
        ("Coinjoin", SLIP25_TAPROOT, InputScriptType.SPENDTAPROOT),
    )
    for name, pattern, kind in kinds:
        wanted = pattern.rsplit("/", WALLET_DEPTH)[0] if account_level else pattern
        if script_type in (None, kind) and matches(wanted, coin, path):
            return f"{name} #{path[2] - HARDENED + 1}" if "/account'" in pattern else name
    return None


def account_label(coin: Coin, path: Sequence[int], script_type: InputScriptType) -> str:
    name = account_name(coin, path, script_type)
    return "Unknown path" if name is None else f"{coin.shortcut} {name}"
