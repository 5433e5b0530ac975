"""One account through one scenario: what is left at its worst, what is lost, and after a wick.

Pure and exact. Refuses to say "ok" of numbers it cannot use: such an account is unknown, with the reason.
"""

from __future__ import annotations

import dataclasses
import decimal
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from vault.risk.contract import base_size, position_margin, unrealised_pnl
from vault.risk.exact import ZERO, exact, trimmed
from vault.risk.exposure.move import Move, moved
from vault.risk.exposure.scenario import TOO_FAST, cases
from vault.risk.margin import unusable
from vault.risk.pool import cross_positions, prices_of
from vault.risk.stress import Scenario, run_scenario

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.model import MarginAccount, Position, ScenarioResult
    from vault.risk.exposure.scenario import Case, Kind, ScenarioSpec

State = Literal["ok", "short", "liquidated", "unknown"]
_WORST_FIRST: Final[tuple[State, ...]] = ("unknown", "liquidated", "short", "ok")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The worst case of a scenario for an account, in USD.

    ``ok``: k times maintenance margin is kept. ``short``: it is not, or an isolated position is lost.
    ``liquidated``: equity does not exceed maintenance margin. ``unknown``: numbers that it needs are not
    known or cannot be used; those are None. `excess` = equity after haircuts - k * maintenance margin.
    `isolated_lost`: the margin of the isolated positions in `lost`, gone as a whole. `top_up`: whether money
    can arrive in time. `after`: once the prices of a wick are back, whatever was liquidated in it gone.
    """

    account: str
    scenario: str
    kind: Kind
    case: str
    state: State
    reason: str
    equity: Decimal | None = None
    maintenance_margin: Decimal | None = None
    excess: Decimal | None = None
    isolated_lost: Decimal | None = None
    lost: tuple[str, ...] = ()
    top_up: bool = False
    after: ScenarioResult | None = None

    @property
    @exact
    def need(self) -> Decimal | None:
        """USD that would have to arrive for the account to keep what it must."""
        return None if self.excess is None else max(ZERO, -self.excess)


@exact
def run(account: MarginAccount, spec: ScenarioSpec, multiple: Decimal, speed_per_hour: Decimal) -> Outcome:
    """The worst of the scenario's cases: by state, then by excess. `multiple` is k.

    Never raises for an account's numbers: those that cannot be used make the outcome unknown.
    """
    found = [run_case(account, spec, case, multiple) for case in cases(spec, account, speed_per_hour)]
    return min(found, key=lambda each: (_WORST_FIRST.index(each.state), _lost_and_left(each)))


def run_case(account: MarginAccount, spec: ScenarioSpec, case: Case, multiple: Decimal) -> Outcome:
    """One of the scenario's cases; never raises for an account's numbers."""
    if reason := unusable(account):
        return _unknown(account, spec, reason)
    try:
        return _run_case(account, spec, case, multiple)
    except decimal.DecimalException as error:
        return _unknown(account, spec, f"numbers out of range ({type(error).__name__})")


def _lost_and_left(outcome: Outcome) -> Decimal:
    return (outcome.excess or ZERO) - (outcome.isolated_lost or ZERO)


def _unknown(account: MarginAccount, spec: ScenarioSpec, reason: str) -> Outcome:
    return Outcome(account.name, spec.name, spec.kind, "", "unknown", reason)


@exact
def _run_case(account: MarginAccount, spec: ScenarioSpec, case: Case, multiple: Decimal) -> Outcome:
    there = moved(account, case.move)
    result = at_present_prices(there, case.name, multiple)
    lost = lost_isolated(there)
    margin = isolated_margin(there, lost)
    state, reason = _judge(there, result, lost)
    after = None
    if spec.kind == "wick":
        after = at_present_prices(after_wick(account, case.move), f"after {case.name}", multiple)
    return Outcome(
        account=account.name,
        scenario=spec.name,
        kind=spec.kind,
        case=case.name,
        state=state,
        reason=reason,
        equity=result.equity,
        maintenance_margin=result.maintenance_margin,
        excess=result.excess,
        isolated_lost=margin,
        lost=tuple(position.symbol for position in lost),
        top_up=spec.kind not in TOO_FAST,
        after=after,
    )


def at_present_prices(account: MarginAccount, name: str, multiple: Decimal) -> ScenarioResult:
    """Equity, maintenance margin and excess of an account as it stands."""
    return run_scenario(account, Scenario(name, ZERO), multiple)


def _judge(account: MarginAccount, result: ScenarioResult, lost: tuple[Position, ...]) -> tuple[State, str]:
    if result.equity < 0 or (carries(account) and result.equity <= result.maintenance_margin):
        return "liquidated", "equity does not exceed maintenance margin"
    if result.excess < 0:
        return "short", "less than k times maintenance margin is left"
    if lost:
        return "short", f"isolated margin lost: {', '.join(position.symbol for position in lost)}"
    for position in account.positions:
        if position.isolated and position.isolated_margin is None:
            return "unknown", f"the venue does not say the margin of {position.symbol}"
    return "ok", "k times maintenance margin is kept"


def carries(account: MarginAccount) -> bool:
    """Whether any cross position is open."""
    return any(position.size for position in cross_positions(account))


@exact
def lost_isolated(account: MarginAccount) -> tuple[Position, ...]:
    """Isolated positions whose margin and profit do not exceed their maintenance margin."""
    return tuple(
        position
        for position in account.positions
        if position.isolated
        and position.isolated_margin is not None
        and base_size(position) > 0
        and position.isolated_margin + unrealised_pnl(position, position.mark_price)
        <= position_margin(position, position.mark_price)
    )


@exact
def isolated_margin(account: MarginAccount, positions: Iterable[Position]) -> Decimal:
    """What isolated positions hold as margin, in USD at the account's prices."""
    prices = prices_of(account)
    return trimmed(sum(((each.isolated_margin or ZERO) * prices[each.settle] for each in positions), ZERO))


@exact
def after_wick(account: MarginAccount, move: Move) -> MarginAccount:
    """The account once prices are back, everything liquidated in the wick closed at its end.

    That is the worst fill of a wick: a liquidation half way down leaves more. Fees of a liquidation are the
    venue's and not in it.
    """
    there = moved(account, move)
    result = run_scenario(there, Scenario("", ZERO), Decimal(1))
    closed = carries(account) and result.equity <= result.maintenance_margin
    gone = lost_isolated(there)
    booked: dict[str, Decimal] = {}
    kept = []
    for now, then in zip(account.positions, there.positions, strict=True):
        if then in gone:
            booked[now.settle] = booked.get(now.settle, ZERO) - (now.isolated_margin or ZERO)
        elif closed and not now.isolated:
            profit = unrealised_pnl(then, then.mark_price)
            booked[now.settle] = booked.get(now.settle, ZERO) + profit
        else:
            kept.append(now)
    return dataclasses.replace(
        account,
        positions=tuple(kept),
        collateral=tuple(
            dataclasses.replace(item, balance=item.balance + booked.get(item.asset, ZERO))
            for item in account.collateral
        ),
    )
