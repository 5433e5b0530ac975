"""Carries out random cases on Ethereum one after the other, each on a chain of its own, and counts them."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.faults.ethereum.ledger import check_done_once, check_never_twice
from tests.faults.ethereum.setting import Devices, Setting, Wanted, devices_of, opened_setting
from tests.faults.treasury.driver import result_of
from tests.soak.ethereum.crew import Crew
from tests.soak.ethereum.days import GWEI, Day
from tests.soak.ethereum.jobs import Job

KILLED: Final = -9
SECONDS: Final = 120.0
CASES_A_CREW: Final = 200
NODE_SECONDS: Final = 1  # before a question is given up: some nodes hang
HISTORY_LAG_SECONDS: Final = 20


@dataclass
class Slot:
    """A crew, and devices of every persona that was asked for."""

    folder: Path
    crew: Crew
    stack: ExitStack
    devices: dict[tuple[str, str], Devices] = field(default_factory=dict)
    used: int = 0

    @classmethod
    def open(cls, folder: Path) -> Slot:
        folder.mkdir(parents=True, exist_ok=True)
        crew = Crew(folder / "crew.log")
        slot = cls(folder, crew, ExitStack())
        slot.stack.callback(crew.close)
        return slot

    def close(self) -> None:
        self.stack.close()

    @property
    def full(self) -> bool:
        return self.used >= CASES_A_CREW

    def play(self, day: Day) -> Counter[str]:
        """One case from beginning to end. AssertionError when anything is not exact."""
        self.used += 1
        if day.personas not in self.devices:
            self.devices[day.personas] = self.stack.enter_context(devices_of(*day.personas))
        wanted = Wanted(
            day.kind,
            day.asset,
            day.amount,
            exchange=day.exchange,
            witnessed=day.witnessed,
            history_lag=HISTORY_LAG_SECONDS,
            node_timeout=NODE_SECONDS,
            opened=True,
        )
        counts = Counter(cases=1)
        with opened_setting(self.folder / str(day.number), wanted, self.devices[day.personas]) as setting:
            self._play(setting, day, counts)
        return counts

    def _play(self, setting: Setting, day: Day, counts: Counter[str]) -> None:
        staged = setting.staged
        # What is given up may come back while its successor, with the same nonce, is on its way.
        intended = 2 if staged.spec.replaces or day.gives_up else 1
        job = Job(self.used, "go", staged.folder, bool(staged.venue))
        break_venue(setting, day)
        for action, kill, events in zip(("go", "go-on"), day.kills, day.events, strict=True):
            gives_up = day.gives_up and action == "go-on"
            self._do(replace(job, action=action, kill_at=kill, events=events, gives_up=gives_up), counts)
            check_never_twice(setting, intended)
        heal(setting)
        last = self._do(replace(job, action="finish"), counts)
        check_done_once(setting, last, intended)
        count_day(day, last, counts)

    def _do(self, job: Job, counts: Counter[str]) -> dict[str, Any]:
        status = self.crew.do(job, SECONDS)
        if status == KILLED and job.kill_at:
            where = {"#": "journal entry", "~": "question", ">": "sending"}[job.kill_at[0]]
            counts.update(["killed", f"killed at a {where}"])
            return {}
        assert status == 0, (status, job)
        result = result_of(job)
        counts["errors met"] += len(result["errors"])
        counts.update(f"error {code}" for code in {each.partition(":")[0] for each in result["errors"]})
        counts.update(f"met {state}" for state in set(result["met"]))
        counts.update(f"event {what}" for what in result.get("happened", ()))
        return result


def count_day(day: Day, last: dict[str, Any], counts: Counter[str]) -> None:
    """What the day was, and how it ended."""
    counts[f"kind {day.kind}"] += 1
    counts[f"asset {day.asset}"] += 1
    counts.update(f"persona {each}" for each in set(day.personas))
    counts["with a witness"] += day.witnessed
    counts["given up and asked anew"] += sum(each["state"] == "cancelled" for each in last["plans"])
    counts["without any fault"] += day.calm
    counts.update(f"venue fault {fault.kind}" for fault in day.faults)
    counts["paid once" if last["paid"] else "paid nothing"] += 1
    counts.update(f"ended {each['action']} {each['state']}" for each in last["plans"])


def break_venue(setting: Setting, day: Day) -> None:
    """What goes wrong at the exchange, until `heal`."""
    if setting.venue is None:
        return
    market = setting.staged.market
    for fault in day.faults:
        digits = fault.digits if fault.kind == "changed_precision" else None
        market.fault(fault.kind, fault.path, skip=fault.skip, count=fault.count, digits=digits)
    if day.weather == "hold":
        market.withdrawals(hold_at="processing")
    elif day.weather == "reject":
        market.withdrawals(reject_next=1)


def heal(setting: Setting) -> None:
    """Nodes, gas and exchange as they were before the case."""
    for node in setting.nodes:
        node.faults.clear()
    setting.chain.set_base_fee(GWEI)
    setting.chain.mine()
    if setting.venue is not None:
        setting.staged.market.clear_faults()
        setting.staged.market.withdrawals(reject_next=0, run_free=True)
