"""The screens: within 100 columns, without colour, in ASCII where need be, what is not known said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.support import risk_views as made
from vault.report import cascade_screen, explain_screen, record_screen, risk_screen
from vault.report.cascade_plot import price_paths, price_steps
from vault.report.terminal import ASCII, UNICODE
from vault.risk.indicators.base import About

ABOUT = About(
    name="funding",
    title="Funding",
    definition="What longs pay shorts for staying in.",
    formula="rate * 365 d / interval",
    window="90 days",
    calm="12 % a year",
    worst="60 % a year",
    source="the venues",
    pitfalls=("it was positive for 125 days before 10 October 2025, so a sign alone is always on",),
    thresholds=(("annual, calm", "0.12", "a balanced market pays 10.95 %"),),
)
SCREENS: dict[str, Callable[..., list[str]]] = {
    "risk": lambda **size: risk_screen.screen(made.risk(), **size),
    "cascade": lambda **size: cascade_screen.screen(made.cascade(), **size),
    "bare cascade": lambda **size: cascade_screen.screen(made.cascade_without_depth(), **size),
    "record": lambda **size: record_screen.screen(made.record(), **size),
    "explain": lambda **size: explain_screen.screen(ABOUT, made.indicators()[1], "", **size),
}


def text_of(lines: list[str]) -> str:
    """The words of a screen without its line breaks."""
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = SCREENS[name](width=width, signs=UNICODE)
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("name", SCREENS)
def test_a_terminal_without_unicode_gets_every_word(name: str) -> None:
    lines = SCREENS[name](width=100, signs=ASCII)
    assert "\n".join(lines).isascii()
    assert max(map(len, lines)) <= 100


def test_the_headline_comes_with_its_bounds_and_is_no_forecast() -> None:
    said = text_of(SCREENS["risk"](width=100, signs=UNICODE))
    view = made.risk()
    assert f"Fragility {view.fragility:.2f} at least {view.least:.2f}, at most {view.most:.2f}" in said
    assert "not a forecast" in said
    assert "Regime STRESSED since 2026-01-30 14:00 UTC (15 h)" in said
    assert "cascade from 0.40, if also one of the steps 3 to 6 has evidence" in said


def test_an_absent_indicator_is_named_and_counts_in_brackets() -> None:
    lines = SCREENS["risk"](width=100, signs=UNICODE)
    depth = next(line for line in lines if line.startswith("depth "))
    assert "no data" in depth
    assert "(0.50)" in depth
    assert "depth: depth_1pct:BTC:binance is 90 min old" in text_of(lines)
    assert "Not configured: venue" in text_of(lines)


def test_a_failed_rule_is_seen_without_colour_and_an_account_not_read_is_named() -> None:
    lines = SCREENS["risk"](width=100, signs=UNICODE)
    assert any("wick" in line and "FAIL" in line for line in lines)
    assert any("correlated collateral" in line and "UNKNOWN" in line for line in lines)
    assert any(line.startswith("Account hedge: NOT ASSESSED: venue.timeout") for line in lines)


def test_nothing_configured_is_unknown_and_not_calm() -> None:
    view = replace(
        made.risk(), fragility=None, least=None, most=None, known=None, regime="unknown", trend=None
    )
    said = text_of(risk_screen.screen(view))
    assert "Fragility unknown: no indicator is configured." in said
    assert "Regime UNKNOWN" in said
    assert "Fragility 0" not in said


def test_the_record_stands_beside_the_headline_or_its_absence_does() -> None:
    said = text_of(SCREENS["risk"](width=100, signs=UNICODE))
    assert "for 1, less for 1, and had no data for 1; false alarms on 14 of 190 calm days" in said
    without = text_of(risk_screen.screen(replace(made.risk(), record=None)))
    assert "Record: not replayed over this history yet" in without


# -- cascade -----------------------------------------------------------------------------------------


def test_steps_of_price_add_up_to_the_ladder() -> None:
    view = made.cascade()
    steps = price_steps(view)
    assert len(steps) <= 16
    last = steps[-1].level
    assert sum(step.triggered or 0 for step in steps) == last.triggered
    assert sum(step.absorbed or 0 for step in steps) == last.absorbed
    moves = [step.level.move for step in steps]
    assert len({after - before for before, after in pairwise(moves)}) == 1
    assert moves[-1] >= max(shock.reached or 0 for shock in view.shocks)


def test_the_heads_of_the_profiles_say_their_scales() -> None:
    lines = SCREENS["cascade"](width=100, signs=UNICODE)
    head = next(line for line in lines if "USD liquidated" in line)
    assert "(full bar 285 M)" in head
    assert "(full bar 64.5 M)" in head
    bare = SCREENS["bare cascade"](width=100, signs=UNICODE)
    assert any("USD absorbed (full bar no data)" in line for line in bare)


def test_an_endless_cascade_is_said_and_the_whole_grid_shown() -> None:
    endless = made.shock("0.1", None, 18)
    view = replace(made.cascade(), shocks=(endless,))
    assert price_steps(view)[-1].level.move >= Decimal("0.5")
    lines = cascade_screen.screen(view)
    row = next(line for line in lines if line.lstrip().startswith("10 %"))
    assert row.count("no end") == 3
    assert any(line.endswith("10 % without end") for line in lines)


def test_a_path_that_ended_goes_on_level() -> None:
    found = price_paths(made.cascade())
    assert found is not None
    first = found.lines[0].points
    assert first[0] == (0.0, 83_120.0)
    assert first[-1] == (found.x_ticks[-1][0], first[-2][1])


def test_without_times_a_path_is_drawn_by_generation() -> None:
    view = made.cascade()
    shocks = tuple(
        replace(each, path=tuple(replace(point, seconds=None) for point in each.path)) for each in view.shocks
    )
    found = price_paths(replace(view, shocks=shocks))
    assert found is not None
    assert found.title.endswith("by generation")
    assert found.x_ticks[-1][1] == "18 generations"


def test_a_missing_input_makes_numbers_absent_and_never_zero() -> None:
    lines = SCREENS["bare cascade"](width=100, signs=UNICODE)
    row = next(line for line in lines if line.lstrip().startswith("5 %"))
    assert row.count("no data") == 8
    assert not any(sign.isdigit() for sign in row.replace("5 %", ""))
    said = text_of(lines)
    assert "depth_1pct:BTC is missing (shock of 5 %)" in said
    assert "φ (unhedged share): no data: no past window" in said
    assert "Forced by a shock of 1 %: no data." in said
    assert "Price path: no data." in said


def test_phi_has_its_age_and_error_and_each_input_its_source() -> None:
    said = text_of(SCREENS["cascade"](width=100, signs=UNICODE))
    assert "0.17 ± 0.06, 12 windows, newest 3 h ago" in said
    assert "depth_1pct:BTC:binance; 90 min old: used, and named" in said
    assert "the mix of leverages (5 to 50 x): nobody publishes it" in said


# -- record ------------------------------------------------------------------------------------------


def test_a_signal_that_saw_no_fall_has_neither_hits_nor_misses() -> None:
    blind = next(each for each in made.record().signals if each.name == "depth")
    assert record_screen.before_row(blind)[2:] == ("0", "no data", "no data", "no data", "no data")
    assert record_screen.calm_row(blind)[1:] == ("0 of 243", "0 %", *("no data",) * 5)


def test_a_cell_without_input_is_neither_blank_nor_zero() -> None:
    _, rows = record_screen.event_table(made.record())
    assert all(cell for row in rows for cell in row)
    assert rows[2][3] == "no data"
    assert rows[2][5] == "0.10 / –"


def test_alarms_are_marked_by_a_sign_whatever_the_level_is() -> None:
    said = made.SaidBefore(
        "composite", Decimal("0.02"), Decimal("0.55"), ("elevated",), ("elevated", "stressed")
    )
    assert record_screen.said_cell(said, hour_known=True) == "0.02! / 0.55!!"
    assert record_screen.said_cell(said, hour_known=False) == "0.02! / –"
    said = made.SaidBefore("composite", None, Decimal("0.4"), (), ())
    assert record_screen.said_cell(said, hour_known=True) == "no data / 0.40"
    assert record_screen.said_cell(None, hour_known=True) == "no data"
    assert "! elevated, !! stressed, !!! cascade" in record_screen.legend(made.record())


def test_a_regime_that_still_held_is_a_hit_in_words_as_in_the_table() -> None:
    record = made.record()
    held = replace(record.events[0].said[0], alarms_day=("elevated",))
    event = replace(record.events[0], said=(held, *record.events[0].said[1:]))
    (first, *_) = record_screen.in_words(replace(record, events=(event,)))
    assert first.startswith(
        "2025-10-10 (−16.2 %): hit one day before: elevated still held from before, composite at 0.21"
    )


def test_misses_are_named_in_words_and_no_data_is_not_one() -> None:
    missed, hit, blind, never = record_screen.in_words(made.record())
    assert missed.startswith("2025-10-10 (−16.2 %): MISSED one day before: composite at 0.21, not elevated")
    assert hit.startswith("2026-01-31 (−10.1 %): hit one day before: stressed, composite at 0.57")
    assert "no data of the composite one day before: neither hit nor miss" in blind
    assert "MISSED" not in blind
    assert never.startswith("Without input before any of them: open interest")


def test_the_days_everybody_speaks_of_are_listed_even_where_the_data_does_not_show_them() -> None:
    said = text_of(SCREENS["record"](width=100, signs=UNICODE))
    assert "2025-10-10 −16.2 % by its low" in said
    assert "2026-02-05 not such a day here: by closes alone it fell −4.8 %" in said
    unseen = replace(
        made.record().named[0], event=False, fall=None, judged_by=None, why="before the data begins"
    )
    assert record_screen.named_row(unseen)[1] == "no data: before the data begins"


def test_a_record_without_falls_says_so() -> None:
    said = text_of(record_screen.screen(replace(made.record(), events=())))
    assert "No day fell by 10 % or more." in said


# -- explain -----------------------------------------------------------------------------------------


def test_an_explanation_has_its_pitfalls_and_the_present_numbers() -> None:
    said = text_of(SCREENS["explain"](width=100, signs=UNICODE))
    assert "a sign alone is always on" in said
    assert "a balanced market pays 10.95 %" in said
    assert "value 0.082 per year" in said
    assert "weight 0.13, counted as 0.00" in said


def test_an_explanation_without_present_numbers_says_why() -> None:
    said = text_of(explain_screen.screen(ABOUT, None, "config.not_found: no treasury.toml"))
    assert "Now: no data: config.not_found" in said
    idle = made.indicators()[8]
    assert "Now: not configured: no feed" in text_of(explain_screen.screen(ABOUT, idle, ""))
