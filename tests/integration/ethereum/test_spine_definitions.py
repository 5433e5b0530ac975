"""A Trezor that is told of a token by a signed definition shows its amount; a OneKey is told of none."""

from __future__ import annotations

from pathlib import Path

import pytest
from trezorlib import messages

from emulator.device.ethereum.development import signed_definition
from tests.support.ethereum_treasury import MNEMONIC, address_of, opened_devices, private_key
from vault.config import Treasury, TreasuryConfig
from vault.device.ethereum.request import EthereumAccount, SignedDefinitions
from vault.device.ethereum.sign import sign_ethereum_transaction
from vault.device.paths import parse_path
from vault.device.session import open_device
from vault.errors import ConfigError
from vault.ethereum.contracts.erc20 import TRANSFER
from vault.evm.address import checksum_address
from vault.evm.transaction import FeeMarketTransaction, recover, signing_digest
from vault.treasury.ethereum.definitions import MAX_BYTES, definitions_for

TOKEN = checksum_address(bytes.fromhex("dd" * 20))
TARGET = checksum_address(bytes.fromhex("57" * 20))
ACCOUNT = EthereumAccount(tuple(parse_path("m/44'/60'/0'/0/0")), address_of(private_key(MNEMONIC)))


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one", "onekey-classic1s"])
def test_a_signed_definition_makes_the_screen_say_token_and_amount(persona: str) -> None:
    info = messages.EthereumTokenInfo(
        address=bytes.fromhex("dd" * 20), chain_id=1, symbol="FTK", decimals=6, name="Fake token"
    )
    told = SignedDefinitions(token=signed_definition(info))
    data = TRANSFER.encode(TARGET, 123_000_000)
    transaction = FeeMarketTransaction(1, 0, 10**9, 2 * 10**9, 100_000, TOKEN, 0, data)
    with opened_devices({"main": (persona, MNEMONIC)}) as devices:
        device, hand = devices["main"]
        with open_device(
            device.path, kind=None, expected_fingerprint=device.root_fingerprint, timeout_s=20
        ) as session:
            signed = sign_ethereum_transaction(session, transaction, ACCOUNT, told)
    assert recover(signing_digest(transaction), signed.signature) == ACCOUNT.address
    assert ("123FTK" in hand.text.replace(" ", "")) == (persona != "onekey-classic1s"), hand.text


def test_definitions_are_found_in_the_tree_in_which_they_are_published(tmp_path: Path) -> None:
    treasury = Treasury(
        TreasuryConfig.model_validate(
            {
                "schema": 1,
                "treasury_id": "t",
                "bitcoin": {"network": "regtest", "esplora": "http://127.0.0.1:1"},
                "ethereum": {"definitions": "signed"},
            }
        ),
        tmp_path / "treasury.toml",
    )
    assert definitions_for(treasury, 10, TOKEN) == SignedDefinitions()
    chain = tmp_path / "signed" / "eth" / "chain-id" / "10"
    chain.mkdir(parents=True)
    (chain / "network.dat").write_bytes(b"network")
    (chain / f"token-{'dd' * 20}.dat").write_bytes(b"token")
    assert definitions_for(treasury, 10, TOKEN) == SignedDefinitions(b"network", b"token")
    assert definitions_for(treasury, 10, TARGET) == SignedDefinitions(b"network", b"")
    (chain / "network.dat").write_bytes(bytes(MAX_BYTES + 1))
    with pytest.raises(ConfigError) as error:
        definitions_for(treasury, 10, TOKEN)
    assert error.value.code == "config.unreadable"
