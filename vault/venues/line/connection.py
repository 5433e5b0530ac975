"""One ccxt instance for one account and role, with ccxt's guesses switched off.

Refuses endpoints that stand in no table, sends without a permit, retries, redirects, sandbox and proxy
settings, and any host but the configured one. Answers are the raw text; ccxt's parsed numbers (floats)
are never used. Loaded only in the worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from vault.clock import Clock, to_iso
from vault.config import VenueSettings
from vault.errors import VaultError, VenueError
from vault.secrets import Secret
from vault.venues.line import raw
from vault.venues.line.endpoints import Endpoints, verb
from vault.venues.line.guard import is_loopback, venue_address
from vault.venues.line.nonce import Nonces
from vault.venues.line.outcome import read_failure, refused, send_failure
from vault.venues.line.pace import Pacer, Pacers
from vault.venues.line.transport import Evidence, GuardedAdapter, SendPermit

T = TypeVar("T")
SHOWN = 8  # so much of a secret's beginning may be a word like any other


class Connection:
    """Calls a venue's endpoints by ccxt's implicit method names. Not thread safe: one user at a time.

    `beside` are other ccxt classes of the same account, made when first asked for (`Connection.other`).
    """

    def __init__(
        self,
        settings: VenueSettings,
        keys: Mapping[str, Secret] | None,
        clock: Clock,
        endpoints: Endpoints,
        *,
        beside: Mapping[str, Endpoints] | None = None,
        pacers: Pacers | None = None,
    ) -> None:
        import ccxt

        self.verified = False  # set once the key was seen to belong to the configured account
        self._settings, self._keys, self._clock = settings, keys, clock
        self._endpoints, self._beside, self._pacers = endpoints, dict(beside or {}), pacers or Pacers()
        self._others: dict[str, Connection] = {}
        self._secrets = tuple(secret.reveal() for secret in (keys or {}).values())
        self._not_after: datetime | None = None
        base_url = venue_address(settings)
        place = urlsplit(base_url)
        host = place.hostname or ""
        credentials = {
            theirs: keys[ours].reveal()
            for ours, theirs in endpoints.credentials.items()
            if keys is not None and ours in keys
        }
        self._exchange = getattr(ccxt, endpoints.ccxt)(_options(settings, host) | credentials)
        for name, path in endpoints.unnamed.items():
            setattr(self._exchange, name, partial(self._exchange.request, path, ["public"], "GET"))
        self._exchange.urls = redirected(self._exchange.urls, base_url)
        self._pacer: Pacer = self._pacers.of(endpoints.ccxt, place.netloc)
        self._exchange.throttle = self._pause
        self._nonces: Nonces | None = None
        if endpoints.rising_nonces and "apiKey" in credentials:
            self._nonces = Nonces(credentials["apiKey"], clock)
            self._exchange.nonce = self._nonces.next
        self._adapter = GuardedAdapter(base_url, clock)
        session = self._exchange.session
        session.trust_env = False
        session.max_redirects = 0
        session.adapters.clear()
        session.mount("http://", self._adapter)
        session.mount("https://", self._adapter)

    @property
    def evidence(self) -> Evidence:
        """What is known about the last request."""
        return self._adapter.evidence

    @property
    def key_id(self) -> str:
        """The public part of the key, for venues that list all keys of an account; "" without keys."""
        key = (self._keys or {}).get("key")
        return "" if key is None else key.reveal()

    def end_at(self, moment: float | None) -> None:
        """By when all that is read must be there (monotonic clock); None: there is no such moment."""
        self._adapter.ends_at = moment
        for other in self._others.values():
            other.end_at(moment)

    def other(self, name: str) -> Connection:
        """The connection of another ccxt class of this account. Raises `VenueError` where there is none."""
        if name not in self._others:
            if name not in self._beside:
                raise VenueError("not_listed", f"expected a ccxt class beside this one, found {name[:40]!r}")
            self._others[name] = Connection(
                self._settings, self._keys, self._clock, self._beside[name], pacers=self._pacers
            )
            self._others[name].end_at(self._adapter.ends_at)
        return self._others[name]

    def get(self, method: str, parameters: Mapping[str, object] | None = None) -> Any:
        """A read: the answer's JSON with exact numbers. Raises `VenueError`."""
        return raw.parse(self.text(method, parameters), what=method)

    def text(self, method: str, parameters: Mapping[str, object] | None = None) -> str:
        """A read, whatever its HTTP verb: the answer's text. Raises `VenueError`."""
        if self._endpoints.kind(method) != "read":
            raise VenueError("no_permit", f"{method} sends: expected a permit for it, nothing was sent")
        dialect = self._endpoints.dialect
        failure: VaultError | None = None
        with self._turn():
            self._adapter.begin_read(verb(method))
            try:
                self._pacer.check(self._clock)
                getattr(self._exchange, method)(dict(parameters or {}))
            except Exception as error:  # noqa: BLE001  every failure is typed by its evidence
                failure = read_failure(error, self.evidence, method, dialect)
            finally:
                self._adapter.end()
        if failure is None and (refusal := dialect.refusal(self.evidence)) is not None:
            failure = refused(refusal, method, dialect)
        if failure is not None:
            raise self._clean(self._heeded(failure))
        return self.evidence.body or ""

    def send(
        self,
        method: str,
        parameters: Mapping[str, object],
        permit: SendPermit,
        read: Callable[[raw.Fields], T],
    ) -> T:
        """A send, once. `read` takes the receipt out of the answer; when it cannot, the outcome is unknown.

        Raises `VenueError` only when nothing was accepted, `OutcomeUnknownError` otherwise.
        """
        if self._endpoints.kind(method) != "send":
            raise VenueError("not_listed", f"expected an endpoint that sends, found {method[:80]!r}")
        dialect = self._endpoints.dialect
        with self._turn():
            self._adapter.begin_send(permit)
            self._not_after = permit.not_after
            try:
                self._pacer.check(self._clock)
                getattr(self._exchange, method)(dict(parameters))
                if (refusal := dialect.refusal(self.evidence)) is not None:
                    raise VenueError("refused", refusal.code)  # typed below, by the evidence
                return read(raw.Fields.of(raw.parse(self.evidence.body or "", what=method), method))
            except Exception as error:  # noqa: BLE001  every failure is typed by its evidence
                failure = send_failure(error, self.evidence, method, dialect)
            finally:
                self._adapter.end()
                self._not_after = None
        raise self._clean(self._heeded(failure))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The key for one request, where the venue counts them."""
        if self._nonces is None:
            yield
            return
        with self._nonces.turn(2 * self._settings.timeout_seconds):
            yield

    def _pause(self, cost: float | None = None) -> None:
        """In the place of ccxt's `throttle`: its cost of the endpoint, our one clock for the host."""
        seconds = float(self._exchange.rateLimit) * (1 if cost is None else float(cost)) / 1000
        until, ends_at = self._not_after, self._adapter.ends_at
        if until is not None or ends_at is None:
            self._pacer.wait(seconds, self._clock, until)
            return
        until = self._clock.now() + timedelta(seconds=ends_at - time.monotonic())
        self._pacer.wait(seconds, self._clock, until, hint="Ask for less at once, or later.")

    def _heeded(self, error: VaultError) -> VaultError:
        """The error, with the pause that the venue ordered; from now on nothing is sent before its end."""
        evidence = self.evidence
        if not evidence.left:
            return error
        said = self._endpoints.dialect.halt(evidence)
        halt = self._pacer.heed(evidence.status, evidence.retry_after, self._clock, said)
        if halt is None:
            return error
        told = f"{error.message}; no request goes to it until {to_iso(halt.until)} ({halt.why})"
        if isinstance(error, VenueError) and error.code == "venue.bad_answer":
            return VenueError("rate_limited", told, passing="yes", retry_at=to_iso(halt.until))
        error.message = told
        error.details["retry_at"] = to_iso(halt.until)
        return error

    def _clean(self, error: VaultError) -> VaultError:
        """A venue may echo a key, whole or cut, in its message or its code: take it out.

        Raised outside of any handler: what would be chained to it holds the request, which is signed.
        """
        error.message = without(error.message, self._secrets)
        error.hint = without(error.hint, self._secrets)
        error.details.update({name: without(text, self._secrets) for name, text in error.details.items()})
        error.args = (error.message,)
        return error


def without(text: str, secrets: tuple[str, ...]) -> str:
    """`text` with a mark in the place of each secret, also of one that was cut at its end."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
        for length in range(len(secret) - 1, SHOWN, -1):
            text = text.replace(secret[:length], "…")
    return text


def _options(settings: VenueSettings, host: str) -> dict[str, Any]:
    # ccxt's pauses keep an exchange's limits; a server on this machine counts no requests.
    paced = not is_loopback(host) if settings.paced is None else settings.paced
    return {
        "enableRateLimit": paced,
        "timeout": settings.timeout_seconds * 1000,
        "verbose": False,
        "options": {"maxRetriesOnFailure": 0, "recvWindow": settings.recv_window_ms, "timeDifference": 0},
    }


def redirected(value: Any, base_url: str) -> Any:
    """`value` with scheme and host of every URL replaced by `base_url`, recursively."""
    if isinstance(value, dict):
        return {key: redirected(item, base_url) for key, item in value.items()}
    if isinstance(value, list):
        return [redirected(item, base_url) for item in value]
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        return base_url + parts.path + (f"?{parts.query}" if parts.query else "")
    return value
