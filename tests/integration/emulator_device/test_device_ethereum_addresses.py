"""Ethereum addresses and public keys: whose they are, which paths have none, what is shown.

Addresses are judged by eth-account, vectors by the reference data (they skip without it).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from trezorlib import client as trezor_client
from trezorlib import ethereum, exceptions, mapping, protocol_v1
from trezorlib import messages as m
from trezorlib.models import TrezorModel
from trezorlib.tools import parse_path
from trezorlib.transport import get_transport

from emulator.device.ethereum import onekey_messages
from emulator.device.personas import PERSONAS
from emulator.device.server import DeviceEmulator

pytestmark = pytest.mark.usefixtures("connected")  # reads end after five seconds

ABANDON = "abandon " * 11 + "about"
FIXTURES = Path("vectors") / "trezor" / "ethereum_fixtures"
PATHS = ("m/44h/60h/0h/0/0", "m/44h/60h/2h/0/0", "m/44h/60h/0h/7", "m/44h/60h/3h", "m/45h/60/0/0/1")


def session_of(device: DeviceEmulator, *own_messages: Any, button_callback: Any = None) -> Any:
    """A session of trezorlib, told of a fork's own messages."""
    known = mapping.ProtobufMapping.from_module(m)
    for cls in own_messages:
        known.register(cls)
    model = None
    if device.persona.startswith("onekey"):
        model = TrezorModel("OneKey", "ONEKEY", (0, 0, 0), ("onekey.so",), (), known)
    manifest = trezor_client.AppManifest("tests", button_callback=button_callback)
    client = protocol_v1.TrezorClientV1(manifest, get_transport(device.path), model=model, mapping=known)
    return client.get_session("")


def address_by_others(path: str) -> str:
    Account.enable_unaudited_hdwallet_features()
    return str(Account.from_mnemonic(ABANDON, account_path=path.replace("h", "'")).address)


def fixture_tests(shared: Path, name: str) -> tuple[str, list[Any]]:
    path = shared / FIXTURES / name
    if not path.is_file():
        pytest.skip(f"no {name} in the reference data")
    data = json.loads(path.read_text())
    return data["setup"]["mnemonic"], data["tests"]


@pytest.mark.parametrize("persona", sorted(PERSONAS))
def test_addresses_are_those_other_wallets_derive(persona: str) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session = session_of(device)
        for path in PATHS:
            assert ethereum.get_address(session, parse_path(path)) == address_by_others(path), path


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_addresses_equal_the_firmwares(shared_dir: Path, persona: str) -> None:
    mnemonic, tests = fixture_tests(shared_dir, "getaddress.json")
    with DeviceEmulator(mode="auto", mnemonic=mnemonic, persona=persona) as device:
        session = session_of(device)
        for test in tests:
            path = parse_path(test["parameters"]["path"])
            found = ethereum.get_address(session, path, show_display=True)
            assert found == test["result"]["address"], test["name"]
    assert tests


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_public_keys_equal_the_firmwares(shared_dir: Path, persona: str) -> None:
    mnemonic, tests = fixture_tests(shared_dir, "getpublickey.json")
    with DeviceEmulator(mode="auto", mnemonic=mnemonic, persona=persona) as device:
        session = session_of(device)
        for test in tests:
            found = ethereum.get_public_node(session, parse_path(test["parameters"]["path"]))
            node, result = found.node, test["result"]
            assert found.xpub == result["xpub"], test["name"]
            assert (node.child_num, node.fingerprint) == (result["child_num"], result["fingerprint"])
            assert node.public_key.hex() == result["public_key"]
            assert node.chain_code.hex() == result["chain_code"]
    assert tests


@pytest.mark.parametrize("persona", sorted(PERSONAS))
@pytest.mark.parametrize(
    "path",
    ["m", "m/44h", "m/44h/60h", "m/84h/0h/0h/0/0", "m/44h/60h/0h/2/0", "m/44/60/0/0/0", "m/48h/60h/0h"],
)
def test_a_path_that_is_no_account_has_no_address(persona: str, path: str) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        with pytest.raises(exceptions.TrezorFailure, match="Forbidden key path"):
            ethereum.get_address(session_of(device), parse_path(path))
        assert not device.screens


@pytest.mark.parametrize(
    ("persona", "allowed"), [("trezor-core", False), ("trezor-one", False), ("onekey-classic1s", True)]
)
def test_accounts_above_a_hundred_are_onekeys_alone(persona: str, allowed: bool) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session = session_of(device)
        if allowed:
            assert ethereum.get_address(session, parse_path("m/44h/60h/101h/0/0"))
            return
        with pytest.raises(exceptions.TrezorFailure, match="Forbidden key path"):
            ethereum.get_address(session, parse_path("m/44h/60h/101h/0/0"))


