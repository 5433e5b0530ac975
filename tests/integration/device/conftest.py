"""A wallet that is derived by embit, spend requests for it, and independent verification of signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from coincurve import PublicKey, PublicKeyXOnly
from embit import bip32, bip39, script
from embit.networks import NETWORKS as EMBIT_NETWORKS

from emulator.device.server import DeviceEmulator
from tests.support.device_in_hand import Hand, Person, in_hand, introduction, specs_of
from tests.support.device_report import genuine
from tests.support.groups import funded_input
from tests.support.signing import unsigned
from vault.address import NETWORKS
from vault.device.bitcoin.request import KeyOrigin, SignedInputs, SpendInput, SpendOutput, SpendRequest
from vault.device.connection.keyboard import Keyboard

MNEMONIC = "all all all all all all all all all all all all"
OTHER_MNEMONIC = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"
REGTEST = NETWORKS["regtest"]
HARD = 0x80000000
PERSONAS = {"trezor-core": "trezor", "onekey-classic1s": "onekey"}
KINDS = {**PERSONAS, "trezor-one": "trezor", "onekey-pro": "onekey"}
PURPOSES = {"p2pkh": 44, "p2sh-p2wpkh": 49, "p2wpkh": 84, "p2tr": 86}
# A person who has compared the address, for models that leave the question to this program.
AGREEING = Keyboard(confirm=lambda _address: True)
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # BIP173's example key


@dataclass(frozen=True)
class Wallet:
    """Keys of a mnemonic by embit, an implementation that the program does not use."""

    root: Any

    @property
    def fingerprint(self) -> str:
        return str(self.root.my_fingerprint.hex())

    def path(self, kind: str, index: int, change: int = 0, account: int = 0) -> tuple[int, ...]:
        return (PURPOSES[kind] | HARD, 1 | HARD, account | HARD, change, index)

    def key(self, path: tuple[int, ...]) -> Any:
        return self.root.derive(list(path))

    def script(self, path: tuple[int, ...]) -> Any:
        key = self.key(path).to_public().key
        if path[0] == 49 | HARD:
            return script.p2sh(script.p2wpkh(key))
        return {44: script.p2pkh, 84: script.p2wpkh, 86: script.p2tr}[path[0] ^ HARD](key)

    def address(self, kind: str, index: int, change: int = 0) -> str:
        return str(self.script(self.path(kind, index, change)).address(EMBIT_NETWORKS["regtest"]))

    def origin(self, path: tuple[int, ...]) -> KeyOrigin:
        return KeyOrigin(self.fingerprint, path, self.key(path).to_public().key.sec())

    def input(self, kind: str, index: int, amount: int, **changes: Any) -> SpendInput:
        """An input that spends output 1 of a funding transaction made up for it."""
        path = self.path(kind, index, account=changes.pop("account", 0))
        return funded_input(self.script(path), self.origin(path), kind, index, amount, **changes)

    def change(self, kind: str, index: int, amount: int) -> SpendOutput:
        path = self.path(kind, index, 1)
        return SpendOutput(amount, self.script(path).data, change=self.origin(path))

    def request(self, *kinds: str, locktime: int = 0) -> SpendRequest:
        """Inputs of those kinds, one payment to a stranger and one change output."""
        inputs = tuple(self.input(kind, index, 100_000 + index) for index, kind in enumerate(kinds))
        total = sum(item.amount_sat for item in inputs)
        outputs = (payment(60_000), self.change(kinds[0], 3, total - 60_000 - 2_000))
        return SpendRequest(2, locktime, inputs, outputs)


def payment(amount: int, address: str = STRANGER) -> SpendOutput:
    return SpendOutput(amount, script.address_to_scriptpubkey(address).data, address=address)


def wallet_of(mnemonic: str) -> Wallet:
    return Wallet(bip32.HDKey.from_seed(bip39.mnemonic_to_seed(mnemonic)))


def signatures_hold(wallet: Wallet, request: SpendRequest, signed: SignedInputs) -> bool:
    """Whether every signature verifies over embit's sighash with embit's key."""
    tx = unsigned(request)
    spent = [wallet.script(i.origin.path) for i in request.inputs]
    values = [i.amount_sat for i in request.inputs]
    if [index for index, _ in signed.signatures] != list(range(len(request.inputs))):
        return False
    for index, signature in signed.signatures:
        key = wallet.key(request.inputs[index].origin.path).to_public().key
        kind = request.inputs[index].script_type
        if kind == "p2tr":
            digest = tx.sighash_taproot(index, spent, values)
            good = PublicKeyXOnly(spent[index].data[2:]).verify(signature, digest)
        else:
            code = script.p2pkh(key)
            if kind == "p2pkh":
                digest = tx.sighash_legacy(index, code)
            else:
                digest = tx.sighash_segwit(index, code, values[index])
            good = PublicKey(key.sec()).verify(signature, digest, hasher=None)
        if not good:
            return False
    return True


@pytest.fixture(scope="session")
def wallet() -> Wallet:
    return wallet_of(MNEMONIC)


@pytest.fixture(scope="session")
def other_wallet() -> Wallet:
    return wallet_of(OTHER_MNEMONIC)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`every_device`: the four personas, and the genuine emulators that ``--device`` names."""
    if "every_device" in metafunc.fixturenames:
        try:
            specs = specs_of(metafunc.config.getoption("--device"))
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        metafunc.parametrize("every_device", specs, indirect=True, ids=str)


