"""Calls of Safe (multisig) contracts that OneKey's own messages recognise and spell out.

Refuses an execTransaction whose signatures overlap its data.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DataError
from .address import checksum_address
from .call import Call
from .calldata import CallData

APPROVE_HASH = bytes.fromhex("d4d9bdcd")
EXEC_TRANSACTION = bytes.fromhex("6a761202")
_APPROVE_HASH_LENGTH = 36
_EXEC_MIN_LENGTH = 437
_FIXED = 340  # of the arguments, after the selector and the first address's padding
_MAX_KEPT = 65_536  # a device has no more memory for such a call
_OPERATIONS = {0: "0(Call)", 1: "1(DelegateCall)"}


@dataclass(frozen=True, slots=True)
class SafeCall:
    """What a call of a Safe does: lines to show, and whether it lends the Safe's identity."""

    lines: tuple[str, ...]
    is_delegate_call: bool = False
    approves_hash: bool = False


def is_safe_call(call: Call) -> bool:
    """approveHash or execTransaction, without ether."""
    if not call.recipient or call.msg.value:
        return False
    if call.data_length == _APPROVE_HASH_LENGTH and call.initial[:4] == APPROVE_HASH:
        return True
    return call.data_length >= _EXEC_MIN_LENGTH and call.initial[:16] == EXEC_TRANSACTION + bytes(12)


def describe_safe_call(call: Call, data: CallData) -> SafeCall:
    """Read such a call, fetching all of its data. Raises DataError "Invalid call data"."""
    if call.initial[:4] == APPROVE_HASH:
        return SafeCall((f"Hash: 0x{call.initial[4:36].hex()}",), approves_hash=True)
    if data.length > _MAX_KEPT:
        raise DataError("Failed to allocate memory")
    arguments = data.gather(data.length)[16:]
    size = int.from_bytes(arguments[308:340], "big") & 0xFFFF_FFFF
    position = int.from_bytes(arguments[276:308], "big") & 0xFFFF_FFFF
    if position < _FIXED + size:
        raise DataError("Invalid call data")
    operation = arguments[115]

    def number(start: int) -> int:
        return int.from_bytes(arguments[start : start + 32], "big")

    lines = (
        f"to: {checksum_address(arguments[:20])}",
        f"value: {number(20)}",
        f"data: {arguments[_FIXED : _FIXED + size].hex()}",
        f"operation: {_OPERATIONS.get(operation, operation)}",
        f"safeTxGas: {number(116)}",
        f"baseGas: {number(148)}",
        f"gasPrice: {number(180)}",
        f"gasToken: {checksum_address(arguments[224:244])}",
        f"refundReceiver: {checksum_address(arguments[256:276])}",
        f"signatures: {arguments[position:].hex()}",
    )
    return SafeCall(lines, is_delegate_call=operation == 1)
