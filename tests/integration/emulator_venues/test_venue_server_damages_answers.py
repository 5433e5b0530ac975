"""Faults in the answer itself, maintenance, latency and frozen state, over real sockets."""

from __future__ import annotations

import threading
from typing import Any

import ccxt
import pytest

from emulator.venues.control.client import ControlError, VenueControl

ACCOUNT = "/fapi/v3/account"


def test_a_field_is_left_out_while_the_fault_lasts(connect: Any, control: VenueControl) -> None:
    exchange = connect("read", load=False)
    control.fault("partial_answer", ACCOUNT, field="totalMaintMargin", lasting=True)
    for _ in range(3):
        answer = exchange.fapiPrivateV3GetAccount()
        assert "totalMaintMargin" not in answer
        assert answer["totalMarginBalance"]
    control.clear_faults()
    assert "totalMaintMargin" in exchange.fapiPrivateV3GetAccount()


def test_the_last_entries_of_a_list_are_lost(connect: Any, control: VenueControl) -> None:
    exchange = connect("read", load=False)
    control.fault("partial_answer", "/api/v3/account", entries=2)
    short = exchange.privateGetAccount()["balances"]
    assert len(exchange.privateGetAccount()["balances"]) - len(short) == 2


def test_entries_come_twice_and_digits_change(connect: Any, control: VenueControl) -> None:
    exchange = connect("read", load=False)
    control.fault("duplicate_entries", ACCOUNT)
    assert [p["symbol"] for p in exchange.fapiPrivateV3GetAccount()["positions"]] == ["BTCUSDT", "BTCUSDT"]
    control.fault("changed_precision", ACCOUNT, digits=1)
    assert exchange.fapiPrivateV3GetAccount()["totalMarginBalance"] == "153000.0"
    control.fault("unknown_field", ACCOUNT, field="novelty")
    assert exchange.fapiPrivateV3GetAccount()["novelty"] == "1"


def test_a_damaged_withdrawal_answer_was_recorded(connect: Any, control: VenueControl) -> None:
    exchange = connect("withdraw")
    control.fault("partial_answer", "withdraw/apply", field="id")
    request = {"coin": "BTC", "address": "bcrt1q" + "x" * 38, "amount": "0.1", "network": "BTC"}
    assert "id" not in exchange.sapiPostCapitalWithdrawApply(request)
    assert len(control.state("main")["withdrawals"]) == 1


def test_maintenance_refuses_with_the_exchanges_own_error_and_records_nothing(
    connect: Any, control: VenueControl
) -> None:
    exchange = connect("withdraw")
    control.fault("maintenance", "/sapi/", lasting=True)
    for _ in range(2):
        with pytest.raises(ccxt.BaseError, match="-1001"):
            exchange.withdraw("BTC", "0.1", "bcrt1q" + "x" * 38, {"network": "BTC"})
    assert control.state("main")["withdrawals"] == []
    assert exchange.fapiPrivateV3GetAccount()["totalMarginBalance"]
    control.clear_faults()
    exchange.withdraw("BTC", "0.1", "bcrt1q" + "x" * 38, {"network": "BTC"})


def test_latency_delays_every_answer_and_none_waits_for_another(connect: Any, control: VenueControl) -> None:
    exchanges = [connect("read", load=False) for _ in range(3)]
    control.latency(60_000)
    threads = [threading.Thread(target=exchange.fapiPublicGetPing) for exchange in exchanges]
    for thread in threads:
        thread.start()
    while len(control.requests(path="/fapi/v1/ping")) < len(threads):
        pass
    assert all(row["status"] is None for row in control.requests(path="/fapi/v1/ping"))
    control.latency(0)
    control.clear_faults()  # lets go what is held
    for thread in threads:
        thread.join(10)
    assert [row["status"] for row in control.requests(path="/fapi/v1/ping")] == [200, 200, 200]
    with pytest.raises(ControlError, match="60000"):
        control.latency(60_001)


def test_frozen_state_answers_any_parameters_and_lets_the_rest_live(
    connect: Any, control: VenueControl
) -> None:
    exchange = connect("transfer", load=False)
    control.freeze()
    control.mark("BTCUSDT", "70000")
    exchange.sapiPostAssetTransfer({"type": "MAIN_UMFUTURE", "asset": "BTC", "amount": "1"})
    (row,) = exchange.fapiPrivateV2GetPositionRisk({"symbol": "BTCUSDT", "recvWindow": "4000"})
    assert row["markPrice"] == "80000.00000000"
    assert control.state("main")["wallets"]["futures"]["BTC"] == "3"
    control.thaw()
    (row,) = exchange.fapiPrivateV2GetPositionRisk({"symbol": "BTCUSDT"})
    assert row["markPrice"] == "70000.00000000"


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("accounts", {"name": "x", "wallets": {"vault": {"BTC": "1"}}}, "expected wallets"),
        ("accounts", {"name": "x", "mode": "cross"}, "expected one of the modes"),
        ("withdrawals", {"hold_at": "failed"}, "expected one of"),
        ("withdrawals", {"client_ids": "sometimes"}, "sometimes"),
        ("receive", {"coin": "BTC", "address": "x", "amount": "1"}, "paper chain"),
        ("mark", {"base": "DOGE", "mark": "1"}, "DOGE"),
        ("fault", {"kind": "hang", "path": "x", "digits": -1}, "nothing below 0"),
    ],
)
def test_control_refuses_what_the_exchange_does_not_have(
    control: VenueControl, path: str, fields: dict[str, object], words: str
) -> None:
    with pytest.raises(ControlError, match=words):
        control.call(path, **fields)


def test_holds_and_nonces_are_set_from_outside(connect: Any, control: VenueControl, server: Any) -> None:
    exchange = connect("withdraw")
    control.hold("main", server.venue.clock.now_ms() + 86_400_000)
    with pytest.raises(ccxt.BaseError, match="-4010"):
        exchange.withdraw("BTC", "0.1", "bcrt1q" + "x" * 38, {"network": "BTC"})
    control.nonce("withdraw-key", 77)
    assert server.venue.nonces.last == {"withdraw-key": 77}
