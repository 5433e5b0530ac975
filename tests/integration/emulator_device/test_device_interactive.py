"""The terminal: pages that fit the device, keys and lines, and an end that is never waited for."""

from __future__ import annotations

import io
import os
import pty
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib import messages as m

from emulator.device.server import DeviceEmulator
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
