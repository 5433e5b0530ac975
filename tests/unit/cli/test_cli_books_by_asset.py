"""What `reconcile`, `check` and `status` say of several assets: each with its name, none added to another."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import ethereum_policy as world
from vault.cli import check, monitor, reconcile
from vault.cli.monitor import CRITICAL, WARNING, Thresholds
from vault.cli.root import cli
from vault.model import AccountFinding
from vault.money import BTC, ETH, USDC, Amount, Asset
from vault.treasury.books import BookLine, Books, Explanation, Sheet


class Paper:
    """A page that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def line(self, text: str = "") -> None:
        self.said.append(text)

    def lines(self, texts: Any, indent: str = "") -> None:
        self.said += [indent + text for text in texts]

    def table(self, heads: tuple[str, ...], rows: Any, **_: Any) -> None:
        self.said += [" ".join(heads), *(" ".join(row) for row in rows)]

    def facts(self, facts: Any, indent: str = "") -> None:
        self.said += [f"{indent}{name} {value}" for name, value in facts]


def sheet(asset: Asset, units: int, more: int = 0) -> Sheet:
    zero, held, by = Amount.zero(asset), Amount(asset, units), Amount(asset, more)
    line = BookLine("wallet:safe", held, zero, zero, zero, held, held + by, by, zero)
    return Sheet((line,), zero, zero, zero, held, held + by)


def closing(*others: Sheet, explanations: tuple[Explanation, ...] = ()) -> reconcile.Closing:
    none = Amount.zero(BTC)
    books = Books((), none, none, none, none, none, (), (), explanations, others=others)
    return reconcile.Closing((), books, {}, {})


def test_each_asset_has_a_table_and_the_sentence_names_every_smallest_unit() -> None:
    page: Any = Paper()
    reconcile.show_books(page, closing(sheet(ETH, 10**18), sheet(USDC, 50_250_000)))
    assert "wallet:safe 1 0 1 0" in " ".join(page.said)
    assert any(each.startswith("USDC at") for each in page.said)
    assert "wallet:safe 50.250000 0.000000 50.250000 0.000000" in page.said
    assert page.said[-1] == "The books balance to the satoshi, the wei, the millionth of a USDC."


def test_a_surplus_says_how_a_person_accepts_it_and_is_no_balance() -> None:
    page: Any = Paper()
    found = closing(sheet(USDC, 5, more=1))
    reconcile.show_books(page, found)
    assert "THE BOOKS DO NOT BALANCE." in page.said
    assert any("--accept safe USDC" in each for each in page.said)
    assert reconcile._status(found, waited=False) == 65


def test_what_is_missing_is_not_offered_to_be_accepted() -> None:
    page: Any = Paper()
    reconcile.show_books(page, closing(sheet(USDC, 5, more=-1)))
    assert not any("--accept" in each for each in page.said)


def test_the_document_has_bitcoin_as_ever_and_every_asset_by_its_name() -> None:
    books = reconcile._document(closing(sheet(USDC, 5)))["books"]
    assert set(books["assets"]) == {"BTC", "USDC"}
    assert books["assets"]["USDC"]["observed_total"] == {"asset": "USDC", "amount": "0.000005"}
    assert books["observed_total"] == {"asset": "BTC", "amount": "0.00000000"}


def test_an_acceptance_is_shown_as_one() -> None:
    page: Any = Paper()
    accepted = Explanation("", 0, 0, "dust of a stranger", "books.unsolicited: wallet:safe", ())
    reconcile.show_books(page, closing(explanations=(accepted,)))
    assert "accepted by a person: dust of a stranger" in page.said


def test_performance_data_names_the_asset() -> None:
    found: Any = SimpleNamespace(
        assessment=SimpleNamespace(accounts=()), snapshot=SimpleNamespace(wallets=world.WALLETS)
    )
    said = monitor.performance(found)
    assert "'safe_usdc'=900000.000000;;;0" in said
    assert "'gas_eth'=1.000000000000000000;;;0" in said
    assert len({each.partition("=")[0] for each in said}) == len(said)


@pytest.mark.parametrize(("code", "level"), [("foreign_nonce", CRITICAL), ("stuck", WARNING)])
def test_nonces_are_remarks_and_a_strangers_is_critical(code: str, level: int) -> None:
    finding = AccountFinding("gas", f"ethereum.{code}", "gas: nonce 7 | odd", "")
    snapshot: Any = SimpleNamespace(foreign=(), unsolicited=(), failures=(), markets=(), findings=(finding,))
    found: Any = SimpleNamespace(
        snapshot=snapshot, decisions=(), stuck=(), unsigned=(), assessment=SimpleNamespace(fragility=None)
    )
    known: Any = SimpleNamespace(accounts=(), idle=(), unknown_steps=(), disputed_steps=(), unbalanced=None)
    (remark,) = check.judge(found, known, (), Thresholds(Decimal("0.45"), Decimal("0.75")))
    assert (remark.level, remark.text) == (level, "gas: nonce 7 / odd")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--accept", "safe", "USDC"],
        ["--accept", "safe", "USDC", "--close", "ab" * 32, "--reason", "x"],
        ["--accept", "safe", "--reason", "x"],
    ],
)
def test_nothing_is_accepted_without_a_reason_or_together_with_a_closing(arguments: list[str]) -> None:
    from click.testing import CliRunner

    assert CliRunner().invoke(cli, ["reconcile", *arguments]).exit_code == 2
