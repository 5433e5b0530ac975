"""Canonical JSON and its SHA-256: one value has one text and one hash, on every machine.

Keys sorted by code point, no white space, UTF-8, no floats (refused), no NaN, strings as they are.
A subset of RFC 8785 that leaves out the one hard part, floating point numbers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from vault.errors import DocumentError

MAX_DEPTH = 32  # deeper than any document of ours; bounds recursion on hostile input
MAX_INTEGER_BITS = 4096  # Python refuses to print integers of more than 4300 digits


def _check_text(text: str) -> None:
    """Half a surrogate pair, as JSON can escape it, has no UTF-8 and so no hash."""
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise DocumentError(
            "not_canonical", "expected text that has a UTF-8 form, found half a surrogate pair"
        )


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise DocumentError("too_deep", f"expected at most {MAX_DEPTH} levels of nesting")
    if isinstance(value, str):
        _check_text(value)
        return
    if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise DocumentError("not_canonical", f"expected an integer of at most {MAX_INTEGER_BITS} bits")
    if value is None or isinstance(value, int):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise DocumentError("bad_key", f"expected string keys, found {type(key).__name__}")
            _check_text(key)
            _check(item, depth + 1)
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            _check(item, depth + 1)
        return
    raise DocumentError(
        "not_canonical",
        f"expected null, boolean, integer, string, list or object, found {type(value).__name__}",
        hint="Write amounts and ratios as strings.",
    )


def canonical_json(value: object) -> str:
    """The canonical text of a JSON value. Raises `DocumentError` for anything that has none."""
    _check(value, 0)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: object) -> str:
    """SHA-256 over the canonical text, 64 hex characters."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_bytes(data: bytes) -> str:
    """SHA-256 over bytes as they are, 64 hex characters."""
    return hashlib.sha256(data).hexdigest()


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [key for key, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DocumentError("duplicate_key", f"expected each key once, found twice: {', '.join(twice)}")
    return result


def _refuse_float(text: str) -> Any:
    raise DocumentError(
        "float", f"expected amounts as strings, found the bare number {text}", hint='Write "0.25", not 0.25.'
    )


_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def _refuse_deep(text: str, what: str) -> None:
    """Bound the nesting before the parser recurses: libraries raise the recursion limit beyond the stack."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH + 1:
            raise DocumentError("too_deep", f"{what}: expected at most {MAX_DEPTH} levels of nesting")


def read_json(text: str, *, what: str = "document") -> Any:
    """Parse JSON strictly: duplicate keys, floats and NaN are refused. Raises `DocumentError`."""
    _refuse_deep(text, what)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_refuse_duplicates,
            parse_float=_refuse_float,
            parse_constant=_refuse_float,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            "not_json", f"{what}: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except ValueError:
        raise DocumentError("not_json", f"{what}: a number has too many digits") from None
    _check(value, 0)
    return value
