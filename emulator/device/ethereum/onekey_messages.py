"""OneKey's own Ethereum messages, numbers 20100 to 20120, beside the common ones.

Definitions only (messages-ethereum-onekey.proto and messages-ethereum-eip712-onekey.proto), in
the form of trezorlib's, so that the same codec reads them.
"""

from __future__ import annotations

from enum import IntEnum

from trezorlib.messages import HDNodeType
from trezorlib.protobuf import Field, MessageType

__all__ = ["HDNodeType"]  # found by name when a field's type is resolved


def _field(name: str, kind: str, default: object = None) -> Field:
    return Field(name, kind, repeated=False, required=False, default=default)


def _required(name: str, kind: str) -> Field:
    return Field(name, kind, repeated=False, required=True)


def _many(name: str, kind: str) -> Field:
    return Field(name, kind, repeated=True, required=False, default=None)


def _tagged(fields: dict[int, Field]) -> dict[int, Field]:
    """Fields by their numbers."""
    return fields


class _Message(MessageType):  # type: ignore[misc]
    """Attributes are those of FIELDS; types are checked by the codec."""


class EthereumDataTypeOneKey(IntEnum):
    UINT = 1
    INT = 2
    BYTES = 3
    STRING = 4
    BOOL = 5
    ADDRESS = 6
    ARRAY = 7
    STRUCT = 8


class EthereumGnosisSafeTxOperation(IntEnum):
    CALL = 0
    DELEGATE_CALL = 1


class EthereumGetPublicKeyOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20100
    FIELDS = _tagged(
        {
            1: _many("address_n", "uint32"),
            2: _field("show_display", "bool"),
            3: _field("chain_id", "uint64"),
        }
    )


class EthereumPublicKeyOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20101
    FIELDS = _tagged({1: _required("node", "HDNodeType"), 2: _required("xpub", "string")})


class EthereumGetAddressOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20102
    FIELDS = _tagged(
        {
            1: _many("address_n", "uint32"),
            2: _field("show_display", "bool"),
            3: _field("chain_id", "uint64"),
        }
    )


class EthereumAddressOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20103
    FIELDS = _tagged({1: _field("_old_address", "bytes"), 2: _field("address", "string")})


class EthereumSignTxOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20104
    FIELDS = _tagged(
        {
            1: _many("address_n", "uint32"),
            2: _field("nonce", "bytes", b""),
            3: _required("gas_price", "bytes"),
            4: _required("gas_limit", "bytes"),
            11: _field("to", "string", ""),
            6: _field("value", "bytes", b""),
            7: _field("data_initial_chunk", "bytes", b""),
            8: _field("data_length", "uint32", 0),
            9: _required("chain_id", "uint64"),
            10: _field("tx_type", "uint32"),
        }
    )


class EthereumAccessListOneKey(_Message):
    FIELDS = _tagged({1: _required("address", "string"), 2: _many("storage_keys", "bytes")})


_EIP1559_FIELDS = {
    1: _many("address_n", "uint32"),
    2: _required("nonce", "bytes"),
    3: _required("max_gas_fee", "bytes"),
    4: _required("max_priority_fee", "bytes"),
    5: _required("gas_limit", "bytes"),
    7: _required("value", "bytes"),
    8: _field("data_initial_chunk", "bytes", b""),
    9: _required("data_length", "uint32"),
    10: _required("chain_id", "uint64"),
}


class EthereumSignTxEIP1559OneKey(_Message):
    MESSAGE_WIRE_TYPE = 20105
    FIELDS = _tagged(
        {
            **_EIP1559_FIELDS,
            6: _field("to", "string", ""),
            11: _many("access_list", "EthereumAccessListOneKey"),
        }
    )


class EthereumAuthorizationSignature(_Message):
    FIELDS = _tagged(
        {1: _required("y_parity", "uint32"), 2: _required("r", "bytes"), 3: _required("s", "bytes")}
    )


class EthereumAuthorizationOneKey(_Message):
    FIELDS = _tagged(
        {
            1: _many("address_n", "uint32"),
            2: _required("chain_id", "uint64"),
            3: _required("address", "string"),
            4: _required("nonce", "bytes"),
            5: _field("signature", "EthereumAuthorizationSignature"),
        }
    )


