"""Over real sockets: who may do what at the venue, and every fault it can be told to have."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

from emulator.venues.control.client import ControlError, VenueControl
from emulator.venues.serving.server import VenueServer

COLD = "bcrt1q" + "x" * 38
APPLY = "withdraw/apply"


def withdraw(exchange: Any, client_id: str = "intent") -> Any:
    return exchange.withdraw("BTC", "0.1", COLD, {"network": "BTC", "withdrawOrderId": client_id})


def recorded(control: VenueControl) -> int:
    return len(control.state("main")["withdrawals"])


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [("nobody", None, "-2015"), ("withdraw", "wrong", "-1022"), ("far", None, "-2015")],
)
def test_refuses_unknown_keys_wrong_signatures_and_foreign_addresses(
    connect: Any, control: VenueControl, key: str, secret: str | None, code: str
) -> None:
    import ccxt

    exchange = connect(key, secret=secret, load=False)
    with pytest.raises(ccxt.AuthenticationError, match=code):
        exchange.privateGetAccount()
    with pytest.raises(ccxt.AuthenticationError, match=code):
        exchange.sapiPostCapitalWithdrawApply({"coin": "BTC", "address": COLD, "amount": "0.1"})
    assert recorded(control) == 0


@pytest.mark.parametrize("key", ["read", "transfer"])
def test_a_key_without_the_right_cannot_withdraw(connect: Any, control: VenueControl, key: str) -> None:
    import ccxt

    exchange = connect(key)
    # ccxt calls -2015 an overload (DDoSProtection) once the same client has been answered: trust the code.
    with pytest.raises(ccxt.BaseError, match="-2015"):
        withdraw(exchange)
    assert recorded(control) == 0


def test_a_read_key_cannot_transfer(connect: Any, control: VenueControl) -> None:
    import ccxt

    with pytest.raises(ccxt.BaseError, match="-2015"):
        connect("read").transfer("BTC", "0.1", "linear", "spot")
    assert control.state("main")["transfers"] == []


def test_a_body_changed_after_signing_is_refused(connect: Any, control: VenueControl) -> None:
    import ccxt

    exchange = connect()
    honest = exchange.sign

    def forged(*given: Any, **named: Any) -> Any:
        request = honest(*given, **named)
        request["body"] = request["body"].replace("amount=0.1", "amount=0.9")
        return request

    exchange.sign = forged
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        withdraw(exchange)
    assert recorded(control) == 0


def test_clock_skew_is_refused_until_the_client_learns_the_venues_time(
    connect: Any, control: VenueControl
) -> None:
    import ccxt

    exchange = connect("read")
    for skew in (60_000, -60_000):
        control.clock(offset_ms=skew)
        with pytest.raises(ccxt.InvalidNonce, match="-1021"):
            exchange.fapiPrivateV3GetAccount()
        exchange.load_time_difference()
        assert exchange.fapiPrivateV3GetAccount()["positions"]


def test_a_lying_time_endpoint_misleads_the_client(connect: Any, control: VenueControl) -> None:
    import ccxt

    control.clock(announced_skew_ms=30_000)
    exchange = connect("read", load=False)
    exchange.load_time_difference()
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        exchange.fapiPrivateV3GetAccount()


@pytest.mark.parametrize(
    ("kind", "error", "count"),
    [
        ("504_after_recording", "RequestTimeout", 1),
        ("504_before_recording", "RequestTimeout", 0),
        ("drop_connection_after", "NetworkError", 1),
        ("drop_connection_before", "NetworkError", 0),
        ("http_500", "OperationFailed", 0),
        ("http_500_after_recording", "OperationFailed", 1),
    ],
)
def test_a_failed_answer_says_nothing_about_whether_the_withdrawal_was_recorded(
    connect: Any, control: VenueControl, kind: str, error: str, count: int
) -> None:
    import ccxt

    exchange = connect()
    control.fault(kind, APPLY)
    with pytest.raises(getattr(ccxt, error)):
        withdraw(exchange)
    assert recorded(control) == count
    assert len(control.requests(path=APPLY)) == 1
    assert len(exchange.fetch_withdrawals("BTC", params={"withdrawOrderId": "intent"})) == count


def test_half_an_answer_after_recording(connect: Any, control: VenueControl) -> None:
    exchange = connect()
    control.fault("broken_json", APPLY)
    # Half of {"id": …} is no JSON: ccxt hands back text or fails, but never an id.
    try:
        answer = exchange.sapiPostCapitalWithdrawApply({"coin": "BTC", "address": COLD, "amount": "0.1"})
    except Exception as error:  # noqa: BLE001  whatever ccxt makes of it
        answer = error
    assert not isinstance(answer, dict)
    assert recorded(control) == 1


def test_a_hanging_venue_times_out_the_client_and_has_recorded(connect: Any, control: VenueControl) -> None:
    import ccxt

    exchange = connect()
    exchange.timeout = 300
    control.fault("hang", APPLY, seconds="30")
    with pytest.raises(ccxt.RequestTimeout):
        withdraw(exchange)
    assert recorded(control) == 1


def test_a_request_held_before_the_venue_handles_it_is_recorded_when_released(
    connect: Any, control: VenueControl
) -> None:
    exchange = connect()
    control.fault("hang_before", APPLY, seconds="30")
    held = threading.Thread(target=withdraw, args=(exchange,))
    held.start()
    while not control.requests(path=APPLY):
        pass
    assert recorded(control) == 0
    control.clear_faults()
    held.join(10)
    assert not held.is_alive()
    assert recorded(control) == 1


def test_stopping_the_server_ends_what_it_holds(chain: Any) -> None:
    import http.client

    with VenueServer("binance", chain=chain) as server:
        VenueControl(server.url).fault("hang_before", "/api/v3/ping", seconds="600")
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/api/v3/ping")
        while not server.log.select(path="ping"):
            pass
    connection.close()
    assert not any(thread.name == "venue-server" and thread.is_alive() for thread in threading.enumerate())


def test_stale_answers_stay_as_they_were_while_the_venue_moves_on(
    connect: Any, control: VenueControl
) -> None:
    exchange = connect("read")
    control.freeze()
    control.mark("BTCUSDT", "70000")
    stale = exchange.fapiPrivateV3GetAccount()
    assert stale["totalUnrealizedProfit"] == "0.00000000"
    frozen_at = exchange.fapiPublicGetPremiumIndex({"symbol": "BTCUSDT"})
    assert frozen_at["markPrice"] == "80000.00000000"
    assert exchange.fapiPublicGetPremiumIndex({"symbol": "BTCUSDT"})["time"] == frozen_at["time"]
    assert exchange.fetch_positions()[0]["info"]["markPrice"] == "80000.00000000"
    control.thaw()
    assert exchange.fapiPrivateV3GetAccount()["totalUnrealizedProfit"] == "-50000.00000000"


def test_history_that_lags_hides_a_recorded_withdrawal(connect: Any, control: VenueControl) -> None:
    exchange = connect()
    control.withdrawals(history_lag_ticks=2)
    withdraw(exchange)
    assert exchange.fetch_withdrawals("BTC") == []
    control.tick(2)
    assert len(exchange.fetch_withdrawals("BTC")) == 1


def test_suspensions_are_shown_and_enforced(connect: Any, control: VenueControl) -> None:
    import ccxt

    control.withdrawals(suspended=True)
    control.network("BTC", deposit_enabled=False)
    exchange = connect()
    network = exchange.currencies["BTC"]["networks"]["BTC"]["info"]
    assert (network["withdrawEnable"], network["depositEnable"]) == (False, False)
    with pytest.raises(ccxt.BaseError, match="-4019"):
        withdraw(exchange)
    with pytest.raises(ccxt.BaseError, match="-4040"):
        exchange.fetch_deposit_address("BTC", {"network": "BTC"})


def test_a_rejected_withdrawal_is_seen_as_failed(connect: Any, control: VenueControl) -> None:
    exchange = connect()
    control.withdrawals(reject_next=1)
    withdraw(exchange)
    control.tick(3)
    assert exchange.fetch_withdrawals("BTC")[0]["status"] == "failed"
    assert control.state("main")["wallets"]["spot"]["BTC"] == "1"


def test_a_deposit_address_that_changes_under_the_client(connect: Any, control: VenueControl) -> None:
    exchange = connect("read")
    first = exchange.fetch_deposit_address("BTC", {"network": "BTC"})["address"]
    control.deposit_address("main", show=COLD)
    assert exchange.fetch_deposit_address("BTC", {"network": "BTC"})["address"] == COLD
    control.deposit_address("main", restore=True)
    assert exchange.fetch_deposit_address("BTC", {"network": "BTC"})["address"] == first
    renewed = control.deposit_address("main", renew=True)
    assert exchange.fetch_deposit_address("BTC", {"network": "BTC"})["address"] == renewed != first


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("nothing", {}, "no control path"),
        ("tick", {"cuont": 3}, "expected only"),
        ("mark", {"symbol": "BTCUSDT", "mark": "-1"}, "positive"),
        ("mark", {"symbol": "XRPUSDT", "mark": "1"}, "expected one of"),
        ("fault", {"kind": "earthquake", "path": "x"}, "earthquake"),
        ("accounts", {"name": "main"}, "in use"),
        (
            "position",
            {"account": "nobody", "symbol": "BTCUSDT", "quantity": "1", "entry_price": "1"},
            "nobody",
        ),
    ],
)
def test_control_refuses_what_it_does_not_understand(
    control: VenueControl, path: str, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ControlError, match=words):
        control.call(path, **fields)


def test_control_refuses_floats_before_they_leave(control: VenueControl) -> None:
    with pytest.raises(TypeError, match="exact"):
        control.market("BTCUSDT", spot_volume=1.5)


def test_time_can_work_by_itself(chain: Any) -> None:
    with VenueServer("binance", chain=chain, tick_seconds=0.01) as server:
        control = VenueControl(server.url)
        control.create_account("main", wallets={"spot": {"BTC": "1"}})
        account = server.venue.account("main")
        address = server.venue.deposit_address(account, "BTC", "BTC")
        chain.receive(address.address, 5_000_000, confirmations=3)
        for _ in range(1000):
            if Decimal(control.state("main")["wallets"]["spot"]["BTC"]) == Decimal("1.05"):
                return
        raise AssertionError("expected the deposit to be credited without a tick by hand")
