"""KuCoin: the margin account out of raw answers, unified or classic. Pure: no I/O, no clock.

Refuses positions in a contract that the venue does not describe. KuCoin calls bitcoin XBT in its futures;
here it is BTC. Sources: KuCoin "Get Account - Futures", "Get Position List", "Get All Symbols", "Get Isolated
Margin Risk Limit"; UTA "Get Account Overview", "Get Account Currency Assets", "Get Position List", "Get
Collateral Discount Ratio".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Bracket, Collateral, MarginAccount, Position, Reading, VenueRatio
from vault.money import CONTEXT
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields, rows
from vault.venues.read_only.common import (
    DOLLARS,
    ONE,
    ZERO,
    Totals,
    chosen,
    dollar,
    margin_account,
    mark_flags,
    once,
    one_margin,
    opened,
    side_of,
    table,
    total,
    without_profit,
)

GOOD: Final = "200000"
_RANKS: Final = 5
_MODES: Final = {"CROSS": "", "ISOLATED": "isolated"}


@dataclass(frozen=True, slots=True)
class Answers:
    """The parsed JSON; `account` is the overview, tiers are by contract."""

    account: Any
    positions: Any
    contracts: Any
    tiers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Contract:
    """One contract is `unit` of the base (linear) or of the quote (inverse)."""

    base: str
    settle: str
    inverse: bool
    unit: Decimal
    mark: Decimal
    index: Decimal


def read_mode(answer: Any) -> str:
    """UNIFIED or CLASSIC. Raises `VenueError` for any other kind of account."""
    line = Fields.of(opened(answer, "accountMode", GOOD).data, "accountMode.data")
    return chosen(line, "selfAccountMode", {"UNIFIED": "UNIFIED", "CLASSIC": "CLASSIC"})


def lines(answer: Any) -> tuple[Fields, ...]:
    """The positions that are not empty; the two interfaces call a size differently."""
    found = rows(opened(answer, "positions", GOOD).data, "positions")
    return tuple(line for line in found if line.decimal("currentQty" if line.has("currentQty") else "size"))


def isolated_symbols(answer: Any) -> list[str]:
    """Contracts with an isolated position: only theirs have tiers, cross margin rises smoothly."""
    return sorted({line.text("symbol") for line in lines(answer) if _isolated(line)})


def settle_currency(positions: Any, contracts: Any, contract: str) -> str:
    """The venue's name of the asset whose margin is read. Raises ``venue.separate_margins``."""
    settles = (line.text("settleCurrency") for line in lines(positions))
    described = rows(opened(contracts, "contracts", GOOD).data, "contracts")
    usual = [line.text("settleCurrency") for line in described if line.text("symbol") == contract]
    return one_margin(settles, usual[0] if usual else "USDT")


def classic_account(answers: Answers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_position``)."""
    notes = Notes()
    line = Fields.of(opened(answers.account, "account-overview", GOOD).data, "account-overview.data")
    coin = _coin(line.text("currency"))
    contracts = _contracts(answers.contracts)
    found = _positions(answers, contracts, notes)
    price = _price(coin, contracts, notes)
    if price is None:
        raise VenueError(
            "incomplete_answer", f"expected the price of {coin}, found none", missing=f"price:{coin}"
        )
    equity, balance = line.decimal("accountEquity"), line.decimal("marginBalance")
    orders = notes.told(line.optional_decimal("orderMargin"), "open_order_margin")
    available = line.optional_decimal("maxWithdrawAmount")
    rate = notes.told(line.optional_decimal("riskRatio"), "ratio")
    initial = CONTEXT.add(line.decimal("positionMargin"), orders or ZERO)
    notes.derived += ["initial_margin", "maintenance_margin"]

    def usd(number: Decimal) -> Decimal:
        return CONTEXT.multiply(number, price)

    totals = Totals(
        equity=usd(equity),
        initial=usd(initial),
        maintenance=usd(total(one.venue_maintenance_margin or ZERO for one in found)),
        available=None if available is None else usd(available),
        # What the venue calls the margin balance is without the profit of open positions.
        balance=usd(balance),
        orders=None if orders is None else usd(orders),
        ratio=None if rate is None else VenueRatio("riskRatio", rate, "up"),
        mode="classic",
    )
    coins = (Collateral(coin, balance, price, ONE, available),)
    sources = tuple(
        Reading(f"position {one.symbol}", "positions", one.observed_at)
        for one in found
        if one.observed_at is not None
    )
    return _account(totals, coins, found, contracts, sources, notes, context)


def unified_account(
    answers: Answers, balances: Any, discounts: Any, context: ReadingContext
) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_position``)."""
    notes = Notes()
    line = Fields.of(opened(answers.account, "account/overview", GOOD).data, "account/overview.data")
    contracts = _contracts(answers.contracts)
    found = _positions(answers, contracts, notes)
    held = Fields.of(opened(balances, "account/balance", GOOD).data, "account/balance.data")
    settles = {one.settle for one in found}
    coins = _coins(held, contracts, _discounts(discounts), settles, notes)
    profits = [
        (one.settle, row.decimal("unrealizedPnL"))
        for one, row in zip(found, lines(answers.positions), strict=True)
    ]
    rate = notes.told(line.optional_decimal("riskRatio"), "ratio")
    totals = Totals(
        equity=line.decimal("adjustedEquity"),
        initial=line.decimal("im"),
        maintenance=line.decimal("mm"),
        available=None,
        balance=without_profit(line.optional_decimal("equity"), profits, coins, notes),
        ratio=None if rate is None else VenueRatio("riskRatio", rate, "up"),
        mode="unified",
    )
    sources: tuple[Reading, ...] = ()
    if held.has("ts"):
        sources = (Reading("coins", held.where, held.instant("ts")),)
    else:
        notes.missing.append("account_time")
    return _account(totals, coins, found, contracts, sources, notes, context)


