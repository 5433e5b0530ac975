"""Every failure ends as one typed error: text or JSON, the family's exit status, no traceback, no secret."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Edit = Callable[[Path, str, str], None]
FAULTY = """
import sys
from vault.cli import edge, root
import click

@click.command()
@click.option("--json", is_flag=True)
def status(json):
    raise {error}

root.LazyGroup.get_command = lambda self, ctx, name: status
sys.exit(edge.run(sys.argv[1:]))
"""


def faulty(shell: Any, error: str, *arguments: str, **variables: str) -> Any:
    return shell.run("-c", FAULTY.format(error=error), "status", *arguments, **variables)


def test_no_configuration_is_an_error_with_a_hint(elsewhere: Any) -> None:
    found = elsewhere.fails(11, "config.missing", "status")
    assert "vault init" in found["hint"]


def test_text_errors_go_to_stderr_with_code_message_and_hint(elsewhere: Any) -> None:
    ran = elsewhere.vault("status")
    assert (ran.status, ran.out) == (11, "")
    assert ran.err.startswith("config.missing: no treasury.toml")


def test_a_missing_config_file_is_named(elsewhere: Any) -> None:
    assert (
        "nowhere.toml"
        in elsewhere.fails(10, "document.missing_file", "status", "--config", "nowhere.toml")["message"]
    )


def test_an_unknown_key_is_named_with_line_and_column(shell: Any, edit: Edit) -> None:
    edit(shell.config, "confirmations = 3", "confirmatoins = 3")
    found = shell.fails(10, "document.invalid", "status")
    line = shell.config.read_text(encoding="utf-8").split("\n").index("confirmatoins = 3") + 1
    assert f"treasury.toml:{line}:1: bitcoin.confirmatoins: unknown key" in found["message"]
    assert (found["details"]["line"], found["details"]["column"]) == (str(line), "1")


@pytest.mark.parametrize("value", ["2.5", '"3"', "-1", "0", "100000", "1e3"])
def test_a_number_that_is_no_number_of_confirmations_is_refused(shell: Any, edit: Edit, value: str) -> None:
    edit(shell.config, "confirmations = 3", f"confirmations = {value}")
    assert "bitcoin.confirmations" in shell.fails(10, "document.invalid", "status")["message"]


@pytest.mark.parametrize("value", ['"-0.05"', '"1e400"', "nan", "inf", '"0.123456789"', '"22000000"', "true"])
def test_negative_and_absurd_amounts_in_the_policy_are_refused(shell: Any, edit: Edit, value: str) -> None:
    edit(shell.folder / "policy.toml", 'min_change = "0.05"', f"min_change = {value}")
    assert "min_change" in shell.fails(10, "document.invalid", "policy", "show")["message"]


def test_toml_that_is_none_is_named_with_its_place(shell: Any, edit: Edit) -> None:
    edit(shell.config, "[risk]", "[risk")
    assert "treasury.toml:" in shell.fails(10, "document.not_toml", "status")["message"]


def test_a_float_in_the_address_book_is_refused(signed: Any, edit: Edit) -> None:
    edit(signed.folder / "address-book.json", '"index": null', '"index": 0.5')
    signed.fails(10, "document.float", "book", "show")


def test_an_address_of_another_network_in_the_book_is_refused(signed: Any) -> None:
    from vault.address import segwit_encode

    path = signed.folder / "address-book.json"
    book = json.loads(path.read_text(encoding="utf-8"))
    book["entries"][0]["address"] = segwit_encode("bc", 0, bytes(20))
    path.write_text(json.dumps(book), encoding="utf-8")
    signed.fails(15, "address.wrong_network", "book", "show")


def test_a_real_network_is_refused(shell: Any, edit: Edit) -> None:
    edit(shell.config, 'network = "regtest"', 'network = "mainnet"')
    shell.fails(18, "guard.network", "policy", "show")


def test_a_missing_store_is_an_error_and_is_not_made(shell: Any) -> None:
    (shell.folder / "state" / "vault.db").unlink()
    shell.fails(13, "store.missing", "status")
    assert not (shell.folder / "state" / "vault.db").exists()


def test_the_store_of_another_treasury_is_refused(shell: Any, edit: Edit) -> None:
    edit(shell.config, 'treasury_id = "desk-one"', 'treasury_id = "desk-two"')
    shell.fails(13, "store.other_treasury", "status")


def test_secrets_are_refused_by_a_keyring_that_keeps_none(shell: Any) -> None:
    shell.fails(12, "secret.insecure_keyring", "secret", "check")


def test_a_secret_that_no_venue_has_is_refused_before_it_is_read(shell: Any) -> None:
    ran = shell.vault("secret", "set", "venue/nowhere/read/key", "--json", stdin="hunter2-hunter2")
    assert (ran.status, ran.document["error"]) == (12, "secret.unknown_name")
    assert "hunter2" not in ran.out + ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("show",),
        ("status", "--nonsense"),
        ("why",),
        ("why", "abcdef", "--last"),
        ("book", "add", "x"),
    ],
)
def test_wrong_usage_is_status_2_in_both_forms(shell: Any, arguments: tuple[str, ...]) -> None:
    assert shell.vault(*arguments).status == 2
    shell.fails(2, "usage.refused", *arguments, "--config", str(shell.config))


def test_an_unexpected_exception_shows_no_traceback_and_not_its_words(elsewhere: Any) -> None:
    ran = faulty(elsewhere, "RuntimeError('the key is hunter2')", "--json")
    assert (ran.status, ran.document["error"]) == (70, "internal.unexpected")
    assert "RuntimeError" in ran.document["message"]
    assert "Traceback" not in ran.err
    assert "hunter2" not in ran.out + ran.err


def test_debug_shows_the_stack_but_not_the_words_of_the_exception(elsewhere: Any) -> None:
    secret = "bytes.fromhex('68756e74657232').decode()"
    ran = faulty(elsewhere, f"RuntimeError({secret})", VAULT_DEBUG="1")
    assert ran.status == 70
    assert "edge.py" in ran.err
    assert "hunter2" not in ran.out + ran.err


def test_ctrl_c_is_130(elsewhere: Any) -> None:
    ran = faulty(elsewhere, "KeyboardInterrupt", "--json")
    assert (ran.status, ran.document["error"]) == (130, "interrupted.by_user")


def test_ctrl_c_says_what_state_things_are_in() -> None:
    from click.testing import CliRunner

    from vault.cli.command import Answer, Call, InterruptedByUserError, command

    @command("move", interrupted="It may have moved; run `vault reconcile`.")
    def move(call: Call) -> Answer:
        raise KeyboardInterrupt

    error = CliRunner().invoke(move).exception
    assert isinstance(error, InterruptedByUserError)
    assert (error.exit_status, error.code) == (130, "interrupted.by_user")
    assert "It may have moved" in error.message


def test_sigint_ends_a_command_that_waits_for_a_device_with_130(shell: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.settimeout(30)
        path = f"udp:127.0.0.1:{mute.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "vault", "device", "info", "--path", path, "--json"],
            cwd=shell.folder,
            env=shell.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        mute.recvfrom(64)  # it has asked, and will get no answer
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert json.loads(out)["message"] == "Interrupted. Nothing was moved and nothing was changed."
    assert b"Traceback" not in err


def test_a_terminal_that_lacks_a_character_still_gets_the_answer(shell: Any) -> None:
    ran = shell.vault("why", "--last", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ran.status == 13
    assert shell.vault("--help", PYTHONIOENCODING="ascii", PYTHONUTF8="0").status == 0


def test_what_others_say_cannot_steer_the_terminal(elsewhere: Any) -> None:
    error = "__import__('vault.errors').errors.VenueError('refused', 'no \\x1b[2J\\x9b\\r\\x07\\u202e way')"
    ran = faulty(elsewhere, error)
    assert ran.status == 20
    assert not {"\x1b", "\x9b", "\r", "\x07", "\u202e"} & set(ran.err)
    assert "way" in ran.err


@pytest.mark.parametrize("said", ["'x' * 200_000", "'x\\n' * 100_000"])
def test_a_reader_that_goes_away_in_the_middle_is_141_and_quiet(elsewhere: Any, said: str) -> None:
    program = (
        "import sys, click\n"
        "from vault.cli import edge, root\n"
        f"show = click.command()(lambda: click.echo({said}))\n"
        "root.LazyGroup.get_command = lambda self, ctx, name: show\n"
        "sys.exit(edge.run(['show']))\n"
    )
    code = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', {program!r}], stdout=-1, stderr=-1)\n"
        "p.stdout.read(1)\n"
        "p.stdout.close()\n"
        "sys.stderr.write(p.stderr.read().decode())\n"
        "sys.exit(p.wait())"
    )
    ran = elsewhere.run("-c", code)
    assert (ran.status, ran.err) == (141, "")


def test_a_reader_that_goes_away_ends_the_command_quietly(shell: Any) -> None:
    code = (
        "import os, subprocess, sys\n"
        "command = [sys.executable, '-m', 'vault', 'status']\n"
        "p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "p.stdout.close()\n"
        "sys.stderr.write(p.stderr.read().decode())\n"
        "sys.exit(p.wait())"
    )
    ran = shell.run("-c", code)
    assert (ran.status, ran.err) == (141, "")
