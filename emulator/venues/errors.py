"""Refusals as a venue makes them: an error that carries the venue's own code, message and HTTP status."""

from __future__ import annotations


class VenueError(Exception):
    """The venue refuses; `code` and `message` are sent to the client as they are."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


def missing_parameter(name: str) -> VenueError:
    return VenueError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal_parameter(name: str) -> VenueError:
    return VenueError(-1100, f"Illegal characters found in parameter '{name}'.")


def bad_key() -> VenueError:
    return VenueError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


def bad_symbol() -> VenueError:
    return VenueError(-1121, "Invalid symbol.")
