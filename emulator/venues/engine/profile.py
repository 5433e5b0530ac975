"""What the engine must know of an exchange to be it: wallets, routes, fees, client ids, contracts, margin.

Data and pure functions only; how the exchange talks is its dialect's affair (`emulator.venues.serving`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emulator.venues.engine.coins import Coin
from emulator.venues.engine.collateral import CollateralRule
from emulator.venues.engine.margin import MarginGroups
from emulator.venues.engine.market import Market, SymbolMarket
from emulator.venues.engine.withdrawals import ClientIds, FeeMode


@dataclass(frozen=True, slots=True)
class WalletRoute:
    """One way money may go inside an account; `kind` is the exchange's name for it."""

    kind: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One exchange. `wallet_of` names the wallet a contract is margined in."""

    name: str
    wallets: tuple[str, ...]
    withdraw_wallet: str
    deposit_wallet: str
    routes: tuple[WalletRoute, ...]
    market: Callable[[], Market]
    coins: Callable[[], dict[str, Coin]]
    collateral: Callable[[], dict[str, CollateralRule]]
    margin_groups: MarginGroups
    wallet_of: Callable[[SymbolMarket], str]
    modes: tuple[str, ...] = ("",)  # margin modes of an account, the first is the default
    fee_mode: FeeMode = FeeMode.NETTED
    client_ids: ClientIds = ClientIds.IGNORED
    client_id_pattern: re.Pattern[str] = re.compile(r".{0,64}")
    withdraw_spacing_ms: int = 0  # between two withdrawals of a coin on a network
    places: int = 8  # decimals kept of a balance
    first_uid: int = 100_000_001
    first_id: int = 5_000_000_001
    withdrawal_id: Callable[[int], str] | None = None  # from a running number; None: 32 hex digits
    credits_sender: bool = False  # a deposit's tag is its sender's address, the key of the account it is for
    facts: Mapping[str, str] = field(default_factory=dict)

    def route(self, source: str, target: str) -> WalletRoute | None:
        return next((r for r in self.routes if (r.source, r.target) == (source, target)), None)

    def route_named(self, kind: str) -> WalletRoute | None:
        return next((r for r in self.routes if r.kind == kind), None)
