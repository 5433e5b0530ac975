"""Everything that must still hold of an Ethereum transfer before it is signed and before it is sent.

Refuses a call that is not the plan's, a nonce that is not the next one, fees above the policy's caps, an
account that holds too little, a Safe or a token that is not as it was, and what a node shows to go otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.codec import encode
from vault.errors import EthereumError, PlanError
from vault.money import Amount
from vault.store import records
from vault.treasury.ethereum.expected import directory, expected_of, what_it_does
from vault.treasury.ethereum.ground import (
    Ground,
    confirmed,
    gas_caps,
    require_data_fee,
    require_funds,
    require_own,
    stand,
)
from vault.treasury.ethereum.pins import require_token
from vault.treasury.lineage import Lineage

if TYPE_CHECKING:
    from vault.ethereum.decode import DecodedCall
    from vault.ethereum.simulate import Simulation
    from vault.ethereum.verify import Expected
    from vault.evm.call import EthereumCall
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer

# Whoever compares addresses compares their ends: generated lookalikes agree in so many digits of each.
_ENDS: Final = 4


def check_ethereum(desk: Desk, plan: Plan, transfer: Transfer, data: bytes | None = None) -> None:
    """Check a transfer's call against plan, policy and chain as they are now.

    With `data` (of a Safe, its signed execTransaction) the whole transaction is simulated. Raises
    `EthereumError`, `SafeError`, `PlanError`, `DeniedError`.
    """
    call = transfer.ethereum
    require_apart(desk, transfer)
    with stand(desk, transfer.source) as ground:
        require_own(ground, call)
        verify_offline(desk, transfer)
        _require_recent(ground, call)
        own = _own_step(desk, plan, transfer)
        if _in_chain(ground, own):
            return  # it is mined: what it was to do is done, and reconciliation follows it
        _require_nonce(ground, transfer, own)
        _require_price(ground, call)
        require_data_fee(ground, call, data)
        require_funds(ground, call, data)
        simulation = judge(ground, transfer, expected_of(desk.treasury, transfer), data)
    for warning in simulation.warnings:
        if warning not in plan.body.warnings:
            raise PlanError(
                "new_warning",
                f"transfer {transfer.number}: {warning}",
                hint="Nobody approved that. Ask another node, or make a new plan.",
            )


def judge(ground: Ground, transfer: Transfer, expected: Expected, data: bytes | None = None) -> Simulation:
    """The call decoded, its Safe and token looked at, its balance, and the whole simulated."""
    from vault.ethereum.simulate import simulate
    from vault.ethereum.verify import verify_call

    call = transfer.ethereum
    known = directory(ground.desk.treasury, transfer.network)
    verify_call(call, expected, ground.caps, known)
    if call.safe is not None:
        from vault.treasury.ethereum.safes import check_on_chain

        check_on_chain(ground.desk, transfer)
    for payment in transfer.payments:
        parties = (ground.account.address, payment.address)
        require_token(ground.desk, ground.view, payment.amount.asset, parties, payment.amount.units)
        require_balance(ground, payment.amount)
    if transfer.venue_account:
        _require_creditable(ground, transfer)
    return simulate(ground.view, call, expected, data)


def verify_offline(desk: Desk, transfer: Transfer) -> DecodedCall:
    """The call proven against the plan by our own tables, asking nobody. Raises `EthereumError`."""
    from vault.ethereum.verify import verify_call

    call = transfer.ethereum
    known = directory(desk.treasury, transfer.network)
    return verify_call(call, expected_of(desk.treasury, transfer), gas_caps(desk, call.chain_id), known)


def require_apart(desk: Desk, transfer: Transfer) -> None:
    """No destination resembles another address that is known here: one of them may be poison.

    Raises `EthereumError` (``ethereum.lookalike``).
    """
    book = desk.book().book
    known = {each.address for each in book.entries if each.network == transfer.network}
    known |= {each.address for each in desk.treasury.config.account}
    for payment in transfer.payments:
        for other in sorted(known):
            same = other.lower() == payment.address.lower()  # only its checksum may be wrong
            if not same and _ends(other) == _ends(payment.address):
                raise EthereumError(
                    "lookalike",
                    f"{payment.destination} is {payment.address}, which looks like {other}",
                    hint="Both begin and end alike, as poisoned addresses do. Compare every digit with the "
                    "device that holds its key, and retire the wrong entry.",
                )


def _ends(address: str) -> tuple[str, str]:
    digits = address.removeprefix("0x").lower()
    return digits[:_ENDS], digits[-_ENDS:]


def require_balance(ground: Ground, amount: Amount) -> None:
    """The account holds so much for good. Raises `PlanError` (``plan.balance_moved``)."""
    held = Amount(amount.asset, confirmed(ground, ground.account.address, amount.asset.symbol))
    if held < amount:
        raise PlanError(
            "balance_moved",
            f"{ground.account.name}: expected {amount}, found {held} that is final",
            hint="Make a new plan from what is there now.",
        )


def _require_recent(ground: Ground, call: EthereumCall) -> None:
    """What became of it is looked for from the plan's block on: that is none of the future."""
    if call.block > ground.block.number + ground.confirmations:
        raise EthereumError(
            "bad_field",
            f"block: expected one up to {ground.block.number}, found {call.block}",
            hint="The node is behind, or was wrong when the plan was made. Make a new plan.",
        )


