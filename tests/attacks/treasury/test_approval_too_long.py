"""A plan that is too long for one approver's device stays approvable on another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from vault.errors import DeviceError
from vault.treasury import approve


def test_a_plan_too_long_for_a_small_device_is_refused_unopened_and_not_frozen(
    bench: Any, permitted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = bench.plan(*(bench.transfer(number) for number in range(1, 9)), state="proposed")
    alice = SimpleNamespace(name="alice", device="d", public_key="02" * 33, roles=("approve",))
    bench.desk.treasury.config.attester = (alice,)
    model, opened = {"pin_entry": "matrix", "model": "OneKey Classic 1S"}, []

    def device(name: str, permit: Callable[[Any], None]) -> Any:
        permit(SimpleNamespace(**model))
        opened.append(name)
        return contextlib.nullcontext()

    def asked(*arguments: Any) -> None:
        raise DeviceError("asked", "a person is asked")

    bench.desk.device = device
    monkeypatch.setattr(approve, "_show_destinations", asked)
    with pytest.raises(DeviceError) as error:
        approve.approve(bench.desk, plan, "alice")
    assert error.value.code == "device.statement_too_long"
    assert (opened, bench.state(plan)) == ([], "proposed")
    model.update(pin_entry="device", model="OneKey Pro")
    with pytest.raises(DeviceError) as error:
        approve.approve(bench.desk, plan, "alice")
    assert error.value.code == "device.asked"
    assert (opened, bench.state(plan)) == (["d"], "proposed")
