"""An Ethereum transfer for a person: its call decoded, what it costs at most, who of a Safe has signed.

Asks nobody. Refuses to describe what cannot be proven against the plan; nothing is shortened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vault.money import ETH, Amount
from vault.treasury.ethereum.check import verify_offline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.evm.call import EthereumCall
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.ethereum.safes import SafeProgress
    from vault.treasury.plan import Plan, Transfer


@dataclass(frozen=True, slots=True)
class CallReport:
    """What a call does, line by line; `safe`: how far the owners are."""

    transfer: int
    lines: tuple[str, ...]
    safe: SafeProgress | None = None


def report(desk: Desk, transfer: Transfer, steps: Iterable[IntentRow], *, closed: bool = False) -> CallReport:
    """A transfer's call, proven against the plan. Raises `EthereumError`, `SafeError`."""
    call = transfer.ethereum
    decoded = verify_offline(desk, transfer)
    if call.safe is None:
        return CallReport(transfer.number, (*decoded.lines(), f"data: {call.data}", *_outer(call)))
    from vault.ethereum.safe.describe import describe
    from vault.treasury.ethereum.safes import names_of, safe_progress, tx_of

    names = names_of(desk.treasury, transfer)
    lines = describe(tx_of(transfer), call.safe, names=names, fours=True)
    progress = replace(safe_progress(desk, transfer, steps), closed=closed)
    return CallReport(transfer.number, (*lines, *_outer(call)), progress)


def safe_states(desk: Desk, plan: Plan, steps: Iterable[IntentRow]) -> tuple[SafeProgress, ...]:
    """Of every call of a Safe: which owners signed it, and who still may. Raises `SafeError`."""
    from vault.treasury.ethereum.safes import safe_progress

    known = tuple(steps)
    return tuple(
        safe_progress(desk, each, known)
        for each in plan.body.transfers
        if each.call is not None and each.call.safe is not None
    )


def _outer(call: EthereumCall) -> tuple[str, ...]:
    from vault.ethereum.fees import gwei

    return (
        f"sent by: {call.sender} ({call.account}), nonce {call.nonce}",
        f"gas: at most {Amount(ETH, call.max_gas_cost)} ({call.gas_limit} gas at {gwei(call.max_fee)} gwei, "
        f"{gwei(call.max_priority_fee)} of it as tip{_data_fee(call)})",
    )


def _data_fee(call: EthereumCall) -> str:
    return f"; {Amount(ETH, call.data_fee)} for its data on the parent chain" if call.data_fee else ""
