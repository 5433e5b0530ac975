"""One recorded answer given to an exchange's own reader, and every number of it held against the raw text.

A number that differs, and one that became zero without the answer saying so, are faults. Each field that was
compared is also left out and emptied: then the reader must refuse, or name what it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position

# What a reader that breaks raises instead of a `VenueError`.
BREAKS: Final = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError)

Path = tuple[str | int, ...]
Kind = Literal["account", "positions", "part"]
Change = Callable[[Decimal], Decimal]

ACCOUNT = (
    "equity",
    "balance",
    "initial_margin",
    "maintenance_margin",
    "available_to_withdraw",
    "open_order_margin",
)
COLLATERAL = ("balance", "price", "borrowed", "max_withdraw")
POSITION = {
    "size": "size",
    "entry_price": "entry_price",
    "mark_price": "mark_price",
    "notional": "notional",
    "leverage": "leverage",
    "initial_margin": "initial_margin",
    "isolated_margin": "isolated_margin",
    "venue_maintenance_margin": "maintenance_margin",
    "venue_liquidation_price": "liquidation_price",
    "adl_rank": "adl_rank",
}


def as_told(number: Decimal) -> Decimal:
    return number


@dataclass(frozen=True)
class Number:
    """A number of ours and the raw field it was read from; `of` is what the reader makes of that field.

    `none`: the venue's text for "there is none", where that is not the same as a missing field.
    """

    name: str
    ours: Decimal | int | None
    path: Path
    of: Change = as_told
    none: str | None = None

    def theirs(self, raw: Any) -> str:
        """The raw text; "" where there is none."""
        value = at(raw, self.path)
        return "" if value is None else str(value)

    def equals(self, raw: Any) -> bool:
        text = self.theirs(raw)
        if not text or text == self.none:
            return self.ours is None
        return self.ours == self.of(Decimal(text))


@dataclass(frozen=True)
class Reading:
    """What became of one answer. `zeros` are numbers of ours that are zero, by name."""

    kind: Kind
    numbers: tuple[Number, ...]
    derived: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    zeros: frozenset[str] = frozenset()


Reader = Callable[[Any], Reading]


def at(raw: Any, path: Path) -> Any:
    """The value at a path; None where the path ends early."""
    for step in path:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def of_account(
    account: MarginAccount, numbers: Iterable[Number], kind: Kind = "account", only: str = ""
) -> Reading:
    """A reading of a whole account; of ``positions`` alone where the rest of it was made by hand.

    `only` names the part of a reading that gives several accounts.
    """
    where = f"{only} " if only else ""
    symbols = tuple(position.symbol for position in account.positions)

    def ours(said: Iterable[str]) -> tuple[str, ...]:
        """Of positions alone only what is said of them."""
        return tuple(
            where + each for each in said if kind == "account" or any(symbol in each for symbol in symbols)
        )

    named = {
        **(dict(_account_numbers(account)) if kind == "account" else {}),
        **dict(_position_numbers(account.positions)),
    }
    return Reading(
        kind,
        tuple(Number(where + one.name, one.ours, one.path, one.of, one.none) for one in numbers),
        ours(account.derived),
        ours(account.missing),
        ours(account.flags),
        frozenset(where + name for name, value in named.items() if value == 0),
    )


def of_positions(
    positions: Iterable[Position], numbers: Iterable[Number], **said: tuple[str, ...]
) -> Reading:
    zeros = frozenset(name for name, value in _position_numbers(positions) if value == 0)
    return Reading("positions", tuple(numbers), zeros=zeros, **said)


def joined(readings: Iterable[Reading]) -> Reading:
    """Several readings of one answer as one."""
    each = tuple(readings)
    return Reading(
        each[0].kind,
        tuple(number for one in each for number in one.numbers),
        tuple(name for one in each for name in one.derived),
        tuple(name for one in each for name in one.absent),
        tuple(flag for one in each for flag in one.flags),
        frozenset(name for one in each for name in one.zeros),
    )


def account_numbers(
    account: MarginAccount, place: Path, fields: Mapping[str, str], none: Mapping[str, str] | None = None
) -> Iterator[Number]:
    """The account's numbers, each with the field of the object at `place` that says it."""
    for name, field in fields.items():
        ours = account.ratio.value if name == "ratio" and account.ratio else getattr(account, name)
        yield Number(name, ours, (*place, field), none=(none or {}).get(name))


