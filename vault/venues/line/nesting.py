"""How deep an answer may be nested, looked at before any parser recurses into it. Pure.

The interpreter's own limit is no bound: libraries raise it beyond what the stack carries.
"""

from __future__ import annotations

import re
from typing import Final

MAX_DEPTH: Final = 32  # of real answers the deepest has seven levels

# Possessive: a text of nothing but an opening quote must not be searched again from each of its characters.
_NO_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[^\[\]{}"]+', re.DOTALL)


def too_deep(text: str) -> bool:
    """False for JSON of at most `MAX_DEPTH` levels, true where a parser would go down three times as many."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    brackets = _NO_BRACKETS.sub("", text)
    for _ in range(MAX_DEPTH):  # each time the innermost level goes
        fewer = brackets.replace("[]", "").replace("{}", "")
        if not fewer:
            return False
        if fewer == brackets:
            # No JSON: something closes nothing, or is not closed. A parser goes down no further than this.
            return brackets.count("[") + brackets.count("{") > MAX_DEPTH
        brackets = fewer
    return True
