"""Sources of daily values on loopback: `/feeds/<name>.csv` and `.json`, with ETags, faults and a control API.

`with FeedServer() as feeds:` gives `feeds.url`; leaving the block ends every thread and connection of it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from emulator.feeds.faults import ROW_FAULTS, Armed, FaultShelf, FeedFault, Row, damaged
from emulator.feeds.shelf import NAMES, Rows, form_of, laid_over, published

CONTROL_PREFIX = "/_emulator/"
HUGE_BYTES = 40_000_000
DRIP_SECONDS = 0.05
PAGE = "<!DOCTYPE html><html><body><h1>Are you a robot?</h1></body></html>"
ELSEWHERE = "http://feeds.invalid/data.csv"
MOVED = "moved/"
Days = Mapping[str, Mapping[datetime.date, Decimal]]


@dataclass(slots=True)
class FeedDesk:
    """What is published and what is wrong with it. Guarded by one lock."""

    rows: dict[str, Rows]
    faults: FaultShelf = field(default_factory=FaultShelf)
    asked: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)

    def printed(self, name: str) -> list[Row]:
        """Rows as they are printed; raises KeyError."""
        with self.lock:
            return [(day.isoformat(), format(value, "f")) for day, value in sorted(self.rows[name].items())]

    def control(self, path: str, body: Mapping[str, object]) -> object:
        """One control request; raises ValueError that says what was expected."""
        match path:
            case "fault":
                self.faults.arm(_armed(body))
            case "clear":
                self.faults.clear(None if body.get("feed") is None else _name(body))
            case "rows":
                self._publish(body)
            case "requests":
                with self.lock:
                    return list(self.asked)
            case "state":
                return {name: len(rows) for name, rows in self.rows.items()}
            case _:
                raise ValueError(f"expected fault, clear, rows, requests or state, found {path[:40]!r}")
        return {}

    def _publish(self, body: Mapping[str, object]) -> None:
        """New or corrected days; with ``replace`` in the place of all."""
        name, told = _name(body), body.get("rows")
        if not isinstance(told, dict):
            raise ValueError("expected rows as an object of days and values")  # noqa: TRY004
        try:
            days = {datetime.date.fromisoformat(str(day)): Decimal(str(value)) for day, value in told.items()}
        except (ValueError, InvalidOperation):
            raise ValueError("expected days such as 2026-01-31 and values in quotes") from None
        with self.lock:
            self.rows[name] = days if body.get("replace") is True else self.rows[name] | days


def _name(body: Mapping[str, object]) -> str:
    name = body.get("feed")
    if name not in NAMES:
        raise ValueError(f"expected a feed of {', '.join(NAMES)}, found {name!r}")
    return str(name)


def _armed(body: Mapping[str, object]) -> Armed:
    count, seconds = body.get("count"), body.get("seconds", "30")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise ValueError(f"expected a count of 1 or more, found {count!r}")
    try:
        return Armed(_name(body), FeedFault(str(body.get("kind"))), count, float(Decimal(str(seconds))))
    except InvalidOperation:
        raise ValueError(f"expected seconds, found {seconds!r}") from None


def shelf_of(days: Days, today: datetime.date) -> dict[str, Rows]:
    """The usual values with a scenario's days over them. Raises ValueError for a source that there is not."""
    found = published(today)
    for name, own in days.items():
        form = form_of(name)
        found[name] = laid_over(found[name], own, form)
    return found


