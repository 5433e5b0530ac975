"""The evil device: each of its lies is caught before anything is returned (`-s` prints the list).

Whatever it is told to do, what the program returns is what an honest device returns, or a typed error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emulator.device.faults import Faults
from emulator.device.personas import PERSONAS
from emulator.device.server import DeviceEmulator
from tests.support.ethereum_data import MAIL, PATH, SAFE, fee_market, legacy
from tests.support.groups import Group, funded_input
from vault.address import NETWORKS
from vault.attestation import Statement, attestation_path
from vault.device.attest import sign_statement
from vault.device.bitcoin.multisig import show_group_address
from vault.device.bitcoin.request import SpendOutput, SpendRequest
from vault.device.connection.keyboard import Keyboard
from vault.device.ethereum.request import EthereumAccount
from vault.device.ethereum.sign import (
    show_ethereum_address,
    sign_ethereum_message,
    sign_ethereum_transaction,
    sign_typed_data,
)
from vault.device.prompt import Prompt
from vault.errors import DeviceError, VaultError
from vault.evm.typed import TypedData

REGTEST = NETWORKS["regtest"]
MNEMONIC = "all all all all all all all all all all all all"
STATEMENT = Statement("approval", "fund-one", "regtest", (("plan", "p-1"), ("amount", "0.25000000 BTC")))
LIES = (
    "wrong_key_signature",
    "foreign_wallet_signature",
    "truncate_signature",
    "zero_padded_signature",
    "shuffled_signatures",
    "sign_other_output",
    "redirect_output",
    "wrong_address",
    "inflated_fields",
)
# What catches a lie, whatever it was about.
CODES = {
    "device.invalid_signature",
    "device.swapped_signature",
    "device.bad_signature",
    "device.altered_transaction",
    "device.address_mismatch",
    "device.wrong_account",
    "attestation.wrong_signer",
    "attestation.bad_signature",
    "device.bad_answer",
}
SIGNING = {"wrong_key_signature", "foreign_wallet_signature", "truncate_signature", "zero_padded_signature"}
SPENDING = {"sign_other_output", "redirect_output"}
# Lies that a subject does not know (nothing to shuffle, no output …) leave it honest.
TELLING: dict[str, set[str]] = {
    "spend p2wpkh": SIGNING | SPENDING | {"shuffled_signatures"},
    "spend p2pkh": SIGNING | SPENDING | {"shuffled_signatures"},
    "spend p2tr": SIGNING | SPENDING | {"shuffled_signatures"},
    "spend p2wsh group": SIGNING | SPENDING | {"shuffled_signatures"},
    "statement": SIGNING,
    "ethereum legacy": SIGNING | SPENDING | {"wrong_address"},
    "ethereum type 2": SIGNING | SPENDING | {"wrong_address"},
    "ethereum message": SIGNING | {"wrong_address"},
    "typed data": SIGNING | {"wrong_address"},
    "safe transaction": SIGNING | {"wrong_address"},
    "address": {"wrong_address"},
    "group address": {"wrong_address"},
    "ethereum address": {"wrong_address"},
}
Ask = Callable[[Any], Any]


@pytest.fixture(params=list(PERSONAS))
def persona(request: pytest.FixtureRequest) -> Iterator[DeviceEmulator]:
    with DeviceEmulator(mnemonic=MNEMONIC, persona=request.param, mode="auto") as emulator:
        yield emulator


@pytest.fixture
def subjects(wallet: Any, other_wallet: Any) -> dict[str, Ask]:
    """Everything that is ever asked of a device."""
    group = Group("p2wsh", 2, ((wallet, 0), (other_wallet, 0)))
    places = ((0, 0), (0, 1))
    inputs = tuple(
        funded_input(group.script(*place), group.origin(*place), "p2wsh", number, 100_000)
        for number, place in enumerate(places)
    )
    back = SpendOutput(138_000, group.script(1, 0).data, change=group.origin(1, 0))
    of_group = SpendRequest(2, 0, inputs, (wallet.request("p2wpkh").outputs[0], back))
    pinned = wallet.key(attestation_path(1)).to_public().key.sec().hex()
    account = EthereumAccount(PATH, _ethereum_address())

    def spend(*kinds: str) -> Ask:
        return lambda session: session.sign_transaction(wallet.request(*kinds), REGTEST)

    return {
        "spend p2wpkh": spend("p2wpkh", "p2wpkh", "p2wpkh"),
        "spend p2pkh": spend("p2pkh", "p2sh-p2wpkh"),
        "spend p2tr": spend("p2tr", "p2tr"),
        "spend p2wsh group": lambda session: session.sign_transaction(of_group, REGTEST),
        "statement": lambda session: sign_statement(session, STATEMENT, "anna", pinned, REGTEST),
        "ethereum legacy": lambda session: sign_ethereum_transaction(session, legacy(), account),
        "ethereum type 2": lambda session: sign_ethereum_transaction(session, fee_market(), account),
        "ethereum message": lambda session: sign_ethereum_message(session, "text", account),
        "typed data": lambda session: sign_typed_data(session, TypedData.parse(MAIL), account),
        "safe transaction": lambda session: sign_typed_data(session, TypedData.parse(SAFE), account),
        "address": lambda session: session.show_address(
            REGTEST, wallet.path("p2wpkh", 4), "p2wpkh", expected=wallet.address("p2wpkh", 4)
        ),
        "group address": lambda session: show_group_address(
            session, REGTEST, "p2wsh", group.origin(0, 0), expected=group.address(0, 0)
        ),
        "ethereum address": lambda session: show_ethereum_address(session, account),
    }


def _ethereum_address() -> str:
    from eth_account import Account

    Account.enable_unaudited_hdwallet_features()
    return str(Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/0").address)


def test_every_lie_about_everything_is_caught_or_changes_nothing(
    persona: DeviceEmulator, opened: Any, subjects: dict[str, Ask]
) -> None:
    sys.stdout.write(f"\n{persona.persona}\n")
    for subject, ask in subjects.items():
        with opened(persona) as session:
            honest = ask(session)
        caught: dict[str, str] = {}
        for lie in LIES:
            persona.set_faults({lie: True})
            try:
                with opened(persona) as session:
                    told = ask(session)
            except VaultError as error:
                assert error.code in CODES, (subject, lie, error.code, error.message)
                caught[lie] = error.code
            else:
                assert told == honest, (subject, lie)
            finally:
                persona.set_faults({lie: False})
        assert TELLING[subject] <= set(caught), (subject, TELLING[subject] - set(caught))
        for lie, code in caught.items():
            sys.stdout.write(f"  {subject:18} {lie:25} {code}\n")
        with opened(persona) as session:
            assert ask(session) == honest


def test_the_list_of_lies_is_the_emulators() -> None:
    lies = {name for name, value in Faults().as_dict().items() if value is False}
    assert lies - {"unplugged", "stall_after_button", "wrong_address_on_screen"} == set(LIES)


@pytest.mark.parametrize("persona_name", list(PERSONAS))
@pytest.mark.parametrize("subject", ["address", "group address", "ethereum address"])
def test_another_address_on_the_screen_is_caught_by_who_compares_it_with_the_prompt(
    *, persona_name: str, subject: str, opened: Any, subjects: dict[str, Ask]
) -> None:
    prompts: list[Prompt] = []

    foreign: list[str] = []

    def compare(screen: Any) -> bool:
        expected = prompts[-1].lines[0].removeprefix("address: ")
        shown = set(re.findall(r"(?:bcrt1|0x)\w{38,}", screen.text)) - {expected}
        foreign.extend(shown)
        return not foreign  # who has seen another address says yes to nothing any more

    # OneKey's touch models answer a NO all the same: there the person is asked at the terminal.
    honest = Keyboard(confirm=lambda _address: not foreign)

    with DeviceEmulator(
        mnemonic=MNEMONIC, persona=persona_name, mode="interactive", on_screen=compare
    ) as device:
        with opened(device, on_prompt=prompts.append, keyboard=honest) as session:
            subjects[subject](session)
        assert foreign == []
        device.set_faults({"wrong_address_on_screen": True})
        try:
            with opened(device, on_prompt=prompts.append, keyboard=honest, timeout_s=1.0) as session:
                subjects[subject](session)
        except DeviceError as error:
            # Some models turn to the QR code at a NO, and back: what ends that is our own limit.
            assert error.code in {"device.refused_by_person", "device.endless", "device.timeout"}
            assert foreign
        else:
            assert foreign == []
