"""The kinds of plans that are killed on Ethereum: who pays, who signs, and what the policy says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tests.support.ethereum_treasury import MNEMONIC, OTHER

Kind = Literal["payment", "safe", "bump", "cancel", "sweep", "top-up"]

DEVICES: Final = {"one": MNEMONIC, "two": OTHER}

_BAND: Final = """
[[band]]
account = "trading"
asset = "USDC"
venue_network = "NETWORK"
floor = "100"
target = "2500"
ceiling = "3500"
min_change = "50"
step = "0.01"
min_wait_minutes = 1
cold = "cold-usdc"
top_up_from = "vault"
top_up_to = "trading-deposit"

[[rule]]
id = "allow-sweep"
effect = "allow"
action = "sweep"
when = 'account.equity > 0'

[[rule]]
id = "allow-top-up"
effect = "allow"
action = "top_up"
when = 'account.equity > 0'

[[limit]]
id = "sweep-usdc"
action = "sweep"
asset = "USDC"
per_transfer = "100000"
window_hours = 24
window_amount = "200000"

[[limit]]
id = "top-up-usdc"
action = "top_up"
asset = "USDC"
per_transfer = "100000"
window_hours = 24
window_amount = "200000"
"""


@dataclass(frozen=True, slots=True)
class Spec:
    """`payer` is whose asset moves, `sender` the account that signs and pays the gas ("": a venue)."""

    payer: str
    sender: str
    venue: bool = False
    collateral: str = ""
    replaces: bool = False

    @property
    def policy(self) -> str:
        return _BAND if self.venue else ""


KINDS: Final[dict[Kind, Spec]] = {
    "payment": Spec("hot", "hot"),
    "safe": Spec("vault", "gas"),
    "bump": Spec("hot", "hot", replaces=True),
    "cancel": Spec("hot", "hot", replaces=True),
    "sweep": Spec("trading", "", venue=True, collateral="12500"),
    "top-up": Spec("vault", "gas", venue=True, collateral="1100"),
}
