"""Single EIP-712 values: whether they fit their type, their 32-byte encoding, their text.

Refuses values of a wrong length, booleans other than 0 and 1, and strings that are not UTF-8.
"""

from __future__ import annotations

from ...errors import DataError, FirmwareError
from ..address import ADDRESS_LENGTH, checksum_address
from ..keccak import keccak256
from .fields import WORD, FieldType, Kind
from .rules import TypedDataRules

_NONCHARACTERS = "\ufffe\uffff"  # the C firmware's UTF-8 check refuses these two


def length_seen(value: bytes, rules: TypedDataRules) -> int:
    """The length a firmware takes a value to have: the C one counts in eight bits."""
    return len(value) & 0xFF if rules.bounds else len(value)


def check_value(field: FieldType, value: bytes, rules: TypedDataRules) -> None:
    """Raise DataError if the value does not fit the type."""
    length = length_seen(value, rules)
    if field.size is not None:
        if length != field.size:
            raise DataError("Invalid length")
    elif rules.longest_value is not None and length > rules.longest_value:
        raise DataError(f"Invalid length, bigger than {rules.longest_value}")
    if field.kind is Kind.BOOL:
        if length != 1 or value[0] > 1:
            raise DataError("Invalid boolean value")
    elif field.kind is Kind.ADDRESS:
        if length != ADDRESS_LENGTH:
            raise DataError("Invalid address")
    elif field.kind is Kind.STRING and not _is_utf8(value[:length], strict=rules.bounds is not None):
        raise DataError("Invalid UTF-8")


def _is_utf8(value: bytes, *, strict: bool) -> bool:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return False
    return not (strict and any(c in text for c in _NONCHARACTERS))


def encode_value(field: FieldType, value: bytes, rules: TypedDataRules) -> bytes:
    """The 32 bytes of a checked value (EIP-712 encodeData).

    FirmwareError for a type that has no encoding of its own: an array within an array.
    """
    if field.kind is Kind.STRING or (field.kind is Kind.BYTES and field.size is None):
        return keccak256(value)
    atom = value[: length_seen(value, rules)]
    if field.kind is Kind.BYTES:
        return atom.ljust(WORD, b"\0")
    if field.kind is Kind.INT:
        return atom.rjust(WORD, b"\xff" if atom[0] & 0x80 else b"\0")
    if field.kind in (Kind.UINT, Kind.BOOL, Kind.ADDRESS):
        return atom.rjust(WORD, b"\0")
    raise FirmwareError("Firmware error")


def value_text(field: FieldType, value: bytes) -> str:
    """What the display says of a value."""
    if field.kind is Kind.BYTES:
        return value.hex()
    if field.kind is Kind.STRING:
        return value.decode(errors="replace")
    if field.kind is Kind.ADDRESS:
        return checksum_address(value)
    if field.kind is Kind.BOOL:
        return "true" if value[:1] == b"\1" else "false"
    return str(int.from_bytes(value, "big", signed=field.kind is Kind.INT))
