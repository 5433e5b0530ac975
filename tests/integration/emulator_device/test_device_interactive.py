"""The terminal: pages that fit the device, keys and lines, and an end that is never waited for."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib import messages as m

from emulator.device.server import DeviceEmulator
from emulator.device.ui.display import Decision
from emulator.device.ui.screens import Entry, Screen
from emulator.device.ui.terminal import Terminal, letters_of, pages_of
from tests.support.raw_host import ALL, RawHost

LONG = Screen("name", "A title", tuple(f"line {i} " + "x" * 30 for i in range(9)), 1)
SHORT = Screen("name", "A title", ("one line",), 1)
PIN = Screen("pin_device", "Enter PIN", (), 1, entry=Entry.PIN)
PASSPHRASE = Screen("passphrase_device", "Enter passphrase", (), 1, entry=Entry.PASSPHRASE)


@contextmanager
def piped(text: str) -> Iterator[tuple[Terminal, io.StringIO]]:
    """A terminal whose keys are a pipe with that text, which then ends."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    out = io.StringIO()
    with os.fdopen(reader, encoding="utf-8") as keys:
        yield Terminal((24, 6), keys, out), out


@contextmanager
def on_a_tty(keys: str) -> Iterator[tuple[Terminal, io.StringIO]]:
    """A terminal at a pseudo-tty on which these keys were pressed one after another."""
    main, other = pty.openpty()
    out = io.StringIO()
    with os.fdopen(other, "r", encoding="utf-8", closefd=True) as tty:
        terminal = Terminal((24, 6), tty, out)
        waiting = list(keys.split("|"))
        read = terminal._read

        def press_and_read(screen: Screen) -> str | None:
            if waiting:
                os.write(main, waiting.pop(0).encode())
            return read(screen)

        terminal._read = press_and_read  # type: ignore[method-assign]
        yield terminal, out
    os.close(main)


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=90), max_size=12))
def test_pages_fit_the_display_and_lose_nothing(lines: list[str]) -> None:
    size = letters_of((128, 64))
    pages = pages_of(Screen("n", "t", tuple(lines), 1), size)
    assert all(len(page) <= size[1] - 2 for page in pages)
    assert all(len(line) <= size[0] for page in pages for line in page)
    assert "".join(line for page in pages for line in page) == "".join(lines)


def test_small_and_large_displays() -> None:
    assert letters_of((128, 64)) == (21, 6)
    assert letters_of((240, 240)) == (24, 12)
    assert letters_of((480, 800)) == (48, 40)


@pytest.mark.parametrize(
    ("text", "screen", "answer"),
    [
        ("y\n", SHORT, True),
        ("what?\nYES\n", SHORT, True),
        ("n\n", SHORT, False),
        ("", SHORT, False),
        ("y", SHORT, False),  # no line: the input ended
        ("1234\n", PIN, "1234"),
        ("\n", PIN, False),
        ("a phrase\n", PASSPHRASE, "a phrase"),
        ("\n", PASSPHRASE, ""),
        ("", PASSPHRASE, False),
    ],
)
def test_lines_of_a_pipe(text: str, screen: Screen, answer: bool | str) -> None:
    with piped(text) as (terminal, out):
        assert terminal(screen) == answer
    assert screen.title in out.getvalue()


def test_a_pipe_gets_every_page_at_once() -> None:
    with piped("n\n") as (terminal, out):
        terminal(LONG)
    assert all(line in out.getvalue() for line in LONG.lines)


@pytest.mark.parametrize(
    ("keys", "screen", "answer"),
    [
        ("y", SHORT, True),
        ("\n", SHORT, True),
        ("n", SHORT, False),
        ("\x1b", SHORT, False),
        ("12|3|\x7f4\n", PIN, "124"),
        ("a b\n", PASSPHRASE, "a b"),
        ("ab|\x1b", PASSPHRASE, False),
    ],
)
def test_keys_of_a_tty(keys: str, screen: Screen, answer: bool | str) -> None:
    with on_a_tty(keys) as (terminal, _):
        assert terminal(screen) == answer


