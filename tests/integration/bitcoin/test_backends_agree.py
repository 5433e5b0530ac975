"""Esplora, Electrum and bitcoind on one chain: the same coins, history and balance, through a reorganisation.

A real bitcoind (with and without indexes) and an ElectrumX get the blocks of the emulated chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from emulator.chains.faults import Fault, FaultKind
from tests.support import bitcoin_keys
from tests.support.electrum_server import ElectrumServer
from tests.support.hostile_server import self_signed
from tests.support.real_node import RealNode, require_bitcoind
from vault.address import network_of
from vault.bitcoin.backends import node as node_module
from vault.bitcoin.backends.base import Backend, TxStatus
from vault.bitcoin.backends.electrum import ElectrumBackend
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.backends.node import NodeBackend
from vault.bitcoin.backends.node_rpc import cookie
from vault.bitcoin.backends.witnesses import WitnessedBackend
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.spend import RBF_SEQUENCE
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.errors import ChainError

REGTEST = network_of("regtest")
STRANGER = b"\x00\x14" + b"\x83" * 20


@dataclass(frozen=True)
class World:
    """One chain, and everybody who shows it."""

    chain: BitcoinChain
    esplora: EsploraServer
    indexed: RealNode
    plain: RealNode
    electrum: ElectrumServer
    certificate: str
    scans: Path

    def follow(self) -> None:
        """All of them show the emulated chain's tip."""
        for node in (self.indexed, self.plain):
            node.follow(self.chain)
        self.electrum.await_tip()

    def mine(self, count: int = 1) -> None:
        self.chain.mine(count)
        self.follow()

    def waits(self, script: bytes, count: int) -> None:
        """What waits in the emulated mempool waits everywhere."""
        self.follow()
        self.electrum.await_waiting(script, count)

    def backends(self) -> dict[str, Any]:
        return {
            "esplora": EsploraBackend(self.esplora.url, 5, network=REGTEST),
            "electrum": ElectrumBackend(self.electrum.url, REGTEST, 5),
            "electrum over tls": ElectrumBackend(
                self.electrum.tls_url, REGTEST, 5, certificate=self.certificate
            ),
            "bitcoind with filters": NodeBackend(
                self.indexed.url, REGTEST, cookie(self.indexed.cookie_file), 5
            ),
            "bitcoind without indexes": NodeBackend(
                self.plain.url,
                REGTEST,
                cookie(self.plain.cookie_file),
                5,
                scan_file=self.scans / "scan.json",
            ),
        }

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """The answer that all backends give."""
        answers = {name: question(backend) for name, backend in self.backends().items()}
        first = answers["esplora"]
        assert all(answer == first for answer in answers.values()), answers
        return first


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require_bitcoind()
    pytest.importorskip("electrumx", reason="e-x, an ElectrumX, is not installed")
    folder = tmp_path_factory.mktemp("chain")
    _, certificate, files = self_signed(folder)
    with (
        BitcoinChain() as chain,
        EsploraServer(chain) as esplora,
        RealNode(folder / "indexed", "-txindex=1", "-blockfilterindex=1") as indexed,
        RealNode(folder / "plain") as plain,
    ):
        for node in (indexed, plain):
            node.follow(chain)
        with ElectrumServer(indexed, folder / "electrum", files) as electrum:
            world = World(chain, esplora, indexed, plain, electrum, certificate, folder)
            world.follow()
            yield world


@pytest.fixture(params=["p2wpkh", "p2tr"])
def account(request: pytest.FixtureRequest) -> Any:
    return bitcoin_keys.account_of(request.node.nodeid.encode(), request.param)


def address(account: Any, index: int) -> str:
    return str(account.descriptor.address(False, index))


def script(account: Any, index: int) -> bytes:
    return bytes(account.descriptor.script_pubkey(False, index))


