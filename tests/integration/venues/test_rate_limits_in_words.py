"""A host that says "too many requests" in words, or bans us with 403, is asked nothing until that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from vault.clock import ManualClock, SystemClock
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VenueError
from vault.secrets import Secret
from vault.venues.common.kinds import account_kind
from vault.venues.line.connection import Connection
from vault.venues.line.pace import Pacers
from vault.venues.line.transport import SendPermit

KEY = {"key": "key", "secret": "c2VjcmV0", "password": "phrase"}
WORDS = [
    ("bybit", "10006"),
    ("okx", "50011"),
    ("deribit", "10028"),
    ("kraken", "EAPI:Rate limit exceeded"),
]


class Line:
    """A connection to an emulated exchange, by a clock that stands still."""

    def __init__(self, exchange: str, url: str, folder: Path) -> None:
        self.control = VenueControl(url)
        self.clock = ManualClock(SystemClock().now())
        settings = VenueSettings(name="a", exchange=exchange, account_uid="1", url=url, timeout_seconds=5)
        kind = account_kind(exchange)
        keys = {name: Secret(text) for name, text in KEY.items()}
        self.ask = Connection(
            settings, keys, self.clock, kind.endpoints(), beside=kind.BESIDE, pacers=Pacers(folder)
        )

        @contextmanager
        def lend(_role: Any) -> Iterator[Connection]:
            yield self.ask

        self._account = kind(settings, lend, self.clock)

    def read(self) -> None:
        self._account.server_time(self.ask)

    def refused(self) -> VenueError:
        with pytest.raises(VenueError) as caught:
            self.read()
        return caught.value

    def arrived(self) -> int:
        return len(self.control.requests())


@contextmanager
def line(exchange: str, folder: Path) -> Iterator[Line]:
    with VenueServer(exchange) as server:
        yield Line(exchange, server.url, folder)


@pytest.mark.parametrize(("exchange", "code"), WORDS)
def test_too_many_requests_with_http_200_halts_the_host(exchange: str, code: str, tmp_path: Path) -> None:
    with line(exchange, tmp_path) as host:
        host.control.fault("too_many_requests_200", "/")
        told = host.refused()
        assert (told.details["venue_code"], told.details["passing"]) == (code, "yes")
        assert code in told.message
        held = host.refused()
        assert (held.code, held.details["retry_at"]) == ("venue.rate_limited", told.details["retry_at"])
        assert host.arrived() == 1, "the second was not asked"
        host.clock.advance(11)
        host.read()


def test_the_other_host_of_an_account_is_halted_by_its_own_words(tmp_path: Path) -> None:
    with line("kraken", tmp_path) as host:
        host.control.fault("too_many_requests_200", "/derivatives/")
        futures = host.ask.other("krakenfutures")
        for code in ("venue.refused", "venue.rate_limited"):
            with pytest.raises(VenueError) as caught:
                futures.get("publicGetInstruments")
            assert caught.value.code == code
        host.read()


def test_bybit_s_403_is_a_ban_of_ten_minutes(tmp_path: Path) -> None:
    with line("bybit", tmp_path) as host:
        host.control.fault("forbidden", "/")
        assert host.refused().code == "venue.rate_limited"
        host.clock.advance(timedelta(minutes=9, seconds=59).total_seconds())
        assert host.refused().code == "venue.rate_limited"
        assert host.arrived() == 1
        host.clock.advance(2)
        host.read()


@pytest.mark.parametrize(
    ("fault", "expected"), [("too_many_requests_200", VenueError), ("forbidden", OutcomeUnknownError)]
)
def test_a_send_that_is_answered_so_is_known_not_to_have_happened_only_by_words(
    fault: str, expected: type[Exception], tmp_path: Path
) -> None:
    method = "privatePostV5AssetWithdrawCreate"
    with line("bybit", tmp_path) as host:
        host.control.fault(fault, "withdraw/create")
        permit = SendPermit(host.clock.now() + timedelta(minutes=1))
        with pytest.raises(expected) as caught:
            host.ask.send(method, {"coin": "BTC"}, permit, lambda answer: "id")
        assert "retry_at" in caught.value.details  # type: ignore[attr-defined]
        with pytest.raises(VenueError) as held:
            host.ask.send(method, {"coin": "BTC"}, permit, lambda answer: "id")
        assert (held.value.code, held.value.details["passing"]) == ("venue.rate_limited", "yes")
        assert host.arrived() == 1
