"""`vault` in processes of their own, in a treasury that `vault init` made; no device, no network."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey

from tests.support import statements
from tests.support.warm_server import WarmServer, warm_server
from vault.address import segwit_encode
from vault.attestation import SignedStatement, Statement, signed_text
from vault.config import Treasury, load_treasury
from vault.policy.book import AddressBook, Entry, dump_book
from vault.treasury import authority
from vault.treasury.plan import Plan

ROOT = Path(__file__).resolve().parents[3]
COMMAND_SECONDS = 60
# The key a device would keep to itself; the tests sign with it in the device's place.
ATTESTER_KEY = hashlib.sha256(b"the attester of these tests").digest()
COLD_ADDRESS = segwit_encode("bcrt", 0, hashlib.sha256(b"cold").digest()[:20])
DEVICE = """
[[device]]
name = "cold"
kind = "trezor"
path = "udp:127.0.0.1:1"
root_fingerprint = "5c9e228d"

[[attester]]
name = "alice"
device = "cold"
public_key = "{key}"
roles = ["policy", "address-book", "approve"]
"""


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
    """Runs `vault` in a folder."""

    folder: Path
    warm: WarmServer
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "treasury.toml"

    @property
    def treasury(self) -> Treasury:
        return load_treasury(self.config)

    def sign(self, kind: authority.DocumentKind) -> None:
        """Sign policy or book as the attester's device would."""
        if kind == "policy":
            policy, digest = authority.read_policy(self.treasury)
            name, version = policy.policy_id, policy.version
        else:
            book = authority.read_book(self.treasury)
            name, version, digest = authority.BOOK_NAME, book.version, book.digest()
        statement = authority.document_statement(self.treasury, kind, name, version, digest)
        authority.write_signature(authority.document_path(self.treasury, kind), signed_by_alice(statement))

    def approval(self, plan: Plan) -> SignedStatement:
        """The approval of a plan as the attester's device would sign it."""
        return signed_by_alice(authority.approval_statement(plan))

    def run(self, *command: str, stdin: str = "", **variables: str) -> Ran:
        finished = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env={**self.environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        return Ran(finished.returncode, finished.stdout, finished.stderr)

    def vault(self, *arguments: str, stdin: str = "", **variables: str) -> Ran:
        """In a process of its own; a variable that the interpreter reads at its start needs a fresh one."""
        if any(name.startswith("PYTHON") for name in variables):
            return self.run("-m", "vault", *arguments, stdin=stdin, **variables)
        return Ran(*self.warm.vault(arguments, self.folder, {**self.environment, **variables}, stdin))

    def ok(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        """Run with --json and expect exit status 0."""
        ran = self.vault(*arguments, "--json", stdin=stdin)
        assert ran.status == 0, f"vault {' '.join(arguments)}: {ran.status}\n{ran.out}\n{ran.err}"
        return ran.document

    def fails(self, status: int, code: str, *arguments: str) -> dict[str, Any]:
        """Run with --json and expect that error in its one shape."""
        ran = self.vault(*arguments, "--json")
        found = ran.document
        assert (ran.status, found["error"]) == (status, code), f"{ran.out}\n{ran.err}"
        assert set(found) >= {"error", "exit_status", "message", "hint", "details"}
        assert found["exit_status"] == status
        assert "Traceback" not in ran.err
        return found


def signed_by_alice(statement: Statement) -> SignedStatement:
    """A statement as the attester's device would sign it."""
    raw = statements.sign(signed_text(statement, "alice"), PrivateKey(ATTESTER_KEY))
    return statements.signed(raw, statement, "alice")


@pytest.fixture(scope="session")
def shell_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmServer]:
    with warm_server() as server:
        yield server


@pytest.fixture
def elsewhere(tmp_path: Path, warm: WarmServer, shell_environment: dict[str, str]) -> Shell:
    """A shell in an empty folder."""
    return Shell(tmp_path, warm, shell_environment)


@pytest.fixture
def shell(tmp_path: Path, warm: WarmServer, shell_environment: dict[str, str]) -> Shell:
    """A shell in a new treasury, made through the same function as `vault init` (which has its own tests)."""
    from vault.clock import SystemClock
    from vault.treasury.setup import init_treasury

    made = init_treasury(tmp_path / "desk", "desk-one", SystemClock(), emulated=True)
    return Shell(made.folder, warm, shell_environment)


@pytest.fixture
def signed(shell: Shell) -> Shell:
    """A shell in a treasury whose policy and address book are signed."""
    key = PrivateKey(ATTESTER_KEY).public_key.format(compressed=True).hex()
    with shell.config.open("a", encoding="utf-8") as file:
        file.write(DEVICE.format(key=key))
    entry = Entry(
        id="cold-1",
        asset="BTC",
        network="bitcoin:regtest",
        address=COLD_ADDRESS,
        memo=None,
        purpose="cold",
        wallet=None,
        index=None,
        venue=None,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        in_first_version=True,
        retired_at=None,
    )
    shell.treasury.book_path.write_text(dump_book(AddressBook(1, (entry,))), encoding="utf-8")
    shell.sign("policy")
    shell.sign("address-book")
    return shell


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    """Replace text in a file, which must be there once."""

    def change(path: Path, before: str, after: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {path}"
        path.write_text(text.replace(before, after), encoding="utf-8")

    return change
