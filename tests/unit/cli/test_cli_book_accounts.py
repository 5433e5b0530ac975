"""`vault book add-account` and deposits of other assets: what is asked for is added, and shown whole."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.asset_ledger import address_of, entry
from vault.cli import edge
from vault.cli.command import Call
from vault.errors import AddressError
from vault.treasury import documents

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Any:
    venue = SimpleNamespace(exchange="binance")
    made = SimpleNamespace(treasury=SimpleNamespace(venue=lambda _: venue))

    @contextmanager
    def opened(_: Call) -> Iterator[Any]:
        yield made

    monkeypatch.setattr(Call, "desk", opened)
    return made


def test_an_account_is_added_for_one_asset_and_its_address_is_whole(
    desk: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def add(_: object, *arguments: str) -> documents.AddedEntry:
        asked.append(arguments)
        return documents.AddedEntry(entry("safe-usdc", "USDC"), 1, Path("book.json"))

    monkeypatch.setattr(documents, "add_account_address", add)
    arguments = ["book", "add-account", "safe-usdc", "--account", "safe", "--asset", "USDC"]
    assert edge.run(arguments) == 0
    said = capsys.readouterr().out
    assert address_of("safe") in said
    assert "USDC on eip155:1, account safe (cold)" in said
    assert edge.run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entry"]["network"] == "eip155:1"
    assert asked == [("safe-usdc", "safe", "USDC")] * 2


@pytest.mark.parametrize("wrong", [["--asset", "BTC"], ["--asset", "DAI"], []])
def test_bitcoin_has_no_account_and_an_asset_must_be_said(desk: Any, wrong: list[str]) -> None:
    assert edge.run(["book", "add-account", "x", "--account", "safe", *wrong]) == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ("BTC", "BTC")),
        (["--asset", "USDC", "--network", "ETH"], ("USDC", "ETH")),
        (["--asset", "ETH"], ("ETH", "ETH")),
    ],
)
def test_a_deposit_is_of_an_asset_on_a_network_as_the_venue_names_it(
    desk: Any, monkeypatch: pytest.MonkeyPatch, options: list[str], expected: tuple[str, str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def add(_: object, *arguments: str) -> documents.AddedEntry:
        asked.append(arguments)
        return documents.AddedEntry(entry("in", "USDC", venue="trading"), 1, Path("book.json"))

    monkeypatch.setattr(documents, "add_venue_deposit", add)
    assert edge.run(["book", "add", "in", "--venue", "trading", *options]) == 0
    assert asked == [("in", "trading", *expected)]


def test_a_lookalike_is_refused_with_its_code(
    desk: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def add(*_: object) -> documents.AddedEntry:
        raise AddressError("lookalike", "it begins and ends like another")

    monkeypatch.setattr(documents, "add_account_address", add)
    assert edge.run(["book", "add-account", "x", "--account", "safe", "--asset", "ETH"]) == 15
    assert "address.lookalike" in capsys.readouterr().err
