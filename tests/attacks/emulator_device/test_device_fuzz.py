"""Whatever a host sends: no crash, no hang, no signature without confirmation, the state intact after.

A sample; `make soak` throws 200,000 packets and messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.device.personas import PERSONAS
from emulator.device.protocol.wire import Frame
from tests.support import device_fuzz
from tests.support.device_conversations import CONVERSATIONS, DECISIONS, SPOILS, Spoil, converse
from tests.support.device_fuzz import Victim, victim

SAMPLE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module", params=sorted(PERSONAS))
def target(request: pytest.FixtureRequest) -> Iterator[Victim]:
    with victim(request.param) as found:
        yield found


@SAMPLE
@given(packets=st.lists(device_fuzz.packets(), max_size=20))
def test_random_packets_leave_the_device_answering(target: Victim, packets: Sequence[bytes]) -> None:
    device_fuzz.throw_packets(target, packets)


@SAMPLE
@given(data=st.data())
def test_random_messages_to_a_refusing_person_get_nothing(target: Victim, data: st.DataObject) -> None:
    frames: list[Frame] = data.draw(st.lists(device_fuzz.frames(target.device.persona), max_size=8))
    device_fuzz.throw_messages(target, frames)


@SAMPLE
@given(name=st.sampled_from(sorted(CONVERSATIONS)), spoils=SPOILS, decisions=DECISIONS)
def test_a_spoiled_conversation_gets_no_signature_that_was_not_confirmed(
    target: Victim, name: str, spoils: Sequence[Spoil], decisions: Sequence[bool]
) -> None:
    converse(target, name, spoils, decisions)


@pytest.mark.parametrize("name", ["bitcoin", "taproot", "messages"])
def test_the_conversations_themselves_are_good(target: Victim, name: str) -> None:
    """Unspoiled and confirmed, each ends with a signature: else the attacks above would attack nothing."""
    converse(target, name, (), ())
    assert "signed" in target.person.log