def test_pages_are_turned_and_the_last_one_must_be_seen() -> None:
    pages = len(pages_of(LONG, (24, 6)))
    assert pages > 3
    with on_a_tty("|".join("y" * (pages - 1)) + "|n") as (terminal, out):
        assert terminal(LONG) is False
        assert f"{pages}/{pages}" in out.getvalue()
    with on_a_tty("\x1b[C|\x1b[D|n") as (terminal, out):
        assert terminal(LONG) is False
        assert out.getvalue().count(f"A title 1/{pages}") == 2
    with on_a_tty("|".join(" " * (pages - 1)) + "|y") as (terminal, _):
        assert terminal(LONG) is True


def test_a_screen_that_is_gone_is_not_waited_for() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="utf-8") as keys:
        terminal = Terminal(keys=keys, out=io.StringIO())
        terminal.current = lambda: None
        assert terminal(SHORT) is False
    os.close(writer)


def device_at(keys: TextIO, out: io.StringIO, **options: Any) -> DeviceEmulator:
    terminal = Terminal(keys=keys, out=out)
    return DeviceEmulator(mnemonic=ALL, mode="interactive", on_screen=terminal, **options)


def test_a_device_asks_one_question_after_the_other() -> None:
    reader, writer = os.pipe()
    out = io.StringIO()
    with (
        os.fdopen(reader, encoding="utf-8") as keys,
        device_at(keys, out, pin="12") as device,
        RawHost(device) as raw,
    ):
        raw.call(m.Initialize())
        raw.send(m.ApplySettings(label="typed"))
        assert raw.read().name == "pin_device"
        raw.send(m.ButtonAck())
        os.write(writer, b"12\n")
        assert raw.read().name == "set_label"
        raw.send(m.ButtonAck())
        os.write(writer, b"y\n")
        assert isinstance(raw.read(), m.Success)
        assert raw.call(m.GetFeatures()).label == "typed"
        os.close(writer)
        assert raw.call(m.ApplySettings(label="no one")).name == "set_label"
        assert raw.call(m.ButtonAck()).code == m.FailureType.ActionCancelled


def test_the_matrix_of_c_firmware_is_shown_to_the_person() -> None:
    reader, writer = os.pipe()
    out = io.StringIO()
    with (
        os.fdopen(reader, encoding="utf-8") as keys,
        device_at(keys, out, persona="trezor-one", pin="12") as device,
        RawHost(device) as raw,
    ):
        raw.call(m.Initialize())
        raw.call(m.GetPublicKey(address_n=[]))
        assert isinstance(raw.call(raw.places("12")), m.PublicKey)
    os.close(writer)
    assert "Please enter current PIN" in out.getvalue()


def test_a_callback_may_answer_with_text() -> None:
    seen = []

    def person(screen: Screen) -> bool | str:
        seen.append((screen.name, threading.current_thread().name))
        return "12" if screen.entry is Entry.PIN else True

    with (
        DeviceEmulator(mnemonic=ALL, mode="interactive", on_screen=person, pin="12") as device,
        RawHost(device) as raw,
    ):
        raw.call(m.Initialize())
        raw.send(m.ApplySettings(label="x"))
        for _ in range(2):
            assert isinstance(raw.read(), m.ButtonRequest)
            raw.send(m.ButtonAck())
        assert isinstance(raw.read(), m.Success)
    assert [name for name, _ in seen] == ["pin_device", "set_label"]


@pytest.mark.parametrize("answer", ["", "no", "yes", 1, None, [False], Decision(confirmed=True, info=True)])
def test_only_true_confirms(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.ERROR),
        DeviceEmulator(mnemonic=ALL, mode="interactive", on_screen=lambda _screen: answer) as device,
        RawHost(device) as raw,
    ):
        raw.call(m.Initialize())
        assert raw.call(m.ApplySettings(label="x")).name == "set_label"
        assert raw.call(m.ButtonAck()).code == m.FailureType.ActionCancelled
    assert [record.name for record in caplog.records] == ["emulator.device.ui.person"]


# The third button


LONG_MESSAGE = m.EthereumSignMessage(
    address_n=[0x8000002C, 0x8000003C, 0x80000000, 0, 0], message=b"line\n" * 50
)


