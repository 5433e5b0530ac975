"""EthereumSignTypedData over UDP: the fixtures to the byte, every question, every refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trezorlib import ethereum, exceptions
from trezorlib import messages as m
from trezorlib.tools import parse_path

from emulator.device.ethereum import onekey_messages as onekey
from emulator.device.server import DeviceEmulator
from tests.support.onekey_client import ONEKEY_MODEL
from tests.support.typed_exchange import MAIL, Exchange, single

ALL = "all " * 11 + "all"
PATH = parse_path("m/44h/60h/0h/0/0")
ADDRESS = "0x73d0385F4d8E00C5e6504C6030F47BF6212736A8"
OWN = {"onekey-classic1s", "onekey-pro"}  # who speaks OneKey's messages
WITH_ALL = ["trezor-core", "onekey-pro", "onekey-classic1s"]


def fixtures(shared_dir: Path) -> Any:
    path = shared_dir / "vectors" / "trezor" / "ethereum_fixtures" / "sign_typed_data.json"
    if not path.is_file():
        pytest.skip("no sign_typed_data.json in the reference data")
    return json.loads(path.read_text())["tests"]


@pytest.mark.parametrize("persona", ["trezor-core", "onekey-pro"])
def test_the_fixtures_are_signed_to_the_byte_by_unmodified_trezorlib(
    shared_dir: Path, opened: Callable[..., Any], persona: str
) -> None:
    _, session = opened(persona)
    signed = 0
    for case in fixtures(shared_dir):
        asked = case["parameters"]
        announced = asked.get("show_message_hash")
        answer = ethereum.sign_typed_data(
            session,
            parse_path(asked["path"]),
            asked["data"],
            metamask_v4_compat=asked["metamask_v4_compat"],
            show_message_hash=ethereum.decode_hex(announced) if announced else None,
        )
        assert (answer.address, f"0x{answer.signature.hex()}") == (
            case["result"]["address"],
            case["result"]["sig"],
        )
        signed += 1
    assert signed == 10


@pytest.mark.parametrize("persona", sorted(OWN))
def test_onekeys_own_messages_sign_the_fixtures_to_the_byte(
    shared_dir: Path, opened: Callable[..., Any], persona: str
) -> None:
    _, session = opened(persona)
    for case in fixtures(shared_dir):
        asked = case["parameters"]
        data = ethereum.sanitize_typed_data(asked["data"])
        exchange = Exchange(session, data, own=True, options={"v4": asked["metamask_v4_compat"]})
        answer = exchange.run(parse_path(asked["path"]))
        assert f"0x{answer.signature.hex()}" == case["result"]["sig"], case["name"]
        # Classic 1S leaves the address empty.
        assert answer.address == ("" if persona == "onekey-classic1s" else case["result"]["address"])


# Questions

CORE_MAIL = [
    ("confirm_address", "SignTx"),
    ("confirm_typed_value", "Other"),
    ("should_show_struct", "Other"),
    ("confirm_typed_data_final", "Other"),
]
PRO_MAIL = [
    ("confirm_eip712_warning", "ProtectCall"),
    ("confirm_domain", "ProtectCall"),
    ("should_show_struct", "Other"),
    ("confirm_typed_data_final", "Other"),
]


def names_and_codes(device: DeviceEmulator) -> list[tuple[str, str]]:
    return [(screen.name, m.ButtonRequestType(screen.button_code).name) for screen in device.screens]


@pytest.mark.parametrize(("persona", "asked"), [("trezor-core", CORE_MAIL), ("onekey-pro", PRO_MAIL)])
def test_a_message_that_is_not_looked_into_takes_four_questions(
    opened: Callable[..., Any], persona: str, asked: list[tuple[str, str]]
) -> None:
    device, session = opened(persona)
    ethereum.sign_typed_data(session, PATH, MAIL)
    assert names_and_codes(device) == asked


def test_the_classic_announces_only_the_warning_and_the_last_question(opened: Callable[..., Any]) -> None:
    device, session = opened("onekey-classic1s")
    exchange = Exchange(session, MAIL, own=True)
    assert exchange.run(PATH).signature
    assert exchange.codes == [int(m.ButtonRequestType.ProtectCall)] * 2
    shown = [screen.name for screen in device.screens]
    assert shown == ["typed_data_warning", *["typed_data"] * 4, "typed_data_final"]
    assert "Hello, Bob!" in device.screens[4].text


def test_show_more_leads_through_every_struct_and_value(opened: Callable[..., Any]) -> None:
    device, session = opened("trezor-core", "scripted")

    def press(_request: Any) -> None:
        device.press_info() if device.wait_for_screen().info else device.press_yes()

    session.client.app.button_callback = press
    ethereum.sign_typed_data(session, PATH, MAIL)
    assert [screen.name for screen in device.screens] == [
        "confirm_address",
        "confirm_typed_value",
        "should_show_struct",
        "should_show_struct",
        *["confirm_typed_value"] * 2,
        "should_show_struct",
        *["confirm_typed_value"] * 2,
        "confirm_typed_value",
        "confirm_typed_data_final",
    ]
    texts = "\n".join(screen.text for screen in device.screens)
    for expected in ("Cow", "Bob", "Hello, Bob!", "0xc0004B62C5A39a728e4Af5bee0c6B4a4E54b15ad"):
        assert expected in texts
    assert device.screens[3].title == "Mail.from"
    assert device.screens[0].lines == (ADDRESS.lower(),)


def test_arrays_are_offered_and_shown_element_by_element(opened: Callable[..., Any]) -> None:
    device, session = opened("trezor-core", "scripted")

    def press(_request: Any) -> None:
        device.press_info() if device.wait_for_screen().info else device.press_yes()

    session.client.app.button_callback = press
    ethereum.sign_typed_data(session, PATH, single("uint8[]", [7, 8]))
    offered = next(screen for screen in device.screens if screen.name == "should_show_array")
    assert offered.lines == ("Array of 2 uint8s",)
    values = [screen.lines for screen in device.screens if screen.name == "confirm_typed_value"]
    assert values[-2:] == [("[0] (uint8):", "7"), ("[1] (uint8):", "8")]


def test_a_domain_without_members_is_warned_of(opened: Callable[..., Any]) -> None:
    device, session = opened()
    ethereum.sign_typed_data(session, PATH, single("uint8", 1))
    warning = device.screens[1]
    assert (warning.name, warning.title) == ("confirm_typed_value", "dApp did not identify itself!")
    assert warning.button_code == m.ButtonRequestType.Warning


def test_a_domain_alone_is_signed_without_a_message(opened: Callable[..., Any]) -> None:
    device, session = opened()
    data = {**MAIL, "primaryType": "EIP712Domain", "message": {}}
    ethereum.sign_typed_data(session, PATH, data)
    assert "confirm_empty_typed_message" in [screen.name for screen in device.screens]


@pytest.mark.parametrize("persona", WITH_ALL)
def test_no_to_any_question_signs_nothing(connected: Callable[..., Any], persona: str) -> None:
    """One request per question of the device, each rejected at another one."""
    questions = {"trezor-core": 4, "onekey-pro": 4, "onekey-classic1s": 6}[persona]
    for rejected in range(questions):
        seen: list[str] = []

        def decide(screen: Any, seen: list[str] = seen, rejected: int = rejected) -> bool:
            seen.append(screen.name)
            return len(seen) != rejected + 1

        model = ONEKEY_MODEL if persona in OWN else None
        with DeviceEmulator(mnemonic=ALL, mode="interactive", persona=persona, on_screen=decide) as device:
            session = connected(device, model).get_session("")
            answer = Exchange(session, MAIL, own=persona in OWN).run(PATH)
        assert (type(answer), answer.code) == (m.Failure, m.FailureType.ActionCancelled)
        assert len(seen) == rejected + 1


# Refusals


@pytest.mark.parametrize("persona", WITH_ALL)
@pytest.mark.parametrize("path", ["m/84h/0h/0h/0/0", "m/44h/60h", "m"])
def test_forbidden_paths_are_refused_before_anything_is_asked(
    opened: Callable[..., Any], persona: str, path: str
) -> None:
    device, session = opened(persona)
    exchange = Exchange(session, MAIL, own=persona in OWN)
    assert exchange.run(parse_path(path)).message == "Forbidden key path"
    assert device.screens == ()
    assert exchange.structs == []


def test_a_message_hash_other_than_announced_is_refused(opened: Callable[..., Any]) -> None:
    device, session = opened()
    with pytest.raises(exceptions.TrezorFailure, match="Message hash mismatch"):
        ethereum.sign_typed_data(session, PATH, MAIL, show_message_hash=b"\xba\xd0" * 16)
    assert "confirm_typed_data_final" not in [screen.name for screen in device.screens]


BAD_VALUES = [
    ("bytes2", b"\0", "Invalid length"),
    ("uint8", b"\0\0", "Invalid length"),
    ("int256", b"", "Invalid length"),
    ("bool", b"\2", "Invalid boolean value"),
    ("bool", b"", "Invalid boolean value"),
    ("address", b"\0" * 19, "Invalid address"),
    ("string", b"\xff", "Invalid UTF-8"),
]


@pytest.mark.parametrize("persona", WITH_ALL)
@pytest.mark.parametrize(("kind", "value", "words"), BAD_VALUES)
def test_values_that_do_not_fit_their_type_are_refused(
    opened: Callable[..., Any], persona: str, kind: str, value: bytes, words: str
) -> None:
    _, session = opened(persona)
    answer = Exchange(session, single(kind, value), own=persona in OWN).run(PATH)
    assert (answer.code, answer.message) == (m.FailureType.DataError, words)


BAD_TYPES = [
    ({"data_type": 7}, "Missing entry_type in array"),
    ({"data_type": 8, "size": 1}, "Missing struct_name in struct"),
    ({"data_type": 8, "struct_name": "E"}, "Missing size in struct"),
    ({"data_type": 1, "size": 1, "struct_name": "E"}, "Unexpected struct_name in nonstruct"),
    ({"data_type": 3, "size": 33}, "Invalid size in bytes"),
    ({"data_type": 1}, "Invalid size in int/uint"),
    ({"data_type": 2, "size": 33}, "Invalid size in int/uint"),
    ({"data_type": 4, "size": 3}, "Unexpected size in str/bool/addr"),
]


@pytest.mark.parametrize("persona", WITH_ALL)
@pytest.mark.parametrize(("described", "words"), BAD_TYPES)
def test_types_that_contradict_themselves_are_refused(
    opened: Callable[..., Any], persona: str, described: dict[str, Any], words: str
) -> None:
    _, session = opened(persona)
    own = persona in OWN
    field = onekey.EthereumFieldTypeOneKey if own else m.EthereumFieldType
    member = onekey.EthereumStructMemberOneKey if own else m.EthereumStructMember
    ack = onekey.EthereumTypedDataStructAckOneKey if own else m.EthereumTypedDataStructAck

    def spoiled(request: Any) -> Any:
        return ack(members=[member(type=field(**described), name="x")]) if request.name == "M" else None

    exchange = Exchange(session, single("uint8", 1), own=own, on_struct=spoiled)
    answer = exchange.run(PATH)
    assert (answer.code, answer.message) == (m.FailureType.DataError, words)
    assert exchange.paths == []


def test_nested_arrays_are_a_firmware_error_on_core(opened: Callable[..., Any]) -> None:
    _, session = opened()
    exchange = Exchange(session, single("uint8[][]", [[1]]))
    assert exchange.run(PATH).code == m.FailureType.FirmwareError
    assert exchange.paths[-1] == (1, 0, 0)


def test_the_classic_takes_an_array_of_arrays_for_a_flat_one(opened: Callable[..., Any]) -> None:
    """Its firmware keeps only the innermost type: the second level's length is read as an element."""
    _, session = opened("onekey-classic1s")
    exchange = Exchange(session, single("uint8[][]", [[1]]), own=True)
    assert exchange.run(PATH).message == "Invalid length"


