"""The address book: states from signed fields, one entry a place, successors that only add and retire."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import AddressError, DeniedError, DocumentError, VaultError
from vault.policy.book import AddressBook, check_successor, dump_book, load_book

HOUR = timedelta(hours=1)


def test_what_was_enrolled_with_the_treasury_is_active_at_once(world: ModuleType) -> None:
    assert world.entry().state(world.ENROLLED, 24) == "active"


@pytest.mark.parametrize(
    ("hours", "state"),
    [(-1, "proposed"), (0, "cooling"), (23, "cooling"), (24, "active"), (99, "active"), (100, "retired")],
)
def test_a_later_entry_is_proposed_then_cools_then_is_active_then_retired(
    world: ModuleType, hours: int, state: str
) -> None:
    later = world.entry(in_first_version=False, added_at=world.AT, retired_at=world.AT + 100 * HOUR)
    assert later.state(world.AT + hours * HOUR, 24) == state


def test_retiring_wins_over_everything_at_once(world: ModuleType) -> None:
    assert world.entry(retired_at=world.ENROLLED).state(world.ENROLLED, 24) == "retired"


def test_an_entry_that_is_not_active_is_denied_with_its_state(world: ModuleType) -> None:
    book = AddressBook(2, (world.entry(in_first_version=False, added_at=world.AT),))
    with pytest.raises(DeniedError) as caught:
        book.active("cold-1", world.AT, 24)
    assert caught.value.code == "denied.entry_cooling"
    with pytest.raises(AddressError, match="found none with id 'cold-9'"):
        book.active("cold-9", world.AT, 24)


def test_writes_and_reads_back_equal_with_one_digest(world: ModuleType) -> None:
    again = load_book(dump_book(world.BOOK))
    assert again == world.BOOK
    assert again.digest() == world.BOOK.digest()


def test_every_field_is_under_the_digest(world: ModuleType) -> None:
    changes: dict[str, object] = {
        "id": "cold-2",
        "address": world.address("other"),
        "memo": "m",
        "wallet": "other",
        "index": 1,
        "added_at": world.ENROLLED + HOUR,
        "retired_at": world.AT,
    }
    digests = {AddressBook(2, (world.entry(),)).digest(), AddressBook(3, (world.entry(),)).digest()}
    digests |= {AddressBook(2, (world.entry(**{name: to}),)).digest() for name, to in changes.items()}
    assert len(digests) == 2 + len(changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "Cold 1"}, "address.bad_entry"),
        ({"asset": "DOGE"}, "money.unknown_asset"),
        ({"asset": "USDT"}, "address.wrong_chain"),
        ({"network": "ethereum:mainnet"}, "address.wrong_chain"),
        ({"network": "bitcoin:moonnet"}, "address.unknown_network"),
        ({"network": "bitcoin:mainnet"}, "address.wrong_network"),
        ({"address": "not-an-address"}, "address.not_base58"),
        ({"memo": "two words"}, "address.bad_entry"),
        ({"memo": ""}, "address.bad_entry"),
        ({"wallet": None}, "address.bad_entry"),
        ({"index": -1}, "address.bad_entry"),
        ({"venue": "main"}, "address.bad_entry"),
        ({"purpose": "venue_deposit"}, "address.bad_entry"),
        ({"purpose": "venue_deposit", "venue": "main"}, "address.bad_entry"),
    ],
)
def test_refuses_an_entry_that_contradicts_itself(
    world: ModuleType, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(VaultError) as caught:
        world.entry(**changes)
    assert caught.value.code == code


def test_refuses_an_entry_retired_before_it_was_added(world: ModuleType) -> None:
    with pytest.raises(AddressError, match="retired before"):
        world.entry(retired_at=world.ENROLLED - HOUR)


def test_refuses_two_entries_of_one_id_or_one_address_in_any_spelling(world: ModuleType) -> None:
    with pytest.raises(AddressError, match="each id once"):
        AddressBook(1, (world.entry(), world.entry(address=world.address("x"))))
    shout = world.entry("cold-2", address=world.entry().address.upper())
    with pytest.raises(AddressError, match="each address once"):
        AddressBook(1, (world.entry(), shout))


def test_a_retired_address_does_not_come_back_under_another_id(world: ModuleType) -> None:
    old = world.entry(retired_at=world.AT)
    with pytest.raises(AddressError, match="each address once"):
        AddressBook(2, (old, world.entry("cold-2", address=old.address)))


def test_refuses_two_networks_in_one_book(world: ModuleType) -> None:
    other = world.entry("cold-2", network="bitcoin:signet", address=world.address("y", "tb"))
    with pytest.raises(AddressError, match="one network"):
        AddressBook(1, (world.entry(), other))


def test_the_first_version_holds_only_what_was_enrolled_at_one_moment(world: ModuleType) -> None:
    late = world.entry("cold-2", in_first_version=False, added_at=world.AT)
    with pytest.raises(AddressError, match="first version"):
        AddressBook(1, (world.entry(), late))
    early = world.entry("cold-2", added_at=world.ENROLLED + HOUR)
    with pytest.raises(AddressError, match="one moment"):
        AddressBook(2, (world.entry(), early))


def successor(world: ModuleType, *entries: object, version: int = 2) -> AddressBook:
    return AddressBook(version, tuple(entries))  # type: ignore[arg-type]


def test_a_successor_may_add_what_cools_and_retire_what_is_there(world: ModuleType) -> None:
    new = world.entry("cold-2", in_first_version=False, added_at=world.AT)
    gone = dataclasses.replace(world.entry(), retired_at=world.AT)
    check_successor(world.BOOK, successor(world, gone, world.deposit(), new), world.AT)


def test_a_successor_may_not_alter_drop_skip_or_backdate(world: ModuleType) -> None:
    kept = (world.entry(), world.deposit())
    fresh = world.entry("cold-2", in_first_version=False, added_at=world.AT)
    attempts = {
        "document.not_a_successor": successor(world, *kept, version=3),
        "document.entry_dropped": successor(world, world.entry()),
        "document.entry_altered": successor(
            world, world.entry(address=world.address("thief")), world.deposit()
        ),
    }
    for code, book in attempts.items():
        with pytest.raises(DocumentError) as caught:
            check_successor(world.BOOK, book, world.AT)
        assert caught.value.code == code
    for uncooled in (
        dataclasses.replace(fresh, in_first_version=True, added_at=world.ENROLLED),
        dataclasses.replace(fresh, added_at=world.AT - 25 * HOUR),
    ):
        with pytest.raises(DocumentError) as caught:
            check_successor(world.BOOK, successor(world, *kept, uncooled), world.AT)
        assert caught.value.code == "document.entry_uncooled"


def test_a_retired_entry_is_not_brought_back(world: ModuleType) -> None:
    old = successor(world, world.entry(retired_at=world.AT))
    with pytest.raises(DocumentError, match="retired entry never changes"):
        check_successor(old, successor(world, world.entry(), version=3), world.AT)


@given(st.integers(0, 4), st.sampled_from(["extra", "missing", "type"]))
def test_refuses_a_book_with_unknown_missing_or_mistyped_fields(
    world: ModuleType, which: int, how: str
) -> None:
    raw = json.loads(dump_book(world.BOOK))
    key = list(raw["entries"][0])[which]
    if how == "extra":
        raw["entries"][0]["note"] = "x"
    elif how == "missing":
        del raw["entries"][0][key]
    else:
        raw["entries"][0][key] = 5
    with pytest.raises(VaultError):
        load_book(json.dumps(raw))
