"""OneKey's own messages for typed data (20111 to 20119), beside Trezor's where both exist.

Numbers and fields as in messages-ethereum-eip712-onekey.proto of OneKey's firmware. Definitions only.
"""

from __future__ import annotations

import functools
from typing import Any, Final

# Field number, name, type, required; repeated ones end in "*".
_OWN: Final[dict[str, tuple[int, tuple[tuple[int, str, str, bool], ...]]]] = {
    "EthereumSignTypedDataOneKey": (
        20111,
        (
            (1, "address_n", "uint32*", False),
            (2, "primary_type", "string", True),
            (3, "metamask_v4_compat", "bool", False),
            (4, "chain_id", "uint64", False),
        ),
    ),
    "EthereumTypedDataStructRequestOneKey": (20112, ((1, "name", "string", True),)),
    "EthereumTypedDataStructAckOneKey": (20113, ((1, "members", "EthereumStructMember*", False),)),
    "EthereumTypedDataValueRequestOneKey": (20114, ((1, "member_path", "uint32*", False),)),
    "EthereumTypedDataValueAckOneKey": (20115, ((1, "value", "bytes", True),)),
    "EthereumTypedDataSignatureOneKey": (
        20116,
        ((1, "signature", "bytes", True), (2, "address", "string", False)),
    ),
    "EthereumGnosisSafeTxAck": (
        20118,
        (
            (1, "to", "string", True),
            (2, "value", "bytes", True),
            (3, "data", "bytes", False),
            (4, "operation", "uint32", True),
            (5, "safeTxGas", "bytes", True),
            (6, "baseGas", "bytes", True),
            (7, "gasPrice", "bytes", True),
            (8, "gasToken", "string", True),
            (9, "refundReceiver", "string", True),
            (10, "nonce", "bytes", True),
            (11, "chain_id", "uint64", True),
            (12, "verifyingContract", "string", True),
        ),
    ),
    "EthereumGnosisSafeTxRequest": (20119, ()),
}


@functools.cache
def own_message(name: str) -> Any:
    """A OneKey message class by its name."""
    from trezorlib.messages import EthereumStructMember
    from trezorlib.protobuf import Field, MessageType

    number, rows = _OWN[name]
    fields = {
        tag: Field(label, kind.rstrip("*"), repeated=kind.endswith("*"), required=required)
        for tag, label, kind, required in rows
    }
    body = {
        "MESSAGE_WIRE_TYPE": number,
        "FIELDS": fields,
        # A field's message type is looked up by name in its class.
        "EthereumStructMember": EthereumStructMember,
    }
    return type(name, (MessageType,), body)


def own_messages() -> tuple[Any, ...]:
    """Every one of them, for the mapping."""
    return tuple(own_message(name) for name in _OWN)


def _either(name: str, *, own: bool) -> Any:
    from trezorlib import messages

    return own_message(f"{name}OneKey") if own else getattr(messages, name)


def sign_typed_data(*, own: bool) -> Any:
    return _either("EthereumSignTypedData", own=own)


def struct_request(*, own: bool) -> Any:
    return _either("EthereumTypedDataStructRequest", own=own)


def struct_ack(*, own: bool) -> Any:
    return _either("EthereumTypedDataStructAck", own=own)


def value_request(*, own: bool) -> Any:
    return _either("EthereumTypedDataValueRequest", own=own)


def value_ack(*, own: bool) -> Any:
    return _either("EthereumTypedDataValueAck", own=own)


def typed_data_signature(*, own: bool) -> Any:
    return _either("EthereumTypedDataSignature", own=own)


def safe_tx_request() -> Any:
    return own_message("EthereumGnosisSafeTxRequest")


def safe_tx_ack() -> Any:
    return own_message("EthereumGnosisSafeTxAck")
