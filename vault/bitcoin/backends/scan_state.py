"""What was found in the blocks scanned so far, script by script, in a private file beside the wallets.

Only a memory: it is anchored to block hashes, rolled back to the fork when the chain reorganises, and
thrown away when it cannot be read or contradicts itself. Refuses nothing; a lost file costs another scan.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vault.bitcoin.backends.answers import to_hash, to_integer
from vault.bitcoin.backends.base import BlockRef, HistoryEntry
from vault.bitcoin.backends.blocks import parse, transactions_with
from vault.bitcoin.transaction import OutPoint
from vault.canonical import canonical_json, read_json
from vault.errors import AddressError, ChainError, DocumentError, PsbtError
from vault.files import write_private

VERSION: Final = 1
# Newest blocks whose hashes are kept: a longer reorganisation costs a scan from the birthday.
KEPT_BLOCKS: Final = 200
MAX_FILE: Final = 200_000_000


@dataclass(slots=True)
class ScannedCoin:
    """An output to a script: where it was made, and at which height it was spent (None: unspent)."""

    made: int
    spent: int | None = None


@dataclass(slots=True)
class ScannedScript:
    """What the blocks up to height `to` hold of one script."""

    to: int
    entries: dict[str, BlockRef] = field(default_factory=dict)
    coins: dict[OutPoint, ScannedCoin] = field(default_factory=dict)

    def roll_back(self, height: int) -> None:
        """Forget everything above `height`."""
        self.to = min(self.to, height)
        self.entries = {txid: block for txid, block in self.entries.items() if block.height <= height}
        self.coins = {outpoint: coin for outpoint, coin in self.coins.items() if coin.made <= height}
        for coin in self.coins.values():
            if coin.spent is not None and coin.spent > height:
                coin.spent = None

    def history(self) -> list[HistoryEntry]:
        return [HistoryEntry(txid, block.height, block.hash) for txid, block in self.entries.items()]

    def unspent(self) -> set[OutPoint]:
        return {outpoint for outpoint, coin in self.coins.items() if coin.spent is None}


@dataclass(slots=True)
class ScanState:
    """All scripts scanned, and the newest blocks they were scanned in, oldest first."""

    network: str
    birthday: int
    blocks: list[BlockRef] = field(default_factory=list)
    scripts: dict[bytes, ScannedScript] = field(default_factory=dict)

    def script(self, script: bytes) -> ScannedScript:
        if script not in self.scripts:
            self.scripts[script] = ScannedScript(self.birthday - 1)
        return self.scripts[script]

    def roll_back(self, height: int) -> None:
        """Forget every block above `height`."""
        self.blocks = [block for block in self.blocks if block.height <= height]
        for script in self.scripts.values():
            script.roll_back(height)

    def clear(self) -> None:
        self.blocks, self.scripts = [], {}

    def read_block(self, block: BlockRef, raw: bytes, scripts: list[bytes]) -> None:
        """Take what a block holds of `scripts`, which were scanned up to the block before it."""
        ours = {script: self.script(script) for script in scripts}
        owners = {outpoint: known for known in ours.values() for outpoint in known.unspent()}
        needles = {*scripts, *(outpoint.serialise() for outpoint in owners)}
        for data in transactions_with(raw, block.hash, needles):
            transaction = parse(data)
            touched = [owners[each.outpoint] for each in transaction.inputs if each.outpoint in owners]
            for each in transaction.inputs:
                if (owner := owners.pop(each.outpoint, None)) is not None:
                    owner.coins[each.outpoint].spent = block.height
            paid = [
                (vout, each.script) for vout, each in enumerate(transaction.outputs) if each.script in ours
            ]
            if not touched and not paid:
                continue
            txid = transaction.txid
            for vout, script in paid:
                outpoint = OutPoint(txid, vout)
                owners[outpoint] = ours[script]
                ours[script].coins[outpoint] = ScannedCoin(block.height)
                needles.add(outpoint.serialise())
                touched.append(ours[script])
            for known in touched:
                known.entries[txid] = block


def load(path: Path | None, network: str, birthday: int) -> ScanState:
    """The state on disk; an empty one where there is none that fits."""
    fresh = ScanState(network, birthday)
    if path is None:
        return fresh
    try:
        if path.stat().st_size > MAX_FILE:
            return fresh
        value = read_json(path.read_text(encoding="utf-8"), what=str(path))
        state = _decode(value)
    except (
        OSError,
        AddressError,
        DocumentError,
        ChainError,
        PsbtError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ):
        return fresh
    usable = state.network == network and state.birthday <= birthday
    return state if usable else fresh


def save(path: Path | None, state: ScanState, written: bytes) -> bytes:
    """Keep the state, mode 0600, unless it is what was `written` last; returns what is kept now.

    A folder that cannot be written costs another scan and nothing else.
    """
    data = b"" if path is None else canonical_json(_encode(state)).encode()
    if path is not None and data != written:
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, data)
    return data


def _encode(state: ScanState) -> dict[str, Any]:
    return {
        "version": VERSION,
        "network": state.network,
        "birthday": state.birthday,
        "blocks": [[block.height, block.hash] for block in state.blocks[-KEPT_BLOCKS:]],
        "scripts": {
            script.hex(): {
                "to": known.to,
                "entries": [[txid, block.height, block.hash] for txid, block in known.entries.items()],
                "coins": [[str(place), coin.made, coin.spent] for place, coin in known.coins.items()],
            }
            for script, known in state.scripts.items()
        },
    }


def _decode(value: Any) -> ScanState:
    """The state; only what its own blocks vouch for. Raises for what no scan would have written."""
    if value["version"] != VERSION:
        raise ValueError(value["version"])
    state = ScanState(value["network"], to_integer(value["birthday"], "birthday"))
    state.blocks = [_block(*block) for block in value["blocks"]]
    first = state.blocks[0].height if state.blocks else 0
    if [block.height for block in state.blocks] != list(range(first, first + len(state.blocks))):
        raise ValueError("expected the heights of blocks in a row")
    for script, known in value["scripts"].items():
        state.scripts[bytes.fromhex(script)] = _script(known, state.birthday)
    state.roll_back(state.blocks[-1].height if state.blocks else state.birthday - 1)
    return state


def _script(known: Any, birthday: int) -> ScannedScript:
    found = ScannedScript(
        to_integer(known["to"] + 1, "height") - 1,  # nothing was scanned yet below block 0
        {to_hash(txid): _block(height, block_hash) for txid, height, block_hash in known["entries"]},
        {OutPoint.parse(place): ScannedCoin(made, spent) for place, made, spent in known["coins"]},
    )
    heights = {txid: block.height for txid, block in found.entries.items()}
    if not all(birthday <= height <= found.to for height in heights.values()):
        raise ValueError("expected entries in the blocks that were scanned")
    for place, coin in found.coins.items():
        spent = coin.spent is None or (coin.spent >= coin.made and coin.spent in heights.values())
        if heights.get(place.txid) != coin.made or not spent:
            raise ValueError("expected every coin to be made and spent in the history")
    return found


def _block(height: Any, block_hash: Any) -> BlockRef:
    return BlockRef(to_integer(height, "height"), to_hash(block_hash, "block hash"))
