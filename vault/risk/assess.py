"""One assessment of one snapshot: margin risk of every account, fragility, and what is missing.

Pure: no I/O, no clock (`at` is given). Refuses to guess: an account whose numbers cannot be used has
no `AccountRisk` and is named in `missing`; so is every source that failed.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from vault.canonical import digest
from vault.codec import encode
from vault.errors import PolicyError
from vault.model import AccountRisk, Assessment
from vault.risk.margin import contradictions, unusable
from vault.risk.markets import NO_MARKETS
from vault.risk.stress import joint_distance, joint_scenarios, run_scenario

if TYPE_CHECKING:
    from vault.model import MarginAccount, Snapshot
    from vault.risk.markets import MarketFindings

State = Literal["ok", "warning", "critical"]

# The least common fall or rise an account must survive to be called ok, whatever the policy wants.
WARNING_DISTANCE: Final = Decimal("0.15")
CRITICAL_DISTANCE: Final = Decimal("0.05")
# A reading may be this far ahead of our clock before it is refused as coming from the future.
MAX_AHEAD: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class RiskParameters:
    """Size of the joint shock (0..1), multiple k of maintenance margin to keep, greatest age of data."""

    joint_shock: Decimal
    maintenance_multiple: Decimal
    max_age_seconds: int

    def __post_init__(self) -> None:
        if not self.joint_shock.is_finite() or not 0 < self.joint_shock < 1:
            raise PolicyError(
                "bad_parameter", f"joint_shock: expected between 0 and 1, found {self.joint_shock}"
            )
        if not self.maintenance_multiple.is_finite() or not 1 <= self.maintenance_multiple <= 100:
            raise PolicyError(
                "bad_parameter",
                f"maintenance_multiple: expected 1 to 100, found {self.maintenance_multiple}",
                hint="Below 1 the account is liquidated before the excess is used up.",
            )
        if self.max_age_seconds <= 0:
            raise PolicyError(
                "bad_parameter", f"max_age_seconds: expected 1 or more, found {self.max_age_seconds}"
            )


def assess(
    snapshot: Snapshot, parameters: RiskParameters, at: datetime, markets: MarketFindings = NO_MARKETS
) -> Assessment:
    """Assess `snapshot` as of `at`. Never raises for what a source said; names it instead."""
    max_age = timedelta(seconds=parameters.max_age_seconds)
    missing = [f"source.{item.source}: {item.code}" for item in snapshot.failures]
    accounts: list[AccountRisk] = []
    for account in snapshot.accounts:
        missing += [f"account.{account.name}: {what}" for what in account.missing]
        if (age := at - account.observed_at) > max_age:
            missing.append(f"account.{account.name}: stale, {int(age.total_seconds())} s old")
        elif -age > MAX_AHEAD:
            missing.append(f"account.{account.name}: from the future")
        risk = account_risk(account, parameters)
        if isinstance(risk, str):
            missing.append(f"account.{account.name}: {risk}")
        else:
            accounts.append(risk)
    return Assessment(
        snapshot_digest=digest(encode(snapshot)),
        treasury_id=snapshot.treasury_id,
        taken_at=snapshot.taken_at,
        accounts=tuple(accounts),
        indicators=markets.indicators,
        fragility=markets.fragility,
        fragility_upper=markets.most,
        coverage=markets.coverage,
        missing=(*missing, *markets.missing),
        fragility_least=markets.least,
        regime=markets.regime,
        asset=markets.asset,
        steps=markets.steps,
    )


def account_risk(account: MarginAccount, parameters: RiskParameters) -> AccountRisk | str:
    """Margin risk of one account, or in words why it cannot be computed.

    `equity` and `maintenance_margin` are the venue's word; the scenarios are computed from the parts, and
    where both cannot be true a flag says so.
    """
    if reason := unusable(account):
        return reason
    try:
        results = tuple(
            run_scenario(account, scenario, parameters.maintenance_multiple)
            for scenario in joint_scenarios(parameters.joint_shock)
        )
        worst = min(results, key=lambda result: result.excess)
        return AccountRisk(
            account=account.name,
            observed_at=account.observed_at,
            equity=account.equity,
            maintenance_margin=account.maintenance_margin,
            stress_excess=worst.excess,
            binding_scenario=worst.scenario,
            scenarios=results,
            joint_distance=joint_distance(account),
            flags=(*account.flags, *contradictions(account)),
        )
    except decimal.DecimalException as error:
        return f"numbers out of range ({type(error).__name__})"


def account_state(risk: AccountRisk) -> State:
    """critical: equity is gone or not above maintenance margin, or a small joint move does it.

    Equity of zero or less is critical before anything is divided by it: a ratio to a negative equity is
    negative and looks healthy. warning: the stress scenarios leave nothing, or the distance is short.
    """
    if risk.equity <= 0 or risk.equity <= risk.maintenance_margin:
        return "critical"
    distance = abs(risk.joint_distance) if risk.joint_distance is not None else None
    if distance is not None and distance <= CRITICAL_DISTANCE:
        return "critical"
    if risk.stress_excess < 0 or (distance is not None and distance <= WARNING_DISTANCE) or risk.flags:
        return "warning"
    return "ok"
