"""Each exchange's ETH, USDC and USDT on Ethereum and its kin: codes, decimals, contracts, as recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.recorded.fixtures import Recording
from vault.errors import EthereumError, VenueError
from vault.ethereum.chains import CHAINS
from vault.ethereum.tokens import TOKENS, token_of
from vault.evm.address import checksum_address, evm_checksummed
from vault.money import ETH, asset_of
from vault.venues.binance import wallet as binance_wallet
from vault.venues.bybit import wallet as bybit_wallet
from vault.venues.okx import wallet as okx_wallet
from vault.venues.registry import (
    CHAIN_IDS,
    NETWORKS,
    AssetNetwork,
    asset_network,
    network_id,
    plain_txid,
)

ON_ETHEREUM = ("ETH", "USDC", "USDT")
KIN = [each for each in NETWORKS if each.asset in ON_ETHEREUM and each.chain in CHAIN_IDS]
TXID = "0x" + "ab" * 32


def recorded(found: Recording, asset: str) -> Iterator[tuple[str, Any]]:
    """(the venue's code of a network, what it says of it)."""
    for network in found.currencies.get(asset, {}).get("networks", {}).values():
        info = network.get("info") or {}
        yield str(info.get("network") or info.get("chain")), info


@pytest.mark.parametrize("exchange", ["binance", "bybit", "okx"])
def test_recorded_networks_move_the_tokens_that_we_know(
    recording: Callable[[str], Recording], exchange: str
) -> None:
    met = set()
    for asset in ON_ETHEREUM:
        for code, info in recorded(recording(exchange), asset):
            try:
                entry = asset_network(exchange, asset, code)
            except VenueError:
                continue
            entry.require_token(str(info.get("contractAddress") or info.get("ctAddr") or "").strip())
            met.add((asset, entry.chain))
    assert {(asset, "ethereum") for asset in ON_ETHEREUM} <= met
    assert ("USDC", "arbitrum") in met


def test_recorded_networks_read_as_they_say(recording: Callable[[str], Recording]) -> None:
    """Fee, minimum and step of a token are whole base units of the token."""
    now = datetime(2026, 1, 31, tzinfo=UTC)
    read = {
        "binance": binance_wallet.withdraw_network,
        "bybit": bybit_wallet.withdraw_network,
        "okx": okx_wallet.withdraw_network,
    }
    for exchange, reader in read.items():
        answer = recording(exchange).answer("fetchCurrencies")
        for asset in ("USDT", "ETH"):
            place = (exchange, asset, "ethereum")
            code = next(e.network for e in KIN if (e.exchange, e.asset, e.chain) == place)
            found = reader(answer, asset, code, now)
            assert found.fee.asset == found.minimum.asset == found.step.asset == asset_of(asset)
            assert found.enabled and found.confirmations > 0 and found.minimum > found.step


def test_decimals_and_contracts_are_those_of_the_tokens_we_settle_by() -> None:
    for entry in KIN:
        chain_id = CHAIN_IDS[entry.chain]
        assert entry.decimals == asset_of(entry.asset).decimals
        assert entry.network_id("regtest") == f"eip155:{chain_id}" == network_id(entry.chain, "regtest")
        if entry.asset == "ETH":
            assert entry.contract is None
        elif chain_id in CHAINS:
            assert entry.contract == token_of(chain_id, asset_of(entry.asset)).address
    assert {each.asset.symbol for each in TOKENS} <= set(ON_ETHEREUM)


def test_every_exchange_has_them_on_ethereum_itself() -> None:
    for exchange in ("binance", "bybit", "okx", "deribit", "kraken"):
        found = {each.asset for each in KIN if (each.exchange, each.chain) == (exchange, "ethereum")}
        assert found == set(ON_ETHEREUM)


def test_networks_that_the_book_does_not_know_have_no_name_there() -> None:
    assert asset_network("binance", "USDT", "TRX").network_id("mainnet") == ""
    assert asset_network("binance", "BTC", "BTC").network_id("testnet4") == "bitcoin:testnet4"
    with pytest.raises(EthereumError):
        token_of(1, ETH)


@pytest.mark.parametrize("entry", KIN, ids=lambda e: f"{e.exchange} {e.asset} {e.network}")
def test_another_token_is_refused_and_ours_in_any_case_is_not(entry: AssetNetwork) -> None:
    entry.require_token("")
    if entry.contract is not None:
        entry.require_token(entry.contract.lower())
    near = entry.contract or "0x" + "0" * 40
    near = near[:-1] + ("1" if near[-1] == "0" else "0")
    for wrong in ("0x" + "11" * 20, "0xdac17f", near):
        with pytest.raises(VenueError) as caught:
            entry.require_token(wrong)
        assert caught.value.code == "venue.other_token"


def test_an_address_of_one_letter_case_gets_its_checksum_and_other_mixtures_are_refused() -> None:
    entry = asset_network("binance", "USDC", "ETH")
    address = checksum_address(bytes.fromhex("d8da6bf26964af9d7eed9e03e53415d37aa96045"))
    for spelled in (address, address.lower(), "0x" + address[2:].upper()):
        assert entry.own_address(spelled) == address == evm_checksummed(spelled)
    for wrong in ("0x" + address[2:].swapcase(), address[:-3] + "D" + address[-2:].lower()):
        if wrong in {address, address.lower()}:
            continue
        with pytest.raises(VenueError) as caught:
            entry.own_address(wrong)
        assert caught.value.code == "venue.bad_answer"
    # What is no address of the chain is left to the checks that know why.
    assert entry.own_address("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4").startswith("bc1q")
    tron = asset_network("binance", "USDT", "TRX")
    assert tron.own_address("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t") == "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


def test_ids_of_transactions_are_written_as_the_chain_does() -> None:
    for spelled in (TXID, TXID[2:], TXID.upper().replace("0X", "0x"), TXID[2:].upper()):
        assert plain_txid("ethereum", spelled) == TXID
    assert plain_txid("bitcoin", TXID[2:]) == TXID[2:]
    assert plain_txid("ethereum", "Internal transfer 1") == "Internal transfer 1"


@pytest.mark.parametrize(
    ("txid", "known"),
    [
        (TXID, TXID),
        (TXID[2:], TXID[2:]),
        (TXID.upper(), None),
        ("Off-chain transfer 84", None),
        ("0x12", None),
    ],
)
def test_binance_names_a_transaction_of_ethereum(txid: str, known: str | None) -> None:
    row = {
        "id": "w", "amount": "10", "transactionFee": "1", "coin": "USDC", "status": 4,
        "address": "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "txId": txid, "network": "ETH",
        "applyTime": "2026-01-31 10:00:00", "withdrawOrderId": "mine",
    }  # fmt: skip
    (found,) = binance_wallet.withdrawals([row], "mine")
    assert (found.txid, found.state) == (known, "sent" if known else "processing")


@pytest.mark.parametrize("changes", [{"coin": "USDT"}, {"network": "ARBITRUM"}, {"txId": "0x" + "cd" * 32}])
def test_binance_deposits_of_another_coin_chain_or_transaction_are_not_taken(changes: dict[str, str]) -> None:
    address = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
    row = {
        "amount": "10", "coin": "USDC", "network": "ETH", "status": 1, "address": address.lower(),
        "txId": TXID, "confirmTimes": "6/6",
    }  # fmt: skip
    (found,) = binance_wallet.deposits([row], "USDC", "ETH", TXID[2:].upper(), address)
    assert found.state == "credited"
    assert binance_wallet.deposits([{**row, **changes}], "USDC", "ETH", TXID, address) == ()