def _account(  # noqa: PLR0917  an account is made of all of these
    totals: Totals,
    coins: tuple[Collateral, ...],
    found: tuple[Position, ...],
    contracts: Mapping[str, _Contract],
    sources: tuple[Reading, ...],
    notes: Notes,
    context: ReadingContext,
) -> MarginAccount:
    notes.flags += mark_flags(found, {name: one.mark for name, one in contracts.items()})
    return margin_account("kucoin", context, totals, coins, found, sources, notes)


def _coin(name: str) -> str:
    return "BTC" if name == "XBT" else name


def _contracts(answer: Any) -> dict[str, _Contract]:
    """Contracts by symbol; one whose shape is not known is left out (a position in it is then refused)."""
    found = {}
    for line in rows(opened(answer, "contracts", GOOD).data, "contracts"):
        base, settle = _coin(line.text("baseCurrency")), _coin(line.text("settleCurrency"))
        inverse = line.boolean("isInverse")
        fits = (settle == base and line.text("quoteCurrency") == "USD") if inverse else settle in DOLLARS
        if not fits or not all(line.has(name) for name in ("markPrice", "indexPrice", "multiplier")):
            continue
        unit, mark, index = (
            abs(line.decimal("multiplier")),
            line.decimal("markPrice"),
            line.decimal("indexPrice"),
        )
        if unit and mark > 0 and index > 0:
            found[line.text("symbol")] = _Contract(base, settle, inverse, unit, mark, index)
    return found


def _price(coin: str, contracts: Mapping[str, _Contract], notes: Notes) -> Decimal | None:
    """USD of a coin: the index price of a contract on it, None where there is none."""
    if coin in DOLLARS:
        return dollar(coin, notes)
    found = [one for one in contracts.values() if one.base == coin]
    if not found:
        return None
    notes.derived.append(f"price:{coin}")
    # An inverse contract is priced in dollars, a linear one in its settlement asset.
    return sorted(found, key=lambda one: (not one.inverse, one.settle != "USDT"))[0].index


def _isolated(line: Fields) -> bool:
    if line.has("marginMode"):
        return chosen(line, "marginMode", _MODES) == "isolated"
    return not line.boolean("crossMode")


def _positions(answers: Answers, contracts: Mapping[str, _Contract], notes: Notes) -> tuple[Position, ...]:
    seen: set[tuple[str, str]] = set()
    found = []
    for line in lines(answers.positions):
        symbol = line.text("symbol")
        if symbol not in contracts:
            raise VenueError(
                "unsupported_position",
                f"{line.where}: expected a linear or inverse contract that is described, found {symbol[:40]}",
            )
        read = _classic_position if line.has("currentQty") else _unified_position
        found.append(read(line, contracts[symbol], answers.tiers.get(symbol), notes))
        once(seen, symbol, found[-1].side, line)
    return tuple(found)


def _classic_position(line: Fields, contract: _Contract, tiers: Any, notes: Notes) -> Position:
    symbol, quantity = line.text("symbol"), line.decimal("currentQty")
    isolated = _isolated(line)
    if not line.has("liquidationPrice"):
        notes.missing.append(f"liquidation_price:{symbol}")
    observed = line.instant("currentTimestamp") if line.has("currentTimestamp") else None
    if observed is None:
        notes.missing.append(f"mark_price_time:{symbol}")
    return Position(
        symbol=symbol,
        base=contract.base,
        side=side_of(quantity),
        size=CONTEXT.multiply(abs(quantity), contract.unit),
        entry_price=line.decimal("avgEntryPrice"),
        mark_price=line.decimal("markPrice"),
        isolated=isolated,
        brackets=_brackets(line, "maintMarginReq", tiers, isolated, notes),
        venue_liquidation_price=line.optional_decimal("liquidationPrice") or None,
        venue_maintenance_margin=line.decimal("posMaint"),
        settle=contract.settle,
        inverse=contract.inverse,
        leverage=notes.told(line.optional_decimal("leverage"), f"leverage:{symbol}"),
        notional=_absolute(notes.told(line.optional_decimal("markValue"), f"notional:{symbol}")),
        initial_margin=notes.told(line.optional_decimal("posInit"), f"initial_margin:{symbol}"),
        isolated_margin=notes.told(line.optional_decimal("posMargin"), f"isolated_margin:{symbol}")
        if isolated
        else None,
        adl_rank=_rank(line, symbol, notes),
        observed_at=observed,
    )


