"""The open treasury: its configuration, store, clock and connections, opened when they are needed.

Refuses to open on a world that may not be touched (see `authority`). Everything the treasury floor
does goes through one desk; it owns what it opened and closes it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vault.address import Network, network_of
from vault.clock import Clock, SystemClock
from vault.device.prompt import OnSigning, nobody_watches
from vault.treasury import authority

if TYPE_CHECKING:
    from decimal import Decimal

    from vault.bitcoin.backends.base import Backend
    from vault.bitcoin.descriptor import Descriptor
    from vault.bitcoin.fees.estimate import FeeEstimate
    from vault.bitcoin.wallet.watch import WatchWallet
    from vault.config import Treasury
    from vault.device.connection.features import DeviceInfo
    from vault.device.connection.keyboard import Keyboard
    from vault.device.prompt import Prompt
    from vault.device.session import DeviceSession
    from vault.ethereum.node.base import EthereumNode
    from vault.risk.assess import RiskParameters
    from vault.store.database import Store
    from vault.venues.client import VenueClient

# The transactions of one plan are built at the same rates; those of the next ask again.
FEES_SECONDS: Final = 30
# How old an account's numbers may be while no signed policy says it: as in the default policy.
UNSIGNED_MAX_AGE_SECONDS: Final = 120


def _quiet(_line: str) -> None:
    """Progress nobody asked for."""


def _no_prompt(_prompt: Prompt) -> None:
    """What the device shows, shown nowhere else."""


class Desk:
    """One treasury at work. Use as a context manager."""

    def __init__(
        self,
        treasury: Treasury,
        *,
        clock: Clock | None = None,
        progress: Callable[[str], None] = _quiet,
        on_prompt: Callable[[Prompt], None] = _no_prompt,
        keyboard: Keyboard | None = None,
        on_signing: OnSigning = nobody_watches,
        venue_worker: str | None = None,
    ) -> None:
        from vault.store.database import Store

        authority.require_permitted_world(treasury.config)
        self.treasury = treasury
        self.clock = clock or SystemClock()
        self.progress = progress
        self.on_prompt = on_prompt
        self.on_signing = on_signing
        self._keyboard = keyboard
        self._venue_worker = venue_worker
        self._stack = ExitStack()
        self.store: Store = self._stack.enter_context(
            Store.open(treasury.store_url, treasury.config.treasury_id, self.clock)
        )
        self._wallets: dict[str, WatchWallet] = {}
        self._venues: VenueClient | None = None
        self._backend: Backend | None = None
        self._nodes: dict[str, EthereumNode] = {}
        self._fees: FeeEstimate | None = None

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection this desk opened."""
        self._stack.close()

    @property
    def network(self) -> Network:
        return network_of(self.treasury.config.bitcoin.network)

    # Policy and book are read and their signatures checked at every call: a file that changes between
    # two steps of a plan must be noticed at the second.

    def policy(self) -> authority.SignedPolicy:
        """The signed policy as it stands now. Raises `AttestationError`."""
        return authority.load_policy(self.treasury, self.store)

    def book(self) -> authority.SignedBook:
        """The signed address book as it stands now. Raises `AttestationError`."""
        return authority.load_book(self.treasury, self.store, self.clock.now())

    def risk_parameters(self) -> RiskParameters:
        """Stress parameters from the configuration, freshness from the policy."""
        from vault.risk.assess import RiskParameters

        risk = self.treasury.config.risk
        return RiskParameters(
            risk.joint_shock, risk.maintenance_multiple, self.policy().policy.freshness.max_age_seconds
        )

    def unsigned_parameters(self) -> RiskParameters:
        """The same while no signed policy says how old a number may be."""
        from vault.risk.assess import RiskParameters

        risk = self.treasury.config.risk
        return RiskParameters(risk.joint_shock, risk.maintenance_multiple, UNSIGNED_MAX_AGE_SECONDS)

    @property
    def venues(self) -> VenueClient:
        """All venue accounts, asked through the one process that loads ccxt."""
        if self._venues is None:
            from vault.venues.client import WORKER, VenueClient

            config = self.treasury.config
            lines = (*config.venue, *config.price_lines)
            client = VenueClient(config.treasury_id, *lines, worker=self._venue_worker or WORKER)
            self._venues = self._stack.enter_context(client)
        return self._venues

    def backend(self) -> Backend:
        """The chain backend of the configuration, with its witness where there is one."""
        if self._backend is None:
            from vault.bitcoin.backends.open import open_backend

            self._backend = open_backend(self.treasury, self.progress)
        return self._backend

    def ethereum(self, chain: str) -> EthereumNode:
        """The node of a configured [[chain]], by its name, with its witness where there is one."""
        if chain not in self._nodes:
            from vault.ethereum.node.open import open_node

            self._nodes[chain] = open_node(self.treasury, self.treasury.chain(chain), self.progress)
        return self._nodes[chain]

    def fee_rate(self, target_blocks: int) -> Decimal:
        """The rate in sat/vB to be confirmed within so many blocks, under the policy's cap.

        Asked anew when the last answer is older than `FEES_SECONDS`. Raises `ChainError`.
        """
        return self._estimate().rate_for(target_blocks, self.clock.now())

    def fee_floor(self) -> Decimal:
        """The least rate in sat/vB that mempools take, as far as they could be asked; never below 1."""
        return self._estimate().floor

    def _estimate(self) -> FeeEstimate:
        from vault.treasury import fees

        highest, now = fees.ceiling(self.policy().policy), self.clock.now()
        known = self._fees
        if (
            known is None
            or known.ceiling != highest
            or not 0 <= (now - known.at).total_seconds() < FEES_SECONDS
        ):
            known = self._fees = fees.estimate(self, highest)
        return known

    def descriptor(self, wallet: str) -> Descriptor:
        """The descriptor of a configured wallet."""
        from vault.bitcoin.descriptor import Descriptor

        return Descriptor.parse(self.treasury.wallet(wallet).descriptor, self.network)

    def wallet(self, name: str) -> WatchWallet:
        """The watch-only wallet of that name; its state files are kept under state/wallets."""
        from vault.bitcoin.wallet.watch import WatchWallet

        if name not in self._wallets:
            settings = self.treasury.wallet(name)
            self._wallets[name] = WatchWallet(
                name,
                self.descriptor(name),
                self.network,
                self.treasury.wallets_path,
                self.backend(),
                role=settings.role,
                clock=self.clock,
            )
        return self._wallets[name]

    def device(
        self, name: str, permit: Callable[[DeviceInfo], None] | None = None
    ) -> AbstractContextManager[DeviceSession]:
        """Open the configured device; its root fingerprint must be the configured one.

        `permit` is asked before the wallet is opened; what it raises ends it. Prompts name the device, its
        model once it has said it, and the wallet it must hold.
        """
        from vault.device.connection.keyboard import NOBODY
        from vault.treasury.devices import configured, open_target

        target = configured(self.treasury, name)
        known = [f"wallet {target.fingerprint}"]

        def named(prompt: Prompt) -> None:
            self.on_prompt(replace(prompt, device=f"{name} ({', '.join(known)})"))

        def met(info: DeviceInfo) -> None:
            known[:] = [info.model, f"wallet {target.fingerprint}"]
            if permit is not None:
                permit(info)

        return open_target(self.treasury, target, self._keyboard or NOBODY, named, met)
