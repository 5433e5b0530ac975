"""Strict TOML documents: exact decimals, and errors that point at file, line and column.

Refuses unknown keys and duplicates; the schema is a pydantic model with ``extra="forbid"`` and
``strict=True``. Floats in the text are read as `Decimal`, so ``0.1`` stays one tenth.
"""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from vault.errors import DocumentError, MoneyError
from vault.money import exact_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOT_TOML: Final = (
    "Correct that line: `key = value`, text in quotes, each key once in its table. Nothing was changed."
)
MAX_BYTES = 1_000_000  # a configuration or a policy is text a person reads

Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """Base of all documents: unknown keys refused, no type coercion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


def _decimal(value: object) -> Decimal:
    try:
        return exact_decimal(value)
    except MoneyError as error:
        raise ValueError(error.message) from None


class PlacedError(ValueError):
    """What a model's own check found wrong, with the path of the key it is about."""

    def __init__(self, message: str, *where: str | int) -> None:
        super().__init__(message)
        self.where = where


ExactDecimal = Annotated[Decimal, BeforeValidator(_decimal)]
"""A decimal written as a TOML string, integer or number; exact, finite and bounded."""


def read_toml(path: Path, model: type[Model]) -> Model:
    """Read and validate a document. Raises `DocumentError` with ``file:line:column`` in the message."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError("too_large", f"{path}: expected at most {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DocumentError(
            "missing_file", f"{path}: no such file", hint="Run `vault init` or give --config FILE."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise DocumentError(
            "unreadable",
            f"{path}: {words}",
            hint="Expected a file of UTF-8 text that this user may read.",
        ) from None
    return parse_toml(text, model, name=str(path))


def parse_toml(text: str, model: type[Model], *, name: str) -> Model:
    """Validate a document's text; `name` stands in messages where the file name would."""
    try:
        data = tomllib.loads(text, parse_float=_parse_float)
    except tomllib.TOMLDecodeError as error:
        line, column = _position_in(str(error))
        raise DocumentError(
            "not_toml",
            f"{name}:{line}:{column}: {_without_position(str(error))}",
            hint=_NOT_TOML,
            line=str(line),
        ) from None
    except RecursionError:
        raise DocumentError("not_toml", f"{name}:1:1: nested too deeply", line="1") from None
    except (ValueError, ArithmeticError):
        raise DocumentError("not_toml", f"{name}:1:1: a number or a date out of range", line="1") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _located(error, data, text, name) from None


def _parse_float(text: str) -> Decimal:
    return Decimal(text.replace("_", ""))


def _position_in(message: str) -> tuple[int, int]:
    match = re.search(r"at line (\d+), column (\d+)", message)
    return (int(match[1]), int(match[2])) if match else (1, 1)


def _without_position(message: str) -> str:
    return re.sub(r" \(at (line \d+, column \d+|end of document)\)", "", message)


# pydantic's words for the commonest mistakes, in those of a person who writes TOML.
_WORDS: Final = {
    "extra_forbidden": "unknown key",
    "missing": "missing: this key is required",
    "int_type": "expected a valid integer",
    "int_from_float": "expected a valid integer",
    "string_type": "expected a string (text in quotes)",
    "bool_type": "expected a boolean (true or false)",
    "tuple_type": "expected a list",
    "model_type": "expected a table",
}
# Keys by which an element of an array of tables is known.
_NAMES: Final = ("name", "id", "account", "wallet")


def _said(kind: str, message: str) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    message = message.removeprefix("Value error, ")
    message = message.partition(" after validation")[0]
    for before, after in (
        ("Input should be ", "expected "),
        ("String should ", "expected text to "),
        ("Tuple should have ", "expected "),
    ):
        if message.startswith(before):
            return after + message.removeprefix(before)
    return message


def _path(where: Sequence[str | int], data: object) -> str:
    """``wallet 2 (cold).device``: elements are counted from 1, and named when they have a name."""
    said = ""
    here: Any = data
    for part in where:
        if isinstance(part, int):
            here = here[part] if isinstance(here, list) and part < len(here) else None
            known = [here[key] for key in _NAMES if key in here] if isinstance(here, dict) else []
            said += f" {part + 1}" + (f" ({_shown(known[0]).strip(chr(39))})" if known else "")
        else:
            here = here.get(part) if isinstance(here, dict) else None
            said += f".{part}" if said else part
    return said or "document"


def _inside(where: Sequence[str | int], outer: Sequence[str | int]) -> bool:
    return len(where) > len(outer) and tuple(where[: len(outer)]) == tuple(outer)


def _located(error: ValidationError, data: object, text: str, name: str) -> DocumentError:
    problems = []
    found_wrong = error.errors(include_url=False)
    for item in found_wrong:
        if item["type"] == "too_short" and any(_inside(other["loc"], item["loc"]) for other in found_wrong):
            continue  # it is short because of an element that is named anyway
        cause = item.get("ctx", {}).get("error")
        where = (*item["loc"], *(cause.where if isinstance(cause, PlacedError) else ()))
        line, column = locate(text, where)
        whole = item["type"] in {"missing", "extra_forbidden"} or isinstance(item["input"], dict)
        found = "" if whole else f", found {_shown(item['input'])}"
        said = _said(item["type"], item["msg"])
        problems.append((line, column, f"{name}:{line}:{column}: {_path(where, data)}: {said}{found}"))
    problems.sort(key=lambda problem: problem[:2])
    first = problems[0]
    return DocumentError(
        "invalid",
        "\n".join(problem[2] for problem in problems),
        hint="Correct the lines named; nothing was changed.",
        line=str(first[0]),
        column=str(first[1]),
    )


def _shown(value: object) -> str:
    shown = str(value) if isinstance(value, Decimal) else repr(value)
    if isinstance(value, bool):
        shown = shown.lower()
    return shown if len(shown) <= 80 else shown[:77] + "..."


_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^(\s*)((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.\s]+', dotted))


def locate(text: str, where: Sequence[Any]) -> tuple[int, int]:
    """Line and column (from 1) of the key at path `where`, or of the nearest table above it."""
    index: dict[tuple[Any, ...], tuple[int, int]] = {(): (1, 1)}
    counts: dict[tuple[Any, ...], int] = {}
    table: tuple[Any, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _table_path(_split(header[2]), header[1] == "[[", counts)
            index.setdefault(table, (number, line.index("[") + 1))
        elif key := _KEY.match(line):
            path = table + _split(key[2])
            index.setdefault(path, (number, len(key[1]) + 1))
            for inner in re.finditer(r"[{,]\s*([A-Za-z0-9_-]+)\s*=", line[key.end() :]):
                index.setdefault((*path, inner[1]), (number, key.end() + inner.start(1) + 1))
    for length in range(len(where), -1, -1):
        if (found := index.get(tuple(where[:length]))) is not None:
            return found
    return (1, 1)


def _table_path(
    parts: tuple[str, ...], is_array: bool, counts: dict[tuple[Any, ...], int]
) -> tuple[Any, ...]:
    path: tuple[Any, ...] = ()
    for position, part in enumerate(parts):
        path = (*path, part)
        if is_array and position == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
