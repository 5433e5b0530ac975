"""Reading a backend's answers strictly: bounded JSON, whole numbers, hashes, amounts, transactions.

Refuses what does not have the form it must have (``chain.bad_answer``); nothing is rounded or guessed.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

from vault.bitcoin.transaction import MAX_MONEY, Transaction
from vault.errors import ChainError, PsbtError
from vault.money import BTC, Amount

# Deeper than any answer of Esplora, Electrum or bitcoind; bounds the parser's recursion.
MAX_DEPTH: Final = 32
# More lists and objects than the history of a hundred thousand transactions; bounds the parser's time.
MAX_PARTS: Final = 1_000_000
# More digits than any server writes, and as many as decimal arithmetic keeps exactly.
MAX_DIGITS: Final = 28
# sat/vB: a hundred times what has ever been paid; a rate above it is nonsense, not a market.
MAX_RATE: Final = 1_000_000

# Possessive: a text of nothing but an opening quote must not be searched again from each of its characters.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
_DIGITS: Final = frozenset("0123456789abcdef")


def nonsense(what: str, expected: str, found: object, *, who: str = "this server") -> ChainError:
    """The error for an answer of another form than the one asked for."""
    return ChainError(
        "bad_answer",
        f"{what}: expected {expected}, found {str(found)[:200]!r}",
        hint=f"Is {who} really what treasury.toml says it is? Nothing was concluded from the answer.",
    )


def read_json(text: str) -> Any:
    """A JSON value with exact decimals. Raises `ChainError` for other text, NaN, and deep nesting."""
    depth = parts = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        step = {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        depth += step
        parts += step > 0
        if depth > MAX_DEPTH or parts > MAX_PARTS:
            raise nonsense("answer", f"JSON of at most {MAX_DEPTH} levels and {MAX_PARTS} parts", text)
    try:
        return json.loads(text, parse_float=_decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError):
        raise nonsense("answer", "JSON", text) from None


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if len(text) > MAX_DIGITS or abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError(text)
    return number


def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


def to_object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise nonsense(what, "an object", value)
    return value


def to_list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise nonsense(what, "a list", value)
    return value


def to_integer(value: Any, what: str) -> int:
    """A whole number from 0, as a number or in plain digits."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if type(value) is not int or not 0 <= value < 10**15:
        raise nonsense(what, "a whole number", value)
    return value


def to_hash(value: Any, what: str = "transaction id") -> str:
    if not isinstance(value, str) or len(value) != 64 or set(value) - _DIGITS:
        raise nonsense(what, "64 hex digits", value)
    return value


def to_bytes(value: Any, what: str) -> bytes:
    """Bytes in plain lower-case hex."""
    if not isinstance(value, str) or len(value) % 2 or set(value) - _DIGITS:
        raise nonsense(what, "hex digits", value)
    return bytes.fromhex(value)


def to_amount(value: Any, what: str = "output value") -> Amount:
    """An amount given in satoshi."""
    if type(value) is not int or not 0 <= value <= MAX_MONEY:
        raise nonsense(what, "satoshi", value)
    return Amount(BTC, value)


def to_rate(value: Any, what: str = "fee estimate", *, per_vbyte: int | Decimal = 1) -> Decimal:
    """A fee rate in sat/vB out of a number that counts `per_vbyte` of its own units to one sat/vB."""
    if not isinstance(value, (int, Decimal)) or isinstance(value, bool):
        raise nonsense(what, "a rate", value)
    rate = Decimal(value) * per_vbyte
    if not rate.is_finite() or not 0 <= rate < MAX_RATE:
        raise nonsense(what, "a rate in sat/vB", value)
    return rate


def to_transaction(value: Any, txid: str) -> bytes:
    """A transaction's bytes, which must hash to `txid`."""
    if not isinstance(value, str):
        raise nonsense("transaction", "a transaction in hex", value)
    try:
        raw = bytes.fromhex(value)
        found = Transaction.parse(raw).txid
    except (ValueError, PsbtError):
        raise nonsense("transaction", "a transaction in hex", value) from None
    if found != txid:
        raise nonsense("transaction", txid, found)
    return raw
