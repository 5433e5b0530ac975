"""Transactions on Ethereum: signatures of genuine firmware, what is asked first, what is refused.

Signatures are judged by the firmware's own vectors and by eth-keys and eth-account, never by the
emulator's code. The vectors need the reference data; they skip without it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils import to_checksum_address
from trezorlib import client as trezor_client
from trezorlib import ethereum, exceptions, mapping, protocol_v1
from trezorlib import messages as m
from trezorlib.models import TrezorModel
from trezorlib.tools import parse_path, unharden
from trezorlib.transport import get_transport

from emulator.device.ethereum import newer_messages
from emulator.device.ethereum.development import signed_definition
from emulator.device.server import DeviceEmulator

pytestmark = pytest.mark.usefixtures("connected")  # reads end after five seconds

ABANDON = "abandon " * 11 + "about"
PATH = parse_path("m/44h/60h/0h/0/0")
TO = to_checksum_address("0x1d1c328764a41bda0492b66baa30c4a339ff85ef")
FIXTURES = Path("vectors") / "trezor" / "ethereum_fixtures"


def fixture_tests(shared: Path, name: str) -> tuple[str, list[Any]]:
    path = shared / FIXTURES / name
    if not path.is_file():
        pytest.skip(f"no {name} in the reference data")
    data = json.loads(path.read_text())
    return data["setup"]["mnemonic"], data["tests"]


def session_of(device: DeviceEmulator, known: mapping.ProtobufMapping | None = None) -> Any:
    """A session of trezorlib as it is, whatever the vendor; `known` replaces its messages."""
    manifest = trezor_client.AppManifest("tests")
    model = None
    if device.persona.startswith("onekey"):
        messages = known or mapping.DEFAULT_MAPPING
        model = TrezorModel("OneKey", "ONEKEY", (0, 0, 0), ("onekey.so",), (), messages)
    client = protocol_v1.TrezorClientV1(manifest, get_transport(device.path), model=model, mapping=known)
    return client.get_session("")


def newest_session_of(device: DeviceEmulator) -> Any:
    """A session that reads EIP-7702's answers too."""
    known = mapping.ProtobufMapping.from_module(m)
    known.register(newer_messages.EthereumTxRequest)
    return session_of(device, known)


def network_definition(chain_id: int, slip44: int) -> bytes:
    info = m.EthereumNetworkInfo(chain_id=chain_id, slip44=slip44, symbol="FAKE", name="Fake network")
    return signed_definition(info)


def definitions_of(parameters: Any) -> Any:
    """A definition of the case's own network, as the firmware's tests bring one."""
    if not parameters.get("fake_defs", True):
        return m.EthereumDefinitions()
    slip44 = unharden(parse_path(parameters["path"])[1])
    return m.EthereumDefinitions(encoded_network=network_definition(parameters["chain_id"], slip44))


def sign_legacy(session: Any, parameters: Any, **more: Any) -> Any:
    return ethereum.sign_tx(
        session,
        n=parse_path(parameters["path"]),
        nonce=int(parameters["nonce"], 16),
        gas_price=int(parameters["gas_price"], 16),
        gas_limit=int(parameters["gas_limit"], 16),
        to=parameters["to_address"],
        chain_id=parameters["chain_id"],
        value=int(parameters["value"], 16),
        tx_type=parameters["tx_type"],
        data=bytes.fromhex(parameters["data"]),
        **more,
    )


def sign_eip1559(session: Any, parameters: Any, **more: Any) -> Any:
    return ethereum.sign_tx_eip1559(
        session,
        n=parse_path(parameters["path"]),
        nonce=int(parameters["nonce"], 16),
        gas_limit=int(parameters["gas_limit"], 16),
        max_gas_fee=int(parameters["max_gas_fee"], 16),
        max_priority_fee=int(parameters["max_priority_fee"], 16),
        to=parameters["to_address"],
        chain_id=parameters["chain_id"],
        value=int(parameters["value"], 16),
        data=bytes.fromhex(parameters["data"]),
        **more,
    )


def assert_signature(signature: Any, result: Any, name: str) -> None:
    v, r, s = signature
    assert (v, r.hex(), s.hex()) == (result["sig_v"], result["sig_r"], result["sig_s"]), name


LEGACY_VECTORS = (
    "sign_tx.json",
    "sign_tx_eip155.json",
    "sign_tx_erc20.json",
    "sign_tx_clear_signing.json",
    "sign_tx_staking.json",
    "sign_tx_external_definitions.json",
)


@pytest.mark.parametrize("name", LEGACY_VECTORS)
def test_signatures_equal_the_firmwares(shared_dir: Path, name: str) -> None:
    mnemonic, tests = fixture_tests(shared_dir, name)
    with DeviceEmulator(mode="auto", mnemonic=mnemonic) as device:
        session = session_of(device)
        for test in tests:
            signature = sign_legacy(
                session, test["parameters"], definitions=definitions_of(test["parameters"])
            )
            assert_signature(signature, test["result"], test["name"])
    assert tests


