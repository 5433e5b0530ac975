"""A request as it arrived and an answer as it leaves, both without a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Incoming:
    """Query and body are the raw texts that were signed; header names are in lower case."""

    method: str
    path: str
    query: str
    body: str
    api_key: str | None
    ip: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    code: int | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
