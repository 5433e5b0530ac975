"""Faults at an emulated OKX: at most one withdrawal for an intent, and every outcome is found in the end."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.okx_world import ACCOUNT, OkxWorld, fill, okx_world, soon
from tests.support.warm_server import WarmServer
from vault.errors import OutcomeUnknownError, VaultError, VenueError
from vault.money import BTC, Amount
from vault.venues import client as venue_client

SEND, HISTORY = "asset/withdrawal", "asset/withdrawal-history"
RECORDED = ["504_after_recording", "drop_connection_after", "http_500_after_recording", "broken_json"]
NOT_RECORDED = ["504_before_recording", "drop_connection_before", "http_500", "maintenance"]
SEED = 20_260_901


@pytest.fixture
def world(keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OkxWorld]:
    from quick_keyring import QuickCryptFileKeyring

    fill(QuickCryptFileKeyring(), "only for tests")
    monkeypatch.setattr(venue_client, "_start", warm.worker)
    with okx_world() as made:
        yield made


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(VaultError) as caught:
        call(*arguments)
    return caught.value.code


def search(world: OkxWorld, request: Any) -> Any:
    return world.client.search_withdrawal(ACCOUNT, request, soon(-60))


@pytest.mark.parametrize("kind", RECORDED)
def test_a_withdrawal_whose_answer_is_lost_is_unknown_and_found(world: OkxWorld, kind: str) -> None:
    request = world.request()
    world.control.fault(kind, SEND, method="POST")
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert len(world.withdrawals()) == 1
    found = search(world, request).found
    assert found is not None
    assert found.gross == request.amount


@pytest.mark.parametrize("kind", NOT_RECORDED)
def test_a_withdrawal_that_was_lost_on_the_way_is_unknown_until_absence_is_proof(
    world: OkxWorld, kind: str
) -> None:
    request = world.request(not_after=soon(1))
    world.control.fault(kind, SEND, method="POST")
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert world.withdrawals() == []
    early = search(world, request)
    assert early.found is None
    assert not early.proves_absence(request.not_after)
    # History lag of a minute and 30 s in which a request may still be accepted.
    bound = soon() - timedelta(seconds=60 + 90)
    assert early.proves_absence(bound - timedelta(seconds=5))


def test_a_hanging_answer_is_waited_for_once_and_not_asked_again(world: OkxWorld) -> None:
    request = world.request()
    world.control.fault("hang", SEND, method="POST", seconds="5")
    assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
    assert len(world.control.requests(method="POST", path=SEND)) == 1
    assert search(world, request).found is not None


def test_a_receipt_that_lacks_its_id_or_comes_twice_leaves_it_unknown(world: OkxWorld) -> None:
    for number, fault in enumerate(
        ({"kind": "partial_answer", "field": "wdId"}, {"kind": "duplicate_entries"})
    ):
        request = world.request(client_id=f"intent{number}")
        world.control.fault(path=SEND, method="POST", **fault)
        assert code_of(world.client.withdraw, ACCOUNT, request) == "unknown.no_answer"
        assert search(world, request).found is not None
    assert len(world.withdrawals()) == 2


def test_an_entry_left_out_of_one_answer_is_found_by_the_other(world: OkxWorld) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    world.control.fault("partial_answer", HISTORY, method="GET")
    assert search(world, request).found is not None


def test_doubled_entries_are_one_withdrawal_and_strange_fields_change_nothing(world: OkxWorld) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    plain = search(world, request).found
    for kind in ("duplicate_entries", "unknown_field"):
        world.control.fault(kind, HISTORY, method="GET")
        assert search(world, request).found == plain


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "partial_answer", "field": "state"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "data"}, "venue.incomplete_answer"),
        ({"kind": "partial_answer", "field": "code"}, "venue.bad_answer"),
        ({"kind": "broken_json"}, "venue.bad_answer"),
        ({"kind": "maintenance"}, "venue.refused"),
        ({"kind": "drop_connection_after"}, "venue.dropped"),
    ],
)
def test_a_search_that_cannot_be_read_says_nothing(world: OkxWorld, fault: dict[str, str], code: str) -> None:
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    world.control.fault(path=HISTORY, method="GET", **fault)
    assert code_of(search, world, request) == code


def test_a_history_that_lags_proves_no_absence(world: OkxWorld) -> None:
    request = world.request(not_after=soon(1))
    world.control.withdrawals(history_lag_ms=60_000)
    world.client.withdraw(ACCOUNT, request)
    late = search(world, request)
    assert late.found is None
    assert not late.proves_absence(request.not_after)


def test_two_withdrawals_under_one_client_id_are_not_one_of_them(world: OkxWorld) -> None:
    request = world.request()
    for _ in range(2):
        world.client.withdraw(ACCOUNT, request)
    assert code_of(search, world, request) == "venue.withdrawn_twice"


@pytest.mark.parametrize("kind", ["maintenance", "http_500", "broken_json", "504_before_recording"])
def test_nothing_is_sent_when_what_must_be_known_before_cannot_be_read(world: OkxWorld, kind: str) -> None:
    for path in ("account/config", "public/time", "asset/currencies"):
        world.control.fault(kind, path)
        assert code_of(world.client.withdraw, ACCOUNT, world.request()).startswith("venue.")
    assert world.control.requests(method="POST") == []


@pytest.mark.parametrize("field", ["fee", "canWd", "minWd", "wdTickSz", "needTag"])
def test_nothing_is_sent_on_a_network_that_is_only_half_described(world: OkxWorld, field: str) -> None:
    world.control.fault("partial_answer", "asset/currencies", field=field)
    assert code_of(world.client.withdraw, ACCOUNT, world.request()) == "venue.incomplete_answer"
    assert world.control.requests(method="POST") == []


@pytest.mark.parametrize("kind", [*RECORDED, *NOT_RECORDED])
def test_a_transfer_whose_answer_is_lost_is_made_once_or_not_at_all_and_found_if_made(
    world: OkxWorld, kind: str
) -> None:
    transfer = world.transfer()
    world.control.fault(kind, "asset/transfer", method="POST")
    assert code_of(world.client.transfer_internal, ACCOUNT, transfer) == "unknown.no_answer"
    found = world.client.find_internal_transfer(ACCOUNT, transfer, soon(-60)).found
    assert len(found) == (1 if kind in RECORDED else 0)
    moved = world.client.spot_balance(ACCOUNT, "BTC").free - Amount.parse("100", BTC)
    assert moved == Amount.parse("0.5" if found else "0", BTC)


def test_a_transfer_left_out_of_the_bills_is_found_by_its_own_id(world: OkxWorld) -> None:
    transfer = world.transfer()
    receipt = world.client.transfer_internal(ACCOUNT, transfer)
    world.control.fault("partial_answer", "asset/bills")
    (found,) = world.client.find_internal_transfer(ACCOUNT, transfer, soon(-60)).found
    assert found.venue_id == receipt.venue_id


@pytest.mark.parametrize(
    "path",
    ["account/balance", "account/positions", "account/config", "public/mark-price", "public/instruments"],
)
def test_an_account_that_cannot_be_read_whole_is_refused_flagged_or_named(world: OkxWorld, path: str) -> None:
    whole = world.client.read_account(ACCOUNT)
    for kind in ("partial_answer", "duplicate_entries", "broken_json", "maintenance"):
        world.control.fault(kind, path)
        try:
            account = world.client.read_account(ACCOUNT)
        except VenueError:
            world.control.clear_faults()
            continue
        world.control.clear_faults()
        assert account.flags or set(account.missing) > set(whole.missing), (path, kind)


def test_other_precision_changes_no_number(world: OkxWorld) -> None:
    whole = world.client.read_account(ACCOUNT)
    world.control.fault("changed_precision", "account/positions", digits=18)
    again = world.client.read_account(ACCOUNT)
    assert again.positions[0].size == whole.positions[0].size
    assert again.positions[0].initial_margin == whole.positions[0].initial_margin


def test_never_two_withdrawals_for_one_intent_whatever_goes_wrong(world: OkxWorld) -> None:
    chance = random.Random(SEED)
    kinds = [*RECORDED, *NOT_RECORDED, "duplicate_entries", "partial_answer", "unknown_field", None]
    intents: dict[str, Any] = {}
    for number in range(24):
        request = world.request(f"0.{chance.randint(1, 9_999_999):07d}1", client_id=f"run{number}")
        intents[request.client_id] = request
        if (kind := chance.choice(kinds)) is not None:
            world.control.fault(kind, chance.choice([SEND, "asset/currencies", "public/time"]))
        with contextlib.suppress(OutcomeUnknownError, VenueError):
            world.client.withdraw(ACCOUNT, request)
        world.control.clear_faults()
        world.control.tick(chance.randint(0, 2))
    world.control.tick(4)
    recorded = {row["client_id"]: row for row in world.withdrawals()}
    assert len(recorded) == len(world.withdrawals())
    for client_id, request in intents.items():
        found = search(world, request).found
        assert (found is not None) == (client_id in recorded), client_id
        if found is not None:
            assert (found.state, found.gross) == ("completed", request.amount)
