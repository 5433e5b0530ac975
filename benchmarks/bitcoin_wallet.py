"""A wallet of 10,000 coins beside bdk alone, in one run: `python -m benchmarks.bitcoin_wallet`.

The emulated chain stands in a process of its own behind Esplora. Both sync from nothing over HTTP and
write their state to disk; both build one payment as a process does that was just started. Ours checks
every transaction, compares its coins with bdk's, and weighs four choices of coins by their waste.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.measure import Bound, report
from tests.support.bitcoin_keys import STRANGER, account_of
from vault.address import network_of
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.spend import ExpectedSpend, FeeLimits
from vault.bitcoin.verify import verify_psbt
from vault.bitcoin.wallet.build import Builder
from vault.bitcoin.wallet.coins import Coin
from vault.bitcoin.wallet.selection import choose
from vault.bitcoin.wallet.watch import WatchWallet
from vault.money import BTC, Amount

COINS, PER_TRANSACTION, ADDRESSES = 10_000, 10, 2_000
REGTEST = network_of("regtest")
ACCOUNT = account_of(b"a wallet of many coins", "p2wpkh")
PAYMENT, RATE = Amount(BTC, 5_000_000), Decimal(20)
LIMITS = FeeLimits(Amount(BTC, 1_000_000), Decimal(50), Decimal("0.1"))
STOP_GAP, PARALLEL = 20, 4
# Syncing and building are slow: more runs say no more.
MOST_RUNS = 3

# bdk takes the server's JSON for the transaction; ours fetches the bytes of each and hashes them.
# Both mostly wait for the server, whose mood the ratio shows.
MOST_SYNC, MOST_AGAIN = 2.0, 2.0
# bdk asks one algorithm and believes its own file.
MOST_BUILD = 2.5


# -- the chain, in a process of its own ------------------------------------------------------------------


def serve() -> int:
    """Ten thousand coins, and an Esplora server until standard input ends."""
    from emulator.chains.chain import BitcoinChain
    from emulator.chains.esplora import EsploraServer
    from emulator.chains.signing import Key, OwnedCoin, build_payment
    from emulator.chains.transaction import TxOut

    chance = random.Random(10_000)  # noqa: S311 -- amounts of coins, the same in every run
    key = Key(b"benchmark", "payer")
    scripts = [ACCOUNT.descriptor.script_pubkey(False, index) for index in range(ADDRESSES)]
    with BitcoinChain() as chain, EsploraServer(chain) as server:
        payers = COINS // PER_TRANSACTION
        chain.fund(key.address, 3_100_000_000)
        (purse,) = chain.coins(key.scripthash)
        parts = [TxOut(3_000_000, key.script)] * payers
        chain.submit(build_payment([OwnedCoin(purse, key)], parts, key.script, 2).raw)
        chain.mine()
        coins = [coin for coin in chain.coins(key.scripthash) if coin.output.amount_sat == 3_000_000]
        for number, coin in enumerate(coins):
            outputs = [
                TxOut(chance.randrange(20_000, 200_000), scripts[(number * PER_TRANSACTION + n) % ADDRESSES])
                for n in range(PER_TRANSACTION)
            ]
            chain.submit(build_payment([OwnedCoin(coin, key)], outputs, key.script, 2).raw)
            if number % 100 == 99:
                chain.mine()
        chain.mine()
        print(json.dumps({"esplora": server.url}), flush=True)
        sys.stdin.read()
    return 0


@contextmanager
def _served() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bitcoin_wallet", "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("no pipes to the chain")
        yield json.loads(process.stdout.readline())["esplora"]
        process.stdin.close()


# -- the two wallets -------------------------------------------------------------------------------------


class Bdk:
    """bdk alone: its own Esplora client, its own SQLite file."""

    def __init__(self, url: str, path: Path) -> None:
        import bdkpython as bdk

        self.path, self.client = path, bdk.EsploraClient(url)
        self.branches = [
            bdk.Descriptor(ACCOUNT.descriptor.text(branch=branch), bdk.NetworkKind.TEST) for branch in (0, 1)
        ]
        self.wallet: Any = None

    def sync(self) -> None:
        import bdkpython as bdk

        persister = bdk.Persister.new_sqlite(str(self.path))
        self.wallet = bdk.Wallet(*self.branches, bdk.Network.REGTEST, persister)
        self._scan(persister)

    def sync_again(self) -> None:
        self._scan(self.load())

    def _scan(self, persister: Any) -> None:
        request = self.wallet.start_full_scan().build()
        self.wallet.apply_update(self.client.full_scan(request, STOP_GAP, PARALLEL))
        self.wallet.persist(persister)

    def load(self) -> Any:
        import bdkpython as bdk

        persister = bdk.Persister.new_sqlite(str(self.path))
        self.wallet = bdk.Wallet.load(*self.branches, persister)
        return persister

    def build(self) -> None:
        import bdkpython as bdk

        self.load()
        builder = (
            bdk.TxBuilder()
            .fee_rate(bdk.FeeRate.from_sat_per_vb(int(RATE)))
            .ordering(bdk.TxOrdering.UNTOUCHED)
            .coin_selection(bdk.CoinSelectionAlgorithm.BRANCH_AND_BOUND)
            .exclude_unconfirmed()
            .add_recipient(bdk.Script(STRANGER), bdk.Amount.from_sat(PAYMENT.units))
        )
        builder.finish(self.wallet)

    @property
    def satoshi(self) -> int:
        return int(self.wallet.balance().total.to_sat())


class Ours:
    """Our wallet in a directory, opened anew for every step."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url, self.directory = url, directory
        self.built: Any = None

    def open(self) -> WatchWallet:
        backend = EsploraBackend(self.url, 60, network=REGTEST)
        return WatchWallet("many", ACCOUNT.descriptor, REGTEST, self.directory, backend, role="cold")

    def sync(self) -> None:
        self.open().sync()

    def build(self) -> None:
        self.built = self.open().build_spend(((STRANGER, PAYMENT),), RATE)

    def verify(self) -> None:
        expected = ExpectedSpend(
            ACCOUNT.descriptor,
            self.built.payments,
            REGTEST,
            change_gap=ADDRESSES,
            inputs=self.built.inputs,
            fee=self.built.fee,
        )
        verify_psbt(self.built.psbt, expected, LIMITS)

    @property
    def satoshi(self) -> int:
        return sum(coin.amount.units for coin in self.open().coins())


