"""A watch-only wallet on bdk: sync, balance, addresses, what arrived, and PSBTs to be verified.

Refuses private keys, unconfirmed coins, and a state file that belongs to another wallet. What it
builds is a proposal: `verify.verify_psbt` decides whether it may be signed.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from vault.address import Network
from vault.bitcoin.backend import EsploraBackend, ReceivedOutput
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.finalise import worst_weight
from vault.bitcoin.psbt import Psbt
from vault.bitcoin.psbt_fields import In
from vault.bitcoin.spend import RBF_SEQUENCE
from vault.bitcoin.transaction import OutPoint
from vault.errors import ChainError, PsbtError, StoreError
from vault.model import WalletBalance
from vault.money import BTC, CONTEXT, Amount

if TYPE_CHECKING:
    import bdkpython as bdk

# Unused addresses in a row after which a scan stops (BIP44).
STOP_GAP: Final = 20
# Servers throttle more.
PARALLEL_REQUESTS: Final = 4
# An estimate above this is a broken server, not a market (sat/vB).
MAX_FEE_RATE: Final = Decimal(10_000)
TX_VERSION: Final = 2

# bdk says this as text only; where the text changes, the error falls back to ``psbt.build_failed``.
_SHORT_OF_FUNDS: Final = re.compile(
    r"([0-9]+(?:\.[0-9]+)?) BTC available of ([0-9]+(?:\.[0-9]+)?) BTC needed"
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_BDK_NETWORKS: Final = {
    "mainnet": "BITCOIN",
    "testnet4": "TESTNET4",
    "signet": "SIGNET",
    "regtest": "REGTEST",
}


@dataclass(frozen=True, slots=True)
class BuiltPsbt:
    """A PSBT as built, with everything a plan must pin. `payments` hold the drained amount too.

    `vsize` is the worst case; `change_index` None when there is no change output.
    """

    psbt: bytes
    txid: str
    payments: tuple[tuple[bytes, Amount], ...]
    inputs: tuple[OutPoint, ...]
    change_index: int | None
    fee: Amount
    vsize: int
    version: int
    locktime: int
    sequence: int


class WatchWallet:
    """One wallet of the treasury. State lives in ``<state_dir>/<name>.sqlite``, mode 0600."""

    def __init__(
        self,
        name: str,
        descriptor: Descriptor,
        network: Network,
        state_dir: Path,
        backend_url: str,
        *,
        role: Literal["cold", "staging"],
        timeout: int = 10,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise StoreError(
                "wallet_name", f"expected a wallet name of letters, digits, - and _, found {name!r}"
            )
        if descriptor.network != network:
            raise StoreError(
                "wallet_network", f"expected a descriptor of {network.name}, found {descriptor.network.name}"
            )
        self._wallet: bdk.Wallet
        self._persister: bdk.Persister
        self.name, self.role, self.descriptor, self.network = name, role, descriptor, network
        self._url, self._timeout = backend_url.rstrip("/"), timeout
        self._path = _private_file(state_dir, f"{name}.sqlite")
        self._lock_path = _private_file(state_dir, f"{name}.lock")
        with self._exclusive():
            pass

    def sync(self, *, full: bool = True) -> int:
        """Bring the wallet up to the server's tip; returns its height. Raises `ChainError`.

        `full` scans on for `STOP_GAP` unused addresses past the last known one; otherwise only
        addresses that were handed out are asked for (cheaper, for a watch loop).
        """
        import bdkpython as bdk

        # bdk repeats what fails for a quarter of a minute; a server that is down is noticed here, at once.
        EsploraBackend(self._url, self._timeout).tip_height()
        # bdk's client has no timeout of its own but reads this variable at each request.
        os.environ["MINREQ_TIMEOUT"] = str(self._timeout)
        client = bdk.EsploraClient(self._url)
        try:
            if full:
                request = self._wallet.start_full_scan().build()
                update = client.full_scan(request, STOP_GAP, PARALLEL_REQUESTS)
            else:
                known = self._wallet.start_sync_with_revealed_spks().build()
                update = client.sync(known, PARALLEL_REQUESTS)
            with self._exclusive():
                self._wallet.apply_update(update)
        except (bdk.EsploraError, bdk.CannotConnectError) as error:
            raise ChainError(
                "sync_failed",
                f"wallet {self.name}: expected {self._url} to answer, found {error!r}",
                hint="Nothing was changed. Check the server and its address in treasury.toml.",
            ) from None
        return self.tip_height()

    def tip_height(self) -> int:
        """Height the wallet is synced to."""
        return int(self._wallet.latest_checkpoint().height)

    def balance(self, at: datetime) -> WalletBalance:
        """What the last sync saw; immature coinbases are counted as pending."""
        found = self._wallet.balance()
        confirmed = found.confirmed.to_sat()
        pending = found.total.to_sat() - confirmed
        return WalletBalance(
            self.name, self.role, Amount(BTC, confirmed), Amount(BTC, pending), self.tip_height(), at
        )

    def receive_address(self, index: int) -> str:
        """The receive address at `index`, by our own derivation; bdk must agree."""
        import bdkpython as bdk

        address = self.descriptor.address(False, index)
        theirs = str(self._wallet.peek_address(bdk.KeychainKind.EXTERNAL, index).address)
        if theirs != address:
            raise PsbtError(
                "derivation_differs", f"receive index {index}: expected {address}, bdk derives {theirs}"
            )
        return address

    def next_receive_address(self) -> tuple[int, str]:
        """A receive address that was never handed out before, with its index. Written to disk first."""
        import bdkpython as bdk

        with self._exclusive():
            index = int(self._wallet.reveal_next_address(bdk.KeychainKind.EXTERNAL).index)
        return index, self.receive_address(index)

    def received(self, script: bytes) -> tuple[ReceivedOutput, ...]:
        """All outputs to one of our scripts that the last sync saw, spent ones too."""
        tip = self.tip_height()
        found = []
        for output in self._wallet.list_output():
            if output.txout.script_pubkey.to_bytes() != script:
                continue
            height = _confirmed_height(output)
            depth = 0 if height is None else tip - height + 1
            value = Amount(BTC, output.txout.value.to_sat())
            found.append(ReceivedOutput(str(output.outpoint.txid), output.outpoint.vout, value, depth))
        return tuple(sorted(found, key=lambda each: (each.txid, each.vout)))

    def build_spend(
        self,
        payments: tuple[tuple[bytes, Amount], ...],
        fee_rate: Decimal,
        *,
        drain: bool = False,
        locktime: int = 0,
        without: tuple[OutPoint, ...] = (),
    ) -> BuiltPsbt:
        """A PSBT paying `payments` (script, amount) at `fee_rate` sat/vB out of confirmed coins.

        Outputs keep the order given, change last; coins are taken largest first; the same state gives
        the same PSBT. `drain` sends every confirmed coin to the one payment given, whose amount must
        be zero (all). Coins in `without` are left alone. Raises `PsbtError` (``psbt.insufficient_funds``,
        ``psbt.dust``, …).
        """
        import bdkpython as bdk

        _check_payments(payments, drain=drain)
        with self._exclusive():
            builder = self._builder(payments, fee_rate, drain, locktime)
            if without:
                builder = builder.unspendable(
                    [bdk.OutPoint(txid=bdk.Txid.from_string(coin.txid), vout=coin.vout) for coin in without]
                )
            try:
                built = builder.finish(self._wallet)
            except bdk.CreateTxError as error:
                raise self._build_error(error) from None
            parsed = self._with_previous(Psbt.parse(base64.b64decode(built.serialize())))
            result = self._describe(parsed, payments, int(built.fee()), drain=drain)
            if result.change_index is not None:
                # The next build may use the same change address until a transaction really uses it:
                # plans that are never sent must not push change beyond the gap of a restored wallet.
                self._wallet.unmark_used(bdk.KeychainKind.INTERNAL, result.change_index)
        return result

    def _builder(
        self, payments: tuple[tuple[bytes, Amount], ...], fee_rate: Decimal, drain: bool, locktime: int
    ) -> bdk.TxBuilder:
        import bdkpython as bdk

        if not 0 < fee_rate <= MAX_FEE_RATE:
            raise PsbtError("fee_rate", f"expected a fee rate up to {MAX_FEE_RATE} sat/vB, found {fee_rate}")
        # bdk counts in sat per 1,000 weight units: rounded up, so that the rate asked for is met.
        per_kwu = int(CONTEXT.multiply(fee_rate, Decimal(250)).to_integral_value(rounding=ROUND_CEILING))
        builder = (
            bdk.TxBuilder()
            .fee_rate(bdk.FeeRate.from_sat_per_kwu(per_kwu))
            .ordering(bdk.TxOrdering.UNTOUCHED)
            .coin_selection(bdk.CoinSelectionAlgorithm.LARGEST_FIRST)
            .exclude_unconfirmed()
            .current_height(self.tip_height())
            .version(TX_VERSION)
            .set_exact_sequence(RBF_SEQUENCE)
            .nlocktime(bdk.LockTime.BLOCKS(locktime))
        )
        if drain:
            return builder.drain_wallet().drain_to(bdk.Script(payments[0][0]))
        for script, amount in payments:
            builder = builder.add_recipient(bdk.Script(script), bdk.Amount.from_sat(amount.units))
        return builder

    def _with_previous(self, psbt: Psbt) -> Psbt:
        """Every input with its whole previous transaction, which bdk leaves out for taproot."""
        import bdkpython as bdk

        for number, tx_in in enumerate(psbt.unsigned.inputs):
            if psbt.inputs[number].get(In.NON_WITNESS_UTXO) is not None:
                continue
            previous = self._wallet.get_tx(bdk.Txid.from_string(tx_in.outpoint.txid))
            if previous is None:
                raise PsbtError(
                    "prevtx_missing", f"expected the transaction that made {tx_in.outpoint}, found none"
                )
            raw = previous.transaction.serialize()
            psbt = psbt.with_input(number, psbt.inputs[number].put(In.NON_WITNESS_UTXO, raw))
        return psbt

    def _describe(
        self, psbt: Psbt, payments: tuple[tuple[bytes, Amount], ...], fee: int, *, drain: bool
    ) -> BuiltPsbt:
        unsigned = psbt.unsigned
        outputs = tuple((each.script, Amount(BTC, each.value)) for each in unsigned.outputs)
        paid = outputs if drain else payments
        left = list(outputs)
        for payment in paid:
            left.remove(payment)
        change_index = None
        for script, _ in left:
            found = self._wallet.derivation_of_spk(_script(script))
            change_index = None if found is None else int(found.index)
        scripts = [self._kind_prefix()] * len(unsigned.inputs)
        return BuiltPsbt(
            psbt=psbt.serialise(),
            txid=unsigned.txid,
            payments=paid,
            inputs=tuple(each.outpoint for each in unsigned.inputs),
            change_index=change_index,
            fee=Amount(BTC, fee),
            vsize=(worst_weight(unsigned, scripts) + 3) // 4,
            version=unsigned.version,
            locktime=unsigned.locktime,
            sequence=RBF_SEQUENCE,
        )

    def _kind_prefix(self) -> bytes:
        return self.descriptor.script_pubkey(False, 0)[:2]

    def _build_error(self, error: Exception) -> PsbtError:
        import bdkpython as bdk

        short = _SHORT_OF_FUNDS.search(str(error))
        if short is not None:
            available, needed = (Amount.parse(number, BTC) for number in short.groups())
            return PsbtError(
                "insufficient_funds",
                f"wallet {self.name}: expected {needed} confirmed with the fee, found {available}",
                hint="Wait for confirmations or send less.",
                needed=needed.number,
                available=available.number,
            )
        if isinstance(error, bdk.CreateTxError.OutputBelowDustLimit):
            return PsbtError("dust", f"output {error.index}: expected more than dust, found less")
        if isinstance(error, bdk.CreateTxError.NoUtxosSelected):
            return PsbtError("no_coins", f"wallet {self.name}: expected confirmed coins, found none")
        return PsbtError("build_failed", f"wallet {self.name}: bdk could not build it: {error!r}")

    def _open(self) -> tuple[bdk.Wallet, bdk.Persister]:
        import bdkpython as bdk

        kind = bdk.NetworkKind.MAIN if self.network.name == "mainnet" else bdk.NetworkKind.TEST
        both = [bdk.Descriptor(self.descriptor.text(branch=branch), kind) for branch in (0, 1)]
        try:
            persister = bdk.Persister.new_sqlite(str(self._path))
            try:
                wallet = bdk.Wallet.load(both[0], both[1], persister)
            except bdk.LoadWithPersistError.CouldNotLoad:  # nothing there yet
                network = bdk.Network[_BDK_NETWORKS[self.network.name]]
                wallet = bdk.Wallet(both[0], both[1], network, persister)
                wallet.persist(persister)
        except (bdk.CreateWithPersistError, bdk.LoadWithPersistError, bdk.PersistenceError) as error:
            raise StoreError(
                "wallet_state",
                f"wallet {self.name}: expected the state of this descriptor in {self._path}, found {error!r}",
                hint="Move the file away; the next sync builds it again from the descriptor.",
            ) from None
        if _BDK_NETWORKS[self.network.name] != wallet.network().name:
            raise StoreError(
                "wallet_state",
                f"expected the state of {self.network.name} in {self._path}, found {wallet.network().name}",
                hint="Move the file away; the next sync builds it again from the descriptor.",
            )
        return wallet, persister

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """The newest state, to be changed by this process alone; written when the block ends well.

        Other processes hold the lock only between a read and a write of this file, never while asking
        a server. Without it two of them would hand out one address twice.
        """
        import bdkpython as bdk

        with self._lock_path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._wallet, self._persister = self._open()
            yield
            try:
                self._wallet.persist(self._persister)
            except bdk.PersistenceError as error:
                raise StoreError(
                    "wallet_state", f"wallet {self.name}: expected to write {self._path}, found {error!r}"
                ) from None


def _private_file(directory: Path, name: str) -> Path:
    """An existing file that only its owner can read; SQLite gives its side files the same mode."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / name
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    path.chmod(0o600)
    return path


def _check_payments(payments: tuple[tuple[bytes, Amount], ...], *, drain: bool) -> None:
    if drain and (len(payments) != 1 or payments[0][1].units):
        raise PsbtError("drain", "expected one payment with amount zero (everything), found something else")
    for _, amount in payments:
        if amount.asset != BTC or (amount.units <= 0 and not drain):
            raise PsbtError("bad_amount", f"expected a positive amount of bitcoin, found {amount}")
    if not payments:
        raise PsbtError("no_payments", "expected at least one payment, found none")


def _script(script: bytes) -> bdk.Script:
    import bdkpython as bdk

    return bdk.Script(script)


def _confirmed_height(output: Any) -> int | None:
    position = output.chain_position
    if not position.is_CONFIRMED():
        return None
    return int(position.confirmation_block_time.block_id.height)
