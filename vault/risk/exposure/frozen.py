"""A venue that lets nothing out: which other accounts need its money, and whether there is any elsewhere.

Pure and exact. Money whose worth is not known counts as nothing to lean on, and is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from vault.errors import PolicyError
from vault.money import BTC
from vault.risk.exact import ONE, ZERO, exact
from vault.risk.exposure.outcome import Outcome, run_case
from vault.risk.exposure.scenario import Case, cases
from vault.risk.margin import unusable

if TYPE_CHECKING:
    from vault.model import MarginAccount
    from vault.risk.exposure.scenario import ScenarioSpec


@dataclass(frozen=True, slots=True)
class Dependence:
    """What a freeze of `exchange` does to the accounts elsewhere, in USD, at its worst common move `case`.

    `locked`: what its accounts are worth now, None when one of them cannot be computed. `needs`: accounts
    elsewhere that are short at those prices, and by how much. `elsewhere`: what the others can spare there
    and what wallets hold. `uncovered` is what only the frozen money could have paid; above zero every account
    in `needs` depends on it. `unknown` names what could not be counted.
    """

    exchange: str
    case: str
    locked: Decimal | None
    needs: tuple[tuple[str, Decimal], ...]
    elsewhere: Decimal
    uncovered: Decimal
    unknown: tuple[str, ...]

    @property
    def dependents(self) -> tuple[str, ...]:
        """The accounts that depend on the frozen money."""
        return tuple(name for name, _ in self.needs) if self.uncovered > 0 else ()


@exact
def dependence(
    accounts: tuple[MarginAccount, ...],
    spec: ScenarioSpec,
    exchange: str,
    multiple: Decimal,
    speed_per_hour: Decimal,
    *,
    wallets_usd: Decimal | None,
) -> Dependence:
    """Freeze every account at `exchange` and move prices for all alike, down and up.

    `wallets_usd`: what wallets hold in bitcoin, at present prices. Raises `PolicyError` for a scenario in
    which nothing is frozen.
    """
    if spec.kind != "frozen":
        raise PolicyError("bad_scenario", f"{spec.name}: expected a frozen venue, found a {spec.kind}")
    found = [
        _at(accounts, spec, exchange, case, multiple, wallets_usd)
        for case in cases(spec, None, speed_per_hour)
    ]
    return max(found, key=lambda each: (each.uncovered, sum((need for _, need in each.needs), ZERO)))


def _at(  # noqa: PLR0917 -- all of it is one question
    accounts: tuple[MarginAccount, ...],
    spec: ScenarioSpec,
    exchange: str,
    case: Case,
    multiple: Decimal,
    wallets_usd: Decimal | None,
) -> Dependence:
    unknown: list[str] = []
    needs: list[tuple[str, Decimal]] = []
    elsewhere = ZERO
    locked: Decimal | None = ZERO
    if wallets_usd is None:
        unknown.append("what the wallets are worth")
    else:
        elsewhere += wallets_usd * (ONE + case.move.share_of(BTC.symbol))
    for account in accounts:
        if account.exchange == exchange:
            locked = None if locked is None or unusable(account) else locked + max(ZERO, account.equity)
            continue
        found = run_case(account, spec, case, multiple)
        if found.excess is None:
            unknown.append(f"{account.name}: {found.reason}")
        elif found.excess < 0:
            needs.append((account.name, -found.excess))
        else:
            elsewhere += _spare(account, found, unknown)
    need = sum((amount for _, amount in needs), ZERO)
    uncovered = max(ZERO, need - elsewhere)
    return Dependence(exchange, case.name, locked, tuple(needs), elsewhere, uncovered, tuple(unknown))


def _spare(account: MarginAccount, found: Outcome, unknown: list[str]) -> Decimal:
    """What can leave an account that is not frozen: its excess, and no more than the venue lets out now."""
    if account.custody != "venue":
        return ZERO
    if account.available_to_withdraw is None:
        unknown.append(f"{account.name}: what can be withdrawn")
        return ZERO
    return max(ZERO, min(found.excess or ZERO, account.available_to_withdraw))