def pay(world: World, account: Any, txid: str, *outputs: TxOut, index: int = 0) -> Transaction:
    """A signed spend of the account's coin in `txid`."""
    known = world.chain.transaction(txid)
    assert known is not None
    previous = Transaction.parse(known.tx.raw)
    vout = [each.script for each in previous.outputs].index(script(account, index))
    unsigned = Transaction(2, (TxIn(OutPoint(txid, vout), b"", RBF_SEQUENCE),), outputs, 0)
    digest = SighashParts.of(unsigned, [previous.outputs[vout]]).digest(0)
    signature = account.sign_digest(False, index, digest)
    key = account.descriptor.key(False, index)
    witness = (signature,) if account.descriptor.kind == "p2tr" else (signature + b"\x01", key)
    return replace(unsigned, inputs=(replace(unsigned.inputs[0], witness=witness),))


def test_the_same_history_coins_and_balance_through_a_reorganisation_of_three_blocks(
    world: World, account: Any
) -> None:
    ours = [script(account, index) for index in range(6)]
    deep = world.chain.fund(address(account, 0), 5_000_000, confirmations=4)
    high = world.chain.fund(address(account, 1), 700_000)
    spend = pay(world, account, deep, TxOut(1_000_000, STRANGER), TxOut(3_990_000, ours[2]))
    world.chain.submit(spend.serialise())
    world.chain.mine(1)
    child = pay(world, account, spend.txid, TxOut(3_980_000, ours[3]), index=2)
    world.chain.submit(child.serialise())
    world.waits(ours[3], 1)

    before = world.ask(lambda backend: backend.history(ours))
    assert [[each.txid for each in entries] for entries in before] == [
        [deep, spend.txid],
        [high],
        [spend.txid, child.txid],
        [child.txid],
        [],
        [],
    ]
    tip = world.ask(lambda backend: backend.tip())
    assert [each.height for each in before[0]] == [tip.height - 5, tip.height]
    assert [each.height for each in before[3]] == [None]
    received = [world.ask(lambda backend, each=each: backend.script_outputs(each)) for each in ours]
    assert [[coin.amount.units for coin in coins] for coins in received[:4]] == [
        [5_000_000],
        [700_000],
        [3_990_000],
        [3_980_000],
    ]
    assert [coins[0].confirmations for coins in received[:4]] == [6, 2, 1, 0]

    world.chain.reorg(3)
    world.waits(ours[1], 1)
    after = world.ask(lambda backend: backend.history(ours))
    assert [[(each.txid, each.height) for each in entries] for entries in after[:2]] == [
        [(deep, tip.height - 5), (spend.txid, None)],
        [(high, None)],
    ]
    assert world.ask(lambda backend: backend.transaction_status(high)).confirmations == 0
    assert not world.ask(lambda backend: backend.final_status(high)).confirmed
    world.mine()
    again = world.ask(lambda backend: backend.history(ours))
    assert {each.height for entries in again for each in entries} == {tip.height - 5, world.chain.height}
    assert (
        world.ask(lambda backend: backend.transaction_status(child.txid)).block_hash == world.chain.tip_hash
    )
    ended = world.ask(lambda backend: backend.final_status(child.txid))
    assert ended == TxStatus(True, True, world.chain.height, 1, world.chain.tip_hash)
    world.ask(lambda backend: backend.prove([entry for entries in again for entry in entries]))


def test_a_double_spend_in_the_new_branch_takes_the_payment_away_everywhere(
    world: World, account: Any
) -> None:
    coin = world.chain.fund(address(account, 0), 900_000, confirmations=4)
    paid = pay(world, account, coin, TxOut(890_000, script(account, 1)))
    world.chain.submit(paid.serialise())
    world.mine(3)
    vout = paid.inputs[0].outpoint.vout
    assert world.ask(lambda backend: backend.outspend(coin, vout)) == paid.txid
    rival = pay(world, account, coin, TxOut(880_000, script(account, 2)))
    world.chain.reorg(3, transactions=[rival.serialise()])
    world.follow()
    scripts = [script(account, index) for index in range(3)]
    found = world.ask(lambda backend: backend.history(scripts))
    assert [[each.txid for each in entries] for entries in found] == [
        [coin, rival.txid],
        [],
        [rival.txid],
    ]
    assert world.ask(lambda backend: backend.outspend(coin, vout)) == rival.txid
    # Nodes and servers keep the bytes of what was in the old branch; it is not on its way all the same.
    assert not world.ask(lambda backend: backend.transaction_status(paid.txid)).found
    for name, backend in world.backends().items():
        with pytest.raises(ChainError) as refused:
            backend.broadcast(paid.serialise())
        assert refused.value.code == "chain.refused", name
    assert world.ask(lambda backend: backend.address_outputs(address(account, 1))) == ()


