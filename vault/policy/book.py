"""The address book: the only places money may go. What a device signs is the digest of its canonical form.

An entry is proposed, cooling, active or retired, computed from signed fields and the clock, never
stored. Refuses two entries of one id or one address, an address of another network, deposit entries
without their account, and successors that alter or drop what an earlier version said.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from vault.address import network_of, script_pubkey
from vault.canonical import digest, read_json
from vault.codec import decode, encode
from vault.errors import AddressError, DeniedError, DocumentError
from vault.evm.address import address_bytes
from vault.money import asset_of

State = Literal["proposed", "cooling", "active", "retired"]
Purpose = Literal["cold", "staging", "venue_deposit"]
"""cold: where coins stay; staging: an account of ours on the trading side, for sweeps alone."""

MAX_ENTRIES: Final = 1000
# Time between writing an entry and adopting it: long enough to carry a file to the signing device and back,
# and half of the default cooling, so that at least the other half passes in sight.
MAX_BACKDATING: Final = timedelta(hours=12)
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_MEMO = re.compile(r"[\x21-\x7e]{1,100}")
# Which kind of chain an asset lives on, as CAIP-2 calls it.
_CHAINS: Final = {"BTC": "bitcoin", "ETH": "eip155", "USDC": "eip155", "USDT": "eip155"}
_CHAIN_ID: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One destination. `wallet` and `index` say which of our own addresses it is; `venue` whose deposit.

    On Ethereum (`network` ``eip155:1``) `wallet` names an account, which has one address and no index.
    `in_first_version` marks what was enrolled with the treasury and never cooled.
    """

    id: str
    asset: str
    network: str
    address: str
    memo: str | None
    purpose: Purpose
    wallet: str | None
    index: int | None
    venue: str | None
    added_at: datetime
    in_first_version: bool
    retired_at: datetime | None

    def __post_init__(self) -> None:
        if not _IDENTIFIER.fullmatch(self.id):
            raise AddressError("bad_entry", f"expected an id such as cold-1, found {self.id!r}")
        asset_of(self.asset)
        chain, _, network = self.network.partition(":")
        if _CHAINS.get(self.asset) != chain:
            raise AddressError("wrong_chain", f"{self.id}: {self.asset} does not live on {self.network!r}")
        if chain == "eip155":
            self._require_ethereum(network)
        else:
            self._require_bitcoin(network)
        if self.memo is not None and not _MEMO.fullmatch(self.memo):
            raise AddressError("bad_entry", f"{self.id}: expected a memo of printable characters or null")
        if (self.purpose == "venue_deposit") != (self.venue is not None):
            raise AddressError("bad_entry", f"{self.id}: a venue deposit, and only that, names its account")
        if self.purpose == "venue_deposit" and self.wallet is not None:
            raise AddressError("bad_entry", f"{self.id}: a venue's deposit address is not in our wallet")
        if self.retired_at is not None and self.retired_at < self.added_at:
            raise AddressError("bad_entry", f"{self.id}: retired before it was added")

    def _require_bitcoin(self, network: str) -> None:
        script_pubkey(self.address, network_of(network))
        if (self.wallet is None) != (self.index is None) or (self.index is not None and self.index < 0):
            raise AddressError("bad_entry", f"{self.id}: expected both wallet and index >= 0, or neither")
        if self.purpose == "staging":
            raise AddressError("bad_entry", f"{self.id}: only an account on Ethereum is entered as staging")

    def _require_ethereum(self, network: str) -> None:
        if not _CHAIN_ID.fullmatch(network):
            raise AddressError("unknown_network", f"{self.id}: expected eip155:1, found {self.network!r}")
        address_bytes(self.address, self.id)
        if self.index is not None or self.memo is not None:
            raise AddressError("bad_entry", f"{self.id}: an address of Ethereum has no index and no memo")
        if self.purpose != "venue_deposit" and self.wallet is None:
            raise AddressError("bad_entry", f"{self.id}: expected the account of ours that it is")

    @property
    def chain_id(self) -> int | None:
        """The id of the Ethereum chain; None on Bitcoin."""
        kind, _, number = self.network.partition(":")
        return int(number) if kind == "eip155" else None

    @property
    def place(self) -> str:
        """The output or account this entry pays to, one text for every spelling of its address."""
        if self.chain_id is not None:
            return f"{self.network}/{self.address.lower()}"
        return (
            f"{self.network}/{script_pubkey(self.address, network_of(self.network.partition(':')[2])).hex()}"
        )

    @property
    def key(self) -> str:
        """What only one entry says: an output and its memo, or one asset at an account on Ethereum."""
        return f"{self.place} {self.memo or '' if self.chain_id is None else self.asset}"

    def state(self, at: datetime, cooling_hours: int) -> State:
        """Where the entry stands at `at`; retirement is at once, cooling starts at `added_at`."""
        if self.retired_at is not None and self.retired_at <= at:
            return "retired"
        if at < self.added_at:
            return "proposed"
        if self.in_first_version or at >= self.added_at + timedelta(hours=cooling_hours):
            return "active"
        return "cooling"


