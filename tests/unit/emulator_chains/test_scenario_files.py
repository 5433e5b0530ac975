"""Scenario files are read strictly: what is unknown, missing, a float or out of order is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emulator.scenario import SCENARIOS, load_scenario
from emulator.strict_toml import ScenarioError

OURS = (SCENARIOS / "2026-01-31.toml").read_text(encoding="utf-8")


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "day.toml"


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_of_ours_loads_and_is_named_like_its_file(path: Path) -> None:
    assert load_scenario(path.stem) == load_scenario(str(path))
    assert load_scenario(path.stem).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('mark = "89240"', "mark = 89240.0", r"steps\[0\]\.mark: expected a decimal in quotes"),
        ('mark = "89240"', 'mark = "nan"', r"steps\[0\]\.mark: expected at least 0"),
        ('mark = "89240"', 'mark = "0"', r"steps\[0\]\.mark: expected mark and index above zero"),
        ('mark = "89240"', 'mark = "-5"', r"steps\[0\]\.mark: expected at least 0"),
        ('mark = "89240"\n', "", r"steps\[0\]\.mark: missing"),
        ('phase = "calm"', 'phase = "bored"', r"steps\[0\]\.phase: expected one of"),
        ('label = "Calm"', 'lable = "Calm"', r"steps\[0\]\.label: missing"),
        ('label = "Calm"', 'label = "Calm"\nmood = "good"', r"steps\[0\]\.mood: unknown key"),
        ("2026-01-28T09:00:00Z", "2026-01-28T09:00:00", r"steps\[0\]\.time: expected a time in UTC"),
        ("2026-01-28T09:00:00Z", "2026-03-28T09:00:00Z", "steps: expected each step later"),
        ('floor = "10000"', 'floor = "260000"', "levels.floor: expected floor < target < ceiling"),
        ("leverage = 20", "leverage = 0", r"accounts\[0\]\.position\.leverage: expected an integer from 1"),
        ("leverage = 20", "leverage = true", r"accounts\[0\]\.position\.leverage"),
        ('name = "twin"', 'name = "protected"', "accounts: expected distinct names"),
        ('cold = "10"', 'cold = ["10"]', "funding_of_wallets.cold: expected a decimal in quotes"),
        ('symbol = "BTCUSDT"\n#', 'symbol = "ETHUSDT"\n#', "accounts: expected positions in ETHUSDT"),
        ('[[devices]]\nlabel = "cold"', '[devices]\nlabel = "cold"', "not TOML"),
        ('persona = "trezor-core"', 'persona = "ledger"', r"devices\[0\]\.persona: expected one of onekey-"),
        ("2025-12-01  86322", "1.12.2025  86322", r"history\[0\]\.date: expected a date"),
        ("2025-12-01  86322", "2025-11-30  86322", "history: expected each day right after"),
        ("2025-12-02  91350", "2025-12-02", r"history\[1\]: expected 7 columns, found 6"),
        ("2025-12-02  91350", "2025-12-02  -1", r"history\[1\]\.mark: expected at least 0"),
        (
            "spot_volume  perp_volume  depth",
            "perp_volume  spot_volume  depth",
            "history: expected the columns",
        ),
        ("2026-01-28T09:00:00Z", "2026-01-27T09:00:00Z", "history: expected it to end the day before"),
    ],
)
def test_refuses_a_file_and_names_the_key(write: Path, old: str, new: str, told: str) -> None:
    assert old in OURS
    write.write_text(OURS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError, match=told) as caught:
        load_scenario(str(write))
    assert str(write) in str(caught.value)


def test_refuses_a_scenario_that_is_not_there() -> None:
    with pytest.raises(ScenarioError, match=r"no such scenario; our own are 2026-01-31"):
        load_scenario("2026-02-30")


def test_refuses_bytes_that_are_not_utf8(write: Path) -> None:
    write.write_bytes(b"name = '\xff'")
    with pytest.raises(ScenarioError, match="not TOML"):
        load_scenario(str(write))


def test_a_day_can_be_played_with_one_persona_on_all_devices_and_is_else_the_same() -> None:
    ours = load_scenario()
    played = ours.with_persona("trezor-one")
    assert {plan.persona for plan in played.devices} == {"trezor-one"}
    assert [(plan.label, plan.mnemonic) for plan in played.devices] == [
        (plan.label, plan.mnemonic) for plan in ours.devices
    ]
    assert replace(played, devices=ours.devices) == ours
    assert len({plan.persona for plan in ours.devices}) > 1
    with pytest.raises(ScenarioError, match=r"persona: expected one of onekey-classic1s, .*, found 'ledger'"):
        ours.with_persona("ledger")
