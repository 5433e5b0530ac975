"""The ledger of one wallet: a private SQLite file with every transaction that touches it.

Refuses a file of another wallet, network or form (``store.wallet_state``). What is changed is changed
whole or not at all, whenever the process dies; two processes never change it at the same time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from vault.address import Network
from vault.bitcoin.backends.base import BlockRef
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.bitcoin.wallet.state import KnownTransaction, LedgerState, OwnOutput
from vault.errors import StoreError
from vault.files import whose

# "vltw": whose file it is, in its header; and the form of its tables.
APPLICATION: Final = 0x766C7477
SCHEMA_VERSION: Final = 1
# Another process only writes what it has already got: it needs no longer.
BUSY_SECONDS: Final = 30
# Variables in one SQL statement that every SQLite takes.
_BATCH: Final = 500

_SCHEMA: Final = """
CREATE TABLE wallet (descriptor TEXT NOT NULL, network TEXT NOT NULL, version INTEGER NOT NULL,
                     synced INTEGER NOT NULL, tip_height INTEGER, tip_hash TEXT);
CREATE TABLE tx (txid TEXT PRIMARY KEY, raw BLOB NOT NULL, height INTEGER, block_hash TEXT,
                 first_seen INTEGER NOT NULL, vanished INTEGER NOT NULL, coinbase INTEGER NOT NULL,
                 output_total INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tx_input (txid TEXT NOT NULL, number INTEGER NOT NULL, spent_txid TEXT NOT NULL,
                       spent_vout INTEGER NOT NULL, PRIMARY KEY (txid, number)) WITHOUT ROWID;
CREATE TABLE own_output (txid TEXT NOT NULL, vout INTEGER NOT NULL, value INTEGER NOT NULL,
                         branch INTEGER NOT NULL, place INTEGER NOT NULL,
                         PRIMARY KEY (txid, vout)) WITHOUT ROWID;
CREATE TABLE script (branch INTEGER NOT NULL, place INTEGER NOT NULL, script BLOB NOT NULL,
                     PRIMARY KEY (branch, place)) WITHOUT ROWID;
CREATE TABLE handed_out (place INTEGER PRIMARY KEY, at INTEGER NOT NULL);
"""


class Ledger:
    """State lives in ``<directory>/<name>.sqlite``, mode 0600; opened anew for every call."""

    def __init__(self, name: str, descriptor: Descriptor, network: Network, directory: Path) -> None:
        self.name = name
        self.descriptor, self.network = descriptor, network
        self.path = directory / f"{name}.sqlite"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(self.path)
        except PermissionError as error:
            raise self._not_permitted(error) from None
        except OSError as error:
            raise self._foreign(str(error)) from None
        self._bound = descriptor.text(), network.name
        self._state: LedgerState | None = None
        with self.exclusive():
            pass

    def state(self) -> LedgerState:
        """Everything but the raw transactions, as it stands now."""
        with self._open() as connection:
            return self._read(connection)

    def raw(self, txids: Sequence[str]) -> dict[str, bytes]:
        """Raw transactions by id, each hashed again. Raises `StoreError` for one that is missing."""
        found: dict[str, bytes] = {}
        with self._open() as connection:
            for start in range(0, len(txids), _BATCH):
                part = txids[start : start + _BATCH]
                marks = ",".join("?" * len(part))
                rows = connection.execute(f"SELECT txid, raw FROM tx WHERE txid IN ({marks})", part)  # noqa: S608
                found.update(rows)
        for txid in txids:
            if txid not in found or Transaction.parse(found[txid]).txid != txid:
                raise self._foreign(f"transaction {txid} {'altered' if txid in found else 'missing'}")
        return found

    @contextmanager
    def exclusive(self) -> Iterator[LedgerWriter]:
        """To be changed by this process alone; written, and synced to disk, when the block ends well.

        Other processes hold the lock only between a read and a write of this file, never while asking
        a server. Without it two of them would hand out one address twice.
        """
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._found_or_made(connection)
            # Read before anything is changed: what is rolled back was never remembered.
            writer = LedgerWriter(connection, self._read(connection))
            yield writer
            if writer.changed:
                connection.execute("UPDATE wallet SET version = version + 1")
            connection.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, BUSY_SECONDS, isolation_level=None)) as connection:
                # A rollback journal, deleted after use: SQLite gives it the mode of the file itself.
                connection.executescript("PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL")
                yield connection
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY":
                raise StoreError(
                    "wallet_busy",
                    f"wallet {self.name}: expected {self.path} to be free within {BUSY_SECONDS} s, found it "
                    "held by another process",
                    hint="Wait for the other process, or end it if it hangs. Nothing was changed.",
                ) from None
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
                raise self._not_permitted(error) from None
            raise self._foreign(repr(error)) from None

    def _not_permitted(self, error: Exception) -> StoreError:
        return StoreError(
            "wallet_state",
            f"wallet {self.name}: expected {self.path} to be readable and writable for this user, found "
            f"{whose(self.path)}: {error}",
            hint="Run as the owner, or give file and folder to this user. What is in it may be well.",
        )

    def _found_or_made(self, connection: sqlite3.Connection) -> None:
        """The tables, made in an empty file; in any other they must be ours."""
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("INSERT INTO wallet VALUES (?, ?, 0, 0, NULL, NULL)", self._bound)
        form = tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _HEADER)
        if form != (APPLICATION, SCHEMA_VERSION):
            raise self._foreign(f"another program's tables, or another version's (form {form})")
        self._require_ours(connection)

    def _require_ours(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT descriptor, network FROM wallet").fetchone()
        if row != self._bound:
            raise self._foreign("the state of another wallet" if row else "no wallet in it")

    def _foreign(self, found: str) -> StoreError:
        return StoreError(
            "wallet_state",
            f"wallet {self.name}: expected the state of this descriptor on {self.network.name} in "
            f"{self.path}, found {found}",
            hint="Move the file away; the next sync builds it again from the descriptor.",
        )

    def _read(self, connection: sqlite3.Connection) -> LedgerState:
        in_transaction = connection.in_transaction
        if not in_transaction:
            connection.execute("BEGIN")
        self._require_ours(connection)
        version, synced, height, block_hash = connection.execute(
            "SELECT version, synced, tip_height, tip_hash FROM wallet"
        ).fetchone()
        tip = None if height is None else BlockRef(height, block_hash)
        if self._state is None or self._state.version != version:
            self._state = _load(connection, version, synced, tip)
        elif self._state.synced != synced:
            self._state = self._state.seen_from(synced, tip)
        if not in_transaction:
            connection.execute("COMMIT")
        return self._state


_HEADER: Final = ("application_id", "user_version")


def _load(connection: sqlite3.Connection, version: int, synced: int, tip: BlockRef | None) -> LedgerState:
    inputs: dict[str, list[OutPoint]] = {}
    for txid, spent_txid, spent_vout in connection.execute(
        "SELECT txid, spent_txid, spent_vout FROM tx_input ORDER BY txid, number"
    ):
        inputs.setdefault(txid, []).append(OutPoint(spent_txid, spent_vout))
    transactions = {
        txid: KnownTransaction(
            txid, height, block_hash, seen, bool(gone), bool(coinbase), total, tuple(inputs.get(txid, ()))
        )
        for txid, height, block_hash, seen, gone, coinbase, total in connection.execute(
            "SELECT txid, height, block_hash, first_seen, vanished, coinbase, output_total FROM tx"
        )
    }
    outputs = {}
    for txid, vout, value, branch, place in connection.execute("SELECT * FROM own_output"):
        point = OutPoint(txid, vout)
        outputs[point] = OwnOutput(point, value, bool(branch), place)
    scripts = {
        script: (bool(branch), place)
        for branch, place, script in connection.execute("SELECT branch, place, script FROM script")
    }
    handed = frozenset(place for (place,) in connection.execute("SELECT place FROM handed_out"))
    return LedgerState(version, synced, tip, transactions, outputs, scripts, handed)


class LedgerWriter:
    """Changes to the ledger within one `Ledger.exclusive` block; all of them are kept, or none."""

    def __init__(self, connection: sqlite3.Connection, state: LedgerState) -> None:
        self._connection, self._state = connection, state
        self.changed = False

    def state(self) -> LedgerState:
        """The ledger as it stood when the block began."""
        return self._state

    def _many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        found = list(rows)
        if found:
            self.changed = True
            self._connection.executemany(statement, found)

    def hand_out(self, index: int, at: int) -> None:
        """From now on this receive address is never handed out again."""
        self._many("INSERT INTO handed_out VALUES (?, ?)", [(index, at)])

    def add_scripts(self, scripts: Iterable[tuple[tuple[bool, int], bytes]]) -> None:
        """Output scripts of places, so that they need not be derived again."""
        rows = ((int(change), index, script) for (change, index), script in scripts)
        self._many("INSERT OR REPLACE INTO script VALUES (?, ?, ?)", rows)

    def add_transactions(self, transactions: Iterable[tuple[KnownTransaction, bytes]]) -> None:
        """New transactions with their bytes."""
        new = list(transactions)
        self._many(
            "INSERT INTO tx VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (e.txid, raw, e.height, e.block_hash, e.first_seen, e.vanished, e.coinbase, e.output_total)
                for e, raw in new
            ],
        )
        self._many(
            "INSERT INTO tx_input VALUES (?, ?, ?, ?)",
            [
                (each.txid, number, point.txid, point.vout)
                for each, _ in new
                for number, point in enumerate(each.inputs)
            ],
        )

    def add_outputs(self, outputs: Iterable[OwnOutput]) -> None:
        """Outputs of ours, in transactions that are there."""
        self._many(
            "INSERT INTO own_output VALUES (?, ?, ?, ?, ?)",
            [(e.outpoint.txid, e.outpoint.vout, e.value, int(e.change), e.index) for e in outputs],
        )

    def move(self, transactions: Iterable[KnownTransaction]) -> None:
        """Known transactions that stand elsewhere now: in another block, waiting, or nowhere."""
        self._many(
            "UPDATE tx SET height = ?, block_hash = ?, vanished = ? WHERE txid = ?",
            [(each.height, each.block_hash, each.vanished, each.txid) for each in transactions],
        )

    def finish_sync(self, tip: BlockRef) -> None:
        """The sync that made these changes saw the chain up to `tip`."""
        statement = "UPDATE wallet SET synced = synced + 1, tip_height = ?, tip_hash = ?"
        self._connection.execute(statement, (tip.height, tip.hash))


def _make_private(path: Path) -> None:
    """An existing file that only its owner can read; SQLite gives its side files the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    path.chmod(0o600)
