"""Bitget: the margin account out of raw answers, unified or classic. Pure: no I/O, no clock.

Refuses coin-margined positions: what their size is counted in is not said. Sources: Bitget classic "Get
Account List", "Get All Positions", "Get Position Tier", "Get Mark/Index/Market Prices"; UTA "Get Account
Assets", "Get Position Info", "Get Position Tier Data", "Get Tickers", "Get Discount Rate".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, cast

from vault.errors import VenueError
from vault.model import Bracket, Collateral, CollateralTier, MarginAccount, Position, Reading, VenueRatio
from vault.money import CONTEXT
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields, rows
from vault.venues.read_only.common import (
    DOLLARS,
    ONE,
    ZERO,
    Enveloped,
    Totals,
    chosen,
    dollar,
    leaving,
    margin_account,
    mark_flags,
    once,
    one_margin,
    opened,
    quotient,
    reached,
    table,
    total,
)

GOOD: Final = "00000"
COIN_MARGINED: Final = "COIN-FUTURES"
COINS: Final = {"USDT-FUTURES": "USDT", "USDC-FUTURES": "USDC"}
PRODUCTS: Final = (*COINS, COIN_MARGINED)


@dataclass(frozen=True, slots=True)
class Answers:
    """The parsed JSON of both kinds; positions by product, tiers by contract."""

    account: Any
    positions: Mapping[str, Any]
    tiers: Mapping[str, Any]
    prices: tuple[Any, ...]
    discounts: Any = None
    transferable: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class _Names:
    """How the two interfaces call the same fields of a position and of a tier."""

    side: str
    entry: str
    margin: str
    rate: str
    profit: str
    cap: str
    tier_rate: str


CLASSIC: Final = _Names(
    "holdSide", "openPriceAvg", "marginSize", "keepMarginRate", "unrealizedPL", "endUnit", "keepMarginRate"
)
UNIFIED: Final = _Names(
    "posSide", "avgPrice", "positionBalance", "mmr", "unrealisedPnl", "maxTierValue", "mmr"
)


@dataclass(frozen=True, slots=True)
class _Held:
    """A position with what the account's totals are summed from, in its settlement asset."""

    position: Position
    maintenance: Decimal
    margin: Decimal
    profit: Decimal


def _lines(answer: Any) -> tuple[Fields, ...]:
    """The positions that are not empty: a list in the classic interface, ``list`` in the unified one."""
    data = opened(answer, "positions", GOOD).data
    if isinstance(data, dict):
        if "list" not in data:
            raise VenueError(
                "incomplete_answer",
                "positions: expected a list, the venue did not send it",
                missing="positions.list",
            )
        data = [] if data["list"] is None else data["list"]  # null is how it says none
    return tuple(line for line in rows(data, "positions") if line.decimal("total"))


def symbols(answer: Any) -> list[str]:
    """The contracts with an open position."""
    return sorted({line.text("symbol") for line in _lines(answer)})


def classic_product(positions: Mapping[str, Any], contract: str) -> str:
    """The product whose margin is read: that of the open positions, else that of the configured contract."""
    usual = "USDC-FUTURES" if contract.endswith("PERP") else "USDT-FUTURES"
    return one_margin((product for product, answer in positions.items() if _lines(answer)), usual)


