"""Every call of a session over real UDP, on a Trezor and on a OneKey."""

from __future__ import annotations

import base64
import dataclasses
import logging
import threading
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from vault.address import NETWORKS
from vault.attestation import Statement, signed_text, verify
from vault.device.attest import attestation_public_key, sign_statement
from vault.device.bitcoin.request import SpendRequest
from vault.device.connection.keyboard import Keyboard
from vault.device.health.firmware import read_version
from vault.device.prompt import Prompt
from vault.device.session import open_device
from vault.errors import AttestationError, DeviceError, DeviceRefusedError, WrongDeviceError
from vault.secrets import Secret

REGTEST = NETWORKS["regtest"]
MNEMONIC = "all all all all all all all all all all all all"
OTHER_MNEMONIC = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"
STATEMENT = Statement("approval", "fund-one", "regtest", (("plan", "p-1"), ("amount", "0.25000000 BTC")))


MODELS = {
    "trezor-core": ("Trezor T2T1", "2.12.5"),
    "trezor-one": ("Trezor 1", "1.14.2"),
    "onekey-classic1s": ("OneKey Classic 1S", "3.12.0"),
    "onekey-pro": ("OneKey Pro", "4.16.0"),
}


def test_tells_make_model_and_real_version_apart(every_device: Any, opened: Any) -> None:
    with opened(every_device) as session:
        info = session.features
    assert info.kind == every_device.kind
    assert info.model.lower().startswith(info.kind)
    assert read_version(info.firmware_version) is not None
    assert info.firmware_version != "2.99.99"  # what every OneKey says in the field of the version
    if every_device.emulator is not None:
        assert (info.model, info.firmware_version) == MODELS[every_device.persona]
        assert bool(info.serial) == (info.kind == "onekey")
    assert info.emulated
    assert info.initialized
    assert not info.locked
    assert info.safety_checks == "strict"


def test_account_key_is_the_one_an_independent_library_derives(
    every_device: Any, opened: Any, wallet: Any
) -> None:
    from embit.networks import NETWORKS as EMBIT

    with opened(every_device) as session:
        assert session.fingerprint == wallet.fingerprint
        for path in ("m/84h/1h/0h", "m/86'/1'/7'"):
            node = wallet.root.derive(path).to_public()
            assert session.xpub(path) == node.to_base58(EMBIT["regtest"]["xpub"])
        main = wallet.root.derive("m/84h/0h/0h").to_public()
        assert session.xpub("84h/0h/0h") == main.to_base58(EMBIT["main"]["xpub"])


@pytest.mark.parametrize(
    "path", ["m/84h/1h", "m/84h/1h/0", "m/84h/1h/100h", "m/45h/1h/0h", "m/84h/60h/0h", "m"]
)
def test_refuses_keys_outside_of_wallet_accounts(trezor: Any, opened: Any, path: str) -> None:
    with opened(trezor) as session, pytest.raises(DeviceError) as error:
        session.xpub(path)
    assert error.value.code == "device.forbidden_path"


@pytest.mark.parametrize("kind", ["p2wpkh", "p2tr"])
def test_shows_the_address_we_derived_and_says_so_before(
    every_device: Any, opened: Any, wallet: Any, kind: str
) -> None:
    prompts: list[Prompt] = []
    expected = wallet.address(kind, 5)
    with opened(every_device, on_prompt=prompts.append) as session:
        shown = session.show_address(REGTEST, wallet.path(kind, 5), kind, expected=expected)
    assert shown == expected
    assert [prompt.action for prompt in prompts] == ["show_address"]
    assert prompts[0].lines[0] == f"address: {expected}"
    if every_device.emulator is not None:
        assert any(expected in screen.text for screen in every_device.emulator.screens)


def test_refuses_an_address_that_is_not_ours(every_device: Any, opened: Any, wallet: Any) -> None:
    device = every_device.built_in("a genuine emulator cannot be told to lie")
    device.set_faults({"wrong_address": True})
    with opened(device) as session:
        with pytest.raises(DeviceError) as error:
            session.show_address(
                REGTEST, wallet.path("p2wpkh", 0), "p2wpkh", expected=wallet.address("p2wpkh", 0)
            )
        assert error.value.code == "device.address_mismatch"
        with pytest.raises(DeviceError) as later:
            session.xpub("m/84h/1h/0h")
        assert later.value.code == "device.closed"


