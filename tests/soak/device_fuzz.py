"""Throws a given number of packets and messages at every persona of the emulated device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from emulator.device.personas import PERSONAS
from tests.support import device_fuzz
from tests.support.device_conversations import CONVERSATIONS, DECISIONS, SPOILS, Spoil, converse
from tests.support.device_fuzz import Victim, victim

EXAMPLES = 200  # of a kind, before the count is looked at again


@dataclass
class Tally:
    """What was thrown so far, by persona."""

    thrown: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.thrown.values())


def fuzz(number: int, count: int, say: Callable[[str], None]) -> Tally:
    """Throw about `count` packets and messages, spread over personas; repeatable by seed `number`.

    Raises AssertionError (with the smallest attack found) when the device crashes, hangs, changes
    or signs what was not confirmed.
    """
    tally = Tally(dict.fromkeys(sorted(PERSONAS), 0))
    turn = 0
    while tally.total < count:
        for persona in tally.thrown:
            with victim(persona) as target:
                for attack in _attacks(target):
                    _run(attack, number * 1_000_003 + turn)
                tally.thrown[persona] += target.sent
            turn += 1
        say(f"device: {tally.total} of {count} packets and messages {tally.thrown}")
    return tally


def _run(attack: Callable[[], None], number: int) -> None:
    phases = [Phase.generate, Phase.shrink]
    checks = list(HealthCheck)
    rule = settings(
        max_examples=EXAMPLES, phases=phases, suppress_health_check=checks, deadline=None, database=None
    )
    seed(number)(rule(attack))()


def _attacks(target: Victim) -> Iterator[Callable[[], None]]:
    @given(packets=st.lists(device_fuzz.packets(), max_size=20))
    def packets_are_survived(packets: Sequence[bytes]) -> None:
        device_fuzz.throw_packets(target, packets)

    @given(frames=st.lists(device_fuzz.frames(target.device.persona), max_size=10))
    def messages_are_survived(frames: Sequence[device_fuzz.Frame]) -> None:
        device_fuzz.throw_messages(target, frames)

    @given(name=st.sampled_from(sorted(CONVERSATIONS)), spoils=SPOILS, decisions=DECISIONS)
    def conversations_are_survived(name: str, spoils: Sequence[Spoil], decisions: Sequence[bool]) -> None:
        converse(target, name, spoils, decisions)

    yield packets_are_survived
    yield messages_are_survived
    yield conversations_are_survived
