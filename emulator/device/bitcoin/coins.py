"""The Bitcoin networks the device knows: versions, prefixes and fee ceilings.

Values as in trezor-firmware common/defs/bitcoin/*.json. Refuses every other coin name, also those
of the other coins that firmware knows (Litecoin, Dogecoin, Dash and so on).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..errors import DataError

SIGNED_MESSAGE_HEADER = b"Bitcoin Signed Message:\n"


@dataclass(frozen=True, slots=True)
class Coin:
    name: str
    shortcut: str
    slip44: int
    p2pkh_version: int
    p2sh_version: int
    hrp: str
    max_fee_per_kvb: int  # satoshi; above it the device warns, above ten times it refuses
    xpub_version: int
    xpub_version_p2sh_segwit: int  # SLIP-132
    xpub_version_segwit: int  # SLIP-132
    xpub_version_group_p2sh_segwit: int  # SLIP-132, of a multisig group's keys
    xpub_version_group_segwit: int  # SLIP-132


def _testnet_like(name: str, shortcut: str, hrp: str) -> Coin:
    versions = (70617039, 71979618, 73342198, 37915119, 39277699)
    return Coin(name, shortcut, 1, 111, 196, hrp, 10_000_000, *versions)


_COINS = {
    coin.name: coin
    for coin in (
        Coin("Bitcoin", "BTC", 0, 0, 5, "bc", 2_000_000, 76067358, 77429938, 78792518, 43365439, 44728019),
        _testnet_like("Testnet", "TEST", "tb"),
        _testnet_like("Signet", "SIGNET", "tb"),
        _testnet_like("Regtest", "REGTEST", "bcrt"),
    )
}


def by_name(name: str) -> Coin | None:
    """The coin of that exact name, None if the device does not know it."""
    return _COINS.get(name)


def wanted(name: str, known: Collection[str], refusal: str) -> Coin:
    """The coin of that exact name, if a firmware knows it. Raises DataError with its `refusal`."""
    coin = by_name(name) if name in known else None
    if coin is None:
        raise DataError(refusal)
    return coin