@pytest.mark.parametrize("kinds", [("p2wpkh",), ("p2tr",), ("p2wpkh", "p2wpkh", "p2wpkh"), ("p2tr", "p2tr")])
def test_signatures_verify_over_an_independent_sighash(
    every_device: Any, opened: Any, wallet: Any, verified: Any, kinds: tuple[str, ...]
) -> None:
    request = wallet.request(*kinds, locktime=123)
    with opened(every_device) as session:
        signed = session.sign_transaction(request, REGTEST)
    assert verified(wallet, request, signed)


def test_signs_inputs_of_both_script_types_at_once(
    every_device: Any, opened: Any, wallet: Any, verified: Any
) -> None:
    request = wallet.request("p2wpkh", "p2tr", "p2wpkh")
    with opened(every_device) as session:
        signed = session.sign_transaction(request, REGTEST)
        again = session.sign_transaction(request, REGTEST)
    assert verified(wallet, request, signed)
    assert [len(raw) == 64 for _, raw in signed.signatures] == [False, True, False]
    assert again == signed


@pytest.mark.parametrize(
    ("version", "locktime", "sequence"), [(1, 0, 0xFFFFFFFF), (2, 800_000, 0), (2, 5, 144)]
)
def test_version_locktime_and_sequence_reach_the_device(
    *, trezor: Any, opened: Any, wallet: Any, verified: Any, version: int, locktime: int, sequence: int
) -> None:
    plain = wallet.request("p2wpkh", "p2wpkh")
    inputs = tuple(dataclasses.replace(item, sequence=sequence) for item in plain.inputs)
    request = SpendRequest(version, locktime, inputs, plain.outputs)
    with opened(trezor) as session:
        assert verified(wallet, request, session.sign_transaction(request, REGTEST))


def test_prompt_names_every_payment_change_and_fee_in_full(trezor: Any, opened: Any, wallet: Any) -> None:
    prompts: list[Prompt] = []
    with opened(trezor, on_prompt=prompts.append) as session:
        session.sign_transaction(wallet.request("p2wpkh"), REGTEST)
    assert prompts[-1].action == "sign_transaction"
    assert prompts[-1].lines[1:] == (
        "pay 0.00060000 BTC (on the screen: 0.0006 REGTEST) to bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
        "change 0.00038000 BTC (on the screen: 0.00038 REGTEST) to "
        f"{wallet.address('p2wpkh', 3, 1)}, m/84h/1h/0h/1/3 (the device does not show it)",
        "fee 0.00002000 BTC (on the screen: 0.00002 REGTEST)",
        "total 0.00062000 BTC (on the screen: 0.00062 REGTEST), payments and fee",
    )


def test_a_message_is_signed_with_the_header_of_p2wpkh(every_device: Any, opened: Any) -> None:
    with opened(every_device) as session:
        raw = base64.b64decode(session.sign_message("m/84h/1h/100h/0/0", "a line of text", REGTEST))
    assert len(raw) == 65
    assert 39 <= raw[0] <= 42


def test_a_statement_signed_on_the_device_verifies_with_the_public_key_alone(
    every_device: Any, opened: Any
) -> None:
    with opened(every_device) as session:
        pinned = attestation_public_key(session, REGTEST)
        signed = sign_statement(session, STATEMENT, "anna", pinned, REGTEST)
    assert verify(signed, pinned) == STATEMENT
    device = every_device.built_in("what a genuine emulator draws is not read here")
    shown = "".join(line for screen in device.screens for line in screen.lines)
    assert signed_text(STATEMENT, "anna") in shown


def test_refuses_a_statement_signed_by_another_key_of_the_device(trezor: Any, opened: Any) -> None:
    with opened(trezor) as session:
        pinned = attestation_public_key(session, REGTEST)
    trezor.set_faults({"wrong_key_signature": True})
    with opened(trezor) as session, pytest.raises(AttestationError) as error:
        sign_statement(session, STATEMENT, "anna", pinned, REGTEST)
    assert error.value.code == "attestation.wrong_signer"


def test_refuses_to_sign_a_statement_of_another_network(trezor: Any, opened: Any) -> None:
    with opened(trezor) as session, pytest.raises(DeviceError) as error:
        sign_statement(session, STATEMENT, "anna", "02" * 33, NETWORKS["mainnet"])
    assert error.value.code == "device.wrong_network"


