"""`vault show`: a plan, who approved it, and what its transactions really do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.bitcoin.spend import SpendDescription, SpendLine
    from vault.cli.page import Page
    from vault.treasury.inspection import CheckedTransfer, PlanReport


@command("show")
@click.argument("ident", metavar="PLAN")
def show(call: Call, ident: str) -> Answer:
    """Show a plan (its id or its file), its approvals and steps, and prove its transactions against it.

    Nothing outside this machine is asked. A file that was edited is refused (60); a transaction that does
    something else than the plan is named, and its error's exit status is returned.
    """
    from vault.treasury.inspection import find_plan, inspect_plan

    with call.desk() as desk:
        report = inspect_plan(desk, find_plan(desk, ident))
    failed = report.first_error
    return Answer(
        _document(report), lambda page: _render(page, report), 0 if failed is None else failed.exit_status
    )


def _document(report: PlanReport) -> dict[str, Any]:
    from vault.cli.wording import step_json
    from vault.codec import encode

    return {
        "plan_id": report.plan.plan_id,
        "digest": report.plan.digest,
        "state": report.state,
        "expired": report.expired,
        "body": encode(report.plan.body),
        "approvals": [
            {"attester": each.attester, "valid": not each.code, "error": each.code, "message": each.message}
            for each in report.approvals
        ],
        "verification": [_verification(each) for each in report.transfers],
        "steps": [step_json(step) for step in report.steps],
    }


def _verification(each: CheckedTransfer) -> dict[str, Any]:
    from vault.cli.cosigners import cosigning_json
    from vault.cli.ethereum_calls import call_json
    from vault.codec import encode

    return {
        "transfer": each.transfer.number,
        "verified": each.error is None,
        "error": each.error.as_json() if each.error is not None else None,
        "spend": encode(each.spend),
        "cosigning": cosigning_json(each.cosigning) if each.cosigning else None,
        "call": None if each.call is None else call_json(each.call),
    }


def _render(page: Page, report: PlanReport) -> None:
    from vault.cli.wording import DECISION_HEAD, decision_rows, show_steps
    from vault.clock import to_iso

    body = report.plan.body
    page.title(f"Plan {report.plan.plan_id}: {report.state}")
    page.facts(
        [
            ("digest", report.plan.digest),
            ("treasury", f"{body.treasury_id} on {body.network}"),
            ("made", to_iso(body.created_at)),
            ("expires", to_iso(body.expires_at) + (" (EXPIRED)" if report.expired else "")),
            ("policy", f"{body.policy_id} version {body.policy_version}"),
            ("policy digest", body.policy_digest),
            ("address book", f"version {body.book_version}"),
            ("book digest", body.book_digest),
            ("observation", body.snapshot_digest),
            ("approvals", f"{len(report.approvals)} of {body.approvals_required}"),
        ]
    )
    for approval in report.approvals:
        page.line(
            f"  {approval.attester}: "
            + (f"NOT VALID, {approval.code}: {approval.message}" if approval.code else "signature holds")
        )
    page.line()
    page.table(DECISION_HEAD, decision_rows(body.decisions), right=(3,))
    page.lines(f"warning: {each}" for each in body.warnings)
    page.line()
    for each in report.transfers:
        _render_transfer(page, each)
    if report.steps:
        page.line("Steps:")
        show_steps(page, report.steps)


def _render_transfer(page: Page, each: CheckedTransfer) -> None:
    from vault.cli.cosigners import show_cosigning
    from vault.cli.ethereum_calls import show_call
    from vault.cli.plan import show_transfer

    show_transfer(page, each.transfer)
    if each.spend is not None:
        render_spend(page, each.spend)
    if each.cosigning is not None:
        show_cosigning(page, each.cosigning)
    if each.call is not None:
        show_call(page, each.call)
    if each.error is not None:
        page.line(f"  NOT VERIFIED: {each.error.code}: {each.error.message}")
        if each.error.hint:
            page.line(f"  {each.error.hint}")
    elif each.spend is not None or each.call is not None:
        page.line("  The transaction does exactly this, and nothing else.")
    elif each.transfer.kind == "venue_move":
        page.line("  The coins stay in the account, and go back into its margin.")
    else:
        page.line("  The destination is an active entry of the signed address book.")
    page.line()


def render_spend(page: Page, spend: SpendDescription) -> None:
    """What a transaction does, line by line."""
    page.line("  What the transaction does, proven by its own bytes:")
    page.line(f"    txid {spend.txid}")
    for line in spend.inputs:
        _line(page, "spends", line)
    for line in spend.payments:
        _line(page, "pays", line)
    if spend.change is not None:
        _line(page, "returns", spend.change)
    page.line(f"    fee {spend.fee}, {spend.fee_rate:.2f} sat/vB at {spend.worst_vsize} vB at most")
    replaceable = "replaceable" if spend.replaceable else "not replaceable"
    page.line(f"    lock time {spend.locktime}, {replaceable} (BIP125)")


def _line(page: Page, verb: str, line: SpendLine) -> None:
    page.line(f"    {verb} {line.amount}, {line.note}")
    page.line(f"      {line.what}")
