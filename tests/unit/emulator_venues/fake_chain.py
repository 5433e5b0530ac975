"""A chain in memory behind the venue's port: what it shows is what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from emulator.venues.engine.chain_port import Deposit

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@dataclass(slots=True)
class FakeChain:
    paid: list[tuple[str, int]] = field(default_factory=list)
    seen: list[Deposit] = field(default_factory=list)
    depth: dict[str, int] = field(default_factory=dict)
    refuse: str = ""
    made: int = 0

    def new_deposit_address(self) -> str:
        self.made += 1
        tail = "".join(BECH32[(self.made >> (5 * n)) % 32] for n in range(6))
        return "bcrt1q" + "q" * 32 + tail

    def pay(self, address: str, amount_sat: int, tag: str = "", /) -> str:
        if self.refuse:
            raise ValueError(self.refuse)
        self.paid.append((address, amount_sat))
        txid = f"{len(self.paid):064x}"
        self.depth[txid] = 0
        return txid

    def deposits(self) -> list[Deposit]:
        return list(self.seen)

    def confirmations(self, txid: str) -> int | None:
        return self.depth.get(txid)

    def receive(self, address: str, amount_sat: int, confirmations: int = 0) -> str:
        """Someone pays a deposit address."""
        txid = f"{0xD0 + len(self.seen):064x}"
        self.seen.append(Deposit(txid, 0, address, amount_sat, confirmations))
        return txid

    def confirm(self, confirmations: int) -> None:
        """Every deposit and payment gets this deep."""
        self.seen = [replace(deposit, confirmations=confirmations) for deposit in self.seen]
        self.depth = dict.fromkeys(self.depth, confirmations)
