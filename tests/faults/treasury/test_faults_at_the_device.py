"""The person says no, the cable comes out, another device answers: nothing is signed, nothing is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.treasury import stage
from tests.faults.treasury.bench import Case
from vault.errors import DeviceError, DeviceRefusedError, PlanError, VaultError, WrongDeviceError
from vault.treasury import approve

Make = Callable[..., Case]
OTHER_SEED = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"


def test_a_no_at_the_approval_freezes_the_plan(make: Make) -> None:
    case = make("withdrawal")
    case.hands["cold"].yes = False
    with pytest.raises(DeviceRefusedError) as caught:
        case.approve()
    assert (caught.value.code, case.state) == ("device.refused_by_person", "frozen")
    assert caught.value.hint == f"Find out why. Plan {case.plan.plan_id} is now frozen; make a new plan."
    case.hands["cold"].yes = True
    refusals: dict[Callable[[], object], str] = {
        case.approve: "plan.wrong_state",
        case.sign: "plan.wrong_state",
        case.send: "plan.not_approved",
    }
    for attempt, code in refusals.items():
        with pytest.raises(VaultError) as again:
            attempt()
        assert again.value.code == code
    case.untouched()


def test_a_no_at_the_signing_freezes_the_plan(make: Make) -> None:
    case = make("evacuation").approve()
    case.hands["staging"].yes = False
    with pytest.raises(DeviceRefusedError):
        case.sign()
    assert (case.state, case.states) == ("frozen", ("signing",))
    case.hands["staging"].yes = True
    with pytest.raises(PlanError):
        case.sign()
    with pytest.raises(PlanError) as caught:
        case.send()
    assert caught.value.code == "plan.frozen"
    case.untouched()


@pytest.mark.parametrize("after", [0, 3, 6, 9])
def test_a_device_unplugged_while_signing_is_an_error_and_signing_again_completes(
    after: int, make: Make
) -> None:
    case = make("evacuation").approve()
    case.devices["staging"].set_faults({"unplug_after": after})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vault.device.connection.connect.CONNECT_LIMIT_S", 0.5)
        _hurry(case, patch)
        with pytest.raises(DeviceError) as caught:
            case.sign()
    assert not isinstance(caught.value, DeviceRefusedError)
    assert (case.state, case.states) == ("approved", ("signing",))
    with pytest.raises(PlanError) as unsigned:
        case.send()
    assert unsigned.value.code == "plan.not_signed"
    case.untouched()
    case.devices["staging"].set_faults({"unplugged": False, "unplug_after": None})
    case.sign()
    assert case.states == ("signed",)
    case.complete()


def _hurry(case: Case, patch: pytest.MonkeyPatch) -> None:
    """Give a silent device up after half a second."""
    from vault.device import session

    opened = session.open_device
    patch.setattr(
        session, "open_device", lambda path, **options: opened(path, **{**options, "timeout_s": 0.5})
    )


def test_a_device_with_another_seed_signs_nothing(make: Make) -> None:
    case = make("evacuation").approve()
    case.devices["staging"].load_seed(OTHER_SEED)
    with pytest.raises(WrongDeviceError):
        case.sign()
    assert (case.state, case.states) == ("approved", ("signing",))
    case.devices["staging"].load_seed(
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
    )
    case.sign()
    case.complete()


def test_a_device_with_another_seed_approves_nothing(make: Make) -> None:
    case = make("withdrawal")
    case.devices["cold"].load_seed(OTHER_SEED)
    with pytest.raises(WrongDeviceError):
        case.approve()
    assert case.state == "proposed"
    case.untouched()


@pytest.mark.parametrize(
    "evil", ["wrong_key_signature", "truncate_signature", "sign_other_output", "redirect_output"]
)
def test_a_device_that_answers_what_was_not_asked_freezes_the_plan_or_is_refused(
    evil: str, make: Make
) -> None:
    case = make("evacuation").approve()
    case.devices["staging"].set_faults({evil: True})
    try:
        with pytest.raises(VaultError) as caught:
            case.sign()
    finally:
        case.devices["staging"].set_faults({evil: False})
    assert caught.value.family in {"psbt", "device"}
    assert case.states == ("signing",)
    with pytest.raises(PlanError):
        case.send()
    case.untouched()


def test_an_approval_signed_by_another_key_of_the_person_is_not_recorded(make: Make) -> None:
    case = make("withdrawal")
    case.devices["cold"].set_faults({"wrong_key_signature": True})
    try:
        with pytest.raises(VaultError):
            case.approve()
    finally:
        case.devices["cold"].set_faults({"wrong_key_signature": False})
    with pytest.raises(PlanError):
        case.send()
    case.untouched()


def test_a_second_yes_of_the_same_person_does_not_count_twice(make: Make) -> None:
    case = make("withdrawal").approve()
    with pytest.raises(PlanError) as caught:
        approve.approve(case.desk, case.plan, stage.TREASURER)
    assert (caught.value.code, case.state) == ("plan.approved_twice", "approved")