@pytest.fixture
def person() -> Person | None:
    """Who has the devices in hand: None confirms everything."""
    return None


@pytest.fixture
def has_passphrase() -> bool:
    """Whether passphrases are on."""
    return False


@pytest.fixture
def pin() -> str:
    """The PIN of the devices, which are then locked."""
    return ""


# Genuine emulators on which a PIN cannot be entered from a test.
NO_PIN = {
    "onekey": "a OneKey's emulator has no secure element, which is what checks its PIN",
    "trezor-core": "its PIN is typed on the touch screen",
}


@pytest.fixture
def every_device(
    request: pytest.FixtureRequest, person: Person | None, pin: str, *, has_passphrase: bool
) -> Iterator[Hand]:
    """A device of each persona; genuine ones where ``--device`` names them."""
    refused = NO_PIN.get(request.param.kind) if pin else None
    with in_hand(
        request.param, MNEMONIC, person=person, passphrase=has_passphrase, pin="" if refused else pin
    ) as hand:
        if hand.emulator is None:
            request.node.user_properties.append(genuine(introduction(hand.path)))
        if refused:
            pytest.skip(refused)
        yield hand


@pytest.fixture(params=list(PERSONAS))
def device(request: pytest.FixtureRequest) -> Iterator[DeviceEmulator]:
    """A device of each make that confirms everything."""
    with DeviceEmulator(mnemonic=MNEMONIC, persona=request.param, mode="auto") as emulator:
        yield emulator


@pytest.fixture
def trezor() -> Iterator[DeviceEmulator]:
    with DeviceEmulator(mnemonic=MNEMONIC, persona="trezor-core", mode="auto") as emulator:
        yield emulator


@pytest.fixture
def opened() -> Callable[..., Any]:
    """``open_device`` with what a test does not care about filled in."""
    from vault.device.session import open_device

    def open_it(emulator: DeviceEmulator, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "kind": getattr(emulator, "kind", None) or KINDS[emulator.persona],
            "expected_fingerprint": emulator.root_fingerprint,
            "timeout_s": 10.0,
            "keyboard": AGREEING,
        }
        return open_device(emulator.path, **(facts | changes))

    return open_it


@pytest.fixture
def verified() -> Callable[[Wallet, SpendRequest, SignedInputs], bool]:
    return signatures_hold
