"""Scanning a node's blocks: what is remembered equals a scan of everything, through any reorganisation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.address import sha256d
from vault.bitcoin.backends import node_scan, scan_state
from vault.bitcoin.backends.base import BlockRef
from vault.bitcoin.backends.blocks import MAX_NEEDLES, transactions_with
from vault.bitcoin.backends.node_rpc import NodeError
from vault.bitcoin.backends.node_scan import BlockScanner
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.wire import compact_size
from vault.errors import ChainError

SCRIPTS = [b"\x00\x14" + bytes([number]) * 20 for number in range(1, 6)]
FOREIGN = b"\x00\x14" + b"\xee" * 20


@dataclass
class ModelBlock:
    raw: bytes
    transactions: list[Transaction]

    @property
    def hash(self) -> str:
        return sha256d(self.raw[:80])[::-1].hex()


@dataclass
class ModelNode:
    """The few questions a scan asks, answered from a list of blocks. `filters` up to that height."""

    blocks: list[ModelBlock] = field(default_factory=list)
    known: dict[str, ModelBlock] = field(default_factory=dict)
    filters: int = -1
    read: int = 0
    serial: int = 0

    def mine(self, *transactions: Transaction) -> None:
        self.serial += 1
        salt = hashlib.sha256(self.serial.to_bytes(4, "big")).digest()
        body = compact_size(len(transactions)) + b"".join(each.serialise() for each in transactions)
        block = ModelBlock(salt + bytes(48) + body, list(transactions))
        self.blocks.append(block)
        self.known[block.hash] = block

    @property
    def tip(self) -> BlockRef:
        return BlockRef(len(self.blocks) - 1, self.blocks[-1].hash)

    def coins(self) -> dict[OutPoint, bytes]:
        """Unspent outputs by the whole chain."""
        found: dict[OutPoint, bytes] = {}
        for block in self.blocks:
            for transaction in block.transactions:
                for each in transaction.inputs:
                    found.pop(each.outpoint, None)
                for vout, output in enumerate(transaction.outputs):
                    found[OutPoint(transaction.txid, vout)] = output.script
        return found

    def history(self, script: bytes) -> set[tuple[str, int]]:
        """By reading everything."""
        ours: set[OutPoint] = set()
        found: set[tuple[str, int]] = set()
        for height, block in enumerate(self.blocks):
            for transaction in block.transactions:
                made = {
                    OutPoint(transaction.txid, vout)
                    for vout, output in enumerate(transaction.outputs)
                    if output.script == script
                }
                if made or any(each.outpoint in ours for each in transaction.inputs):
                    found.add((transaction.txid, height))
                ours |= made
        return found

    # what NodeSession offers

    def ask(self, method: str, *parameters: Any, timeout: float | None = None) -> Any:
        return getattr(self, f"_{method}")(*parameters)

    def ask_each(self, method: str, parameters: Sequence[tuple[Any, ...]]) -> list[Any]:
        return [self.ask(method, *each) for each in parameters]

    def _getblockhash(self, height: int) -> str:
        if height >= len(self.blocks):
            raise NodeError("getblockhash", -8, "Block height out of range")
        return self.blocks[height].hash

    def _getblock(self, block_hash: str, _: int) -> str:
        self.read += 1
        return self.known[block_hash].raw.hex()

    def _getblockheader(self, block_hash: str) -> dict[str, Any]:
        return {"height": [each.hash for each in self.blocks].index(block_hash)}

    def _getindexinfo(self) -> dict[str, Any]:
        return {} if self.filters < 0 else {"basic block filter index": {"best_block_height": self.filters}}

    def _scanblocks(self, _: str, wanted: list[dict[str, str]], first: int, last: int, *__: Any) -> Any:
        scripts = {bytes.fromhex(each["desc"][4:-1]) for each in wanted}
        spent: dict[OutPoint, bytes] = {}
        relevant = []
        for height, block in enumerate(self.blocks):
            touched = set()
            for transaction in block.transactions:
                touched |= {spent[each.outpoint] for each in transaction.inputs if each.outpoint in spent}
                for vout, output in enumerate(transaction.outputs):
                    spent[OutPoint(transaction.txid, vout)] = output.script
                    touched.add(output.script)
            if first <= height <= last and not scripts.isdisjoint(touched):
                relevant.append(block.hash)
        return {"completed": True, "to_height": last, "relevant_blocks": relevant}

    def _scantxoutset(self, _: str, wanted: list[str]) -> dict[str, Any]:
        scripts = {bytes.fromhex(each[4:-1]) for each in wanted}
        found = [place for place, script in self.coins().items() if script in scripts]
        coins = [{"txid": each.txid, "vout": each.vout} for each in found]
        return {"success": True, "bestblock": self.tip.hash, "unspents": coins}


@st.composite
def spends(draw: st.DrawFn, node: ModelNode, serial: int) -> Transaction:
    """A transaction out of any coin of the chain, or out of nowhere, to scripts of ours and others."""
    coins = sorted(node.coins())
    inputs = [OutPoint(hashlib.sha256(f"nowhere {serial}".encode()).hexdigest(), 0)]
    if coins and draw(st.booleans()):
        inputs.append(draw(st.sampled_from(coins)))
    scripts = draw(st.lists(st.sampled_from([*SCRIPTS, FOREIGN]), min_size=1, max_size=3))
    witness = (b"\x01" * 64,) if draw(st.booleans()) else ()
    return Transaction(
        2,
        tuple(TxIn(each, b"", 0, witness) for each in inputs),
        tuple(TxOut(1000 + serial, script) for script in scripts),
        0,
    )


@given(data=st.data())
def test_a_scan_that_goes_on_equals_a_scan_of_everything(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("scan") / "scan.json"
    node = ModelNode()
    node.mine()
    scanner = BlockScanner("regtest", 0, path)
    for step in range(data.draw(st.integers(1, 6), label="steps")):
        for number in range(data.draw(st.integers(0, 3), label="blocks")):
            node.mine(data.draw(spends(node, step * 10 + number)))
        if data.draw(st.booleans(), label="reorganise"):
            depth = data.draw(st.integers(1, max(1, len(node.blocks) - 1)))
            del node.blocks[max(1, len(node.blocks) - depth) :]
            for number in range(data.draw(st.integers(0, 3))):
                node.mine(data.draw(spends(node, step * 10 + 5 + number)))
        node.filters = data.draw(st.sampled_from([-1, len(node.blocks) - 1, len(node.blocks) // 2]))
        if data.draw(st.booleans(), label="another process"):
            scanner = BlockScanner("regtest", 0, path)
        asked = data.draw(st.lists(st.sampled_from(SCRIPTS), min_size=1, max_size=4, unique=True))
        histories, coins = scanner.scan(node, asked, node.tip)  # type: ignore[arg-type]
        unspent = node.coins()
        for script, entries, held in zip(asked, histories, coins, strict=True):
            assert {(each.txid, each.height) for each in entries} == node.history(script)
            assert all(each.block_hash == node.blocks[each.height or 0].hash for each in entries)
            assert held == {place for place, owner in unspent.items() if owner == script}


def test_only_new_blocks_are_read_again(tmp_path: Path) -> None:
    node = ModelNode()
    for number in range(30):
        node.mine(Transaction(2, (TxIn(OutPoint(f"{number:064x}", 0), b"", 0),), (TxOut(1, SCRIPTS[0]),), 0))
    BlockScanner("regtest", 0, tmp_path / "scan").scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]
    assert node.read == 30
    node.mine()
    BlockScanner("regtest", 0, tmp_path / "scan").scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]
    assert node.read == 31
    # With filters, not even that.
    node.mine()
    node.filters = 31
    BlockScanner("regtest", 0, tmp_path / "scan").scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]
    assert node.read == 31


def test_a_memory_of_another_network_or_a_later_birthday_is_not_used(tmp_path: Path) -> None:
    node, path = ModelNode(), tmp_path / "scan"
    for _ in range(5):
        node.mine()
    BlockScanner("regtest", 3, path).scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]
    assert scan_state.load(path, "regtest", 3).scripts
    assert scan_state.load(path, "regtest", 4).scripts
    assert not scan_state.load(path, "regtest", 2).scripts
    assert not scan_state.load(path, "signet", 3).scripts
    for damage in ("", "{", "[]", '{"version":1}', path.read_text().replace('"to":', '"too":')):
        path.write_text(damage)
        assert not scan_state.load(path, "regtest", 3).scripts


def _first(memory: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of the first script that has coins."""
    return next(known for known in memory["scripts"].values() if known["coins"])


DAMAGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a birthday that is no number": lambda m: m.update(birthday="soon"),
    "no network": lambda m: m.update(network=None),
    "heights with a gap": lambda m: m["blocks"].pop(1),
    "heights backwards": lambda m: m["blocks"].reverse(),
    "a height that is no number": lambda m: m["blocks"].append(["7", "00" * 32]),
    "a hash that is none": lambda m: m["blocks"].append([len(m["blocks"]), "00"]),
    "a script that is no hex": lambda m: m["scripts"].update({"zz": _first(m)}),
    "scanned to a word": lambda m: _first(m).update(to="5"),
    "scanned to less than its history": lambda m: _first(m).update(to=0),
    "a history entry of no block": lambda m: _first(m)["entries"].append(["11" * 32, None, "00" * 32]),
    "a coin without its transaction": lambda m: _first(m)["coins"].append([f"{'11' * 32}:0", 1, None]),
    "a coin made in another block": lambda m: _first(m)["coins"][0].__setitem__(1, 4),
    "a coin spent in no block of its history": lambda m: _first(m)["coins"][0].__setitem__(2, 7),
    "a coin spent before it was made": lambda m: _first(m)["coins"][0].__setitem__(2, 0),
    "a coin that is none": lambda m: _first(m)["coins"][0].__setitem__(0, "coin"),
    "a history left out, its coins kept": lambda m: _first(m).update(entries=[]),
    "an entry that is no list": lambda m: _first(m).update(entries=[7]),
    "blocks that are no list": lambda m: m.update(blocks=7),
}


