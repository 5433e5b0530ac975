"""`vault risk` and `vault cascade`: the right question is asked, and told as text, JSON and page."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support import risk_views as made
from vault.cli.edge import run
from vault.clock import SystemClock
from vault.errors import MarketDataError
from vault.treasury.setup import init_treasury

FRAGILITY, CASCADE, RECORD = "vault.treasury.fragility", "vault.treasury.cascade", "vault.treasury.record"


class Asked(list[tuple[str, dict[str, Any]]]):
    """What the treasury was asked, in order."""

    def last(self) -> dict[str, Any]:
        return self[-1][1]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A treasury that answers from views made by hand."""
    calls = Asked()
    fragility, cascade, record = map(ModuleType, (FRAGILITY, CASCADE, RECORD))

    def look(_treasury: object, _store: object, now: datetime, asset: str) -> object:
        calls.append(("look", {"now": now, "asset": asset}))
        return made.risk()

    def cascade_view(
        _store: object, now: datetime, asset: str, side: str, shocks: tuple[Decimal, ...]
    ) -> object:
        calls.append(("cascade_view", {"now": now, "asset": asset, "side": side, "shocks": shocks}))
        if side == "short":
            raise MarketDataError("no_depth", "no depth above the price")
        return made.cascade()

    def replay_folder(path: Path, now: datetime, asset: str, **told: Any) -> object:
        calls.append(("replay_folder", {"path": path, "now": now, "asset": asset, **told}))
        told["progress"]("2 of 2 files")
        return made.record()

    def replay_store(_store: object, now: datetime, asset: str, **told: Any) -> object:
        calls.append(("replay_store", {"now": now, "asset": asset, **told}))
        return made.record()

    for module, functions in (
        (fragility, (look,)),
        (cascade, (cascade_view,)),
        (record, (replay_folder, replay_store)),
    ):
        for function in functions:
            setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("COLUMNS", "100")
    return calls


@pytest.fixture
def config(tmp_path: Path) -> str:
    made_here = init_treasury(tmp_path / "desk", "desk-one", SystemClock(), emulated=True)
    return str(made_here.folder / "treasury.toml")


def floats(value: object) -> list[float]:
    if isinstance(value, dict):
        return [found for each in value.values() for found in floats(each)]
    if isinstance(value, list):
        return [found for each in value for found in floats(each)]
    return [value] if isinstance(value, float) else []


