"""Deribit margin: published examples to the digit, one margin account at a time, no silent zero."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.support.deribit_answers import (
    BTC_SUMMARY,
    INVERSE,
    LINEAR,
    NOW,
    USDC_SUMMARY,
    answers,
    cross,
    envelope,
    index,
    read,
    segregated,
    summary,
)
from vault.codec import decode, encode
from vault.errors import VenueError
from vault.model import MarginAccount, Position
from vault.risk.assess import RiskParameters, account_risk, account_state
from vault.risk.contract import position_margin
from vault.risk.margin import contradictions
from vault.venues.deribit.margin import AccountAnswers, read_model

PARAMETERS = RiskParameters(Decimal("0.1"), Decimal(1), 60)
BENIGN = {"available_to_withdraw", "max_withdraw", "maintenance_margin", "mark_price_time"}


def position(symbol: str, size: str, mark: str, margins: tuple[str, str]) -> Position:
    line = {
        **LINEAR,
        "instrument_name": symbol,
        "direction": "buy",
        "size": Decimal(size) * Decimal(mark),
        "size_currency": Decimal(size),
        "average_price": Decimal(mark),
        "mark_price": Decimal(mark),
        "floating_profit_loss": Decimal(0),
        "initial_margin": Decimal(margins[0]),
        "maintenance_margin": Decimal(margins[1]),
    }
    account = read(answers([summary("USDC")], [line]), "USDC")
    assert not [flag for flag in account.flags if flag.startswith("maintenance")]
    return account.positions[0]


@pytest.mark.parametrize(
    ("symbol", "size", "mark", "margins"),
    [
        ("BTC_USDC-PERPETUAL", "25", "100000", ("53125", "28125")),
        ("BTC_USDC-PERPETUAL", "350", "100000", ("1312500", "962500")),
        ("SOL_USDC-PERPETUAL", "25", "200", ("200.625", "100.625")),
        ("SOL_USDC-PERPETUAL", "6000", "200", ("84000", "60000")),
    ],
)
def test_published_examples_come_out_to_the_digit(
    symbol: str, size: str, mark: str, margins: tuple[str, str]
) -> None:
    held = position(symbol, size, mark, margins)
    assert held.initial_margin == Decimal(margins[0])
    assert position_margin(held, held.mark_price) == Decimal(margins[1])


def test_an_inverse_margin_grows_faster_than_its_notional() -> None:
    account = read(segregated(), "BTC")
    (held,) = account.positions
    assert held.rate_per_unit == Decimal("0.00005")
    assert position_margin(held, held.mark_price) == Decimal("0.0050125")
    # At half the price 1 BTC: 1 % + 0.005 %.
    assert position_margin(held, held.mark_price / 2) == Decimal("0.01005")


def test_a_contract_without_a_published_rate_takes_the_venue_s_own() -> None:
    line = {
        **LINEAR,
        "instrument_name": "ADA_USDC-PERPETUAL",
        "direction": "buy",
        "size": Decimal("23.781"),
        "size_currency": Decimal(30),
        "average_price": Decimal("0.7927"),
        "mark_price": Decimal("0.7927"),
        "maintenance_margin": Decimal("0.4756628058"),
    }
    (held,) = read(answers([summary("USDC")], [line]), "USDC").positions
    assert held.brackets[0].rate == Decimal("0.0200018")
    assert held.rate_per_unit == 0
    del line["maintenance_margin"]
    account = read(answers([summary("USDC")], [line]), "USDC")
    assert account.positions[0].brackets == ()
    assert "brackets:ADA_USDC-PERPETUAL" in account.missing


def test_each_segregated_currency_is_a_margin_account_of_its_own() -> None:
    bitcoin, dollars = read(segregated(), "BTC"), read(segregated(), "USDC")
    assert [each.symbol for each in bitcoin.positions] == ["BTC-PERPETUAL"]
    assert [each.symbol for each in dollars.positions] == ["BTC_USDC-PERPETUAL"]
    assert bitcoin.equity == Decimal("162500")
    assert bitcoin.maintenance_margin == Decimal("501.25")
    assert bitcoin.initial_margin == Decimal("1101.25")
    assert bitcoin.open_order_margin == Decimal(100)
    assert bitcoin.available_to_withdraw == Decimal(150_000)
    assert (dollars.equity, dollars.maintenance_margin) == (Decimal(225_000), Decimal(28_125))
    for account in (bitcoin, dollars):
        assert (account.missing, account.flags, contradictions(account)) == ((), (), ())
        assert len(account.collateral) == 1
    risk = account_risk(bitcoin, PARAMETERS)
    assert not isinstance(risk, str)
    assert account_state(risk) == "ok"


def test_parts_and_whole_are_one() -> None:
    account = read(segregated(), "BTC")
    assert account.collateral[0].balance == Decimal("1.5")
    assert account.balance == Decimal(150_000)


def test_profit_that_was_settled_in_the_meantime_is_not_counted_twice() -> None:
    """Every day at 08:00 UTC profit goes into the balance; the entry price stays that of the trade."""
    settled = {
        **BTC_SUMMARY,
        "balance": Decimal("1.6"),
        "session_upl": Decimal("0.025"),
        "futures_session_upl": Decimal("0.025"),
    }
    line = {**INVERSE, "settlement_price": Decimal("95238.1"), "floating_profit_loss": Decimal("0.025")}
    account = read(answers([settled], [line]), "BTC")
    assert (account.equity, account.balance) == (Decimal(162_500), Decimal(160_000))
    assert account.collateral[0].balance == Decimal("1.5")
    assert (account.flags, contradictions(account)) == ((), ())


def test_under_cross_collateral_the_whole_is_one_account_in_usd() -> None:
    account = read(cross())
    assert account.mode == "cross"
    assert account.equity == Decimal(387_500)
    assert account.initial_margin == Decimal("54226.25")
    assert account.maintenance_margin == Decimal("28626.25")
    assert account.missing == ("available_to_withdraw",)
    assert (account.flags, contradictions(account)) == ((), ())
    # A currency's own margins there are those of the whole: adding them up would count them twice.
    assert {each.asset: each.balance for each in account.collateral} == {
        "BTC": Decimal("1.5"),
        "USDC": Decimal(200_000),
    }
    assert {each.max_withdraw for each in account.collateral} == {Decimal("1.5"), Decimal(171_875)}


def test_a_currency_outside_the_pool_counts_for_nothing() -> None:
    given = cross()
    lines = given.summaries["result"]["summaries"]
    lines.append(summary("XRP", "cross_sm", equity=Decimal(1000), balance=Decimal(1000)))
    account = read(replace(given, indexes={**(given.indexes or {}), "XRP": index("0.5")}))
    ratios = {each.asset: each.ratio for each in account.collateral}
    assert ratios == {"BTC": 1, "USDC": 1, "XRP": 0}
    assert contradictions(account) == ()


def test_totals_that_differ_between_summaries_are_flagged() -> None:
    given = cross()
    given.summaries["result"]["summaries"][1]["total_maintenance_margin_usd"] = Decimal(1)
    assert [flag.split(":")[0] for flag in read(given).flags] == [
        "total_mismatch total_maintenance_margin_usd"
    ]


@pytest.mark.parametrize(
    ("given", "currency"), [(segregated(), ""), (segregated(), "DOGE"), (cross(), "BTC")]
)
def test_settings_that_do_not_fit_the_account_are_refused(given: AccountAnswers, currency: str) -> None:
    with pytest.raises(VenueError) as caught:
        read(given, currency)
    assert caught.value.code == "venue.margin_currency"


@pytest.mark.parametrize("models", [("segregated_sm", "cross_sm"), ("tomorrow",), ()])
def test_an_unknown_margin_model_is_refused(models: tuple[str, ...]) -> None:
    lines = [summary(name, model) for name, model in zip(("BTC", "ETH"), models, strict=False)]
    with pytest.raises(VenueError) as caught:
        read_model(envelope({"summaries": lines}))
    assert caught.value.code == "venue.unsupported_account"


def test_portfolio_margin_has_no_rate_that_could_be_computed_with() -> None:
    given = segregated()
    for line in given.summaries["result"]["summaries"]:
        line["margin_model"] = "segregated_pm"
    account = read(given, "BTC")
    assert account.mode == "portfolio"
    assert account.missing == ("brackets:BTC-PERPETUAL",)
    assert isinstance(account_risk(account, PARAMETERS), str)


@pytest.mark.parametrize("kind", ["option", "option_combo", "future_combo", "spot"])
def test_a_position_that_is_not_covered_is_named(kind: str) -> None:
    option = {"instrument_name": "BTC-25SEP26-120000-C", "kind": kind, "size": Decimal("2.5")}
    account = read(answers([BTC_SUMMARY], [INVERSE, option]), "BTC")
    assert account.missing == (f"position:BTC-25SEP26-120000-C ({kind})",)
    assert account.missing[0].split(":")[0] not in BENIGN
    assert read(answers([USDC_SUMMARY], [LINEAR, option]), "USDC").missing == ()


def test_the_oldest_answer_dates_the_account() -> None:
    second = 1_000_000
    older = index("100000", 1_788_264_000_000_000 - 7 * second)
    account = read(segregated(indexes={"BTC": older}), "BTC")
    assert (NOW - account.observed_at).total_seconds() == 7
    assert {each.what for each in account.sources} == {"account", "positions", "index BTC"}


def test_the_same_entry_twice_is_one_and_two_that_differ_are_refused() -> None:
    doubled = answers([BTC_SUMMARY, BTC_SUMMARY], [INVERSE, INVERSE])
    assert read(doubled, "BTC") == read(answers([BTC_SUMMARY], [INVERSE]), "BTC")
    other = {**INVERSE, "size": Decimal(60_000)}
    with pytest.raises(VenueError) as caught:
        read(answers([BTC_SUMMARY], [INVERSE, other]), "BTC")
    assert caught.value.code == "venue.bad_answer"


def test_a_position_that_was_left_out_shows_in_the_sums() -> None:
    account = read(answers([BTC_SUMMARY], []), "BTC")
    assert [flag.split(":")[0] for flag in account.flags] == ["profit_mismatch BTC"]
    assert "maintenance_mismatch" in {flag.split(":")[0] for flag in contradictions(account)}


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"maintenance_margin": Decimal("0.1")}, "maintenance_mismatch BTC-PERPETUAL"),
        ({"size_currency": Decimal("0.6")}, "size_mismatch BTC-PERPETUAL"),
        ({"floating_profit_loss": Decimal("-0.5")}, "profit_mismatch BTC"),
    ],
)
def test_numbers_that_contradict_each_other_are_flagged(changes: dict[str, Any], flag: str) -> None:
    account = read(answers([BTC_SUMMARY], [{**INVERSE, **changes}]), "BTC")
    assert [each.split(":")[0] for each in account.flags] == [flag]


def test_an_equity_that_is_not_its_parts_is_flagged() -> None:
    line = {**BTC_SUMMARY, "balance": Decimal(3)}
    account = read(answers([line], [INVERSE]), "BTC")
    assert [flag.split(":")[0] for flag in account.flags] == ["equity_mismatch BTC"]


@pytest.mark.parametrize(
    "changes",
    [
        {"direction": "sell"},
        {"direction": "sideways"},
        {"size": Decimal(-50_000)},
        {"mark_price": Decimal(0)},
        {"mark_price": 1.5},
    ],
)
def test_a_position_that_says_nonsense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueError) as caught:
        read(answers([BTC_SUMMARY], [{**INVERSE, **changes}]), "BTC")
    assert caught.value.code == "venue.bad_answer"


def test_a_contract_of_another_shape_is_refused() -> None:
    given = answers([BTC_SUMMARY], [INVERSE])
    given.instruments[0]["result"]["settlement_currency"] = "USDC"
    with pytest.raises(VenueError) as caught:
        read(given, "BTC")
    assert caught.value.code == "venue.bad_answer"


# Fields that the account does not rest on: they say nothing that is shown, or only beside another number.
IDLE = {"available_funds", "fee_balance", "session_upl", "session_rpl", "cross_collateral_enabled"}
IDLE_OF_POSITIONS = {"settlement_price", "total_profit_loss", "index_price"}


def without(given: AccountAnswers, name: str, where: str) -> AccountAnswers:
    dropped = copy.deepcopy(given)
    if where == "summaries":
        for line in dropped.summaries["result"]["summaries"]:
            line.pop(name, None)
    elif where == "positions":
        for line in dropped.positions["result"]:
            line.pop(name, None)
    else:
        for line in dropped.instruments:
            line["result"].pop(name, None)
    return dropped


def said(given: AccountAnswers, currency: str) -> MarginAccount | None:
    try:
        return read(given, currency)
    except VenueError as error:
        assert error.code == "venue.incomplete_answer", error.code
        assert error.details["missing"]
        return None


@pytest.mark.parametrize("name", sorted(set(BTC_SUMMARY) - IDLE))
@pytest.mark.parametrize("currency", ["BTC", "USDC", ""])
def test_a_dropped_field_of_a_summary_is_named_or_refused(currency: str, name: str) -> None:
    whole = cross() if currency == "" else segregated()
    account = said(without(whole, name, "summaries"), currency)
    if account is None:
        return
    if currency == "" and name in {"margin_balance", "initial_margin", "maintenance_margin"}:
        assert account == read(whole)  # of the whole the totals in USD speak
        return
    assert set(account.missing) > set(read(whole, currency).missing)


@pytest.mark.parametrize(
    "name", ["total_margin_balance_usd", "total_initial_margin_usd", "total_maintenance_margin_usd"]
)
def test_a_dropped_total_is_refused(name: str) -> None:
    assert said(without(cross(), name, "summaries"), "") is None


@pytest.mark.parametrize("name", sorted(set(LINEAR) - IDLE_OF_POSITIONS))
@pytest.mark.parametrize("currency", ["BTC", "USDC"])
def test_a_dropped_field_of_a_position_is_named_or_refused(currency: str, name: str) -> None:
    account = said(without(segregated(), name, "positions"), currency)
    assert account is None or account.missing


@pytest.mark.parametrize(
    "name",
    ["instrument_name", "instrument_type", "base_currency", "counter_currency", "settlement_currency"],
)
def test_a_dropped_field_of_an_instrument_is_refused(name: str) -> None:
    assert said(without(segregated(), name, "instruments"), "BTC") is None


def test_without_an_index_price_nothing_is_worth_anything() -> None:
    assert said(segregated(indexes={}), "BTC") is None
    given = cross()
    account = said(replace(given, indexes={"USDC": index("1")}), "")
    assert account is not None
    assert "index_price:BTC" in account.missing
    assert {each.asset for each in account.collateral} == {"USDC"}


def test_without_the_pool_no_currency_counts() -> None:
    account = said(cross(currencies=None), "")
    assert account is not None
    assert {"collateral_pool:BTC", "collateral_pool:USDC"} <= set(account.missing)
    assert account.collateral == ()


@pytest.mark.parametrize("where", ["summaries", "positions"])
def test_an_answer_without_a_result_is_refused(where: str) -> None:
    with pytest.raises(VenueError) as caught:
        read(replace(segregated(), **{where: {"jsonrpc": "2.0", "testnet": True}}), "BTC")
    assert caught.value.code == "venue.incomplete_answer"
    assert caught.value.details["missing"] == f"{where}.result"


@pytest.mark.parametrize(
    ("given", "currency"), [(segregated(), "BTC"), (segregated(), "USDC"), (cross(), "")]
)
def test_an_account_travels_as_it_is(given: AccountAnswers, currency: str) -> None:
    account = read(given, currency)
    assert decode(encode(account), MarginAccount, what="account") == account


def test_odd_prices_make_no_number_too_long_to_travel() -> None:
    line = {
        **INVERSE,
        "size": Decimal(70),
        "average_price": Decimal("31337.77"),
        "mark_price": Decimal("109440.37"),
    }
    account = read(answers([BTC_SUMMARY], [line]), "BTC")
    assert decode(encode(account), MarginAccount, what="account") == account
