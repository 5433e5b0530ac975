"""Kraken's two doors: signatures over the raw texts, rising nonces, envelopes, a word for every refusal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from emulator.venues.engine.accounts import WhitelistEntry
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.kraken.auth import signature
from emulator.venues.kraken.dialect import WORDS, KrakenDialect
from emulator.venues.kraken.endpoints import kraken
from emulator.venues.kraken.names import account_uid, asset_id, iban, plain_name
from emulator.venues.serving.dispatch import Dispatcher
from emulator.venues.serving.messages import Incoming

NOW = 1_788_264_000_000
ADDRESS = "bcrt1q" + "q" * 32 + "zzzzzz"
SECRET = base64.b64encode(b"a secret of many bytes").decode()
Ask = Callable[..., Any]


@pytest.fixture
def desk(chain: Any) -> Dispatcher:
    exchange = kraken()
    venue = Venue(exchange.profile)
    venue.clock.fixed_ms = NOW
    venue.chains["BTC", "Bitcoin"] = chain
    account = venue.create_account(
        "main",
        keys=(
            ApiKey("read", SECRET, can_transfer=False, realm="spot"),
            ApiKey("all", SECRET, can_withdraw=True, realm="spot"),
            ApiKey("far", SECRET, ip_list=("203.0.113.7",), realm="spot"),
            ApiKey("futures", SECRET, realm="futures"),
            ApiKey("futures-read", SECRET, can_transfer=False, realm="futures"),
        ),
        wallets={"flex": {"BTC": Decimal(2)}, "cash": {"BTC": Decimal(1)}, "spot": {"BTC": Decimal(5)}},
    )
    account.whitelist = [
        WhitelistEntry("BTC", "Bitcoin", ADDRESS, name="cold"),
        WhitelistEntry("BTC", "Bitcoin", ADDRESS, name="later", usable=False),
    ]
    return Dispatcher(exchange, venue)


@pytest.fixture
def spot(desk: Dispatcher) -> Ask:
    """Sign and POST; `nonce`, `sign` and `signer` are what a client could get wrong."""
    count = [0]

    def call(name: str, signer: str = "all", **given: Any) -> dict[str, Any]:
        count[0] += 1
        nonce, sign = given.pop("nonce", str(1000 + count[0])), given.pop("sign", None)
        body = urlencode({"nonce": nonce, **given})
        path = f"/0/private/{name}"
        message = path.encode() + hashlib.sha256((nonce + body).encode()).digest()
        mac = hmac.new(base64.b64decode(SECRET), message, hashlib.sha512).digest()
        headers = {"api-key": signer, "api-sign": sign or base64.b64encode(mac).decode()}
        answer = desk.answer(Incoming("POST", path, "", body, signer, "127.0.0.1", headers))
        assert answer.status == 200
        return dict(json.loads(answer.text))

    return call


@pytest.fixture
def futures(desk: Dispatcher) -> Ask:
    def call(method: str, path: str, key: str = "futures", **given: Any) -> dict[str, Any]:
        nonce, sign = given.pop("nonce", ""), given.pop("sign", None)
        query = urlencode(given)
        message = hashlib.sha256((query + nonce + path.removeprefix("/derivatives")).encode()).digest()
        mac = hmac.new(base64.b64decode(SECRET), message, hashlib.sha512).digest()
        headers = {"apikey": key, "authent": sign or base64.b64encode(mac).decode()}
        if nonce:
            headers["nonce"] = nonce
        answer = desk.answer(Incoming(method, path, query, "", key, "127.0.0.1", headers))
        return dict(json.loads(answer.text))

    return call


def test_the_signature_is_the_one_of_krakens_own_documentation() -> None:
    """Example of "Spot REST Authentication": its secret, nonce and body give its signature."""
    secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    nonce = "1616492376594"
    body = f"nonce={nonce}&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    raw = Incoming("POST", "/0/private/AddOrder", "", body, "k", "127.0.0.1", {})
    expected = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    assert signature(secret, raw, nonce) == expected


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"signer": "nobody"}, "EAPI:Invalid key"),
        ({"signer": "futures"}, "EAPI:Invalid key"),
        ({"sign": "AAAA"}, "EAPI:Invalid signature"),
        ({"nonce": "-1"}, "EAPI:Invalid nonce"),
        ({"nonce": "1.5"}, "EAPI:Invalid nonce"),
        ({"signer": "far"}, "EGeneral:Permission denied"),
    ],
)
def test_a_spot_request_that_is_signed_wrongly_is_refused(
    spot: Ask, given: dict[str, str], error: str
) -> None:
    assert spot("BalanceEx", **given) == {"error": [error]}


def test_nonces_must_rise_for_each_key_by_itself(spot: Ask) -> None:
    assert spot("BalanceEx", nonce="5000")["error"] == []
    for late in ("5000", "4999"):
        assert spot("BalanceEx", nonce=late) == {"error": ["EAPI:Invalid nonce"]}
    assert spot("BalanceEx", "read", nonce="1")["error"] == []
    assert spot("BalanceEx", nonce="5001")["error"] == []


def test_a_request_that_is_refused_for_its_signature_uses_up_no_nonce(spot: Ask) -> None:
    spot("BalanceEx", nonce="9000", sign="AAAA")
    assert spot("BalanceEx", nonce="8000")["error"] == []


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"key": "all"}, "authenticationError"),
        ({"sign": "AAAA"}, "authenticationError"),
        ({"nonce": "x"}, "nonceBelowThreshold"),
    ],
)
def test_a_futures_request_that_is_signed_wrongly_is_refused(
    futures: Ask, given: dict[str, str], error: str
) -> None:
    answer = futures("GET", "/derivatives/api/v3/accounts", **given)
    assert (answer["result"], answer["error"]) == ("error", error)


def test_the_futures_nonce_may_be_left_out_but_not_fall(futures: Ask) -> None:
    path = "/derivatives/api/v3/accounts"
    assert futures("GET", path)["result"] == "success"
    assert futures("GET", path, nonce="7")["result"] == "success"
    assert futures("GET", path, nonce="7")["error"] == "nonceBelowThreshold"


def test_the_history_has_no_envelope_and_says_whose_it_is(futures: Ask, desk: Dispatcher) -> None:
    answer = futures("GET", "/api/history/v3/account-log", count="1")
    assert set(answer) == {"accountUid", "logs"}
    uid = next(iter(desk.venue.accounts))
    assert account_uid(uid).endswith(answer["accountUid"])
    assert account_uid(uid).startswith(iban(uid).replace(" ", ""))


def test_every_reason_has_its_words_on_both_sides() -> None:
    dialect = KrakenDialect()
    facts: dict[str, Any] = {"name": "asset", "asset": "BTC", "limit": "1"}
    for reason in Reason:
        for path, start in (("/0/private/X", "E"), ("/derivatives/api/v3/x", "")):
            raw = Incoming("POST", path, "", "", None, "127.0.0.1")
            error = dialect.worded(raw, Refusal(reason, **facts))
            assert error.message.startswith(start)
            assert "{" not in error.message
    assert set(WORDS) == set(Reason)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"key": "nobody"}, "EFunding:Unknown withdraw key"),
        ({"key": "later"}, "EFunding:Unknown withdraw key"),
        ({"asset": "ABC"}, "EFunding:Unknown asset"),
        ({"amount": "1e-05"}, "EGeneral:Invalid arguments:amount"),
        ({"amount": "-1"}, "EGeneral:Invalid arguments:amount"),
        ({"amount": "0"}, "EGeneral:Invalid arguments:amount"),
        ({"amount": "0.500000001"}, "EGeneral:Invalid arguments:amount"),
        ({"amount": "0.00000000"}, "EGeneral:Invalid arguments:amount"),
        ({"amount": "0.000000001"}, "EFunding:Invalid amount"),
        ({"amount": "9"}, "EFunding:Insufficient funds"),
        ({"amount": "900"}, "EFunding:Invalid amount"),
        ({"address": "bcrt1qother"}, "EFunding:Invalid withdrawal address"),
        ({"max_fee": "0.00001"}, "EFunding:Max fee exceeded"),
        ({"signer": "read"}, "EGeneral:Permission denied"),
    ],
)
def test_a_withdrawal_kraken_would_refuse_is_refused(
    spot: Ask, desk: Dispatcher, given: dict[str, str], error: str
) -> None:
    asked = {"asset": "XBT", "key": "cold", "amount": "0.5", "address": ADDRESS, "max_fee": "0.001", **given}
    assert spot("Withdraw", **asked) == {"error": [error]}
    assert desk.venue.withdrawals.records == []


@pytest.mark.parametrize("name", ["WithdrawMethods", "WithdrawAddresses", "WithdrawInfo"])
def test_of_the_ways_out_only_a_key_that_may_withdraw_is_told(spot: Ask, name: str) -> None:
    asked = {"asset": "XBT", "key": "cold", "amount": "1"}
    assert spot(name, "read", **asked) == {"error": ["EGeneral:Permission denied"]}
    assert spot(name, **asked)["error"] == []
    assert spot("WithdrawStatus", "read")["error"] == []


def test_a_withdrawal_goes_to_the_address_of_its_name(spot: Ask, desk: Dispatcher) -> None:
    answer = spot("Withdraw", asset="XXBT", key="cold", amount="0.5")
    (record,) = desk.venue.withdrawals.records
    assert answer == {"error": [], "result": {"refid": record.id}}
    assert (record.address, record.amount) == (ADDRESS, Decimal("0.49998"))
    (row,) = spot("WithdrawStatus", asset="XBT")["result"]
    assert (row["refid"], row["key"], row["network"], row["status"]) == (
        record.id, "cold", "Bitcoin", "Initial",
    )  # fmt: skip
    (entry,) = spot("Ledgers", asset="XBT", type="withdrawal")["result"]["ledger"].values()
    assert (entry["refid"], entry["amount"], entry["fee"]) == (record.id, "-0.4999800000", "0.0000200000")


def test_a_move_inside_is_two_entries_of_the_log_and_one_across_has_its_other_end_in_the_ledger(
    spot: Ask, futures: Ask
) -> None:
    base = "/derivatives/api/v3"
    moved = futures(
        "POST", f"{base}/transfer", fromAccount="flex", toAccount="cash", unit="xbt", amount="0.5"
    )
    assert moved["result"] == "success"
    assert futures("POST", f"{base}/withdrawal", currency="XBT", amount="0.25")["result"] == "success"
    assert spot("WalletTransfer", asset="XBT", **{"from": "Spot Wallet", "to": "Futures Wallet"}, amount="1")[
        "result"
    ]["refid"]
    log = futures("GET", "/api/history/v3/account-log", sort="asc")["logs"]
    assert [(each["margin_account"], each["info"]) for each in log] == [
        ("flex", "transfer"),
        ("cash", "transfer"),
        ("cash", "cross-exchange transfer"),
        ("cash", "cross-exchange transfer"),
    ]
    assert [(each["old_balance"], each["new_balance"]) for each in log] == [
        (2, 1.5), (1, 1.5), (1.5, 1.25), (1.25, 2.25),
    ]  # fmt: skip
    ledger = spot("Ledgers", type="transfer")["result"]["ledger"].values()
    assert {each["subtype"]: each["amount"] for each in ledger} == {
        "spotfromfutures": "0.2500000000",
        "spottofutures": "-1.0000000000",
    }


def test_only_spot_to_futures_goes_through_the_spot_door(spot: Ask, futures: Ask) -> None:
    back = {"from": "Futures Wallet", "to": "Spot Wallet", "asset": "XBT", "amount": "1"}
    assert spot("WalletTransfer", **back) == {"error": ["EGeneral:Invalid arguments:to"]}
    path = "/derivatives/api/v3/transfer"
    over = futures("POST", path, fromAccount="flex", toAccount="spot", unit="xbt", amount="1")
    assert over["error"] == "invalidAccount"
    denied = futures(
        "POST", path, "futures-read", fromAccount="flex", toAccount="cash", unit="xbt", amount="1"
    )
    assert denied["error"] == "authenticationError"


def test_assets_are_known_by_all_their_names() -> None:
    assert {plain_name(each) for each in ("XBT", "XXBT", "xbt", "BTC")} == {"BTC"}
    assert asset_id("BTC") == "XXBT"
    assert iban(100_000_001) == "AA00 0001 0000 0001"
