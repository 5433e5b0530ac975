"""One ccxt instance for one account and role, with ccxt's guesses switched off.

Refuses retries, redirects, sandbox and proxy settings, and any host but the configured one. Answers
are the raw text; ccxt's parsed numbers (floats) are never used. Loaded only in the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from vault.clock import Clock
from vault.config import VenueSettings
from vault.errors import VaultError
from vault.secrets import Secret
from vault.venues import raw
from vault.venues.guard import is_loopback, venue_address
from vault.venues.outcome import read_failure, send_failure
from vault.venues.transport import Evidence, GuardedAdapter, SendPermit

T = TypeVar("T")


class Connection:
    """Calls a venue's endpoints by ccxt's implicit method names. Not thread safe: one user at a time."""

    def __init__(self, settings: VenueSettings, keys: tuple[Secret, Secret] | None, clock: Clock) -> None:
        import ccxt

        self.verified = False  # set once the key was seen to belong to the configured account
        self._secrets = tuple(secret.reveal() for secret in keys or ())
        base_url = venue_address(settings)
        options: dict[str, Any] = {
            # ccxt's pauses keep an exchange's limits; a server on this machine counts no requests.
            "enableRateLimit": not is_loopback(urlsplit(base_url).hostname or ""),
            "timeout": settings.timeout_seconds * 1000,
            "verbose": False,
            "options": {"maxRetriesOnFailure": 0, "recvWindow": settings.recv_window_ms, "timeDifference": 0},
        }
        if keys is not None:
            options |= {"apiKey": keys[0].reveal(), "secret": keys[1].reveal()}
        self._exchange = getattr(ccxt, settings.exchange)(options)
        self._exchange.urls = redirected(self._exchange.urls, base_url)
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

    def get(self, method: str, parameters: Mapping[str, object] | None = None) -> Any:
        """A read: the answer's JSON with exact numbers. Raises `VenueError`."""
        return raw.parse(self.text(method, parameters), what=method)

    def text(self, method: str, parameters: Mapping[str, object] | None = None) -> str:
        """A read: the answer's text. Raises `VenueError`."""
        self._adapter.begin(None)
        try:
            getattr(self._exchange, method)(dict(parameters or {}))
        except Exception as error:  # noqa: BLE001  every failure is typed by its evidence
            raise self._clean(read_failure(error, self.evidence, method)) from None
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
        self._adapter.begin(permit)
        try:
            getattr(self._exchange, method)(dict(parameters))
            return read(raw.Fields.of(raw.parse(self.evidence.body or "", what=method), method))
        except Exception as error:  # noqa: BLE001  every failure is typed by its evidence
            raise self._clean(send_failure(error, self.evidence, method)) from None
        finally:
            self._adapter.permit = None

    def _clean(self, error: VaultError) -> VaultError:
        """A venue may echo a key in its message: take it out."""
        for secret in self._secrets:
            error.message = error.message.replace(secret, "…")
        error.args = (error.message,)
        return error


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
