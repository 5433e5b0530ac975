"""Asks one HTTP source for its data: bounded in size and time, with what it said last time as a condition.

Refuses a redirect to another host, plain http to another machine, a body of another length than was
announced, and a page for people in the place of data. A read is repeated once at most, within the same time.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from vault.errors import MarketDataError
from vault.markets.feeds.base import FeedState

if TYPE_CHECKING:
    import socket

    from vault.clock import Clock

MAX_BODY: Final = 32_000_000  # years of five-minute rows
MAX_REDIRECTS: Final = 3
BACKOFF_SECONDS: Final = 0.5
# How long one waits for a byte that should not be there.
REST_SECONDS: Final = 0.3
CHUNK: Final = 65_536
MAX_VALIDATOR: Final = 200
OK, UNCHANGED, TOO_MANY, SERVER_FAULT = 200, 304, 429, 500
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Page:
    """What a source answered; `data` is None when it said that nothing has changed."""

    data: bytes | None
    etag: str = ""
    modified: str = ""


@dataclass(slots=True)
class _Deadline:
    """A moment after which the connection is closed under whoever still waits for it."""

    ends_at: float
    sock: socket.socket | None = None
    passed: bool = False

    def left(self) -> float:
        return self.ends_at - time.monotonic()

    def end(self) -> None:
        self.passed = True
        if self.sock is not None:
            try:
                self.sock.shutdown(2)
            except OSError:
                return


def ask(url: str, seconds: float, state: FeedState | None, clock: Clock) -> Page:
    """The data at an address. Raises `MarketDataError`; nothing of the answer is used then."""
    deadline = _Deadline(time.monotonic() + seconds)
    timer = threading.Timer(seconds, deadline.end)
    timer.daemon = True
    timer.start()
    try:
        return _twice(url, state, deadline, clock)
    except MarketDataError as error:
        if deadline.passed:
            raise _late(url, seconds) from None
        raise error from None
    finally:
        timer.cancel()


def _late(url: str, seconds: float) -> MarketDataError:
    return MarketDataError("timeout", f"{shown(url)}: expected an answer within {seconds:g} s, found none")


def _twice(url: str, state: FeedState | None, deadline: _Deadline, clock: Clock) -> Page:
    try:
        return _follow(url, state, deadline)
    except MarketDataError as error:
        passing = error.code in {"market.unreachable", "market.cut_off", "market.server_fault"}
        if not passing or deadline.left() <= BACKOFF_SECONDS:
            raise
    clock.sleep(BACKOFF_SECONDS)
    return _follow(url, state, deadline)


def _follow(url: str, state: FeedState | None, deadline: _Deadline) -> Page:
    first = urlsplit(url)
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        _check(parts, first)
        found = _request(parts, url, state, deadline)
        if isinstance(found, Page):
            return found
        url = _joined(url, found)
    raise MarketDataError("moved", f"{shown(url)}: expected data, found {MAX_REDIRECTS} redirects in a row")


def _joined(url: str, target: str) -> str:
    try:
        joined = urljoin(url, target)
        urlsplit(joined)
    except ValueError:
        words = f"{shown(url)}: expected data, found a redirect to what is no address"
        raise MarketDataError("moved", words) from None
    return joined


def _check(parts: SplitResult, first: SplitResult) -> None:
    """An address that may be asked. A redirect stays on its host, port and scheme."""
    if (parts.scheme, parts.hostname, _port(parts)) != (first.scheme, first.hostname, _port(first)):
        raise MarketDataError(
            "moved",
            f"expected data at {first.hostname}, found a redirect to {parts.scheme}://{parts.hostname}",
            hint="If that is right, write the new address into the configuration.",
        )
    if parts.scheme not in PORTS or not parts.hostname or parts.username or parts.password:
        raise MarketDataError(
            "bad_url", f"expected an https address without a password, found {parts.scheme}"
        )
    if parts.scheme == "http" and parts.hostname not in HERE:
        raise MarketDataError("insecure", f"expected https for {parts.hostname}, found plain http")


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return 0


def _request(parts: SplitResult, url: str, state: FeedState | None, deadline: _Deadline) -> Page | str:
    """One request: the page, or where it has moved to."""
    headers = {"User-Agent": "vault", "Accept": "text/csv, application/json, */*;q=0.1"}
    headers |= {"Accept-Encoding": "identity", "Connection": "close"}
    if state is not None and state.etag:
        headers["If-None-Match"] = state.etag
    if state is not None and state.modified:
        headers["If-Modified-Since"] = state.modified
    path = parts.path or "/"
    with _connected(parts, url, deadline) as connection:
        connection.request("GET", path + (f"?{parts.query}" if parts.query else ""), headers=headers)
        response = connection.getresponse()
        if response.status in REDIRECTS:
            return _target(response, url)
        return _page(response, url, deadline, conditional=state is not None)


@contextmanager
def _connected(parts: SplitResult, url: str, deadline: _Deadline) -> Iterator[http.client.HTTPConnection]:
    seconds = max(0.01, deadline.left())
    host, port = parts.hostname or "", _port(parts)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, port, timeout=seconds, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.connect()
        deadline.sock = connection.sock
        if deadline.passed:
            raise MarketDataError("timeout", f"{shown(url)}: too late")
        yield connection
    except http.client.IncompleteRead:
        raise MarketDataError("cut_off", f"{shown(url)}: the answer ended before its end") from None
    except TimeoutError:
        raise MarketDataError("timeout", f"{shown(url)}: expected an answer in time, found none") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise MarketDataError(
            "unreachable", f"{shown(url)}: expected an HTTP answer, found {type(error).__name__}"
        ) from None
    finally:
        deadline.sock = None
        connection.close()


def _target(response: http.client.HTTPResponse, url: str) -> str:
    target = response.getheader("Location", "")
    if not target:
        raise MarketDataError("moved", f"{shown(url)}: expected data, found a redirect to nowhere")
    return target


def _page(response: http.client.HTTPResponse, url: str, deadline: _Deadline, *, conditional: bool) -> Page:
    status = response.status
    if status == UNCHANGED and conditional:
        return Page(None)
    if status == TOO_MANY:
        after = _pause(response.getheader("Retry-After", ""))
        raise MarketDataError("rate_limited", f"{shown(url)}: too many requests{after}")
    if status >= SERVER_FAULT:
        raise MarketDataError("server_fault", f"{shown(url)}: expected data, found HTTP {status}")
    if status != OK:
        raise MarketDataError("refused", f"{shown(url)}: expected data, found HTTP {status}")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise MarketDataError("encoding", f"{shown(url)}: expected plain data, found it compressed")
    data = _body(response, url, deadline)
    _require_data(data, response.getheader("Content-Type", ""), url)
    return Page(data, _validator(response, "ETag"), _validator(response, "Last-Modified"))


def _pause(told: str) -> str:
    """The pause that the source asks for, where it is one."""
    if told.isascii() and told.isdigit() and len(told) < 7:
        return f", it asks for a pause of {told} s"
    try:
        return f", none before {parsedate_to_datetime(told).isoformat()}" if told else ""
    except (ValueError, TypeError, OverflowError):
        return ""


def _validator(response: http.client.HTTPResponse, name: str) -> str:
    value = response.getheader(name, "")
    return value if len(value) <= MAX_VALIDATOR and value.isascii() and value.isprintable() else ""


def _body(response: http.client.HTTPResponse, url: str, deadline: _Deadline) -> bytes:
    """The whole body, exactly as long as was announced."""
    told = response.getheader("Content-Length")
    if response.chunked or told is None:
        return _until_end(response, url)
    if not (told.isascii() and told.isdigit()):
        raise MarketDataError("cut_off", f"{shown(url)}: expected a length, found {told[:20]!r}")
    length = int(told)
    if length > MAX_BODY:
        raise _too_large(url)
    parts, size = [], 0
    # Past `response.read`, which would stop at the announced length and hide what follows.
    while size < length and (part := response.fp.read1(min(CHUNK, length - size))):
        parts.append(part)
        size += len(part)
    if size < length:
        raise MarketDataError("cut_off", f"{shown(url)}: {length} bytes were announced, {size} came")
    if _something_follows(response, deadline):
        raise MarketDataError("cut_off", f"{shown(url)}: {length} bytes were announced, more came")
    return b"".join(parts)


def _something_follows(response: http.client.HTTPResponse, deadline: _Deadline) -> bool:
    """Whether more than was announced comes before the server closes, or falls silent."""
    if deadline.sock is not None:
        deadline.sock.settimeout(REST_SECONDS)
    try:
        return bool(response.fp.read1(1))
    except OSError:
        return False


def _until_end(response: http.client.HTTPResponse, url: str) -> bytes:
    parts, size = [], 0
    while part := response.read(CHUNK):
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            raise _too_large(url)
    return b"".join(parts)


def _too_large(url: str) -> MarketDataError:
    return MarketDataError("too_large", f"{shown(url)}: expected at most {MAX_BODY} bytes, found more")


def _require_data(data: bytes, kind: str, url: str) -> None:
    start = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise MarketDataError("not_data", f"{shown(url)}: expected data, found nothing")
    if kind.lower().startswith(("text/html", "application/xhtml")) or start.startswith(b"<"):
        raise MarketDataError("not_data", f"{shown(url)}: expected CSV or JSON, found a page for people")


def shown(url: str) -> str:
    """Scheme, host and path: what stands behind them is nobody's business in a log."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.partition(';')[0]}"
