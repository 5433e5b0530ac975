"""JSON-RPC's notations, read strictly: quantities without leading zeros, data in pairs of digits."""

from __future__ import annotations

import re

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from emulator.chains.ethereum.errors import invalid_params

_QUANTITY = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})\Z")
_DATA = re.compile(r"0x([0-9a-fA-F]{2})*\Z")
ADDRESS_BYTES = 20
WORD = 32


def quantity(value: int) -> str:
    return hex(value)


def data(value: bytes) -> str:
    return "0x" + value.hex()


def word(value: int) -> str:
    return f"0x{value:064x}"


def parse_quantity(value: object, name: str = "quantity") -> int:
    if not isinstance(value, str) or not _QUANTITY.match(value):
        raise invalid_params(f"invalid argument: {name}: expected a hex quantity, found {value!r:.80}")
    return int(value, 16)


def parse_data(value: object, name: str = "data") -> bytes:
    if not isinstance(value, str) or not _DATA.match(value):
        raise invalid_params(f"invalid argument: {name}: expected hex data, found {value!r:.80}")
    return bytes.fromhex(value[2:])


def parse_word(value: object, name: str = "hash") -> bytes:
    parsed = parse_data(value, name)
    if len(parsed) != WORD:
        raise invalid_params(f"invalid argument: {name}: hex has length {2 * len(parsed)}, want 64")
    return parsed


def parse_slot(value: object, name: str = "slot") -> int:
    """A storage slot: a word, or a number of fewer digits."""
    if not isinstance(value, str) or not re.match(r"0x[0-9a-fA-F]{1,64}\Z", value):
        raise invalid_params(f"invalid argument: {name}: unable to decode storage key")
    return int(value, 16)


def parse_address(value: object, name: str = "address") -> bytes:
    """20 bytes; the case of the digits says nothing to a node."""
    parsed = parse_data(value, name)
    if len(parsed) != ADDRESS_BYTES:
        raise invalid_params(f"invalid argument: {name}: hex has length {2 * len(parsed)}, want 40")
    return parsed


def checksummed(address: bytes) -> str:
    return str(to_checksum_address(address))


def hashed(value: bytes) -> bytes:
    return bytes(keccak(value))
