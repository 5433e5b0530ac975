"""Keccak-256, RLP, and what the signatures of Ethereum transactions and messages commit to.

Transactions of type 0 (EIP-155) and 2 (EIP-1559, with access lists), messages (EIP-191 version 0x45).
Refuses nothing: values are checked before they come here.
"""

from __future__ import annotations

from collections.abc import Sequence

from vault.device.ethereum.request import EthereumSignature, EthereumTransaction, LegacyTransaction

# A byte string, a number (big endian without leading zeros), or a list of items.
Item = bytes | int | Sequence["Item"]


def keccak(data: bytes) -> bytes:
    """Keccak-256, Ethereum's hash (not SHA3-256)."""
    from Crypto.Hash import keccak as implementation

    return bytes(implementation.new(digest_bits=256, data=data).digest())


def encode(item: Item) -> bytes:
    """Recursive Length Prefix (yellow paper, appendix B)."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _header(len(item), 0x80) + item
    body = b"".join(map(encode, item))
    return _header(len(body), 0xC0) + body


def _header(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(size)]) + size


def address_bytes(address: str) -> bytes:
    """The 20 bytes of an address that was checked."""
    return bytes.fromhex(address.removeprefix("0x"))


def _fields(tx: EthereumTransaction) -> list[Item]:
    to = address_bytes(tx.to)
    if isinstance(tx, LegacyTransaction):
        return [tx.nonce, tx.gas_price, tx.gas_limit, to, tx.value, tx.data]
    access: list[Item] = [(address_bytes(each.address), each.storage_keys) for each in tx.access_list]
    fees: list[Item] = [tx.chain_id, tx.nonce, tx.max_priority_fee, tx.max_fee]
    return [*fees, tx.gas_limit, to, tx.value, tx.data, access]


def signing_digest(tx: EthereumTransaction) -> bytes:
    """The hash that is signed."""
    if isinstance(tx, LegacyTransaction):
        return keccak(encode([*_fields(tx), tx.chain_id, 0, 0]))
    return keccak(b"\x02" + encode(_fields(tx)))


def serialise(tx: EthereumTransaction, signature: EthereumSignature) -> bytes:
    """The signed transaction as nodes take it."""
    if isinstance(tx, LegacyTransaction):
        return encode([*_fields(tx), signature.v, signature.r, signature.s])
    return b"\x02" + encode([*_fields(tx), signature.parity, signature.r, signature.s])


def message_digest(message: bytes) -> bytes:
    """The hash of a text message (EIP-191, ``personal_sign``)."""
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
