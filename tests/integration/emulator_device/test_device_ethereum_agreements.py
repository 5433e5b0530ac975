"""Agreements a device checks before it signs: payment requests of core, delegations of OneKey.

A payment request is signed here with the key of debug firmware, whose private half is public.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from eth_account import Account
from eth_utils import keccak, to_checksum_address
from rlp import encode as rlp_encode
from trezorlib import client as trezor_client
from trezorlib import ethereum, exceptions, mapping, misc, protocol_v1
from trezorlib import messages as m
from trezorlib.models import TrezorModel
from trezorlib.tools import parse_path
from trezorlib.transport import get_transport

from emulator.device.ethereum import onekey_messages as own
from emulator.device.server import DeviceEmulator

pytestmark = pytest.mark.usefixtures("connected")  # reads end after five seconds

ABANDON = "abandon " * 11 + "about"
PATH = parse_path("m/44h/60h/0h/0/0")
TO = to_checksum_address("0x1d1c328764a41bda0492b66baa30c4a339ff85ef")
MERCHANT_KEY = 0x056235B0476F057F2765219724F7F1807D58802B550ED5BF6F73050AF5456300


def session_of(device: DeviceEmulator) -> Any:
    known = mapping.ProtobufMapping.from_module(m)
    known.register(own.EthereumTxRequestOneKey)
    model = None
    if device.persona.startswith("onekey"):
        model = TrezorModel("OneKey", "ONEKEY", (0, 0, 0), ("onekey.so",), (), known)
    manifest = trezor_client.AppManifest("tests")
    client = protocol_v1.TrezorClientV1(manifest, get_transport(device.path), model=model, mapping=known)
    return client.get_session("")


# SLIP-24


def prefixed(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def u32(number: int) -> bytes:
    return number.to_bytes(4, "little")


def payment_request(session: Any, amount: int, recipient: str = TO, nonce: bytes | None = None) -> Any:
    """A merchant's request for one output, with a refund address of ours and a remark."""
    nonce = misc.get_nonce(session) if nonce is None else nonce
    refund = ethereum.get_authenticated_address(session, PATH)
    memos = [
        m.PaymentRequestMemo(text_memo=m.TextMemo(text="One cat")),
        m.PaymentRequestMemo(
            refund_memo=m.RefundMemo(address=refund.address, mac=refund.mac, address_n=PATH)
        ),
    ]
    signed = b"SL\x00\x24" + prefixed(nonce) + prefixed(b"Cat shop") + bytes([len(memos)])
    signed += u32(1) + prefixed(b"One cat") + u32(2) + prefixed(refund.address.encode()) + u32(60)
    output = amount.to_bytes(32, "little") + prefixed(recipient.encode())
    signed += hashlib.sha256(output).digest()
    key = ec.derive_private_key(MERCHANT_KEY, ec.SECP256R1())
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return m.PaymentRequest(
        recipient_name="Cat shop",
        nonce=nonce,
        memos=memos,
        amount=amount.to_bytes(32, "little"),
        signature=r.to_bytes(32, "big") + s.to_bytes(32, "big"),
    )


def pay(session: Any, request: Any, **changes: Any) -> Any:
    fields = {"nonce": 1, "gas_price": 20, "gas_limit": 21_000, "to": TO, "value": 500, "chain_id": 1}
    return ethereum.sign_tx(session, n=PATH, payment_req=request, **{**fields, **changes})


def test_a_payment_the_merchant_signed_is_shown_and_signed() -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        session = session_of(device)
        signature = pay(session, payment_request(session, 500))
        shown = "\n".join(screen.text for screen in device.screens)
        assert all(text in shown for text in ("One cat", "Cat shop", TO))
        plain = ethereum.sign_tx(
            session, n=PATH, nonce=1, gas_price=20, gas_limit=21_000, to=TO, value=500, chain_id=1
        )
    assert tuple(signature) == tuple(plain)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": 501}, "Invalid amount in payment request."),
        ({"to": "0x" + "22" * 20}, "Invalid signature in payment request."),
        ({"data": b"meow"}, "Data length must be 0"),
    ],
)
def test_a_payment_that_is_not_what_was_signed_is_refused(changes: Any, words: str) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        session = session_of(device)
        with pytest.raises(exceptions.TrezorFailure, match=words):
            pay(session, payment_request(session, 500), **changes)


def test_a_payment_request_is_good_once_and_only_with_the_devices_nonce() -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        session = session_of(device)
        request = payment_request(session, 500)
        pay(session, request)
        for again in (request, payment_request(session, 500, nonce=b"\x05" * 32)):
            with pytest.raises(exceptions.TrezorFailure, match="Invalid nonce in payment request"):
                pay(session, again)


