"""Signs Ethereum transfers: on an account's device, or on the devices of a Safe's owners and its executor's.

What a device returns is read back from its bytes, field by field, before it is kept. Refuses to ask the
executor before enough owners have signed, and to sign what does not go through in a simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.clock import to_iso
from vault.store import records
from vault.treasury.ethereum.accounts import device_key
from vault.treasury.ethereum.check import check_ethereum
from vault.treasury.ethereum.definitions import definitions_for
from vault.treasury.plan import require_live

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from vault.ethereum.verify import VerifiedTransaction
    from vault.evm.call import EthereumCall
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer

    Freezing = Callable[[Desk, Plan], AbstractContextManager[None]]


def sign_ethereum(  # noqa: PLR0917
    desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow, device: str | None, freezing: Freezing
) -> None:
    """Have a checked transfer signed by who is at hand; `freezing` ends the plan when a device says no.

    Of a Safe owners sign first, in any order and at any time; the executor once they are enough. Raises
    `DeviceError` and its kin, `EthereumError`, `SafeError`.
    """
    intent = _begin(desk, intent)
    call, data = transfer.ethereum, None
    if call.safe is not None:
        from vault.treasury.ethereum.safes import outer_call, safe_progress, sign_on_devices

        with freezing(desk, plan):
            intent = sign_on_devices(desk, plan, transfer, intent, device)
        if safe_progress(desk, transfer, (intent,)).missing:
            return
        call = outer_call(transfer, intent)
        data = bytes.fromhex(call.data.removeprefix("0x"))
        # Only now is the whole transaction known: owners' signatures and all, it must go through.
        check_ethereum(desk, plan, transfer, data)
    sender = desk.treasury.account(call.account)
    if device is not None and device != sender.device:
        return
    with freezing(desk, plan):
        signed = _on_device(desk, transfer, str(sender.device), data)
    _keep(desk, plan, intent, signed)


def _begin(desk: Desk, intent: IntentRow) -> IntentRow:
    """Journal that a signer is about to be asked: from now on others may have signatures."""
    asked = str(intent.facts.get("asked_at") or to_iso(desk.clock.now()))
    with desk.store.write() as writer:
        return records.move_intent(writer, intent, "signing", asked_at=asked)


def _on_device(desk: Desk, transfer: Transfer, device: str, data: bytes | None) -> VerifiedTransaction:
    from vault.device.ethereum.sign import sign_ethereum_transaction
    from vault.ethereum.verify import to_transaction, verify_signed

    call = transfer.ethereum
    key = device_key(desk.treasury.account(call.account))
    desk.progress(f"sign transfer {transfer.number} on {device}")
    with desk.device(device) as session:
        told = definitions_for(desk.treasury, call.chain_id, call.to)
        answer = sign_ethereum_transaction(session, to_transaction(call, data), key, told)
    return verify_signed(answer.raw, call, data)


def _keep(desk: Desk, plan: Plan, intent: IntentRow, signed: VerifiedTransaction) -> None:
    require_live(plan, desk.clock.now())
    with desk.store.write() as writer:
        found = records.find_intent(writer.connection, intent.client_id)
        records.move_intent(writer, found, "signed", txid=signed.transaction_hash, raw=signed.raw.hex())


def proven_raw(transfer: Transfer, step: IntentRow) -> bytes:
    """The bytes that a step would send, proven against the plan again. Raises `EthereumError`."""
    from vault.errors import EthereumError
    from vault.ethereum.verify import verify_signed

    raw = bytes.fromhex(str(step.facts["raw"]))
    call = planned_call(transfer, step)
    data = bytes.fromhex(call.data.removeprefix("0x")) if call.safe is not None else None
    found = verify_signed(raw, transfer.ethereum, data)
    if found.transaction_hash != step.facts["txid"]:
        raise EthereumError(
            "altered_transaction",
            f"expected the bytes of {step.facts['txid']}, found those of {found.transaction_hash}",
            hint="The store was altered. `vault audit verify` says where.",
        )
    return raw


def planned_call(transfer: Transfer, step: IntentRow) -> EthereumCall:
    """The call as it leaves: of a Safe with its owners' signatures."""
    if transfer.ethereum.safe is None:
        return transfer.ethereum
    from vault.treasury.ethereum.safes import outer_call

    return outer_call(transfer, step)
