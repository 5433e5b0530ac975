"""How one parameter of a call becomes a line on the display (ERC-7730 field formats).

https://eips.ethereum.org/EIPS/eip-7730#field-formats
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from ..address import checksum_address
from ..amounts import core_amount
from ..definitions import Definitions
from ..networks import UNKNOWN_TOKEN, Token
from .abi import Value
from .errors import InvalidFormat

UNLIMITED = "Unlimited"


@dataclass(frozen=True, slots=True)
class Container:
    """A property of the transaction itself: "from", "to" or "value"."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A text that stands in the format."""

    text: str


# Steps into the parameters: an index, or a slice (start, end), the end being None for "to the end".
Step: TypeAlias = int | tuple[int, int | None]
Path: TypeAlias = tuple[Step, ...] | Container | Literal
Walk = Callable[[Path], Value]
FetchToken = Callable[[bytes], Token]

SENDER = Container("from")
RECIPIENT = Container("to")
VALUE = Container("value")


@dataclass(frozen=True, slots=True)
class Shown:
    """A formatted value, and the token it was an amount of."""

    text: str | None
    token: Token | None = None
    token_address: bytes = b""
    unlimited: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What formatting may need besides the value."""

    definitions: Definitions
    walk: Walk
    fetch_token: FetchToken


Format = Callable[[Value, Surroundings], Shown]


def address_name(value: Value, around: Surroundings) -> Shown:
    """An address, or a text as it is."""
    if value is None or isinstance(value, str):
        return Shown(value)
    if not isinstance(value, bytes):
        raise InvalidFormat
    return Shown(checksum_address(value, around.definitions.network))


def amount(value: Value, around: Surroundings) -> Shown:
    """Ether, or what the chain calls it."""
    if value is None:
        return Shown(None)
    if not isinstance(value, int):
        raise InvalidFormat
    return Shown(core_amount(value, None, around.definitions.network))


def raw(value: Value, _around: Surroundings) -> Shown:
    """The value with nothing done to it."""
    if value is None or isinstance(value, str):
        return Shown(value)
    if isinstance(value, bytes):
        return Shown(value.hex())
    if not isinstance(value, int):
        raise InvalidFormat
    return Shown(str(value))


def date(value: Value, _around: Surroundings) -> Shown:
    """A Unix time in seconds."""
    if value is None:
        return Shown(None)
    if isinstance(value, bytes):
        value = int.from_bytes(value, "big")
    if not isinstance(value, int):
        raise InvalidFormat
    try:
        return Shown(f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S}")
    except (OverflowError, ValueError, OSError):
        return Shown(str(value))  # beyond any calendar


@dataclass(frozen=True, slots=True)
class TokenAmount:
    """An amount of the token whose contract is somewhere in the call, or fixed."""

    token_path: Path | None = None
    fixed_token: bytes | None = None
    native: tuple[bytes, ...] = ()
    threshold: int | None = None

    def __call__(self, value: Value, around: Surroundings) -> Shown:
        if value is None:
            return Shown(None)
        if not isinstance(value, int):
            raise InvalidFormat
        address = self.fixed_token
        if address is None:
            found = around.walk(self.token_path) if self.token_path is not None else None
            if not isinstance(found, bytes):
                raise InvalidFormat
            address = found
        unlimited = self.threshold is not None and value > self.threshold
        network = around.definitions.network
        if address in self.native:
            return Shown(UNLIMITED if unlimited else core_amount(value, None, network), unlimited=unlimited)
        token = around.definitions.token(address)
        if token is UNKNOWN_TOKEN:
            token = around.fetch_token(address)
        text = UNLIMITED if unlimited else core_amount(value, token, network)
        return Shown(text, token, address, unlimited)


@dataclass(frozen=True, slots=True)
class Unit:
    """A number with a unit of its own, on request with an SI prefix."""

    decimals: int = 0
    base: str = ""
    prefix: bool = False

    def __call__(self, value: Value, _around: Surroundings) -> Shown:
        if value is None:
            return Shown(None)
        if not isinstance(value, int):
            raise InvalidFormat
        try:
            scaled = value / 10**self.decimals
        except OverflowError:
            scaled = float("inf")
        if not self.prefix or scaled == 0:
            return Shown(f"{scaled:g}{self.base}")
        exponent, rest = 0, abs(scaled)
        while rest >= 1000 and exponent < 12:
            rest, exponent = rest / 1000, exponent + 3
        while rest < 1 and exponent > -3:
            rest, exponent = rest * 1000, exponent - 3
        letter = {12: "T", 9: "G", 6: "M", 3: "k", 0: "", -3: "m"}[exponent]
        return Shown(f"{scaled / 10**exponent:g}{letter}{self.base}")


@dataclass(frozen=True, slots=True)
class Choice:
    """A number that stands for a word of the format's own."""

    words: Mapping[int, str] = field(default_factory=dict)

    def __call__(self, value: Value, _around: Surroundings) -> Shown:
        if value is None:
            return Shown(None)
        if isinstance(value, bytes):
            value = int.from_bytes(value, "big")
        if isinstance(value, bool) or not isinstance(value, int) or value not in self.words:
            raise InvalidFormat
        return Shown(self.words[value])


@dataclass(frozen=True, slots=True)
class Subcall:
    """Data of another call inside; it expands into several lines elsewhere."""

    callee: Path
    selector: bytes | None = None

    def __call__(self, value: Value, around: Surroundings) -> Shown:
        return raw(value, around)


def show(format_: Format, value: Value, around: Surroundings) -> Shown:
    """Format a value; of a list every element, one to a line."""
    if not isinstance(value, list):
        return format_(value, around)
    parts = [format_(element, around) for element in value]
    if any(part.text is None for part in parts):
        raise InvalidFormat
    token = next((part.token for part in reversed(parts) if part.token is not None), None)
    address = next((part.token_address for part in reversed(parts) if part.token_address), b"")
    return Shown("\n".join(part.text or "" for part in parts), token, address)


def walk_path(parameters: list[Value], path: tuple[Step, ...]) -> Value:
    """The value a path of steps leads to. Raises InvalidFormat."""
    if not path:
        raise InvalidFormat
    value: Value = parameters
    for step in path:
        if value is None:
            return None
        value = _take(value, step)
    if isinstance(value, tuple):
        raise InvalidFormat
    return value


def _take(value: Value, step: Step) -> Value:
    if isinstance(step, tuple) and isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise InvalidFormat
        value = value.to_bytes(32, "big")  # a slice of a number is one of its word
    if not isinstance(value, (list, tuple, bytes)):
        raise InvalidFormat
    if isinstance(step, tuple):
        return value[step[0] : step[1]]
    try:
        return value[step]
    except IndexError:
        raise InvalidFormat from None
