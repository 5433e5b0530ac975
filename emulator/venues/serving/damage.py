"""Well-formed and wrong answers: parts missing, entries doubled, other precision, fields nobody knows.

Works on the parsed JSON of any exchange. Numbers stay exact; a text counts as an amount when it is plain
digits with a point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal

from emulator.venues.engine.exact import ONE, WIDE
from emulator.venues.serving.faults import Fault, FaultKind
from emulator.venues.serving.wire import Json, dumps, parsed

AMOUNT = re.compile(r"-?[0-9]+\.[0-9]+", re.ASCII)
STRANGER = "fieldOfTomorrow"


def damaged(text: str, fault: Fault) -> str:
    """The answer's text after the fault; a text that is no JSON is left as it is."""
    try:
        answer = parsed(text)
    except ValueError:
        return text
    return dumps(DAMAGES[fault.kind](answer, fault))


def _partial(value: Json, fault: Fault) -> Json:
    """Without the named field, wherever it is; without a name, without the last entries of every list."""
    if isinstance(value, Mapping):
        return {name: _partial(inner, fault) for name, inner in value.items() if name != fault.field}
    if isinstance(value, list):
        kept = value if fault.field is not None else value[: max(0, len(value) - fault.entries)]
        return [_partial(inner, fault) for inner in kept]
    return value


def _doubled(value: Json, fault: Fault, name: str | None = None) -> Json:
    """Every entry of every list, or of the lists of the named field, twice in a row."""
    if isinstance(value, Mapping):
        return {key: _doubled(inner, fault, key) for key, inner in value.items()}
    if isinstance(value, list):
        times = 2 if fault.field in (None, name) else 1
        return [_doubled(inner, fault) for inner in value for _ in range(times)]
    return value


def _precision(value: Json, fault: Fault, name: str | None = None) -> Json:
    """Amounts with exactly `digits` decimals: cut, never rounded up, or filled with zeros."""
    if isinstance(value, Mapping):
        return {key: _precision(inner, fault, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_precision(inner, fault, name) for inner in value]
    if fault.field not in (None, name):
        return value
    if isinstance(value, str) and AMOUNT.fullmatch(value):
        return format(_cut(Decimal(value), fault.digits), "f")
    return _cut(value, fault.digits) if isinstance(value, Decimal) else value


def _cut(value: Decimal, digits: int) -> Decimal:
    return value.quantize(ONE.scaleb(-digits), rounding=ROUND_DOWN, context=WIDE)


def _stranger(value: Json, fault: Fault) -> Json:
    if isinstance(value, Mapping):
        return {**{n: _stranger(inner, fault) for n, inner in value.items()}, fault.field or STRANGER: "1"}
    return [_stranger(inner, fault) for inner in value] if isinstance(value, list) else value


DAMAGES: Mapping[FaultKind, Callable[[Json, Fault], Json]] = {
    FaultKind.PARTIAL_ANSWER: _partial,
    FaultKind.DUPLICATE_ENTRIES: _doubled,
    FaultKind.CHANGED_PRECISION: _precision,
    FaultKind.UNKNOWN_FIELD: _stranger,
}
