"""Speeds, bounds and sources of prices in treasury.toml: exact, bounded, and never of a real exchange yet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from vault.config import TreasuryConfig
from vault.errors import GuardError
from vault.treasury.authority import require_permitted_world

PRICE = {"name": "second", "exchange": "bybit", "symbol": "BTCUSDT", "url": "http://127.0.0.1:9"}


def config(**changes: Any) -> TreasuryConfig:
    document = {
        "schema": 1,
        "treasury_id": "desk",
        "bitcoin": {"network": "regtest", "esplora": "http://127.0.0.1:2"},
        **changes,
    }
    return TreasuryConfig.model_validate(document)


def test_the_defaults_are_five_percent_an_hour_and_one_percent_apart() -> None:
    risk = config().risk
    assert (risk.adverse_move_per_hour, risk.max_price_difference) == (Decimal("0.05"), Decimal("0.01"))


@pytest.mark.parametrize(
    ("key", "value", "fine"),
    [
        ("adverse_move_per_hour", "0.001", True),
        ("adverse_move_per_hour", "1", True),
        ("adverse_move_per_hour", "0.0009", False),
        ("adverse_move_per_hour", "1.01", False),
        ("max_price_difference", "0.1", True),
        ("max_price_difference", "0", False),
        ("max_price_difference", "0.11", False),
    ],
)
def test_no_value_switches_a_check_off(key: str, value: str, fine: bool) -> None:
    if fine:
        assert getattr(config(risk={key: value}).risk, key) == Decimal(value)
        return
    with pytest.raises(ValidationError):
        config(risk={key: value})


def test_a_source_of_prices_is_reached_without_an_account() -> None:
    (line,) = config(price=[PRICE]).price_lines
    assert (line.name, line.exchange, line.url, line.account_uid) == ("second", "bybit", PRICE["url"], "none")


@pytest.mark.parametrize(
    "prices",
    [
        [PRICE, PRICE],
        [{**PRICE, "name": "trading"}],
        [{**PRICE, "exchange": "dydx"}],
        [{**PRICE, "symbol": "a b"}],
    ],
)
def test_two_of_one_name_and_exchanges_without_marks_are_refused(prices: list[dict[str, str]]) -> None:
    venue = {"name": "trading", "exchange": "binance", "account_uid": "7", "url": "http://127.0.0.1:3"}
    config(venue=[venue], price=[PRICE])
    with pytest.raises(ValidationError):
        config(venue=[venue], price=prices)


@pytest.mark.parametrize("url", [None, "https://api.bybit.com"])
def test_a_real_exchange_is_not_asked_for_prices_yet(url: str | None) -> None:
    price = {**PRICE, "url": url} if url else {key: value for key, value in PRICE.items() if key != "url"}
    with pytest.raises(GuardError):
        require_permitted_world(config(price=[price]))
    require_permitted_world(config(price=[PRICE]))
