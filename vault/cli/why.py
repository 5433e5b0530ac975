"""`vault why`: every rule a decision considered, the facts it read, and what settled it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.overview import RecordedDecision


@command("why")
@click.argument("ident", metavar="ID", required=False)
@click.option("--last", is_flag=True, help="The last decisions: a round's, or a request's.")
def why(call: Call, ident: str | None, last: bool) -> Answer:
    """Explain a decision by its digest (six digits or more), all decisions of a plan, or the last ones.

    The last ones are those of the last check or plan, or of the last request, whichever came later.

    Reads the store only.
    """
    from vault.codec import encode
    from vault.treasury.overview import find_decisions, last_decisions

    if (ident is None) == (not last):
        raise click.UsageError("expected either ID or --last")
    with call.store() as (_, store):
        found = last_decisions(store) if ident is None else find_decisions(store, ident)
    document = {"decisions": [{"digest": each.digest, **encode(each.decision)} for each in found]}
    return Answer(document, lambda page: _render(page, found))


def _render(page: Page, found: tuple[RecordedDecision, ...]) -> None:
    from vault.policy.explain import explain

    for number, each in enumerate(found):
        if number:
            page.line()
        page.line(f"decision {each.digest}")
        page.lines(explain(each.decision))
