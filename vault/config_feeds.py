"""Sources of market history in treasury.toml (``[[feed]]``): where it is, and which column means what.

The same tables map files for `vault history import --mapping`. Refuses what would be read in two ways, and an
address that is neither encrypted nor on this machine.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self
from urllib.parse import SplitResult, unquote_plus, urlsplit

from pydantic import AfterValidator, Field, model_validator

from vault.config_values import Name
from vault.kinds import Kind
from vault.toml_strict import ExactDecimal, PlacedError, StrictModel, read_toml

if TYPE_CHECKING:
    from pathlib import Path

# Kinds that are candles; every other one is a value at a time.
CANDLE_KINDS: Final[frozenset[Kind]] = frozenset({"price", "mark"})
# Time zones lie within these (UTC-12 to UTC+14).
WESTMOST, EASTMOST = -12 * 60, 14 * 60
MAX_FEEDS: Final = 100
# Whole numbers since 1970 in these units; anything else is text.
TimeUnit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds"]
_UNITS: Final = ("seconds", "milliseconds", "microseconds", "nanoseconds")
# Names, without what separates their words, that say a value is a secret.
_SECRET: Final = re.compile(
    r"key|token|secret|signature|password|passwd|passphrase|credential|bearer|^auth(?!or$|ors$)"
)
_SECRET_NAMES: Final = frozenset({"k", "sig", "pwd", "pass", "pw", "sid", "jwt", "hmac"})
_SECRET_PARTS: Final = frozenset(
    {"apikey", "accesstoken", "authtoken", "password", "passwd", "secret", "key"}
)
# A part of so many characters that goes to and fro between letters, capitals and digits is no word.
_OPAQUE_LENGTH: Final = 24
_OPAQUE_SHARE: Final = 0.25
_NO_SECRETS: Final = (
    "expected no key or password in the URL: this file is no place for secrets; have a program "
    "of yours fetch it into a file, and name that file here"
)
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def _require_place(value: str) -> None:
    """Raise `ValueError` for what is neither a file nor an address without a secret in it."""
    if "://" not in value:
        if not value.strip() or "\0" in value:
            raise ValueError("expected a file or a URL")
        return
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s\x00-\x1f]", value):
        raise ValueError("expected a file, or a URL such as https://example.org/flows.csv")
    if parts.username is not None or parts.password is not None or _is_telling(parts):
        raise ValueError(_NO_SECRETS)
    if "#" in value:
        raise ValueError("expected no # in the URL: a server never sees what stands behind it")
    if parts.scheme == "http" and parts.hostname not in _HERE:
        raise ValueError("expected https for a server that is not this machine")
    if parts.port == 0:
        raise ValueError("expected a port from 1 to 65535")


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  raises for what is none
    except ValueError:
        raise ValueError("expected a file, or a URL such as https://example.org/flows.csv") from None
    return parts


def _is_telling(parts: SplitResult) -> bool:
    """Whether anything in the path, the query or the fragment looks like a key or a password."""
    whole = _unquoted(f"{parts.path}?{parts.query}#{parts.fragment}")
    for part in re.split(r"[/;&?#]", whole):
        *names, last = part.split("=")
        if last and any(map(_is_secret_name, names)):
            return True
        if _plain(part) in _SECRET_PARTS or any(map(_is_opaque, re.split(r"[=,:]", part))):
            return True
    return False


def _unquoted(text: str) -> str:
    for _ in range(5):
        plain = unquote_plus(text)
        if plain == text:
            break
        text = plain
    return text


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_secret_name(name: str) -> bool:
    plain = _plain(name)
    return plain.rstrip("0123456789") in _SECRET_NAMES or _SECRET.search(plain) is not None


def _is_opaque(text: str) -> bool:
    plain = re.sub(r"[^A-Za-z0-9]", "", text)
    if len(plain) < _OPAQUE_LENGTH:
        return False
    sorts = ["d" if each.isdigit() else "u" if each.isupper() else "l" for each in plain]
    changes = sum(one != other for one, other in pairwise(sorts))
    return changes > _OPAQUE_SHARE * len(plain)


def _time_format(value: str) -> str:
    if value in {"auto", "iso", *_UNITS} or "%" in value:
        return value
    raise ValueError(f"expected auto, iso, {', '.join(_UNITS)}, or a form such as %d %b %Y")


def _scale(value: ExactDecimal) -> ExactDecimal:
    if value == 0:
        raise ValueError("expected a factor other than zero")
    return value


Column = Annotated[str, Field(min_length=1, max_length=200)]


class CandleColumns(StrictModel):
    """Where the parts of a candle are. Volume is in base units; without it there is none."""

    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column | None = None


class FeedSettings(StrictModel):
    """One quantity from one source.

    `where` is a file (relative to the folder of treasury.toml; for `--mapping` a file name, which may have
    `*` in it) or a URL. In a CSV `time`, `value` and `candle` are names of columns, or with
    ``header = false`` their numbers from 1. In JSON they are pointers (RFC 6901) from an element of `rows`:

    - layout ``rows``: `rows` points at a list; in an object instead of a list ``@key`` is the time;
    - layout ``columns``: from `rows` on, each points at a list of its own;
    - layout ``one``: one value; without `time` it is of the moment of asking.

    `scale` multiplies each value. `lag_seconds` is how long after the end of its interval (`step_seconds`;
    0: none) a value could be known; not given, that of its kind. `every_seconds` is how often it is asked,
    `max_age_seconds` after what time its newest value counts as missing (not given: see docs/history.md).
    """

    name: Name
    kind: Kind
    asset: str = Field(pattern=r"^[A-Z0-9][A-Z0-9._-]{0,19}$")
    source: Name | None = None
    where: str = Field(max_length=2000)
    format: Literal["csv", "json"]
    delimiter: Literal[",", ";", "\t", "|"] = ","
    header: bool = True
    layout: Literal["rows", "columns", "one"] = "rows"
    rows: str = Field(default="", pattern=r"^(/.*)?$", max_length=200)
    time: Column | None = None
    value: Column | None = None
    candle: CandleColumns | None = None
    time_format: Annotated[str, Field(max_length=60), AfterValidator(_time_format)] = "auto"
    utc_offset_minutes: int = Field(default=0, ge=WESTMOST, le=EASTMOST)
    scale: Annotated[ExactDecimal, AfterValidator(_scale)] = Field(default="1", validate_default=True)
    step_seconds: int = Field(default=0, ge=0, le=31 * 86_400)
    lag_seconds: int | None = Field(default=None, ge=0, le=90 * 86_400)
    licence: str = Field(default="", max_length=200)
    every_seconds: int = Field(default=3600, ge=10, le=7 * 86_400)
    max_age_seconds: int | None = Field(default=None, ge=10, le=90 * 86_400)
    timeout_seconds: int = Field(default=20, ge=1, le=120)

    @property
    def is_url(self) -> bool:
        return "://" in self.where

    @property
    def said_by(self) -> str:
        """The source of the history's key."""
        return self.source or self.name

    @model_validator(mode="after")
    def _address(self) -> Self:
        """Here and not at the field: what is wrong with an address is told without showing it."""
        try:
            _require_place(self.where)
        except ValueError as error:
            raise PlacedError(str(error), "where") from None
        return self

    @model_validator(mode="after")
    def _columns(self) -> Self:
        if (self.kind in CANDLE_KINDS) != (self.candle is not None):
            expected = "`candle`" if self.kind in CANDLE_KINDS else "`value`"
            raise PlacedError(f"expected {expected} for the kind {self.kind}", "kind")
        if (self.value is None) == (self.candle is None):
            raise PlacedError("expected `value` or `candle`, one of them", "kind")
        if self.candle is not None and not self.step_seconds:
            raise PlacedError("expected `step_seconds`, the length of a candle", "kind")
        if self.time is None and self.layout != "one":
            raise PlacedError("expected `time`", "layout" if "layout" in self.model_fields_set else "name")
        return self

    @model_validator(mode="after")
    def _form(self) -> Self:
        only_json = {"layout", "rows"} & self.model_fields_set
        only_csv = {"delimiter", "header"} & self.model_fields_set
        for key in sorted(only_json if self.format == "csv" else only_csv):
            raise PlacedError(f"expected only with {'json' if self.format == 'csv' else 'csv'}", key)
        for key, column in self._places():
            if self.format == "csv" and not self.header and not re.fullmatch(r"[1-9][0-9]{0,3}", column):
                raise PlacedError("expected the number of a column, from 1", key)
            at_key = key == "time" and column == "@key" and self.layout == "rows"
            if self.format == "json" and not column.startswith("/") and not at_key:
                raise PlacedError(f"expected a JSON pointer such as /date, found {column!r}", key)
        return self

    def _places(self) -> list[tuple[str, str]]:
        """(key, column) of everything that names a column."""
        found = [("time", self.time), ("value", self.value)]
        if self.candle is not None:
            found += [("candle", column) for column in self.candle.model_dump().values()]
        return [(key, column) for key, column in found if column is not None]


