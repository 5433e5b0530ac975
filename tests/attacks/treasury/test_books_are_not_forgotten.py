"""What `reconcile` found missing or too much is said by `status` and `check` until the books balance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.coin_desk import CoinDesk
from vault.cli import check, edge
from vault.cli.command import Call
from vault.cli.monitor import CRITICAL, WARNING, WORDS
from vault.money import Amount
from vault.treasury import books, opening
from vault.treasury.overview import overview

Run = Any


@pytest.fixture
def run(made: CoinDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command of this treasury: its exit status and what it printed."""

    @contextmanager
    def desk(_: Call) -> Iterator[object]:
        yield made.desk

    monkeypatch.setattr(Call, "desk", desk)

    def work(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = edge.run([*arguments, "--config", str(made.desk.treasury.path)])
        return status, capsys.readouterr().out

    return work


def opened_with(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    """As if the cold wallet had opened with so many satoshi more: as many are missing now."""
    known = opening.openings

    cold = opening.Held("wallet:cold", "BTC")

    def altered(connection: Any) -> dict[opening.Held, opening.Opening]:
        found = known(connection)
        amount = found[cold].amount
        return {**found, cold: found[cold]._replace(amount=Amount(amount.asset, amount.units + more))}

    monkeypatch.setattr(books, "openings", altered)


@pytest.mark.parametrize(
    ("more", "level", "said"),
    [
        (7_000, CRITICAL, "wallet:cold 0.00007000 BTC MISSING"),
        (-7_000, WARNING, "wallet:cold 0.00007000 BTC too much"),
    ],
)
def test_a_difference_is_named_until_a_later_reconcile_balances(
    made: CoinDesk, run: Run, more: int, level: int, said: str
) -> None:
    made.look()
    with pytest.MonkeyPatch.context() as patch:
        opened_with(patch, more)
        status, text = run("reconcile")
        assert status == 65
        assert said in text
        assert "no command books it" in text

    status, text = run("status")
    assert status == 0
    assert f"{WORDS[level]}: the books did not balance at " in text
    assert said in text
    found = json.loads(run("status", "--json")[1])["unbalanced"]
    assert found["short"] is (more > 0)
    assert found["age_seconds"] >= 0
    (remark,) = check._books_remarks(overview(made.desk.store, made.clock.now()))
    assert remark.level == level
    assert said in remark.text

    made.clock.advance(60)
    status, text = run("reconcile")
    assert (status, "The books balance to the satoshi." in text) == (0, True)
    assert json.loads(run("status", "--json")[1])["unbalanced"] is None
    assert check._books_remarks(overview(made.desk.store, made.clock.now())) == []
