"""Fee sources over real sockets and files: what they say exactly, how old it is, and what nonsense does."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.esplora import EsploraServer
from vault.bitcoin.fees.estimate import combine, rules_of
from vault.bitcoin.fees.sources import FeeReading, read_sources
from vault.clock import ManualClock
from vault.config import Treasury, load_treasury
from vault.errors import ChainError, DocumentError, GuardError
from vault.treasury.authority import require_permitted_world

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = int(NOW.timestamp())
GOOD = {"at": SECOND, "fees": [{"fast": 12.5, "day": "x"}, {"day": 2}]}
TARGETS = 'targets = { 1 = "fees.0.fast", 144 = "fees.1.day" }'


class Page(BaseHTTPRequestHandler):
    body, status = b"{}", 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def served(body: bytes, status: int = 200) -> Iterator[str]:
    handler = type("This", (Page,), {"body": body, "status": status})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/fees.json"
        finally:
            server.shutdown()
            thread.join()


Load = Callable[[str], Treasury]


@pytest.fixture
def load(server: EsploraServer, tmp_path: Path) -> Load:
    def make(more: str) -> Treasury:
        head = f'schema = 1\ntreasury_id = "t"\n[bitcoin]\nnetwork = "regtest"\nesplora = "{server.url}"\n'
        (tmp_path / "treasury.toml").write_text(head + more, encoding="utf-8")
        return load_treasury(tmp_path / "treasury.toml")

    return make


def read(treasury: Treasury) -> dict[str, FeeReading]:
    return {each.source: each for each in read_sources(treasury, ManualClock(NOW))}


def test_a_backend_and_two_further_sources_are_joined(
    chain: BitcoinChain, load: Load, tmp_path: Path
) -> None:
    chain.fee_estimates = {1: Decimal(10), 3: Decimal(8), 144: Decimal("1.5")}
    path = tmp_path / "fees.json"
    path.write_text(json.dumps({"kvb": {"soon": 9000, "day": 1800}}), encoding="utf-8")
    os.utime(path, (SECOND - 30, SECOND - 30))
    with served(json.dumps(GOOD).encode()) as url:
        treasury = load(
            "[bitcoin.fees]\nrequired = 3\n"
            f'[[bitcoin.fee_source]]\nname = "page"\nurl = "{url}"\nat = "at"\n{TARGETS}\n'
            '[[bitcoin.fee_source]]\nname = "own"\nfile = "fees.json"\nunit = "sat/kvB"\n'
            'targets = { 1 = "kvb.soon", 144 = "kvb.day" }\n'
        )
        found = read(treasury)
    assert found["backend"].rates[:2] == ((1, Decimal(10)), (3, Decimal(8)))
    assert found["page"].rates == ((1, Decimal("12.5")), (144, Decimal(2)))
    assert found["own"].rates == ((1, Decimal("9.000")), (144, Decimal("1.800")))
    assert NOW - found["own"].at == timedelta(seconds=30)
    estimate = combine(tuple(found.values()), rules_of(treasury.config.bitcoin), NOW)
    assert estimate.rate_for(1, NOW) == 10
    assert estimate.rate_for(3, NOW) == 9
    assert estimate.rate_for(1000, NOW) == Decimal("1.8")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (json.dumps({**GOOD, "at": SECOND - 901}).encode(), 200, "chain.stale_estimate"),
        (json.dumps({**GOOD, "at": SECOND + 61}).encode(), 200, "chain.stale_estimate"),
        (json.dumps({**GOOD, "at": -5}).encode(), 200, "chain.bad_answer"),
        (json.dumps({**GOOD, "at": 10**14}).encode(), 200, "chain.bad_answer"),
        (json.dumps({**GOOD, "fees": []}).encode(), 200, "chain.bad_answer"),
        (json.dumps({**GOOD, "fees": [{"fast": "12"}, {"day": 2}]}).encode(), 200, "chain.bad_answer"),
        (json.dumps({**GOOD, "fees": [{"fast": 0}, {"day": 2}]}).encode(), 200, "chain.bad_answer"),
        (json.dumps({**GOOD, "fees": [{"fast": -3}, {"day": 2}]}).encode(), 200, "chain.bad_answer"),
        (json.dumps({**GOOD, "fees": [{"fast": True}, {"day": 2}]}).encode(), 200, "chain.bad_answer"),
        (b'{"at": 1, "fees": [{"fast": 1e99}]}', 200, "chain.bad_answer"),
        (b'{"at": NaN}', 200, "chain.bad_answer"),
        (b"[" * 100_000, 200, "chain.bad_answer"),
        (b"\xff\xfe", 200, "chain.bad_answer"),
        (b"later", 503, "chain.server_error"),
        (b"", 302, "chain.server_error"),
    ],
)
def test_nonsense_is_a_source_that_says_nothing(load: Load, body: bytes, status: int, code: str) -> None:
    with served(body, status) as url:
        treasury = load(f'[[bitcoin.fee_source]]\nname = "page"\nurl = "{url}"\nat = "at"\n{TARGETS}\n')
        found = read(treasury)
    assert (found["page"].code, found["page"].rates) == (code, ())
    assert found["backend"].code == ""


def test_a_file_that_is_old_missing_or_huge_says_nothing(load: Load, tmp_path: Path) -> None:
    treasury = load('[[bitcoin.fee_source]]\nname = "own"\nfile = "fees.json"\ntargets = { 1 = "fast" }\n')
    assert read(treasury)["own"].code == "chain.unreachable"
    path = tmp_path / "fees.json"
    path.write_text('{"fast": 3}', encoding="utf-8")
    os.utime(path, (SECOND - 901, SECOND - 901))
    assert read(treasury)["own"].code == "chain.stale_estimate"
    path.write_bytes(b" " * 1_000_001)
    assert read(treasury)["own"].code == "chain.bad_answer"


def test_a_backend_that_is_down_leaves_too_few_sources(load: Load, tmp_path: Path) -> None:
    treasury = load("")
    text = treasury.path.read_text(encoding="utf-8")
    treasury.path.write_text(
        text.replace(treasury.config.bitcoin.address, "http://127.0.0.1:1"), encoding="utf-8"
    )
    treasury = load_treasury(treasury.path)
    found = read_sources(treasury, ManualClock(NOW))
    assert [each.code for each in found] == ["chain.unreachable"]
    with pytest.raises(ChainError) as caught:
        combine(found, rules_of(treasury.config.bitcoin), NOW).rate_for(3, NOW)
    assert caught.value.code == "chain.fee_sources"


def test_only_this_machine_is_asked(load: Load) -> None:
    source = '[[bitcoin.fee_source]]\nname = "page"\ntargets = { 1 = "fast" }\nurl = '
    require_permitted_world(load(source + '"http://127.0.0.1:9"').config)
    with pytest.raises(GuardError, match=r"bitcoin\.fee_source page\.url"):
        require_permitted_world(load(source + '"https://fees.example/v1"').config)
    with pytest.raises(GuardError, match=r"bitcoin\.fee_source page\.proxy"):
        require_permitted_world(
            load(source + '"http://127.0.0.1:9"\nproxy = "socks5://10.0.0.1:9050"').config
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('name = "a"\ntargets = { 1 = "x" }', "expected `url` or `file`"),
        ('name = "a"\nurl = "http://127.0.0.1:1"\nfile = "f"\ntargets = { 1 = "x" }', "`url` or `file`"),
        ('name = "a"\nfile = "f"\ntargets = {}', "at least 1"),
        ('name = "a"\nfile = "f"\ntargets = { 0 = "x" }', "expected blocks from 1 to 1008"),
        ('name = "a"\nfile = "f"\ntargets = { 1009 = "x" }', "expected blocks from 1 to 1008"),
        ('name = "a"\nfile = "f"\ntargets = { 1 = "x..y" }', "expected keys with dots"),
        ('name = "backend"\nfile = "f"\ntargets = { 1 = "x" }', "found 'backend' twice"),
        ('name = "a"\nfile = "f"\ntargets = { 1 = "x" }\n[bitcoin.fees]\nrequired = 3', "at most 2"),
        ('name = "a"\nfile = "f"\ntargets = { 1 = "x" }\n[bitcoin.fees]\nspread = "0.5"', "from 1 to 10"),
        (
            'name = "a"\nfile = "f"\nproxy = "socks5://127.0.0.1:9050"\ntargets = { 1 = "x" }',
            "only with `url`",
        ),
    ],
)
def test_a_source_that_cannot_be_asked_is_refused_with_its_line(load: Load, text: str, says: str) -> None:
    with pytest.raises(DocumentError, match=says) as caught:
        load(f"[[bitcoin.fee_source]]\n{text}\n")
    assert "treasury.toml:" in caught.value.message