def test_bytes_status_and_spends_are_the_same(world: World, account: Any) -> None:
    coin = world.chain.fund(address(account, 0), 400_000, confirmations=3)
    spend = pay(world, account, coin, TxOut(390_000, script(account, 1)))
    vout = spend.inputs[0].outpoint.vout
    world.follow()
    absent = "ab" * 32
    raw = world.ask(lambda backend: backend.raw_transaction(coin))
    assert Transaction.parse(raw).txid == coin
    assert world.ask(lambda backend: backend.raw_transactions([absent, coin])) == (None, raw)
    assert world.ask(lambda backend: backend.outspend(coin, vout)) is None
    assert world.ask(lambda backend: backend.transaction_status(coin)).confirmations == 3
    assert world.ask(lambda backend: backend.final_status(coin)).confirmations == 3
    assert not world.ask(lambda backend: backend.final_status(absent)).found
    assert not world.ask(lambda backend: backend.transaction_status(absent)).found
    world.chain.submit(spend.serialise())
    world.waits(script(account, 1), 1)
    assert world.ask(lambda backend: backend.outspend(coin, vout)) == spend.txid
    assert world.ask(lambda backend: backend.transaction_status(spend.txid)).found
    height = world.chain.height
    assert world.ask(lambda backend: backend.block_hash(height)) == world.chain.tip_hash
    assert world.ask(lambda backend: backend.block_hash(height + 1)) is None
    assert world.ask(lambda backend: backend.tip_height()) == height


@pytest.mark.parametrize("name", ["electrum", "electrum over tls", "bitcoind without indexes"])
def test_a_broadcast_is_accepted_known_refused_and_known_in_a_block(world: World, name: str) -> None:
    account = bitcoin_keys.account_of(f"broadcast {name}".encode(), "p2wpkh")
    coin = world.chain.fund(address(account, 0), 300_000)
    world.follow()
    backend = world.backends()[name]
    spend = pay(world, account, coin, TxOut(290_000, script(account, 1)))
    broken = replace(spend, outputs=(TxOut(280_000, STRANGER),))
    with pytest.raises(ChainError) as refused:
        backend.broadcast(broken.serialise())
    assert refused.value.code == "chain.refused"
    assert refused.value.details == {"txid": broken.txid, "too_cheap": "no"}
    for _ in range(2):
        assert backend.broadcast(spend.serialise()) == spend.txid
    assert backend.transaction_status(spend.txid).found
    world.chain.submit(spend.serialise())
    world.mine(1)
    assert backend.broadcast(spend.serialise()) == spend.txid


def test_a_node_says_beforehand_whether_it_would_take_a_transaction(world: World, account: Any) -> None:
    coin = world.chain.fund(address(account, 0), 300_000)
    world.follow()
    node: NodeBackend = world.backends()["bitcoind without indexes"]
    spend = pay(world, account, coin, TxOut(290_000, script(account, 1)))
    accepted = node.test_accept(spend.serialise())
    assert accepted is not None
    assert accepted.allowed
    assert not node.transaction_status(spend.txid).found
    refused = node.test_accept(replace(spend, outputs=(TxOut(299_999, STRANGER),)).serialise())
    assert refused is not None
    assert (refused.allowed, bool(refused.reason)) == (False, True)
    assert world.backends()["electrum"].test_accept(spend.serialise()) is None


def test_nobody_makes_up_a_fee_rate(world: World) -> None:
    for name in ("electrum", "bitcoind with filters", "bitcoind without indexes"):
        with pytest.raises(ChainError) as refused:
            world.backends()[name].fee_rate(3)
        assert refused.value.code == "chain.no_estimate"
    assert world.backends()["bitcoind with filters"].mempool_min_fee() in {Decimal(1), Decimal("0.1")}