@dataclass(frozen=True, slots=True)
class AddressBook:
    """One version of the book; versions rise by one, and each is signed as a whole."""

    version: int
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if self.version < 1 or len(self.entries) > MAX_ENTRIES:
            raise AddressError("bad_book", f"expected version 1 or more and at most {MAX_ENTRIES} entries")
        for what, values in (
            ("id", [entry.id for entry in self.entries]),
            ("address", [entry.key for entry in self.entries]),
        ):
            if twice := sorted({value for value in values if values.count(value) > 1}):
                raise AddressError("duplicate_entry", f"expected each {what} once, found twice: {twice[0]}")
        networks = {entry.network for entry in self.entries if entry.chain_id is None}
        if len(networks) > 1:
            raise AddressError("mixed_networks", f"expected one network, found {', '.join(sorted(networks))}")
        self._require_one_owner()
        first = [entry.added_at for entry in self.entries if entry.in_first_version]
        later = [entry.added_at for entry in self.entries if not entry.in_first_version]
        if len(set(first)) > 1 or (first and later and min(later) < first[0]):
            raise AddressError(
                "bad_book", "entries of the first version were all added at one moment, before every other"
            )
        if self.version == 1 and later:
            raise AddressError("bad_book", "the first version holds only entries enrolled with the treasury")

    def _require_one_owner(self) -> None:
        """An address on Ethereum is one account of ours or one venue's, whatever the asset."""
        seen: dict[str, Entry] = {}
        for entry in (each for each in self.entries if each.chain_id is not None):
            first = seen.setdefault(entry.place, entry)
            if (entry.purpose, entry.wallet, entry.venue) != (first.purpose, first.wallet, first.venue):
                raise AddressError(
                    "contradictory_entry",
                    f"{entry.id} and {first.id} say different things of {entry.address}",
                )

    def find(self, entry_id: str) -> Entry:
        """The entry of that id, whatever its state. Raises `AddressError`."""
        for entry in self.entries:
            if entry.id == entry_id:
                return entry
        raise AddressError(
            "unknown_entry",
            f"expected an address-book entry, found none with id {entry_id!r}",
            hint="Propose it, have it shown and signed on a device, and let it cool.",
        )

    def active(self, entry_id: str, at: datetime, cooling_hours: int) -> Entry:
        """The entry, when money may go to it at `at`. Raises `AddressError` or `DeniedError`."""
        entry = self.find(entry_id)
        state = entry.state(at, cooling_hours)
        if state != "active":
            raise DeniedError(
                f"entry_{state}",
                f"expected an active address-book entry, found {entry_id} {state}",
                hint="A new entry cools first; a retired one never comes back.",
            )
        return entry

    def digest(self) -> str:
        """SHA-256 of the canonical form: what a device signs."""
        return digest(encode(self))


def load_book(text: str, *, what: str = "address book") -> AddressBook:
    """Read the JSON form strictly. Raises `DocumentError` or `AddressError`."""
    return decode(read_json(text, what=what), AddressBook, what=what)


def dump_book(book: AddressBook) -> str:
    """The JSON form a person can read; `load_book` gives back an equal book."""
    return json.dumps(encode(book), indent=2, ensure_ascii=False) + "\n"


def check_successor(old: AddressBook, new: AddressBook, adopted_at: datetime) -> None:
    """Check that `new` may follow `old`: one version up, nothing altered, dropped or let in uncooled.

    The only change to an old entry is its retirement; a new entry is not dated back to before its
    adoption, or it would have cooled unseen. Raises `DocumentError`.
    """
    if new.version != old.version + 1:
        raise DocumentError(
            "not_a_successor", f"expected address book version {old.version + 1}, found {new.version}"
        )
    known = {entry.id: entry for entry in old.entries}
    kept = {entry.id: entry for entry in new.entries}
    for entry_id, before in known.items():
        after = kept.get(entry_id)
        if after is None:
            raise DocumentError("entry_dropped", f"{entry_id}: expected it to stay, retired if need be")
        if before.retired_at is not None and after != before:
            raise DocumentError("entry_altered", f"{entry_id}: a retired entry never changes")
        if replace(after, retired_at=before.retired_at) != before:
            raise DocumentError("entry_altered", f"{entry_id}: expected no change but its retirement")
    for entry_id, entry in kept.items():
        if entry_id in known:
            continue
        if entry.in_first_version:
            raise DocumentError("entry_uncooled", f"{entry_id}: only the first version skips cooling")
        if entry.added_at < adopted_at - MAX_BACKDATING:
            raise DocumentError(
                "entry_uncooled", f"{entry_id}: dated {entry.added_at}, long before it was adopted"
            )