@pytest.mark.parametrize("name", ["sign_tx_eip1559.json", "sign_tx_staking_eip1559.json"])
def test_signatures_since_eip1559_equal_the_firmwares(shared_dir: Path, name: str) -> None:
    mnemonic, tests = fixture_tests(shared_dir, name)
    with DeviceEmulator(mode="auto", mnemonic=mnemonic) as device:
        session = session_of(device)
        for test in tests:
            signature = sign_eip1559(
                session, test["parameters"], definitions=definitions_of(test["parameters"])
            )
            assert_signature(signature, test["result"], test["name"])
    assert tests


@pytest.mark.parametrize("name", ["sign_tx_error.json", "sign_tx_staking_data_error.json"])
def test_what_the_firmware_refuses_is_refused(shared_dir: Path, name: str) -> None:
    mnemonic, tests = fixture_tests(shared_dir, name)
    with DeviceEmulator(mode="auto", mnemonic=mnemonic) as device:
        session = session_of(device)
        for test in tests:
            with pytest.raises(exceptions.TrezorFailure, match="DataError"):
                sign_legacy(session, test["parameters"])
    assert tests


# The C firmware signs the same transactions, but for those only core models understand.


@pytest.mark.parametrize("name", [*LEGACY_VECTORS[:5], "sign_tx_eip1559.json"])
def test_trezor_one_signs_the_same(shared_dir: Path, name: str) -> None:
    mnemonic, tests = fixture_tests(shared_dir, name)
    sign = sign_eip1559 if "eip1559" in name else sign_legacy
    with DeviceEmulator(mode="auto", mnemonic=mnemonic, persona="trezor-one") as device:
        session = session_of(device)
        for test in tests:
            if "T1B1" in test.get("skip_models", []) or "t1" in test.get("skip_models", []):
                continue
            signature = sign(session, test["parameters"], definitions=definitions_of(test["parameters"]))
            assert_signature(signature, test["result"], test["name"])


# EIP-7702: trezorlib has no field for it yet, so the message is built here.


