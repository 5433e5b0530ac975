"""The books of each asset balance by themselves, to the base unit, also while something is on its way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.asset_ledger import PAYERS, VENUE, Ledger, transfer
from vault.errors import BooksError, ConfigError
from vault.money import BTC, ETH, USDC, USDT, Amount, asset_of
from vault.treasury import books, observe, surplus
from vault.treasury.last_books import differences

ONE_ETH = 10**18
START = {
    ("safe", "USDC"): 900_000_000_000,
    ("safe", "USDT"): 5_000_000,
    ("safe", "ETH"): 3 * ONE_ETH,
    ("hot", "USDC"): 40_000_000_000,
    ("hot", "USDT"): 40_000_000_000,
    ("hot", "ETH"): ONE_ETH,
    ("gas", "ETH"): ONE_ETH,
    (VENUE, "BTC"): 100_000_000,
    (VENUE, "USDC"): 700_000_000_000,
    (VENUE, "USDT"): 1_000_000,
    (VENUE, "ETH"): ONE_ETH,
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = opened(tmp_path)
    yield found
    found.close()


def opened(folder: Path) -> Ledger:
    found = Ledger(folder)
    found.held = dict(START)
    books.open_books(found.desk, found.snapshot())
    return found


def closed(ledger: Ledger) -> books.Books:
    return books.close_books(ledger.desk, ledger.snapshot())


def difference(found: books.Books, place: str, symbol: str) -> int:
    (line,) = [each for each in found.of(asset_of(symbol)).lines if each.place == place]
    return line.difference.units


def test_every_asset_has_a_sheet_of_its_own_and_none_is_added_to_another(ledger: Ledger) -> None:
    found = closed(ledger)
    assert [sheet.asset for sheet in found.sheets] == [BTC, ETH, USDC, USDT]
    assert found.balanced
    assert found.of(USDC).opening_total == Amount(USDC, 1_640_000_000_000)
    assert found.of(ETH).opening_total == Amount(ETH, 6 * ONE_ETH)
    assert [line.place for line in found.lines] == [f"venue:{VENUE}"]


@pytest.mark.parametrize("symbol", ["BTC", "ETH", "USDC", "USDT"])
@pytest.mark.parametrize("by", [-1, 1])
def test_one_base_unit_of_any_asset_is_enough_to_not_balance(ledger: Ledger, symbol: str, by: int) -> None:
    ledger.held[VENUE, symbol] += by
    found = closed(ledger)
    assert not found.balanced
    assert [sheet.asset.symbol for sheet in found.sheets if not sheet.even] == [symbol]
    (said,) = differences(found, whole=True)
    assert (said.place, said.amount, said.missing) == (
        f"venue:{VENUE}", Amount(asset_of(symbol), 1), by < 0
    )  # fmt: skip


def test_too_much_of_one_dollar_does_not_make_up_for_too_little_of_the_other(ledger: Ledger) -> None:
    ledger.held["safe", "USDC"] += 1_000_000
    ledger.held["safe", "USDT"] -= 1_000_000
    found = closed(ledger)
    assert not found.balanced
    assert (difference(found, "wallet:safe", "USDC"), difference(found, "wallet:safe", "USDT")) == (
        1_000_000,
        -1_000_000,
    )


def test_gas_leaves_the_account_that_pays_it_once_it_is_final(ledger: Ledger) -> None:
    step = ledger.begin(transfer("safe", Amount(USDC, 50_250_000), 7, venue=VENUE))
    ledger.move(step, "done", gas_paid="123456789012345")
    ledger.held["safe", "USDC"] -= 50_250_000
    ledger.held["gas", "ETH"] -= 123_456_789_012_345
    found = closed(ledger)
    assert found.balanced, found
    assert found.of(ETH).fees == Amount(ETH, 123_456_789_012_345)
    assert found.of(USDC).in_transit == Amount(USDC, 50_250_000)
    assert found.of(USDC).fees == Amount.zero(USDC)
    ledger.held["gas", "ETH"] += 1
    assert difference(closed(ledger), "wallet:gas", "ETH") == 1


def test_a_reverted_transaction_moves_nothing_but_its_gas(ledger: Ledger) -> None:
    step = ledger.begin(transfer("hot", Amount(ETH, 5), 7), state="failed")
    ledger.move(step, "refused", gas_paid="77")
    ledger.held["hot", "ETH"] -= 77
    found = closed(ledger)
    assert found.balanced, found
    assert found.of(ETH).fees == Amount(ETH, 77)


def test_what_is_mined_and_not_final_is_in_transit_and_no_difference(ledger: Ledger) -> None:
    step = ledger.begin(transfer("hot", Amount(USDC, 1_000_000), 7))
    ledger.move(step, "accepted")
    assert closed(ledger).balanced
    ledger.held["hot", "USDC"] -= 1_000_000
    ledger.held["safe", "USDC"] += 1_000_000
    ledger.held["hot", "ETH"] -= 5_000
    found = closed(ledger)
    assert found.balanced, found
    assert found.of(ETH).in_transit == Amount(ETH, 5_000)
    assert found.of(USDC).in_transit == Amount.zero(USDC)


def test_a_transaction_on_its_way_explains_what_it_may_do_and_not_one_unit_more(ledger: Ledger) -> None:
    made = transfer("hot", Amount(USDC, 1_000_000), 7)
    assert made.call is not None
    ledger.move(ledger.begin(made), "accepted")
    ledger.held["hot", "USDC"] -= 1_000_001
    ledger.held["hot", "ETH"] -= made.call.max_gas_cost + 1
    ledger.held["safe", "USDC"] += 1_000_001
    found = closed(ledger)
    assert (
        difference(found, "wallet:hot", "USDC"),
        difference(found, "wallet:hot", "ETH"),
        difference(found, "wallet:safe", "USDC"),
    ) == (-1, -1, 1)
    assert not found.balanced


def test_a_credit_is_at_the_venue_only_once_it_is_done(ledger: Ledger) -> None:
    spend = ledger.begin(transfer("safe", Amount(USDT, 2_000_000), 7, venue=VENUE))
    ledger.move(spend, "done", gas_paid="9")
    ledger.held["safe", "USDT"] -= 2_000_000
    ledger.held["gas", "ETH"] -= 9
    assert closed(ledger).of(USDT).in_transit == Amount(USDT, 2_000_000)
    with ledger.store.read() as connection:
        from vault.store import records

        credit = next(each for each in records.intents(connection, spend.plan_id) if each.kind == "credit")
    ledger.move(credit, "done")
    ledger.held[VENUE, "USDT"] += 2_000_000
    found = closed(ledger)
    assert found.balanced, found
    assert not found.of(USDT).in_transit.units


def test_a_place_of_another_asset_that_is_not_read_leaves_the_books_open(ledger: Ledger) -> None:
    del ledger.held["safe", "USDT"]
    found = closed(ledger)
    assert found.unread == ("wallet:safe",)
    assert not found.balanced


def test_digits_that_do_not_move_are_no_difference(ledger: Ledger) -> None:
    from dataclasses import replace
    from decimal import Decimal

    seen = ledger.snapshot()
    (account,) = seen.accounts
    finer = tuple(
        replace(each, balance=each.balance + Decimal("0.0000004")) if each.asset == "USDC" else each
        for each in account.collateral
    )
    found = books.close_books(ledger.desk, replace(seen, accounts=(replace(account, collateral=finer),)))
    assert found.balanced


# -- what comes unasked -----------------------------------------------------------------------------------


@pytest.fixture
def watched(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(observe, "take_snapshot", lambda _desk: ledger.snapshot())
    return ledger


def test_tokens_that_somebody_sent_are_accepted_once_with_a_reason(watched: Ledger) -> None:
    watched.held["safe", "USDC"] += 1
    found = closed(watched)
    assert not found.balanced
    (said,) = differences(found, whole=True)
    assert "--accept safe USDC" in said.advice
    made = surplus.accept(watched.desk, "safe", "USDC", "dust from a stranger")
    assert [(each.place, each.amount) for each in made.places] == [("wallet:safe", Amount(USDC, 1))]
    after = closed(watched)
    assert after.balanced
    assert after.explanations[-1].reason == "dust from a stranger"
    assert after.of(USDC).explained_total == Amount(USDC, 1)
    assert not after.explained_total.units
    watched.held["safe", "USDC"] += 1
    assert difference(closed(watched), "wallet:safe", "USDC") == 1
    watched.store.verify()


def test_what_trading_made_of_the_margin_is_accepted_both_ways(watched: Ledger) -> None:
    for change in (-250_000, 600_000):
        watched.held[VENUE, "USDC"] += change
        surplus.accept(watched.desk, VENUE, "USDC", "funding of the week")
        assert closed(watched).balanced
    assert closed(watched).of(USDC).explained_total == Amount(USDC, 350_000)


@pytest.mark.parametrize(
    ("name", "asset", "change", "code"),
    [
        ("safe", "USDC", -1, "books.not_acceptable"),
        (VENUE, "BTC", 1, "books.not_acceptable"),
        ("safe", "USDC", 0, "books.nothing_to_accept"),
    ],
)
def test_what_is_missing_and_bitcoin_are_never_accepted(
    watched: Ledger, name: str, asset: str, change: int, code: str
) -> None:
    watched.held[name, asset] += change
    with pytest.raises(BooksError) as caught:
        surplus.accept(watched.desk, name, asset, "so be it")
    assert caught.value.code == code


def test_nothing_is_accepted_without_a_reason_while_something_moves_or_of_a_stranger(
    watched: Ledger,
) -> None:
    watched.held["safe", "USDC"] += 1
    with pytest.raises(BooksError) as caught:
        surplus.accept(watched.desk, "safe", "USDC", "  ")
    assert caught.value.code == "books.no_reason"
    watched.move(watched.begin(transfer("hot", Amount(USDC, 10), 7)), "accepted")
    watched.held["safe", "USDC"] += 20
    with pytest.raises(BooksError) as caught:
        surplus.accept(watched.desk, "safe", "USDC", "who knows")
    assert caught.value.code == "books.on_its_way"

    def unknown(name: str) -> SimpleNamespace:
        raise ConfigError("unknown_name", name)

    watched.desk.treasury.venue = unknown
    with pytest.raises(ConfigError):
        surplus.accept(watched.desk, "elsewhere", "USDC", "why not")


# -- properties -------------------------------------------------------------------------------------------

STATES = ("planned", "accepted", "mined", "sent", "done", "credited", "refused", "replaced")
EVENT = st.tuples(
    st.sampled_from(["safe", "hot"]),
    st.sampled_from(["ETH", "USDC", "USDT"]),
    st.booleans(),
    st.integers(1, 4_000_000),
    st.sampled_from(STATES),
    st.integers(0, 10**15),
)


def play(ledger: Ledger, nonce: int, event: tuple[str, str, bool, int, str, int]) -> None:
    """One transfer as far as it went; what it did to the balances is worked out here, from its state."""
    source, symbol, to_venue, units, state, gas = event
    made = transfer(source, Amount(asset_of(symbol), units), nonce, venue=VENUE if to_venue else "")
    step = ledger.begin(made)
    facts = {"gas_paid": str(gas)} if state in {"done", "credited", "refused"} else {}
    if state != "planned":
        ledger.move(step, {"mined": "accepted", "credited": "done"}.get(state, state), **facts)
    if state in {"mined", "sent", "done", "credited", "refused"}:
        ledger.held[PAYERS[source], "ETH"] -= gas
    if state in {"mined", "sent", "done", "credited"}:
        ledger.held[source, symbol] -= units
        if not to_venue:
            ledger.held["safe", symbol] += units
    if state == "credited" and to_venue:
        with ledger.store.read() as connection:
            from vault.store import records

            steps = records.intents(connection, step.plan_id)
        ledger.move(next(each for each in steps if each.kind == "credit"), "done")
        ledger.held[VENUE, symbol] += units


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(EVENT, max_size=8), thief=st.sampled_from([None, *START]))
def test_whatever_is_under_way_every_asset_closes_to_the_unit_and_a_thief_is_seen(
    events: list[tuple[str, str, bool, int, str, int]], thief: tuple[str, str] | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = opened(Path(folder))
        for nonce, event in enumerate(events):
            play(ledger, nonce, event)
        found = closed(ledger)
        assert found.balanced, found
        for sheet in found.sheets:
            assert sheet.found_total == sheet.opening_total
        if thief is not None:
            name, symbol = thief
            # More than everything that is on its way could ever explain.
            stolen = 10**16 + 8 * 4_000_000 if symbol == "ETH" else 8 * 4_000_000 + 1
            ledger.held[thief] -= stolen
            after = closed(ledger)
            assert not after.balanced
            place = f"venue:{name}" if name == VENUE else f"wallet:{name}"
            assert difference(after, place, symbol) < 0
        ledger.close()


@pytest.mark.parametrize("block", [99, 100, 101])
def test_an_arrival_counts_for_a_place_by_the_block_in_which_its_books_opened(
    tmp_path: Path, block: int
) -> None:
    """A place that was first read when coins were on their way, or there already, never counts them twice."""
    ledger = Ledger(tmp_path)
    ledger.held = {where: units for where, units in START.items() if where != ("safe", "USDC")}
    ledger.height = 90
    books.open_books(ledger.desk, ledger.snapshot())
    step = ledger.begin(transfer("hot", Amount(USDC, 1_000_000), 7))
    ledger.move(step, "sent")
    ledger.held["hot", "USDC"] -= 1_000_000
    ledger.held["hot", "ETH"] -= 9
    ledger.height = 100
    there = 1_000_000 if block <= 100 else 0  # the books of the safe open at block 100
    ledger.held["safe", "USDC"] = START["safe", "USDC"] + there
    closed(ledger)
    ledger.move(step, "done", gas_paid="9", height=str(block), network="eip155:1")
    ledger.held["safe", "USDC"] = START["safe", "USDC"] + 1_000_000
    found = closed(ledger)
    assert difference(found, "wallet:safe", "USDC") == 0
    assert found.of(USDC).even, found.of(USDC)
    assert found.of(USDC).outside.units == there
    ledger.close()
