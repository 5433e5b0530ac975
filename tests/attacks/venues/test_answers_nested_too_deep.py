"""An answer of brackets alone is refused by a bound of our own, whatever limit a library has set."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import VenueError
from vault.venues.line import raw
from vault.venues.line.nesting import MAX_DEPTH, too_deep

LEVELS = 100_000
TEXTS = ("[" * LEVELS + "]" * LEVELS, "[" * LEVELS, '{"a":' * LEVELS + "1" + "}" * LEVELS, '[{"a":' * LEVELS)


def nested(levels: int, *, text: str = "1") -> str:
    return "[" * levels + text + "]" * levels


class Hostile(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = TEXTS[len(self.path) % len(TEXTS)].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


# In a process of its own: without a bound it would die of its stack.
CHILD = """
import sys
from datetime import timedelta
from vault.clock import SystemClock
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VenueError
from vault.secrets import Secret
from vault.venues.common.kinds import account_kind
from vault.venues.line import raw
from vault.venues.line.connection import Connection
from vault.venues.line.transport import Evidence, SendPermit
from tests.attacks.venues.test_answers_nested_too_deep import TEXTS
sys.setrecursionlimit(10**6)
url = sys.argv[1]
for exchange, send in (("bybit", "privatePostV5AssetWithdrawCreate"), ("deribit", "privateGetWithdraw")):
    kind = account_kind(exchange)
    settings = VenueSettings(name="a", exchange=exchange, account_uid="1", url=url, timeout_seconds=20)
    keys = {"key": Secret("k"), "secret": Secret("s")}
    ask = Connection(settings, keys, SystemClock(), kind.endpoints())
    for method in sorted(kind.PUBLIC)[:2]:
        try:
            ask.get(method)
        except VenueError as error:
            print(error.code)
    try:
        ask.send(send, {}, SendPermit(SystemClock().now() + timedelta(minutes=1)), str)
    except OutcomeUnknownError as error:
        print(error.code)
    for text in TEXTS:
        assert kind.DIALECT.refusal(Evidence(left=True, status=200, body=text)) is None
for text in TEXTS:
    try:
        raw.parse(text, what="answer")
    except VenueError as error:
        print(error.code)
"""


def test_no_reader_goes_down_a_hundred_thousand_levels(url: str, repo_root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, url], cwd=repo_root, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    one = ["venue.bad_answer", "venue.bad_answer", "unknown.no_answer"]
    assert ran.stdout.split() == [*one, *one, *["venue.bad_answer"] * len(TEXTS)]


def test_the_bound_is_far_above_real_answers_and_far_below_the_stack() -> None:
    assert raw.parse(nested(MAX_DEPTH), what="x")
    for levels in (3 * MAX_DEPTH, 3 * MAX_DEPTH + 1, 1000):
        with pytest.raises(VenueError) as caught:
            raw.parse(nested(levels), what="x")
        assert (caught.value.code, caught.value.details["nesting"]) == ("venue.bad_answer", "yes")


@pytest.mark.parametrize(
    "text", ['"' + "[" * 1000 + '"', r'"\"' + "[" * 1000 + r'\\"', '"\n' + "{" * 1000 + '"']
)
def test_brackets_inside_a_text_are_no_levels(text: str) -> None:
    assert not too_deep(nested(3, text=text))
    assert too_deep(nested(1000, text=text))


def test_a_text_of_opening_quotes_takes_no_time_squared() -> None:
    assert too_deep("[" * 100 + '\\"' * 500_000) is True
    assert too_deep('"' * 1_000_001 + "[" * 10) is False


values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('[]{}"\\a\n'), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('[{"\\')), inner, max_size=3)
    ),
    max_leaves=30,
)


@given(values, st.integers(0, MAX_DEPTH))
def test_no_json_of_few_levels_is_refused(value: Any, more: int) -> None:
    def depth(of: Any) -> int:
        parts = of.values() if isinstance(of, dict) else of if isinstance(of, list) else None
        return 0 if parts is None else 1 + max(map(depth, parts), default=0)

    levels = max(0, min(more, MAX_DEPTH - depth(value)))
    if depth(value) <= MAX_DEPTH:
        assert not too_deep(nested(levels, text=json.dumps(value)))
