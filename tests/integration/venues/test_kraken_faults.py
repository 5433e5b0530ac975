"""Faults at an emulated Kraken: at most one withdrawal for an intent, every outcome is found in the end."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.kraken_world import ACCOUNT, KrakenWorld, fill, kraken_world, soon
from tests.support.warm_server import WarmServer
from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.money import BTC, Amount
from vault.venues import client as venue_client

# "/Withdraw" alone is the beginning of the histories' names too.
SEND, HISTORY, LEDGERS = "private/Withdraw", "WithdrawStatus", "private/Ledgers"
BEFORE = 3  # WithdrawMethods, WithdrawAddresses, WithdrawInfo: what a withdrawal asks under that beginning
LOG = "account-log"
RECORDED = ["504_after_recording", "drop_connection_after", "http_500_after_recording", "broken_json"]
NOT_RECORDED = ["504_before_recording", "drop_connection_before", "http_500", "maintenance"]
HOPS = (
    (("flex", "cash"), "v3/transfer"),
    (("cash", "spot"), "v3/withdrawal"),
    (("spot", "cash"), "private/WalletTransfer"),
)
SEED = 20_260_901


@pytest.fixture
def world(
    keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[KrakenWorld]:
    from quick_keyring import QuickCryptFileKeyring

    fill(QuickCryptFileKeyring(), "only for tests")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(venue_client, "_start", warm.worker)
    with kraken_world() as made:
        yield made


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(VaultError) as caught:
        call(*arguments)
    return caught.value.code


def search(world: KrakenWorld, request: Any) -> Any:
    return world.client.search_withdrawal(ACCOUNT, request, soon(-60))


@pytest.mark.parametrize("kind", RECORDED)
def test_a_withdrawal_whose_answer_is_lost_is_unknown_and_found(world: KrakenWorld, kind: str) -> None:
    request = world.request()
    world.control.fault(kind, SEND, method="POST", skip=BEFORE)
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert len(world.withdrawals()) == 1
    found = search(world, request).found
    assert found is not None
    assert found.gross == request.amount


@pytest.mark.parametrize("kind", NOT_RECORDED)
def test_a_withdrawal_that_was_lost_on_the_way_is_unknown_until_absence_is_proof(
    world: KrakenWorld, kind: str
) -> None:
    request = world.request(not_after=soon(1))
    world.control.fault(kind, SEND, method="POST", skip=BEFORE)
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert world.withdrawals() == []
    early = search(world, request)
    assert early.found is None
    assert not early.proves_absence(request.not_after)
    # A minute of history lag and one in which a request may still be accepted.
    assert early.proves_absence(soon() - timedelta(seconds=60 + 120 + 5))


def test_a_hanging_answer_is_waited_for_once_and_not_asked_again(world: KrakenWorld) -> None:
    request = world.request()
    world.control.fault("hang", SEND, method="POST", seconds="5", skip=BEFORE)
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert len(world.sent("/Withdraw")) == 1
    assert search(world, request).found is not None


@pytest.mark.parametrize("field", ["refid", "result", "error"])
def test_a_receipt_that_lacks_a_part_leaves_it_unknown(world: KrakenWorld, field: str) -> None:
    request = world.request()
    world.control.fault("partial_answer", SEND, method="POST", field=field, skip=BEFORE)
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert search(world, request).found is not None


@pytest.mark.parametrize("path", [HISTORY, LEDGERS])
def test_an_entry_left_out_of_an_answer_is_no_proof_of_absence(world: KrakenWorld, path: str) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    world.control.fault("partial_answer", path)
    if path == HISTORY:
        assert code_of(search, world, request) == "venue.history_incomplete"
    else:
        assert search(world, request).found is not None


def test_doubled_entries_are_one_withdrawal_and_strange_fields_change_nothing(world: KrakenWorld) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    plain = search(world, request).found
    for kind in ("duplicate_entries", "unknown_field"):
        world.control.fault(kind, HISTORY)
        found = search(world, request).found
        assert found == plain
        world.control.clear_faults()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "partial_answer", "field": "status"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "info"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "amount"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "result"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "error"}, "venue.bad_answer"),
        ({"kind": "broken_json"}, "venue.bad_answer"),
        ({"kind": "maintenance"}, "venue.refused"),
        ({"kind": "http_500"}, "venue.refused"),
        ({"kind": "drop_connection_after"}, "venue.dropped"),
        ({"kind": "504_after_recording"}, "venue.bad_answer"),
    ],
)
def test_a_search_that_cannot_be_read_says_nothing(
    world: KrakenWorld, fault: dict[str, str], code: str
) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    world.control.fault(path=HISTORY, **fault)
    assert code_of(search, world, request) == code


def test_a_history_that_lags_proves_no_absence(world: KrakenWorld) -> None:
    request = world.request(not_after=soon(1))
    world.control.withdrawals(history_lag_ms=60_000)
    world.client.withdraw(ACCOUNT, request)
    late = search(world, request)
    assert late.found is None
    assert not late.proves_absence(request.not_after)


def test_two_records_with_the_same_details_are_not_one_of_them(world: KrakenWorld) -> None:
    request = world.request()
    for _ in range(2):
        world.client.withdraw(ACCOUNT, request)
    assert code_of(search, world, request) == "venue.ambiguous_withdrawal"


@pytest.mark.parametrize("kind", ["maintenance", "http_500", "broken_json", "504_before_recording"])
def test_nothing_is_sent_when_what_must_be_known_before_cannot_be_read(world: KrakenWorld, kind: str) -> None:
    for path in ("GetApiKeyInfo", LOG, "public/Time", "WithdrawMethods", "WithdrawAddresses", "WithdrawInfo"):
        world.control.fault(kind, path)
        assert code_of(world.client.withdraw, ACCOUNT, world.request()).startswith("venue."), path
        world.control.clear_faults()
    assert world.sent("/Withdraw") == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("WithdrawInfo", "fee"),
        ("WithdrawInfo", "limit"),
        ("WithdrawMethods", "minimum"),
        ("WithdrawMethods", "network"),
        ("WithdrawAddresses", "verified"),
        ("WithdrawAddresses", "address"),
        ("Assets", "status"),
        ("Assets", "decimals"),
    ],
)
def test_nothing_is_sent_on_a_network_that_is_only_half_described(
    world: KrakenWorld, path: str, field: str
) -> None:
    world.control.fault("partial_answer", path, field=field)
    assert code_of(world.client.withdraw, ACCOUNT, world.request()).startswith("venue.")
    assert world.sent("/Withdraw") == []


@pytest.mark.parametrize("kind", [*RECORDED, *NOT_RECORDED])
@pytest.mark.parametrize(("hop", "path"), HOPS)
def test_a_hop_whose_answer_is_lost_is_made_once_or_not_at_all_and_found_if_made(
    world: KrakenWorld, hop: tuple[str, str], path: str, kind: str
) -> None:
    transfer = world.transfer("0.5", hop)
    world.control.fault(kind, path, method="POST")
    assert code_of(world.client.transfer_internal, ACCOUNT, transfer) == "unknown.no_answer"
    found = world.client.find_internal_transfer(ACCOUNT, transfer, soon(-60)).found
    assert len(found) == len(world.control.state("main")["transfers"]) == (1 if kind in RECORDED else 0)


@pytest.mark.parametrize(("hop", "path"), HOPS)
def test_a_hop_left_out_of_one_answer_is_never_taken_for_absent(
    world: KrakenWorld, hop: tuple[str, str], path: str
) -> None:
    transfer = world.transfer("0.5", hop)
    world.client.transfer_internal(ACCOUNT, transfer)
    world.control.fault("partial_answer", LOG, skip=1)  # the first asks whose key it is
    try:
        found = world.client.find_internal_transfer(ACCOUNT, transfer, soon(-60)).found
    except VenueError as error:
        assert error.code in {"venue.history_incomplete", "venue.incomplete_answer"}
    else:
        assert len(found) == 1


@pytest.mark.parametrize(
    "path", ["v3/accounts", "v3/openpositions", "v3/tickers/PF_XBTUSD", "v3/instruments", "GetApiKeyInfo"]
)
def test_an_account_that_cannot_be_read_whole_is_refused_flagged_or_named(
    world: KrakenWorld, path: str
) -> None:
    whole = world.client.read_account(ACCOUNT)
    for kind in ("partial_answer", "broken_json", "maintenance", "http_500", "drop_connection_after"):
        world.control.fault(kind, path)
        try:
            account = world.client.read_account(ACCOUNT)
        except VenueError:
            world.control.clear_faults()
            continue
        world.control.clear_faults()
        if account != whole and not account.flags and not account.missing:
            assert (account.equity, account.positions[0].size) == (whole.equity, whole.positions[0].size)


def test_a_position_that_an_answer_leaves_out_contradicts_the_venues_margin(world: KrakenWorld) -> None:
    from vault.risk.margin import contradictions

    world.control.fault("partial_answer", "v3/openpositions")
    account = world.client.read_account(ACCOUNT)
    assert account.positions == ()
    assert {flag.split(":")[0] for flag in account.flags} == {"pnl_mismatch", "positions_mismatch"}
    assert contradictions(account)


def test_never_two_withdrawals_for_one_intent_whatever_goes_wrong(world: KrakenWorld) -> None:
    chance = random.Random(SEED)
    kinds = [*RECORDED, *NOT_RECORDED, "duplicate_entries", "partial_answer", "unknown_field", None]
    intents: dict[str, Any] = {}
    for number in range(24):
        request = world.request(f"0.{chance.randint(1, 9_999_999):07d}1", client_id=f"run{number}")
        intents[request.client_id] = request
        if (kind := chance.choice(kinds)) is not None:
            path, skip = chance.choice([(SEND, BEFORE), ("WithdrawInfo", 0), ("public/Time", 0)])
            world.control.fault(kind, path, skip=skip)
        with contextlib.suppress(OutcomeUnknownError, VenueError):
            world.client.withdraw(ACCOUNT, request)
        world.control.clear_faults()
        world.control.tick(chance.randint(0, 2))
    world.control.tick(4)
    recorded = [Amount.parse(row["gross"], BTC) for row in world.withdrawals()]
    assert len(recorded) == len(set(recorded))
    for client_id, request in intents.items():
        found = search(world, request).found
        assert (found is not None) == (request.amount in recorded), client_id
        if found is not None:
            assert (found.state, found.gross) == ("completed", request.amount)