def delegation(session: Any, parameters: Any, nonce: int, to: str, **more: Any) -> Any:
    def number(key: str) -> bytes:
        value = parameters.get(key, 0)
        return value.to_bytes((value.bit_length() + 7) // 8, "big")

    request = newer_messages.EthereumSignTxEIP1559(
        address_n=parse_path(parameters["path"]),
        nonce=nonce.to_bytes((nonce.bit_length() + 7) // 8, "big"),
        max_gas_fee=number("max_gas_fee"),
        max_priority_fee=number("max_priority_fee"),
        gas_limit=number("gas_limit"),
        to=to,
        value=number("value"),
        data_length=len(bytes.fromhex(parameters.get("data", ""))),
        data_initial_chunk=bytes.fromhex(parameters.get("data", "")),
        chain_id=parameters["chain_id"],
        auth7702=newer_messages.EthereumAuth7702(delegate=parameters["delegate"]),
        **more,
    )
    return session.call(request, expect=newer_messages.EthereumTxRequest)


def allow_delegation(session: Any, *, unsafe: bool) -> None:
    level = m.SafetyCheckLevel.PromptTemporarily if unsafe else m.SafetyCheckLevel.Strict
    session.call(m.ApplySettings(experimental_features=True, safety_checks=level), expect=m.Success)


def is_revocation(parameters: Any) -> bool:
    return int(parameters["delegate"], 16) == 0


def test_delegations_equal_the_firmwares(shared_dir: Path) -> None:
    mnemonic, tests = fixture_tests(shared_dir, "sign_auth_eip7702.json")
    for test in tests:
        parameters, result = test["parameters"], test["result"]
        with DeviceEmulator(mode="auto", mnemonic=mnemonic) as device:
            session = newest_session_of(device)
            to = ethereum.get_address(session, parse_path(parameters["path"]))
            more = {"definitions": definitions_of(parameters)}
            nonce = parameters["tuple_nonce"] - 1
            with pytest.raises(exceptions.TrezorFailure, match="Experimental features are disabled"):
                delegation(session, parameters, nonce, to, **more)
            allow_delegation(session, unsafe=False)
            if not is_revocation(parameters):
                with pytest.raises(exceptions.TrezorFailure, match="strict safety checks"):
                    delegation(session, parameters, nonce, to, **more)
                allow_delegation(session, unsafe=True)
            items = delegation(session, parameters, nonce, to, **more).auth7702_list[0].items
        numbers = [int.from_bytes(items[i], "big") for i in (0, 2, 3)]
        assert numbers == [parameters["chain_id"], parameters["tuple_nonce"], result["sig_v"]]
        assert [items[4].hex(), items[5].hex()] == [result["sig_r"], result["sig_s"]]
        assert items[1].hex() == parameters["delegate"][2:].lower()


def test_delegations_the_firmware_refuses_are_refused_with_its_words(shared_dir: Path) -> None:
    mnemonic, tests = fixture_tests(shared_dir, "sign_auth_eip7702_errors.json")
    with DeviceEmulator(mode="auto", mnemonic=mnemonic) as device:
        session = newest_session_of(device)
        allow_delegation(session, unsafe=True)
        for test in tests:
            parameters = test["parameters"]
            more = {}
            if parameters.get("payment_req"):
                more["payment_req"] = m.PaymentRequest(recipient_name="Fake name", signature=b"FAKE SIG")
            with pytest.raises(exceptions.TrezorFailure, match=test["result"]["error"]):
                nonce = parameters["tuple_nonce"] - 1
                delegation(session, parameters, nonce, parameters["to_address"], **more)


def test_mainnet_delegations_equal_the_firmwares(shared_dir: Path) -> None:
    mnemonic, tests = fixture_tests(shared_dir, "sign_tx_eip7702_mainnet.json")
    for test in tests:
        parameters = test["parameters"]
        with DeviceEmulator(mode="auto", mnemonic=mnemonic) as device:
            session = newest_session_of(device)
            allow_delegation(session, unsafe=not is_revocation(parameters))
            reply = delegation(session, parameters, parameters["nonce"], parameters["to_address"])
        found = [[item.hex() for item in entry.items] for entry in reply.auth7702_list]
        assert found == test["result"]["auth7702_list_hex"]
        signed = test["result"]["tx_bytes_hex"]
        assert signed.endswith(reply.signature_s.hex())
        assert reply.signature_r.hex() in signed


# The same transactions, signed by others


LEGACY_TX = {"nonce": 7, "gasPrice": 20 * 10**9, "gas": 21_000, "to": TO, "value": 10**18, "chainId": 1}
EIP1559_TX = {
    "nonce": 7,
    "maxFeePerGas": 40 * 10**9,
    "maxPriorityFeePerGas": 10**9,
    "gas": 90_000,
    "to": TO,
    "value": 10**18,
    "chainId": 1,
}
LONG_DATA = bytes(range(256)) * 16 + b"!!!"
KEY = "0x" + "11" * 32
TRANSACTIONS = {
    "ether": LEGACY_TX,
    "no value, no price": {**LEGACY_TX, "value": 0, "gasPrice": 0, "nonce": 0},
    "data of one small byte": {**LEGACY_TX, "data": b"\x05"},
    "data of one large byte": {**LEGACY_TX, "data": b"\x85"},
    "data in pieces": {**LEGACY_TX, "data": LONG_DATA},
    "contract creation": {**LEGACY_TX, "to": "", "data": LONG_DATA[:1500]},
    "chain that fills v": {**LEGACY_TX, "chainId": (0xFFFF_FFFF - 36) // 2},
    "chain that does not fit v": {**LEGACY_TX, "chainId": (0xFFFF_FFFF - 36) // 2 + 1},
    "eip1559": EIP1559_TX,
    "eip1559 with data": {**EIP1559_TX, "data": LONG_DATA},
    "eip1559 creation": {**EIP1559_TX, "to": "", "data": b"\x60\x00"},
    "access list": {
        **EIP1559_TX,
        "accessList": [
            {"address": TO, "storageKeys": [KEY, "0x" + "00" * 32]},
            {"address": "0x" + "22" * 20, "storageKeys": []},
        ],
    },
}


def host_arguments(transaction: Any) -> Any:
    """The transaction as trezorlib takes it."""
    found = {
        "n": PATH,
        "nonce": transaction["nonce"],
        "gas_limit": transaction["gas"],
        "to": transaction["to"],
        "value": transaction["value"],
        "chain_id": transaction["chainId"],
        "data": transaction.get("data", b""),
    }
    if "gasPrice" in transaction:
        return {**found, "gas_price": transaction["gasPrice"]}
    return {
        **found,
        "max_gas_fee": transaction["maxFeePerGas"],
        "max_priority_fee": transaction["maxPriorityFeePerGas"],
        "access_list": [
            m.EthereumAccessList(
                address=entry["address"],
                storage_keys=[bytes.fromhex(key[2:]) for key in entry["storageKeys"]],
            )
            for entry in transaction.get("accessList", [])
        ],
    }


def sign(session: Any, transaction: Any, **more: Any) -> tuple[int, bytes, bytes]:
    call = ethereum.sign_tx if "gasPrice" in transaction else ethereum.sign_tx_eip1559
    v, r, s = call(session, **{**host_arguments(transaction), **more})
    return v, r, s


def signed_by_others(transaction: Any) -> tuple[int, bytes, bytes]:
    """The signature eth-account makes with the same key (both are deterministic)."""
    Account.enable_unaudited_hdwallet_features()
    account = Account.from_mnemonic(ABANDON, account_path="m/44'/60'/0'/0/0")
    signed = account.sign_transaction(transaction)
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro"])
def test_every_make_signs_what_other_wallets_sign(persona: str) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session = session_of(device)
        for name, transaction in TRANSACTIONS.items():
            assert sign(session, transaction) == signed_by_others(transaction), name