def classic_account(answers: Answers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_position``)."""
    notes = Notes()
    (product,) = answers.positions
    held = _held(answers, CLASSIC, notes)
    positions = tuple(one.position for one in held)
    accounts = opened(answers.account, "mix/account/accounts", GOOD)
    line = _of_coin(accounts, COINS.get(product, ""))
    coin = line.text("marginCoin")
    price = dollar(coin, notes)
    single = _single(line, notes)
    profit = line.optional_decimal("unrealizedPL")
    if profit is None:
        profit = total(one.profit for one in held)
        notes.derived.append("unrealised_profit")
    orders = notes.told(line.optional_decimal("locked"), "open_order_margin")
    if single:
        equity = line.decimal("accountEquity")
        maintenance = total(one.maintenance for one in held)
        initial = CONTEXT.add(total(one.margin for one in held), orders or ZERO)
        balance = CONTEXT.subtract(equity, profit)
        available = line.optional_decimal("maxTransferOut")
        notes.derived += ["maintenance_margin", "initial_margin", "balance"]
        held_coins: tuple[Collateral, ...] = (Collateral(coin, balance, price, ONE, available),)
    else:
        equity, maintenance = line.decimal("unionTotalMargin"), line.decimal("unionMm")
        initial = CONTEXT.subtract(equity, line.decimal("unionAvailable"))
        balance, available = None, line.optional_decimal("maxTransferOut")
        notes.derived.append("initial_margin")
        held_coins = _union_coins(line, coin, notes)
    rate = notes.told(line.optional_decimal("crossedRiskRate"), "ratio")
    totals = Totals(
        equity=equity,
        initial=initial,
        maintenance=maintenance,
        available=available,
        balance=balance,
        orders=orders,
        ratio=None if rate is None else VenueRatio("crossedRiskRate", rate, "up"),
        mode="classic_single" if single else "classic_union",
    )
    sources = _sources(accounts, answers, positions, notes)
    return margin_account("bitget", context, totals, held_coins, positions, sources, notes)


def _single(line: Fields, notes: Notes) -> bool:
    """Whether each coin margins its own positions; an older answer does not say and knows nothing else."""
    if line.has("assetMode"):
        return chosen(line, "assetMode", {"single": "single", "union": ""}) == "single"
    notes.missing.append("asset_mode")
    return not line.has("unionTotalMargin")


def _of_coin(accounts: Enveloped, coin: str) -> Fields:
    found = [line for line in rows(accounts.data, "accounts") if line.text("marginCoin") == coin]
    if len(found) != 1:
        raise VenueError(
            "incomplete_answer",
            f"accounts: expected one account in {coin}, the venue sent {len(found)}",
            missing=f"accounts.{coin}",
        )
    return found[0]


def _union_coins(line: Fields, coin: str, notes: Notes) -> tuple[Collateral, ...]:
    """Only the dollar of the product: what the other coins of a union count for, the venue does not say."""
    found = []
    for one in line.rows("assetList"):
        name = one.text("coin")
        if name == coin:
            found.append(
                Collateral(name, one.decimal("balance"), ONE, ONE, one.optional_decimal("available"))
            )
        elif one.decimal("balance"):
            notes.missing.append(f"collateral:{name}")
    return tuple(found)


def unified_account(answers: Answers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_position``)."""
    notes = Notes()
    held = _held(answers, UNIFIED, notes)
    positions = tuple(one.position for one in held)
    assets = opened(answers.account, "v3/account/assets", GOOD)
    line = Fields.of(assets.data, "assets.data")
    rate = notes.told(line.optional_decimal("mgnRatio"), "ratio")
    whole, profit = line.optional_decimal("accountEquity"), line.optional_decimal("unrealisedPnl")
    balance = None if whole is None or profit is None else CONTEXT.subtract(whole, profit)
    if balance is not None:
        notes.derived.append("balance")
    equity, initial = line.decimal("effEquity"), line.decimal("imr")
    known = (_discounts(answers.discounts), _limits(answers.transferable))
    settles = {position.settle for position in positions}
    coins = tuple(
        coin for one in line.rows("assets") if (coin := _coin(one, known, settles, notes)) is not None
    )
    totals = Totals(
        equity=equity,
        initial=initial,
        maintenance=line.decimal("mmr"),
        available=leaving(CONTEXT.subtract(equity, initial), coins, notes),
        balance=balance,
        ratio=None if rate is None else VenueRatio("mgnRatio", rate, "up"),
        mode="unified",
    )
    sources = _sources(assets, answers, positions, notes)
    return margin_account("bitget", context, totals, coins, positions, sources, notes)


def _coin(
    line: Fields,
    known: tuple[Mapping[str, tuple[tuple[Decimal, Decimal], ...]], Mapping[str, Decimal]],
    settles: set[str],
    notes: Notes,
) -> Collateral | None:
    """A coin with its tiers in its own units; one of unknown worth or haircut is left out and named."""
    tiers, limits = known
    coin, balance, equity = line.text("coin"), line.decimal("balance"), line.decimal("equity")
    if not balance and not equity and coin not in settles:
        return None
    value = line.decimal("usdValue")
    if equity and value:
        price = quotient(value, equity)
        notes.derived.append(f"price:{coin}")
    elif coin in DOLLARS:
        price = dollar(coin, notes)
    else:
        price = ZERO
    if price <= 0 or coin not in tiers:
        notes.missing.append(f"collateral:{coin}")
        return None
    starts = [quotient(start, price) for start, _ in tiers[coin]]
    found = tuple(
        CollateralTier(start, end, ratio)
        for start, end, (_, ratio) in zip(starts, [*starts[1:], None], tiers[coin], strict=True)
    )
    if coin not in limits:
        notes.missing.append(f"max_withdraw:{coin}")
    ratio = reached(equity, found)
    borrowed = notes.told(line.optional_decimal("debt"), f"borrowed:{coin}")
    return Collateral(coin, balance, price, ratio, limits.get(coin), found, borrowed)


def coins_by_worth(answer: Any) -> list[str]:
    """The coins of a unified account, the one of most worth first."""
    lines = Fields.of(opened(answer, "v3/account/assets", GOOD).data, "assets.data").rows("assets")
    return [line.text("coin") for line in sorted(lines, key=lambda line: -line.decimal("usdValue"))]


