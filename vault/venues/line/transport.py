"""The one place where bytes leave for a venue: a requests adapter under ccxt that keeps evidence.

Refuses any host but the configured one, redirects, a second request in one call, a read with another
verb than its own, a send without a permit, and one after its deadline. Loaded only in the worker.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from vault.clock import Clock, to_iso
from vault.errors import VenueError
from vault.venues.line.nesting import too_deep
from vault.venues.line.watchdog import Watchdog

MAX_ANSWER_BYTES: Final = 16_000_000  # the largest real answer (all coins and networks) is about 1 MB

WHOLE_ANSWER: Final = 2  # times the timeout of its parts
MOST_SECONDS: Final = 60.0
SLACK_SECONDS: Final = 0.5  # a body that trickles is cut off by its reader first


@dataclass(slots=True)
class Evidence:
    """What is known about the last request: whether it may have left, and what came back."""

    left: bool = False
    left_at: datetime | None = None
    status: int | None = None
    body: str | None = None
    timed_out: bool = False
    not_connected: bool = False
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class SendPermit:
    """Leave to send one state-changing request, until a moment."""

    not_after: datetime


class GuardedAdapter(HTTPAdapter):
    """An HTTP adapter without retries that records `evidence`; each call of an endpoint is one request.

    A permit is spent by the one request of a send whatever its verb: some venues withdraw with a GET.
    """

    def __init__(self, base_url: str, clock: Clock) -> None:
        super().__init__(max_retries=0)
        self._base_url = base_url
        self._clock = clock
        self.evidence = Evidence()
        self._dog = Watchdog()
        self._permit: SendPermit | None = None
        self._verb: str | None = None
        self._reading = False
        self.ends_at: float | None = None
        """When what is read must be there, by the monotonic clock; a send has its permit instead."""

    def begin_read(self, verb: str) -> None:
        """Forget the last request, and let one with that verb pass."""
        self.evidence = Evidence()
        self._permit, self._verb, self._reading = None, verb, True

    def begin_send(self, permit: SendPermit) -> None:
        """Forget the last request, and let one pass until the permit's moment."""
        self.evidence = Evidence()
        self._permit, self._verb, self._reading = permit, None, False

    def end(self) -> None:
        """Let nothing pass until the next call begins; the evidence stays."""
        self._permit = self._verb = None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send once; raises `VenueError` before anything has left, else what requests raises."""
        if not (request.url or "").startswith(self._base_url + "/"):
            raise VenueError("foreign_host", f"expected a request to {self._base_url}, found another host")
        if self._verb is not None and request.method == self._verb:
            self._verb = None
        else:
            self._spend_permit()
        if self._reading and self.ends_at is not None:
            # A venue that answers a little late each time must not last for ever.
            given = kwargs.get("timeout")
            left = _seconds_left(self.ends_at)
            kwargs["timeout"] = min(given, left) if isinstance(given, (int, float)) else left
        self.evidence = Evidence(left=True, left_at=self._clock.now())
        kwargs["stream"] = True
        self._dog.seconds = self._longest(kwargs.get("timeout"))
        try:
            response = super().send(request, *args, **kwargs)
            self.evidence.status = response.status_code
            self.evidence.retry_after = response.headers.get("Retry-After")
            body = self._read(response)
            if self._dog.bit:
                raise requests.exceptions.ReadTimeout("timed out")
        except requests.exceptions.Timeout as error:
            self.evidence.timed_out = True
            # ConnectTimeout: no connection was made, so nothing has left.
            self.evidence.not_connected = isinstance(error, requests.exceptions.ConnectTimeout)
            self.evidence.left = not self.evidence.not_connected
            raise
        except requests.exceptions.ConnectionError as error:
            self.evidence.not_connected = _never_connected(error)
            self.evidence.left = not self.evidence.not_connected
            self.evidence.timed_out = self._dog.bit or "timed out" in str(error)
            raise
        finally:
            self._dog.stop()
        text = body.decode("utf-8", errors="replace")
        if too_deep(text):  # before ccxt parses it
            raise requests.exceptions.ContentDecodingError("the answer is nested too deep")
        self.evidence.body = text
        return response

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """A pool whose connections are watched."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = self._dog.watched(pool.ConnectionCls)
        return pool

    def _longest(self, timeout: object) -> float:
        """Seconds that an answer may take as a whole, however often a little of it comes."""
        if self._reading and self.ends_at is not None:
            return max(0.0, self.ends_at - time.monotonic()) + SLACK_SECONDS
        return WHOLE_ANSWER * timeout if isinstance(timeout, (int, float)) else MOST_SECONDS

    def _spend_permit(self) -> None:
        permit, self._permit = self._permit, None
        if permit is None:
            raise VenueError(
                "no_permit", "expected one request a call, with its permit if it sends; this one was not sent"
            )
        now = self._clock.now()
        if now > permit.not_after:
            raise VenueError(
                "too_late",
                f"expected to send until {to_iso(permit.not_after)}, it is {to_iso(now)}; nothing was sent",
                hint="The step is unsent: run `vault send PLAN --resume`, which makes a new request.",
            )
        # A kept-alive connection that the server has closed would make the outcome unknown for nothing.
        self.poolmanager.clear()

    def _read(self, response: requests.Response) -> bytes:
        """The whole body, read as it comes: a body that trickles is cut off when the reading must end."""
        chunks, size = [], 0
        try:
            while chunk := response.raw.read1(65_536, decode_content=True):
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    raise requests.exceptions.ContentDecodingError("the answer is too large")
                chunks.append(chunk)
                if self._reading and self.ends_at is not None:
                    _seconds_left(self.ends_at)
        except ReadTimeoutError as error:
            raise requests.exceptions.ReadTimeout(error) from None
        except HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(error) from None
        finally:
            if not response.raw.closed:
                response.close()
        body = b"".join(chunks)
        # The documented way to keep a body that was read by hand does not exist; requests reads these two.
        response._content = body
        response._content_consumed = True
        return body


def _seconds_left(ends_at: float) -> float:
    """Raises `VenueError` (``venue.timeout``) when there are none."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise VenueError("timeout", "the venue took too long over all", hint="Try again later.")
    return left


def _never_connected(error: BaseException) -> bool:
    """True when the connection could not be opened (refused, no route, no such name)."""
    reason = error.args[0] if error.args else None
    inner = getattr(reason, "reason", reason)
    return isinstance(inner, NewConnectionError)
