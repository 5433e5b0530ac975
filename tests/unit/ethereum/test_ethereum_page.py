"""docs/ethereum.md says what the code does: its commands and options exist, and so does every code in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from vault.cli.root import cli
from vault.ethereum.chains import CHAINS

WORD = re.compile(r"`((?:[a-z]+\.)?[a-z_]+)`")
COMMAND = re.compile(r"(?:^|&& |\| )vault ([a-z].*?)(?= && | \||$)")


@pytest.fixture
def page(repo_root: Path) -> str:
    return (repo_root / "docs" / "ethereum.md").read_text(encoding="utf-8")


def codes_in(page: str) -> set[str]:
    """What stands in the first column of the tables of refusals, without a family."""
    part = page.partition("## What is refused, and why")[2].partition("## Tests")[0]
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    return {code.rpartition(".")[2] for row in rows for code in WORD.findall(row.split("|")[1])}


def commands_in(page: str) -> list[str]:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    lines = [line.partition("   #")[0].strip() for line in blocks.splitlines()]
    return [found.strip() for line in lines for found in COMMAND.findall(line)]


def test_every_refusal_that_is_explained_exists(page: str, repo_root: Path) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (repo_root / "vault").rglob("*.py"))
    codes = codes_in(page)
    assert len(codes) > 70
    assert not {code for code in codes if f'"{code}"' not in source}


def test_every_refusal_of_a_safe_is_explained(page: str, repo_root: Path) -> None:
    room = repo_root / "vault" / "ethereum" / "safe"
    source = "".join(path.read_text(encoding="utf-8") for path in room.glob("*.py"))
    raised = set(re.findall(r'SafeError\(\s*"([a-z_]+)"', source))
    internal = {"bad_change", "bad_event", "bad_form", "bad_state"}  # no code, no form: said by the message
    assert raised - internal <= codes_in(page)


def test_every_command_of_the_page_exists_with_its_options(page: str) -> None:
    found = commands_in(page)
    assert len(found) > 30
    for text in found:
        words = shlex.split(text)
        command: click.Command = cli
        while isinstance(command, click.Group) and words:
            name = words.pop(0)
            inner = command.get_command(click.Context(command), name)
            assert inner is not None, text
            command = inner
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, text


def test_the_table_of_chains_is_the_programs(page: str) -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| [^|]+\| (\d+)(?: blocks)? \|", page, re.MULTILINE)
    told = {int(each): int(depth) for ids, depth in rows for each in ids.split(",")}
    assert told == {chain.id: chain.confirmations for chain in CHAINS.values()}
