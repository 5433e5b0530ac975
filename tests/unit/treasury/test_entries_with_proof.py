"""Accounts of ours enter the address book with a proof, and nothing that looks like an address we know."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.asset_ledger import AT, address_of, entry
from vault.clock import ManualClock
from vault.config_chains import AccountSettings, SafeSettings
from vault.errors import AddressError, ConfigError, DeniedError
from vault.evm.address import checksum_address
from vault.policy.book import AddressBook, dump_book, load_book
from vault.store.database import Store
from vault.treasury import documents, entries
from vault.treasury.ethereum import accounts, safes
from vault.treasury.lookalikes import alike, refuse_lookalike
from vault.treasury.shown import require_proven

PATH = "m/44'/60'/0'/0/0"


def settings(name: str, role: str = "cold", **changes: Any) -> AccountSettings:
    made = {"name": name, "role": role, "chain": "mainnet", "address": address_of(name), **changes}
    if not changes.keys() & {"safe", "watch"}:
        made = {"device": "trezor", "path": PATH, **made}
    made.pop("watch", None)
    return AccountSettings.model_validate(made)


ACCOUNTS = (
    settings("hot", "staging", assets=("USDC",)),
    settings("trove"),
    settings("gas", "gas"),
    settings("seen", watch=True),
    settings("safe", safe=SafeSettings(owners=("trove",), threshold=1, executor="gas")),
)


class Bench:
    """A desk with a store and accounts; device and chain say what the test says."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(f"sqlite:///{folder / 's.db'}", "ours", ManualClock(AT), create=True)
        self.accounts = {each.name: each for each in ACCOUNTS}
        self.asked: list[str] = []
        config = SimpleNamespace(
            account=ACCOUNTS, chain=(SimpleNamespace(id=1),), bitcoin=SimpleNamespace(network="regtest")
        )
        self.desk: Any = SimpleNamespace(
            store=self.store,
            clock=ManualClock(AT),
            progress=lambda _line: None,
            network=SimpleNamespace(name="regtest"),
            treasury=SimpleNamespace(
                config=config,
                account=self._account,
                chain=lambda _name: SimpleNamespace(id=1),
                book_path=folder / "book.json",
            ),
        )

    def _account(self, name: str) -> AccountSettings:
        try:
            return self.accounts[name]
        except KeyError:
            raise ConfigError("unknown_name", name) from None

    def book(self) -> AddressBook:
        return load_book(self.desk.treasury.book_path.read_text(encoding="utf-8"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)

    def show(_desk: Any, name: str) -> str:
        made.asked.append(f"device of {name}")
        return made.accounts[name].address

    monkeypatch.setattr(accounts, "show_account", show)
    monkeypatch.setattr(
        safes, "require_safe_as_configured", lambda _desk, name: made.asked.append(f"chain of {name}")
    )
    return made


def test_a_device_account_is_shown_and_a_safe_is_verified_on_chain(bench: Bench) -> None:
    one = documents.add_account_address(bench.desk, "trove-eth", "trove", "ETH").entry
    two = _again(bench, "safe-usdc", "safe", "USDC")
    assert bench.asked == ["device of trove", "chain of safe"]
    assert (one.network, one.wallet, one.index, one.purpose) == ("eip155:1", "trove", None, "cold")
    assert (two.address, two.asset) == (address_of("safe"), "USDC")
    assert [each.id for each in bench.book().entries] == ["trove-eth", "safe-usdc"]
    bench.store.verify()


def _again(bench: Bench, entry_id: str, account: str, asset: str) -> Any:
    """A second entry of the same unsigned first version."""
    from vault.errors import AttestationError

    def unsigned() -> None:
        raise AttestationError("unsigned", "not yet")

    bench.desk.book = unsigned
    return documents.add_account_address(bench.desk, entry_id, account, asset).entry


@pytest.mark.parametrize(
    ("account", "asset", "code"),
    [
        ("seen", "USDC", "address.watch_only"),
        ("gas", "ETH", "address.not_cold"),
        ("hot", "ETH", "address.wrong_asset"),
        ("nobody", "ETH", "config.unknown_name"),
    ],
)
def test_refuses_what_nobody_signs_for_or_what_it_is_not_for(
    bench: Bench, account: str, asset: str, code: str
) -> None:
    with pytest.raises((AddressError, ConfigError)) as caught:
        documents.add_account_address(bench.desk, "new", account, asset)
    assert caught.value.code == code
    assert not bench.asked
    assert not bench.desk.treasury.book_path.exists()


def test_a_staging_account_is_entered_as_what_it_is(bench: Bench) -> None:
    assert documents.add_account_address(bench.desk, "hot-usdc", "hot", "USDC").entry.purpose == "staging"


def test_a_device_that_says_another_address_ends_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "show_account", lambda _desk, _name: address_of("mallory"))
    with pytest.raises(AddressError) as caught:
        documents.add_account_address(bench.desk, "trove-eth", "trove", "ETH")
    assert caught.value.code == "address.not_ours"
    assert not bench.desk.treasury.book_path.exists()


