"""Two nodes: what decides is asked of both; a difference is named, and so is silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.ethereum_node_talks import (
    ALICE,
    BOB,
    TOKEN,
    TXID,
    NodeTalk,
    Refusal,
    block_hash,
    block_json,
    log_json,
    node,
    receipt_json,
    transaction_json,
)
from vault.config import Treasury
from vault.errors import EthereumError, OutcomeUnknownError, VaultError
from vault.ethereum.node.base import Block, EthereumNode, LogFilter
from vault.ethereum.node.client import NodeClient
from vault.ethereum.node.open import open_each, open_node
from vault.ethereum.node.witnesses import WitnessedNode
from vault.ethereum.receipts import final_status
from vault.ethereum.view import CallRequest
from vault.evm.hashing import keccak

RAW = b"\x02\xc0 a signed transaction"
OURS = "0x" + keccak(RAW).hex()
SEND = "eth_sendRawTransaction"
DOWN = Refusal(-32603, "down")


@contextmanager
def both(one: NodeTalk, other: NodeTalk, warned: list[str] | None = None) -> Iterator[WitnessedNode]:
    with node(one) as first, node(other) as second:
        yield WitnessedNode(first, second, warn=(warned if warned is not None else []).append)


def refused(found: Any, *arguments: Any) -> str:
    with pytest.raises(VaultError) as error:
        found(*arguments)
    return error.value.code.removeprefix("ethereum.")


def far(number: int) -> dict[str, Any]:
    return block_json(number)


def test_the_tip_is_the_lower_one_and_on_both_chains() -> None:
    with both(NodeTalk(100), NodeTalk(103)) as nodes:
        assert nodes.tip().number == 100
    with both(NodeTalk(103), NodeTalk(100)) as nodes:
        assert nodes.tip().number == 100


def test_tips_on_two_branches_are_a_disagreement() -> None:
    other = NodeTalk(spoil={"eth_getBlockByNumber": lambda _: block_json(100, "branch")})
    with both(NodeTalk(100), other) as nodes, pytest.raises(EthereumError) as error:
        nodes.tip()
    assert error.value.code == "ethereum.nodes_disagree"
    assert block_hash(100) in error.value.message
    assert block_hash(100, "branch") in error.value.message


def test_a_node_that_is_far_behind_is_not_waited_for() -> None:
    with both(NodeTalk(100), NodeTalk(106)) as nodes:
        assert refused(nodes.tip) == "nodes_disagree"


def test_many_blocks_that_came_within_a_minute_are_not_far() -> None:
    quick = {
        "eth_getBlockByNumber": lambda params: block_json(
            200 if params[0] == "latest" else int(params[0], 16), timestamp=hex(1_700_000_000)
        )
    }
    slow = {"eth_getBlockByNumber": lambda _: block_json(100, timestamp=hex(1_700_000_000))}
    with both(NodeTalk(spoil=quick), NodeTalk(spoil=slow)) as nodes:
        assert nodes.tip().number == 100


QUESTIONS: dict[str, tuple[str, Any, Any, Any]] = {
    "balance": ("eth_getBalance", "0x1", "0x2", lambda n, b: n.balance(ALICE, b)),
    "nonce": ("eth_getTransactionCount", "0x1", "0x2", lambda n, b: n.nonce(ALICE, b)),
    "code": ("eth_getCode", "0x60", "0x", lambda n, b: n.code(TOKEN, b)),
    "storage": (
        "eth_getStorageAt",
        "0x" + "00" * 32,
        "0x" + "01" * 32,
        lambda n, b: n.storage(TOKEN, 0, b),
    ),
    "call": ("eth_call", "0x01", "0x02", lambda n, b: n.call(CallRequest(TOKEN), b)),
    "failed call": ("eth_call", "0x01", Refusal(3, "reverted"), lambda n, b: n.call(CallRequest(TOKEN), b)),
    "simulation": (
        "eth_simulateV1",
        [{"calls": [{"status": "0x1", "returnData": "0x", "gasUsed": "0x1", "logs": []}]}],
        [
            {
                "calls": [
                    {
                        "status": "0x1",
                        "returnData": "0x",
                        "gasUsed": "0x1",
                        "logs": [log_json(1, 0, [])],
                    }
                ]
            }
        ],
        lambda n, b: n.simulate([CallRequest(TOKEN)], b),
    ),
    "receipt": (
        "eth_getTransactionReceipt",
        receipt_json(7),
        receipt_json(7, status="0x0"),
        lambda n, _: n.receipt(TXID),
    ),
    "receipt's gas": (
        "eth_getTransactionReceipt",
        receipt_json(7),
        receipt_json(7, gasUsed="0x5209"),
        lambda n, _: n.receipt(TXID),
    ),
    "missing receipt": ("eth_getTransactionReceipt", receipt_json(7), None, lambda n, _: n.receipt(TXID)),
    "mined": (
        "eth_getTransactionByHash",
        transaction_json(7),
        transaction_json(None),
        lambda n, _: n.transaction(TXID),
    ),
    "other block": (
        "eth_getTransactionByHash",
        transaction_json(7),
        transaction_json(8),
        lambda n, _: n.transaction(TXID),
    ),
    "other value": (
        "eth_getTransactionByHash",
        transaction_json(None),
        transaction_json(None, value="0x5"),
        lambda n, _: n.transaction(TXID),
    ),
    "logs": ("eth_getLogs", [], [log_json(7, 0, [])], lambda n, _: n.logs(LogFilter(1, 9))),
    "base fee": (
        "eth_feeHistory",
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x64", "0x64"], "reward": [["0x1"]]},
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x64", "0xc9"], "reward": [["0x1"]]},
        lambda n, _: n.fee_history(1, (50,)),
    ),
}


def tip_of(nodes: EthereumNode) -> Block:
    return nodes.tip()


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_difference_is_never_believed(name: str, swapped: bool) -> None:
    method, one, other, ask = QUESTIONS[name]
    answers = (other, one) if swapped else (one, other)
    talks = [NodeTalk(spoil={method: each}) for each in answers]
    with both(*talks) as nodes:
        block = nodes.tip()
        assert refused(ask, nodes, block) == "nodes_disagree"


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("silent", [0, 1])
def test_silence_of_one_is_never_passed_over(name: str, silent: int) -> None:
    method, one, _, ask = QUESTIONS[name]
    talks = [NodeTalk(spoil={method: one}), NodeTalk(spoil={method: one})]
    talks[silent].spoil[method] = DOWN
    with both(*talks) as nodes:
        block = nodes.tip()
        assert refused(ask, nodes, block) == "witness_silent"


@pytest.mark.parametrize("name", [each for each in QUESTIONS if each != "failed call"])
def test_what_both_say_is_believed(name: str) -> None:
    method, one, _, ask = QUESTIONS[name]
    with both(NodeTalk(spoil={method: one}), NodeTalk(spoil={method: one})) as nodes:
        assert ask(nodes, nodes.tip()) is not None


def test_of_two_failures_the_one_with_a_reason_counts() -> None:
    one, other = Refusal(3, "reverted"), Refusal(3, "execution reverted", "0xabcd")
    with both(NodeTalk(spoil={"eth_call": one}), NodeTalk(spoil={"eth_call": other})) as nodes:
        outcome = nodes.call(CallRequest(TOKEN), nodes.tip())
    assert (outcome.succeeded, outcome.output) == (False, b"\xab\xcd")


def test_one_node_without_simulation_leaves_the_other_s() -> None:
    method, one, _, ask = QUESTIONS["simulation"]
    for talks in (({}, {method: one}), ({method: one}, {})):
        without = Refusal(-32601, "method not found")
        spoils = [{method: without} | each for each in talks]
        with both(*(NodeTalk(spoil=each) for each in spoils)) as nodes:
            assert ask(nodes, nodes.tip()) is not None


def test_a_receipt_above_the_other_s_tip_is_not_there_yet() -> None:
    ahead = NodeTalk(103, {"eth_getTransactionReceipt": receipt_json(102)})
    behind = NodeTalk(101, {"eth_getTransactionReceipt": None})
    with both(ahead, behind) as nodes:
        assert nodes.receipt(TXID) is None
        assert not final_status(nodes, TXID).found


def test_a_transaction_is_waiting_while_one_has_it_in_a_block_the_other_has_not() -> None:
    ahead = NodeTalk(103, {"eth_getTransactionByHash": transaction_json(102)})
    for known in (transaction_json(None), None):
        behind = NodeTalk(101, {"eth_getTransactionByHash": known})
        with both(behind, ahead) as nodes:
            found = nodes.transaction(TXID)
            assert found is not None
            assert not found.mined


def test_the_depth_is_counted_from_the_lower_tip() -> None:
    spoil = {"eth_getTransactionReceipt": receipt_json(95)}
    with both(NodeTalk(103, spoil), NodeTalk(100, dict(spoil))) as nodes:
        status = final_status(nodes, TXID)
    assert (status.found, status.confirmations) == (True, 6)


def test_a_node_of_another_chain_is_said_so() -> None:
    with both(NodeTalk(), NodeTalk(spoil={"eth_chainId": "0x5"})) as nodes:
        assert refused(nodes.check_chain) == "wrong_chain_id"
        assert refused(nodes.tip) == "wrong_chain_id"


def test_the_more_careful_of_two_permitted_answers_is_taken() -> None:
    one = {"eth_estimateGas": "0x10", "eth_getTransactionCount": "0x4"}
    other = {"eth_estimateGas": "0x20", "eth_getTransactionCount": "0x6"}
    with both(NodeTalk(spoil=one), NodeTalk(spoil=other)) as nodes:
        assert nodes.estimate_gas(CallRequest(BOB)) == 32
        assert nodes.pending_nonce(ALICE) == 6


# -- sending ---------------------------------------------------------------------------------------------


def sender(answer: Any, known: Any = None) -> NodeTalk:
    return NodeTalk(spoil={SEND: answer, "eth_getTransactionByHash": known})


KNOWN = transaction_json(None, hash=OURS)
LOW = Refusal(-32000, "nonce too low")


def test_sent_when_one_takes_it_and_the_other_has_it_from_there() -> None:
    with both(sender(OURS), sender(Refusal(-32000, "already known"), KNOWN)) as nodes:
        assert nodes.send_raw(RAW) == OURS


def test_sent_through_one_alone_is_said() -> None:
    warned: list[str] = []
    with node(sender(OURS)) as first:
        nodes = WitnessedNode(first, NodeClient("http://127.0.0.1:9", 1), warn=warned.append)
        assert nodes.send_raw(RAW) == OURS
    assert len(warned) == 1
    assert OURS in warned[0]


@pytest.mark.parametrize("answers", [(OURS, LOW), (LOW, OURS), (DOWN, LOW), (LOW, DOWN), (DOWN, DOWN)])
def test_what_two_nodes_tell_differently_is_unknown(answers: tuple[Any, Any]) -> None:
    with both(*map(sender, answers)) as nodes, pytest.raises(OutcomeUnknownError):
        nodes.send_raw(RAW)


def test_refused_by_both_is_refused() -> None:
    with both(sender(LOW), sender(LOW)) as nodes:
        assert refused(nodes.send_raw, RAW) == "stale_nonce"


def test_neither_there_means_nothing_was_sent() -> None:
    nodes = WitnessedNode(NodeClient("http://127.0.0.1:9", 1), NodeClient("http://127.0.0.1:10", 1))
    assert refused(nodes.send_raw, RAW) == "unreachable"


# -- treasury.toml ------------------------------------------------------------------------------------------


def test_treasury_toml_says_which_nodes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from vault.config_chains import ChainSettings
    from vault.secrets import Secret

    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "vault.secrets.read_secret", lambda *names: asked.append(names) or Secret("the-key-of-it")
    )
    treasury: Treasury = SimpleNamespace(config=SimpleNamespace(treasury_id="t"))  # type: ignore[assignment]
    talk = NodeTalk()
    with node(talk) as client:
        url = client.describe().removeprefix("the node at ") + "/{key}"
        alone = ChainSettings.model_validate({"name": "main", "id": 1, "rpc": url})
        assert open_node(treasury, alone, print).tip().number == 100
    assert asked == [("t", "rpc/chain/main/key")]
    two = alone.model_copy(update={"witness": ChainSettings.model_validate(alone.model_dump())})
    assert isinstance(open_node(treasury, two, print), WitnessedNode)
    assert [name for name, _ in open_each(treasury, two)] == ["chain main", "chain main witness"]
