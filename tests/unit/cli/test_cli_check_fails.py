"""Whatever goes wrong, `vault check` ends with 3: 1 and 2 would mean something to a monitor, 70 nothing."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest

from vault.cli import edge
from vault.cli.command import Call
from vault.errors import StoreError, VaultError

SECRET = "hunter2"


@pytest.fixture(params=[RuntimeError(SECRET), KeyError(SECRET), ImportError(SECRET)], ids=repr)
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, request.param)


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: Call) -> NoReturn:
        raise error

    monkeypatch.setattr(Call, "desk", fail)


@pytest.mark.usefixtures("broken")
def test_a_fault_of_the_program_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.run(["check"]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("VAULT UNKNOWN - internal.unexpected: ")
    assert SECRET not in out + err


@pytest.mark.usefixtures("broken")
def test_a_fault_of_the_program_is_unknown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.run(["check", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["error"], found["exit_status"], found["status"]) == ("internal.unexpected", 3, "UNKNOWN")


@pytest.mark.parametrize("error", [StoreError("locked", "a | b"), VaultError("unexpected", "x")], ids=repr)
def test_a_typed_error_is_unknown_whatever_its_own_status(
    error: VaultError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, error)
    assert edge.run(["check"]) == 3
    assert "|" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["--no-such-option"], ["--warn-fragility"], ["too", "much"], ["--warn-fragility", "a lot"]]
)
def test_a_check_that_is_called_wrongly_is_unknown_and_not_critical(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert edge.run(["check", *arguments]) == 3
    assert edge.run(["check", "--json", *arguments]) == 3
    out: Any = capsys.readouterr().out
    assert '"exit_status": 3' in out


def test_other_commands_keep_their_own_statuses(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, RuntimeError())
    assert edge.run(["reconcile"]) == 70
    assert edge.run(["reconcile", "--no-such-option"]) == 2
    assert edge.run(["device", "check", "--no-such-option"]) == 2
