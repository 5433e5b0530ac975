"""The facts that conditions read: each with its value, the moment it was true, and where it comes from.

Refuses to hand out a fact that is missing, older than the policy allows, or from the future: reading
it raises, and the engine reads that as deny. `market.fragility` counts missing indicators as calm, so
that a dead feed cannot cause a transfer; `market.fragility_upper` counts them as worst.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.errors import PolicyError
from vault.model import REQUESTS
from vault.money import plain

if TYPE_CHECKING:
    from vault.model import AccountRisk, Action, Assessment, WalletBalance
    from vault.money import Amount
    from vault.policy.expression import Expression, Value
    from vault.policy.gas import GasCost

# A fact may be this far ahead of our clock (the sources' clocks differ) before it is refused.
MAX_AHEAD: Final = timedelta(seconds=30)

# The indicators of the risk model, by name (a test holds the two lists together).
INDICATORS: Final = (
    "open_interest",
    "funding",
    "liquidation_clusters",
    "realised_liquidations",
    "etf",
    "cross_asset",
    "depth",
    "stablecoins",
    "venue",
    "time_of_day",
)
_MARKET: Final = (
    "market.fragility",
    "market.fragility_upper",
    "market.coverage",
    *(f"market.{name}_score" for name in INDICATORS),
)
_TIME: Final = ("time.hour", "time.weekday")
_TRANSFER: Final = ("transfer.amount", "transfer.asset")
_ACCOUNT: Final = (
    "account.name",
    "account.equity",
    "account.maintenance_margin",
    "account.stress_excess",
    "account.distance",
)
_WALLET: Final = ("wallet.name", "wallet.confirmed", "wallet.pending")
_GAS: Final = ("gas.max_cost", "gas.max_fee")

_REQUEST: Final = (
    *_MARKET,
    *_TIME,
    *_TRANSFER,
    *_WALLET,
    *_GAS,
    "transfer.fee",
    "transfer.fee_rate",
    "transfer.coins",
)

FACTS_OF: Final[dict[str, frozenset[str]]] = {
    "sweep": frozenset((*_MARKET, *_TIME, *_TRANSFER, *_ACCOUNT)),
    "top_up": frozenset((*_MARKET, *_TIME, *_TRANSFER, *_ACCOUNT, *_WALLET, *_GAS)),
    "evacuate": frozenset((*_MARKET, *_TIME, *_TRANSFER, *_WALLET, *_GAS)),
    **dict.fromkeys(REQUESTS, frozenset(_REQUEST)),
    "return": frozenset((*_MARKET, *_TIME, *_TRANSFER)),
    "*": frozenset((*_MARKET, *_TIME, *_TRANSFER)),
    "trigger": frozenset((*_MARKET, *_TIME, *_WALLET)),
}
"""Which facts a condition may name, by the action it is about; ``trigger`` is an evacuation's own `when`."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: its value, when it was true, and its source in words."""

    name: str
    value: Value
    observed_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known for one decision, judged at one instant."""

    facts: tuple[Fact, ...]
    at: datetime
    max_age: timedelta

    def read(self, name: str) -> Value:
        """The value of a fact. Raises `PolicyError` when it is missing, stale or from the future."""
        fact = self._find(name)
        if fact is None:
            raise PolicyError("missing_fact", f"{name} is not known")
        if (problem := self.age_problem(fact.observed_at)) is not None:
            raise PolicyError("stale_fact", f"{name} is {problem}")
        return fact.value

    def age_problem(self, observed_at: datetime) -> str | None:
        """Why something observed then must not be used now, or None."""
        return age_problem(observed_at, self.at, self.max_age)

    def shown(self, expression: Expression) -> tuple[tuple[str, str], ...]:
        """Every fact the expression names with value, age and source, for the trace."""
        return tuple((name, self._shown(name)) for name in expression.facts)

    def _find(self, name: str) -> Fact | None:
        return next((fact for fact in self.facts if fact.name == name), None)

    def _shown(self, name: str) -> str:
        fact = self._find(name)
        if fact is None:
            return "missing"
        value = plain(fact.value) if isinstance(fact.value, Decimal) else str(fact.value)
        age = int((self.at - fact.observed_at).total_seconds())
        return f"{value} ({age} s old, {fact.source})"

    def with_facts(self, *more: Fact) -> Facts:
        return Facts((*self.facts, *more), self.at, self.max_age)


def age_problem(observed_at: datetime, at: datetime, max_age: timedelta) -> str | None:
    """Why something observed then must not be used at `at`, or None."""
    age = at - observed_at
    if age > max_age:
        return f"stale: {int(age.total_seconds())} s old, at most {int(max_age.total_seconds())} s allowed"
    if -age > MAX_AHEAD:
        return f"from the future: {int(-age.total_seconds())} s ahead of the clock"
    return None


def market_facts(assessment: Assessment) -> tuple[Fact, ...]:
    """Fragility as it was assessed, and each indicator's score.

    How old a feed may be differs by feed (a quarter of an hour for a book, days for daily data): the
    assessment has judged that already, and what was too old has no score.
    """
    found: list[Fact] = []
    at = assessment.taken_at
    if assessment.fragility is not None:
        least = assessment.fragility_least
        found.append(Fact("market.fragility", least, at, "assessment, missing indicators as calm"))
    found.append(
        Fact("market.fragility_upper", assessment.fragility_upper, at, "assessment, missing as worst")
    )
    found.append(Fact("market.coverage", assessment.coverage, at, "assessment"))
    found += [
        Fact(f"market.{item.name}_score", item.score, at, item.source)
        for item in assessment.indicators
        if item.score is not None and item.observed_at is not None
    ]
    return tuple(found)


def time_facts(at: datetime) -> tuple[Fact, ...]:
    """Hour of the day (UTC) and weekday (0 is Monday)."""
    return (
        Fact("time.hour", Decimal(at.hour), at, "clock, UTC"),
        Fact("time.weekday", Decimal(at.weekday()), at, "clock, UTC"),
    )


def account_facts(risk: AccountRisk) -> tuple[Fact, ...]:
    """An account in USD; `account.distance` is the joint move to liquidation, a share, 1 if none does it."""
    distance = Decimal(1) if risk.joint_distance is None else abs(risk.joint_distance)
    values: tuple[tuple[str, Value], ...] = (
        ("account.name", risk.account),
        ("account.equity", risk.equity),
        ("account.maintenance_margin", risk.maintenance_margin),
        ("account.stress_excess", risk.stress_excess),
        ("account.distance", distance),
    )
    source = f"account {risk.account}"
    return tuple(Fact(name, value, risk.observed_at, source) for name, value in values)


def wallet_facts(wallet: WalletBalance) -> tuple[Fact, ...]:
    """A wallet in whole units of its asset."""
    values: tuple[tuple[str, Value], ...] = (
        ("wallet.name", wallet.name),
        ("wallet.confirmed", wallet.confirmed.to_decimal()),
        ("wallet.pending", wallet.pending.to_decimal()),
    )
    source = f"wallet {wallet.name}"
    return tuple(Fact(name, value, wallet.observed_at, source) for name, value in values)


def transfer_facts(amount: Amount, action: Action, at: datetime) -> tuple[Fact, ...]:
    """The transfer that is being judged."""
    return (
        Fact("transfer.amount", amount.to_decimal(), at, f"proposed {action}"),
        Fact("transfer.asset", amount.asset.symbol, at, f"proposed {action}"),
    )


def gas_facts(cost: GasCost, at: datetime) -> tuple[Fact, ...]:
    """What a transaction on Ethereum can cost at most: ETH in all, and gwei for a gas."""
    source = f"gas on chain {cost.chain_id}"
    return (
        Fact("gas.max_cost", cost.max_cost.to_decimal(), at, source),
        Fact("gas.max_fee", cost.gwei, at, source),
    )


def without_gas(at: datetime) -> tuple[Fact, ...]:
    """Of what is no transaction on Ethereum: it pays for no gas, and that is known."""
    source = "no transaction on Ethereum"
    return (
        Fact("gas.max_cost", Decimal(0), at, source),
        Fact("gas.max_fee", Decimal(0), at, source),
    )


def request_facts(fee: Amount, fee_rate: Decimal, coins: int, at: datetime) -> tuple[Fact, ...]:
    """What a transaction that a person asks for costs: whole coins, sat/vB, and how many coins it spends."""
    source = "the transaction as built"
    return (
        Fact("transfer.fee", fee.to_decimal(), at, source),
        Fact("transfer.fee_rate", fee_rate, at, source),
        Fact("transfer.coins", Decimal(coins), at, source),
    )