@pytest.mark.parametrize("text", ["", "tab\t", "é", "cr\r\n", "two\nlines", "\x7f", "x" * 4097])
def test_refuses_messages_that_are_not_visible_7_bit_text(trezor: Any, opened: Any, text: str) -> None:
    with opened(trezor) as session, pytest.raises(DeviceError) as error:
        session.sign_message("m/84h/1h/100h/0/0", text, REGTEST)
    assert error.value.code == "device.bad_message"


def test_refuses_another_wallet_and_names_both_fingerprints(
    every_device: Any, opened: Any, wallet: Any, other_wallet: Any
) -> None:
    other = other_wallet.fingerprint
    with pytest.raises(WrongDeviceError) as error, opened(every_device, expected_fingerprint=other):
        pass
    assert error.value.code == "device.wrong_wallet"
    assert error.value.details == {"expected": other, "found": wallet.fingerprint}


def test_the_wallet_is_checked_again_right_before_signing(trezor: Any, opened: Any, wallet: Any) -> None:
    with opened(trezor) as session:
        trezor.load_seed(OTHER_MNEMONIC)
        shown = len(trezor.screens)
        with pytest.raises(DeviceError) as error:
            session.sign_transaction(wallet.request("p2wpkh"), REGTEST)
    assert error.value.code in {"device.wrong_wallet", "device.session_lost"}
    assert len(trezor.screens) == shown


def test_a_key_of_another_wallet_never_reaches_the_device(
    every_device: Any, opened: Any, other_wallet: Any
) -> None:
    with opened(every_device) as session, pytest.raises(WrongDeviceError) as error:
        session.sign_transaction(other_wallet.request("p2wpkh"), REGTEST)
    assert error.value.code == "device.foreign_key"
    if every_device.emulator is not None:
        assert every_device.emulator.screens == ()


def test_fingerprint_is_learnt_when_a_device_is_added(every_device: Any, opened: Any, wallet: Any) -> None:
    with opened(every_device, expected_fingerprint=None) as session:
        assert session.fingerprint == wallet.fingerprint


def test_refuses_a_make_that_is_not_configured(every_device: Any, opened: Any) -> None:
    other = {"trezor": "onekey", "onekey": "trezor"}[every_device.kind]
    with pytest.raises(DeviceError) as error, opened(every_device, kind=other):
        pass
    assert error.value.code == "device.wrong_make"


def test_refuses_an_empty_device(opened: Any) -> None:
    with (
        DeviceEmulator(mnemonic=None, persona="trezor-core") as empty,
        pytest.raises(DeviceError) as error,
        opened(empty, expected_fingerprint=None),
    ):
        pass
    assert error.value.code == "device.not_initialised"


def test_refuses_to_sign_with_lowered_safety_checks(trezor: Any, opened: Any, wallet: Any) -> None:
    from trezorlib.messages import SafetyCheckLevel

    with opened(trezor) as session:
        trezor._engine.state.safety_checks = SafetyCheckLevel.PromptTemporarily
        with pytest.raises(DeviceError) as error:
            session.sign_transaction(wallet.request("p2wpkh"), REGTEST)
    assert error.value.code == "device.safety_checks_lowered"
    assert trezor.screens == ()


def test_person_refuses_and_the_session_is_over(opened: Any, wallet: Any, verified: Any) -> None:
    request = wallet.request("p2wpkh")
    answers = iter([False] + [True] * 20)
    with DeviceEmulator(mnemonic=MNEMONIC, mode="interactive", on_screen=lambda _: next(answers)) as device:
        with opened(device) as session:
            with pytest.raises(DeviceRefusedError) as error:
                session.sign_transaction(request, REGTEST)
            with pytest.raises(DeviceError) as later:
                session.sign_transaction(request, REGTEST)
        assert error.value.code == "device.refused_by_person"
        assert error.value.exit_status == 42
        assert later.value.code == "device.closed"
        with opened(device) as session:
            assert verified(wallet, request, session.sign_transaction(request, REGTEST))


def test_standard_wallet_is_opened_without_a_passphrase_prompt(opened: Any, wallet: Any) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, mode="auto", passphrase_protection=True) as device:
        with opened(device, expected_fingerprint=wallet.fingerprint) as session:
            assert session.features.passphrase_protection
            assert session.fingerprint == wallet.fingerprint
        assert device.screens == ()