def test_what_was_not_proven_or_is_not_the_account_any_more_is_not_signed(bench: Bench) -> None:
    by_hand = entry("trove-eth", "ETH", wallet="trove")
    with pytest.raises(DeniedError) as caught:
        require_proven(bench.desk, by_hand)
    assert caught.value.code == "denied.account_not_proven"
    added = documents.add_account_address(bench.desk, "trove-eth", "trove", "ETH").entry
    require_proven(bench.desk, added)
    bench.accounts["trove"] = settings("trove", address=address_of("mallory"))
    with pytest.raises(AddressError):
        require_proven(bench.desk, added)
    bench.accounts["trove"] = settings("trove", path="m/44'/60'/0'/0/1")
    with pytest.raises(DeniedError):
        require_proven(bench.desk, added)


def test_other_owners_of_a_safe_want_another_proof(bench: Bench) -> None:
    added = documents.add_account_address(bench.desk, "safe-usdc", "safe", "USDC").entry
    require_proven(bench.desk, added)
    changed = SafeSettings(owners=("trove", "hot"), threshold=1, executor="gas")
    bench.accounts["safe"] = settings("safe", safe=changed)
    with pytest.raises(DeniedError):
        require_proven(bench.desk, added)


# -- lookalikes -------------------------------------------------------------------------------------------

REAL = address_of("trove")


def poisoned(front: int = 3, back: int = 3) -> str:
    """Another address that begins and ends like the real one, in so many hex digits."""
    digits = REAL[2:].lower()
    middle = "".join("0" if char != "0" else "1" for char in digits[front : 40 - back])
    return checksum_address(bytes.fromhex(digits[:front] + middle + digits[40 - back :]))


@pytest.mark.parametrize(
    ("front", "back", "found"), [(3, 3, True), (8, 4, True), (2, 6, False), (6, 2, False)]
)
def test_the_ends_that_people_compare_give_a_lookalike_away(front: int, back: int, found: bool) -> None:
    other = poisoned(front, back)
    assert alike(other, REAL) is found
    assert alike(REAL, other) is found


def test_an_address_is_no_lookalike_of_itself_in_other_letters() -> None:
    assert not alike(REAL, REAL)
    assert not alike(REAL.lower(), REAL)


def test_a_poisoned_deposit_address_does_not_enter_the_book(bench: Bench) -> None:
    book = AddressBook(1, (entry("trove-eth", "ETH", wallet="trove"),))
    for address in (poisoned(), poisoned(6, 6)):
        new = entries.NewEntry(
            "deposit", "USDC", "eip155:1", address, purpose="venue_deposit", venue="trading"
        )
        with pytest.raises(AddressError) as caught:
            entries.new_entry(bench.desk, book, new)
        assert caught.value.code == "address.lookalike"
    honest = entries.NewEntry(
        "deposit", "USDC", "eip155:1", address_of("deposit"), purpose="venue_deposit", venue="trading"
    )
    assert entries.new_entry(bench.desk, book, honest).venue == "trading"


def test_an_account_that_is_in_no_entry_yet_is_known_too(bench: Bench) -> None:
    new = entries.NewEntry("x", "USDC", "eip155:1", poisoned(), purpose="venue_deposit", venue="trading")
    with pytest.raises(AddressError) as caught:
        entries.new_entry(bench.desk, AddressBook(1, ()), new)
    assert caught.value.code == "address.lookalike"
    assert "account trove" in caught.value.message
    refuse_lookalike(address_of("elsewhere"), {REAL: "account trove"})


def test_a_chain_that_nobody_configured_is_refused(bench: Bench) -> None:
    new = entries.NewEntry(
        "x", "USDC", "eip155:10", address_of("deposit"), purpose="venue_deposit", venue="trading"
    )
    with pytest.raises(AddressError) as caught:
        entries.new_entry(bench.desk, AddressBook(1, ()), new)
    assert caught.value.code == "address.wrong_network"


def test_the_file_reads_back_as_it_was_written(bench: Bench) -> None:
    documents.add_account_address(bench.desk, "trove-eth", "trove", "ETH")
    assert dump_book(bench.book()) == bench.desk.treasury.book_path.read_text(encoding="utf-8")
