"""What devices would sign and must not: refused by us before any of them sees it; and other requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    made,
    opened_devices,
    opened_treasury,
    private_key,
)
from vault.canonical import canonical_json
from vault.clock import to_iso
from vault.codec import encode
from vault.errors import VaultError
from vault.ethereum.contracts.erc20 import APPROVE
from vault.evm.address import checksum_address
from vault.evm.transaction import EthereumSignature, FeeMarketTransaction, serialise, signing_digest
from vault.store import records
from vault.store.records import PlanRow
from vault.treasury import approve
from vault.treasury.ethereum.account_report import account_state, allowances_of, verify_account
from vault.treasury.ethereum.check import check_ethereum, require_apart
from vault.treasury.ethereum.sign import sign_ethereum
from vault.treasury.plan import Plan, Transfer
from vault.treasury.requests.ethereum import revoke
from vault.treasury.steps import ensure_intents

HOT = device_account("hot", "staging", "main", MNEMONIC)
COLD = device_account("cold", "cold", "main", MNEMONIC, 1)
SPENDER = "0x" + "1" * 40


@pytest.fixture(scope="module")
def devices() -> Iterator[Any]:
    with opened_devices({"main": ("trezor-one", MNEMONIC)}) as opened:
        yield opened


@pytest.fixture
def case(devices: Any, tmp_path: Path) -> Iterator[EthereumCase]:
    entries = tuple(entry(f"cold-{asset.lower()}", asset, COLD) for asset in ("ETH", "USDC"))
    with (
        start_chain() as chain,
        opened_treasury(tmp_path / "treasury", chain, devices, (HOT, COLD), entries) as case,
    ):
        chain.fund(HOT.address, 10 * ETHER)
        chain.mint(deploy.USDC, HOT.address, 10_000 * 10**6)
        chain.mine(CONFIRMATIONS)
        yield case


def altered(case: EthereumCase, plan: Plan, **changes: Any) -> tuple[Plan, Transfer]:
    """A plan of the store that says something else than was built, approved by nobody knows whom."""
    transfer = plan.transfer(1)
    payment = replace(transfer.payment, **changes.pop("payment", {}))
    transfer = replace(transfer, payments=(payment,), call=replace(transfer.ethereum, **changes))
    other = Plan.of(replace(plan.body, transfers=(transfer,)))
    times = to_iso(other.body.created_at), to_iso(other.body.expires_at)
    row = PlanRow(other.plan_id, other.digest, *times, "approved", canonical_json(encode(other.body)))
    with case.desk.store.write() as writer:
        records.save_plan(writer, row)
    return other, transfer


LOWER = COLD.address.lower()
WRONG_CASE = "0x" + "".join(c.lower() if c.isupper() else c.upper() for c in COLD.address[2:])
NO_HEX = "0x" + "g" * 40


REFUSED: list[tuple[dict[str, Any], set[str]]] = [
    ({"to": NO_HEX, "payment": {"address": NO_HEX}}, {"ethereum.creates_contract"}),
    ({"to": WRONG_CASE, "payment": {"address": WRONG_CASE}}, {"ethereum.bad_address"}),
    ({"to": LOWER, "payment": {"address": LOWER}}, {"ethereum.bad_address"}),
    ({"to": ""}, {"ethereum.creates_contract"}),
    ({"max_priority_fee": 10**12}, {"ethereum.tip_above_fee"}),
    ({"max_fee": 10**12}, {"ethereum.fee_too_high"}),
    ({"gas_limit": 16_000_000, "max_fee": 10**11}, {"ethereum.cost_too_high"}),
    ({"chain_id": 5}, {"ethereum.wrong_chain_id", "ethereum.wrong_payer", "ethereum.unknown_chain"}),
    ({"value": 2 * ETHER}, {"ethereum.wrong_amount"}),
    ({"nonce": 7}, {"ethereum.nonce_gap"}),
    ({"data": "0x00", "gas_limit": 50_000}, {"ethereum.unknown_call"}),
]
LAST_STEP: list[dict[str, Any]] = [{"to": NO_HEX}, {"to": WRONG_CASE}, {"max_priority_fee": 10**12}]


def test_what_a_device_would_sign_is_refused_before_it_sees_it(case: EthereumCase) -> None:
    honest = case.pay("hot", "cold-eth", "1", "ETH")
    shown = len(case.hands["main"].screens)
    for changes, codes in REFUSED:
        plan, transfer = altered(case, honest, **dict(changes))
        with pytest.raises(VaultError) as caught:
            check_ethereum(case.desk, plan, transfer)
        assert caught.value.code in codes, (changes, caught.value)
    assert len(case.hands["main"].screens) == shown


def test_the_last_step_before_the_device_refuses_it_too(case: EthereumCase) -> None:
    honest = case.pay("hot", "cold-eth", "1", "ETH")
    shown = len(case.hands["main"].screens)
    for changes in LAST_STEP:
        plan, transfer = altered(case, honest, **changes)
        (intent,) = ensure_intents(case.desk.store, plan)
        with pytest.raises(VaultError) as caught:
            sign_ethereum(case.desk, plan, transfer, intent, None, approve.freezing)
        assert caught.value.code.startswith(("device.bad_ethereum", "ethereum.")), changes
    assert len(case.hands["main"].screens) == shown


def test_a_destination_that_looks_like_another_address_is_refused(case: EthereumCase) -> None:
    transfer = case.pay("hot", "cold-eth", "1", "ETH").transfer(1)
    middle = bytes.fromhex(COLD.address[2:6]) + b"\x77" * 16 + bytes.fromhex(COLD.address[-4:])
    poisoned = replace(transfer.payment, address=checksum_address(middle))
    with pytest.raises(VaultError) as caught:
        require_apart(case.desk, replace(transfer, payments=(poisoned,)))
    assert caught.value.code == "ethereum.lookalike"


def allow(case: EthereumCase, units: int) -> None:
    """An allowance that the account's owner once gave by another program."""
    tx = FeeMarketTransaction(
        1, 0, 10**9, 50 * 10**9, 100_000, deploy.USDC, 0, APPROVE.encode(SPENDER, units)
    )
    raw = private_key(MNEMONIC).sign_recoverable(signing_digest(tx), hasher=None)
    numbers = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    signed = serialise(tx, EthereumSignature(raw[64], raw[64], *numbers))
    case.chain.rpc("eth_sendRawTransaction", f"0x{signed.hex()}")
    case.chain.mine(CONFIRMATIONS)


def test_an_allowance_is_found_and_taken_back(case: EthereumCase) -> None:
    allow(case, 2**256 - 1)
    (found,) = allowances_of(case.desk, "hot", 0).found
    assert (found.token, found.spender, found.unlimited) == (deploy.USDC, SPENDER, True)
    plan = made(revoke(case.desk, "hot", "USDC", SPENDER))
    case.out(plan)
    assert case.settle(plan).state == "done"
    assert allowances_of(case.desk, "hot", 0).found == ()


def test_an_account_says_what_it_holds_and_its_device_shows_it(case: EthereumCase) -> None:
    state = account_state(case.desk, "hot")
    held = {each.asset: str(each.confirmed) for each in state.held}
    assert held["ETH"].startswith("10") and held["USDC"].startswith("10000")
    assert (state.nonce, state.waiting) == (0, 0)
    case.hands["main"].screens.clear()
    assert verify_account(case.desk, "hot").shown == HOT.address
    assert HOT.address in case.hands["main"].text
