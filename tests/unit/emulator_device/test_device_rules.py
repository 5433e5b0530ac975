"""Paths and amounts on screen, sessions, fault switches, pages."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trezorlib.messages import AmountUnit
from trezorlib.tools import parse_path

from emulator.device.bitcoin import coins, paths
from emulator.device.bitcoin.amounts import format_amount, format_fee_rate
from emulator.device.bitcoin.coins import Coin
from emulator.device.errors import InvalidSession
from emulator.device.faults import Faults
from emulator.device.sessions import SESSION_ID_LENGTH, SessionStore
from emulator.device.ui.screens import LINES_PER_PAGE, Screen
from emulator.device.ui.terminal import render
from emulator.device.ui.visible import visible


def coin(name: str) -> Coin:
    found = coins.by_name(name)
    assert found is not None
    return found


BITCOIN = coin("Bitcoin")


@given(st.lists(st.integers(0, 2**32 - 1), max_size=7))
def test_paths_are_written_as_trezorlib_reads_them(path: list[int]) -> None:
    assert list(parse_path(paths.format_path(path))) == path


@given(st.integers(0, 2**64 - 1))
def test_amounts_are_shown_exactly(amount: int) -> None:
    text = format_amount(amount, BITCOIN)
    number, unit = text.split(" ")
    assert unit == "BTC"
    assert Decimal(number.replace(",", "")) * 10**8 == amount


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (0, AmountUnit.BITCOIN, "0 BTC"),
        (1, AmountUnit.BITCOIN, "0.00000001 BTC"),
        (123_456_789_012, AmountUnit.BITCOIN, "1,234.56789012 BTC"),
        (12_345, AmountUnit.MILLIBITCOIN, "0.12345 mBTC"),
        (12_345, AmountUnit.MICROBITCOIN, "123.45 uBTC"),
        (12_345, AmountUnit.SATOSHI, "12,345 sat"),
    ],
)
def test_amounts_follow_the_unit(amount: int, unit: AmountUnit, text: str) -> None:
    assert format_amount(amount, BITCOIN, unit) == text


def test_fee_rates_are_rounded_to_two_decimals() -> None:
    assert format_fee_rate(1000, 141) == "7.09 sat/vB"
    assert format_fee_rate(282, 141) == "2 sat/vB"


def test_the_eleventh_session_displaces_the_one_unused_longest() -> None:
    store = SessionStore(10)
    ids = [store.start(None) for _ in range(10)]
    assert store.start(ids[0]) == ids[0]  # used again: no longer the oldest
    store.start(None)
    assert store.start(ids[0]) == ids[0]
    assert store.start(ids[1]) != ids[1]


@pytest.mark.parametrize("session_id", [b"", b"short", b"x" * SESSION_ID_LENGTH, b"x" * 64])
def test_an_unknown_session_id_opens_a_new_session(session_id: bytes) -> None:
    opened = SessionStore(10).start(session_id)
    assert opened != session_id
    assert len(opened) == SESSION_ID_LENGTH


def test_an_ended_session_is_gone() -> None:
    store = SessionStore(10)
    session_id = store.start(None)
    store.end_active()
    with pytest.raises(InvalidSession):
        _ = store.active
    assert store.start(session_id) != session_id


@pytest.mark.parametrize(
    "changes",
    [
        {"no_such_fault": True},
        {"unplugged": 1},
        {"unplug_after": True},
        {"unplug_after": -1},
        {"unplugged": None},
    ],
)
def test_fault_switches_refuse_nonsense_and_change_nothing(changes: dict[str, object]) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match="fault"):
        faults.update({"wrong_address": True, **changes})
    assert faults == Faults()


@given(st.lists(st.text(max_size=100), max_size=40))
def test_no_line_is_lost_between_pages(lines: list[str]) -> None:
    screen = Screen("name", "title", tuple(lines), 1)
    assert [line for page in screen.pages for line in page] == lines
    assert all(len(page) <= LINES_PER_PAGE for page in screen.pages)
    assert all(visible(line) in render(screen) for line in lines)
