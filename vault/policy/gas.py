"""Gas: what a transaction of ours on Ethereum may cost, alone and with the others of a rolling window.

Refuses every transaction on a chain without a `[[gas]]` table. What is pending or UNKNOWN counts with the
most it can cost, what is final with what it cost, also when it was reverted. Each chain has its own budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from vault.errors import MoneyError
from vault.money import ETH, Amount, plain
from vault.policy.limits import LimitResult

if TYPE_CHECKING:
    from vault.model import Outflow
    from vault.policy.document import Policy


@dataclass(frozen=True, slots=True)
class GasCost:
    """The most that a transaction can cost, in ETH, and the most it pays for a gas, in wei.

    `counted` is what it can cost more than the one that it replaces; None: it replaces none.
    """

    chain_id: int
    max_cost: Amount
    max_fee: int
    counted: Amount | None = None

    @property
    def gwei(self) -> Decimal:
        return Decimal(self.max_fee).scaleb(-9)


def chain_id(network: str) -> int:
    """The id in ``eip155:1``; 0 for a network of every other kind."""
    kind, _, number = network.partition(":")
    return int(number) if kind == "eip155" and number.isdecimal() else 0


def step_of(chain_id: int) -> str:
    """How the step of a decision is called that judges gas on a chain."""
    return f"gas:{chain_id}"


def no_table(chain_id: int) -> LimitResult:
    """What is said of a chain that the policy does not know."""
    reason = f"the policy has no [[gas]] table for chain {chain_id}: nothing moves there"
    return LimitResult(step_of(chain_id), False, reason, ())


def check_gas(policy: Policy, cost: GasCost, history: tuple[Outflow, ...], at: datetime) -> LimitResult:
    """Whether a transaction is within the caps of its chain and within what the window has left."""
    table = policy.gas_of(cost.chain_id)
    if table is None:
        return no_table(cost.chain_id)
    spent = spent_on_gas(cost.chain_id, table.window_hours, history, at)
    counted = cost.max_cost if cost.counted is None else cost.counted
    try:
        after = spent + counted
    except MoneyError:
        after = None
    facts = (
        ("max_cost", str(cost.max_cost)),
        ("max_fee_per_gas", f"{plain(cost.gwei)} gwei"),
        (f"gas in {table.window_hours} h", str(spent)),
        ("window_amount", str(table.window)),
    )

    def judged(within: bool, reason: str) -> LimitResult:
        return LimitResult(table.name, within, reason, facts)

    if cost.max_fee > table.max_fee_wei:
        cap = f"{plain(table.max_fee_per_gas)} gwei"
        return judged(False, f"{plain(cost.gwei)} gwei for a gas is above {cap}")
    if cost.max_cost > table.max_cost_amount:
        return judged(False, f"gas of {cost.max_cost} is above {table.max_cost_amount} for one transaction")
    if after is None or after > table.window:
        before = f"gas of {spent} in {table.window_hours} h; with {counted}"
        return judged(False, f"{before} above {table.window}")
    return judged(True, f"gas within {table.max_cost_amount} and {table.window} in {table.window_hours} h")


def spent_on_gas(chain_id: int, hours: int, history: tuple[Outflow, ...], at: datetime) -> Amount:
    """What the window of a chain already holds; magnitudes count, so no entry can lower the sum."""
    since = at - timedelta(hours=hours)
    spent = Amount.zero(ETH)
    for outflow in history:
        if outflow.chain_id == chain_id and outflow.at >= since:
            spent += Amount(ETH, abs(outflow.gas.units))
    return spent
