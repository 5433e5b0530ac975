"""A redirect to what is no address is named, and no message shows more than scheme, host and path."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from vault.clock import SystemClock
from vault.errors import MarketDataError
from vault.markets.feeds import http


class Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://[broken")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_redirect_to_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(MarketDataError) as caught:
        http.ask(f"{address}/a.csv?b=hidden", 5, None, SystemClock())
    assert caught.value.code == "market.moved"
    assert "no address" in caught.value.message
    assert "hidden" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://u:p@example.org/a?b=hidden",
        "https://example.org/a;hidden?b=1",
        "https://example.org/a#hidden",
    ],
)
def test_what_is_shown_of_an_address_is_scheme_host_and_path(url: str) -> None:
    assert http.shown(url) == "https://example.org/a"
