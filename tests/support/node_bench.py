"""A world on a real bitcoind: venue, hot wallet, Esplora and ElectrumX on the one node; three devices.

What is true is asked of the node itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Final

from emulator.chains.control import ChainControl
from emulator.chains.index import Coin
from emulator.chains.node import NodeRpc
from emulator.chains.script import script_of
from emulator.chains.signing import Key, OwnedCoin, build_payment
from emulator.chains.transaction import OutPoint, TxOut, parse_transaction
from emulator.device.server import DeviceEmulator
from emulator.world_client import WorldProcess
from tests.faults.treasury import stage
from tests.support.electrum_server import ElectrumServer
from tests.support.hostile_server import self_signed
from tests.support.real_node import require_bitcoind
from vault.bitcoin.descriptor import Descriptor
from vault.venues import client as venue_client

DEVICES: Final[dict[str, tuple[str, str]]] = {
    "cold": ("trezor-core", "all all all all all all all all all all all all"),
    "staging": (
        "onekey-classic1s",
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    ),
    "third": ("trezor-one", "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"),
}
SEED_BLOCKS, SEED_PAYMENTS = 40, 10  # what estimatesmartfee needs before it says anything


class FollowedChain(ChainControl):
    """The world's chain; an order returns when ElectrumX shows the new tip as well."""

    def __init__(self, url: str, electrum: ElectrumServer) -> None:
        super().__init__(url)
        self._electrum = electrum

    def mine(self, *arguments: Any, **options: Any) -> list[str]:
        hashes = super().mine(*arguments, **options)
        self._electrum.await_tip()
        return hashes

    def fund(self, *arguments: Any, **options: Any) -> str:
        txid = super().fund(*arguments, **options)
        self._electrum.await_tip()
        return txid

    def reorg(self, *arguments: Any, **options: Any) -> list[str]:
        hashes = super().reorg(*arguments, **options)
        self._electrum.await_tip()
        return hashes


class NodeBench:
    """One world, one node, one ElectrumX, one venue worker and three devices; treasuries stand on it."""

    def __init__(self, world: WorldProcess, electrum: ElectrumServer, certificate: str, folder: Path) -> None:
        assert world.report.bitcoind is not None
        self.world, self.electrum, self.certificate, self.folder = world, electrum, certificate, folder
        self.node = NodeRpc(world.report.bitcoind.url, Path(world.report.bitcoind.cookie_file))
        self.chain, self.exchange = FollowedChain(world.esplora_url, electrum), world.venue
        self.numbers = count(1)
        self._stack = contextlib.ExitStack()
        self.devices = {
            name: self._stack.enter_context(
                DeviceEmulator(mnemonic=mnemonic, persona=persona, mode="auto", label=name)
            )
            for name, (persona, mnemonic) in DEVICES.items()
        }
        with stage.environment(stage.own_keyring(folder)):
            self.worker = venue_client._start(venue_client.WORKER)
        self.worker.ready.result(60)

    def close(self) -> None:
        venue_client._end(self.worker)
        self._stack.close()

    @cached_property
    def stranger(self) -> Key:
        """Somebody with coins of his own."""
        return Key(b"tests", "stranger")

    def reach(self, name: str) -> str:
        """The chain part of treasury.toml."""
        bitcoind = f'bitcoind = "{self.node.url}"\ncookie = "{self.node.cookie_file}"\n'
        electrum = f'electrum = "{self.electrum.tls_url}"\ncertificate = "{self.certificate}"\n'
        return {
            "bitcoind": bitcoind,
            "electrum": electrum,
            "esplora": f'esplora = "{self.world.esplora_url}"\n',
            "bitcoind and electrum": f"{bitcoind}\n[bitcoin.witness]\n{electrum}",
        }[name]

    def seed_estimates(self) -> None:
        """Enough confirmed payments that the node estimates a fee rate."""
        for _ in range(SEED_BLOCKS):
            for _ in range(SEED_PAYMENTS):
                ChainControl.fund(self.chain, self.stranger.address, 50_000, confirmations=0)
            ChainControl.mine(self.chain, 1)
        self.electrum.await_tip()
        assert self.node.call("estimatesmartfee", 3)["feerate"] > 0

    def spread(self, addresses: Sequence[str], amount_sat: int, outputs: int = 10) -> None:
        """A coin for each address, several in a transaction, in one block."""
        key = self.stranger
        rows = [addresses[start : start + outputs] for start in range(0, len(addresses), outputs)]
        row_sat = outputs * amount_sat + 5_000
        purse = self._coin(self.chain.fund(key.address, len(rows) * row_sat + 20_000), 0)
        split = build_payment([purse], [TxOut(row_sat, key.script)] * len(rows), key.script, 3)
        self.chain.submit(split.raw)
        for number, row in enumerate(rows):
            coin = OwnedCoin(
                Coin(OutPoint(split.txid, number), split.outputs[number], 0, is_coinbase=False), key
            )
            paid = [TxOut(amount_sat, script_of(address)) for address in row]
            self.chain.submit(build_payment([coin], paid, key.script, 3).raw)
        self.chain.mine(1)

    def _coin(self, txid: str, _: int) -> OwnedCoin:
        tx = parse_transaction(self.chain.raw_transaction(txid))
        vout = [output.script_pubkey for output in tx.outputs].index(self.stranger.script)
        return OwnedCoin(Coin(OutPoint(txid, vout), tx.outputs[vout], 0, is_coinbase=False), self.stranger)

    def stranger_pays(self, address: str, amount_sat: int, fee_rate: int) -> str:
        """Somebody pays an address, unconfirmed, at that rate."""
        coin = self._coin(self.chain.fund(self.stranger.address, amount_sat + 100_000), 0)
        output = TxOut(amount_sat, script_of(address))
        return self.chain.submit(build_payment([coin], [output], self.stranger.script, fee_rate).raw)

    def unspent(self, descriptor: Descriptor, most: int = 260) -> int:
        """Confirmed satoshi of a wallet by the node's own set of unspent outputs."""
        ranges = [
            {"desc": descriptor.text(branch=branch), "range": most if branch == 0 else 40}
            for branch in (0, 1)
        ]
        found = self.node.call("scantxoutset", "start", ranges)
        return int(Decimal(str(found["total_amount"])) * 100_000_000)


@contextlib.contextmanager
def opened_node_bench(folder: Path) -> Iterator[NodeBench]:
    """Skips the test without a bitcoind or an ElectrumX."""
    program = require_bitcoind()
    _, certificate, files = self_signed(folder)
    with WorldProcess.start(directory=folder / "world", bitcoind=program) as world:
        told = world.report.bitcoind
        assert told is not None
        node = NodeRpc(told.url, Path(told.cookie_file))
        with ElectrumServer(node, folder / "electrum", files) as electrum:
            bench = NodeBench(world, electrum, certificate, folder)
            try:
                bench.electrum.await_tip()
                bench.seed_estimates()
                yield bench
            finally:
                bench.close()
