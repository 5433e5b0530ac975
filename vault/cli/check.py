"""`vault check`: observe, assess, decide; one Nagios line with performance data and its exit status.

Nothing is planned and nothing moves. Every error is UNKNOWN (3): a monitor must never read one as fine.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click

from vault.cli.blind import could_not_judge
from vault.cli.command import Answer, Call, command
from vault.cli.edge import unexpected
from vault.cli.monitor import CRITICAL, OK, UNKNOWN, WARNING, WORDS, Remark, Thresholds, plain, report
from vault.errors import VaultError

if TYPE_CHECKING:
    from vault.treasury.overview import AccountView, Overview
    from vault.treasury.propose import Proposal, UnsignedDocument

# A warning where the default policy evacuates, critical where most indicators agree.
FRAGILITY_WARNING: Final = "0.45"
FRAGILITY_CRITICAL: Final = "0.75"
# Which level wins: what is known to be bad, then not knowing, then what should be looked at.
_RANK: Final = (OK, WARNING, UNKNOWN, CRITICAL)


@command("check")
@click.option("--warn-fragility", default=FRAGILITY_WARNING, metavar="SHARE", show_default=True)
@click.option("--crit-fragility", default=FRAGILITY_CRITICAL, metavar="SHARE", show_default=True)
def check(call: Call, warn_fragility: str, crit_fragility: str) -> Answer:
    """Observe, assess and decide without making a plan; print a Nagios status line with performance data.

    Exit status 0 ok, 1 warning, 2 critical, 3 unknown (also for every error). The first line says the worst
    first; with several accounts, or where not all fits, counts stand in it and the details follow.
    CRITICAL: coins that left a wallet by a transaction of nobody's plan, a nonce of an account that somebody
    else used, an account close to liquidation, a
    top-up that is called for (denied or not), a step that was sent and never answered or that left otherwise
    than planned, coins missing when `reconcile` last compared the books, fragility at its critical share.
    WARNING: a policy or address book that is not signed as it stands (accounts are read and assessed all the
    same, nothing is decided), a sweep or evacuation that is called for, an account under stress, coins idle
    in a venue's spot wallet, more coins than the books say, a stuck transaction or a gap of nonces, coins
    nobody here asked for,
    a source that failed, fragility at its warning share. UNKNOWN: an account or wallet that could not be read
    or judged.
    """
    try:
        return _checked(call, Thresholds(_share(warn_fragility), _share(crit_fragility)))
    except VaultError as error:
        return _unknown(error)
    except Exception as error:  # noqa: BLE001 -- a monitor is told that nothing is known, whatever broke
        return _unknown(unexpected(error))


def _checked(call: Call, limits: Thresholds) -> Answer:
    from vault.treasury.overview import overview
    from vault.treasury.watch import watch

    with call.desk() as desk:
        found = watch(desk)
        known = overview(desk.store, desk.clock.now())
        accounts = tuple(venue.name for venue in desk.treasury.config.venue)
    remarks = judge(found, known, accounts, limits)
    level = max((remark.level for remark in remarks), key=_RANK.index, default=OK)
    told = report(level, remarks, found, known, accounts, limits)
    return Answer(_document(level, remarks, found), lambda page: page.lines(told), level)


def _share(text: str) -> Decimal:
    from vault.money import exact_decimal

    return exact_decimal(text, what="fragility")


def _unknown(error: VaultError) -> Answer:
    text = plain(f"{error.code}: {error.message}")
    document = {**error.as_json(), "exit_status": UNKNOWN, "status": WORDS[UNKNOWN]}
    return Answer(document, lambda page: page.line(f"VAULT UNKNOWN - {text}"), UNKNOWN)


def judge(
    found: Proposal, known: Overview, accounts: tuple[str, ...], limits: Thresholds
) -> tuple[Remark, ...]:
    """Every reason for a level other than OK, the worst first; what could not be read is said once."""
    from vault.cli.wording import foreign_lines

    unread = frozenset(accounts) - {view.risk.account for view in known.accounts}
    remarks = (
        *(Remark(CRITICAL, plain(line)) for line in foreign_lines(found.snapshot.foreign)),
        *_nonce_remarks(found),
        *_step_remarks(known),
        *_books_remarks(known),
        *_account_remarks(found, known, accounts),
        *(Remark(WARNING, plain(_unsigned_line(each))) for each in found.unsigned),
        *_decision_remarks(found, unread),
        *_idle_remarks(known),
        *_market_remarks(found, limits),
        *(Remark(WARNING, plain(f"stuck: {each.line}")) for each in found.stuck),
        *_unsolicited_remarks(found),
        *_failure_remarks(found, unread),
    )
    return tuple(sorted(remarks, key=lambda remark: -_RANK.index(remark.level)))


def _unsigned_line(each: UnsignedDocument) -> str:
    return (
        f"{each.file} is not signed as it stands ({each.code}), nothing is decided: `{each.command}`, "
        "or put the signed version back"
    )


def _nonce_remarks(found: Proposal) -> list[Remark]:
    """A nonce of ours that somebody else used is as bad as a coin that left by nobody's plan."""
    return [
        Remark(CRITICAL if each.foreign else WARNING, plain(each.line)) for each in found.snapshot.findings
    ]


