"""SignMessage and VerifyMessage as each make does them: signatures, screens, words of refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from trezorlib import btc, exceptions
from trezorlib import messages as m
from trezorlib.tools import parse_path

PERSONAS = ("trezor-core", "trezor-one", "onekey-pro", "onekey-classic1s")
CORE, LEGACY = ("trezor-core", "onekey-pro"), ("trezor-one", "onekey-classic1s")
KIND = m.InputScriptType
PATHS = {
    KIND.SPENDADDRESS: "m/44h/0h/0h/0/5",
    KIND.SPENDP2SHWITNESS: "m/49h/0h/0h/0/2",
    KIND.SPENDWITNESS: "m/84h/0h/2h/0/3",
    KIND.SPENDTAPROOT: "m/86h/0h/0h/0/4",
    KIND.SPENDMULTISIG: "m/48h/0h/0h/0h/0/0",
}
# Header bytes, without the recovery id (BIP137)
HEADERS = {KIND.SPENDADDRESS: 31, KIND.SPENDP2SHWITNESS: 35, KIND.SPENDWITNESS: 39}


def sign(session: Any, kind: Any, message: bytes | str = "treasury proof", **kwargs: Any) -> Any:
    return btc.sign_message(session, "Bitcoin", parse_path(PATHS[kind]), message, script_type=kind, **kwargs)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(exceptions.TrezorFailure) as caught:
        call()
    return f"{caught.value.code.name}: {caught.value.message}"


def verify(session: Any, address: str, signature: bytes, message: bytes, coin: str = "Bitcoin") -> Any:
    request = m.VerifyMessage(address=address, signature=signature, message=message, coin_name=coin)
    return session.call(request, expect=m.Success)


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("kind", sorted(HEADERS))
@pytest.mark.parametrize("message", [b"", b"text", b"\x00\xff binary", "Příšerně".encode()])
def test_what_is_signed_verifies_on_the_same_device(
    opened: Callable[..., Any], persona: str, kind: Any, message: bytes
) -> None:
    _, session = opened(persona)
    signed = sign(session, KIND(kind), message)
    assert HEADERS[KIND(kind)] <= signed.signature[0] <= HEADERS[KIND(kind)] + 3
    assert verify(session, signed.address, signed.signature, message).message == "Message verified"


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("kind", sorted(HEADERS))
def test_signatures_are_the_same_on_every_make(opened: Callable[..., Any], persona: str, kind: Any) -> None:
    _, session = opened(persona)
    _, reference = opened("trezor-core")
    assert sign(session, KIND(kind)).signature == sign(reference, KIND(kind)).signature


@pytest.mark.parametrize("persona", PERSONAS)
def test_the_script_type_can_be_left_out_of_the_header(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    signed = sign(session, KIND.SPENDWITNESS, no_script_type=True)
    assert 31 <= signed.signature[0] <= 34
    assert verify(session, signed.address, signed.signature, b"treasury proof")


@pytest.mark.parametrize(
    ("persona", "kind", "text"),
    [
        ("trezor-core", KIND.SPENDTAPROOT, "ProcessError: Unsupported script type"),
        ("onekey-pro", KIND.SPENDTAPROOT, "ProcessError: Unsupported script type"),
        ("trezor-one", KIND.SPENDTAPROOT, "ProcessError: Error signing message"),
        ("onekey-classic1s", KIND.SPENDTAPROOT, "ProcessError: Error signing message"),
        ("trezor-core", KIND.SPENDMULTISIG, "ProcessError: Multisig details required"),
        ("trezor-one", KIND.SPENDMULTISIG, "ProcessError: Error computing address"),
    ],
)
def test_refuses_script_types_that_cannot_sign(
    opened: Callable[..., Any], persona: str, kind: Any, text: str
) -> None:
    _, session = opened(persona)
    assert refusal(lambda: sign(session, kind)) == text


def test_the_pro_signs_for_a_taproot_path_when_the_type_is_left_out(opened: Callable[..., Any]) -> None:
    _, session = opened("onekey-pro")
    signed = sign(session, KIND.SPENDTAPROOT, no_script_type=True)
    assert signed.address.startswith("bc1p")
    assert 31 <= signed.signature[0] <= 34


@pytest.mark.parametrize("persona", PERSONAS)
def test_refuses_foreign_paths(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona)
    request = m.SignMessage(
        address_n=parse_path("m/84h/2h/0h/0/0"), message=b"x", script_type=KIND.SPENDWITNESS
    )
    assert refusal(lambda: session.call(request)) == "DataError: Forbidden key path"
    assert device.screens == ()


@pytest.mark.parametrize(("persona", "warns"), [(p, p != "onekey-pro") for p in PERSONAS])
def test_a_path_of_another_script_type_is_asked_about_except_on_the_pro(
    opened: Callable[..., Any], persona: str, warns: bool
) -> None:
    device, session = opened(persona)
    btc.sign_message(session, "Bitcoin", parse_path("m/84h/0h/0h/0/0"), "x", script_type=KIND.SPENDADDRESS)
    assert (device.screens[0].name == "path_warning") is warns


# Screens


@pytest.mark.parametrize(
    ("message", "pages"),
    [
        (b"", 1),
        (b"x" * 72, 1),
        (b"x" * 73, 2),
        (b"x" * 1024, 15),
        (b"\xff" * 32, 1),
        (b"\xff" * 33, 2),
        ("č".encode() * 20, 2),
    ],
)
def test_trezor_one_shows_a_message_in_pages_each_under_a_button(
    opened: Callable[..., Any], message: bytes, pages: int
) -> None:
    device, session = opened("trezor-one")
    buttons: list[Any] = []
    session.client.app.button_callback = lambda request: buttons.append(request.code)
    sign(session, KIND.SPENDWITNESS, message)
    assert buttons == [m.ButtonRequestType.Other] * (1 + pages)
    shown = "".join(line for screen in device.screens[1:] for line in screen.lines)
    assert shown == (message.decode() if message.isascii() else message.hex())


@pytest.mark.parametrize(
    ("persona", "signing", "verifying"),
    [
        ("trezor-core", ["Other"] * 2, ["Other", "Other", "Success"]),
        ("trezor-one", ["Other"] * 2, ["Other"] * 3),
        ("onekey-pro", ["Other"], ["Other", "Success"]),
        ("onekey-classic1s", ["ProtectCall"], ["ProtectCall"]),
    ],
)
def test_buttons_are_those_of_the_make(
    opened: Callable[..., Any], persona: str, signing: list[str], verifying: list[str]
) -> None:
    device, session = opened(persona)
    buttons: list[str] = []
    session.client.app.button_callback = lambda request: buttons.append(request.code.name)
    signed = sign(session, KIND.SPENDWITNESS)
    assert buttons == signing
    buttons.clear()
    verify(session, signed.address, signed.signature, b"treasury proof")
    assert buttons == verifying
    texts = [line for screen in device.screens for line in screen.lines]
    assert texts.count(signed.address) == 2
    assert texts.count("treasury proof") == 2


def test_model_t_lets_a_long_message_be_signed_unread_only_after_another_word(
    opened: Callable[..., Any],
) -> None:
    device, session = opened("trezor-core")
    signed = sign(session, KIND.SPENDWITNESS, "long " * 300)
    assert device.screens[-1].lines == ("Confirm without review",)
    before = len(device.screens)
    assert verify(session, signed.address, signed.signature, b"long " * 300)
    assert "Confirm without review" not in [s.lines[0] for s in device.screens[before:] if s.lines]


@pytest.mark.parametrize("persona", LEGACY)
def test_the_c_firmware_takes_1024_bytes_and_no_more(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    assert sign(session, KIND.SPENDWITNESS, b"x" * 1024)
    assert refusal(lambda: sign(session, KIND.SPENDWITNESS, b"x" * 1025)) == "DataError: bytes overflow"


def test_the_pro_takes_8192_bytes_and_no_more(opened: Callable[..., Any]) -> None:
    _, session = opened("onekey-pro")
    assert sign(session, KIND.SPENDWITNESS, b"x" * 8192)
    text = refusal(lambda: sign(session, KIND.SPENDWITNESS, b"x" * 8193))
    assert text == "FirmwareError: Firmware error"


# Verification

TAPROOT_ADDRESS = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("spoiled", ["message", "signature", "header", "address"])
def test_refuses_signatures_of_something_else(opened: Callable[..., Any], persona: str, spoiled: str) -> None:
    device, session = opened(persona)
    signed = sign(session, KIND.SPENDWITNESS)
    before = len(device.screens)
    address, signature, message = signed.address, bytearray(signed.signature), b"treasury proof"
    if spoiled == "message":
        message = b"treasury proofs"
    elif spoiled == "signature":
        signature[40] ^= 1
    elif spoiled == "header":
        signature[0] -= 4  # p2sh-p2wpkh
    else:
        address = sign(session, KIND.SPENDADDRESS).address
        before = len(device.screens)
    text = refusal(lambda: verify(session, address, bytes(signature), message))
    assert text == "ProcessError: Invalid signature"
    assert len(device.screens) == before


@pytest.mark.parametrize(
    ("address", "core", "legacy"),
    [
        ("not an address", "DataError: Invalid address", "DataError: Invalid address"),
        ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", *["DataError: Invalid address"] * 2),
        (
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "DataError: Invalid address witness program",
            "DataError: Invalid address",
        ),
        (TAPROOT_ADDRESS, "ProcessError: Invalid signature", "DataError: Invalid address"),
    ],
)
def test_addresses_that_cannot_have_signed_are_refused_in_the_makes_words(
    opened: Callable[..., Any], address: str, core: str, legacy: str
) -> None:
    for persona in PERSONAS:
        _, session = opened(persona)
        signature = b"\x1f" + sign(session, KIND.SPENDADDRESS).signature[1:]
        text = refusal(lambda s=session, sig=signature: verify(s, address, sig, b"treasury proof"))
        assert text == (legacy if persona in LEGACY else core), persona


@pytest.mark.parametrize("persona", PERSONAS)
def test_capital_letters_are_read_by_the_c_firmware_only(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    signed = sign(session, KIND.SPENDWITNESS)

    def ask() -> object:
        return verify(session, signed.address.upper(), signed.signature, b"treasury proof")

    if persona in LEGACY:
        assert ask()
    else:
        assert refusal(ask) == "DataError: Invalid address"


@pytest.mark.parametrize("length", [0, 1, 64, 66])
@pytest.mark.parametrize("persona", PERSONAS)
def test_a_signature_has_65_bytes(opened: Callable[..., Any], persona: str, length: int) -> None:
    _, session = opened(persona)
    signed = sign(session, KIND.SPENDADDRESS)
    signature = (signed.signature + b"\x00")[:length]
    with pytest.raises(exceptions.TrezorFailure):
        verify(session, signed.address, signature, b"treasury proof")


def test_another_networks_signature_is_not_this_ones(opened: Callable[..., Any]) -> None:
    _, session = opened("trezor-core")
    signed = sign(session, KIND.SPENDADDRESS)
    text = refusal(
        lambda: verify(session, signed.address, signed.signature, b"treasury proof", coin="Testnet")
    )
    assert text == "DataError: Invalid address"


def test_messages_need_no_seed_to_be_verified(opened: Callable[..., Any]) -> None:
    device, session = opened("trezor-one")
    signed = sign(session, KIND.SPENDADDRESS)
    device.load_seed(None)
    assert verify(session, signed.address, signed.signature, b"treasury proof")
