"""Ethereum in the world: its tokens and Safe contracts, and the exchanges' hot keys on it; Arbitrum likewise.

Ether and tokens of every exchange go over this chain where it runs; without it their networks stay off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from decimal import Decimal
from types import TracebackType
from typing import Self

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.deploy import ARBITRUM, ARBITRUM_USDC, USDC, USDT, mint, prepare
from emulator.chains.ethereum.hot_wallet import EthereumPort
from emulator.chains.ethereum.server import EthereumServer
from emulator.scenario_accounts import ethereum_networks
from emulator.venues.hyperliquid.bridge import BridgePort, place_bridge
from emulator.venues.serving.server import VenueServer
from emulator.world_report import EthereumReport

MAINNET = 1
BRIDGED = 50_000_000  # USDC that an exchange's bridge holds
TOKENS: Mapping[str, str | None] = {"ETH": None, "USDC": USDC, "USDT": USDT}
WEI_PER_ETHER = 10**18
UNITS_PER_DOLLAR = 10**6


class EthereumWorld:
    """The chain and its node; use as a context manager. `stock` is what each exchange has there, by asset."""

    def __init__(
        self, clock: Callable[[], int], stock: Mapping[str, Decimal], *, chain_id: int = MAINNET
    ) -> None:
        self._stack = ExitStack()
        self._stock = stock
        self.chain = EthereumChain(chain_id=chain_id, clock=clock)
        prepare(self.chain)
        self.server = EthereumServer(self.chain)

    def __enter__(self) -> Self:
        self._stack.enter_context(self.server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def connect(self, server: VenueServer, seed: bytes) -> str:
        """Put this chain behind an exchange's networks, switch those on, and stock its hot key, whose address
        is returned; "" for an exchange that has nothing on Ethereum."""
        venue, hot_key = server.venue, ""
        for coin, code in ethereum_networks(server.exchange.profile.name):
            port = EthereumPort(self.chain, seed, token=TOKENS[coin])
            venue.chains[coin, code], hot_key = port, port.funding_address
            network = venue.network(coin, code)
            network.withdraw_enabled = network.deposit_enabled = True
        if hot_key:
            for asset, amount in self._stock.items():
                self.give(hot_key, asset, amount)
        return hot_key

    def connect_bridge(self, server: VenueServer) -> str:
        """Put an exchange's bridge on this chain, with dollars to pay out; its address is returned."""
        place_bridge(self.chain)
        port = BridgePort(self.chain)
        mint(self.chain, ARBITRUM_USDC, port.funding_address, BRIDGED * UNITS_PER_DOLLAR)
        for name, coin in server.exchange.profile.coins().items():
            for network in coin.networks:
                server.venue.chains[name, network.network] = port
        return port.funding_address

    def give(self, address: str, asset: str, amount: Decimal) -> None:
        """Ether out of the faucet, or newly minted tokens, in whole units."""
        token = TOKENS[asset]
        if token is None:
            self.chain.fund(address, int(amount * WEI_PER_ETHER))
        else:
            mint(self.chain, token, address, int(amount * UNITS_PER_DOLLAR))

    def report(self) -> EthereumReport:
        return EthereumReport(self.server.url, self.chain.chain_id)


def arbitrum(clock: Callable[[], int]) -> EthereumWorld:
    """The chain of exchanges whose accounts are addresses there."""
    return EthereumWorld(clock, {}, chain_id=ARBITRUM)
