"""The emulated mempool and a real bitcoind on the same blocks: the same verdicts, in the same words.

Skipped where there is no bitcoind. A Knots node is set to Core's policy, whose defaults the emulator follows.
"""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.errors import TransactionRefusedError
from emulator.chains.index import Coin
from emulator.chains.policy import PolicyRules
from emulator.chains.script import address_of
from emulator.chains.signing import Key, OwnedCoin, sign
from emulator.chains.transaction import OutPoint, Transaction, TxIn, TxOut
from tests.support.real_node import RealNode, require_bitcoind

# Since version 28 a node replaces without being asked to; the emulator must be told to.
FULL_RBF = PolicyRules(full_rbf=True)
KEY = Key(b"tests", "node")
# Names that differ between releases and calls; the emulator uses those of sendrawtransaction in 29.0.
RENAMED = {
    "missing-inputs": "bad-txns-inputs-missingorspent",
    "mempool-script-verify-flag-failed": "mandatory-script-verify-flag-failed",
    "bad-txns-input-witness-unknown": "bad-txns-nonstandard-inputs",
}


class Node(RealNode):
    """A bitcoind with Core's policy of old."""

    def __init__(self, directory: Path) -> None:
        version = subprocess.run(
            [require_bitcoind(), "--version"], capture_output=True, text=True, check=True
        ).stdout
        # Releases of 2025 and later lowered both to a tenth; the emulator keeps the stricter old ones.
        options = ["-minrelaytxfee=0.00001", "-incrementalrelayfee=0.00001"]
        super().__init__(directory, *options, *(["-corepolicy=1"] if "Knots" in version else []))

    def verdict(self, tx: Transaction) -> str:
        """Empty when it would be taken, else the reject reason."""
        (told,) = self.call("testmempoolaccept", [tx.raw.hex()])
        if told["allowed"]:
            return ""
        reason = str(told["reject-reason"])
        for theirs, ours in RENAMED.items():
            reason = reason.replace(theirs, ours)
        return reason


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("node")) as running:
        yield running


class Twins:
    """One chain in both: coins, and a transaction shown to each."""

    def __init__(self, chain: BitcoinChain, node: Node) -> None:
        self.chain = chain
        self.node = node
        node.follow(chain)

    def coins(self, count: int) -> list[OwnedCoin]:
        """Confirmed coins of 100,000 satoshi that nothing waits to spend."""
        found: list[OwnedCoin] = []
        for _ in range(count):
            txid = self.chain.fund(KEY.address, 100_000)
            known = self.chain.transaction(txid)
            assert known is not None
            vout = [out.script_pubkey for out in known.tx.outputs].index(KEY.script)
            found.append(_coin(known.tx, vout))
        self.node.follow(self.chain)
        return found

    def submit(self, tx: Transaction) -> Transaction:
        assert self.chain.submit(tx.raw) == self.node.call("sendrawtransaction", tx.raw.hex())
        return tx


def _coin(tx: Transaction, vout: int = 0) -> OwnedCoin:
    return OwnedCoin(Coin(OutPoint(tx.txid, vout), tx.outputs[vout], 0, is_coinbase=False), KEY)


def spend(
    coins: Sequence[OwnedCoin],
    *outputs: TxOut,
    sequence: int = 0xFFFFFFFD,
    locktime: int = 0,
    version: int = 2,
) -> Transaction:
    inputs = tuple(TxIn(owned.coin.outpoint, b"", sequence) for owned in coins)
    return sign(Transaction(version, inputs, outputs, locktime), coins)


def back(amount: int) -> TxOut:
    return TxOut(amount, KEY.script)


def _witness(tx: Transaction, *items: bytes) -> Transaction:
    return dataclasses.replace(tx, inputs=(dataclasses.replace(tx.inputs[0], witness=items), *tx.inputs[1:]))


def _script_sig(tx: Transaction, script: bytes) -> Transaction:
    return dataclasses.replace(tx, inputs=(dataclasses.replace(tx.inputs[0], script_sig=script),))


def _immature(world: Twins) -> Transaction:
    block = world.chain.block(world.chain.mine(1, KEY.address)[0])
    world.node.follow(world.chain)
    return spend([_coin(block.transactions[0])], back(10_000))


def _confirmed(world: Twins) -> Transaction:
    tx = world.submit(spend(world.coins(1), back(99_000)))
    world.chain.mine(1)
    world.node.follow(world.chain)
    return tx


def _corrupt(world: Twins) -> Transaction:
    tx = spend(world.coins(1), back(99_000))
    signature, public = tx.inputs[0].witness
    return _witness(tx, signature[:20] + bytes([signature[20] ^ 1]) + signature[21:], public)


def _unknown_program(world: Twins) -> Transaction:
    txid = world.chain.fund(str(address_of(b"\x52\x14" + bytes(20))), 50_000)
    world.node.follow(world.chain)
    known = world.chain.transaction(txid)
    assert known is not None
    vout = [out.amount_sat for out in known.tx.outputs].index(50_000)
    return Transaction(2, (TxIn(OutPoint(txid, vout), b"", 0xFFFFFFFF),), (back(40_000),), 0)


def _chain_of_26(world: Twins) -> Transaction:
    tx = world.submit(spend(world.coins(1), back(99_000)))
    for step in range(24):
        tx = world.submit(spend([_coin(tx)], back(98_000 - 1_000 * step)))
    return spend([_coin(tx)], back(50_000))


def _replacement(amount: int) -> Callable[[Twins], Transaction]:
    def make(world: Twins) -> Transaction:
        (coin,) = world.coins(1)
        world.submit(spend([coin], back(99_000)))
        return spend([coin], back(amount))

    return make


