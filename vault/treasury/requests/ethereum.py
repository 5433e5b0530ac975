"""What a person may ask of an account on Ethereum: payments, replacements, allowances, a Safe's owners.

Refuses to replace what is in a block, unsettled or not ours. Nothing here sends: each becomes a plan that is
approved, signed and sent like every other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.errors import PlanError
from vault.store import records
from vault.treasury.ethereum.spend import Built, Errand, build_part, build_payment, build_replacement
from vault.treasury.requests.make import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault.ethereum.build import CallPart
    from vault.ethereum.safe.changes import Change
    from vault.ethereum.safe.state import SafeState
    from vault.money import Amount
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.ethereum.ground import Ground
    from vault.treasury.plan import Plan, Transfer
    from vault.treasury.propose import Proposal

_WAITING: Final = frozenset({"accepted", "unsent"})
# What was signed and given up stays valid until its nonce is used.
_CANCELLABLE: Final = _WAITING | {"cancelled", "signed"}


def pay_from_account(desk: Desk, account: str, destination: str, amount: Amount) -> Proposal:
    """Exactly `amount` out of an account to an entry of the address book, in one transaction.

    Raises `DeniedError`, `EthereumError`, `SafeError`, `AddressError`.
    """
    book, cooling = desk.book().book, desk.policy().policy.address_book.cooling_hours
    entry = book.active(destination, desk.clock.now(), cooling)
    return _plan(desk, lambda: build_payment(desk, Errand("pay", account), entry, amount))


def revoke(desk: Desk, account: str, asset: str, spender: str) -> Proposal:
    """A token's allowance for `spender` back to zero. Raises `EthereumError`, `DeniedError`."""
    from vault.money import asset_of

    def part(ground: Ground) -> CallPart:
        from vault.ethereum.build import revoke as build

        return build(ground.chain.id, asset_of(asset), spender)

    return _plan(desk, lambda: build_part(desk, Errand("revoke", account), part))


def reconfigure(desk: Desk, account: str, change: Callable[[SafeState], Change]) -> Proposal:
    """A change of a Safe by itself; `change` gives it for the Safe as the chain has it.

    Raises `SafeError`, `DeniedError`, `PlanError` for an account that is no Safe.
    """
    settings = desk.treasury.account(account)
    if settings.safe is None:
        raise PlanError("not_a_safe", f"expected a Safe, found {account}, an account of kind {settings.kind}")

    def part(ground: Ground) -> CallPart:
        from vault.ethereum.build import CallPart
        from vault.ethereum.decode import data_text
        from vault.ethereum.safe.state import read_safe

        state = read_safe(ground.view, settings.address)
        return CallPart(settings.address, 0, data_text(change(state).data))

    return _plan(desk, lambda: build_part(desk, Errand("reconfigure", account), part))


def bump_ethereum(desk: Desk, plan: Plan, number: int) -> Proposal:
    """The same again at the same nonce, both fees a tenth higher, or as high as they are now."""
    original = _original(desk, plan, number, _WAITING)
    return _replacing(desk, "bump", plan.transfer(number), original, pays=True)


def cancel_ethereum(desk: Desk, plan: Plan, number: int) -> Proposal:
    """Nothing in the place of a transaction that waits, or that was signed and given up."""
    original = _original(desk, plan, number, _CANCELLABLE)
    return _replacing(desk, "cancel", plan.transfer(number), original, pays=False)


def _replacing(desk: Desk, action: str, transfer: Transfer, original: IntentRow, *, pays: bool) -> Proposal:
    errand = Errand(
        action="bump" if action == "bump" else "cancel",
        source=transfer.source,
        replaces=str(original.facts["txid"]),
        venue_account=transfer.venue_account if pays else "",
        venue_network=transfer.venue_network if pays else "",
        moves=transfer.moves if pays else (),
    )
    return _plan(desk, lambda: build_replacement(desk, errand, transfer, pays=pays))


def _original(desk: Desk, plan: Plan, number: int, states: frozenset[str]) -> IntentRow:
    with desk.store.read() as connection:
        steps = records.intents(connection, plan.plan_id)
    step = next((each for each in steps if (each.transfer, each.kind) == (number, "spend")), None)
    found = step.state if step is not None else "not signed"
    if step is None or found not in states or "raw" not in step.facts:
        raise PlanError(
            "not_replaceable",
            f"transfer {number} of plan {plan.plan_id}: expected a transaction of ours that waits for a "
            f"block, found it {found}",
            hint="`vault reconcile` says how far it is. What is in a block stays.",
        )
    return step


def _plan(desk: Desk, build: Callable[[], Built]) -> Proposal:
    notes: list[str] = []

    def made() -> Transfer:
        built = build()
        notes.extend(built.warnings)
        return built.transfer

    return make_plan(desk, made, notes=notes)
