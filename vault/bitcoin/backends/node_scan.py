"""The confirmed history of scripts out of a node's blocks: by its block filters, else block by block.

Starts at a birthday, goes on where it stopped, and follows reorganisations. Refuses a scan that is longer
than a person waits for, and a first result that the node's own set of unspent outputs contradicts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from vault.bitcoin.backends import scan_state
from vault.bitcoin.backends.answers import nonsense, to_bytes, to_hash, to_integer, to_list, to_object
from vault.bitcoin.backends.base import BlockRef, HistoryEntry
from vault.bitcoin.backends.node_rpc import NOT_FOUND, NodeError, NodeSession
from vault.bitcoin.backends.scan_state import KEPT_BLOCKS, ScanState
from vault.bitcoin.transaction import OutPoint
from vault.errors import ChainError

# Without filters every block is read: some ten a second on mainnet, so that this takes half an hour.
MAX_BLOCKS: Final = 20_000
# Heights in one question to the block filters, so that its answer comes within FILTER_SECONDS.
FILTER_HEIGHTS: Final = 20_000
FILTER_SECONDS: Final = 300
# A scan of all unspent outputs of mainnet takes a minute or two.
UTXO_SECONDS: Final = 600
_HEIGHT_OUT_OF_RANGE: Final = -8
_FILTER_INDEX: Final = "basic block filter index"


class BlockScanner:
    """Histories of scripts, remembered in `path` (None: in memory only) from `birthday` on."""

    def __init__(self, network: str, birthday: int, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._state = scan_state.load(path, network, birthday)
        self._written = b""

    def scan(
        self, session: NodeSession, scripts: Sequence[bytes], tip: BlockRef
    ) -> tuple[list[list[HistoryEntry]], list[set[OutPoint]]]:
        """For each script its confirmed entries up to `tip` and its coins unspent there.

        Raises `ChainError` (``chain.scan_too_long``, ``chain.moving``, ``chain.scan_disagrees``).
        """
        with self._lock:
            state = self._state
            _follow(session, state)
            first = not any(script in state.scripts for script in scripts)
            for script in scripts:
                state.script(script)
            try:
                self._advance(session, scripts, tip)
                if first and scripts:
                    require_same_coins(session, state, scripts, tip)
            except BaseException:
                state.roll_back(self._anchored())
                if first:  # to be compared with the unspent outputs at the next attempt
                    for script in scripts:
                        state.scripts.pop(script, None)
                raise
            self._written = scan_state.save(self._path, state, self._written)
            known = [state.scripts[script] for script in scripts]
            return [each.history() for each in known], [each.unspent() for each in known]

    def cross_check(self, session: NodeSession, scripts: Sequence[bytes], tip: BlockRef) -> None:
        """Compare what was scanned with the node's set of unspent outputs (slow on a long chain)."""
        with self._lock:
            require_same_coins(session, self._state, scripts, tip)

    def place(self, txid: str) -> str | None:
        """Hash of the block a transaction of ours was found in."""
        with self._lock:
            for known in self._state.scripts.values():
                if (block := known.entries.get(txid)) is not None:
                    return block.hash
        return None

    def _anchored(self) -> int:
        """The height up to which the remembered blocks vouch for what was found."""
        blocks = self._state.blocks
        return blocks[-1].height if blocks else self._state.birthday - 1

    def _advance(self, session: NodeSession, scripts: Sequence[bytes], tip: BlockRef) -> None:
        state = self._state
        groups: dict[int, list[bytes]] = {}
        for script in dict.fromkeys(scripts):
            groups.setdefault(state.scripts[script].to, []).append(script)
        for to, group in sorted(groups.items()):
            if to >= tip.height:
                continue
            for block in _blocks_with(session, group, to + 1, tip.height):
                raw = to_bytes(session.ask("getblock", block.hash, 0), "block")
                state.read_block(block, raw, group)
            for script in group:
                state.scripts[script].to = tip.height
        heights = range(max(0, tip.height - KEPT_BLOCKS + 1), tip.height + 1)
        hashes = session.ask_each("getblockhash", [(height,) for height in heights])
        blocks = [BlockRef(height, to_hash(each)) for height, each in zip(heights, hashes, strict=True)]
        if blocks[-1] != tip:
            raise ChainError("moving", "expected the chain to hold still for one scan, found another tip")
        if tip.height >= self._anchored():  # else another sync saw more, and what it found stays anchored
            state.blocks = blocks


