"""`vault stress`: what scenarios leave of each account, the survival rules, and what leaving costs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from vault.cli.page import Page
    from vault.risk.exposure.leaving import Leaving, PositionLeaving
    from vault.risk.exposure.outcome import Outcome
    from vault.risk.exposure.rules import RuleResult
    from vault.treasury.stress import AccountStress, StressReport

# What a terminal of 100 columns shows without folding.
WIDTH: Final = 98
UNKNOWN: Final = "unknown"
# What betas are of, and whose cascade reaches an account.
MARKET: Final = "BTC"


@command("stress")
@click.option("--account", "accounts", multiple=True, metavar="NAME", help="Only this account (repeatable).")
@click.option(
    "--scenario", "scenarios", multiple=True, metavar="NAME", help="Only this scenario (repeatable)."
)
@click.option("--scale", metavar="FACTOR", help="Days that happened, so many times as bad (default 1).")
@click.option("--hours", metavar="HOURS", help="How long a frozen venue stays frozen.")
@click.option(
    "--beta", "betas", multiple=True, metavar="ASSET=BETA", help="How far an asset follows the market (1)."
)
def stress(
    call: Call,
    *,
    accounts: tuple[str, ...],
    scenarios: tuple[str, ...],
    scale: str | None,
    hours: str | None,
    betas: tuple[str, ...],
) -> Answer:
    """Put the last observation through scenarios: what is left of each account, and what is lost.

    Reads the store only: no network, no device, no venue. Also says the survival rules (pass, fail or unknown
    with the reason), what closing each position costs now and once market makers have stepped back, and the
    operating float. It says how bad a shock would be, never that one comes.
    """
    from vault.clock import SystemClock
    from vault.money import exact_decimal
    from vault.treasury.fragility import reach_model
    from vault.treasury.market_watch import recent_history
    from vault.treasury.stress import Question, report

    factor = exact_decimal(scale if scale is not None else "1", what="scale")
    length = None if hours is None else exact_decimal(hours, what="hours")
    question = Question(accounts, scenarios, factor, length, tuple(map(_beta, betas)))
    with call.store() as (treasury, store):
        now = SystemClock().now()
        cascade = reach_model(recent_history(store, now), now, MARKET)
        found = report(treasury, store, now, question, cascade=cascade)
    return Answer(_document(found), lambda page: _render(page, found))


def _beta(text: str) -> tuple[str, Decimal]:
    """``ETH=1.3``. Raises `MoneyError`."""
    from vault.money import exact_decimal

    asset, _, number = text.partition("=")
    return asset.upper(), exact_decimal(number, what=f"beta of {asset or 'an asset'}")


def _document(found: StressReport) -> dict[str, Any]:
    from vault.clock import to_iso
    from vault.codec import encode

    return {
        "at": to_iso(found.at),
        "observed_at": to_iso(found.taken_at),
        "age_seconds": _age(found),
        "maintenance_multiple": encode(found.multiple),
        "adverse_move_per_hour": encode(found.speed_per_hour),
        "scenarios": encode(found.specs),
        "limits": encode(found.limits),
        "stressed_book": {name: str(getattr(found.withdrawal, name)) for name in ("shock", "xi", "w_min")},
        "accounts": [_account(each) for each in found.accounts],
        "treasury_rules": encode(found.treasury_rules),
        "holdings": encode(found.holdings),
        "frozen": [{**encode(each), "dependents": list(each.dependents)} for each in found.frozen],
        "reach": encode(found.reach),
        "assumed": list(found.assumed),
        "missing": list(found.missing),
    }


def _account(each: AccountStress) -> dict[str, Any]:
    from vault.codec import encode

    known = each.distances
    waits = each.operating_float
    return {
        "account": each.name,
        "exchange": each.exchange,
        "age_seconds": each.age_seconds,
        "doubts": list(each.doubts),
        "distances": None if known is None else {**encode(known), "spiral": encode(known.spiral)},
        "outcomes": encode(each.outcomes),
        "rules": encode(each.rules),
        "leaving": encode(each.leaving),
        "operating_float": None if waits is None else {**encode(waits), "free": encode(waits.free)},
    }


def _age(found: StressReport) -> int:
    return int((found.at - found.taken_at).total_seconds())


# -- the page ----------------------------------------------------------------------------------------


def _render(page: Page, found: StressReport) -> None:
    from vault.clock import to_iso

    page.title(f"Stress of the observation of {to_iso(found.taken_at)}, {_age(found)} s ago")
    page.line("How bad a shock would be, not that one comes. USD; excess = equity - k * maintenance margin,")
    page.line(f"k = {found.multiple}; a frozen venue: prices move {_percent(found.speed_per_hour)} an hour.")
    for account in found.accounts:
        page.line()
        _render_account(page, account)
    page.line()
    page.title("Survival rules")
    _render_rules(page, [*(r for each in found.accounts for r in each.rules), *found.treasury_rules])
    if any(each.leaving for each in found.accounts):
        page.line()
        _render_leaving(page, found)
    _render_frozen(page, found)
    _render_reach(page, found)
    if found.missing:
        page.line()
        page.line("Missing, so that nothing is said of it:")
        page.lines(_wrapped(found.missing, "  "))


def _render_account(page: Page, account: AccountStress) -> None:
    known = account.distances
    page.title(f"{account.name} ({account.exchange}), {account.age_seconds} s old")
    if known is not None and known.correlated is None:
        page.line("No common move of all prices liquidates it.")
    elif known is not None:
        steady = known.steady_collateral
        kept = "" if steady == known.correlated else f"; {_percent(steady)} if its collateral kept its worth"
        page.line(f"Liquidated by a move of all prices by {_percent(known.correlated)}{kept}.")
    page.lines(_wrapped(f"WARNING: {doubt}" for doubt in account.doubts))
    reasons = dict.fromkeys(each.reason for each in account.outcomes if each.state == "unknown")
    page.lines(_wrapped(f"Unknown: {reason}" for reason in reasons))
    rows = [row for outcome in account.outcomes for row in _rows(outcome)]
    if rows:
        page.columns(("scenario", "worst case", "state", "equity", "excess"), _aligned(rows, (3, 4)))
    waits = account.operating_float
    if waits is not None:
        page.line(
            f"Operating float {_usd(waits.need)}: deposits took {waits.seconds} s ({waits.basis}); "
            f"free above it {_usd(waits.free)}."
        )


def _rows(outcome: Outcome) -> list[tuple[str, ...]]:
    left = (_usd(outcome.equity), _usd(outcome.excess))
    rows: list[tuple[str, ...]] = [(outcome.scenario, outcome.case, outcome.state, *left)]
    if outcome.lost:
        lost = _usd(outcome.isolated_lost)
        rows.append(("", f"  isolated lost: {', '.join(outcome.lost)}", "", f"-{lost}", ""))
    if outcome.after is not None:
        rows.append(("", "  when it is back", "", _usd(outcome.after.equity), _usd(outcome.after.excess)))
    return rows


def _render_rules(page: Page, rules: Iterable[RuleResult]) -> None:
    for rule in rules:
        name = rule.rule.replace("_", " ")
        page.line(f"{rule.verdict.upper().ljust(8)}{rule.subject}: {name} {_number(rule)}".rstrip())
        page.lines(_wrapped([rule.reason], " " * 8))


def _number(rule: RuleResult) -> str:
    if rule.number is None:
        return ""
    if rule.unit == "share":
        return _percent(rule.number)
    return f"{_usd(rule.number)} {rule.unit}"


def _render_leaving(page: Page, found: StressReport) -> None:
    page.title("Cost of leaving, against the mid")
    within = f"in {found.limits.closable_bp} bp"
    for account in found.accounts:
        if account.leaving:
            rows = [_leaving_row(each) for each in account.leaving]
            page.columns((account.name, "base units", "now", "when stressed", within), rows)
            rough = dict.fromkeys(f"{each.symbol}: {each.grain}" for each in account.leaving if each.grain)
            page.lines(_wrapped(rough, "  "))
    w = found.withdrawal
    page.line(
        f"Stressed: makers have stepped back after a log move of {w.shock} (xi {w.xi}, w_min {w.w_min})."
    )
    page.line(f"{within[0].upper()}{within[1:]}: the most that closes at that average in the stressed book.")


def _leaving_row(each: PositionLeaving) -> tuple[str, ...]:
    costs = (_cost(each.now), _cost(each.stressed))
    return (f"{each.symbol} {each.side}", _short(each.size), *costs, _closes(each))


def _cost(each: Leaving | None) -> str:
    if each is None:
        return UNKNOWN
    if each.cost_usd is None or each.bp is None:
        return f"book ends at {_short(each.filled)}"
    return f"{each.bp:.1f} bp, {each.cost_usd:,.0f}"


def _closes(each: PositionLeaving) -> str:
    if each.closable_stressed is None:
        return UNKNOWN
    more = " or more" if each.closable_stressed.whole_book else ""
    return f"{_short(each.closable_stressed.size)}{more}"


def _render_frozen(page: Page, found: StressReport) -> None:
    for each in found.frozen:
        page.line()
        page.line(f"{each.exchange} frozen, prices {each.case}: {_usd(each.locked)} locked there.")
        for name, need in each.needs:
            page.line(f"  {name} would need {_usd(need)}")
        if each.needs:
            covered = f"{_usd(each.elsewhere)} elsewhere, {_usd(each.uncovered)} not covered"
            page.line(f"  {covered}; depending on it: {', '.join(each.dependents) or 'nobody'}")
        else:
            page.line("  No other account is short at those prices.")
        page.lines(_wrapped((f"not counted: {what}" for what in each.unknown), "  "))


def _render_reach(page: Page, found: StressReport) -> None:
    if not found.reach:
        return
    page.line()
    page.title("Reached by a cascade, under assumed shocks")
    page.lines(_wrapped(found.assumed))
    page.lines(
        _wrapped(
            f"{each.account}: {_percent(each.probability)}, at most {_percent(each.at_most)} ({each.reason})"
            for each in found.reach
        )
    )


def _aligned(rows: list[tuple[str, ...]], right: tuple[int, ...]) -> list[tuple[str, ...]]:
    widths = {at: max(len(row[at]) for row in rows) for at in right}
    return [
        tuple(cell.rjust(widths[at]) if at in widths else cell for at, cell in enumerate(row)) for row in rows
    ]


def _wrapped(lines: Iterable[str], indent: str = "") -> list[str]:
    # A number stays with its percent sign.
    return [
        part.replace("\u00a0", " ")
        for line in lines
        for part in textwrap.wrap(
            line.replace(" %", "\u00a0%"),
            WIDTH,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _usd(value: Decimal | None) -> str:
    return UNKNOWN if value is None else f"{value:,.2f}"


def _percent(value: Decimal | None) -> str:
    return UNKNOWN if value is None else f"{value * 100:.2f} %"


def _short(value: Decimal) -> str:
    from vault.risk.exact import rounded

    return f"{rounded(value, 4):f}"
