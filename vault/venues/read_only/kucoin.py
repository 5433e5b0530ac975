"""KuCoin, only read: a unified account, or the futures account of a classic one.

Refuses classic positions in two settlement assets and a page of positions that is full. Sources: those of
`kucoin_margin`; KuCoin "Get Account Mode", "Get Apikey Info", "Get Server Time", "HTTP Error Code".
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.common.reading import ReadingContext
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import KEY_AND_PASSWORD
from vault.venues.line.outcome import Dialect
from vault.venues.line.raw import Fields
from vault.venues.read_only import kucoin_margin as margin
from vault.venues.read_only.common import ReadOnlyAccount, coded, identity, opened
from vault.venues.read_only.kucoin_margin import GOOD

PAGE: Final = 200  # positions of one answer, the most there are
_UNIFIED: Final = {"accountMode": "unified"}
_KEY = frozenset({"400001", "400003", "400004", "400005", "400006", "400007", "411100"})
_CLOCK = frozenset({"400002"})

DIALECT: Final = Dialect(
    find=coded(GOOD),
    uncertain=frozenset(),
    key=_KEY,
    clock=_CLOCK,
    passing=_KEY | _CLOCK | {"429000", "200002", "1015", "500000", "230005"},
    http_200=True,
)


class Kucoin(ReadOnlyAccount):
    EXCHANGE = "kucoin"
    CREDENTIALS = KEY_AND_PASSWORD
    DIALECT = DIALECT
    READS = frozenset(
        {
            "futuresPrivateGetAccountOverview",
            "futuresPrivateGetPositions",
            "privateGetUserApiKey",
            "utaPrivateGetAccountMode",
            "utaPrivateGetAccountModeAccountBalance",
            "utaPrivateGetAccountModeAccountOverview",
            "utaPrivateGetAccountModePositionOpenList",
        }
    )
    PUBLIC = frozenset(
        {
            "futuresPublicGetContractsActive",
            "futuresPublicGetContractsRiskLimitSymbol",
            "futuresPublicGetTimestamp",
            "utaGetMarketCollateralDiscountRatio",
        }
    )

    def uid(self, ask: Connection) -> str:
        answer = opened(ask.get("privateGetUserApiKey"), "apiKey", GOOD)
        return identity(Fields.of(answer.data, "apiKey.data"), "uid")

    def server_time(self, ask: Connection) -> datetime:
        return opened(ask.get("futuresPublicGetTimestamp"), "time", GOOD).envelope.instant("data")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        if margin.read_mode(ask.get("utaPrivateGetAccountMode")) == "UNIFIED":
            return self._unified(ask, context)
        positions = ask.get("futuresPrivateGetPositions")
        contracts = ask.get("futuresPublicGetContractsActive")
        currency = margin.settle_currency(positions, contracts, self.settings.contracts[0])
        tiers = {
            symbol: ask.get("futuresPublicGetContractsRiskLimitSymbol", {"symbol": symbol})
            for symbol in margin.isolated_symbols(positions)
        }
        overview = ask.get("futuresPrivateGetAccountOverview", {"currency": currency})
        return margin.classic_account(margin.Answers(overview, positions, contracts, tiers), context)

    @staticmethod
    def _unified(ask: Connection, context: ReadingContext) -> MarginAccount:
        positions = ask.get("utaPrivateGetAccountModePositionOpenList", {**_UNIFIED, "limit": PAGE})
        if len(margin.lines(positions)) >= PAGE:
            raise VenueError("incomplete_answer", "expected all positions, the venue may have more")
        answers = margin.Answers(
            account=ask.get("utaPrivateGetAccountModeAccountOverview", _UNIFIED),
            positions=positions,
            contracts=ask.get("futuresPublicGetContractsActive"),
            tiers={},
        )
        balances = ask.get("utaPrivateGetAccountModeAccountBalance", _UNIFIED)
        discounts = ask.get("utaGetMarketCollateralDiscountRatio")
        return margin.unified_account(answers, balances, discounts, context)
