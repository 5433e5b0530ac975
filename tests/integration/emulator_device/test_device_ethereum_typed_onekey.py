"""What OneKey adds to typed data: Safe transactions, warnings, limits, its own exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import SignableMessage
from trezorlib import ethereum, exceptions
from trezorlib.tools import parse_path

from emulator.device.ethereum import onekey_messages as onekey
from emulator.device.ethereum.typed import safe
from emulator.device.ethereum.typed.rules import TypedDataRules
from tests.support.typed_exchange import MAIL, Exchange, single, value_ack

PATH = parse_path("m/44h/60h/0h/0/0")
ADDRESS = "0x73d0385F4d8E00C5e6504C6030F47BF6212736A8"
ONEKEYS = ["onekey-classic1s", "onekey-pro"]


SAFE = {
    "to": "0x" + "11" * 20,
    "value": b"\x05",
    "data": b"\x01\x02",
    "operation": 0,
    "safeTxGas": b"",
    "baseGas": b"\x01",
    "gasPrice": b"",
    "gasToken": "0x" + "00" * 20,
    "refundReceiver": "0x" + "22" * 20,
    "nonce": b"\x07",
    "chain_id": 1,
    "verifyingContract": "0x" + "33" * 20,
}
SAFE_PERSONAS = [("onekey-pro", False), ("onekey-pro", True), ("onekey-classic1s", True)]


def safe_data(**changes: Any) -> dict[str, Any]:
    ack = onekey.EthereumGnosisSafeTxAck(**{**SAFE, **changes})
    return {"types": {}, "primaryType": "SafeTx", "safe": ack}


@pytest.mark.parametrize(("persona", "own"), SAFE_PERSONAS)
def test_a_safe_transaction_is_asked_for_in_one_piece_and_signed(
    opened: Callable[..., Any], persona: str, own: bool
) -> None:
    device, session = opened(persona)
    exchange = Exchange(session, safe_data(), own=own)
    answer = exchange.run(PATH)
    assert exchange.log[0] == "EthereumGnosisSafeTxRequest"
    hashes = safe.hashes_of(safe_data()["safe"], TypedDataRules())
    signable = SignableMessage(b"\x01", hashes.domain, hashes.message)
    assert Account.recover_message(signable, signature=answer.signature) == ADDRESS
    shown = "\n".join(screen.text for screen in device.screens)
    assert hashes.domain.hex() in shown
    assert hashes.message.hex() in shown


@pytest.mark.parametrize(("persona", "own"), SAFE_PERSONAS)
def test_a_delegate_call_of_a_safe_is_warned_of(opened: Callable[..., Any], persona: str, own: bool) -> None:
    device, session = opened(persona)
    assert Exchange(session, safe_data(operation=1), own=own).run(PATH).signature
    assert any("elegate call" in screen.text for screen in device.screens)


@pytest.mark.parametrize("own", [True, False])
def test_onekey_pro_refuses_a_safe_transaction_to_no_address(opened: Callable[..., Any], own: bool) -> None:
    device, session = opened("onekey-pro")
    answer = Exchange(session, safe_data(to="0x12"), own=own).run(PATH)
    assert answer.message == "Ethereum: Invalid address length"
    assert device.screens == ()


def test_stock_trezorlib_cannot_answer_for_a_safe_transaction(opened: Callable[..., Any]) -> None:
    _, session = opened("onekey-pro")
    data = {**MAIL, "types": {**MAIL["types"], "SafeTx": []}, "primaryType": "SafeTx", "message": {}}
    with pytest.raises(exceptions.TrezorException):
        ethereum.sign_typed_data(session, PATH, data)


def test_core_treats_a_safe_transaction_as_any_other(opened: Callable[..., Any]) -> None:
    _, session = opened()
    data = {**MAIL, "types": {**MAIL["types"], "SafeTx": []}, "primaryType": "SafeTx", "message": {}}
    assert ethereum.sign_typed_data(session, PATH, data).address == ADDRESS


@pytest.mark.parametrize("own", [True, False])
def test_onekey_pro_asks_for_the_domain_twice(opened: Callable[..., Any], own: bool) -> None:
    _, session = opened("onekey-pro")
    exchange = Exchange(session, MAIL, own=own)
    assert exchange.run(PATH).signature
    assert exchange.paths[:4] == [(0, 0), (0, 1), (0, 0), (0, 1)]


def test_onekey_pro_limits_values_to_1536_bytes(opened: Callable[..., Any]) -> None:
    _, session = opened("onekey-pro")
    assert Exchange(session, single("bytes", b"\0" * 1536), own=True).run(PATH).signature
    answer = Exchange(session, single("bytes", b"\0" * 1537), own=True).run(PATH)
    assert answer.message == "Invalid length, bigger than 1536"


@pytest.mark.parametrize(
    ("primary", "words"),
    [("Permit", "Permit"), ("PermitSingle", "Permit"), ("Order", "Order"), ("Mail", "signTypedData")],
)
@pytest.mark.parametrize("persona", ONEKEYS)
def test_onekey_names_the_kind_of_authorization(
    opened: Callable[..., Any], persona: str, primary: str, words: str
) -> None:
    device, session = opened(persona)
    data = {"types": {"EIP712Domain": [], primary: []}, "primaryType": primary, "domain": {}, "message": {}}
    Exchange(session, data, own=True).run(PATH)
    assert f"{words} authorization" in device.screens[0].text


def test_a_value_beyond_the_classics_buffer_ends_the_exchange(opened: Callable[..., Any]) -> None:
    _, session = opened("onekey-classic1s")
    long = Exchange(
        session, single("bytes", b""), own=True, on_value=lambda _request: value_ack(b"\0" * 1538, own=True)
    )
    assert long.run(PATH).message == "bytes overflow"
