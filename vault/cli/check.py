"""`vault check`: observe, assess, decide; one Nagios line with performance data and its exit status.

Nothing is planned and nothing moves. Every error is UNKNOWN (3): a monitor must never read one as fine.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click

from vault.cli.blind import could_not_judge
from vault.cli.command import Answer, Call, command
from vault.errors import VaultError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.overview import Overview
    from vault.treasury.propose import Proposal

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
WORDS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# A warning where the default policy evacuates, critical where most indicators agree.
FRAGILITY_WARNING: Final = "0.45"
FRAGILITY_CRITICAL: Final = "0.75"
# Which level wins: what is known to be bad, then not knowing, then what should be looked at.
_RANK: Final = (OK, WARNING, UNKNOWN, CRITICAL)


@dataclass(frozen=True, slots=True)
class Remark:
    """One reason for a level."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Fragility at which to warn and to alarm, 0..1."""

    warning: Decimal
    critical: Decimal


@command("check")
@click.option("--warn-fragility", default=FRAGILITY_WARNING, metavar="SHARE", show_default=True)
@click.option("--crit-fragility", default=FRAGILITY_CRITICAL, metavar="SHARE", show_default=True)
def check(call: Call, warn_fragility: str, crit_fragility: str) -> Answer:
    """Observe, assess and decide without making a plan; print a Nagios status line with performance data.

    Exit status 0 ok, 1 warning, 2 critical, 3 unknown (also for every error).
    CRITICAL: coins that left a wallet by a transaction of nobody's plan, an account close to liquidation, a
    top-up that is called for (denied or not), a step that was sent and never answered, fragility at its
    critical share. WARNING: a sweep or evacuation that is called
    for, an account under stress, coins idle in a venue's spot wallet, a stuck transaction, coins nobody here
    asked for, a source that failed, fragility at its warning share. UNKNOWN: an account or wallet that could
    not be read or judged.
    """
    from vault.treasury.overview import overview
    from vault.treasury.propose import look

    try:
        limits = Thresholds(_share(warn_fragility), _share(crit_fragility))
        with call.desk() as desk:
            found = look(desk)
            known = overview(desk.store, desk.clock.now())
            accounts = tuple(venue.name for venue in desk.treasury.config.venue)
    except VaultError as error:
        return _unknown(error)
    remarks = judge(found, known, accounts, limits)
    level = max((remark.level for remark in remarks), key=_RANK.index, default=OK)
    said = [remark.text for remark in remarks if remark.level != OK] or [
        "margin and wallets as they should be"
    ]
    line = f"VAULT {WORDS[level]} - {'; '.join(said)} | {' '.join(performance(found, limits))}"
    return Answer(_document(level, remarks, found), lambda page: _line(page, line), level)


def _share(text: str) -> Decimal:
    from vault.money import exact_decimal

    return exact_decimal(text, what="fragility")


def _line(page: Page, line: str) -> None:
    page.line(line.replace("\n", " "))


def _unknown(error: VaultError) -> Answer:
    text = f"{error.code}: {error.message}".replace("|", "/")
    document = {**error.as_json(), "exit_status": UNKNOWN, "status": WORDS[UNKNOWN]}
    return Answer(document, lambda page: _line(page, f"VAULT UNKNOWN - {text}"), UNKNOWN)


def judge(
    found: Proposal, known: Overview, accounts: tuple[str, ...], limits: Thresholds
) -> tuple[Remark, ...]:
    """Every reason for a level other than OK."""
    from vault.cli.wording import foreign_lines

    return (
        *(Remark(CRITICAL, _plain(line)) for line in foreign_lines(found.snapshot.foreign)),
        *_account_remarks(known, accounts),
        *_decision_remarks(found),
        *_idle_remarks(known),
        *_market_remarks(found, limits),
        *(Remark(WARNING, _plain(f"stuck: {each.line}")) for each in found.stuck),
        *_unsolicited_remarks(found),
        *(Remark(WARNING, _plain(f"{f.source} failed ({f.code})")) for f in found.snapshot.failures),
        *(
            Remark(
                CRITICAL, f"plan {step.plan_id} step {step.transfer}.{step.step} {step.kind} is {step.state}"
            )
            for step in known.unknown_steps
        ),
    )


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def _account_remarks(known: Overview, accounts: tuple[str, ...]) -> list[Remark]:
    from vault.cli.wording import usd

    remarks = []
    assessed = {view.risk.account: view for view in known.accounts}
    for name in accounts:
        view = assessed.get(name)
        if view is None:
            remarks.append(Remark(UNKNOWN, f"{name} could not be assessed"))
        elif view.state != "ok":
            level = CRITICAL if view.state == "critical" else WARNING
            remarks.append(
                Remark(level, f"{name} {view.state}, stress excess {usd(view.risk.stress_excess)}")
            )
    return remarks


