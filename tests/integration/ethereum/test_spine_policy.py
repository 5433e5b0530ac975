"""What the policy calls for out of accounts on Ethereum, the books afterwards, and what commands say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from emulator.chains.ethereum import deploy
from tests.support.ethereum_chains import start_chain
from tests.support.ethereum_treasury import (
    AGREEING,
    CONFIRMATIONS,
    ETHER,
    MNEMONIC,
    EthereumCase,
    device_account,
    entry,
    opened_devices,
    opened_treasury,
)
from vault.cli.root import cli
from vault.config import load_treasury
from vault.device.prompt import silent
from vault.errors import VaultError
from vault.treasury import books, observe
from vault.treasury.add_account import WantedAccount, add_device_account, append_account
from vault.treasury.propose import propose

HOT = device_account("hot", "staging", "main", MNEMONIC)
COLD = device_account("cold", "cold", "main", MNEMONIC, 1)
EVACUATIONS = "".join(
    f'\n[[evacuation]]\nwallet = "hot"\nto = "cold-{asset.lower()}"\nasset = "{asset}"\n'
    f"when = 'wallet.confirmed > 0'\nmin_change = \"0.01\"\n"
    f'\n[[limit]]\nid = "evacuate-{asset.lower()}"\naction = "evacuate"\nasset = "{asset}"\n'
    'per_transfer = "1000000"\nwindow_hours = 24\nwindow_amount = "2000000"\n'
    for asset in ("ETH", "USDC")
)
RULE = """
[[rule]]
id = "allow-evacuate"
effect = "allow"
action = "evacuate"
when = 'transfer.amount > 0'
"""


@pytest.fixture(scope="module")
def devices() -> Iterator[Any]:
    with opened_devices({"main": ("trezor-core", MNEMONIC)}) as opened:
        yield opened


@pytest.fixture
def case(devices: Any, tmp_path: Path) -> Iterator[EthereumCase]:
    entries = tuple(entry(f"cold-{asset.lower()}", asset, COLD) for asset in ("ETH", "USDC"))
    with (
        start_chain() as chain,
        opened_treasury(
            tmp_path / "treasury", chain, devices, (HOT, COLD), entries, policy=EVACUATIONS + RULE
        ) as case,
    ):
        chain.fund(HOT.address, 10 * ETHER)
        chain.mint(deploy.USDC, HOT.address, 10_000 * 10**6)
        chain.mine(CONFIRMATIONS)
        yield case


def sheets(case: EthereumCase) -> dict[str, Any]:
    found = books.close_books(case.desk, observe.take_snapshot(case.desk))
    return {sheet.asset.symbol: sheet for sheet in found.sheets}


def test_a_staging_account_is_emptied_asset_by_asset_and_the_books_close_to_the_wei(
    case: EthereumCase,
) -> None:
    first = propose(case.desk)
    assert first.plan is not None, (first.decisions, first.problems)
    (only,) = first.plan.body.transfers  # the other asset waits: one transaction of a sender at a time
    assert [each.outcome for each in first.decisions] == ["allow", "deny"]
    case.out(first.plan)
    assert case.settle(first.plan).state == "done"
    second = propose(case.desk)
    assert second.plan is not None, second.decisions
    case.out(second.plan)
    assert case.settle(second.plan).state == "done"
    assert case.balance("USDC", "cold") == 10_000 * 10**6
    assert only.amount.asset.symbol != second.plan.transfer(1).amount.asset.symbol
    gas = sum(int(case.step(each).facts["gas_paid"]) for each in (first.plan, second.plan))
    assert case.balance("ETH", "hot") + case.balance("ETH", "cold") == 10 * ETHER - gas
    found = sheets(case)
    assert found["ETH"].even and found["USDC"].even
    assert found["ETH"].fees.units == gas


def run(case: EthereumCase, *arguments: str) -> tuple[int, Any]:
    config = str(case.desk.treasury.path)
    found = CliRunner().invoke(cli, [*arguments, "--json", "--config", config])
    text = found.stdout
    if isinstance(found.exception, VaultError):
        return found.exception.exit_status, found.exception.code
    return found.exit_code, json.loads(text) if text.strip().startswith("{") else text


def test_the_commands_say_addresses_calls_and_pins_in_full(case: EthereumCase) -> None:
    plan = case.pay("hot", "cold-usdc", "12.5", "USDC")
    status, found = run(case, "show", plan.plan_id)
    assert status == 0, found
    (verified,) = found["verification"]
    assert verified["verified"] and any(COLD.address in line for line in verified["call"]["lines"])
    status, found = run(case, "account", "show", "hot")
    assert status == 0, found
    by_asset = {each["asset"]: each for each in found["held"]}
    assert by_asset["USDC"]["pinned"]["token"] == deploy.USDC and by_asset["USDT"]["pinned"] is None
    status, found = run(case, "account", "list")
    assert [each["address"] for each in found["accounts"]] == [HOT.address, COLD.address]
    status, found = run(case, "account", "allowances", "hot")
    assert (status, found["allowances"]) == (0, [])
    status, found = run(case, "account", "pin", "hot", "USDC")
    assert status == 0 and found["before"] == found["after"]


def test_a_payment_is_asked_for_approved_signed_sent_and_replaced_at_the_terminal(case: EthereumCase) -> None:
    case.chain.automine(False)
    status, found = run(case, "request", "pay", "hot", "cold-usdc=12.5")
    assert status == 0, found
    first = found["plan_id"]
    for words in (("approve", first, "--attester", "alice"), ("sign", first), ("send", first)):
        status, said = run(case, *words)
        assert status == 0, said
    status, found = run(case, "request", "bump", first, "1")
    assert status == 0, found
    assert run(case, "request", "cancel", first, "1", "--fee-rate", "5") == (60, "plan.no_fee_rate")
    assert run(case, "request", "pay", "hot", "cold-usdc=12.5", "--fee-rate", "5")[0] == 2
    case.chain.mine(CONFIRMATIONS)
    status, found = run(case, "reconcile")
    assert status == 0, found
    assert case.balance("USDC", "cold") == 12_500_000


def test_an_account_is_added_with_the_address_that_its_device_showed_twice(case: EthereumCase) -> None:
    treasury = case.desk.treasury
    wanted = WantedAccount("third", "cold", "mainnet", ("ETH",))
    found = add_device_account(treasury, wanted, "main", "m/44'/60'/0'/0/2", AGREEING, silent)
    assert found.address == device_account("third", "cold", "main", MNEMONIC, 2).address
    assert found.address in case.hands["main"].text
    append_account(treasury, found)
    assert load_treasury(treasury.path).account("third").address == found.address