def _unified_position(line: Fields, contract: _Contract, tiers: Any, notes: Notes) -> Position:
    symbol, quantity = line.text("symbol"), line.decimal("size")
    isolated = _isolated(line)
    if isolated:
        raise VenueError(
            "unsupported_position",
            f"{line.where}: expected a cross position, found {symbol} isolated (its margin is not told)",
        )
    notes.missing += [
        f"liquidation_price:{symbol}",
        f"adl_rank:{symbol}",
        f"mark_price_time:{symbol}",
    ]
    return Position(
        symbol=symbol,
        base=contract.base,
        side=side_of(quantity),
        size=CONTEXT.multiply(abs(quantity), contract.unit),
        entry_price=line.decimal("entryPrice"),
        mark_price=line.decimal("markPrice"),
        isolated=False,
        brackets=_brackets(line, "mmr", tiers, isolated, notes),
        venue_liquidation_price=None,
        venue_maintenance_margin=line.decimal("maintenanceMargin"),
        settle=contract.settle,
        inverse=contract.inverse,
        leverage=notes.told(line.optional_decimal("leverage"), f"leverage:{symbol}"),
        notional=_absolute(notes.told(line.optional_decimal("positionValue"), f"notional:{symbol}")),
        initial_margin=notes.told(line.optional_decimal("initialMargin"), f"initial_margin:{symbol}"),
    )


def _absolute(number: Decimal | None) -> Decimal | None:
    return None if number is None else abs(number)


def _rank(line: Fields, symbol: str, notes: Notes) -> int | None:
    """The venue's percentile in the queue, as a fifth of it: 5 is deleveraged first."""
    share = notes.told(line.optional_decimal("delevPercentage"), f"adl_rank:{symbol}")
    if share is None:
        return None
    if not 0 <= share <= 1:
        raise VenueError("bad_answer", f"{line.where}.delevPercentage: expected 0 to 1, found {share:f}")
    notes.derived.append(f"adl_rank:{symbol}")
    return max(1, int((share * _RANKS).to_integral_value(ROUND_CEILING)))


def _brackets(line: Fields, rate: str, answer: Any, isolated: bool, notes: Notes) -> tuple[Bracket, ...]:
    """Cross margin has no tiers: its rate rises smoothly with size, and the venue says the one of now."""
    symbol = line.text("symbol")
    if not isolated:
        said = notes.told(line.optional_decimal(rate), f"brackets:{symbol}")
        if said is None:
            return ()
        notes.derived.append(f"brackets:{symbol}")
        return table([(None, said, ZERO)])
    found = () if answer is None else rows(opened(answer, "tiers", GOOD).data, "tiers")
    (notes.derived if found else notes.missing).append(f"brackets:{symbol}")
    if any(row.text("symbol") != symbol for row in found):
        raise VenueError("bad_answer", f"tiers: expected those of {symbol}, found another contract's")
    return table((row.decimal("maxRiskLimit"), row.decimal("maintainMargin"), ZERO) for row in found)


def _coins(
    held: Fields,
    contracts: Mapping[str, _Contract],
    ratios: Mapping[str, tuple[Decimal, ...]],
    settles: set[str],
    notes: Notes,
) -> tuple[Collateral, ...]:
    """Coins at the lowest of their haircuts: from which balance each tier holds is not said."""
    found: dict[str, Collateral] = {}
    for account in held.rows("accounts"):
        for line in account.rows("currencies"):
            coin = _coin(line.text("currency"))
            borrowed = line.decimal("liability")
            balance = CONTEXT.subtract(line.decimal("balance"), borrowed)
            if not balance and not borrowed and coin not in settles:
                continue
            price = _price(coin, contracts, notes)
            if price is None or coin not in ratios:
                notes.missing.append(f"collateral:{coin}")
                continue
            if coin in found:
                raise VenueError(
                    "bad_answer", f"{line.where}: expected {coin} once, the venue lists it twice"
                )
            if len(ratios[coin]) > 1:
                notes.missing.append(f"haircut_tiers:{coin}")
            notes.missing.append(f"max_withdraw:{coin}")
            found[coin] = Collateral(coin, balance, price, min(ratios[coin]), None, borrowed=borrowed)
    return tuple(found.values())


def _discounts(answer: Any) -> dict[str, tuple[Decimal, ...]]:
    """The ratios of each coin's tiers."""
    found = {}
    for line in rows(opened(answer, "discounts", GOOD).data, "discounts"):
        ratios = tuple(row.decimal("cdr") for row in line.rows("cdrConfigs"))
        if ratios and all(ZERO <= ratio <= ONE for ratio in ratios):
            found[_coin(line.text("currency"))] = ratios
    return found
