"""Entries on Ethereum: EIP-55 and nothing else, one for each asset, one owner for each address, no index."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ethereum_policy as world
from vault.errors import AddressError, DocumentError
from vault.policy.book import AddressBook, check_successor, dump_book, load_book

SAFE = world.entry("safe-usdc", "USDC")


def code(**changes: object) -> str:
    with pytest.raises(AddressError) as caught:
        replace(SAFE, **changes)  # type: ignore[arg-type]
    return caught.value.code


def refused(*entries: object) -> str:
    with pytest.raises(AddressError) as caught:
        AddressBook(1, entries)  # type: ignore[arg-type]
    return caught.value.code


def test_an_entry_is_a_place_on_one_chain_whatever_its_letters_are() -> None:
    assert SAFE.chain_id == 1
    assert SAFE.place == f"eip155:1/{SAFE.address.lower()}"
    assert replace(SAFE, network="eip155:42161").place != SAFE.place


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"address": SAFE.address.lower()}, "address.no_checksum"),
        ({"address": "0x" + SAFE.address[2:].upper()}, "address.no_checksum"),
        ({"address": SAFE.address.swapcase().replace("0X", "0x")}, "address.bad_checksum"),
        ({"address": SAFE.address[:-1]}, "address.not_evm"),
        ({"address": SAFE.address[:-1] + "g"}, "address.not_evm"),
        ({"address": "0x" + "0" * 40}, "address.nobody"),
        ({"address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"}, "address.not_evm"),
        ({"network": "eip155:0"}, "address.unknown_network"),
        ({"network": "eip155:01"}, "address.unknown_network"),
        ({"network": "eip155:"}, "address.unknown_network"),
        ({"network": "eip155:1/x"}, "address.unknown_network"),
        ({"network": "bitcoin:regtest"}, "address.wrong_chain"),
        ({"asset": "BTC"}, "address.wrong_chain"),
        ({"asset": "SOL"}, "address.wrong_chain"),
        ({"index": 0}, "address.bad_entry"),
        ({"memo": "1"}, "address.bad_entry"),
        ({"wallet": None}, "address.bad_entry"),
        ({"purpose": "staging", "wallet": None}, "address.bad_entry"),
        ({"venue": "main"}, "address.bad_entry"),
    ],
)
def test_refuses_an_entry_that_is_not_exactly_an_account(changes: dict[str, object], expected: str) -> None:
    assert code(**changes) == expected


@given(flipped=st.sets(st.integers(2, 41), min_size=1))
def test_every_other_letter_case_is_refused(flipped: set[int]) -> None:
    letters = [char.swapcase() if at in flipped else char for at, char in enumerate(SAFE.address)]
    other = "".join(letters)
    if other != SAFE.address:
        assert code(address=other) in {"address.bad_checksum", "address.no_checksum"}


def test_one_address_stands_once_for_each_asset() -> None:
    ether = replace(SAFE, id="safe-eth", asset="ETH")
    AddressBook(1, (SAFE, ether))
    assert refused(SAFE, ether, replace(ether, id="again")) == "address.duplicate_entry"
    AddressBook(1, (SAFE, replace(SAFE, id="other", network="eip155:42161")))


@pytest.mark.parametrize(
    "changes",
    [
        {"wallet": "other"},
        {"purpose": "staging"},
        {"purpose": "venue_deposit", "wallet": None, "venue": "main"},
    ],
)
def test_an_address_is_one_account_whatever_the_asset(changes: dict[str, object]) -> None:
    other = replace(SAFE, id="two", asset="ETH", **changes)  # type: ignore[arg-type]
    assert refused(SAFE, other) == "address.contradictory_entry"


def test_chains_stand_beside_one_bitcoin_network() -> None:
    from vault.address import segwit_encode

    bitcoin = replace(
        SAFE,
        id="cold",
        asset="BTC",
        network="bitcoin:regtest",
        address=segwit_encode("bcrt", 0, bytes(20)),
        wallet="cold",
        index=0,
    )
    AddressBook(1, (SAFE, bitcoin))
    main = replace(bitcoin, id="main", network="bitcoin:mainnet", address=segwit_encode("bc", 0, bytes(20)))
    assert refused(SAFE, bitcoin, main) == "address.mixed_networks"
    with pytest.raises(AddressError):
        replace(bitcoin, purpose="staging")


def test_a_book_with_accounts_reads_back_equal_and_keeps_its_digest() -> None:
    again = load_book(dump_book(world.BOOK))
    assert again == world.BOOK
    assert again.digest() == world.BOOK.digest()


def test_a_retired_account_never_comes_back_and_never_changes() -> None:
    gone = AddressBook(2, (replace(SAFE, retired_at=world.AT),))
    back = AddressBook(3, (SAFE,))
    with pytest.raises(DocumentError):
        check_successor(gone, back, world.AT)
    again = replace(SAFE, id="again", in_first_version=False, added_at=world.AT + timedelta(hours=1))
    with pytest.raises(AddressError):
        AddressBook(3, (*gone.entries, again))
