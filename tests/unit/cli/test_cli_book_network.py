"""A network that an exchange names otherwise: the hint says what to give instead."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from vault.cli import edge
from vault.cli.command import Call
from vault.treasury import documents
from vault.venues.registry import asset_network

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(("exchange", "name"), [("okx", "BTC-Bitcoin"), ("kraken", "Bitcoin")])
def test_the_hint_names_the_option_and_its_value(
    exchange: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def desk(_: Call) -> Iterator[Any]:
        venue = SimpleNamespace(exchange=exchange)
        yield SimpleNamespace(treasury=SimpleNamespace(venue=lambda _: venue))

    def ask(_: object, __: str, ___: str, asset: str, network: str) -> None:
        asset_network(exchange, asset, network)

    monkeypatch.setattr(Call, "desk", desk)
    monkeypatch.setattr(documents, "add_venue_deposit", ask)
    assert edge.run(["book", "add", "there", "--venue", "trading"]) == 20
    assert f"At {exchange} give --network {name}." in capsys.readouterr().err
