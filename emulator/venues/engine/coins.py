"""What can be withdrawn and deposited: coins, their networks, minimum, fee, step and confirmations.

Whether an address belongs to the right chain is the chain's to say when it pays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from emulator.venues.engine.exact import SATOSHI

# Main, test and regression networks: which of them is real is decided by the chain behind the port.
BITCOIN_ADDRESS = r"^[13mn2][a-km-zA-HJ-NP-Z1-9]{25,34}$|^(bc|tb|bcrt)1[02-9ac-hj-np-z]{11,87}$"


@dataclass(slots=True)
class CoinNetwork:
    """One way in and out for a coin. The flags and the fee are a scenario's to change."""

    network: str
    name: str
    address_pattern: str
    withdraw_fee: Decimal
    withdraw_min: Decimal
    withdraw_max: Decimal
    withdraw_step: Decimal = SATOSHI
    deposit_dust: Decimal = SATOSHI
    min_confirm: int = 1
    unlock_confirm: int = 2
    is_default: bool = False
    withdraw_enabled: bool = True
    deposit_enabled: bool = True
    contract_url: str = ""
    contract: str = ""
    decimals: int = 8  # of the asset on its chain: base units are whole
    tag_pattern: str = ""  # empty: this network knows no tag (memo)
    tag_required: bool = False
    family: str = ""  # how its addresses look where a chain on paper stands in: evm, tron, xrp
    chain_id: int = 0  # of EIP-155, where it is Ethereum or its kin


@dataclass(slots=True)
class Coin:
    coin: str
    name: str
    networks: list[CoinNetwork] = field(default_factory=list)

    def network(self, code: str | None) -> CoinNetwork | None:
        """The network with this code, or the default one for None; None when there is none."""
        for candidate in self.networks:
            if candidate.network == code or (code is None and candidate.is_default):
                return candidate
        return None
