"""`vault --help` costs its text; every command explains itself; the table and the commands agree."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from vault.cli.root import COMMANDS, VERSION, cli

HEAVY = (
    "pydantic", "sqlalchemy", "rich", "ccxt", "trezorlib", "web3", "bdkpython", "bitcoinlib", "numpy",
    "keyring", "coincurve", "pbk", "asyncio", "eth_account", "requests",
)  # fmt: skip
LOADED = "import sys; from vault.__main__ import main; sys.argv = ['vault', {arguments}]; main(); "
PRINT = "sys.stderr.write('\\n'.join(sys.modules))"


def every_command() -> list[str]:
    found = []
    for name, place, _ in COMMANDS:
        if name == "demo":  # has its own tests: it may import the emulated world
            continue
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        found.append(name)
        if isinstance(command, click.Group):
            found += [f"{name} {each}" for each in command.commands]
    return found


def modules(shell: Any, *arguments: str) -> set[str]:
    listed = ", ".join(repr(each) for each in arguments)
    return set(shell.run("-c", LOADED.format(arguments=listed) + PRINT).err.split())


def test_help_imports_click_and_nothing_heavy(elsewhere: Any) -> None:
    loaded = modules(elsewhere, "--help")
    assert "click" in loaded
    assert not loaded & set(HEAVY)
    assert {name for name in loaded if name.startswith("vault.")} <= {
        "vault.__main__",
        "vault.cli",
        "vault.cli.edge",
        "vault.cli.root",
    }


def test_status_asks_neither_venue_nor_device_nor_rich(shell: Any) -> None:
    loaded = modules(shell, "status")
    assert "sqlalchemy" in loaded
    assert not loaded & (set(HEAVY) - {"pydantic", "sqlalchemy", "asyncio"})


@pytest.mark.parametrize("name", every_command())
def test_every_command_explains_itself_and_takes_json_and_config(name: str) -> None:
    parts = name.split()
    result = CliRunner().invoke(cli, [*parts, "--help"])
    assert result.exit_code == 0
    if "Commands:" not in result.output:
        assert "--json" in result.output
        assert "--config FILE" in result.output


def test_every_command_of_the_house_is_there() -> None:
    wanted = (
        "init doctor status risk cascade stress history check fees plan request show why approve sign send "
        "reconcile cancel audit policy book secret venue device wallet psbt demo completion attestation "
        "account safe verify"
    )
    assert {name for name, _, _ in COMMANDS} == set(wanted.split())


def test_the_version_is_the_one_of_the_package(repo_root: Path) -> None:
    project = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_the_pins_that_doctor_looks_at_are_those_of_the_package(repo_root: Path) -> None:
    from vault.treasury.doctor import PINNED

    project = tomllib.loads((repo_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {f"{name}=={version}" for name, version in PINNED} <= set(project["dependencies"])


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_scripts_call_vault_back(shell_name: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell_name])
    assert result.exit_code == 0
    assert "_VAULT_COMPLETE" in result.output


def test_the_shell_asks_for_completions_and_gets_our_commands(elsewhere: Any) -> None:
    ran = elsewhere.vault(_VAULT_COMPLETE="bash_complete", COMP_WORDS="vault re", COMP_CWORD="1")
    assert "plain,reconcile" in ran.out
