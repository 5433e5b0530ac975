"""A treasury run as a person would: each `python -m vault` a process, against an emulated world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from emulator.world_client import WorldProcess

ROOT = Path(__file__).resolve().parents[3]
QUICK_KEYRING = ROOT / "tests" / "integration" / "venues"  # a module there
COMMAND_SECONDS = 90


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


@dataclass
class Shell:
    """Runs `vault` in a treasury's folder with an encrypted keyring of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def vault(self, *arguments: str, stdin: str = "", **variables: str) -> Ran:
        finished = subprocess.run(
            [sys.executable, "-m", "vault", *arguments],
            cwd=self.folder,
            env={**self.environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        return Ran(finished.returncode, finished.stdout, finished.stderr)

    def ok(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        """Run with --json and expect exit status 0."""
        ran = self.vault(*arguments, "--json", stdin=stdin)
        assert ran.status == 0, f"vault {' '.join(arguments)}: {ran.status}\n{ran.out}\n{ran.err}"
        return ran.document

    def fails(self, status: int, code: str, *arguments: str) -> dict[str, Any]:
        """Run with --json and expect that error."""
        ran = self.vault(*arguments, "--json")
        assert (ran.status, ran.document["error"]) == (status, code), f"{ran.out}\n{ran.err}"
        return ran.document


@pytest.fixture(scope="session")
def shell_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, QUICK_KEYRING))),
        "PYTHON_KEYRING_BACKEND": "quick_keyring.QuickCryptFileKeyring",
        "KEYRING_CRYPTFILE_PASSWORD": "only for tests",
        "NO_COLOR": "1",
    }


@pytest.fixture(scope="session")
def world() -> Iterator[WorldProcess]:
    """Venue, chain and devices on free loopback ports, whose time works by itself."""
    with WorldProcess.start(tick_seconds="0.2") as started:
        yield started


@pytest.fixture(scope="session")
def shell(
    world: WorldProcess, shell_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Shell:
    """A treasury that was set up by commands only: devices, wallets, keys, policy and book signed."""
    folder = tmp_path_factory.mktemp("treasury") / "desk"
    outside = Shell(folder.parent, shell_environment)
    outside.ok("init", str(folder), "--id", "desk-one", "--emulated", "--esplora", world.esplora_url)
    shell = Shell(folder, shell_environment)
    for label, kind, wallet, attester in (
        ("cold", "trezor", "cold=cold", ("--attester", "alice")),
        ("staging", "onekey", "staging=staging:p2tr", ()),
    ):
        path = world.device(label).path
        found = shell.ok(
            "device", "add", label, "--path", path, "--kind", kind, "--wallet", wallet, *attester, "--write"
        )
        amount = world.scenario.funding_of_wallets
        stock = amount.cold if label == "cold" else amount.staging
        world.chain.fund(found["wallets"][0]["first_address"], int(stock * 100_000_000))
    account = world.account("protected")
    keys = "".join(f"{pair.key}\n{pair.secret}\n" for pair in (account.read, account.withdraw))
    add = ("venue", "add", "trading", "--exchange", "binance", "--uid", str(account.uid))
    shell.ok(*add, "--url", world.venue_url, "--write", stdin=keys)
    with (folder / "treasury.toml").open("a", encoding="utf-8") as file:
        file.write("history_lag_seconds = 1\n")  # of the table that stands last
    shell.ok("policy", "sign", "--attester", "alice")
    home = shell.ok("book", "add", "cold-1", "--wallet", "cold", "--index", "0")["entry"]["address"]
    listed = {"coin": "BTC", "network": "BTC", "address": home, "name": "cold"}
    world.venue.call("whitelist", account="protected", on=True, entries=[listed])
    shell.ok("book", "add", "trading-deposit", "--venue", "trading")
    shell.ok("book", "sign", "--attester", "alice")
    return shell
