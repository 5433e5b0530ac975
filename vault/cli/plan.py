"""`vault plan`: one round of the pipeline up to a plan file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from vault.cli.blind import not_known, status_of
from vault.cli.command import Answer, Call, command
from vault.errors import PlanError, VaultError

if TYPE_CHECKING:
    from pathlib import Path

    from vault.cli.page import Page
    from vault.treasury.plan import Plan, Transfer
    from vault.treasury.propose import Proposal

# terraform's: nothing to do, an error, a plan was made.
NOTHING: Final = 0
FAILED: Final = 1
MADE: Final = 2


@command("plan", interrupted="A plan that was recorded is shown by `vault status`; no plan moves by itself.")
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit status 0 nothing to do, 1 error, 2 a plan was made."
)
def plan(call: Call, detailed_exitcode: bool) -> Answer:
    """Observe, assess, decide, and make a plan of what the policy allows.

    The plan is a file, bound by its hash to policy, address book and observation; it expires, and nothing in
    it moves before it is approved, signed and sent. Exit status 60 when something was allowed and could not
    be planned. When no plan was made because an account or wallet could not be read, the status is that of
    the first failure (20 venue, 25 chain, 12 keyring, 11 not configured).
    """
    from vault.cli.edge import report_error
    from vault.treasury.propose import propose

    try:
        with call.desk() as desk:
            found = propose(desk)
    except VaultError as error:
        if not detailed_exitcode:
            raise
        report_error(error, call.as_json, status=FAILED)
        return Answer({}, _silent, FAILED, printed=True)
    return Answer(plan_document(found), lambda page: _render(page, found), _status(found, detailed_exitcode))


def _silent(_page: Page) -> None:
    """The error was printed already."""


def _status(found: Proposal, detailed: bool) -> int:
    if found.problems:
        return FAILED if detailed else PlanError.exit_status
    if found.plan is not None:
        return MADE if detailed else NOTHING
    if unread := not_known(found):
        return FAILED if detailed else status_of(unread[0].code)
    return NOTHING


def plan_document(found: Proposal) -> dict[str, Any]:
    from vault.clock import to_iso
    from vault.codec import encode

    made = found.plan
    return {
        "plan_id": made.plan_id if made else None,
        "digest": made.digest if made else None,
        "path": str(found.path) if found.path else None,
        "expires_at": to_iso(made.body.expires_at) if made else None,
        "approvals_required": made.body.approvals_required if made else None,
        "transfers": encode(made.body.transfers) if made else [],
        "warnings": list(made.body.warnings) if made else [],
        "decisions": [
            {"digest": name, **encode(each)}
            for name, each in zip(found.decision_digests, found.decisions, strict=True)
        ],
        "problems": [
            {
                "action": each.decision.action,
                "subject": each.decision.subject,
                "error": each.code,
                "message": each.message,
            }
            for each in found.problems
        ],
        "not_known": [
            {"action": each.action, "subject": each.subject, "error": each.code, "message": each.message}
            for each in not_known(found)
        ],
        "stuck": [{"line": each.line, **encode(each)} for each in found.stuck],
        "failures": encode(found.snapshot.failures),
        "missing": list(found.assessment.missing),
    }


def _render(page: Page, found: Proposal) -> None:
    from vault.cli.wording import DECISION_HEAD, decision_rows

    page.table(DECISION_HEAD, decision_rows(found.decisions), right=(3,))
    page.lines(f"failed: {each.source}: {each.code}: {each.message}" for each in found.snapshot.failures)
    for each in found.problems:
        page.line(
            f"allowed, but not planned: {each.decision.action.replace('_', '-')} {each.decision.subject}: "
            f"{each.code}: {each.message}"
        )
    unread = not_known(found)
    page.lines(each.line for each in unread)
    page.lines(f"stuck: {each.line}" for each in found.stuck)
    page.line()
    if found.plan is None:
        page.line(_no_plan(found, blind=bool(unread)))
    else:
        render_plan(page, found.plan, found.path)


def render_plan(page: Page, plan: Plan, path: Path | None) -> None:
    """A plan that was just made, and what to do with it."""
    from vault.clock import to_iso

    for transfer in plan.body.transfers:
        show_transfer(page, transfer)
    page.lines(f"warning: {each}" for each in plan.body.warnings)
    page.line()
    page.line(f"Plan {plan.plan_id}, expires {to_iso(plan.body.expires_at)}")
    page.line(f"  file    {path}")
    page.line(f"  digest  {plan.digest}")
    page.line(f"Next: vault show {plan.plan_id}, then vault approve {plan.plan_id} --attester NAME")


def _no_plan(found: Proposal, *, blind: bool) -> str:
    if found.problems:
        return "No plan was made: what the policy allows could not be planned."
    if blind:
        return "No plan was made, and whether anything is called for is not known."
    return "No plan was made: nothing is called for that the policy allows."


_WHAT: Final = {
    "venue_move": "move at the venue",
    "venue_withdrawal": "withdrawal by the venue",
    "ethereum_spend": "transaction on Ethereum",
}


def show_transfer(page: Page, transfer: Transfer) -> None:
    """A transfer with its whole addresses."""
    what = _WHAT.get(transfer.kind, "bitcoin transaction")
    page.line(f"Transfer {transfer.number}: {transfer.action.replace('_', '-')}, a {what}")
    pairs = [("from", transfer.source)]
    for payment in transfer.payments:
        pairs.append(("to", f"{payment.destination} ({transfer.network})"))
        pairs.append(("address", payment.address))
        pairs.append(("arrives", str(payment.amount)))
    if (call := transfer.call) is not None:
        from vault.money import ETH, Amount

        pairs.append(("sent by", f"{call.account} {call.sender}, nonce {call.nonce}"))
        pairs.append(("gas", f"at most {Amount(ETH, call.max_gas_cost)}"))
    else:
        pairs.append(("fee", str(transfer.fee)))
    if transfer.payments:
        pairs.append(("leaves", str(transfer.gross)))
    elif transfer.kind == "venue_move":
        pairs.append(("moves", str(transfer.returned)))
    elif call is None:
        pairs.append(("coins", str(len(transfer.coins))))
        pairs.append(("returns", f"{transfer.returned} to wallet {transfer.source}"))
    if transfer.replaces:
        pairs.append(("replaces", transfer.replaces))
    if transfer.credited:
        pairs.append(("credited to", transfer.venue_account))
    if transfer.moves:
        way = [transfer.moves[0].source, *(move.destination for move in transfer.moves)]
        pairs.append(("inside the venue", " to ".join(way)))
    if (wait := transfer.expected) is not None:
        half = "" if wait.p50_seconds is None else f"p50 {wait.p50_seconds} s, "
        pairs.append(("takes", f"{half}p95 {wait.p95_seconds} s ({wait.basis})"))
    page.facts(pairs, "  ")
