"""`vault status`: what the store knows, without asking anybody. Must stay fast: no rich, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.cli.command import Answer, Call, command
from vault.errors import VaultError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.config import Treasury
    from vault.treasury.overview import Overview, PlanView, RecordedDecision


@command("status")
def status(call: Call) -> Answer:
    """Show the last observation with its age, the decisions, open plans and the journal's head.

    Reads the store only: no network, no device, no venue. `vault check` observes anew.
    """
    from vault.clock import SystemClock, to_iso
    from vault.codec import encode
    from vault.treasury.overview import overview

    with call.store() as (treasury, store):
        found = overview(store, SystemClock().now())
    assessment, refused, unusable = found.assessment, _refused(treasury), _unusable(treasury)
    document = {
        "treasury_id": treasury.config.treasury_id,
        "network": treasury.config.bitcoin.network,
        "at": to_iso(found.at),
        "observed_at": to_iso(found.taken_at) if found.taken_at else None,
        "age_seconds": found.age_seconds,
        "accounts": [
            {
                "state": view.state,
                "age_seconds": found.age_of(view),
                "before_transfer": view.before or None,
                **encode(view.risk),
            }
            for view in found.accounts
        ],
        "wallets": encode(found.wallets),
        "unusable_wallets": [{"wallet": name, **error.as_json()} for name, error in unusable.items()],
        "failures": encode(found.failures),
        "fragility": encode(assessment.fragility) if assessment else None,
        "fragility_upper": encode(assessment.fragility_upper) if assessment else None,
        "coverage": encode(assessment.coverage) if assessment else None,
        "missing": list(assessment.missing) if assessment else [],
        "decisions": [
            {"digest": each.digest, "before_transfer": each.before or None, **encode(each.decision)}
            for each in found.decisions
        ],
        "unsigned": list(found.unsigned),
        "idle": encode(found.idle),
        "stuck": list(found.stuck),
        "unsolicited": encode(found.unsolicited),
        "foreign_spends": encode(found.foreign),
        "account_findings": encode(found.findings),
        "unbalanced": _unbalanced(found),
        "plans": [_plan(plan) for plan in found.plans],
        "finished_plans": [_plan(plan) for plan in found.finished],
        "permitted": refused is None,
        "refused": refused.as_json() if refused else None,
        "unknown_steps": [step.client_id for step in found.unknown_steps],
        "disputed_steps": [step.client_id for step in found.disputed_steps],
        "journal": {"rows": found.journal.seq, "head": found.journal.hash},
    }
    return Answer(document, lambda page: _render(page, treasury, found, refused, unusable))


def _refused(treasury: Treasury) -> VaultError | None:
    """Why this version may not touch the treasury's world; None when it may."""
    from vault.treasury.authority import require_permitted_world

    try:
        require_permitted_world(treasury.config)
    except VaultError as error:
        return error
    return None


def _unusable(treasury: Treasury) -> dict[str, VaultError]:
    """Wallets whose descriptor cannot be read, and why: nothing of them is observed."""
    from vault.address import network_of
    from vault.bitcoin.descriptor import Descriptor

    found = {}
    for wallet in treasury.config.wallet:
        try:
            Descriptor.parse(wallet.descriptor, network_of(treasury.config.bitcoin.network))
        except VaultError as error:
            found[wallet.name] = error
    return found


def _unbalanced(found: Overview) -> dict[str, object] | None:
    from vault.codec import encode

    known = found.unbalanced
    if known is None:
        return None
    return {"age_seconds": int((found.at - known.at).total_seconds()), "short": known.short, **encode(known)}


def _plan(plan: PlanView) -> dict[str, object]:
    from vault.cli.wording import step_json
    from vault.clock import to_iso

    return {
        "plan_id": plan.plan_id,
        "state": plan.state,
        "what": list(plan.what),
        "created_at": to_iso(plan.created_at),
        "expires_at": to_iso(plan.expires_at),
        "steps": [step_json(step) for step in plan.steps],
    }


def _render(
    page: Page,
    treasury: Treasury,
    found: Overview,
    refused: VaultError | None,
    unusable: dict[str, VaultError],
) -> None:
    from vault.cli.wording import counted

    page.title(f"{treasury.config.treasury_id} on {treasury.config.bitcoin.network}")
    if refused is not None:
        page.line(f"NOT PERMITTED: {refused.code}: {refused.message}. Commands that ask or move refuse (18).")
    page.lines(
        f"WARNING: wallet {name} cannot be read: {error.code}: {error.message}"
        for name, error in unusable.items()
    )
    if found.taken_at is None:
        page.line("Nothing has been observed yet. `vault check` observes, assesses and decides.")
    else:
        _render_observation(page, found)
    if found.unbalanced is not None:
        page.line(f"{'CRITICAL' if found.unbalanced.short else 'WARNING'}: {found.unbalanced.line(found.at)}")
        page.lines((f"{each.place}: {each.advice}" for each in found.unbalanced.differences), "  ")
    _render_plans(page, found)
    page.line()
    page.line(f"Journal: {counted(found.journal.seq, 'row')}, head {found.journal.hash}")


