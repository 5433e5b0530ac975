"""Coins that nobody asked for: never spent unasked, never counted, never taken for what was expected."""

from __future__ import annotations

import base64
import itertools
import json
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.coin_desk import CoinDesk, coin_of, give, state_of
from vault.address import network_of, script_pubkey, segwit_encode
from vault.errors import DocumentError, PlanError
from vault.money import BTC, Amount
from vault.treasury import (
    coins,
    limits,
    marks,
    observe,
    preconditions,
    reconcile,
    unsolicited,
)
from vault.treasury.plan import Payment, Transfer
from vault.venues.base import WithdrawalSearch, WithdrawalStatus

REGTEST = network_of("regtest")
DUST = 546


def sat(units: int) -> Amount:
    return Amount(BTC, units)


def balance_of(made: CoinDesk) -> Any:
    return next(w for w in observe.take_snapshot(made.desk).wallets if w.name == "cold")


# -- dust ----------------------------------------------------------------------------------------------


def test_dust_to_a_used_address_counts_nowhere_and_is_named(made: CoinDesk) -> None:
    before = balance_of(made)
    txid = made.pay((made.address("cold", 0), DUST))
    snapshot = observe.take_snapshot(made.desk)
    after = next(w for w in snapshot.wallets if w.name == "cold")
    assert (after.confirmed, after.pending, after.quarantined) == (
        before.confirmed,
        before.pending,
        sat(DUST),
    )
    (named,) = snapshot.unsolicited
    assert (named.outpoint.partition(":")[0], named.dust, named.wallet) == (txid, True, "cold")
    found = made.look()
    assert found.balanced
    assert [(line.place, line.amount) for line in found.unsolicited] == [("wallet:cold", sat(DUST))]


def test_a_wallet_that_is_emptied_leaves_the_dust_where_it_is(made: CoinDesk) -> None:
    txid = made.pay((made.address("cold", 1), DUST))
    made.look()
    script = script_pubkey(made.home, REGTEST)
    built = made.desk.wallet("cold").build_spend(
        ((script, sat(0)),), Decimal(2), drain=True, without=coins.withheld(made.desk, "cold")
    )
    assert len(built.inputs) == 2
    assert txid not in {each.txid for each in built.inputs}


def test_dust_that_comes_first_does_not_push_the_true_payment_into_quarantine(made: CoinDesk) -> None:
    address = give(made, 7, "rent")
    early = made.pay((address, DUST))
    true = made.pay((address, 300_000))
    found = made.look()
    assert (state_of(made, early), state_of(made, true)) == ("quarantined", "spendable")
    assert coin_of(made, true).label == "rent"
    assert found.received_total == sat(300_000)
    assert found.balanced


def test_dust_is_no_reason_any_more_once_a_person_has_frozen_it(made: CoinDesk) -> None:
    txid = made.pay((made.address("cold", 0), DUST))
    (named,) = observe.take_snapshot(made.desk).unsolicited
    marks.freeze(made.desk, named.outpoint, "dust, left alone")
    after = observe.take_snapshot(made.desk)
    assert after.unsolicited == ()
    wallet = next(w for w in after.wallets if w.name == "cold")
    assert (wallet.quarantined, wallet.frozen) == (sat(DUST), sat(0))
    assert state_of(made, txid) == "frozen"
    assert made.look().balanced


# -- what looks like something expected ------------------------------------------------------------------


def venue_that_says(made: CoinDesk, amount: int, txid: str | None) -> Any:
    """A venue whose record of the withdrawal has that transaction id."""

    def search(_account: str, request: Any, _since: Any) -> WithdrawalSearch:
        now = made.clock.now()
        status = WithdrawalStatus(
            "completed" if txid else "processing", "w1", request.client_id, txid, "BTC", sat(amount),
            sat(1_000), made.home, "BTC", now, "6" if txid else "4",
        )  # fmt: skip
        return WithdrawalSearch(status, now, now - timedelta(minutes=1))

    return SimpleNamespace(search_withdrawal=search, public=None)


