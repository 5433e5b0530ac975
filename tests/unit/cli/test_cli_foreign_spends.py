"""Coins that left without a plan, as commands say it: an alarm, a line, a status, and what to do."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from vault.cli import check, reconcile, wording
from vault.cli.monitor import CRITICAL, Thresholds
from vault.errors import BooksError
from vault.model import ForeignSpend
from vault.money import BTC, Amount
from vault.treasury.books import BookLine, Books
from vault.treasury.reconcile import Settlement

TXID = "ab" * 32
ZERO, LOST = Amount.zero(BTC), Amount(BTC, 1_001_224)
SPEND = ForeignSpend("third", TXID, LOST, 3, ("bcrt1qthief",), ("cd" * 32 + ":0",))


def test_the_line_names_everything_a_person_needs() -> None:
    (line,) = wording.foreign_lines([SPEND])
    for part in (TXID, "third", "0.01001224 BTC", "3 confirmations", "bcrt1qthief", f"--close {TXID}"):
        assert part in line


def test_check_is_critical() -> None:
    snapshot: Any = SimpleNamespace(foreign=(SPEND,), unsolicited=(), failures=(), markets=(), findings=())
    found: Any = SimpleNamespace(
        snapshot=snapshot, decisions=(), stuck=(), unsigned=(), assessment=SimpleNamespace(fragility=None)
    )
    known: Any = SimpleNamespace(accounts=(), idle=(), unknown_steps=(), disputed_steps=(), unbalanced=None)
    (remark,) = check.judge(found, known, (), Thresholds(Decimal("0.45"), Decimal("0.75")))
    assert remark.level == CRITICAL
    assert TXID in remark.text
    assert "|" not in remark.text


def books(*foreign: ForeignSpend, unsettled: tuple[str, ...] = ()) -> Books:
    line = BookLine("wallet:third", LOST, ZERO, ZERO, ZERO, LOST, ZERO, ZERO - LOST)
    return Books((line,), ZERO, ZERO, ZERO, LOST, ZERO, unsettled, (), foreign=foreign)


class Paper:
    """A page that only keeps its lines."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def line(self, text: str = "") -> None:
        self.said.append(text)

    def lines(self, texts: Any, indent: str = "") -> None:
        self.said += [indent + text for text in texts]

    def table(self, *_: Any, **__: Any) -> None:
        """Not looked at here."""

    facts = table


def shown(found: Books) -> str:
    page: Any = Paper()
    reconcile.show_books(page, reconcile.Closing((), found, {}, {}))
    return "\n".join(page.said)


def test_books_that_do_not_balance_name_the_transaction_and_the_command() -> None:
    text = shown(books(SPEND))
    assert TXID in text
    assert "vault reconcile --close" in text
    assert "THE BOOKS DO NOT BALANCE." in text


def test_a_difference_that_no_transaction_explains_says_what_to_compare() -> None:
    assert "vault wallet history third" in shown(books())


@pytest.mark.parametrize("note", ["books.sent_outside: x", "books.cancelled_but_sent: x"])
def test_what_is_said_once_wins_over_a_step_that_will_be_said_again(note: str) -> None:
    def step(number: int, state: str, note: str) -> Settlement:
        return Settlement("0" * 16, f"v{number}", 1, number, "spend", "signed", state, "", note)

    found = (step(1, "submitting", ""), step(2, "accepted", note))
    closing = reconcile.Closing(found, books(unsettled=("1",)), {}, {})
    assert reconcile._status(closing, waited=False) == BooksError.exit_status
