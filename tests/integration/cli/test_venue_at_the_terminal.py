"""Keys typed at a terminal: asked for part by part, never shown, and gone with Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminal import at_a_terminal
from tests.support.venue_desk import READ, SEND, VenueDesk, venue_desk
from tests.support.warm_server import WarmServer, warm_server

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmServer]:
    with warm_server() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[VenueDesk]:
    with venue_desk(tmp_path, warm) as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def add(desk: VenueDesk, answers: list[tuple[str, str]]) -> tuple[int, str]:
    command = ["-m", "vault", "venue", "add", "trading", "--url", desk.url, "--write"]
    return at_a_terminal(desk.folder, command, answers)


def asked(desk: VenueDesk) -> list[tuple[str, str]]:
    return [
        ("Exchange", "binance"),
        ("UID", desk.uid),
        ("trading: key of the read key", READ["key"]),
        ("trading: secret of the read key", READ["secret"]),
        ("trading: key of the withdraw key", SEND["key"]),
        ("trading: secret of the withdraw key", SEND["secret"]),
    ]


def test_what_was_left_out_is_asked_for_and_no_key_is_shown(desk: VenueDesk) -> None:
    status, seen = add(desk, asked(desk))
    assert status == 0, seen
    assert "kept in the keyring: the read key and the withdraw key" in seen
    assert desk.kept
    assert desk.treasury.venue("trading").account_uid == desk.uid
    assert not [secret for secret in desk.secrets if secret in seen]


@pytest.mark.parametrize("at", [3, 5])
def test_ctrl_c_between_two_parts_keeps_nothing(desk: VenueDesk, at: int) -> None:
    question, _ = asked(desk)[at]
    status, seen = add(desk, [*asked(desk)[:at], (question, "\x03")])
    assert (status, "interrupted.by_user" in seen) == (130, True), seen
    assert not desk.kept
    assert not desk.treasury.config.venue
    assert not [secret for secret in desk.secrets if secret in seen]


@pytest.mark.parametrize(("typed", "status"), [("trading", 0), ("y", 51)])
def test_a_freeze_is_lifted_by_whoever_has_seen_both_addresses_and_types_the_name(
    desk: VenueDesk, typed: str, status: int
) -> None:
    from vault.clock import SystemClock
    from vault.store import venues as known
    from vault.store.database import Store

    assert add(desk, asked(desk))[0] == 0
    treasury = desk.treasury
    found = "expected old-address BTC (attested), trading now says new-address BTC"
    with Store.open(treasury.store_url, treasury.config.treasury_id, SystemClock()) as store:
        with store.write() as writer:
            known.freeze_venue(writer, "trading", "denied.deposit_address_changed", found)
        command = ["-m", "vault", "venue", "unfreeze", "trading", "--reason", "renewed, told by phone"]
        ended, seen = at_a_terminal(desk.folder, command, [("Type the account's name", typed)])
        assert ended == status, seen
        shown = seen.partition("Type the account's name")[0]
        assert "denied.deposit_address_changed" in shown
        assert shown.index("expected old-address") < shown.index("trading now says new-address")
        with store.read() as connection:
            assert (known.freeze_of(connection, "trading") is None) is (status == 0)
