"""The command line: what it refuses, what it announces, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from trezorlib import btc
from trezorlib import messages as m
from trezorlib.client import PassphraseSetting
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


@pytest.mark.parametrize("mode", ["auto", "thorough", "scripted", "interactive"])
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
        (["--port", "65535"], "--port 65535: choose 1 to 65534"),
        (["--port", "-1"], "--port -1: choose"),
        (["--control-port", "65536"], "--control-port 65536: choose 1 to 65535"),
        (["--profile", ""], "--profile is empty"),
        (["--mnemonic-file", ""], "--mnemonic-file is empty"),
        (["--profile", "/dev/null"], "--profile: profile /dev/null is not a directory"),
        (["--mnemonic-file", "/dev/zero"], "--mnemonic-file /dev/zero: it is not a regular file"),
        (["--pin-file", "/"], "--pin-file /: "),
        (["--passphrase", "a", "--passphrase-file", "/dev/null"], "--passphrase-file contradict"),
        ([b"--passphrase", b"\xff"], "--passphrase is not valid UTF-8"),
        ([b"--label", b"\xff"], "--label is not valid UTF-8"),
        (["--label", "x" * 33], "a label of trezor-core is UTF-8 text of at most 32"),
    ],
)
def test_refuses_options_that_contradict_each_other(repo_root: Path, args: list[Any], told: str) -> None:
    refused(repo_root, args, told)


def refused(root: Path, args: list[Any], told: str) -> None:
    done = subprocess.run(
        [*RUN, *args], cwd=root, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("option", ["--mnemonic-file", "--pin-file", "--passphrase-file"])
def test_reads_small_regular_text_files_only(repo_root: Path, tmp_path: Path, option: str) -> None:
    path = tmp_path / "input"
    for data, told in ((b"\xff", "not UTF-8 text"), (b"a" * 65_537, "larger than 64 KiB")):
        path.write_bytes(data)
        refused(repo_root, [option, path], f"{option} {path}: ")
        refused(repo_root, [option, path], told)
    path.unlink()
    os.mkfifo(path)  # nobody writes to it: opening it would wait for ever
    refused(repo_root, [option, path], f"{option} {path}: it is not a regular file")


def test_a_taken_port_is_named_with_its_option(repo_root: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, socket.socket() as control:
        taken.bind(("127.0.0.1", 0))
        control.bind(("127.0.0.1", 0))
        control.listen()
        port, other = taken.getsockname()[1], control.getsockname()[1]
        refused(repo_root, ["--port", str(port)], f"UDP port {port} cannot be used (Address already in use)")
        refused(repo_root, ["--control-port", str(other)], f"--control-port {other} cannot be used")


def test_help_tells_the_defaults(repo_root: Path) -> None:
    done = subprocess.run([*RUN, "--help"], cwd=repo_root, capture_output=True, text=True, timeout=20)
    text = " ".join(done.stdout.split())
    for default in ("trezor-core", "21324", "scripted"):
        assert f"(default: {default})" in text


@pytest.mark.parametrize("closed", [True, False])
def test_an_output_nobody_reads_ends_it_with_one_line(repo_root: Path, closed: bool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [*RUN, "--mode", "auto"]
    if closed:
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    try:
        done = subprocess.run(
            command,
            cwd=repo_root,
            stdout=writer,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=20,
        )
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert "standard output" in done.stderr
    assert done.stderr.count("\n") == 1


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


def test_a_passphrase_from_a_file_is_typed_without_its_line_end(
    repo_root: Path, tmp_path: Path, words: str, connected: Callable[..., Any]
) -> None:
    path = tmp_path / "passphrase"
    path.write_text(" al pha \n")
    args = ["--mnemonic-file", words, "--passphrase-file", str(path), "--mode", "auto"]
    with started(repo_root, *args) as (ready, _):

        class Where:
            path = ready["path"]

        client = connected(Where)
        by_host = btc.get_public_node(client.get_session(" al pha "), []).xpub
        on_device = btc.get_public_node(client.get_session(PassphraseSetting.ON_DEVICE), []).xpub
    assert on_device == by_host