def position_numbers(
    position: Position,
    place: Path,
    fields: Mapping[str, str | Path],
    of: Mapping[str, Change] | None = None,
    none: Mapping[str, str] | None = None,
) -> Iterator[Number]:
    """A position's numbers; `of` and `none` by attribute, as `Number` has them."""
    for name, field in fields.items():
        path = (*place, field) if isinstance(field, str) else (*place, *field)
        change, nothing = (of or {}).get(name, as_told), (none or {}).get(name)
        yield Number(f"{POSITION[name]}:{position.symbol}", getattr(position, name), path, change, nothing)


def collateral_number(held: Collateral, name: str, path: Path) -> Number:
    return Number(f"{name}:{held.asset}", getattr(held, name), path)


def _account_numbers(account: MarginAccount) -> Iterator[tuple[str, Decimal | None]]:
    for name in ACCOUNT:
        yield name, getattr(account, name)
    yield "ratio", account.ratio.value if account.ratio else None
    for held in account.collateral:
        for name in COLLATERAL:
            yield f"{name}:{held.asset}", getattr(held, name)


def _position_numbers(positions: Iterable[Position]) -> Iterator[tuple[str, Decimal | None]]:
    for position in positions:
        for attribute, name in POSITION.items():
            yield f"{name}:{position.symbol}", getattr(position, attribute)


def faults(read: Reader, raw: Any) -> list[str]:
    """What is wrong with a reading of `raw`, in words."""
    reading = read(deepcopy(raw))
    compared = {one.name for one in reading.numbers}
    found = [
        f"{one.name}: ours {one.ours}, theirs {one.theirs(raw)!r}"
        for one in reading.numbers
        if not one.equals(raw)
    ]
    found += [
        f"{name}: zero, and no field of the answer says so"
        for name in sorted(reading.zeros - compared)
        if not {name, name.split(":", maxsplit=1)[0]} & set(reading.derived)
    ]
    for one in (number for number in reading.numbers if number.theirs(raw)):
        for how, changed in (("absent", without(raw, one.path)), ("empty", with_value(raw, one.path, ""))):
            if how == "empty" and one.none == "":
                continue
            if changed is not None and (fault := _silent(read, changed, reading, one)):
                found.append(f"{one.name}: {fault} when its field is {how}")
    return found


def _silent(read: Reader, changed: Any, before: Reading, number: Number) -> str:
    """How the reader fell silent about a number whose field was taken away; "" where it did not."""
    try:
        after = read(changed)
    except VenueError:
        return ""
    except BREAKS as error:
        return f"the reader broke ({type(error).__name__})"
    newly = (set(after.absent) - set(before.absent)) | (set(after.derived) - set(before.derived))
    if newly or number.name in after.absent:
        return ""
    now = next((one for one in after.numbers if one.name == number.name), None)
    if now is None:
        return "not there and not named"
    if now.ours == number.ours and now.ours:
        return ""  # another field says the same
    return f"{now.ours} and not named"


def without(raw: Any, path: Path) -> Any:
    """The answer without the field at a path; None where it is not there."""
    changed = deepcopy(raw)
    parent = at(changed, path[:-1])
    if not isinstance(parent, dict) or path[-1] not in parent:
        return None
    del parent[path[-1]]
    return changed


def with_value(raw: Any, path: Path, value: object) -> Any:
    """The answer with another value at a path; None where nothing is there."""
    changed = deepcopy(raw)
    parent = at(changed, path[:-1])
    if not isinstance(parent, dict) or path[-1] not in parent:
        return None
    parent[path[-1]] = value
    return changed
