"""What the exchanges that are only read share: a class that sends nothing, and how numbers become an account.

Refuses, by name (``venue.read_only``), everything that sends, deposit addresses and the wallets that
withdrawals leave from; and one account over margins that do not back each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn

from vault.errors import VenueError
from vault.model import Bracket, Collateral, CollateralTier, MarginAccount, Position, Reading, VenueRatio
from vault.money import CONTEXT
from vault.venues.base import (
    InternalTransfer,
    WithdrawRequest,
)
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.line.outcome import Refusal
from vault.venues.line.raw import Fields

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
# Venues that keep their books in one of these count it as a dollar; an account says so in `derived`.
DOLLARS: Final = frozenset({"USD", "USDT", "USDC"})
# Prices in two answers are some hundred milliseconds apart; a fast market moves less than this in that time.
PRICE_BOUND: Final = Decimal("0.005")
DIGITS: Final = Decimal("1e-18")  # of a quotient of ours: far below a base unit of any asset


class ReadOnlyAccount(ExchangeAccount):
    """Reads the margin account and nothing else."""

    def _only_read(self, what: str) -> NoReturn:
        raise VenueError(
            "read_only",
            f"{self.settings.name}: {self.EXCHANGE} is only read here, without {what}; nothing was sent",
        )

    def spot_balance(self, asset: str) -> NoReturn:
        self._only_read("the wallet that withdrawals leave from")

    def network_info(self, asset: str, network: str) -> NoReturn:
        self._only_read("a network for withdrawals")

    def deposit_address(self, asset: str, network: str) -> NoReturn:
        self._only_read("a deposit address")

    def find_deposit(self, asset: str, network: str, txid: str, address: str, since: datetime) -> NoReturn:
        self._only_read("the history of deposits")

    def transfer_internal(self, transfer: InternalTransfer) -> NoReturn:
        self._only_read("a transfer")

    def find_internal_transfer(self, transfer: InternalTransfer, since: datetime) -> NoReturn:
        self._only_read("the history of transfers")

    def withdraw(self, request: WithdrawRequest) -> NoReturn:
        self._only_read("a withdrawal")

    def search_withdrawal(self, request: WithdrawRequest, since: datetime) -> NoReturn:
        self._only_read("the history of withdrawals")


def dollar(asset: str, notes: Notes) -> Decimal:
    """The price of an asset that the venue counts as a dollar. Raises `VenueError` for any other."""
    if asset not in DOLLARS:
        raise VenueError("unsupported_account", f"expected an account in dollars, found one in {asset[:20]}")
    notes.derived.append(f"price:{asset}")
    return ONE


@dataclass(frozen=True, slots=True)
class Totals:
    """The account-wide numbers, USD."""

    equity: Decimal
    initial: Decimal
    maintenance: Decimal
    available: Decimal | None
    balance: Decimal | None
    orders: Decimal | None = None
    ratio: VenueRatio | None = None
    mode: str = ""


def margin_account(  # noqa: PLR0917  an account is made of all of these
    exchange: str,
    context: ReadingContext,
    totals: Totals,
    collateral: tuple[Collateral, ...],
    positions: tuple[Position, ...],
    sources: tuple[Reading, ...],
    notes: Notes,
) -> MarginAccount:
    """The account; its age is that of its oldest source."""
    if totals.available is None:
        notes.missing.append("available_to_withdraw")
    if totals.balance is None:
        notes.missing.append("balance")
    if totals.orders is None:
        notes.missing.append("open_order_margin")
    if not totals.maintenance and any(not position.isolated for position in positions):
        notes.flags.append("maintenance_zero: the venue says none beside open positions")
    return MarginAccount(
        name=context.name,
        exchange=exchange,
        uid=context.uid,
        equity=totals.equity,
        initial_margin=totals.initial,
        maintenance_margin=totals.maintenance,
        available_to_withdraw=totals.available,
        collateral=collateral,
        positions=positions,
        observed_at=min([context.server_time, *(source.observed_at for source in sources)]),
        received_at=context.received_at,
        clock_skew_ms=context.clock_skew_ms,
        missing=tuple(dict.fromkeys(notes.missing)),
        flags=tuple(dict.fromkeys(notes.flags)),
        balance=totals.balance,
        open_order_margin=totals.orders,
        ratio=totals.ratio,
        mode=totals.mode,
        derived=tuple(dict.fromkeys(notes.derived)),
        sources=sources,
    )


@dataclass(frozen=True, slots=True)
class Enveloped:
    """What stands under ``data`` in an answer, and the answer around it."""

    data: Any
    envelope: Fields


def opened(answer: Any, where: str, good: str) -> Enveloped:
    """Raises `VenueError` unless the answer's code is `good` and there is something under ``data``."""
    envelope = Fields.of(answer, where)
    if (code := envelope.text("code")) != good:
        raise VenueError("bad_answer", f"{where}: expected code {good}, found {code[:20]!r}", venue_code=code)
    if envelope.data.get("data") is None:
        raise VenueError(
            "incomplete_answer",
            f"{where}: expected data, the venue did not send it",
            missing=f"{where}.data",
        )
    return Enveloped(envelope.data["data"], envelope)


