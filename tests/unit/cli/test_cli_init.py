"""`vault init` makes a whole treasury or nothing, and never writes over anything."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from vault.clock import SystemClock
from vault.errors import ConfigError, DocumentError
from vault.treasury import setup
from vault.treasury.setup import default_policy_path, init_treasury


def test_makes_a_treasury_that_loads_as_it_is(elsewhere: Any) -> None:
    made = elsewhere.ok("init", "desk", "--emulated")
    folder = elsewhere.folder / "desk"
    assert [Path(each).name for each in made["files"]] == [
        "treasury.toml",
        "policy.toml",
        "policy.test.toml",
        "vault.db",
    ]
    assert elsewhere.ok("status", "--config", "desk")["treasury_id"] == "desk"
    assert elsewhere.ok("audit", "verify", "--config", "desk")["rows"] == 1
    assert (folder / "policy.toml").read_bytes() == default_policy_path().read_bytes()
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_says_what_comes_next_in_an_order_that_works(elsewhere: Any) -> None:
    said = elsewhere.vault("init", "my desk", "--id", "desk").out
    steps = ["cd '", "--attester NAME --write", "vault venue add trading", "book add cold-1"]
    steps += ["book add trading-deposit", "book sign", "policy test", "policy sign", "vault doctor"]
    places = [said.index(step) for step in steps]
    assert places == sorted(places)


def test_the_policy_it_writes_passes_the_tests_it_writes(shell: Any) -> None:
    tests = shell.ok("policy", "test")
    assert tests["passed"] is True
    assert len(tests["tests"]) >= 5


def test_makes_a_treasury_here_beside_other_files(elsewhere: Any) -> None:
    (elsewhere.folder / "notes.txt").write_text("mine", encoding="utf-8")
    elsewhere.ok("init", "--id", "here")
    assert elsewhere.ok("status")["treasury_id"] == "here"
    assert (elsewhere.folder / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["treasury.toml", "policy.toml", "policy.test.toml", "state"])
def test_never_overwrites_and_names_what_is_there(elsewhere: Any, name: str) -> None:
    (elsewhere.folder / name).write_text("mine", encoding="utf-8")
    found = elsewhere.fails(11, "config.exists", "init")
    assert str(elsewhere.folder / name) in found["message"]
    assert [path.name for path in elsewhere.folder.iterdir()] == [name]
    assert (elsewhere.folder / name).read_text(encoding="utf-8") == "mine"


def test_never_follows_a_dangling_link(elsewhere: Any) -> None:
    (elsewhere.folder / "treasury.toml").symlink_to(elsewhere.folder / "nowhere")
    elsewhere.fails(11, "config.exists", "init")
    assert not (elsewhere.folder / "nowhere").exists()


@pytest.mark.parametrize("ident", ['a"b', "", "a b", "x" * 65, "-a", "ä", "a\nb"])
def test_refuses_an_id_that_cannot_stand_in_the_file(tmp_path: Path, ident: str) -> None:
    with pytest.raises((ConfigError, DocumentError)):
        init_treasury(tmp_path / "desk", ident, SystemClock())
    assert list(tmp_path.iterdir()) == []


def test_leaves_nothing_behind_when_the_store_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vault.store.database.Store.open", full)
    for folder in (tmp_path / "new", tmp_path):
        with pytest.raises(ConfigError, match="No space left"):
            init_treasury(folder, "desk", SystemClock())
        assert list(tmp_path.iterdir()) == []


def test_gives_way_to_a_file_that_appears_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = setup._fill

    def slow(folder: Path, text: str, treasury_id: str, clock: Any) -> None:
        real(folder, text, treasury_id, clock)
        (tmp_path / "treasury.toml").write_text("mine", encoding="utf-8")

    monkeypatch.setattr(setup, "_fill", slow)
    with pytest.raises(ConfigError, match="already there"):
        init_treasury(tmp_path, "desk", SystemClock())
    assert [path.name for path in tmp_path.iterdir()] == ["treasury.toml"]
    assert (tmp_path / "treasury.toml").read_text(encoding="utf-8") == "mine"
