"""Is this PSBT what the plan says, and is what the signers returned what was asked? No library decides.

`verify_psbt` refuses before the device; `collect`, `verify_signed` and `verify_serialised` after it; each
reason has its own code. What a PSBT says about keys, coins, scripts and change is a claim: previous
transactions are hashed, scripts derived again from our own descriptor.

The whole verifier is this file (below 400 lines) with `claims`, `signatures`, `finalise`, `spend`,
`sighash`, `scripts` and `descriptor*`: below 2,000 lines, to be audited in one sitting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import ROUND_UP, Decimal
from typing import Final

from vault.bitcoin.claims import (
    Previous,
    check_global_fields,
    check_input_fields,
    check_output_fields,
    origin_fields,
    path_hint,
    proven_coin,
    require_claims,
)
from vault.bitcoin.descriptor import PlaceFinder
from vault.bitcoin.finalise import assemble, require_consensus, worst_weight
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.psbt.maps import PsbtInput, PsbtOutput
from vault.bitcoin.sighash import SIGHASH_ALL, SIGHASH_DEFAULT
from vault.bitcoin.signatures import Judge, sighash_refused, signatures_inside
from vault.bitcoin.spend import (
    ExpectedSpend,
    FeeLimits,
    FeeRange,
    FinalTransaction,
    PartialSignature,
    VerifiedChange,
    VerifiedInput,
    VerifiedOutput,
    VerifiedSpend,
    describe,
)
from vault.bitcoin.transaction import Transaction, TxIn, TxOut, hash_id
from vault.errors import PsbtError
from vault.money import BTC, CONTEXT, Amount

__all__ = ["collect", "describe", "verify_psbt", "verify_serialised", "verify_signed"]

# Nodes do not relay heavier transactions (Bitcoin Core, MAX_STANDARD_TX_WEIGHT).
MAX_WEIGHT: Final = 400_000
# Fee rates are compared exactly and shown with three digits.
_RATE_STEP: Final = Decimal("0.001")


def verify_psbt(psbt: bytes, expected: ExpectedSpend, limits: FeeLimits) -> VerifiedSpend:
    """Prove that `psbt` spends our coins as planned and nothing else. Raises `PsbtError`.

    Proven: every input is ours and worth what its hashed previous transaction says; every output is a
    planned payment or change derived again from our descriptor; fee as planned and within `limits`;
    version, locktime, sequence and sighash as planned; no field, script, key or signature that does not
    belong.
    """
    descriptor = expected.descriptor
    if descriptor.network != expected.network:
        raise PsbtError(
            "other_network",
            f"expected a wallet of {expected.network.name}, found one of {descriptor.network.name}",
        )
    parsed = Psbt.parse(psbt)
    parsed.require_version(0)
    unsigned = parsed.unsigned
    _transaction_as_planned(unsigned, expected)
    check_global_fields(parsed.globals, descriptor)
    finder, seen = PlaceFinder(descriptor, expected.change_gap), Previous()
    inputs = tuple(
        _verified_input(f"input {number}", tx_in, fields, expected, (finder, seen))
        for number, (tx_in, fields) in enumerate(zip(unsigned.inputs, parsed.inputs, strict=True))
    )
    payments, change = _verified_outputs(parsed, expected, finder)
    fee, vsize, rate = _fee(unsigned, inputs, expected, change, limits)
    verified = VerifiedSpend(
        psbt, expected, unsigned, unsigned.txid, inputs, payments, change, fee, vsize, rate
    )
    carried = tuple(_carried_signatures(parsed))
    return replace(verified, partial=Judge(verified).partial(carried)) if carried else verified


def collect(verified: VerifiedSpend, partial: Iterable[PartialSignature]) -> VerifiedSpend:
    """The spend with more of its cosigners' signatures, in its PSBT too; each is proven first.

    `VerifiedSpend.missing` says how many more are needed. Raises `PsbtError`.
    """
    proven = Judge(verified).partial(partial)
    psbt = Psbt.parse(verified.psbt)
    maps = list(psbt.inputs)
    for each in proven:
        value = each.signature + bytes([SIGHASH_ALL])
        maps[each.input] = PsbtInput(maps[each.input].put(In.PARTIAL_SIG, value, each.key).fields)
    return replace(verified, psbt=replace(psbt, inputs=tuple(maps)).serialise(), partial=proven)


def verify_signed(
    verified: VerifiedSpend,
    signatures: Iterable[tuple[int, bytes]] = (),
    partial: Iterable[PartialSignature] = (),
) -> FinalTransaction:
    """Build the final transaction and prove it. Raises `PsbtError`.

    `signatures` are (input number, signature) pairs of a wallet with one key, `partial` those of a
    group's cosigners beside the ones that `verified` has. ECDSA signatures are strict DER with low s and
    without a sighash byte, Schnorr signatures 64 bytes. Each is checked with our own digest and key, then
    libbitcoinkernel runs every script.
    """
    judge, single = Judge(verified), tuple(signatures)
    if verified.expected.descriptor.group and not single:
        checked = judge.chosen(judge.partial(partial))
    else:
        judge.partial(partial)
        checked = tuple((signature,) for signature in judge.singles(single))
    final = assemble(verified, checked)
    if final.without_witness() != verified.unsigned:
        raise PsbtError("unsigned_tx_changed", f"expected transaction {verified.txid}, found {final.txid}")
    raw, stripped = final.serialise(), final.serialise(witness=False)
    weight = 3 * len(stripped) + len(raw)
    if weight > 4 * verified.worst_vsize:
        raise PsbtError(
            "too_heavy", f"expected at most {4 * verified.worst_vsize} weight units, found {weight}"
        )
    require_consensus(raw, verified.spent)
    return FinalTransaction(raw, hash_id(stripped), hash_id(raw), verified.fee, (weight + 3) // 4)


def verify_serialised(verified: VerifiedSpend, raw: bytes) -> FinalTransaction:
    """The same for a whole signed transaction as a device or another signer returned it.

    Without its scriptSigs and witnesses it must equal the unsigned transaction. Raises `PsbtError`.
    """
    returned = Transaction.parse(raw)
    if returned.without_witness() != verified.unsigned:
        raise PsbtError(
            "serialised_differs",
            f"expected transaction {verified.txid} back, found {returned.txid}",
            hint="The device signed something else. Do not broadcast it; check device and host.",
        )
    single, partial = signatures_inside(verified, returned, Judge(verified))
    return verify_signed(verified, single, partial)


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
    coins = set(found)
    if len(coins) != len(found):
        twice = next(point for point in found if found.count(point) > 1)
        raise PsbtError("duplicate_input", f"expected each coin once, found {twice} twice")
    if expected.inputs is not None and coins != set(expected.inputs):
        extra, missing = sorted(coins - set(expected.inputs)), sorted(set(expected.inputs) - coins)
        raise PsbtError(
            "unplanned_input" if extra else "input_missing",
            f"expected exactly the planned coins; not planned: {_list(extra)}; missing: {_list(missing)}",
        )
    if expected.confirmed is not None and not coins <= expected.confirmed:
        raise PsbtError(
            "unconfirmed_input",
            f"expected confirmed coins only, found {_list(sorted(coins - expected.confirmed))}",
            hint="Wait for its transaction; whoever made it can still take it back.",
        )


def _list(points: Iterable[object]) -> str:
    return ", ".join(str(point) for point in points) or "none"


def _verified_input(
    name: str, tx_in: TxIn, fields: PsbtInput, expected: ExpectedSpend, search: tuple[PlaceFinder, Previous]
) -> VerifiedInput:
    descriptor, (finder, seen) = expected.descriptor, search
    check_input_fields(name, fields, descriptor.kind, in_progress=expected.in_progress)
    coin, previous = proven_coin(name, tx_in, fields, seen)
    origins = origin_fields(fields, descriptor.kind)
    place = finder.find(coin.script, path_hint(origins))
    if place is None:
        raise PsbtError(
            "foreign_input",
            f"{name}: expected a coin of this wallet, found {tx_in.outpoint} with script {coin.script.hex()}",
        )
    if place.index >= expected.change_gap:
        raise PsbtError(
            "input_index",
            f"{name}: expected an index below {expected.change_gap}, found {place.index}",
        )
    require_claims(name, fields, origins, place)
    sighash = fields.sighash()
    if sighash not in {None, SIGHASH_DEFAULT if descriptor.kind == "p2tr" else SIGHASH_ALL}:
        raise PsbtError(
            "sighash",
            f"{name}: expected the whole transaction to be signed, found sighash {sighash:#x}",
        )
    return VerifiedInput(tx_in.outpoint, Amount(BTC, coin.value), tx_in.sequence, place, previous)


def _carried_signatures(parsed: Psbt) -> Iterable[PartialSignature]:
    for number, fields in enumerate(parsed.inputs):
        for field in fields.all(In.PARTIAL_SIG):
            if field.value[-1] != SIGHASH_ALL:
                raise sighash_refused(number)
            yield PartialSignature(number, field.key, field.value[:-1])


def _verified_outputs(
    parsed: Psbt, expected: ExpectedSpend, finder: PlaceFinder
) -> tuple[tuple[VerifiedOutput, ...], VerifiedChange | None]:
    pending = list(expected.payments)
    planned = {script for script, _ in expected.payments}
    payments: list[VerifiedOutput] = []
    change: VerifiedChange | None = None
    for number, (tx_out, fields) in enumerate(zip(parsed.unsigned.outputs, parsed.outputs, strict=True)):
        name = f"output {number}"
        check_output_fields(name, fields, expected.descriptor.kind)
        if tx_out.script in planned:
            _take_payment(name, tx_out, pending, expected.payments)
            _payment_claims(name, tx_out, fields, expected)
            payments.append(VerifiedOutput(number, tx_out.script, Amount(BTC, tx_out.value)))
            continue
        found = _verified_change(number, parsed, fields, expected, finder)
        if change is not None or not expected.max_change:
            raise PsbtError(
                "second_change" if change is not None else "unplanned_change",
                f"{name}: expected at most {expected.max_change} change output(s), found one more",
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
    origins = origin_fields(fields, descriptor.kind)
    place = PlaceFinder(descriptor, 0).find(tx_out.script, path_hint(origins))
    if place is None:
        raise PsbtError(
            "payment_claims_path",
            f"{name}: a payment to {tx_out.script.hex()} claims to be a key of ours",
            hint="A device would hide it as change. Do not sign.",
        )
    require_claims(name, fields, origins, place)


def _verified_change(
    number: int, parsed: Psbt, fields: PsbtOutput, expected: ExpectedSpend, finder: PlaceFinder
) -> VerifiedChange:
    name, descriptor, tx_out = f"output {number}", expected.descriptor, parsed.unsigned.outputs[number]
    origins = origin_fields(fields, descriptor.kind)
    place = finder.find(tx_out.script, path_hint(origins))
    if place is None:
        raise _not_ours(name, tx_out, fields, parsed.unsigned, expected)
    if not place.change:
        raise PsbtError(
            "change_branch",
            f"{name}: expected change on the change branch, found receive index {place.index}",
        )
    if place.index >= expected.change_gap:
        raise PsbtError(
            "change_index",
            f"{name}: expected a change index below {expected.change_gap}, found {place.index}",
            hint="Coins that far out are not found again by a wallet restored from its seed.",
        )
    require_claims(name, fields, origins, place)
    return VerifiedChange(number, Amount(BTC, tx_out.value), place)


def _not_ours(
    name: str, tx_out: TxOut, fields: PsbtOutput, unsigned: Transaction, expected: ExpectedSpend
) -> PsbtError:
    """Why an output is neither planned nor ours: it poses as change, replaces a payment, or comes on top."""
    found = [(each.script, each.value) for each in unsigned.outputs]
    paid = all((script, amount.units) in found for script, amount in expected.payments)
    code, hint = ("extra_output" if paid else "unplanned_output"), ""
    ours = {key.fingerprint for key in expected.descriptor.keys}
    origins = fields.origins(taproot=expected.descriptor.kind == "p2tr")
    if any(origin.fingerprint in ours for origin in origins):
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
    expected: ExpectedSpend,
    change: VerifiedChange | None,
    limits: FeeLimits,
) -> tuple[Amount, int, Decimal]:
    fee = sum(each.amount.units for each in inputs) - sum(each.value for each in unsigned.outputs)
    if fee < 0:
        raise PsbtError(
            "outputs_above_inputs", f"expected inputs to cover the outputs, found {-fee} sat too few"
        )
    weight = worst_weight(unsigned, expected.descriptor)
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
    paid = sum(amount.units for _, amount in expected.payments)
    moved = paid or (change.amount.units if change is not None else 0)
    if Decimal(fee) > CONTEXT.multiply(limits.max_fee_share, Decimal(moved)):
        raise PsbtError(
            "fee_share_above_cap",
            f"expected a fee of at most {limits.max_fee_share} of {Amount(BTC, moved)}, found {amount}",
            hint=hint,
        )
    _require_planned_fee(amount, expected.fee)
    return amount, vsize, rate.quantize(_RATE_STEP, rounding=ROUND_UP)


def _require_planned_fee(fee: Amount, planned: Amount | FeeRange | None) -> None:
    if isinstance(planned, FeeRange):
        if not planned.least <= fee <= planned.most:
            raise PsbtError("fee_outside_range", f"expected a planned fee of {planned}, found {fee}")
    elif planned is not None and fee != planned:
        raise PsbtError("fee_differs", f"expected the planned fee of {planned}, found {fee}")
