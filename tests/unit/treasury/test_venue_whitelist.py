"""The venue's list of addresses against ours, entry by entry: in both, only there, only here."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vault.address import segwit_encode
from vault.policy.book import Entry
from vault.treasury.venue_whitelist import Compared, compare, judge
from vault.venues.base import WhitelistEntry

NOW = datetime(2026, 5, 1, tzinfo=UTC)
COOLING = 24


def address(label: str) -> str:
    return segwit_encode("bcrt", 0, hashlib.sha256(label.encode()).digest()[:20])


def ours(label: str, **changes: Any) -> Entry:
    entry = Entry(
        id=label,
        asset="BTC",
        network="bitcoin:regtest",
        address=address(label),
        memo=None,
        purpose="cold",
        wallet=None,
        index=None,
        venue=None,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        in_first_version=True,
        retired_at=None,
    )
    return replace(entry, **changes)


def theirs(label: str, **changes: Any) -> WhitelistEntry:
    return replace(WhitelistEntry("BTC", "BTC", address(label), "", label, True), **changes)


def compared(venue: list[WhitelistEntry], book: list[Entry]) -> tuple[Compared, ...]:
    return compare("binance", venue, book, NOW, COOLING)


def where(venue: list[WhitelistEntry], book: list[Entry]) -> dict[str, str]:
    return {row.address: row.where for row in compared(venue, book)}


def codes(venue: list[WhitelistEntry], book: list[Entry], enforced: bool | None = True) -> list[str]:
    return [each.code for each in judge("whitelist", compared(venue, book), enforced=enforced)]


def test_each_address_is_in_both_only_there_or_only_here() -> None:
    found = where([theirs("a"), theirs("stranger")], [ours("a"), ours("b")])
    assert found == {address("a"): "both", address("stranger"): "venue_only", address("b"): "ours_only"}
    assert codes([theirs("a"), theirs("stranger")], [ours("a"), ours("b")]) == [
        "key.strange_address",
        "key.not_whitelisted",
    ]


def test_equal_lists_are_fine_and_an_unsaid_switch_is_named() -> None:
    (finding,) = judge("whitelist", compared([theirs("a")], [ours("a")]), enforced=None)
    assert finding.verdict == "OK"
    assert "1 address, the same as in the address book; that" in finding.detail
    assert codes([theirs("a")], [ours("a")]) == [""]


def test_an_entry_for_any_asset_and_network_is_the_same_place() -> None:
    assert where([theirs("a", asset="", network="")], [ours("a")]) == {address("a"): "both"}


def test_the_same_address_for_another_asset_network_or_tag_is_not_ours() -> None:
    for changes in ({"asset": "ETH"}, {"network": "ETH"}, {"network": "NOWHERE"}, {"tag": "7"}):
        rows = compared([theirs("a", **changes)], [ours("a")])
        assert [row.where for row in rows] == ["venue_only", "ours_only"], changes


def test_the_letter_case_of_bech32_is_no_difference() -> None:
    assert codes([theirs("a", address=address("a").upper())], [ours("a")]) == [""]


def test_a_deposit_address_of_ours_elsewhere_is_known_and_never_missed() -> None:
    deposit = ours("deposit", purpose="venue_deposit", venue="other")
    assert codes([theirs("deposit")], [deposit]) == [""]
    assert codes([], [deposit]) == [""]


def test_a_retired_entry_on_the_venue_s_list_is_warned_of_and_not_missed_when_it_is_gone() -> None:
    retired = ours("a", retired_at=NOW - timedelta(days=1))
    assert codes([theirs("a")], [retired]) == ["key.retired_address"]
    assert codes([], [retired]) == [""]


def test_an_address_that_cannot_be_used_yet_says_until_when() -> None:
    until = NOW + timedelta(hours=5)
    (finding,) = judge("whitelist", compared([theirs("a", usable_from=until)], [ours("a")]), enforced=True)
    assert finding.code == "key.address_held"
    assert "until 2026-05-01T05:00:00" in finding.detail
    assert codes([theirs("a", verified=False)], [ours("a")]) == ["key.address_held"]
    assert codes([theirs("a", usable_from=NOW)], [ours("a")]) == [""]


def test_a_list_that_is_switched_off_fails_and_one_that_cannot_be_read_is_a_warning() -> None:
    (finding, *_) = judge("whitelist", compared([theirs("a")], [ours("a")]), enforced=False)
    assert (finding.verdict, finding.code, finding.exit_status) == ("FAIL", "key.whitelist_off", 23)
    (finding,) = judge("whitelist", None, enforced=None)
    assert (finding.verdict, finding.code) == ("WARN", "key.whitelist_unread")


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_no_address_of_either_list_is_lost_or_doubled(there: set[str], here: set[str]) -> None:
    found = where([theirs(each) for each in there], [ours(each) for each in here])
    assert set(found) == {address(each) for each in there | here}
    assert {name for name in there | here if found[address(name)] == "both"} == there & here
    assert {name for name in there | here if found[address(name)] == "venue_only"} == there - here
