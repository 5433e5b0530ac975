"""Hyperliquid's actions on every persona (and a genuine emulator by option), the colon in their name too."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest
from eth_account import Account

from emulator.device.server import DeviceEmulator
from tests.support.ethereum_data import PATH
from vault.device.ethereum.request import EthereumAccount
from vault.device.prompt import Prompt
from vault.errors import DeviceRefusedError, WrongDeviceError
from vault.ethereum.hyperliquid.actions import Action, ClassTransfer, SignedAction, Withdraw, typed_data
from vault.ethereum.hyperliquid.verify import PlannedWithdrawal, require_withdrawal
from vault.evm.transaction import recover
from vault.money import USDC, Amount
from vault.treasury.ethereum.hyperliquid import sign_action

MNEMONIC = "all all all all all all all all all all all all"
COLD = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
AMOUNT = Amount.parse("250000.5", USDC)
NONCE = 1_795_000_000_000
WITHDRAW = Withdraw(COLD, AMOUNT, NONCE)


@pytest.fixture(scope="session")
def owner() -> EthereumAccount:
    Account.enable_unaudited_hdwallet_features()
    return EthereumAccount(PATH, Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/0").address)


@pytest.mark.parametrize("action", [WITHDRAW, ClassTransfer(AMOUNT, True, NONCE)], ids=["withdraw", "move"])
def test_an_action_is_signed_and_shown_in_full_where_the_model_can(
    every_device: Any, opened: Any, owner: EthereumAccount, action: Action
) -> None:
    prompts: list[Prompt] = []
    with opened(every_device, on_prompt=prompts.append) as session:
        signed = sign_action(session, owner, action)
        blind = session.features.kind == "trezor" and session.features.pin_entry == "matrix"
    assert recover(typed_data(action).digest(), signed.signature) == owner.address
    assert ("The device shows only these two hashes:" in prompts[-1].lines) == blind
    lines = "\n".join(prompts[-1].lines)
    assert blind or ("250000.5" in lines and "HyperliquidSignTransaction" in lines and str(NONCE) in lines)


@pytest.mark.parametrize("persona", ["trezor-core", "onekey-classic1s", "onekey-pro"])
def test_a_person_who_asks_for_the_whole_message_reads_destination_and_amount_letter_by_letter(
    opened: Any, owner: EthereumAccount, persona: str
) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, persona=persona, mode="scripted") as emulator:
        signing = Future[SignedAction]()

        def sign() -> None:
            try:
                with opened(emulator) as session:
                    signing.set_result(sign_action(session, owner, WITHDRAW))
            except BaseException as error:  # noqa: BLE001  raised below
                signing.set_exception(error)

        thread = threading.Thread(target=sign)
        thread.start()
        while not signing.done():
            with suppress(TimeoutError):
                screen = emulator.wait_for_screen(0.2)
                emulator.press_info() if screen.info else emulator.press_yes()
        thread.join()
        assert signing.result().action == WITHDRAW
        seen = "\n".join(line for screen in emulator.screens for line in screen.lines)
    for text in (COLD.lower(), "250000.5", "Mainnet", str(NONCE), "HyperliquidTransaction:Withdraw"):
        assert text in seen


def test_a_signed_withdrawal_is_proven_against_its_plan(
    every_device: Any, opened: Any, owner: EthereumAccount
) -> None:
    with opened(every_device) as session:
        signed = sign_action(session, owner, WITHDRAW)
    planned = PlannedWithdrawal(owner.address, COLD, AMOUNT, NONCE)
    assert require_withdrawal(signed, planned) == WITHDRAW


def test_a_device_whose_key_is_another_signs_nothing(every_device: Any, opened: Any) -> None:
    stranger = EthereumAccount(PATH, COLD)
    with opened(every_device) as session, pytest.raises(WrongDeviceError):
        sign_action(session, stranger, WITHDRAW)


class TestNo:
    @pytest.fixture
    def person(self) -> Any:
        from tests.support.device_in_hand import Person

        return Person(says_yes=False)

    def test_a_person_who_says_no_leaves_no_signature(
        self, every_device: Any, opened: Any, owner: EthereumAccount
    ) -> None:
        with opened(every_device) as session, pytest.raises(DeviceRefusedError):
            sign_action(session, owner, WITHDRAW)
