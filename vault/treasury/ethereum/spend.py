"""Builds Ethereum transfers: payments, allowances taken back, changes of a Safe, and what replaces them.

Each is decoded, checked and simulated before it becomes a plan. Refuses a sender that has a transaction under
way, gas above the policy's caps, tokens that are not as pinned, and what a node shows to move anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vault.errors import DeniedError, PlanError
from vault.evm.call import EthereumCall
from vault.money import ETH, Amount
from vault.treasury.ethereum.check import judge, require_apart, require_balance
from vault.treasury.ethereum.expected import expected_of, what_it_does
from vault.treasury.ethereum.ground import Ground, fees_now, next_nonce, require_funds, stand, with_data_fee
from vault.treasury.plan import Payment, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vault.ethereum.build import CallPart
    from vault.model import Action
    from vault.money import Asset
    from vault.policy.book import Entry
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Expected, Move


# What a contract pays for a call with ether, to an account that was not there yet (yellow paper, G_callvalue
# and G_newaccount): a transaction of its own pays neither.
_VALUE_GAS: Final = 9_000 + 25_000


@dataclass(frozen=True, slots=True)
class Built:
    """A transfer, and what its approvers are to know of it."""

    transfer: Transfer
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Errand:
    """What a transfer is for: its number, action and account, and where it is credited."""

    action: Action
    source: str
    number: int = 1
    venue_account: str = ""
    venue_network: str = ""
    moves: tuple[Move, ...] = ()
    expected: Expected | None = None
    replaces: str = ""


def build_payment(
    desk: Desk, errand: Errand, entry: Entry, amount: Amount, before: Iterable[Transfer] = ()
) -> Built:
    """Exactly `amount` to an entry of the address book, out of an account of a device or a Safe.

    `before` are the other transfers of the plan: one sender has one transaction in it. Raises `DeniedError`,
    `EthereumError`, `SafeError`, `PlanError`.
    """
    from vault.ethereum.build import payment

    with stand(desk, errand.source) as ground:
        _require_network(ground, entry)
        _require_free(ground, before)
        require_balance(ground, amount)
        part = payment(ground.chain.id, amount, entry.address)
        paid = (Payment(entry.id, entry.address, amount),)
        return _built(ground, errand, _fresh(ground, part), paid, amount.asset)


def build_part(desk: Desk, errand: Errand, make: Callable[[Ground], CallPart]) -> Built:
    """What pays nobody: an allowance taken back, or a change of a Safe."""
    with stand(desk, errand.source) as ground:
        return _built(ground, errand, _fresh(ground, make(ground)), (), ETH)


def build_replacement(desk: Desk, errand: Errand, original: Transfer, *, pays: bool) -> Built:
    """The original again, or nothing in its place, at the same nonce and for at least a tenth more.

    Of a Safe that pays nothing it is a call to itself at the same nonce of the Safe: that rejects what its
    owners have signed. Raises `DeniedError`, `EthereumError`, `PlanError`.
    """
    from vault.ethereum.build import CallPart, cancel
    from vault.ethereum.fees import replacement_fees

    before = original.ethereum
    with stand(desk, errand.source) as ground:
        part = CallPart(*what_it_does(before)) if pays else cancel(ground.account.address)
        call = _call(ground, part, before.nonce)
        if call.safe is not None and before.safe is not None and call.safe.nonce != before.safe.nonce:
            raise PlanError(
                "already_confirmed",
                f"{errand.source} has done its transaction {before.safe.nonce} meanwhile",
                hint="Run `vault reconcile`.",
            )
        present = fees_now(ground)
        most, tip = replacement_fees(before.max_fee, before.max_priority_fee, present)
        call = replace(call, max_fee=most, max_priority_fee=tip)
        paid = original.payments if pays else ()
        return _built(ground, errand, call, paid, original.fee.asset)


def _built(
    ground: Ground, errand: Errand, call: EthereumCall, paid: tuple[Payment, ...], asset: Asset
) -> Built:
    call = with_data_fee(ground, call)
    transfer = Transfer(
        number=errand.number,
        action=errand.action,
        kind="ethereum_spend",
        source=errand.source,
        venue_account=errand.venue_account,
        network=f"eip155:{ground.chain.id}",
        venue_network=errand.venue_network,
        payments=paid,
        fee=Amount.zero(asset),  # of what takes another's place, of the same asset: limits compare the two
        replaces=errand.replaces,
        moves=errand.moves,
        expected=errand.expected,
        call=call,
    )
    expected = expected_of(ground.desk.treasury, transfer)
    require_apart(ground.desk, transfer)
    require_funds(ground, call)
    simulation = judge(ground, transfer, expected)
    return Built(transfer, simulation.warnings)


def _fresh(ground: Ground, part: CallPart) -> EthereumCall:
    call = _call(ground, part, next_nonce(ground))
    fees = fees_now(ground)
    return replace(call, max_fee=fees.max_fee, max_priority_fee=fees.max_priority_fee)


def _call(ground: Ground, part: CallPart, nonce: int) -> EthereumCall:
    """The call without its fees."""
    call = EthereumCall(
        chain_id=ground.chain.id,
        account=ground.sender.name,
        sender=ground.sender.address,
        nonce=nonce,
        gas_limit=0,
        max_fee=0,
        max_priority_fee=0,
        to=part.to,
        value=part.value,
        data=part.data,
        block=ground.block.number,
    )
    if ground.account.safe is None:
        return replace(call, gas_limit=_gas(ground, part))
    from vault.ethereum.decode import data_bytes
    from vault.ethereum.safe.execute import gas_around
    from vault.treasury.ethereum.safes import planned_safe_call

    safe = planned_safe_call(ground.desk, ground.account.name, part.to, part.value, data_bytes(part.data))
    inner = _gas(ground, part)
    limit = inner * 64 // 63 + 1 + gas_around(safe.threshold) + (_VALUE_GAS if part.value else 0)
    return replace(call, to=safe.address, value=0, data="0x", safe=safe, gas_limit=limit)


def _gas(ground: Ground, part: CallPart) -> int:
    from vault.ethereum.decode import data_bytes
    from vault.ethereum.fees import gas_limit
    from vault.ethereum.view import CallRequest

    request = CallRequest(part.to, data_bytes(part.data), ground.account.address, part.value)
    estimate = ground.node.estimate_gas(request)
    return gas_limit(estimate, fee=ground.table.fee, block_gas_limit=ground.block.gas_limit)


def _require_network(ground: Ground, entry: Entry) -> None:
    if entry.network != f"eip155:{ground.chain.id}":
        raise DeniedError(
            "other_network",
            f"expected an entry on eip155:{ground.chain.id}, where {ground.account.name} is, "
            f"found {entry.id} on {entry.network}",
        )


def _require_free(ground: Ground, before: Iterable[Transfer]) -> None:
    for other in before:
        if other.call is not None and other.call.sender == ground.sender.address:
            raise DeniedError(
                "in_flight",
                f"{ground.sender.name} sends transfer {other.number} of this plan: one transaction at a time",
                hint="The next plan takes it up.",
            )
