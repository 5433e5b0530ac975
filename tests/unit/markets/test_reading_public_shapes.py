"""Files as public repositories have them are recognised, and their values known no earlier than they were.

Each sample is a few rows, written by hand, in the layout of the source that its name says.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from vault.clock import from_iso, to_milliseconds
from vault.markets.reading.files import read_file, read_folder
from vault.series import DAY, HOUR, MINUTE, Candles, FloatArray, MarketHistory

NOW = to_milliseconds(from_iso("2026-02-15T00:00:00.000Z"))
JAN_1 = to_milliseconds(from_iso("2024-01-01T00:00:00.000Z"))


def at(text: str) -> int:
    """``2024-01-02`` or ``2024-01-02T05:00`` in Unix ms."""
    return to_milliseconds(from_iso(f"{text}{'' if 'T' in text else 'T00:00'}:00.000Z"))


def read(folder: Path, name: str, content: str | bytes) -> MarketHistory:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    history, reports = read_folder(folder, NOW)
    assert reports[0].used, reports[0].reasons
    return history


def told(history: MarketHistory) -> dict[str, tuple[int, float, int]]:
    """Each history by its key without the source: from when its first value was known, that value, "
    "its step."""
    found = {}
    for key, item in history.recorded.items():
        data = item.data
        series = data.closes() if isinstance(data, Candles) else data
        found[f"{key.kind}:{key.name}"] = (int(series.times[0]), float(series.values[0]), key.step)
    return exact(found)


def exact(values: dict[str, tuple[int, float, int]]) -> dict[str, tuple[int, float, int]]:
    """The same to ten digits."""
    return {key: (known, float(f"{value:.10g}"), step) for key, (known, value, step) in values.items()}


def klines(first: int, step: int, unit: int, *, header: str = "") -> str:
    """Binance's dumps: twelve columns, times in ms, since 2025 in µs."""
    rows = [
        f"{(first + step * n) * unit},100,190,90,{101 + n},5,{(first + step * (n + 1)) * unit - 1},500,"
        f"10,2,200,0"
        for n in range(24)
    ]
    return header + "\n".join(rows)


