"""What the risk commands share: shares and moments as typed, and screens as wide as the terminal."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from vault.cli.page import Page
    from vault.report.terminal import Glyphs

# Narrower than this no table holds; wider than this no eye follows a line.
NARROW, WIDE, USUAL = 80, 120, 100
CREED: Final = "Fragility: how bad a shock would be now, never whether one comes."

asset_option = click.option(
    "--asset",
    default="BTC",
    show_default=True,
    metavar="ASSET",
    callback=lambda _ctx, _option, text: asset_name(text),
)


at_option = click.option(
    "--at",
    metavar="INSTANT",
    callback=lambda _ctx, _option, text: moment(text, "--at"),
    help="As it was known then, such as 2026-01-31T16:00:00Z (default: now).",
)


def asset_name(text: str) -> str:
    """An asset as it is written. Raises a usage error for what is none."""
    name = text.upper()
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9._-]{0,19}", name):
        raise click.UsageError(f"--asset: expected a name such as BTC, found {text!r}")
    return name


class Screen(Protocol):
    """Something of `vault.report` that becomes lines."""

    def __call__(self, *, width: int, signs: Glyphs) -> list[str]: ...


def shown(screen: Screen) -> Callable[[Page], None]:
    """How an `Answer` renders a screen: as wide as the terminal, in the characters it has."""

    def render(page: Page) -> None:
        from vault.report.terminal import glyphs

        columns = shutil.get_terminal_size((USUAL, 24)).columns
        width = min(WIDE, max(NARROW, columns))
        page.lines(screen(width=width, signs=glyphs(sys.stdout.encoding)))

    return render


def share(text: str, what: str) -> Decimal:
    """A per cent such as ``10`` or ``2.5`` as a share. Raises `click.UsageError`, `MoneyError`."""
    from decimal import Decimal

    from vault.money import exact_decimal

    value = exact_decimal(text.removesuffix("%").strip(), what=what)
    if not 0 < value < 100:
        raise click.UsageError(f"{what}: expected per cent above 0 and below 100, found {text}")
    return value / Decimal(100)


def moment(text: str | None, what: str) -> datetime | None:
    """A day (its beginning, UTC) or an instant with its zone. Raises `DocumentError`."""
    from datetime import UTC, datetime

    from vault.errors import DocumentError

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is not None and found.tzinfo is None and len(text) == len("2026-01-31"):
        found = found.replace(tzinfo=UTC)
    if found is None or found.tzinfo is None:
        raise DocumentError(
            "bad_instant", f"{what}: expected 2026-01-31 or 2026-01-31T05:00:00Z, found {text!r}"
        )
    return found.astimezone(UTC)


def document(view: object) -> dict[str, Any]:
    """A view as JSON, with what kind of statement it is."""
    from vault.codec import encode

    return {"meaning": CREED, **encode(view)}
