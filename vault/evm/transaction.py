"""Ethereum transactions of type 0 (EIP-155) and 2 (EIP-1559): fields, what is signed, what is sent.

Pure; amounts are integers of wei. Refuses, when it reads, whatever does not encode back to the same bytes,
other types, and a signature that is out of range, has a high s (EIP-2), or no point behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.errors import EthereumError
from vault.evm import rlp
from vault.evm.address import checksum_address
from vault.evm.hashing import keccak

ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
MAX_RAW: Final = 128 * 1024  # what nodes pass on (geth, txMaxSize)


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """An address (EIP-55) and the 32-byte storage keys announced for it (EIP-2930)."""

    address: str
    storage_keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class LegacyTransaction:
    """Type 0, bound to its chain (EIP-155)."""

    chain_id: int
    nonce: int
    gas_price: int
    gas_limit: int
    to: str
    value: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class FeeMarketTransaction:
    """Type 2 (EIP-1559)."""

    chain_id: int
    nonce: int
    max_priority_fee: int
    max_fee: int
    gas_limit: int
    to: str
    value: int
    data: bytes = b""
    access_list: tuple[AccessEntry, ...] = ()


EthereumTransaction = LegacyTransaction | FeeMarketTransaction


@dataclass(frozen=True, slots=True)
class EthereumSignature:
    """`parity` 0 or 1 of the y coordinate; `v` as the signed thing writes it; s is low (EIP-2)."""

    parity: int
    v: int
    r: int
    s: int

    @property
    def raw(self) -> bytes:
        """65 bytes r, s, v with v 27 or 28, as contracts and wallets take signatures of messages."""
        return self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes([27 + self.parity])


@dataclass(frozen=True, slots=True)
class SignedEthereumTransaction:
    """`raw` may be broadcast; `transaction_hash` is its Keccak-256."""

    signature: EthereumSignature
    raw: bytes
    transaction_hash: bytes


def _fields(tx: EthereumTransaction) -> list[rlp.Item]:
    to = bytes.fromhex(tx.to.removeprefix("0x"))
    if isinstance(tx, LegacyTransaction):
        return [tx.nonce, tx.gas_price, tx.gas_limit, to, tx.value, tx.data]
    access: list[rlp.Item] = [
        (bytes.fromhex(each.address.removeprefix("0x")), each.storage_keys) for each in tx.access_list
    ]
    fees: list[rlp.Item] = [tx.chain_id, tx.nonce, tx.max_priority_fee, tx.max_fee]
    return [*fees, tx.gas_limit, to, tx.value, tx.data, access]


def signing_digest(tx: EthereumTransaction) -> bytes:
    """The hash that is signed, of fields that were checked."""
    if isinstance(tx, LegacyTransaction):
        return keccak(rlp.encode([*_fields(tx), tx.chain_id, 0, 0]))
    return keccak(b"\x02" + rlp.encode(_fields(tx)))


def serialise(tx: EthereumTransaction, signature: EthereumSignature) -> bytes:
    """The signed transaction as nodes take it."""
    if isinstance(tx, LegacyTransaction):
        return rlp.encode([*_fields(tx), signature.v, signature.r, signature.s])
    return b"\x02" + rlp.encode([*_fields(tx), signature.parity, signature.r, signature.s])


def recover(digest: bytes, signature: EthereumSignature) -> str:
    """The address (EIP-55) whose key made a signature over 32 bytes.

    Raises `EthereumError` (``ethereum.bad_signature``) out of range, with a high s, or without a point.
    """
    from coincurve import PublicKey

    if not 0 < signature.r < ORDER or not 0 < signature.s <= ORDER // 2 or signature.parity not in {0, 1}:
        raise _bad_signature("expected r and a low s within the curve's order (EIP-2)")
    compact = signature.raw[:64] + bytes([signature.parity])
    try:
        key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except Exception:  # noqa: BLE001 -- coincurve raises bare Exception for points that do not exist
        raise _bad_signature("expected a signature that some key made") from None
    return checksum_address(keccak(key.format(compressed=False)[1:])[12:])


def parse_signed(raw: bytes) -> tuple[EthereumTransaction, EthereumSignature]:
    """A signed transaction of type 0 (with EIP-155) or 2, from exactly the bytes that would be sent.

    Raises `EthereumError` (``ethereum.bad_transaction``, ``ethereum.bad_signature``).
    """
    if not 0 < len(raw) <= MAX_RAW:
        raise _bad(f"expected 1 to {MAX_RAW} bytes, found {len(raw)}")
    if raw[0] == 2:
        tx, signature = _fee_market(_list(rlp.decode(raw[1:]), 12))
    elif raw[0] >= 0xC0:
        tx, signature = _legacy(_list(rlp.decode(raw), 9))
    else:
        raise _bad(f"expected type 0 or 2, found type {raw[0]}")
    if serialise(tx, signature) != raw:
        raise _bad("it does not encode back to the same bytes")
    return tx, signature


def _legacy(items: Sequence[rlp.Decoded]) -> tuple[EthereumTransaction, EthereumSignature]:
    nonce, price, limit, to, value, data, v, r, s = (_bytes(each) for each in items)
    number = _int(v)
    if number < 37:
        raise _bad("expected a signature bound to its chain (EIP-155)")
    chain_id, parity = divmod(number - 35, 2)
    tx = LegacyTransaction(chain_id, _int(nonce), _int(price), _int(limit), _to(to), _int(value), data)
    return tx, EthereumSignature(parity, number, _int(r), _int(s))


def _fee_market(items: Sequence[rlp.Decoded]) -> tuple[EthereumTransaction, EthereumSignature]:
    chain_id, nonce, tip, most, limit = (_int(_bytes(each)) for each in items[:5])
    access = tuple(_access(each) for each in _list(items[8]))
    parity, r, s = (_int(_bytes(each)) for each in items[9:])
    if parity > 1:
        raise _bad_signature(f"expected parity 0 or 1, found {parity}")
    to, value, data = _to(_bytes(items[5])), _int(_bytes(items[6])), _bytes(items[7])
    tx = FeeMarketTransaction(chain_id, nonce, tip, most, limit, to, value, data, access)
    return tx, EthereumSignature(parity, parity, r, s)


def _access(item: rlp.Decoded) -> AccessEntry:
    address, keys = _list(item, 2)
    found = tuple(_bytes(key) for key in _list(keys))
    if any(len(key) != 32 for key in found):
        raise _bad("expected storage keys of 32 bytes")
    return AccessEntry(_to(_bytes(address)), found)


def _to(raw: bytes) -> str:
    if len(raw) != 20:
        raise _bad(f"expected an address of 20 bytes, found {len(raw)}: that would create a contract")
    return checksum_address(raw)


def _int(raw: bytes) -> int:
    if raw[:1] == b"\0" or len(raw) > 32:
        raise _bad("expected a number of at most 32 bytes without leading zeros")
    return int.from_bytes(raw, "big")


def _bytes(item: rlp.Decoded) -> bytes:
    if not isinstance(item, bytes):
        raise _bad("expected bytes, found a list")
    return item


def _list(item: rlp.Decoded, size: int | None = None) -> list[rlp.Decoded]:
    if not isinstance(item, list) or (size is not None and len(item) != size):
        raise _bad("expected a list" if size is None else f"expected a list of {size} items")
    return item


def _bad(what: str) -> EthereumError:
    return EthereumError("bad_transaction", f"transaction: {what}")


def _bad_signature(what: str) -> EthereumError:
    return EthereumError("bad_signature", what, hint="Do not use it; ask the device again.")
