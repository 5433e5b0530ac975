"""EIP-7702 vectors. Their messages are newer than trezorlib 0.20.2, so the two fields are defined here.

The field `auth7702` of EthereumSignTxEIP1559 and `auth7702_list` of EthereumTxRequest are those of
trezor-firmware, common/protob/messages-ethereum.proto; trezorlib's own classes are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from trezorlib import _rlp, device, ethereum, exceptions, mapping, tools
from trezorlib import messages as m
from trezorlib.protobuf import Field, MessageType

Parameters = Mapping[str, Any]


def _fields(cls: Any) -> dict[int, Any]:
    """A message's fields for another class to have: a field belongs to one class only."""
    return {tag: replace(field, _py_type=field.py_type) for tag, field in cls.FIELDS.items()}


class EthereumAuth7702(MessageType):  # type: ignore[misc]
    FIELDS: ClassVar[dict[int, Any]] = {1: Field("delegate", "string", repeated=False, required=True)}


class EthereumAuth7702Tuple(MessageType):  # type: ignore[misc]
    FIELDS: ClassVar[dict[int, Any]] = {
        1: Field("items", "bytes", repeated=True, required=False, default=None)
    }


class EthereumSignTxEIP1559(MessageType):  # type: ignore[misc]
    MESSAGE_WIRE_TYPE = m.EthereumSignTxEIP1559.MESSAGE_WIRE_TYPE
    FIELDS: ClassVar[dict[int, Any]] = {
        **_fields(m.EthereumSignTxEIP1559),
        16: Field("auth7702", "EthereumAuth7702", repeated=False, required=False, default=None),
    }


class EthereumTxRequest(MessageType):  # type: ignore[misc]
    MESSAGE_WIRE_TYPE = m.EthereumTxRequest.MESSAGE_WIRE_TYPE
    FIELDS: ClassVar[dict[int, Any]] = {
        **_fields(m.EthereumTxRequest),
        5: Field("auth7702_list", "EthereumAuth7702Tuple", repeated=True, required=False, default=None),
    }


def _mapping() -> Any:
    newer = mapping.ProtobufMapping.from_module(m)
    newer.register(EthereumTxRequest)
    return newer


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _delegate(session: Any, parameters: Parameters, network: bytes | None = None, **fields: Any) -> Any:
    """Ask for the transaction; the device's last answer."""
    session.client._mapping = _mapping()  # of this one client
    amounts = ("max_gas_fee", "max_priority_fee", "gas_limit", "value", "nonce")
    data = bytes.fromhex(parameters.get("data", ""))
    request = EthereumSignTxEIP1559(
        address_n=tools.parse_path(parameters["path"]),
        chain_id=parameters["chain_id"],
        to=fields.pop("to"),
        data_length=len(data),
        data_initial_chunk=data,
        definitions=m.EthereumDefinitions(encoded_network=network),
        auth7702=EthereumAuth7702(delegate=parameters["delegate"]),
        **{name: _number(fields.pop(name, parameters.get(name, 0))) for name in amounts},
        **fields,
    )
    return session.call(request, expect=EthereumTxRequest)


def _unlock(session: Any, level: Any) -> None:
    device.apply_settings(session, safety_checks=level, experimental_features=True)


def _revokes(parameters: Parameters) -> bool:
    return not int(parameters["delegate"], 16)


def authorise(session: Any, parameters: Parameters, network: bytes) -> dict[str, Any]:
    """Refused while experimental features are off and under strict checks, then signed."""
    fields = {
        "to": ethereum.get_address(session, tools.parse_path(parameters["path"]), encoded_network=network),
        "nonce": parameters["tuple_nonce"] - 1,
    }
    _must_refuse(session, parameters, network, fields, "Experimental features are disabled")
    device.apply_settings(session, experimental_features=True)
    if not _revokes(parameters):
        _must_refuse(session, parameters, network, fields, "not allowed with strict safety checks")
        device.apply_settings(session, safety_checks=m.SafetyCheckLevel.PromptTemporarily)
    (signed,) = _delegate(session, parameters, network, **fields).auth7702_list
    chain_id, delegate, nonce, y_parity, r, s = signed.items
    wanted = (parameters["chain_id"], ethereum.decode_hex(parameters["delegate"]), parameters["tuple_nonce"])
    if (int.from_bytes(chain_id, "big"), delegate, int.from_bytes(nonce, "big")) != wanted:
        raise ValueError("the device signed another authorisation")
    return {"sig_v": int.from_bytes(y_parity, "big"), "sig_r": r.hex(), "sig_s": s.hex()}


def _must_refuse(
    session: Any, parameters: Parameters, network: bytes, fields: Mapping[str, Any], text: str
) -> None:
    try:
        _delegate(session, parameters, network, **fields)
    except exceptions.TrezorFailure as failure:
        if text in (failure.message or ""):
            return
        raise
    raise ValueError(f"signed, where {text!r} is due")


def refused(session: Any, parameters: Parameters) -> dict[str, Any]:
    """An authorisation that must not be signed, with everything allowed that can be."""
    _unlock(session, m.SafetyCheckLevel.PromptTemporarily)
    fields: dict[str, Any] = {"to": parameters["to_address"], "nonce": parameters["tuple_nonce"] - 1}
    if parameters.get("payment_req"):
        fields["payment_req"] = m.PaymentRequest(recipient_name="Fake name", signature=b"FAKE SIG")
    _delegate(session, parameters, **fields)
    return {}


def mainnet(session: Any, parameters: Parameters) -> dict[str, Any]:
    """A whole transaction of type 4, equal to the byte."""
    levels = m.SafetyCheckLevel
    _unlock(session, levels.Strict if _revokes(parameters) else levels.PromptTemporarily)
    answer = _delegate(session, parameters, to=parameters["to_address"])
    tuples = [list(signed.items) for signed in answer.auth7702_list]
    body = (
        *(parameters[name] for name in ("chain_id", "nonce", "max_priority_fee", "max_gas_fee", "gas_limit")),
        ethereum.decode_hex(parameters["to_address"]),
        parameters["value"],
        b"",  # data
        [],  # access list
        tuples,
        answer.signature_v,
        answer.signature_r,
        answer.signature_s,
    )
    return {
        "auth7702_list_hex": [[item.hex() for item in signed] for signed in tuples],
        "tx_bytes_hex": (b"\x04" + _rlp.encode(body)).hex(),
    }
