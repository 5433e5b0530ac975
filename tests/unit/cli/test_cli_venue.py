"""`vault venue` without an exchange: tables, completion, usage, and what it does not load."""

from __future__ import annotations

from typing import Any

import click
import pytest

from vault.cli.venue import venue
from vault.venues.registry import NETWORKS
from vault.venues.traits import TRAITS

URL = "http://127.0.0.1:1"
ADD = ("venue", "add", "trading", "--exchange", "binance", "--uid", "7", "--url", URL)
LOADED = "import sys; from vault.__main__ import main; sys.argv = ['vault', {arguments}]; main(); "
PRINT = "sys.stderr.write('\\n'.join(sys.modules))"


def modules(shell: Any, *arguments: str) -> set[str]:
    listed = ", ".join(repr(each) for each in arguments)
    return set(shell.run("-c", LOADED.format(arguments=listed) + PRINT).err.split())


def test_help_loads_no_library_and_no_command_loads_ccxt(shell: Any) -> None:
    heavy = {"pydantic", "sqlalchemy", "keyring", "rich", "ccxt"}
    assert not modules(shell, "venue", "--help") & heavy
    assert not modules(shell, "venue", "networks") & heavy
    assert "ccxt" not in modules(shell, *ADD)


def test_no_option_or_argument_takes_a_key(shell: Any) -> None:
    for name, command in venue.commands.items():
        taken = {option for each in command.params for option in each.opts}
        words = {word for option in taken for word in option.strip("-").split("-")}
        assert not words & {"secret", "password", "passphrase", "force"}, name
    assert {each.name for each in venue.commands["keys"].params} == {"name", "role", "as_json", "config"}
    assert isinstance(venue, click.Group)


def test_the_table_is_printed_and_not_written(shell: Any) -> None:
    before = shell.config.read_bytes()
    made = shell.ok(*ADD, "--contract", "ETHUSDT", "--contract", "BTCUSDT", "--product", "usdm")
    assert made["toml"] == (
        '[[venue]]\nname = "trading"\nexchange = "binance"\naccount_uid = "7"\n'
        f'url = "{URL}"\nproduct = "usdm"\ncontracts = ["ETHUSDT", "BTCUSDT"]\n'
    )
    assert made["written"] is False
    assert shell.config.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--exchange", "bybit", "--product", "coinm"), "document.invalid"),
        (("--exchange", "bybit", "--margin-currency", "BTC"), "document.invalid"),
        (("--exchange", "binance", "--url", "ftp://127.0.0.1"), "document.invalid"),
    ],
)
def test_what_treasury_toml_refuses_is_refused_here(shell: Any, options: Any, code: str) -> None:
    arguments = ("venue", "add", "trading", "--uid", "7", "--url", URL, *options)
    shell.fails(10, code, *arguments)


def test_nobody_at_a_terminal_must_say_exchange_and_uid(shell: Any) -> None:
    shell.fails(2, "usage.refused", "venue", "add", "trading", "--uid", "7", "--url", URL)
    shell.fails(2, "usage.refused", "venue", "add", "trading", "--exchange", "binance", "--url", URL)
    shell.fails(2, "usage.refused", *ADD[:3], "--exchange", "mtgox", "--uid", "7")


@pytest.mark.parametrize("option", ["--url", "--product", "--custodian"])
def test_an_unset_shell_variable_is_not_the_usual(shell: Any, option: str) -> None:
    arguments = ("venue", "add", "trading", "--exchange", "binance", "--uid", "7")
    shell.fails(2, "usage.refused", *arguments, option, "")


def test_an_unsafe_keyring_is_refused_before_a_key_is_read(shell: Any) -> None:
    ran = shell.vault(*ADD, "--write", "--json", stdin="hunter2-hunter2\nhunter3\n")
    assert (ran.status, ran.document["error"]) == (12, "secret.insecure_keyring")
    assert "hunter" not in ran.out + ran.err
    assert not shell.treasury.config.venue


def test_a_custodian_makes_the_account_one_that_is_only_read(shell: Any) -> None:
    made = shell.ok(*ADD, "--custodian", "Custodian One")
    assert 'custody = "off_exchange"' in made["toml"]
    with shell.config.open("a") as file:
        file.write(made["toml"])
    (row,) = shell.ok("venue", "list")["venues"]
    assert (row["mode"], row["keys"], row["custodian"]) == ("read_only", ["read"], "Custodian One")
    assert "the venue holds a mirror" in shell.vault("venue", "show", "trading").out


@pytest.mark.parametrize("exchange", sorted(TRAITS))
def test_every_exchange_can_be_shown_and_names_what_it_never_tells(shell: Any, exchange: str) -> None:
    made = shell.ok("venue", "add", "desk", "--exchange", exchange, "--uid", "7", "--url", URL)
    with shell.config.open("a") as file:
        file.write(made["toml"])
    shown = shell.ok("venue", "show", "desk")
    traits = TRAITS[exchange]
    full = traits.ships == "full"
    assert shown["mode"] == traits.ships
    assert bool(shown["networks"]) is full
    assert shown["keys"] == ([] if not traits.secrets else ["read", "withdraw"] if full else ["read"])
    assert ("what a key may do" in shown["unsaid"]) is ("permissions" not in traits.reads)
    assert exchange in shell.vault("venue", "show", "desk").out


def test_networks_are_the_registry_whole_or_of_one_exchange(shell: Any) -> None:
    assert len(shell.ok("venue", "networks")["networks"]) == len(NETWORKS)
    okx = shell.ok("venue", "networks", "okx")["networks"]
    assert {each["exchange"] for each in okx} == {"okx"}
    bitcoin = next(each for each in okx if each["asset"] == "BTC")
    assert (bitcoin["network"], bitcoin["chain"], bitcoin["decimals"]) == ("BTC-Bitcoin", "bitcoin", 8)
    assert {each["tag"] for each in okx if each["asset"] == "XRP"} == {"number"}
    assert "0xdAC17F958D2ee523a2206206994597C13D831ec7" in shell.vault("venue", "networks", "okx").out
    assert "nothing is moved there" in shell.vault("venue", "networks", "gate").out


def test_the_shell_completes_names_and_exchanges(shell: Any) -> None:
    with shell.config.open("a") as file:
        file.write(shell.ok(*ADD)["toml"])

    def completed(words: str) -> str:
        count = str(len(words.split()) if words.endswith(" ") else len(words.split()) - 1)
        said: str = shell.vault(_VAULT_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count).out
        return said

    assert "plain,keys" in completed("vault venue k")
    assert "plain,trading" in completed("vault venue test tr")
    assert "plain,deribit" in completed("vault venue networks der")


def test_completion_outside_a_treasury_is_silent(elsewhere: Any) -> None:
    ran = elsewhere.vault(_VAULT_COMPLETE="bash_complete", COMP_WORDS="vault venue test tr", COMP_CWORD="3")
    assert (ran.status, ran.out.strip(), ran.err) == (0, "", "")
