"""What a wallet opens with is written once, by the look that opens its books; no later coin is part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support import bitcoin_keys as keys
from tests.support.coin_desk import CoinDesk, give, state_of
from vault.bitcoin.transaction import OutPoint
from vault.config import load_treasury
from vault.errors import StoreError
from vault.store import coins as said
from vault.store import records
from vault.treasury import books, coins, observe, opening
from vault.treasury.desk import Desk

WALLET = """
[[wallet]]
name = "late"
role = "staging"
descriptor = "{descriptor}"
device = "hand"
"""


@pytest.fixture
def late(made: CoinDesk, request: pytest.FixtureRequest) -> Iterator[CoinDesk]:
    """The same treasury with one more wallet, whose books nobody has opened; 70,000 satoshi lie in it."""
    account = keys.account_of(f"late {request.node.nodeid}".encode(), "p2wpkh")
    path = made.desk.treasury.path
    text = path.read_text(encoding="utf-8") + WALLET.format(descriptor=account.descriptor.text())
    path.write_text(text, encoding="utf-8")
    found = replace(
        made,
        desk=Desk(load_treasury(path), clock=made.clock),
        accounts={**made.accounts, "late": account},
    )
    made.chain.fund(found.address("late", 0), 70_000)
    yield found
    found.desk.close()


def marks_of(made: CoinDesk) -> dict[str, said.CoinMark]:
    with made.desk.store.read() as connection:
        return said.marks(connection, "late")


def test_a_sync_before_the_books_are_opened_accepts_nothing(late: CoinDesk) -> None:
    coins.sync(late.desk, "late")
    found = coins.of_wallet(late.desk, "late")
    assert ([each.state for each in found.known()], found.books_open) == (["quarantined"], False)
    assert marks_of(late) == {}
    assert late.look().balanced
    found = coins.of_wallet(late.desk, "late")
    assert ([each.state for each in found.known()], found.books_open) == (["spendable"], True)
    (line,) = [each for each in late.look().lines if each.place == "wallet:late"]
    assert (line.opening.units, line.received.units) == (70_000, 0)


def test_what_arrives_after_another_operator_opened_the_books_is_not_let_in(
    late: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look is still on its way when another one opens the books; a poison coin comes between."""
    poison: list[str] = []
    ours = late.desk.wallet("late")
    sync = ours.sync

    def slow() -> object:
        if not poison:
            with Desk(late.desk.treasury, clock=late.clock) as other:
                books.open_books(other, observe.take_snapshot(other))
            poison.append(late.pay((late.address("late", 0), 5_000)))
        return sync()

    monkeypatch.setattr(ours, "sync", slow)
    found = books.close_books(late.desk, observe.take_snapshot(late.desk))
    states = {
        each.outpoint.txid == poison[0]: each.state for each in coins.of_wallet(late.desk, "late").known()
    }
    assert states == {True: "quarantined", False: "spendable"}
    assert found.balanced, found
    assert [each.amount.units for each in found.unsolicited] == [5_000]


def test_the_coins_of_an_opening_and_its_sum_are_written_together(
    late: CoinDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("unwritable", "no space left")

    coins.sync(late.desk, "late")
    monkeypatch.setattr(opening, "record_opening", fail)
    with pytest.raises(StoreError):
        opening.open_wallet(late.desk, "late")
    assert marks_of(late) == {}
    monkeypatch.undo()
    opening.open_wallet(late.desk, "late")
    with late.desk.store.read() as connection:
        assert opening.openings(connection)[opening.Held("wallet:late", "BTC")][0].units == 70_000
    assert [mark.opening for mark in marks_of(late).values()] == [True]


def test_books_are_opened_once(late: CoinDesk) -> None:
    late.look()
    late.pay((late.address("late", 3), 9_000))
    late.look()
    opening.open_wallet(late.desk, "late")
    assert len(marks_of(late)) == 1
    with late.desk.store.read() as connection:
        places = [body["place"] for body in records.documents(connection, "opening")]
    assert places.count("wallet:late") == 1


# -- which payment to a given-out address was the first --------------------------------------------------


def firsts(made: CoinDesk) -> dict[str, str]:
    with made.desk.store.read() as connection:
        return said.first_payments(connection, "cold")


def outpoint_of(made: CoinDesk, txid: str) -> str:
    found = coins.of_wallet(made.desk, "cold").known(spent=True)
    return str(next(each.outpoint for each in found if each.outpoint.txid == txid))


def test_the_first_payment_is_kept_for_everybody_once_it_is_in_a_block(made: CoinDesk) -> None:
    address = give(made, 7, "rent")
    first = made.pay((address, 300_000), blocks=0)
    made.look()
    assert firsts(made) == {}, "one that waits may be replaced by its payer"
    made.chain.mine(1)
    second = made.pay((address, 400_000))
    made.look()
    assert firsts(made) == {address: outpoint_of(made, first)}
    assert (state_of(made, first), state_of(made, second)) == ("spendable", "quarantined")


def test_what_one_operator_decided_is_followed_by_another_who_sees_it_otherwise(made: CoinDesk) -> None:
    address = give(made, 7, "rent")
    early, late = made.pay((address, 300_000)), made.pay((address, 400_000))
    coins.adopt(made.desk, "cold", frozenset({7}))
    made.desk.wallet("cold").sync()
    elsewhere = outpoint_of(made, late)
    with made.desk.store.write() as writer:
        said.decide_first(writer, "cold", {address: elsewhere}, "bob")
    made.look()
    assert firsts(made) == {address: elsewhere}
    assert (state_of(made, early), state_of(made, late)) == ("quarantined", "spendable")


def test_the_first_decision_stands_and_is_journaled_once(made: CoinDesk) -> None:
    address = give(made, 7)
    one, other = (str(OutPoint(char * 64, 0)) for char in "ab")
    with made.desk.store.write() as writer:
        said.decide_first(writer, "cold", {address: one}, "anna")
        said.decide_first(writer, "cold", {address: other}, "bob")
    assert firsts(made) == {address: one}
