"""A venue is asked to pay nothing that could not be held, or moved on, where it is to arrive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.chains.ethereum import deploy
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
from vault.errors import EthereumError
from vault.money import ETH, USDC, Amount
from vault.treasury.ethereum.pins import require_receivable

HOT = device_account("hot", "staging", "main", MNEMONIC)
COLD = device_account("cold", "cold", "main", MNEMONIC, 1)
SWEPT = Amount(USDC, 400_000_000_000)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[EthereumCase]:
    with (
        opened_devices({"main": ("trezor-core", MNEMONIC)}) as devices,
        start_chain() as chain,
        opened_treasury(
            tmp_path / "treasury", chain, devices, (HOT, COLD), (entry("cold-usdc", "USDC", COLD),)
        ) as case,
    ):
        chain.fund(HOT.address, ETHER)
        chain.mint(deploy.USDC, HOT.address, 10_000_000)
        chain.mine(CONFIRMATIONS)
        yield case


def refused(case: EthereumCase, amount: Amount = SWEPT) -> str:
    try:
        require_receivable(case.desk, "eip155:1", amount, COLD.address)
    except EthereumError as error:
        return error.code
    return ""


def test_a_token_that_changed_its_code_blocks_or_pauses_is_not_swept_into(case: EthereumCase) -> None:
    assert refused(case) == ""
    deploy.blacklist(case.chain.ground, deploy.USDC, COLD.address)
    assert refused(case) == "ethereum.token_blocks"
    deploy.blacklist(case.chain.ground, deploy.USDC, COLD.address, on=False)
    case.chain.own(deploy.USDC, "pause()")
    assert refused(case) == "ethereum.token_paused"
    case.chain.own(deploy.USDC, "unpause()")
    case.pay("hot", "cold-usdc", "1", "USDC")  # the first use pins its code
    assert refused(case) == ""
    case.chain.own(deploy.USDC, "upgradeTo(address)", case.chain.deploy("UsdcToken"))
    assert refused(case) == "ethereum.proxy_changed"


def test_ether_is_no_token_and_asks_nobody(case: EthereumCase) -> None:
    case.chain.own(deploy.USDC, "pause()")
    assert refused(case, Amount(ETH, ETHER)) == ""