def screens_of_a_long_message(on_screen: Any) -> list[Screen]:
    """The screens of a message that fills many pages, up to its signature."""
    with (
        DeviceEmulator(mnemonic=ALL, mode="interactive", on_screen=on_screen) as device,
        RawHost(device) as raw,
    ):
        raw.call(m.Initialize())
        reply = raw.call(LONG_MESSAGE)
        while isinstance(reply, m.ButtonRequest):
            reply = raw.call(m.ButtonAck())
        assert isinstance(reply, m.EthereumMessageSignature)
        return list(device.screens)


def test_an_embedding_program_presses_the_third_button() -> None:
    skimmed = screens_of_a_long_message(lambda _screen: True)
    read = screens_of_a_long_message(
        lambda screen: Decision(confirmed=True, info=True) if screen.info else True
    )
    assert any(screen.info for screen in skimmed)
    assert all(screen.lines != ("line",) * 50 for screen in skimmed)
    assert read[-1].lines == ("line",) * 50


def test_the_third_button_has_a_key() -> None:
    more = Screen("name", "A title", tuple(f"line {i}" for i in range(9)), 1, info="Show all")
    with on_a_tty("i") as (terminal, out):
        assert terminal(more) == Decision(confirmed=True, info=True)
        assert "[i] Show all" in out.getvalue()
    with on_a_tty("i|n") as (terminal, out):
        assert terminal(SHORT) is False
        assert "[i]" not in out.getvalue()


# What a host sends, on a tty


def test_nothing_a_host_sends_steers_the_tty() -> None:
    hostile = Screen("n", "\x1b[2J\u202e", ("\x1b[1A\rx\ny",), 1, confirm="\x1bc", cancel="\x07", info="\x9b")
    with on_a_tty("n") as (terminal, out):
        terminal(hostile)
        assert all(letter.isprintable() or letter == "\n" for letter in out.getvalue())
        assert r"\x1b[1A\rx\ny" in out.getvalue()


def test_keys_that_type_nothing_are_not_typed() -> None:
    with on_a_tty("1|\x1b[H|2\n") as (terminal, _):
        assert terminal(PIN) == "12"


# The tty afterwards


ECHO_AND_LINES = termios.ECHO | termios.ICANON


def local_mode(number: int) -> int:
    return int(termios.tcgetattr(number)[3]) & ECHO_AND_LINES


def test_a_closed_terminal_gives_the_tty_back_while_it_is_asking() -> None:
    main, other = pty.openpty()
    drawn = threading.Event()

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            drawn.set()
            return super().write(text)

    with os.fdopen(other, "r", encoding="utf-8") as keys:
        terminal = Terminal((24, 6), keys, Out())
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(terminal(SHORT)))
        asking.start()
        assert drawn.wait(5)
        assert local_mode(other) == 0
        terminal.close()
        assert local_mode(other) == ECHO_AND_LINES
        asking.join(5)
        assert answers == [False]
        assert terminal(SHORT) is False
        assert local_mode(other) == ECHO_AND_LINES
    os.close(main)


RUN = "import sys; from emulator.device.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_question_is_open_leaves_the_tty_as_it_was(
    repo_root: Path, tmp_path: Path, number: signal.Signals
) -> None:
    words = tmp_path / "words"
    words.write_text(ALL)
    main, other = pty.openpty()
    assert local_mode(other) == ECHO_AND_LINES
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "--port", "0", "--mode", "interactive", "--mnemonic-file", str(words)],
        cwd=repo_root,
        stdin=other,
        stdout=subprocess.PIPE,
        stderr=other,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        port = int(json.loads(process.stdout.readline())["path"].rpartition(":")[2])
        with RawHost(At(port)) as raw:  # type: ignore[arg-type]
            raw.call(m.Initialize())
            assert isinstance(raw.call(m.ApplySettings(label="x")), m.ButtonRequest)
            raw.send(m.ButtonAck())
            shown = b""
            while b"[y]" not in shown:
                assert select.select([main], [], [], 5)[0]
                shown += os.read(main, 4096)
        assert local_mode(other) == 0
        process.send_signal(number)
        assert process.wait(10) == 0
        assert local_mode(other) == ECHO_AND_LINES
    finally:
        process.kill()
        process.communicate()
        os.close(main)
        os.close(other)


class At:
    """A device of another process, for a host."""

    def __init__(self, port: int) -> None:
        self.port = port