def _follow(session: NodeSession, state: ScanState) -> None:
    """Forget what was scanned in blocks that are no longer in the chain."""
    blocks = list(state.blocks)
    while blocks and block_at(session, blocks[-1].height) != blocks[-1].hash:
        blocks.pop()
    if len(blocks) == len(state.blocks):
        return
    if blocks:
        state.roll_back(blocks[-1].height)
    else:
        state.clear()


def block_at(session: NodeSession, height: int) -> str | None:
    """Hash of the best chain's block at a height; None above the tip."""
    try:
        return to_hash(session.ask("getblockhash", height), "block hash")
    except NodeError as failure:
        if failure.rpc_code in {_HEIGHT_OUT_OF_RANGE, NOT_FOUND}:
            return None
        raise


def _blocks_with(session: NodeSession, scripts: Sequence[bytes], first: int, last: int) -> Iterator[BlockRef]:
    """Every block from `first` to `last` that may hold one of the scripts, in order."""
    filtered = min(last, _filtered_to(session))
    for start in range(first, filtered + 1, FILTER_HEIGHTS):
        stop = min(start + FILTER_HEIGHTS - 1, filtered)
        yield from _relevant(session, scripts, start, stop)
    rest = max(first, filtered + 1)
    if last - rest >= MAX_BLOCKS:
        raise ChainError(
            "scan_too_long",
            f"expected at most {MAX_BLOCKS} blocks to read one by one, found {last - rest + 1}",
            hint="Run the node with -blockfilterindex=1, or set `birthday` to the height of the wallet's "
            "first receipt.",
        )
    for start in range(rest, last + 1, KEPT_BLOCKS):
        heights = range(start, min(start + KEPT_BLOCKS, last + 1))
        hashes = session.ask_each("getblockhash", [(height,) for height in heights])
        for height, block_hash in zip(heights, hashes, strict=True):
            yield BlockRef(height, to_hash(block_hash, "block hash"))


def _filtered_to(session: NodeSession) -> int:
    """The height up to which the node has block filters; -1 without that index."""
    indexes = to_object(session.ask("getindexinfo"), "indexes")
    if _FILTER_INDEX not in indexes:
        return -1
    return to_integer(to_object(indexes[_FILTER_INDEX], "index").get("best_block_height"), "index height")


def _relevant(session: NodeSession, scripts: Sequence[bytes], first: int, last: int) -> list[BlockRef]:
    wanted = [{"desc": f"raw({script.hex()})"} for script in scripts]
    answer = to_object(
        session.ask("scanblocks", "start", wanted, first, last, "basic", timeout=FILTER_SECONDS),
        "scan of the block filters",
    )
    if answer.get("completed") is not True or answer.get("to_height") != last:
        raise nonsense("scan of the block filters", f"a complete one up to {last}", answer)
    hashes = [to_hash(each, "block hash") for each in to_list(answer.get("relevant_blocks"), "blocks")]
    headers = session.ask_each("getblockheader", [(each,) for each in hashes])
    found = [
        BlockRef(to_integer(to_object(header, "block header").get("height"), "block height"), block_hash)
        for block_hash, header in zip(hashes, headers, strict=True)
    ]
    return sorted(found, key=lambda block: block.height)


def require_same_coins(
    session: NodeSession, state: ScanState, scripts: Sequence[bytes], tip: BlockRef
) -> None:
    """Raises `ChainError` (``chain.scan_disagrees``): a coin was missed, as with a birthday too late."""
    wanted = [f"raw({script.hex()})" for script in dict.fromkeys(scripts)]
    answer = to_object(
        session.ask("scantxoutset", "start", wanted, timeout=UTXO_SECONDS), "scan of the unspent outputs"
    )
    if answer.get("success") is not True:
        raise nonsense("scan of the unspent outputs", "a complete one", answer)
    if to_hash(answer.get("bestblock"), "block hash") != tip.hash:
        raise ChainError("moving", "expected the chain to hold still for one scan, found another tip")
    theirs = {_outpoint(item) for item in to_list(answer.get("unspents"), "unspent outputs")}
    ours = {outpoint for script in scripts for outpoint in state.scripts[script].unspent()}
    if ours != theirs:
        differing = sorted(ours ^ theirs)
        raise ChainError(
            "scan_disagrees",
            f"expected the blocks from height {state.birthday} on to hold every coin, found a difference of "
            f"{len(differing)}: the node's unspent outputs {'hold' if differing[0] in theirs else 'lack'} "
            f"{differing[0]}",
            hint="Set `birthday` to a height before the wallet's first receipt.",
        )


def _outpoint(item: Any) -> OutPoint:
    coin = to_object(item, "unspent output")
    return OutPoint(to_hash(coin.get("txid")), to_integer(coin.get("vout"), "output number"))
