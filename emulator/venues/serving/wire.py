"""JSON text with exact numbers: a Decimal is written digit by digit, a float is refused.

Exchanges send some numbers as strings and some as JSON numbers; both must leave here unrounded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | Decimal | None


def dumps(value: Json) -> str:
    """Compact JSON text of `value`; raises TypeError on a float or an unknown type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{dumps(str(k))}:{dumps(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(dumps(item) for item in value) + "]"
    raise TypeError(f"expected an exact JSON value, found {type(value).__name__}")


def loads(text: str) -> object:
    """Parse JSON; numbers with a point become Decimal, never float."""
    return json.loads(text, parse_float=Decimal)


def parsed(text: str) -> Json:
    """As `loads`, for what is known to be JSON and goes out again."""
    return cast(Json, loads(text))