class EthereumSignTxEIP7702OneKey(_Message):
    MESSAGE_WIRE_TYPE = 20120
    FIELDS = _tagged(
        {
            **_EIP1559_FIELDS,
            6: _required("to", "string"),
            11: _many("access_list", "EthereumAccessListOneKey"),
            12: _many("authorization_list", "EthereumAuthorizationOneKey"),
        }
    )


class EthereumTxRequestOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20106
    FIELDS = _tagged(
        {
            1: _field("data_length", "uint32"),
            2: _field("signature_v", "uint32"),
            3: _field("signature_r", "bytes"),
            4: _field("signature_s", "bytes"),
            10: _many("authorization_signatures", "EthereumAuthorizationSignature"),
        }
    )


class EthereumTxAckOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20107
    FIELDS = _tagged({1: _required("data_chunk", "bytes")})


class EthereumSignMessageOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20108
    FIELDS = _tagged(
        {
            1: _many("address_n", "uint32"),
            2: _required("message", "bytes"),
            3: _field("chain_id", "uint64"),
        }
    )


class EthereumVerifyMessageOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20109
    FIELDS = _tagged(
        {
            2: _required("signature", "bytes"),
            3: _required("message", "bytes"),
            4: _required("address", "string"),
            5: _field("chain_id", "uint64"),
        }
    )


class EthereumMessageSignatureOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20110
    FIELDS = _tagged({2: _required("signature", "bytes"), 3: _required("address", "string")})


class EthereumSignTypedDataOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20111
    FIELDS = _tagged(
        {
            1: _many("address_n", "uint32"),
            2: _required("primary_type", "string"),
            3: _field("metamask_v4_compat", "bool", True),
            4: _field("chain_id", "uint64"),
        }
    )


class EthereumTypedDataStructRequestOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20112
    FIELDS = _tagged({1: _required("name", "string")})


class EthereumFieldTypeOneKey(_Message):
    FIELDS = _tagged(
        {
            1: _required("data_type", "EthereumDataTypeOneKey"),
            2: _field("size", "uint32"),
            3: _field("entry_type", "EthereumFieldTypeOneKey"),
            4: _field("struct_name", "string"),
        }
    )


class EthereumStructMemberOneKey(_Message):
    FIELDS = _tagged({1: _required("type", "EthereumFieldTypeOneKey"), 2: _required("name", "string")})


class EthereumTypedDataStructAckOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20113
    FIELDS = _tagged({1: _many("members", "EthereumStructMemberOneKey")})


class EthereumTypedDataValueRequestOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20114
    FIELDS = _tagged({1: _many("member_path", "uint32")})


class EthereumTypedDataValueAckOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20115
    FIELDS = _tagged({1: _required("value", "bytes")})


class EthereumTypedDataSignatureOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20116
    FIELDS = _tagged({1: _required("signature", "bytes"), 2: _required("address", "string")})


class EthereumSignTypedHashOneKey(_Message):
    MESSAGE_WIRE_TYPE = 20117
    FIELDS = _tagged(
        {
            1: _many("address_n", "uint32"),
            2: _required("domain_separator_hash", "bytes"),
            3: _field("message_hash", "bytes"),
            4: _field("chain_id", "uint64"),
        }
    )


class EthereumGnosisSafeTxAck(_Message):
    MESSAGE_WIRE_TYPE = 20118
    FIELDS = _tagged(
        {
            1: _required("to", "string"),
            2: _required("value", "bytes"),
            3: _field("data", "bytes"),
            4: _required("operation", "EthereumGnosisSafeTxOperation"),
            5: _required("safeTxGas", "bytes"),
            6: _required("baseGas", "bytes"),
            7: _required("gasPrice", "bytes"),
            8: _required("gasToken", "string"),
            9: _required("refundReceiver", "string"),
            10: _required("nonce", "bytes"),
            11: _required("chain_id", "uint64"),
            12: _required("verifyingContract", "string"),
        }
    )


class EthereumGnosisSafeTxRequest(_Message):
    MESSAGE_WIRE_TYPE = 20119
    FIELDS = _tagged({})
