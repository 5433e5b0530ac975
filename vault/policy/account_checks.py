"""What a transfer of an account on Ethereum is checked against besides: chain, gas, who signs and pays.

Refuses a chain without a `[[gas]]` table, an entry on another network than the account, an account that is
only watched, and a second transaction of a sender while the first is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.money import ETH, Amount
from vault.policy.checks import check_wallet_age
from vault.policy.gas import chain_id, check_gas, no_table, step_of

if TYPE_CHECKING:
    from vault.model import WalletBalance
    from vault.policy.checks import Round
    from vault.policy.gas import GasCost
    from vault.policy.trail import Trail


def chain_of(state: Round, wallet: WalletBalance | None, destinations: tuple[str, ...]) -> int:
    """The Ethereum chain of a transfer by its wallet, else by its destinations; 0 for Bitcoin."""
    known = {entry.id: entry for entry in state.book.entries}
    found = [] if wallet is None else [chain_id(wallet.network)]
    found += [chain_id(known[each].network) for each in destinations if each in known]
    return next((each for each in found if each), 0)


def check_account(state: Round, trail: Trail, wallet: WalletBalance, destinations: tuple[str, ...]) -> None:
    """An account on Ethereum can pay there, and is paid by nobody else: its network, gas and nonces."""
    step = f"wallet:{wallet.name}"
    _check_networks(state, trail, wallet, destinations)
    if not chain_id(wallet.network):
        return
    payer = wallet.gas_from
    if not payer:
        trail.deny(step, f"expected an account that somebody signs for, found {wallet.name} only watched")
        return
    for each in state.snapshot.findings:
        if each.foreign and each.account in {wallet.name, payer}:
            trail.deny(step, f"expected no transaction but ours, found {each.line}")


def _check_networks(state: Round, trail: Trail, wallet: WalletBalance, destinations: tuple[str, ...]) -> None:
    known = {entry.id: entry for entry in state.book.entries}
    for entry in (known[each] for each in destinations if each in known):
        there, here = entry.network, wallet.network
        if chain_id(there) != chain_id(here) or (here and there != here):
            trail.deny(
                f"wallet:{wallet.name}",
                f"expected an entry on {here or 'Bitcoin'}, found {entry.id} on {there}",
            )


def check_sender(state: Round, trail: Trail, payer: str) -> None:
    """One transaction of a sender at a time: the nonce of the next is not known before."""
    if payer and payer in state.in_flight and payer != trail.subject:
        trail.deny("in_flight", f"a transaction of {payer}, which pays the gas, is under way")


def check_table(state: Round, trail: Trail, chain: int) -> None:
    """A chain that the policy does not know gets nothing: what arrives there could not leave again."""
    if chain and state.policy.gas_of(chain) is None:
        trail.deny(step_of(chain), no_table(chain).reason)


def check_cost(
    state: Round, trail: Trail, wallet: WalletBalance | None, cost: GasCost, *, built: bool
) -> None:
    """The caps and the budget of gas; who pays it has so much, or anything while it is not yet `built`."""
    judged = check_gas(state.policy, cost, state.history, state.at)
    (trail.note if judged.within else trail.deny)(judged.name, judged.reason, judged.facts)
    payer = "" if wallet is None else wallet.gas_from
    if not payer:
        return
    held = state.wallet(payer, "ETH")
    if held is None:
        trail.deny(f"wallet:{payer}", f"its balance is not known, and it pays the gas of {trail.source}")
        return
    check_wallet_age(state, trail, held)
    needed = cost.max_cost if built else Amount(ETH, 1)
    if held.confirmed < needed:
        trail.deny(f"wallet:{payer}", f"expected {needed} for gas, found {held.confirmed}")
