"""Which of an exchange's endpoints a connection may call at all, and what each of them may do.

A name that stands in no table is refused: neither a typing error nor a changed library can call anything
else. Names are ccxt's implicit method names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from vault.errors import VenueError
from vault.venues.line.outcome import Dialect

KEY: Final[Mapping[str, str]] = {"key": "apiKey", "secret": "secret"}
KEY_AND_PASSWORD: Final[Mapping[str, str]] = {**KEY, "password": "password"}

# ccxt makes a method's name of its section, its verb and its path.
_VERB = re.compile(r"(Get|Post|Put|Delete|Patch)(?=[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """One ccxt class of an account: what only reads, what moves something, what needs no key.

    `credentials` maps names of our secrets to ccxt's. With `rising_nonces` each request of a key must carry
    a higher number than the last one the venue has seen, whichever process sent it. `unnamed` are public
    paths that ccxt has no method for, by the method's name that they get.
    """

    ccxt: str
    reads: frozenset[str]
    sends: frozenset[str]
    public: frozenset[str]
    dialect: Dialect
    credentials: Mapping[str, str] = field(default_factory=lambda: KEY)
    rising_nonces: bool = False
    unnamed: Mapping[str, str] = field(default_factory=dict)

    def kind(self, method: str) -> Literal["read", "send"]:
        """What a call of that name does. Raises `VenueError` (``venue.not_listed``)."""
        if method in self.sends:
            return "send"
        if method in self.reads or method in self.public:
            return "read"
        raise VenueError(
            "not_listed", f"expected an endpoint in the tables of {self.ccxt}, found {method[:80]!r}"
        )


def verb(method: str) -> str:
    """The HTTP verb in a method's name. Raises `VenueError` (``venue.not_listed``)."""
    found = _VERB.search(method)
    if found is None:
        raise VenueError(
            "not_listed", f"expected a method name with an HTTP verb in it, found {method[:80]!r}"
        )
    return found[1].upper()
