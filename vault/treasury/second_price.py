"""The price of another source: what a venue says of its own prices is compared, and the need measured again.

Refuses a top-up whose venue shows prices that somebody else does not see. Without a source that answers the
plan says so, and the policy may refuse that too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from vault.errors import DeniedError, VaultError, VenueError
from vault.money import CONTEXT, plain
from vault.policy.precautions import PRICE, Precaution

if TYPE_CHECKING:
    from vault.config_risk import PriceSettings
    from vault.model import AccountRisk, MarginAccount
    from vault.treasury.desk import Desk


@dataclass(frozen=True, slots=True)
class Compared:
    """Prices as the venue and as others have them; `risk` is the account's at the others' prices."""

    precaution: Precaution
    risk: AccountRisk | None


def compare(desk: Desk, account: MarginAccount) -> Compared:
    """Ask every source for the coins that the account holds or trades.

    Raises `DeniedError` (``denied.price_disagrees``) when any differs beyond the configured bound.
    """
    ratios: dict[str, Decimal] = {}
    said: list[str] = []
    silent: list[str] = []
    for base, own in sorted(_prices(account).items()):
        failed = []
        for source in _sources(desk, account, base):
            try:
                price = ask(desk, source)
            except VaultError as error:
                desk.progress(f"{source.name}: {error.code}: {error.message}")
                failed.append(f", and {source.name} does not answer")
                continue
            said.append(_agreeing(desk, account, source, own, price))
            ratios.setdefault(base, CONTEXT.divide(price, own[0]))
        if base not in ratios:
            alone = f"no independent price of {base}: the need rests on the venue's word alone"
            silent.append(alone + "".join(failed))
    par = _at_par(desk, account)
    risk = _risk_at(desk, account, ratios, par) if ratios or par else None
    if silent:
        return Compared(Precaution(PRICE, "unsaid", f"{account.name}: {'; '.join(silent)}"), risk)
    kept = "; ".join(said) or f"{account.name} holds nothing that has a price"
    return Compared(Precaution(PRICE, "kept", kept), risk)


def ask(desk: Desk, source: PriceSettings) -> Decimal:
    """The present mark price of a source. Raises `VenueError`, also for one that is not of now."""
    from vault.markets.marks import QUESTIONS, read_mark

    question = QUESTIONS[source.exchange]
    answer = desk.venues.public(source.name, question.endpoint, question.parameters(source.symbol))
    mark = read_mark(source.exchange, source.symbol, answer.text)
    age = abs((desk.clock.now() - mark.at).total_seconds())
    if age > desk.risk_parameters().max_age_seconds:
        raise VenueError("stale", f"{source.name}: expected a price of now, found one {int(age)} s apart")
    return mark.price


def _prices(account: MarginAccount) -> dict[str, tuple[Decimal, ...]]:
    """Every price that the venue shows of each coin, marks before the prices of collateral."""
    from vault.risk.margin import STABLE_ASSETS

    found: dict[str, tuple[Decimal, ...]] = {}
    pairs = [(each.base, each.mark_price) for each in account.positions if each.size]
    pairs += [(each.asset, each.price) for each in account.collateral if each.balance]
    for base, price in pairs:
        if base not in STABLE_ASSETS and price > 0:
            found[base] = (*found.get(base, ()), price)
    return found


def _at_par(desk: Desk, account: MarginAccount) -> dict[str, Decimal]:
    """What takes dollars to one dollar, where the venue shows another price: nobody is asked for those.

    A venue that calls them worthless would show a need that is none; if they are, a person decides.
    """
    from vault.risk.margin import STABLE_ASSETS

    bound = desk.treasury.config.risk.max_price_difference
    return {
        each.asset: CONTEXT.divide(Decimal(1), each.price)
        for each in account.collateral
        if each.asset in STABLE_ASSETS and each.price > 0 and abs(each.price - 1) > bound
    }


def _sources(desk: Desk, account: MarginAccount, base: str) -> list[PriceSettings]:
    """Configured sources of a coin at other exchanges: an exchange is no witness of itself."""
    return [
        each for each in desk.treasury.config.price if each.base == base and each.exchange != account.exchange
    ]


def _agreeing(
    desk: Desk, account: MarginAccount, source: PriceSettings, own: tuple[Decimal, ...], price: Decimal
) -> str:
    bound = desk.treasury.config.risk.max_price_difference
    for each in own:
        if abs(each - price) > bound * price:
            raise DeniedError(
                "price_disagrees",
                f"{account.name} says {each:f} USD for {source.base}, {source.name} ({source.exchange}) "
                f"{price:f}: further apart than {plain(bound * 100)} %",
                hint="One of them is wrong. Look at both, and at a third; then decide by hand.",
            )
    return f"{source.base}: {own[0]:f} USD, {source.name} ({source.exchange}) says {price:f}"


def _risk_at(
    desk: Desk, account: MarginAccount, ratios: dict[str, Decimal], par: dict[str, Decimal]
) -> AccountRisk | None:
    """The account's risk with every price of a coin moved to where others see it, and dollars at `par`."""
    from vault.risk.assess import account_risk

    one, held = Decimal(1), {**ratios, **par}
    with localcontext(CONTEXT):
        moved = replace(
            account,
            positions=tuple(
                replace(each, mark_price=each.mark_price * ratios.get(each.base, one))
                for each in account.positions
            ),
            collateral=tuple(
                replace(each, price=each.price * held.get(each.asset, one)) for each in account.collateral
            ),
        )
    found = account_risk(moved, desk.risk_parameters())
    return None if isinstance(found, str) else found
