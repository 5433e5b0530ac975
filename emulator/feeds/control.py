"""A client for the control paths of the sources, for scenarios and tests in another process.

Raises FeedControlError with the server's words when it refuses.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 30


class FeedControlError(RuntimeError):
    """The server refused a control request."""


class FeedControl:
    """The scenario's hand on the sources at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # Loopback only: a proxy from the environment must not see this.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def address(self, feed: str, form: str = "csv") -> str:
        """Where a source is read."""
        return f"{self.url}/feeds/{feed}.{form}"

    def fault(self, feed: str, kind: str, *, count: int | None = None, seconds: str | None = None) -> None:
        """Arm a fault (`emulator.feeds.faults.FeedFault`) for the next `count` requests, or until cleared."""
        self._call("fault", feed=feed, kind=kind, count=count, seconds=seconds)

    def clear(self, feed: str | None = None) -> None:
        """Take the faults of a source, or of all, away."""
        self._call("clear", feed=feed)

    def rows(self, feed: str, rows: Mapping[str, str], *, replace: bool = False) -> None:
        """Publish days, `{"2026-01-31": "-33.6"}`."""
        self._call("rows", feed=feed, rows=dict(rows), replace=replace)

    def requests(self) -> Any:
        """What was asked, oldest first."""
        return self._call("requests")

    def _call(self, path: str, /, **fields: object) -> Any:
        body = {name: value for name, value in fields.items() if value is not None}
        request = urllib.request.Request(  # noqa: S310  always http to loopback
            f"{self.url}/_emulator/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise FeedControlError(
                f"{path}: {error.code} {error.read().decode('utf-8', 'replace')}"
            ) from None
