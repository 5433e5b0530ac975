"""The fork server of the cases on Ethereum: every job in a process of its own, with a moved clock."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.faults.ethereum.jobs import keep_apart
from tests.faults.ethereum.setting import NOWHERE, Staged
from tests.faults.treasury import driver
from tests.soak.ethereum.jobs import Hand, Job
from tests.soak.venues.moved_time import MovedTime
from vault.treasury import reconcile

# What the line imports late on Ethereum, paid for once.
IMPORTED = (
    "web3", "vault.ethereum.node.client", "vault.ethereum.node.witnesses", "vault.ethereum.simulate",
    "vault.ethereum.verify", "vault.ethereum.safe.execute", "vault.treasury.ethereum.safes",
    "vault.treasury.ethereum.spend", "vault.device.ethereum.sign", "vault.ethereum.token_checks",
)  # fmt: skip


class Server(driver.Server):
    JOB: Any = Job

    def __init__(self) -> None:
        super().__init__(NOWHERE)
        self._clock = MovedTime()
        for name in IMPORTED:
            import_module(name)

    def workers(self, job: Any) -> int:
        return 1 if job.venue else 0

    def settle_in(self, job: Any) -> None:
        keep_apart(job.folder)
        if job.venue:
            self._clock.adopt(Staged.load(Path(job.folder)).market)

    def perform(self, job: Any) -> dict[str, Any]:
        staged = Staged.load(Path(job.folder))
        if job.venue:
            self._clock.show(staged.market)
        return Hand(staged, self._clock).perform(job)


class Crew(driver.Crew):
    MODULE = "tests.soak.ethereum.crew"

    def __init__(self, log: Path) -> None:
        super().__init__(NOWHERE, log)


if __name__ == "__main__":
    # The chain of these cases knows at once what it was sent: what it does not find never arrived.
    reconcile.PATIENCE = timedelta()
    Server().serve()
