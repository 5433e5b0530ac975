"""The exchanges that are only read, through the worker and an unmodified ccxt: what leaves, what comes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import readonly_answers as told
from tests.support.readonly_host import Asked, Host, No, serving
from vault import secrets
from vault.clock import SystemClock
from vault.codec import decode
from vault.config import VenueSettings
from vault.model import MarginAccount
from vault.venues.worker import Worker

WALLET = "0x" + "Ab" * 20
KEY, SECRET, PASSWORD = "key-5c1f0a", "secret-77aa01", "password-88bb02"
UNIFIED_ONLY = No(400, {"code": "40085", "msg": "You are in Unified Account mode", "data": None})


def now() -> int:
    return int(time.time() * 1000)


def by(field: str, answers: dict[str, Any]) -> Callable[[Asked], Any]:
    """An answer by one field of the request."""
    return lambda request: answers.get(request.said.get(field, ""), No(400, {"asked": request.said}))


def bitget(classic: bool) -> dict[str, Any]:
    case = (told.BITGET_CLASSIC if classic else told.BITGET_UNIFIED).fresh()
    none = told.bitget([] if classic else {"list": []})
    positions = {"USDT-FUTURES": case["positions"], "USDC-FUTURES": none, "COIN-FUTURES": none}
    prices = {row["symbol"]: told.bitget([row]) for answer in case["prices"] for row in answer["data"]}
    routes = {"/api/v2/public/time": lambda _: told.bitget({"serverTime": str(now())})}
    if classic:
        return routes | {
            "/api/v2/spot/account/info": told.bitget({"userId": "42", "ips": ""}),
            "/api/v2/mix/position/all-position": by("productType", positions),
            "/api/v2/mix/account/accounts": by("productType", {"USDT-FUTURES": case["account"]}),
            "/api/v2/mix/market/query-position-lever": by("symbol", case["tiers"]),
            "/api/v2/mix/market/symbol-price": by("symbol", prices),
        }
    return routes | {
        "/api/v2/spot/account/info": UNIFIED_ONLY,
        "/api/v2/mix/position/all-position": UNIFIED_ONLY,
        "/api/v3/account/info": told.bitget({"userId": "42", "permType": "read_only"}),
        "/api/v3/account/assets": case["account"],
        "/api/v3/account/max-transferable": by(
            "coin", {answer["data"]["coin"]: answer for answer in case["limits"]}
        ),
        "/api/v3/position/current-position": by("category", positions),
        "/api/v3/market/position-tier": by("symbol", case["tiers"]),
        "/api/v3/market/tickers": by("symbol", prices),
        "/api/v3/market/discount-rate": case["discounts"],
    }


def gate(classic: bool) -> dict[str, Any]:
    case = (told.GATE_CLASSIC if classic else told.GATE_UNIFIED).fresh()
    futures = "/api/v4/futures/btc" if classic else "/api/v4/futures/usdt"
    routes = {
        "/api/v4/spot/time": lambda _: {"server_time": now()},
        "/api/v4/account/detail": {"user_id": 42, "tier": 1},
        "/api/v4/unified/unified_mode": {"mode": "classic" if classic else "multi_currency"},
        "/api/v4/futures/btc/positions": [],
        "/api/v4/futures/usdt/positions": [],
        f"{futures}/positions": by("holding", {"true": case["positions"]}),
        f"{futures}/contracts": case["contracts"],
        f"{futures}/risk_limit_tiers": by("contract", case["tiers"]),
    }
    if classic:
        return routes | {f"{futures}/accounts": case["account"]}
    return routes | {
        "/api/v4/unified/accounts": case["account"],
        "/api/v4/unified/transferables": by("currencies", {"BTC,USDT": case["limits"]}),
        "/api/v4/unified/currency_discount_tiers": case["discounts"],
    }


def kucoin(classic: bool) -> dict[str, Any]:
    case = (told.KUCOIN_CLASSIC if classic else told.KUCOIN_UNIFIED).fresh()
    routes = {
        "/api/v1/timestamp": lambda _: told.kucoin(now()),
        "/api/v1/user/api-key": told.kucoin({"uid": 42, "permission": "General"}),
        "/api/ua/v1/account/mode": told.kucoin({"selfAccountMode": "CLASSIC" if classic else "UNIFIED"}),
        "/api/v1/contracts/active": case["contracts"],
    }
    if classic:
        return routes | {
            "/api/v1/positions": case["positions"],
            "/api/v1/account-overview": by("currency", {"USDT": case["account"]}),
            "/api/v1/contracts/risk-limit/ETHUSDTM": case["tiers"]["ETHUSDTM"],
        }
    return routes | {
        "/api/ua/v1/unified/account/overview": case["account"],
        "/api/ua/v1/unified/account/balance": case["balances"],
        "/api/ua/v1/unified/position/open-list": case["positions"],
        "/api/ua/v1/market/collateral-discount-ratio": case["discounts"],
    }


EMPTY_DEX = {
    "marginSummary": {"accountValue": "0.0", "totalMarginUsed": "0.0"},
    "crossMarginSummary": {"accountValue": "0.0", "totalMarginUsed": "0.0"},
    "crossMaintenanceMarginUsed": "0.0",
    "withdrawable": "0.0",
    "assetPositions": [],
    "time": told.MS,
}


def hyperliquid(classic: bool) -> dict[str, Any]:
    case = told.HYPERLIQUID_UNIFIED.fresh()

    def info(request: Asked) -> Any:
        asked = request.said
        answers = {
            "exchangeStatus": {"specialStatuses": None, "time": now()},
            "userAbstraction": "default" if classic else "unifiedAccount",
            "clearinghouseState": EMPTY_DEX if asked.get("dex") else case["state"],
            "metaAndAssetCtxs": case["market"],
            "spotClearinghouseState": case["spot"],
            "perpDexs": [None, {"name": "flx"}],
        }
        if "user" in asked and asked["user"] != WALLET.lower():
            return No(422, {"error": "another user"})
        return answers.get(asked["type"], No(422, {"error": "unknown type"}))

    return {"/info": info}


def dydx(_: bool) -> dict[str, Any]:
    case = told.DYDX.fresh()
    return {
        "/v4/time": lambda _: {"iso": "", "epoch": now() / 1000},
        "/v4/height": case["height"],
        f"/v4/addresses/{told.ADDRESS}": case["subaccounts"],
        "/v4/perpetualMarkets": case["markets"],
    }


def coinbase(_: bool) -> dict[str, Any]:
    case = told.COINBASE.fresh()
    (name,) = case["products"]
    return {
        "/api/v3/brokerage/time": lambda _: {"iso": "", "epochSeconds": "", "epochMillis": str(now())},
        "/api/v3/brokerage/key_permissions": {"can_view": True, "portfolio_uuid": "42"},
        "/api/v3/brokerage/cfm/balance_summary": case["summary"],
        "/api/v3/brokerage/cfm/positions": case["positions"],
        f"/api/v3/brokerage/market/products/{name}": case["products"][name],
    }


WAYS: dict[str, tuple[Callable[[bool], dict[str, Any]], bool, str, told.Case]] = {
    "bitget classic": (bitget, True, "42", told.BITGET_CLASSIC),
    "bitget unified": (bitget, False, "42", told.BITGET_UNIFIED),
    "gate classic": (gate, True, "42", told.GATE_CLASSIC),
    "gate unified": (gate, False, "42", told.GATE_UNIFIED),
    "kucoin classic": (kucoin, True, "42", told.KUCOIN_CLASSIC),
    "kucoin unified": (kucoin, False, "42", told.KUCOIN_UNIFIED),
    "hyperliquid standard": (hyperliquid, True, WALLET, told.HYPERLIQUID_STANDARD),
    "hyperliquid unified": (hyperliquid, False, WALLET, told.HYPERLIQUID_UNIFIED),
    "dydx": (dydx, True, told.ADDRESS, told.DYDX),
    "coinbase": (coinbase, True, "42", told.COINBASE),
}
SIGNED = {
    "bitget": "ACCESS-SIGN",
    "gate": "SIGN",
    "kucoin": "KC-API-SIGN",
    "coinbase": "CB-ACCESS-SIGN",
}
OPEN_PATHS = (
    "/market/", "/contracts", "/risk_limit_tiers", "/time", "/timestamp", "public/time",
)  # fmt: skip


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the keyring holds, by the part's name."""
    held = {"key": KEY, "secret": SECRET, "password": PASSWORD}

    class Keyring:
        def get_password(self, _: str, name: str) -> str:
            return held[name.rpartition("/")[2]]

    monkeypatch.setattr(secrets, "_keyring", Keyring)
    return held


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, keys: dict[str, str]) -> Iterator[tuple[str, Host]]:
    make, classic, _, _ = WAYS[request.param]
    with serving(make(classic)) as host:
        yield request.param, host


