"""Ethereum beside the libraries that everybody uses: `python -m benchmarks.ethereum`.

A call is verified as the program does it, before the device and after it: decoded by our own tables, compared
with the plan, the signed bytes read back, the sender recovered; beside it eth-account only decodes the bytes
and recovers who sent them. Our ABI decoder takes only the one canonical encoding; beside it eth-abi decodes,
and encodes again to know as much. The balances of 50 accounts, each at two blocks, are asked of a node that
answers 20 ms late.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.measure import Bound, in_turns, report
from emulator.chains.ethereum.control import EthereumControl
from emulator.chains.ethereum.deploy import USDC
from tests.support.ethereum_calls import CAPS, RECIPIENT, amount_of, call_of, planned, sign
from vault.ethereum.balances import Holder, balance_of, read_holdings
from vault.ethereum.node.client import NodeClient
from vault.ethereum.verify import to_transaction, verify_call, verify_signed
from vault.evm import abi
from vault.evm.address import checksum_address
from vault.evm.transaction import serialise

CALLS = 20  # of each work in a run: one alone is too short to be told from the clock's noise
MOST_OF_ETH_ACCOUNT = 1.0
MOST_OF_ETH_ABI = 1.6
ACCOUNTS = 50
LATENCY_SECONDS = 0.02
CONFIRMATIONS = 3
# Six questions at a time: a sixth, and what a question costs on both sides, which share two cores.
MOST_OF_ONE_BY_ONE = 0.35
SLOW_RUNS = 5

# execTransaction's arguments: what is longest of what we read.
EXEC_TYPES = (
    "address", "uint256", "bytes", "uint8", "uint256", "uint256", "uint256", "address", "address", "bytes",
)  # fmt: skip


def measure(runs: int) -> list[Bound]:
    """Verification, decoding and reading, each in turns with what it is compared with."""
    return [_verified(runs), _decoded(runs), _read(min(runs, SLOW_RUNS))]


def _verified(runs: int) -> Bound:
    from eth_account import Account
    from eth_account.typed_transactions.typed_transaction import TypedTransaction
    from hexbytes import HexBytes

    amount = amount_of(400_000_000_000)
    part, expected = planned(amount)
    call = call_of(part)
    transaction = to_transaction(call)
    raw = serialise(transaction, sign(transaction))

    def ours() -> None:
        for _ in range(CALLS):
            verify_call(call, expected, CAPS)
            verify_signed(raw, call)

    def theirs() -> None:
        for _ in range(CALLS):
            TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
            Account.recover_transaction(raw)

    one, other = in_turns(runs, ours, theirs)
    return Bound(
        "a call verified before and after signing against eth-account's decoding and recovering",
        one / other,
        MOST_OF_ETH_ACCOUNT,
        "times",
        f"medians of {runs}: {_each(one)} and {_each(other)}",
    )


def _decoded(runs: int) -> Bound:
    from eth_abi import abi as eth_abi

    address = RECIPIENT
    values: tuple[abi.Value, ...] = (
        address, 0, bytes(range(68)), 0, 0, 0, 0, address, address, bytes(65 * 3),
    )  # fmt: skip
    data = abi.encode(EXEC_TYPES, values)

    def ours() -> None:
        for _ in range(CALLS):
            abi.decode(EXEC_TYPES, data)

    def theirs() -> None:
        for _ in range(CALLS):
            if eth_abi.encode(EXEC_TYPES, eth_abi.decode(EXEC_TYPES, data)) != data:
                raise RuntimeError("not canonical")

    def loosely() -> None:
        for _ in range(CALLS):
            eth_abi.decode(EXEC_TYPES, data)

    one, other, loose = in_turns(runs, ours, theirs, loosely)
    return Bound(
        "execTransaction's arguments decoded only if canonical, against eth-abi's decoding and encoding",
        one / other,
        MOST_OF_ETH_ABI,
        "times",
        f"medians of {runs}: {_each(one)} and {_each(other)}; eth-abi's decoding alone {_each(loose)}",
    )


def _each(seconds: float) -> str:
    return f"{seconds / CALLS * 1e6:.0f} us"


@contextmanager
def late_node() -> Iterator[NodeClient]:
    """A node in a process of its own, each of whose answers is late."""
    with subprocess.Popen(
        [sys.executable, "-m", "emulator", "ethereum"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready: dict[str, Any] = json.loads(process.stdout.readline())
            control = EthereumControl(str(ready["ethereum"]))
            control.mine(CONFIRMATIONS)
            control.fault("slow", seconds=LATENCY_SECONDS, times=None)
            yield NodeClient(str(ready["ethereum"]), int(ready["chain_id"]))
        finally:
            process.terminate()


def _read(runs: int) -> Bound:
    holders = [Holder(checksum_address(bytes([each + 1]) * 20), USDC) for each in range(ACCOUNTS)]
    with late_node() as node:

        def together() -> None:
            read_holdings(node, holders, CONFIRMATIONS)

        def one_by_one() -> None:
            with node.session():
                tip = node.tip()
                deep = node.block(tip.number - CONFIRMATIONS + 1)
                assert deep is not None
                for holder in holders:
                    for block in (tip, deep):
                        balance_of(node, holder, block)

        one, other = in_turns(runs, together, one_by_one, clock=time.perf_counter)
    return Bound(
        f"balances of {ACCOUNTS} accounts {LATENCY_SECONDS * 1000:.0f} ms away, against one after the other",
        one / other,
        MOST_OF_ONE_BY_ONE,
        "times",
        f"medians of {runs}: {one * 1000:.0f} ms and {other * 1000:.0f} ms",
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="counted runs (default 10)")
    return report(measure(parser.parse_args().runs))


if __name__ == "__main__":
    sys.exit(main())
