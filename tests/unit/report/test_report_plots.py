"""Plots as text: in proportion, within their width, in characters the terminal has, nothing unknown drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.report import terminal
from vault.report.layout import listed, split_table, table
from vault.report.terminal import ASCII, UNICODE, Line, glyphs

SHARES = st.floats(0, 1)
WORD = st.text("abcdefgh", min_size=1, max_size=9)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp1252", "no-such-encoding", None])
def test_a_terminal_without_braille_gets_ascii(encoding: str | None) -> None:
    assert glyphs(encoding) is ASCII


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf-16"])
def test_a_terminal_with_unicode_gets_blocks(encoding: str) -> None:
    assert glyphs(encoding) is UNICODE


@given(st.lists(st.floats(0.001, 1000), min_size=2, max_size=6), st.sampled_from([UNICODE, ASCII]))
def test_a_longer_bar_is_a_larger_number(values: list[float], signs: terminal.Glyphs) -> None:
    top = max(values)
    drawn = [terminal.bar(value, top, 40, signs) for value in sorted(values)]
    assert [len(bar) for bar in drawn] == sorted(len(bar) for bar in drawn)
    assert len(drawn[-1]) == 40
    assert all(drawn)


def test_a_bar_of_nothing_is_empty_and_one_of_little_is_seen() -> None:
    assert terminal.bar(0, 10, 20) == ""
    assert terminal.bar(1e-9, 10, 20) == "▏"
    assert terminal.bar(5, 10, 4, ASCII) == "##"


def test_a_sparkline_shows_a_hole_as_a_hole() -> None:
    assert terminal.sparkline([0, None, 7]) == "▁·█"
    assert terminal.sparkline([None, None]) == "··"
    assert terminal.sparkline([], 8) == ""
    assert terminal.sparkline([0, None, 7], signs=ASCII) == "_?#"


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=200), st.integers(1, 60))
def test_a_sparkline_has_a_sign_for_each_part_and_knows_what_is_unknown(
    values: list[float | None], width: int
) -> None:
    drawn = terminal.sparkline(values, width)
    assert len(drawn) == min(width, len(values))
    if all(value is None for value in values):
        assert set(drawn) <= {"·"}
    elif len(values) <= width:
        assert [sign == "·" for sign in drawn] == [value is None for value in values]


@given(SHARES, SHARES, SHARES, st.integers(20, 120), st.sampled_from([UNICODE, ASCII]))
def test_an_interval_holds_its_headline(
    one: float, two: float, three: float, width: int, signs: terminal.Glyphs
) -> None:
    least, headline, most = sorted((one, two, three))
    drawn = terminal.interval(least, headline, most, width=width, signs=signs)
    assert len(drawn) == width
    assert drawn.count(signs.mark) == 1
    inside = [place for place, sign in enumerate(drawn) if sign in {signs.other, signs.mark}]
    assert inside == list(range(inside[0], inside[-1] + 1))


def test_the_names_of_the_bands_stand_where_they_begin() -> None:
    (line,) = terminal.scale([("calm", 0), ("elevated", 0.25), ("stressed", 0.5)], width=44)
    assert line.index("│elevated") - 2 == 10
    assert line.index("│stressed") - 2 == 20


def test_a_profile_says_what_is_not_known_and_each_side_fills_its_own_scale() -> None:
    rows = [("−1 %", 50.0, "50", 100.0, "100"), ("−2 %", 100.0, "100", None, "no data")]
    head, first, second = terminal.profile(rows, heads=("move", "forced", "taken"), width=80)
    assert "forced" in head
    assert first.count("▒") == second.count("█")  # the highest of each side fills it
    assert second.count("█") - 2 * first.count("█") in {0, 1}
    assert second.endswith("no data")


@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_lines_carry_their_names_at_their_ends_and_stay_in_the_plot(signs: terminal.Glyphs) -> None:
    drawn = terminal.lines(
        [Line("high", ((0, 10), (9, 9))), Line("low", ((0, 10), (5, 0), (9, 0)))],
        y_text=[(10, "10"), (0, "0")],
        x_text=[(0, "now"), (9, "later")],
        width=60,
        height=8,
        signs=signs,
    )
    assert max(map(len, drawn)) <= 60
    assert next(line for line in drawn if line.endswith("low")).startswith(" 0")
    assert [line.split()[-1] for line in drawn if line.endswith(("high", "low"))] == ["high", "low"]
    assert drawn[-1].split() == ["now", "later"]
    if signs is ASCII:
        assert "\n".join(drawn).isascii()


def test_lines_that_end_together_share_a_place() -> None:
    level = ((0.0, 5.0), (9.0, 5.0))
    drawn = terminal.lines(
        [Line("1 %", level), Line("3 %", level)], y_text=[(10, "a"), (0, "b")], x_text=[(0, "0"), (9, "9")]
    )
    assert any(line.endswith("1 %, 3 %") for line in drawn)


@given(st.lists(st.tuples(WORD, WORD, st.lists(WORD, max_size=30).map(" ".join)), min_size=1, max_size=4))
def test_a_table_cuts_nothing_and_keeps_its_width(rows: list[tuple[str, str, str]]) -> None:
    drawn = table(("one", "two", "three"), rows, width=50)
    assert max(map(len, drawn)) <= 50
    words = [word for row in rows for cell in row for word in cell.split()]
    assert sorted("\n".join(drawn[2:]).split()) == sorted(words)


def test_a_text_cannot_break_a_table_in_two() -> None:
    drawn = table(("one", "two"), [("a\nb", "c\r\nd"), ("", "e")], width=50)
    assert drawn[2:] == ["a b  c d", "     e"]


def test_a_wide_table_goes_on_beneath_itself_with_its_keys() -> None:
    head = ("day", *(f"signal {place}" for place in range(9)))
    parts = split_table(head, [("2025-10-10", *("0.21 / 0.38!",) * 9)], width=60)
    assert len(parts) > 1
    assert all(part[0].startswith("day") and part[2].startswith("2025-10-10") for part in parts)
    assert all(len(line) <= 60 for part in parts for line in part)
    named = " ".join(part[0] for part in parts)
    assert all(f"signal {place}" in named for place in range(9))


def test_a_list_without_items_takes_no_room() -> None:
    assert listed("Missing:", ()) == []
