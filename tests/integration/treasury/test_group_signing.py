"""A group's plan from proposal to books: devices of two makes in both orders, files, kills, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.treasury import stage
from tests.faults.treasury.bench import Bench
from tests.faults.treasury.line import intents
from tests.support.group_treasury import GroupCase, group_treasury
from vault.bitcoin.psbt.combine import combine
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.scripts import Kind
from vault.bitcoin.standard_inputs import finalise
from vault.cli.cosigners import show_cosigning
from vault.cli.page import Page
from vault.errors import (
    ConfigError,
    DeceivedError,
    DeviceError,
    DeviceRefusedError,
    PlanError,
    PsbtError,
    WrongDeviceError,
)
from vault.treasury import approve
from vault.treasury.add_wallet import Signer
from vault.treasury.cosign import Cosigning
from vault.treasury.inspection import group_states, inspect_plan
from vault.treasury.psbt_exchange import export, take

OTHER_SEED = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"
ORDERS = [("cold", "staging"), ("staging", "cold")]


def cosigning(group: GroupCase) -> Cosigning:
    case = group.case
    (found,) = group_states(case.desk, case.plan, intents(case.desk, case.plan))
    return found


def signed(group: GroupCase) -> list[str]:
    """Whose signatures are there, by device; outsiders have none."""
    return [each.device or "outside" for each in cosigning(group).done]


def sign(group: GroupCase, device: str | None = None) -> tuple[str, ...]:
    approve.sign(group.case.desk, group.case.plan, device)
    return group.case.states


def screens(bench: Bench) -> dict[str, int]:
    return {label: len(hand.screens) for label, hand in bench.hands.items()}


@pytest.mark.parametrize("kind", ["p2wsh", "p2sh-p2wsh"])
@pytest.mark.parametrize("order", ORDERS)
def test_two_of_three_signed_on_two_makes_one_after_the_other(
    bench: Bench, kind: Kind, order: tuple[str, str]
) -> None:
    with group_treasury(bench, "group", kind=kind) as group:
        group.case.approve()
        first, second = order
        assert sign(group, first) == ("signing",)
        assert (signed(group), cosigning(group).missing) == ([first], 1)
        with pytest.raises(PlanError) as unsigned:
            group.case.send()
        assert unsigned.value.code == "plan.not_signed"
        assert sign(group, second) == ("signed",)
        group.case.complete()


def test_all_devices_at_hand_are_asked_in_turn(bench: Bench) -> None:
    with group_treasury(bench, "turn") as group:
        group.case.approve()
        assert sign(group) == ("signed",)
        assert sorted(signed(group)) == ["cold", "staging"]
        assert cosigning(group).open == ()
        group.case.complete()


def test_nobody_is_asked_once_it_is_enough(bench: Bench) -> None:
    with group_treasury(bench, "enough", threshold=1) as group:
        group.case.approve()
        before = screens(bench)
        assert sign(group, "staging") == ("signed",)
        assert sign(group) == ("signed",)
        assert screens(bench)["cold"] == before["cold"]
        assert signed(group) == ["staging"]


def test_the_same_device_twice_signs_once(bench: Bench) -> None:
    with group_treasury(bench, "twice") as group:
        group.case.approve()
        sign(group, "cold")
        before = screens(bench)
        assert sign(group, "cold") == ("signing",)
        assert screens(bench) == before
        assert signed(group) == ["cold"]


def test_a_plan_says_who_signed_and_who_still_may(bench: Bench) -> None:
    with group_treasury(bench, "said") as group:
        case = group.case.approve()
        sign(group, "staging")
        (transfer,) = inspect_plan(case.desk, case.plan).transfers
        assert transfer.cosigning is not None
        said = {each.device: each in transfer.cosigning.open for each in transfer.cosigning.cosigners}
        assert said == {"cold": True, "staging": False, "": True}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("side", ["before", "after"])
def test_killed_around_the_record_of_a_signature_another_device_goes_on(
    bench: Bench, order: tuple[str, str], side: str, tmp_path: Path
) -> None:
    with group_treasury(bench, "killed") as group:
        case = group.case.approve()
        first, second = order
        killed = killed_while_signing(case.desk.treasury.path, case.plan.plan_id, first, side, tmp_path)
        assert killed == -signal.SIGKILL
        kept = [first] if side == "after" else []
        assert (case.state, case.states, signed(group)) == ("approved", ("signing",), kept)
        sign(group, second)
        assert sign(group) == ("signed",)
        case.complete()


_CHILD = """
import sys
from pathlib import Path
from tests.faults.treasury.kill import Stops
from vault.config import load_treasury
from vault.treasury.approve import sign
from vault.treasury.desk import Desk
from vault.treasury.inspection import find_plan
config, plan, device, side, note = sys.argv[1:]
with Desk(load_treasury(Path(config))) as desk:
    found = find_plan(desk, plan)
    Stops(side + " signing to signing", Path(note)).arm()
    sign(desk, found, device)
