"""`[[feed]]` tables: what could be read in two ways, or leaves a secret in the file, is refused by line."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from vault.config_feeds import FeedFile, read_mapping
from vault.errors import DocumentError
from vault.toml_strict import parse_toml

CSV = """[[feed]]
name = "etf"
kind = "etf_flow"
asset = "BTC"
where = "flows*.csv"
format = "csv"
time = "Date"
value = "Total"
"""
JSON = (
    CSV.replace('"csv"', '"json"')
    .replace("flows*.csv", "flows.json")
    .replace('"Date"', '"/d"')
    .replace('"Total"', '"/v"')
)


def parsed(text: str) -> FeedFile:
    return parse_toml(text, FeedFile, name="mapping.toml")


def test_a_feed_has_the_defaults_that_do_nothing() -> None:
    (feed,) = parsed(CSV).feed
    assert (feed.said_by, feed.utc_offset_minutes, feed.scale, feed.lag_seconds, feed.is_url) == (
        "etf",
        0,
        1,
        None,
        False,
    )


def test_files_are_matched_by_name_or_by_the_end_of_the_path() -> None:
    mapping = parsed(CSV)
    assert mapping.of(PurePath("a/flows-2024.csv")) == mapping.feed
    assert mapping.of(PurePath("a/prices.csv")) == ()


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        (CSV.replace("etf_flow", "price"), 3, "expected `candle` for the kind price"),
        (CSV.replace('value = "Total"\n', ""), 3, "expected `value` or `candle`"),
        (CSV.replace('time = "Date"\n', ""), 2, "expected `time`"),
        (CSV + 'rows = "/data"\n', 9, "expected only with json"),
        (CSV + "header = false\n", 7, "expected the number of a column"),
        (JSON.replace('"/d"', '"d"'), 7, "expected a JSON pointer"),
        (JSON + 'delimiter = ";"\n', 9, "expected only with csv"),
        (CSV + 'time_format = "roman"\n', 9, "expected auto, iso"),
        (CSV + "scale = 0\n", 9, "a factor other than zero"),
        (CSV + "utc_offset_minutes = 900\n", 9, "utc_offset_minutes"),
        (CSV + "lag = 5\n", 9, "unknown key"),
        (CSV.replace("etf_flow", "forecast"), 3, "kind"),
        (CSV.replace("flows*.csv", "https://example.org/a.csv"), 5, "expected a file name, found a URL"),
        (CSV.replace("flows*.csv", "http://example.org/a.csv"), 5, "expected https"),
        (CSV.replace("flows*.csv", "https://u:p@example.org/a.csv"), 5, "no key or password"),
        (CSV.replace("flows*.csv", "https://example.org/a.csv?api_key=x"), 5, "no key or password"),
        (CSV.replace("flows*.csv", "ftp://example.org/a.csv"), 5, "expected a file, or a URL"),
        (CSV + CSV, 10, "expected each name once"),
        (CSV + CSV.replace('"etf"', '"etf2"\nsource = "etf"'), 10, "another feed reads the same history"),
        (
            CSV.replace('"etf_flow"', '"mark"').replace(
                'value = "Total"', 'candle = {open="o", high="h", low="l", close="c"}'
            ),
            3,
            "expected `step_seconds`",
        ),
    ],
)
def test_a_feed_that_cannot_be_is_refused_at_its_line(text: str, line: int, found: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parsed(text)
    assert found in caught.value.message
    assert f"mapping.toml:{line}:" in caught.value.message


SECRETS = [
    "a.csv?auth=1", "a.csv?sig=1", "a.csv?password=1", "a.csv?passwd=1", "a.csv?k=1", "a.csv?api%5Fkey=1",
    "a.csv?api%255Fkey=1", "a.csv?access.token=1", "a.csv?apikey2=1", "a.csv?x=1;key=2", "a.csv;key=2",
    "a.csv#token=1", "v1/9f8A7c6B5d4E3f2A1b0C9d8E7f6A5b4C/a.csv", "a.csv?id=0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "apikey/x/a.csv", "k%65y=1/a.csv", "a.csv?u=https://h/?token=1", "a.csv?q=%3Ftoken%3D1",
]  # fmt: skip


@pytest.mark.parametrize("rest", SECRETS)
def test_what_looks_like_a_secret_in_an_address_is_refused_with_a_way_out(rest: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parsed(CSV.replace("flows*.csv", f"https://example.org/{rest}"))
    assert "no key or password" in caught.value.message
    assert "into a file" in caught.value.message
    assert rest not in caught.value.message


@pytest.mark.parametrize("rest", ["a.csv#part", "a.csv#"])
def test_a_fragment_is_refused(rest: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parsed(CSV.replace("flows*.csv", f"https://example.org/{rest}"))
    assert "no # in the URL" in caught.value.message


@pytest.mark.parametrize(
    "where",
    [
        "https://example.org/graph.csv?id=VIXCLS&cosd=2020-01-01",
        "https://example.org/v1/getHistoricalStablecoinPrices?author=all",
        "https://example.org/BTCUSDT-fundingRate-2024-01.csv?s=BTCUSDT,ETHUSDT",
        "https://example.org/a?b=1",
        "http://127.0.0.1:8080/a.csv",
        "http://localhost/a",
    ],
)
def test_treasury_toml_may_name_urls_that_are_encrypted_or_here(where: str) -> None:
    from vault.config_feeds import FeedSettings

    settings = {
        "name": "etf",
        "kind": "etf_flow",
        "asset": "BTC",
        "format": "csv",
        "time": "d",
        "value": "v",
        "where": where,
    }
    assert FeedSettings.model_validate(settings).is_url


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        read_mapping(tmp_path / "none.toml")
    assert caught.value.code == "document.missing_file"