def test_a_strangers_payment_of_the_expected_amount_settles_no_withdrawal(
    made: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = made.plan(made.withdrawal(250_000))
    made.walk(plan, "to_spot", "submitting", "done")
    made.walk(plan, "withdraw", "submitting", "accepted", reference="w1")
    forged = made.pay((made.home, 250_000), blocks=6)
    monkeypatch.setattr(made.desk, "_venues", venue_that_says(made, 250_000, None))
    reconcile.reconcile(made.desk)
    assert made.step(plan, "withdraw").state == "accepted"
    found = made.look()
    assert state_of(made, forged) == "quarantined"
    assert [line.difference.units for line in found.lines] == [0, 0]
    assert found.in_transit == sat(250_000)


def test_of_the_venues_transaction_only_the_planned_payment_is_expected(
    made: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger withdraws from the same venue to our address: both stand in one transaction, alike."""
    plan = made.plan(made.withdrawal(250_000))
    made.walk(plan, "to_spot", "submitting", "done")
    made.walk(plan, "withdraw", "submitting", "accepted", reference="w1")
    txid = made.pay((made.home, 250_000), (made.home, 250_000), (made.home, 7_000), blocks=3)
    monkeypatch.setattr(made.desk, "_venues", venue_that_says(made, 250_000, txid))
    made.look()
    reconcile.reconcile(made.desk)
    assert (made.step(plan, "withdraw").state, made.step(plan, "withdraw").reference) == ("done", txid)
    found = made.look()
    states = [each.state for each in coins.of_wallet(made.desk, "cold").known() if each.outpoint.txid == txid]
    assert sorted(states) == ["quarantined", "quarantined", "spendable"]
    assert [line.difference.units for line in found.lines] == [0, 0]
    assert [line.amount for line in found.unsolicited] == [sat(257_000)]


def test_when_the_venue_replaces_its_transaction_the_new_one_is_expected(
    made: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = made.plan(made.withdrawal(250_000))
    made.walk(plan, "to_spot", "submitting", "done")
    made.walk(plan, "withdraw", "submitting", "accepted", "sent", reference="ab" * 32)
    txid = made.pay((made.home, 250_000), blocks=1)
    monkeypatch.setattr(made.desk, "_venues", venue_that_says(made, 250_000, txid))
    reconcile.reconcile(made.desk)
    step = made.step(plan, "withdraw")
    assert (step.state, step.reference) == ("sent", txid)
    assert [line.difference.units for line in made.look().lines] == [0, 0]
    assert state_of(made, txid) == "spendable"


def test_a_second_payment_to_an_address_that_was_given_out_is_not_expected(made: CoinDesk) -> None:
    address = give(made, 6)
    first, second = made.pay((address, 100_000)), made.pay((address, 200_000))
    found = made.look()
    assert (state_of(made, first), state_of(made, second)) == ("spendable", "quarantined")
    assert coin_of(made, second).reused
    assert found.balanced
    assert found.received_total == sat(100_000)


@pytest.mark.parametrize(("index", "change"), [(0, False), (9, False), (0, True)])
def test_a_payment_to_an_address_nobody_was_given_is_not_expected(
    made: CoinDesk, index: int, change: bool
) -> None:
    """One that holds coins already, one that was never used, and a change address."""
    txid = made.pay((made.address("cold", index, change=change), 400_000))
    found = made.look()
    assert state_of(made, txid) == "quarantined"
    assert found.balanced
    assert found.received_total == sat(0)


def test_an_unconfirmed_stranger_is_no_pending_balance(made: CoinDesk) -> None:
    before = balance_of(made)
    made.pay((made.address("cold", 1), 9_000_000), blocks=0)
    after = balance_of(made)
    assert (after.confirmed, after.pending) == (before.confirmed, before.pending)
    assert after.quarantined == sat(9_000_000)


def test_what_a_person_accepts_is_received_and_the_books_still_balance(made: CoinDesk) -> None:
    txid = made.pay((made.address("cold", 0), 400_000))
    made.look()
    outpoint = str(coin_of(made, txid).outpoint)
    assert marks.accept(made.desk, outpoint, "refund of the exchange, ticket 77").changed
    found = made.look()
    assert state_of(made, txid) == "spendable"
    assert found.balanced
    assert (found.received_total, found.unsolicited) == (sat(400_000), ())
    assert not marks.accept(made.desk, outpoint, "again").changed
    with made.desk.store.read() as connection:
        from vault.store import journal

        (row,) = journal.rows(connection, subject=outpoint)
    assert json.loads(row.body)["reason"] == "refund of the exchange, ticket 77"
    made.desk.store.verify()


# -- frozen ----------------------------------------------------------------------------------------------


def spend(made: CoinDesk, amount: int) -> Transfer:
    entry = made.desk.book().book.find("vault-1")
    script = script_pubkey(entry.address, REGTEST)
    built = made.desk.wallet("cold").build_spend(
        ((script, sat(amount)),), Decimal(2), without=coins.withheld(made.desk, "cold")
    )
    from vault.treasury.spending import returned_by

    return Transfer(
        number=1,
        action="pay",
        kind="bitcoin_spend",
        source="cold",
        venue_account="",
        network="bitcoin:regtest",
        venue_network="",
        payments=(Payment("vault-1", entry.address, sat(amount)),),
        fee=built.fee,
        psbt=base64.b64encode(built.psbt).decode(),
        coins=tuple(map(str, built.inputs)),
        returned=returned_by(built),
    )


def test_a_plan_whose_coin_is_frozen_after_it_was_made_is_refused(
    made: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "check_limits", lambda *arguments: None)
    transfer = spend(made, 1_000_000)
    plan = made.plan(transfer, state="approved")
    preconditions.check_transfer(made.desk, plan, transfer, leaving=sat(0))
    reserved = coins.of_wallet(made.desk, "cold").known()
    wanted = {str(each.outpoint): each.reserved_by for each in reserved if each.state == "reserved"}
    assert wanted == dict.fromkeys(transfer.coins, plan.plan_id)
    marks.freeze(made.desk, transfer.coins[0], "held for the auditor")
    with pytest.raises(PlanError) as caught:
        preconditions.check_transfer(made.desk, plan, transfer, leaving=sat(0))
    assert caught.value.code == "plan.coin_frozen"
    assert "held for the auditor" in caught.value.message
    assert marks.unfreeze(made.desk, transfer.coins[0], "the auditor is done").changed
    preconditions.check_transfer(made.desk, plan, transfer, leaving=sat(0))


def test_a_plan_with_a_coin_nobody_asked_for_is_refused(made: CoinDesk) -> None:
    txid = made.pay((made.address("cold", 0), 2_000_000))
    made.look()
    coin = coin_of(made, txid)
    transfer = SimpleNamespace(number=1, source="cold", coins=(str(coin.outpoint),))
    with pytest.raises(PlanError) as caught:
        coins.require_free(made.desk, transfer)  # type: ignore[arg-type]
    assert caught.value.code == "plan.coin_quarantined"
    transfer.coins = ("ab" * 32 + ":0",)
    with pytest.raises(PlanError) as caught:
        coins.require_free(made.desk, transfer)  # type: ignore[arg-type]
    assert caught.value.code == "plan.coin_unknown"


def test_a_frozen_coin_counts_in_the_books_but_not_as_spendable(made: CoinDesk) -> None:
    before = balance_of(made)
    coin = next(
        each for each in coins.of_wallet(made.desk, "cold").known() if each.coin.amount == sat(80_000)
    )
    marks.freeze(made.desk, str(coin.outpoint), "set aside")
    after = balance_of(made)
    assert (after.confirmed, after.frozen) == (before.confirmed - sat(80_000), sat(80_000))
    assert made.look().balanced
    with pytest.raises(PlanError) as caught:
        marks.freeze(made.desk, "cd" * 32 + ":1", "not ours")
    assert caught.value.code == "plan.no_coin"
    with pytest.raises(DocumentError):
        marks.freeze(made.desk, str(coin.outpoint), "a \x1b[2J reason")


# -- lookalikes ------------------------------------------------------------------------------------------


def lookalike(address: str) -> str:
    """Another p2wpkh address with the same five first and two last characters."""
    program = script_pubkey(address, REGTEST)[2:]
    for number in itertools.count(1):
        found = segwit_encode("bcrt", 0, program[:4] + number.to_bytes(16, "big"))
        if found[-2:] == address[-2:]:
            return found
    raise AssertionError


def test_a_payment_beside_an_address_that_looks_like_ours_is_called_poison(made: CoinDesk) -> None:
    false = lookalike(made.home)
    assert unsolicited.resembles(false, made.home)
    made.pay((made.address("cold", 0), 600), (false, 600))
    (named,) = observe.take_snapshot(made.desk).unsolicited
    assert named.resembles == (f"{false} looks like cold-1 {made.home}",)


def test_an_address_given_out_is_watched_for_lookalikes_too(made: CoinDesk) -> None:
    address = give(made, 8)
    made.pay((made.address("cold", 0), 600), (lookalike(address), 600))
    (named,) = observe.take_snapshot(made.desk).unsolicited
    assert f"looks like receive address 8 of cold {address}" in named.resembles[0]


def test_who_sent_it_is_looked_at_as_well(made: CoinDesk) -> None:
    from emulator.chains.signing import Key

    payer = Key(b"tests", "a sender")
    txid = made.pay((made.address("cold", 0), 600), payer=payer)
    made.look()
    seen = unsolicited._addresses(made.desk, "cold", [txid])
    assert payer.address in seen[txid]


def test_addresses_that_share_less_are_not_called_alike(made: CoinDesk) -> None:
    assert not unsolicited.resembles(made.home, made.home)
    assert not unsolicited.resembles(made.home.upper(), made.home)
    addresses = [made.address("cold", index) for index in range(60)]
    assert not any(unsolicited.resembles(one, other) for one, other in itertools.permutations(addresses, 2))
