"""What is no payment, is another one, or cannot be told to be one; whatever the venue says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.chains.ethereum.deploy import calldata, deploy_lookalike, deploy_safe, mint
from tests.support.ethereum_venues import (
    ASSETS,
    DEPTH,
    NETWORK,
    Payer,
    TokenBench,
    TokenDesk,
    said,
    token_desk,
)
from vault.errors import BooksError, EthereumError
from vault.store import records
from vault.treasury import closing, reconcile
from vault.treasury.ethereum import arrivals
from vault.treasury.settle_withdrawal import DISPUTES
from vault.treasury.steps import disputed
from vault.venues.client import VenueClient


def test_a_token_of_the_same_name_is_no_payment(
    told: Any, refused: Any, bench: TokenBench, payer: Payer
) -> None:
    token = deploy_lookalike(bench.chain)
    mint(bench.chain, token, payer.address, 10**12)

    def lookalike(units: int, to: str) -> str:
        return payer.send(token, data=calldata("transfer(address,uint256)", to, units))

    plan = told(lookalike)
    bench.chain.mine(DEPTH)
    error = refused(plan)
    assert (error.code, "found nothing" in error.message) == ("books.payment_differs", True)


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("off", [-1, 1])
def test_one_unit_more_or_less_is_another_payment(  # noqa: PLR0917
    told: Any, refused: Any, bench: TokenBench, payer: Payer, asset: str, off: int
) -> None:
    plan = told(lambda units, to: payer.pay(asset, to, units + off), asset, "20")
    bench.chain.mine(DEPTH)
    assert refused(plan).code == "books.payment_differs"


@pytest.mark.parametrize("asset", ASSETS)
def test_a_payment_to_somebody_else_is_none(
    told: Any, refused: Any, bench: TokenBench, payer: Payer, asset: str
) -> None:
    plan = told(lambda units, to: payer.pay(asset, bench.cold(), units), asset, "20")
    assert refused(plan).code == "books.payment_differs"


@pytest.mark.parametrize("asset", ASSETS)
def test_a_payment_of_our_own_is_none_of_the_venues(  # noqa: PLR0917
    told: Any, refused: Any, bench: TokenBench, payer: Payer, asset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = told(lambda units, to: payer.pay(asset, to, units), asset, "20")
    bench.chain.mine(DEPTH)
    place_of = arrivals.place_of
    ours = frozenset({payer.address})
    monkeypatch.setattr(arrivals, "place_of", lambda *given: replace(place_of(*given), ours=ours))
    error = refused(plan)
    assert (error.code, "found nothing" in error.message) == ("books.payment_differs", True)


def test_a_payment_of_another_asset_is_none(told: Any, refused: Any, bench: TokenBench, payer: Payer) -> None:
    plan = told(lambda units, to: payer.pay("USDT", to, units))
    assert refused(plan).code == "books.payment_differs"


def test_a_transaction_of_another_chain_closes_nothing(told: Any, desk: TokenDesk, bench: TokenBench) -> None:
    plan = told(lambda units, to: "0x" + "ab" * 32)
    bench.chain.mine(DEPTH)
    for _ in range(2):
        assert desk.settle(plan).state == "accepted"
    bench.tick("binance", 3)
    assert desk.settle(plan).state == "accepted"


def test_a_transaction_that_failed_pays_nothing_and_its_successor_does(
    told: Any, refused: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    plan = told(lambda units, to: payer.pay("USDC", to, 10**15))
    bench.chain.mine(DEPTH)
    error = refused(plan)
    assert (error.code, "failed" in error.message) == ("books.payment_differs", True)
    transfer = plan.transfer(1)
    again = payer.pay("USDC", transfer.payment.address, transfer.amount.units)
    bench.record("binance").tx_id = again
    bench.chain.mine(DEPTH)
    done = desk.settle(plan)
    assert (done.state, done.reference) == ("done", again)


@pytest.mark.parametrize("asset", ASSETS)
def test_two_payments_of_one_transaction_settle_two_steps_and_no_third(  # noqa: PLR0917
    told: Any, refused: Any, desk: TokenDesk, bench: TokenBench, payer: Payer, asset: str
) -> None:
    cold = bench.cold()
    txids: list[str] = []

    def batched(units: int, to: str) -> str:
        if not txids:
            txids.append(payer.batch(asset, [(to, units), (to, units)]))
        return txids[0]

    plans = [told(batched, asset, "20", cold) for _ in range(3)]
    bench.chain.mine(DEPTH)
    assert [desk.settle(plan).state for plan in plans[:2]] == ["done", "done"]
    assert refused(plans[2]).code in {"books.payment_differs", "books.payment_unproven"}
    assert bench.holds(asset, cold) == 2 * plans[0].transfer(1).amount.units


def test_a_batch_pays_each_of_several_what_is_theirs(
    told: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    cold, others = bench.cold(), [(bench.cold(), 77), (bench.cold(), 10**9)]
    plan = told(lambda units, to: payer.batch("USDT", [*others, (to, units), (to, 5)]), "USDT", "100", cold)
    bench.chain.mine(DEPTH)
    assert desk.settle(plan).state == "done"


def test_a_replaced_transaction_is_followed_under_its_new_id(
    told: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    plan = told(lambda units, to: payer.pay("USDC", to, units))
    transfer = plan.transfer(1)
    assert desk.settle(plan).state == "sent"
    first = desk.step(plan).reference
    bench.chain.reorg(1, keep_transactions=False)
    assert desk.settle(plan).state == "sent"
    payer.pay("USDT", bench.cold(), 1)  # the nonce goes to something else
    second = payer.pay("USDC", transfer.payment.address, transfer.amount.units)
    bench.record("binance").tx_id = second
    moved = desk.settle(plan)
    assert (moved.state, moved.reference) == ("sent", second)
    assert first != second
    bench.chain.mine(DEPTH)
    assert desk.settle(plan).state == "done"


def test_one_that_is_reorganised_out_is_no_longer_done(
    told: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    plan = told(lambda units, to: payer.pay("USDC", to, units))
    bench.chain.mine(DEPTH - 1)
    done = desk.settle(plan)
    assert done.state == "done"
    assert arrivals.reorganised(desk.desk, done) == ""
    bench.chain.mine(2)
    assert arrivals.reorganised(desk.desk, done) == ""
    bench.chain.reorg(DEPTH + 2)
    assert "now it is not found" in arrivals.reorganised(desk.desk, done)
    bench.chain.mine()
    # The same transaction, in another block: it is judged again.
    assert arrivals.reorganised(desk.desk, done).startswith("books.reorganised: ")
    with desk.desk.store.write() as writer:
        records.reopen_intent(writer, done, "sent", reorganised_from=str(done.facts["height"]))
    assert desk.settle(plan).state == "sent"
    bench.chain.mine(DEPTH)
    again = desk.settle(plan)
    assert (again.state, again.facts["block_hash"] != done.facts["block_hash"]) == ("done", True)


@pytest.mark.parametrize("spelled", [str.upper, lambda txid: txid.removeprefix("0x"), str.lower])
def test_an_id_in_another_spelling_is_the_same_transaction(
    told: Any, desk: TokenDesk, bench: TokenBench, payer: Payer, spelled: Callable[[str], str]
) -> None:
    sent = []

    def pay(units: int, to: str) -> str:
        sent.append(payer.pay("USDC", to, units))
        return spelled(sent[0]).replace("0X", "0x")

    plan = told(pay)
    bench.chain.mine(DEPTH)
    done = desk.settle(plan)
    assert (done.state, done.reference) == ("done", sent[0])


def test_a_transaction_older_than_the_plan_is_not_believed(
    told: Any, refused: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    plan = told(lambda units, to: payer.pay("USDC", to, units))
    bench.chain.mine(DEPTH)
    step = desk.step(plan)
    with desk.desk.store.write() as writer:
        records.move_intent(writer, step, "sent", tip_when_made=str(bench.chain.height + DEPTH))
    assert refused(plan, kind=EthereumError).code == "ethereum.bad_answer"


# -- ether by contracts ----------------------------------------------------------------------------------


def test_ether_that_a_contract_passes_on_is_known_by_what_the_address_gained(
    told: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    plan = told(lambda units, to: payer.batch("ETH", [(bench.cold(), 5), (to, units)]), "ETH", "2")
    bench.chain.mine(DEPTH)
    assert desk.settle(plan).state == "done"


def test_ether_that_comes_with_other_ether_in_one_block_is_not_told_apart(
    told: Any, refused: Any, bench: TokenBench, payer: Payer
) -> None:
    plan = told(lambda units, to: payer.batch("ETH", [(to, 5), (to, units)]), "ETH", "2")
    bench.chain.mine(DEPTH)
    assert refused(plan).code == "books.payment_unproven"


def test_two_amounts_that_a_contract_passed_on_together_are_told_apart_once_both_are_known(
    told: Any, refused: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    cold = bench.cold()
    txids: list[str] = []

    def first(units: int, to: str) -> str:
        txids.append(payer.batch("ETH", [(to, units), (to, units + 10**18)]))
        return txids[0]

    two = told(first, "ETH", "2", cold)
    bench.chain.mine(DEPTH)
    assert refused(two).code == "books.payment_unproven"
    three = told(lambda units, to: txids[0], "ETH", "3", cold)
    assert desk.settle(three).state == "done"
    assert desk.settle(two).state == "done"


def test_ether_to_an_address_that_spends_in_that_block_is_not_told(
    told: Any, refused: Any, bench: TokenBench, payer: Payer
) -> None:
    """Not even where what it gained in all is exactly what was planned."""
    mine = Payer(bench.chain, f"ours {bench.cold()}")

    def both(units: int, to: str) -> str:
        spent = 21_000 * (bench.chain.next_base_fee + 10**9) + 1
        return payer.batch("ETH", [(to, units), (to, spent)], mine.signed(payer.address, value=1))

    plan = told(both, "ETH", "2", mine.address)
    assert refused(plan).code == "books.payment_unproven"


@pytest.mark.parametrize(
    ("extra", "parts", "end"), [(0, (5,), "done"), (0, (), "done"), (1, (), "books.payment_differs")]
)
def test_a_safe_says_itself_what_ether_came(  # noqa: PLR0917
    bench: TokenBench,
    venues: VenueClient,
    payer: Payer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    desk: TokenDesk,
    extra: int,
    parts: tuple[int, ...],
    end: str,
) -> None:
    owner = Payer(bench.chain, "owner")
    safe = deploy_safe(bench.chain, [owner.address], 1, salt_nonce=next(bench.numbers))
    more = _SAFE.format(owner=owner.address, safe=safe)

    def pay(to: str, units: int, _tag: str = "") -> str:
        return payer.batch("ETH", [*((to, part) for part in parts), (to, units + extra)])

    monkeypatch.setattr(bench.port("binance", "ETH"), "pay", pay)
    with token_desk(bench, tmp_path / "safe", venues, more) as safely:
        plan = safely.plan("binance", ("ETH", "2", safe))
        safely.paid(plan, "binance")
        bench.chain.mine(DEPTH)
        if end == "done":
            assert safely.settle(plan).state == end
        else:
            with pytest.raises(BooksError) as caught:
                safely.settle(plan)
            assert caught.value.code == end


_SAFE = """
[[device]]
name = "one"
kind = "trezor"
path = "udp:127.0.0.1:1"
root_fingerprint = "5c9e228d"