def _in_turns(
    runs: int, *works: Callable[[], None], clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Median seconds of works that take turns; one run of each is a warm-up.

    Processor time, unless it is the server that is waited for.
    """
    times: list[list[float]] = [[] for _ in works]
    for number in range(runs + 1):
        for work, kept in zip(works, times, strict=True):
            start = clock()
            work()
            spent = clock() - start
            if number:
                kept.append(spent)
    return [statistics.median(each) for each in times]


def _select_seconds(wallet: WatchWallet) -> float:
    """Choosing alone: the ledger is read, bdk's wallet of the competing coins is made in it."""
    builder = Builder(wallet.ledger)
    order = builder.order(((STRANGER, PAYMENT),), RATE)
    spendable: list[Coin] = builder.spendable()

    def select() -> None:
        choose(order, spendable, builder.adviser)

    return _in_turns(3, select)[0]


def measure(runs: int) -> list[Bound]:
    """Three bounds: first sync, sync again, build; selection and verification are told beside."""
    runs = min(runs, MOST_RUNS)
    with _served() as url, tempfile.TemporaryDirectory() as directory:
        fresh = iter(range(1_000))
        ours, theirs = Ours(url, Path()), Bdk(url, Path())

        def sync_ours() -> None:
            ours.directory = Path(directory) / f"ours{next(fresh)}"
            ours.sync()

        def sync_theirs() -> None:
            theirs.path = Path(directory) / f"bdk{next(fresh)}.sqlite"
            theirs.sync()

        first = _in_turns(runs, sync_ours, sync_theirs, clock=time.perf_counter)
        if ours.satoshi != theirs.satoshi:
            raise RuntimeError(f"expected the same coins, found {ours.satoshi} and {theirs.satoshi} sat")
        again = _in_turns(runs, ours.sync, theirs.sync_again, clock=time.perf_counter)
        build = _in_turns(3 * runs, ours.build, theirs.build)
        verify = _in_turns(3 * runs, ours.verify)[0]
        select = _select_seconds(ours.open())
        inputs = len(ours.built.inputs)

    def bound(name: str, pair: list[float], most: float, more: str = "") -> Bound:
        told = f"{pair[0]:.2f} s, bdk alone {pair[1]:.2f} s{more}"
        return Bound(f"{name} of {COINS} coins", pair[0] / pair[1], most, "times bdk", told)

    beside = f"; of it selection {select:.2f} s; verification {verify * 1e3:.0f} ms for {inputs} inputs"
    return [
        bound("first sync", first, MOST_SYNC),
        bound("sync again", again, MOST_AGAIN),
        bound("opening and building a payment", build, MOST_BUILD, beside),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=10, help=f"counted runs (default 10, at most {MOST_RUNS})"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    return serve() if options.serve else report(measure(options.runs))


if __name__ == "__main__":
    sys.exit(main())
