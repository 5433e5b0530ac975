"""What an OKX account says in each of its modes: read, derived and named so, or refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.okx_answers import CONTEXT, INVERSE, answers, balance, config, currency, envelope, position
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.okx.margin import AccountAnswers, margin_account


def read(given: AccountAnswers) -> MarginAccount:
    return margin_account(given, CONTEXT)


def refusal(given: AccountAnswers) -> VenueError:
    with pytest.raises(VenueError) as caught:
        read(given)
    return caught.value


def plain_currency(asset: str, **fields: Any) -> dict[str, Any]:
    return currency(asset, **{"disEq": "", "liab": "", "collateralEnabled": False, **fields})


BLANK = {"adjEq": "", "imr": "", "mmr": "", "mgnRatio": "", "ordFroz": "", "upl": ""}
SPOT_BALANCE = balance(
    plain_currency("BTC", cashBal="2", eq="2", eqUsd="120000", isoEq="", isoUpl="", upl=""),
    totalEq="120000",
    isoEq="",
    **{key: value for key, value in BLANK.items() if key != "upl"},
)


def spot(**fields: Any) -> AccountAnswers:
    return answers(config=config("1", **fields), balance=copy.deepcopy(SPOT_BALANCE), positions=envelope())


def test_spot_mode_without_borrowing_has_nothing_to_maintain_and_says_so() -> None:
    account = read(spot())
    assert (account.mode, account.equity, account.maintenance_margin) == ("spot", 120000, 0)
    assert {"equity", "initial_margin", "maintenance_margin"} <= set(account.derived)
    assert account.collateral[0].balance == 2


def test_spot_mode_that_may_borrow_is_refused_without_its_adjusted_equity() -> None:
    error = refusal(spot(enableSpotBorrow=True))
    assert (error.code, error.details["missing"]) == ("venue.incomplete_answer", "balance.data[0].adjEq")


def test_spot_mode_that_does_not_say_whether_it_borrows_is_refused() -> None:
    given = spot()
    del given.config["data"][0]["enableSpotBorrow"]
    assert refusal(given).code == "venue.incomplete_answer"


@pytest.mark.parametrize("name", ["adjEq", "imr", "mmr"])
@pytest.mark.parametrize("level", ["3", "4"])
def test_multi_currency_and_portfolio_margin_without_their_totals_are_refused(level: str, name: str) -> None:
    given = answers(config=config(level), balance=balance(**{name: ""}))
    assert refusal(given).details["missing"] == f"balance.data[0].{name}"


def test_in_portfolio_margin_no_tier_says_a_position_s_margin() -> None:
    account = read(answers(config=config("4"), positions=envelope(position(lever="", mmr="999"))))
    assert (account.mode, account.positions[0].brackets, account.positions[0].leverage) == (
        "portfolio",
        (),
        None,
    )
    assert "brackets:BTC-USDT-SWAP" in account.missing
    assert account.flags == ()


FUTURES_TETHER = plain_currency(
    "USDT",
    cashBal="10000",
    upl="1000",
    eq="11000",
    eqUsd="11000",
    imr="6000",
    mmr="240",
    mgnRatio="44",
    ordFrozen="5",
)
FUTURES_BITCOIN = plain_currency("BTC", cashBal="2", eq="2", eqUsd="120000", ordFrozen="0")


def futures(*details: dict[str, Any], positions: Any = None, **fields: Any) -> AccountAnswers:
    held = details or (FUTURES_TETHER, FUTURES_BITCOIN)
    return answers(
        config=config("2"),
        balance=balance(*held, **{**BLANK, "totalEq": "131000", "isoEq": "0", **fields}),
        positions=positions or envelope(position()),
    )


def test_in_futures_mode_the_settlement_currency_stands_alone() -> None:
    account = read(futures())
    assert (account.mode, account.flags) == ("futures", ())
    assert (account.equity, account.initial_margin, account.maintenance_margin) == (11000, 6000, 240)
    assert account.open_order_margin == 5
    assert account.ratio is not None
    assert account.ratio.value == 44
    assert {"equity", "initial_margin", "maintenance_margin", "open_order_margin"} <= set(account.derived)
    assert [(item.asset, item.ratio) for item in account.collateral] == [("USDT", 1), ("BTC", 0)]


def test_futures_mode_with_positions_in_two_currencies_is_refused() -> None:
    inverse = {**INVERSE, "mgnMode": "cross", "margin": ""}
    error = refusal(futures(positions=envelope(position(), inverse)))
    assert error.code == "venue.separate_margins"


@pytest.mark.parametrize("name", ["imr", "mmr"])
def test_futures_mode_without_the_currency_s_margin_is_refused(name: str) -> None:
    assert refusal(futures({**FUTURES_TETHER, name: ""}, totalEq="11000")).code == "venue.incomplete_answer"


def test_futures_mode_without_the_settlement_currency_is_refused() -> None:
    assert refusal(futures(FUTURES_BITCOIN, totalEq="120000")).code == "venue.incomplete_answer"


def test_futures_mode_without_positions_counts_what_is_held() -> None:
    quiet = {**FUTURES_TETHER, "imr": "", "mmr": "", "mgnRatio": "", "upl": "0", "cashBal": "11000"}
    account = read(futures(quiet, FUTURES_BITCOIN, positions=envelope()))
    assert (account.equity, account.maintenance_margin, account.ratio) == (131000, 0, None)


@pytest.mark.parametrize("level", ["0", "5", "margin"])
def test_a_mode_that_is_not_known_is_refused(level: str) -> None:
    assert refusal(answers(config=config(level))).code == "venue.unsupported_account"


def test_an_error_envelope_is_no_answer() -> None:
    assert refusal(answers(balance={"code": "50001", "msg": "busy", "data": []})).code == "venue.bad_answer"
