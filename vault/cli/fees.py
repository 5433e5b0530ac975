"""`vault fees`: what every source says a transaction costs, and which rate is built at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from vault.cli.command import Answer, Call, command
from vault.errors import ChainError, DocumentError, MoneyError, VaultError

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from vault.bitcoin.fees.estimate import FeeEstimate, TargetRate
    from vault.cli.page import Page
    from vault.treasury.desk import Desk

# In sat/vB: what is above was never paid by anybody who meant it.
HIGHEST_RATE: Final = 10_000


@command("fees")
@click.option("--target", type=click.IntRange(1, 1008), metavar="BLOCKS", help="Confirmed within so many.")
@click.option("--by", "deadline", metavar="INSTANT", help="Confirmed by then (2026-01-31T05:00:00Z).")
def fees(call: Call, *, target: int | None, deadline: str | None) -> Answer:
    """Ask every source of fee rates, and show the rate that a transaction would be built at.

    Each target's rate is the median of the sources, at least what mempools take, at most the policy's cap.
    Status 25 when a target has no rate: too few sources, or most of them too far apart.
    """
    from vault.bitcoin.fees.estimate import blocks_until
    from vault.treasury.fees import estimate

    if target is not None and deadline is not None:
        raise click.UsageError("expected --target or --by, not both")
    by = None if deadline is None else _instant(deadline)
    with call.desk() as desk:
        if by is not None:
            blocks_until(by, desk.clock.now())  # a deadline that has passed is told before anybody is asked
        found, now = estimate(desk, _cap(desk)), desk.clock.now()
    if by is not None:
        target = blocks_until(by, now)
    if target is not None:
        found.rate_for(target, now)  # refused like the building of a transaction would be
    missing = [each for each in found.rates if each.problem is not None]
    status = ChainError.exit_status if missing and target is None else 0
    return Answer(_document(found, target, now), lambda page: _render(page, found, target, now), status)


def _instant(text: str) -> datetime:
    """An instant as a person writes it: ISO 8601 with its zone. Raises `DocumentError`."""
    from datetime import UTC, datetime

    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise DocumentError(
            "bad_instant",
            f"expected an instant with its zone, such as 2026-01-31T05:00:00Z, found {text!r}",
            hint="Z is UTC; +01:00 is an hour ahead of it.",
        )
    return instant.astimezone(UTC)


def exact_rate(text: str) -> Decimal:
    """A fee rate in sat/vB as an exact decimal. Raises `MoneyError` (``money.fee_rate``)."""
    from decimal import Decimal

    from vault.money import exact_decimal

    rate = exact_decimal(text, what="fee rate")
    if not Decimal(0) < rate <= HIGHEST_RATE:
        raise MoneyError(
            "fee_rate", f"expected a rate above 0 and at most {HIGHEST_RATE} sat/vB, found {text}"
        )
    return rate


def _cap(desk: Desk) -> Decimal | None:
    """The policy's cap; none where no policy is signed yet."""
    from vault.treasury.fees import ceiling

    try:
        return ceiling(desk.policy().policy)
    except VaultError as error:
        desk.progress(f"no cap is known: {error.code}: {error.message}")
        return None


def _document(found: FeeEstimate, target: int | None, now: datetime) -> dict[str, Any]:
    from vault.clock import to_iso
    from vault.codec import encode

    return {
        "at": to_iso(found.at),
        "floor": encode(found.floor),
        "ceiling": encode(found.ceiling),
        "target": target,
        "chosen": None if target is None else encode(found.rate_for(target, now)),
        "sources": [
            {
                "source": each.source,
                "kind": each.kind,
                "age_seconds": int((found.at - each.at).total_seconds()),
                "rates": {str(blocks): encode(rate) for blocks, rate in each.rates},
                "mempool_minimum": encode(each.floor),
                "error": each.code or None,
                "message": each.message,
            }
            for each in found.readings
        ],
        "targets": [_target(each) for each in found.rates],
    }


def _target(each: TargetRate) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "blocks": each.target,
        "said": {source: encode(rate) for source, rate in each.said},
        "median": encode(each.median),
        "chosen": encode(each.chosen),
        "outliers": list(each.outliers),
        "error": each.problem.code if each.problem else None,
        "message": each.problem.message if each.problem else "",
    }


def _render(page: Page, found: FeeEstimate, target: int | None, now: datetime) -> None:
    from vault.money import plain

    page.title("Fee rates in sat/vB, by blocks until confirmed")
    head = ("source", *(str(each.target) for each in found.rates), "minimum", "age")
    rows = [
        (
            reading.source,
            *(_shown(reading.rate(each.target)) for each in found.rates),
            _shown(reading.floor),
            f"{int((found.at - reading.at).total_seconds())} s",
        )
        for reading in found.readings
    ]
    rows.append(("median", *(_shown(each.median) for each in found.rates), plain(found.floor), ""))
    rows.append(("chosen", *(_shown(each.chosen) for each in found.rates), "", ""))
    page.table(head, rows, right=tuple(range(1, len(head))))
    page.lines(f"{each.source}: {each.code}: {each.message}" for each in found.readings if each.code)
    for each in found.rates:
        if each.outliers:
            page.line(f"{each.target} blocks: far from the others: {', '.join(each.outliers)}")
        if each.problem is not None:
            page.line(f"{each.target} blocks: {each.problem.code}: {each.problem.message}")
    if found.ceiling is not None:
        page.line(f"at most {plain(found.ceiling)} sat/vB, just below the policy's cap")
    if target is not None:
        page.line(f"within {target} blocks: {plain(found.rate_for(target, now))} sat/vB")


def _shown(rate: Decimal | None) -> str:
    from vault.money import plain

    return "-" if rate is None else plain(rate)