def _adds_unconfirmed(world: Twins) -> Transaction:
    coin, other = world.coins(2)
    world.submit(spend([coin], back(99_000)))
    parent = world.submit(spend([other], back(99_000)))
    return spend([coin, _coin(parent)], back(150_000))


def _spends_conflicting(world: Twins) -> Transaction:
    (coin,) = world.coins(1)
    parent = world.submit(spend([coin], back(99_000)))
    return spend([coin, _coin(parent)], back(150_000))


def _fewer_fees_than_descendants(world: Twins) -> Transaction:
    (coin,) = world.coins(1)
    parent = world.submit(spend([coin], back(99_000)))
    world.submit(spend([_coin(parent)], back(60_000)))
    return spend([coin], back(95_000))


def _other_witness(world: Twins) -> Transaction:
    tx = world.submit(spend(world.coins(1), back(99_000)))
    return _witness(tx, b"\x01", KEY.public)


def one(*outputs: TxOut, **options: int) -> Callable[[Twins], Transaction]:
    return lambda world: spend(world.coins(1), *outputs, **options)


NOTE = TxOut(0, b"\x6a\x04note")
CASES: dict[str, Callable[[Twins], Transaction]] = {
    "clean": one(back(99_000)),
    "with a note": one(back(99_000), NOTE),
    "two notes": one(back(99_000), NOTE, NOTE),
    "a long note": one(back(99_000), TxOut(0, b"\x6a\x4c\x50" + bytes(80))),
    "a note too long": one(back(99_000), TxOut(0, b"\x6a\x4c\x51" + bytes(81))),
    "no outputs": one(),
    "negative": one(back(-1)),
    "too large": one(back(21_000_000 * 10**8 + 1)),
    "total too large": one(back(21_000_000 * 10**8), back(1_000)),
    "version 0": one(back(99_000), version=0),
    "version 4": one(back(99_000), version=4),
    "tiny": one(TxOut(0, b"\x6a")),
    "bare opcode": one(TxOut(99_000, b"\x51")),
    "pay to anchor": one(TxOut(90_000, b"\x51\x02\x4e\x73")),
    "dust p2wpkh": one(back(90_000), back(293)),
    "not dust p2wpkh": one(back(90_000), back(294)),
    "dust p2tr": one(back(90_000), TxOut(329, b"\x51\x20" + bytes(32))),
    "not dust p2tr": one(back(90_000), TxOut(330, b"\x51\x20" + bytes(32))),
    "dust p2sh": one(back(90_000), TxOut(539, b"\xa9\x14" + bytes(20) + b"\x87")),
    "dust p2pkh": one(back(90_000), TxOut(545, b"\x76\xa9\x14" + bytes(20) + b"\x88\xac")),
    "overspend": one(back(100_001)),
    "zero fee": one(back(100_000)),
    "one satoshi under the minimum": one(back(100_000 - 109)),
    "exactly the minimum": one(back(100_000 - 110)),
    "locked": one(back(99_000), locktime=400_000),
    "locked by time": one(back(99_000), locktime=2_000_000_000),
    "relative lock": one(back(99_000), sequence=50),
    "relative time lock": one(back(99_000), sequence=(1 << 22) | 500),
    "duplicate inputs": lambda world: spend(world.coins(1) * 2, back(99_000)),
    "missing": lambda world: spend(
        [OwnedCoin(Coin(OutPoint("11" * 32, 0), back(100_000), 0, is_coinbase=False), KEY)], back(99_000)
    ),
    "a coinbase": lambda world: world.chain.block_at(3).transactions[0],
    "an operation in scriptSig": lambda world: _script_sig(spend(world.coins(1), back(99_000)), b"\x76"),
    "a push in scriptSig": lambda world: _script_sig(spend(world.coins(1), back(99_000)), b"\x51"),
    "a huge scriptSig": lambda world: _script_sig(spend(world.coins(1), back(99_000)), bytes(1651)),
    "no witness": lambda world: _witness(spend(world.coins(1), back(99_000))),
    "corrupt signature": _corrupt,
    "immature coinbase": _immature,
    "confirmed": _confirmed,
    "unknown witness program": _unknown_program,
    "26th in a chain": _chain_of_26,
    "bump": _replacement(98_000),
    "bump to a lower fee": _replacement(99_500),
    "bump by too little": _replacement(98_950),
    "bump with a new unconfirmed input": _adds_unconfirmed,
    "bump that spends the original": _spends_conflicting,
    "bump below the descendants": _fewer_fees_than_descendants,
    "another witness": _other_witness,
}


@pytest.fixture(scope="module")
def world(node: Node) -> Iterator[Twins]:
    with BitcoinChain(start_blocks=140, rules=FULL_RBF) as chain:
        yield Twins(chain, node)


@pytest.mark.parametrize("name", CASES)
def test_verdicts_are_the_same(world: Twins, name: str) -> None:
    tx = CASES[name](world)
    try:
        world.chain.submit(tx.raw)
        ours = ""
    except TransactionRefusedError as error:
        ours = error.reject.value
    theirs = world.node.verdict(tx)
    assert theirs.startswith(ours), (ours, theirs)
    assert bool(ours) == bool(theirs), (ours, theirs)
    if not ours:
        world.node.call("sendrawtransaction", tx.raw.hex(), 0)


def test_every_block_of_ours_is_taken_by_the_node_through_a_reorganisation(world: Twins) -> None:
    world.chain.mine(2)
    world.node.follow(world.chain)
    for block_hash in world.chain.reorg(3):
        world.node.call("submitblock", world.chain.block(block_hash).raw.hex())
    assert world.node.call("getbestblockhash") == world.chain.tip_hash
    supply = world.node.call("gettxoutsetinfo")
    assert supply["txouts"] == len(world.chain.index._coins)
