"""The mark price of one contract out of an exchange's public answer. Pure.

Refuses an answer about another contract, an error, and a price that is not above zero. Sources: Binance
"Mark Price", Bybit "Get Tickers", OKX "Get mark price", Deribit "public/ticker".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from vault.errors import MoneyError, VenueError
from vault.money import venue_decimal

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """The public endpoint that says a contract's mark price, and where the answer says it."""

    endpoint: str
    parameters: Callable[[str], Parameters]
    line: Callable[[Any], Any]
    symbol: str
    price: str
    at: Callable[[Any], Any]
    """The moment of the price, in milliseconds since 1970."""


QUESTIONS: Final[dict[str, Question]] = {
    "binance": Question(
        "fapiPublicGetPremiumIndex",
        lambda symbol: (("symbol", symbol),),
        lambda answer: answer,
        "symbol",
        "markPrice",
        lambda answer: answer["time"],
    ),
    "bybit": Question(
        "publicGetV5MarketTickers",
        lambda symbol: (("category", "linear"), ("symbol", symbol)),
        lambda answer: answer["result"]["list"][0],
        "symbol",
        "markPrice",
        lambda answer: answer["time"],
    ),
    "okx": Question(
        "publicGetPublicMarkPrice",
        lambda symbol: (("instType", "SWAP"), ("instId", symbol)),
        lambda answer: answer["data"][0],
        "instId",
        "markPx",
        lambda answer: answer["data"][0]["ts"],
    ),
    "deribit": Question(
        "publicGetTicker",
        lambda symbol: (("instrument_name", symbol),),
        lambda answer: answer["result"],
        "instrument_name",
        "mark_price",
        lambda answer: answer["result"]["timestamp"],
    ),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark price and the moment that its exchange gives it."""

    price: Decimal
    at: datetime


def _milliseconds(value: object) -> int:
    if not isinstance(value, str):  # every number of the answer is read as its text
        raise TypeError(value)
    return int(value)


def read_mark(exchange: str, symbol: str, text: str) -> Mark:
    """The mark price in an answer's raw text. Raises `VenueError` (``venue.bad_answer``)."""
    question = QUESTIONS[exchange]
    try:
        # Numbers as they stand in the text: a float would round them.
        answer = json.loads(text, parse_float=str, parse_int=str)
        line = question.line(answer)
        at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=_milliseconds(question.at(answer)))
        found, price = line[question.symbol], venue_decimal(line[question.price], what="mark price")
    except (ValueError, RecursionError, TypeError, KeyError, IndexError, OverflowError, MoneyError):
        raise VenueError(
            "bad_answer", f"{exchange}: expected the mark price of {symbol}, found no readable one"
        ) from None
    if found != symbol or price <= 0:
        raise VenueError(
            "bad_answer",
            f"{exchange}: expected a mark price of {symbol}, found {price} of {str(found)[:40]!r}",
        )
    return Mark(price, at)
