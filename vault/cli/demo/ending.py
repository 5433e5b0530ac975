"""The end of the story: the books of each asset, and who survived. Raises `BooksError` for uneven books."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from vault.cli.demo import ethereum_stage
from vault.cli.demo.figures import short, usd
from vault.cli.demo.scenes import AssetBooks, Outcome, Scene, Table
from vault.cli.demo.stage import ACCOUNT, PROTECTED, TWIN, on_ethereum
from vault.errors import BooksError
from vault.money import BTC, Amount, plain
from vault.treasury import books

if TYPE_CHECKING:
    from emulator.world_client import WorldProcess
    from vault.treasury.books import BookLine, Sheet
    from vault.treasury.desk import Desk

_COLUMNS = ("place", "opening", "moved", "now")


def ending(when: str, desk: Desk, world: WorldProcess, outcome: Outcome) -> Scene:
    """Close the books and fill in the outcome."""
    result = books.close_books(desk)
    head = desk.store.verify()
    outcome.before = {line.place: outcome.before[line.place] for line in _held(result)}
    outcome.after = {line.place: line.observed for line in _held(result)}
    outcome.fees = result.fees
    outcome.others = {sheet.asset.symbol: _books(sheet) for sheet in result.others if _told(sheet)}
    outcome.account_liquidated = liquidated(world, PROTECTED)
    outcome.twin_liquidated = liquidated(world, TWIN)
    outcome.journal_rows, outcome.journal_head = head.seq, head.hash
    outcome.balanced = result.balanced
    if not result.balanced:
        raise BooksError("not_balanced", f"the books do not balance: {result}")
    others = [_table(sheet) for sheet in result.others if _told(sheet)]
    return Scene(
        when,
        "The books",
        "Every satoshi is where the plans say it went."
        + (" So is every base unit of what is on Ethereum." if others else ""),
        "good",
        tables=(_table(result), *others, _survivors(world)),
    )


def liquidated(world: WorldProcess, name: str) -> bool:
    """Whether the exchange has taken an account."""
    return bool(world.venue.state(name)["liquidations"])


def _told(sheet: Sheet) -> bool:
    """An asset that no place of ours ever held needs no table."""
    return bool(_held(sheet))


def _held(sheet: Sheet) -> list[BookLine]:
    """The places that held some of it at the beginning or at the end."""
    return [line for line in sheet.lines if line.opening or line.observed]


def _books(sheet: Sheet) -> AssetBooks:
    return AssetBooks(
        {line.place: line.opening for line in _held(sheet)},
        {line.place: line.observed for line in _held(sheet)},
        sheet.fees,
    )


def _table(sheet: Sheet) -> Table:
    bitcoin = sheet.asset == BTC

    def said(amount: Amount) -> str:
        return amount.number if bitcoin else short(amount)

    rows = [
        (line.place, said(line.opening), said(line.moved), said(line.observed), said(line.difference))
        for line in _held(sheet)
    ]
    rows.append(("fees paid", "", said(sheet.fees), said(sheet.fees), ""))
    together = said(sheet.observed_total + sheet.fees)
    rows.append(("together", said(sheet.opening_total), "", together, ""))
    name, last = ("Bitcoin", "difference") if bitcoin else (sheet.asset.symbol, "diff.")
    return Table(name, (*_COLUMNS, last), tuple(rows))


def _survivors(world: WorldProcess) -> Table:
    ours = [(f"{ACCOUNT} (with vault)", PROTECTED), ("twin (without)", TWIN)]
    if on_ethereum(world):
        ours.insert(1, (f"{ethereum_stage.ACCOUNT} (with vault)", ethereum_stage.ACCOUNT))
    rows = []
    for label, name in ours:
        state = world.venue.state(name)
        open_size = sum((Decimal(each["quantity"]) for each in state["positions"]), Decimal(0))
        rows.append(
            (
                label,
                usd(Decimal(state["margin"]["margin_balance"])),
                f"{plain(open_size)} BTC",
                "liquidated" if state["liquidations"] else "survived",
            )
        )
    return Table("Side by side", ("account", "equity", "position", "the day"), tuple(rows))
