"""Runs the device's signing of a transaction and takes nothing but valid signatures.

The transaction that the device returns must be the one we would write with its signatures, to the byte:
devices sign one thing and serialise another when the host's answers change. Every signature must sign
our own hash with the key it was asked of. Refuses requests that this signing has no use for.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any

from vault.device.bitcoin.assemble import serialise
from vault.device.bitcoin.request import (
    GroupOrigin,
    OnSigned,
    PartialSignature,
    SignedInputs,
    SpendRequest,
    nobody_counts,
)
from vault.device.bitcoin.signatures import HINT, require_all_valid, require_form
from vault.device.bitcoin.transactions import RawTransaction, read_transaction
from vault.device.bitcoin.translate import Pass, Translation
from vault.errors import DeceivedError, DeviceError

# A pass's signatures in the inputs' order.
PassSignatures = tuple[bytes, ...]


def run_pass(
    session: Any,
    translation: Translation,
    run: Pass,
    request: SpendRequest,
    on_signed: OnSigned = nobody_counts,
) -> PassSignatures:
    """Sign every input with its key of this pass. Raises `DeviceError`, `DeceivedError`."""
    with session:
        signatures, serialised = _converse(session, translation, run, request, on_signed)
    return check_answer(translation, run, request, signatures, serialised)


def merge(translation: Translation, request: SpendRequest, passes: Sequence[PassSignatures]) -> SignedInputs:
    """The signatures of all passes, once each."""
    single = []
    partial: dict[tuple[int, bytes], bytes] = {}
    for index, spend in enumerate(request.inputs):
        if isinstance(spend.origin, GroupOrigin):
            for run, signatures in zip(translation.passes, passes, strict=True):
                partial[index, run.keys[index]] = signatures[index]
        else:
            single.append((index, passes[0][index]))
    found = (PartialSignature(index, key, signature) for (index, key), signature in partial.items())
    return SignedInputs(tuple(single), tuple(found))


def _converse(
    session: Any, translation: Translation, run: Pass, request: SpendRequest, on_signed: OnSigned
) -> tuple[list[bytes | None], bytes]:
    """The exchange of SignTx: the device asks for each piece, and returns signatures and bytes between.

    Spelled out instead of ``btc.sign_tx``, which drops arguments it does not know, answers with pieces
    nobody offered, and tells nobody how far it is.
    """
    from trezorlib import messages

    total = len(run.inputs)
    signatures: list[bytes | None] = [None] * total
    serialised: list[bytes] = []
    signed = 0
    request_type = messages.RequestType
    ask = messages.SignTx(
        coin_name=translation.coin,
        inputs_count=total,
        outputs_count=len(translation.outputs),
        version=request.version,
        lock_time=request.locktime,
    )
    on_signed(0, total)
    answer = session.call(ask, expect=messages.TxRequest)
    while True:
        part = answer.serialized
        if part is not None:
            serialised.append(part.serialized_tx or b"")
            if part.signature_index is not None:
                if part.signature_index >= total or signatures[part.signature_index] is not None:
                    raise _bad(f"signature number {part.signature_index}, which is not due")
                signatures[part.signature_index] = part.signature
                signed += 1
                on_signed(signed, total)
        if answer.request_type == request_type.TXFINISHED:
            return signatures, b"".join(serialised)
        piece = _piece(translation, run, answer.request_type, answer.details)
        answer = session.call(_with(_blank_ack(), tx=piece), expect=messages.TxRequest)


def _piece(translation: Translation, run: Pass, kind: Any, details: Any) -> Any:
    """The piece of this or a previous transaction that the device asks for, and no other."""
    from trezorlib.messages import RequestType

    if details is None:
        raise _bad("a request without details")
    previous = None
    if details.tx_hash is not None:
        previous = translation.prev_txes.get(bytes(details.tx_hash))
        if previous is None:
            raise _bad(f"a question about the foreign transaction {bytes(details.tx_hash).hex()[:64]}")
    if kind == RequestType.TXMETA and previous is not None:
        return _with(
            _blank(),
            version=previous.version,
            lock_time=previous.lock_time,
            inputs_cnt=len(previous.inputs),
            outputs_cnt=len(previous.bin_outputs),
            extra_data_len=0,
        )
    index = -1 if details.request_index is None else details.request_index
    if kind == RequestType.TXINPUT:
        inputs = run.inputs if previous is None else previous.inputs
        if 0 <= index < len(inputs):
            return _with(_blank(), inputs=[inputs[index]])
    elif kind == RequestType.TXOUTPUT:
        outputs = translation.outputs if previous is None else previous.bin_outputs
        if 0 <= index < len(outputs):
            return _with(_blank(), **{"outputs" if previous is None else "bin_outputs": [outputs[index]]})
    raise _bad(f"a request of type {kind} for item {index}")


@functools.cache
def _blank() -> Any:
    from trezorlib.messages import TransactionType

    return TransactionType()


@functools.cache
def _blank_ack() -> Any:
    from trezorlib.messages import TxAck

    return TxAck(tx=_blank())


def _with(template: Any, **fields: Any) -> Any:
    """A copy of a message with these fields: making one anew costs as much as sending it."""
    message = copy.copy(template)
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def _bad(what: str) -> DeviceError:
    return DeviceError(
        "bad_answer", f"expected the device to ask for a piece of the transaction, found {what}", hint=HINT
    )


def check_answer(
    translation: Translation,
    run: Pass,
    request: SpendRequest,
    signatures: Sequence[bytes | None],
    serialised: bytes,
) -> PassSignatures:
    """The signatures in order, if they and the returned transaction are what was asked for.

    Raises `DeceivedError`: ``missing_signature``, ``bad_signature``, ``altered_transaction``,
    ``swapped_signature``, ``invalid_signature``.
    """
    given = tuple(signature for signature in signatures if signature)
    if len(signatures) != len(run.inputs) or len(given) != len(run.inputs):
        raise DeceivedError("missing_signature", "the device did not sign every input", hint=HINT)
    for index, (lock, signature) in enumerate(zip(translation.locks, given, strict=True)):
        require_form(index, lock, signature)
    expected = _expected(translation, run, given)
    if serialised != expected:
        _explain(request, serialised)
    require_all_valid(translation.digests, translation.locks, run.keys, given)
    return given


def _expected(translation: Translation, run: Pass, signatures: PassSignatures) -> bytes:
    """The transaction with this pass's signatures among those carried in."""
    signed = []
    for lock, key, carried, signature in zip(
        translation.locks, run.keys, run.carried, signatures, strict=True
    ):
        held = {**carried, key: signature}
        signed.append([(each, held[each]) for each in lock.keys if each in held])
    return serialise(translation.unsigned, translation.locks, signed)


