"""The fork server of the random cases: one moved clock, and a spare worker to lose."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

from emulator import scenario_accounts
from tests.faults.treasury import driver
from tests.faults.treasury.stage import Scene
from tests.soak.venues.days import EXCHANGES
from tests.soak.venues.jobs import Hand, Job, keep_apart
from tests.soak.venues.moved_time import MovedTime
from vault.treasury import reconcile
from vault.venues.common.kinds import account_kind


class Server(driver.Server):
    JOB = Job

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._clock = MovedTime()
        for exchange in EXCHANGES:  # read now, once: a child would read it as it is then
            scenario_accounts.profile(exchange)
            account_kind(exchange)

    def workers(self, job: Job) -> int:
        return 2 if job.kill_at.startswith("!") else 1

    def settle_in(self, job: Job) -> None:
        keep_apart(job.folder)
        exchange = self._scene.at(job.exchange).exchange
        self._clock.adopt(exchange)

    def perform(self, job: Job) -> dict[str, Any]:
        hand = Hand(self._scene.at(job.exchange), self._clock)
        self._clock.show(hand.scene.exchange)
        return hand.perform(job)


class Crew(driver.Crew):
    MODULE = "tests.soak.venues.crew"


if __name__ == "__main__":
    # The chain of these cases knows at once what it was sent: what it does not find never arrived.
    reconcile.PATIENCE = timedelta()
    Server(Scene.from_json(json.loads(os.environ["SCENE"]))).serve()
