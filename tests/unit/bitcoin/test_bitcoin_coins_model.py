"""Random chain events against a naive model: after a sync the coins are what the whole chain says."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.paper_chain import COINBASE, PaperChain, foreign_coin, paying, reward
from vault.address import network_of
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet.coins import coins, unspent
from vault.bitcoin.wallet.ledger import Ledger
from vault.bitcoin.wallet.sync import sync

REGTEST = network_of("regtest")
FOREIGN = b"\x00\x14" + b"\x55" * 20
PLACES = [(change, index) for change in (False, True) for index in range(6)]

Shown = tuple[OutPoint, int, int]


class World:
    """A chain on paper and one wallet; what is done is chosen by numbers."""

    def __init__(self, account: Any) -> None:
        self.chain, self.number = PaperChain(account=account), 0
        self.scripts = {account.descriptor.script_pubkey(*place): place for place in PLACES}

    def expected(self) -> list[Shown]:
        """Naively: every output to us in a block or waiting, that nothing there spends."""
        where = self.chain.where()
        spent = {each.outpoint for txid in where for each in self.chain.store[txid].inputs}
        return sorted(
            (OutPoint(txid, vout), output.value, 0 if height is None else len(self.chain.blocks) - height)
            for txid, (height, _) in where.items()
            for vout, output in enumerate(self.chain.store[txid].outputs)
            if output.script in self.scripts and OutPoint(txid, vout) not in spent
        )

    def do(self, event: str, choice: int) -> None:
        self.number += 1
        mine = sorted(self.expected())
        script = list(self.scripts)[choice % len(PLACES)]
        if event == "pay":
            self.chain.add(paying(self.number, (script, 10_000 + self.number), (FOREIGN, 5)))
        elif event == "coinbase":
            self.chain.mine(reward(self.number, script, 50_000_000))
        elif event == "mine":
            self.chain.mine()
        elif event == "reorg":
            depth = min(1 + choice % 3, len(self.chain.blocks) - 1)
            if depth:
                self.chain.reorg(depth)
        elif event in {"spend", "mix"} and mine:
            points = [mine[choice % len(mine)][0]] + [foreign_coin(self.number)] * (event == "mix")
            self.chain.add(paying(self.number, (FOREIGN, 7), (script, 9_000 + self.number), spends=points))
        elif event in {"evict", "replace"} and self.chain.mempool:
            txid = self.chain.mempool[choice % len(self.chain.mempool)]
            points = [each.outpoint for each in self.chain.store[txid].inputs]
            self.chain.evict(txid)
            if event == "replace" and points != [COINBASE]:
                self.chain.add(paying(self.number, (script, 8_000 + self.number), spends=points))


EVENTS = (
    "pay",
    "pay",
    "pay",
    "spend",
    "spend",
    "mix",
    "mine",
    "mine",
    "coinbase",
    "reorg",
    "evict",
    "replace",
)


def shown(ledger: Ledger) -> list[Shown]:
    found = unspent(coins(ledger.state()))
    return sorted((coin.outpoint, coin.amount.units, coin.confirmations) for coin in found)


@settings(max_examples=30, deadline=None)
@given(
    events=st.lists(
        st.tuples(st.sampled_from(EVENTS), st.integers(0, 1_000), st.sampled_from(["none", "short", "full"])),
        max_size=14,
    )
)
def test_the_coins_are_what_the_chain_says(
    bitcoin_keys: ModuleType, events: list[tuple[str, int, str]]
) -> None:
    account = bitcoin_keys.account_of(b"a model", "p2wpkh")
    world, descriptor = World(account), account.descriptor
    with tempfile.TemporaryDirectory() as directory:
        ledger = Ledger("cold", descriptor, REGTEST, Path(directory))
        for event, choice, then in events:
            world.do(event, choice)
            if then != "none":
                sync(ledger, world.chain, 1, full=then == "full")
            if then == "full":
                assert shown(ledger) == world.expected()
        sync(ledger, world.chain, 1, full=True)
        assert shown(ledger) == world.expected()
        anew = Ledger("anew", descriptor, REGTEST, Path(directory))
        sync(anew, world.chain, 1, full=True)
        assert coins(anew.state()) == coins(ledger.state())
