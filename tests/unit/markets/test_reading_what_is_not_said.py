"""Numbers beside an asset's name are not taken for its price, its flows, its open interest or its peg."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from vault.clock import from_iso, to_milliseconds
from vault.markets.reading.files import FileReport, read_file

NOW = to_milliseconds(from_iso("2026-02-15T00:00:00.000Z"))
DAYS = [date(2025, 1, 2) + timedelta(number) for number in range(40)]


def table(header: str, *columns: object, separator: str = ",", form: str = "%Y-%m-%d") -> str:
    """A row a day; a column is a function of the day's number, or one value."""
    rows = [
        separator.join([day.strftime(form), *(str(each(n) if callable(each) else each) for each in columns)])
        for n, day in enumerate(DAYS)
    ]
    return "\n".join([header, *rows]) + "\n"


def candles(price: float) -> str:
    return table("date,open,high,low,close,volume", price, price * 1.01, price * 0.99, price, 10)


def report_of(folder: Path, name: str, content: str) -> FileReport:
    (folder / name).write_text(content, encoding="utf-8")
    return read_file(folder / name, NOW)[1][0]


def funds(one: object, two: object) -> str:
    return table("Date,IBIT,FBTC", one, two)


REFUSED = {
    "ibit_fbtc_prices.csv": (funds(lambda n: 50 + n / 10, lambda n: 80 + n / 10), "'prices' is said"),
    "btc_etfs.csv": (funds(lambda n: 50 + n / 10, lambda n: 80 + n / 10), "without the word flow"),
    "btc_etf_flows.csv": (funds(lambda n: 50 + n / 10, lambda n: 80 + n / 10), "no day is negative"),
    "btc_etf_volume.csv": (funds(lambda n: 500 + n % 7, 100), "'volume' is said"),
    "btc_etf_aum.csv": (funds(1e10, 2e10), "'aum' is said"),
    "btc_etf_holdings.csv": (funds(1e5, 2e5), "'holdings' is said"),
    "exchange_netflow_btc.csv": (table("date,netflow", lambda n: 900 * (-1) ** n), "'exchange' is said"),
    "netflow_btc.csv": (table("date,netflow", lambda n: 900 * (-1) ** n), "the word etf"),
    "etf_flow_btc.csv": (table("date,netflow_btc", lambda n: 900 * (-1) ** n), "coins, dollars or millions"),
    "btc_fear_greed.csv": (table("date,value", lambda n: 50 + n), "'fear' is said"),
    "btc_dominance.csv": (table("date,BTC", 55), "'dominance' is said"),
    "btc_dominance_1d.csv": (candles(55.0), "'dominance' is said"),
    "btc_hashrate.csv": (table("date,BTC", 7e8), "'hashrate' is said"),
    "btc_difficulty.csv": (table("date,value", 7e13), "'difficulty' is said"),
    "btc_active_addresses.csv": (table("date,value", 7e5), "'addresses' is said"),
    "btc_google_trends.csv": (table("day,bitcoin", lambda n: 50 + n), "'trends' is said"),
    "btc.csv": (table("date,value", 95000), "nothing says that 'value' is a price of BTC"),
    "btc_something.csv": (table("date,BTC", 55), "no price of BTC in USD"),
    "btc_open_interest_musd.csv": (table("date,open_interest", 30000), "'musd' is said"),
    "btc_open_interest.csv": (table("date,open_interest", 30000), "nothing says whether"),
    "sol_oi.csv": (table("date,openInterest", 5e9), "nothing says whether"),
    "cme_btc_open_interest.csv": (table("date,open_interest", 30000), "'cme' is said"),
    "btc_open_interest_usd.csv": (table("date,open_interest", 30000), "open interest in dollars"),
    "btc_oi.csv": (table("date,open_interest_usd_millions,price", 30000, 95000), "'millions' is said"),
    "usdt_premium.csv": (table("date,USDT", 0.5), "'premium' is said"),
    "usdt.csv": (table("date,USDT", 0.5), "seldom near 1"),
    "usdt_candles.csv": (candles(0.5), "seldom near 1"),
    "gold_thousands.csv": (
        table("Date;Gold", lambda n: f"2.{600 + n}", separator=";", form="%d.%m.%Y"),
        "could be thousands",
    ),
    "gold_commas.csv": (table("Date;Gold", lambda n: f"2,{600 + n}", separator=";"), "could be thousands"),
    "gold_mixed.csv": (
        table("Date;Gold", lambda n: "2,61" if n % 2 else "2,600", separator=";"),
        "could be thousands",
    ),
    "BTCEUR-1d.csv": (candles(85000), "quoted in EUR"),
    "BTC_GBP.csv": (candles(75000), "quoted in GBP"),
    "XXBTZEUR.csv": (candles(85000), "quoted in EUR"),
    "btc_try.csv": (candles(3.5e6), "quoted in TRY"),
    "many.csv": (
        "timestamp,symbol,open,high,low,close\n"
        + "".join(f"2025-01-{n:02},BTCJPY,15000000,15000001,14999999,15000000\n" for n in range(1, 20)),
        "quoted in JPY",
    ),
    "btc_prices_abroad.csv": (table("date,price_krw", 1.3e8), "other currencies only"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_be_something_else_is_named_and_gives_nothing(tmp_path: Path, name: str) -> None:
    content, reason = REFUSED[name]
    report = report_of(tmp_path, name, content)
    assert not [
        each for each in report.recognised if str(each.key).split(":")[0] != "close" or "oi" not in name
    ]
    assert reason in " ".join(report.reasons)


@pytest.mark.parametrize("name", ["btc.csv", "btc_open_interest.csv", "btc_etfs.csv"])
def test_an_ambiguous_file_comes_with_the_way_out(tmp_path: Path, name: str) -> None:
    assert "mapping" in report_of(tmp_path, name, REFUSED[name][0]).reasons[0]


TAKEN = {
    "btc_etf.csv": (table("date,total", lambda n: 100.0 * (-1) ** n), ["etf_flow:BTC:btc-etf"]),
    "btc_price.csv": (table("date,value", 95000), ["close:BTC:btc-price"]),
    "BTCUSDT.csv": (table("date,value", 95000), ["close:BTC:btcusdt"]),
    "gold.csv": (table("date,value", 2600), ["close:XAU:gold"]),
    "vix_volatility.csv": (table("date,value", 15), ["close:VIX:vix-volatility"]),
    "btc_oi_coins.csv": (table("date,open_interest", 30000), ["open_interest:BTC:btc-oi-coins"]),
    "binance_btc.csv": (table("date,openInterest", 30000), ["open_interest:BTC:binance"]),
    "usde.csv": (table("date,USDE", lambda n: 0.65 if n == 9 else 1.0), ["peg:USDE:usde"]),
    "silver_points.csv": (
        table("Date;Silver", lambda n: f"2{n % 10}.{100 + n}" if n else "9.5", separator=";"),
        ["close:XAG:silver-points"],
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_said_is_taken(tmp_path: Path, name: str) -> None:
    content, keys = TAKEN[name]
    report = report_of(tmp_path, name, content)
    assert [str(each.key) for each in report.recognised] == keys, report.reasons
