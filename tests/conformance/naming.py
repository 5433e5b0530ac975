"""Short names for what a device sends, so that two message flows can be compared as text.

"ButtonRequest:SignTx", "TxRequest:TXOUTPUT/1@1f2e3d4c+sig0+ser": request, index, the first bytes
of the previous transaction's hash, and whether a signature or serialised bytes came with it.
"""

from __future__ import annotations

from typing import Any

from trezorlib import messages as m

_CODED = (m.ButtonRequest, m.Failure)


def enum_name(value: Any) -> str:
    """Name of an enumeration's member, or the bare number of an unknown one."""
    return str(getattr(value, "name", None) or value)


def request_key(request: Any, *, whole: bool = True) -> str:
    """What a TxRequest asks for; without `whole` any previous transaction is "@"."""
    key = enum_name(request.request_type)
    details = request.details
    if details is None or request.request_type == m.RequestType.TXFINISHED:
        return key
    if details.request_index is not None:
        key += f"/{details.request_index}"
    if details.tx_hash:
        key += "@" + (details.tx_hash[:4].hex() if whole else "")
    return key


def describe(message: Any) -> str:
    """One message from the device."""
    name = type(message).__name__
    if isinstance(message, _CODED):
        return f"{name}:{enum_name(message.code)}"
    if isinstance(message, m.PinMatrixRequest):
        return f"{name}:{enum_name(message.type)}"
    if isinstance(message, m.EthereumTxRequest):
        return f"{name}:{'final' if message.signature_r is not None else message.data_length}"
    if isinstance(message, m.TxRequest):
        return f"{name}:{request_key(message)}{_carried(message.serialized)}"
    return name


def _carried(serialized: Any) -> str:
    if serialized is None:
        return ""
    index = serialized.signature_index
    signature = "" if index is None else f"+sig{index}"
    return signature + ("+ser" if serialized.serialized_tx else "")


def without_buttons(flow: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(entry for entry in flow if not entry.startswith("ButtonRequest"))
