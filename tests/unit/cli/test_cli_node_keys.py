"""The key in the URL of an Ethereum node has a name in the keyring, and only where the URL asks for one."""

from __future__ import annotations

from typing import Any

CHAIN = """
[[chain]]
name = "mainnet"
id = 1
rpc = "{first}"

[chain.witness]
rpc = "{second}"
"""
FIRST, SECOND = "rpc/chain/mainnet/key", "rpc/chain/mainnet/witness/key"


def configure(shell: Any, first: str, second: str) -> None:
    with shell.config.open("a", encoding="utf-8") as file:
        file.write(CHAIN.format(first=f"http://127.0.0.1:1/{first}", second=f"http://127.0.0.1:2/{second}"))


def expected_names(shell: Any) -> str:
    ran = shell.vault("secret", "set", "nonsense", "--json", stdin="hunter2-hunter2")
    assert (ran.status, ran.document["error"]) == (12, "secret.unknown_name")
    return str(ran.document["message"])


def test_each_node_whose_url_has_a_place_for_a_key_has_a_name_for_it(shell: Any) -> None:
    configure(shell, "v3/{key}", "{key}")
    assert f"{FIRST}, {SECOND}" in expected_names(shell)


def test_a_node_without_a_key_in_its_url_is_given_none(shell: Any) -> None:
    configure(shell, "v3/{key}", "")
    message = expected_names(shell)
    assert FIRST in message
    assert SECOND not in message


def test_a_key_is_kept_in_no_keyring_that_keeps_none_and_is_never_shown(shell: Any) -> None:
    configure(shell, "v3/{key}", "")
    ran = shell.vault("secret", "set", FIRST, "--json", stdin="hunter2-hunter2")
    assert (ran.status, ran.document["error"]) == (12, "secret.insecure_keyring")
    assert "hunter2" not in ran.out + ran.err