@pytest.mark.parametrize("persona", sorted(PERSONAS))
def test_prompting_safety_checks_ask_about_a_path_and_then_derive_it(persona: str) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session = session_of(device)
        level = m.SafetyCheckLevel.PromptTemporarily
        session.call(m.ApplySettings(safety_checks=level), expect=m.Success)
        path = "m/84h/0h/0h/0/0"
        assert ethereum.get_address(session, parse_path(path)) == address_by_others(path)
        code = device.screens[-1].button_code
        assert code == int(m.ButtonRequestType.UnknownDerivationPath)


def test_rootstock_addresses_carry_their_own_checksum() -> None:
    path = parse_path("m/44h/137h/0h/0/0")
    raw = None
    for persona in ("onekey-classic1s", "onekey-pro"):
        with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
            found = ethereum.get_address(session_of(device), path)
        assert found != Account.from_mnemonic(ABANDON, account_path="m/44'/137'/0'/0/0").address
        assert raw in (None, found)
        raw = found
    assert raw is not None


@pytest.mark.parametrize("persona", ["onekey-classic1s", "onekey-pro"])
def test_onekeys_own_messages_give_the_same_address_and_key(persona: str) -> None:
    own = onekey_messages
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        session = session_of(device, own.EthereumAddressOneKey, own.EthereumPublicKeyOneKey)
        path = parse_path("m/44h/60h/0h/0/0")
        request = own.EthereumGetAddressOneKey(address_n=path, show_display=True, chain_id=1)
        reply = session.call(request, expect=own.EthereumAddressOneKey)
        assert reply.address == ethereum.get_address(session, path)
        request = own.EthereumGetPublicKeyOneKey(address_n=path[:3], show_display=False)
        found = session.call(request, expect=own.EthereumPublicKeyOneKey)
        assert found.xpub == ethereum.get_public_node(session, path[:3]).xpub


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_a_trezor_knows_no_onekey_message(persona: str) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona=persona) as device:
        request = onekey_messages.EthereumGetAddressOneKey(address_n=parse_path("m/44h/60h/0h/0/0"))
        with pytest.raises(exceptions.TrezorFailure) as caught:
            session_of(device).call(request)
        assert caught.value.code == m.FailureType.UnexpectedMessage


@pytest.mark.parametrize("path", ["m", "m/84h/0h/0h"])
def test_trezor_one_gives_ethereum_keys_below_two_purposes_only(path: str) -> None:
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona="trezor-one") as device:
        session = session_of(device)
        with pytest.raises(exceptions.TrezorFailure, match="Invalid path for EthereumGetPublicKey"):
            ethereum.get_public_node(session, parse_path(path))
        assert ethereum.get_public_node(session, parse_path("m/44h/0h/0h")).xpub.startswith("xpub")


def test_only_core_returns_a_mac_and_it_is_that_of_the_path() -> None:
    path = parse_path("m/44h/60h/0h/0/0")
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        session = session_of(device)
        first = ethereum.get_authenticated_address(session, path)
        other = ethereum.get_authenticated_address(session, parse_path("m/44h/60h/0h/0/1"))
    assert len(first.mac) == 32
    assert first.mac != other.mac
    with DeviceEmulator(mode="auto", mnemonic=ABANDON, persona="trezor-one") as device:
        assert ethereum.get_authenticated_address(session_of(device), path).mac is None


def test_no_on_trezor_ones_address_turns_to_the_qr_code_and_yes_ends_it() -> None:
    path = "m/44h/60h/0h/0/0"
    with DeviceEmulator(mode="scripted", mnemonic=ABANDON, persona="trezor-one") as device:

        def press(_request: Any) -> None:
            device.wait_for_screen()
            if len(device.screens) > 2:
                device.press_yes()
            else:
                device.press_no()

        session = session_of(device, button_callback=press)
        assert ethereum.get_address(session, parse_path(path), show_display=True) == address_by_others(path)
        answers = [record.answer.value for record in device.screen_records]
        assert answers == ["rejected", "rejected", "confirmed"]


def test_a_lying_device_shows_one_address_and_returns_another() -> None:
    path = parse_path("m/44h/60h/0h/0/0")
    with DeviceEmulator(mode="auto", mnemonic=ABANDON) as device:
        device.set_faults({"wrong_address": True})
        returned = ethereum.get_address(session_of(device), path, show_display=True)
        assert address_by_others("m/44h/60h/0h/0/0") in device.screens[-1].lines
        assert returned != address_by_others("m/44h/60h/0h/0/0")