CSV = {
    "BTCUSDT-1h-2025-01.csv": (klines(JAN_1, HOUR, 1000), {"price:BTC": (JAN_1 + HOUR, 101.0, HOUR)}),
    "binance/ETHUSDT-5m-2024-12.csv": (
        klines(
            JAN_1,
            5 * MINUTE,
            1,
            header="open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
            "taker_buy_quote_volume,ignore\n",
        ),
        {"price:ETH": (JAN_1 + 5 * MINUTE, 101.0, 5 * MINUTE)},
    ),
    "farside_btc.csv": (
        "Date,IBIT,FBTC,GBTC,BTC,Total\nFee,0.25%,0.25%,1.50%,0.15%,\n"
        '11 Jan 2024,111.7,227.0,(95.1),-,243.6\n12 Jan 2024,386.0,195.3,"(1,484.1)",-,(902.8)\n'
        "15 Jan 2024,-,-,-,-,0.0\nTotal,1,2,3,4,5\n",
        {"etf_flow:BTC": (at("2024-01-12T12:00"), 243.6e6, DAY)},
    ),
    "etf.csv": (
        "date,ticker,net_flow_usd\n2024-07-23,ETHA,266500000\n2024-07-23,ETHE,-484100000\n"
        "2024-07-24,ETHA,1\n",
        {"etf_flow:ETH": (at("2024-07-24T12:00"), -217.6e6, DAY)},
    ),
    "btc_etf.csv": (
        "date,totalNetInflow,cumNetInflow,totalNetAssets\n2024-01-11,655000000,655000000,29000000000\n"
        "2024-01-12,-203000000,452000000,27000000000\n",
        {"etf_flow:BTC": (at("2024-01-12T12:00"), 655e6, DAY)},
    ),
    "gold.csv": (
        "Price,Close,High,Low,Open,Volume\nTicker,GC=F,GC=F,GC=F,GC=F,GC=F\nDate,,,,,\n"
        "2024-01-02,2064.4,2074.0,2055.1,2067.1,45\n2024-01-03,2034.2,2064.5,2030.5,2058.5,103\n",
        {"close:XAU": (at("2024-01-03"), 2064.4, DAY)},
    ),
    "two_tickers.csv": (
        "Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,GC=F,SI=F,GC=F,SI=F,GC=F,SI=F,GC=F,SI=F\n"
        "Date,,,,,,,,\n2024-01-02,2064.4,23.7,2074.0,24,2055.1,23,2067.1,23.5\n"
        "2024-01-03,2034.2,22.9,2064.5,23.9,2030.5,22.8,2058.5,23.7\n",
        {"close:XAU": (at("2024-01-03"), 2064.4, DAY), "close:XAG": (at("2024-01-03"), 23.7, DAY)},
    ),
    "macro.csv": (
        "Date,GC=F,SI=F,^GSPC,DX-Y.NYB,^VIX\n2024-01-02,2064.4,23.7,4742.8,102.2,13.2\n"
        "2024-01-03,2034.2,22.9,4704.8,102.5,14.0\n",
        {
            "close:XAU": (at("2024-01-03"), 2064.4, DAY),
            "close:XAG": (at("2024-01-03"), 23.7, DAY),
            "close:SPX": (at("2024-01-03"), 4742.8, DAY),
            "close:DXY": (at("2024-01-03"), 102.2, DAY),
            "close:VIX": (at("2024-01-03"), 13.2, DAY),
        },
    ),
    "VIXCLS.csv": (
        "observation_date,VIXCLS\n2024-01-01,.\n2024-01-02,13.20\n2024-01-03,14.04\n",
        {"close:VIX": (at("2024-01-03"), 13.2, DAY)},
    ),
    "xagusd_d.csv": (
        "Date,Open,High,Low,Close,Volume\n2024-01-02,23.7,24.1,23.5,23.66,\n2024-01-03,23.6,23.7,22.6,"
        "22.95,\n",
        {"close:XAG": (at("2024-01-03"), 23.66, DAY)},
    ),
    "Gold Futures Historical Data.csv": (
        '"Date","Price","Open","High","Low","Vol.","Change %"\n'
        '"01/31/2024","2,067.40","2,055.90","2,074.30","2,049.90","223.48K","0.80%"\n'
        '"01/30/2024","2,050.90","2,050.70","2,067.90","2,045.10","1.50K","0.30%"\n',
        {"close:XAU": (at("2024-01-31"), 2050.9, DAY)},
    ),
    "metals_1h.csv": (
        "timestamp,symbol,open,high,low,close\n2024-01-02 00:00:00+00:00,XAUUSD,2064.4,2065,2063,2064.5\n"
        "2024-01-02 00:00:00+00:00,XAGUSD,23.4,23.5,23.3,23.45\n2024-01-02 01:00:00+00:00,XAUUSD,2064.4,"
        "2065,2063,2064\n"
        "2024-01-02 01:00:00+00:00,XAGUSD,23.4,23.5,23.3,23.4\n",
        {
            "close:XAU": (at("2024-01-02T01:00"), 2064.5, HOUR),
            "close:XAG": (at("2024-01-02T01:00"), 23.45, HOUR),
        },
    ),
    "gold_monthly.csv": (
        "Date,Price\n2023-12,2026.2\n2024-01,2034.0\n2024-02,2025.6\n",
        {"close:XAU": (at("2024-01-01"), 2026.2, 30 * DAY)},
    ),
    "Coinbase_BTCUSD_1h.csv": (
        "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n"
        "1646110800,2022-03-01 05:00:00,BTC/USD,43046.58,43046.59,43046.58,43046.59,0.14,5967.67\n"
        "1646107200,2022-03-01 04:00:00,BTC/USD,43018.23,43046.59,43018.23,43046.58,0.14,6142.85\n",
        {"price:BTC": (at("2022-03-01T05:00"), 43046.58, HOUR)},
    ),
    "btc_coinmarketcap.csv": (
        "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp\n"
        '"2024-02-01T00:00:00.000Z";"2024-02-01T23:59:59.999Z";"2024-02-01T17:33:00.000Z";"2024-02-01T08:26:00.000Z";'
        '"Bitcoin";42569.76;43243.17;41879.19;43075.77;21423953779.48;845234;"2024-02-01T23:59:59.999Z"\n'
        '"2024-01-31T00:00:00.000Z";"2024-01-31T23:59:59.999Z";"2024-01-31T17:33:00.000Z";"2024-01-31T08:26:00.000Z";'
        '"Bitcoin";42946.25;43717.41;42298.95;42582.61;24673628793.61;835234;"2024-01-31T23:59:59.999Z"\n',
        {"price:BTC": (at("2024-02-01"), 42582.61, DAY)},
    ),
    "BTCUSDT-metrics-2024-01-01.csv": (
        "create_time,symbol,sum_open_interest,sum_open_interest_value,count_long_short_ratio\n"
        "2024-01-01 00:05:00,BTCUSDT,75000.1,3180000000.5,1.4\n2024-01-01 00:10:00,BTCUSDT,75010.1,"
        "3181000000.5,1.4\n",
        {"open_interest:BTC": (at("2024-01-01T00:05"), 75000.1, 5 * MINUTE)},
    ),
    "BTCUSDT-fundingRate-2024-01.csv": (
        "calc_time,funding_interval_hours,last_funding_rate\n"
        + "\n".join(f"{JAN_1 + 8 * HOUR * n + 3},8,0.0001{n}" for n in range(9)),
        {"funding:BTC": (JAN_1, 0.0001, 8 * HOUR)},
    ),
    "btc_liquidations.csv": (
        "time,long_liquidations_usd,short_liquidations_usd\n2024-01-01T00:00:00Z,1200000,300000\n"
        "2024-01-01T01:00:00Z,2200000,30000\n",
        {
            "long_liquidations:BTC": (at("2024-01-01T01:00"), 1.2e6, HOUR),
            "short_liquidations:BTC": (at("2024-01-01T01:00"), 3e5, HOUR),
        },
    ),
    "stablecoins/supply.csv": (
        "date,USDT,USDC,total\n2024-01-01,91000000000,24000000000,120000000000\n"
        "2024-01-02,91500000000,24100000000,120600000000\n",
        {
            "supply:USDT": (at("2024-01-02"), 91e9, DAY),
            "supply:USDC": (at("2024-01-02"), 24e9, DAY),
            "supply:ALL": (at("2024-01-02"), 120e9, DAY),
        },
    ),
    "stable_prices.csv": (
        "timestamp,USDe,USDC\n2025-10-10 21:00:00,0.99,1.0\n2025-10-10 22:00:00,0.65,1.0001\n",
        {"peg:USDE": (at("2025-10-10T21:00"), 0.99, HOUR), "peg:USDC": (at("2025-10-10T21:00"), 1.0, HOUR)},
    ),
    "crypto.csv": (
        "timestamp,BTC,ETH\n2024-01-01 00:00:00,42000,2300\n2024-01-01 01:00:00,42010,2301\n",
        {
            "close:BTC": (at("2024-01-01T01:00"), 42000.0, HOUR),
            "close:ETH": (at("2024-01-01T01:00"), 2300.0, HOUR),
        },
    ),
    "xauusd_m5.csv": (
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\n"
        "2024.01.02\t00:00:00\t2062\t2063\t2061\t2062.5\t9\n"
        "2024.01.02\t00:05:00\t2062\t2063\t2061\t2062.6\t9\n",
        {"close:XAU": (at("2024-01-02T00:05"), 2062.5, 5 * MINUTE)},
    ),
    "XAGUSD5.csv": (
        "2024.01.02,00:00,23.4,23.5,23.3,23.45,9\n2024.01.02,00:05,23.4,23.5,23.3,23.41,9\n",
        {"close:XAG": (at("2024-01-02T00:05"), 23.45, 5 * MINUTE)},
    ),
    "stablecoin_mcap.csv": (
        "date,total_mcap\n2024-01-01,120000000000\n2024-01-02,120600000000\n",
        {"supply:ALL": (at("2024-01-02"), 120e9, DAY)},
    ),
    "LBMA-GOLD.csv": (
        "Date,USD (AM),USD (PM),GBP (AM)\n2024-01-02,2074.6,2067.1,1634\n2024-01-03,2060.1,2050.4,1625\n",
        {"close:XAU": (at("2024-01-03"), 2067.1, DAY)},
    ),
    "HistoricalData_gold.csv": (
        'Date,Close/Last,Volume,Open,High,Low\n01/31/2024,$2048.4,"1,234",$2037,$2055,$2030\n'
        '01/30/2024,$2031.5,"1,234",$2033,$2049,$2028\n',
        {"close:XAU": (at("2024-01-31"), 2031.5, DAY)},
    ),
    "gc_hourly.csv": (
        "Price,Close,High,Low,Open\nTicker,GC=F,GC=F,GC=F,GC=F\nDatetime,,,,\n"
        "2024-03-08 10:00:00-05:00,2170,2180,2160,2165\n2024-03-08 11:00:00-05:00,2171,2180,2160,2165\n"
        "2024-03-11 10:00:00-04:00,2172,2180,2160,2165\n2024-03-11 11:00:00-04:00,2173,2180,2160,2165\n",
        {"close:XAU": (at("2024-03-08T16:00"), 2170.0, HOUR)},
    ),
    "stablecoin_hist.csv": (
        "name,symbol,date,circulating,price\nUSD Coin,USDC,2024-01-01,24e9,0.999\n"
        "USD Coin,USDC,2024-01-02,24e9,0.999\nTether,USDT,2024-01-01,91e9,1.0\nTether,USDT,2024-01-02,"
        "91e9,1.0\n",
        {
            "supply:USDT": (at("2024-01-02"), 91e9, DAY),
            "peg:USDT": (at("2024-01-02"), 1.0, DAY),
            "supply:USDC": (at("2024-01-02"), 24e9, DAY),
            "peg:USDC": (at("2024-01-02"), 0.999, DAY),
        },
    ),
    "market_daily.csv": (
        "date,btc_close,gold_close,S&P 500,vix,usdt_supply,btc_etf_flow\n2024-01-02,44957,2064,4742,13.2,"
        "9.1e10,1e8\n"
        "2024-01-03,42848,2034,4704,14.0,9.1e10,-2e8\n",
        {
            "close:BTC": (at("2024-01-03"), 44957.0, DAY),
            "close:XAU": (at("2024-01-03"), 2064.0, DAY),
            "close:SPX": (at("2024-01-03"), 4742.0, DAY),
            "close:VIX": (at("2024-01-03"), 13.2, DAY),
            "supply:USDT": (at("2024-01-03"), 9.1e10, DAY),
            "etf_flow:BTC": (at("2024-01-03T12:00"), 1e8, DAY),
        },
    ),
    "btc_context.csv": (
        "timestamp,open,high,low,close,volume,funding_rate\n"
        + "\n".join(f"{JAN_1 + HOUR * n},9,10,8,9.5,1,{0.0001 * (1 + n // 8 % 5):.4f}" for n in range(60)),
        {"price:BTC": (JAN_1 + HOUR, 9.5, HOUR), "funding:BTC": (JAN_1, 0.0001, 8 * HOUR)},
    ),
    "btc_ms.csv": (
        "Date,Open,High,Low,Close\n"
        + "\n".join(f"{JAN_1 * 10**6 + n * HOUR * 10**6},9,10,8,9.5" for n in range(3)),
        {"price:BTC": (JAN_1 + HOUR, 9.5, HOUR)},
    ),
}


