"""Following a plan that was sent: what it begins by itself, what it leaves to a person, and when it stops."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from vault.clock import ManualClock
from vault.store.records import IntentRow
from vault.treasury import follow


def step(kind: str, state: str, number: int) -> IntentRow:
    return IntentRow(f"v{number}", "p", 1, number, kind, state, None, "2026-01-31T00:00:00.000Z", "", "{}")


def top_up(spend: str, credit: str, to_margin: str) -> list[IntentRow]:
    return [step("spend", spend, 1), step("credit", credit, 2), step("to_margin", to_margin, 3)]


class Play:
    """A plan whose steps follow a script: one state of things for each time they are settled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *script: list[IntentRow]) -> None:
        self.script = list(script)
        self.sent = 0
        self.said: list[str] = []
        self.clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
        self.plan: Any = SimpleNamespace(body=SimpleNamespace(transfers=[SimpleNamespace(number=1)]))
        self.desk: Any = SimpleNamespace(clock=self.clock, progress=self.said.append)
        monkeypatch.setattr(follow, "_steps", lambda _desk, _plan: self.script[0])
        monkeypatch.setattr(follow.reconcile, "settle_plan", lambda _desk, _plan: self._next())
        monkeypatch.setattr(follow.execute, "send", self._send)

    def _next(self) -> None:
        if len(self.script) > 1:
            self.script.pop(0)

    def _send(self, _desk: Any, _plan: Any, *, resume: bool) -> None:
        assert resume
        self.sent += 1
        self._next()

    def follow(self, seconds: float = 60) -> list[str]:
        return [each.state for each in follow.follow_plan(self.desk, self.plan, seconds)]


def test_moves_a_top_up_to_margin_once_after_its_credit(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(
        monkeypatch,
        top_up("accepted", "planned", "planned"),
        top_up("done", "planned", "planned"),
        top_up("done", "done", "planned"),
        top_up("done", "done", "done"),
    )
    assert play.follow() == ["done", "done", "done"]
    assert play.sent == 1


@pytest.mark.parametrize("state", ["unsent", "unknown", "submitting", "accepted"])
def test_never_sends_a_step_again_that_was_begun(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    play = Play(monkeypatch, top_up("done", "done", state))
    assert play.follow(5) == ["done", "done", state]
    assert play.sent == 0


@pytest.mark.parametrize("state", ["refused", "cancelled"])
def test_stops_at_once_when_a_step_is_refused(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    play = Play(monkeypatch, top_up(state, "planned", "planned"))
    before = play.clock.now()
    assert play.follow() == [state, "planned", "planned"]
    assert (play.sent, play.clock.now()) == (0, before)


def test_gives_up_when_its_time_is_over_and_says_what_it_waited_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play = Play(monkeypatch, top_up("accepted", "planned", "planned"))
    before = play.clock.now()
    assert play.follow(30) == ["accepted", "planned", "planned"]
    assert (play.clock.now() - before).total_seconds() == 30
    assert len(play.said) == 1
    assert "spend is accepted" in play.said[0]
