"""How one exchange talks: where its key stands, its envelope of success, its envelope and codes of failure.

The engine never words an answer; a dialect never decides one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from emulator.venues.engine.refusals import Refusal
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.messages import Answer, Incoming
from emulator.venues.serving.wire import Json

HTML_403 = Answer(403, "<html><body><h1>403 Forbidden</h1></body></html>")
HTML_504 = Answer(504, "<html><body><h1>504 Gateway Time-out</h1></body></html>")


class Dialect(Protocol):
    def api_key(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        """The key a request names, from its headers (lower case names); None when it names none."""
        ...

    def success(self, incoming: Incoming, result: Json) -> Json:
        """What a handler returned, in the envelope it leaves in."""
        ...

    def worded(self, incoming: Incoming, refusal: Refusal) -> VenueError:
        """The exchange's own code, text and status for a refusal of the engine; every Reason has one."""
        ...

    def failure(self, incoming: Incoming, error: VenueError) -> Answer:
        """An error in the envelope it leaves in; `Answer.code` is what the request log keeps."""
        ...

    def gateway_timeout(self, incoming: Incoming) -> Answer:
        """What stands before the exchange answers when it waits too long; `HTML_504` for most."""
        ...

    def internal_error(self, incoming: Incoming) -> Answer:
        """The exchange's own 'something broke, the request may or may not have been done'."""
        ...
