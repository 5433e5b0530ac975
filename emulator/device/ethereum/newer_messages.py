"""Ethereum messages of the newest core firmware that trezorlib's definitions lack: EIP-7702.

The classes bear the names of those they replace. `auth7702` is an experimental field, which core's
decoder refuses unless experimental features are on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trezorlib import messages
from trezorlib.protobuf import Field, MessageType


def _tagged(fields: dict[int, Field]) -> dict[int, Field]:
    """Fields by their numbers."""
    return fields


def _copied(cls: Any) -> dict[int, Field]:
    """The fields of a message, their types settled: a field belongs to one class only."""
    return {tag: replace(field, _py_type=field.py_type) for tag, field in cls.FIELDS.items()}


class EthereumAuth7702(MessageType):  # type: ignore[misc]
    FIELDS = _tagged({1: Field("delegate", "string", repeated=False, required=True)})


class EthereumAuth7702Tuple(MessageType):  # type: ignore[misc]
    FIELDS = _tagged({1: Field("items", "bytes", repeated=True, required=False, default=None)})


class EthereumSignTxEIP1559(MessageType):  # type: ignore[misc]
    MESSAGE_WIRE_TYPE = messages.EthereumSignTxEIP1559.MESSAGE_WIRE_TYPE
    FIELDS = _tagged(
        {
            **_copied(messages.EthereumSignTxEIP1559),
            16: Field("auth7702", "EthereumAuth7702", repeated=False, required=False, default=None),
        }
    )


class EthereumTxRequest(MessageType):  # type: ignore[misc]
    MESSAGE_WIRE_TYPE = messages.EthereumTxRequest.MESSAGE_WIRE_TYPE
    FIELDS = _tagged(
        {
            **_copied(messages.EthereumTxRequest),
            5: Field("auth7702_list", "EthereumAuth7702Tuple", repeated=True, required=False, default=None),
        }
    )
