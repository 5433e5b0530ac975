"""Everything a server needs to be one exchange, and where it is found: `emulator.venues.<name>.endpoints`.

For the builder of a new exchange. Write a folder `emulator/venues/<name>/` (it imports `engine`, `serving`):

    endpoints.py   a function named like the folder, without parameters, that returns an `Exchange`
    profile.py     `engine.profile.Profile`: wallets, routes between them, coins, networks, contracts
    margin.py      one or more `engine.margin.MarginModel`, and the `margin_groups` function that picks them
    auth.py        `parameters` (raw request -> its parameters) and an `Authenticate`: signature over the raw
                   texts, timestamp window, passphrase, `venue.nonces.rise`, `key.check_ip`,
                   `key.check_right(security.right)`;
                   raises `Refusal` (BAD_KEY, BAD_SIGNATURE ...) or the exchange's own `VenueError`
    dialect.py     `serving.dialect.Dialect`: envelopes, and a table from every `Reason` to code and text
    routes_*.py    handlers `Call -> Json`, listed as `Route(method, path, handler, Security.X)`
    feeds.py       `serving.feeds.FeedRoute`s, where the exchange is read by WebSocket

Handlers read `call.venue`, `call.account`, `call.key`, `call.params`; they change money only through
`venue.transfer` and `venue.withdraw`, and refuse with `Refusal` where the engine has a reason, else with
`VenueError`. Statuses, income kinds and wallet names of the engine are mapped in the folder. Served by
`VenueServer("<name>", chain=...)` and `python -m emulator <name>`; faults, feeds, latency and the control API
under `/_emulator/` come with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from emulator.venues.engine.profile import Profile
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.dialect import Dialect
from emulator.venues.serving.feeds import FeedRoute
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Caller, Route, Security

PACKAGE = "emulator.venues"
FOLDERS = Path(__file__).resolve().parents[1]

Authenticate = Callable[[Incoming, dict[str, str], Venue, Security], Caller]
Parameters = Callable[[Incoming], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange; `stale_paths` are the path endings that `freeze` stops: the account and its prices."""

    profile: Profile
    dialect: Dialect
    routes: tuple[Route, ...]
    authenticate: Authenticate
    parameters: Parameters
    stale_paths: tuple[str, ...]
    feeds: tuple[FeedRoute, ...] = ()


def known() -> list[str]:
    """The names of all exchanges there are."""
    return sorted(file.parent.name for file in FOLDERS.glob("*/endpoints.py"))


def load(name: str) -> Exchange:
    """The exchange of this name; raises ValueError that tells the known ones."""
    if name not in known():
        raise ValueError(f"expected one of {known()}, found {name!r}")
    module = import_module(f"{PACKAGE}.{name}.endpoints")
    return cast("Callable[[], Exchange]", getattr(module, name))()
