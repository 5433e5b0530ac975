"""The world as a process: every part answers over its own protocol, and it leaves nothing behind."""

from __future__ import annotations

import datetime
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import bdkpython as bdk
import pytest
from trezorlib import mapping, models
from trezorlib.client import AppManifest, get_client, get_default_client
from trezorlib.transport import get_transport

from emulator.scenario import load_scenario
from emulator.scenario_hours import HOUR
from emulator.strict_toml import ScenarioError
from emulator.world import World
from emulator.world_client import WorldError, WorldProcess
from emulator.world_report import WorldReport

CUSTOMER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
PARENT = """
import sys
from pathlib import Path
from emulator.world_client import WorldProcess
world = WorldProcess.start(directory=Path(sys.argv[1]))
print(world.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldProcess]:
    with WorldProcess.start(directory=tmp_path_factory.mktemp("world")) as running:
        yield running


def ended(pid: int, seconds: float = 10) -> bool:
    """Wait for the end of a process that may not be our child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


# --- a world in its scenario's own time


def test_with_an_offset_the_scenario_happens_in_its_own_time_and_hours_come_out_as_they_pass(
    tmp_path: Path,
) -> None:
    steps = load_scenario().steps
    before = steps[0].time - datetime.timedelta(minutes=50)
    now = datetime.datetime.now(datetime.UTC)
    with WorldProcess.start(directory=tmp_path, offset=before - now) as world:
        assert before <= venue_time(world) < before + datetime.timedelta(minutes=5)
        assert newest_candle(world) == before.replace(minute=0) - HOUR
        world.move_clocks(steps[1].time - datetime.datetime.now(datetime.UTC))
        world.apply(steps[1])
        assert steps[1].time <= venue_time(world) < steps[1].time + datetime.timedelta(minutes=5)
        assert newest_candle(world) == steps[1].time - HOUR
        world.chain.mine(1)
        assert "2026-01-28" in page_of(f"{world.report.feeds}/feeds/gold.csv")
        block = json.loads(page_of(f"{world.esplora_url}/blocks"))[0]
        assert abs(block["timestamp"] - steps[1].time.timestamp()) < 300


