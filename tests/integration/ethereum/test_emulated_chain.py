"""Unmodified web3 on the emulated chain and on anvil: transfers, tokens and their quirks, a Safe of three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.exceptions import ContractLogicError
from web3.middleware import SignAndSendRawMiddlewareBuilder

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.artefacts import load
from tests.support.ethereum_chains import RpcAnswerError, RunningChain, start_chain

GWEI = 10**9
ETHER = 10**18
PAYER: LocalAccount = Account.from_key(b"\x07" * 32)
OWNERS: list[LocalAccount] = [Account.from_key(bytes([number]) * 32) for number in (11, 12, 13)]
FRIEND = Web3.to_checksum_address("0x" + "5a" * 20)
ZERO = deploy.ZERO_ADDRESS
CALL, DELEGATECALL = 0, 1


@pytest.fixture
def web3(ethereum_chain: RunningChain) -> Web3:
    """With a signing middleware for PAYER, who has ten ETH."""
    client = Web3(Web3.HTTPProvider(ethereum_chain.url))
    client.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(PAYER), layer=0)
    client.eth.default_account = PAYER.address
    ethereum_chain.fund(PAYER.address, 10 * ETHER)
    return client


def token(web3: Web3, address: str, name: str) -> Any:
    return web3.eth.contract(address, abi=list(load(name).abi))


def paid(web3: Web3, txid: Any) -> Any:
    return web3.eth.wait_for_transaction_receipt(txid, timeout=20, poll_latency=0.02)


def test_web3_sends_ether_and_reads_everything_back(web3: Web3) -> None:
    assert web3.is_connected()
    assert web3.eth.chain_id == 1
    txid = web3.eth.send_transaction({"to": FRIEND, "value": 3 * GWEI})
    receipt = paid(web3, txid)
    block = web3.eth.get_block(receipt["blockHash"], full_transactions=True)
    assert receipt["status"] == 1
    assert [each["hash"] for each in block["transactions"]] == [txid]
    sent = web3.eth.get_transaction(txid)
    assert (sent["from"], sent["to"], sent["value"], sent["type"]) == (PAYER.address, FRIEND, 3 * GWEI, 2)
    assert web3.eth.get_balance(FRIEND) == 3 * GWEI
    cost = receipt["gasUsed"] * receipt["effectiveGasPrice"]
    assert web3.eth.get_balance(PAYER.address) == 10 * ETHER - 3 * GWEI - cost
    before = web3.eth.get_balance(PAYER.address, receipt["blockNumber"] - 1)
    assert before in (10 * ETHER, 0)  # anvil sets balances in the block to come
    assert len(web3.eth.get_block_receipts(receipt["blockHash"])) == 1
    history = web3.eth.fee_history(2, "latest", [50])
    assert history["baseFeePerGas"][-2] == block["baseFeePerGas"]


def test_usdc_moves_and_tells_it_in_a_log(ethereum_chain: RunningChain, web3: Web3) -> None:
    ethereum_chain.mint(deploy.USDC, PAYER.address, 1_000_000)
    usdc = token(web3, deploy.USDC, "UsdcToken")
    assert (usdc.functions.symbol().call(), usdc.functions.decimals().call()) == ("USDC", 6)
    receipt = paid(web3, usdc.functions.transfer(FRIEND, 400_000).transact())
    assert usdc.functions.balanceOf(FRIEND).call() == 400_000
    logs = usdc.events.Transfer().get_logs(from_block=receipt["blockNumber"], argument_filters={"to": FRIEND})
    assert [log["args"]["value"] for log in logs] == [400_000]


def refused(web3: Web3, contract: Any, order: Any) -> str:
    """The reason a call fails with."""
    with pytest.raises(ContractLogicError) as refusal:
        order.call({"from": PAYER.address})
    return str(refusal.value.message)


def test_usdc_refuses_while_paused_or_blacklisted(ethereum_chain: RunningChain, web3: Web3) -> None:
    ethereum_chain.mint(deploy.USDC, PAYER.address, 10)
    usdc = token(web3, deploy.USDC, "UsdcToken")
    order = usdc.functions.transfer(FRIEND, 1)
    assert order.call({"from": PAYER.address}) is True
    ethereum_chain.own(deploy.USDC, "pause()")
    assert refused(web3, usdc, order) == "execution reverted: Pausable: paused"
    ethereum_chain.own(deploy.USDC, "unpause()")
    deploy.blacklist(ethereum_chain.ground, deploy.USDC, FRIEND)
    assert refused(web3, usdc, order).endswith("Blacklistable: account is blacklisted")
    deploy.blacklist(ethereum_chain.ground, deploy.USDC, FRIEND, on=False)
    assert refused(web3, usdc, usdc.functions.transfer(FRIEND, 11)).endswith("amount exceeds balance")


def test_usdc_gets_other_code_behind_its_proxy(ethereum_chain: RunningChain, web3: Web3) -> None:
    ethereum_chain.mint(deploy.USDC, PAYER.address, 10)
    other = ethereum_chain.deploy("FalseToken")
    before = ethereum_chain.rpc(
        "eth_getStorageAt", deploy.USDC, hex(deploy.ZEPPELINOS.implementation), "latest"
    )
    ethereum_chain.own(deploy.USDC, "upgradeTo(address)", other)
    after = ethereum_chain.rpc(
        "eth_getStorageAt", deploy.USDC, hex(deploy.ZEPPELINOS.implementation), "latest"
    )
    assert before == "0x" + deploy.USDC_IMPLEMENTATION[2:].lower().rjust(64, "0")
    assert after == "0x" + other[2:].lower().rjust(64, "0")
    assert token(web3, deploy.USDC, "UsdcToken").functions.transfer(FRIEND, 1).call() is False


def test_usdt_returns_nothing_and_fails_without_a_word(ethereum_chain: RunningChain, web3: Web3) -> None:
    ethereum_chain.mint(deploy.USDT, PAYER.address, 1_000)
    usdt = token(web3, deploy.USDT, "UsdtToken")
    order = usdt.functions.transfer(FRIEND, 1_000)
    data = order.build_transaction({"gas": 100_000, "gasPrice": 0})["data"]
    assert web3.eth.call({"from": PAYER.address, "to": deploy.USDT, "data": data}) == b""
    too_much = deploy.calldata("transfer(address,uint256)", FRIEND, 1_001)
    call = {"from": PAYER.address, "to": deploy.USDT, "data": "0x" + too_much.hex()}
    with pytest.raises(RpcAnswerError) as refusal:
        ethereum_chain.rpc("eth_call", call, "latest")
    assert (refusal.value.code, refusal.value.data) == (3, "0x")
    assert paid(web3, order.transact())["status"] == 1
    assert usdt.functions.balanceOf(FRIEND).call() == 1_000


def test_usdt_can_take_a_fee_up_to_its_maximum(ethereum_chain: RunningChain, web3: Web3) -> None:
    ethereum_chain.mint(deploy.USDT, PAYER.address, 10**12)
    ethereum_chain.own(deploy.USDT, "setParams(uint256,uint256)", 10, 2)  # 0.1 %, at most 2 USDT
    usdt = token(web3, deploy.USDT, "UsdtToken")
    assert (usdt.functions.basisPointsRate().call(), usdt.functions.maximumFee().call()) == (10, 2_000_000)
    paid(web3, usdt.functions.transfer(FRIEND, 1_000_000_000).transact())
    assert usdt.functions.balanceOf(FRIEND).call() == 1_000_000_000 - 1_000_000
    receipt = paid(web3, usdt.functions.transfer(FRIEND, 100_000_000_000).transact())
    assert usdt.functions.balanceOf(FRIEND).call() == 999_000_000 + 100_000_000_000 - 2_000_000
    assert len(receipt["logs"]) == 2


def test_usdt_refuses_a_blacklisted_sender_a_pause_and_a_second_approval(
    ethereum_chain: RunningChain, web3: Web3
) -> None:
    ethereum_chain.mint(deploy.USDT, PAYER.address, 10)
    usdt = token(web3, deploy.USDT, "UsdtToken")
    paid(web3, usdt.functions.approve(FRIEND, 5).transact())
    assert refused(web3, usdt, usdt.functions.approve(FRIEND, 6)) == "execution reverted"
    for put, take in (
        (("pause()",), ("unpause()",)),
        (("addBlackList(address)", PAYER.address), ("removeBlackList(address)", PAYER.address)),
    ):
        ethereum_chain.own(deploy.USDT, *put)
        assert refused(web3, usdt, usdt.functions.transfer(FRIEND, 1)) == "execution reverted"
        ethereum_chain.own(deploy.USDT, *take)
    ethereum_chain.own(deploy.USDT, "deprecate(address)", FRIEND)
    assert usdt.functions.deprecated().call() is True


def test_a_token_says_false_and_a_lookalike_says_usdc(ethereum_chain: RunningChain, web3: Web3) -> None:
    liar = token(web3, ethereum_chain.deploy("FalseToken"), "FalseToken")
    paid(web3, liar.functions.mint(PAYER.address, 5).transact())
    assert paid(web3, liar.functions.transfer(FRIEND, 5).transact())["status"] == 1
    assert (liar.functions.transfer(FRIEND, 5).call(), liar.functions.balanceOf(FRIEND).call()) == (False, 0)
    double = token(web3, deploy.deploy_lookalike(ethereum_chain.ground), "LookalikeToken")
    assert (double.functions.symbol().call(), double.functions.decimals().call()) == ("USDC", 6)
    receipt = paid(web3, double.functions.pretend(PAYER.address, FRIEND, 7).transact())
    assert len(receipt["logs"]) == 1
    assert double.functions.balanceOf(FRIEND).call() == 0


def safe_signatures(web3: Web3, safe: Any, order: Sequence[object], signers: Sequence[LocalAccount]) -> bytes:
    nonce = safe.functions.nonce().call()
    digest = safe.functions.getTransactionHash(*order, 0, 0, 0, ZERO, ZERO, nonce).call()
    ordered = sorted(signers, key=lambda signer: int(signer.address, 16))
    return b"".join(bytes(signer.unsafe_sign_hash(digest).signature) for signer in ordered)


def exec_transaction(web3: Web3, safe: Any, order: Sequence[object], signers: Sequence[LocalAccount]) -> Any:
    signatures = safe_signatures(web3, safe, order, signers)
    return safe.functions.execTransaction(*order, 0, 0, 0, ZERO, ZERO, signatures)


@pytest.fixture
def safe(ethereum_chain: RunningChain, web3: Web3) -> Any:
    """Two of three, with 5 ETH and 9 USDC."""
    address = ethereum_chain.deploy_safe([owner.address for owner in OWNERS], 2)
    ethereum_chain.fund(address, 5 * ETHER)
    ethereum_chain.mint(deploy.USDC, address, 9_000_000)
    return token(web3, address, "SafeL2")


def test_a_safe_of_three_pays_with_two_signatures_and_not_with_one(web3: Web3, safe: Any) -> None:
    assert safe.functions.VERSION().call() == "1.4.1"
    assert safe.functions.getThreshold().call() == 2
    assert set(safe.functions.getOwners().call()) == {owner.address for owner in OWNERS}
    order = (FRIEND, ETHER, b"", CALL)
    with pytest.raises(ContractLogicError, match="GS020"):
        exec_transaction(web3, safe, order, OWNERS[:1]).call()
    with pytest.raises(ContractLogicError, match="GS026"):
        exec_transaction(web3, safe, order, [OWNERS[0], PAYER]).call()
    assert paid(web3, exec_transaction(web3, safe, order, OWNERS[1:]).transact())["status"] == 1
    assert web3.eth.get_balance(FRIEND) == ETHER
    usdc = deploy.calldata("transfer(address,uint256)", FRIEND, 9_000_000)
    paid(web3, exec_transaction(web3, safe, (deploy.USDC, 0, usdc, CALL), OWNERS[:2]).transact())
    assert token(web3, deploy.USDC, "UsdcToken").functions.balanceOf(FRIEND).call() == 9_000_000
    assert safe.functions.nonce().call() == 2


def test_one_flipped_operation_gives_the_safe_away(
    ethereum_chain: RunningChain, web3: Web3, safe: Any
) -> None:
    trap, drainer = ethereum_chain.deploy("SafeTakeover"), ethereum_chain.deploy("SafeDrainer")
    data = deploy.calldata("transfer(address,uint256)", drainer, 0)
    harmless = exec_transaction(web3, safe, (trap, 0, data, CALL), OWNERS[:2])
    paid(web3, harmless.transact())
    assert safe.functions.VERSION().call() == "1.4.1"
    paid(web3, exec_transaction(web3, safe, (trap, 0, data, DELEGATECALL), OWNERS[:2]).transact())
    singleton = ethereum_chain.rpc("eth_getStorageAt", safe.address, "0x0", "latest")
    assert singleton == "0x" + drainer[2:].lower().rjust(64, "0")
    stolen = token(web3, safe.address, "SafeDrainer")
    paid(web3, stolen.functions.sweepETH(FRIEND).transact())
    paid(web3, stolen.functions.sweepERC20(deploy.USDC, FRIEND).transact())
    assert web3.eth.get_balance(FRIEND) == 5 * ETHER
    assert ethereum_chain.token_balance(deploy.USDC, FRIEND) == 9_000_000


def test_three_blocks_are_replaced_and_what_they_held_is_gone(
    ethereum_chain: RunningChain, web3: Web3
) -> None:
    ethereum_chain.mine()
    txids = [web3.eth.send_transaction({"to": FRIEND, "value": 1}) for _ in range(3)]
    tip = paid(web3, txids[-1])["blockHash"]
    height = ethereum_chain.height
    ethereum_chain.reorg(3, keep_transactions=False)
    assert ethereum_chain.height == height
    assert web3.eth.get_block("latest")["hash"] != tip
    assert [ethereum_chain.rpc("eth_getTransactionReceipt", "0x" + txid.hex()) for txid in txids] == [
        None
    ] * 3
    assert web3.eth.get_balance(FRIEND) == 0
    assert web3.eth.get_transaction_count(PAYER.address) == 0


def test_simulation_shows_tokens_and_inner_ether_moves(ethereum_chain: RunningChain, safe: Any) -> None:
    calls = [
        {"from": PAYER.address, "to": safe.address, "value": hex(ETHER)},
        {
            "from": safe.address,
            "to": deploy.USDC,
            "data": "0x" + deploy.calldata("transfer(address,uint256)", FRIEND, 1_000_000).hex(),
        },
        {
            "from": safe.address,
            "to": deploy.USDC,
            "data": "0x" + deploy.calldata("transfer(address,uint256)", FRIEND, 9_000_000).hex(),
        },
    ]
    order = {"blockStateCalls": [{"calls": calls}], "traceTransfers": True}
    answer = ethereum_chain.rpc("eth_simulateV1", order, "latest")
    assert isinstance(answer, list)
    ether, usdc, too_much = answer[0]["calls"]
    assert [each["status"] for each in (ether, usdc, too_much)] == ["0x1", "0x1", "0x0"]
    assert [log["address"] for log in ether["logs"]] == ["0x" + "ee" * 20, safe.address.lower()]
    assert [log["address"] for log in usdc["logs"]] == [deploy.USDC.lower()]


def test_both_chains_use_the_same_gas_and_end_with_the_same_balances() -> None:
    """Every contract once over: what py-evm does is what anvil does."""

    def played(kind: str) -> list[tuple[int, int, int]]:
        found = []
        with start_chain(kind) as chain:
            client = Web3(Web3.HTTPProvider(chain.url))
            client.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(PAYER), layer=0)
            client.eth.default_account = PAYER.address
            chain.fund(PAYER.address, 10 * ETHER)
            for coin in (deploy.USDC, deploy.USDT):
                chain.mint(coin, PAYER.address, 10**9)
            safe = token(client, chain.deploy_safe([each.address for each in OWNERS], 2), "SafeL2")
            usdt, usdc = token(client, deploy.USDT, "UsdtToken"), token(client, deploy.USDC, "UsdcToken")
            orders = [
                client.eth.send_transaction({"to": safe.address, "value": ETHER, "gas": 50_000}),
                usdc.functions.transfer(FRIEND, 5).transact({"gas": 100_000}),
                usdc.functions.approve(FRIEND, 5).transact({"gas": 100_000}),
                usdc.functions.approve(FRIEND, 0).transact({"gas": 100_000}),
                usdt.functions.transfer(safe.address, 77).transact({"gas": 100_000}),
                usdt.functions.transfer(FRIEND, 10**12).transact({"gas": 100_000}),
                exec_transaction(client, safe, (FRIEND, 9, b"", CALL), OWNERS[:2]).transact({"gas": 200_000}),
            ]
            for txid in orders:
                receipt = paid(client, txid)
                found.append((receipt["status"], receipt["gasUsed"], len(receipt["logs"])))
        return found

    ours = played("py-evm")
    assert [status for status, _, _ in ours] == [1, 1, 1, 1, 1, 0, 1]
    assert ours == played("anvil")
