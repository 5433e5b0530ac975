"""`vault cascade`: what forced selling would do to the price of one asset now, shock by shock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from vault.cli.command import Answer, Call, command
from vault.cli.risk_answers import asset_option, at_option, document, share, shown

if TYPE_CHECKING:
    from datetime import datetime

    from vault.treasury.views import Side

SHOCKS: Final = ("1", "3", "5", "10")


@command("cascade")
@asset_option
@at_option
@click.option(
    "--side",
    type=click.Choice(["long", "short"]),
    default="long",
    show_default=True,
    help="Whose positions are liquidated: longs by falls, shorts by rises.",
)
@click.option(
    "--shock",
    "shocks",
    multiple=True,
    default=SHOCKS,
    show_default="1 3 5 10",
    metavar="PERCENT",
    help="A first move of the price (repeatable).",
)
def cascade(call: Call, *, asset: str, at: datetime | None, side: Side, shocks: tuple[str, ...]) -> Answer:
    """Show the ladder of forced selling beside the depth, and the price path of each shock.

    Reads the store only. Each shock: where it ends, amplification, branching ratio, forced notional, last
    price, time to exhaustion, ADL share; then the unhedged share (phi) with its age and error, and each input
    with age and source. An input that is missing is named and makes a number absent, never zero. A model of
    the present book, not a forecast.
    """
    from vault.clock import SystemClock
    from vault.report.cascade_screen import screen
    from vault.treasury.cascade import cascade_view

    asked = tuple(sorted({share(text, "--shock") for text in shocks}))
    with call.store() as (_, store):
        view = cascade_view(store, at or SystemClock().now(), asset, side, asked)
    return Answer(document(view), shown(lambda **size: screen(view, **size)))