def second_feed(feeds: tuple[FeedSettings, ...]) -> tuple[int, str] | None:
    """The place of a feed whose name, or whose history, another one before it has, and what is wrong."""
    names: set[str] = set()
    histories: set[tuple[str, str, str, int, str]] = set()
    for at, feed in enumerate(feeds):
        history = (feed.kind, feed.asset, feed.said_by, feed.step_seconds, feed.where)
        if feed.name in names:
            return at, f"expected each name once, found {feed.name!r} twice"
        if history in histories:
            return at, f"{feed.name}: another feed reads the same history from the same place"
        names.add(feed.name)
        histories.add(history)
    return None


class FeedFile(StrictModel):
    """A mapping of files: ``[[feed]]`` tables alone."""

    feed: tuple[FeedSettings, ...] = Field(min_length=1, max_length=MAX_FEEDS, strict=False)

    @model_validator(mode="after")
    def _once(self) -> Self:
        if (twice := second_feed(self.feed)) is not None:
            raise PlacedError(twice[1], "feed", twice[0], "name")
        for at, feed in enumerate(self.feed):
            if feed.is_url:
                raise PlacedError("expected a file name, found a URL", "feed", at, "where")
        return self

    def of(self, path: PurePath) -> tuple[FeedSettings, ...]:
        """The feeds that read this file: those whose `where` is its name or the end of its path."""
        return tuple(feed for feed in self.feed if path.match(feed.where))


def read_mapping(path: Path) -> FeedFile:
    """Read a mapping of files. Raises `DocumentError` with file, line and column."""
    return read_toml(path, FeedFile)