def _require_price(ground: Ground, call: EthereumCall) -> None:
    if ground.block.base_fee is not None and call.max_fee < ground.block.base_fee:
        raise EthereumError(
            "fee_too_low",
            f"gas costs {ground.block.base_fee} wei now, the transaction pays {call.max_fee} at most",
            hint="It would wait for nobody knows how long. Cancel this plan, and make a new one.",
        )


def _require_nonce(ground: Ground, transfer: Transfer, own: IntentRow | None) -> None:
    """The nonce is the next one, and nobody waits with it but this transaction, or what it replaces."""
    from vault.ethereum.nonces import require_nonce

    call = transfer.ethereum
    latest = ground.node.nonce(call.sender, ground.block)
    pending = ground.node.pending_nonce(call.sender)
    ours = [str(own.facts.get("txid", ""))] if own is not None else []
    if transfer.replaces:
        original = _original(ground.desk, transfer)
        _require_replaces(ground, transfer, original)
        with ground.desk.store.read() as connection:
            family = Lineage(connection)
            rows = [*family.replaced(transfer.replaces), *family.replacements(original)]
        ours += [str(row.facts.get("txid", "")) for row in rows]
    require_nonce(call.nonce, latest, latest)
    waiting = any(txid and ground.node.transaction(txid) is not None for txid in ours)
    if pending > latest and not waiting:
        raise EthereumError(
            "foreign_nonce",
            f"nonce {call.nonce} of {call.sender} waits for a block with a transaction that is not this one",
            hint="Run `vault reconcile`. One that is in no plan was sent by somebody else with this key.",
        )


def _original(desk: Desk, transfer: Transfer) -> IntentRow:
    with desk.store.read() as connection:
        found = Lineage(connection).find(transfer.replaces)
    if found is None:
        raise _replaces_differs(transfer, "no such transaction of ours")
    return found


def _require_replaces(ground: Ground, transfer: Transfer, original: IntentRow) -> None:
    """It takes the place of a transaction of ours: same nonce, same payments or none, a tenth dearer."""
    from vault.ethereum.fees import require_replacement
    from vault.treasury.history import stored_plan

    with ground.desk.store.read() as connection:
        row = records.find_plan(connection, original.plan_id)
    if row is None:
        raise _replaces_differs(transfer, "no plan of it")
    before = stored_plan(row).transfer(original.transfer)
    old, call = before.ethereum, transfer.ethereum
    # A bump does what the original was to do, to the byte; a cancel is what `expected_of` says.
    same = transfer.action == "cancel" or (
        what_it_does(old) == what_it_does(call)
        and encode(transfer.payments) == original.facts["payments"]
        and (before.venue_account, before.moves) == (transfer.venue_account, transfer.moves)
    )
    same = same and (old.safe and old.safe.nonce) == (call.safe and call.safe.nonce)
    if before.uses != transfer.uses or before.source != transfer.source or not same:
        raise _replaces_differs(transfer, "another nonce or another call")
    require_replacement((old.max_fee, old.max_priority_fee), (call.max_fee, call.max_priority_fee))
    if ground.node.receipt(transfer.replaces) is not None:
        raise PlanError(
            "already_confirmed",
            f"{transfer.replaces} is in a block: there is nothing to replace any more",
            hint="Run `vault reconcile`, and cancel this plan.",
        )


def _replaces_differs(transfer: Transfer, found: str) -> PlanError:
    return PlanError(
        "replaces_differs",
        f"transfer {transfer.number}: expected nonce and payments of {transfer.replaces}, found {found}",
        hint="Do not sign it. Make a new plan.",
    )


def _own_step(desk: Desk, plan: Plan, transfer: Transfer) -> IntentRow | None:
    with desk.store.read() as connection:
        steps = records.intents(connection, plan.plan_id)
    found = (step for step in steps if (step.transfer, step.kind) == (transfer.number, "spend"))
    return next(found, None)


def _in_chain(ground: Ground, own: IntentRow | None) -> bool:
    """Whether what was signed is mined; of what nobody has signed yet the record says nothing."""
    if own is None or own.state in {"planned", "signing"} or not (txid := str(own.facts.get("txid", ""))):
        return False
    return ground.node.receipt(txid) is not None


def _require_creditable(ground: Ground, transfer: Transfer) -> None:
    """What a venue credits by its sender comes from the account that it is credited to."""
    settings = ground.desk.treasury.venue(transfer.venue_account)
    if settings.exchange != "hyperliquid":
        return
    from vault.ethereum.hyperliquid.bridge import require_deposit

    payment = transfer.payment
    require_deposit(
        chain_id=ground.chain.id,
        sender=ground.account.address,
        to=payment.address,
        amount=payment.amount,
        account=settings.account_uid,
    )
