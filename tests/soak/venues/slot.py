"""One world with its crew: carries out random cases one after the other, and counts what happened in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from emulator import scenario_accounts
from emulator.chains.control import ChainControl
from emulator.venues.control.client import VenueControl
from emulator.world_client import WorldProcess
from tests.faults.treasury.driver import result_of
from tests.faults.treasury.stage import Market, Scene
from tests.soak.venues.crew import Crew
from tests.soak.venues.days import EXCHANGES, Day
from tests.soak.venues.jobs import Job

# A device knows a hundred accounts; a world is left before they are used up.
CASES_A_WORLD: Final = 80
KILLED: Final = -9
SECONDS: Final = 120.0


@dataclass
class Slot:
    """Cases in it share exchanges and time, so they come one by one."""

    folder: Path
    world: WorldProcess
    scene: Scene
    crew: Crew
    used: int = 0

    @classmethod
    def open(cls, folder: Path) -> Slot:
        folder.mkdir(parents=True, exist_ok=True)
        world = WorldProcess.start(directory=folder / "world", exchanges=EXCHANGES)
        try:
            scene = Scene.of(world)
            return cls(folder, world, scene, Crew(scene, folder / "crew.log"))
        except BaseException:
            world.stop()
            raise

    def close(self) -> None:
        self.crew.close()
        self.world.stop()

    @property
    def full(self) -> bool:
        return self.used >= CASES_A_WORLD

    def play(self, day: Day) -> Counter[str]:
        """One case from beginning to end. AssertionError when anything is not exact."""
        self.used += 1
        place = self.folder / str(day.number)
        place.mkdir()
        scene = self.scene.at(day.market.exchange)
        job = Job(self.used, "prepare", day.kind, day.market.exchange, day.market.product, str(place))
        counts = Counter(cases=1)
        counts[f"at {named(day.market)}"] += 1
        counts[f"kind {day.kind}"] += 1
        try:
            self._do(job, counts)
            break_things(scene, day)
            self._do(replace(job, action="go", kill_at=day.kills[0]), counts)
            self._do(replace(job, action="go-on", kill_at=day.kills[1]), counts)
        finally:
            heal(scene.exchange, scene.chain, day.market)
        last = self._do(replace(job, action="finish"), counts)
        counts[f"ended {last['state']}"] += 1
        counts.update(last["moved"])
        for fault in day.faults:
            counts[f"fault {fault.kind}"] += 1
        for what, _ in day.weather:
            counts[f"weather {what}"] += 1
        if day.chain_fault:
            counts[f"chain {day.chain_fault}"] += 1
        counts["without any fault"] += day.calm
        return counts

    def _do(self, job: Job, counts: Counter[str]) -> dict[str, Any]:
        status = self.crew.do(job, SECONDS)
        if status == KILLED and job.kill_at:
            counts["killed"] += 1
            counts["killed at a journal entry" if job.kill_at[0] == "#" else "killed at a request"] += 1
            return {}
        assert status == 0, (status, job)
        result = result_of(job)
        counts["workers killed"] += bool(result.get("worker_killed"))
        counts["errors met"] += len(result.get("errors", ()))
        for state in set(result.get("met", ())):
            counts[f"met {state}"] += 1
        return result


def named(market: Market) -> str:
    return f"{market.exchange} {market.product}" if market.exchange == "binance" else market.exchange


def break_things(scene: Scene, day: Day) -> None:
    """All that goes wrong in this case, until `heal`."""
    for fault in day.faults:
        digits = fault.digits if fault.kind == "changed_precision" else None
        scene.exchange.fault(fault.kind, fault.path, skip=fault.skip, count=fault.count, digits=digits)
    for what, value in day.weather:
        _change(scene.exchange, day.market.exchange, what, value)
    if day.chain_fault in {"error", "garbage"}:
        scene.chain.fault(day.chain_fault, path="/", times=2)
    elif day.chain_fault:
        scene.chain.fault(day.chain_fault, path="/tx", method="POST")


def _change(exchange: VenueControl, name: str, what: str, value: Any) -> None:
    network = scenario_accounts.bitcoin_network(name).network
    if what == "network_suspended":
        exchange.network("BTC", network=network, withdraw_enabled=False, deposit_enabled=False)
    elif what == "fee_changed":
        exchange.network("BTC", network=network, withdraw_fee=value)
    else:
        fields = {"all_suspended": "suspended", "hold": "hold_at", "reject": "reject_next"}
        exchange.withdrawals(**{fields.get(what, what): 1 if what == "reject" else value})


def heal(exchange: VenueControl, chain: ChainControl, market: Market) -> None:
    """As it was before the case."""
    profile = scenario_accounts.profile(market.exchange)
    network = scenario_accounts.bitcoin_network(market.exchange)
    exchange.clear_faults()
    chain.clear_faults()
    exchange.withdrawals(
        suspended=False,
        history_lag_ms=0,
        history_lag_ticks=0,
        reject_next=0,
        run_free=True,
        fee_mode=str(profile.fee_mode),
        spacing_ms=profile.withdraw_spacing_ms,
    )
    exchange.network(
        "BTC",
        network=network.network,
        withdraw_fee=str(network.withdraw_fee),
        withdraw_enabled=True,
        deposit_enabled=True,
    )
