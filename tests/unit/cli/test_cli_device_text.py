"""What adding a device would write into treasury.toml, and what it refuses before a device is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.config import TreasuryConfig
from vault.errors import ConfigError
from vault.toml_strict import parse_toml
from vault.treasury.templates import table, treasury_text

ADD = ("device", "add", "new", "--path", "udp:127.0.0.1:1", "--kind", "trezor")


@pytest.mark.parametrize("emulated", [True, False])
def test_the_template_parses_strictly_as_it_is(emulated: bool) -> None:
    text = treasury_text("desk-one", "http://127.0.0.1:3002", emulated=emulated)
    config = parse_toml(text, TreasuryConfig, name="template")
    assert (config.treasury_id, config.emulated) == ("desk-one", emulated)


def test_the_commented_examples_parse_when_they_are_uncommented() -> None:
    text = treasury_text("desk-one", "http://127.0.0.1:3002", emulated=False)
    before, _, examples = text.partition("# [[device]]")
    lines = [line.removeprefix("#").removeprefix(" ") for line in ("# [[device]]" + examples).split("\n")]
    whole = before + "\n".join(lines).replace('"02..."', f'"02{"ab" * 32}"')
    config = parse_toml(whole, TreasuryConfig, name="examples")
    assert (config.device[0].name, config.venue[0].name) == ("cold", "trading")


@given(st.text(max_size=40))
def test_a_value_stands_in_the_file_exactly_or_is_refused(value: str) -> None:
    import tomllib

    try:
        text = table("device", [("name", value), ("roles", (value, "x"))])
    except ConfigError:
        return
    assert tomllib.loads(text) == {"device": [{"name": value, "roles": [value, "x"]}]}


def test_an_emulator_is_refused_in_a_treasury_that_is_not_emulated(
    shell: Any, edit: Callable[[Path, str, str], None]
) -> None:
    edit(shell.config, "emulated = true", "emulated = false")
    before = shell.config.read_bytes()
    shell.fails(18, "guard.emulated_device", *ADD, "--write")
    assert shell.config.read_bytes() == before


def test_a_name_that_is_taken_is_refused(signed: Any) -> None:
    signed.fails(11, "config.name_taken", "device", "add", "cold", *ADD[3:])
    signed.fails(11, "config.name_taken", *ADD, "--attester", "alice")


@pytest.mark.parametrize("wallet", ["cold", "cold=hot", "=cold", "cold=cold:p2sh"])
def test_a_wallet_that_is_none_is_wrong_usage(shell: Any, wallet: str) -> None:
    shell.fails(2, "usage.refused", *ADD, "--wallet", wallet)


def test_a_device_that_is_not_there_leaves_the_file_as_it_was(shell: Any) -> None:
    before = shell.config.read_bytes()
    assert shell.fails(40, "device.not_found", *ADD, "--write")["message"]
    assert shell.config.read_bytes() == before
