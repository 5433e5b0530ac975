"""Safe (Gnosis Safe) transactions, whose EIP-712 types OneKey's firmware knows by heart.

Refuses numbers of more than 32 bytes; addresses that are none, unless the firmware reads them
leniently (up to the first wrong digit, and a text of a wrong length as zero).
"""

from __future__ import annotations

import string
from dataclasses import dataclass

from ...errors import FirmwareError
from ...protocol.proto import Message
from ..address import ADDRESS_LENGTH, parse_address
from ..keccak import keccak256
from .fields import WORD
from .rules import TypedDataRules
from .schema import DOMAIN_TYPE

PRIMARY_TYPE = "SafeTx"
DELEGATE_CALL = 1
DOMAIN_TYPE_HASH = keccak256(f"{DOMAIN_TYPE}(uint256 chainId,address verifyingContract)".encode())
SAFE_TX_TYPE_HASH = keccak256(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    b"uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)


@dataclass(frozen=True, slots=True)
class SafeHashes:
    """The two hashes of a Safe transaction."""

    domain: bytes
    message: bytes


def _number(value: bytes) -> bytes:
    if len(value) > WORD:
        raise FirmwareError("Firmware error")
    return bytes(value).rjust(WORD, b"\0")


def read_leniently(text: str) -> bytes:
    """The 20 bytes the C firmware makes of a text that should be an address."""
    prefixed = len(text) == 42 and text[:2] in ("0x", "0X")
    if len(text) != 40 and not prefixed:
        return bytes(ADDRESS_LENGTH)
    digits = ""
    for digit in text[-40:]:
        if digit not in string.hexdigits:
            break
        digits += digit
    return bytes.fromhex(digits.ljust(40, "0"))


def hashes_of(ack: Message, rules: TypedDataRules) -> SafeHashes:
    """Domain separator and struct hash. Raises ProcessError or FirmwareError."""

    def address(text: str) -> bytes:
        return _number(read_leniently(text) if rules.lenient_safe_addresses else parse_address(text))

    chain = int(ack.chain_id).to_bytes(WORD, "big")
    domain = keccak256(DOMAIN_TYPE_HASH + chain + address(ack.verifyingContract))
    message = keccak256(
        SAFE_TX_TYPE_HASH
        + address(ack.to)
        + _number(ack.value)
        + keccak256(bytes(ack.data or b""))
        + int(ack.operation).to_bytes(WORD, "big")
        + _number(ack.safeTxGas)
        + _number(ack.baseGas)
        + _number(ack.gasPrice)
        + address(ack.gasToken)
        + address(ack.refundReceiver)
        + _number(ack.nonce)
    )
    return SafeHashes(domain, message)


def domain_items(ack: Message) -> list[tuple[str, str]]:
    return [("chainId", str(ack.chain_id)), ("verifyingContract", ack.verifyingContract)]


def message_items(ack: Message) -> list[tuple[str, str]]:
    """Names and texts of the transaction's fields, as they are shown."""
    delegate = int(ack.operation) == DELEGATE_CALL

    def number(value: bytes) -> str:
        return str(int.from_bytes(value, "big"))

    return [
        ("to", ack.to),
        ("value", number(ack.value)),
        ("data", f"0x{bytes(ack.data or b'').hex()}"),
        ("operation", "1(DELEGATECALL)" if delegate else "0(CALL)"),
        ("safeTxGas", number(ack.safeTxGas)),
        ("baseGas", number(ack.baseGas)),
        ("gasPrice", number(ack.gasPrice)),
        ("gasToken", ack.gasToken),
        ("refundReceiver", ack.refundReceiver),
        ("nonce", number(ack.nonce)),
    ]
