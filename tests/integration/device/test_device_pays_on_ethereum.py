"""ETH, USDC and USDT by a genuine emulator (``--device``), planned, approved, signed, sent and reconciled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import ethereum_treasury as ethereum
from tests.support.ethereum_chains import start_chain

HOT = ethereum.device_account("hot", "staging", "main", ethereum.MNEMONIC)
COLD = ethereum.device_account("cold", "cold", "main", ethereum.MNEMONIC, 1)


def test_every_asset_is_paid_by_the_genuine_device_to_the_base_unit(
    every_device: Any, tmp_path: Path
) -> None:
    if every_device.emulator is not None:
        pytest.skip("every persona pays every asset in test_spine_transfers.py")
    entries = tuple(ethereum.entry(f"cold-{asset.lower()}", asset, COLD) for asset in ("ETH", "USDC", "USDT"))
    devices: Any = {"main": (every_device, ethereum.Hand())}
    with (
        start_chain() as chain,
        ethereum.opened_treasury(tmp_path / "treasury", chain, devices, (HOT, COLD), entries) as case,
    ):
        chain.fund(HOT.address, 10 * ethereum.ETHER)
        for token in ethereum.TOKENS.values():
            chain.mint(token, HOT.address, 10_000 * 10**6)
        chain.mine(ethereum.CONFIRMATIONS)
        gas = 0
        for asset, amount in (("ETH", "1.25"), ("USDC", "12.345678"), ("USDT", "7.5")):
            plan = case.pay("hot", f"cold-{asset.lower()}", amount, asset)
            case.out(plan)
            step = case.settle(plan)
            assert (step.state, case.state(plan)) == ("done", "done"), case.reconcile()
            gas += int(step.facts["gas_paid"])
        assert case.balance("ETH", "cold") == 1_250_000_000_000_000_000
        assert case.balance("ETH", "hot") == 10 * ethereum.ETHER - 1_250_000_000_000_000_000 - gas
        assert (case.balance("USDC", "cold"), case.balance("USDT", "cold")) == (12_345_678, 7_500_000)
