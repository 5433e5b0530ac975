"""GetAddress as each make does it: groups, foreign paths, MACs, and what the person is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from trezorlib import btc, exceptions
from trezorlib import messages as m
from trezorlib.tools import parse_path

from emulator.device.server import DeviceEmulator
from tests.support.onekey_client import ONEKEY_MODEL

ALL_WORDS = "all " * 11 + "all"
PERSONAS = ("trezor-core", "trezor-one", "onekey-pro", "onekey-classic1s")
LEGACY = ("trezor-one", "onekey-classic1s")
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT
GROUP_PATH = "m/48h/0h/0h/2h/0/16"
SORTED = m.MultisigPubkeysOrder.LEXICOGRAPHIC
WARNING = m.ButtonRequestType.Warning
ADDRESS = m.ButtonRequestType.Address


@pytest.fixture
def answered(connected: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`answered(persona, NO, YES...)`: (device, session, buttons) of a person who answers so, then YES."""
    devices: list[DeviceEmulator] = []

    def start(persona: str, *answers: bool) -> tuple[DeviceEmulator, Any, list[Any]]:
        given, buttons = chain(answers, repeat(True)), []
        device = DeviceEmulator(
            mnemonic=ALL_WORDS, mode="interactive", persona=persona, on_screen=lambda _screen: next(given)
        ).start()
        devices.append(device)
        client = connected(device, ONEKEY_MODEL if persona.startswith("onekey") else None)
        client.app.button_callback = lambda request: buttons.append(request.code)
        return device, client.get_session(""), buttons

    yield start
    for device in devices:
        device.stop()


def cosigner(session: Any, account: int) -> m.HDNodeType:
    path = parse_path(f"m/48h/0h/{account}h/2h")
    return btc.get_public_node(session, path, coin_name="Bitcoin", script_type=WITNESS).node


def group(session: Any, accounts: tuple[int, ...] = (0, 1, 2), **fields: Any) -> m.MultisigRedeemScriptType:
    keys = [m.HDNodePathType(node=cosigner(session, a), address_n=[0, 16]) for a in accounts]
    return m.MultisigRedeemScriptType(**{"m": 2, "signatures": [b""] * len(keys), "pubkeys": keys, **fields})


def address(session: Any, path: str, **kwargs: Any) -> str:
    kwargs = {"script_type": WITNESS, **kwargs}
    return str(btc.get_address(session, "Bitcoin", parse_path(path), **kwargs))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(exceptions.TrezorFailure) as caught:
        call()
    return f"{caught.value.code.name}: {caught.value.message}"


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_groups_address_does_not_depend_on_the_form_it_is_given_in(
    opened: Callable[..., Any], persona: str
) -> None:
    _, session = opened(persona)
    given = group(session)
    as_nodes = m.MultisigRedeemScriptType(
        m=2, signatures=[b""] * 3, nodes=[key.node for key in given.pubkeys], address_n=[0, 16]
    )
    assert address(session, GROUP_PATH, multisig=given) == address(session, GROUP_PATH, multisig=as_nodes)


@pytest.mark.parametrize(
    ("persona", "same"),
    [("trezor-core", True), ("trezor-one", True), ("onekey-pro", False), ("onekey-classic1s", False)],
)
def test_only_trezor_sorts_the_keys_of_a_group(opened: Callable[..., Any], persona: str, same: bool) -> None:
    _, session = opened(persona)
    found = {
        address(session, GROUP_PATH, multisig=group(session, order, pubkeys_order=SORTED))
        for order in ((0, 1, 2), (2, 1, 0))
    }
    assert (len(found) == 1) is same


@pytest.mark.parametrize(
    ("persona", "text"),
    [
        ("trezor-core", "DataError: Pubkey not found in multisig script"),
        ("onekey-pro", "DataError: Pubkey not found in multisig script"),
        ("trezor-one", "DataError: Can't encode address"),
        ("onekey-classic1s", "DataError: Can't encode address"),
    ],
)
def test_refuses_a_group_the_key_is_not_in(opened: Callable[..., Any], persona: str, text: str) -> None:
    _, session = opened(persona)
    assert refusal(lambda: address(session, GROUP_PATH, multisig=group(session, (1, 2)))) == text


