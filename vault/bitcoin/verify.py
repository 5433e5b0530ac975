"""Is this PSBT what the plan says, and is what the device returned what was asked? No library decides.

`verify_psbt` refuses before the device, `verify_signed` and `verify_serialised` after it; each reason
has its own code. What a PSBT says about keys, coins and change is a claim: previous transactions are
hashed, scripts derived again from our own descriptor.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_UP, Decimal
from typing import Final

from vault.bitcoin.claims import (
    check_global_fields,
    check_input_fields,
    check_output_fields,
    path_hint,
    require_claims,
)
from vault.bitcoin.finalise import assemble, require_consensus, worst_weight
from vault.bitcoin.psbt import KeyOrigin, Psbt, PsbtInput, PsbtOutput
from vault.bitcoin.psbt_fields import In, Out
from vault.bitcoin.signatures import checked_signatures, signatures_of_witnesses
from vault.bitcoin.spend import (
    ExpectedSpend,
    FeeLimits,
    FinalTransaction,
    VerifiedInput,
    VerifiedOutput,
    VerifiedSpend,
    describe,
)
from vault.bitcoin.transaction import MAX_MONEY, Transaction, TxIn, TxOut
from vault.errors import PsbtError
from vault.money import BTC, CONTEXT, Amount

__all__ = ["describe", "verify_psbt", "verify_serialised", "verify_signed"]

# Nodes do not relay heavier transactions (Bitcoin Core, MAX_STANDARD_TX_WEIGHT).
MAX_WEIGHT: Final = 400_000
# Fee rates are compared exactly and shown with three digits.
_RATE_STEP: Final = Decimal("0.001")


def verify_psbt(psbt: bytes, expected: ExpectedSpend, limits: FeeLimits) -> VerifiedSpend:
    """Prove that `psbt` spends our coins as planned and nothing else. Raises `PsbtError`.

    Proven: every input is ours and worth what its hashed previous transaction says; every output is a
    planned payment or change derived again from our descriptor; fee within `limits`; version, locktime,
    sequence and sighash as planned; no field, script or signature that does not belong.
    """
    if expected.descriptor.network != expected.network:
        raise PsbtError(
            "other_network",
            f"expected a wallet of {expected.network.name}, found one of {expected.descriptor.network.name}",
        )
    parsed = Psbt.parse(psbt)
    unsigned = parsed.unsigned
    _transaction_as_planned(unsigned, expected)
    check_global_fields(parsed.globals)
    inputs = tuple(
        _verified_input(number, tx_in, fields, expected)
        for number, (tx_in, fields) in enumerate(zip(unsigned.inputs, parsed.inputs, strict=True))
    )
    payments, change = _verified_outputs(parsed, expected)
    fee, vsize, rate = _fee(unsigned, inputs, payments, limits)
    if expected.fee is not None and fee != expected.fee:
        raise PsbtError("fee_differs", f"expected the planned fee of {expected.fee}, found {fee}")
    return VerifiedSpend(psbt, expected, unsigned, unsigned.txid, inputs, payments, change, fee, vsize, rate)


def verify_signed(verified: VerifiedSpend, signatures: Iterable[tuple[int, bytes]]) -> FinalTransaction:
    """Build the final transaction from (input number, signature) pairs and prove it. Raises `PsbtError`.

    ECDSA signatures are strict DER with low s and without a sighash byte, Schnorr signatures 64 bytes.
    Each is checked with our own digest and key, then libbitcoinkernel runs every script.
    """
    checked = checked_signatures(verified, tuple(signatures))
    final = assemble(verified, checked)
    if final.without_witness() != verified.unsigned or final.txid != verified.txid:
        raise PsbtError("unsigned_tx_changed", f"expected transaction {verified.txid}, found {final.txid}")
    allowed = worst_weight(verified.unsigned, [each.script for each in verified.inputs])
    if final.weight > allowed:
        raise PsbtError("too_heavy", f"expected at most {allowed} weight units, found {final.weight}")
    raw = final.serialise()
    require_consensus(raw, [each.spent for each in verified.inputs])
    return FinalTransaction(raw, final.txid, final.wtxid, verified.fee, final.vsize)


def verify_serialised(verified: VerifiedSpend, raw: bytes) -> FinalTransaction:
    """The same for a whole signed transaction as a device or another signer returned it.

    Without its witnesses it must equal the unsigned transaction. Raises `PsbtError`.
    """
    returned = Transaction.parse(raw)
    if any(each.script_sig for each in returned.inputs):
        raise PsbtError(
            "serialised_script_sig", "expected empty scriptSigs (witness inputs), found a filled one"
        )
    if returned.without_witness() != verified.unsigned:
        raise PsbtError(
            "serialised_differs",
            f"expected transaction {verified.txid} back, found {returned.txid}",
            hint="The device signed something else. Do not broadcast it; check device and host.",
        )
    return verify_signed(verified, signatures_of_witnesses(verified, returned))


def _transaction_as_planned(unsigned: Transaction, expected: ExpectedSpend) -> None:
    if unsigned.version != expected.version:
        raise PsbtError(
            "tx_version", f"expected transaction version {expected.version}, found {unsigned.version}"
        )
    if unsigned.locktime != expected.locktime:
        raise PsbtError("locktime", f"expected locktime {expected.locktime}, found {unsigned.locktime}")
    if not unsigned.inputs:
        raise PsbtError("no_inputs", "expected at least one input, found none")
    for number, each in enumerate(unsigned.inputs):
        if each.sequence != expected.sequence:
            raise PsbtError(
                "sequence",
                f"input {number}: expected sequence {expected.sequence:#010x}, found {each.sequence:#010x}",
            )
    found = [each.outpoint for each in unsigned.inputs]
    if len(set(found)) != len(found):
        twice = next(point for point in found if found.count(point) > 1)
        raise PsbtError("duplicate_input", f"expected each coin once, found {twice} twice")
    if expected.inputs is not None and set(found) != set(expected.inputs):
        extra = sorted(set(found) - set(expected.inputs))
        missing = sorted(set(expected.inputs) - set(found))
        raise PsbtError(
            "unplanned_input" if extra else "input_missing",
            f"expected exactly the planned coins; not planned: {_list(extra)}; missing: {_list(missing)}",
        )


def _list(points: Iterable[object]) -> str:
    return ", ".join(str(point) for point in points) or "none"


def _verified_input(number: int, tx_in: TxIn, fields: PsbtInput, expected: ExpectedSpend) -> VerifiedInput:
    name, descriptor = f"input {number}", expected.descriptor
    check_input_fields(name, fields, descriptor.kind)
    coin, previous = _proven_coin(name, tx_in, fields)
    taproot = descriptor.kind == "p2tr"
    origins = fields.origins(taproot=taproot)
    place = descriptor.find(coin.script, path_hint(origins, descriptor.origin_path), expected.change_gap)
    if place is None:
        raise PsbtError(
            "foreign_input",
            f"{name}: expected a coin of this wallet, found {tx_in.outpoint} with script {coin.script.hex()}",
        )
    if place[1] >= expected.change_gap:
        raise PsbtError(
            "input_index",
            f"{name}: expected an index below {expected.change_gap}, found {place[1]}",
        )
    require_claims(name, origins, fields.get(In.TAP_INTERNAL_KEY), descriptor, place)
    if fields.sighash() not in ({None, 0x00} if taproot else {None, 0x01}):
        raise PsbtError(
            "sighash",
            f"{name}: expected the whole transaction to be signed, found sighash {fields.sighash():#x}",
        )
    return VerifiedInput(
        tx_in.outpoint,
        Amount(BTC, coin.value),
        coin.script,
        tx_in.sequence,
        place[0],
        place[1],
        descriptor.path(*place),
        descriptor.key(*place),
        previous,
    )


def _proven_coin(name: str, tx_in: TxIn, fields: PsbtInput) -> tuple[TxOut, bytes]:
    """The spent output out of the previous transaction, which must hash to the outpoint."""
    raw, point = fields.get(In.NON_WITNESS_UTXO), tx_in.outpoint
    if raw is None:
        raise PsbtError(
            "prevtx_missing",
            f"{name}: expected the previous transaction {point.txid}, found none",
            hint="Amounts are proven by previous transactions only, for taproot too.",
        )
    previous = Transaction.parse(raw)
    if previous.txid != point.txid:
        raise PsbtError(
            "prevtx_txid", f"{name}: expected previous transaction {point.txid}, found {previous.txid}"
        )
    if point.vout >= len(previous.outputs):
        raise PsbtError(
            "prevtx_output",
            f"{name}: expected output {point.vout} in {point.txid}, found {len(previous.outputs)} outputs",
        )
    coin = previous.outputs[point.vout]
    if coin.value > MAX_MONEY:
        raise PsbtError("bad_amount", f"{name}: expected at most {MAX_MONEY} sat, found {coin.value}")
    claimed = fields.witness_utxo()
    if claimed is not None and claimed != coin:
        raise PsbtError(
            "witness_utxo_differs",
            f"{name}: expected {coin.value} sat to {coin.script.hex()} as the previous transaction says, "
            f"found {claimed.value} sat to {claimed.script.hex()}",
            hint="Somebody lies about the amount to hide the fee. Do not sign.",
        )
    return coin, raw


def _verified_outputs(
    parsed: Psbt, expected: ExpectedSpend
) -> tuple[tuple[VerifiedOutput, ...], VerifiedOutput | None]:
    pending = list(expected.payments)
    planned = {script for script, _ in expected.payments}
    payments: list[VerifiedOutput] = []
    change: VerifiedOutput | None = None
    for number, (tx_out, fields) in enumerate(zip(parsed.unsigned.outputs, parsed.outputs, strict=True)):
        name = f"output {number}"
        if tx_out.value > MAX_MONEY:
            raise PsbtError("bad_amount", f"{name}: expected at most {MAX_MONEY} sat, found {tx_out.value}")
        check_output_fields(name, fields, expected.descriptor.kind)
        if tx_out.script in planned:
            _take_payment(name, tx_out, pending, expected.payments)
            _payment_claims(name, tx_out, fields, expected)
            payments.append(VerifiedOutput(number, tx_out.script, Amount(BTC, tx_out.value)))
            continue
        found = _verified_change(number, parsed, fields, expected)
        if change is not None:
            raise PsbtError(
                "second_change",
                f"{name}: expected at most one change output, found {change.output} and {number}",
            )
        change = found
    if pending:
        script, amount = pending[0]
        raise PsbtError(
            "payment_missing", f"expected a payment of {amount} to {script.hex()}, found none in the outputs"
        )
    return tuple(payments), change


def _take_payment(
    name: str,
    tx_out: TxOut,
    pending: list[tuple[bytes, Amount]],
    planned: tuple[tuple[bytes, Amount], ...],
) -> None:
    payment = (tx_out.script, Amount(BTC, tx_out.value))
    if payment in pending:
        pending.remove(payment)
        return
    if payment in planned:
        raise PsbtError(
            "payment_twice",
            f"{name}: {payment[1]} to {tx_out.script.hex()} was planned {planned.count(payment)} time(s), "
            "found once more",
        )
    amounts = _list(amount for script, amount in planned if script == tx_out.script)
    raise PsbtError(
        "payment_amount", f"{name}: expected {amounts} to {tx_out.script.hex()}, found {payment[1]}"
    )


def _payment_claims(name: str, tx_out: TxOut, fields: PsbtOutput, expected: ExpectedSpend) -> None:
    """A payment dressed up as change would not be shown by the device: refused unless truly ours."""
    if not fields.fields:
        return
    descriptor = expected.descriptor
    origins = fields.origins(taproot=descriptor.kind == "p2tr")
    place = descriptor.find(tx_out.script, path_hint(origins, descriptor.origin_path), 0)
    if place is None:
        raise PsbtError(
            "payment_claims_path",
            f"{name}: a payment to {tx_out.script.hex()} claims to be a key of ours",
            hint="A device would hide it as change. Do not sign.",
        )
    require_claims(name, origins, fields.get(Out.TAP_INTERNAL_KEY), descriptor, place)


def _verified_change(
    number: int, parsed: Psbt, fields: PsbtOutput, expected: ExpectedSpend
) -> VerifiedOutput:
    name, descriptor, tx_out = f"output {number}", expected.descriptor, parsed.unsigned.outputs[number]
    origins = fields.origins(taproot=descriptor.kind == "p2tr")
    hint = path_hint(origins, descriptor.origin_path)
    place = descriptor.find(tx_out.script, hint, expected.change_gap)
    if place is None:
        raise _not_ours(name, tx_out, origins, parsed.unsigned, expected)
    change, index = place
    if not change:
        raise PsbtError(
            "change_branch", f"{name}: expected change on the change branch, found receive index {index}"
        )
    if index >= expected.change_gap:
        raise PsbtError(
            "change_index",
            f"{name}: expected a change index below {expected.change_gap}, found {index}",
            hint="Coins that far out are not found again by a wallet restored from its seed.",
        )
    require_claims(name, origins, fields.get(Out.TAP_INTERNAL_KEY), descriptor, place)
    return VerifiedOutput(
        number, tx_out.script, Amount(BTC, tx_out.value), descriptor.path(*place), descriptor.key(*place)
    )


def _not_ours(
    name: str,
    tx_out: TxOut,
    origins: tuple[KeyOrigin, ...],
    unsigned: Transaction,
    expected: ExpectedSpend,
) -> PsbtError:
    """Why an output is neither planned nor ours: it poses as change, replaces a payment, or comes on top."""
    found = [(each.script, each.value) for each in unsigned.outputs]
    paid = all((script, amount.units) in found for script, amount in expected.payments)
    code, hint = ("extra_output" if paid else "unplanned_output"), ""
    if any(origin.fingerprint == expected.descriptor.origin_fingerprint for origin in origins):
        code, hint = "change_not_ours", "It claims our path: somebody tries to take the change. Do not sign."
    return PsbtError(
        code,
        f"{name}: expected a planned payment or our change, "
        f"found {tx_out.value} sat to {tx_out.script.hex()}",
        hint=hint,
    )


def _fee(
    unsigned: Transaction,
    inputs: tuple[VerifiedInput, ...],
    payments: tuple[VerifiedOutput, ...],
    limits: FeeLimits,
) -> tuple[Amount, int, Decimal]:
    fee = sum(each.amount.units for each in inputs) - sum(each.value for each in unsigned.outputs)
    if fee < 0:
        raise PsbtError(
            "outputs_above_inputs", f"expected inputs to cover the outputs, found {-fee} sat too few"
        )
    weight = worst_weight(unsigned, [each.script for each in inputs])
    if weight > MAX_WEIGHT:
        raise PsbtError("too_heavy", f"expected at most {MAX_WEIGHT} weight units, found {weight}")
    vsize = (weight + 3) // 4
    amount, rate = Amount(BTC, fee), CONTEXT.divide(Decimal(fee), Decimal(vsize))
    hint = "Lower the fee rate, or raise the cap where the policy sets it."
    if amount > limits.max_fee:
        raise PsbtError(
            "fee_above_cap", f"expected a fee of at most {limits.max_fee}, found {amount}", hint=hint
        )
    if rate > limits.max_fee_rate:
        raise PsbtError(
            "fee_rate_above_cap",
            f"expected at most {limits.max_fee_rate} sat/vB, found {rate:.3f}",
            hint=hint,
        )
    paid = sum(each.amount.units for each in payments)
    if Decimal(fee) > CONTEXT.multiply(limits.max_fee_share, Decimal(paid)):
        raise PsbtError(
            "fee_share_above_cap",
            f"expected a fee of at most {limits.max_fee_share} of {Amount(BTC, paid)}, found {amount}",
            hint=hint,
        )
    return amount, vsize, rate.quantize(_RATE_STEP, rounding=ROUND_UP)
