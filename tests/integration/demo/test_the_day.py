"""The demo, played once with each persona, against the emulated world's own state: what it tells happened."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from emulator.device.personas import PERSONAS
from tests.support.demo_day import Day
from vault.attestation import SignedStatement
from vault.cli.demo.command import DEFAULT_DEVICE, DEFAULT_SCENARIO, DEVICES, _json, demo, staged
from vault.cli.demo.scenes import NOT_MEASURED
from vault.cli.demo.screen import show
from vault.clock import from_iso, to_milliseconds
from vault.money import ETH, USDC, Amount, plain
from vault.store import history, records

pytestmark = pytest.mark.timeout(240)

HARDWARE = ("cold", "staging")
OWNERS = ("owner-cold", "owner-staging", "owner-third")
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
# Each persona's day is played by one worker, where several share the tests.
PLAYED = [pytest.param(name, marks=pytest.mark.xdist_group(f"day-{name}")) for name in DEVICES]


@pytest.fixture(scope="module", params=PLAYED)
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("day")
    with staged(folder, DEFAULT_SCENARIO, request.param) as story:
        scenes = tuple(story.play())
        yield Day(request.param, scenes, story.outcome, story.desk, story.world, folder)


def test_the_books_balance_to_the_satoshi(day: Day) -> None:
    outcome = day.outcome
    assert outcome.balanced
    assert outcome.fees is not None
    before = sum(amount.units for amount in outcome.before.values())
    after = sum(amount.units for amount in outcome.after.values())
    assert before - after == outcome.fees.units > 0


def test_what_the_books_say_is_what_chain_and_venue_hold(day: Day) -> None:
    assert day.outcome.after == {
        "wallet:cold": day.on_chain("cold"),
        "wallet:staging": day.on_chain("staging"),
        "venue:trading": day.at_venue("protected"),
    }


def test_one_sweep_one_evacuation_one_top_up_each_confirmed_once(day: Day) -> None:
    assert [payment.action for payment in day.paid("bitcoin")] == ["sweep", "evacuate", "top_up"]
    assert len(day.world.venue.state("protected")["withdrawals"]) == 1
    assert len(day.world.venue.state("protected")["deposits"]) == 1
    for payment in day.paid("bitcoin"):
        confirmations = day.world.chain.confirmations(payment.txid)
        assert confirmations is not None
        assert confirmations >= payment.confirmations >= 2


def test_the_account_survives_where_its_twin_is_liquidated(day: Day) -> None:
    assert not day.world.venue.state("protected")["liquidations"]
    assert day.world.venue.state("twin")["liquidations"]
    assert (day.outcome.account_liquidated, day.outcome.twin_liquidated) == (False, True)


def test_fragility_rises_from_calm_to_a_cascade_and_calls_for_the_evacuation_on_the_eve(day: Day) -> None:
    steps = day.world.scenario.steps
    looked = [scene for scene in day.scenes if scene.measures]
    assert [scene.title for scene in looked] == [step.label for step in steps]
    least = [Decimal(scene.measures[0].said.split()[1].strip(",")) for scene in looked]
    calm, warning, eve = least[:3]
    # The bound of the shipped policy; well clear of it on both days.
    assert calm < Decimal("0.1") < warning < Decimal("0.4") < Decimal("0.47") < eve
    regimes = [scene.notes[0].split(";")[0].removeprefix("regime ") for scene in looked]
    assert regimes == ["calm", "elevated", *["stressed"] * 3, *["cascade"] * 5]
    assert "flush" in looked[-2].notes[0]


def test_only_what_nobody_told_it_has_no_score_and_that_says_why(day: Day) -> None:
    for scene in day.scenes:
        silent = {part.label.strip(): part.said for part in scene.measures if part.score is None}
        weekend = {"time of day"} if scene.when.startswith("31 Jan") else set()
        assert set(silent) == ({"realised liquidations", *weekend} if scene.measures else set())
        assert all(silent.values())


def test_the_treasury_lived_in_the_time_of_the_story(day: Day) -> None:
    first, last = day.world.scenario.steps[0].time, day.world.scenario.steps[-1].time
    now = day.desk.clock.now()
    assert last <= now < last + timedelta(minutes=10)
    with day.desk.store.read() as connection:
        created = [from_iso(plan.created_at) for plan in records.all_plans(connection)]
        lines = history.overview(connection)
    assert all(first <= moment <= now for moment in created)
    assert all(line.last <= to_milliseconds(now) for line in lines)
    # A source may tell before its time, and is not believed until then; nobody contradicts himself.
    assert {fault.kind for line in lines for fault in line.faults} <= {"future"}


def test_every_device_of_the_story_but_the_third_is_of_that_persona(day: Day) -> None:
    played = {device.label: device.persona for device in day.world.devices}
    assert played == {"cold": day.persona, "staging": day.persona, "third": "trezor-core"}
    kind, _, model = day.persona.partition("-")
    for name in HARDWARE:
        with day.desk.device(name) as session:
            assert session.features.kind == kind
            assert session.features.pin_entry == ("device" if model in {"core", "pro"} else "matrix")


def test_what_the_persona_was_compared_with_is_told(day: Day) -> None:
    measured = PERSONAS[day.persona].measured_against
    assert (day.outcome.persona, day.outcome.measured_against) == (day.persona, measured)
    told, third = day.scenes[0].lines
    assert "third: trezor-core" in third
    assert day.persona in told
    assert (measured or NOT_MEASURED) in told
    assert day.outcome.caution == (NOT_MEASURED if day.persona == "onekey-pro" else None)


def test_every_approval_was_read_whole_on_the_device_that_signed_it(day: Day) -> None:
    read = "".join(day.confirmed("cold"))
    with day.desk.store.read() as connection:
        plans = records.all_plans(connection)
        signed = [body for plan in plans for _, body in records.approvals(connection, plan.plan_id)]
    assert len(signed) == len(plans) == 3
    for body in signed:
        assert SignedStatement.from_json(body).statement.text() in read
    for payment in day.outcome.payments:
        assert payment.amount.number in read
        assert payment.address in read


def test_every_spend_was_read_on_the_device_that_signed_it_with_its_whole_address(day: Day) -> None:
    for payment, device in zip(day.paid("bitcoin")[1:], ("staging", "cold"), strict=True):
        read = day.confirmed(device)
        assert payment.address in read
        assert any(f"{plain(payment.amount.to_decimal().normalize())} REGTEST" in line for line in read)
        assert any(plain(payment.fee.to_decimal().normalize()) in line for line in read)


def test_what_the_scenes_show_is_what_the_devices_showed(day: Day) -> None:
    for device in day.world.devices:
        told = [s for scene in day.scenes for s in scene.screens if s.device == device.label]
        shown = device.control.screens()
        assert [(s.title, s.lines, s.answer) for s in told] == [(s.title, s.lines, s.answer) for s in shown]
        assert shown


def test_the_journal_holds_the_whole_day(day: Day) -> None:
    head = day.desk.store.verify()
    assert (head.seq, head.hash) == (day.outcome.journal_rows, day.outcome.journal_head)


def test_no_secret_is_in_any_file(day: Day) -> None:
    accounts = [day.world.account(name) for name in ("protected", "trading-usdc")]
    secrets = [pair.secret.encode() for each in accounts for pair in (each.read, each.withdraw)]
    secrets += [plan.mnemonic.encode() for plan in day.world.scenario.devices]
    searched = 0
    for path in day.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path
            searched += 1
    assert searched > 10


# Ethereum


def test_usdc_and_ether_balance_to_the_base_unit_and_only_gas_and_the_venues_fee_are_gone(day: Day) -> None:
    assert set(day.outcome.others) == {"USDC", "ETH"}
    for symbol, asset in (("USDC", USDC), ("ETH", ETH)):
        sheet = day.outcome.others[symbol]
        before, after = (sum(each.units for each in side.values()) for side in (sheet.before, sheet.after))
        assert before - after == sheet.fees.units > 0
        assert sheet.fees.asset == asset
    sweep, top_up = day.paid("eip155")
    assert (sweep.gas, day.outcome.others["USDC"].fees) == (None, sweep.fee)
    assert top_up.gas == day.outcome.others["ETH"].fees


def test_what_the_books_say_of_usdc_and_ether_is_what_chain_and_venue_hold(day: Day) -> None:
    assert day.outcome.others["USDC"].after == {
        "venue:trading-usdc": day.at_venue("trading-usdc", USDC),
        "wallet:safe": day.usdc("safe"),
    }
    ether = Amount(ETH, int(day.rpc("eth_getBalance", day.account("gas"), "latest"), 16))
    assert day.outcome.others["ETH"].after == {"wallet:gas": ether}


def test_usdc_is_swept_to_the_safe_in_the_calm_and_topped_up_on_the_day_once_each(day: Day) -> None:
    sweep, top_up = day.paid("eip155")
    assert [sweep.action, top_up.action] == ["sweep", "top_up"]
    assert (sweep.amount + sweep.fee).number == "400000.000000"
    state = day.world.venue.state("trading-usdc")
    assert [len(state[name]) for name in ("withdrawals", "deposits")] == [1, 1]
    deposit = day.desk.book().book.find("trading-usdc-deposit").address
    for payment, there in ((sweep, day.account("safe")), (top_up, deposit)):
        assert payment.address == there
        receipt = day.rpc("eth_getTransactionReceipt", payment.txid)
        (log,) = [each for each in receipt["logs"] if each["topics"][0] == TRANSFER]
        assert int(log["topics"][2], 16) == int(there, 16)
        assert int(log["data"], 16) == payment.amount.units
        assert receipt["status"] == "0x1"
        assert payment.confirmations >= 64


def test_the_safe_did_one_call_that_exactly_two_of_its_owners_signed(day: Day) -> None:
    *_, top_up = day.paid("eip155")
    done = day.execution(top_up.txid)
    owners = {name: day.account(name) for name in OWNERS}
    blind = day.persona == "trezor-one"
    assert set(done.owners) == {owners["owner-cold"], owners["owner-third" if blind else "owner-staging"]}
    assert len(done.owners) == 2
    assert (done.operation, done.value, day.safe_nonce()) == (0, 0, 1)
    assert done.data.hex() == f"a9059cbb{int(top_up.address, 16):064x}{top_up.amount.units:064x}"
    assert int(day.rpc("eth_getTransactionByHash", top_up.txid)["from"], 16) == int(day.account("gas"), 16)


def test_owners_read_all_that_they_signed_and_whoever_saw_hashes_was_not_alone(day: Day) -> None:
    *_, top_up = day.paid("eip155")
    done = day.execution(top_up.txid)
    saw_data = 0
    for name in OWNERS:
        if day.account(name) not in done.owners:
            continue
        read = "".join(day.confirmed(name.removeprefix("owner-")))
        if day.persona == "trezor-one" and name == "owner-cold":
            assert done.data.hex() not in read
            (scene,) = [each for each in day.scenes if each.title.startswith("Owner 1 of 2")]
            hashes = [line.split("0x")[1] for line in scene.lines[:2]]
            assert all(each in read for each in hashes)
            continue
        assert done.data.hex() in read
        assert day.account("safe") in read
        saw_data += 1
    assert saw_data == (1 if day.persona == "trezor-one" else 2)


def test_the_account_in_usdc_survives(day: Day) -> None:
    assert not day.world.venue.state("trading-usdc")["liquidations"]


def test_every_scene_fits_80_columns_and_breaks_no_address_and_no_hash(day: Day) -> None:
    for scene in day.scenes:
        paper = io.StringIO()
        show(Console(file=paper, width=80, highlight=False), scene)
        shown = paper.getvalue()
        assert all(len(line) <= 80 for line in shown.splitlines())
        whole = re.findall(r"0x[0-9a-fA-F]{40,64}\b|bcrt1[0-9a-z]{39}", "\n".join(scene.lines))
        assert all(each in shown for each in whole)
    assert sum(scene.title.startswith("Owner ") for scene in day.scenes) == 2


def test_json_has_the_payments_and_the_books_of_every_asset_with_amounts_as_strings(day: Day) -> None:
    told = json.loads(json.dumps(_json(day.outcome, None)))
    assert [each["amount"]["asset"] for each in told["payments"]] == ["BTC", "USDC", "BTC", "BTC", "USDC"]
    safe = told["others"]["USDC"]["after"]["wallet:safe"]
    assert safe == {"asset": "USDC", "amount": day.usdc("safe").number}
    assert isinstance(told["others"]["ETH"]["fees"]["amount"], str)
    assert told["balanced"] is True
    assert told["message"].startswith("The books balance to the satoshi; the account survived, its twin")


# The command


def test_its_devices_are_the_emulators_personas_and_one_is_the_default() -> None:
    assert set(DEVICES) == set(PERSONAS)
    (option,) = (each for each in demo.params if each.name == "device")
    assert option.default == DEFAULT_DEVICE == "onekey-classic1s"


def test_a_persona_that_was_not_measured_is_said_to_be_so_in_text_and_in_json() -> None:
    command = [sys.executable, "-m", "vault", "demo", "--device", "onekey-pro", "--json"]
    command += ["--scenario", "2026-01-31"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert (told["persona"], told["measured_against"]) == ("onekey-pro", None)
    assert told["caution"] == "persona not measured against firmware"
    assert told["balanced"] is True
    # The scenario without Ethereum is the day in Bitcoin alone.
    assert (told["others"], [each["action"] for each in told["payments"]]) == (
        {},
        ["sweep", "evacuate", "top_up"],
    )
    assert "devices: onekey-pro, persona not measured against firmware" in run.stderr


def test_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("of yours")
    command = [sys.executable, "-m", "vault", "demo", "--keep", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 11
    assert "config.not_empty" in run.stderr
    assert (tmp_path / "something").read_text() == "of yours"


def test_refuses_a_scenario_that_does_not_exist() -> None:
    command = [sys.executable, "-m", "vault", "demo", "--scenario", "no-such-day"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 11
    assert "config.scenario" in run.stderr
    assert "2026-01-31" in run.stderr


def test_refuses_a_device_that_it_cannot_play() -> None:
    command = [sys.executable, "-m", "vault", "demo", "--device", "ledger"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert "onekey-classic1s" in run.stderr


def test_asks_for_a_terminal_when_a_person_is_to_be_asked() -> None:
    command = [sys.executable, "-m", "vault", "demo", "--step"]
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    assert run.returncode == 2
    assert "terminal" in run.stderr
