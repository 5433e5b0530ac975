"""One wallet through Esplora, Electrum and bitcoind: the same coins, history and PSBTs, reorganised too.

A real bitcoind (with and without indexes) and an ElectrumX get the blocks of the emulated chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from tests.support import bitcoin_keys
from tests.support.built_wallets import LIMITS, STRANGER, sats
from tests.support.electrum_server import ElectrumServer
from tests.support.hostile_server import self_signed
from tests.support.real_node import RealNode, require_bitcoind
from vault.address import network_of
from vault.bitcoin.backends.electrum import ElectrumBackend
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.backends.node import NodeBackend
from vault.bitcoin.backends.node_rpc import cookie
from vault.bitcoin.spend import ExpectedSpend
from vault.bitcoin.transaction import Transaction
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.bitcoin.wallet.watch import BuiltPsbt, WatchWallet
from vault.clock import ManualClock

REGTEST = network_of("regtest")
RATE = Decimal(10)


class World:
    """One chain, everybody who shows it, and the same wallet before each of them."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.chain = stack.enter_context(BitcoinChain())
        esplora = stack.enter_context(EsploraServer(self.chain))
        self.nodes = [
            stack.enter_context(RealNode(folder / "indexed", "-txindex=1", "-blockfilterindex=1")),
            stack.enter_context(RealNode(folder / "plain")),
        ]
        for node in self.nodes:
            node.follow(self.chain)
        _, _, files = self_signed(folder)
        self.electrum = stack.enter_context(ElectrumServer(self.nodes[0], folder / "electrum", files))
        indexed, plain = self.nodes
        self.backends: dict[str, Any] = {
            "esplora": EsploraBackend(esplora.url, 5, network=REGTEST),
            "electrum": ElectrumBackend(self.electrum.url, REGTEST, 5),
            "indexed": NodeBackend(indexed.url, REGTEST, cookie(indexed.cookie_file), 5),
            "plain": NodeBackend(
                plain.url, REGTEST, cookie(plain.cookie_file), 5, scan_file=folder / "scan.json"
            ),
        }

    def follow(self) -> None:
        for node in self.nodes:
            node.follow(self.chain)
        self.electrum.await_tip()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require_bitcoind()
    pytest.importorskip("electrumx", reason="e-x, an ElectrumX, is not installed")
    with ExitStack() as stack:
        yield World(stack, tmp_path_factory.mktemp("chain"))


class Wallets:
    """The same wallet, once for every backend."""

    def __init__(self, world: World, account: Any, directory: Path) -> None:
        self.world, self.account = world, account
        self.clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
        self.all = {
            name: WatchWallet(
                "cold", account.descriptor, REGTEST, directory / name, backend, role="cold", clock=self.clock
            )
            for name, backend in world.backends.items()
        }

    def agreed(self) -> WatchWallet:
        """All of them sync and say the same; one of them."""
        self.world.follow()
        said = {}
        for name, wallet in self.all.items():
            report = wallet.sync()
            said[name] = (set(report.new), report.tip, wallet.coins(), wallet.history())
        first = said["esplora"]
        assert all(each == first for each in said.values()), said
        return self.all["esplora"]

    def built(self, *payments: tuple[bytes, int]) -> BuiltPsbt:
        """The PSBT that all of them build."""
        wanted = tuple((script, sats(units)) for script, units in payments)
        found = {wallet.build_spend(wanted, RATE) for wallet in self.all.values()}
        (built,) = found
        return built

    def signed(self, built: BuiltPsbt) -> bytes:
        expected = ExpectedSpend(
            self.account.descriptor, built.payments, REGTEST, inputs=built.inputs, fee=built.fee
        )
        verified = verify_psbt(built.psbt, expected, LIMITS)
        return verify_signed(verified, self.account.sign(verified)).raw


@pytest.mark.parametrize("kind", ["p2wpkh", "p2tr"])
def test_all_backends_lead_to_the_same_wallet(world: World, tmp_path: Path, kind: Any) -> None:
    account = bitcoin_keys.account_of(f"on every backend {kind}".encode(), kind)
    wallets = Wallets(world, account, tmp_path)
    assert wallets.agreed().coins() == ()
    for index, amount in ((0, 30_000_000), (1, 20_000_000), (1, 5_000_000), (19, 7_000_000)):
        world.chain.fund(account.descriptor.address(False, index), amount)
    assert len(wallets.agreed().coins()) == 4
    raw = wallets.signed(wallets.built((STRANGER, 41_000_000)))
    assert all(world.backends[node].test_accept(raw).allowed for node in ("indexed", "plain"))
    world.chain.submit(raw)
    world.chain.mine(2)
    txid = Transaction.parse(raw).txid
    spent = wallets.agreed()
    assert [line.confirmations for line in spent.history() if line.txid == txid] == [2]
    world.chain.reorg(3)
    world.chain.mine(1)
    after = wallets.agreed()
    assert txid in {line.txid for line in after.history()}
