"""Bitget, only read: a unified account, or one futures account of a classic one.

Which of the two it is, the venue says: each refuses the other's endpoints. Refuses classic positions in two
settlement assets. Sources: those of `bitget_margin`; Bitget "Error Code".
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
from vault.venues.read_only import bitget_margin as margin
from vault.venues.read_only.bitget_margin import GOOD, PRODUCTS
from vault.venues.read_only.common import ReadOnlyAccount, coded, identity, opened

COINS: Final = 8  # asked for one by one; what may leave of others is named as missing
UNIFIED_ONLY: Final = "40085"  # "You are in Unified Account mode": what the classic endpoints answer then
_KEY = frozenset({"40006", "40009", "40011", "40012", "40014", "40018", "40037"})
_CLOCK = frozenset({"40005", "40008"})

DIALECT: Final = Dialect(
    find=coded(GOOD),
    uncertain=frozenset(),
    key=_KEY,
    clock=_CLOCK,
    passing=_KEY | _CLOCK | {"429", "40010", "40015", "40725", "45001"},
    http_200=True,
)


class Bitget(ReadOnlyAccount):
    EXCHANGE = "bitget"
    CREDENTIALS = KEY_AND_PASSWORD
    DIALECT = DIALECT
    READS = frozenset(
        {
            "privateSpotGetV2SpotAccountInfo",
            "privateMixGetV2MixAccountAccounts",
            "privateMixGetV2MixPositionAllPosition",
            "privateUtaGetV3AccountInfo",
            "privateUtaGetV3AccountAssets",
            "privateUtaGetV3AccountMaxTransferable",
            "privateUtaGetV3PositionCurrentPosition",
        }
    )
    PUBLIC = frozenset(
        {
            "publicCommonGetV2PublicTime",
            "publicMixGetV2MixMarketQueryPositionLever",
            "publicMixGetV2MixMarketSymbolPrice",
            "publicUtaGetV3MarketDiscountRate",
            "publicUtaGetV3MarketPositionTier",
            "publicUtaGetV3MarketTickers",
        }
    )

    def uid(self, ask: Connection) -> str:
        try:
            answer = ask.get("privateSpotGetV2SpotAccountInfo")
        except VenueError as error:
            if not _unified_only(error):
                raise
            answer = ask.get("privateUtaGetV3AccountInfo")
        return identity(Fields.of(opened(answer, "info", GOOD).data, "info.data"), "userId")

    def server_time(self, ask: Connection) -> datetime:
        answer = opened(ask.get("publicCommonGetV2PublicTime"), "time", GOOD)
        return Fields.of(answer.data, "time.data").instant("serverTime")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        try:
            positions = {
                product: ask.get("privateMixGetV2MixPositionAllPosition", {"productType": product})
                for product in PRODUCTS
            }
        except VenueError as error:
            if not _unified_only(error):
                raise
            return self._unified(ask, context)
        product = margin.classic_product(positions, self.settings.contracts[0])
        held = [{"productType": product, "symbol": name} for name in margin.symbols(positions[product])]
        answers = margin.Answers(
            account=ask.get("privateMixGetV2MixAccountAccounts", {"productType": product}),
            positions={product: positions[product]},
            tiers={one["symbol"]: ask.get("publicMixGetV2MixMarketQueryPositionLever", one) for one in held},
            prices=tuple(ask.get("publicMixGetV2MixMarketSymbolPrice", one) for one in held),
        )
        return margin.classic_account(answers, context)

    @staticmethod
    def _unified(ask: Connection, context: ReadingContext) -> MarginAccount:
        positions = {
            product: ask.get("privateUtaGetV3PositionCurrentPosition", {"category": product})
            for product in PRODUCTS
        }
        held = [
            {"category": product, "symbol": name}
            for product, answer in positions.items()
            for name in margin.symbols(answer)
        ]
        account = ask.get("privateUtaGetV3AccountAssets")
        answers = margin.Answers(
            account=account,
            positions=positions,
            tiers={one["symbol"]: ask.get("publicUtaGetV3MarketPositionTier", one) for one in held},
            prices=tuple(ask.get("publicUtaGetV3MarketTickers", one) for one in held),
            discounts=ask.get("publicUtaGetV3MarketDiscountRate"),
            transferable=tuple(
                ask.get("privateUtaGetV3AccountMaxTransferable", {"coin": coin})
                for coin in margin.coins_by_worth(account)[:COINS]
            ),
        )
        return margin.unified_account(answers, context)


def _unified_only(error: VenueError) -> bool:
    return error.details.get("venue_code") == UNIFIED_ONLY
