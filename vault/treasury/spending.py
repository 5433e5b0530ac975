"""A plan's spend between its three forms: expected by us, verified in the PSBT, asked of a device.

Refuses to hand anything to a device that `vault.bitcoin.verify` has not proven against the plan.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vault.address import network_of, script_pubkey
from vault.errors import PlanError

if TYPE_CHECKING:
    from vault.bitcoin.spend import ExpectedSpend, FeeLimits, VerifiedSpend
    from vault.bitcoin.transaction import OutPoint
    from vault.device.bitcoin.request import SpendRequest
    from vault.policy.document import Policy
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer


def fee_limits(policy: Policy) -> FeeLimits:
    """The policy's caps on network fees."""
    from vault.bitcoin.spend import FeeLimits

    return FeeLimits(policy.fees.max_fee_amount, policy.fees.max_fee_rate, policy.fees.max_fee_share)


def expected_spend(desk: Desk, transfer: Transfer) -> ExpectedSpend:
    """What the plan says the PSBT must be: one payment, change only to the wallet's own descriptor."""
    from vault.bitcoin.spend import ExpectedSpend

    network = network_of(desk.treasury.config.bitcoin.network)
    payment = (script_pubkey(transfer.address, network), transfer.amount)
    return ExpectedSpend(desk.descriptor(transfer.source), (payment,), network, fee=transfer.fee)


def verify_transfer(desk: Desk, transfer: Transfer) -> VerifiedSpend:
    """Prove the plan's PSBT against the plan. Raises `PsbtError`, one code for each kind of lie."""
    from vault.bitcoin.verify import verify_psbt

    return verify_psbt(psbt_bytes(transfer), expected_spend(desk, transfer), fee_limits(desk.policy().policy))


def psbt_bytes(transfer: Transfer) -> bytes:
    """The PSBT out of the plan's base64. Raises `PlanError`."""
    try:
        return base64.b64decode(transfer.psbt, validate=True)
    except (binascii.Error, ValueError):
        raise PlanError("bad_psbt", f"transfer {transfer.number}: the PSBT is not base64") from None


def coins_of(transfers: Iterable[Transfer]) -> tuple[OutPoint, ...]:
    """Every coin that these transfers spend: two transactions of one plan must not share one."""
    from vault.bitcoin.psbt import Psbt

    spends = [transfer for transfer in transfers if transfer.kind == "bitcoin_spend"]
    return tuple(tx_in.outpoint for each in spends for tx_in in Psbt.parse(psbt_bytes(each)).unsigned.inputs)


def device_request(verified: VerifiedSpend) -> SpendRequest:
    """The verified spend as the device is asked to sign it: only proven facts, nothing from the PSBT."""
    from vault.address import address_of
    from vault.device.bitcoin.request import KeyOrigin, SpendInput, SpendOutput, SpendRequest

    expected = verified.expected
    fingerprint = expected.descriptor.origin_fingerprint
    outputs: list[SpendOutput | None] = [None] * len(verified.unsigned.outputs)
    for payment in verified.payments:
        outputs[payment.output] = SpendOutput(
            payment.amount.units, payment.script, address=address_of(payment.script, expected.network)
        )
    if (change := verified.change) is not None:
        origin = KeyOrigin(fingerprint, change.path, change.key)
        outputs[change.output] = SpendOutput(change.amount.units, change.script, change=origin)
    inputs = tuple(
        SpendInput(
            each.outpoint.txid,
            each.outpoint.vout,
            each.sequence,
            each.amount.units,
            expected.descriptor.kind,
            KeyOrigin(fingerprint, each.path, each.key),
            each.previous,
        )
        for each in verified.inputs
    )
    proven = tuple(output for output in outputs if output is not None)
    if len(proven) != len(outputs):
        raise PlanError("unproven_output", "an output of the transaction is neither planned nor change")
    return SpendRequest(verified.unsigned.version, verified.unsigned.locktime, inputs, proven)