def test_what_was_scanned_is_remembered_privately_and_only_new_blocks_are_read(
    world: World, account: Any, tmp_path: Path
) -> None:
    node = world.plain
    world.chain.fund(address(account, 0), 200_000)
    world.follow()
    path = tmp_path / "state" / "scan.json"

    def opened() -> NodeBackend:
        return NodeBackend(node.url, REGTEST, cookie(node.cookie_file), 5, scan_file=path)

    scripts = [script(account, index) for index in range(3)]
    first = opened().history(scripts)
    assert path.stat().st_mode & 0o777 == 0o600
    spoilt = path.read_text().replace(first[0][0].txid, "cd" * 32)
    path.write_text(spoilt)  # only the file can tell: the block is not read again
    assert opened().history(scripts)[0][0].txid == "cd" * 32
    with pytest.raises(ChainError) as refused:
        opened().cross_check(scripts)
    assert refused.value.code == "chain.scan_disagrees"
    path.write_text("{")
    assert opened().history(scripts) == first
    opened().cross_check(scripts)


def test_a_birthday_after_the_first_receipt_is_noticed(world: World, account: Any) -> None:
    world.chain.fund(address(account, 0), 200_000, confirmations=5)
    world.follow()
    for node in (world.indexed, world.plain):
        late = NodeBackend(node.url, REGTEST, cookie(node.cookie_file), 5, birthday=world.chain.height - 2)
        with pytest.raises(ChainError) as refused:
            late.history([script(account, 0)])
        assert refused.value.code == "chain.scan_disagrees"
        assert "birthday" in refused.value.hint


def test_two_witnesses_agree_and_one_that_is_left_behind_is_noticed(world: World, account: Any) -> None:
    coin = world.chain.fund(address(account, 0), 600_000)
    world.follow()
    backends = world.backends()
    witnessed: Backend = WitnessedBackend(
        backends["esplora"], backends["bitcoind with filters"], REGTEST, tip_blocks=2
    )
    scripts = [script(account, 0)]
    assert witnessed.history(scripts) == backends["esplora"].history(scripts)
    assert witnessed.tip() == backends["esplora"].tip()
    assert witnessed.transaction_status(coin).confirmations == 1
    assert witnessed.final_status(coin) == witnessed.transaction_status(coin)
    assert witnessed.address_outputs(address(account, 0)) == backends["esplora"].script_outputs(scripts[0])
    height = world.chain.height
    try:
        world.esplora.faults.add(Fault(FaultKind.STALE_TIP, height=height - 1))
        # One block behind is permitted: what it does not show yet is on its way and no more.
        assert [each.height for each in witnessed.history(scripts)[0]] == [None]
        assert witnessed.transaction_status(coin).confirmed is False
        assert witnessed.final_status(coin).confirmed is False
        world.esplora.faults.add(Fault(FaultKind.STALE_TIP, height=height - 3))
        for ask in (witnessed.tip, lambda: witnessed.history(scripts)):
            with pytest.raises(ChainError) as refused:
                ask()
            assert refused.value.code == "chain.witness_disagrees"
            assert f"height {height - 3}" in refused.value.message
            assert f"height {height}" in refused.value.message
    finally:
        world.esplora.faults.clear()


def test_a_node_without_an_index_says_what_it_cannot_know(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = bitcoin_keys.account_of(b"somebody else", "p2wpkh")
    deep = world.chain.fund(address(foreign, 0), 110_000, confirmations=5)
    near = world.chain.fund(address(foreign, 1), 120_000, confirmations=2)
    world.follow()
    monkeypatch.setattr(node_module, "SEARCHED_BLOCKS", 3)
    plain, indexed = (world.backends()[f"bitcoind with{each}"] for each in ("out indexes", " filters"))
    assert plain.transaction_status(near) == indexed.transaction_status(near)
    assert Transaction.parse(plain.raw_transaction(near)).txid == near
    for ask in (plain.transaction_status, plain.raw_transaction):
        with pytest.raises(ChainError) as refused:
            ask(deep)
        assert refused.value.code == "chain.needs_index"
    assert indexed.transaction_status(deep).confirmations == 7
    assert not indexed.transaction_status("ab" * 32).found
    # What is found in its own script's history is known wherever it is.
    plain.history([script(foreign, 0)])
    assert plain.transaction_status(deep).confirmations == 7
    world.chain.reorg(2)
    world.waits(script(foreign, 1), 1)
    assert not plain.transaction_status(near).confirmed
