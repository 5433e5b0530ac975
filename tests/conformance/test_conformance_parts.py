"""The suite's own parts: it must notice what it is there for."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from trezorlib import messages as m

from tests.conformance import build, compare, recording, scenario, suite
from tests.conformance.client import StepState
from tests.conformance.devices import Spec, answers, free_ports, opened, parse, ports_are_free
from tests.conformance.naming import describe
from tests.conformance.recording import Accepted, HostError, Outcome, Played, Refused
from tests.conformance.scenario import Hook, Scenario, Step

ONE = suite.DATA / "trezor-one.json"


@pytest.fixture
def scenarios() -> list[Scenario]:
    return scenario.load(suite.SCENARIOS)


@pytest.fixture
def recorded() -> dict[str, recording.Record]:
    return recording.load(ONE)


def with_outcome(record: recording.Record, outcome: Outcome) -> recording.Record:
    first = replace(record.steps[0], outcome=outcome)
    return replace(record, steps=(first, *record.steps[1:]))


def test_a_recording_agrees_with_itself(
    scenarios: list[Scenario], recorded: dict[str, recording.Record]
) -> None:
    comparison = compare.compare(scenarios, recorded, recorded)
    assert not comparison.broken_gates()
    assert not comparison.disagreements()
    assert comparison.count(compare.ACCEPTANCE) == (572, 572)


@pytest.mark.parametrize("name", ["trezor-one", "onekey-classic1s"])
def test_recordings_were_made_from_these_scenarios(scenarios: list[Scenario], name: str) -> None:
    records = recording.load(suite.DATA / f"{name}.json")
    digests = {one.id: one.digest for one in scenarios}
    assert {key: record.digest for key, record in records.items()} == {key: digests[key] for key in records}


@pytest.mark.parametrize(
    ("outcome", "measure"),
    [
        (Refused("DataError", "no"), compare.ACCEPTANCE),
        (HostError("Timeout"), compare.ACCEPTANCE),
        (Accepted({"address": "bc1qforged"}), compare.RESULT),
    ],
)
def test_one_wrong_answer_among_all_breaks_a_gate(
    scenarios: list[Scenario],
    recorded: dict[str, recording.Record],
    outcome: Outcome,
    measure: str,
) -> None:
    name = next(one.id for one in scenarios if one.steps[0].call == "get_address" and "show" not in one.id)
    assert isinstance(recorded[name].steps[0].outcome, Accepted)
    got = {**recorded, name: with_outcome(recorded[name], outcome)}
    comparison = compare.compare(scenarios, recorded, got)
    assert [check.measure for check in comparison.disagreements(measures=compare.GATES)] == [measure]
    assert comparison.broken_gates()


def test_a_scenario_that_was_not_played_breaks_a_gate(
    scenarios: list[Scenario], recorded: dict[str, recording.Record]
) -> None:
    got = dict(recorded)
    gone = got.pop(scenarios[7].id)
    assert compare.compare(scenarios, recorded, got).broken_gates() == [f"{gone.id} was not played"]


def test_another_failure_code_is_told_apart_from_another_text(
    scenarios: list[Scenario], recorded: dict[str, recording.Record]
) -> None:
    name, theirs = next(
        (name, record.steps[0].outcome)
        for name, record in recorded.items()
        if isinstance(record.steps[0].outcome, Refused)
    )
    assert isinstance(theirs, Refused)
    for changed, measure in (
        (replace(theirs, code="ProcessError_"), compare.CODE),
        (replace(theirs, message="other words"), compare.TEXT),
    ):
        got = {**recorded, name: with_outcome(recorded[name], changed)}
        found = compare.compare(scenarios, recorded, got).disagreements()
        assert [check.measure for check in found] == [measure]


def test_a_missing_button_is_no_difference_in_the_flow_without_buttons(
    scenarios: list[Scenario], recorded: dict[str, recording.Record]
) -> None:
    name, record = next(
        (name, record)
        for name, record in recorded.items()
        if any(entry.startswith("ButtonRequest") for entry in record.steps[0].messages)
    )
    fewer = tuple(entry for entry in record.steps[0].messages if not entry.startswith("ButtonRequest"))
    changed = replace(record, steps=(Played(record.steps[0].outcome, fewer), *record.steps[1:]))
    found = compare.compare(scenarios, recorded, {**recorded, name: changed}).disagreements()
    assert [check.measure for check in found] == [compare.FLOW]


def test_recordings_survive_being_written(tmp_path: Path, recorded: dict[str, recording.Record]) -> None:
    path = tmp_path / "again.json"
    recording.save(path, {"name": "x"}, recorded.values())
    assert recording.load(path) == recorded
    assert len(path.read_text().splitlines()) == len(recorded) + 2


def test_scenarios_with_unknown_or_missing_fields_are_refused(tmp_path: Path) -> None:
    step = {"call": "get_features"}
    for broken in (
        {"id": "a", "theme": "b", "setup": {}},
        {"id": "a", "theme": "b", "setup": {"seed": "x"}, "steps": [step]},
        {"id": "a", "theme": "b", "setup": {}, "steps": [{**step, "yes_at": 1}]},
    ):
        path = tmp_path / "broken.json"
        path.write_text(json.dumps({"scenarios": [broken]}))
        with pytest.raises(ValueError, match=r"^(scenario )?a: "):
            scenario.load(path)


def test_hooks_spoil_the_message_they_name_and_no_other() -> None:
    hook = Hook(on="TxAck", req="TXINPUT/0@", nth=2, set={"tx.inputs.0.amount": 5})
    state = StepState(Step(call="sign_tx", params={}, hooks=(hook,)))
    ack = m.TxAck(tx=m.TransactionType(inputs=[m.TxInputType(prev_hash=b"\1" * 32, prev_index=0, amount=7)]))
    state.last_request = "TXINPUT/0"
    assert state.spoil(ack) is ack
    state.last_request = "TXINPUT/0@"
    assert state.spoil(ack) is ack
    assert state.spoil(ack).tx.inputs[0].amount == 5
    assert ack.tx.inputs[0].amount == 7
    assert state.spoil(m.ButtonAck()) == m.ButtonAck()


def test_messages_are_named_with_request_index_hash_and_what_they_carry() -> None:
    details = m.TxRequestDetailsType(request_index=1, tx_hash=bytes.fromhex("1f2e3d4c" + "00" * 28))
    carried = m.TxRequestSerializedType(signature_index=0, signature=b"\1", serialized_tx=b"\2")
    request = m.TxRequest(request_type=m.RequestType.TXOUTPUT, details=details, serialized=carried)
    assert describe(request) == "TxRequest:TXOUTPUT/1@1f2e3d4c+sig0+ser"
    assert describe(m.ButtonRequest(code=m.ButtonRequestType.SignTx)) == "ButtonRequest:SignTx"
    assert describe(m.Failure(code=m.FailureType.DataError)) == "Failure:DataError"


def test_paths_and_xpubs_are_written_out() -> None:
    xpub = (
        "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFd"
        "p6W1EGMcet8"
    )
    spec = {"address_n": "m/84h/0", "multisig": {"pubkeys": [{"xpub": xpub, "address_n": "m/1"}]}}
    message = build.message(m.GetAddress, spec)
    assert message.address_n == [0x80000054, 0]
    node = message.multisig.pubkeys[0].node
    assert (node.depth, node.public_key[0] in (2, 3)) == (0, True)


@pytest.mark.parametrize(
    "text", ["builtin:abacus", "udp:localhost", "trezor-legacy=/nonexistent", "serial:/dev/x", ""]
)
def test_devices_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"device|emulator"):
        parse(text)


def test_the_default_devices_are_those_with_a_recording() -> None:
    assert parse("builtin") == (Spec("builtin", "trezor-one"), Spec("builtin", "onekey-classic1s"))
    assert parse("udp:127.0.0.1:5") == (Spec("udp", "127.0.0.1:5"),)
    assert ports_are_free(free_ports(), 7)


@pytest.fixture
def wrapper(tmp_path: Path, repo_root: Path) -> Path:
    """A script that takes a port and a profile directory, as one around an upstream emulator does."""
    path = tmp_path / "run-emulator"
    command = f'"{sys.executable}" -m emulator device --persona trezor-one --port "$1"'
    path.write_text(f'#!/bin/sh\ntouch "$2/started"\ncd "{repo_root}" && {command} & wait\n')
    path.chmod(0o755)
    return path


def test_a_device_from_a_path_has_a_fresh_profile_and_leaves_nothing_behind(wrapper: Path) -> None:
    (spec,) = parse(f"trezor-legacy={wrapper}")
    with opened(spec) as device:
        profile = Path(device._profile)  # type: ignore[attr-defined]
        assert (profile / "started").exists()
        assert answers(device.port)
        device.restart()
        assert not profile.exists()
        port = device.port
        assert answers(port)
    assert not answers(port)
    assert ports_are_free(port)


def test_an_emulator_that_ends_at_once_is_told(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    with pytest.raises(OSError, match="does not answer"), opened(Spec("trezor-legacy", str(path))):
        pass
