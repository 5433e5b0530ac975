"""What reaches a terminal, and what the answer of a callback means: nothing steers or confirms by chance."""

from __future__ import annotations

import io
import logging
import os
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.device.ui.display import Decision
from emulator.device.ui.person import decision_of
from emulator.device.ui.screens import Entry, Screen
from emulator.device.ui.terminal import Terminal, pages_of, render
from emulator.device.ui.visible import visible

NO = Decision(confirmed=False)
ASKS = Screen("name", "A title", ("a line",), 1)
HAS_INFO = Screen("name", "A title", ("a line",), 1, info="Show all")
PIN = Screen("pin_device", "Enter PIN", (), 1, entry=Entry.PIN)


# Text


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("\x00\x07\x08\x7f", r"\x00\x07\x08\x7f"),
        ("\u202egnp\u202c", r"\u202egnp\u202c"),
        ("\u2066\u2069\u200e\u061c", r"\u2066\u2069\u200e\u061c"),
        ("0\u200b.1\u200d\ufeff\u00ad\u2060", r"0\u200b.1\u200d\ufeff\xad\u2060"),
        ("\u2028\u2029\u00a0\u3000", r"\u2028\u2029\xa0\u3000"),
        ("1\u0336\u034f\ufe0f\u3164\u2800", r"1\u0336\u034f\ufe0f\u3164\u2800"),
        ("\ud800\U000e0041", r"\ud800\U000e0041"),
        ("Zürich 漢字 €", "Zürich 漢字 €"),
    ],
)
def test_what_is_not_seen_as_itself_is_escaped(raw: str, seen: str) -> None:
    assert visible(raw) == seen


@given(st.text(st.characters()))
def test_seen_text_has_no_letter_that_acts(text: str) -> None:
    assert all(letter.isprintable() for letter in visible(text))
    assert not any(unicodedata.category(letter)[0] == "C" for letter in visible(text))


HOSTILE = Screen(
    "set_label",
    "\x1b]0;title\x07",
    ("pay 1 BTC\x1b[2K\rpay 9 BTC", "one\ntwo", "\u202eabc"),
    1,
    confirm="YES\x1b[8m",
    cancel="NO\r",
    info="MORE\n",
)


def assert_harmless(written: str) -> None:
    assert all(letter.isprintable() or letter == "\n" for letter in written)


@given(st.text(max_size=40), st.lists(st.text(max_size=200), max_size=8))
def test_boxes_are_straight_whatever_the_host_sends(title: str, lines: list[str]) -> None:
    written = render(Screen("n", title, tuple(lines), 1))
    assert_harmless(written)
    assert len({len(row) for row in written.split("\n")}) == 1
    assert all(visible(line) in written for line in lines)


def test_a_newline_within_a_line_makes_no_row_of_its_own() -> None:
    assert render(HOSTILE).count("\n") == 6
    assert pages_of(HOSTILE, (40, 12)) == [[visible(line) for line in HOSTILE.lines]]


@given(st.text(max_size=200))
def test_wrapped_rows_are_measured_as_they_are_seen(line: str) -> None:
    rows = [row for page in pages_of(Screen("n", "t", (line,), 1), (24, 6)) for row in page]
    assert all(len(row) <= 24 for row in rows)
    assert "".join(rows) == visible(line)


def answered_by_lines(screen: Screen, text: str) -> tuple[Any, str]:
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    out = io.StringIO()
    with os.fdopen(reader, encoding="utf-8") as keys:
        return Terminal((24, 6), keys, out)(screen), out.getvalue()


def test_labels_of_buttons_are_escaped_too() -> None:
    _, written = answered_by_lines(HOSTILE, "n\n")
    assert_harmless(written)
    assert r"[y] YES\x1b[8m   [n] NO\r   [i] MORE\n" in written


def test_a_screen_that_asks_nothing_is_escaped_too() -> None:
    out = io.StringIO()
    Terminal((24, 6), None, out).show(HOSTILE)
    assert_harmless(out.getvalue())


# The third button, by lines


def test_the_third_button_of_a_line() -> None:
    answer, written = answered_by_lines(HAS_INFO, "i\n")
    assert answer == Decision(confirmed=True, info=True)
    assert "[i] Show all" in written


def test_a_screen_without_a_third_button_has_no_key_for_it() -> None:
    answer, written = answered_by_lines(ASKS, "i\nn\n")
    assert answer is False
    assert "[i]" not in written


# After the end


def test_a_closed_terminal_answers_no() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"y\n")
    with os.fdopen(reader, encoding="utf-8") as keys:
        terminal = Terminal((24, 6), keys, io.StringIO())
        terminal.close()
        terminal.close()
        assert terminal(ASKS) is False
    os.close(writer)


# Answers of a callback


@pytest.mark.parametrize(
    ("screen", "answer", "decision"),
    [
        (ASKS, True, Decision(confirmed=True)),
        (ASKS, False, NO),
        (PIN, "12", Decision(confirmed=True, text="12")),
        (PIN, "", Decision(confirmed=True, text="")),
        (PIN, True, Decision(confirmed=True)),
        (PIN, False, NO),
        (ASKS, Decision(confirmed=True), Decision(confirmed=True)),
        (HAS_INFO, Decision(confirmed=True, info=True), Decision(confirmed=True, info=True)),
        (PIN, Decision(confirmed=True, text="3"), Decision(confirmed=True, text="3")),
    ],
)
def test_answers_that_fit(
    screen: Screen, answer: object, decision: Decision, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert decision_of(screen, answer) == decision
    assert not caplog.records


@pytest.mark.parametrize(
    ("screen", "answer"),
    [
        *[
            (ASKS, answer)
            for answer in ("", "no", "n", "yes", "True", 1, 0, None, b"y", [True], object(), 1.0)
        ],
        *[(PIN, answer) for answer in (None, 12, b"12", ["1"])],
        (ASKS, Decision(confirmed=True, info=True)),  # no third button
        (ASKS, Decision(confirmed=True, text="secret")),
        (ASKS, Decision(confirmed="no")),  # type: ignore[arg-type]
        (PIN, Decision(confirmed=True, text=5)),  # type: ignore[arg-type]
        (HAS_INFO, Decision(confirmed=True, info="x")),  # type: ignore[arg-type]
    ],
)
def test_answers_that_do_not_fit_are_a_no_and_are_logged_without_what_was_said(
    screen: Screen, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert decision_of(screen, answer) == NO
    (record,) = caplog.records
    assert screen.name in record.getMessage()
    assert "secret" not in record.getMessage()
