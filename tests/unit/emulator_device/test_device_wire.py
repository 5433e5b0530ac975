"""The 64-byte reports of wire protocol v1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.device.protocol.wire import MAX_MESSAGE_SIZE, REPORT_SIZE, Frame, Reassembler, WireError, split


def reassemble(reports: list[bytes]) -> list[Frame]:
    reassembler = Reassembler()
    frames = [reassembler.feed(report) for report in reports]
    return [frame for frame in frames if frame is not None]


@given(st.integers(0, 0xFFFF), st.binary(max_size=1000))
def test_a_message_survives_being_cut_into_reports(wire_type: int, payload: bytes) -> None:
    reports = split(Frame(wire_type, payload))
    assert all(len(report) == REPORT_SIZE for report in reports)
    assert reassemble(reports) == [Frame(wire_type, payload)]


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=200)), max_size=5))
def test_messages_do_not_run_into_each_other(parts: list[tuple[int, bytes]]) -> None:
    frames = [Frame(*part) for part in parts]
    assert reassemble([report for frame in frames for report in split(frame)]) == frames


@given(st.lists(st.binary(min_size=REPORT_SIZE, max_size=REPORT_SIZE), max_size=8))
def test_random_reports_are_refused_or_understood_but_never_crash(reports: list[bytes]) -> None:
    reassembler = Reassembler()
    for report in reports:
        try:
            reassembler.feed(report)
        except WireError:
            continue


@pytest.mark.parametrize("size", [0, 1, 63, 65, 1000])
def test_refuses_a_report_of_another_size(size: int) -> None:
    with pytest.raises(WireError, match="64 bytes"):
        Reassembler().feed(b"?##".ljust(size, b"\0")[:size])


def test_refuses_a_message_that_does_not_start_with_the_magic() -> None:
    with pytest.raises(WireError, match="Invalid magic"):
        Reassembler().feed(b"?".ljust(REPORT_SIZE, b"\0"))


def test_a_bad_continuation_drops_the_message_and_the_next_one_is_understood() -> None:
    frame = Frame(17, b"x" * 200)
    reassembler = Reassembler()
    assert reassembler.feed(split(frame)[0]) is None
    with pytest.raises(WireError, match="Invalid magic"):
        reassembler.feed(b"!".ljust(REPORT_SIZE, b"\0"))
    assert [reassembler.feed(report) for report in split(frame)][-1] == frame


def test_refuses_an_absurd_length_once_and_skips_what_follows() -> None:
    reassembler = Reassembler()
    header = b"?##" + (17).to_bytes(2, "big") + (MAX_MESSAGE_SIZE + 1).to_bytes(4, "big")
    with pytest.raises(WireError, match="too large"):
        reassembler.feed(header.ljust(REPORT_SIZE, b"\0"))
    assert reassembler.feed(b"?".ljust(REPORT_SIZE, b"\1")) is None
    assert reassembler.feed(split(Frame(0, b""))[0]) == Frame(0, b"")