"""


def killed_while_signing(config: Path, plan: str, device: str, side: str, folder: Path) -> int:
    """Sign in another process that kills itself just before or after the signatures are committed."""
    environment = {**os.environ, **stage.own_keyring(folder)}
    environment["PYTHONPATH"] = os.pathsep.join([str(stage.ROOT), environment["PYTHONPATH"]])
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, str(config), plan, device, side, str(folder / "note.json")],
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert ran.returncode < 0, ran.stderr.decode()
    assert json.loads((folder / "note.json").read_text())[-1] == f"{side} signing to signing"
    return ran.returncode


# -- no and lies freeze, a broken line does not --------------------------------------------------------


def test_a_no_freezes_the_plan_also_after_another_cosigner_said_yes(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    with group_treasury(bench, "no") as group:
        group.case.approve()
        sign(group, "cold")
        bench.hands["staging"].yes = False
        with pytest.raises(DeviceRefusedError) as refused:
            sign(group, "staging")
        bench.hands["staging"].yes = True
        assert group.case.state == "frozen"
        assert refused.value.hint.endswith(f"Plan {group.case.plan.plan_id} is now frozen; make a new plan.")
        (transfer,) = inspect_plan(group.case.desk, group.case.plan).transfers
        assert transfer.cosigning is not None
        assert (transfer.cosigning.open, transfer.cosigning.missing) == ((), 1)
        show_cosigning(Page(), transfer.cosigning)
        said = capsys.readouterr().out
        assert "1 missing, and nobody signs this plan any more" in said
        assert "may sign" not in said and "more needed" not in said
        with pytest.raises(PlanError):
            sign(group, "staging")
        group.case.untouched()


@pytest.mark.parametrize("fault", ["wrong_key_signature", "sign_other_output"])
def test_a_lying_cosigner_freezes_the_plan(bench: Bench, fault: str) -> None:
    with group_treasury(bench, "lie") as group:
        group.case.approve()
        bench.devices["cold"].set_faults({fault: True})
        with pytest.raises(DeceivedError):
            sign(group)
        bench.devices["cold"].set_faults({fault: False})
        assert (group.case.state, signed(group)) == ("frozen", [])


def test_a_broken_line_keeps_what_was_signed_before(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with group_treasury(bench, "line") as group:
        group.case.approve()
        sign(group, "staging")
        bench.devices["cold"].set_faults({"unplug_after": 12})
        with monkeypatch.context() as patch:
            hurry(patch)
            with pytest.raises(DeviceError) as caught:
                sign(group, "cold")
        assert not isinstance(caught.value, DeviceRefusedError)
        assert (group.case.state, group.case.states, signed(group)) == ("approved", ("signing",), ["staging"])
        bench.devices["cold"].set_faults({"unplugged": False, "unplug_after": None})
        assert sign(group, "cold") == ("signed",)
        group.case.complete()


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Give a silent device up after half a second."""
    from vault.device import session

    opened = session.open_device
    patch.setattr("vault.device.connection.connect.CONNECT_LIMIT_S", 0.5)
    patch.setattr(
        session, "open_device", lambda path, **options: opened(path, **{**options, "timeout_s": 0.5})
    )


def test_a_device_with_another_seed_is_passed_over_and_named_when_it_is_asked_for(bench: Bench) -> None:
    with group_treasury(bench, "seed") as group:
        group.case.approve()
        bench.devices["cold"].load_seed(OTHER_SEED)
        with pytest.raises(WrongDeviceError):
            sign(group, "cold")
        assert sign(group) == ("signing",)
        assert signed(group) == ["staging"]
        with pytest.raises(WrongDeviceError):
            sign(group)
        assert (group.case.state, group.case.states) == ("approved", ("signing",))


def test_a_device_that_signs_for_no_wallet_of_the_plan_is_refused(bench: Bench) -> None:
    with group_treasury(bench, "nobody", signers=("staging",), outsiders=2) as group:
        group.case.approve()
        with pytest.raises(ConfigError) as caught:
            sign(group, "cold")
        assert caught.value.code == "config.no_signer"
        assert sign(group, "staging") == ("signing",)


