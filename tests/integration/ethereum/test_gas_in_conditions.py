"""A policy's condition on gas reads what a transaction would cost now; without an answer it denies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ethereum_chains import start_chain
from tests.support.ethereum_treasury import (
    CONFIRMATIONS,
    ETHER,
    MNEMONIC,
    EthereumCase,
    device_account,
    entry,
    opened_devices,
    opened_treasury,
)
from vault.model import Decision
from vault.treasury.propose import look

HOT = device_account("hot", "staging", "main", MNEMONIC)
COLD = device_account("cold", "cold", "main", MNEMONIC, 1)
GWEI = 10**9
CHEAP_GAS = """
[[evacuation]]
wallet = "hot"
to = "cold-eth"
asset = "ETH"
when = 'wallet.confirmed > 0'
min_change = "0.01"

[[limit]]
id = "evacuate-eth"
action = "evacuate"
asset = "ETH"
per_transfer = "100"
window_hours = 24
window_amount = "200"

[[rule]]
id = "allow-evacuate"
effect = "allow"
action = "evacuate"
when = 'gas.max_fee <= 20 and gas.max_cost < 0.01'
"""


@pytest.fixture
def case(tmp_path: Path) -> Iterator[EthereumCase]:
    with (
        opened_devices({"main": ("trezor-core", MNEMONIC)}) as devices,
        start_chain() as chain,
        opened_treasury(
            tmp_path / "treasury",
            chain,
            devices,
            (HOT, COLD),
            (entry("cold-eth", "ETH", COLD),),
            policy=CHEAP_GAS,
        ) as case,
    ):
        chain.fund(HOT.address, 10 * ETHER)
        chain.mine(CONFIRMATIONS)
        yield case


def evacuation(case: EthereumCase) -> Decision:
    (found,) = [each for each in look(case.desk).decisions if each.action == "evacuate"]
    return found


def test_an_evacuation_waits_until_gas_is_cheap(case: EthereumCase) -> None:
    case.chain.set_base_fee(15 * GWEI)
    dear = evacuation(case)
    assert dear.outcome == "deny", dear
    case.chain.set_base_fee(2 * GWEI)
    cheap = evacuation(case)
    assert cheap.outcome == "allow", cheap.trace


def test_gas_that_nobody_tells_denies_what_is_conditioned_on_it(case: EthereumCase) -> None:
    case.chain.set_base_fee(150 * GWEI)  # above the policy's cap: no transaction can be made at all
    found = evacuation(case)
    assert found.outcome == "deny"
    assert "gas.max_fee is not known" in " ".join(step.reason for step in found.trace)
