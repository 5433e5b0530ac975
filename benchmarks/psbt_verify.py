"""The verifier beside libbitcoinkernel's script checks alone: `python -m benchmarks.psbt_verify`.

Ours is everything from PSBT to final transaction: parse, hash every previous transaction, derive every
script, check every signature, assemble, and the kernel's checks on top. Both take turns in one run; the
cost of an input must not grow with their number. Keys that were derived before are remembered, as in the
program, whose wallet knows its scripts before it builds; the ratio without that is told beside.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pbk
from pbk.script import PrecomputedTransactionData

from benchmarks.measure import Bound, report
from tests.support.bitcoin_keys import Sample, account_of, make_sample
from vault import bip32
from vault.bitcoin.scripts import KINDS, Kind
from vault.bitcoin.spend import FeeLimits, FinalTransaction, VerifiedSpend
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.money import BTC, Amount

# As many inputs as nodes relay (400,000 weight units), at most 1,000; and a tenth of them.
MANY: dict[Kind, int] = dict.fromkeys(KINDS, 1000) | {"p2pkh": 600, "p2wsh": 900, "p2sh-p2wsh": 700}
MOST_OF_KERNEL = 3.0
# Of the cost of an input, from a tenth of the inputs to all of them. A legacy digest hashes the whole
# transaction for every input: that is the rule of the network, and the kernel pays it too.
MOST_GROWTH, MOST_GROWTH_LEGACY = 1.25, 1.5
COIN = 100_000
LIMITS = FeeLimits(Amount(BTC, 10**8), Decimal(1000), Decimal(1))


@dataclass(frozen=True)
class Case:
    """A clean PSBT, and what its signers answered."""

    sample: Sample
    psbt: bytes
    answer: tuple[Any, ...]
    raw: bytes
    spent: tuple[Any, ...]

    def verify(self) -> FinalTransaction:
        """From the PSBT to the final transaction."""
        return _final(self.sample, _verified(self.sample, self.psbt), self.answer)

    def verify_anew(self) -> FinalTransaction:
        """The same, with every key derived again."""
        bip32.derive.cache_clear()
        bip32.taproot_output_key.cache_clear()
        return self.verify()

    def kernel(self) -> None:
        """Every script, and nothing else."""
        transaction = pbk.Transaction(self.raw)
        outputs = [pbk.TransactionOutput(pbk.ScriptPubkey(one.script), one.value) for one in self.spent]
        shared = PrecomputedTransactionData(transaction, outputs)
        for number, one in enumerate(self.spent):
            script = pbk.ScriptPubkey(one.script)
            verdict = script.verify(one.value, transaction, shared, number, pbk.ScriptVerificationFlags.ALL)
            if verdict != 1:
                raise RuntimeError(f"input {number} was refused")


def _verified(sample: Sample, psbt: bytes) -> VerifiedSpend:
    return verify_psbt(psbt, sample.expected, sample.limits)


def _final(sample: Sample, verified: VerifiedSpend, answer: tuple[Any, ...]) -> FinalTransaction:
    if sample.descriptor.group:
        return verify_signed(verified, partial=answer)
    return verify_signed(verified, answer)


def case_of(kind: Kind, inputs: int) -> Case:
    """A spend of that many coins, each at an address of its own."""
    places = [(bool(number % 2), number // 2) for number in range(inputs)]
    sample = make_sample(
        account_of(b"a seed of the benchmarks", kind),
        places=places,
        values=[COIN] * inputs,
        payments=[COIN * inputs // 2],
        change_index=600,
        fee=10 * inputs,
    )
    sample = replace(sample, limits=LIMITS, expected=replace(sample.expected, change_gap=1000))
    psbt = sample.serialise()
    verified = _verified(sample, psbt)
    answer = sample.account.honest(verified)
    return Case(sample, psbt, answer, _final(sample, verified, answer).raw, verified.spent)


def _seconds(work: Callable[[], object]) -> float:
    """Processor time: what else runs on the machine does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _medians(runs: int, *works: Callable[[], object]) -> list[float]:
    """Median seconds of works that take turns; one run of each is a warm-up."""
    times: list[list[float]] = [[] for _ in works]
    for number in range(runs + 1):
        for work, kept in zip(works, times, strict=True):
            spent = _seconds(work)
            if number:
                kept.append(spent)
    return [statistics.median(each) for each in times]


def measure(runs: int) -> list[Bound]:
    """Two bounds for every kind of wallet."""
    bounds = []
    for kind in KINDS:
        many, few = MANY[kind], MANY[kind] // 10
        small, case = case_of(kind, few), case_of(kind, many)
        anew, ours, kernel, ours_few = _medians(
            runs, case.verify_anew, case.verify, case.kernel, small.verify
        )
        each = f"{ours / many * 1e3:.2f} ms an input, the kernel alone {kernel / many * 1e3:.2f} ms; "
        each += f"{anew / kernel:.2f} times with every key derived anew"
        bounds.append(
            Bound(f"verify {many} {kind} inputs", ours / kernel, MOST_OF_KERNEL, "times the kernel", each)
        )
        told = f"{ours_few * 1e3:.0f} ms for {few} inputs, {ours * 1e3:.0f} ms for {many}"
        growth = (ours / many) / (ours_few / few)
        most = MOST_GROWTH_LEGACY if kind == "p2pkh" else MOST_GROWTH
        bounds.append(Bound(f"cost of one {kind} input grows", growth, most, "times", told))
    return bounds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="counted runs (default 10)")
    return report(measure(parser.parse_args().runs))


if __name__ == "__main__":
    sys.exit(main())
