"""Recorded real answers of the exchanges, as the venues' readers take them: numbers are text or `Decimal`.

Refuses nothing and repairs nothing: what a venue answered is given as it was recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.shared import shared_path
from vault.venues.line.raw import parse


def fixtures_path(shared: Path | None = None) -> Path:
    return (shared or shared_path()) / "fixtures" / "ccxt"


@dataclass(frozen=True)
class Recording:
    """What was recorded of one exchange, in `folder` of `fixtures_path`."""

    folder: Path
    exchange: str

    @property
    def exists(self) -> bool:
        return self._file("response").is_file()

    def answer(self, method: str, number: int = 0) -> Any:
        return _given(self.methods[method][number]["httpResponse"], method)

    def market(self, symbol: str) -> Any:
        """The venue's own description of a contract, by ccxt's symbol."""
        return _given(self.markets[symbol]["info"], symbol)

    def answers(self) -> Iterator[tuple[str, int]]:
        """Every recorded answer by method and number."""
        for method, entries in self.methods.items():
            for number in range(len(entries)):
                yield method, number

    @cached_property
    def methods(self) -> dict[str, Any]:
        return dict(json.loads(self._file("response").read_text())["methods"])

    @cached_property
    def markets(self) -> dict[str, Any]:
        return dict(json.loads(self._file("markets").read_text()))

    @cached_property
    def currencies(self) -> dict[str, Any]:
        return dict(json.loads(self._file("currencies").read_text()))

    def _file(self, folder: str) -> Path:
        return self.folder / folder / f"{self.exchange}.json"


def _given(value: object, what: str) -> Any:
    return parse(json.dumps(value), what=what)
