"""A whole run, with errors, a wrong key and a kill in it, leaves no key material anywhere but the keyring."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from emulator.scenario_player import OpenedAccount
from emulator.world_client import WorldProcess
from tests.support.secret_hunt import MARK, ProcessWatch, found_in, found_in_files
from tests.support.venue_desk import quick_keyring

pytestmark = [pytest.mark.timeout(400)]

COMMAND_S = 90
WRONG = ("mistyped-key-5b1d90", "mistyped-secret-03fe77")


@dataclass
class Diary:
    """Runs commands in processes of their own and keeps every word they said."""

    folder: Path
    environment: dict[str, str]
    said: list[str] = field(default_factory=list)

    def vault(self, *arguments: str, stdin: str = "", **variables: str) -> tuple[int, str]:
        finished = subprocess.run(
            [sys.executable, "-m", "vault", *arguments],
            cwd=self.folder,
            env={**self.environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        self.said += [finished.stdout, finished.stderr]
        return finished.returncode, finished.stdout + finished.stderr

    def ok(self, *arguments: str, stdin: str = "") -> str:
        status, said = self.vault(*arguments, stdin=stdin)
        assert status == 0, f"vault {' '.join(arguments)}: {status}\n{said}"
        return said

    def fails(self, status: int, *arguments: str, stdin: str = "", **variables: str) -> None:
        found, said = self.vault(*arguments, stdin=stdin, **variables)
        assert found == status, f"vault {' '.join(arguments)}: {found}\n{said}"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "vault", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def world() -> Iterator[WorldProcess]:
    with WorldProcess.start(tick_seconds="0.2") as started:
        yield started


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    for name in ("home", "scratch"):
        (tmp_path / name).mkdir()
    environment = quick_keyring(tmp_path / "home")
    environment |= {"TMPDIR": str(tmp_path / "scratch"), MARK: uuid.uuid4().hex, "VAULT_DEBUG": "1"}
    return Diary(tmp_path, environment)


def keys(*pairs: Any) -> str:
    return "".join(f"{pair.key}\n{pair.secret}\n" for pair in pairs)


def test_no_secret_lies_anywhere_after_a_run_with_errors_a_wrong_key_and_a_kill(
    diary: Diary, world: WorldProcess
) -> None:
    account = world.account("protected")
    secrets = [account.read.key, account.read.secret, account.withdraw.key, account.withdraw.secret, *WRONG]
    with ProcessWatch(diary.environment[MARK]) as watch:
        set_up(diary, world, account)
        provoke(diary, world)
        sweep(diary, world)
        for command in (("audit", "log"), ("doctor",)):
            diary.ok(*command, "--json")
    assert watch.ran("-m vault") > 12
    assert watch.ran("vault.venues.worker") > 5
    assert watch.found(secrets) == []
    assert found_in("\n".join(diary.said).encode(), secrets) == []
    assert found_in_files([diary.folder], secrets) == []
    files = {path.name for path in diary.folder.rglob("*") if path.is_file()}
    assert {"treasury.toml", "vault.db", "quick_cryptfile_pass.cfg"} <= files
    assert any(name.endswith(".json") for name in files)  # the plans
    # The hunt finds what is there: the keyring holds each secret, and opens with its password alone.
    assert found_in_files([diary.folder], ["address_book"])


def set_up(diary: Diary, world: WorldProcess, account: OpenedAccount) -> None:
    desk = diary.folder / "desk"
    diary.ok("init", str(desk), "--id", "desk-one", "--emulated", "--esplora", world.esplora_url)
    diary.environment["VAULT_CONFIG"] = str(desk)
    for label, kind, attester in (("cold", "trezor", ("--attester", "alice")), ("staging", "onekey", ())):
        path = ("--path", world.device(label).path, "--kind", kind, "--wallet", f"{label}={label}")
        diary.ok("device", "add", label, *path, *attester, "--write")
    add = ("venue", "add", "trading", "--exchange", "binance", "--uid", str(account.uid))
    add += ("--url", world.venue_url, "--write")
    wrong = f"{WRONG[0]}\n{WRONG[1]}\n"
    diary.fails(20, *add, stdin=wrong + keys(account.withdraw))
    diary.fails(20, *add, stdin=f"{account.read.key}\n{WRONG[1]}\n" + keys(account.withdraw))
    diary.ok(*add, stdin=keys(account.read, account.withdraw))
    with (desk / "treasury.toml").open("a", encoding="utf-8") as file:
        file.write("history_lag_seconds = 1\ntimeout_seconds = 3\n")
    diary.ok("policy", "sign", "--attester", "alice")
    diary.ok("book", "add", "cold-1", "--wallet", "cold", "--index", "0")
    diary.ok("book", "add", "trading-deposit", "--venue", "trading")
    diary.ok("book", "sign", "--attester", "alice")
    book = (desk / "address-book.json").read_text(encoding="utf-8")
    home = book.split('"id": "cold-1"')[1].split('"address": "')[1].split('"')[0]
    listed = [{"coin": "BTC", "network": "BTC", "address": home}]
    world.venue.call("whitelist", account="protected", on=True, entries=listed)


def provoke(diary: Diary, world: WorldProcess) -> None:
    """Every kind of trouble a venue can make, and a keyring that does not open."""
    world.venue.fault("broken_json", "/fapi/v3/account", lasting=True)
    world.venue.fault("drop_connection_after", "capital/config/getall", lasting=True)
    diary.fails(1, "venue", "test", "trading")
    world.venue.clear_faults()
    diary.fails(20, "venue", "keys", "trading", "--set", "read", stdin=f"{WRONG[0]}\n{WRONG[1]}\n")
    diary.fails(12, "secret", "check", KEYRING_CRYPTFILE_PASSWORD="not this one")


def sweep(diary: Diary, world: WorldProcess) -> None:
    """A withdrawal whose sender is killed while the venue holds its answer; reconciled to its end."""
    diary.fails(2, "plan", "--detailed-exitcode", "--json")
    ident = json.loads(diary.said[-2])["plan_id"]
    diary.ok("approve", ident, "--attester", "alice")
    world.venue.fault("hang", "withdraw/apply", method="POST", seconds="60")
    process = diary.start("send", ident, "--wait", "60")
    deadline = time.monotonic() + 60
    while not world.venue.requests(method="POST", path="withdraw/apply"):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    diary.said += process.communicate()
    world.venue.clear_faults()
    stop = threading.Event()
    miner = threading.Thread(target=lambda: [world.chain.mine(1) for _ in iter(lambda: stop.wait(0.3), True)])
    miner.start()
    try:
        diary.ok("reconcile", "--wait", "60")
    finally:
        stop.set()
        miner.join()
    (withdrawal,) = world.venue.state("protected")["withdrawals"]
    assert withdrawal["client_id"]
