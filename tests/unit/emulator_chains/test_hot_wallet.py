"""The venue's hot wallet: stable addresses, deposits as the chain has them, payments it can afford."""

from __future__ import annotations

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.hot_wallet import HotWallet
from emulator.chains.signing import Key
from emulator.venues.engine.chain_port import ChainPort


@pytest.fixture
def wallet(chain: BitcoinChain) -> HotWallet:
    made = HotWallet(chain, b"venue")
    chain.fund(made.funding_address, 1_000_000)
    return made


def test_is_a_chain_port(wallet: HotWallet) -> None:
    port: ChainPort = wallet
    assert port.deposits() == []


def test_hands_out_a_fresh_address_each_time_and_the_same_ones_for_the_same_seed(
    chain: BitcoinChain, wallet: HotWallet
) -> None:
    addresses = [wallet.new_deposit_address() for _ in range(5)]
    assert len(set(addresses)) == 5
    again = HotWallet(chain, b"venue")
    assert [again.new_deposit_address() for _ in range(5)] == addresses
    assert HotWallet(chain, b"other").new_deposit_address() not in addresses
    assert wallet.funding_address not in addresses


def test_sees_a_deposit_in_the_mempool_then_confirmed_then_reorganised_out(
    chain: BitcoinChain, wallet: HotWallet
) -> None:
    address = wallet.new_deposit_address()
    txid = chain.fund(address, 50_000, confirmations=0)
    (seen,) = wallet.deposits()
    assert (seen.txid, seen.address, seen.amount_sat, seen.confirmations) == (txid, address, 50_000, 0)
    chain.mine(2)
    assert [deposit.confirmations for deposit in wallet.deposits()] == [2]
    chain.reorg(2)
    assert [deposit.confirmations for deposit in wallet.deposits()] == [0]
    assert wallet.confirmations(txid) == 0
    assert wallet.confirmations("00" * 32) is None


def test_its_own_stock_and_change_are_no_deposits(chain: BitcoinChain, wallet: HotWallet) -> None:
    wallet.new_deposit_address()
    wallet.pay(Key(b"tests", "customer").address, 10_000)
    chain.mine(1)
    assert wallet.deposits() == []


def test_pays_to_the_satoshi_and_a_spent_deposit_stays_listed(chain: BitcoinChain, wallet: HotWallet) -> None:
    customer = Key(b"tests", "customer")
    chain.fund(wallet.new_deposit_address(), 2_000_000)
    txid = wallet.pay(customer.address, 2_500_000)
    chain.mine(1)
    assert chain.balance(customer.address) == 2_500_000
    assert wallet.confirmations(txid) == 1
    assert len(wallet.deposits()) == 1


def test_pays_again_from_unconfirmed_change(chain: BitcoinChain, wallet: HotWallet) -> None:
    customer = Key(b"tests", "customer")
    for _ in range(4):
        wallet.pay(customer.address, 100_000)
    chain.mine(1)
    assert chain.balance(customer.address) == 400_000


def test_does_not_pay_from_an_unconfirmed_deposit(chain: BitcoinChain, wallet: HotWallet) -> None:
    chain.fund(wallet.new_deposit_address(), 5_000_000, confirmations=0)
    with pytest.raises(ValueError, match="expected 3000000 sat and fees, found 1000000 sat"):
        wallet.pay(Key(b"tests", "customer").address, 3_000_000)


@pytest.mark.parametrize(
    ("address", "amount", "reason"),
    [
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", 10_000, "not a regtest address"),
        ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081", 10_000, "not bech32|checksum"),
        ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 293, "dust"),
        ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", -1, "negative"),
        ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 10**16, "found"),
    ],
)
def test_refuses_payments_with_the_reason(
    chain: BitcoinChain, wallet: HotWallet, address: str, amount: int, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        wallet.pay(address, amount)
    assert not chain.mempool.entries