def test_an_amount_of_another_length_and_a_foreign_refund_address_are_refused() -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        session = session_of(device)
        request = payment_request(session, 500)
        request.amount = request.amount[:8]
        with pytest.raises(exceptions.TrezorFailure, match="amount must be exactly 32 bytes"):
            pay(session, request)
        request = payment_request(session, 500)
        request.memos[1].refund_memo.address = TO
        with pytest.raises(exceptions.TrezorFailure, match="Invalid address MAC"):
            pay(session, request)


def test_staking_is_not_paid_for_by_request() -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        session = session_of(device)
        stake = {
            "to": "0xD523794C879D9eC028960a231F866758e405bE34",
            "data": bytes.fromhex("3a29dbae") + bytes(32),
        }
        with pytest.raises(exceptions.TrezorFailure, match="Payment Requests don't support staking"):
            pay(session, payment_request(session, 500), **stake)


# OneKey's EIP-7702


METAMASK = "0x63c0c19a282a1b52b07dd5a65b58948a07dae32b"
OKX = "0x80296ff8d1ed46f8e3c7992664d13b833504c2bb"
REVOKED = "0x" + "00" * 20


def authorisation(**changes: Any) -> Any:
    fields = {"chain_id": 1, "address": METAMASK, "nonce": b"\x08"}
    return own.EthereumAuthorizationOneKey(**{**fields, **changes})


def delegation(*authorisations: Any, **changes: Any) -> Any:
    fields = {
        "address_n": PATH,
        "nonce": b"\x07",
        "max_gas_fee": b"\x14",
        "max_priority_fee": b"\x01",
        "gas_limit": b"\x52\x08",
        "to": TO,
        "value": b"",
        "data_length": 0,
        "chain_id": 1,
        "authorization_list": list(authorisations),
    }
    return own.EthereumSignTxEIP7702OneKey(**{**fields, **changes})


def call(persona: str, message: Any) -> Any:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        return session_of(device).call(message, expect=own.EthereumTxRequestOneKey)


@pytest.mark.parametrize("persona", ["onekey-classic1s", "onekey-pro"])
@pytest.mark.parametrize("delegate", [METAMASK, REVOKED])
def test_a_delegation_is_signed_by_the_account_that_delegates(persona: str, delegate: str) -> None:
    reply = call(persona, delegation(authorisation(address=delegate)))
    found = reply.authorization_signatures[0]
    digest = keccak(b"\x05" + rlp_encode([1, bytes.fromhex(delegate[2:]), 8]))
    Account.enable_unaudited_hdwallet_features()
    account = Account.from_mnemonic(ABANDON, account_path="m/44'/60'/0'/0/0")
    vrs = (found.y_parity, int.from_bytes(found.r, "big"), int.from_bytes(found.s, "big"))
    assert Account._recover_hash(digest, vrs=vrs) == account.address
    items = [1, 7, 1, 20, 21_000, bytes.fromhex(TO[2:]), 0, b"", []]
    signed = [[1, bytes.fromhex(delegate[2:]), 8, found.y_parity, found.r, found.s]]
    whole = keccak(b"\x04" + rlp_encode([*items, signed]))
    vrs = (
        reply.signature_v,
        int.from_bytes(reply.signature_r, "big"),
        int.from_bytes(reply.signature_s, "big"),
    )
    assert Account._recover_hash(whole, vrs=vrs) == account.address


@pytest.mark.parametrize(
    ("message", "classic", "pro"),
    [
        (delegation(), "Authorization list is empty", None),
        (
            delegation(authorisation(), authorisation()),
            "Only support Self-sponsoring transaction now",
            None,
        ),
        (delegation(authorisation(chain_id=2)), "Authorization chain ID invalid", None),
        (
            delegation(authorisation(nonce=b"\x09")),
            "Authorization nonce invalid",
            "Authority nonce invalid",
        ),
        (
            delegation(authorisation(address="0x" + "12" * 20)),
            "Unregistered delegator address",
            "Authorization address not in registered delegators",
        ),
        (
            delegation(authorisation(address=OKX)),
            "Invalid initial calldata size",
            "Invalid calldata provided",
        ),
        (delegation(authorisation(), to=""), "Safety check failed", "Invalid recipient address"),
        (
            delegation(authorisation(), max_gas_fee=b"\x01" * 16, gas_limit=b"\x01" * 15),
            "Safety check failed",
            "Fee overflow",
        ),
    ],
)
def test_a_delegation_onekey_does_not_take_is_refused_in_its_words(
    message: Any, classic: str, pro: str | None
) -> None:
    for persona, words in (("onekey-classic1s", classic), ("onekey-pro", pro or classic)):
        with pytest.raises(exceptions.TrezorFailure, match=words):
            call(persona, message)


def test_a_delegation_with_the_contracts_own_data_is_taken() -> None:
    data = bytes.fromhex("8129fc1c")
    for persona in ("onekey-classic1s", "onekey-pro"):
        message = delegation(authorisation(address=OKX), data_initial_chunk=data, data_length=4)
        assert call(persona, message).authorization_signatures
