"""Twelve venue accounts at once against the slowest of them alone: `python -m benchmarks.venues`.

Every request to an emulated server (one process for each exchange) is answered 200 ms late. Each run reads
every account alone, one after the other, then all of them in one collection, through one worker; beside the
ratio the worker's memory stands beside that of a plain `import ccxt`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measure import Bound, report
from emulator.venues.control.client import VenueControl
from tests.support.many_venues import EXCHANGES, TREASURY, TWELVE, open_account
from vault.config import VenueSettings
from vault.errors import VaultError
from vault.model import MarginAccount
from vault.venues.client import VenueClient

LATENCY_MS = 200
MOST_TIMES = 1.5  # of the slowest account alone
MOST_MEMORY = 1.6  # of a plain import of ccxt
PLAIN_CCXT = "import ccxt, re; print(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1])"
KEYRING = "tests.integration.venues.quick_keyring.QuickCryptFileKeyring"
PASSWORD = "for a benchmark only"  # noqa: S105


@contextmanager
def servers() -> Iterator[Mapping[str, str]]:
    """A process for each exchange; the addresses by name."""
    with ExitStack() as stack:
        urls = {}
        for exchange in EXCHANGES:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "emulator", exchange],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            assert process.stdout is not None
            urls[exchange] = json.loads(process.stdout.readline())[exchange]
        yield urls


def read(client: VenueClient, names: Sequence[str]) -> float:
    """Seconds of one collection. Raises RuntimeError when an account could not be read."""
    start = time.perf_counter()
    found = client.read_accounts(tuple(names))
    spent = time.perf_counter() - start
    for name, account in found.items():
        if not isinstance(account, MarginAccount):
            raise RuntimeError(f"{name}: {account}")  # noqa: TRY004  a benchmark of failures says nothing
    return spent


def resident(pid: int) -> int:
    """Resident memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no resident memory is told")


def plain_ccxt() -> int:
    """Resident memory in KiB of an interpreter that has imported ccxt and nothing else."""
    done = subprocess.run([sys.executable, "-c", PLAIN_CCXT], capture_output=True, text=True, check=True)
    return int(done.stdout)


def accounts(urls: Mapping[str, str]) -> tuple[VenueSettings, ...]:
    from tests.integration.venues.quick_keyring import QuickCryptFileKeyring

    backend = QuickCryptFileKeyring()
    backend.keyring_key = PASSWORD
    made = tuple(open_account(kind, urls[kind.exchange], backend, timeout_seconds=30) for kind in TWELVE)
    for url in urls.values():
        VenueControl(url).latency(LATENCY_MS)
    return made


def measure(runs: int) -> list[Bound]:
    """Collections in turns with the accounts alone; the first of each is a warm-up."""
    with tempfile.TemporaryDirectory() as folder, _keys_in(folder), ExitStack() as stack:
        settings = accounts(stack.enter_context(servers()))
        names = [each.name for each in settings]
        client = stack.enter_context(VenueClient(TREASURY, *settings))
        read(client, names)
        alone: dict[str, list[float]] = {name: [] for name in names}
        together: list[float] = []
        for _ in range(runs):
            for name in names:
                alone[name].append(read(client, [name]))
            together.append(read(client, names))
        pid = client.worker_pid
        assert pid is not None
        memory = resident(pid)
    medians = {name: statistics.median(times) for name, times in alone.items()}
    slowest = max(medians, key=lambda name: medians[name])
    at_once, in_turn = statistics.median(together), sum(medians.values())
    plain = statistics.median(plain_ccxt() for _ in range(3))
    detail = (
        f"medians of {runs}: {slowest} alone {medians[slowest] * 1000:.0f} ms, all {len(names)} at once "
        f"{at_once * 1000:.0f} ms, one after the other {in_turn * 1000:.0f} ms "
        f"({in_turn / at_once:.1f} times as long)"
    )
    return [
        Bound(
            "one collection of venues against the slowest",
            at_once / medians[slowest],
            MOST_TIMES,
            "times",
            detail,
        ),
        Bound(
            "memory of the worker against a plain import of ccxt",
            memory / plain,
            MOST_MEMORY,
            "times",
            f"{memory / 1024:.0f} MiB after {runs + 1} collections, {plain / 1024:.0f} MiB plain",
        ),
    ]


@contextmanager
def _keys_in(folder: str) -> Iterator[None]:
    """Keys and limits in this folder alone, for this process and those it starts."""

    before = dict(os.environ)
    os.environ |= {
        "XDG_DATA_HOME": folder,
        "XDG_CONFIG_HOME": folder,
        "XDG_STATE_HOME": folder,
        "KEYRING_CRYPTFILE_PASSWORD": PASSWORD,
        "PYTHON_KEYRING_BACKEND": KEYRING,
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs (default 5)")
    try:
        return report(measure(parser.parse_args().runs))
    except (VaultError, RuntimeError) as error:
        print(f"not measured: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
