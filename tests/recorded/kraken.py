"""Readers of the recorded answers of Kraken's two hosts."""

from __future__ import annotations

from typing import Any

from tests.recorded.fixtures import Recording
from tests.recorded.reading import Number, Reader, Reading
from tests.support.kraken_answers import CONTEXT, account_answers
from vault.venues.kraken.margin import margin_account
from vault.venues.kraken.positions import mark_price


def readers(recording: Recording) -> dict[tuple[str, int], Reader]:
    """Margin positions of the spot exchange are no part of the futures account: they are named."""

    def of_spot_positions(raw: Any) -> Reading:
        found = margin_account(account_answers(spot_positions=raw), CONTEXT)
        return Reading("part", (), absent=found.missing)

    return {("fetchPositions", 0): of_spot_positions}


def futures_readers(recording: Recording) -> dict[tuple[str, int], Reader]:
    return {("fetchFundingRates", 0): of_tickers}


def of_tickers(raw: Any) -> Reading:
    """The mark prices that positions are judged at, each as its own ticker gives it."""
    numbers = []
    for row, line in enumerate(raw["tickers"]):
        alone = {**{name: raw[name] for name in ("result", "serverTime")}, "ticker": line}
        price, _ = mark_price(alone, line.get("symbol", ""))
        numbers.append(Number(f"mark_price:{line['symbol']}", price, ("tickers", row, "markPrice")))
    return Reading("part", tuple(numbers))