@pytest.mark.parametrize("persona", ["trezor-one", "onekey-classic1s"])
def test_firmware_in_c_has_no_typed_data_under_trezors_numbers(
    opened: Callable[..., Any], persona: str
) -> None:
    _, session = opened(persona)
    answer = Exchange(session, MAIL).run(PATH)
    assert (answer.code, answer.message) == (m.FailureType.UnexpectedMessage, "Unknown message")


def test_the_device_works_on_after_an_exchange_was_cancelled(opened: Callable[..., Any]) -> None:
    _, session = opened()
    exchange = Exchange(session, MAIL, on_value=lambda _request: m.Cancel())
    assert exchange.run(PATH).code == m.FailureType.ActionCancelled
    assert ethereum.sign_typed_data(session, PATH, MAIL).address == ADDRESS


def test_core_serves_another_message_in_the_middle_and_forgets_the_exchange(
    opened: Callable[..., Any],
) -> None:
    _, session = opened()
    exchange = Exchange(session, MAIL, on_value=lambda _request: m.Ping(message="there?"))
    answer = exchange.run(PATH)
    assert (type(answer), answer.message) == (m.Success, "there?")


@pytest.mark.parametrize(
    ("stray", "words"),
    [
        (m.GetFeatures(), "Unexpected message received in sync call:55"),
        (m.Cancel(), "Cancelled"),
        (
            onekey.EthereumTypedDataStructAckOneKey(members=[]),
            "Unexpected message received in sync call:20113",
        ),
    ],
)
def test_the_classic_fails_on_another_message_and_says_so_twice(
    opened: Callable[..., Any], stray: Any, words: str
) -> None:
    _, session = opened("onekey-classic1s")
    exchange = Exchange(session, single("uint8", 1), own=True, on_value=lambda _request: stray)
    with session:
        answer = exchange.run(PATH)
        second = session.read(timeout=2)
    assert (answer.code, answer.message) == (m.FailureType.DataError, words)
    assert second.message == "Failed to get and encode data"
