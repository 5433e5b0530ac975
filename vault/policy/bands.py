"""How much a band calls for: sweeps down to the target, top-ups up to it, never beyond a balance.

Refuses to size a transfer on a number that is missing. An amount holds in EVERY stress scenario, each
with the asset's own value there: a coin swept today is worth more in the scenario where prices rise.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from vault.money import CONTEXT, Amount, plain

if TYPE_CHECKING:
    from vault.model import AccountRisk, MarginAccount, ScenarioResult, WalletBalance
    from vault.policy.document import Band, Evacuation


@dataclass(frozen=True, slots=True)
class Call:
    """What a band or an evacuation calls for: an amount, or nothing (None) and why.

    `problem` is set when something is called for but cannot be sized or paid; that is a deny.
    """

    amount: Amount | None
    reason: str
    facts: tuple[tuple[str, str], ...]
    problem: str | None = None


def sweep_call(band: Band, risk: AccountRisk, account: MarginAccount) -> Call:
    """Least over scenarios of (excess - target) / unit value, when the stress excess is above the ceiling.

    Never above balance, the venue's greatest withdrawal of the asset, or what the account has free;
    quantised down to the band's step.
    """
    facts = [("stress_excess", _usd(risk.stress_excess)), ("binding_scenario", risk.binding_scenario)]
    if risk.stress_excess <= band.ceiling:
        return Call(None, f"stress excess is not above the ceiling of {_usd(band.ceiling)}", tuple(facts))
    held = next((item for item in account.collateral if item.asset == band.asset), None)
    if held is None or held.max_withdraw is None:
        return _problem(f"the venue does not say how much {band.asset} can be withdrawn", facts)
    caps = [held.balance, held.max_withdraw]
    wanted: Decimal | None = None
    with localcontext(CONTEXT) as context:
        context.rounding = decimal.ROUND_FLOOR
        for result in risk.scenarios:
            unit = _unit_value(result, band.asset)
            if unit is None:
                return _problem(f"{result.scenario}: {band.asset} has no value there", facts)
            room = (result.excess - band.target) / unit
            wanted = room if wanted is None else min(wanted, room)
            facts.append((result.scenario, f"excess {_usd(result.excess)}, one {band.asset} {_usd(unit)}"))
        if account.available_to_withdraw is not None:
            caps.append(account.available_to_withdraw / (held.price * held.ratio or held.price))
    if wanted is None:
        return _problem("no stress scenario was computed", facts)
    facts += [("balance", plain(held.balance)), ("max_withdraw", plain(held.max_withdraw))]
    return _sized(band, min(wanted, *caps), f"down to the target of {_usd(band.target)}", facts)


def top_up_call(band: Band, risk: AccountRisk, wallet: WalletBalance | None, reserve: Amount) -> Call:
    """Greatest over scenarios of (target - excess) / unit value, when the stress excess is below the floor.

    Never above what the wallet holds confirmed less `reserve` (the greatest fee, or gas in ETH). An amount
    that would not lift the account to its floor is refused: it would only go down with it, and a person
    decides.
    """
    facts = [("stress_excess", _usd(risk.stress_excess)), ("binding_scenario", risk.binding_scenario)]
    if risk.stress_excess >= band.floor:
        return Call(None, f"stress excess is not below the floor of {_usd(band.floor)}", tuple(facts))
    if band.top_up_from is None:
        return _problem("below the floor, and the band names no wallet to top up from", facts)
    if wallet is None:
        return _problem(f"the balance of wallet {band.top_up_from} is not known", facts)
    with localcontext(CONTEXT):
        needed, least = Decimal(0), Decimal(0)
        for result in risk.scenarios:
            unit = _unit_value(result, band.asset)
            if unit is None:
                return _problem(f"{result.scenario}: {band.asset} has no value there", facts)
            needed = max(needed, (band.target - result.excess) / unit)
            least = max(least, (band.floor - result.excess) / unit)
            facts.append((result.scenario, f"excess {_usd(result.excess)}, one {band.asset} {_usd(unit)}"))
        free = max(Decimal(0), wallet.confirmed.to_decimal() - reserve.to_decimal())
    facts += [("wallet_confirmed", str(wallet.confirmed)), ("fee_reserve", str(reserve))]
    if free < least:
        return _problem(f"wallet {wallet.name} cannot lift the account to its floor", facts)
    return _sized(band, min(needed, free), f"up to the target of {_usd(band.target)}", facts)


def evacuation_call(evacuation: Evacuation, wallet: WalletBalance, reserve: Amount) -> Call:
    """All that is confirmed in the wallet, but `reserve`: gas that it pays in what it is emptied of.

    A fee of the Bitcoin network comes out of the amount.
    """
    facts = [("wallet_confirmed", str(wallet.confirmed)), ("wallet_pending", str(wallet.pending))]
    least, nothing = evacuation.amount(evacuation.min_change), Amount.zero(wallet.asset)
    if reserve.units:
        facts.append(("gas_reserve", str(reserve)))
    amount = wallet.confirmed - reserve if wallet.confirmed > reserve else nothing
    if amount < least:
        return Call(None, f"less than the smallest change of {least}", tuple(facts))
    return Call(amount, f"all of wallet {wallet.name}", tuple(facts))


def _sized(band: Band, number: Decimal, reason: str, facts: list[tuple[str, str]]) -> Call:
    least = band.amount(band.min_change)
    amount = Amount.floor(max(Decimal(0), number), least.asset).quantise_down(band.step_amount)
    if not amount or amount < least:
        return Call(None, f"{amount} is less than the smallest change of {least}", tuple(facts))
    return Call(amount, f"{amount} {reason}", tuple(facts))


def _problem(problem: str, facts: list[tuple[str, str]]) -> Call:
    return Call(None, problem, tuple(facts), problem)


def _unit_value(result: ScenarioResult, asset: str) -> Decimal | None:
    for name, value in result.unit_values:
        if name == asset and value > 0:
            return value
    return None


def _usd(number: Decimal) -> str:
    return f"{plain(number)} USD"