def scanned(path: Path) -> tuple[ModelNode, dict[str, Any]]:
    """A chain of which the file at `path` remembers everything, and what it says."""
    node = ModelNode()
    node.mine()
    for number in range(1, 5):
        node.mine(Transaction(2, (TxIn(OutPoint(f"{number:064x}", 0), b"", 0),), (TxOut(1, SCRIPTS[0]),), 0))
    BlockScanner("regtest", 0, path).scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]
    return node, json.loads(path.read_text())


def held(scanner: BlockScanner, node: ModelNode) -> set[OutPoint]:
    _, coins = scanner.scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]
    return set().union(*coins)


@pytest.mark.parametrize("name", DAMAGED)
def test_a_memory_that_contradicts_itself_is_thrown_away(name: str, tmp_path: Path) -> None:
    path = tmp_path / "scan"
    node, memory = scanned(path)
    assert scan_state.load(path, "regtest", 0).scripts
    DAMAGED[name](memory)
    path.write_text(json.dumps(memory))
    assert not scan_state.load(path, "regtest", 0).scripts
    assert held(BlockScanner("regtest", 0, path), node) == set(node.coins())


@pytest.mark.parametrize("kept", [0, 2])
def test_what_is_remembered_beyond_the_blocks_that_vouch_for_it_is_scanned_again(
    kept: int, tmp_path: Path
) -> None:
    """Someone cut the blocks off: without them no reorganisation would be seen, nor what was left out."""
    path = tmp_path / "scan"
    node, memory = scanned(path)
    del memory["blocks"][kept:]
    for known in memory["scripts"].values():
        known["to"] = 4
    memory["scripts"][SCRIPTS[0].hex()].update(coins=[], entries=[])
    path.write_text(json.dumps(memory))
    found = held(BlockScanner("regtest", 0, path), node)
    assert {place for place, _ in node.coins().items() if place.txid in _ids(node, max(kept, 1))} <= found


def _ids(node: ModelNode, first: int) -> set[str]:
    return {each.txid for block in node.blocks[first:] for each in block.transactions}


def test_a_sync_that_has_seen_less_does_not_loosen_what_another_has_found(tmp_path: Path) -> None:
    """Two wallets ask side by side, one with an older tip; then the newest block is reorganised out."""
    path = tmp_path / "scan"
    node, _ = scanned(path)
    scanner, older = BlockScanner("regtest", 0, path), node.tip
    orphaned = Transaction(2, (TxIn(OutPoint("ee" * 32, 0), b"", 0),), (TxOut(5, SCRIPTS[1]),), 0)
    node.mine(orphaned)
    assert OutPoint(orphaned.txid, 0) in held(scanner, node)
    scanner.scan(node, SCRIPTS, older)  # type: ignore[arg-type]
    node.blocks.pop()
    node.mine()
    for again in (scanner, BlockScanner("regtest", 0, path)):
        assert held(again, node) == set(node.coins())


def test_a_scan_longer_than_a_person_waits_is_refused_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_scan, "MAX_BLOCKS", 5)
    node = ModelNode()
    for _ in range(7):
        node.mine()
    with pytest.raises(ChainError) as refused:
        BlockScanner("regtest", 0, None).scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]
    assert refused.value.code == "chain.scan_too_long"
    assert node.read == 0
    BlockScanner("regtest", 3, None).scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]


def test_a_tip_that_moves_meanwhile_leaves_nothing_behind(tmp_path: Path) -> None:
    node = ModelNode()
    node.mine()
    node.mine()
    scanner = BlockScanner("regtest", 0, tmp_path / "scan")
    with pytest.raises(ChainError) as refused:
        scanner.scan(node, SCRIPTS, BlockRef(1, "ab" * 32))  # type: ignore[arg-type]
    assert refused.value.code == "chain.moving"
    assert not (tmp_path / "scan").exists()
    scanner.scan(node, SCRIPTS, node.tip)  # type: ignore[arg-type]


@pytest.mark.parametrize("many", [False, True])
def test_a_block_that_is_not_the_one_asked_for_or_is_cut_is_refused(many: bool) -> None:
    node = ModelNode()
    paying = Transaction(2, (TxIn(OutPoint("11" * 32, 0), b"", 0),), (TxOut(1, SCRIPTS[0]),), 0)
    node.mine(paying, paying)
    raw, name = node.blocks[0].raw, node.blocks[0].hash
    needles = [SCRIPTS[0], *(bytes([each]) * 22 for each in range(MAX_NEEDLES if many else 0))]
    assert list(transactions_with(raw, name, needles)) == [paying.serialise()] * 2
    for spoilt in (raw[:-1], raw + b"\0", raw[:80] + b"\xfd" + raw[81:]):
        with pytest.raises(ChainError) as refused:
            list(transactions_with(spoilt, name, needles))
        assert refused.value.code == "chain.bad_answer"
    with pytest.raises(ChainError):
        list(transactions_with(raw, "00" * 32, needles))
