"""Hyperliquid, only read: the account of an address. No keys; every question is a POST to /info that reads.

Refuses an account in portfolio margin, where spot assets are borrowed against and no answer says at what
haircut. Sources: those of `hyperliquid_margin`; Hyperliquid "Info endpoint".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.common.reading import ReadingContext
from vault.venues.line.connection import Connection
from vault.venues.line.outcome import Dialect, Refusal
from vault.venues.line.raw import Fields
from vault.venues.read_only import hyperliquid_margin as margin
from vault.venues.read_only.common import ReadOnlyAccount

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def find(answer: Any) -> Refusal | None:
    """The error of a parsed body: ``{"status": "err", "response": …}`` or ``{"error": …}``."""
    if not isinstance(answer, dict):
        return None
    if answer.get("status") == "err":
        return Refusal("err", str(answer.get("response", "")))
    return Refusal("error", str(answer["error"])) if answer.get("error") else None


DIALECT: Final = Dialect(
    find=find,
    uncertain=frozenset(),
    key=frozenset(),
    clock=frozenset(),
    passing=frozenset(),
    http_200=True,
)


class Hyperliquid(ReadOnlyAccount):
    EXCHANGE = "hyperliquid"
    CREDENTIALS: ClassVar[Mapping[str, str]] = {}
    DIALECT = DIALECT
    READS = frozenset({"publicPostInfo"})

    def uid(self, ask: Connection) -> str:
        """The address itself: whatever is read of it is public, and nothing here can be signed."""
        if not _ADDRESS.fullmatch(self.settings.account_uid):
            raise VenueError(
                "bad_account",
                f"{self.settings.name}: expected account_uid to be an address (0x and 40 hex digits), "
                f"found {self.settings.account_uid!r}",
            )
        return self.settings.account_uid

    def server_time(self, ask: Connection) -> datetime:
        return Fields.of(self._info(ask, "exchangeStatus"), "exchangeStatus").instant("time")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        user = self.uid(ask).lower()
        mode = margin.read_mode(self._info(ask, "userAbstraction", user=user))
        first = self._dex(ask, user, "")
        if mode == margin.STANDARD:
            return margin.standard_account(first, context)
        names = margin.dex_names(self._info(ask, "perpDexs"))
        others = tuple(self._dex(ask, user, name) for name in names[: margin.MAX_DEXES])
        spot = self._info(ask, "spotClearinghouseState", user=user)
        unread = names[margin.MAX_DEXES :]
        return margin.unified_account((first, *others), spot, unread, context)

    def _dex(self, ask: Connection, user: str, name: str) -> margin.Dex:
        """One exchange of perpetuals on the chain: "" is the first, others are named."""
        where = {"dex": name} if name else {}
        state = self._info(ask, "clearinghouseState", user=user, **where)
        market = self._info(ask, "metaAndAssetCtxs", **where) if margin.held(state) or not name else None
        return margin.Dex(name, state, market)

    @staticmethod
    def _info(ask: Connection, kind: str, **parameters: str) -> Any:
        return ask.get("publicPostInfo", {"type": kind, **parameters})
