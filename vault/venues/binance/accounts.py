"""Which endpoints each kind of Binance account is read from; the numbers are read by the margin modules."""

from __future__ import annotations

from typing import Any, Final

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.binance import coin_margin, margin, portfolio_margin
from vault.venues.binance.dialect import NO_SUCH_SYMBOL
from vault.venues.common.reading import ReadingContext
from vault.venues.line.connection import Connection
from vault.venues.line.raw import Fields, rows

FEW_ASSETS: Final = 8


def usd_account(ask: Connection, context: ReadingContext, usual_contract: str) -> MarginAccount:
    """USD-M. The mark price of `usual_contract` dates an account without positions."""
    multi_assets = ask.get("fapiPrivateGetAccountConfig")
    account = ask.get("fapiPrivateV3GetAccount")
    positions = ask.get("fapiPrivateV3GetPositionRisk")
    held = _symbols(positions)
    answers = margin.AccountAnswers(
        account=account,
        position_risk=positions,
        premium_index=tuple(
            ask.get("fapiPublicGetPremiumIndex", {"symbol": symbol}) for symbol in held or (usual_contract,)
        ),
        brackets=ask.get("fapiPrivateGetLeverageBracket"),
        multi_assets=multi_assets,
        asset_index=_asset_index(ask, account, positions),
        symbol_config=ask.get("fapiPrivateGetSymbolConfig"),
    )
    return margin.margin_account(answers, context)


def _symbols(positions: Any) -> tuple[str, ...]:
    """The contracts with an open position."""
    lines = rows(positions, "positionRisk")
    return tuple(sorted({line.text("symbol") for line in lines if line.decimal("positionAmt")}))


def _asset_index(ask: Connection, account: Any, positions: Any) -> list[Any]:
    """Index and haircut of each asset that is held or settles a position.

    A few are cheapest one by one; the list of all costs ten times the weight of one.
    """
    assets = {
        line.text("asset")
        for line in Fields.of(account, "account").rows("assets")
        if line.decimal("walletBalance") or line.decimal("unrealizedProfit")
    }
    assets |= {
        line.text("marginAsset") for line in rows(positions, "positionRisk") if line.decimal("positionAmt")
    }
    if len(assets) > FEW_ASSETS:
        every = ask.get("fapiPublicGetAssetIndex")
        return every if isinstance(every, list) else [every]
    found = []
    for asset in sorted(assets):
        try:
            found.append(ask.get("fapiPublicGetAssetIndex", {"symbol": f"{asset}USD"}))
        except VenueError as error:
            if error.details.get("venue_code") != NO_SUCH_SYMBOL:
                raise
    return found


def coin_account(ask: Connection, context: ReadingContext) -> MarginAccount:
    """COIN-M: one margin for each coin."""
    account = ask.get("dapiPrivateGetAccount")
    coins = coin_margin.coins_held(account)
    answers = coin_margin.CoinAnswers(
        account=account,
        position_risk=ask.get("dapiPrivateGetPositionRisk"),
        brackets=ask.get("dapiPrivateV2GetLeverageBracket"),
        premium_index=tuple(ask.get("dapiPublicGetPremiumIndex", {"pair": f"{coin}USD"}) for coin in coins),
        exchange_info=ask.get("dapiPublicGetExchangeInfo"),
    )
    return coin_margin.margin_account(answers, context)


def portfolio_account(ask: Connection, context: ReadingContext, usual_contract: str) -> MarginAccount:
    """Portfolio margin: one account over cross margin, USD-M and COIN-M; `usual_contract` as for USD-M."""
    um_positions, cm_positions = ask.get("papiGetUmPositionRisk"), ask.get("papiGetCmPositionRisk")
    linear, inverse = _symbols(um_positions), _symbols(cm_positions)
    if not linear and not inverse:
        linear = (usual_contract,)
    answers = portfolio_margin.PortfolioAnswers(
        account=ask.get("papiGetAccount"),
        balances=ask.get("papiGetBalance"),
        um_account=ask.get("papiGetUmAccount"),
        cm_account=ask.get("papiGetCmAccount"),
        um_positions=um_positions,
        cm_positions=cm_positions,
        um_brackets=ask.get("papiGetUmLeverageBracket"),
        cm_brackets=ask.get("papiGetCmLeverageBracket"),
        collateral_rates=ask.get("sapiGetPortfolioCollateralRate"),
        index_prices=ask.get("sapiGetPortfolioAssetIndexPrice"),
        coin_info=ask.get("dapiPublicGetExchangeInfo"),
        premium_index=(
            *(ask.get("fapiPublicGetPremiumIndex", {"symbol": each}) for each in linear),
            *(ask.get("dapiPublicGetPremiumIndex", {"symbol": each}) for each in inverse),
        ),
    )
    return portfolio_margin.margin_account(answers, context)