def test_passphrase_typed_on_the_device_opens_another_wallet(opened: Any, wallet: Any) -> None:
    from embit import bip32, bip39

    hidden = bip32.HDKey.from_seed(bip39.mnemonic_to_seed(MNEMONIC, "secret")).my_fingerprint.hex()
    with DeviceEmulator(
        mnemonic=MNEMONIC, mode="auto", passphrase_protection=True, typed_passphrase="secret"
    ) as device:
        with opened(device, expected_fingerprint=hidden, passphrase="device") as session:
            assert session.fingerprint == hidden
        with pytest.raises(WrongDeviceError) as error:  # noqa: SIM117 -- the open is what fails
            with opened(device, expected_fingerprint=wallet.fingerprint, passphrase="device"):
                pass
        assert error.value.code == "device.wrong_passphrase"


@pytest.mark.parametrize("source", ["device", "host"])
def test_passphrase_wallet_of_a_device_without_passphrases_is_refused(
    every_device: Any, opened: Any, source: str
) -> None:
    keyboard = Keyboard(passphrase=lambda: Secret("zirkon"))
    with pytest.raises(DeviceError) as error, opened(every_device, passphrase=source, keyboard=keyboard):
        pass
    # A model without a keypad takes none on its screen, whether passphrases are on or not.
    small = every_device.persona in {"trezor-one", "trezor-legacy", "onekey-classic1s", "onekey"}
    expected = "not_supported" if small and source == "device" else "passphrase_disabled"
    assert error.value.code == f"device.{expected}"


def test_two_devices_at_once_are_told_apart_by_fingerprint(
    every_device: Any, opened: Any, wallet: Any, other_wallet: Any
) -> None:
    with (
        DeviceEmulator(mnemonic=OTHER_MNEMONIC, persona="onekey-classic1s", mode="auto") as second,
        opened(every_device) as one,
        opened(second) as two,
    ):
        assert one.fingerprint == wallet.fingerprint
        assert two.fingerprint == other_wallet.fingerprint
        assert one.xpub("m/84h/1h/0h") != two.xpub("m/84h/1h/0h")


def test_a_device_has_one_owner(every_device: Any, opened: Any) -> None:
    with opened(every_device) as session:
        with pytest.raises(DeviceError) as error, opened(every_device):
            pass
        assert error.value.code == "device.busy"
        found: list[str] = []

        def other_thread() -> None:
            try:
                session.xpub("m/84h/1h/0h")
            except DeviceError as error:
                found.append(error.code)

        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert found == ["device.wrong_thread"]
        assert session.xpub("m/84h/1h/0h").startswith("tpub")


def test_twenty_sessions_in_a_row_do_not_exhaust_the_device(every_device: Any, opened: Any) -> None:
    for _ in range(20):
        with opened(every_device) as session:
            assert session.xpub("m/84h/1h/0h").startswith("tpub")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("hid:0001", "device.unknown_transport"),
        ("udp:10.0.0.1:21324", "device.unknown_transport"),
        ("udp:127.0.0.1", "device.unknown_transport"),
        ("udp:127.0.0.1:70000", "device.unknown_transport"),
        ("", "device.unknown_transport"),
    ],
)
def test_refuses_paths_that_are_no_device(path: str, code: str) -> None:
    with pytest.raises(DeviceError) as error:  # noqa: SIM117 -- the open is what fails
        with open_device(path, kind="trezor", expected_fingerprint=None, timeout_s=1):
            pass
    assert error.value.code == code


def test_says_where_no_device_answers() -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        path = f"udp:127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(DeviceError) as error:  # noqa: SIM117 -- the open is what fails
            with open_device(path, kind="trezor", expected_fingerprint=None, timeout_s=0.3):
                pass
    assert error.value.code == "device.not_found"
    assert path in error.value.message


def test_the_library_logs_no_message_even_when_everything_is_logged(
    opened: Any, wallet: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.NOTSET)
    with (
        DeviceEmulator(
            mnemonic=MNEMONIC, mode="auto", passphrase_protection=True, typed_passphrase="secret"
        ) as device,
        opened(device, expected_fingerprint=wallet.fingerprint) as session,
    ):
        session.sign_message("m/84h/1h/100h/0/0", "quiet", REGTEST)
    assert [record for record in caplog.records if record.name.startswith("trezorlib")] == []