@pytest.mark.parametrize(
    ("persona", "names", "codes"),
    [
        ("trezor-core", ["warning_multisig", "show_address"], [WARNING, ADDRESS]),
        ("trezor-one", ["show_address"], [ADDRESS]),
        ("onekey-pro", ["show_address"], [ADDRESS]),
        # address, path, and the keys of three cosigners behind one ButtonRequest
        ("onekey-classic1s", ["show_address"] * 5, [ADDRESS]),
    ],
)
def test_a_groups_address_is_shown_as_the_make_shows_it(
    answered: Callable[..., Any], persona: str, names: list[str], codes: list[Any]
) -> None:
    device, session, buttons = answered(persona)
    shown = address(session, GROUP_PATH, multisig=group(session), show_display=True)
    assert [screen.name for screen in device.screens] == names
    assert buttons == codes
    assert any(shown in screen.lines for screen in device.screens)


def test_every_cosigners_key_can_be_compared(answered: Callable[..., Any]) -> None:
    device, session, _ = answered("trezor-core")
    address(session, GROUP_PATH, multisig=group(session, (1, 0)), show_display=True)
    lines = device.screens[-1].lines
    assert "Multisig 2 of 2" in lines
    assert [line for line in lines if line.startswith("MULTISIG XPUB")] == [
        "MULTISIG XPUB #1 (Cosigner)",
        "MULTISIG XPUB #2 (Yours)",
    ]
    assert sum(line.startswith("Zpub") for line in lines) == 2


@pytest.mark.parametrize(
    ("persona", "text"),
    [
        ("trezor-core", "FirmwareError: Using different paths for different xpubs is not allowed"),
        ("trezor-one", "DataError: Using different paths for different xpubs is not allowed"),
        ("onekey-pro", None),
        ("onekey-classic1s", None),
    ],
)
def test_scattered_cosigners_are_refused_when_shown_on_trezor(
    answered: Callable[..., Any], persona: str, text: str | None
) -> None:
    device, session, _ = answered(persona)
    scattered = group(session)
    scattered.pubkeys[2].address_n = [0, 17]

    def ask() -> str:
        return address(session, GROUP_PATH, multisig=scattered, show_display=True)

    if text is None:
        assert ask().startswith("bc1q")
        return
    assert refusal(ask) == text
    session.call(m.ApplySettings(safety_checks=m.SafetyCheckLevel.PromptTemporarily), expect=m.Success)
    assert ask().startswith("bc1q")
    assert any("different paths" in screen.title for screen in device.screens)


# One key


def test_no_turns_trezor_ones_address_into_a_qr_code_under_a_new_button(answered: Callable[..., Any]) -> None:
    device, session, buttons = answered("trezor-one", False, False, True)
    shown = address(session, "m/84h/0h/0h/0/16", show_display=True)
    assert shown == "bc1qczeu64q386jvrdd7ks8gm3t9jfwars83xlman6"
    assert buttons == [ADDRESS] * 3
    assert ["QR" in screen.title for screen in device.screens] == [False, True, False]


def test_no_turns_onekeys_address_into_a_qr_code_under_the_same_button(answered: Callable[..., Any]) -> None:
    device, session, buttons = answered("onekey-classic1s", False, True)
    address(session, "m/84h/0h/0h/0/16", show_display=True)
    assert buttons == [ADDRESS]
    assert ["QR" in screen.title for screen in device.screens] == [False, True]


def test_no_on_the_pros_address_has_no_effect(answered: Callable[..., Any]) -> None:
    _, session, buttons = answered("onekey-pro", False)
    assert address(session, "m/84h/0h/0h/0/16", show_display=True).startswith("bc1q")
    assert buttons == [ADDRESS]


def test_no_on_model_ts_address_cancels(answered: Callable[..., Any]) -> None:
    _, session, _ = answered("trezor-core", False)
    with pytest.raises(exceptions.Cancelled):
        address(session, "m/84h/0h/0h/0/16", show_display=True)