# -- several keys of one device ------------------------------------------------------------------------


def two_accounts(wanted: Any) -> Any:
    first, other = wanted.signers
    return replace(wanted, signers=(first, Signer(first.device, first.account + 40), other))


def test_one_device_with_two_keys_is_enough_for_two_of_three(bench: Bench) -> None:
    with group_treasury(bench, "keys", outsiders=0, change=two_accounts) as group:
        group.case.approve()
        assert sign(group, "cold") == ("signed",)
        assert signed(group) == ["cold", "cold"]
        group.case.complete()


def test_of_two_keys_only_the_one_that_is_needed_is_asked_for(bench: Bench) -> None:
    with group_treasury(bench, "one-key", outsiders=0, change=two_accounts) as group:
        group.case.approve()
        sign(group, "staging")
        assert sign(group, "cold") == ("signed",)
        assert sorted(signed(group)) == ["cold", "staging"]
        group.case.complete()


# -- through files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("device_first", [True, False])
def test_a_device_and_an_outside_cosigner_through_files(
    bench: Bench, version: int, device_first: bool
) -> None:
    with group_treasury(bench, "outside") as group:
        case = group.case.approve()
        (outside,) = group.outside
        if device_first:
            sign(group, "cold")
        sent = export(case.desk, case.plan, None, version=version, xpubs=version == 2)
        back = outside.sign(sent, group.descriptor)
        if not device_first:
            assert take(case.desk, case.plan, None, back).state == "signing"
            assert sign(group, "staging") == ("signed",)
        else:
            assert take(case.desk, case.plan, 1, back).state == "signed"
        assert "outside" in signed(group)
        case.complete()


def test_two_outsiders_combine_and_finalise_elsewhere(bench: Bench) -> None:
    with group_treasury(bench, "elsewhere", signers=("cold",), outsiders=2) as group:
        case = group.case.approve()
        sent = export(case.desk, case.plan, None)
        done = finalise(combine([each.sign(sent, group.descriptor) for each in group.outside]))
        assert take(case.desk, case.plan, None, to_v2(done)).state == "signed"
        case.complete()


def test_another_plans_file_is_refused_and_changes_nothing(bench: Bench) -> None:
    with group_treasury(bench, "mine") as mine, group_treasury(bench, "theirs") as theirs:
        mine.case.approve()
        theirs.case.approve()
        sent = export(theirs.case.desk, theirs.case.plan, None)
        back = theirs.outside[0].sign(sent, theirs.descriptor)
        with pytest.raises(PsbtError) as caught:
            take(mine.case.desk, mine.case.plan, None, back)
        assert caught.value.code == "psbt.returned_outpoint"
        assert (mine.case.state, signed(mine)) == ("approved", [])


def test_nothing_is_exported_or_taken_before_the_plan_is_approved(bench: Bench) -> None:
    with group_treasury(bench, "early") as group:
        case = group.case
        with pytest.raises(PlanError) as caught:
            export(case.desk, case.plan, None)
        assert caught.value.code == "plan.not_approved"
        case.approve()
        back = group.outside[0].sign(export(case.desk, case.plan, None), group.descriptor)
        case.clock.advance(3600)
        for attempt in (
            lambda: export(case.desk, case.plan, None),
            lambda: take(case.desk, case.plan, None, back),
            lambda: sign(group),
        ):
            with pytest.raises(PlanError) as late:
                attempt()
            assert late.value.code == "plan.expired"


@pytest.mark.parametrize("threshold", [2, 1])
def test_what_another_process_kept_while_a_device_signs_counts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, threshold: int
) -> None:
    from vault.device.session import DeviceSession

    with group_treasury(bench, "race", threshold=threshold) as group:
        case = group.case.approve()
        back = group.outside[0].sign(export(case.desk, case.plan, None), group.descriptor)
        honest = DeviceSession.sign_transaction

        def meanwhile(session: DeviceSession, *arguments: Any) -> Any:
            answer = honest(session, *arguments)
            take(case.desk, case.plan, None, back)
            return answer

        monkeypatch.setattr(DeviceSession, "sign_transaction", meanwhile)
        assert sign(group, "cold") == ("signed",)
        assert signed(group) == (["cold", "outside"] if threshold == 2 else ["outside"])
        case.complete()
