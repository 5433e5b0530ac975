"""Readers of public answers against what real exchanges sent (recorded; skipped without the recordings)."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.recorded.fixtures import fixtures_path
from vault.markets.feeds.answers import parse_answer
from vault.markets.feeds.venue import binance, bybit, deribit, kraken, okx
from vault.markets.feeds.venue.markets import market_of
from vault.markets.feeds.venue.questions import Contract

BTC = Contract("x", "BTCUSDT", "BTC", "USDT")
Read = Callable[[Any], Any]


def history(exchange: str, symbol: str, endpoint: str, kind: str) -> Read:
    for question in market_of(exchange, symbol).history:
        if question.endpoint == endpoint and kind in question.yields:
            return lambda answer: question.read(answer, BTC)
    raise AssertionError(endpoint)


CASES: list[tuple[str, str, Read]] = [
    ("binance", "fetchOHLCV", history("binance", "BTCUSDT", "fapiPublicGetKlines", "perp_volume")),
    ("bybit", "fetchOHLCV", history("bybit", "BTCUSDT", "publicGetV5MarketKline", "perp_volume")),
    (
        "bybit",
        "fetchFundingRateHistory",
        history("bybit", "BTCUSDT", "publicGetV5MarketFundingHistory", "funding"),
    ),
    ("okx", "fetchOHLCV", history("okx", "BTC-USDT-SWAP", "publicGetMarketHistoryCandles", "spot_volume")),
    (
        "deribit",
        "fetchOHLCV",
        history("deribit", "BTC-PERPETUAL", "publicGetGetTradingviewChartData", "perp_volume"),
    ),
    ("kraken", "fetchOHLCV", history("kraken", "PF_XBTUSD", "publicGetOHLC", "spot_volume")),
    ("bybit", "fetchStatus", bybit.LISTINGS[0].read),
    ("okx", "fetchStatus", okx.LISTINGS[0].read),
    ("kraken", "fetchCurrencies", kraken.LISTINGS[1].read),
]


@pytest.mark.parametrize(("exchange", "method", "read"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_a_recorded_answer_is_read(shared_dir: Path, exchange: str, method: str, read: Read) -> None:
    path = fixtures_path(shared_dir) / "response" / f"{exchange}.json"
    if not path.is_file():
        pytest.skip(f"no recorded answers of {exchange} at {path}")
    recorded = json.loads(path.read_text(encoding="utf-8"))["methods"].get(method, [])
    if not recorded:
        pytest.skip(f"no recorded {method} of {exchange}")
    for case in recorded:
        answer = case["httpResponse"]
        text = answer if isinstance(answer, str) else json.dumps(answer)
        found = read(parse_answer(text, method))
        assert found
        rows = list(found.values()) if isinstance(found, dict) else [v for _, row in found for v in row]
        assert all(value is None or isinstance(value, Decimal) for value in rows)


def test_the_status_of_the_venue_that_has_no_recording_is_a_number() -> None:
    assert binance.STATUS.read({"status": 1, "msg": "system maintenance"}) == {"ALL": Decimal(0)}
    assert deribit.LISTINGS[0].read({"result": {"locked": "partial"}}) == {"ALL": Decimal(0)}
    assert deribit.LISTINGS[0].read({"result": {"locked": False}}) == {"ALL": Decimal(1)}
