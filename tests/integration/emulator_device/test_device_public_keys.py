"""GetPublicKey and UnlockPath as each make does them: versions, curves, descriptors, coinjoin keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from trezorlib import btc, exceptions
from trezorlib import messages as m
from trezorlib.tools import parse_path

from emulator.device.server import DeviceEmulator
from tests.support.onekey_client import ONEKEY_MODEL

ALL_WORDS = "all " * 11 + "all"
PERSONAS = ("trezor-core", "trezor-one", "onekey-pro", "onekey-classic1s")
KIND = m.InputScriptType
COINJOIN = parse_path("m/10025h/0h/0h/1h")
PURPOSE = parse_path("m/10025h")


def public_node(session: Any, path: str, **kwargs: Any) -> Any:
    return btc.get_public_node(session, parse_path(path), **kwargs)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(exceptions.TrezorFailure) as caught:
        call()
    return f"{caught.value.code.name}: {caught.value.message}"


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize(
    ("path", "kind", "plain", "start"),
    [
        ("m/44h/0h/0h", KIND.SPENDADDRESS, False, "xpub"),
        ("m/48h/0h/0h/0h", KIND.SPENDMULTISIG, False, "xpub"),
        ("m/49h/0h/0h", KIND.SPENDP2SHWITNESS, False, "ypub"),
        ("m/84h/0h/0h", KIND.SPENDWITNESS, False, "zpub"),
        ("m/84h/0h/0h", KIND.SPENDWITNESS, True, "xpub"),
        ("m/86h/0h/0h", KIND.SPENDTAPROOT, False, "xpub"),
    ],
)
def test_versions_name_the_script_type_unless_ignored(  # noqa: PLR0917 - one row, six facts
    opened: Callable[..., Any], persona: str, path: str, kind: Any, plain: bool, start: str
) -> None:
    _, session = opened(persona)
    node = public_node(session, path, coin_name="Bitcoin", script_type=kind, ignore_xpub_magic=plain)
    assert node.xpub.startswith(start)
    assert f"{node.root_fingerprint:08x}" == "5c9e228d"


@pytest.mark.parametrize("persona", PERSONAS)
def test_only_trezor_adds_a_descriptor(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    node = public_node(session, "m/84h/0h/0h", coin_name="Bitcoin", script_type=KIND.SPENDWITNESS)
    if persona.startswith("trezor"):
        assert node.descriptor.startswith("wpkh([5c9e228d/84h/0h/0h]xpub")
        assert node.descriptor.endswith("/<0;1>/*)#u9auedf8")
    else:
        assert node.descriptor is None


def test_groups_have_no_descriptor(opened: Callable[..., Any]) -> None:
    _, session = opened("trezor-core")
    assert public_node(session, "m/45h/0h", script_type=KIND.SPENDMULTISIG).descriptor is None


# Ed25519: recorded on the emulators of both makes
ED25519 = {
    "trezor-one": (
        "xpub6ByKZt5ZtuFyyZWE9wZZ8BMzxjVQqWNYcKZwLYgtHLjHSd6cLaFCxAK6"
        "yTESpNJsbZDJ4W6ttVUo2YQvzJYYgaB1zddWDtY7vDF7jsUyivY"
    ),
    "onekey-classic1s": (
        "xpub6Cu1M21aVb4sLsuiiNSyMT4YCiBqCMtACEGp8Yqy6dtCKu1qyMYMTFT8"
        "KjqNCEuntts5E4YwZa1PKnKxuhZGtYn5wHkjcibuUHo2JEkD8jk"
    ),
}


@pytest.mark.parametrize("persona", sorted(ED25519))
def test_ed25519_keys_are_serialised_as_recorded(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    node = public_node(session, "m/44h/0h/0h", ecdsa_curve_name="ed25519")
    assert node.xpub == ED25519[persona]
    assert node.node.public_key.hex().startswith("003ccd941dc316f9f2be956a")


@pytest.mark.parametrize(
    ("persona", "unknown", "unhardened"),
    [
        (
            "trezor-core",
            "FirmwareError: Failed to derive the root node",
            "DataError: Non-hardened paths unsupported on Ed25519",
        ),
        (
            "trezor-one",
            "NotInitialized: Unsupported curve",
            "ProcessError: Failed to derive private key",
        ),
        (
            "onekey-classic1s",
            "NotInitialized: Unsupported curve",
            "ProcessError: Failed to derive private key",
        ),
    ],
)
def test_refuses_curves_and_steps_that_do_not_exist(
    opened: Callable[..., Any], persona: str, unknown: str, unhardened: str
) -> None:
    _, session = opened(persona)
    assert refusal(lambda: public_node(session, "m/44h", ecdsa_curve_name="secp256k2")) == unknown
    assert refusal(lambda: public_node(session, "m/44h/0", ecdsa_curve_name="ed25519")) == unhardened


@pytest.mark.parametrize(
    ("persona", "text"),
    [
        ("trezor-core", "FirmwareError: Unknown coin name"),
        ("onekey-pro", "FirmwareError: Firmware error"),
        ("trezor-one", "DataError: Invalid coin name"),
        ("onekey-classic1s", "DataError: Invalid coin name"),
    ],
)
def test_unknown_coins_are_refused_in_the_makes_words(
    opened: Callable[..., Any], persona: str, text: str
) -> None:
    _, session = opened(persona)
    assert refusal(lambda: public_node(session, "m/84h/0h/0h", coin_name="Bitcoins")) == text


@pytest.mark.parametrize("persona", PERSONAS)
def test_external_has_no_extended_key(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    text = refusal(lambda: public_node(session, "m/84h/0h/0h", script_type=KIND.EXTERNAL))
    assert text == "DataError: Invalid combination of coin and script_type"


def test_core_derives_32_steps_below_the_account_and_no_more(opened: Callable[..., Any]) -> None:
    _, session = opened("trezor-core")
    assert public_node(session, "m/84h/0h/0h" + "/1" * 32).node.depth == 35
    text = refusal(lambda: public_node(session, "m/84h/0h/0h" + "/1" * 33))
    assert text == "FirmwareError: Path cannot be longer than 32 indexes"


# Showing


def shown(
    connected: Callable[..., Any], persona: str, answers: list[bool], path: str = "m/86h/0h/0h"
) -> tuple[list[Any], list[str]]:
    """(button codes, titles) of a taproot account that is shown to a person who answers so."""
    buttons: list[Any] = []
    with DeviceEmulator(
        mnemonic=ALL_WORDS, mode="interactive", persona=persona, on_screen=lambda _screen: answers.pop(0)
    ) as device:
        client = connected(device, ONEKEY_MODEL if persona.startswith("onekey") else None)
        client.app.button_callback = lambda request: buttons.append(request.code.name)
        public_node(client.get_session(""), path, script_type=KIND.SPENDTAPROOT, show_display=True)
        assert not answers
        return buttons, [line for screen in device.screens for line in (screen.title, *screen.lines)]


@pytest.mark.parametrize(
    ("persona", "answers", "buttons"),
    [
        ("trezor-core", [True], 1),
        ("trezor-one", [True, True], 2),
        ("trezor-one", [True, False, False, True], 4),  # NO: the QR code, and back
        ("onekey-pro", [True], 1),
        ("onekey-classic1s", [True, True], 1),
        ("onekey-classic1s", [True, False, True, True], 1),  # NO: a screen back
    ],
)
def test_the_key_is_shown_in_the_makes_steps(
    connected: Callable[..., Any], persona: str, answers: list[bool], buttons: int
) -> None:
    codes, lines = shown(connected, persona, list(answers))
    assert codes == ["PublicKey"] * buttons
    text = "tr([5c9e228d" if persona.startswith("trezor") else "xpub"
    assert any(line.startswith(text) for line in lines)


@pytest.mark.parametrize("persona", ["trezor-core", "onekey-pro", "onekey-classic1s"])
def test_no_cancels_where_it_does_not_turn_a_page(connected: Callable[..., Any], persona: str) -> None:
    with pytest.raises(exceptions.Cancelled):
        shown(connected, persona, [False])


def test_core_warns_of_a_path_that_is_no_account(connected: Callable[..., Any]) -> None:
    codes, lines = shown(connected, "trezor-core", [True, True], "m/86h/0h/0h/0/0")
    assert codes == ["UnknownDerivationPath", "PublicKey"]
    assert "Unknown path" in lines


# The coinjoin account (SLIP-25)


@pytest.mark.parametrize("persona", PERSONAS)
def test_coinjoin_keys_are_closed_until_unlocked(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    request = m.GetPublicKey(address_n=COINJOIN, script_type=KIND.SPENDTAPROOT)
    assert refusal(lambda: session.call(request)) == "DataError: Forbidden key path"
    unlocked = session.call(m.UnlockPath(address_n=PURPOSE), expect=m.UnlockedPathRequest)
    assert session.call(request, expect=m.PublicKey).node.depth == 4
    assert refusal(lambda: session.call(request)) == "DataError: Forbidden key path"
    session.call(m.UnlockPath(address_n=PURPOSE, mac=unlocked.mac), expect=m.UnlockedPathRequest)
    assert session.call(request, expect=m.PublicKey).node.depth == 4


@pytest.mark.parametrize("persona", PERSONAS)
def test_the_mac_spares_the_question(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona)
    unlocked = session.call(m.UnlockPath(address_n=PURPOSE), expect=m.UnlockedPathRequest)
    assert [screen.name for screen in device.screens] == ["confirm_coinjoin_access"]
    session.call(m.UnlockPath(address_n=PURPOSE, mac=unlocked.mac), expect=m.UnlockedPathRequest)
    assert len(device.screens) == 1


@pytest.mark.parametrize("persona", PERSONAS)
def test_unlocking_refuses_other_paths_and_macs(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona)
    for path in ([], parse_path("m/84h"), COINJOIN):
        assert (
            refusal(lambda path=path: session.call(m.UnlockPath(address_n=path))) == "DataError: Invalid path"
        )
    for mac in (bytes(32), b"short"):
        text = refusal(lambda mac=mac: session.call(m.UnlockPath(address_n=PURPOSE, mac=mac)))
        assert text == "DataError: Invalid MAC"
    assert device.screens == ()


@pytest.mark.parametrize("persona", PERSONAS)
def test_any_other_message_closes_the_path_again(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    session.call(m.UnlockPath(address_n=PURPOSE), expect=m.UnlockedPathRequest)
    session.call(m.GetFeatures(), expect=m.Features)
    request = m.GetPublicKey(address_n=COINJOIN, script_type=KIND.SPENDTAPROOT)
    assert refusal(lambda: session.call(request)) == "DataError: Forbidden key path"


@pytest.mark.parametrize("persona", PERSONAS)
def test_receive_addresses_open_but_change_addresses_stay_closed(
    opened: Callable[..., Any], persona: str
) -> None:
    _, session = opened(persona)
    for chain, opens in ((0, True), (1, False)):
        session.call(m.UnlockPath(address_n=PURPOSE), expect=m.UnlockedPathRequest)
        request = m.GetAddress(
            address_n=[*COINJOIN, chain, 0], coin_name="Bitcoin", script_type=KIND.SPENDTAPROOT
        )
        if opens:
            assert session.call(request, expect=m.Address).address.startswith("bc1p")
        else:
            assert refusal(lambda request=request: session.call(request)) == "DataError: Forbidden key path"


@pytest.mark.parametrize(("persona", "opens"), [("trezor-one", True), ("trezor-core", False)])
def test_the_c_firmware_unlocks_messages_too(opened: Callable[..., Any], persona: str, opens: bool) -> None:
    _, session = opened(persona)
    session.call(m.UnlockPath(address_n=PURPOSE), expect=m.UnlockedPathRequest)
    request = m.GetOwnershipId(
        address_n=[*COINJOIN, 0, 0], coin_name="Bitcoin", script_type=KIND.SPENDTAPROOT
    )
    if opens:
        assert len(session.call(request, expect=m.OwnershipId).ownership_id) == 32
    else:
        assert refusal(lambda: session.call(request)) == "DataError: Forbidden key path"


def test_a_nonce_is_new_each_time_and_core_firmwares_only(opened: Callable[..., Any]) -> None:
    _, session = opened("trezor-core")
    nonces = {session.call(m.GetNonce(), expect=m.Nonce).nonce for _ in range(3)}
    assert len(nonces) == 3
    assert {len(nonce) for nonce in nonces} == {32}
    _, session = opened("trezor-one")
    assert refusal(lambda: session.call(m.GetNonce())) == "UnexpectedMessage: Unknown message"