def _step_remarks(known: Overview) -> list[Remark]:
    from vault.treasury.steps import disputed

    steps = [(step, f"is {step.state}") for step in known.unknown_steps]
    steps += [(step, f"is disputed: {disputed(step)}") for step in known.disputed_steps]
    return [
        Remark(CRITICAL, plain(f"plan {step.plan_id} step {step.transfer}.{step.step} {step.kind} {said}"))
        for step, said in steps
    ]


def _books_remarks(known: Overview) -> list[Remark]:
    """What `reconcile` found missing or too much stays a reason until the books balance."""
    if known.unbalanced is None:
        return []
    level = CRITICAL if known.unbalanced.short else WARNING
    return [Remark(level, plain(f"{known.unbalanced.line(known.at)}; see `vault status`"))]


def _account_remarks(found: Proposal, known: Overview, accounts: tuple[str, ...]) -> list[Remark]:
    """The account nearest to its liquidation first."""
    from vault.cli.wording import percent, usd

    failed = {each.source: each.code for each in reversed(found.snapshot.failures)}
    assessed = {view.risk.account: view for view in known.accounts}
    remarks = []
    for view in sorted((assessed[name] for name in accounts if name in assessed), key=_nearness):
        if view.state == "ok":
            continue
        risk, level = view.risk, CRITICAL if view.state == "critical" else WARNING
        distance = "" if risk.joint_distance is None else f"distance {percent(abs(risk.joint_distance))}, "
        remarks.append(
            Remark(level, f"{risk.account} {view.state}, {distance}stress excess {usd(risk.stress_excess)}")
        )
    for name in (name for name in accounts if name not in assessed):
        why = failed.get(f"venue:{name}")
        said = f"{name} not read ({why})" if why else f"{name} could not be assessed"
        remarks.append(Remark(UNKNOWN, plain(said)))
    return remarks


def _nearness(view: AccountView) -> tuple[Decimal, Decimal]:
    distance = view.risk.joint_distance
    return (Decimal(1) if distance is None else abs(distance), view.risk.stress_excess)


def _decision_remarks(found: Proposal, unread: frozenset[str]) -> list[Remark]:
    remarks = []
    for each in found.decisions:
        if each.outcome == "none":
            continue
        if could_not_judge(each) and each.subject in unread and each.decided_by == f"account:{each.subject}":
            continue  # the account's own remark says it
        # A top-up whose account was read is called for, whatever is not known of the wallet it comes from.
        if could_not_judge(each) and not (each.action == "top_up" and each.decided_by.startswith("wallet:")):
            said = f"{each.action.replace('_', '-')} {each.subject} could not be judged: {each.reason}"
            remarks.append(Remark(UNKNOWN, plain(said)))
            continue
        level = CRITICAL if each.action == "top_up" else WARNING
        amount = f" of {each.amount}" if each.amount is not None else ""
        said = "called for" if each.outcome == "allow" else f"denied by {each.decided_by}"
        remarks.append(Remark(level, plain(f"{each.action.replace('_', '-')} {each.subject}{amount} {said}")))
    return remarks


def _failure_remarks(found: Proposal, unread: frozenset[str]) -> list[Remark]:
    """What failed, once for each place and reason; an account that was not read has its own remark."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for each in found.snapshot.failures:
        name = each.source.partition(":")[2].partition(":")[0]
        if name not in unread or each.source.startswith("wallet:"):
            grouped.setdefault((name, each.code), []).append(each.source)
    return [
        Remark(WARNING, plain(f"{', '.join(sources)} failed ({code})"))
        for (_, code), sources in grouped.items()
    ]


def _idle_remarks(known: Overview) -> list[Remark]:
    from vault.cli.wording import idle_line

    return [Remark(WARNING, plain(idle_line(holding))) for holding in known.idle]


def _unsolicited_remarks(found: Proposal) -> list[Remark]:
    """A coin that was looked at and frozen is no reason any more."""
    from vault.cli.wording import unsolicited_lines

    return [Remark(WARNING, plain(line)) for line in unsolicited_lines(found.snapshot.unsolicited)]


def _market_remarks(found: Proposal, limits: Thresholds) -> list[Remark]:
    fragility = found.assessment.fragility
    if fragility is None:
        return [Remark(WARNING, "fragility unknown")] if found.snapshot.markets else []
    if fragility >= limits.critical:
        return [Remark(CRITICAL, f"fragility {fragility:.2f}")]
    return [Remark(WARNING, f"fragility {fragility:.2f}")] if fragility >= limits.warning else []


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
        "account_findings": encode(found.snapshot.findings),
        "failures": encode(found.snapshot.failures),
        "unsigned": encode(found.unsigned),
        "decisions": [
            {"digest": name, **encode(each)}
            for name, each in zip(found.decision_digests, found.decisions, strict=True)
        ],
    }