def _explain(request: SpendRequest, serialised: bytes) -> None:
    """Say where a returned transaction differs. Always raises `DeceivedError`."""
    try:
        returned = read_transaction(serialised)
    except DeviceError as error:
        raise _altered(error.message) from None
    if (returned.version, returned.locktime) != (request.version, request.locktime):
        raise _altered(f"version {returned.version}, locktime {returned.locktime}")
    expected_inputs = [(i.txid, i.vout, i.sequence) for i in request.inputs]
    found_inputs = [(i.prev_hash.hex(), i.prev_index, i.sequence) for i in returned.inputs]
    if found_inputs != expected_inputs:
        raise _altered("its inputs differ")
    _explain_outputs(request, returned)
    raise _altered("it carries other signatures, keys or scripts than the device returned")


def _explain_outputs(request: SpendRequest, returned: RawTransaction) -> None:
    if len(returned.outputs) != len(request.outputs):
        raise _altered(f"{len(returned.outputs)} outputs instead of {len(request.outputs)}")
    for index, (expected, found) in enumerate(zip(request.outputs, returned.outputs, strict=True)):
        if (found.amount_sat, found.script_pubkey) != (expected.amount_sat, expected.script_pubkey):
            raise _altered(
                f"output {index}: expected {expected.amount_sat} satoshi to {expected.script_pubkey.hex()}, "
                f"found {found.amount_sat} to {found.script_pubkey.hex()}"
            )


def _altered(what: str) -> DeceivedError:
    return DeceivedError(
        "altered_transaction",
        f"the transaction the device returned is not the one it was given: {what}",
        hint=HINT,
    )
