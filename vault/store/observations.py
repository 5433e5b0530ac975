"""Snapshots and assessments read back from the store, as this version or an older one wrote them.

Refuses what none of them wrote: only the differences named here are bridged.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final, TypeVar

from vault.codec import decode, encode
from vault.errors import DocumentError
from vault.model import Assessment, Snapshot

T = TypeVar("T", Snapshot, Assessment)

# What a market reading held while indicators were computed from it alone.
_NO_LONGER_READ: Final = frozenset({"funding_history", "depth_history", "oi_spot_history"})


def read_snapshot(body: Any) -> Snapshot:
    """Raises `DocumentError`."""
    if isinstance(body, dict) and isinstance(body.get("markets"), list):
        body = {**body, "markets": [_without_histories(market) for market in body["markets"]]}
    return _read(body, Snapshot)


def read_assessment(body: Any) -> Assessment:
    """Raises `DocumentError`."""
    return _read(body, Assessment)


def _without_histories(market: Any) -> Any:
    if not isinstance(market, dict):
        return market
    return {name: value for name, value in market.items() if name not in _NO_LONGER_READ}


def _read(body: Any, kind: type[T]) -> T:
    """What was added to a document since has a default, which an older one gets."""
    if not isinstance(body, dict):
        raise DocumentError("unexpected_type", f"{kind.__name__}: expected an object")
    added = {
        field.name: encode(field.default)
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING
    }
    return decode({**added, **body}, kind)
