"""Own accounts under stress, from the store alone: scenarios, survival rules, cost of leaving, float.

Refuses to ask anything outside. What the store does not hold is named in `missing`; what is old passes no
rule.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from vault.errors import ConfigError, VaultError
from vault.risk.assess import MAX_AHEAD
from vault.risk.exposure.book import JUDGED_STRESS, Book, remaining_after
from vault.risk.exposure.defaults import DEFAULT_SCENARIOS
from vault.risk.exposure.distance import distances
from vault.risk.exposure.frozen import dependence
from vault.risk.exposure.holdings import holdings
from vault.risk.exposure.leaving import leaving_of
from vault.risk.exposure.outcome import run
from vault.risk.exposure.rules import JUDGED_LIMITS, Evidence, RuleLimits, account_rules, treasury_rules
from vault.risk.exposure.scenario import FIELDS, Beta, scaled
from vault.risk.margin import unusable
from vault.treasury import authority, lead_times
from vault.treasury.stress_inputs import StressInputs, read_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.config import Treasury
    from vault.model import MarginAccount
    from vault.risk.cascade.monte_carlo import AssetModel, ShockModel
    from vault.risk.exposure.book import Withdrawal
    from vault.risk.exposure.distance import Distances
    from vault.risk.exposure.frozen import Dependence
    from vault.risk.exposure.holdings import Holdings
    from vault.risk.exposure.leaving import PositionLeaving
    from vault.risk.exposure.move import Shares
    from vault.risk.exposure.outcome import Outcome
    from vault.risk.exposure.reach import Reach
    from vault.risk.exposure.rules import RuleResult
    from vault.risk.exposure.scenario import ScenarioSpec
    from vault.store.database import Store


@dataclass(frozen=True, slots=True)
class Cascade:
    """What the reach of a cascade is drawn from; `said` describes it: without it the answer means nothing."""

    assets: Sequence[AssetModel]
    shocks: ShockModel
    scenarios: int
    seed: int
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """All accounts and scenarios where none is named; `scale` is for the days that happened.

    `betas`: how far assets move when the market moves by 1, for scenarios without betas of their own.
    """

    accounts: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    scale: Decimal = Decimal(1)
    hours: Decimal | None = None
    betas: Shares = ()
    specs: tuple[ScenarioSpec, ...] = DEFAULT_SCENARIOS
    limits: RuleLimits = JUDGED_LIMITS
    withdrawal: Withdrawal = JUDGED_STRESS


@dataclass(frozen=True, slots=True)
class AccountStress:
    """One account: its outcomes in the order of the scenarios, and what else can be said of it."""

    name: str
    exchange: str
    age_seconds: int
    doubts: tuple[str, ...]
    distances: Distances | None
    outcomes: tuple[Outcome, ...]
    rules: tuple[RuleResult, ...]
    leaving: tuple[PositionLeaving, ...]
    operating_float: lead_times.OperatingFloat | None


@dataclass(frozen=True, slots=True)
class StressReport:
    """Everything `vault stress` says, and the inputs that it rests on."""

    at: datetime
    taken_at: datetime
    multiple: Decimal
    speed_per_hour: Decimal
    specs: tuple[ScenarioSpec, ...]
    limits: RuleLimits
    withdrawal: Withdrawal
    accounts: tuple[AccountStress, ...]
    treasury_rules: tuple[RuleResult, ...]
    holdings: Holdings
    frozen: tuple[Dependence, ...]
    reach: tuple[Reach, ...]
    assumed: tuple[str, ...]
    missing: tuple[str, ...]


def report(
    treasury: Treasury,
    store: Store,
    at: datetime,
    question: Question = Question(),
    *,
    books: Sequence[Book] = (),
    cascade: Cascade | None = None,
) -> StressReport:
    """Stress the last stored snapshot. `books`: full order books, preferred to what two depths prove.

    Raises `StoreError` (``store.nothing_observed``), `ConfigError` for a name that is not known,
    `PolicyError` for a scale or hours out of range.
    """
    specs = _specs(question)
    inputs = read_inputs(treasury, store, books, timedelta(hours=int(question.limits.age_hours)))
    observed = (account.name for account in inputs.snapshot.accounts)
    configured = (venue.name for venue in treasury.config.venue)
    _known("account", question.accounts, tuple(dict.fromkeys((*configured, *observed))))
    return _Asked(treasury, inputs, at, question, specs).report(cascade)


def _known(what: str, asked: tuple[str, ...], names: tuple[str, ...]) -> None:
    for name in asked:
        if name not in names:
            raise ConfigError(
                "unknown_name", f"expected a known {what} ({', '.join(names) or 'none'}), found {name!r}"
            )


def _specs(question: Question) -> tuple[ScenarioSpec, ...]:
    _known("scenario", question.scenarios, tuple(spec.name for spec in question.specs))
    betas = tuple(Beta(asset, beta) for asset, beta in question.betas)
    chosen = []
    for spec in question.specs:
        if question.scenarios and spec.name not in question.scenarios:
            continue
        if spec.kind == "frozen" and question.hours is not None:
            spec = dataclasses.replace(spec, hours=question.hours)  # noqa: PLW2901 -- the same scenario
        if betas and not spec.betas and "betas" in FIELDS[spec.kind]:
            spec = dataclasses.replace(spec, betas=betas)  # noqa: PLW2901
        chosen.append(scaled(spec, question.scale))
    return tuple(chosen)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question about one snapshot, with what the store had beside it."""

    treasury: Treasury
    inputs: StressInputs
    at: datetime
    question: Question
    specs: tuple[ScenarioSpec, ...]

    def report(self, cascade: Cascade | None) -> StressReport:
        settings = self.treasury.config.risk
        max_age, missing = self._freshness()
        missing += self.inputs.missing
        snapshot, worth = self.inputs.snapshot, self.inputs.wallets_usd
        chosen = tuple(a for a in snapshot.accounts if self._chosen(a.name))
        accounts = tuple(self._account(account, max_age, missing) for account in chosen)
        held = holdings(snapshot.accounts, worth, self.inputs.spot_usd, self.inputs.unread)
        oldest = min((account.observed_at for account in snapshot.accounts), default=snapshot.taken_at)
        reached: tuple[Reach, ...] = ()
        if cascade is None:
            missing.append(
                "reach: no cascade model: `vault history fetch` gathers prices, depth, open interest"
            )
        else:
            from vault.risk.exposure.reach import reach

            reached = reach(
                chosen,
                cascade.assets,
                cascade.shocks,
                scenarios=cascade.scenarios,
                seed=cascade.seed,
                betas=self.question.betas,
            )
        return StressReport(
            at=self.at,
            taken_at=snapshot.taken_at,
            multiple=settings.maintenance_multiple,
            speed_per_hour=settings.adverse_move_per_hour,
            specs=self.specs,
            limits=self.question.limits,
            withdrawal=self.question.withdrawal,
            accounts=accounts,
            treasury_rules=treasury_rules(held, self._stale(oldest, max_age), self.question.limits),
            holdings=held,
            frozen=self._frozen(),
            reach=reached,
            assumed=() if cascade is None else cascade.said,
            missing=tuple(dict.fromkeys(missing)),
        )

    def _chosen(self, name: str) -> bool:
        return not self.question.accounts or name in self.question.accounts

    def _freshness(self) -> tuple[timedelta | None, list[str]]:
        try:
            policy, _ = authority.read_policy(self.treasury)
        except VaultError as error:
            return None, [f"policy: {error.code}: how old numbers may be is not known"]
        return timedelta(seconds=policy.freshness.max_age_seconds), []

    def _stale(self, observed_at: datetime, max_age: timedelta | None) -> tuple[str, ...]:
        age = self.at - observed_at
        if max_age is None:
            return ("how old numbers may be is not known",)
        if age > max_age:
            allowed = int(max_age.total_seconds())
            return (f"it is {int(age.total_seconds())} s old, {allowed} s allowed",)
        return ("it is from the future",) if -age > MAX_AHEAD else ()

    def _fresh_books(self, max_age: timedelta | None) -> tuple[Book, ...]:
        """Books about as old as the observation; an older one is as good as none."""
        if max_age is None:
            return self.inputs.books
        taken_at = self.inputs.snapshot.taken_at
        return tuple(book for book in self.inputs.books if taken_at - book.observed_at <= max_age)

    def _account(
        self, account: MarginAccount, max_age: timedelta | None, missing: list[str]
    ) -> AccountStress:
        settings = self.treasury.config.risk
        multiple, speed = settings.maintenance_multiple, settings.adverse_move_per_hour
        doubts = self._stale(account.observed_at, max_age)
        broken = unusable(account)
        leaving: tuple[PositionLeaving, ...] = ()
        if broken is None:
            stress = self.question.withdrawal
            remaining = remaining_after(stress.shock, xi=stress.xi, w_min=stress.w_min)
            leaving = leaving_of(
                account, self._fresh_books(max_age), self.question.limits.closable_bp, remaining
            )
            missing += [f"cost of leaving: {what}" for each in leaving for what in each.missing]
        else:
            missing.append(f"account.{account.name}: {broken}")
        evidence = Evidence(
            multiple,
            speed,
            leaving,
            {
                (symbol, side): age
                for (name, symbol, side), age in self.inputs.ages.items()
                if name == account.name
            },
            betas=self.question.betas,
            doubts=doubts,
        )
        return AccountStress(
            name=account.name,
            exchange=account.exchange,
            age_seconds=int((self.at - account.observed_at).total_seconds()),
            doubts=(*doubts, *account.missing, *account.flags),
            distances=None if broken else distances(account, self.question.betas),
            outcomes=tuple(run(account, spec, multiple, speed) for spec in self.specs),
            rules=account_rules(account, evidence, self.question.limits),
            leaving=leaving,
            operating_float=self._float(account, broken, missing),
        )

    def _float(
        self, account: MarginAccount, broken: str | None, missing: list[str]
    ) -> lead_times.OperatingFloat | None:
        from vault.risk.assess import RiskParameters

        settings = self.treasury.config.risk
        if broken is not None:
            return None
        if account.name not in self.inputs.waits:
            missing.append(f"operating float: no deposit into {account.name} is recorded")
            return None
        parameters = RiskParameters(settings.joint_shock, settings.maintenance_multiple, 1)
        return lead_times.operating_float(
            account, self.inputs.waits[account.name], parameters, settings.adverse_move_per_hour
        )

    def _frozen(self) -> tuple[Dependence, ...]:
        settings = self.treasury.config.risk
        exchanges = sorted({account.exchange for account in self.inputs.snapshot.accounts})
        return tuple(
            dependence(
                self.inputs.snapshot.accounts,
                spec,
                exchange,
                settings.maintenance_multiple,
                settings.adverse_move_per_hour,
                wallets_usd=self.inputs.wallets_usd,
            )
            for spec in self.specs
            if spec.kind == "frozen"
            for exchange in exchanges
            if spec.venue in {"", exchange}
        )
