"""Ethereum on every persona (and a genuine emulator by option), recovered by eth-account."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from tests.support.ethereum_data import ACCESS, MAIL, PATH, SAFE, TARGET, fee_market, legacy
from vault.device.ethereum.request import EthereumAccount
from vault.device.ethereum.sign import (
    show_ethereum_address,
    sign_ethereum_message,
    sign_ethereum_transaction,
    sign_typed_data,
)
from vault.device.prompt import Prompt
from vault.errors import DeceivedError, DeviceError, WrongDeviceError
from vault.evm.typed import TypedData

# `all all all …` at m/44'/60'/0'/0/0 and /1, by eth-account.
MNEMONIC = "all all all all all all all all all all all all"


@pytest.fixture(scope="session")
def account() -> EthereumAccount:
    Account.enable_unaudited_hdwallet_features()
    return EthereumAccount(PATH, Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/0").address)


@pytest.fixture
def session_on(opened: Any, wallet: Any) -> Any:
    def open_it(device: Any, **changes: Any) -> Any:
        return opened(device, expected_fingerprint=wallet.fingerprint, **changes)

    return open_it


@pytest.mark.parametrize(
    "tx",
    [
        legacy(),
        legacy(chain_id=137, value=0, data=b"\xa9\x05\x9c\xbb" + bytes(64)),
        legacy(data=bytes(range(256)) * 12, gas_limit=200_000),
        fee_market(),
        fee_market(value=10**18, access_list=ACCESS, data=b"\1\2\3"),
        fee_market(chain_id=10, nonce=300, max_priority_fee=0),
    ],
    ids=[
        "legacy",
        "legacy token call",
        "legacy long data",
        "type 2",
        "type 2 access list",
        "type 2 chain 10",
    ],
)
def test_transactions_are_signed_as_they_stand(
    every_device: Any, session_on: Any, account: EthereumAccount, tx: Any
) -> None:
    with session_on(every_device) as session:
        signed = sign_ethereum_transaction(session, tx, account)
    assert Account.recover_transaction(signed.raw) == account.address


def test_messages_are_signed_as_they_stand(
    every_device: Any, session_on: Any, account: EthereumAccount
) -> None:
    text = "vault approval v1\ntreasury: fund-one"
    with session_on(every_device) as session:
        signature = sign_ethereum_message(session, text, account)
    assert Account.recover_message(encode_defunct(text=text), signature=signature.raw) == account.address


FIXED: dict[str, Any] = {
    "types": {
        **SAFE["types"],
        "Order": [{"name": "legs", "type": "Leg[2]"}, {"name": "id", "type": "bytes32"}],
        "Leg": [{"name": "amount", "type": "uint128"}, {"name": "note", "type": "string"}],
    },
    "primaryType": "Order",
    "domain": SAFE["domain"],
    "message": {
        "legs": [{"amount": 5, "note": "in"}, {"amount": 2**100, "note": "out"}],
        "id": "0x" + "cd" * 32,
    },
}
del FIXED["types"]["SafeTx"]


@pytest.mark.parametrize("document", [MAIL, SAFE, FIXED], ids=["mail", "safe", "fixed"])
def test_typed_data_are_signed_in_full_or_by_hash(
    every_device: Any, session_on: Any, account: EthereumAccount, document: Any
) -> None:
    prompts: list[Prompt] = []
    with session_on(every_device, on_prompt=prompts.append) as session:
        signature = sign_typed_data(session, TypedData.parse(document), account)
        small = session.features.pin_entry == "matrix"
        by_hash = small and (session.features.kind == "trezor" or document is MAIL)
        behind, onekey = not small, session.features.kind == "onekey"
    theirs = encode_typed_data(full_message=copy.deepcopy(document))
    assert Account.recover_message(theirs, signature=signature.raw) == account.address
    assert ("The device shows only these two hashes:" in prompts[-1].lines) == by_hash
    asks = any("show the full message" in line for line in prompts[-1].lines)
    assert asks == (behind and document is not SAFE) if onekey else asks == behind


def test_a_onekey_also_signs_by_hash_and_the_signature_is_the_same(
    every_device: Any, session_on: Any, account: EthereumAccount
) -> None:
    data = TypedData.parse(SAFE)
    with session_on(every_device) as session:
        full = sign_typed_data(session, data, account)
        if session.features.kind == "trezor" and session.features.pin_entry == "device":
            with pytest.raises(DeviceError) as error:
                sign_typed_data(session, data, account, by_hash=True)
            assert error.value.code == "device.typed_data_unsupported"
        else:
            assert sign_typed_data(session, data, account, by_hash=True) == full


def test_the_address_is_shown_and_must_be_the_configured_one(
    every_device: Any, session_on: Any, account: EthereumAccount
) -> None:
    prompts: list[Prompt] = []
    with session_on(every_device, on_prompt=prompts.append) as session:
        assert show_ethereum_address(session, account) == account.address
    assert prompts[-1].lines[0] == f"address: {account.address}"
    if every_device.emulator is not None:
        assert any(account.address in screen.text for screen in every_device.emulator.screens)


def test_an_account_of_another_wallet_is_refused_before_a_screen(every_device: Any, session_on: Any) -> None:
    stranger = EthereumAccount(PATH, TARGET)
    for ask in (
        lambda session: sign_ethereum_transaction(session, legacy(), stranger),
        lambda session: sign_ethereum_message(session, "text", stranger),
        lambda session: sign_typed_data(session, TypedData.parse(MAIL), stranger),
    ):
        with session_on(every_device) as session, pytest.raises(WrongDeviceError) as error:
            ask(session)
        assert error.value.code == "device.wrong_account"
    if every_device.emulator is not None:
        assert every_device.emulator.screens == ()


def test_arrays_of_arrays_and_foreign_safe_types_are_refused_in_full(
    trezor: Any, every_device: Any, session_on: Any, account: EthereumAccount
) -> None:
    nested = copy.deepcopy(MAIL)
    nested["types"]["Mail"][-1]["type"] = "uint8[2][]"
    nested["message"]["pair"] = [[1, 2]]
    with session_on(trezor) as session, pytest.raises(DeviceError) as error:
        sign_typed_data(session, TypedData.parse(nested), account)
    assert error.value.code == "device.typed_data_unsupported"
    older = copy.deepcopy(SAFE)
    older["types"]["SafeTx"][5]["name"] = "dataGas"
    older["message"]["dataGas"] = older["message"].pop("baseGas")
    with session_on(every_device) as session:
        if session.features.kind == "trezor":
            assert sign_typed_data(session, TypedData.parse(older), account)
        else:
            with pytest.raises(DeviceError) as refused:
                sign_typed_data(session, TypedData.parse(older), account)
            assert refused.value.code == "device.typed_data_unsupported"
            assert sign_typed_data(session, TypedData.parse(older), account, by_hash=True)


def test_refused_fields_never_reach_the_device(
    trezor: Any, session_on: Any, account: EthereumAccount
) -> None:
    with session_on(trezor) as session:
        for tx in (legacy(to=""), legacy(to="0x" + "z" * 40), fee_market(max_priority_fee=10**18)):
            with pytest.raises(DeviceError):
                sign_ethereum_transaction(session, tx, account)
        assert sign_ethereum_transaction(session, legacy(), account)
    assert trezor.screens != ()


@pytest.mark.parametrize("fault", ["wrong_key_signature", "sign_other_output", "foreign_wallet_signature"])
def test_a_transaction_that_is_not_the_one_asked_for_is_not_returned(
    *, every_device: Any, session_on: Any, account: EthereumAccount, fault: str
) -> None:
    device = every_device.built_in("a genuine emulator cannot be told to lie")
    device.set_faults({fault: True})
    for tx in (legacy(), fee_market(access_list=ACCESS)):
        with session_on(device) as session, pytest.raises(DeceivedError) as error:
            sign_ethereum_transaction(session, tx, account)
        assert error.value.code == "device.invalid_signature"
