"""ETH, USDC and USDT from a device's account to a cold one: planned, signed, sent, reconciled to the wei."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ethereum_chains import KINDS, start_chain
from tests.support.ethereum_treasury import (
    ETHER,
    MNEMONIC,
    TOKENS,
    EthereumCase,
    device_account,
    entry,
    opened_devices,
    opened_treasury,
)

HOT = device_account("hot", "staging", "main", MNEMONIC)
COLD = device_account("cold", "cold", "main", MNEMONIC, 1)
AMOUNTS = {"ETH": "1.234567890123456789", "USDC": "1234.567891", "USDT": "765.432109"}


PERSONAS = ("trezor-core", "trezor-one", "onekey-pro", "onekey-classic1s")
CASES = [(kind, persona, tuple(AMOUNTS)) for kind in KINDS for persona in PERSONAS]


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[EthereumCase, tuple[str, ...]]]:
    kind, persona, assets = request.param
    entries = tuple(entry(f"cold-{asset.lower()}", asset, COLD) for asset in AMOUNTS)
    with (
        start_chain(kind) as chain,
        opened_devices({"main": (persona, MNEMONIC)}) as devices,
        opened_treasury(tmp_path / "treasury", chain, devices, (HOT, COLD), entries) as case,
    ):
        chain.fund(HOT.address, 10 * ETHER)
        for token in TOKENS.values():
            chain.mint(token, HOT.address, 10_000 * 10**6)
        chain.mine(3)
        yield case, assets


@pytest.mark.parametrize("case", CASES, indirect=True, ids=lambda each: " ".join(each[:2]))
def test_every_asset_leaves_a_device_account_and_arrives_to_the_wei(
    case: tuple[EthereumCase, tuple[str, ...]],
) -> None:
    it, assets = case
    spent = 0
    units = {asset: plan_units(asset) if asset in assets else 0 for asset in AMOUNTS}
    for asset in assets:
        plan = it.pay("hot", f"cold-{asset.lower()}", AMOUNTS[asset], asset)
        it.hands["main"].screens.clear()
        step = it.out(plan)
        assert step.state == "accepted", step
        assert COLD.address.lower() in it.hands["main"].text.lower()
        step = it.settle(plan)
        assert (step.state, it.state(plan)) == ("done", "done"), it.reconcile()
        spent += int(step.facts["gas_paid"])
        assert int(step.facts["gas_paid"]) > 0
    assert it.balance("ETH", "hot") == 10 * ETHER - units["ETH"] - spent
    assert it.balance("ETH", "cold") == units["ETH"]
    for asset in ("USDC", "USDT"):
        assert it.balance(asset, "cold") == units[asset]
        assert it.balance(asset, "hot") == 10_000 * 10**6 - units[asset]


def plan_units(asset: str) -> int:
    from vault.money import Amount, asset_of

    return Amount.parse(AMOUNTS[asset], asset_of(asset)).units
