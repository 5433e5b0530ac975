"""The command line: what it refuses, what it announces, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from trezorlib import messages as m
from trezorlib.transport import get_transport

from emulator.device.profile import STATE_FILE

RUN = [sys.executable, "-m", "emulator", "device", "--port", "0"]
ALL = "all " * 11 + "all"


@contextmanager
def started(root: Path, *args: str, **options: Any) -> Iterator[tuple[dict[str, str], Any]]:
    options = {"stdin": subprocess.PIPE, **options}
    process = subprocess.Popen(
        [*RUN, *args], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline()), process
    finally:
        if process.poll() is None:
            process.kill()
        if process.stdin is not None and process.stdin.closed:
            process.stdin = None
        process.communicate(timeout=10)


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "words"
    path.write_text(ALL)
    return str(path)


def test_one_json_line_says_that_it_is_ready(repo_root: Path) -> None:
    with started(repo_root, "--persona", "onekey-pro", "--mode", "auto") as (ready, process):
        assert (ready["persona"], ready["mode"]) == ("onekey-pro", "auto")
        assert ready["path"].startswith("udp:127.0.0.1:")
        transport = get_transport(ready["path"])
        transport.open()
        transport.close()
        process.stdin.close()
        assert process.stdout.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_a_signal(repo_root: Path, number: signal.Signals) -> None:
    with started(repo_root) as (_, process):
        process.send_signal(number)
        assert process.wait(10) == 0


@pytest.mark.parametrize("mode", ["auto", "scripted", "interactive"])
def test_it_ends_with_the_pipe_it_reads(repo_root: Path, mode: str) -> None:
    with started(repo_root, "--mode", mode) as (_, process):
        process.stdin.close()
        assert process.wait(10) == 0


def test_it_does_not_end_with_an_input_that_is_no_pipe(repo_root: Path) -> None:
    with started(repo_root, stdin=subprocess.DEVNULL) as (ready, process):
        transport = get_transport(ready["path"])
        transport.open()
        transport.wait_until_ready(5)
        transport.close()
        assert process.poll() is None


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--pin", "1", "--pin-file", "/dev/null"], "contradict"),
        (["--pin", ""], "leave it out"),
        (["--pin", "1"], "a PIN protects a seed"),
        (["--pin", "abc"], "digits"),
        (["--persona", "trezor-one", "--pin", "0"], "123456789"),
        (["--mode", "interactive", "--passphrase", "x"], "you type it"),
        (["--pin-file", "/nonexistent"], "No such file"),
        (["--profile", "/proc/nowhere"], "cannot start"),
        (["--port", "30001", "--control-port", "30002"], "own ports"),
    ],
)
def test_refuses_options_that_contradict_each_other(repo_root: Path, args: list[str], told: str) -> None:
    done = subprocess.run(
        [*RUN, *args], cwd=repo_root, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_words_of_a_bad_mnemonic_are_not_told(repo_root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("zebra " * 12)
    done = subprocess.run(
        [*RUN, "--mnemonic-file", str(secret)], cwd=repo_root, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 2
    assert "zebra" not in done.stderr


def test_a_profile_a_pin_and_a_passphrase_from_the_command_line(
    repo_root: Path, tmp_path: Path, words: str, connected: Callable[..., Any]
) -> None:
    pin = tmp_path / "pin"
    pin.write_text("4321\n")
    profile = tmp_path / "profile"
    first = ["--profile", str(profile), "--mnemonic-file", words, "--pin-file", str(pin), "--label", "cli"]
    with started(repo_root, *first, "--passphrase", "alpha", "--mode", "auto") as (_, process):
        process.stdin.close()
        assert process.wait(10) == 0
    assert json.loads((profile / STATE_FILE).read_text())["storage"]["pin"] == "4321"
    with started(repo_root, "--profile", str(profile), "--mode", "auto") as (ready, process):

        class Where:
            path = ready["path"]

        features = connected(Where).features
        assert (features.label, features.unlocked, features.pin_protection) == ("cli", False, True)


def test_it_says_its_persona_to_a_stock_client(
    repo_root: Path, words: str, connected: Callable[..., Any]
) -> None:
    with started(repo_root, "--persona", "trezor-one", "--mnemonic-file", words) as (ready, _):

        class Where:
            path = ready["path"]

        client = connected(Where)
        assert (client.features.model, client.features.vendor) == ("1", "trezor.io")
        assert isinstance(client.features, m.Features)
