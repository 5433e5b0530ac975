"""Where makes, models and programs at the other end surprise: on every persona, and genuine emulators."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest
from embit import bip32, bip39
from trezorlib import messages, protocol_v1
from trezorlib.mapping import DEFAULT_MAPPING
from trezorlib.transport.udp import UdpTransport

from tests.support.device_in_hand import Hand, Person
from tests.support.ethereum_data import PATH, legacy
from vault.address import NETWORKS
from vault.device.connection.keyboard import Keyboard
from vault.device.ethereum.request import EthereumAccount
from vault.device.ethereum.sign import sign_ethereum_transaction
from vault.device.prompt import Prompt, SigningProgress
from vault.errors import DeviceError, DeviceRefusedError, WrongDeviceError
from vault.secrets import Secret

REGTEST = NETWORKS["regtest"]
MNEMONIC = "all all all all all all all all all all all all"
KEY = "m/84h/1h/100h/0/0"
SLOTS = 10  # sessions that a Trezor One keeps
GONE = {"device.timeout", "device.disconnected", "device.not_found"}


# Programs at this end


def test_a_caller_that_fails_in_the_middle_of_signing_leaves_the_device_ready(
    every_device: Hand, opened: Any, wallet: Any, verified: Any
) -> None:
    request = wallet.request("p2wpkh", "p2wpkh", "p2wpkh")

    def broken(progress: SigningProgress) -> None:
        if progress.answered == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), opened(every_device) as session:
        session.sign_transaction(request, REGTEST, broken)
    with opened(every_device) as session:
        assert verified(wallet, request, session.sign_transaction(request, REGTEST))


def test_a_device_that_dies_in_the_middle_of_signing_is_given_up_in_time(
    every_device: Hand, opened: Any, wallet: Any
) -> None:
    def die(progress: SigningProgress) -> None:
        if progress.answered == 1:
            every_device.die()

    with pytest.raises(DeviceError) as error, opened(every_device, timeout_s=1.0) as session:
        session.sign_transaction(wallet.request("p2wpkh", "p2wpkh", "p2wpkh"), REGTEST, die)
    assert error.value.code in GONE
    with pytest.raises(DeviceError) as later, opened(every_device, timeout_s=0.3):
        pass
    assert later.value.code in GONE


def take_over(path: str, sessions: int) -> None:
    """Another program, which asks nobody whether the device is in use."""
    with UdpTransport(path.removeprefix("udp:")) as transport:
        for _ in range(sessions):
            protocol_v1.write(transport, *DEFAULT_MAPPING.encode(messages.Initialize()))
            protocol_v1.read(transport, timeout=5.0)


@pytest.mark.parametrize("sessions", [1, SLOTS + 1])
def test_another_program_that_takes_the_device_over_never_changes_whose_keys_sign(
    every_device: Hand, opened: Any, wallet: Any, verified: Any, sessions: int
) -> None:
    request = wallet.request("p2wpkh")
    try:
        with opened(every_device, timeout_s=2.0) as session:
            take_over(every_device.path, sessions)
            signed = session.sign_transaction(request, REGTEST)
    except DeviceError as error:
        assert error.code in {"device.session_lost", "device.timeout", "device.passphrase_requested"}
    else:
        assert verified(wallet, request, signed)
    with opened(every_device) as session:
        assert verified(wallet, request, session.sign_transaction(request, REGTEST))


def test_more_inputs_than_a_hundred_are_signed_in_their_order(
    every_device: Hand, opened: Any, wallet: Any, verified: Any
) -> None:
    request = wallet.request(*["p2wpkh"] * 120)
    with opened(every_device, timeout_s=30.0) as session:
        assert verified(wallet, request, session.sign_transaction(request, REGTEST))


# Where the makes differ


def test_an_account_above_100_is_signed_by_onekeys_and_refused_by_trezors(
    every_device: Hand, opened: Any, wallet: Any, verified: Any
) -> None:
    plain = wallet.request("p2wpkh")
    request = dataclasses.replace(plain, inputs=(wallet.input("p2wpkh", 0, 100_000, account=101),))
    with opened(every_device) as session:
        if every_device.kind == "onekey":
            assert verified(wallet, request, session.sign_transaction(request, REGTEST))
            return
        with pytest.raises(DeviceRefusedError) as error:
            session.sign_transaction(request, REGTEST)
    assert error.value.code == "device.path_refused"


def test_ether_keys_on_another_chain_are_signed_or_refused_by_name(every_device: Hand, opened: Any) -> None:
    """OneKey ties 44'/60' to chains it knows by that number; Trezor One signs."""
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    account = EthereumAccount(PATH, Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/0").address)
    try:
        with opened(every_device) as session:
            signed = sign_ethereum_transaction(session, legacy(chain_id=5), account)
    except DeviceRefusedError as error:
        assert error.code == "device.path_refused"
    else:
        assert Account.recover_transaction(signed.raw) == account.address


def change_alone(wallet: Any) -> Any:
    """Coins that go back whole: a OneKey announces no question for it."""
    plain = wallet.request("p2wpkh")
    return dataclasses.replace(plain, outputs=(wallet.change("p2wpkh", 4, 98_000),))


def test_a_transaction_of_change_alone_is_told_before_and_signed(
    every_device: Hand, opened: Any, wallet: Any, verified: Any
) -> None:
    request, prompts = change_alone(wallet), list[Prompt]()
    with opened(every_device, on_prompt=prompts.append) as session:
        assert verified(wallet, request, session.sign_transaction(request, REGTEST))
    assert [prompt.action for prompt in prompts] == ["sign_transaction"]
    assert any(wallet.address("p2wpkh", 4, 1) in line for line in prompts[0].lines)


# A person who says no


@pytest.fixture
def unwilling() -> Person:
    return Person(says_yes=False)


class TestAPersonWhoSaysNo:
    """To the first question: nothing is signed, the session is over, and the next one signs."""

    @pytest.fixture
    def person(self, unwilling: Person) -> Person:
        return unwilling

    @pytest.mark.parametrize("kind", ["p2wpkh", "p2tr"])
    def test_to_a_payment(
        self, *, every_device: Hand, opened: Any, wallet: Any, verified: Any, unwilling: Person, kind: str
    ) -> None:
        request = wallet.request(kind, kind)
        with opened(every_device) as session:
            with pytest.raises(DeviceRefusedError) as error:
                session.sign_transaction(request, REGTEST)
            with pytest.raises(DeviceError) as later:
                session.sign_transaction(request, REGTEST)
        assert (error.value.code, later.value.code) == ("device.refused_by_person", "device.closed")
        unwilling.says_yes = True
        with opened(every_device) as session:
            assert verified(wallet, request, session.sign_transaction(request, REGTEST))

    def test_to_change_alone(self, every_device: Hand, opened: Any, wallet: Any) -> None:
        with opened(every_device) as session, pytest.raises(DeviceRefusedError) as error:
            session.sign_transaction(change_alone(wallet), REGTEST)
        assert error.value.code == "device.refused_by_person"

    def test_to_a_message(self, every_device: Hand, opened: Any, unwilling: Person) -> None:
        with opened(every_device) as session, pytest.raises(DeviceRefusedError) as error:
            session.sign_message(KEY, "text", REGTEST)
        assert error.value.code == "device.refused_by_person"
        unwilling.says_yes = True
        with opened(every_device) as session:
            assert session.sign_message(KEY, "text", REGTEST)


# Passphrases


class TestWithPassphrasesOn:
    @pytest.fixture
    def has_passphrase(self) -> bool:
        return True

    def test_the_wallet_without_one_is_opened_unasked(
        self, every_device: Hand, opened: Any, wallet: Any
    ) -> None:
        with opened(every_device) as session:
            assert session.features.passphrase_protection
            assert session.fingerprint == wallet.fingerprint

    def test_the_one_typed_here_opens_its_wallet_and_no_other(
        self, every_device: Hand, opened: Any, wallet: Any
    ) -> None:
        hidden = bip32.HDKey.from_seed(bip39.mnemonic_to_seed(MNEMONIC, "zirkon")).my_fingerprint.hex()
        typed = {"passphrase": "host", "keyboard": Keyboard(passphrase=lambda: Secret("zirkon"))}
        with opened(every_device, expected_fingerprint=hidden, **typed) as session:
            assert session.fingerprint == hidden
            assert session.xpub("m/84h/1h/0h").startswith("tpub")
        with pytest.raises(WrongDeviceError) as error, opened(every_device, **typed):
            pass
        assert error.value.code == "device.wrong_passphrase"


# PINs


class TestWithAPin:
    @pytest.fixture
    def pin(self) -> str:
        return "8417"

    def test_it_is_locked_until_its_person_unlocks_it(
        self, *, every_device: Hand, opened: Any, wallet: Any, pin: str, verified: Any
    ) -> None:
        with pytest.raises(DeviceError) as error, opened(every_device, keyboard=Keyboard()):
            pass
        assert error.value.code == "device.locked"
        keyboard = Keyboard(pin=lambda: Secret(every_device.places(pin)))
        request = wallet.request("p2wpkh")
        with opened(every_device, keyboard=keyboard) as session:
            assert session.features.pin_protection
            assert verified(wallet, request, session.sign_transaction(request, REGTEST))

    def test_a_wrong_pin_is_sent_once(self, every_device: Hand, opened: Any) -> None:
        tried: list[str] = []

        def wrong() -> Secret:
            tried.append("")
            return Secret(every_device.places("7148"))

        matrix = every_device.persona in {"trezor-one", "trezor-legacy", "onekey-classic1s"}
        if not matrix:
            pytest.skip("its PIN is typed on the device, not here")
        with pytest.raises(DeviceError) as error, opened(every_device, keyboard=Keyboard(pin=wrong)):
            pass
        assert error.value.code == "device.wrong_pin"
        assert len(tried) == 1


# Several at once


def test_a_session_asked_by_another_thread_answers_nothing(every_device: Hand, opened: Any) -> None:
    found: list[str] = []
    with opened(every_device) as session:

        def elsewhere() -> None:
            with pytest.raises(DeviceError) as error:
                session.sign_message(KEY, "text", REGTEST)
            found.append(error.value.code)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert session.sign_message(KEY, "text", REGTEST)
    assert found == ["device.wrong_thread"]
