"""A stranger's JSON and words, read so that neither can do harm: bounded nesting, no key twice, no NaN.

Refuses what has two readings; words are shown on one line of visible characters.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

# Deeper than any answer of a node; bounds the parser's recursion, and `MAX_PARTS` its time.
MAX_DEPTH: Final = 32
MAX_PARTS: Final = 500_000
# Possessive: a text of nothing but an opening quote must not be searched again from each of its characters.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)


def read_json(text: str) -> Any:
    """A JSON value. Raises `ValueError` for deep nesting, a key that stands twice, and NaN or infinity."""
    depth = parts = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        step = {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        depth += step
        parts += step > 0
        if depth > MAX_DEPTH or parts > MAX_PARTS:
            raise ValueError(f"more than {MAX_DEPTH} levels or {MAX_PARTS} parts")
    return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def printable(text: str, most: int = 200) -> str:
    """A stranger's words on one line: visible 7-bit characters, and no more than `most` of them."""
    shown = "".join(char if " " <= char <= "~" else "?" for char in text[: most + 1])
    return shown if len(shown) <= most else shown[:most] + "..."


def reason(error: BaseException) -> str:
    """An exception in words, also one that has none."""
    return printable(str(error)) or type(error).__name__
