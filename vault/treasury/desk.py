"""The open treasury: its configuration, store, clock and connections, opened when they are needed.

Refuses to open on a world that may not be touched (see `authority`). Everything the treasury floor
does goes through one desk; it owns what it opened and closes it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

from vault.address import Network, network_of
from vault.clock import Clock, SystemClock
from vault.treasury import authority

if TYPE_CHECKING:
    from vault.bitcoin.backend import EsploraBackend
    from vault.bitcoin.descriptor import Descriptor
    from vault.bitcoin.wallet import WatchWallet
    from vault.config import Treasury
    from vault.device.connection.keyboard import Keyboard
    from vault.device.prompt import Prompt
    from vault.device.session import DeviceSession
    from vault.risk.assess import RiskParameters
    from vault.store.database import Store
    from vault.venues.client import VenueClient


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
    ) -> None:
        from vault.store.database import Store

        authority.require_permitted_world(treasury.config)
        self.treasury = treasury
        self.clock = clock or SystemClock()
        self.progress = progress
        self.on_prompt = on_prompt
        self._keyboard = keyboard
        self._stack = ExitStack()
        self.store: Store = self._stack.enter_context(
            Store.open(treasury.store_url, treasury.config.treasury_id, self.clock)
        )
        self._wallets: dict[str, WatchWallet] = {}
        self._venues: VenueClient | None = None

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

    @property
    def venues(self) -> VenueClient:
        """All venue accounts, asked through the one process that loads ccxt."""
        if self._venues is None:
            from vault.venues.client import VenueClient

            config = self.treasury.config
            self._venues = self._stack.enter_context(VenueClient(config.treasury_id, *config.venue))
        return self._venues

    def backend(self) -> EsploraBackend:
        """The chain backend of the configuration."""
        from vault.bitcoin.backend import EsploraBackend

        bitcoin = self.treasury.config.bitcoin
        return EsploraBackend(bitcoin.esplora, bitcoin.timeout_seconds)

    def descriptor(self, wallet: str) -> Descriptor:
        """The descriptor of a configured wallet."""
        from vault.bitcoin.descriptor import Descriptor

        return Descriptor.parse(self.treasury.wallet(wallet).descriptor, self.network)

    def wallet(self, name: str) -> WatchWallet:
        """The watch-only wallet of that name; its state files are kept under state/wallets."""
        from vault.bitcoin.wallet import WatchWallet

        if name not in self._wallets:
            settings = self.treasury.wallet(name)
            self._wallets[name] = WatchWallet(
                name,
                self.descriptor(name),
                self.network,
                self.treasury.wallets_path,
                self.treasury.config.bitcoin.esplora,
                role=settings.role,
                timeout=self.treasury.config.bitcoin.timeout_seconds,
            )
        return self._wallets[name]

    def device(self, name: str) -> AbstractContextManager[DeviceSession]:
        """Open the configured device; its root fingerprint must be the configured one."""
        from vault.device.connection.keyboard import NOBODY
        from vault.treasury.devices import configured, open_target

        target = configured(self.treasury, name)
        return open_target(self.treasury, target, self._keyboard or NOBODY, self.on_prompt)
