"""Bumping, cancelling and lifting: a replacement pays what nodes ask and keeps what it must keep."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.built_wallets import OTHER, STRANGER, Funded, sats
from tests.support.paper_chain import ANYONE, foreign_coin, paying
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.scripts import KINDS, Kind
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.errors import ChainError, PsbtError

PAYMENTS = ((STRANGER, sats(300_000)), (OTHER, sats(150_000)))
AMOUNTS = (500_000, 200_000, 90_000)


@pytest.fixture
def funded(bitcoin_keys: ModuleType, tmp_path: Path) -> Funded:
    return Funded(bitcoin_keys.account_of(b"stuck", "p2wpkh"), tmp_path, *AMOUNTS)


def refusal(build: Any, *args: Any, **options: Any) -> PsbtError:
    with pytest.raises(PsbtError) as refused:
        build(*args, **options)
    return refused.value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_wallet_bumps_cancels_and_lifts(
    bitcoin_keys: ModuleType, tmp_path: Path, kind: Kind
) -> None:
    funded = Funded(bitcoin_keys.account_of(b"stuck", kind), tmp_path, *AMOUNTS)
    first = funded.wallet.build_spend(PAYMENTS, Decimal(2), only=[funded.point(0)])
    original = funded.sent(first)
    bumped = funded.wallet.build_replacement(original, PAYMENTS, Decimal(20), keep_payments=True)
    verified = funded.verified(bumped)
    assert (bumped.inputs, bumped.payments, bumped.change_index) == (
        first.inputs,
        PAYMENTS,
        first.change_index,
    )
    assert verified.fee_rate >= 20
    cancelled = funded.wallet.build_replacement(original, (), Decimal(9), keep_payments=False)
    funded.signed(cancelled)
    assert (cancelled.inputs, cancelled.payments) == (first.inputs, ())
    change = OutPoint(original.txid, 2)
    lifted = funded.wallet.build_child(change, Decimal(15))
    funded.signed(lifted)
    package = original.vsize + lifted.vsize
    assert package * 15 <= first.fee.units + lifted.fee.units < package * 15 + 2
    replaced = funded.sent(bumped) if funded.chain.evict(original.txid) is None else None
    assert replaced is not None
    assert [line.txid for line in funded.wallet.history() if line.height is None] == [replaced.txid]


def test_a_bump_adds_coins_when_change_does_not_suffice(funded: Funded) -> None:
    original = funded.sent(funded.wallet.build_spend(PAYMENTS, Decimal(2), only=[funded.point(0)]))
    bumped = funded.wallet.build_replacement(original, PAYMENTS, Decimal(400), keep_payments=True)
    funded.signed(bumped)
    assert set(bumped.inputs) == {funded.point(0), funded.point(1)}
    left_alone = [funded.point(1)]
    other = refusal(
        funded.wallet.build_replacement,
        original,
        PAYMENTS,
        Decimal(800),
        keep_payments=True,
        without=left_alone,
    )
    assert other.code == "psbt.insufficient_funds"


def test_a_replacement_pays_for_all_it_evicts_and_for_its_own_relay(funded: Funded) -> None:
    original = funded.sent(funded.wallet.build_spend(PAYMENTS, Decimal(10), only=[funded.point(0)]))
    build = funded.wallet.build_replacement
    for rate in (Decimal(1), Decimal(10), Decimal("10.9")):
        error = refusal(build, original, PAYMENTS, rate, keep_payments=True)
        assert error.code == "psbt.replacement_fee"
        assert Decimal(error.details["needed_rate"]) == 11
    enough = build(original, PAYMENTS, Decimal(error.details["needed_rate"]), keep_payments=True)
    funded.signed(enough)
    child = funded.sent(funded.wallet.build_child(OutPoint(original.txid, 2), Decimal(40)))
    dearer = refusal(build, original, PAYMENTS, Decimal(11), keep_payments=True)
    needed = Decimal(dearer.details["needed_rate"])
    fees = sum(line.fee.units for line in funded.wallet.history() if line.fee and not line.height)
    assert needed * enough.vsize >= fees + enough.vsize
    funded.signed(build(original, PAYMENTS, needed, keep_payments=True))
    assert child.txid in funded.wallet.ledger.state().transactions


def test_a_foreign_transaction_on_top_of_ours_hides_what_a_replacement_must_pay(funded: Funded) -> None:
    original = funded.sent(funded.wallet.build_spend(PAYMENTS, Decimal(10), only=[funded.point(0)]))
    points = [OutPoint(original.txid, 0), foreign_coin(9)]
    funded.chain.add(paying(60, (funded.script(7), 250_000), spends=points))
    funded.wallet.sync()
    error = refusal(funded.wallet.build_replacement, original, PAYMENTS, Decimal(90), keep_payments=True)
    assert error.code == "psbt.replacement_descendants"


def test_a_payment_that_was_to_be_kept_cannot_be_left_out(funded: Funded) -> None:
    original = funded.sent(funded.wallet.build_spend(PAYMENTS, Decimal(2), only=[funded.point(0)]))
    for payments in ((), PAYMENTS[:1], ((STRANGER, sats(300_001)), PAYMENTS[1])):
        error = refusal(funded.wallet.build_replacement, original, payments, Decimal(30), keep_payments=True)
        assert error.code == "psbt.payment_missing"
    more = (*PAYMENTS, (b"\x00\x14" + b"\x09" * 20, sats(10_000)))
    funded.signed(funded.wallet.build_replacement(original, more, Decimal(30), keep_payments=True))


def test_two_equal_payments_to_one_address_stay_two_and_a_bump_keeps_both(funded: Funded) -> None:
    """Merged into one, or one of them left out, the payee would be short and our books would balance."""
    twice = ((STRANGER, sats(150_000)), (STRANGER, sats(150_000)))
    original = funded.sent(funded.wallet.build_spend(twice, Decimal(2), only=[funded.point(0)]))
    assert [each.value for each in original.outputs if each.script == STRANGER] == [150_000, 150_000]
    for payments in (twice[:1], ((STRANGER, sats(300_000)),), (twice[0], (OTHER, sats(150_000)))):
        error = refusal(funded.wallet.build_replacement, original, payments, Decimal(30), keep_payments=True)
        assert error.code == "psbt.payment_missing"
    bumped = funded.wallet.build_replacement(original, twice, Decimal(30), keep_payments=True)
    outputs = funded.verified(bumped).unsigned.outputs
    assert [each.value for each in outputs if each.script == STRANGER] == [150_000, 150_000]


def test_a_transaction_that_was_never_seen_can_still_be_replaced(funded: Funded) -> None:
    built = funded.wallet.build_spend(PAYMENTS, Decimal(2), only=[funded.point(0)])
    original = Psbt.parse(built.psbt).unsigned
    again = funded.wallet.build_replacement(original, PAYMENTS, Decimal(30), keep_payments=True)
    assert (again.inputs, again.change_index) == (built.inputs, built.change_index)
    funded.signed(again)


def test_what_is_in_a_block_cannot_be_replaced(funded: Funded) -> None:
    original = funded.sent(funded.wallet.build_spend(PAYMENTS, Decimal(2), only=[funded.point(0)]))
    funded.chain.mine()
    funded.wallet.sync()
    error = refusal(funded.wallet.build_replacement, original, PAYMENTS, Decimal(30), keep_payments=True)
    assert error.code == "psbt.already_confirmed"


def test_coins_that_something_else_spends_cannot_be_replaced(funded: Funded) -> None:
    planned = Psbt.parse(
        funded.wallet.build_spend(PAYMENTS, Decimal(2), only=[funded.point(0)]).psbt
    ).unsigned
    funded.sent(funded.wallet.build_spend(PAYMENTS, Decimal(3), only=[funded.point(0)]))
    error = refusal(funded.wallet.build_replacement, planned, PAYMENTS, Decimal(30), keep_payments=True)
    assert error.code == "psbt.coin_not_spendable"
    foreign = paying(70, (STRANGER, 1_000))
    error = refusal(funded.wallet.build_replacement, foreign, (), Decimal(30), keep_payments=False)
    assert error.code == "psbt.coin_not_spendable"


# -- received funds -----------------------------------------------------------------------------------


def received(funded: Funded, value: int, fee: int, *, change: int = 5_000) -> Transaction:
    """A payment to us that waits; others made it out of a coin of theirs, with change they can spend."""
    source = paying(200, (STRANGER, value + change + fee))
    funded.chain.mine(source)
    payment = paying(201, (funded.script(10), value), (ANYONE, change), spends=[OutPoint(source.txid, 0)])
    funded.chain.add(payment)
    funded.wallet.sync()
    return payment


def test_a_child_lifts_a_payment_that_others_made(funded: Funded) -> None:
    parent = received(funded, 400_000, 150)
    built = funded.wallet.build_child(OutPoint(parent.txid, 0), Decimal(25))
    funded.signed(built)
    assert built.inputs == (OutPoint(parent.txid, 0),)
    assert 150 + built.fee.units == (parent.vsize + built.vsize) * 25


def test_a_child_counts_every_unconfirmed_ancestor(funded: Funded) -> None:
    first = received(funded, 400_000, 100, change=90_000)
    second = paying(202, (funded.script(11), 89_900), spends=[OutPoint(first.txid, 1)])
    second = funded.chain.signed(second)
    funded.chain.add(second)
    funded.wallet.sync()
    built = funded.wallet.build_child(OutPoint(second.txid, 0), Decimal(12))
    package = first.vsize + second.vsize + built.vsize
    assert 100 + 100 + built.fee.units == package * 12


def test_a_child_of_a_small_coin_takes_others_along(funded: Funded) -> None:
    parent = received(funded, 1_500, 100)
    built = funded.wallet.build_child(OutPoint(parent.txid, 0), Decimal(50))
    funded.signed(built)
    assert OutPoint(parent.txid, 0) in built.inputs
    assert len(built.inputs) == 2
    alone = [funded.point(number) for number in range(len(AMOUNTS))]
    error = refusal(funded.wallet.build_child, OutPoint(parent.txid, 0), Decimal(50), without=alone)
    assert error.code == "psbt.insufficient_funds"


def test_ancestors_that_pay_enough_need_no_child(funded: Funded) -> None:
    parent = received(funded, 400_000, 9_000)
    error = refusal(funded.wallet.build_child, OutPoint(parent.txid, 0), Decimal(20))
    assert error.code == "psbt.no_child_needed"


def test_only_waiting_coins_of_ours_can_have_a_child(funded: Funded) -> None:
    parent = received(funded, 400_000, 100)
    for point in (funded.point(0), OutPoint(parent.txid, 1), OutPoint("ab" * 32, 0)):
        assert refusal(funded.wallet.build_child, point, Decimal(20)).code == "psbt.coin_not_spendable"


def test_a_backend_that_gives_another_previous_transaction_is_refused(funded: Funded) -> None:
    parent = received(funded, 400_000, 100)

    class Liar:
        def __getattr__(self, name: str) -> Any:
            return getattr(funded.chain, name)

        def raw_transactions(self, txids: Sequence[str]) -> tuple[bytes, ...]:
            return tuple(paying(n, (STRANGER, 99_000_000)).serialise() for n, _ in enumerate(txids, 300))

    funded.wallet.backend = Liar()  # type: ignore[assignment]
    with pytest.raises(ChainError) as refused:
        funded.wallet.build_child(OutPoint(parent.txid, 0), Decimal(20))
    assert refused.value.code == "chain.bad_answer"


def test_too_many_unconfirmed_ancestors_are_refused(funded: Funded) -> None:
    parent = received(funded, 400_000, 100, change=90_000)
    point, left = OutPoint(parent.txid, 1), 90_000
    for number in range(30):
        left -= 200
        nxt = paying(400 + number, (STRANGER, left), spends=[point])
        funded.chain.add(nxt)
        point = OutPoint(nxt.txid, 0)
    last = paying(500, (funded.script(11), left - 200), spends=[point])
    funded.chain.add(last)
    funded.wallet.sync()
    error = refusal(funded.wallet.build_child, OutPoint(last.txid, 0), Decimal(20))
    assert error.code == "psbt.too_many_ancestors"
