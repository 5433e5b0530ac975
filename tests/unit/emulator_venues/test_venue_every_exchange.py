"""What the engine and the server rely on in every exchange folder there is."""

from __future__ import annotations

import pytest

from emulator.__main__ import exchanges, usage
from emulator.venues.engine.refusals import Fact, Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.exchange import known, load
from emulator.venues.serving.messages import Incoming

NAMES = (
    *("name", "method", "path", "asset", "network", "symbol", "sent", "now", "last", "ip", "right", "route"),
    *("minimum", "fee", "maximum", "step", "address", "tag", "held", "locked", "client_id"),
    *("until_ms", "wait_ms"),
)
FACTS: dict[str, Fact] = dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("name", known())
def test_wallets_and_routes_fit_together(name: str) -> None:
    profile = load(name).profile
    assert profile.name == name
    assert {profile.withdraw_wallet, profile.deposit_wallet} <= set(profile.wallets)
    for route in profile.routes:
        assert {route.source, route.target} <= set(profile.wallets)
    for contract in profile.market().symbols.values():
        assert profile.wallet_of(contract) in profile.wallets


@pytest.mark.parametrize("name", known())
def test_no_two_handlers_share_a_path(name: str) -> None:
    paths = [(route.method, route.path) for route in load(name).routes]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("name", known())
def test_a_new_account_is_reckoned_in_every_mode_of_margin(name: str) -> None:
    venue = Venue(load(name).profile)
    for mode in venue.profile.modes:
        account = venue.create_account(f"in {mode}", mode=mode)
        for report in venue.reports(account).values():
            assert not report.failed
            assert report.equity == report.margin_balance == 0


@pytest.mark.parametrize("name", known())
def test_every_refusal_has_words_in_every_envelope(name: str) -> None:
    exchange = load(name)
    doors = {(route.method, route.path.split("/")[1]): route.path for route in exchange.routes}
    for (method, _), path in doors.items():
        asked = Incoming(method, path, "", "", None, "127.0.0.1")
        for reason in Reason:
            error = exchange.dialect.worded(asked, Refusal(reason, **FACTS))
            assert exchange.dialect.failure(asked, error).text
        assert exchange.dialect.gateway_timeout(asked).status >= 500
        assert exchange.dialect.internal_error(asked).text


def test_the_command_line_knows_them_all() -> None:
    assert exchanges() == known()
    assert all(name in usage() for name in known())


def test_an_unknown_exchange_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="binance"):
        load("mtgox")
