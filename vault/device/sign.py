"""Runs the device's signing of a transaction and takes nothing but well-formed signatures.

The transaction that the device returns must be the one that was asked for, output by output: devices
sign one thing and serialise another when the host's answers change. Refuses missing, truncated and
malformed signatures; whether a signature is valid is the caller's to verify.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vault.device.request import SignedInputs, SpendRequest
from vault.device.transactions import RawTransaction, read_transaction
from vault.device.translate import Translation
from vault.errors import DeviceError

_HINT = "Do not broadcast anything. Unplug the device and find out what is wrong with it."


def run_sign_tx(session: Any, translation: Translation, request: SpendRequest) -> SignedInputs:
    """Sign on the device. Raises `DeviceError` for answers that are not exactly what was asked."""
    signatures, serialised = _sign_tx(
        session,
        coin_name=translation.coin,
        inputs=translation.inputs,
        outputs=translation.outputs,
        prev_txes=translation.prev_txes,
        version=request.version,
        lock_time=request.locktime,
    )
    return check_answer(request, signatures, serialised)


def _sign_tx(
    session: Any,
    *,
    coin_name: str,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    prev_txes: Mapping[bytes, Any],
    version: int,
    lock_time: int,
) -> tuple[Sequence[bytes | None], bytes]:
    """``btc.sign_tx`` with its arguments spelled out: it drops a name it does not know in silence."""
    from trezorlib import btc

    signatures, serialised = btc.sign_tx(
        session, coin_name, inputs, outputs, prev_txes=prev_txes, version=version, lock_time=lock_time
    )
    return signatures, bytes(serialised)


def check_answer(
    request: SpendRequest, signatures: Sequence[bytes | None], serialised: bytes
) -> SignedInputs:
    """The signatures by input index, if they and the returned transaction have the right form.

    Raises `DeviceError`: ``missing_signature``, ``bad_signature``, ``altered_transaction``.
    """
    if len(signatures) != len(request.inputs) or any(not signature for signature in signatures):
        raise DeviceError("missing_signature", "the device did not sign every input", hint=_HINT)
    result = []
    for index, (spend, signature) in enumerate(zip(request.inputs, signatures, strict=True)):
        raw = signature or b""
        good = len(raw) == 64 if spend.script_type == "p2tr" else is_strict_der(raw)
        if not good:
            raise DeviceError(
                "bad_signature",
                f"input {index}: expected a signature for {spend.script_type}, found {len(raw)} bytes "
                "that are none",
                hint=_HINT,
            )
        result.append((index, raw))
    try:
        returned = read_transaction(serialised)
    except DeviceError as error:
        raise _altered(error.message) from None
    _compare(request, returned, result)
    return SignedInputs(tuple(result))


def is_strict_der(signature: bytes) -> bool:
    """Whether this is an ECDSA signature in the strict DER of BIP66, without the sighash byte."""
    if not 8 <= len(signature) <= 72 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return False
    rest = signature[2:]
    for _ in range(2):
        if len(rest) < 3 or rest[0] != 0x02:
            return False
        size, number = rest[1], rest[2 : 2 + rest[1]]
        if not 1 <= size <= 33 or len(number) != size or number[0] & 0x80:
            return False
        if size > 1 and number[0] == 0 and not number[1] & 0x80:
            return False
        rest = rest[2 + size :]
    return not rest


def _compare(request: SpendRequest, returned: RawTransaction, signatures: list[tuple[int, bytes]]) -> None:
    if (returned.version, returned.locktime) != (request.version, request.locktime):
        raise _altered(f"version {returned.version}, locktime {returned.locktime}")
    expected_inputs = [(i.txid, i.vout, i.sequence, b"") for i in request.inputs]
    found_inputs = [(i.prev_hash.hex(), i.prev_index, i.sequence, i.script_sig) for i in returned.inputs]
    if found_inputs != expected_inputs:
        raise _altered("its inputs differ")
    if len(returned.outputs) != len(request.outputs):
        raise _altered(f"{len(returned.outputs)} outputs instead of {len(request.outputs)}")
    for index, (expected, found) in enumerate(zip(request.outputs, returned.outputs, strict=True)):
        if (found.amount_sat, found.script_pubkey) != (expected.amount_sat, expected.script_pubkey):
            raise _altered(
                f"output {index}: expected {expected.amount_sat} satoshi to {expected.script_pubkey.hex()}, "
                f"found {found.amount_sat} to {found.script_pubkey.hex()}"
            )
    for (index, signature), item in zip(signatures, returned.inputs, strict=True):
        suffix = b"" if request.inputs[index].script_type == "p2tr" else b"\x01"
        if not item.witness or item.witness[0] != signature + suffix:
            raise _altered(f"input {index} carries another signature")


def _altered(what: str) -> DeviceError:
    return DeviceError(
        "altered_transaction",
        f"the transaction the device returned is not the one it was given: {what}",
        hint=_HINT,
    )
