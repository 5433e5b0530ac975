"""Somebody else sends with our key, and it is in a block before anybody looks: it is found, and a person
has to account for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.chains.ethereum import deploy
from tests.support.ethereum_chains import start_chain
from tests.support.ethereum_treasury import (
    CONFIRMATIONS,
    ETHER,
    MNEMONIC,
    EthereumCase,
    device_account,
    entry,
    made,
    opened_devices,
    opened_treasury,
    private_key,
)
from vault.errors import BooksError, DeniedError
from vault.ethereum.contracts.erc20 import APPROVE
from vault.evm.transaction import (
    EthereumSignature,
    FeeMarketTransaction,
    serialise,
    signing_digest,
)
from vault.model import AccountFinding
from vault.money import ETH, Amount
from vault.store import account_nonces
from vault.treasury import books, execute, history, reconcile
from vault.treasury.ethereum import foreign_nonces, observe
from vault.treasury.requests.ethereum import bump_ethereum

HOT = device_account("hot", "staging", "main", MNEMONIC)
COLD = device_account("cold", "cold", "main", MNEMONIC, 1)
STRANGER = "0x1111111111111111111111111111111111111111"


@pytest.fixture(scope="module")
def session() -> Iterator[object]:
    with opened_devices({"main": ("trezor-core", MNEMONIC)}) as devices:
        yield devices


@pytest.fixture
def case(session: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EthereumCase]:
    """An account whose key was used twice before the treasury first looked at it."""
    monkeypatch.setattr(reconcile, "PATIENCE", timedelta())
    assert isinstance(session, dict)
    with (
        start_chain() as chain,
        opened_treasury(
            tmp_path / "treasury", chain, session, (HOT, COLD), (entry("cold-eth", "ETH", COLD),)
        ) as case,
    ):
        chain.fund(HOT.address, 10 * ETHER)
        stolen(case, 0)
        stolen(case, 1)
        chain.mine(CONFIRMATIONS)
        assert look(case) == ()
        books.close_books(case.desk)
        yield case


def stolen(case: EthereumCase, nonce: int, *, value: int = 0, approves: bool = False) -> str:
    """Somebody with the key sends: ether to a stranger, or an allowance of all that we have of a token."""
    data = APPROVE.encode(STRANGER, 2**256 - 1) if approves else b""
    to = deploy.USDC if approves else STRANGER
    tx = FeeMarketTransaction(1, nonce, 10**9, 50 * 10**9, 100_000, to, value, data)
    raw = private_key(MNEMONIC).sign_recoverable(signing_digest(tx), hasher=None)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    signed = serialise(tx, EthereumSignature(raw[64], raw[64], r, s))
    return str(case.chain.rpc("eth_sendRawTransaction", "0x" + signed.hex()))


def look(case: EthereumCase) -> tuple[AccountFinding, ...]:
    return observe.account_balances(case.desk).findings


def refused(case: EthereumCase, name: str, nonce: int, reason: str = "the other program") -> str:
    with pytest.raises(BooksError) as caught:
        foreign_nonces.accept_nonce(case.desk, name, nonce, reason)
    return caught.value.code


def test_an_allowance_that_somebody_else_gave_is_found_and_nothing_leaves(case: EthereumCase) -> None:
    stolen(case, 2, approves=True)
    (found,) = look(case)
    assert (found.account, found.code, found.foreign) == ("hot", "ethereum.foreign_nonce", True)
    for said in ("nonce 2 was", "vault account allowances hot", "vault account accept-nonce hot 2 --reason"):
        assert said in found.line
    with pytest.raises(DeniedError) as caught:
        case.pay("hot", "cold-eth", "1", "ETH")
    assert "nonce 2" in str(caught.value)


def test_several_in_a_row_are_one_finding(case: EthereumCase) -> None:
    for nonce in (2, 3, 4):
        stolen(case, nonce)
    assert ["nonces 2 to 4 were" in each.line for each in look(case)] == [True]


def test_what_plans_sent_is_ours_whatever_became_of_it(case: EthereumCase) -> None:
    first = case.pay("hot", "cold-eth", "1", "ETH")
    case.out(first)
    assert look(case) == ()  # in a block, and not yet final
    assert case.settle(first).state == "done"
    case.chain.automine(False)
    stuck = case.pay("hot", "cold-eth", "1", "ETH")
    case.out(stuck)
    bumped = made(bump_ethereum(case.desk, stuck, 1))
    case.out(bumped)
    case.chain.automine(True)
    assert case.settle(bumped).state == "done"
    assert case.step(stuck).state == "replaced"
    given_up = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(given_up)
    case.sign(given_up)
    raw = str(case.step(given_up).facts["raw"])
    execute.cancel(case.desk, given_up, "another time")
    case.chain.rpc("eth_sendRawTransaction", f"0x{raw}")
    assert look(case) == ()  # ours, by whoever sent it


def test_a_nonce_that_a_plan_only_wanted_is_not_ours(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-eth", "1", "ETH")
    case.approve(plan)
    stolen(case, 2)
    assert [each.code for each in look(case)] == ["ethereum.foreign_nonce"]
    execute.cancel(case.desk, plan, "somebody was faster")
    assert [each.code for each in look(case)] == ["ethereum.foreign_nonce"]


def test_a_person_accounts_for_it_and_books_and_limits_count_what_left(case: EthereumCase) -> None:
    stolen(case, 2, value=ETHER)
    assert refused(case, "hot", 2) == "books.not_final"
    case.chain.mine(CONFIRMATIONS)
    assert not books.close_books(case.desk).balanced
    assert refused(case, "hot", 2, " ") == "books.no_reason"
    for name, nonce in (("hot", 1), ("hot", 3), ("cold", 0)):
        assert refused(case, name, nonce) == "books.not_foreign"
    done = foreign_nonces.accept_nonce(case.desk, "hot", 2, "the auditor was paid by hand")
    (left,) = done.left
    assert left.asset == ETH and left > Amount(ETH, ETHER)
    assert look(case) == ()
    assert books.close_books(case.desk).balanced
    with case.desk.store.read() as connection:
        (kept,) = account_nonces.accepted_nonces(connection)
        counted = history.outflows(connection, case.desk.clock.now())
    assert kept == done
    assert [(each.action, each.subject, each.amount) for each in counted] == [("foreign", "hot", left)]
    case.desk.store.verify()
    assert refused(case, "hot", 2) == "books.not_foreign"
    case.out(case.pay("hot", "cold-eth", "1", "ETH"))
    assert look(case) == ()


def test_accepting_one_says_nothing_of_the_next(case: EthereumCase) -> None:
    stolen(case, 2)
    stolen(case, 3)
    case.chain.mine(CONFIRMATIONS)
    foreign_nonces.accept_nonce(case.desk, "hot", 2, "known")
    assert ["nonce 3 was" in each.line for each in look(case)] == [True]


def test_the_first_look_is_kept_and_no_later_one_takes_its_place(case: EthereumCase) -> None:
    with case.desk.store.write() as writer:
        assert account_nonces.open_account(writer, "eip155:1", HOT.address, 7, 1) == 2
    stolen(case, 2)
    assert len(look(case)) == 1
