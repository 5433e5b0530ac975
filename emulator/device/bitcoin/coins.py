"""The Bitcoin networks the device knows: versions, prefixes and fee ceilings.

Values as in trezor-firmware common/defs/bitcoin/*.json. Refuses every other coin name.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def _testnet_like(name: str, shortcut: str, hrp: str) -> Coin:
    return Coin(name, shortcut, 1, 111, 196, hrp, 10_000_000, 70617039, 71979618, 73342198)


_COINS = {
    coin.name: coin
    for coin in (
        Coin("Bitcoin", "BTC", 0, 0, 5, "bc", 2_000_000, 76067358, 77429938, 78792518),
        _testnet_like("Testnet", "TEST", "tb"),
        _testnet_like("Signet", "SIGNET", "tb"),
        _testnet_like("Regtest", "REGTEST", "bcrt"),
    )
}


def by_name(name: str) -> Coin | None:
    """The coin of that exact name, None if the device does not know it."""
    return _COINS.get(name)
