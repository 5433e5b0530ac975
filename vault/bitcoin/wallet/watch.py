"""A watch-only wallet: sync, balance, addresses, what arrived, and PSBTs to be verified.

Refuses private keys, unconfirmed coins, and a state file that belongs to another wallet. What it
builds is a proposal: `verify.verify_psbt` decides whether it may be signed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from vault.address import Network, script_pubkey
from vault.bitcoin.backends.base import Backend, ReceivedOutput
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.bitcoin.wallet import coins as facts
from vault.bitcoin.wallet.build import Builder
from vault.bitcoin.wallet.coins import Balances, Coin, HistoryLine, Provenance, ReusedAddress
from vault.bitcoin.wallet.compose import BuiltPsbt, Payments
from vault.bitcoin.wallet.ledger import Ledger
from vault.bitcoin.wallet.replacement import Package, ancestors, child, replacement
from vault.bitcoin.wallet.selection import Algorithm
from vault.bitcoin.wallet.sync import STOP_GAP, SyncReport, sync
from vault.clock import Clock, SystemClock
from vault.errors import PsbtError, StoreError
from vault.model import WalletBalance
from vault.money import BTC, Amount

__all__ = ["BuiltPsbt", "WatchWallet"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


class WatchWallet:
    """One wallet of the treasury. State lives in ``<state_dir>/<name>.sqlite``, mode 0600."""

    def __init__(
        self,
        name: str,
        descriptor: Descriptor,
        network: Network,
        state_dir: Path,
        backend: Backend,
        *,
        role: Literal["cold", "staging"],
        clock: Clock | None = None,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise StoreError(
                "wallet_name", f"expected a wallet name of letters, digits, - and _, found {name!r}"
            )
        if descriptor.network != network:
            raise StoreError(
                "wallet_network", f"expected a descriptor of {network.name}, found {descriptor.network.name}"
            )
        self.name, self.role, self.descriptor, self.network = name, role, descriptor, network
        self.backend = backend
        self._clock = clock or SystemClock()
        self.ledger = Ledger(name, descriptor, network, state_dir)

    def sync(self, *, full: bool = True) -> SyncReport:
        """Bring the wallet up to the backend's tip. Raises `ChainError`; then nothing was changed.

        `full` scans on for `STOP_GAP` unused addresses past the last known one; otherwise only
        addresses where something may happen are asked for (cheaper, for a watch loop).
        """
        return sync(self.ledger, self.backend, self._now(), full=full)

    def tip_height(self) -> int:
        """Height the wallet is synced to; 0 before the first sync."""
        tip = self.ledger.state().tip
        return 0 if tip is None else tip.height

    def coins(self, known_first: Mapping[str, OutPoint] | None = None) -> tuple[Coin, ...]:
        """Every output of ours that the last sync saw, spent ones too.

        `known_first`, by address: the first payments that were decided already, here or elsewhere.
        """
        decided = {script_pubkey(each, self.network): point for each, point in (known_first or {}).items()}
        return facts.coins(self.ledger.state(), decided)

    def history(self) -> tuple[HistoryLine, ...]:
        """What each transaction did to this wallet, newest first."""
        return facts.history(self.ledger.state())

    def reused_addresses(self) -> tuple[ReusedAddress, ...]:
        """Addresses that received more than once."""
        return facts.reused_addresses(self.coins())

    def dust(self, fee_rate: Decimal) -> tuple[Coin, ...]:
        """Coins that cost at least what they are worth to spend at `fee_rate`."""
        return facts.dust(self.coins(), self.descriptor, fee_rate)

    def handed_out(self) -> frozenset[int]:
        """Indexes of the receive addresses that were handed out."""
        return self.ledger.state().handed_out

    def balance(self, at: datetime) -> WalletBalance:
        """What the last sync saw; immature coinbases are counted as pending."""
        state, sums = self.ledger.state(), {True: 0, False: 0}
        for coin in facts.unspent(facts.coins(state)):
            sums[coin.mature] += coin.amount.units
        confirmed, pending = Amount(BTC, sums[True]), Amount(BTC, sums[False])
        height = 0 if state.tip is None else state.tip.height
        return WalletBalance(self.name, self.role, confirmed, pending, height, at)

    def balances(
        self, provenance: Mapping[OutPoint, Provenance], frozen: Collection[OutPoint] = ()
    ) -> Balances:
        """The same in five sums (see `coins.classify`)."""
        return facts.balances(self.coins(), provenance, frozen)

    def receive_address(self, index: int) -> str:
        """The receive address at `index`, by our own derivation; bdk must agree."""
        from vault.bitcoin.wallet.bdk import bdk_address

        address = self.descriptor.address(False, index)
        theirs = bdk_address(self.descriptor, False, index)
        if theirs != address:
            raise PsbtError(
                "derivation_differs", f"receive index {index}: expected {address}, bdk derives {theirs}"
            )
        return address

    def next_receive_address(self) -> tuple[int, str]:
        """A receive address that was never handed out before, with its index. Written to disk first.

        Raises `StoreError` (``store.address_gap``) when a restored wallet would not look that far.
        """
        with self.ledger.exclusive() as writer:
            state = writer.state()
            index = state.revealed(change=False) + 1
            if index > state.alive[False] + STOP_GAP:
                raise StoreError(
                    "address_gap",
                    f"wallet {self.name}: expected at most {STOP_GAP} unused addresses in a row, "
                    f"found {STOP_GAP} up to index {index - 1}",
                    hint="Use one of those that were handed out. A wallet restored from its seed stops "
                    "looking after them.",
                )
            address = self.receive_address(index)
            writer.hand_out(index, self._now())
        return index, address

    def received(self, script: bytes) -> tuple[ReceivedOutput, ...]:
        """All outputs to one of our scripts that the last sync saw, spent ones too."""
        return tuple(
            ReceivedOutput(coin.outpoint.txid, coin.outpoint.vout, coin.amount, coin.confirmations)
            for coin in self.coins()
            if coin.script == script
        )

    def build_spend(
        self,
        payments: Payments,
        fee_rate: Decimal,
        *,
        drain: bool = False,
        locktime: int = 0,
        without: Collection[OutPoint] = (),
        only: Sequence[OutPoint] | None = None,
        algorithm: Algorithm | None = None,
    ) -> BuiltPsbt:
        """A PSBT paying `payments` (script, amount) at `fee_rate` sat/vB out of confirmed coins.

        Outputs keep the order given, change last; the same state gives the same PSBT. `drain` sends
        every confirmed coin to the one payment given, whose amount must be zero (all). Coins in
        `without` are left alone; with `only` no others are taken. Raises `PsbtError`
        (``psbt.insufficient_funds``, ``psbt.dust``, …).
        """
        builder = Builder(self.ledger)
        if not drain:
            return builder.spend(
                payments, fee_rate, locktime=locktime, without=without, only=only, algorithm=algorithm
            )
        if len(payments) != 1 or payments[0][1].units:
            raise PsbtError(
                "drain", "expected one payment with amount zero (everything), found something else"
            )
        return builder.drain(payments[0][0], fee_rate, locktime=locktime, without=without, only=only)

    def build_consolidation(self, coins: Sequence[OutPoint], fee_rate: Decimal) -> BuiltPsbt:
        """A PSBT that joins exactly these coins into one change output."""
        return Builder(self.ledger).consolidation(coins, fee_rate)

    def build_replacement(
        self,
        original: Transaction,
        payments: Payments,
        fee_rate: Decimal,
        *,
        keep_payments: bool,
        without: Collection[OutPoint] = (),
    ) -> BuiltPsbt:
        """A PSBT that replaces `original` (RBF), signed or not: all its coins, `payments`, the rest back.

        `keep_payments` demands every payment of the original; no payments at all cancel. Raises
        `PsbtError` (``psbt.replacement_fee`` names the `needed_rate`, …).
        """
        return replacement(
            Builder(self.ledger), original, payments, fee_rate, keep_payments=keep_payments, without=without
        )

    def build_child(
        self, outpoint: OutPoint, package_rate: Decimal, *, without: Collection[OutPoint] = ()
    ) -> BuiltPsbt:
        """A PSBT that spends our waiting coin to ourselves and lifts it with its ancestors (CPFP).

        Fees of ancestors that others made are worked out from their previous transactions, asked of the
        backend. Raises `PsbtError` (``psbt.no_child_needed``, …) or `ChainError`.
        """
        return child(Builder(self.ledger), self.backend, outpoint, package_rate, without)

    def ancestors(self, txid: str) -> Package:
        """What must confirm before a child of `txid` can, itself included. Raises `ChainError`."""
        return ancestors(Builder(self.ledger), self.backend, txid)

    def transaction(self, txid: str) -> Transaction:
        """A transaction that touches this wallet. Raises `StoreError` when it is not known."""
        return Transaction.parse(self.ledger.raw([txid])[txid])

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
