"""`vault venue` against an emulated exchange over sockets: what is kept, what is refused, what is said."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support.venue_desk import READ, SEND, QuietChain, VenueDesk, address, entry, lines, venue_desk
from tests.support.warm_server import WarmServer, warm_server

pytestmark = pytest.mark.timeout(120)

COLD, OTHER, STRANGER = address("cold"), address("other"), address("stranger")
NAMES = {f"venue/trading/{role}/{part}" for role in ("read", "withdraw") for part in ("key", "secret")}


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmServer]:
    with warm_server() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, warm: WarmServer) -> Iterator[VenueDesk]:
    with venue_desk(tmp_path, warm) as made:
        yield made


@pytest.fixture
def added(desk: VenueDesk) -> VenueDesk:
    """A desk whose account is there, with a signed book of a cold entry and the deposit address."""
    assert desk.add().status == 0
    desk.control.deposit_address("trading")
    desk.sign_book(entry("cold-1", COLD), entry("trading-deposit", QuietChain.DEPOSIT, venue="trading"))
    whitelist(desk, COLD)
    return desk


def whitelist(desk: VenueDesk, *addresses: str, on: bool = True, **facts: Any) -> None:
    entries = [{"coin": "BTC", "network": "BTC", "address": each, **facts} for each in addresses]
    desk.control.call("whitelist", account="trading", on=on, entries=entries)


def new_key(desk: VenueDesk, **rights: Any) -> dict[str, Any]:
    key = {"key": f"key-{len(rights)}-{sorted(rights)}"[:40], "secret": "secret-of-it", **rights}
    desk.control.call("keys", account="trading", **key)
    return key


# -- add ---------------------------------------------------------------------------------------------


def test_add_keeps_the_table_and_both_keys_and_says_what_they_may_do(desk: VenueDesk) -> None:
    ran = desk.add(options=("--contract", "ETHUSDT"))
    assert ran.status == 0, ran.err
    assert ran.document["written"] is True
    assert [key["permissions"]["can_withdraw"] for key in ran.document["keys"]] == [False, True]
    settings = desk.treasury.venue("trading")
    assert (settings.exchange, settings.account_uid, settings.contracts) == (
        "binance",
        desk.uid,
        ("ETHUSDT",),
    )
    assert desk.stored() == dict.fromkeys(sorted(NAMES), True)
    assert desk.kept
    assert stat.S_IMODE(desk.config.stat().st_mode) == 0o600
    assert not [secret for secret in desk.secrets if secret in ran.out + ran.err + desk.config.read_text()]


def test_without_write_a_table_is_printed_and_no_key_is_asked_for(desk: VenueDesk) -> None:
    before = desk.config.read_bytes()
    arguments = ("venue", "add", "trading", "--exchange", "binance", "--uid", desk.uid, "--url", desk.url)
    assert desk.ok(*arguments)["written"] is False
    assert desk.config.read_bytes() == before
    assert desk.control.requests() == []


def nothing_kept(desk: VenueDesk) -> None:
    assert "[[venue]]\nname" not in desk.config.read_text()
    assert not desk.kept


def test_a_withdraw_key_without_an_ip_list_is_not_kept_and_there_is_no_force(desk: VenueDesk) -> None:
    ran = desk.add(READ, new_key(desk, withdraw=True))
    assert (ran.status, ran.document["error"]) == (23, "key.no_ip_list")
    assert "IP address" in ran.document["hint"]
    nothing_kept(desk)
    assert desk.add(options=("--force",)).status == 2


@pytest.mark.parametrize(
    ("rights", "code"),
    [
        ({"withdraw": True, "ip_list": ["127.0.0.1"], "transfer": False}, "key.too_weak"),
        ({"ip_list": ["127.0.0.1"]}, "key.too_weak"),
    ],
)
def test_a_withdraw_key_that_cannot_do_its_work_is_not_kept(
    desk: VenueDesk, rights: dict[str, Any], code: str
) -> None:
    ran = desk.add(READ, new_key(desk, **rights))
    assert (ran.status, ran.document["error"]) == (23, code)
    nothing_kept(desk)


def test_one_key_for_both_roles_is_not_kept(desk: VenueDesk) -> None:
    ran = desk.add(SEND, SEND)
    assert (ran.status, ran.document["error"]) == (23, "key.same_key")
    nothing_kept(desk)


def test_a_read_key_that_may_withdraw_from_anywhere_is_not_kept_either(desk: VenueDesk) -> None:
    ran = desk.add(new_key(desk, withdraw=True), SEND)
    assert (ran.status, ran.document["error"]) == (23, "key.no_ip_list")
    nothing_kept(desk)


def test_keys_of_another_account_and_keys_that_the_venue_does_not_know_are_not_kept(desk: VenueDesk) -> None:
    ran = desk.add(uid="77")
    assert (ran.status, ran.document["error"]) == (20, "venue.wrong_account")
    assert desk.uid in ran.document["message"]
    ran = desk.add(READ, {"key": "nobody-knows-this", "secret": "nor-this"})
    assert (ran.status, ran.document["error"]) == (20, "venue.refused")
    assert "nobody-knows-this" not in ran.out + ran.err
    ran = desk.add({**READ, "secret": "mistyped-secret"}, SEND)
    assert (ran.status, ran.document["error"]) == (20, "venue.refused")
    assert "mistyped-secret" not in ran.out + ran.err
    nothing_kept(desk)


@pytest.mark.parametrize(
    ("kind", "path", "facts"),
    [
        ("partial_answer", "apiRestrictions", {"field": "ipRestrict"}),
        ("partial_answer", "apiRestrictions", {"field": "enableWithdrawals"}),
        ("broken_json", "apiRestrictions", {}),
        ("maintenance", "apiRestrictions", {}),
        ("504_after_recording", "apiRestrictions", {}),
        ("drop_connection_after", "/api/v3/account", {}),
    ],
)
def test_a_key_whose_rights_cannot_be_read_whole_is_not_kept(
    desk: VenueDesk, kind: str, path: str, facts: dict[str, Any]
) -> None:
    desk.control.fault(kind, path, lasting=True, **facts)
    ran = desk.add()
    assert (ran.status, ran.document["error"].split(".")[0]) == (20, "venue")
    nothing_kept(desk)


def test_too_few_lines_store_nothing(desk: VenueDesk) -> None:
    arguments = ("venue", "add", "trading", "--exchange", "binance", "--uid", desk.uid, "--url", desk.url)
    desk.fails(12, "secret.bad_value", *arguments, "--write", stdin=lines(READ))
    assert desk.control.requests() == [], "a line too few is found before the venue is asked"
    nothing_kept(desk)


def test_a_name_or_an_account_that_is_taken_is_refused_before_a_key_is_asked_for(added: VenueDesk) -> None:
    seen = len(added.control.requests())
    ran = added.add()
    assert (ran.status, ran.document["error"]) == (11, "config.name_taken")
    again = ("venue", "add", "second", "--exchange", "binance", "--uid", added.uid, "--url", added.url)
    added.fails(10, "document.invalid", *again, "--write")
    assert len(added.control.requests()) == seen


def test_a_real_venue_is_refused_before_a_key_is_asked_for(desk: VenueDesk) -> None:
    arguments = ("venue", "add", "trading", "--exchange", "binance", "--uid", "1", "--write")
    desk.fails(18, "guard.venue", *arguments)
    desk.fails(18, "guard.not_loopback", *arguments, "--url", "https://api.binance.com")
    nothing_kept(desk)


def test_an_account_may_have_a_read_key_alone(desk: VenueDesk) -> None:
    ran = desk.add(READ, options=("--no-withdraw-key",))
    assert ran.status == 0, ran.err
    assert {name for name, there in desk.stored().items() if there} == {
        "venue/trading/read/key",
        "venue/trading/read/secret",
    }
    desk.ok("venue", "keys", "trading", "--set", "withdraw", stdin=lines(SEND))
    assert all(desk.stored().values())


# -- keys --------------------------------------------------------------------------------------------


def test_keys_says_what_each_may_do_and_that_the_lists_agree(added: VenueDesk) -> None:
    ran = added.vault("venue", "keys", "trading", "--json")
    assert ran.status == 0, ran.out
    read, send = ran.document["keys"]
    assert (read["role"], read["can_withdraw"], read["can_transfer"]) == ("read", False, False)
    assert (send["role"], send["can_withdraw"], send["ip_restricted"]) == ("withdraw", True, True)
    assert [(row["where"], row["entry"]) for row in ran.document["whitelist"]] == [("both", "cold-1")]
    assert ran.verdicts == {"read key": "OK", "withdraw key": "OK", "whitelist": "OK", "hold": "SKIP"}
    text = added.vault("venue", "keys", "trading").out
    assert COLD in text
    assert "the venue does not say whether withdrawals are held back" in text


def test_an_address_only_at_the_venue_is_suspicious_and_one_only_here_is_named(added: VenueDesk) -> None:
    added.sign_book(entry("cold-1", COLD), entry("cold-2", OTHER))
    whitelist(added, COLD, STRANGER)
    ran = added.vault("venue", "keys", "trading", "--json")
    found = {row["address"]: row["where"] for row in ran.document["whitelist"]}
    assert found == {COLD: "both", STRANGER: "venue_only", OTHER: "ours_only"}
    assert ran.codes("whitelist") == ["key.strange_address", "key.not_whitelisted"]
    assert ran.verdicts["whitelist"] == "WARN"
    assert "SUSPICIOUS" in added.vault("venue", "keys", "trading").out


def test_an_address_that_the_venue_holds_back_is_named(added: VenueDesk) -> None:
    whitelist(added, COLD, usable=False)
    ran = added.vault("venue", "keys", "trading", "--json")
    assert ran.codes("whitelist") == ["key.address_held"]


def test_a_list_that_the_key_may_not_read_is_a_failure_that_hides_nothing(added: VenueDesk) -> None:
    added.control.fault("maintenance", "address/list", lasting=True)
    ran = added.vault("venue", "keys", "trading", "--json")
    assert ran.status == 20
    assert ran.verdicts["whitelist"] == "FAIL"
    assert ran.verdicts["withdraw key"] == "OK"


def test_a_key_whose_ip_list_the_venue_leaves_out_is_not_taken_for_bound(added: VenueDesk) -> None:
    added.control.fault("partial_answer", "apiRestrictions", api_key=SEND["key"], field="ipRestrict", count=1)
    ran = added.vault("venue", "keys", "trading", "--json")
    assert (ran.status, ran.verdicts["withdraw key"]) == (20, "FAIL")
    assert ran.codes("withdraw key") == ["venue.incomplete_answer"]


def test_a_key_that_lost_its_ip_list_at_the_venue_ends_with_its_own_status(
    desk: VenueDesk,
) -> None:
    # Kept while it was bound; then somebody took the list away.
    bound = new_key(desk, withdraw=True, ip_list=["127.0.0.1"])
    assert desk.add(READ, bound).status == 0
    desk.unbind(bound["key"])
    ran = desk.vault("venue", "keys", "trading", "--json")
    assert (ran.status, ran.codes("withdraw key")) == (23, ["key.no_ip_list"])
    assert desk.vault("venue", "test", "trading", "--json").status == 1


def test_another_key_takes_the_place_of_one_only_when_it_passes(added: VenueDesk) -> None:
    loose = new_key(added, withdraw=True)
    added.fails(23, "key.no_ip_list", "venue", "keys", "trading", "--set", "withdraw", stdin=lines(loose))
    assert added.vault("venue", "keys", "trading", "--json").verdicts["withdraw key"] == "OK"
    trades = new_key(added, withdraw=True, trade=True, ip_list=["127.0.0.1"])
    stored = added.ok("venue", "keys", "trading", "--set", "withdraw", stdin=lines(trades))
    assert [each["code"] for each in stored["findings"]] == ["key.too_strong"]
    ran = added.vault("venue", "keys", "trading", "--json")
    assert (ran.status, ran.codes("withdraw key")) == (0, ["key.too_strong"])
    added.fails(23, "key.same_key", "venue", "keys", "trading", "--set", "read", stdin=lines(trades))


def test_a_read_key_that_may_trade_is_warned_of_and_kept(desk: VenueDesk) -> None:
    ran = desk.add(new_key(desk, trade=True, transfer=False), SEND)
    assert ran.status == 0, ran.err
    assert [each["code"] for each in ran.document["keys"][0]["findings"]] == ["key.too_strong"]


# -- test --------------------------------------------------------------------------------------------

FINE = {
    "clock": "OK",
    "read key": "OK",
    "withdraw key": "OK",
    "account": "OK",
    "hold": "SKIP",
    "network BTC on BTC": "OK",
    "deposit address BTC on BTC": "OK",
}


def test_test_asks_everything_once_and_finds_nothing_wrong(added: VenueDesk) -> None:
    ran = added.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.document["ok"], ran.verdicts) == (0, True, FINE)
    text = added.vault("venue", "test", "trading").out
    assert f"UID {added.uid}" in text
    assert QuietChain.DEPOSIT in text
    assert not [secret for secret in added.secrets if secret in text]


def test_an_account_that_is_another_now_fails_and_what_hangs_on_it_is_skipped(added: VenueDesk) -> None:
    text = added.config.read_text()
    added.config.write_text(text.replace(f'account_uid = "{added.uid}"', 'account_uid = "77"'))
    ran = added.vault("venue", "test", "trading", "--json")
    assert ran.status == 1
    assert ran.codes("read key") == ran.codes("withdraw key") == ["venue.wrong_account"]
    assert {ran.verdicts[what] for what in ("account", "networks", "deposit address")} == {"SKIP"}


def test_a_deposit_address_that_changed_fails(added: VenueDesk) -> None:
    added.control.deposit_address("trading", show=STRANGER)
    ran = added.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.codes("deposit address BTC on BTC")) == (1, ["venue.deposit_address_changed"])
    assert STRANGER in ran.out


def test_a_network_that_is_suspended_is_to_be_looked_at(added: VenueDesk) -> None:
    added.control.network("BTC", withdraw_enabled=False)
    ran = added.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.verdicts["network BTC on BTC"]) == (0, "WARN")
    assert ran.codes("network BTC on BTC") == ["venue.suspended"]


def test_a_clock_that_is_off_fails_and_nothing_else_is_asked(added: VenueDesk) -> None:
    added.control.clock(offset_ms=60_000)
    ran = added.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.codes("clock")) == (1, ["venue.clock_skew"])
    assert set(ran.verdicts.values()) == {"FAIL", "SKIP"}


def test_maintenance_of_one_endpoint_hides_no_other(added: VenueDesk) -> None:
    added.control.fault("maintenance", "/fapi/v3/account", lasting=True)
    ran = added.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.verdicts) == (1, {**FINE, "account": "FAIL"})


def test_a_venue_that_is_down_is_said_in_one_line_and_the_rest_skipped(added: VenueDesk) -> None:
    text = added.config.read_text()
    added.config.write_text(text.replace(added.url, "http://127.0.0.1:9"))
    ran = added.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.codes("clock")) == (1, ["venue.unreachable"])
    assert set(ran.verdicts.values()) == {"FAIL", "SKIP"}


def test_a_slow_answer_is_waited_for_and_a_hanging_one_is_given_up(added: VenueDesk) -> None:
    with added.config.open("a") as file:
        file.write("timeout_seconds = 1\n")  # of the venue, whose table stands last
    added.control.latency(150)
    assert added.vault("venue", "test", "trading", "--json").verdicts == FINE
    added.control.latency(0)
    added.control.fault("hang_before", "capital/config/getall", seconds="30", lasting=True)
    began = time.monotonic()
    ran = added.vault("venue", "test", "trading", "--json")
    assert time.monotonic() - began < 30  # the bound is the configured second, not the venue's patience
    assert ran.codes("network BTC on BTC") == ["venue.timeout"]
    assert ran.verdicts == {**FINE, "network BTC on BTC": "FAIL"}
    added.control.clear_faults()


def test_a_draft_of_the_book_does_not_hide_that_the_deposit_address_changed(added: VenueDesk) -> None:
    """The last signed version is compared instead, and said."""
    assert added.ok("venue", "test", "trading")["book_version"] == 1
    book = added.treasury.book_path
    book.write_text(book.read_text().replace('"version": 1', '"version": 2'), encoding="utf-8")
    ran = added.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.document["book_version"]) == (0, 1)
    assert ran.document["book_error"] == "attestation.other_document"
    assert "as in version 1, the last that was signed" in ran.out
    added.control.deposit_address("trading", show=address("somebody else"))
    ran = added.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.codes("deposit address BTC on BTC")) == (1, ["venue.deposit_address_changed"])
    text = added.vault("venue", "test", "trading").out
    assert "compared with version 1, the last that was signed" in text
    assert f"expected {QuietChain.DEPOSIT} (trading-deposit in version 1" in text
    assert added.vault("doctor", "--json").codes("venue trading deposit address BTC on BTC") == [
        "venue.deposit_address_changed"
    ]


def test_without_a_signed_book_the_deposit_address_is_shown_and_the_reason_said(desk: VenueDesk) -> None:
    assert desk.add().status == 0
    desk.control.deposit_address("trading")
    ran = desk.vault("venue", "test", "trading", "--json")
    assert (ran.status, ran.document["book_error"]) == (0, "attestation.unreadable")
    assert "in no signed address book" in ran.out
    keys = desk.vault("venue", "keys", "trading", "--json")
    assert (keys.status, keys.verdicts["whitelist"]) == (0, "WARN")


# -- doctor, list, show ------------------------------------------------------------------------------


def test_doctor_includes_what_test_and_keys_find(added: VenueDesk) -> None:
    whitelist(added, COLD, STRANGER)
    found = {
        each["what"]: each["verdict"]
        for each in added.vault("doctor", "--json").document["findings"]
        if each["what"].startswith("venue trading ")
    }
    assert found == {
        **{f"venue trading {what}": verdict for what, verdict in FINE.items()},
        "venue trading whitelist": "WARN",
        "venue trading hold": "SKIP",
    }


def test_list_and_show_ask_nobody(added: VenueDesk) -> None:
    seen = len(added.control.requests())
    (row,) = added.ok("venue", "list")["venues"]
    assert (row["name"], row["mode"], row["wallets"]) == ("trading", "full", ["futures", "spot"])
    shown = added.ok("venue", "show", "trading")
    assert (shown["fee"], shown["client_ids"], shown["freeze"], shown["durations"]) == (
        "included",
        True,
        None,
        [],
    )
    assert "whether withdrawals are held back" in shown["unsaid"]
    assert len(added.control.requests()) == seen
    added.fails(11, "config.unknown_name", "venue", "show", "nowhere")


def test_a_freeze_and_lead_times_are_shown_and_a_person_lifts_the_freeze(added: VenueDesk) -> None:
    from vault.clock import SystemClock
    from vault.store import venues as known
    from vault.store.database import Store

    treasury = added.treasury
    with (
        Store.open(treasury.store_url, treasury.config.treasury_id, SystemClock()) as store,
        store.write() as writer,
    ):
        known.freeze_venue(writer, "trading", "denied.deposit_address_changed", "expected a, found b")
        for number, seconds in enumerate((60, 90, 600)):
            way = known.Way("trading", "BTC", "BTC", "deposit")
            known.save_lead_time(writer, f"client-{number}", way, seconds)
    shown = added.ok("venue", "show", "trading")
    assert shown["freeze"]["code"] == "denied.deposit_address_changed"
    (took,) = shown["durations"]
    assert (took["p50_seconds"], took["p95_seconds"], took["records"]) == (90, 600, 3)
    text = added.vault("venue", "show", "trading").out
    assert "FROZEN since" in text
    assert "--yes denied.deposit_address_changed" in text
    lift = ("venue", "unfreeze", "trading", "--reason", "the venue renewed it, told by phone")
    added.fails(2, "usage.refused", *lift)
    added.fails(51, "denied.other_freeze", *lift, "--yes", "trading")
    assert added.ok("venue", "show", "trading")["freeze"] is not None
    added.ok(*lift, "--yes", "denied.deposit_address_changed")
    assert added.ok("venue", "show", "trading")["freeze"] is None
    added.fails(13, "store.venue_not_frozen", *lift, "--yes", "denied.deposit_address_changed")


def test_an_exchange_with_a_password_asks_for_it_and_one_without_keys_for_none(desk: VenueDesk) -> None:
    def key(role: str, **rights: Any) -> dict[str, Any]:
        parts = {part: f"okx-{role}-{part}-5c1f" for part in ("key", "secret", "passphrase")}
        return {**parts, **rights}

    keys = [key("read", transfer=False), key("send", withdraw=True, ip_list=["127.0.0.1"])]
    with VenueServer("okx") as server:
        uid = VenueControl(server.url).create_account("trading", keys=keys)
        given = "".join(f"{each['key']}\n{each['secret']}\n{each['passphrase']}\n" for each in keys)
        add = (
            "venue",
            "add",
            "second",
            "--exchange",
            "okx",
            "--uid",
            str(uid),
            "--url",
            server.url,
            "--write",
        )
        desk.fails(12, "secret.bad_value", *add, stdin=given.rsplit("\n", 2)[0])
        tried = desk.ok(*add, stdin=given)["keys"]
        assert [each["permissions"]["ip_list"] for each in tried] == [[], ["127.0.0.1"]]
        assert sorted(desk.stored()) == sorted(
            f"venue/second/{role}/{part}"
            for role in ("read", "withdraw")
            for part in ("key", "secret", "password")
        )
        examined = desk.vault("venue", "keys", "second", "--json")
        assert (examined.status, examined.codes("whitelist")) == (0, ["key.whitelist_unread"])
    none = ("venue", "add", "third", "--exchange", "hyperliquid", "--uid", "0x1", "--url", server.url)
    assert desk.ok(*none, "--write")["keys"] == []
    assert not [name for name in desk.stored() if "third" in name]
