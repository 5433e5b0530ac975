"""A spend request as trezorlib messages: exactly, or refused with the reason.

Every input must be ours, of a supported script type on a path that fits it, its script made again from
its keys and found in a previous transaction with that txid and amount. Refuses what devices accept
without a word: an input twice, outputs of nothing or of dust, false amounts of taproot inputs, other
sighash types, and a fee that only a mistake explains (policies have limits of their own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vault.address import Network, script_pubkey, script_type
from vault.device.bitcoin.multisig import Member, carried_in, group_message, input_kinds
from vault.device.bitcoin.places import Place, SinglePlace, check_partial, place_of, require_ours
from vault.device.bitcoin.request import KeyOrigin, Origin, SpendInput, SpendOutput, SpendRequest
from vault.device.bitcoin.scripts import Lock, dust_limit, op_return_data
from vault.device.bitcoin.sighash import Digests, Unsigned
from vault.device.bitcoin.transactions import RawTransaction, read_transaction
from vault.device.paths import coin_name, kind_of_group_path, kind_of_path
from vault.errors import DeviceError

MAX_INPUTS: Final = 500  # a person waits about ten seconds for these on the slowest device
MAX_OUTPUTS: Final = 500
MAX_SATOSHI: Final = 2_100_000_000_000_000
MAX_FEE_PER_BYTE: Final = 10_000  # satoshi, without witnesses: five times the highest fees ever usual
_BARE_INPUT: Final = 41  # bytes of an input without scripts

_PREVTX_HINT: Final = "The PSBT is not what the plan says. Build it again; do not sign it elsewhere."


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of the device over the whole transaction: which key signs each input, and the messages."""

    keys: tuple[bytes, ...]
    inputs: tuple[Any, ...]
    # Signatures of other cosigners that the messages carry, by input.
    carried: tuple[dict[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Translation:
    """What the device is sent, what it must answer to, and how many messages a pass may take at most."""

    coin: str
    passes: tuple[Pass, ...]
    outputs: tuple[Any, ...]
    prev_txes: dict[bytes, Any]
    message_budget: int
    unsigned: Unsigned
    locks: tuple[Lock, ...]
    digests: Digests


@dataclass(slots=True)
class _Sources:
    """Previous transactions, each read once."""

    read: dict[bytes, RawTransaction] = field(default_factory=dict)
    messages: dict[bytes, Any] = field(default_factory=dict)
    exchanges: int = 0

    def of(self, raw: bytes) -> RawTransaction:
        found = self.read.get(raw)
        if found is None:
            found = self.read[raw] = read_transaction(raw)
            if found.txid not in self.messages:
                self.messages[found.txid] = _previous_message(found)
                self.exchanges += 1 + len(found.inputs) + len(found.outputs)
        return found


def translate(request: SpendRequest, network: Network, fingerprint: str) -> Translation:
    """The messages for a request in which the wallet `fingerprint` has a key of every input.

    Raises `DeviceError` (one code for each reason) and `WrongDeviceError` (``device.foreign_key``).
    """
    _check_shape(request)
    sources = _Sources()
    places = []
    for index, spend in enumerate(request.inputs):
        where = f"input {index}"
        place = place_of(spend.origin, spend.script_type, network)
        require_ours(place, fingerprint, where)
        _check_source(spend, place.lock, sources, where)
        places.append(place)
    outputs = tuple(
        _output_message(output, network, fingerprint, f"output {index}")
        for index, output in enumerate(request.outputs)
    )
    locks = tuple(place.lock for place in places)
    unsigned = Unsigned.of(request)
    _check_fee(request, unsigned)
    digests = Digests(request, unsigned, locks)
    check_partial(request, places, digests)
    # Each phase asks for each item at most once, and for all of them again for each legacy input, whose
    # hash begins anew (older firmware does so for the others, too); questions to the person come on top.
    items = len(locks) + len(outputs)
    budget = 100 + items * (12 + len(locks)) + 2 * sources.exchanges
    return Translation(
        coin_name(network),
        _passes(request, places, fingerprint),
        outputs,
        sources.messages,
        budget,
        unsigned,
        locks,
        digests,
    )


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
    amounts = [i.amount_sat for i in request.inputs]
    amounts += [o.amount_sat for o in request.outputs if not _is_data(o)]
    if any(type(amount) is not int or not 0 < amount <= MAX_SATOSHI for amount in amounts):
        raise DeviceError("bad_amount", "expected amounts from 1 satoshi to 21 million bitcoin")
    if any(type(o.amount_sat) is not int or o.amount_sat for o in request.outputs if _is_data(o)):
        raise DeviceError("bad_amount", "expected no amount in an OP_RETURN output: it would be burnt")
    if request.fee_sat < 0:
        raise DeviceError(
            "not_enough_funds", f"expected inputs above outputs, found {-request.fee_sat} satoshi missing"
        )


def _check_fee(request: SpendRequest, unsigned: Unsigned) -> None:
    size = 10 + _BARE_INPUT * len(request.inputs) + len(unsigned.outputs)
    if request.fee_sat > MAX_FEE_PER_BYTE * size:
        raise DeviceError(
            "absurd_fee",
            f"expected a fee of at most {MAX_FEE_PER_BYTE} satoshi for each of {size} bytes, "
            f"found {request.fee_sat}",
            hint="Is change missing? A device would ask once more, and sign.",
        )


def _check_amount(output: SpendOutput, where: str) -> None:
    """Nodes relay no dust; devices sign it."""
    least = dust_limit(output.script_pubkey)
    if output.amount_sat < least:
        raise DeviceError(
            "dust",
            f"{where}: expected at least {least} satoshi, found {output.amount_sat}: no node relays it",
            hint="Pay more, or leave the output out.",
        )


def _is_data(output: SpendOutput) -> bool:
    return script_type(output.script_pubkey) == "op_return"


# Whose keys


def _passes(request: SpendRequest, places: Sequence[Place], fingerprint: str) -> tuple[Pass, ...]:
    """As many runs as the input with most of our keys has: a device signs an input with one key a run."""
    ours = [
        () if isinstance(place, SinglePlace) else _asked(request, place.ours(fingerprint)) for place in places
    ]
    runs = []
    for number in range(max(1, *map(len, ours))):
        keys: list[bytes] = []
        messages: list[Any] = []
        carried: list[dict[bytes, bytes]] = []
        for index, (spend, place, members) in enumerate(zip(request.inputs, places, ours, strict=True)):
            if isinstance(place, SinglePlace):
                keys.append(place.origin.key)
                carried.append({})
                messages.append(_input_message(spend, place.origin.path, None))
                continue
            member: Member = members[min(number, len(members) - 1)]
            given = carried_in(request.partial, index, place, member.key)
            keys.append(member.key)
            carried.append(given)
            messages.append(_input_message(spend, place.path(member), group_message(place, given)))
        runs.append(Pass(tuple(keys), tuple(messages), tuple(carried)))
    return tuple(runs)


def _asked(request: SpendRequest, members: tuple[Member, ...]) -> tuple[Member, ...]:
    """Those of our keys at a place that the request asks for."""
    accounts = request.accounts
    asked = tuple(each for each in members if accounts is None or each.cosigner.path in accounts)
    if not asked:
        raise DeviceError("bad_group", "expected one of this wallet's keys to be asked for, found none")
    return asked


# What is spent


def _check_source(spend: SpendInput, lock: Lock, sources: _Sources, where: str) -> None:
    if spend.sighash not in ((None, 0) if lock.kind == "p2tr" else (None, 1)):
        raise DeviceError(
            "unsupported_sighash",
            f"{where}: expected the default signature hash, found {spend.sighash}",
            hint=_PREVTX_HINT,
        )
    if not 0 <= spend.sequence < 2**32:
        raise DeviceError("bad_sequence", f"{where}: expected 32 bits, found {spend.sequence}")
    previous = sources.of(spend.prevtx)
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
    if spent.script_pubkey != lock.script_pubkey:
        found = script_type(spent.script_pubkey)
        same = found == script_type(lock.script_pubkey)
        raise DeviceError(
            "script_mismatch" if same else "script_type_mismatch",
            f"{where}: expected a {lock.kind} output of the key or group given, found {found} "
            f"{spent.script_pubkey.hex()}",
            hint=_PREVTX_HINT,
        )


def _input_message(spend: SpendInput, path: tuple[int, ...], group: Any) -> Any:
    from trezorlib import messages

    return messages.TxInputType(
        address_n=list(path),
        prev_hash=bytes.fromhex(spend.txid),
        prev_index=spend.vout,
        sequence=spend.sequence,
        amount=spend.amount_sat,
        script_type=input_kinds()[spend.script_type],
        multisig=group,
    )


def _previous_message(previous: RawTransaction) -> Any:
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


# What is paid


def _output_message(output: SpendOutput, network: Network, fingerprint: str, where: str) -> Any:
    from trezorlib import messages

    kinds = messages.OutputScriptType
    if _is_data(output):
        if output.address is not None or output.change is not None:
            raise DeviceError("bad_output", f"{where}: an OP_RETURN output is neither payment nor change")
        data = op_return_data(output.script_pubkey)
        return messages.TxOutputType(amount=0, op_return_data=data, script_type=kinds.PAYTOOPRETURN)
    if (output.address is None) == (output.change is None):
        raise DeviceError("bad_output", f"{where}: expected either an address or a change key")
    _check_amount(output, where)
    if output.change is None:
        address = output.address or ""
        if script_pubkey(address, network) != output.script_pubkey:
            raise DeviceError(
                "output_mismatch", f"{where}: {address} does not have the output's script", hint=_PREVTX_HINT
            )
        return messages.TxOutputType(
            address=address, amount=output.amount_sat, script_type=kinds.PAYTOADDRESS
        )
    return _change_message(output.change, output, network, fingerprint, where)


def _change_message(
    change: Origin, output: SpendOutput, network: Network, fingerprint: str, where: str
) -> Any:
    """Change by its key, only when the output's script is the one that key (or group) makes."""
    from trezorlib import messages

    kind = _change_kind(change)
    place = place_of(change, kind, network)
    require_ours(place, fingerprint, where)
    if place.lock.script_pubkey != output.script_pubkey:
        raise DeviceError(
            "change_mismatch",
            f"{where}: expected the {kind} script {place.lock.script_pubkey.hex()} of the change key, "
            f"found {output.script_pubkey.hex()}",
            hint=_PREVTX_HINT,
        )
    if isinstance(place, SinglePlace):
        path, group = place.origin.path, None
    else:
        path, group = place.path(place.ours(fingerprint)[0]), group_message(place, {})
    return messages.TxOutputType(
        address_n=list(path), amount=output.amount_sat, script_type=_change_kinds()[kind], multisig=group
    )


def _change_kind(change: Origin) -> str:
    if isinstance(change, KeyOrigin):
        return kind_of_path(change.path)
    kinds = {kind_of_group_path(cosigner.path) for cosigner in change.group.cosigners}
    return kinds.pop() if len(kinds) == 1 else ""


def _change_kinds() -> dict[str, Any]:
    from trezorlib.messages import OutputScriptType as Kind

    return {
        "p2pkh": Kind.PAYTOADDRESS,
        "p2sh-p2wpkh": Kind.PAYTOP2SHWITNESS,
        "p2wpkh": Kind.PAYTOWITNESS,
        "p2tr": Kind.PAYTOTAPROOT,
        "p2sh": Kind.PAYTOMULTISIG,
        "p2sh-p2wsh": Kind.PAYTOP2SHWITNESS,
        "p2wsh": Kind.PAYTOWITNESS,
    }
