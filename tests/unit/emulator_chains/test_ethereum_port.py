"""A venue's hot wallet on the emulated Ethereum chain: deposits of all kinds, payments, refusals."""

from __future__ import annotations

import pytest

from emulator.chains.ethereum import deploy
from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.hot_wallet import EthereumPort
from emulator.venues.engine.chain_port import ChainPort
from tests.support.ethereum_purse import ETHER, SOMEBODY, EthereumPurse

SEED = b"a venue"


@pytest.fixture
def chain() -> EthereumChain:
    chain = EthereumChain()
    deploy.place_tokens(chain)
    return chain


def port(chain: EthereumChain, token: str | None = None) -> EthereumPort:
    made = EthereumPort(chain, SEED, token=token)
    chain.set_balance(made.funding_address, ETHER)
    return made


def seen(wallet: ChainPort) -> list[tuple[str, int, int]]:
    return [(each.address, each.amount_sat, each.confirmations) for each in wallet.deposits()]


def test_ether_is_seen_while_it_waits_and_counts_its_blocks(chain: EthereumChain) -> None:
    wallet = port(chain)
    address = wallet.new_deposit_address()
    chain.automine = False
    txid = chain.submit(EthereumPurse(chain).transfer(0, to=address, value=5))
    assert seen(wallet) == [(address, 5, 0)]
    chain.mine(3)
    assert seen(wallet) == [(address, 5, 3)]
    assert wallet.confirmations(txid) == 3


def test_ether_from_inside_a_contract_is_a_deposit_too(chain: EthereumChain) -> None:
    wallet = port(chain)
    address = wallet.new_deposit_address()
    drainer = deploy.deploy_contract(chain, "SafeDrainer")
    chain.set_balance(drainer, 7)
    chain.send(drainer, deploy.calldata("sweepETH(address)", address))
    assert seen(wallet) == [(address, 7, 1)]


def test_a_reverted_payment_is_no_deposit(chain: EthereumChain) -> None:
    wallet = port(chain)
    address = wallet.new_deposit_address()
    chain.set_code(address, bytes.fromhex("5f5ffd"))
    chain.submit(EthereumPurse(chain).transfer(0, to=address, value=5, gas=50_000))
    assert len(chain.tip.transactions) == 1
    assert seen(wallet) == []


@pytest.mark.parametrize("token", [deploy.USDC, deploy.USDT])
def test_tokens_are_seen_by_their_logs_and_paid_from_the_hot_key(chain: EthereumChain, token: str) -> None:
    wallet = port(chain, token)
    address = wallet.new_deposit_address()
    deploy.mint(chain, token, address, 9)
    deploy.mint(chain, token, wallet.funding_address, 100)
    assert seen(wallet) == [(address, 9, 2)]
    assert (
        wallet.confirmations(wallet.pay(SOMEBODY, 60)),
        deploy.token_balance(chain, token, SOMEBODY),
    ) == (1, 60)
    assert wallet.balance() == 40


def test_a_lookalikes_log_is_no_deposit(chain: EthereumChain) -> None:
    wallet = port(chain, deploy.USDC)
    address = wallet.new_deposit_address()
    double = deploy.deploy_lookalike(chain)
    deploy.mint(chain, double, address, 9)
    chain.send(double, deploy.calldata("pretend(address,address,uint256)", SOMEBODY, address, 9))
    assert seen(wallet) == []


def test_a_dropped_deposit_is_gone(chain: EthereumChain) -> None:
    wallet = port(chain)
    address = wallet.new_deposit_address()
    chain.submit(EthereumPurse(chain).transfer(0, to=address, value=5))
    chain.reorg(1, keep_transactions=False)
    assert seen(wallet) == []


def test_payments_of_several_assets_queue_on_one_key(chain: EthereumChain) -> None:
    ether, usdc = port(chain), port(chain, deploy.USDC)
    assert ether.funding_address == usdc.funding_address
    deploy.mint(chain, deploy.USDC, usdc.funding_address, 10)
    chain.automine = False
    txids = [ether.pay(SOMEBODY, 1), usdc.pay(SOMEBODY, 4), ether.pay(SOMEBODY, 2), usdc.pay(SOMEBODY, 6)]
    assert [ether.confirmations(txid) for txid in txids] == [0] * 4
    with pytest.raises(ValueError, match="expected 1 in the hot wallet"):
        usdc.pay(SOMEBODY, 1)
    chain.mine()
    assert (chain.balance(SOMEBODY), deploy.token_balance(chain, deploy.USDC, SOMEBODY)) == (3, 10)


def test_it_pays_a_safe_which_needs_more_gas_than_a_plain_account(chain: EthereumChain) -> None:
    deploy.place_safe_contracts(chain)
    safe = deploy.deploy_safe(chain, [SOMEBODY], 1)
    port(chain).pay(safe, 5)
    assert chain.balance(safe) == 5


@pytest.mark.parametrize(
    ("address", "amount", "tag", "words"),
    [
        ("0x1234", 1, "", "cannot pay 1 to 0x1234"),
        ("bc1qnothing", 1, "", "cannot pay"),
        (SOMEBODY, 2 * ETHER, "", "in the hot wallet"),
        (SOMEBODY, ETHER, "", "insufficient funds for gas"),
        (SOMEBODY, 1, "memo", "expected no tag"),
    ],
)
def test_refuses_with_the_reason(
    chain: EthereumChain, address: str, amount: int, tag: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        port(chain).pay(address, amount, tag)


def test_addresses_come_back_with_the_seed_and_differ_by_asset(chain: EthereumChain) -> None:
    first = [port(chain).new_deposit_address() for _ in range(2)]
    assert first[0] == first[1]
    wallet = port(chain)
    made = {wallet.new_deposit_address(), wallet.new_deposit_address()}
    assert len({*made, port(chain, deploy.USDC).new_deposit_address(), wallet.funding_address}) == 4


def test_an_inbox_takes_everybodys_deposits_and_tells_the_sender(chain: EthereumChain) -> None:
    inbox = "0x" + "B1" * 20
    wallet = EthereumPort(chain, SEED, token=deploy.USDC, inbox=inbox)
    purse = EthereumPurse(chain)
    deploy.mint(chain, deploy.USDC, purse.address, 8)
    data = deploy.calldata("transfer(address,uint256)", inbox, 8)
    chain.submit(purse.transfer(0, to=deploy.USDC, value=0, data=data, gas=100_000))
    assert wallet.new_deposit_address() == inbox
    assert [(each.amount_sat, each.tag) for each in wallet.deposits()] == [(8, purse.address.lower())]


def test_what_the_token_would_refuse_is_not_paid(chain: EthereumChain) -> None:
    wallet = port(chain, deploy.USDC)
    deploy.mint(chain, deploy.USDC, wallet.funding_address, 10)
    deploy.blacklist(chain, deploy.USDC, SOMEBODY)
    height = chain.height
    with pytest.raises(ValueError, match="execution reverted"):
        wallet.pay(SOMEBODY, 1)
    assert chain.height == height
