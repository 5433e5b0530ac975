"""Features, sessions, keys, addresses and messages over real UDP sockets with stock trezorlib."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from trezorlib import btc, exceptions, mapping, models
from trezorlib import messages as m
from trezorlib.client import PassphraseSetting
from trezorlib.protobuf import Field
from trezorlib.tools import parse_path

from emulator.device.server import DeviceEmulator

ABANDON = "abandon " * 11 + "about"
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT

# The test vectors of BIP84 and BIP86
KNOWN_ADDRESSES = [
    ("m/84h/0h/0h/0/0", WITNESS, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
    ("m/84h/0h/0h/0/1", WITNESS, "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"),
    ("m/84h/0h/0h/1/0", WITNESS, "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"),
    ("m/86h/0h/0h/0/0", TAPROOT, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
    ("m/86h/0h/0h/0/1", TAPROOT, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"),
    ("m/86h/0h/0h/1/0", TAPROOT, "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"),
]
BIP84_ZPUB = (
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mG"
    "DtKsAYz2oz2AGutZYs"
)
BIP86_XPUB = (
    "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yf"
    "dDEHGCtMMj92pReUsQ"
)

ONEKEY = models.TrezorModel("1", "ONEKEY", (0, 0, 0), ("onekey.so", "trezor.io"), (), mapping.DEFAULT_MAPPING)


@pytest.mark.parametrize(("path", "kind", "address"), KNOWN_ADDRESSES)
def test_addresses_are_those_of_bip84_and_bip86(bench: Any, path: str, kind: Any, address: str) -> None:
    assert btc.get_address(bench.session, "Bitcoin", parse_path(path), script_type=kind) == address


@pytest.mark.parametrize(
    ("path", "kind", "xpub"),
    [("m/84h/0h/0h", WITNESS, BIP84_ZPUB), ("m/86h/0h/0h", TAPROOT, BIP86_XPUB)],
)
def test_public_keys_are_those_of_bip84_and_bip86(bench: Any, path: str, kind: Any, xpub: str) -> None:
    node = btc.get_public_node(bench.session, parse_path(path), coin_name="Bitcoin", script_type=kind)
    assert node.xpub == xpub
    assert f"{node.root_fingerprint:08x}" == "73c5da0a" == bench.device.root_fingerprint
    assert bench.session.get_root_fingerprint().hex() == "73c5da0a"


def test_shown_address_is_on_the_screen_in_full_with_its_path(bench: Any) -> None:
    address = bench.address(WITNESS, show=True)
    assert address.startswith("bcrt1q")
    screen = bench.device.screens[-1]
    assert screen.lines[0] == address
    assert "m/84'/1'/0'/0/0" in screen.lines


def test_silent_address_shows_nothing(bench: Any) -> None:
    bench.address(WITNESS)
    assert bench.device.screens == ()


def test_features_are_a_current_trezor_model_t(bench: Any) -> None:
    features = bench.client.features
    assert (features.vendor, features.model, features.internal_model) == ("trezor.io", "T", "T2T1")
    assert features.label == "bench"
    assert features.initialized
    assert bench.client.model is models.T2T1
    assert not bench.client.is_outdated()


def test_onekey_persona_is_refused_by_stock_trezorlib_and_works_with_its_model(
    connected: Callable[..., Any],
) -> None:
    with DeviceEmulator(mnemonic=ABANDON, mode="auto", persona="onekey-classic1s") as device:
        with pytest.raises(exceptions.TrezorException, match="Unrecognized vendor"):
            connected(device).get_session("")
        client = connected(device, ONEKEY)
        address = btc.get_address(
            client.get_session(""), "Bitcoin", parse_path("m/84h/0h/0h/0/0"), script_type=WITNESS
        )
        assert address == KNOWN_ADDRESSES[0][2]
        assert client.version == (2, 99, 99)


def test_onekey_persona_carries_its_own_feature_fields(connected: Callable[..., Any]) -> None:
    # Copies: trezorlib writes the owning class into every field of a subclass, also into shared ones.
    stock = {tag: copy.copy(field) for tag, field in m.Features.FIELDS.items()}

    class OneKeyFeatures(m.Features):  # type: ignore[misc]
        FIELDS = stock | {
            508: _field("onekey_version", "string"),
            600: _field("onekey_device_type", "uint32"),
            612: _field("onekey_serial_no", "string"),
        }

    extended = mapping.ProtobufMapping.from_module(m)
    extended.register(OneKeyFeatures)
    model = models.TrezorModel("1", "ONEKEY", (0, 0, 0), ("onekey.so",), (), extended)
    with DeviceEmulator(mnemonic=ABANDON, persona="onekey-classic1s") as device:
        client = connected(device, model)
        features = client.features
    assert features.onekey_version == "3.12.0"
    assert features.onekey_device_type == 1
    assert features.onekey_serial_no


def _field(name: str, proto_type: str) -> Any:
    return Field(name, proto_type)


def test_a_passphrase_opens_another_wallet_and_the_first_stays_open(connected: Callable[..., Any]) -> None:
    with DeviceEmulator(mnemonic=ABANDON, mode="auto", passphrase_protection=True) as device:
        client = connected(device)
        plain = client.get_session("")
        hidden = client.get_session("TREZOR")
        assert plain.get_root_fingerprint().hex() == "73c5da0a"
        assert hidden.get_root_fingerprint().hex() == "b4e3f5ed"
        path = parse_path("m/84h/0h/0h/0/0")
        for session, expected in ((plain, True), (hidden, False), (plain, True)):
            address = btc.get_address(session, "Bitcoin", path, script_type=WITNESS)
            assert (address == KNOWN_ADDRESSES[0][2]) is expected
        assert "TREZOR" in device.screens[-1].text


def test_a_passphrase_may_be_typed_on_the_device(connected: Callable[..., Any]) -> None:
    with DeviceEmulator(
        mnemonic=ABANDON, mode="auto", passphrase_protection=True, typed_passphrase="TREZOR"
    ) as device:
        session = connected(device).get_session(PassphraseSetting.ON_DEVICE)
        assert session.get_root_fingerprint().hex() == "b4e3f5ed"


@pytest.mark.parametrize("length", [50, 51])
def test_passphrases_are_limited_to_50_bytes(connected: Callable[..., Any], length: int) -> None:
    with DeviceEmulator(mnemonic=ABANDON, mode="auto", passphrase_protection=True) as device:
        client = connected(device)
        if length <= 50:
            assert client.get_session("x" * length)
            return
        with pytest.raises(exceptions.TrezorFailure, match="Maximum passphrase length is 50 bytes"):
            client.get_session("x" * length)


def test_eleven_sessions_displace_the_first(connected: Callable[..., Any]) -> None:
    with DeviceEmulator(mnemonic=ABANDON, mode="auto", passphrase_protection=True) as device:
        client = connected(device)
        sessions = [client.get_session(f"p{number}") for number in range(11)]
        assert sessions[10].get_root_fingerprint()
        with pytest.raises(exceptions.InvalidSessionError):
            btc.get_address(sessions[0], "Bitcoin", parse_path("m/84h/0h/0h/0/0"), script_type=WITNESS)


def test_an_ended_session_is_refused(bench: Any) -> None:
    bench.session.call(m.EndSession(), expect=m.Success)
    with pytest.raises(exceptions.InvalidSessionError):
        bench.address(WITNESS)


def test_an_empty_device_says_so_and_can_be_loaded_and_wiped(connected: Callable[..., Any]) -> None:
    with DeviceEmulator(mode="auto") as device:
        client = connected(device)
        session = client.get_session(None)
        assert not client.features.initialized
        with pytest.raises(exceptions.TrezorFailure, match="Device is not initialized"):
            client.get_session("")
        session.call(m.LoadDevice(mnemonics=[ABANDON], label="loaded"), expect=m.Success)
        client.refresh_features()
        assert client.features.label == "loaded"
        assert client.get_session("").get_root_fingerprint().hex() == "73c5da0a"
        with pytest.raises(exceptions.TrezorFailure, match="Already initialized"):
            session.call(m.LoadDevice(mnemonics=[ABANDON]))
        before = client.features.device_id
        session.call(m.WipeDevice(), expect=m.Success)
        client.refresh_features()
        assert not client.features.initialized
        assert client.features.device_id != before


def test_refuses_to_load_a_mnemonic_with_a_wrong_checksum(connected: Callable[..., Any]) -> None:
    with DeviceEmulator(mode="auto") as device:
        session = connected(device).get_session(None)
        with pytest.raises(exceptions.TrezorFailure, match="Mnemonic is not valid"):
            session.call(m.LoadDevice(mnemonics=["abandon " * 12]))


@pytest.mark.parametrize("text", ["", "one line", "two\nlines", "Ünïcode", "x" * 3000])
@pytest.mark.parametrize(
    "kind", [WITNESS, m.InputScriptType.SPENDADDRESS, m.InputScriptType.SPENDP2SHWITNESS]
)
def test_signed_messages_verify_and_name_their_script_type(bench: Any, text: str, kind: Any) -> None:
    signed = btc.sign_message(bench.session, "Regtest", bench.path(kind), text, script_type=kind)
    headers = {WITNESS: range(39, 43), m.InputScriptType.SPENDADDRESS: range(31, 35)}
    assert signed.signature[0] in headers.get(kind, range(35, 39))
    assert signed.address == bench.address(kind)
    assert btc.verify_message(bench.session, "Regtest", signed.address, signed.signature, text)
    assert not btc.verify_message(bench.session, "Regtest", signed.address, signed.signature, text + "!")
    other = bench.address(kind, "0/1")
    assert not btc.verify_message(bench.session, "Regtest", other, signed.signature, text)


def test_message_screens_show_address_and_every_line(bench: Any) -> None:
    text = "\n".join(f"line {number}" for number in range(20))
    signed = btc.sign_message(bench.session, "Regtest", bench.path(WITNESS), text, script_type=WITNESS)
    address, message = bench.device.screens[-2:]
    assert signed.address in address.lines
    assert message.lines == tuple(text.splitlines())
    assert len(message.pages) == 4


def test_refuses_to_sign_a_message_with_taproot(bench: Any) -> None:
    with pytest.raises(exceptions.TrezorFailure, match="Unsupported script type"):
        btc.sign_message(bench.session, "Regtest", bench.path(TAPROOT), "x", script_type=TAPROOT)


@pytest.mark.parametrize(
    ("request_message", "text"),
    [
        (m.GetAddress(address_n=parse_path("m/84h/1h/0h/0/0"), script_type=WITNESS), "Forbidden key path"),
        (m.GetAddress(address_n=[], script_type=WITNESS), "Forbidden key path"),
        (m.GetAddress(address_n=parse_path("m/44h/60h/0h/0/0"), show_display=True), "Forbidden key path"),
        (m.GetAddress(address_n=[1], coin_name="Dogecoin"), "Unsupported coin type"),
        (m.SignMessage(address_n=parse_path("m/84h/2h/0h/0/0"), message=b"x"), "Forbidden key path"),
        (m.ApplySettings(), "No setting provided"),
        (m.ApplySettings(label="x" * 33), "Label too long"),
        (m.ApplySettings(passphrase_always_on_device=True), "Passphrase is not enabled"),
        (m.TxAck(tx=m.TransactionType()), "Unexpected message"),
        (m.ButtonAck(), "Unexpected message"),
    ],
)
def test_refuses_with_the_firmwares_words(bench: Any, request_message: Any, text: str) -> None:
    with pytest.raises(exceptions.TrezorFailure, match=text):
        bench.session.call(request_message)
    assert bench.client.ping("alive") == "alive"


def test_prompting_safety_checks_allow_a_strange_path_after_a_warning(bench: Any) -> None:
    level = m.SafetyCheckLevel.PromptTemporarily
    bench.session.call(m.ApplySettings(safety_checks=level), expect=m.Success)
    path = parse_path("m/44h/60h/0h/0/0")
    assert btc.get_address(bench.session, "Bitcoin", path, show_display=True)
    assert [screen.name for screen in bench.device.screens[-2:]] == ["path_warning", "show_address"]


def test_a_path_that_does_not_fit_the_script_type_is_warned_of(bench: Any) -> None:
    btc.get_address(bench.session, "Regtest", bench.path(WITNESS), show_display=True, script_type=TAPROOT)
    assert [screen.name for screen in bench.device.screens] == ["path_warning", "show_address"]
