"""Ethereum messages and hashes of typed data, signed and verified by every device over UDP."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from trezorlib import ethereum, exceptions, mapping, models
from trezorlib import messages as m
from trezorlib.tools import parse_path

from emulator.device.ethereum import onekey_messages
from emulator.device.server import DeviceEmulator

ALL = "all " * 11 + "all"
PATH = "m/44h/60h/0h/0/0"
ADDRESS = "0x73d0385F4d8E00C5e6504C6030F47BF6212736A8"  # of ALL at PATH
PERSONAS = ("trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro")
HASHING = ("trezor-one", "onekey-classic1s", "onekey-pro")
DOMAIN_HASH, MESSAGE_HASH = b"\x01" * 32, b"\x02" * 32


def fixture_cases(shared_dir: Path, name: str) -> Any:
    path = shared_dir / "vectors" / "trezor" / "ethereum_fixtures" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no {name}.json in the reference data")
    return json.loads(path.read_text())["tests"]


@pytest.mark.parametrize("persona", PERSONAS)
def test_messages_of_the_fixtures_are_signed_to_the_byte(
    shared_dir: Path, opened: Callable[..., Any], persona: str
) -> None:
    _, session = opened(persona)
    signed = 0
    for case in fixture_cases(shared_dir, "signmessage"):
        asked = case["parameters"]
        answer = ethereum.sign_message(session, parse_path(asked["path"]), asked["msg"])
        assert (answer.address, answer.signature.hex()) == (case["result"]["address"], case["result"]["sig"])
        signed += 1
    assert signed == 9


@pytest.mark.parametrize("persona", PERSONAS)
def test_messages_of_the_fixtures_are_verified(
    shared_dir: Path, opened: Callable[..., Any], persona: str
) -> None:
    _, session = opened(persona)
    verified = 0
    for case in fixture_cases(shared_dir, "verifymessage"):
        asked = case["parameters"]
        assert ethereum.verify_message(session, asked["address"], bytes.fromhex(asked["sig"]), asked["msg"])
        verified += 1
    assert verified == 8


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize(
    "message", [b"", b"hello", b"two\nlines", "Ünïcode".encode(), b"\xff\x00", b"x" * 1000]
)
def test_a_signed_message_is_its_addresses_own(
    opened: Callable[..., Any], persona: str, message: bytes
) -> None:
    _, session = opened(persona)
    answer = ethereum.sign_message(session, parse_path(PATH), message)
    assert answer.address == ADDRESS
    recovered = Account.recover_message(encode_defunct(message), signature=answer.signature)
    assert recovered == ADDRESS
    assert ethereum.verify_message(session, ADDRESS, answer.signature, message)
    assert not ethereum.verify_message(session, ADDRESS, answer.signature, message + b"!")
    assert not ethereum.verify_message(session, ADDRESS[:-1] + "9", answer.signature, message)
    assert not ethereum.verify_message(session, ADDRESS, answer.signature[:-1] + b"\x02", message)


def names_and_codes(device: DeviceEmulator) -> list[tuple[str, str]]:
    return [(screen.name, m.ButtonRequestType(screen.button_code).name) for screen in device.screens]


@pytest.mark.parametrize(
    ("persona", "message", "asked"),
    [
        ("trezor-core", b"hello", [("sign_message", "Other")] * 2),
        ("trezor-core", b"x" * 1024, [("sign_message", "Other")] * 3),
        ("trezor-one", b"hello", [("sign_message", "Other")] * 2),
        ("trezor-one", b"", [("sign_message", "Other")] * 2),
        ("trezor-one", b"x" * 73, [("sign_message", "Other")] * 3),
        ("trezor-one", b"\x00" * 33, [("sign_message", "Other")] * 3),
        ("onekey-classic1s", b"hello", [("sign_message", "ProtectCall")] * 3),
        ("onekey-pro", b"hello", [("sign_message", "Other")]),
    ],
)
def test_a_message_is_asked_about_as_the_firmware_does(
    opened: Callable[..., Any], persona: str, message: bytes, asked: list[tuple[str, str]]
) -> None:
    device, session = opened(persona)
    ethereum.sign_message(session, parse_path(PATH), message)
    assert names_and_codes(device) == asked
    assert any(ADDRESS in screen.lines for screen in device.screens)


@pytest.mark.parametrize(
    ("persona", "asked"),
    [
        ("trezor-core", ["Other", "Other", "Success"]),
        ("trezor-one", ["Other", "Other", "Other"]),
        ("onekey-classic1s", ["ProtectCall", "ProtectCall", "ProtectCall", "Other"]),
        ("onekey-pro", ["Other", "Success"]),
    ],
)
def test_a_verified_message_is_shown_and_then_its_validity(
    opened: Callable[..., Any], persona: str, asked: list[str]
) -> None:
    device, session = opened(persona)
    signature = ethereum.sign_message(session, parse_path(PATH), "hello").signature
    before = len(device.screens)
    assert ethereum.verify_message(session, ADDRESS, signature, "hello")
    assert [code for _, code in names_and_codes(device)[before:]] == asked
    assert "The signature is valid." in device.screens[-1].text


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_wrong_signature_shows_nothing(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona)
    assert not ethereum.verify_message(session, ADDRESS, b"\x11" * 64 + b"\x1b", "hello")
    assert device.screens == ()


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("path", ["m/84h/0h/0h/0/0", "m/44h/60h", "m", "m/44h/60h/0/0/0"])
def test_forbidden_paths_sign_no_message(opened: Callable[..., Any], persona: str, path: str) -> None:
    device, session = opened(persona)
    with pytest.raises(exceptions.TrezorFailure, match="Forbidden key path"):
        ethereum.sign_message(session, parse_path(path), "hello")
    assert device.screens == ()


@pytest.mark.parametrize("persona", PERSONAS)
def test_no_to_any_announced_question_signs_nothing(opened: Callable[..., Any], persona: str) -> None:
    """NO to the first question ends the request on every device."""
    device, session = opened(persona, "scripted")
    session.client.app.button_callback = lambda _request: device.press_no()
    with pytest.raises(exceptions.Cancelled):
        ethereum.sign_message(session, parse_path(PATH), "hello")
    assert len(device.screens) == 1


@pytest.mark.parametrize(
    ("request_message", "text"),
    [
        (m.EthereumVerifyMessage(address=ADDRESS, signature=b"\x11" * 64, message=b""), "Invalid signature"),
        (m.EthereumVerifyMessage(address=ADDRESS, signature=b"\x11" * 66, message=b""), "Invalid signature"),
        (m.EthereumSignTypedHash(address_n=[], domain_separator_hash=b""), "Unexpected message"),
    ],
)
def test_core_refuses_with_its_words(opened: Callable[..., Any], request_message: Any, text: str) -> None:
    _, session = opened("trezor-core")
    with pytest.raises(exceptions.TrezorFailure, match=text):
        session.call(request_message)


@pytest.mark.parametrize("persona", ["trezor-one", "onekey-classic1s"])
@pytest.mark.parametrize(
    ("address", "signature", "words"),
    [
        (ADDRESS, b"\x11" * 64, "Malformed signature"),
        (ADDRESS[:-1], b"\x11" * 64 + b"\x1b", "Malformed address"),
        (ADDRESS[:-1] + "z", b"\x11" * 64 + b"\x1b", "Malformed address"),
    ],
)
def test_the_c_firmwares_report_what_is_malformed_twice(
    opened: Callable[..., Any], persona: str, address: str, signature: bytes, words: str
) -> None:
    _, session = opened(persona)
    with session:
        first = session.call_raw(m.EthereumVerifyMessage(address=address, signature=signature, message=b""))
        second = session.read(timeout=2)
    assert (first.code, first.message) == (m.FailureType.DataError, words)
    assert (second.code, second.message) == (m.FailureType.DataError, "Invalid signature")


@pytest.mark.parametrize("persona", ["trezor-one", "onekey-classic1s"])
@pytest.mark.parametrize("v", [0, 27])
def test_the_c_firmwares_take_a_recovery_id_without_its_offset(
    opened: Callable[..., Any], persona: str, v: int
) -> None:
    _, session = opened(persona)
    signature = ethereum.sign_message(session, parse_path(PATH), "hello").signature
    shifted = signature[:-1] + bytes([signature[-1] - 27 + v])
    assert ethereum.verify_message(session, ADDRESS, shifted, "hello")


# Hashes of typed data


@pytest.mark.parametrize("persona", HASHING)
def test_hashes_of_the_fixtures_are_signed_to_the_byte(
    shared_dir: Path, opened: Callable[..., Any], persona: str
) -> None:
    _, session = opened(persona)
    for case in fixture_cases(shared_dir, "sign_typed_data"):
        asked = case["parameters"]
        message_hash = asked["message_hash"] and ethereum.decode_hex(asked["message_hash"])
        answer = ethereum.sign_typed_data_hash(
            session,
            parse_path(asked["path"]),
            ethereum.decode_hex(asked["domain_separator_hash"]),
            message_hash or None,
        )
        assert (answer.address, f"0x{answer.signature.hex()}") == (
            case["result"]["address"],
            case["result"]["sig"],
        )


@pytest.mark.parametrize(
    ("persona", "message_hash", "asked"),
    [
        ("trezor-one", MESSAGE_HASH, ["ProtectCall", "Other", "Other", "Other"]),
        ("trezor-one", None, ["ProtectCall", "Other", "Other"]),
        ("onekey-classic1s", MESSAGE_HASH, ["SignTx"] * 5),
        ("onekey-classic1s", None, ["SignTx"] * 4),
        ("onekey-pro", MESSAGE_HASH, ["ProtectCall", "Other"]),
    ],
)
def test_both_hashes_are_shown_before_they_are_signed(
    opened: Callable[..., Any], persona: str, message_hash: bytes | None, asked: list[str]
) -> None:
    device, session = opened(persona)
    ethereum.sign_typed_data_hash(session, parse_path(PATH), DOMAIN_HASH, message_hash)
    assert [code for _, code in names_and_codes(device)] == asked
    shown = "\n".join(screen.text for screen in device.screens)
    assert DOMAIN_HASH.hex() in shown
    assert message_hash is None or message_hash.hex() in shown


@pytest.mark.parametrize("persona", ["trezor-one", "onekey-classic1s"])
@pytest.mark.parametrize(
    ("domain", "message"),
    [(DOMAIN_HASH[:-1], MESSAGE_HASH), (DOMAIN_HASH, MESSAGE_HASH[:-1]), (DOMAIN_HASH, b""), (b"", None)],
)
def test_hashes_of_another_length_are_refused(
    opened: Callable[..., Any], persona: str, domain: bytes, message: bytes | None
) -> None:
    device, session = opened(persona)
    with pytest.raises(exceptions.TrezorFailure, match="Invalid hash length"):
        ethereum.sign_typed_data_hash(session, parse_path(PATH), domain, message)
    assert device.screens == ()


# OneKey's own messages


@pytest.mark.parametrize("persona", ["onekey-classic1s", "onekey-pro"])
def test_onekeys_own_messages_sign_the_same(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    path = parse_path(PATH)
    stock = ethereum.sign_message(session, path, b"hello")
    own = session.call(onekey_messages.EthereumSignMessageOneKey(address_n=path, message=b"hello"))
    assert (own.signature, own.address) == (stock.signature, stock.address)
    verified = session.call(
        onekey_messages.EthereumVerifyMessageOneKey(
            address=own.address, signature=own.signature, message=b"hello", chain_id=1
        )
    )
    assert isinstance(verified, m.Success)
    hashed = session.call(
        onekey_messages.EthereumSignTypedHashOneKey(
            address_n=path, domain_separator_hash=DOMAIN_HASH, message_hash=MESSAGE_HASH
        )
    )
    expected = ethereum.sign_typed_data_hash(session, path, DOMAIN_HASH, MESSAGE_HASH)
    assert hashed.signature == expected.signature


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_trezors_know_none_of_onekeys_messages(connected: Callable[..., Any], persona: str) -> None:
    extended = mapping.ProtobufMapping.from_module(m)
    extended.register(onekey_messages.EthereumSignMessageOneKey)
    stock = models.T2T1 if persona == "trezor-core" else models.T1B1
    model = models.TrezorModel(
        stock.name, stock.internal_name, stock.minimum_version, stock.vendors, stock.usb_ids, extended
    )
    with DeviceEmulator(mnemonic=ALL, mode="auto", persona=persona) as device:
        session = connected(device, model).get_session("")
        request = onekey_messages.EthereumSignMessageOneKey(address_n=parse_path(PATH), message=b"hello")
        with pytest.raises(exceptions.TrezorFailure, match="message"):
            session.call(request)


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_lying_device_signs_with_another_key(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona)
    device.set_faults({"wrong_key_signature": True})
    answer = ethereum.sign_message(session, parse_path(PATH), b"hello")
    recovered = Account.recover_message(encode_defunct(b"hello"), signature=answer.signature)
    assert answer.address == ADDRESS != recovered


def test_a_long_message_is_read_in_full_on_demand(opened: Callable[..., Any]) -> None:
    device, session = opened("trezor-core", "scripted")

    def press(_request: Any) -> None:
        device.press_info() if device.wait_for_screen().info else device.press_yes()

    session.client.app.button_callback = press
    ethereum.sign_message(session, parse_path(PATH), "line\n" * 50)
    assert device.screens[-1].lines == ("line",) * 50


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("definition", [b"", b"trzd1" + bytes(80)])
def test_a_network_definition_that_is_none_is_refused(
    opened: Callable[..., Any], persona: str, definition: bytes
) -> None:
    device, session = opened(persona)
    path = parse_path("m/44h/9999h/0h/0/0")
    request = m.EthereumSignMessage(address_n=path, message=b"hello", encoded_network=definition)
    with pytest.raises(exceptions.TrezorFailure, match=r"[dD]efinition"):
        session.call(request)
    assert device.screens == ()


def test_onekey_pro_signs_at_most_8192_bytes(opened: Callable[..., Any]) -> None:
    _, session = opened("onekey-pro")
    assert ethereum.sign_message(session, parse_path(PATH), b"x" * 8192).address == ADDRESS
    with pytest.raises(exceptions.TrezorFailure) as refusal:
        ethereum.sign_message(session, parse_path(PATH), b"x" * 8193)
    assert refusal.value.code == m.FailureType.FirmwareError


@pytest.mark.parametrize(("persona", "limit"), [("trezor-one", 1024), ("onekey-classic1s", 5120)])
def test_the_c_firmwares_sign_what_their_buffer_holds(
    opened: Callable[..., Any], persona: str, limit: int
) -> None:
    _, session = opened(persona)
    assert ethereum.sign_message(session, parse_path(PATH), b"x" * limit).address == ADDRESS
    with pytest.raises(exceptions.TrezorFailure, match="bytes overflow"):
        ethereum.sign_message(session, parse_path(PATH), b"x" * (limit + 1))
