"""Wherever a person has to compare an address: a model that answers anyway leaves that to the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.device.conftest import AGREEING, MNEMONIC
from tests.support.ethereum_data import PATH
from tests.support.groups import Group
from vault.address import NETWORKS
from vault.clock import SystemClock
from vault.config import load_treasury
from vault.device.bitcoin.multisig import show_group_address
from vault.device.connection.keyboard import NOBODY, Keyboard
from vault.device.ethereum.request import EthereumAccount
from vault.device.ethereum.sign import show_ethereum_address
from vault.device.prompt import silent
from vault.errors import DeviceError, DeviceRefusedError
from vault.treasury import devices, documents
from vault.treasury.add_device import WantedWallet, add_device, append
from vault.treasury.desk import Desk
from vault.treasury.setup import init_treasury

REGTEST = NETWORKS["regtest"]
Show = Callable[[Keyboard], str]
WAYS = ("session", "group", "ethereum", "device add", "show-address", "book add")


@pytest.fixture
def ways(every_device: Any, opened: Any, wallet: Any, other_wallet: Any, tmp_path: Path) -> dict[str, Show]:
    """Everything that has an address compared; each returns it."""
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    account = EthereumAccount(PATH, Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/0").address)
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0)))
    treasury = load_treasury(init_treasury(tmp_path / "desk", "desk", SystemClock(), emulated=True).config)
    address = wallet.address("p2wpkh", 0)

    def in_session(work: Callable[[Any], str]) -> Show:
        def show(keyboard: Keyboard) -> str:
            with opened(every_device, expected_fingerprint=wallet.fingerprint, keyboard=keyboard) as session:
                return work(session)

        return show

    def add(keyboard: Keyboard) -> Any:
        cold = WantedWallet("cold", "cold", "p2wpkh")
        return add_device(
            treasury,
            "cold",
            every_device.path,
            kind=None,
            wallets=(cold,),
            attester=None,
            passphrase="none",
            compare=None,
            keyboard=keyboard,
            on_prompt=silent,
        )

    def at_desk(work: Callable[[Desk], str]) -> Show:
        def show(keyboard: Keyboard) -> str:
            with Desk(append(treasury, add(AGREEING)), keyboard=keyboard) as desk:
                return work(desk)

        return show

    return {
        "session": in_session(
            lambda session: session.show_address(
                REGTEST, wallet.path("p2wpkh", 0), "p2wpkh", expected=address
            )
        ),
        "group": in_session(
            lambda session: show_group_address(
                session, REGTEST, "p2wsh", group.origin(0, 0), expected=group.address(0, 0)
            )
        ),
        "ethereum": in_session(lambda session: show_ethereum_address(session, account)),
        "device add": lambda keyboard: str(add(keyboard).wallets[0].first_address),
        "show-address": at_desk(lambda desk: devices.show_address(desk, "cold", 0, change=False).address),
        "book add": at_desk(lambda desk: documents.add_own_address(desk, "cold-1", "cold", 0).entry.address),
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_answers_anyway_needs_a_person_here_and_no_other_does(
    *, every_device: Any, ways: dict[str, Show], way: str
) -> None:
    asked: list[str] = []

    def answering(answer: bool) -> Keyboard:
        def confirm(address: str) -> bool:
            asked.append(address)
            return answer

        return Keyboard(confirm=confirm)

    if every_device.persona != "onekey-pro":
        assert ways[way](NOBODY)
        assert ways[way](answering(False)) if way in WAYS[:4] else True
        assert asked == []
        return
    before = len(every_device.emulator.screens)
    with pytest.raises(DeviceError) as nobody:
        ways[way](NOBODY)
    assert (nobody.value.code, nobody.value.exit_status) == ("device.not_compared_by_person", 40)
    assert nobody.value.hint
    if way in WAYS[:4]:
        assert len(every_device.emulator.screens) == before


@pytest.mark.parametrize("way", WAYS)
def test_the_persons_word_decides_on_a_model_that_answers_anyway(
    *, every_device: Any, ways: dict[str, Show], way: str
) -> None:
    if every_device.persona != "onekey-pro":
        pytest.skip("its own buttons say it")
    asked: list[str] = []
    with pytest.raises(DeviceRefusedError) as error:
        ways[way](Keyboard(confirm=lambda address: bool(asked.append(address))))
    assert error.value.code == "device.refused_by_person"
    assert error.value.exit_status == 42
    assert len(asked) == 1
    assert asked[0] in error.value.message
    assert any(asked[0] in screen.text for screen in every_device.emulator.screens)


def test_the_session_is_over_when_the_person_saw_another_address(
    every_device: Any, opened: Any, wallet: Any
) -> None:
    if every_device.persona != "onekey-pro":
        pytest.skip("its own buttons say it")
    no = Keyboard(confirm=lambda _address: False)
    with opened(every_device, keyboard=no) as session:
        for code in ("device.refused_by_person", "device.closed"):
            with pytest.raises(DeviceError) as error:
                session.show_address(
                    REGTEST, wallet.path("p2wpkh", 0), "p2wpkh", expected=wallet.address("p2wpkh", 0)
                )
            assert error.value.code == code