def coded(good: str) -> Callable[[Any], Refusal | None]:
    """How to find a refusal where answers carry ``code`` and ``msg``, and `good` means none."""

    def find(answer: Any) -> Refusal | None:
        code = answer.get("code")
        if not isinstance(code, (str, int)) or isinstance(code, bool) or str(code) == good:
            return None
        return Refusal(str(code), str(answer.get("msg", "")))

    return find


def identity(line: Fields, name: str) -> str:
    """An id that a venue writes as a number or as a string."""
    return line.text(name) if isinstance(line.data.get(name), str) else str(line.integer(name))


def chosen(line: Fields, name: str, words: Mapping[str, str]) -> str:
    """Our word for one of the venue's. Raises ``venue.bad_answer`` for one that is not known."""
    word = line.text(name)
    if word not in words:
        raise VenueError(
            "bad_answer", f"{line.where}.{name}: expected one of {', '.join(words)}, found {word[:40]!r}"
        )
    return words[word]


def side_of(number: Decimal) -> Literal["long", "short"]:
    """The side of a signed size."""
    return "long" if number > 0 else "short"


def once(seen: set[tuple[str, str]], symbol: str, side: str, line: Fields) -> None:
    """Raise ``venue.bad_answer`` when that position was there already."""
    if (symbol, side) in seen:
        raise VenueError(
            "bad_answer", f"{line.where}: expected {symbol} {side} once, the venue lists it twice"
        )
    seen.add((symbol, side))


def table(tiers: Iterable[tuple[Decimal | None, Decimal, Decimal]]) -> tuple[Bracket, ...]:
    """Brackets out of (cap, rate, cum), in any order; each begins where the one below it ends."""
    found: list[Bracket] = []
    floor = ZERO
    for cap, rate, cum in sorted(tiers, key=lambda tier: (tier[0] is None, tier[0] or ZERO)):
        found.append(Bracket(floor, cap, rate, cum))
        floor = cap if cap is not None else floor
    return tuple(found)


def one_margin(settles: Iterable[str], otherwise: str) -> str:
    """The asset that settles every position, `otherwise` where there is none.

    Raises ``venue.separate_margins``: margins of several assets do not back each other there.
    """
    found = sorted(set(settles))
    if len(found) > 1:
        raise VenueError(
            "separate_margins",
            "expected positions settled in one asset (each is a margin of its own there), "
            f"found {', '.join(found)}",
            hint="Use one account for each settlement asset, or the venue's unified margin.",
        )
    return found[0] if found else otherwise


def mark_flags(positions: Iterable[Position], marks: Mapping[str, Decimal]) -> list[str]:
    """Where a position's mark and the market's differ by more than the time between two answers explains."""
    return [
        f"mark_price_mismatch {position.symbol}: account {position.mark_price:f}, market {mark:f}"
        for position in positions
        if (mark := marks.get(position.symbol)) is not None
        and abs(position.mark_price - mark) > PRICE_BOUND * mark
    ]


def total(numbers: Iterable[Decimal]) -> Decimal:
    """An exact sum."""
    found = ZERO
    for number in numbers:
        found = CONTEXT.add(found, number)
    return found


def without_profit(
    whole: Decimal | None, profits: Iterable[tuple[str, Decimal]], coins: Iterable[Collateral], notes: Notes
) -> Decimal | None:
    """A balance in USD: an equity less profits by settlement asset; None where one of them has no price."""
    prices = {coin.asset: coin.price for coin in coins}
    worths = [(prices.get(asset), profit) for asset, profit in profits]
    known = [CONTEXT.multiply(profit, price) for price, profit in worths if price is not None]
    if whole is None or len(known) < len(worths):
        return None
    notes.derived.append("balance")
    return CONTEXT.subtract(whole, total(known))


def leaving(free: Decimal | None, coins: tuple[Collateral, ...], notes: Notes) -> Decimal | None:
    """USD that may leave: no more than the margin leaves `free`, nor than all coins together may."""
    limits = [
        CONTEXT.multiply(coin.max_withdraw, coin.price) for coin in coins if coin.max_withdraw is not None
    ]
    unread = any(name.startswith("collateral:") for name in notes.missing)
    if free is None or unread or len(limits) < len(coins):
        return None
    notes.derived.append("available_to_withdraw")
    return max(ZERO, min(free, total(limits)))


def reached(amount: Decimal, tiers: Iterable[CollateralTier]) -> Decimal:
    """The ratio of the tier that an amount reaches into: no part of it counts at less."""
    return min(tier.ratio for tier in tiers if tier.floor <= max(amount, ZERO))


def quotient(number: Decimal, divisor: Decimal) -> Decimal:
    """A quotient with the digits that mean something."""
    try:
        return CONTEXT.quantize(CONTEXT.divide(number, divisor), DIGITS).normalize(CONTEXT)
    except ArithmeticError:
        raise VenueError(
            "bad_answer", f"expected numbers that divide, found {number:.3e} over {divisor:.3e}"
        ) from None
