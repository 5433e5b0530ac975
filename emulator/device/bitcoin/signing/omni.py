"""Omni Layer payloads in OP_RETURN outputs: the device names what they send."""

from __future__ import annotations

import struct

from ..amounts import DECIMALS, format_decimal

_MAGIC = b"omni"
_SIMPLE_SEND_LENGTH = 20
_CURRENCIES = {1: ("OMNI", DECIMALS), 2: ("tOMNI", DECIMALS), 3: ("MAID", 0), 31: ("USDT", DECIMALS)}


def is_omni(data: bytes) -> bool:
    return len(data) >= 8 and data.startswith(_MAGIC)


def describe(data: bytes) -> str:
    """What an Omni payload does, as the display says it."""
    if data[4:8] != bytes(4) or len(data) != _SIMPLE_SEND_LENGTH:
        return "Unknown transaction"
    currency, amount = struct.unpack(">IQ", data[8:])
    suffix, decimals = _CURRENCIES.get(currency, ("UNKN", 0))
    return f"Simple send of {format_decimal(amount, decimals)} {suffix}"
