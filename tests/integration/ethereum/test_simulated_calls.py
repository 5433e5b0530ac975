"""Calls tried on real contracts, on py-evm and on anvil, through a node's own JSON-RPC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from coincurve import PrivateKey

from emulator.chains.ethereum.artefacts import load
from tests.support.ethereum_calls import (
    ONE_ETHER,
    OWNER,
    RECIPIENT,
    SENDER,
    USDC_1500,
    USDT_99,
    address_of,
    call_of,
    planned,
    safe_call_of,
)
from tests.support.ethereum_chains import KINDS, RunningChain, start_chain
from vault.errors import EthereumError
from vault.ethereum.build import CallPart, cancel, revoke
from vault.ethereum.contracts import erc20
from vault.ethereum.node.client import NodeClient
from vault.ethereum.safe.execute import exec_data
from vault.ethereum.safe.signatures import OwnerSignature
from vault.ethereum.safe.transaction import hashes, safe_tx
from vault.ethereum.simulate import Simulation, simulate
from vault.ethereum.token_checks import check_token, read_pin
from vault.ethereum.tokens import token_of
from vault.ethereum.verify import Expected, ExpectedCancel, ExpectedRevoke
from vault.ethereum.view import BlockView
from vault.evm.call import EthereumCall
from vault.money import ETH, USDC, USDT, Amount

USDC_1, USDT_1 = token_of(1, USDC), token_of(1, USDT)
AMOUNTS = [ONE_ETHER, USDC_1500, USDT_99]
OTHER = PrivateKey(bytes(31) + b"\x08")


@pytest.fixture(params=KINDS)
def chain(request: pytest.FixtureRequest) -> Iterator[RunningChain]:
    with start_chain(request.param) as running:
        endow(running, SENDER)
        yield running


def endow(chain: RunningChain, address: str) -> None:
    chain.fund(address, 5 * 10**18)
    for token in (USDC_1, USDT_1):
        chain.mint(token.address, address, 10**10)


def view_of(chain: RunningChain) -> BlockView:
    node = NodeClient(chain.url, chain.chain_id)
    return node.view(node.tip())


def tried(
    chain: RunningChain, call: EthereumCall, expected: Expected, data: bytes | None = None
) -> Simulation:
    return simulate(view_of(chain), call, expected, data)


def refused(code: str) -> pytest.RaisesExc[EthereumError]:
    return pytest.raises(EthereumError, check=lambda error: error.code == f"ethereum.{code}")


def test_payments_are_tried_in_full(chain: RunningChain) -> None:
    for amount in AMOUNTS:
        part, expected = planned(amount)
        found = tried(chain, call_of(part), expected)
        assert found.full
        assert [each.units for each in found.changes] == [-amount.units, amount.units]
        assert found.gas_used is not None
        assert 21_000 <= found.gas_used < 90_000


def test_a_cancel_and_a_revoke_move_nothing(chain: RunningChain) -> None:
    assert tried(chain, call_of(cancel(SENDER)), ExpectedCancel(1, SENDER)).changes == ()
    for asset in (USDC, USDT):
        expected = ExpectedRevoke(1, SENDER, asset, RECIPIENT)
        assert tried(chain, call_of(revoke(1, asset, RECIPIENT)), expected).full


def test_a_payment_of_more_than_there_is_reverts(chain: RunningChain) -> None:
    for amount in (Amount(USDC, 10**10 + 1), Amount(USDT, 10**10 + 1)):
        part, expected = planned(amount)
        with refused("simulation_failed"):
            tried(chain, call_of(part), expected)
    part, expected = planned(Amount(ETH, 5 * 10**18))
    with refused("insufficient_funds"):
        tried(chain, call_of(part), expected)


def test_tokens_as_registered_are_pinned_and_pass(chain: RunningChain) -> None:
    view = view_of(chain)
    for token in (USDC_1, USDT_1):
        check_token(view, token, read_pin(view, token), (SENDER, RECIPIENT), 10**9)


HARMS: dict[str, tuple[Any, str, tuple[Any, ...], str, str]] = {
    "usdc paused": (USDC_1, "pause()", (), "token_paused", "simulation_failed"),
    "usdt paused": (USDT_1, "pause()", (), "token_paused", "simulation_failed"),
    "usdc blocks": (USDC_1, "blacklist(address)", (SENDER,), "token_blocks", "simulation_failed"),
    "usdt blocks": (USDT_1, "addBlackList(address)", (SENDER,), "token_blocks", "simulation_failed"),
    "usdt fee": (USDT_1, "setParams(uint256,uint256)", (19, 49), "token_takes_fee", "token_takes_fee"),
}


@pytest.mark.parametrize("name", HARMS)
def test_what_an_issuer_does_to_a_token_is_seen_by_its_views_and_by_trying(
    chain: RunningChain, name: str
) -> None:
    token, signature, values, by_views, by_trying = HARMS[name]
    pin = read_pin(view_of(chain), token)
    chain.own(token.address, signature, *values)
    amount = Amount(token.asset, 10**9)
    with refused(by_views):
        check_token(view_of(chain), token, pin, (SENDER, RECIPIENT), amount.units)
    part, expected = planned(amount)
    with refused(by_trying):
        tried(chain, call_of(part), expected)


def test_a_token_that_answers_false_is_refused(chain: RunningChain) -> None:
    pin = read_pin(view_of(chain), USDT_1)
    chain.set_code(USDT_1.address, load("FalseToken").runtime)
    with refused("code_changed"):
        check_token(view_of(chain), USDT_1, pin)
    part, expected = planned(Amount(USDT, 10**12))
    with pytest.raises(EthereumError) as error:
        tried(chain, call_of(part), expected)
    assert error.value.code in {"ethereum.token_refuses", "ethereum.simulation_failed"}


def test_a_proxy_that_runs_other_code_is_refused(chain: RunningChain) -> None:
    pin = read_pin(view_of(chain), USDC_1)
    assert USDC_1.implementation_slot is not None
    chain.set_storage(USDC_1.address, USDC_1.implementation_slot, int(USDT_1.address, 16))
    with refused("proxy_changed"):
        check_token(view_of(chain), USDC_1, pin)
    chain.set_storage(USDC_1.address, USDC_1.implementation_slot, int(pin.implementation, 16))
    chain.set_code(pin.implementation, load("FalseToken").runtime)
    with refused("code_changed"):
        check_token(view_of(chain), USDC_1, pin)


def test_a_safes_payment_is_tried_before_its_owners_sign_and_after(chain: RunningChain) -> None:
    owners = (SENDER, address_of(OTHER))
    safe = chain.deploy_safe(owners, 2)
    endow(chain, safe)
    for amount in AMOUNTS:
        part, expected = planned(amount, payer=safe)
        call = replace(safe_call_of(part, address=safe, owners=owners, nonce=0), to=safe)
        assert tried(chain, call, expected).full
        assert tried(chain, call, expected, signed(call)).full
    with refused("simulation_failed"):
        tried(chain, call, expected, signed(replace(call, safe=replace(call.safe, nonce=1))))


def signed(call: EthereumCall) -> bytes:
    """execTransaction with the signatures of both owners."""
    assert call.safe is not None
    digest = hashes(safe_tx(1, call.safe)).safe_tx
    found = []
    for key in (OWNER, OTHER):
        raw = key.sign_recoverable(digest, hasher=None)
        found.append(OwnerSignature(address_of(key), raw[:64] + bytes([27 + raw[64]]), "data"))
    return exec_data(1, call.safe, found)


def test_ether_for_a_safe_may_be_told_by_the_safe(chain: RunningChain) -> None:
    safe = chain.deploy_safe((SENDER,), 1)
    part, expected = planned(ONE_ETHER, safe)
    assert tried(chain, call_of(part), expected).full


def test_a_node_without_simulation_is_asked_by_plain_calls() -> None:
    with start_chain("py-evm", simulate_v1=False) as chain:
        endow(chain, SENDER)
        for amount in AMOUNTS:
            part, expected = planned(amount)
            found = tried(chain, call_of(part), expected)
            assert (found.full, len(found.warnings)) == (False, 1)
        chain.own(USDT_1.address, "setParams(uint256,uint256)", 19, 49)
        part, expected = planned(USDT_99)
        with refused("token_takes_fee"):
            tried(chain, call_of(part), expected)
        chain.own(USDC_1.address, "pause()")
        part, expected = planned(USDC_1500)
        with refused("simulation_failed"):
            tried(chain, call_of(part), expected)


def test_a_call_that_is_not_the_planned_one_moves_what_was_not_planned(chain: RunningChain) -> None:
    _, expected = planned(USDC_1500)
    more = CallPart(USDC_1.address, 0, "0x" + erc20.TRANSFER.encode(RECIPIENT, USDC_1500.units + 1).hex())
    with refused("simulation_differs"):
        tried(chain, call_of(more), expected)
