"""Whatever a Bybit account holds, it is read exactly and without a contradiction."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.venues.bybit.endpoints import bybit
from emulator.venues.bybit.margin import ISOLATED, PORTFOLIO, REGULAR
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.positions import Position
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Call, Caller
from emulator.venues.serving.wire import dumps
from tests.support.bybit_answers import CONTEXT
from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.bybit.account import Bybit
from vault.venues.line.raw import parse

EXCHANGE = bybit()
HANDLERS = {route.path: route.handler for route in EXCHANGE.routes}
PATHS = {
    "publicGetV5MarketTickers": "/v5/market/tickers",
    "publicGetV5MarketRiskLimit": "/v5/market/risk-limit",
    "publicGetV5SpotMarginTradeCollateral": "/v5/spot-margin-trade/collateral",
    "privateGetV5AccountInfo": "/v5/account/info",
    "privateGetV5AccountWalletBalance": "/v5/account/wallet-balance",
    "privateGetV5AccountWithdrawal": "/v5/account/withdrawal",
    "privateGetV5PositionList": "/v5/position/list",
}


class Straight:
    """Stands in for a connection: asks the emulated handlers without a socket."""

    def __init__(self, venue: Venue, account: Account) -> None:
        self.venue, self.caller = venue, Caller(account, account.keys[0])

    def get(self, method: str, parameters: dict[str, Any] | None = None) -> Any:
        path = PATHS[method]
        params = {name: str(value) for name, value in (parameters or {}).items()}
        incoming = Incoming("GET", path, urlencode(params), "", None, "")
        told = HANDLERS[path](Call(self.venue, path, params, self.caller, incoming))
        return parse(dumps(EXCHANGE.dialect.success(incoming, told)), what=method)


def read(venue: Venue, account: Account) -> MarginAccount:
    def nobody(role: object) -> Any:
        raise AssertionError("no connection is needed")

    own = VenueSettings.model_validate_json(
        json.dumps({"name": "bybit-main", "exchange": "bybit", "account_uid": str(account.uid)})
    )
    line: Any = Straight(venue, account)
    return Bybit(own, nobody, ManualClock(CONTEXT.server_time)).account(line, CONTEXT)


amounts = st.decimals(min_value="0", max_value="100000", places=8)
coins = st.fixed_dictionaries({}, optional=dict.fromkeys(("BTC", "ETH", "XRP", "USDT", "USDC"), amounts))
sizes = st.integers(min_value=1, max_value=400).flatmap(lambda n: st.sampled_from((n, -n)))
positions = st.lists(
    st.tuples(
        st.sampled_from(("BTCUSDT", "ETHUSDT", "BTCPERP", "BTCUSD")),
        sizes,
        st.decimals(min_value="0.5", max_value="2", places=3),
        st.integers(min_value=1, max_value=50),
    ),
    max_size=4,
    unique_by=lambda item: item[0],
)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from((REGULAR, ISOLATED, PORTFOLIO)), coins, positions)
def test_any_account_reads_as_the_rules_reckon_it(
    mode: str, held: dict[str, Decimal], open_positions: list[tuple[str, int, Decimal, int]]
) -> None:
    venue = Venue(EXCHANGE.profile)
    venue.market.symbols["XRPUSDT"] = venue.market.symbols["ETHUSDT"].__class__(
        "XRPUSDT", "XRP", "USDT", Decimal("0.6"), venue.market.symbols["ETHUSDT"].brackets,
        venue.market.symbols["ETHUSDT"].depth, Decimal("0.0001"), Decimal("0.1"),
    )  # fmt: skip
    if mode == ISOLATED:  # each position's margin lies in the wallet
        held = {**held, "USDT": Decimal(10**8), "USDC": Decimal(10**8), "BTC": Decimal(10**4)}
    account = venue.create_account("main", keys=(ApiKey("k", "s"),), wallets={"unified": held}, mode=mode)
    for symbol, size, ratio, leverage in open_positions:
        contract = venue.market.symbols[symbol]
        quantity = Decimal(size) * (1000 if contract.inverse else 1)
        entry = (contract.mark * ratio).quantize(Decimal("0.01"))
        venue.set_position(account, Position(symbol, quantity, entry, leverage))
    report = venue.report(account)
    found = read(venue, account)
    assert found.flags == (), found.flags
    assert len(found.positions) == len(open_positions)
    assert {item.asset: item.balance for item in found.collateral if item.balance} == {
        asset: amount for asset, amount in held.items() if amount
    }
    exact = Decimal("1e-8")
    if mode != ISOLATED:
        assert abs(found.equity - report.margin_balance) <= exact
        assert abs(found.initial_margin - report.initial_margin) <= exact
        assert abs(found.maintenance_margin - report.maintenance_margin) <= exact
    for position, line in zip(
        sorted(found.positions, key=lambda p: p.symbol),
        sorted(report.positions, key=lambda p: p.position.symbol),
        strict=True,
    ):
        assert position.size == abs(line.position.quantity)
        assert position.mark_price == line.mark_price


def test_an_account_without_anything_reads_as_nothing_and_says_so() -> None:
    venue = Venue(EXCHANGE.profile)
    account = venue.create_account("main", keys=(ApiKey("k", "s"),))
    found = read(venue, account)
    assert (found.equity, found.collateral, found.positions) == (Decimal(0), (), ())
    assert (found.flags, found.missing) == ((), ())


def test_more_positions_than_a_few_are_read_with_one_list_of_tickers() -> None:
    venue = Venue(EXCHANGE.profile)
    wallets = {"unified": {"USDT": Decimal(10**6), "USDC": Decimal(10**6), "BTC": Decimal(10)}}
    account = venue.create_account("main", keys=(ApiKey("k", "s"),), wallets=wallets)
    for symbol in ("BTCUSDT", "ETHUSDT", "BTCPERP", "BTCUSD"):
        venue.set_position(account, Position(symbol, Decimal(1), venue.market.symbols[symbol].mark, 10))
    found = read(venue, account)
    assert len(found.positions) == 4
    assert (found.missing, found.flags) == ((), ())


@pytest.mark.parametrize("status", ["1", "4"])
def test_an_account_of_an_older_kind_is_not_asked_further(status: str) -> None:
    venue = Venue(EXCHANGE.profile)
    account = venue.create_account("main", keys=(ApiKey("k", "s"),))
    line: Any = Straight(venue, account)
    plain = line.get

    def older(method: str, parameters: dict[str, Any] | None = None) -> Any:
        assert method == "privateGetV5AccountInfo"
        answer = plain(method, parameters)
        return {**answer, "result": {**answer["result"], "unifiedMarginStatus": int(status)}}

    line.get = older
    with pytest.raises(VenueError) as caught:
        Bybit.account(_unconnected(account), line, CONTEXT)
    assert caught.value.code == "venue.unsupported_account"


def _unconnected(account: Account) -> Bybit:
    own = VenueSettings.model_validate_json(
        json.dumps({"name": "bybit-main", "exchange": "bybit", "account_uid": str(account.uid)})
    )
    unused: Any = None
    return Bybit(own, unused, ManualClock(CONTEXT.server_time))