def answered(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """The JSON document of a command that went well, without any float in it."""
    assert run([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert floats(document) == []
    return document


def test_bare_risk_shows_the_screen(asked: Asked, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["risk", "--config", config]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Fragility of BTC at 2026-01-31 05:00 UTC")
    assert "not a forecast" in out
    assert max(map(len, out.splitlines())) <= 100
    assert asked.last()["asset"] == "BTC"


def test_a_past_moment_is_asked_as_it_was_known_then(
    asked: Asked, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    then = datetime(2026, 1, 30, 20, 5, tzinfo=UTC)
    for command in ("risk", "cascade"):
        assert run([command, "--config", config, "--at", "2026-01-30T20:05:00Z"]) == 0
        assert asked.last()["now"] == then
    assert run(["risk", "--config", config, "--at", "yesterday"]) == 10
    assert "document.bad_instant" in capsys.readouterr().err


def test_risk_as_json_says_what_it_means_and_has_amounts_as_strings(
    asked: Asked, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = answered(capsys, "risk", "--config", config, "--asset", "eth")
    assert asked.last()["asset"] == "ETH"
    assert "never whether one comes" in document["meaning"]
    assert document["fragility"] == str(made.risk().fragility)
    assert document["indicators"][6]["score"] is None


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_page_has_cascade_and_record_and_names_what_it_lacks(
    form: list[str], asked: Asked, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "risk.html"
    assert run(["risk", "--config", config, "--html", str(target), *form]) == 0
    out = capsys.readouterr().out
    assert "cascade of the short side: market.no_depth" in out
    assert str(target) in out
    page = target.read_text(encoding="utf-8")
    assert "Cascade: longs" in page
    assert "Record: falls of 10 % or more" in page
    assert "market.no_depth" in page
    assert [name for name, _ in asked] == ["look", "cascade_view", "cascade_view", "replay_store"]


def test_an_explanation_needs_no_treasury(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAULT_CONFIG", raising=False)
    document = answered(capsys, "risk", "explain", "open-interest")
    assert document["about"]["name"] == "open_interest"
    assert document["now"] is None
    assert document["now_absent"].startswith("config.")
    assert run(["risk", "explain", "funding"]) == 0
    assert "Now: no data: config." in capsys.readouterr().out
    assert not asked


def test_an_explanation_has_the_present_numbers(
    asked: Asked, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = answered(capsys, "risk", "explain", "funding", "--config", config)
    assert document["now"]["statistic"] == "-1.5"
    assert document["now_absent"] is None
    assert asked.last()["asset"] == "BTC"


def test_an_unknown_indicator_is_refused_with_the_known_ones(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["risk", "explain", "astrology"]) == 2
    assert "expected one of open_interest, funding" in capsys.readouterr().err
    assert not asked


def test_the_record_of_a_folder_needs_no_treasury(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = ["risk", "record", "--data", str(tmp_path), "--drop", "7.5", "--since", "2025-07-01"]
    assert run([*ran, "--until", "2026-03-01T00:00:00+01:00"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Record on BTC")
    assert "... 2 of 2 files" in err
    told = asked.last()
    assert told["drop"] == Decimal("0.075")
    assert told["since"] == datetime(2025, 7, 1, tzinfo=UTC)
    assert told["until"] == datetime(2026, 2, 28, 23, tzinfo=UTC)


def test_the_record_of_the_store_is_json_too(
    asked: Asked, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = answered(capsys, "risk", "record", "--config", config)
    assert [name for name, _ in asked] == ["replay_store"]
    assert document["signals"][3]["days"] == 0
    assert document["events"][2]["said"][0]["day_before"] is None


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["risk", "record", "--drop", "0"], 2),
        (["risk", "record", "--drop", "100"], 2),
        (["risk", "record", "--drop", "ten"], 16),
        (["risk", "record", "--since", "yesterday"], 10),
        (["risk", "record", "--since", "2025-07-01T00:00:00"], 10),
        (["risk", "record", "--data", "/nowhere/at/all"], 2),
        (["cascade", "--shock", "-3"], 2),
        (["cascade", "--side", "both"], 2),
        (["risk", "nonsense"], 2),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    arguments: list[str], status: int, asked: Asked
) -> None:
    assert run([*arguments, "--json"]) == status
    assert not asked


def test_cascade_asks_for_the_usual_shocks_and_shows_ladder_and_path(
    asked: Asked, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cascade", "--config", config]) == 0
    out = capsys.readouterr().out
    assert "Price after each shock" in out
    assert "φ (unhedged share): 0.17 ± 0.06" in out
    assert max(map(len, out.splitlines())) <= 100
    assert asked.last()["shocks"] == (Decimal("0.01"), Decimal("0.03"), Decimal("0.05"), Decimal("0.1"))
    assert asked.last()["side"] == "long"


def test_cascade_takes_shocks_in_per_cent_in_any_order_once(
    asked: Asked, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = answered(
        capsys, "cascade", "--config", config, "--shock", "7%", "--shock", "2.5", "--shock", "7"
    )
    assert asked.last()["shocks"] == (Decimal("0.025"), Decimal("0.07"))
    assert document["phi"]["value"] == "0.17"


def test_a_side_that_cannot_be_computed_is_an_error_of_its_own(
    asked: Asked, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cascade", "--config", config, "--side", "short", "--json"]) == 26
    assert json.loads(capsys.readouterr().out)["error"] == "market.no_depth"
    assert asked.last()["side"] == "short"