def _render_observation(page: Page, found: Overview) -> None:
    from vault.cli.wording import (
        foreign_lines,
        idle_line,
        percent,
        set_aside_lines,
        share,
        unsolicited_lines,
        usd,
    )
    from vault.clock import to_iso

    assert found.taken_at is not None  # noqa: S101  -- the caller asked
    page.line(f"Observed {to_iso(found.taken_at)}, {found.age_seconds} s ago")
    page.line()
    if found.accounts:
        rows = [
            (
                view.risk.account,
                view.state,
                usd(view.risk.equity),
                usd(view.risk.maintenance_margin),
                usd(view.risk.stress_excess),
                percent(view.risk.joint_distance),
                f"{found.age_of(view)} s",
            )
            for view in found.accounts
        ]
        page.columns(("account", "state", "equity", "maintenance", "stress excess", "distance", "age"), rows)
        page.lines(
            f"WARNING: {view.risk.account}: as of before transfer {view.before}; run `vault check`"
            for view in found.accounts
            if view.before
        )
        page.line()
    if found.wallets:
        rows2 = [(w.name, w.role, str(w.confirmed), str(w.pending), str(w.tip_height)) for w in found.wallets]
        page.columns(("wallet", "role", "confirmed", "pending", "height"), rows2)
        page.lines(set_aside_lines(found.wallets))
        page.line()
    page.lines(f"CRITICAL: {line}" for line in foreign_lines(found.foreign))
    page.lines(f"{'CRITICAL' if each.foreign else 'WARNING'}: {each.line}" for each in found.findings)
    page.lines(f"WARNING: not read then: {f.source}: {f.code}: {f.message}" for f in found.failures)
    page.lines(f"WARNING: {line}" for line in unsolicited_lines(found.unsolicited))
    page.lines(f"WARNING: stuck: {line}" for line in found.stuck)
    if found.idle:
        page.lines(f"WARNING: {idle_line(holding)}" for holding in found.idle)
        page.line()
    if found.assessment is not None:
        part = found.assessment
        page.line(
            f"Fragility {share(part.fragility)} over {percent(part.coverage)} of its inputs, "
            f"at most {share(part.fragility_upper)}"
        )
        page.lines((f"missing: {what}" for what in part.missing), "  ")
    page.lines(f"WARNING: not signed as it stands, nothing is decided: {what}" for what in found.unsigned)
    page.lines(_decision_line(each) for each in found.decisions)


def _decision_line(each: RecordedDecision) -> str:
    """A decision of before a transfer that touched its account or wallet is not shown as due."""
    decision = each.decision
    what = f"{decision.action.replace('_', '-')} {decision.subject}"
    if each.before and decision.outcome != "none":
        return f"{what}: decided before transfer {each.before}; run `vault check` {each.digest[:12]}"
    amount = f" {decision.amount}" if decision.amount else ""
    return f"{what}: {decision.outcome}{amount} ({decision.decided_by}) {each.digest[:12]}"


def _render_plans(page: Page, found: Overview) -> None:
    from vault.cli.wording import step_line
    from vault.clock import to_iso

    page.line()
    if not found.plans:
        page.line("No open plans.")
    for plan in found.plans:
        page.line(f"Plan {plan.plan_id}: {plan.state}, expires {to_iso(plan.expires_at)}")
        page.lines(plan.what, "  ")
        page.lines((step_line(step) for step in plan.steps), "  ")
    if found.finished:
        page.line("Last plans that are over:")
        page.lines(
            (
                f"{plan.plan_id}: {plan.state}, made {to_iso(plan.created_at)}: {'; '.join(plan.what)}"
                for plan in found.finished
            ),
            "  ",
        )
    if found.unknown_steps:
        page.line("Something was sent and never answered: run `vault reconcile`.")
    for step in found.disputed_steps:
        place = f"{step.plan_id}/{step.transfer}.{step.step}"
        page.line(
            f"DISPUTED: {place} is not what was planned. Ask the venue, then: "
            f"`vault reconcile --close {place} --reason TEXT`"
        )
