"""A spend request as trezorlib messages: exactly, or refused with the reason.

Every input must be ours, of a supported script type on a path that fits it, and backed by a previous
transaction with that txid and amount. Refuses what devices accept without a word: an input twice, zero
outputs, false amounts of taproot inputs, foreign coin types, other sighash types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from vault.address import Network, script_pubkey, script_type
from vault.device.paths import check_wallet_path, coin_name, format_path
from vault.device.request import KeyOrigin, SpendInput, SpendOutput, SpendRequest
from vault.device.transactions import read_transaction
from vault.errors import DeviceError, WrongDeviceError
from vault.money import BTC, Amount

MAX_INPUTS: Final = 500  # a person waits about ten seconds for these on the slowest device
MAX_OUTPUTS: Final = 500
MAX_SATOSHI: Final = 2_100_000_000_000_000

# What SIGHASH_DEFAULT means for each script type; anything else is refused.
_SIGHASHES: Final[dict[str, tuple[int | None, ...]]] = {"p2wpkh": (None, 1), "p2tr": (None, 0)}
_PREVTX_HINT: Final = "The PSBT is not what the plan says. Build it again; do not sign it elsewhere."


@dataclass(frozen=True, slots=True)
class Translation:
    """Arguments of ``btc.sign_tx``, and how many messages the signing may take at most."""

    coin: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    prev_txes: dict[bytes, Any]
    message_budget: int


def translate(request: SpendRequest, network: Network, fingerprint: str) -> Translation:
    """The messages for a request whose keys all belong to the root `fingerprint`.

    Raises `DeviceError` (one code for each reason) and `WrongDeviceError` (``device.foreign_key``).
    """
    _check_shape(request)
    inputs, prev_txes, exchanges = [], {}, 0
    for index, spend in enumerate(request.inputs):
        where = f"input {index}"
        _check_origin(spend.origin, spend.script_type, network, fingerprint, where)
        previous = _check_prevtx(spend, where)
        if previous.txid not in prev_txes:
            prev_txes[previous.txid] = _previous_message(previous)
            exchanges += 1 + len(previous.inputs) + len(previous.outputs)
        inputs.append(_input_message(spend))
    outputs = [
        _output_message(output, network, fingerprint, f"output {index}")
        for index, output in enumerate(request.outputs)
    ]
    # Each phase asks for each item at most once; questions to the person come on top.
    budget = 100 + 12 * (len(inputs) + len(outputs)) + 2 * exchanges
    return Translation(coin_name(network), tuple(inputs), tuple(outputs), prev_txes, budget)


def _check_shape(request: SpendRequest) -> None:
    if request.version not in {1, 2}:
        raise DeviceError("unsupported_version", f"expected version 1 or 2, found {request.version}")
    if not 0 <= request.locktime < 2**32:
        raise DeviceError("bad_locktime", f"expected 32 bits, found {request.locktime}")
    if not 0 < len(request.inputs) <= MAX_INPUTS or not 0 < len(request.outputs) <= MAX_OUTPUTS:
        raise DeviceError(
            "bad_counts",
            f"expected 1 to {MAX_INPUTS} inputs and 1 to {MAX_OUTPUTS} outputs, "
            f"found {len(request.inputs)} and {len(request.outputs)}",
        )
    outpoints = [(spend.txid, spend.vout) for spend in request.inputs]
    if len(set(outpoints)) != len(outpoints):
        raise DeviceError("duplicate_input", "expected each outpoint once", hint=_PREVTX_HINT)
    amounts = [i.amount_sat for i in request.inputs] + [o.amount_sat for o in request.outputs]
    if any(type(amount) is not int or not 0 < amount <= MAX_SATOSHI for amount in amounts):
        raise DeviceError("bad_amount", "expected amounts from 1 satoshi to 21 million bitcoin")
    if request.fee_sat < 0:
        raise DeviceError(
            "not_enough_funds", f"expected inputs above outputs, found {-request.fee_sat} satoshi missing"
        )


def _check_origin(origin: KeyOrigin, kind: str, network: Network, fingerprint: str, where: str) -> None:
    check_wallet_path(origin.path, kind, network)
    if origin.fingerprint != fingerprint:
        raise WrongDeviceError(
            "foreign_key",
            f"{where}: expected a key of the connected wallet {fingerprint}, found {origin.fingerprint}",
            hint="Connect the device of that wallet.",
            expected=fingerprint,
            found=origin.fingerprint,
        )


def _check_prevtx(spend: SpendInput, where: str) -> Any:
    if spend.sighash not in _SIGHASHES[spend.script_type]:
        raise DeviceError(
            "unsupported_sighash",
            f"{where}: expected the default signature hash, found {spend.sighash}",
            hint=_PREVTX_HINT,
        )
    if not 0 <= spend.sequence < 2**32:
        raise DeviceError("bad_sequence", f"{where}: expected 32 bits, found {spend.sequence}")
    previous = read_transaction(spend.prevtx)
    if previous.txid.hex() != spend.txid:
        raise DeviceError(
            "prevtx_mismatch",
            f"{where}: expected the transaction {spend.txid}, found {previous.txid.hex()}",
            hint=_PREVTX_HINT,
        )
    if not 0 <= spend.vout < len(previous.outputs):
        raise DeviceError(
            "prevtx_mismatch", f"{where}: {spend.txid} has no output {spend.vout}", hint=_PREVTX_HINT
        )
    spent = previous.outputs[spend.vout]
    if spent.amount_sat != spend.amount_sat:
        raise DeviceError(
            "amount_mismatch",
            f"{where}: expected {spent.amount_sat} satoshi as in {spend.txid}, found {spend.amount_sat}",
            hint=_PREVTX_HINT,
        )
    if script_type(spent.script_pubkey) != spend.script_type:
        raise DeviceError(
            "script_type_mismatch",
            f"{where}: expected {spend.script_type}, found {script_type(spent.script_pubkey)}",
            hint=_PREVTX_HINT,
        )
    return previous


def _input_message(spend: SpendInput) -> Any:
    from trezorlib import messages

    kinds = {
        "p2wpkh": messages.InputScriptType.SPENDWITNESS,
        "p2tr": messages.InputScriptType.SPENDTAPROOT,
    }
    return messages.TxInputType(
        address_n=list(spend.origin.path),
        prev_hash=bytes.fromhex(spend.txid),
        prev_index=spend.vout,
        sequence=spend.sequence,
        amount=spend.amount_sat,
        script_type=kinds[spend.script_type],
    )


def _previous_message(previous: Any) -> Any:
    from trezorlib import messages

    return messages.TransactionType(
        version=previous.version,
        lock_time=previous.locktime,
        inputs=[
            messages.TxInputType(
                prev_hash=item.prev_hash,
                prev_index=item.prev_index,
                script_sig=item.script_sig,
                sequence=item.sequence,
            )
            for item in previous.inputs
        ],
        bin_outputs=[
            messages.TxOutputBinType(amount=item.amount_sat, script_pubkey=item.script_pubkey)
            for item in previous.outputs
        ],
    )


def _output_message(output: SpendOutput, network: Network, fingerprint: str, where: str) -> Any:
    from trezorlib import messages

    kind = script_type(output.script_pubkey)
    if kind == "op_return":
        raise DeviceError("op_return_unsupported", f"{where}: OP_RETURN outputs are not signed yet")
    if (output.address is None) == (output.change is None):
        raise DeviceError("bad_output", f"{where}: expected either an address or a change key")
    if output.change is None:
        address = output.address or ""
        if script_pubkey(address, network) != output.script_pubkey:
            raise DeviceError(
                "output_mismatch", f"{where}: {address} does not have the output's script", hint=_PREVTX_HINT
            )
        return messages.TxOutputType(
            address=address,
            amount=output.amount_sat,
            script_type=messages.OutputScriptType.PAYTOADDRESS,
        )
    _check_origin(output.change, kind, network, fingerprint, where)
    kinds = {
        "p2wpkh": messages.OutputScriptType.PAYTOWITNESS,
        "p2tr": messages.OutputScriptType.PAYTOTAPROOT,
    }
    return messages.TxOutputType(
        address_n=list(output.change.path), amount=output.amount_sat, script_type=kinds[kind]
    )


def describe(request: SpendRequest) -> tuple[str, ...]:
    """The request as a person reads it beside the device: every payment in full, change, and the fee."""
    lines = []
    for output in request.outputs:
        amount = Amount(BTC, output.amount_sat)
        if output.change is None:
            lines.append(f"pay {amount} to {output.address}")
        else:
            lines.append(f"change {amount} to {format_path(output.change.path)} (the device may not show it)")
    paid = sum(output.amount_sat for output in request.outputs if output.change is None)
    lines.append(f"fee {Amount(BTC, request.fee_sat)}")
    lines.append(f"total {Amount(BTC, paid + request.fee_sat)} (payments and fee)")
    if request.locktime:
        lines.append(f"locktime {request.locktime}")
    return tuple(lines)
