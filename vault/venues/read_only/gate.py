"""Gate, only read: a unified account, or one futures account of a classic one.

Refuses classic positions in two settlement assets. Sources: those of `gate_margin`; Gate API v4 "Error
Handling".
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.common.reading import ReadingContext
from vault.venues.line.connection import Connection
from vault.venues.line.outcome import Dialect, Refusal
from vault.venues.line.raw import Fields, rows
from vault.venues.read_only import gate_margin as margin
from vault.venues.read_only.common import ReadOnlyAccount, identity, one_margin

SETTLES: Final = ("usdt", "btc")
COINS_AT_ONCE: Final = 100  # in one question, the most there are
PAGE: Final = 100  # positions of one answer
MAX_PAGES: Final = 10
_KEY = frozenset(
    {"INVALID_KEY", "INVALID_SIGNATURE", "MISSING_REQUIRED_HEADER", "FORBIDDEN", "IP_FORBIDDEN", "READ_ONLY"}
)
_CLOCK = frozenset({"REQUEST_EXPIRED"})


def find(answer: Any) -> Refusal | None:
    """The error of a parsed body: ``{"label", "message"}``."""
    if not isinstance(answer, dict) or not isinstance(answer.get("label"), str):
        return None
    return Refusal(answer["label"], str(answer.get("message") or answer.get("detail") or ""))


DIALECT: Final = Dialect(
    find=find,
    uncertain=frozenset(),
    key=_KEY,
    clock=_CLOCK,
    passing=_KEY | _CLOCK | {"TOO_MANY_REQUESTS", "TOO_BUSY", "SERVER_ERROR", "INTERNAL"},
)


class Gate(ReadOnlyAccount):
    EXCHANGE = "gate"
    DIALECT = DIALECT
    READS = frozenset(
        {
            "privateAccountGetDetail",
            "privateFuturesGetSettleAccounts",
            "privateFuturesGetSettlePositions",
            "privateUnifiedGetAccounts",
            "privateUnifiedGetCurrencyDiscountTiers",
            "privateUnifiedGetTransferables",
            "privateUnifiedGetUnifiedMode",
        }
    )
    PUBLIC = frozenset(
        {
            "publicFuturesGetSettleContracts",
            "publicFuturesGetSettleRiskLimitTiers",
            "publicSpotGetTime",
        }
    )

    def uid(self, ask: Connection) -> str:
        return identity(Fields.of(ask.get("privateAccountGetDetail"), "detail"), "user_id")

    def server_time(self, ask: Connection) -> datetime:
        return Fields.of(ask.get("publicSpotGetTime"), "time").instant("server_time")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        mode = margin.read_mode(ask.get("privateUnifiedGetUnifiedMode"))
        positions = {settle: self._positions(ask, settle) for settle in SETTLES}
        if mode == margin.CLASSIC:
            usual = "btc" if self.settings.contracts[0].endswith("_USD") else "usdt"
            settle = one_margin((name for name, answer in positions.items() if margin.held(answer)), usual)
            positions = {settle: positions[settle]}
            account = ask.get("privateFuturesGetSettleAccounts", {"settle": settle})
            answers = self._beside(ask, account, positions, {settle})
            return margin.classic_account(answers, context)
        wanted = {"usdt", *(name for name, answer in positions.items() if margin.held(answer))}
        account = ask.get("privateUnifiedGetAccounts")
        coins = ",".join(sorted(margin.balances(account).data)[:COINS_AT_ONCE])
        limits = ask.get("privateUnifiedGetTransferables", {"currencies": coins}) if coins else []
        answers = replace(self._beside(ask, account, positions, wanted), transferable=limits)
        discounts = ask.get("privateUnifiedGetCurrencyDiscountTiers")
        return margin.unified_account(answers, mode, discounts, context)

    @staticmethod
    def _positions(ask: Connection, settle: str) -> list[Any]:
        """All pages. Raises `VenueError` (``venue.incomplete_answer``) where there is no end of them."""
        found: list[Any] = []
        asked = {"settle": settle, "holding": "true", "limit": PAGE}
        for number in range(MAX_PAGES):
            page = ask.get("privateFuturesGetSettlePositions", {**asked, "offset": number * PAGE})
            found += [line.data for line in rows(page, f"positions.{settle}")]
            if len(page) < PAGE:
                return found
        raise VenueError("incomplete_answer", f"expected all positions in {settle}, the venue has more")

    @staticmethod
    def _beside(ask: Connection, account: Any, positions: dict[str, Any], wanted: set[str]) -> margin.Answers:
        """The account with the contracts of those settlement assets and the tiers of what is held."""
        contracts = {
            settle: ask.get("publicFuturesGetSettleContracts", {"settle": settle})
            for settle in sorted(wanted)
        }
        tiers = {
            name: ask.get("publicFuturesGetSettleRiskLimitTiers", {"settle": settle, "contract": name})
            for settle, answer in positions.items()
            for name in sorted({line.text("contract") for line in margin.held(answer)})
        }
        return margin.Answers(account, positions, contracts, tiers)