def _limits(answers: tuple[Any, ...]) -> dict[str, Decimal]:
    """The most that may be transferred out of each coin alone, nothing borrowed for it."""
    lines = (Fields.of(opened(answer, "limits", GOOD).data, "maxTransferable") for answer in answers)
    return {line.text("coin"): line.decimal("maxTransfer") for line in lines}


def _discounts(answer: Any) -> dict[str, tuple[tuple[Decimal, Decimal], ...]]:
    """(value in USD from which it holds, ratio) by coin, from zero upward."""
    if answer is None:
        return {}
    found = {}
    for line in rows(opened(answer, "discountRate", GOOD).data, "discountRate"):
        steps = sorted(
            (row.decimal("tierStartValue"), row.decimal("discountRate")) for row in line.rows("list")
        )
        if steps and steps[0][0] == 0:
            found[line.text("coin")] = tuple(steps)
    return found


def _held(answers: Answers, names: _Names, notes: Notes) -> tuple[_Held, ...]:
    seen: set[tuple[str, str]] = set()
    found = []
    for product, answer in answers.positions.items():
        for line in _lines(answer):
            if product == COIN_MARGINED:
                raise VenueError(
                    "unsupported_position",
                    f"{line.where}: expected no coin-margined position, found {line.text('symbol')[:40]}",
                    hint="Its size is not read: the venue does not say what one contract is worth.",
                )
            found.append(_position(line, COINS[product], answers.tiers, names, notes))
            once(seen, found[-1].position.symbol, found[-1].position.side, line)
    return tuple(found)


def _position(line: Fields, coin: str, tiers: Mapping[str, Any], names: _Names, notes: Notes) -> _Held:
    symbol = line.text("symbol")
    base = symbol.removesuffix("PERP").removesuffix(coin)
    if not base or base == symbol or line.text("marginCoin") != coin:
        raise VenueError("bad_answer", f"{line.where}: expected a contract settled in {coin}, found {symbol}")
    side = chosen(line, names.side, {"long": "long", "short": "short"})
    isolated = chosen(line, "marginMode", {"crossed": "", "isolated": "isolated"}) == "isolated"
    size, mark, margin = line.decimal("total"), line.decimal("markPrice"), line.decimal(names.margin)
    notional = CONTEXT.multiply(size, mark)
    notes.missing += [f"maintenance_margin:{symbol}", f"adl_rank:{symbol}"]
    notes.derived.append(f"notional:{symbol}")
    if not line.has("liquidationPrice"):
        notes.missing.append(f"liquidation_price:{symbol}")
    position = Position(
        symbol=symbol,
        base=base,
        side=cast("Literal['long', 'short']", side),
        size=size,
        entry_price=line.decimal(names.entry),
        mark_price=mark,
        isolated=isolated,
        brackets=_brackets(symbol, tiers.get(symbol), names, notes),
        venue_liquidation_price=line.optional_decimal("liquidationPrice") or None,
        venue_maintenance_margin=None,
        settle=coin,
        leverage=notes.told(line.optional_decimal("leverage"), f"leverage:{symbol}"),
        notional=notional,
        initial_margin=margin,
        isolated_margin=margin if isolated else None,
    )
    maintenance = CONTEXT.multiply(notional, line.decimal(names.rate))
    return _Held(position, maintenance, margin, line.decimal(names.profit))


def _brackets(symbol: str, answer: Any, names: _Names, notes: Notes) -> tuple[Bracket, ...]:
    """A tier's rate holds for the whole position there: the margin jumps from tier to tier."""
    lines = () if answer is None else rows(opened(answer, "tiers", GOOD).data, "tiers")
    if any(line.has("symbol") and line.text("symbol") != symbol for line in lines):
        raise VenueError("bad_answer", f"tiers: expected those of {symbol}, found another contract's")
    (notes.derived if lines else notes.missing).append(f"brackets:{symbol}")
    return table((line.decimal(names.cap), line.decimal(names.tier_rate), ZERO) for line in lines)


def _sources(
    account: Enveloped, answers: Answers, positions: tuple[Position, ...], notes: Notes
) -> tuple[Reading, ...]:
    """When each answer was given; the marks of the market are held against those of the account."""
    marks, found = dict[str, Decimal](), list[Reading]()
    if account.envelope.has("requestTime"):
        found.append(Reading("account", account.envelope.where, account.envelope.instant("requestTime")))
    else:
        notes.missing.append("account_time")
    for answer in answers.prices:
        prices = opened(answer, "prices", GOOD)
        for line in rows(prices.data, "prices"):
            name = line.text("symbol")
            marks[name] = line.decimal("markPrice")
            dated, field = (line, "ts") if line.has("ts") else (prices.envelope, "requestTime")
            found.append(Reading(f"mark:{name}", "market prices", dated.instant(field)))
    notes.missing += [f"mark_price:{one.symbol}" for one in positions if one.symbol not in marks]
    notes.flags += mark_flags(positions, marks)
    return tuple(found)
