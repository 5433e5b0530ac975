"""The emulated node on HTTP: requests as JSON-RPC wants them, faults as ordered, control from outside."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from web3 import Web3
from web3.exceptions import MethodUnavailable, TransactionNotFound

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.control import EthereumControl, EthereumControlError
from emulator.chains.ethereum.server import EthereumServer
from tests.support.ethereum_chains import RpcAnswerError, ask
from tests.support.ethereum_purse import ETHER, SOMEBODY, EthereumPurse


@pytest.fixture
def chain() -> EthereumChain:
    return EthereumChain()


@pytest.fixture
def server(chain: EthereumChain) -> Iterator[EthereumServer]:
    with EthereumServer(chain) as started:
        yield started


@pytest.fixture
def control(server: EthereumServer) -> EthereumControl:
    return EthereumControl(server.url)


def post(url: str, body: bytes) -> object:
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as response:  # noqa: S310
        answer = response.read()
    return json.loads(answer) if answer else None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"[]", -32600),
        (b"5", -32600),
        (b'{"id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_sign"}', -32601),
    ],
)
def test_a_bad_request_gets_the_right_code(server: EthereumServer, body: bytes, code: int) -> None:
    answer = post(server.url, body)
    assert isinstance(answer, dict)
    assert answer["error"]["code"] == code


def test_a_batch_is_answered_in_order_and_a_notification_not(server: EthereumServer) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": "a", "method": "eth_chainId"},
        {"jsonrpc": "2.0", "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 7, "method": "eth_none"},
    ]
    answer = post(server.url, json.dumps(calls).encode())
    assert isinstance(answer, list)
    assert [each["id"] for each in answer] == ["a", 7]
    assert (answer[0]["result"], answer[1]["error"]["code"]) == ("0x1", -32601)
    assert post(server.url, json.dumps(calls[1]).encode()) is None


def test_a_lie_is_told_as_often_as_ordered_and_only_about_what_was_named(
    chain: EthereumChain, server: EthereumServer, control: EthereumControl
) -> None:
    purse = EthereumPurse(chain, wei=7)
    control.fault("answer", method="eth_getBalance", result="0xffff", times=1, contains=purse.address)
    assert ask(server.url, "eth_getBalance", SOMEBODY, "latest") == "0x0"
    assert ask(server.url, "eth_getBalance", purse.address, "latest") == "0xffff"
    assert ask(server.url, "eth_getBalance", purse.address, "latest") == "0x7"
    control.fault("answer", method="eth_chainId", result="0x5", times=None)
    assert [ask(server.url, "eth_chainId") for _ in range(3)] == ["0x5"] * 3
    control.clear_faults()
    assert ask(server.url, "eth_chainId") == "0x1"


def test_a_lagging_node_shows_nothing_above_its_height(
    chain: EthereumChain, server: EthereumServer, control: EthereumControl
) -> None:
    txid = control.fund(SOMEBODY, 5)
    control.fault("lag", height=0)
    assert ask(server.url, "eth_blockNumber") == "0x0"
    assert ask(server.url, "eth_getBalance", SOMEBODY, "latest") == "0x0"
    assert ask(server.url, "eth_getTransactionReceipt", txid) is None
    assert ask(server.url, "eth_getBlockByHash", chain.tip_hash, False) is None
    with pytest.raises(RpcAnswerError, match="header for hash not found"):
        ask(server.url, "eth_getBalance", SOMEBODY, {"blockHash": chain.tip_hash})
    control.clear_faults()
    assert ask(server.url, "eth_getBalance", SOMEBODY, "latest") == "0x5"


def test_sent_without_an_answer_is_on_chain(
    chain: EthereumChain, server: EthereumServer, control: EthereumControl
) -> None:
    control.fault("drop_after", method="eth_sendRawTransaction")
    raw = EthereumPurse(chain).transfer(0, value=5)
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(server.url, "eth_sendRawTransaction", "0x" + raw.hex())
    assert chain.balance(SOMEBODY) == 5
    with pytest.raises(RpcAnswerError, match="nonce too low"):
        ask(server.url, "eth_sendRawTransaction", "0x" + raw.hex())


def test_a_dropped_request_did_nothing(
    chain: EthereumChain, server: EthereumServer, control: EthereumControl
) -> None:
    control.fault("drop", method="eth_sendRawTransaction")
    raw = EthereumPurse(chain).transfer(0, value=5)
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(server.url, "eth_sendRawTransaction", "0x" + raw.hex())
    assert chain.height == 0


def test_http_faults(server: EthereumServer, control: EthereumControl) -> None:
    control.fault("rate_limit")
    with pytest.raises(urllib.error.HTTPError) as limited:
        ask(server.url, "eth_chainId")
    assert (limited.value.code, limited.value.headers["Retry-After"]) == (429, "1")
    limited.value.close()
    control.fault("error", status=503)
    with pytest.raises(urllib.error.HTTPError, match="503") as failed:
        ask(server.url, "eth_chainId")
    failed.value.close()
    control.fault("garbage")
    with pytest.raises(ValueError, match="Expecting value"):
        ask(server.url, "eth_chainId")
    control.fault("wrong_id")
    answer = post(server.url, b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}')
    assert answer == {"jsonrpc": "2.0", "id": "of another request", "result": "0x1"}
    control.fault("rpc_error", code=-32005, message="limit exceeded")
    with pytest.raises(RpcAnswerError, match="-32005: limit exceeded"):
        ask(server.url, "eth_chainId")


def test_a_hanging_request_ends_with_the_server(chain: EthereumChain) -> None:
    with EthereumServer(chain) as server:
        EthereumControl(server.url).fault("hang", method="eth_chainId")
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rsplit(":", 1)[1]), timeout=20)
        connection.request("POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}')
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    connection.close()


def test_web3_meets_a_node_without_simulation(server: EthereumServer, control: EthereumControl) -> None:
    control.fault("no_method", method="eth_simulateV1", times=None)
    web3 = Web3(Web3.HTTPProvider(server.url))
    with pytest.raises(MethodUnavailable):
        web3.eth.simulate_v1({"blockStateCalls": [{"calls": []}]}, "latest")
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction_receipt("0x" + "11" * 32)


def test_control_works_tokens_safes_and_blocks(
    chain: EthereumChain, control: EthereumControl, server: EthereumServer
) -> None:
    deploy.prepare(chain)
    safe = control.deploy_safe([SOMEBODY, "0x" + "22" * 20], 2)
    control.mint(deploy.USDC, safe, 9)
    control.set_token_fee(deploy.USDT, 10, 5)
    control.pause(deploy.USDT)
    control.blacklist(deploy.USDC, SOMEBODY)
    control.upgrade_token(deploy.USDC, control.deploy("FalseToken"))
    assert chain.storage(deploy.USDC, deploy.ZEPPELINOS.implementation) != int(deploy.USDC_IMPLEMENTATION, 16)
    control.set_balance(SOMEBODY, 5)
    control.set_nonce(SOMEBODY, 6)
    control.set_code(SOMEBODY, b"\x5f")
    control.set_storage(SOMEBODY, 1, 2)
    assert (chain.balance(SOMEBODY), chain.nonce(SOMEBODY), chain.code(SOMEBODY)) == (5, 6, b"\x5f")
    assert chain.storage(SOMEBODY, 1) == 2
    control.automine(False)
    txid = chain.submit(EthereumPurse(chain).transfer(0))
    assert control.state().mempool == (txid,)
    assert control.drop(txid)
    control.set_base_fee(77)
    height = control.state().height
    control.mine(2)
    control.reorg(2)
    state = control.state()
    assert (state.height, state.chain_id, state.mempool) == (height + 3, 1, ())
    ask(server.url, "eth_chainId")
    assert control.state().asked[-1] == "eth_chainId"


def test_control_refuses_with_the_reason(control: EthereumControl) -> None:
    with pytest.raises(EthereumControlError, match="kind: expected one of"):
        control.fault("earthquake")
    with pytest.raises(EthereumControlError, match="cannot drop 9 blocks"):
        control.reorg(9)
    with pytest.raises(EthereumControlError, match="no contract 'Nothing'"):
        control.deploy("Nothing")
    with pytest.raises(EthereumControlError, match="want 40"):
        control.fund("0x12", ETHER)


def test_two_nodes_of_one_chain_have_faults_of_their_own(
    chain: EthereumChain, server: EthereumServer
) -> None:
    with EthereumServer(chain) as liar:
        EthereumControl(liar.url).fault("answer", method="eth_blockNumber", result="0x63", times=None)
        chain.mine()
        assert [ask(each.url, "eth_blockNumber") for each in (server, liar)] == ["0x1", "0x63"]


def test_as_a_process_it_ends_with_its_standard_input() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "emulator", "ethereum", "--chain-id", "42161"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ask(ready["ethereum"], "eth_chainId") == hex(42161)
        assert ask(ready["ethereum"], "eth_getCode", deploy.ARBITRUM_USDC, "latest") != "0x"
        process.stdin.close()
        assert process.wait(20) == 0