[[account]]
name = "owner"
role = "gas"
chain = "ethereum"
address = "{owner}"
device = "one"
path = "m/44'/60'/0'/0/0"

[[account]]
name = "safe"
role = "cold"
chain = "ethereum"
address = "{safe}"
[account.safe]
owners = ["owner"]
threshold = 1
executor = "owner"
"""


# -- what a person may close ----------------------------------------------------------------------------


def test_what_is_told_as_a_dispute_can_be_closed_by_a_person() -> None:
    untold = {"books.payment_found", "books.payment_untold"}
    assert {*DISPUTES, *untold} <= set(closing.CONTRADICTIONS)


def test_a_dispute_stays_with_its_step_until_the_chain_says_otherwise(
    told: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    plan = told(lambda units, to: payer.pay("USDC", to, units - 1))
    bench.chain.mine(DEPTH)
    (found,) = reconcile.settle_plan(desk.desk, plan)
    assert found.note.startswith("books.payment_differs")
    assert disputed(desk.step(plan)).startswith("books.payment_differs")
    transfer = plan.transfer(1)
    right = payer.pay("USDC", transfer.payment.address, transfer.amount.units)
    bench.record("binance").tx_id = right
    bench.chain.mine(DEPTH)
    (found,) = reconcile.settle_plan(desk.desk, plan)
    assert (found.state, found.note, disputed(desk.step(plan))) == ("done", "", "")


def test_a_nonce_is_used_for_good_once_it_is_deep_enough(
    told: Any, desk: TokenDesk, bench: TokenBench, payer: Payer
) -> None:
    plan = desk.plan("binance", ("USDC", "100", bench.cold()))
    nonce = str(bench.chain.nonce(payer.address))
    step = said(desk.step(plan), network=NETWORK, sender=payer.address, nonce=nonce)
    bench.chain.mine(DEPTH)
    assert not arrivals.nonce_is_final(desk.desk, step)
    payer.send(payer.address)
    bench.chain.mine(DEPTH - 2)
    assert not arrivals.nonce_is_final(desk.desk, step)
    bench.chain.mine()
    assert arrivals.nonce_is_final(desk.desk, step)