class FeedServer:
    """Serves all sources. `days` are a scenario's, by source."""

    def __init__(self, days: Days | None = None, *, port: int = 0) -> None:
        today = datetime.datetime.now(datetime.UTC).date()
        self.desk = FeedDesk(shelf_of(days or {}, today))
        self._server = _Server(("127.0.0.1", port), self.desk)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="feed-server")

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.desk.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, place: tuple[str, int], desk: FeedDesk) -> None:
        self.desk = desk
        super().__init__(place, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is printed: the ready line stands alone."""

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        try:
            body = json.loads(self.rfile.read(size) or b"{}")
            if not self.path.startswith(CONTROL_PREFIX) or not isinstance(body, dict):
                raise ValueError("expected a control path and a JSON object")
            answer, status = self.server.desk.control(self.path.removeprefix(CONTROL_PREFIX), body), 200
        except ValueError as error:
            answer, status = {"error": str(error)}, 400
        self._send(status, json.dumps(answer).encode(), "application/json")

    def do_GET(self) -> None:
        desk = self.server.desk
        path = self.path.partition("?")[0]
        name, _, form = path.removeprefix("/feeds/").removeprefix(MOVED).rpartition(".")
        with desk.lock:
            conditions = self.headers.get("If-None-Match", "")
            desk.asked.append({"path": self.path, "if_none_match": conditions})
        if name not in desk.rows or form not in {"csv", "json"}:
            self._send(404, b"not found\n", "text/plain")
            return
        fault = None if MOVED in path else desk.faults.take(name)
        rows = desk.printed(name)
        if fault is not None and fault.kind in ROW_FAULTS:
            rows, fault = damaged(rows, fault.kind), None
        data = _csv(rows) if form == "csv" else _json(name, rows)
        kind = "text/csv" if form == "csv" else "application/json"
        if fault is None:
            self._data(data, kind)
        else:
            self._spoiled(fault, data, kind, f"/feeds/{MOVED}{name}.{form}")

    def _data(self, data: bytes, kind: str) -> None:
        etag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
        headers = {"ETag": etag, "Last-Modified": format_datetime(_midnight(), usegmt=True)}
        if self.headers.get("If-None-Match") == etag:
            self._send(304, b"", kind, headers)
        else:
            self._send(200, data, kind, headers)

    def _send(
        self, status: int, data: bytes, kind: str, headers: Mapping[str, str] | None = None,
        length: int | None = None,
    ) -> None:  # fmt: skip
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.send_header("Connection", "close")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def _spoiled(self, fault: Armed, data: bytes, kind: str, moved: str) -> None:  # noqa: PLR0912
        match fault.kind:
            case FeedFault.SLOW:
                self._drip(data, kind, fault.seconds)
            case FeedFault.SILENT:
                self.server.desk.stopping.wait(fault.seconds)
                self.close_connection = True
            case FeedFault.DEAD:
                self.close_connection = True
            case FeedFault.TOO_MANY_REQUESTS:
                self._send(429, b"slow down\n", "text/plain", {"Retry-After": f"{fault.seconds:.0f}"})
            case FeedFault.SERVER_ERROR:
                self._send(503, b"try later\n", "text/plain")
            case FeedFault.HTML:
                self._send(200, PAGE.encode(), "text/html; charset=utf-8")
            case FeedFault.EMPTY:
                self._send(200, b"", kind)
            case FeedFault.BROKEN:
                self._send(200, data[: len(data) // 2 - 1], kind)
            case FeedFault.HUGE:
                self._huge(kind)
            case FeedFault.SHORT:
                self._send(200, data, kind, length=len(data) + 1000)
            case FeedFault.LONG:
                self._send(200, data, kind, length=len(data) - 5)
            case FeedFault.MOVED_AWAY:
                self._send(302, b"", kind, {"Location": ELSEWHERE})
            case FeedFault.MOVED_HERE:
                self._send(302, b"", kind, {"Location": moved})
            case _:
                self._send(200, data, kind, {"Content-Encoding": "gzip"})

    def _drip(self, data: bytes, kind: str, seconds: float) -> None:
        """A byte now and then: each is in time, the whole is not."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.close_connection = True
        for place in range(min(len(data), int(seconds / DRIP_SECONDS))):
            self.wfile.write(data[place : place + 1])
            self.wfile.flush()
            if self.server.desk.stopping.wait(DRIP_SECONDS):
                return

    def _huge(self, kind: str) -> None:
        """No length is announced, and it does not end for a long while."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        block = b"2026-01-01,1.0\n" * 8192
        for _ in range(HUGE_BYTES // len(block)):
            self.wfile.write(block)


def _midnight() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _csv(rows: list[Row]) -> bytes:
    return "".join(["date,value\n", *(f"{day},{value}\n" for day, value in rows)]).encode()


def _json(name: str, rows: list[Row]) -> bytes:
    """Numbers as JSON numbers, digit by digit."""
    lines = ",".join(f'{{"date":"{day}","value":{value}}}' for day, value in rows)
    return f'{{"name":{json.dumps(name)},"data":[{lines}]}}'.encode()
