"""Where everything is: on venues or in wallets whose keys are here, and how concentrated that is.

Pure and exact. Refuses to call a place empty because nobody knows what is in it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from vault.risk.exact import ONE, ZERO, exact, rounded
from vault.risk.margin import equity, isolated_equity, unusable
from vault.risk.pool import prices_of

if TYPE_CHECKING:
    from vault.model import MarginAccount

SHARE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Holdings:
    """USD by place. `venues`: one line an exchange, accounts of one exchange added up. `wallets`: what the
    keys here hold, None: not known. `unknown` names what could not be counted."""

    venues: tuple[tuple[str, Decimal], ...]
    wallets: Decimal | None
    unknown: tuple[str, ...] = ()

    @property
    @exact
    def on_venues(self) -> Decimal:
        """What is known to be on venues, in USD."""
        return sum((amount for _, amount in self.venues), ZERO)

    @exact
    def share_on_venues(self) -> Decimal | None:
        """Venues over everything; None where a part is not known or there is nothing."""
        if self.wallets is None or self.unknown or not (whole := self.on_venues + self.wallets):
            return None
        return rounded(self.on_venues / whole, SHARE_DIGITS)

    @exact
    def concentration(self) -> Decimal | None:
        """HHI: the sum of squared shares of the exchanges in what is on venues; 1 is all at one of them."""
        if self.unknown or not (whole := self.on_venues):
            return None
        return rounded(sum(((amount / whole) ** 2 for _, amount in self.venues), ZERO), SHARE_DIGITS)


@exact
def worth(account: MarginAccount) -> Decimal | None:
    """Everything an account holds less its debts, in USD before haircuts; None: its numbers are unusable.

    Coins with a custodian count too: their keys are not here.
    """
    if unusable(account):
        return None
    plain = dataclasses.replace(
        account,
        collateral=tuple(
            dataclasses.replace(item, ratio=ONE, tiers=(), debt_ratio=ONE) for item in account.collateral
        ),
    )
    prices = prices_of(account)
    waiting = sum((each.balance * prices.get(each.asset, ZERO) for each in account.waiting), ZERO)
    return equity(plain, ZERO) + isolated_equity(plain) + waiting


@exact
def holdings(
    accounts: tuple[MarginAccount, ...],
    wallets_usd: Decimal | None,
    beside: tuple[tuple[str, Decimal], ...] = (),
    unread: tuple[str, ...] = (),
) -> Holdings:
    """`beside`: (exchange, USD) outside of margin; `unread`: accounts that were not read at all."""
    by_venue: dict[str, Decimal] = {}
    unknown = list(unread)
    for account in accounts:
        amount = worth(account)
        if amount is None:
            unknown.append(account.name)
        else:
            by_venue[account.exchange] = by_venue.get(account.exchange, ZERO) + max(ZERO, amount)
        known = prices_of(account)
        unknown += [f"{w.asset} waiting at {account.name}" for w in account.waiting if w.asset not in known]
    for exchange, amount in beside:
        by_venue[exchange] = by_venue.get(exchange, ZERO) + amount
    return Holdings(tuple(sorted(by_venue.items())), wallets_usd, tuple(unknown))