def _decision_remarks(found: Proposal) -> list[Remark]:
    remarks = []
    for each in found.decisions:
        if each.outcome == "none":
            continue
        # A top-up whose account was read is called for, whatever is not known of the wallet it comes from.
        if could_not_judge(each) and not (each.action == "top_up" and each.decided_by.startswith("wallet:")):
            said = f"{each.action.replace('_', '-')} {each.subject} could not be judged: {each.reason}"
            remarks.append(Remark(UNKNOWN, _plain(said)))
            continue
        level = CRITICAL if each.action == "top_up" else WARNING
        amount = f" of {each.amount}" if each.amount is not None else ""
        said = "called for" if each.outcome == "allow" else f"denied by {each.decided_by}"
        remarks.append(
            Remark(level, _plain(f"{each.action.replace('_', '-')} {each.subject}{amount} {said}"))
        )
    return remarks


def _idle_remarks(known: Overview) -> list[Remark]:
    from vault.cli.wording import idle_line

    return [Remark(WARNING, _plain(idle_line(holding))) for holding in known.idle]


def _unsolicited_remarks(found: Proposal) -> list[Remark]:
    """A coin that was looked at and frozen is no reason any more."""
    from vault.cli.wording import unsolicited_lines

    return [Remark(WARNING, _plain(line)) for line in unsolicited_lines(found.snapshot.unsolicited)]


def _market_remarks(found: Proposal, limits: Thresholds) -> list[Remark]:
    fragility = found.assessment.fragility
    if fragility is None:
        return [Remark(WARNING, "fragility unknown")] if found.snapshot.markets else []
    if fragility >= limits.critical:
        return [Remark(CRITICAL, f"fragility {fragility:.2f}")]
    return [Remark(WARNING, f"fragility {fragility:.2f}")] if fragility >= limits.warning else []


def performance(found: Proposal, limits: Thresholds) -> list[str]:
    """Performance data: 'label'=value;warning;critical;minimum;maximum."""
    from vault.money import plain

    data = []
    for risk in found.assessment.accounts:
        data += [
            f"'{risk.account}_equity'={risk.equity:.2f}",
            f"'{risk.account}_maintenance_margin'={risk.maintenance_margin:.2f}",
            f"'{risk.account}_stress_excess'={risk.stress_excess:.2f};0:",
        ]
        if risk.joint_distance is not None:
            data.append(f"'{risk.account}_distance'={abs(risk.joint_distance):.4f};0.15:;0.05:")
    data += [f"'{wallet.name}_btc'={wallet.confirmed.number};;;0" for wallet in found.snapshot.wallets]
    if found.assessment.fragility is not None:
        bounds = f"{plain(limits.warning)};{plain(limits.critical)};0;1"
        data.append(f"'fragility'={found.assessment.fragility:.4f};{bounds}")
    data.append(f"'coverage'={found.assessment.coverage:.4f};;;0;1")
    return data


def _document(level: int, remarks: tuple[Remark, ...], found: Proposal) -> dict[str, Any]:
    from vault.clock import to_iso
    from vault.codec import encode

    return {
        "status": WORDS[level],
        "exit_status": level,
        "observed_at": to_iso(found.snapshot.taken_at),
        "remarks": [{"level": WORDS[remark.level], "text": remark.text} for remark in remarks],
        "assessment": encode(found.assessment),
        "wallets": encode(found.snapshot.wallets),
        "unsolicited": encode(found.snapshot.unsolicited),
        "foreign_spends": encode(found.snapshot.foreign),
        "failures": encode(found.snapshot.failures),
        "decisions": [
            {"digest": name, **encode(each)}
            for name, each in zip(found.decision_digests, found.decisions, strict=True)
        ],
    }
