"""The exchange of typed data with a device: in full, with Trezor's or OneKey's messages, or by hashes.

OneKey asks for a Safe transaction as a whole and knows its types by heart. Refuses what a model cannot
take exactly: arrays of arrays in full, a Safe transaction of other types on a OneKey.
"""

from __future__ import annotations

from typing import Any, Final

from vault.device.connection.features import DeviceInfo
from vault.device.ethereum.onekey_messages import (
    safe_tx_ack,
    safe_tx_request,
    sign_typed_data,
    struct_ack,
    struct_request,
    typed_data_signature,
    value_ack,
    value_request,
)
from vault.errors import DeviceError
from vault.evm.typed import DOMAIN, TypedData, Value, shown

SAFE_TX: Final = "SafeTx"
SAFE_TX_TYPE: Final = (
    "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    "uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)
SAFE_DOMAIN_TYPE: Final = "EIP712Domain(uint256 chainId,address verifyingContract)"


def signs_in_full(info: DeviceInfo, data: TypedData) -> bool:
    """Whether the model shows these data; Trezor One signs only their hashes.

    So does a OneKey Classic for arrays without a fixed length: its firmware reads the 16-bit length into
    an uninitialised number and refuses the data or not as chance has it (ethereum_typed_data.h).
    """
    if info.pin_entry == "device":
        return True
    open_arrays = any("[]" in member.type for each in data.structs for member in each.members)
    return info.kind == "onekey" and not open_arrays


def require_supported(info: DeviceInfo, data: TypedData, *, full: bool) -> None:
    """The model takes these data exactly. Raises `DeviceError` (``device.typed_data_unsupported``)."""
    if not full:
        if info.kind == "trezor" and info.pin_entry == "device":
            raise _unsupported("this model signs typed data in full only, not their hashes")
        return
    nested = [member.type for each in data.structs for member in each.members if "][" in member.type]
    if nested:
        raise _unsupported(f"arrays of arrays ({nested[0]}) are not understood by devices")
    safe = data.primary_type == SAFE_TX
    types = (data.type_text(SAFE_TX), data.type_text(DOMAIN)) if safe else ()
    if info.kind == "onekey" and safe and types != (SAFE_TX_TYPE, SAFE_DOMAIN_TYPE):
        raise _unsupported("a OneKey knows Safe transactions of the current types only")


def _unsupported(why: str) -> DeviceError:
    return DeviceError(
        "typed_data_unsupported",
        why,
        hint="Use another device, or sign by hash where the model can.",
    )


def sign_hashes(raw: Any, _info: DeviceInfo, data: TypedData, path: list[int]) -> tuple[bytes, str]:
    """Signature and address for the two hashes."""
    from trezorlib import ethereum

    answer = ethereum.sign_typed_data_hash(raw, path, data.domain_hash(), data.message_hash())
    return bytes(answer.signature), str(answer.address or "")


def sign_in_full(raw: Any, info: DeviceInfo, data: TypedData, path: list[int]) -> tuple[bytes, str]:
    """Signature and address; the device asks for every type and every value, in its own order."""
    own = info.kind == "onekey" and info.pin_entry == "matrix"  # the Classic line has no other
    ask = {"address_n": path, "primary_type": data.primary_type, "metamask_v4_compat": True}
    if own and (chain := _chain_id(data)):
        ask["chain_id"] = chain
    with raw:
        answer = raw.call(sign_typed_data(own=own)(**ask))
        while not isinstance(answer, typed_data_signature(own=own)):
            answer = raw.call(_reply(data, answer, own=own))
    return bytes(answer.signature), str(answer.address or "")


def _reply(data: TypedData, question: Any, *, own: bool) -> Any:
    if isinstance(question, struct_request(own=own)):
        if not data.is_struct(question.name):
            raise _strange("a type that does not exist")
        return struct_ack(own=own)(members=_members(data, question.name))
    if isinstance(question, value_request(own=own)):
        return value_ack(own=own)(value=_value_at(data, list(question.member_path)))
    if isinstance(question, safe_tx_request()) and data.primary_type == SAFE_TX:
        return _safe_tx(data)
    raise _strange(type(question).__name__)


def _strange(what: str) -> DeviceError:
    return DeviceError("bad_answer", f"expected the device to ask for a part of the data, found {what}")


def _chain_id(data: TypedData) -> int | None:
    for member, value in zip(data.struct(DOMAIN).members, data.domain, strict=True):
        if member.name == "chainId" and isinstance(value, int) and value < 2**64:
            return value
    return None


def _members(data: TypedData, name: str) -> list[Any]:
    from trezorlib import ethereum, messages

    known = {each.name: [None] * len(each.members) for each in data.structs}
    return [
        messages.EthereumStructMember(type=ethereum.get_field_type(member.type, known), name=member.name)
        for member in data.struct(name).members
    ]


def _value_at(data: TypedData, path: list[int]) -> bytes:
    """The value at a member path: 0 is the domain, 1 the message, then places in structs and arrays."""
    if not path or path[0] not in {0, 1}:
        raise _strange(f"the value at {path}")
    kind: str = data.primary_type if path[0] else DOMAIN
    value: Value = data.message if path[0] else data.domain
    for place in path[1:]:
        if not isinstance(value, tuple) or place >= len(value):
            raise _strange(f"the value at {path}")
        kind = kind[: kind.rindex("[")] if kind.endswith("]") else data.struct(kind).members[place].type
        value = value[place]
    if isinstance(value, tuple):
        if not kind.endswith("]"):
            raise _strange(f"a struct as a value, at {path}")
        return len(value).to_bytes(2, "big")
    return _encoded(kind, value)


def _encoded(kind: str, value: Value) -> bytes:
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return value.to_bytes(int(kind.lstrip("uint")) // 8, "big", signed=kind.startswith("int"))
    return value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[arg-type]


def _safe_tx(data: TypedData) -> Any:
    """A Safe transaction as a whole: the same values, of which the device makes the same hash."""
    values = dict(zip((m.name for m in data.struct(SAFE_TX).members), data.message, strict=True))
    domain = dict(zip((m.name for m in data.struct(DOMAIN).members), data.domain, strict=True))
    numbers = ("value", "safeTxGas", "baseGas", "gasPrice", "nonce")
    addresses = ("to", "gasToken", "refundReceiver")
    return safe_tx_ack()(
        data=values["data"],
        operation=values["operation"],
        chain_id=domain["chainId"],
        verifyingContract=shown("address", domain["verifyingContract"]),
        **{name: _shortest(values[name]) for name in numbers},
        **{name: shown("address", values[name]) for name in addresses},
    )


def _shortest(value: Value) -> bytes:
    number = int(value) if isinstance(value, int) else 0
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
