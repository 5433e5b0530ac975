"""Brings a ledger up to what a backend says of the chain: new, moved and vanished transactions.

Refuses an answer that contradicts itself, names transactions that have nothing to do with the script
asked for, could be in no block, or denies a block that the chain still has (``chain.bad_answer``); then
nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from vault.bitcoin.backends.base import Backend, BlockRef, HistoryEntry
from vault.bitcoin.backends.shared import READINGS, steady
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.bitcoin.wallet.ledger import Ledger
from vault.bitcoin.wallet.state import KnownTransaction, LedgerState, OwnOutput, known
from vault.bitcoin.wallet.validity import contradiction, require_valid
from vault.errors import ChainError

# Unused addresses in a row after which a scan stops (BIP44).
STOP_GAP: Final = 20
# Addresses asked for beyond the gap while a scan goes on finding: fewer questions of more scripts each.
MAX_AHEAD: Final = 1_000
# A server that calls every address used would never let a scan end.
MAX_INDEX: Final = 200_000

Place = tuple[bool, int]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync found, by transaction id: `changed` stand in another block or wait again."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    vanished: tuple[str, ...]
    tip: BlockRef


@dataclass(frozen=True, slots=True)
class _Reading:
    """Histories by place, all seen under one tip, and the scripts that were derived for it."""

    tip: BlockRef
    histories: Mapping[Place, tuple[HistoryEntry, ...]]
    derived: Mapping[Place, bytes]


@dataclass(frozen=True)
class _Changes:
    new: list[tuple[KnownTransaction, bytes]] = field(default_factory=list)
    outputs: list[OwnOutput] = field(default_factory=list)
    moved: list[KnownTransaction] = field(default_factory=list)


def sync(ledger: Ledger, backend: Backend, now: int, *, full: bool) -> SyncReport:
    """Ask `backend` and write what it says; `now` is unix seconds. Raises `ChainError`.

    `full` asks for every address up to `STOP_GAP` beyond the last used or handed out one; otherwise
    only for those where coins lie, something waits, or a first payment is due. A reorganisation makes
    every sync a full one.
    """
    for _ in range(READINGS):
        before = ledger.state()
        everything = full or before.tip is None or not _still_there(backend, before.tip)
        tip, reading = steady(backend.tip, partial(_read, ledger, backend, everything))
        changes = _work_out(ledger, backend, reading, now)
        with ledger.exclusive() as writer:
            if writer.state().synced != before.synced:
                continue  # another process synced meanwhile and may have seen more than we did
            kept = writer.state().script_at
            writer.add_scripts(
                (place, script) for place, script in reading.derived.items() if place not in kept
            )
            writer.add_transactions(changes.new)
            writer.add_outputs(changes.outputs)
            writer.move(changes.moved)
            if writer.changed or before.tip != tip:
                writer.finish_sync(tip)
        return SyncReport(
            tuple(each.txid for each, _ in changes.new),
            tuple(each.txid for each in changes.moved if not each.vanished),
            tuple(each.txid for each in changes.moved if each.vanished),
            tip,
        )
    raise ChainError(
        "moving",
        f"wallet {ledger.name}: expected to be the only one that syncs, found others {READINGS} times",
        hint="Ask again in a moment.",
    )


def _still_there(backend: Backend, block: BlockRef) -> bool:
    return backend.block_hash(block.height) == block.hash


def _read(ledger: Ledger, backend: Backend, full: bool, tip: BlockRef) -> _Reading:
    """Histories of everything that is to be asked for; branches grow while new use is found."""
    asked = _Asked(ledger, backend)
    if not full:
        asked.ask(sorted(busy_places(asked.state)))
        return _Reading(tip, asked.histories, asked.derived)
    last = [asked.state.revealed(change=False), asked.state.revealed(change=True)]
    ahead = 0
    while missing := [place for place in _within_gap(last) if place not in asked.histories]:
        # A long scan asks for more and more at once. What lies beyond the gap is not looked at.
        asked.ask([*missing, *_beyond(missing, ahead)])
        ahead = min(max(2 * ahead, STOP_GAP), MAX_AHEAD) if asked.scans > 1 else 0
        for change, index in sorted(asked.histories):
            if asked.histories[change, index] and index <= last[change] + STOP_GAP:
                last[change] = max(last[change], index)
    places = list(_within_gap(last))
    return _Reading(
        tip,
        {place: asked.histories[place] for place in places},
        {place: asked.derived[place] for place in places if place in asked.derived},
    )


class _Asked:
    """What the backend said of each place, and the scripts that were derived to ask."""

    def __init__(self, ledger: Ledger, backend: Backend) -> None:
        self._ledger, self._backend = ledger, backend
        self.state = ledger.state()
        self.histories: dict[Place, tuple[HistoryEntry, ...]] = {}
        self.derived: dict[Place, bytes] = {}
        self.scans = 0

    def ask(self, places: list[Place]) -> None:
        for place in places:
            if place not in self.state.script_at and place not in self.derived:
                self.derived[place] = self._ledger.descriptor.script_pubkey(*place)
        scripts = [self.state.script_at.get(place) or self.derived[place] for place in places]
        answers = self._backend.history(scripts)
        if len(answers) != len(places):
            raise contradiction(f"{len(places)} histories", f"{len(answers)}")
        self.histories.update(zip(places, answers, strict=True))
        self.scans += 1


def _within_gap(last: list[int]) -> Iterator[Place]:
    if max(last) > MAX_INDEX:
        raise ChainError("too_many", f"expected addresses in use up to index {MAX_INDEX}, found more")
    for change in (False, True):
        for index in range(last[change] + 1 + STOP_GAP):
            yield change, index


def _beyond(missing: list[Place], ahead: int) -> Iterator[Place]:
    """The places after the missing ones of each branch."""
    ends = {change: max(index for branch, index in missing if branch == change) for change, _ in missing}
    for change, end in ends.items():
        for index in range(end + 1, end + 1 + ahead):
            yield change, index


def busy_places(state: LedgerState) -> set[Place]:
    """Where coins lie, something waits, or a first payment is due; and the next change address."""
    places = {(False, index) for index in state.handed_out if (False, index) not in state.by_script}
    places.add((True, state.used[True] + 1))
    for output in state.outputs.values():
        if output.outpoint not in state.spent_by:
            places.add((output.change, output.index))
    for each in state.transactions.values():
        if each.height is None:
            places.update(_touched(each, state.outputs))
    return places


def _touched(each: KnownTransaction, outputs: Mapping[OutPoint, OwnOutput]) -> Iterator[Place]:
    """Places whose coins a transaction spends."""
    for point in each.inputs:
        if (spent := outputs.get(point)) is not None:
            yield spent.change, spent.index


def _work_out(ledger: Ledger, backend: Backend, reading: _Reading, now: int) -> _Changes:
    """What the histories change in the ledger. Raises `ChainError` for what cannot be true."""
    state = ledger.state()
    listed = _listed(reading)
    changes = _Changes()
    scripts = {**state.scripts, **{script: place for place, script in reading.derived.items()}}
    new = sorted(txid for txid in listed if txid not in state.transactions)
    for txid, raw in zip(new, backend.raw_transactions(new) if new else (), strict=True):
        if raw is None:
            raise contradiction(f"transaction {txid} of a history", "none")
        parsed = Transaction.parse(raw)
        if parsed.txid != txid:
            raise contradiction(f"transaction {txid}", f"transaction {parsed.txid}")
        changes.new.append((known(parsed, txid, listed[txid].height, listed[txid].block_hash, now), raw))
        changes.outputs.extend(_outputs(txid, parsed, scripts))
    changes.outputs.extend(_found_late(ledger, state, reading, scripts))
    changes.moved.extend(_moved(state, reading, listed))
    _require_blocks_gone(backend, state, changes.moved)
    _require_possible(state, reading, changes)
    require_valid(ledger, state, changes.new, changes.moved)
    placed = {*new, *(each.txid for each in changes.moved if each.height is not None)}
    if entries := [listed[txid] for txid in sorted(placed) if listed[txid].height is not None]:
        backend.prove(entries)
    return changes


def _listed(reading: _Reading) -> dict[str, HistoryEntry]:
    """Every transaction in the histories, once. Raises `ChainError` where they contradict each other."""
    listed: dict[str, HistoryEntry] = {}
    hashes = {reading.tip.height: reading.tip.hash}
    for history in reading.histories.values():
        for entry in history:
            if listed.setdefault(entry.txid, entry) != entry:
                raise contradiction(f"{listed[entry.txid]}", f"{entry}")
            if (entry.height is None) != (entry.block_hash is None):
                raise contradiction("a height and its block, or neither", f"{entry}")
            if entry.height is None or entry.block_hash is None:
                continue
            if not 0 <= entry.height <= reading.tip.height:
                raise contradiction(f"heights up to {reading.tip.height}", f"{entry}")
            if hashes.setdefault(entry.height, entry.block_hash) != entry.block_hash:
                raise contradiction(f"block {hashes[entry.height]} at {entry.height}", f"{entry}")
    return listed


def _outputs(txid: str, parsed: Transaction, scripts: Mapping[bytes, Place]) -> Iterator[OwnOutput]:
    for vout, output in enumerate(parsed.outputs):
        if (place := scripts.get(output.script)) is not None:
            yield OwnOutput(OutPoint(txid, vout), output.value, *place)


def _found_late(
    ledger: Ledger, state: LedgerState, reading: _Reading, scripts: Mapping[bytes, Place]
) -> Iterator[OwnOutput]:
    """Outputs of known transactions to scripts that were beyond the gap when they were first seen."""
    late = {
        entry.txid
        for place, history in reading.histories.items()
        for entry in history
        if entry.txid in state.transactions and entry.txid not in state.by_script.get(place, ())
    }
    for txid, raw in ledger.raw(sorted(late)).items() if late else ():
        for output in _outputs(txid, Transaction.parse(raw), scripts):
            if output.outpoint not in state.outputs:
                yield output


def _moved(
    state: LedgerState, reading: _Reading, listed: Mapping[str, HistoryEntry]
) -> Iterator[KnownTransaction]:
    gone: set[str] = set()
    for place in reading.histories:
        gone.update(txid for txid in state.by_script.get(place, ()) if txid not in listed)
    for txid in sorted(gone):
        each = state.transactions[txid]
        if not each.vanished:
            yield replace(each, height=None, block_hash=None, vanished=True)
    for txid, entry in listed.items():
        known_now = state.transactions.get(txid)
        if known_now is None:
            continue
        now = replace(known_now, height=entry.height, block_hash=entry.block_hash, vanished=False)
        if now != known_now:
            yield now


def _require_blocks_gone(backend: Backend, state: LedgerState, moved: Iterable[KnownTransaction]) -> None:
    """What was in a block leaves it only when that block leaves the chain."""
    left: dict[int, KnownTransaction] = {}
    for each in moved:
        was = state.transactions[each.txid]
        if was.height is not None:
            left.setdefault(was.height, was)
    for height, was in sorted(left.items()):
        if backend.block_hash(height) == was.block_hash:
            raise contradiction(
                f"{was.txid} in block {was.block_hash} ({height}), which is still in the chain",
                "it somewhere else",
            )


def _require_possible(state: LedgerState, reading: _Reading, changes: _Changes) -> None:
    """Every transaction touches the script it was named for, and no coin is spent twice."""
    outputs = {**state.outputs, **{each.outpoint: each for each in changes.outputs}}
    transactions = dict(state.transactions)
    transactions.update((each.txid, each) for each, _ in changes.new)
    transactions.update((each.txid, each) for each in changes.moved)
    touched = {(each.outpoint.txid, (each.change, each.index)) for each in outputs.values()}
    spender: dict[OutPoint, str] = {}
    for each in transactions.values():
        touched.update((each.txid, place) for place in _touched(each, outputs))
        for point in () if each.vanished else each.inputs:
            if point in outputs and spender.setdefault(point, each.txid) != each.txid:
                raise contradiction(f"one transaction that spends {point}", f"{spender[point]}, {each.txid}")
    for (change, index), history in reading.histories.items():
        for entry in history:
            if (entry.txid, (change, index)) not in touched:
                raise contradiction(
                    f"only transactions that touch our script {int(change)}/{index}", entry.txid
                )
