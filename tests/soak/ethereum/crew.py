"""The fork server of the random cases on Ethereum."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.faults.ethereum import crew
from tests.faults.ethereum.setting import Staged
from tests.soak.ethereum.jobs import Hand, Job
from vault.treasury import reconcile


class Server(crew.Server):
    JOB = Job

    def perform(self, job: Any) -> dict[str, Any]:
        staged = Staged.load(Path(job.folder))
        if job.venue:
            self._clock.show(staged.market)
        return Hand(staged, self._clock).perform(job)


class Crew(crew.Crew):
    MODULE = "tests.soak.ethereum.crew"


if __name__ == "__main__":
    # The chain of these cases knows at once what it was sent: what it does not find never arrived.
    reconcile.PATIENCE = timedelta()
    Server().serve()
