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
from vault.money import Amount
from vault.treasury.shown import require_shown

if TYPE_CHECKING:
    from vault.bitcoin.descriptor import Descriptor, Place
    from vault.bitcoin.spend import ExpectedSpend, FeeLimits, VerifiedSpend
    from vault.bitcoin.transaction import OutPoint
    from vault.bitcoin.wallet.watch import BuiltPsbt
    from vault.device.bitcoin.request import Origin, SignedInputs, SpendRequest
    from vault.policy.document import Policy
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer


def fee_limits(policy: Policy) -> FeeLimits:
    """The policy's caps on network fees."""
    from vault.bitcoin.spend import FeeLimits

    return FeeLimits(policy.fees.max_fee_amount, policy.fees.max_fee_rate, policy.fees.max_fee_share)


def expected_spend(desk: Desk, transfer: Transfer) -> ExpectedSpend:
    """What the plan says the PSBT must be: its payments, its coins, its fee, change only to ourselves."""
    from vault.bitcoin.spend import ExpectedSpend
    from vault.bitcoin.transaction import OutPoint

    network = network_of(desk.treasury.config.bitcoin.network)
    return ExpectedSpend(
        desk.descriptor(transfer.source),
        tuple((script_pubkey(each.address, network), each.amount) for each in transfer.payments),
        network,
        inputs=tuple(OutPoint.parse(coin) for coin in transfer.coins),
        fee=transfer.fee,
    )


def verify_transfer(desk: Desk, transfer: Transfer) -> VerifiedSpend:
    """Prove the plan's PSBT against the plan. Raises `PsbtError`, one code for each kind of lie.

    A group that its cosigners' devices have not shown yet spends nothing (`DeniedError`).
    """
    from vault.bitcoin.verify import verify_psbt

    require_shown(desk, transfer.source)
    limits = fee_limits(desk.policy().policy)
    verified = verify_psbt(psbt_bytes(transfer), expected_spend(desk, transfer), limits)
    back = Amount.zero(transfer.fee.asset) if verified.change is None else verified.change.amount
    if back != transfer.returned:
        # Coins and fee settle it already: said of a plan that shows its approvers another amount.
        raise PlanError(
            "returned_differs",
            f"expected {transfer.returned} back in {transfer.source}, found {back}",
            hint="Make a new plan.",
        )
    return verified


def psbt_bytes(transfer: Transfer) -> bytes:
    """The PSBT out of the plan's base64. Raises `PlanError`."""
    try:
        return base64.b64decode(transfer.psbt, validate=True)
    except (binascii.Error, ValueError):
        raise PlanError("bad_psbt", f"transfer {transfer.number}: the PSBT is not base64") from None


def coins_of(transfers: Iterable[Transfer]) -> tuple[OutPoint, ...]:
    """Every coin that these transfers spend: two transactions of one plan must not share one."""
    from vault.bitcoin.transaction import OutPoint

    return tuple(OutPoint.parse(coin) for transfer in transfers for coin in transfer.coins)


def returned_by(built: BuiltPsbt) -> Amount:
    """What a transaction pays to nobody: its change."""
    from vault.bitcoin.psbt.document import Psbt

    outputs = sum(each.value for each in Psbt.parse(built.psbt).unsigned.outputs)
    return Amount(built.fee.asset, outputs - sum(amount.units for _, amount in built.payments))


def device_request(verified: VerifiedSpend) -> SpendRequest:
    """The verified spend as the device is asked to sign it: only proven facts, nothing from the PSBT.

    A group's signatures that are there already go along, for the next cosigner's device.
    """
    from vault.address import address_of
    from vault.device.bitcoin.request import PartialSignature, SpendInput, SpendOutput, SpendRequest

    expected = verified.expected
    outputs: list[SpendOutput | None] = [None] * len(verified.unsigned.outputs)
    for payment in verified.payments:
        outputs[payment.output] = SpendOutput(
            payment.amount.units, payment.script, address=address_of(payment.script, expected.network)
        )
    if (change := verified.change) is not None:
        origin = origin_of(expected.descriptor, change.place)
        outputs[change.output] = SpendOutput(change.amount.units, change.script, change=origin)
    inputs = tuple(
        SpendInput(
            each.outpoint.txid,
            each.outpoint.vout,
            each.sequence,
            each.amount.units,
            expected.descriptor.kind,
            origin_of(expected.descriptor, each.place),
            each.previous,
        )
        for each in verified.inputs
    )
    proven = tuple(output for output in outputs if output is not None)
    if len(proven) != len(outputs):
        raise PlanError("unproven_output", "an output of the transaction is neither planned nor change")
    partial = tuple(PartialSignature(each.input, each.key, each.signature) for each in verified.partial)
    return SpendRequest(verified.unsigned.version, verified.unsigned.locktime, inputs, proven, partial)


def origin_of(descriptor: Descriptor, place: Place) -> Origin:
    """A place as a device finds it: the path of one key, or the group and where in it."""
    from vault.device.bitcoin.request import Cosigner, GroupOrigin, KeyOrigin, Multisig

    if not descriptor.group:
        return KeyOrigin(place.keys[0].fingerprint, place.keys[0].path, place.keys[0].key)
    cosigners = tuple(
        Cosigner(key.fingerprint, key.path, key.account.text(descriptor.network)) for key in descriptor.keys
    )
    return GroupOrigin(Multisig(descriptor.threshold, cosigners), int(place.change), place.index)


def with_answer(verified: VerifiedSpend, answer: SignedInputs) -> VerifiedSpend:
    """A group's spend with the signatures that a cosigner's device returned, each proven again by us.

    Raises `PsbtError`.
    """
    from vault.bitcoin.spend import PartialSignature
    from vault.bitcoin.verify import collect

    return collect(
        verified, (PartialSignature(each.input, each.key, each.signature) for each in answer.partial)
    )