def page_of(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  loopback
        return bytes(answer.read()).decode()


def venue_time(world: WorldProcess) -> datetime.datetime:
    told = json.loads(page_of(f"{world.venue_url}/fapi/v1/time"))["serverTime"]
    return datetime.datetime.fromtimestamp(told / 1000, datetime.UTC)


def newest_candle(world: WorldProcess) -> datetime.datetime:
    rows = json.loads(page_of(f"{world.venue_url}/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=1000"))
    return datetime.datetime.fromtimestamp(rows[-1][0] / 1000, datetime.UTC)


# --- every part answers


def test_bdk_sees_the_chain(world: WorldProcess) -> None:
    assert bdk.EsploraClient(world.esplora_url).get_height() == world.chain.height() >= 131


def test_trezorlib_sees_the_cold_device(world: WorldProcess) -> None:
    client = get_default_client("tests", world.device("cold").path)
    try:
        assert client.features.label == "cold"
        assert client.features.initialized
    finally:
        client.transport.close()


def test_devices_have_seeds_of_their_own_and_a_control(world: WorldProcess) -> None:
    prints = {device.root_fingerprint for device in world.devices}
    assert len(prints) == len(world.devices) == 2
    assert world.device("staging").control.screens() == ()
    with pytest.raises(WorldError, match=r"gremlins"):
        world.device("cold").control.fault(gremlins=True)
    with pytest.raises(KeyError):
        world.device("pocket")


def test_the_venue_answers_its_clients(world: WorldProcess) -> None:
    url = f"{world.venue_url}/fapi/v1/premiumIndex?symbol=BTCUSDT"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  loopback
        assert Decimal(json.loads(answer.read())["markPrice"]) == world.scenario.steps[0].mark


def test_accounts_stand_as_the_scenario_has_them(world: WorldProcess) -> None:
    state = world.venue.state()
    for plan in world.scenario.accounts:
        held = state["accounts"][plan.name]
        assert str(held["uid"]) == world.account(plan.name).uid
        futures = held["wallets"]["futures"]
        assert {asset: Decimal(amount) for asset, amount in futures.items()} == plan.futures
        assert [position["symbol"] for position in held["positions"]] == ["BTCUSDT"]
    keys = {pair.key for account in world.report.accounts for pair in (account.read, account.withdraw)}
    assert len(keys) == 4


def test_a_deposit_on_the_chain_is_credited_by_the_venue(world: WorldProcess) -> None:
    address = world.venue.deposit_address("twin")
    world.chain.fund(address, 150_000_000)
    world.venue.tick()
    assert Decimal(world.venue.state("twin")["wallets"]["spot"]["BTC"]) == Decimal("1.5")


def test_the_directory_holds_a_report_without_secrets(world: WorldProcess) -> None:
    path = world.directory / "world.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text(encoding="utf-8")
    assert json.loads(text)["esplora"] == world.esplora_url
    for account in world.report.accounts:
        assert account.read.secret not in text
        assert account.withdraw.secret not in text
        assert account.withdraw.secret not in repr(account)


@pytest.mark.parametrize("persona", ["onekey-pro", "trezor-one"])
def test_all_its_devices_can_be_of_one_persona(tmp_path: Path, persona: str) -> None:
    with WorldProcess.start(directory=tmp_path, persona=persona) as world:
        assert {device.persona for device in world.devices} == {persona}
        assert {plan.persona for plan in world.scenario.devices} == {persona}
        model = models.TrezorModel(
            "1", "ANY", (0, 0, 0), ("onekey.so", "trezor.io"), (), mapping.DEFAULT_MAPPING
        )
        for device in world.devices:
            client = get_client(AppManifest("tests"), get_transport(device.path), model=model)
            try:
                vendor = "onekey.so" if persona.startswith("onekey") else "trezor.io"
                assert (client.features.vendor, client.features.label) == (vendor, device.label)
            finally:
                client.transport.close()


# --- the day


def test_played_to_its_end_the_day_liquidates_the_twin_before_the_low(tmp_path: Path) -> None:
    with WorldProcess.start(directory=tmp_path) as world:
        died: list[str] = []
        for step in world.scenario.steps:
            world.apply(step)
            if not died and world.venue.state("twin")["liquidations"]:
                died.append(step.phase)
        assert died == ["flush"]
        assert world.venue.state("twin")["positions"] == []


def test_a_world_can_be_embedded_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with World(load_scenario(), tmp_path) as world:
        txid = world.hot_wallet.pay(CUSTOMER, 10_000_000)
        world.chain.mine(1)
        assert world.chain.confirmations(txid) == 1
        assert WorldReport.from_line(world.report().to_line()) == world.report()
    assert set(threading.enumerate()) <= before


# --- the end


def test_ends_cleanly_when_its_standard_input_does(tmp_path: Path) -> None:
    world = WorldProcess.start(directory=tmp_path)
    ports = [int(url.rsplit(":", 1)[1]) for url in (world.esplora_url, world.venue_url)]
    ports += [int(device.path.rsplit(":", 1)[1]) for device in world.devices]
    assert not any(is_free(port) for port in ports)
    assert world.stop() == 0
    assert ended(world.pid)  # and its ports with it; another process may have taken them already
    assert (tmp_path / "world.log").read_text(encoding="utf-8") == ""
    assert world.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with WorldProcess.start(directory=tmp_path) as world:
        os.kill(world.pid, number)
        assert ended(world.pid)
        assert world.stop() == 0


def test_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        handle = os.pidfd_open(pid)
        try:
            parent.kill()
            parent.wait(10)
            assert select.select([handle], [], [], 10)[0]
        finally:
            os.close(handle)


def test_a_world_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    started, children = time.monotonic(), _children()
    with pytest.raises(WorldError, match="not ready within"):
        WorldProcess.start(directory=tmp_path, timeout=0.001)
    assert time.monotonic() - started < 30
    assert _children() == children


def _children() -> list[str]:
    listed = Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text(encoding="ascii")
    return [pid for pid in listed.split() if b"emulator\0world" in Path(f"/proc/{pid}/cmdline").read_bytes()]


# --- bad input


def test_refuses_a_bad_scenario_before_anything_starts(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("name = 1", encoding="utf-8")
    with pytest.raises(ScenarioError, match="name: expected text"):
        WorldProcess.start(scenario=str(bad))


def test_the_command_line_says_what_is_wrong_and_exits_with_2(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "emulator", *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[3],
        )

    missing = run("world", "--scenario", "nowhere", "--dir", str(tmp_path))
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "no such scenario" in missing.stderr
    unknown = run("moon")
    assert unknown.returncode == 2
    assert "world" in unknown.stderr
    assert run("--help").returncode == 0
    alone = run("bitcoin", "--start-blocks", "3")
    assert alone.returncode == 0
    assert json.loads(alone.stdout)["height"] == 3


def test_an_unknown_persona_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="persona: expected one of onekey-classic1s"):
        WorldProcess.start(directory=tmp_path, persona="ledger")
    done = subprocess.run(
        [sys.executable, "-m", "emulator", "world", "--persona", "ledger", "--dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "found 'ledger'" in done.stderr


def test_interactive_devices_need_a_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "emulator", "world", "--device-mode", "interactive", "--dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # which has no controlling terminal
        cwd=Path(__file__).resolve().parents[3],
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "/dev/tty" in done.stderr


@pytest.mark.parametrize("line", ["", "{}", '{"ready": false}', "[]", '{"ready": true, "pid": 1}'])
def test_refuses_what_is_no_ready_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"ready|line 1"):
        WorldReport.from_line(line)


def test_with_a_tick_blocks_are_found_without_being_asked_for(tmp_path: Path) -> None:
    with WorldProcess.start(directory=tmp_path, tick_seconds="0.05") as world:
        before = world.chain.height()
        deadline = time.monotonic() + 30
        while world.chain.height() < before + 3:
            assert time.monotonic() < deadline, "no block in 30 s"
            time.sleep(0.05)
