"""One observation asks a question once, whoever wants the answer, and from however many threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from vault.errors import VenueError
from vault.treasury.market_watch import AskedOnce


@dataclass(frozen=True)
class Told:
    text: str


def test_many_who_ask_at_the_same_time_share_one_question() -> None:
    asked: list[tuple[str, str]] = []
    everybody = threading.Barrier(5)

    def public(venue: str, endpoint: str, parameters: tuple[tuple[str, str], ...]) -> Told:
        everybody.wait(10)  # until the others want the same or something else
        asked.append((venue, endpoint))
        return Told(endpoint)

    once = AskedOnce(public)

    def ask(number: int) -> str:
        if number:
            everybody.wait(10)
        return once("trading", "depth").text

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(ask, range(5))) == ["depth"] * 5
    assert asked == [("trading", "depth")]


def test_other_venues_endpoints_and_parameters_are_other_questions() -> None:
    asked: list[object] = []

    def public(*question: object) -> Told:
        asked.append(question)
        return Told(str(len(asked)))

    once = AskedOnce(public)
    questions = [("a", "x", ()), ("b", "x", ()), ("a", "y", ()), ("a", "x", (("limit", "5"),))]
    first = [once(*question).text for question in questions]
    assert first == ["1", "2", "3", "4"]
    assert [once(*question).text for question in questions] == first


def test_a_failure_is_an_answer_too_and_is_not_asked_for_again() -> None:
    asked: list[object] = []

    def public(*question: object) -> Told:
        asked.append(question)
        raise VenueError("timeout", "expected an answer, found none")

    once = AskedOnce(public)
    for _ in range(2):
        with pytest.raises(VenueError, match="found none"):
            once("trading", "depth")
    assert len(asked) == 1
