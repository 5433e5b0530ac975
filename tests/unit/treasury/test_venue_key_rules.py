"""What a venue says of a key is judged: refused, odd, fine, or not said. No key is good by silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vault.config import VenueSettings
from vault.errors import KeyRightsError, VenueError
from vault.secrets import Secret
from vault.treasury import venue_probe
from vault.treasury.venue_keys import describe, judge, not_told, require_safe, roles_of
from vault.venues.base import KeyPermissions

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SEND = KeyPermissions(
    role="withdraw",
    account_uid="1",
    can_read=True,
    can_withdraw=True,
    can_trade=False,
    can_transfer=True,
    ip_restricted=True,
    created_at=None,
    ip_list=("203.0.113.7",),
)
READ = replace(SEND, role="read", can_withdraw=False, can_transfer=False, ip_restricted=False, ip_list=())


def account(exchange: str = "bybit", **changes: Any) -> VenueSettings:
    return VenueSettings(
        name="trading", exchange=exchange, account_uid="1", url="http://127.0.0.1:1", **changes
    )


def verdicts(found: KeyPermissions, settings: VenueSettings | None = None) -> list[tuple[str, str]]:
    return [(each.verdict, each.code) for each in judge("key", settings or account(), found, NOW)]


def refusal(found: KeyPermissions, settings: VenueSettings | None = None) -> str:
    with pytest.raises(KeyRightsError) as caught:
        require_safe(settings or account(), found, NOW)
    assert caught.value.exit_status == 23
    assert caught.value.hint
    return caught.value.code


def test_two_plain_keys_are_fine() -> None:
    assert verdicts(READ) == verdicts(SEND) == [("OK", "")]
    require_safe(account(), READ, NOW)
    require_safe(account(), SEND, NOW)


@pytest.mark.parametrize("role", ["read", "withdraw"])
@pytest.mark.parametrize(
    "bound",
    [
        {"ip_restricted": False, "ip_list": None},
        {"ip_restricted": False, "ip_list": ()},
        {"ip_restricted": True, "ip_list": ("0.0.0.0/0",)},
        {"ip_restricted": None, "ip_list": ("0.0.0.0/0",)},
        {"ip_restricted": None, "ip_list": ()},
        {"ip_restricted": True, "ip_list": ("10.0.0.1", " * ")},
        {"ip_restricted": True, "ip_list": ("0.0.0.0/1", "128.0.0.0/1")},
        {"ip_restricted": True, "ip_list": ("::ffff:0.0.0.0/96",)},
        {"ip_restricted": True, "ip_list": ("::/1", "8000::/1")},
        {"ip_restricted": True, "ip_list": ("203.0.113.7", "::/0")},
        {"ip_restricted": True, "ip_list": ("*",)},
        {"ip_restricted": True, "ip_list": ("0.0.0.0",)},  # noqa: S104
    ],
)
def test_a_key_that_may_withdraw_from_anywhere_is_refused_in_either_role(role: str, bound: Any) -> None:
    found = replace(SEND, role=role, **bound)
    assert refusal(found) == "key.no_ip_list"
    assert ("FAIL", "key.no_ip_list") in verdicts(found)


def test_a_wide_list_of_addresses_is_odd_and_kept() -> None:
    found = replace(SEND, ip_list=("10.0.0.0/8",))
    require_safe(account(), found, NOW)
    assert verdicts(found) == [("WARN", "key.wide_ip_list")]
    assert verdicts(replace(SEND, ip_list=("203.0.113.0/24", "2001:db8::/48"))) == [("OK", "")]


@pytest.mark.parametrize("lacking", ["can_withdraw", "can_transfer"])
def test_a_withdraw_key_that_cannot_do_its_work_is_refused(lacking: str) -> None:
    assert refusal(replace(SEND, **{lacking: False})) == "key.too_weak"


def test_no_transfer_is_needed_where_margin_is_withdrawn_directly() -> None:
    require_safe(account("deribit"), replace(SEND, can_transfer=False), NOW)


def test_a_key_that_may_not_read_or_has_expired_is_refused() -> None:
    assert refusal(replace(READ, can_read=False)) == "key.too_weak"
    assert refusal(replace(READ, expires_at=NOW)) == "key.expired"
    assert verdicts(replace(READ, expires_at=NOW + timedelta(days=3))) == [("WARN", "key.expires_soon")]
    assert verdicts(replace(READ, expires_at=NOW + timedelta(days=90))) == [("OK", "")]


@pytest.mark.parametrize("right", ["can_trade", "can_transfer"])
def test_a_read_key_that_may_do_more_is_warned_of(right: str) -> None:
    assert verdicts(replace(READ, **{right: True})) == [("WARN", "key.too_strong")]


def test_a_read_key_that_may_withdraw_from_one_address_is_warned_of() -> None:
    assert verdicts(replace(SEND, role="read")) == [("WARN", "key.too_strong")]


def test_a_withdraw_key_that_may_trade_is_warned_of() -> None:
    assert verdicts(replace(SEND, can_trade=True)) == [("WARN", "key.too_strong")]


def test_a_right_to_trade_that_the_venue_needs_is_not_advised_away() -> None:
    okx = account("okx")
    found, *_ = judge("key", okx, replace(SEND, can_trade=True), NOW)
    assert (found.verdict, found.code) == ("WARN", "key.too_strong")
    assert "okx moves money inside only by a key that may trade" in found.detail
    assert "without the right to trade it cannot sweep" in found.hint
    for part in ("IP address", "whitelist", "sub-account"):
        assert part in found.hint
    assert "Make a key" not in found.hint


def test_the_venues_own_need_excuses_no_read_key_and_no_other_venue() -> None:
    for exchange, key in (("okx", READ), ("bybit", SEND)):
        found, *_ = judge("key", account(exchange), replace(key, can_trade=True), NOW)
        assert found.hint == "Make a key without the right to trade."


def test_a_key_too_weak_to_move_money_is_told_which_right_it_takes_there() -> None:
    weak = replace(SEND, can_transfer=False)
    for exchange, expected in (("okx", True), ("bybit", False)):
        found, *_ = judge("key", account(exchange), weak, NOW)
        assert (found.verdict, found.code) == ("FAIL", "key.too_weak")
        assert ("to trade is what it takes" in found.hint) == expected


def test_what_is_not_said_is_named_and_never_taken_for_good() -> None:
    unsaid = replace(SEND, role="read", ip_restricted=None, ip_list=None, can_trade=None)
    found = judge("key", account("gate"), unsaid, NOW)
    assert [each.verdict for each in found] == ["WARN", "SKIP", "SKIP", "SKIP"]
    said = " ".join(each.detail for each in found)
    assert "does not say whether the key is bound to IP addresses" in said
    assert "whether the key may trade" in said
    expiry = judge("key", account("okx"), SEND, NOW)[1]
    assert (expiry.verdict, expiry.detail) == ("SKIP", "the venue does not say when the key expires")


@pytest.mark.parametrize("can_withdraw", [True, None])
def test_a_venue_that_could_say_from_where_and_does_not_leaves_the_key_out(can_withdraw: bool | None) -> None:
    unsaid = replace(SEND, can_withdraw=can_withdraw, ip_restricted=None, ip_list=None)
    assert refusal(unsaid) == "key.ip_list_unknown"
    assert refusal(replace(unsaid, ip_restricted=False)) == "key.no_ip_list"


def test_a_venue_that_tells_no_rights_is_a_warning_and_any_other_error_a_failure() -> None:
    (silent,) = not_told("read key", VenueError("not_offered", "kraken: …"))
    assert (silent.verdict, silent.code) == ("WARN", "venue.not_offered")
    (broken,) = not_told("read key", VenueError("timeout", "no answer"))
    assert (broken.verdict, broken.code, broken.exit_status) == ("FAIL", "venue.timeout", 20)


@pytest.mark.parametrize(
    ("settings", "roles"),
    [
        (account("bybit"), ("read", "withdraw")),
        (account("bybit", custody="off_exchange", custodian="Custodian One"), ("read",)),
        (account("gate"), ("read",)),
        (account("hyperliquid"), ()),
    ],
)
def test_an_account_has_the_keys_that_it_can_use(settings: VenueSettings, roles: tuple[str, ...]) -> None:
    assert roles_of(settings) == roles


def test_rights_in_words_name_the_addresses() -> None:
    assert describe(SEND) == "may read and transfer and withdraw, from 203.0.113.7"
    assert describe(READ) == "may read, from any IP address"
    assert describe(replace(READ, ip_restricted=True, ip_list=None)).endswith("listed IP addresses only")


@pytest.mark.parametrize(
    ("read", "send", "codes"),
    [("one", "one", ["key.same_key"]), ("one", "two", []), (None, "two", []), (None, None, [])],
)
def test_one_key_kept_for_both_roles_is_found_however_it_came_there(
    monkeypatch: pytest.MonkeyPatch, read: str | None, send: str | None, codes: list[str]
) -> None:
    kept = {"venue/trading/read/key": read, "venue/trading/withdraw/key": send}

    def find(treasury_id: str, name: str) -> Secret | None:
        text = kept[name]
        return None if text is None else Secret(text)

    monkeypatch.setattr("vault.secrets.find_secret", find)
    found = venue_probe.same_key("ours", account())
    assert [each.code for each in found] == codes