@pytest.mark.parametrize("name", CSV)
def test_a_csv_of_a_public_layout_is_recognised(tmp_path: Path, name: str) -> None:
    content, expected = CSV[name]
    assert told(read(tmp_path, name, content)) == exact(expected)


def pairs(value: float, step: int = HOUR) -> list[list[float]]:
    return [[JAN_1 + step * n, value + n] for n in range(10)]


JSON = {
    "bitcoin_coingecko.json": (
        {"prices": pairs(42000.0), "market_caps": pairs(8e11), "total_volumes": pairs(2.1e10)},
        {"close:BTC": (JAN_1 + HOUR, 42000.0, HOUR), "spot_volume:BTC": (JAN_1 + HOUR, 5e5, HOUR)},
    ),
    "stablecoin_1.json": (
        {
            "id": "1",
            "name": "Tether",
            "symbol": "USDT",
            "tokens": [
                {"date": JAN_1 // 1000 + 86400 * n, "circulating": {"peggedUSD": 9e10}} for n in range(5)
            ],
            "chainBalances": {
                "Tron": {"tokens": [{"date": JAN_1 // 1000, "circulating": {"peggedUSD": 5e10}}]}
            },
        },
        {"supply:USDT": (JAN_1 + DAY, 9e10, DAY)},
    ),
    "stablecoincharts.json": (
        [
            {
                "date": str(JAN_1 // 1000 + 86400 * n),
                "totalCirculating": {"peggedUSD": 1.3e11, "peggedEUR": 3e8},
                "totalMintedUSD": {"peggedUSD": 1},
            }
            for n in range(5)
        ],
        {"supply:ALL": (JAN_1 + DAY, 1.3e11, DAY)},
    ),
    "BTC_USDT-5m.json": (
        [[JAN_1 + 5 * MINUTE * n, 100, 110, 90, 101, 5.5] for n in range(20)],
        {"price:BTC": (JAN_1 + 5 * MINUTE, 101.0, 5 * MINUTE)},
    ),
    "coinbase_btc_candles.json": (
        [[JAN_1 // 1000 + 3600 * n, 90, 110, 100, 101, 5.5] for n in range(20)],
        {"price:BTC": (JAN_1 + HOUR, 101.0, HOUR)},
    ),
    "chart.json": (
        {
            "chart": {
                "result": [
                    {
                        "meta": {"symbol": "^VIX"},
                        "timestamp": [JAN_1 // 1000 + 86400 * n for n in range(5)],
                        "indicators": {
                            "quote": [
                                {
                                    "open": [13, 14, 13, 13, 13],
                                    "high": [14, 15, 14, 14, 14],
                                    "low": [12, 13, 12, 12, 12],
                                    "close": [13.2, 14.0, 13.3, 13.2, None],
                                }
                            ]
                        },
                    }
                ]
            }
        },
        {"close:VIX": (JAN_1 + DAY, 13.2, DAY)},
    ),
    "btc_funding_bybit.json": (
        {
            "result": {
                "list": [
                    {
                        "symbol": "BTCUSDT",
                        "fundingRate": "0.0001",
                        "fundingRateTimestamp": str(JAN_1 + 8 * HOUR * n),
                    }
                    for n in range(6)
                ]
            }
        },
        {"funding:BTC": (JAN_1, 0.0001, 8 * HOUR)},
    ),
    "silver.json": (
        {"2024-01-02": {"close": 23.7}, "2024-01-03": {"close": 22.9}, "2024-01-04": {"close": 23.0}},
        {"close:XAG": (at("2024-01-03"), 23.7, DAY)},
    ),
}


@pytest.mark.parametrize("name", JSON)
def test_json_of_a_public_layout_is_recognised(tmp_path: Path, name: str) -> None:
    document, expected = JSON[name]
    assert told(read(tmp_path, name, json.dumps(document))) == exact(expected)


def zipped(name: str, content: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def test_lean_quotes_become_candles_of_the_mid_and_a_spread(tmp_path: Path) -> None:
    rows = "\n".join(f"{n * MINUTE},100,102,99,101,3,100.2,102.2,99.2,101.2,4" for n in range(5))
    history = read(
        tmp_path, "bybit_20240101_quote.zip", zipped("20240101_btcusdt_minute_quote_perp.csv", rows)
    )
    assert told(history) == exact(
        {
            "price:BTC": (JAN_1 + MINUTE, 101.1, MINUTE),
            "spread:BTC": (JAN_1 + MINUTE, 0.2 / 101.1, MINUTE),
        }
    )
    assert {key.source for key in history.recorded} == {"bybit-quote", "bybit"}, (
        "quotes are not the last price"
    )


def test_gzip_is_read_like_what_is_in_it(tmp_path: Path) -> None:
    content, expected = CSV["VIXCLS.csv"]
    assert told(read(tmp_path, "VIXCLS.csv.gz", gzip.compress(content.encode()))) == expected


def frame(values: FloatArray, name: str, form: str) -> bytes:
    """A file as freqtrade writes it, in feather or Parquet."""
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    from pyarrow import feather, parquet

    dates = np.array([JAN_1 + 8 * HOUR * n for n in range(values.size)], dtype="datetime64[ms]")
    zero = np.zeros(values.shape)
    rest = zero if name == "funding" else values
    table = pyarrow.table(
        {
            "date": pyarrow.array(dates, type=pyarrow.timestamp("ms", tz="UTC")),
            "open": values,
            "high": rest,
            "low": rest,
            "close": rest,
            "volume": zero,
        }
    )
    sink = pyarrow.BufferOutputStream()
    if form == "feather":
        feather.write_feather(table, sink)
    else:
        parquet.write_table(table, sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("form", ["feather", "parquet"])
def test_freqtrades_frames_hold_the_rate_in_the_opening_price(tmp_path: Path, form: str) -> None:
    rates = frame(np.array([1e-4, 2e-4, -1e-4]), "funding", form)
    marks = frame(np.array([42000.0, 42100.0, 42050.0]), "mark", form)
    (tmp_path / "binanceusdm").mkdir()
    (tmp_path / "binanceusdm" / f"BTC_USDT_USDT-8h-mark.{form}").write_bytes(marks)
    history = read(tmp_path, f"binanceusdm/BTC_USDT_USDT-8h-funding_rate.{form}", rates)
    assert told(history) == {
        "funding:BTC": (JAN_1, 1e-4, 8 * HOUR),
        "mark:BTC": (JAN_1 + 8 * HOUR, 42000.0, 8 * HOUR),
    }
    assert {key.source for key in history.recorded} == {"binance"}


def test_the_folder_of_market_data_is_read_whole_or_named(shared_dir: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is an extra")
    folder = shared_dir / "data" / "market"
    if not folder.is_dir():
        pytest.skip("no market data in the shared folder")
    history, reports = read_folder(folder, NOW + 365 * DAY)
    assert {report.path for report in reports} == {path.name for path in folder.iterdir()}
    assert [
        report.path for report in reports if not report.used and report.path.endswith((".feather", ".zip"))
    ] == []
    by_name = {report.path: report for report in reports}
    shifted = by_name["funding_btc_binance_2020_2024.csv"].recognised[0]
    assert shifted.offset_minutes == 180
    assert "agrees with another source of this venue on 93 of 93 shared settlements" in shifted.notes
    unconfirmed = by_name["funding_btc_bybit_2021_2024.csv"].recognised[0]
    assert "no other source of this venue overlaps: the zone is not confirmed" in unconfirmed.notes
    assert [fault.kind for fault in by_name["btc_1h_2024_2025.csv"].recognised[0].faults] == ["duplicate"]
    assert len(history.recorded) >= 14


def test_a_single_file_is_understood_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "VIXCLS.csv").write_text(str(CSV["VIXCLS.csv"][0]), encoding="utf-8")
    history, _ = read_file(tmp_path / "VIXCLS.csv", NOW)
    assert [str(key) for key in history.recorded] == ["close:VIX:vixcls"]
