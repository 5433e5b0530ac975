"""What feeds send and read: exact digits, strict types, no key where an address is written."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.clock import ManualClock, to_milliseconds
from vault.errors import VenueError
from vault.secrets import Secret
from vault.venues.feeds import binance, bybit, okx
from vault.venues.feeds.talk import Talk

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
MS = to_milliseconds(NOW)
KEY, SECRET, LISTEN = "the-key-1", "the-secret-2", "the-listen-key-3"


class Ask:
    """A connection that gives a listen key."""

    def get(self, method: str) -> Any:
        assert method in binance.LISTEN_KEYS.reads
        return {"listenKey": LISTEN}


def talks() -> dict[str, Talk]:
    return {
        "binance marks": binance.Marks(["BTCUSDT"]),
        "binance account": binance.Account(cast("Any", Ask())),
        "bybit marks": bybit.Tickers(["BTCUSDT"]),
        "okx marks": okx.Marks(["BTC-USDT-SWAP", "ETH-USDT-SWAP"]),
        "bybit account": bybit.Account((Secret(KEY), Secret(SECRET)), ManualClock(NOW)),
    }


MARK = {"e": "markPriceUpdate", "E": MS, "s": "BTCUSDT", "p": "80000.12345678"}
UPDATE = {
    "e": "ACCOUNT_UPDATE",
    "E": MS,
    "T": MS,
    "a": {
        "m": "ORDER",
        "B": [{"a": "USDT", "wb": "122624.12345678", "cw": "100.1", "bc": "50.1"}],
        "P": [
            {"s": "BTCUSDT", "pa": "-1.5", "ps": "BOTH"},
            {"s": "ETHUSDT", "pa": "-2", "ps": "SHORT"},
        ],
    },
}
TICKER = {
    "topic": "tickers.BTCUSDT",
    "type": "snapshot",
    "data": {"symbol": "BTCUSDT", "markPrice": "80000.10"},
    "cs": 1,
    "ts": MS,
}
WALLET = {
    "id": "1",
    "topic": "wallet",
    "creationTime": MS,
    "data": [{"accountType": "UNIFIED", "coin": [{"coin": "BTC", "walletBalance": "0.00000001"}]}],
}
POSITION = {
    "id": "2",
    "topic": "position",
    "creationTime": MS,
    "data": [
        {"symbol": "BTCUSDT", "side": "Sell", "size": "0.3", "positionIdx": 0},
        {"symbol": "ETHUSDT", "side": "Sell", "size": "1", "positionIdx": 2},
        {"symbol": "XRPUSDT", "side": "", "size": "0", "positionIdx": 0},
    ],
}
PUSHED = {
    "arg": {"channel": "mark-price", "instId": "BTC-USDT-SWAP"},
    "data": [{"instType": "SWAP", "instId": "BTC-USDT-SWAP", "markPx": "60000.1", "ts": str(MS)}],
}


def heard(name: str, message: object) -> list[tuple[str, str, str, str]]:
    parts = talks()[name].heard(json.dumps(message), NOW).parts
    assert all(part.at == NOW and part.received_at == NOW for part in parts)
    return [(part.kind, part.name, part.leg, f"{part.value:f}") for part in parts]


def test_every_digit_is_read() -> None:
    assert heard("binance marks", MARK) == [("mark", "BTCUSDT", "", "80000.12345678")]
    assert heard("binance account", UPDATE) == [
        ("balance", "USDT", "", "122624.12345678"),
        ("position", "BTCUSDT", "long", "0"),
        ("position", "BTCUSDT", "short", "1.5"),
        ("position", "ETHUSDT", "short", "2"),
    ]
    assert heard("bybit marks", TICKER) == [("mark", "BTCUSDT", "", "80000.10")]
    assert heard("okx marks", PUSHED) == [("mark", "BTC-USDT-SWAP", "", "60000.1")]
    assert heard("bybit account", WALLET) == [("balance", "BTC", "", "0.00000001")]
    assert heard("bybit account", POSITION) == [
        ("position", "BTCUSDT", "long", "0"),
        ("position", "BTCUSDT", "short", "0.3"),
        ("position", "ETHUSDT", "short", "1"),
        ("position", "XRPUSDT", "long", "0"),
        ("position", "XRPUSDT", "short", "0"),
    ]


def test_a_delta_without_its_snapshot_is_a_gap_and_one_without_a_mark_changes_nothing() -> None:
    talk = bybit.Tickers(["BTCUSDT"])
    delta = {**TICKER, "type": "delta"}
    with pytest.raises(VenueError):
        talk.heard(json.dumps(delta), NOW)
    talk.heard(json.dumps(TICKER), NOW)
    other = {**delta, "data": {"symbol": "BTCUSDT", "lastPrice": "1"}}
    assert talk.heard(json.dumps(other), NOW).parts == ()
    assert [part.value for part in talk.heard(json.dumps(delta), NOW).parts] == [Decimal("80000.10")]
    talk.start()
    with pytest.raises(VenueError):  # a new connection begins with a snapshot of its own
        talk.heard(json.dumps(delta), NOW)


@pytest.mark.parametrize(
    ("name", "message", "path"),
    [
        ("binance marks", MARK, ("p",)),
        ("bybit marks", TICKER, ("data", "markPrice")),
        ("bybit account", POSITION, ("data", 0, "size")),
    ],
)
def test_what_cannot_be_negative_is_not(name: str, message: object, path: tuple[Any, ...]) -> None:
    with pytest.raises(VenueError):
        talks()[name].heard(json.dumps(spoiled(message, path, "-9")), NOW)


def spoiled(message: Any, path: tuple[Any, ...], value: object) -> Any:
    copy = json.loads(json.dumps(message))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


PLACES = [
    ("binance marks", MARK, ("p",)),
    ("binance marks", MARK, ("E",)),
    ("binance account", UPDATE, ("a", "B", 0, "wb")),
    ("binance account", UPDATE, ("a", "P", 0, "pa")),
    ("binance account", UPDATE, ("a", "P", 0, "ps")),
    ("binance account", UPDATE, ("T",)),
    ("bybit marks", TICKER, ("data", "markPrice")),
    ("bybit marks", TICKER, ("ts",)),
    ("bybit marks", TICKER, ("type",)),
    ("okx marks", PUSHED, ("data", 0, "markPx")),
    ("okx marks", PUSHED, ("data", 0, "instId")),
    ("okx marks", PUSHED, ("data", 0, "ts")),
    ("bybit account", WALLET, ("data", 0, "coin", 0, "walletBalance")),
    ("bybit account", POSITION, ("data", 0, "size")),
    ("bybit account", POSITION, ("data", 0, "positionIdx")),
]


@pytest.mark.parametrize(("name", "message", "path"), PLACES, ids=[f"{p[0]} {p[2][-1]}" for p in PLACES])
@pytest.mark.parametrize("value", [None, "", True, [], {}, "NaN", "1e999999", "x"])
def test_a_field_of_the_wrong_type_or_sense_is_refused(
    name: str, message: object, path: tuple[Any, ...], value: object
) -> None:
    with pytest.raises(VenueError) as caught:
        talks()[name].heard(json.dumps(spoiled(message, path, value)), NOW)
    assert caught.value.code in {"venue.bad_answer", "venue.incomplete_answer"}


@pytest.mark.parametrize("name", sorted(talks()))
@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "5", "{", "{}", '{"e":1}', '{"op":7}', '{"result":null}', '{"a":1,"a":2}', "[" * 9999],
)
def test_no_text_gets_through_that_is_no_message(name: str, text: str) -> None:
    with pytest.raises(VenueError):
        talks()[name].heard(text, NOW)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.sampled_from(
    ["e", "E", "s", "p", "topic", "op", "data", "ts", "type", "a", "B", "P", "result", "id", "success"]
), inner) | st.lists(inner), max_leaves=12))  # fmt: skip
def test_whatever_comes_is_read_or_refused_and_nothing_else(message: object) -> None:
    for talk in talks().values():
        try:
            talk.heard(json.dumps(message), NOW)
        except VenueError:
            continue


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("binance marks", {"error": {"code": 2, "msg": f"Invalid request {LISTEN}"}}),
        ("binance account", {"code": 2, "msg": f"bad {LISTEN}"}),
        ("binance account", {"e": "listenKeyExpired", "E": MS, "listenKey": LISTEN}),
        ("bybit account", {"success": False, "ret_msg": f"no {KEY}", "op": "auth"}),
        ("bybit marks", {"success": False, "ret_msg": "no", "op": "subscribe"}),
        ("okx marks", {"event": "error", "code": "60012", "msg": "no"}),
    ],
)
def test_a_refusal_ends_the_line_and_repeats_no_key(name: str, message: object) -> None:
    with pytest.raises(VenueError) as caught:
        talks()[name].heard(json.dumps(message), NOW)
    assert not any(secret in str(caught.value) for secret in (KEY, SECRET, LISTEN))


def test_no_path_carries_a_key_and_no_secret_is_sent() -> None:
    for talk in talks().values():
        sent = "".join([*talk.start(), talk.probe()])
        assert not any(secret in talk.path for secret in (KEY, SECRET, LISTEN))
        assert SECRET not in sent


def test_the_line_is_open_once_the_venue_has_confirmed_all_of_it() -> None:
    account = talks()["bybit account"]
    login = json.loads(account.start()[0])
    key, until, signed = login["args"]
    assert (key, until > MS) == (KEY, True)
    assert signed == hmac.new(SECRET.encode(), f"GET/realtime{until}".encode(), hashlib.sha256).hexdigest()
    after = account.heard(json.dumps({"success": True, "op": "auth"}), NOW)
    assert not after.opened
    assert json.loads(after.send[0])["args"] == ["wallet", "position"]
    assert account.heard(json.dumps({"success": True, "op": "subscribe"}), NOW).opened
    listed = talks()["binance account"]
    assert json.loads(listed.start()[0])["params"] == [LISTEN]
    assert listed.heard(json.dumps({"result": None, "id": 1}), NOW).opened
    assert not listed.heard(json.dumps({"result": [LISTEN], "id": 2}), NOW).opened


def test_okx_confirms_each_contract_by_itself() -> None:
    talk = talks()["okx marks"]
    talk.start()
    confirmed = [
        talk.heard(json.dumps({"event": "subscribe", "arg": {"instId": name}}), NOW).opened
        for name in ("BTC-USDT-SWAP", "ETH-USDT-SWAP")
    ]
    assert confirmed == [False, True]
    assert talk.heard("pong", NOW).parts == ()
