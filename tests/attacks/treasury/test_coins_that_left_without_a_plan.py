"""Coins that leave a wallet by a transaction of nobody's plan: seen, said, stopped, closed by a person."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.support.coin_desk import CoinDesk
from vault.bitcoin.spend import ExpectedSpend, FeeLimits
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.errors import BooksError, DeniedError
from vault.model import ForeignSpend
from vault.money import BTC, Amount
from vault.store import journal, records
from vault.treasury import coins, foreign_spends, history, observe
from vault.treasury.requests import build

THIEF = b"\x00\x14" + b"\x66" * 20
STOLEN = 1_000_000
LIMITS = FeeLimits(Amount(BTC, 100_000), Decimal(100), Decimal("0.5"))


def steal(made: CoinDesk, *, blocks: int = 1, amount: int = STOLEN) -> tuple[str, int]:
    """Somebody with the keys of the cold wallet spends from it; returns the id and the fee."""
    wallet, paid = made.desk.wallet("cold"), ((THIEF, Amount(BTC, amount)),)
    built = wallet.build_spend(paid, Decimal(5))
    account = made.accounts["cold"]
    verified = verify_psbt(built.psbt, ExpectedSpend(account.descriptor, paid, made.desk.network), LIMITS)
    raw = verify_signed(verified, account.sign(verified)).raw
    txid: str = made.chain.submit(raw)
    made.chain.mine(blocks)
    made.clock.advance(60)
    return txid, built.fee.units


def opened(made: CoinDesk) -> tuple[ForeignSpend, ...]:
    return observe.take_snapshot(made.desk).foreign


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_an_observation_names_it_with_all_a_person_needs(made: CoinDesk, blocks: int) -> None:
    txid, fee = steal(made, blocks=blocks)
    (found,) = opened(made)
    assert (found.wallet, found.txid, found.confirmations) == ("cold", txid, blocks)
    assert found.amount == Amount(BTC, STOLEN + fee)
    assert len(found.destinations) == 1
    assert found.destinations[0].startswith("bcrt1q")


def test_it_is_said_until_a_person_closes_it_and_never_after(made: CoinDesk) -> None:
    txid, _ = steal(made)
    assert opened(made)
    assert opened(made)
    foreign_spends.close_spend(made.desk, txid, "the other program paid the auditor")
    assert opened(made) == ()
    with pytest.raises(BooksError) as caught:
        foreign_spends.close_spend(made.desk, txid, "again")
    assert caught.value.code == "books.not_foreign"
    with made.desk.store.read() as connection:
        (row,) = [row for row in journal.rows(connection) if row.kind == "foreign_spend_closed"]
    assert json.loads(row.body)["reason"] == "the other program paid the auditor"
    made.desk.store.verify()


def test_the_books_name_it_and_balance_again_once_it_is_closed(made: CoinDesk) -> None:
    txid, fee = steal(made)
    before = made.look()
    assert not before.balanced
    assert [each.txid for each in before.foreign] == [txid]
    foreign_spends.close_spend(made.desk, txid, "known")
    after = made.look()
    assert after.balanced, after
    assert after.left_total == Amount(BTC, STOLEN + fee)
    assert [each.txid for each in after.closed] == [txid]


def test_a_second_one_is_not_covered_by_the_closing_of_the_first(made: CoinDesk) -> None:
    first, _ = steal(made)
    foreign_spends.close_spend(made.desk, first, "known")
    observe.take_snapshot(made.desk)
    second, _ = steal(made, amount=STOLEN // 2)
    found = made.look()
    assert not found.balanced
    assert [each.txid for each in found.foreign] == [second]


def test_nothing_is_asked_for_from_that_wallet_until_then(made: CoinDesk) -> None:
    txid, _ = steal(made)
    with pytest.raises(DeniedError) as caught:
        build.pay(made.desk, "cold", [("vault-1", Amount(BTC, 100_000))], Decimal(3))
    assert caught.value.code == "denied.foreign_spend"
    assert (txid in caught.value.message, f"reconcile --close {txid}" in caught.value.hint) == (True, True)
    foreign_spends.close_spend(made.desk, txid, "known")
    try:
        build.pay(made.desk, "cold", [("vault-1", Amount(BTC, 100_000))], Decimal(3))
    except DeniedError as error:
        assert error.code != "denied.foreign_spend"


def test_a_closed_one_counts_in_the_limits(made: CoinDesk) -> None:
    txid, fee = steal(made)
    foreign_spends.close_spend(made.desk, txid, "known")
    with made.desk.store.read() as connection:
        (found,) = history.outflows(connection, made.clock.now())
    assert (found.action, found.amount.units) == ("foreign", STOLEN + fee)
    from vault.policy.limits import spent_in_window

    policy, now = made.desk.policy().policy, made.clock.now()
    spent = {limit.action: spent_in_window(limit, (found,), now).units for limit in policy.limit}
    assert spent.pop("sweep") == 0, "what left a wallet keeps no coins at a venue"
    spent.pop("return", None)
    assert set(spent.values()) == {STOLEN + fee}


@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "x" * 501])
def test_without_words_nothing_is_closed(made: CoinDesk, reason: str) -> None:
    txid, _ = steal(made)
    with pytest.raises(BooksError) as caught:
        foreign_spends.close_spend(made.desk, txid, reason)
    assert caught.value.code == "books.no_reason"
    assert opened(made)


def test_what_was_spent_before_the_books_were_opened_is_nobodys_loss(made: CoinDesk) -> None:
    """Also for a ledger that is built anew, whose every transaction is seen for the first time."""
    txid, _ = steal(made)
    assert opened(made)
    with made.desk.store.write() as writer:
        from sqlalchemy import delete

        from vault.store import schema

        writer.connection.execute(delete(schema.document).where(schema.document.c.kind == "opening"))
    assert opened(made) == ()
    state = made.desk.treasury.wallets_path / "cold.sqlite"
    state.unlink()
    made.desk._wallets.clear()
    made.clock.advance(60)
    assert txid in coins_of_history(made)
    assert opened(made) == ()


def coins_of_history(made: CoinDesk) -> set[str]:
    coins.sync(made.desk, "cold")
    return {each.txid for each in made.desk.wallet("cold").history()}


def test_a_store_of_an_older_version_tells_the_height_by_its_first_observation(made: CoinDesk) -> None:
    steal(made)
    with made.desk.store.write() as writer:
        from sqlalchemy import update

        from vault.canonical import canonical_json
        from vault.store import schema

        for body in records.documents(writer.connection, "opening"):
            bare = canonical_json({key: body[key] for key in ("place", "amount", "at")})
            writer.connection.execute(
                update(schema.document)
                .where(schema.document.c.body == canonical_json(body))
                .values(body=bare)
            )
    assert len(opened(made)) == 1


def test_coins_that_come_back_whole_still_show_that_somebody_else_signs(made: CoinDesk) -> None:
    wallet = made.desk.wallet("cold")
    everything = made.accounts["cold"].descriptor.script_pubkey(False, 0)
    paid = ((everything, Amount(BTC, 70_000)),)
    built = wallet.build_spend(paid, Decimal(5))
    account = made.accounts["cold"]
    verified = verify_psbt(built.psbt, ExpectedSpend(account.descriptor, paid, made.desk.network), LIMITS)
    made.chain.submit(verify_signed(verified, account.sign(verified)).raw)
    made.chain.mine(1)
    (found,) = opened(made)
    assert found.amount == built.fee
    foreign_spends.close_spend(made.desk, found.txid, "consolidated by the other program")
    assert made.look().balanced


def test_a_reorganisation_gives_the_coins_back_to_the_books(made: CoinDesk) -> None:
    """A closing is no number: what it explains is what the chain has of it now."""
    txid, fee = steal(made, blocks=0)
    foreign_spends.close_spend(made.desk, txid, "known")
    assert made.look().left_total.units == STOLEN + fee
    made.chain.mempool.evict(txid)
    after = made.look()
    assert (after.left_total.units, after.balanced) == (0, True)
