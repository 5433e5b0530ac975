"""SLIP-24: the MAC by which a device recognises an address it gave out itself."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from .bitcoin.scripts.serialise import compact_size, prefixed, u32
from .errors import DataError
from .flow import Flow


def address_mac(
    flow: Flow, slip44: int, path: Sequence[int], address: str, *, with_path: bool = True
) -> bytes:
    """MAC of an address of a coin type; older firmware leaves the path out."""
    key = flow.slip21_key(b"SLIP-0024", b"Address MAC key")
    data = u32(slip44)
    if with_path:
        data += compact_size(len(path)) + b"".join(u32(n) for n in path)
    return hmac.new(key, data + prefixed(address.encode()), hashlib.sha256).digest()


def check_address_mac(flow: Flow, slip44: int, path: Sequence[int], address: str, mac: bytes) -> None:
    """Raises DataError unless the address is ours."""
    if not hmac.compare_digest(address_mac(flow, slip44, path, address), bytes(mac)):
        raise DataError("Invalid address MAC.")
