"""Unmodified ccxt over real sockets: what the treasury reads and does at a Binance-shaped venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer

COLD = "bcrt1q" + "x" * 38
HOUR = 3_600_000


def test_every_address_of_ccxt_is_rewritten_and_proxy_url_is_no_way_in(
    server: VenueServer, connect: Any
) -> None:
    import ccxt

    exchange = connect()
    assert all(address.startswith(server.url) for address in exchange.urls["api"].values())
    proxied = ccxt.binance()
    proxied.proxyUrl = server.url
    with pytest.raises(ccxt.ExchangeError):
        proxied.fetch_time()


@pytest.mark.parametrize("kind", ["binance", "binanceusdm"])
def test_markets_and_coins_load(connect: Any, kind: str) -> None:
    exchange = connect(kind=kind)
    market = exchange.markets["BTC/USDT:USDT"]
    assert market["linear"]
    assert (market["precision"]["amount"], market["precision"]["price"]) == (0.001, 0.1)
    assert ("BTC/USDT" in exchange.markets) is (kind == "binance")
    network = exchange.currencies["BTC"]["networks"]["BTC"]["info"]
    assert (network["withdrawFee"], network["withdrawMin"]) == ("0.000015", "0.00012")
    assert network["withdrawIntegerMultiple"] == "0.00000001"
    assert (network["withdrawEnable"], network["depositEnable"]) == (True, True)


def test_account_totals_are_exact_strings_after_the_haircut(connect: Any) -> None:
    account = connect("read").fapiPrivateV3GetAccount()
    assert account["totalMarginBalance"] == "153000.00000000"
    assert account["totalMaintMargin"] == "2700.00000000"
    assert account["totalInitialMargin"] == "40000.00000000"
    assert account["maxWithdrawAmount"] == "113000.00000000"
    assets = {row["asset"]: row for row in account["assets"]}
    assert assets["BTC"]["walletBalance"] == "2.00000000"
    assert assets["BTC"]["maxWithdrawAmount"] == "1.48684210"
    assert account["positions"][0]["notional"] == "400000.00000000"


def test_haircut_and_mode_can_be_read_from_the_venue(connect: Any) -> None:
    exchange = connect("read")
    assert exchange.fapiPrivateGetMultiAssetsMargin() == {"multiAssetsMargin": True}
    index = {row["symbol"]: row for row in exchange.fapiPublicGetAssetIndex()}
    assert (index["BTCUSD"]["bidBuffer"], index["BTCUSD"]["bidRate"]) == ("0.05000000", "76000.00000000")


def test_positions_and_brackets(connect: Any) -> None:
    exchange = connect("read")
    (position,) = exchange.fetch_positions()
    assert (position["side"], position["contracts"], position["marginMode"]) == ("long", 5.0, "cross")
    assert position["info"]["maintMargin"] == "2700.00000000"
    (table,) = exchange.fapiPrivateGetLeverageBracket({"symbol": "BTCUSDT"})
    third = table["brackets"][2]
    # JSON numbers on this endpoint, which ccxt hands on as floats, even in `info`.
    assert (third["maintMarginRatio"], third["cum"]) == (0.01, 1300.0)
    assert exchange.fetch_leverages()["BTC/USDT:USDT"]["longLeverage"] == 10


def test_spot_account_carries_the_uid(connect: Any, control: VenueControl) -> None:
    account = connect("read").privateGetAccount()
    assert int(account["uid"]) == control.state("main")["uid"]
    free = {row["asset"]: row["free"] for row in account["balances"]}
    assert free["BTC"] == "1.00000000"


def test_transfer_there_and_back_and_its_history(connect: Any, control: VenueControl) -> None:
    exchange = connect("transfer")
    exchange.transfer("BTC", "0.12345678", "linear", "spot")
    exchange.transfer("BTC", "0.00000001", "spot", "linear")
    state = control.state("main")
    assert state["wallets"]["spot"]["BTC"] == "1.12345677"
    assert state["wallets"]["futures"]["BTC"] == "1.87654323"
    (out,) = exchange.fetch_transfers("BTC", params={"fromAccount": "swap"})
    assert (out["info"]["type"], out["info"]["amount"]) == ("UMFUTURE_MAIN", "0.12345678")


def test_transfer_beyond_the_margin_is_refused(connect: Any, control: VenueControl) -> None:
    import ccxt

    with pytest.raises(ccxt.BaseError, match="-5013"):
        connect("transfer").transfer("BTC", "1.48684211", "linear", "spot")
    assert control.state("main")["wallets"]["futures"]["BTC"] == "2"


def test_withdrawal_reaches_the_chain_with_its_client_id(
    connect: Any, control: VenueControl, chain: Any
) -> None:
    exchange = connect()
    made = exchange.withdraw("BTC", "0.12345678", COLD, {"network": "BTC", "withdrawOrderId": "intent-1"})
    (pending,) = exchange.fetch_withdrawals("BTC", params={"withdrawOrderId": "intent-1"})
    assert (pending["status"], pending["txid"]) == ("pending", None)
    control.tick(3)
    (done,) = exchange.fetch_withdrawals("BTC", params={"withdrawOrderId": "intent-1"})
    assert (done["id"], done["status"], done["txid"]) == (made["id"], "ok", "0" * 63 + "1")
    assert (done["info"]["amount"], done["info"]["transactionFee"]) == ("0.12344178", "0.000015")
    assert done["info"]["withdrawOrderId"] == "intent-1"
    assert chain.paid == [(COLD, 12_344_178)]
    (sent,) = control.requests(method="POST", path="withdraw/apply")
    body = parse_qs(sent["body"])
    assert (body["amount"], body["address"], body["network"]) == (["0.12345678"], [COLD], ["BTC"])
    assert exchange.fetch_withdrawals("BTC", params={"withdrawOrderId": "another"}) == []


def test_a_resent_withdrawal_is_a_second_withdrawal(connect: Any, control: VenueControl) -> None:
    exchange = connect()
    for _ in range(2):
        exchange.withdraw("BTC", "0.1", COLD, {"network": "BTC", "withdrawOrderId": "same"})
    assert len(control.state("main")["withdrawals"]) == 2


@pytest.mark.parametrize(
    ("amount", "address", "network", "code"),
    [
        ("0.0001", COLD, "BTC", "-4022"),
        ("1.5", COLD, "BTC", "-4026"),
        ("0.5", "not-an-address", "BTC", "-4033"),
        ("0.5", COLD, "SOMECHAIN", "-4019"),
    ],
)
def test_refusals_carry_the_venues_code(
    connect: Any, control: VenueControl, *, amount: str, address: str, network: str, code: str
) -> None:
    import ccxt

    with pytest.raises(ccxt.BaseError, match=code):
        connect().withdraw("BTC", amount, address, {"network": network})
    assert control.state("main")["withdrawals"] == []


def test_deposit_goes_from_pending_to_credited_to_free(
    connect: Any, control: VenueControl, chain: Any
) -> None:
    exchange = connect("read")
    address = exchange.fetch_deposit_address("BTC", {"network": "BTC"})["address"]
    assert exchange.fetch_deposit_address("BTC", {"network": "BTC"})["address"] == address
    txid = chain.receive(address, 12_345_678)
    seen = []
    for depth in (0, 1, 2):
        chain.confirm(depth)
        control.tick()
        (deposit,) = exchange.fetch_deposits("BTC")
        seen.append((int(deposit["info"]["status"]), deposit["info"]["confirmTimes"]))
    assert seen == [(0, "0/1"), (6, "1/1"), (1, "1/1")]
    assert (deposit["txid"], deposit["info"]["amount"]) == (txid, "0.12345678")
    assert control.state("main")["wallets"]["spot"]["BTC"] == "1.12345678"


def test_key_rights_are_told_as_they_are(connect: Any) -> None:
    rights = connect("withdraw").sapiGetAccountApiRestrictions()
    assert (rights["ipRestrict"], rights["enableWithdrawals"]) == (True, True)
    rights = connect("read").sapiGetAccountApiRestrictions()
    assert (rights["ipRestrict"], rights["enableWithdrawals"]) == (False, False)


def test_venue_whitelist_is_shown_and_enforced(connect: Any, control: VenueControl) -> None:
    import ccxt

    control.call("whitelist", account="main", on=True, entries=[])
    exchange = connect()
    with pytest.raises(ccxt.BaseError, match="-4035"):
        exchange.withdraw("BTC", "0.5", COLD, {"network": "BTC"})
    control.call("whitelist", account="main", entries=[{"coin": "BTC", "network": "BTC", "address": COLD}])
    (entry,) = exchange.sapiGetCapitalWithdrawAddressList()
    assert (entry["address"], entry["whiteStatus"]) == (COLD, True)
    exchange.withdraw("BTC", "0.5", COLD, {"network": "BTC"})


def test_funding_is_paid_and_its_history_read(connect: Any, control: VenueControl) -> None:
    control.history("BTCUSDT", funding=[[n * 8 * HOUR, f"0.000{n}", "80000"] for n in range(1, 4)])
    control.funding("BTCUSDT", "0.0003")
    exchange = connect("read")
    history = exchange.fetch_funding_rate_history("BTC/USDT:USDT", limit=10)
    assert [point["info"]["fundingRate"] for point in history][:2] == ["0.00010000", "0.00020000"]
    assert exchange.fetch_funding_rate("BTC/USDT:USDT")["info"]["lastFundingRate"] == "0.00030000"
    (paid,) = exchange.fetch_funding_history("BTC/USDT:USDT")
    assert paid["info"]["income"] == "-120.00000000"
    assert control.state("main")["wallets"]["futures"]["USDT"] == "880"


def test_open_interest_volumes_and_candles(connect: Any, control: VenueControl) -> None:
    control.history(
        "BTCUSDT",
        open_interest=[[HOUR, "91000.5", "7280040000"]],
        candles=[[HOUR, "80000", "80500", "79000", "79900", "12.5"]],
    )
    control.market("BTCUSDT", open_interest="95000", spot_volume="31000", perp_volume="250000")
    exchange = connect("read")
    present = exchange.fetch_open_interest("BTC/USDT:USDT")["info"]
    assert present["openInterest"] == "95005.000", "and the account's 5"
    (past,) = exchange.fetch_open_interest_history("BTC/USDT:USDT", "1h")
    assert past["info"]["sumOpenInterest"] == "91000.50000000"
    assert exchange.fetch_ticker("BTC/USDT")["info"]["volume"] == "31000.00000000"
    assert exchange.fetch_ticker("BTC/USDT:USDT")["info"]["volume"] == "250000.00"
    assert exchange.fetch_ohlcv("BTC/USDT:USDT", "1h") == [[HOUR, 80000.0, 80500.0, 79000.0, 79900.0, 12.5]]


def test_the_order_book_thins_as_the_price_falls(connect: Any, control: VenueControl) -> None:
    exchange = connect("read")

    def depth() -> Decimal:
        book = exchange.fapiPublicGetDepth({"symbol": "BTCUSDT", "limit": 100})
        return sum((Decimal(quantity) for _, quantity in book["bids"]), Decimal(0))

    calm = depth()
    control.mark("BTCUSDT", "72000")
    fallen = depth()
    control.market("BTCUSDT", depth_scale="0.5")
    assert calm == Decimal(900)
    assert fallen < calm / 3
    assert depth() <= fallen / 2
    assert exchange.fetch_order_book("BTC/USDT:USDT", 20)["bids"][0][0] < 72000


def test_an_account_is_liquidated_as_the_mark_falls(connect: Any, control: VenueControl) -> None:
    exchange = connect("read")
    mark = 80000
    while control.state("main")["positions"]:
        assert mark > 40000
        mark -= 1000
        control.mark("BTCUSDT", str(mark))
    (order,) = exchange.fapiPrivateGetForceOrders()
    assert (order["side"], order["origQty"], order["price"]) == ("SELL", "5", f"{mark}.00")
    (record,) = control.state("main")["liquidations"]
    assert Decimal(record["margin_balance"]) <= Decimal(record["maintenance_margin"])
    assert exchange.fetch_positions() == []
    assert exchange.fetch_my_liquidations("BTC/USDT:USDT")[0]["contracts"] == 5.0
    kinds = {row["incomeType"] for row in exchange.fapiPrivateGetIncome()}
    assert {"REALIZED_PNL", "INSURANCE_CLEAR", "AUTO_EXCHANGE"} <= kinds


def test_an_unknown_path_is_a_404_with_the_venues_error(connect: Any) -> None:
    import ccxt

    with pytest.raises(ccxt.BaseError, match="-5000"):
        connect("read").fapiPrivateGetApiTradingStatus()
