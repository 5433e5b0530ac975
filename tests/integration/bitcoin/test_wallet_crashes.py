"""Wallet state under SIGKILL and between processes: whole or not at all, and no address twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.paper_chain import PaperChain, paying
from vault.address import network_of
from vault.bitcoin.wallet.ledger import Ledger
from vault.bitcoin.wallet.sync import STOP_GAP
from vault.bitcoin.wallet.watch import WatchWallet
from vault.errors import StoreError

REGTEST = network_of("regtest")
ROOT = Path(__file__).parents[3]

# A process of its own: opens the wallet, stops for good where it is told to, says so and waits to be killed.
CHILD = """
import json, sqlite3, sys, time
from pathlib import Path
from types import SimpleNamespace
from tests.support.bitcoin_keys import account_of
from tests.support.paper_chain import PaperChain, paying
from vault.address import network_of
from vault.bitcoin.wallet import ledger
from vault.bitcoin.wallet.watch import WatchWallet

directory, action, stop_at, cache_pages = sys.argv[1:5]
descriptor = account_of(b"crashing", "p2wpkh").descriptor
chain = PaperChain()
for number in range(40):
    chain.mine(paying(number, (descriptor.script_pubkey(False, number), 50_000)))
wallet = WatchWallet("cold", descriptor, network_of("regtest"), Path(directory), chain, role="cold")

def stop_after(name):
    true = getattr(ledger.LedgerWriter, name)
    def stopped(self, *args):
        true(self, *args)
        print("here", flush=True)
        time.sleep(600)
    setattr(ledger.LedgerWriter, name, stopped)

def connect(*arguments, **options):
    # With one page of cache half of a change is in the file before it is committed.
    connection = sqlite3.connect(*arguments, **options)
    connection.execute(f"PRAGMA cache_size = {cache_pages}")
    return connection

if stop_at:
    stop_after(stop_at)
    ledger.sqlite3 = SimpleNamespace(connect=connect, Error=sqlite3.Error)
if action == "sync":
    wallet.sync()
    print(json.dumps(len(wallet.coins())), flush=True)
else:
    for _ in range(int(action)):
        print(json.dumps(wallet.next_receive_address()), flush=True)
"""


def start(directory: Path, action: str, stop_at: str = "", *, cache: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory), action, stop_at, str(cache)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def killed_at(directory: Path, action: str, stop_at: str) -> None:
    """Run until the child stands there, then kill it without any warning."""
    with start(directory, action, stop_at) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL


@pytest.fixture
def account(bitcoin_keys: ModuleType) -> Any:
    return bitcoin_keys.account_of(b"crashing", "p2wpkh")


STEPS = ("add_scripts", "add_transactions", "add_outputs", "move", "finish_sync")


@pytest.mark.parametrize("step", STEPS)
def test_a_sync_killed_in_the_middle_changes_nothing(account: Any, tmp_path: Path, step: str) -> None:
    Ledger("cold", account.descriptor, REGTEST, tmp_path)
    empty = (tmp_path / "cold.sqlite").read_bytes()
    killed_at(tmp_path, "sync", step)
    if step == STEPS[-1]:  # half of it is in the file already
        assert (tmp_path / "cold.sqlite").read_bytes() != empty
        assert (tmp_path / "cold.sqlite-journal").stat().st_mode & 0o777 == 0o600
    ledger = Ledger("cold", account.descriptor, REGTEST, tmp_path)
    state = ledger.state()
    assert (state.tip, state.transactions, state.outputs, state.scripts) == (None, {}, {}, {})
    with start(tmp_path, "sync") as again:
        assert again.communicate()[0] == "40\n"
    assert len(ledger.state().outputs) == 40


def test_an_address_whose_hand_out_was_killed_was_never_given_to_anybody(
    account: Any, tmp_path: Path
) -> None:
    killed_at(tmp_path, "1", "hand_out")
    with start(tmp_path, "2") as again:
        handed = [json.loads(line) for line in again.communicate()[0].splitlines()]
    assert [index for index, _ in handed] == [0, 1]


def test_an_address_that_was_printed_stays_handed_out_when_its_process_is_killed(
    account: Any, tmp_path: Path
) -> None:
    with start(tmp_path, str(STOP_GAP)) as child:
        assert child.stdout is not None
        printed = [json.loads(child.stdout.readline())[0] for _ in range(3)]
        child.kill()
        printed += [json.loads(line)[0] for line in child.stdout.read().splitlines()]
    wallet = WatchWallet("cold", account.descriptor, REGTEST, tmp_path, PaperChain(), role="cold")
    assert set(printed) <= wallet.handed_out()
    if len(wallet.handed_out()) < STOP_GAP:
        assert wallet.next_receive_address()[0] not in printed


def test_processes_at_the_same_time_never_hand_out_one_address_twice(account: Any, tmp_path: Path) -> None:
    children = [start(tmp_path, "5") for _ in range(4)]
    outputs = [child.communicate()[0] for child in children]
    handed = [json.loads(line) for output in outputs for line in output.splitlines()]
    assert sorted(index for index, _ in handed) == list(range(20))
    assert {address for _, address in handed} == {account.descriptor.address(False, n) for n in range(20)}


def test_a_reader_sees_the_old_state_whole_while_another_process_writes(account: Any, tmp_path: Path) -> None:
    chain = PaperChain()
    chain.mine(paying(0, (account.descriptor.script_pubkey(False, 0), 50_000)))
    wallet = WatchWallet("cold", account.descriptor, REGTEST, tmp_path, chain, role="cold")
    wallet.sync()
    with start(tmp_path, "sync", "finish_sync", cache=1_000) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "here\n"
            other = wallet.ledger.state()
            assert (len(other.transactions), other.tip) == (1, chain.tip())
        finally:
            child.kill()
    assert len(wallet.coins()) == 1


def test_a_file_that_another_process_does_not_let_go_is_busy_and_not_damaged(
    account: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = WatchWallet("cold", account.descriptor, REGTEST, tmp_path, PaperChain(), role="cold")
    monkeypatch.setattr("vault.bitcoin.wallet.ledger.BUSY_SECONDS", 0)
    with start(tmp_path, "sync", "finish_sync") as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "here\n"
            with pytest.raises(StoreError) as refused:
                wallet.ledger.state()
        finally:
            child.kill()
    assert refused.value.code == "store.wallet_busy"
    assert wallet.coins() == ()
