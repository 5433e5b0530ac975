"""Keys typed at a terminal: asked for part by part, never shown, and gone with Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminal import at_a_terminal
from tests.support.venue_desk import READ, SEND, VenueDesk, venue_desk
from tests.support.warm_server import WarmServer, warm_server

pytestmark = pytest.mark.timeout(120)

STOCK = "keyrings.cryptfile.cryptfile.CryptFileKeyring"


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmServer]:
    with warm_server() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[VenueDesk]:
    with venue_desk(tmp_path, warm) as made:
        made.environment["PYTHON_KEYRING_BACKEND"] = STOCK
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