def exchange_of(name: str) -> str:
    return name.split(maxsplit=1)[0]


def call(name: str, host: Host, what: str, **arguments: Any) -> dict[str, Any]:
    settings = VenueSettings(
        name="watched", exchange=exchange_of(name), account_uid=WAYS[name][2], url=host.url, timeout_seconds=5
    )
    request = {
        "id": 1,
        "call": what,
        "treasury_id": "t",
        "venue": json.loads(settings.model_dump_json()),
        "args": arguments,
    }
    return Worker(SystemClock()).handle(json.dumps(request))


def test_an_account_is_read_through_the_worker_as_its_answers_say(way: tuple[str, Host]) -> None:
    name, host = way
    answer = call(name, host, "read_account")
    assert "ok" in answer, answer
    account = decode(answer["ok"], MarginAccount, what="account")
    wanted = WAYS[name][3].account()
    assert (account.equity, account.maintenance_margin, account.initial_margin) == (
        wanted.equity,
        wanted.maintenance_margin,
        wanted.initial_margin,
    )
    assert account.positions == wanted.positions
    assert account.collateral == wanted.collateral
    assert (account.uid, account.exchange) == (WAYS[name][2], exchange_of(name))
    assert account.observed_at <= datetime.now(UTC)


def test_every_request_only_reads_and_no_secret_is_in_it(way: tuple[str, Host]) -> None:
    name, host = way
    call(name, host, "read_account")
    exchange = exchange_of(name)
    assert host.asked
    for request in host.asked:
        assert request.verb == ("POST" if exchange == "hyperliquid" else "GET"), request
        assert request.path in host.routes, request
        text = json.dumps([request.path, request.said, request.headers])
        assert SECRET not in text
        assert PASSWORD not in text or exchange == "bitget"  # which wants the passphrase as it is
        open_to_all = any(part in request.path for part in OPEN_PATHS)
        signed = SIGNED.get(exchange)
        if signed is None or open_to_all:
            assert KEY not in text
        else:
            assert signed.lower() in {header.lower() for header in request.headers}


