"""SIGKILL just before or just after journaled commits of plans on Ethereum, then: restart, reconcile, resume.

At each stop the chain, read by raw JSON-RPC, holds at most one transfer of the plan and no nonce of ours is
used for two things; then the plan is completed exactly once, with gas booked to the wei and the books even.
In `make test` a stop or two of each kind, which their names decide; all of them, on both sides, with
VAULT_KILL_POINTS=all, as the soak does (`python -m tests.soak --only kills`).
"""

from __future__ import annotations

import json
import signal
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.ethereum.jobs import Job
from tests.faults.ethereum.kinds import KINDS, Kind
from tests.faults.ethereum.ledger import check_done_once, check_never_twice
from tests.faults.ethereum.setting import Devices, Wanted, opened_setting
from tests.faults.treasury.driver import result_of
from tests.faults.treasury.every_stop import EVERY_POINT, EveryStop, chosen_side, sides
from tests.soak.ethereum.crew import Crew

pytestmark = pytest.mark.xdist_group("killed on Ethereum")  # one crew for all

KILLED = -signal.SIGKILL
SEED = 9
PAID: dict[Kind, tuple[str, str]] = {
    "payment": ("USDC", "100.25"),
    "safe": ("ETH", "1.5"),
    "bump": ("USDC", "77"),
    "cancel": ("ETH", "2"),
    "sweep": ("USDC", "0"),
    "top-up": ("USDC", "0"),
}

_MADE = ("snapshot", "assessment", "plan", "approval, plan approved")
_ONE_SIGNER = ("planned to signing", "signing to signed")
_OWNERS = ("planned to signing", "signing to signing", "signing to signing #2", "signing to signed")
_SENT = ("plan sending", "signed to submitting", "submitting to accepted", "accepted to sent")
_REPLACED = (
    "submitting to accepted, accepted to displaced",
    "accepted to sent",
    "sent to done, displaced to replaced, plan replaced",
    "plan done",
)
EXPECTED: dict[Kind, tuple[str, ...]] = {
    "payment": (*_MADE, "intent", *_ONE_SIGNER, *_SENT, "sent to done", "plan done"),
    "safe": (*_MADE, "intent", *_OWNERS, *_SENT, "sent to done", "plan done"),
    "bump": (*_MADE, "intent", *_ONE_SIGNER, "plan sending", "signed to submitting", *_REPLACED),
    "cancel": (*_MADE, "intent", *_ONE_SIGNER, "plan sending", "signed to submitting", *_REPLACED),
    "sweep": (
        *_MADE,
        "intent, intent",
        "plan sending",
        "planned to submitting",
        "submitting to accepted",
        "planned to submitting #2",
        "submitting to accepted #2",
        "accepted to sent",
        "sent to done",
        "plan done",
    ),
    "top-up": (
        *_MADE,
        "intent, intent, intent",
        *_OWNERS,
        *_SENT,
        "sent to done",
        "planned to done",
        "planned to submitting",
        "submitting to accepted #2",
        "plan done",
    ),
}


def sampled(kind: Kind) -> list[str]:
    """The stops of `make test`: one around the moment of sending and another one, the same ones always."""
    stops = sorted(filter(chosen_side, sides(EXPECTED[kind])), key=lambda stop: _rank(kind, stop))
    sending = next(stop for stop in stops if "submitting" in stop)
    if kind == "cancel":
        return [sending]  # else as a bump
    return [sending, next(stop for stop in stops if "submitting" not in stop)]


def _rank(kind: Kind, stop: str) -> int:
    return zlib.crc32(f"{SEED} {kind} {stop}".encode())


def kill_and_complete(  # noqa: PLR0917
    crew: Crew, devices: Devices, place: Path, number: int, kind: Kind, at: str
) -> tuple[bool, list[str]]:
    """One treasury, killed at stop `at` and completed. Whether it came there, and the stops it passed."""
    asset, amount = PAID[kind]
    intended = 2 if KINDS[kind].replaces else 1
    with opened_setting(place, Wanted(kind, asset, amount), devices) as setting:
        run = Job(number, "run", str(place), KINDS[kind].venue, at)
        status = crew.do(run)
        if status == 0:
            told = result_of(run)
            check_done_once(setting, told)
            return False, told["passed"]
        assert status == KILLED, status
        passed: list[str] = json.loads(run.note.read_text(encoding="utf-8"))
        check_never_twice(setting, intended)
        recover = replace(run, action="recover", kill_at="")
        assert crew.do(recover) == 0
        check_done_once(setting, result_of(recover))
        return True, passed


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", list(KINDS))
def test_killed_at_a_journaled_step_it_is_completed_exactly_once(
    kind: Kind,
    ethereum_crew: Crew,
    ethereum_devices: Devices,
    tmp_path: Path,
    tell: Callable[[str], None],
) -> None:
    began = time.monotonic()

    def attempt(number: int, at: str) -> tuple[bool, list[str]]:
        return kill_and_complete(ethereum_crew, ethereum_devices, tmp_path / str(number), number, kind, at)

    if EVERY_POINT:
        killed, wanted = EveryStop(attempt, 1).run(), sides(EXPECTED[kind])
    else:
        wanted = sampled(kind)
        killed = EveryStop(attempt, 1, wanted.__contains__).at(wanted)
    assert wanted
    assert not [stop for stop in wanted if stop not in killed], sorted(killed)
    tell(
        f"SIGKILL points on Ethereum: {kind} {len(killed)}; at each 0 paid twice, 0 lost, then completed "
        f"exactly once ({time.monotonic() - began:.0f} s)"
    )
