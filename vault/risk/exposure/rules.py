"""The survival rules of a market that lives on liquidity, each a named result: pass, fail or unknown.

Leverage is short-lived; liquidity is worst when it is needed; only what is needed is on venues; collateral
does not fall with the positions. Pure. What is not known, stale or contradicted is never a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from vault.errors import PolicyError
from vault.risk.exact import ONE, ZERO, exact, rounded
from vault.risk.exposure.defaults import DEFAULT_SCENARIOS, named
from vault.risk.exposure.distance import correlated_share, distances
from vault.risk.exposure.outcome import run
from vault.risk.exposure.scenario import percent
from vault.risk.margin import contradictions, unusable
from vault.risk.pool import prices_of

if TYPE_CHECKING:
    from vault.model import MarginAccount
    from vault.risk.exposure.holdings import Holdings
    from vault.risk.exposure.leaving import PositionLeaving
    from vault.risk.exposure.move import Shares

Verdict = Literal["pass", "fail", "unknown"]
WHOLE: Final = "treasury"


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """Where a rule fails. The document that names the rules gives one number, the wick; the others are
    judgements and meant to be changed.

    `wick` 10 %. `leverage` 5: a wick then takes half of the equity. `age_hours` 72: three days are a trade, a
    month is a way of life. `closable_bp` 100: the width that depth is quoted in. `on_venues` and `correlated`
    one half: more than that is the rule and not the exception.
    """

    wick: Decimal = Decimal("0.1")
    leverage: Decimal = Decimal(5)
    age_hours: Decimal = Decimal(72)
    closable_bp: Decimal = Decimal(100)
    on_venues: Decimal = Decimal("0.5")
    correlated: Decimal = Decimal("0.5")

    def __post_init__(self) -> None:
        for name, most in (
            ("wick", Decimal("0.99")), ("leverage", Decimal(200)), ("age_hours", Decimal(10_000)),
            ("closable_bp", Decimal(10_000)), ("on_venues", ONE), ("correlated", ONE),
        ):  # fmt: skip
            value: Decimal = getattr(self, name)
            if not value.is_finite() or not 0 < value <= most:
                raise PolicyError("bad_limit", f"{name}: expected above 0 and at most {most}, found {value}")


JUDGED_LIMITS: Final = RuleLimits()


@dataclass(frozen=True, slots=True)
class Age:
    """How long a position has been open: at least `hours`; `exact` when the venue tells it."""

    hours: Decimal
    exact: bool


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule for one account, or for the whole treasury; `number` is None where nothing can be computed."""

    rule: str
    subject: str
    verdict: Verdict
    number: Decimal | None
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules of an account rest on besides the account itself.

    `doubts`: why its numbers may not be believed (stale, contradicted): with one of them nothing passes.
    `leaving`: its positions in books. `ages` by (symbol, side); one that nobody knows is left out.
    """

    multiple: Decimal
    speed_per_hour: Decimal
    leaving: Sequence[PositionLeaving] = ()
    ages: Mapping[tuple[str, str], Age] | None = None
    betas: Shares = ()
    doubts: tuple[str, ...] = ()


def account_rules(
    account: MarginAccount, evidence: Evidence, limits: RuleLimits = JUDGED_LIMITS
) -> tuple[RuleResult, ...]:
    """The four rules of one account, always all of them."""
    found: tuple[RuleResult, ...]
    if reason := unusable(account):
        found = tuple(
            RuleResult(rule, account.name, "unknown", None, unit, reason)
            for rule, unit in (
                ("survives_wick", "USD"), ("short_lived_leverage", "x"),
                ("closable_when_stressed", "share"), ("uncorrelated_collateral", "share"),
            )
        )  # fmt: skip
        return found
    found = (
        _survives_wick(account, evidence, limits),
        _short_lived(account, evidence, limits),
        _closable(account, evidence, limits),
        _correlated(account, evidence, limits),
    )
    doubts = (*evidence.doubts, *account.missing, *account.flags, *contradictions(account))
    return tuple(_doubted(each, tuple(dict.fromkeys(doubts))) for each in found)


def _doubted(result: RuleResult, doubts: tuple[str, ...]) -> RuleResult:
    """A pass by numbers that may not be true is no pass; a failure stays one."""
    if result.verdict != "pass" or not doubts:
        return result
    return replace(result, verdict="unknown", reason=f"{result.reason}; but {'; '.join(doubts)}")


def _survives_wick(account: MarginAccount, evidence: Evidence, limits: RuleLimits) -> RuleResult:
    usual = named(DEFAULT_SCENARIOS, "wick")
    assert usual is not None  # noqa: S101  -- it stands in the table
    spec = replace(usual, market=-limits.wick, betas=())
    found = run(account, spec, evidence.multiple, evidence.speed_per_hour)
    verdict: Verdict = {"ok": "pass", "unknown": "unknown"}.get(found.state, "fail")  # type: ignore[assignment]
    reason = f"at {found.case}: {found.reason}"
    return RuleResult("survives_wick", account.name, verdict, found.excess, "USD", reason)


@exact
def effective_leverage(account: MarginAccount) -> Decimal | None:
    """Gross notional of all positions over the venue's equity; None: there are positions and no equity."""
    prices = prices_of(account)
    gross = ZERO
    for position in account.positions:
        price = ONE if position.inverse else position.mark_price * prices.get(position.settle, ONE)
        gross += position.size * price
    if not gross:
        return ZERO
    return rounded(gross / account.equity, 4) if account.equity > 0 else None


