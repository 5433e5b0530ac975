"""A chain on paper, for assets without an emulated chain: txids, confirmations, tags, base units.

Nothing is random, so a run repeats itself. Every tick is a block: what was paid or received gets one
confirmation deeper. Refuses payments beyond its stock and to what is no address of its kind.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from emulator.venues.engine.chain_port import ChainPort, Deposit
from emulator.venues.engine.coins import Coin

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Family(StrEnum):
    """How addresses and transaction ids look."""

    EVM = "evm"
    TRON = "tron"
    XRP = "xrp"


ADDRESS = {
    Family.EVM: re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII),
    Family.TRON: re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}", re.ASCII),
    Family.XRP: re.compile(r"r[1-9A-HJ-NP-Za-km-z]{24,34}", re.ASCII),
}


@dataclass(slots=True)
class PaperChain:
    """One asset on one chain, behind a venue's port; amounts are base units. `stock` None: no bound.

    A chain of the XRP family gives one address for all, told apart by tags; the others a fresh one each time.
    """

    asset: str
    family: Family
    stock: int | None = None
    paid: list[tuple[str, int, str]] = field(default_factory=list)
    seen: list[Deposit] = field(default_factory=list)
    depth: dict[str, int] = field(default_factory=dict)
    refuse: str = ""  # not empty: every payment is refused with these words
    made: int = 0

    def new_deposit_address(self) -> str:
        if self.family is Family.XRP:
            return self.address("deposit")
        self.made += 1
        return self.address(f"deposit {self.made}")

    def address(self, label: str) -> str:
        """A deterministic address of this chain's form, for the venue or for anyone."""
        digest = hashlib.sha256(f"{self.family}:{label}".encode()).digest()
        if self.family is Family.EVM:
            return "0x" + digest.hex()[:40]
        letters = "".join(BASE58[byte % 58] for byte in digest + digest)
        return "T" + letters[:33] if self.family is Family.TRON else "r" + letters[:32]

    def pay(self, address: str, amount_sat: int, tag: str = "", /) -> str:
        """Raises ValueError with the reason."""
        if self.refuse:
            raise ValueError(self.refuse)
        if not ADDRESS[self.family].fullmatch(address):
            raise ValueError(f"expected an address of the {self.family} family, found {address!r}")
        if amount_sat <= 0 or (self.stock is not None and amount_sat > self.stock):
            raise ValueError(f"expected 1 to {self.stock} base units, found {amount_sat}")
        if self.stock is not None:
            self.stock -= amount_sat
        self.paid.append((address, amount_sat, tag))
        return self._submit(f"pay {len(self.paid)} {address} {amount_sat} {tag}")

    def receive(self, address: str, amount_sat: int, tag: str = "", *, confirmations: int = 0) -> str:
        """Someone pays an address; returns the txid."""
        txid = self._submit(f"receive {len(self.seen)} {address} {amount_sat} {tag}", confirmations)
        self.seen.append(Deposit(txid, 0, address, amount_sat, confirmations, tag))
        return txid

    def _submit(self, what: str, confirmations: int = 0) -> str:
        digest = hashlib.sha256(f"{self.family}:{self.asset}:{what}".encode()).hexdigest()
        txid = {Family.EVM: "0x" + digest, Family.TRON: digest, Family.XRP: digest.upper()}[self.family]
        self.depth[txid] = confirmations
        return txid

    def deposits(self) -> list[Deposit]:
        return [replace(deposit, confirmations=self.depth[deposit.txid]) for deposit in self.seen]

    def confirmations(self, txid: str) -> int | None:
        return self.depth.get(txid)

    def tick(self) -> None:
        """A block is found."""
        self.depth = {txid: deep + 1 for txid, deep in self.depth.items()}


def paper_chains(coins: Mapping[str, Coin]) -> dict[tuple[str, str], ChainPort]:
    """A chain on paper for every network that names its family, by (asset, network code)."""
    return {
        (coin.coin, network.network): PaperChain(coin.coin, Family(network.family))
        for coin in coins.values()
        for network in coin.networks
        if network.family
    }
