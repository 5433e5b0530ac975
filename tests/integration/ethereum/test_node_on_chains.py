"""Our client on real nodes: the emulated chain and anvil, with a reorganisation, faults and a witness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.faults import Fault, FaultKind
from emulator.chains.ethereum.server import EthereumServer
from tests.support.ethereum_calls import GWEI, OWNER, RECIPIENT, SENDER, sign
from tests.support.ethereum_chains import KINDS, RunningChain, start_chain
from vault.errors import EthereumError, OutcomeUnknownError
from vault.ethereum.allowances import list_allowances
from vault.ethereum.balances import Holder, read_holdings
from vault.ethereum.contracts.erc20 import APPROVE, DECIMALS, TRANSFER
from vault.ethereum.fees import gas_fees, gas_limit, read_fees, replacement_fees
from vault.ethereum.node.base import LogFilter
from vault.ethereum.node.client import NodeClient
from vault.ethereum.node.witnesses import WitnessedNode
from vault.ethereum.nonces import OpenTransaction, nonce_state
from vault.ethereum.receipts import final_status, token_moves
from vault.ethereum.view import CallRequest
from vault.evm.transaction import FeeMarketTransaction, serialise

USDC, USDT = deploy.USDC, deploy.USDT
ETHER = 10**18


@pytest.fixture(params=KINDS)
def chain(request: pytest.FixtureRequest) -> Iterator[RunningChain]:
    with start_chain(request.param) as running:
        running.fund(SENDER, 10 * ETHER)
        running.mint(USDC, SENDER, 5_000_000)
        running.mint(USDT, SENDER, 7_000_000)
        yield running


@pytest.fixture
def node(chain: RunningChain) -> NodeClient:
    return NodeClient(chain.url, chain.chain_id)


def signed(to: str, value: int = 0, data: bytes = b"", **fields: int) -> bytes:
    tx = FeeMarketTransaction(
        chain_id=1,
        nonce=fields.get("nonce", 0),
        max_priority_fee=fields.get("tip", GWEI),
        max_fee=fields.get("max_fee", 20 * GWEI),
        gas_limit=fields.get("gas", 120_000),
        to=to,
        value=value,
        data=data,
    )
    return serialise(tx, sign(tx, OWNER))


def code_of(found: pytest.ExceptionInfo[EthereumError]) -> str:
    return found.value.code.removeprefix("ethereum.")


def test_a_payment_from_estimate_to_final_depth_to_the_wei(chain: RunningChain, node: NodeClient) -> None:
    estimate = node.estimate_gas(CallRequest(RECIPIENT, sender=SENDER, value=ETHER))
    gas = gas_limit(estimate, "l1", node.tip().gas_limit)
    assert gas == 21_000
    found = gas_fees(read_fees(node), cap=500 * GWEI)
    before = node.balance(SENDER, node.tip())
    raw = signed(RECIPIENT, ETHER, gas=gas, tip=found.max_priority_fee, max_fee=found.max_fee)
    txid = node.send_raw(raw)
    chain.mine(2)
    status = final_status(node, txid)
    assert (status.found, status.confirmations, status.reverted, status.gas_used) == (True, 3, False, 21_000)
    assert node.balance(SENDER, node.tip()) == before - ETHER - status.gas_paid
    assert status.gas_paid <= gas * found.max_fee
    sent = node.transaction(txid)
    assert sent is not None
    assert (sent.sender, sent.to, sent.value, sent.nonce, sent.mined) == (SENDER, RECIPIENT, ETHER, 0, True)


@pytest.mark.parametrize("token", [USDC, USDT])
def test_a_token_payment_is_read_from_its_receipt_and_from_balances(
    chain: RunningChain, node: NodeClient, token: str
) -> None:
    data = TRANSFER.encode(RECIPIENT, 1_234_567)
    estimate = node.estimate_gas(CallRequest(token, data, SENDER))
    assert 21_000 < estimate < 120_000
    txid = node.send_raw(signed(token, data=data))
    chain.mine(3)
    status = final_status(node, txid)
    assert status.receipt is not None
    (move,) = token_moves(status.receipt, {USDC, USDT}, SENDER)
    assert (move.token, move.sender, move.recipient, move.units) == (token, SENDER, RECIPIENT, 1_234_567)
    found = read_holdings(node, [Holder(RECIPIENT, token), Holder(SENDER)], 4)
    assert (found.holdings[0].confirmed, found.holdings[0].pending) == (1_234_567, 0)
    shallow = read_holdings(node, [Holder(RECIPIENT, token)], 5)
    assert (shallow.holdings[0].confirmed, shallow.holdings[0].pending) == (0, 1_234_567)


def test_a_call_that_would_revert_says_so_before_it_is_sent(node: NodeClient) -> None:
    data = TRANSFER.encode(RECIPIENT, 10**12)
    with pytest.raises(EthereumError) as error:
        node.estimate_gas(CallRequest(USDC, data, SENDER))
    assert code_of(error) == "call_reverted"
    outcome = node.call(CallRequest(USDC, data, SENDER), node.tip())
    assert not outcome.succeeded
    assert node.view(node.tip()).call(USDC, DECIMALS.encode()) == (6).to_bytes(32, "big")


def test_a_reverted_transaction_has_cost_its_gas_and_moved_nothing(
    chain: RunningChain, node: NodeClient
) -> None:
    before = node.balance(SENDER, node.tip())
    txid = node.send_raw(signed(USDC, data=TRANSFER.encode(RECIPIENT, 10**12)))
    chain.mine()
    status = final_status(node, txid)
    assert (status.found, status.reverted) == (True, True)
    assert node.balance(SENDER, node.tip()) == before - status.gas_paid
    assert token_moves(status.receipt, {USDC}) == () if status.receipt else False


def test_a_reorganisation_of_three_blocks_takes_a_receipt_back(chain: RunningChain, node: NodeClient) -> None:
    chain.mine(3)
    raw = signed(RECIPIENT, ETHER)
    txid = node.send_raw(raw)
    chain.mine(2)
    block = node.tip()
    deep = final_status(node, txid)
    assert deep.confirmations == 3
    assert deep.height is not None
    chain.automine(False)
    chain.reorg(3, extra=1, keep_transactions=False)
    after = final_status(node, txid)
    assert (after.found, after.confirmations) == (False, 0)
    assert node.tip().number == block.number + 1
    replaced = node.block(deep.height)
    assert replaced is not None
    assert replaced.hash != deep.block_hash
    with pytest.raises(EthereumError) as error:
        node.balance(RECIPIENT, block)
    assert code_of(error) == "unknown_block"
    holdings = read_holdings(node, [Holder(RECIPIENT), Holder(SENDER)], 3).holdings
    assert [each.at_tip for each in holdings] == [0, 10 * ETHER]
    assert node.send_raw(raw) == txid
    chain.mine()
    again = final_status(node, txid)
    assert (again.found, again.confirmations) == (True, 1)
    assert again.block_hash != deep.block_hash


def test_sending_twice_is_harmless_and_a_used_nonce_is_told(chain: RunningChain, node: NodeClient) -> None:
    chain.automine(False)
    raw = signed(RECIPIENT, ETHER)
    txid = node.send_raw(raw)
    assert node.send_raw(raw) == txid
    waiting = node.transaction(txid)
    assert waiting is not None
    assert not waiting.mined
    assert node.receipt(txid) is None
    assert (node.nonce(SENDER, node.tip()), node.pending_nonce(SENDER)) == (0, 1)
    chain.mine()
    assert node.send_raw(raw) == txid  # mined meanwhile: still ours
    with pytest.raises(EthereumError) as error:
        node.send_raw(signed(RECIPIENT, 2 * ETHER))
    assert code_of(error) == "stale_nonce"


def test_a_replacement_takes_the_place_of_one_that_waits(chain: RunningChain, node: NodeClient) -> None:
    chain.automine(False)
    old = (20 * GWEI, GWEI)
    first = node.send_raw(signed(RECIPIENT, ETHER, max_fee=old[0], tip=old[1]))
    if chain.kind == "py-evm":  # anvil takes one wei more for a replacement
        for fees in ((old[0] + 1, old[1] + 1), (replacement_fees(*old)[0], old[1])):
            with pytest.raises(EthereumError) as error:
                node.send_raw(signed(SENDER, 0, max_fee=fees[0], tip=fees[1]))
            assert code_of(error) == "underpriced_replacement"
    most, tip = replacement_fees(*old)
    second = node.send_raw(signed(SENDER, 0, max_fee=most, tip=tip))
    chain.mine()
    assert final_status(node, second).found
    assert not final_status(node, first).found
    assert node.balance(RECIPIENT, node.tip()) == 0
    mine = [OpenTransaction(0, first, old[0], 1), OpenTransaction(0, second, most, 1)]
    state = nonce_state(node.nonce(SENDER, node.tip()), node.pending_nonce(SENDER), mine, tip=2, base_fee=1)
    assert (state.next, state.foreign) == (1, ())


def test_a_gap_is_seen_and_closes_when_it_is_filled(chain: RunningChain, node: NodeClient) -> None:
    chain.automine(False)
    later = node.send_raw(signed(RECIPIENT, ETHER, nonce=1))
    chain.mine()
    assert not final_status(node, later).found
    latest, pending = node.nonce(SENDER, node.tip()), node.pending_nonce(SENDER)
    state = nonce_state(latest, pending, [OpenTransaction(1, later, 20 * GWEI, 0)], tip=50, base_fee=1)
    assert (state.gaps, state.next) == ((0,), 0)
    node.send_raw(signed(RECIPIENT, ETHER, nonce=0))
    chain.mine()
    assert final_status(node, later).found
    assert node.balance(RECIPIENT, node.tip()) == 2 * ETHER


def test_what_an_account_cannot_pay_is_refused_by_the_node(node: NodeClient) -> None:
    for raw in (signed(RECIPIENT, 100 * ETHER), signed(RECIPIENT, 0, gas=20_000)):
        with pytest.raises(EthereumError) as error:
            node.send_raw(raw)
        assert code_of(error) in {"insufficient_funds", "node_refused"}
    assert node.pending_nonce(SENDER) == 0


def test_allowances_are_found_and_gone_when_revoked(chain: RunningChain, node: NodeClient) -> None:
    node.send_raw(signed(USDC, data=APPROVE.encode(RECIPIENT, 2**256 - 1)))
    node.send_raw(signed(USDT, data=APPROVE.encode(RECIPIENT, 5), nonce=1))
    chain.mine()
    found = {each.token: each for each in list_allowances(node, SENDER, [USDC, USDT], first=0).found}
    assert found[USDC].unlimited
    assert (found[USDT].units, found[USDT].unlimited) == (5, False)
    node.send_raw(signed(USDC, data=APPROVE.encode(RECIPIENT, 0), nonce=2))
    chain.mine()
    assert [each.token for each in list_allowances(node, SENDER, [USDC], first=0).found] == [USDT]


def test_a_simulation_tells_what_would_move_without_moving_it(node: NodeClient) -> None:
    block = node.tip()
    calls = [CallRequest(RECIPIENT, b"", SENDER, 5), CallRequest(USDC, TRANSFER.encode(RECIPIENT, 9), SENDER)]
    found = node.simulate(calls, block)
    assert found is not None
    assert [each.succeeded for each in found] == [True, True]
    assert USDC in {log.address for log in found[1].logs}
    assert node.balance(RECIPIENT, node.tip()) == 0


def test_logs_of_the_whole_chain_come_whole(chain: RunningChain, node: NodeClient) -> None:
    for number in range(3):
        node.send_raw(signed(USDC, data=TRANSFER.encode(RECIPIENT, number + 1), nonce=number))
        chain.mine()
    logs = node.logs(LogFilter(0, node.tip().number, (USDC,)))
    ours = [log for log in logs if int.from_bytes(log.data, "big") in {1, 2, 3}]
    assert len(ours) == 3


def test_another_chain_is_not_asked(chain: RunningChain) -> None:
    with pytest.raises(EthereumError) as error:
        NodeClient(chain.url, 42161).tip()
    assert code_of(error) == "wrong_chain_id"


# -- two nodes of one emulated chain, one of them with faults ------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[RunningChain, EthereumServer, WitnessedNode]]:
    with start_chain("py-evm") as running:
        assert running.chain is not None
        running.fund(SENDER, 10 * ETHER)
        running.mine(8)
        with EthereumServer(running.chain) as second:
            nodes = WitnessedNode(NodeClient(running.url, 1, 2.0), NodeClient(second.url, 1, 2.0))
            nodes.tip()
            yield running, second, nodes


def test_two_nodes_of_one_chain_agree(pair: Any) -> None:
    running, _, nodes = pair
    txid = nodes.send_raw(signed(RECIPIENT, ETHER))
    running.mine(2)
    assert final_status(nodes, txid).confirmations == 3
    assert read_holdings(nodes, [Holder(RECIPIENT), Holder(SENDER, USDC)], 3).holdings[0].confirmed == ETHER
    with nodes.session():
        assert nodes.simulate([CallRequest(RECIPIENT, b"", SENDER, 5)], nodes.tip()) is not None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(FaultKind.ANSWER, "eth_getBalance", result="0xffffffff"), "nodes_disagree"),
        (Fault(FaultKind.RATE_LIMIT, "eth_getBalance"), "witness_silent"),
        (Fault(FaultKind.DROP, "eth_getBalance", times=None), "witness_silent"),
        (Fault(FaultKind.GARBAGE, "eth_getBalance"), "witness_silent"),
        (Fault(FaultKind.ERROR, "eth_getBalance", status=503), "witness_silent"),
        (Fault(FaultKind.RPC_ERROR, "eth_getBalance", code=-32603, message="down"), "witness_silent"),
    ],
)
def test_a_witness_that_lies_or_is_silent_stops_the_reading(pair: Any, fault: Fault, code: str) -> None:
    _, second, nodes = pair
    second.faults.add(fault)
    with pytest.raises(EthereumError) as error:
        read_holdings(nodes, [Holder(SENDER)], 3)
    assert code_of(error) == code


def test_a_witness_a_few_blocks_behind_sets_the_block_that_is_read(pair: Any) -> None:
    running, second, nodes = pair
    height = running.height
    second.faults.add(Fault(FaultKind.LAG, height=height - 2, times=None))
    assert nodes.tip().number == height - 2
    assert read_holdings(nodes, [Holder(SENDER)], 3).block.number == height - 2


def test_a_node_that_takes_a_transaction_and_hangs_up_leaves_it_unknown_and_the_chain_tells(
    pair: Any,
) -> None:
    running, _, nodes = pair
    client = NodeClient(running.url, 1)
    assert running.server is not None
    running.server.faults.add(Fault(FaultKind.DROP_AFTER, "eth_sendRawTransaction"))
    with pytest.raises(OutcomeUnknownError) as error:
        client.send_raw(signed(RECIPIENT, ETHER))
    assert final_status(nodes, error.value.details["txid"]).found
