"""An error as one exchange words it: its own code, message and HTTP status, ready for the dialect's envelope.

Raised by an exchange's folder only; the engine raises `Refusal`, which the dialect turns into one of these.
"""

from __future__ import annotations


class VenueError(Exception):
    """`code` and `message` are sent to the client as they are, in the exchange's own envelope."""

    def __init__(self, code: int | str, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
