"""The emulated chain with a bitcoind as its judge: faucet, hot wallet, Esplora, reorganisations the same."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from emulator.chains.control import ChainControl, ChainControlError
from emulator.chains.errors import BlockRefusedError, RefusedByNodeError
from emulator.chains.esplora import EsploraServer
from emulator.chains.hot_wallet import HotWallet
from emulator.chains.node import NodeError, NodeRpc
from emulator.chains.node_chain import NodeChain
from emulator.chains.script import script_of
from emulator.chains.signing import Key, OwnedCoin, build_payment
from emulator.chains.transaction import TxOut
from emulator.world_client import WorldError, WorldProcess
from tests.support.real_node import require_bitcoind

STOCK = 100_000_000


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeChain]:
    with NodeChain(require_bitcoind(), tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture
def purse(chain: NodeChain, request: pytest.FixtureRequest) -> HotWallet:
    wallet = HotWallet(chain, request.node.nodeid.encode())
    chain.fund(wallet.funding_address, STOCK)
    return wallet


def test_every_block_is_the_nodes_and_the_index_has_what_it_has(chain: NodeChain) -> None:
    assert chain.node.call("getbestblockhash") == chain.tip_hash
    assert chain.node.call("getblockcount") == chain.height
    assert chain.node.call("gettxoutsetinfo")["txouts"] == len(chain.index._coins)
    assert chain.node.call("getblockchaininfo")["initialblockdownload"] is False


def test_the_hot_wallet_pays_and_sees_what_the_node_confirms(chain: NodeChain, purse: HotWallet) -> None:
    address = purse.new_deposit_address()
    txid = purse.pay(address, 1_000_000)
    assert txid in chain.node.call("getrawmempool")
    assert [(each.txid, each.confirmations) for each in purse.deposits()] == [(txid, 0)]
    chain.mine(2)
    assert purse.confirmations(txid) == 2
    assert chain.node.call("getrawtransaction", txid, 1)["confirmations"] == 2
    chain.reorg(3)
    assert purse.confirmations(txid) == 0
    assert txid in chain.node.call("getrawmempool")
    chain.mine(1)
    assert [each.confirmations for each in purse.deposits()] == [1]


def test_what_somebody_else_sends_to_the_node_waits_here_too(chain: NodeChain, purse: HotWallet) -> None:
    key = Key(b"tests", "somebody else")
    funded = chain.fund(key.address, 900_000)
    (coin,) = [each for each in chain.coins(key.scripthash) if each.outpoint.txid == funded]
    address = purse.new_deposit_address()
    output = TxOut(500_000, script_of(address))
    tx = build_payment([OwnedCoin(coin, key)], [output], key.script, 3)
    chain.node.call("sendrawtransaction", tx.raw.hex())
    with EsploraServer(chain) as server:
        assert tx.txid in ChainControl(server.url).state().mempool
    assert [(each.txid, each.confirmations) for each in purse.deposits()] == [(tx.txid, 0)]
    bumped = build_payment([OwnedCoin(coin, key)], [output], key.script, 30)
    chain.node.call("sendrawtransaction", bumped.raw.hex())
    assert [each.txid for each in purse.deposits()] == [bumped.txid]
    assert chain.transaction(tx.txid) is None
    chain.mine(1)
    assert [(each.txid, each.confirmations) for each in purse.deposits()] == [(bumped.txid, 1)]


def test_a_cheap_payment_stays_out_of_dear_blocks(chain: NodeChain, purse: HotWallet) -> None:
    txid = purse.pay(purse.new_deposit_address(), 700_000)
    chain.mine(1, min_fee_rate=Decimal(50))
    assert purse.confirmations(txid) == 0
    chain.mine(1)
    assert purse.confirmations(txid) == 1


def test_refusals_are_in_the_nodes_own_words(chain: NodeChain, purse: HotWallet) -> None:
    with EsploraServer(chain) as server:
        control = ChainControl(server.url)
        coinbase = chain.block_at(chain.height).transactions[0]
        with pytest.raises(RefusedByNodeError) as refused:
            chain.submit(coinbase.raw)
        assert refused.value.rpc_code == -27
        assert "already in utxo set" in refused.value.message
        with pytest.raises(ChainControlError, match=r"-27.*already in utxo set"):
            control.submit(coinbase.raw)
        with pytest.raises(ChainControlError, match="cannot be told to forget"):
            control.evict("ab" * 32)
    tip = chain.tip_hash
    with pytest.raises(BlockRefusedError, match="bad-cb-multiple"):
        chain.mine(1, transactions=[coinbase.raw])
    assert chain.tip_hash == tip == chain.node.call("getbestblockhash")
    with pytest.raises(ValueError, match="cannot pay"):
        purse.pay(purse.new_deposit_address(), 2 * STOCK)


def test_a_world_runs_on_a_node_and_takes_it_along(tmp_path: Path) -> None:
    with WorldProcess.start(directory=tmp_path, bitcoind=require_bitcoind()) as world:
        told = world.report.bitcoind
        assert told is not None
        node = NodeRpc(told.url, Path(told.cookie_file))
        assert node.call("getbestblockhash") == world.chain.state().tip
        world.chain.mine(1)
        assert node.call("getblockcount") == world.chain.height()
        assert world.stop() == 0
    with pytest.raises((OSError, NodeError)):
        node.call("getblockcount")


def test_a_world_says_why_its_node_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="cannot start the world"):
        WorldProcess.start(directory=tmp_path / "absent", bitcoind=str(tmp_path / "no-bitcoind"))
    with pytest.raises(WorldError, match="bitcoind ended"):
        WorldProcess.start(directory=tmp_path / "other", bitcoind="/bin/false")
    with pytest.raises(NodeError, match="bitcoind ended"):
        NodeChain("/bin/false", tmp_path / "another")
