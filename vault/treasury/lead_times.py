"""How long withdrawals and deposits took, and what that means: estimates, time to liquidation, float.

Percentiles are nearest ranks of what was recorded, never interpolated. The speed of an adverse move is a
rule of the configuration and no forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.clock import from_iso
from vault.errors import VaultError
from vault.store import venues as known
from vault.store.venues import Way
from vault.treasury.plan import Expected

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from vault.model import AccountRisk, MarginAccount
    from vault.risk.assess import RiskParameters
    from vault.store.database import Writer
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk

# Seconds between blocks, where a chain has no other name for finality; rounded up.
BLOCK_SECONDS: Final[dict[str, int]] = {
    "bitcoin": 600, "ethereum": 12, "arbitrum": 1, "optimism": 2, "base": 2, "polygon": 2, "avalanche": 2,
    "tron": 3, "solana": 1, "xrp": 4, "stellar": 6, "cosmos": 6, "ton": 5,
}  # fmt: skip
SLOWEST_BLOCK: Final = 600  # of a chain that is not listed
HOUR: Final = 3600
# Longer than this a coin was held up by something else: a venue's check, or a machine that was off.
INCIDENT: Final = 24 * HOUR
# By which a venue's time of credit may be ahead of ours.
CLOCKS_APART: Final = timedelta(minutes=1)


def percentile(seconds: list[int], share: int) -> int:
    """The nearest rank: the least recorded value that `share` of 100 records do not exceed."""
    ranked = sorted(seconds)
    return ranked[max(1, -(-share * len(ranked) // 100)) - 1]


def usual(seconds: list[int]) -> list[int]:
    """Records without a single one of more than `INCIDENT`: two of those are how the venue is."""
    ranked = sorted(seconds)
    alone = bool(ranked) and ranked[-1] > INCIDENT and (len(ranked) == 1 or ranked[-2] <= INCIDENT)
    return ranked[:-1] if alone else ranked


def expected(connection: Connection, way: Way, confirmations: int, chain: str) -> Expected:
    """What is recorded of this way, and never less than the confirmations take that are waited for.

    When a deposit was credited is the venue's word: it cannot make a late one timely.
    """
    found = usual(known.lead_times(connection, way))
    seconds = confirmations * BLOCK_SECONDS.get(chain, SLOWEST_BLOCK)
    if found:
        slow = max(percentile(found, 95), seconds)
        return Expected(percentile(found, 50), slow, len(found), "recorded here")
    waits = "venue says" if way.direction == "deposit" else "this treasury waits for"
    count = f"{confirmations} confirmation" + ("" if confirmations == 1 else "s")
    return Expected(None, seconds, 0, f"no record yet: {waits} {count}")


def expected_of(desk: Desk, way: Way, exchange: str, confirmations: int) -> Expected:
    """The same, with the chain that carries the asset on the venue's network."""
    from vault.venues.registry import asset_network

    chain = asset_network(exchange, way.asset, way.network).chain
    with desk.store.read() as connection:
        return expected(connection, way, confirmations, chain)


def record(writer: Writer, way: Way, step: IntentRow, ended_at: datetime) -> None:
    """Keep how long a step took since its first attempt.

    Nothing is kept of one that ended before it began, or after now by this machine's clock: one of the clocks
    was wrong.
    """
    began = step.facts.get("first_submitted_at") or step.submitted_at
    if began and from_iso(str(began)) < ended_at <= from_iso(writer.at) + CLOCKS_APART:
        seconds = int((ended_at - from_iso(str(began))).total_seconds())
        known.save_lead_time(writer, step.client_id, way, seconds)


def seconds_to_liquidation(risk: AccountRisk, speed_per_hour: Decimal) -> int | None:
    """How long until all prices have moved by the joint distance at that speed; None: no move does it.

    distance / speed, cut down to whole seconds. Zero once equity does not exceed maintenance margin.
    """
    if risk.equity <= risk.maintenance_margin:
        return 0
    if risk.joint_distance is None:
        return None
    return int(abs(risk.joint_distance) / speed_per_hour * HOUR)


@dataclass(frozen=True, slots=True)
class OperatingFloat:
    """Margin that has to wait at a venue (USD), because nothing else arrives within `seconds`.

    `need` = excess now - least excess over a joint fall and rise of `move`, where `move` = speed per hour *
    seconds / 3600 (at most 0.99) and excess = equity - k * maintenance margin. `free` = excess now - need:
    below zero a top-up that is sent now may come too late.
    """

    account: str
    seconds: int
    move: Decimal
    need: Decimal
    excess: Decimal
    basis: str

    @property
    def free(self) -> Decimal:
        return self.excess - self.need


def operating_float(
    account: MarginAccount, wait: Expected, parameters: RiskParameters, speed_per_hour: Decimal
) -> OperatingFloat:
    """The float of one account over the p95 of its deposits."""
    from vault.risk.stress import GREATEST_MOVE, Scenario, joint_scenarios, run_scenario

    multiple = parameters.maintenance_multiple
    now = run_scenario(account, Scenario("now", Decimal(0)), multiple).excess
    move = min(GREATEST_MOVE, speed_per_hour * wait.p95_seconds / HOUR)
    scenarios = joint_scenarios(move) if move > 0 else ()
    least = min((run_scenario(account, each, multiple).excess for each in scenarios), default=now)
    return OperatingFloat(account.name, wait.p95_seconds, move, max(Decimal(0), now - least), now, wait.basis)


@dataclass(frozen=True, slots=True)
class LeadTime:
    """One way and what is recorded of it."""

    way: Way
    expected: Expected


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """Everything recorded, the float of every account that could be read, and what could not be said."""

    ways: tuple[LeadTime, ...]
    floats: tuple[OperatingFloat, ...]
    missing: tuple[str, ...]


def report(desk: Desk, accounts: tuple[MarginAccount, ...]) -> LeadTimes:
    """Lead times of all ways, and each account's float over the p95 of its deposits of its band's asset."""
    from vault.risk.margin import unusable

    with desk.store.read() as connection:
        ways = tuple(LeadTime(way, expected(connection, way, 0, "")) for way in known.known_ways(connection))
    speed = desk.treasury.config.risk.adverse_move_per_hour
    floats, missing = [], []
    for account in accounts:
        try:
            if reason := unusable(account):
                missing.append(f"{account.name}: {reason}")
                continue
            wait = _of_deposits(desk, account.name)
            floats.append(operating_float(account, wait, desk.risk_parameters(), speed))
        except VaultError as error:
            missing.append(f"{account.name}: {error.code}: {error.message}")
    return LeadTimes(ways, tuple(floats), tuple(missing))


def _of_deposits(desk: Desk, name: str) -> Expected:
    """What a deposit takes of the asset and on the network of the account's band."""
    from vault.errors import DeniedError

    band = desk.policy().policy.band_of(name)
    if band is None:
        raise DeniedError("no_band", f"the policy has no band for {name}")
    info = desk.venues.network_info(name, band.asset, band.venue_network)
    way = Way(name, band.asset, band.venue_network, "deposit")
    return expected_of(desk, way, desk.treasury.venue(name).exchange, info.confirmations)
