"""The emulated node's answers: codes and words of go-ethereum, blocks by tag and hash, logs and limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.hexes import hashed
from emulator.chains.ethereum.rpc import EthereumRpc
from tests.support.ethereum_purse import ETHER, GWEI, SOMEBODY, EthereumPurse

USDC = deploy.USDC.lower()
TRANSFER = "0x" + hashed(b"Transfer(address,address,uint256)").hex()
Ask = Callable[..., object]
METHODS = [
    "eth_getBlockByNumber", "eth_getBlockByHash", "eth_getBalance", "eth_getTransactionCount", "eth_getCode",
    "eth_getStorageAt", "eth_call", "eth_estimateGas", "eth_feeHistory", "eth_sendRawTransaction",
    "eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getBlockReceipts", "eth_getLogs",
    "eth_simulateV1",
]  # fmt: skip


@pytest.fixture
def chain() -> EthereumChain:
    chain = EthereumChain(automine=False)
    deploy.place_tokens(chain)
    return chain


@pytest.fixture
def rpc(chain: EthereumChain) -> EthereumRpc:
    return EthereumRpc(chain)


@pytest.fixture
def ask(rpc: EthereumRpc) -> Ask:
    return lambda method, *params: rpc.answer(method, list(params))


def refused(ask: Ask, method: str, *params: object) -> tuple[int, str]:
    with pytest.raises(RpcRefusal) as refusal:
        ask(method, *params)
    return refusal.value.code, refusal.value.message


def word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("eth_nothing", [], (-32601, "the method eth_nothing does not exist/is not available")),
        ("eth_getBalance", [], (-32602, "missing value for required argument 0")),
        ("eth_getBalance", [SOMEBODY, "latest", 1], (-32602, "too many arguments, want at most 2")),
        (
            "eth_getBalance",
            ["0x12", "latest"],
            (-32602, "invalid argument: address: hex has length 2, want 40"),
        ),
        (
            "eth_getBalance",
            [SOMEBODY, "0x01"],
            (-32602, "invalid argument: block number: expected a hex quantity, found '0x01'"),
        ),
        ("eth_getBalance", [SOMEBODY, "0xfff"], (-32000, "header not found")),
        (
            "eth_getBalance",
            [SOMEBODY, {"blockHash": "0x" + "11" * 32}],
            (-32000, "header for hash not found"),
        ),
        ("eth_getLogs", [{"fromBlock": "0x2", "toBlock": "0x1"}], (-32602, "invalid block range params")),
        ("eth_getLogs", [{"blockHash": "0x" + "11" * 32}], (-32000, "unknown block")),
        ("eth_feeHistory", ["0x1", "latest", [50, 20]], (-32602, None)),
        ("eth_call", [{"to": SOMEBODY, "gaz": "0x1"}], (-32602, "invalid argument 0: unknown field gaz")),
    ],
)
def test_refuses_with_the_code_and_words_of_a_node(
    ask: Ask, method: str, params: list[object], expected: tuple[int, str | None]
) -> None:
    code, message = refused(ask, method, *params)
    assert code == expected[0]
    assert expected[1] in (None, message)


def test_a_block_by_hash_must_be_canonical_when_that_is_asked(chain: EthereumChain, ask: Ask) -> None:
    dropped = chain.tip_hash
    chain.reorg(1)
    assert ask("eth_getBalance", SOMEBODY, {"blockHash": dropped}) == "0x0"
    given = {"blockHash": dropped, "requireCanonical": True}
    assert refused(ask, "eth_getBalance", SOMEBODY, given) == (-32000, "hash is not currently canonical")


def test_safe_and_finalized_lag_by_one_and_two_epochs(chain: EthereumChain, ask: Ask) -> None:
    chain.mine(100)
    numbers = [ask("eth_getBlockByNumber", tag, False)["number"] for tag in ("latest", "safe", "finalized")]  # type: ignore[index]
    assert [int(each, 16) for each in numbers] == [chain.height, chain.height - 32, chain.height - 64]


def test_the_pending_nonce_counts_what_waits_without_a_gap(chain: EthereumChain, ask: Ask) -> None:
    purse = EthereumPurse(chain)
    for nonce in (0, 1, 3):
        chain.submit(purse.transfer(nonce))
    assert ask("eth_getTransactionCount", purse.address, "latest") == "0x0"
    assert ask("eth_getTransactionCount", purse.address, "pending") == "0x2"


def test_a_waiting_transaction_has_no_block_and_no_receipt(chain: EthereumChain, ask: Ask) -> None:
    txid = chain.submit(EthereumPurse(chain).transfer(0))
    found = ask("eth_getTransactionByHash", txid)
    assert isinstance(found, dict)
    assert (found["blockHash"], found["blockNumber"], found["transactionIndex"]) == (None, None, None)
    assert ask("eth_getTransactionReceipt", txid) is None
    assert ask("eth_getTransactionByHash", "0x" + "11" * 32) is None


def test_a_receipt_is_gone_with_its_block(chain: EthereumChain, ask: Ask) -> None:
    txid = chain.submit(EthereumPurse(chain).transfer(0))
    chain.mine()
    assert ask("eth_getTransactionReceipt", txid)["status"] == "0x1"  # type: ignore[index]
    chain.reorg(1, keep_transactions=False)
    assert ask("eth_getTransactionReceipt", txid) is None


def test_logs_are_found_by_address_and_topic_and_range(chain: EthereumChain, ask: Ask) -> None:
    first, second = "0x" + "a1" * 20, "0x" + "a2" * 20
    deploy.mint(chain, deploy.USDC, first, 1)
    deploy.mint(chain, deploy.USDT, first, 2)
    deploy.mint(chain, deploy.USDC, second, 3)
    every = {"fromBlock": "0x0", "toBlock": "latest", "topics": [TRANSFER]}

    def amounts(**changes: object) -> list[int]:
        found = ask("eth_getLogs", {**every, **changes})
        assert isinstance(found, list)
        return [int(log["data"], 16) for log in found]

    assert amounts() == [1, 2, 3]
    assert amounts(address=USDC) == [1, 3]
    assert amounts(address=[USDC, deploy.USDT.lower()]) == [1, 2, 3]
    assert amounts(topics=[TRANSFER, None, word(first)]) == [1, 2]
    assert amounts(topics=[TRANSFER, None, [word(first), word(second)]], address=USDC) == [1, 3]
    assert amounts(topics=[None, None, None, word(first)]) == []
    assert amounts(fromBlock=hex(chain.height)) == [3]
    by_hash = ask("eth_getLogs", {"blockHash": chain.tip_hash, "address": USDC})
    assert isinstance(by_hash, list)
    assert {log["blockHash"] for log in by_hash} == {chain.tip_hash}


def test_logs_beyond_the_limits_are_refused(rpc: EthereumRpc, chain: EthereumChain, ask: Ask) -> None:
    for _ in range(3):
        deploy.mint(chain, deploy.USDC, SOMEBODY, 1)
    rpc.limits.results = 2
    assert refused(ask, "eth_getLogs", {"fromBlock": "0x0"}) == (
        -32005,
        "query returned more than 2 results",
    )
    rpc.limits.blocks = 2
    assert refused(ask, "eth_getLogs", {"fromBlock": "0x0"})[0] == -32005


def test_a_revert_carries_reason_and_data(ask: Ask) -> None:
    order = {"to": USDC, "data": "0x" + deploy.calldata("transfer(address,uint256)", SOMEBODY, 1).hex()}
    with pytest.raises(RpcRefusal) as refusal:
        ask("eth_call", order)
    reason = "ERC20: transfer amount exceeds balance"
    assert (refusal.value.code, refusal.value.message) == (3, f"execution reverted: {reason}")
    assert refusal.value.data == "0x08c379a0" + encode(["string"], [reason]).hex()
    assert refused(ask, "eth_estimateGas", order)[0] == 3
    silent = {**order, "to": deploy.USDT.lower()}
    assert refused(ask, "eth_call", silent) == (3, "execution reverted")


def test_a_state_override_lends_a_balance(ask: Ask) -> None:
    order = {"from": SOMEBODY, "to": "0x" + "99" * 20, "value": hex(ETHER)}
    assert refused(ask, "eth_call", order)[1].startswith("err: insufficient funds for gas * price + value")
    assert ask("eth_call", order, "latest", {SOMEBODY: {"balance": hex(ETHER)}}) == "0x"


def test_an_estimate_is_enough_and_less_is_not(chain: EthereumChain, ask: Ask) -> None:
    purse = EthereumPurse(chain)
    deploy.mint(chain, deploy.USDC, purse.address, 100)
    data = deploy.calldata("transfer(address,uint256)", SOMEBODY, 1)
    estimate = ask("eth_estimateGas", {"from": purse.address, "to": USDC, "data": "0x" + data.hex()})
    gas = int(str(estimate), 16)
    txid = chain.submit(purse.transfer(0, to=USDC, value=0, data=data, gas=gas))
    chain.mine()
    found = chain.find(txid)
    assert found is not None and found[1].succeeded
    used = found[1].gas_used
    assert used <= gas <= used * 1.02
    short = chain.submit(purse.transfer(1, to=USDC, value=0, data=data, gas=used - 20_000))
    chain.mine()
    failed = chain.find(short)
    assert failed is not None and not failed[1].succeeded
    assert ask("eth_estimateGas", {"from": purse.address, "to": SOMEBODY, "value": "0x1"}) == "0x5208"


def test_fee_history_tells_base_fees_and_rewards_by_gas(chain: EthereumChain, ask: Ask) -> None:
    purse = EthereumPurse(chain)
    for nonce, tip in enumerate((3, 2, 1)):
        chain.submit(purse.transfer(nonce, max_tip=tip * GWEI))
    chain.mine()
    answer = ask("eth_feeHistory", "0x2", "latest", [0, 50, 100])
    assert isinstance(answer, dict)
    assert answer["oldestBlock"] == hex(chain.height - 1)
    assert [int(each, 16) for each in answer["baseFeePerGas"]] == [
        chain.block_at(chain.height - 1).base_fee,  # type: ignore[union-attr]
        chain.tip.base_fee,
        chain.next_base_fee,
    ]
    assert [int(each, 16) // GWEI for each in answer["reward"][1]] == [1, 2, 3]
    assert answer["gasUsedRatio"][1] == 63_000 / 30_000_000


def test_simulation_sees_earlier_calls_and_leaves_no_trace(chain: EthereumChain, ask: Ask) -> None:
    other = "0x" + "99" * 20
    before = chain.tip_hash
    calls = [
        {"from": SOMEBODY, "to": other, "value": "0x5"},
        {"from": other, "to": SOMEBODY, "value": "0x3"},
        {"from": other, "to": SOMEBODY, "value": "0x3"},
    ]
    block = {"stateOverrides": {SOMEBODY: {"balance": "0x5"}}, "calls": calls[:2]}
    answer = ask("eth_simulateV1", {"blockStateCalls": [block], "traceTransfers": True}, "latest")
    assert isinstance(answer, list)
    results = answer[0]["calls"]
    assert [each["status"] for each in results] == ["0x1", "0x1"]
    moved = [int(log["data"], 16) for each in results for log in each["logs"]]
    assert moved == [5, 3]
    assert {log["address"] for each in results for log in each["logs"]} == {"0x" + "ee" * 20}
    assert int(answer[0]["number"], 16) == chain.height + 1
    code, message = refused(ask, "eth_simulateV1", {"blockStateCalls": [{**block, "calls": calls}]})
    assert code == -38014
    assert "insufficient funds" in message
    assert (chain.tip_hash, chain.balance(SOMEBODY)) == (before, 0)


def test_simulation_with_validation_minds_nonce_and_base_fee(chain: EthereumChain, ask: Ask) -> None:
    purse = EthereumPurse(chain)

    def simulated(**changes: str) -> tuple[int, str]:
        call = {"from": purse.address, "to": SOMEBODY, "gas": "0x5208", **changes}
        return refused(ask, "eth_simulateV1", {"blockStateCalls": [{"calls": [call]}], "validation": True})

    fee = {"maxFeePerGas": hex(9 * GWEI)}
    assert simulated(nonce="0x1", **fee)[0] == -38011
    assert simulated()[0] == -38012
    assert simulated(gas="0x1", **fee)[0] == -38013
    chain.set_nonce(purse.address, 5)
    assert simulated(nonce="0x4", **fee)[0] == -38010


def test_simulation_tells_reverts_with_their_data(ask: Ask) -> None:
    data = "0x" + deploy.calldata("transfer(address,uint256)", SOMEBODY, 1).hex()
    answer = ask("eth_simulateV1", {"blockStateCalls": [{"calls": [{"to": USDC, "data": data}]}]})
    assert isinstance(answer, list)
    result = answer[0]["calls"][0]
    assert (result["status"], result["error"]["code"], result["returnData"]) == ("0x0", 3, "0x")
    assert result["error"]["data"].startswith("0x08c379a0")


def test_simulation_can_be_missing(chain: EthereumChain) -> None:
    rpc = EthereumRpc(chain, simulate_v1=False)
    with pytest.raises(RpcRefusal) as refusal:
        rpc.answer("eth_simulateV1", [{"blockStateCalls": [{"calls": []}]}])
    assert refusal.value.code == -32601


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2**70),
    st.sampled_from(["latest", "pending", "0x1", "0x", "0xzz", SOMEBODY, USDC, "0x" + "11" * 32, "é"]),
)
KEYS = st.sampled_from(
    [
        "from", "to", "data", "value", "gas", "nonce", "maxFeePerGas", "accessList", "address", "topics",
        "fromBlock", "blockHash", "blockStateCalls", "calls", "stateOverrides", "blockOverrides", "state",
        "number", "code", USDC,
    ]
)  # fmt: skip
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
FUZZED = EthereumRpc(EthereumChain())


@given(method=st.sampled_from(METHODS), params=st.lists(VALUES, max_size=3))
@settings(max_examples=300)
def test_nonsense_is_answered_or_refused_and_changes_nothing(method: str, params: list[object]) -> None:
    try:
        FUZZED.answer(method, params)
    except RpcRefusal as refusal:
        assert refusal.code in (3, -32000, -32005, -32602) or -38100 < refusal.code < -38000
    assert FUZZED.tip.number == 0
