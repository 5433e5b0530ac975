"""What is refused of the exchanges that are only read: whatever sends, and accounts that would mislead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

import pytest

from tests.support import readonly_answers as told
from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.money import BTC, Amount
from vault.venues import routes
from vault.venues.base import InternalTransfer, WithdrawRequest
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.kinds import account_kind
from vault.venues.common.notes import Notes
from vault.venues.hyperliquid import margin as hyperliquid_margin
from vault.venues.hyperliquid.account import Hyperliquid
from vault.venues.line.endpoints import verb
from vault.venues.read_only import bitget_margin, gate_margin, kucoin_margin
from vault.venues.read_only.bitget import Bitget
from vault.venues.read_only.common import dollar, one_margin, quotient, table
from vault.venues.read_only.dydx import Answers as DydxAnswers
from vault.venues.read_only.dydx import subaccount
from vault.venues.traits import TRAITS

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
EXCHANGES = sorted(name for name, one in TRAITS.items() if one.ships == "read_only")
every_exchange = pytest.mark.parametrize("exchange", EXCHANGES)
TRANSFER = InternalTransfer("swap", "spot", Amount.parse("1", BTC), NOW)
REQUEST = WithdrawRequest("v" + "0" * 31, "BTC", Amount.parse("1", BTC), "BTC", "bc1q", "", "regtest", NOW)


def no_connection(*_: object) -> NoReturn:
    raise AssertionError("a connection was asked for")


def account_at(exchange: str, uid: str = "42", contract: str = "") -> ExchangeAccount:
    more: dict[str, Any] = {"contracts": (contract,)} if contract else {}
    settings = VenueSettings(
        name="watched", exchange=exchange, account_uid=uid, url="http://127.0.0.1:9", **more
    )
    return account_kind(exchange)(settings, no_connection, ManualClock(NOW))


SENDS: dict[str, Callable[[ExchangeAccount], object]] = {
    "withdraw": lambda venue: venue.withdraw(REQUEST),
    "search_withdrawal": lambda venue: venue.search_withdrawal(REQUEST, NOW),
    "transfer_internal": lambda venue: venue.transfer_internal(TRANSFER),
    "find_internal_transfer": lambda venue: venue.find_internal_transfer(TRANSFER, NOW),
    "deposit_address": lambda venue: venue.deposit_address("BTC", "BTC"),
    "find_deposit": lambda venue: venue.find_deposit("BTC", "BTC", "00", "bc1q", NOW),
    "network_info": lambda venue: venue.network_info("BTC", "BTC"),
    "spot_balance": lambda venue: venue.spot_balance("BTC"),
}


def code_of(read: Callable[[], object]) -> str:
    with pytest.raises(VenueError) as caught:
        read()
    return caught.value.code


@every_exchange
@pytest.mark.parametrize("what", SENDS)
def test_what_sends_is_refused_by_name_before_a_connection_is_made(exchange: str, what: str) -> None:
    assert code_of(lambda: SENDS[what](account_at(exchange))) == "venue.read_only"


@every_exchange
def test_no_endpoint_can_send(exchange: str) -> None:
    kind = account_kind(exchange)
    assert not kind.SENDS
    assert not kind.READS & kind.PUBLIC
    verbs = {method: verb(method) for method in kind.READS | kind.PUBLIC}
    assert {method for method, one in verbs.items() if one != "GET"} <= {"publicPostInfo"}
    assert "POST" not in verbs.values() or exchange == "hyperliquid"


@every_exchange
def test_every_endpoint_is_one_of_ccxts(exchange: str) -> None:
    import ccxt

    kind = account_kind(exchange)
    made = getattr(ccxt, kind.endpoints().ccxt)()
    assert [
        name for name in sorted(kind.READS | kind.PUBLIC) if not callable(getattr(made, name, None))
    ] == []


@every_exchange
def test_no_hop_leads_anywhere(exchange: str) -> None:
    assert code_of(lambda: routes.outward(exchange)) == "venue.read_only"


@pytest.mark.parametrize(
    ("exchange", "uid"),
    [
        ("hyperliquid", "42"),
        ("hyperliquid", "0x" + "a" * 39),
        ("hyperliquid", "0x" + "g" * 40),
        ("hyperliquid", "0x" + "a" * 40 + "\n"),
        ("dydx", "42"),
        ("dydx", "cosmos1" + "q" * 38),
        ("dydx", told.ADDRESS + "/01"),
        ("dydx", told.ADDRESS + "/-1"),
        ("dydx", told.ADDRESS + "/"),
    ],
)
def test_an_account_without_keys_is_known_by_a_whole_address(exchange: str, uid: str) -> None:
    venue = account_at(exchange, uid)
    assert code_of(lambda: venue.uid(no_connection)) == "venue.bad_account"  # type: ignore[arg-type]


def test_an_address_is_its_own_uid() -> None:
    for exchange, uid in (("hyperliquid", "0x" + "aB" * 20), ("dydx", told.ADDRESS + "/128")):
        assert account_at(exchange, uid).uid(no_connection) == uid  # type: ignore[arg-type]


def test_margins_of_two_assets_are_not_added_up() -> None:
    assert one_margin([], "USDT") == "USDT"
    assert one_margin(["BTC", "BTC"], "USDT") == "BTC"
    assert code_of(lambda: one_margin(["BTC", "USDT"], "USDT")) == "venue.separate_margins"


def test_bitget_reads_the_product_that_carries_positions() -> None:
    held, none = told.BITGET_CLASSIC.answers["positions"], told.bitget([])
    product = bitget_margin.classic_product
    assert product({"USDT-FUTURES": none, "USDC-FUTURES": none}, "BTCPERP") == "USDC-FUTURES"
    assert product({"USDT-FUTURES": held, "USDC-FUTURES": none}, "BTCPERP") == "USDT-FUTURES"
    both = {"USDT-FUTURES": held, "USDC-FUTURES": held}
    assert code_of(lambda: product(both, "BTCUSDT")) == "venue.separate_margins"


def test_bitget_coin_margined_positions_are_refused() -> None:
    answers = told.BITGET_CLASSIC.answers
    made = bitget_margin.Answers(answers["account"], {"COIN-FUTURES": answers["positions"]}, {}, ())
    read = (bitget_margin.classic_account, bitget_margin.unified_account)
    assert {code_of(lambda one=one: one(made, told.CONTEXT)) for one in read} == {
        "venue.unsupported_position"
    }


def test_bitget_union_counts_its_dollars_and_names_its_other_coins() -> None:
    answers = told.BITGET_CLASSIC.fresh()
    answers["account"]["data"][0] |= {
        "assetMode": "union", "unionTotalMargin": "12500", "unionAvailable": "4500", "unionMm": "349",
        "assetList": [
            {"coin": "USDT", "balance": "10000", "available": "1900"},
            {"coin": "ETH", "balance": "1", "available": "1"},
        ],
    }  # fmt: skip
    account = told.BITGET_CLASSIC.read(answers)
    assert (account.equity, account.maintenance_margin, account.initial_margin) == (12500, 349, 8000)
    assert [coin.asset for coin in account.collateral] == ["USDT"]
    assert {"collateral:ETH", "balance"} <= set(account.missing)
    assert account.mode == "classic_union"


def test_bitget_union_is_not_taken_for_single_where_the_mode_is_not_said() -> None:
    answers = told.BITGET_CLASSIC.fresh()
    line = answers["account"]["data"][0]
    line["unionTotalMargin"] = "12500"
    del line["assetMode"]
    assert code_of(lambda: told.BITGET_CLASSIC.read(answers)) == "venue.incomplete_answer"


def test_bitget_tells_a_unified_account_by_the_refusal_of_the_classic_endpoints() -> None:
    class Ask:
        def get(self, method: str, parameters: Any = None) -> Any:
            if "Uta" in method:
                return told.bitget({"userId": "42"})
            raise VenueError("refused", "no", venue_code=self.code)

        code = "40085"

    venue = account_at("bitget")
    assert isinstance(venue, Bitget)
    ask: Any = Ask()
    assert venue.uid(ask) == "42"
    ask.code = "40014"
    assert code_of(lambda: venue.uid(ask)) == "venue.refused"


@pytest.mark.parametrize("mode", ["single_currency", "", "other"])
def test_gate_modes_whose_totals_stand_at_zero_are_refused(mode: str) -> None:
    codes = {"venue.unsupported_account", "venue.incomplete_answer"}
    assert code_of(lambda: gate_margin.read_mode({"mode": mode})) in codes


def test_gate_maintenance_of_zero_beside_a_position_is_computed_and_named() -> None:
    answers = told.GATE_UNIFIED.fresh()
    answers["positions"][0]["maintenance_margin"] = "0"
    account = told.GATE_UNIFIED.read(answers)
    assert account.positions[0].venue_maintenance_margin is None
    assert "maintenance_margin:BTC_USDT" in account.missing
    answers["account"]["total_maintenance_margin"] = "0"
    flags = told.GATE_UNIFIED.read(answers).flags
    assert [flag.split(":")[0] for flag in flags] == ["maintenance_zero"]


def test_gate_tiers_without_a_deduction_never_ask_for_less() -> None:
    answers = told.GATE_UNIFIED.fresh()
    del answers["tiers"]["BTC_USDT"][1]["deduction"]
    account = told.GATE_UNIFIED.read(answers)
    assert "deduction:BTC_USDT" in account.missing
    assert [one.cum for one in account.positions[0].brackets] == [0, 0]


@pytest.mark.parametrize(("theirs", "ours"), [(1, 5), (5, 1), (6, None)])
def test_gate_counts_the_queue_the_other_way_round(theirs: int, ours: int | None) -> None:
    answers = told.GATE_UNIFIED.fresh()
    answers["positions"][0]["adl_ranking"] = theirs
    assert told.GATE_UNIFIED.read(answers).positions[0].adl_rank == ours


def test_gate_quanto_contract_is_refused() -> None:
    """Settled in bitcoin and counted in another coin: neither linear nor inverse."""
    answers = told.GATE_CLASSIC.fresh()
    answers["positions"][0]["contract"] = "ETH_USD"
    answers["contracts"].append(told.gate_contract("ETH_USD", "direct", "0.000001", "2900"))
    assert code_of(lambda: told.GATE_CLASSIC.read(answers)) == "venue.unsupported_position"


def test_gate_bonus_is_margin_but_does_not_leave() -> None:
    answers = told.GATE_CLASSIC.fresh()
    answers["account"]["bonus"] = "0.4"
    account = told.GATE_CLASSIC.read(answers)
    assert account.available_to_withdraw == Decimal("1.5") * 51000
    assert account.equity == Decimal("2.02") * 51000


@pytest.mark.parametrize(
    ("share", "rank"), [("0", 1), ("0.2", 1), ("0.21", 2), ("0.8", 4), ("0.81", 5), ("1", 5)]
)
def test_kucoin_percentile_is_a_fifth_of_the_queue(share: str, rank: int) -> None:
    answers = told.KUCOIN_CLASSIC.fresh()
    answers["positions"]["data"][0]["delevPercentage"] = share
    assert told.KUCOIN_CLASSIC.read(answers).positions[0].adl_rank == rank


def test_kucoin_inverse_account_is_priced_by_its_index() -> None:
    answers = told.KUCOIN_CLASSIC.fresh()
    answers["account"]["data"] |= {
        "currency": "XBT", "accountEquity": "2.02", "marginBalance": "2", "positionMargin": "0.1",
        "maxWithdrawAmount": "1.9",
    }  # fmt: skip
    line = answers["positions"]["data"][0] | {
        "symbol": "XBTUSDM", "settleCurrency": "XBT", "currentQty": 51000, "markValue": "-1",
        "posInit": "0.1", "posMaint": "0.004", "unrealisedPnl": "0.02",
    }  # fmt: skip
    answers["positions"]["data"] = [line]
    contract = {
        "symbol": "XBTUSDM", "quoteCurrency": "USD", "settleCurrency": "XBT", "isInverse": True,
        "multiplier": -1,
    }  # fmt: skip
    answers["contracts"]["data"] = [told.kucoin_contract(**contract)]
    account = told.KUCOIN_CLASSIC.read(answers)
    (position,) = account.positions
    assert (position.base, position.settle, position.inverse) == ("BTC", "BTC", True)
    assert (position.size, position.notional) == (51000, 1)
    assert account.equity == Decimal("2.02") * 51000
    assert account.maintenance_margin == Decimal("0.004") * 51000
    assert [coin.asset for coin in account.collateral] == ["BTC"]
    read = kucoin_margin.settle_currency(answers["positions"], answers["contracts"], "XBTUSDTM")
    assert read == "XBT"  # the venue's own name, for the next question


def test_kucoin_haircut_of_unknown_tiers_is_the_lowest() -> None:
    answers = told.KUCOIN_UNIFIED.fresh()
    answers["discounts"]["data"][1]["cdrConfigs"].append({"tier": 2, "cdr": "0.7"})
    account = told.KUCOIN_UNIFIED.read(answers)
    assert account.collateral[1].ratio == Decimal("0.7")
    assert "haircut_tiers:BTC" in account.missing


def test_kucoin_debt_is_taken_off_the_balance() -> None:
    answers = told.KUCOIN_UNIFIED.fresh()
    answers["balances"]["data"]["accounts"][0]["currencies"][1] |= {"balance": "0", "liability": "0.25"}
    coin = told.KUCOIN_UNIFIED.read(answers).collateral[1]
    assert (coin.asset, coin.balance, coin.borrowed) == ("BTC", Decimal("-0.25"), Decimal("0.25"))


def test_kucoin_isolated_position_of_a_unified_account_is_refused() -> None:
    answers = told.KUCOIN_UNIFIED.fresh()
    answers["positions"]["data"][0]["marginMode"] = "ISOLATED"
    assert code_of(lambda: told.KUCOIN_UNIFIED.read(answers)) == "venue.unsupported_position"


@pytest.mark.parametrize("mode", ["portfolioMargin", "new mode", None, 1, {}])
def test_hyperliquid_modes_that_are_not_known_are_refused(mode: Any) -> None:
    assert code_of(lambda: hyperliquid_margin.read_mode(mode)) == "venue.unsupported_account"


def test_hyperliquid_position_settled_in_another_coin_is_refused() -> None:
    answers = told.HYPERLIQUID_STANDARD.fresh()
    answers["market"][0]["collateralToken"] = 360
    assert code_of(lambda: told.HYPERLIQUID_STANDARD.read(answers)) == "venue.unsupported_position"


def test_hyperliquid_tiers_keep_the_margin_continuous() -> None:
    first, second = told.HYPERLIQUID_STANDARD.account().positions[0].brackets
    assert (first.rate, second.rate) == (Decimal("0.0125"), Decimal("0.025"))
    assert first.cap == second.floor == 150_000_000
    assert second.floor * second.rate - second.cum == second.floor * first.rate - first.cum


def test_hyperliquid_isolated_margin_is_without_the_profit_it_holds() -> None:
    account = told.HYPERLIQUID_STANDARD.account()
    assert (account.positions[1].isolated_margin, account.positions[1].initial_margin) == (3000, 4000)
    assert "isolated_margin:ETH" in account.derived


def test_hyperliquid_names_the_exchanges_it_did_not_ask() -> None:
    case = told.HYPERLIQUID_UNIFIED.answers
    dex = hyperliquid_margin.Dex("", case["state"], case["market"])
    account = hyperliquid_margin.unified_account((dex,), case["spot"], ("flx",), told.CONTEXT)
    assert "positions:flx" in account.missing
    assert hyperliquid_margin.dex_names([None, {"name": "flx"}]) == ("flx",)


def test_hyperliquid_isolated_positions_are_no_part_of_the_unified_equity() -> None:
    account = told.HYPERLIQUID_UNIFIED.account()
    assert (account.equity, account.maintenance_margin) == (8000, Decimal("637.5"))
    assert account.balance == 10000
    assert account.available_to_withdraw == 2900


def test_hyperliquid_unified_money_without_dollars_is_refused() -> None:
    answers = told.HYPERLIQUID_UNIFIED.fresh()
    answers["spot"]["balances"][0]["coin"] = "HYPE"
    assert code_of(lambda: told.HYPERLIQUID_UNIFIED.read(answers)) == "venue.incomplete_answer"


def dydx(number: int, **changes: Any) -> Any:
    answers = told.DYDX.fresh()
    first = answers["subaccounts"]["subaccounts"][0]
    answers["subaccounts"]["subaccounts"].append(first | {"subaccountNumber": 128} | changes)
    return subaccount(
        DydxAnswers(told.ADDRESS, number, answers["subaccounts"], answers["markets"], answers["height"]),
        told.CONTEXT,
    )


def test_dydx_names_the_isolated_subaccounts_it_does_not_read() -> None:
    assert "isolated_subaccount:128" in dydx(0).missing
    assert not [name for name in dydx(0, equity="0").missing if name.startswith("isolated_subaccount")]
    assert not [name for name in dydx(0, subaccountNumber=129).missing if "129" in name]
    assert (dydx(128).mode, dydx(0).mode) == ("isolated", "cross")


def test_dydx_refuses_what_is_not_of_the_account() -> None:
    assert code_of(lambda: dydx(0, address="dydx1" + "p" * 38)) == "venue.bad_answer"
    assert code_of(lambda: dydx(0, subaccountNumber=0)) == "venue.bad_answer"
    assert code_of(lambda: dydx(7)) == "venue.incomplete_answer"


def test_dydx_sign_and_side_must_agree() -> None:
    answers = told.DYDX.fresh()
    line = answers["subaccounts"]["subaccounts"][0]["openPerpetualPositions"]["BTC-USD"]
    line["side"] = "SHORT"
    assert code_of(lambda: told.DYDX.read(answers)) == "venue.bad_answer"


def test_coinbase_counts_the_margin_of_the_stricter_window() -> None:
    account = told.COINBASE.account()
    assert (account.initial_margin, account.maintenance_margin) == (5610, 5100)
    assert account.positions[0].size == 1
    assert "brackets:BIT-27FEB26-CDE" in account.missing


def test_coinbase_in_another_currency_is_refused() -> None:
    answers = told.COINBASE.fresh()
    answers["summary"]["balance_summary"]["available_margin"]["currency"] = "EUR"
    assert code_of(lambda: told.COINBASE.read(answers)) == "venue.bad_answer"


def test_what_may_leave_is_bounded_by_the_free_margin_and_by_the_coins() -> None:
    assert told.GATE_UNIFIED.account().available_to_withdraw == 54350  # of coins alone it would be 61000
    assert told.BITGET_UNIFIED.account().available_to_withdraw == 2000 + 51000 // 2
    answers = told.BITGET_UNIFIED.fresh()
    answers["limits"].pop()
    account = told.BITGET_UNIFIED.read(answers)
    assert account.available_to_withdraw is None
    assert {"available_to_withdraw", "max_withdraw:BTC"} <= set(account.missing)


def test_a_mark_far_from_the_markets_is_flagged() -> None:
    answers = told.BITGET_CLASSIC.fresh()
    answers["prices"][0]["data"][0]["markPrice"] = "52000"
    flags = told.BITGET_CLASSIC.read(answers).flags
    assert flags == ("mark_price_mismatch BTCUSDT: account 51000, market 52000",)


def test_an_account_in_no_dollar_has_no_price() -> None:
    assert code_of(lambda: dollar("EUR", Notes())) == "venue.unsupported_account"


def test_brackets_begin_where_the_one_below_ends() -> None:
    one, half = Decimal(1), Decimal("0.5")
    first, second, last = table([(None, one, one), (Decimal(20), half, one), (Decimal(10), half, one)])
    assert [(first.floor, first.cap), (second.floor, second.cap), (last.floor, last.cap)] == [
        (0, 10),
        (10, 20),
        (20, None),
    ]


def test_numbers_too_far_apart_to_divide_are_a_bad_answer() -> None:
    assert quotient(Decimal(1), Decimal(3)) == Decimal("0.333333333333333333")
    assert code_of(lambda: quotient(Decimal("1e36"), Decimal("1e-36"))) == "venue.bad_answer"


def test_hyperliquid_needs_no_keys() -> None:
    assert Hyperliquid.endpoints().credentials == {}
