"""A treasury with a signed address book, an emulated exchange beside it, and commands to run in between.

No device and no chain: the attester's key signs in the device's place. Everything is a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support import statements
from tests.support.warm_server import WarmServer
from vault.address import segwit_encode
from vault.attestation import signed_text
from vault.clock import SystemClock
from vault.config import Treasury, load_treasury
from vault.policy.book import AddressBook, Entry, dump_book
from vault.treasury import authority
from vault.treasury.setup import init_treasury

ROOT = Path(__file__).resolve().parents[2]
QUICK_KEYRING = ROOT / "tests" / "integration" / "venues"  # a module there
ATTESTER_KEY = hashlib.sha256(b"the attester of these tests").digest()
READ = {"key": "read-key-4f1d", "secret": "read-secret-9a3c", "transfer": False}
SEND = {
    "key": "send-key-77b2",
    "secret": "send-secret-e01f",
    "withdraw": True,
    "ip_list": ["127.0.0.1"],
}
_ATTESTER = """
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


def address(label: str) -> str:
    return segwit_encode("bcrt", 0, hashlib.sha256(label.encode()).digest()[:20])


def lines(*keys: dict[str, Any]) -> str:
    """Keys as they are given to a command: every part on a line."""
    return "".join(f"{key['key']}\n{key['secret']}\n" for key in keys)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def verdicts(self) -> dict[str, str]:
        """What was found, by what was looked at; the worst where there are several."""
        found: dict[str, str] = {}
        for each in self.document["findings"]:
            worst = max(
                each["verdict"], found.get(each["what"], "OK"), key=("OK", "SKIP", "WARN", "FAIL").index
            )
            found[each["what"]] = worst
        return found

    def codes(self, what: str) -> list[str]:
        return [each["code"] for each in self.document["findings"] if each["what"] == what]


@dataclass
class VenueDesk:
    """Runs `vault` in the treasury's folder; `control` is the hand on the exchange."""

    folder: Path
    warm: WarmServer
    environment: dict[str, str]
    server: VenueServer
    control: VenueControl
    uid: str
    secrets: tuple[str, ...] = field(default=(READ["key"], READ["secret"], SEND["key"], SEND["secret"]))

    @property
    def url(self) -> str:
        return self.server.url

    def unbind(self, key: str) -> None:
        """Somebody takes a key's IP list away at the exchange."""
        with self.server.venue.lock:
            account = self.server.venue.account("trading")
            account.keys[:] = [
                replace(each, ip_list=()) if each.key == key else each for each in account.keys
            ]

    @property
    def config(self) -> Path:
        return self.folder / "treasury.toml"

    @property
    def treasury(self) -> Treasury:
        return load_treasury(self.config)

    def vault(self, *arguments: str, stdin: str = "") -> Ran:
        return Ran(*self.warm.vault(arguments, self.folder, self.environment, stdin))

    def ok(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        ran = self.vault(*arguments, "--json", stdin=stdin)
        assert ran.status == 0, f"vault {' '.join(arguments)}: {ran.status}\n{ran.out}\n{ran.err}"
        return ran.document

    def fails(self, status: int, code: str, *arguments: str, stdin: str = "") -> dict[str, Any]:
        ran = self.vault(*arguments, "--json", stdin=stdin)
        assert (ran.status, ran.document.get("error")) == (status, code), f"{ran.out}\n{ran.err}"
        return ran.document

    def add(self, *keys: dict[str, Any], uid: str = "", options: tuple[str, ...] = ()) -> Ran:
        """`vault venue add trading --write` with these keys."""
        arguments = ("venue", "add", "trading", "--exchange", "binance", "--uid", uid or self.uid)
        return self.vault(
            *arguments, "--url", self.url, "--write", "--json", *options, stdin=lines(*(keys or (READ, SEND)))
        )

    def stored(self) -> dict[str, bool]:
        """Which secrets are in the keyring."""
        ran = self.vault("secret", "check", "--json")
        return {each["name"]: each["present"] for each in ran.document["secrets"]}

    @property
    def kept(self) -> bool:
        """Whether the keyring's files hold any key of the account, asked of the files themselves."""
        files = Path(self.environment["HOME"]).rglob("*.cfg")
        return any("venue_2ftrading" in path.read_text().lower() for path in files)  # venue/trading

    def sign_book(self, *entries: Entry) -> None:
        """The policy as it is, and a book of these entries, both signed."""
        treasury = self.treasury
        book = AddressBook(1, entries)
        treasury.book_path.write_text(dump_book(book), encoding="utf-8")
        policy, digest = authority.read_policy(treasury)
        for kind, name, version, digest_ in (
            ("policy", policy.policy_id, policy.version, digest),
            ("address-book", authority.BOOK_NAME, 1, book.digest()),
        ):
            statement = authority.document_statement(treasury, kind, name, version, digest_)  # type: ignore[arg-type]
            raw = statements.sign(signed_text(statement, "alice"), PrivateKey(ATTESTER_KEY))
            authority.write_signature(
                authority.document_path(treasury, kind),  # type: ignore[arg-type]
                statements.signed(raw, statement, "alice"),
            )


class QuietChain:
    """A chain that gives out one address and never sees a payment."""

    DEPOSIT = address("deposit")

    def new_deposit_address(self) -> str:
        return self.DEPOSIT

    def pay(self, _address: str, _amount_sat: int, _tag: str = "", /) -> str:
        raise ValueError("expected no payment here")

    def deposits(self) -> list[Any]:
        return []

    def confirmations(self, _txid: str) -> int | None:
        return None


def entry(name: str, where: str, *, venue: str | None = None) -> Entry:
    """An entry enrolled with the treasury: a cold address, or a venue's deposit address."""
    return Entry(
        id=name,
        asset="BTC",
        network="bitcoin:regtest",
        address=where,
        memo=None,
        purpose="venue_deposit" if venue else "cold",
        wallet=None,
        index=None,
        venue=venue,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        in_first_version=True,
        retired_at=None,
    )


def quick_keyring(home: Path) -> dict[str, str]:
    """The environment of a user with an encrypted keyring of his own."""
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


@contextmanager
def venue_desk(folder: Path, warm: WarmServer) -> Iterator[VenueDesk]:
    """A new treasury and a new exchange with one account, whose two keys are `READ` and `SEND`."""
    made = init_treasury(folder / "desk", "desk-one", SystemClock(), emulated=True)
    key = PrivateKey(ATTESTER_KEY).public_key.format(compressed=True).hex()
    with made.config.open("a", encoding="utf-8") as file:
        file.write(_ATTESTER.format(key=key))
    home = folder / "home"
    home.mkdir()
    with VenueServer("binance", chain=QuietChain()) as server:
        control = VenueControl(server.url)
        uid = control.create_account(
            "trading",
            keys=[READ, SEND],
            wallets={"spot": {"BTC": "1"}, "futures": {"BTC": "2.5", "USDT": "20000"}},
        )
        yield VenueDesk(made.folder, warm, quick_keyring(home), server, control, str(uid))