def test_an_address_is_shown_in_groups_of_four_letters_if_asked_to(answered: Callable[..., Any]) -> None:
    device, session, _ = answered("trezor-core")
    shown = address(session, "m/84h/0h/0h/0/16", show_display=True, chunkify=True)
    assert device.screens[-1].lines[0].startswith("bc1q czeu 64q3")
    assert device.screens[-1].lines[0].replace(" ", "") == shown


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("show", [False, True])
def test_foreign_paths_are_refused_while_checks_are_strict(
    opened: Callable[..., Any], persona: str, show: bool
) -> None:
    device, session = opened(persona)
    for path in ("m/84h/1h/0h/0/0", "m", "m/84h/0h/0h/2/0", "m/44h/60h/0h/0/0"):
        text = refusal(lambda path=path: address(session, path, show_display=show))
        assert text == "DataError: Forbidden key path"
    assert device.screens == ()


@pytest.mark.parametrize("persona", PERSONAS)
def test_relaxed_checks_ask_about_foreign_paths_except_on_the_pro(
    opened: Callable[..., Any], persona: str
) -> None:
    device, session = opened(persona)
    session.call(m.ApplySettings(safety_checks=m.SafetyCheckLevel.PromptTemporarily), expect=m.Success)
    before = len(device.screens)
    if persona == "onekey-pro":
        assert "Forbidden key path" in refusal(lambda: address(session, "m/84h/0h/0h/2/0", show_display=True))
        return
    assert address(session, "m/84h/0h/0h/2/0", show_display=True).startswith("bc1q")
    assert device.screens[before].name == "path_warning"


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_path_of_another_script_type_is_asked_about_only_when_shown(
    opened: Callable[..., Any], persona: str
) -> None:
    device, session = opened(persona)
    silent = address(session, "m/84h/0h/1h/0/0", script_type=m.InputScriptType.SPENDADDRESS)
    assert device.screens == ()
    shown = address(session, "m/84h/0h/1h/0/0", script_type=m.InputScriptType.SPENDADDRESS, show_display=True)
    assert device.screens[0].name == "path_warning"
    assert silent == shown == "1Ghy7VWU9abyMnNHDg88hu4Q8BfhQf33BZ"


@pytest.mark.parametrize(
    ("persona", "mac"),
    [
        ("trezor-core", "158dd8df21894cc1cb01a33736a50884ecd6d5c2bcc2ffd2398f4d147d19c191"),
        ("trezor-one", None),
        ("onekey-classic1s", None),
    ],
)
def test_address_macs_are_core_firmwares(opened: Callable[..., Any], persona: str, mac: str | None) -> None:
    _, session = opened(persona)
    path = parse_path("m/44h/0h/0h/1/0")
    answer = session.call(m.GetAddress(address_n=path, coin_name="Bitcoin"), expect=m.Address)
    assert answer.mac == (None if mac is None else bytes.fromhex(mac))


def test_no_mac_for_what_the_person_has_not_seen(opened: Callable[..., Any]) -> None:
    _, session = opened("trezor-core")
    unusual = m.GetAddress(address_n=parse_path("m/84h/0h/1h/0/0"), coin_name="Bitcoin")
    assert session.call(unusual, expect=m.Address).mac is None
    unusual.show_display = True
    assert session.call(unusual, expect=m.Address).mac is not None


def test_an_evil_device_returns_another_address_than_it_shows(opened: Callable[..., Any]) -> None:
    device, session = opened("trezor-core")
    honest = address(session, GROUP_PATH, multisig=group(session), show_display=True)
    device.set_faults({"wrong_address": True})
    returned = address(session, GROUP_PATH, multisig=group(session), show_display=True)
    assert returned != honest == device.screens[-1].lines[0]


@pytest.mark.parametrize("persona", LEGACY)
def test_a_path_of_nine_levels_does_not_fit_the_c_firmware(opened: Callable[..., Any], persona: str) -> None:
    _, session = opened(persona)
    assert refusal(lambda: address(session, "m/84h/0h/0h/0/0/0/0/0/0")) == "DataError: array overflow"