def test_the_clock_is_read_without_a_key(way: tuple[str, Host]) -> None:
    name, host = way
    assert "ok" in call(name, host, "read_clock")
    assert KEY not in json.dumps([request.headers for request in host.asked])


def test_a_coinbase_key_of_the_cloud_platform_signs_too(keys: dict[str, str]) -> None:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    curves = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    keys["key"] = "organizations/o/apiKeys/k"
    keys["secret"] = (
        curves.generate_private_key(curves.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        .decode()
    )
    with serving(coinbase(True)) as host:
        assert "ok" in call("coinbase", host, "read_account")
        private = [asked for asked in host.asked if "key_permissions" in asked.path]
        assert private[0].headers["Authorization"].startswith("Bearer ")


def test_another_account_than_the_configured_one_is_refused(keys: dict[str, str]) -> None:
    with serving(gate(True) | {"/api/v4/account/detail": {"user_id": 43}}) as host:
        answer = call("gate classic", host, "read_account")
    assert answer["error"]["error"] == "venue.wrong_account"


REFUSALS = {
    "bitget classic": ("/api/v2/spot/account/info", No(400, {"code": "40006", "msg": "Invalid ACCESS_KEY"})),
    "gate classic": ("/api/v4/account/detail", No(401, {"label": "INVALID_KEY", "message": "no such key"})),
    "kucoin classic": ("/api/v1/user/api-key", {"code": "400003", "msg": "KC-API-KEY not exists"}),
    "hyperliquid standard": ("/info", No(422, {"error": "Failed to deserialize"})),
    "dydx": (f"/v4/addresses/{told.ADDRESS}", No(404, {"errors": [{"msg": "No subaccounts found"}]})),
    "coinbase": (
        "/api/v3/brokerage/key_permissions",
        No(401, {"error": "unauthorized", "message": "no such key"}),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_the_venues_own_word(name: str, keys: dict[str, str]) -> None:
    path, no = REFUSALS[name]
    with serving(WAYS[name][0](True) | {path: no}) as host:
        answer = call(name, host, "read_account")
    assert answer["error"]["error"] == "venue.refused", answer


@pytest.mark.parametrize("name", ["bitget classic", "gate classic", "kucoin classic", "coinbase"])
def test_a_page_in_the_place_of_json_is_a_bad_answer(name: str, keys: dict[str, str]) -> None:
    routes = WAYS[name][0](True)
    with serving({path: No(502, "<html>Bad Gateway</html>") for path in routes}) as host:
        answer = call(name, host, "read_account")
    assert answer["error"]["error"] == "venue.bad_answer"
    assert answer["error"]["sent"] is False