def _short_lived(account: MarginAccount, evidence: Evidence, limits: RuleLimits) -> RuleResult:
    leverage = effective_leverage(account)
    ages = evidence.ages or {}

    def said(verdict: Verdict, reason: str) -> RuleResult:
        return RuleResult("short_lived_leverage", account.name, verdict, leverage, "x", reason)

    if leverage is None:
        return said("fail", "positions are open and no equity is left")
    if leverage > limits.leverage:
        return said("fail", f"more than {limits.leverage} times the equity")
    if leverage <= 1:
        return said("pass", "no more than the equity: nothing is borrowed against")
    held = [(position.symbol, position.side) for position in account.positions if position.size]
    if old := [
        f"{each[0]} {each[1]}" for each in held if each in ages and ages[each].hours > limits.age_hours
    ]:
        return said("fail", f"open for more than {limits.age_hours} h: {', '.join(old)}")
    if unsure := [_at_least(each, ages) for each in held if each not in ages or not ages[each].exact]:
        return said("unknown", f"the venue does not say how old these are: {', '.join(unsure)}")
    return said("pass", f"at most {limits.leverage} times the equity, for less than {limits.age_hours} h")


def _at_least(position: tuple[str, str], ages: Mapping[tuple[str, str], Age]) -> str:
    age = ages.get(position)
    seen = f" (seen for {rounded(age.hours, 1):f} h)" if age is not None and age.hours else ""
    return f"{position[0]} {position[1]}{seen}"


@exact
def _closable(account: MarginAccount, evidence: Evidence, limits: RuleLimits) -> RuleResult:
    seen = {(each.symbol, each.side): each for each in evidence.leaving if each.account == account.name}
    shares: dict[str, Decimal] = {}
    missing: list[str] = []
    for position in account.positions:
        if not position.size:
            continue
        each = seen.get((position.symbol, position.side))
        if each is None or each.closable_stressed is None:
            missing += each.missing if each is not None else (f"a book of {position.symbol}",)
        else:
            share = min(ONE, each.closable_stressed.size / each.size)
            shares[f"{position.symbol} {position.side}"] = rounded(share, 6)
    least = min(shares.values(), default=None)
    within = f"within {limits.closable_bp} bp in the stressed book"

    def said(verdict: Verdict, number: Decimal | None, reason: str) -> RuleResult:
        return RuleResult("closable_when_stressed", account.name, verdict, number, "share", reason)

    if least is not None and least < 1:
        worst = min(shares, key=lambda name: shares[name])
        return said("fail", least, f"{percent(rounded(least, 4))} of {worst} closes {within}")
    if missing:
        return said("unknown", least, f"not known: {'; '.join(missing)}")
    return said("pass", ONE if least is None else least, f"every position closes {within}")


def _correlated(account: MarginAccount, evidence: Evidence, limits: RuleLimits) -> RuleResult:
    share = correlated_share(account, evidence.betas)

    def said(verdict: Verdict, reason: str) -> RuleResult:
        return RuleResult("uncorrelated_collateral", account.name, verdict, share, "share", reason)

    if share is None:
        flat = not any(position.size for position in account.positions)
        return said("pass" if flat else "unknown", "there is no collateral to take a share of")
    known = distances(account, evidence.betas)
    spiral = known.spiral
    points = "" if spiral is None else f"{rounded(spiral * 100, 2):f}"
    cost = f"; it shortens the distance by {points} points" if spiral and spiral > 0 else ""
    text = f"{percent(rounded(share, 4))} of the collateral falls when the positions lose{cost}"
    return said("fail" if share > limits.correlated else "pass", text)


def treasury_rules(
    held: Holdings, doubts: tuple[str, ...] = (), limits: RuleLimits = JUDGED_LIMITS
) -> tuple[RuleResult, ...]:
    """Only what is needed is on venues: the share of everything that is, and how concentrated it is."""
    share, concentration = held.share_on_venues(), held.concentration()
    said = "unknown" if concentration is None else f"{concentration:f}"
    where = f"concentration over venues (HHI) {said}"
    if share is None:
        lacking = [*held.unknown, *(["what the wallets are worth"] if held.wallets is None else [])]
        reason = f"not known: {', '.join(lacking) or 'anything at all'}; {where}"
        return (RuleResult("only_what_is_needed_on_venues", WHOLE, "unknown", None, "share", reason),)
    text = f"{percent(rounded(share, 4))} of everything is on venues; {where}"
    verdict: Verdict = "fail" if share > limits.on_venues else "pass"
    result = RuleResult("only_what_is_needed_on_venues", WHOLE, verdict, share, "share", text)
    return (_doubted(result, doubts),)
