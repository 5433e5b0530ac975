"""Devices of a treasury against emulated ones: found, unlocked, added, checked, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from tests.integration.device.conftest import AGREEING
from tests.support.device_in_hand import Hand
from vault.address import NETWORKS
from vault.clock import SystemClock
from vault.codec import decode, encode
from vault.config import Treasury, load_treasury
from vault.device.connection.keyboard import NOBODY, Keyboard
from vault.device.discover import discover
from vault.device.prompt import silent
from vault.errors import DeviceError, GuardError
from vault.secrets import Secret
from vault.treasury.add_device import AddedDevice, WantedAttester, WantedWallet, add_device, append
from vault.treasury.desk import Desk
from vault.treasury.devices import (
    KeyList,
    Target,
    check,
    configured,
    open_target,
    pair,
    read_keys,
    show_address,
)
from vault.treasury.setup import init_treasury

MNEMONIC = "all all all all all all all all all all all all"
OTHER_MNEMONIC = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"
REGTEST = NETWORKS["regtest"]
COLD = WantedWallet("cold", "cold", "p2wpkh")
ATTESTATION = "m/84h/1h/100h/0/0"
ALICE = WantedAttester("alice", ("policy", "address-book", "approve"))


@pytest.fixture
def treasury(tmp_path: Path) -> Treasury:
    return load_treasury(init_treasury(tmp_path / "desk", "desk", SystemClock(), emulated=True).config)


def plain(treasury: Treasury) -> Treasury:
    return Treasury(treasury.config.model_copy(update={"emulated": False}), treasury.path)


def added(treasury: Treasury, device: DeviceEmulator | Hand, **changes: Any) -> AddedDevice:
    facts: dict[str, Any] = {
        "kind": None,
        "wallets": (COLD,),
        "attester": ALICE,
        "passphrase": "none",
        "compare": None,
        "keyboard": AGREEING,
        "on_prompt": silent,
    }
    return add_device(treasury, "cold", device.path, **(facts | changes))


def code_of_add(treasury: Treasury, device: DeviceEmulator, **changes: Any) -> str:
    with pytest.raises((DeviceError, GuardError)) as error:
        added(treasury, device, **changes)
    return error.value.code


def keys_of(treasury: Treasury, device: DeviceEmulator, *paths: str) -> KeyList:
    with open_target(treasury, Target(device.path, None, None), NOBODY, silent) as session:
        return read_keys(session, REGTEST, paths, 0)


# add


def test_a_device_is_recognised_and_its_first_address_shown(
    treasury: Treasury, every_device: Any, wallet: Any
) -> None:
    found = added(treasury, every_device)
    assert found.info.kind == every_device.kind
    assert found.root_fingerprint == wallet.fingerprint
    assert found.wallets[0].first_address == wallet.address("p2wpkh", 0)
    assert not found.compared
    now = append(treasury, found)
    assert configured(now, "cold").fingerprint == wallet.fingerprint
    assert now.config.attester[0].public_key == found.public_key
    if every_device.emulator is not None:
        shown = "".join(screen.text for screen in every_device.emulator.screens)
        assert wallet.address("p2wpkh", 0) in "".join(shown.split())


def test_the_account_keys_of_every_script_type_are_read_and_labelled(
    treasury: Treasury, every_device: Any, wallet: Any
) -> None:
    from embit.networks import NETWORKS as EMBIT

    found = keys_of(treasury, every_device)
    assert [(key.path, key.script_type, key.use) for key in found.keys] == [
        ("m/44h/1h/0h", "p2pkh", "wallet"),
        ("m/49h/1h/0h", "p2sh-p2wpkh", "wallet"),
        ("m/84h/1h/0h", "p2wpkh", "wallet"),
        ("m/86h/1h/0h", "p2tr", "wallet"),
        ("m/48h/1h/0h/2h", "p2wsh", "multisig"),
        ("m/48h/1h/0h/1h", "p2sh-p2wsh", "multisig"),
        (ATTESTATION, "p2wpkh", "attestation"),
    ]
    for key in found.keys[:-1]:
        node = wallet.root.derive(key.path).to_public()
        assert key.key == node.to_base58(EMBIT["regtest"]["xpub"])
    assert found.keys[-1].key == wallet.root.derive(ATTESTATION).to_public().key.sec().hex()
    if every_device.emulator is not None:
        assert every_device.emulator.screens == ()


def test_keys_that_another_machine_read_alike_are_accepted(treasury: Treasury, trezor: Any) -> None:
    printed = json.dumps(encode(keys_of(treasury, trezor)))
    other = decode(json.loads(printed), KeyList)
    assert added(treasury, trezor, compare=other).compared


def test_keys_that_another_machine_read_otherwise_are_refused(treasury: Treasury, trezor: Any) -> None:
    honest = keys_of(treasury, trezor)
    with DeviceEmulator(mnemonic=OTHER_MNEMONIC, mode="auto") as stranger:
        foreign = keys_of(treasury, stranger)
    assert code_of_add(treasury, trezor, compare=foreign) == "device.keys_differ"
    compared = [number for number, key in enumerate(honest.keys) if key.path in {"m/84h/1h/0h", ATTESTATION}]
    assert len(compared) == 2
    for number in compared:
        altered = list(honest.keys)
        altered[number] = replace(altered[number], key=foreign.keys[number].key)
        compare = replace(honest, keys=tuple(altered))
        assert code_of_add(treasury, trezor, compare=compare) == "device.keys_differ"


def test_keys_that_the_other_machine_did_not_read_are_not_taken_as_compared(
    treasury: Treasury, trezor: Any
) -> None:
    compare = keys_of(treasury, trezor, "m/84h/1h/0h")
    assert code_of_add(treasury, trezor, compare=compare) == "device.not_compared"
    assert added(treasury, trezor, compare=compare, attester=None).compared


def test_a_second_reading_that_differs_is_refused(
    treasury: Treasury, trezor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vault.device.session import DeviceSession

    honest = DeviceSession.xpub
    read: list[str] = []

    def lying(self: DeviceSession, path: Any, network: Any = None) -> str:
        read.append(honest(self, path if len(read) == 0 else "m/84h/1h/5h", network))
        return read[-1]

    monkeypatch.setattr(DeviceSession, "xpub", lying)
    assert code_of_add(treasury, trezor) == "device.keys_differ"
    assert len(read) == 2


def test_the_second_reading_must_find_the_same_wallet(treasury: Treasury, trezor: Any) -> None:
    def swap(prompt: Any) -> None:
        """The seed changes while the address is shown, after the keys were read."""
        if prompt.action == "show_address":
            trezor.load_seed(OTHER_MNEMONIC)

    assert code_of_add(treasury, trezor, on_prompt=swap) in {
        "device.address_mismatch",
        "device.wrong_wallet",
        "device.session_lost",
    }


def test_emulators_are_refused_in_a_treasury_that_is_not_emulated(treasury: Treasury, trezor: Any) -> None:
    real = plain(treasury)
    target = Target(trezor.path, None, None)
    for ask in (
        lambda: open_target(real, target, NOBODY, silent).__enter__(),
        lambda: open_target(None, target, NOBODY, silent).__enter__(),
        lambda: pair(real, target, "code", NOBODY, silent),
    ):
        with pytest.raises(GuardError) as error:
            ask()
        assert error.value.code == "guard.emulated_device"
    assert trezor.screens == ()


def test_an_emulator_behind_another_transport_is_refused_by_what_it_says(
    treasury: Treasury, trezor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vault.device.connection import transports

    honest = transports.find
    monkeypatch.setattr(transports, "find", lambda _path, limit: honest(trezor.path, limit))
    with pytest.raises(GuardError) as error:  # noqa: SIM117 -- the open is what fails
        with open_target(plain(treasury), Target("bridge:1", None, None), NOBODY, silent):
            pass
    assert error.value.code == "guard.emulated_device"


# PIN and passphrase


@pytest.fixture(params=["trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro"])
def locked(request: pytest.FixtureRequest) -> Iterator[DeviceEmulator]:
    with DeviceEmulator(mnemonic=MNEMONIC, persona=request.param, mode="auto", pin="1234") as emulator:
        yield emulator


def places(device: DeviceEmulator, pin: str) -> Keyboard:
    """A person who reads the matrix on the display."""

    def read() -> Secret:
        matrix = device._engine.matrix
        return Secret("".join(device._engine.persona.pin_places[matrix.index(digit)] for digit in pin))

    return Keyboard(pin=read)


def test_every_persona_is_unlocked_by_its_person(treasury: Treasury, locked: Any, wallet: Any) -> None:
    target = Target(locked.path, None, wallet.fingerprint)
    with pytest.raises(DeviceError) as error:  # noqa: SIM117 -- the open is what fails
        with open_target(treasury, target, NOBODY, silent):
            pass
    assert error.value.code == "device.locked"
    with open_target(treasury, target, places(locked, "1234"), silent) as session:
        assert session.fingerprint == wallet.fingerprint
        assert session.features.pin_protection
        assert not session.features.locked


@pytest.mark.parametrize("persona", ["trezor-one", "onekey-classic1s"])
def test_a_wrong_pin_is_typed_once(treasury: Treasury, persona: str) -> None:
    with (
        DeviceEmulator(mnemonic=MNEMONIC, persona=persona, mode="auto", pin="1234") as device,
        pytest.raises(DeviceError) as error,
        open_target(treasury, Target(device.path, None, None), places(device, "4321"), silent),
    ):
        pass
    assert error.value.code == "device.wrong_pin"


@pytest.mark.parametrize("persona", ["trezor-one", "trezor-core"])
def test_a_passphrase_typed_here_opens_its_wallet_and_is_stored_nowhere(
    treasury: Treasury, persona: str
) -> None:
    from embit import bip32, bip39

    hidden = bip32.HDKey.from_seed(bip39.mnemonic_to_seed(MNEMONIC, "zirkon9")).my_fingerprint.hex()
    keyboard = Keyboard(passphrase=lambda: Secret("zirkon9"))
    with DeviceEmulator(
        mnemonic=MNEMONIC, persona=persona, mode="auto", passphrase_protection=True
    ) as device:
        found = added(treasury, device, passphrase="host", keyboard=keyboard)
        assert found.root_fingerprint == hidden
        now = append(treasury, found)
        assert configured(now, "cold").passphrase == "host"
        with open_target(now, configured(now, "cold"), keyboard, silent) as session:
            assert session.fingerprint == hidden
        other = Keyboard(passphrase=lambda: Secret("zirkon8"))
        with pytest.raises(DeviceError) as error:  # noqa: SIM117 -- the open is what fails
            with open_target(now, configured(now, "cold"), other, silent):
                pass
        assert error.value.code == "device.wrong_passphrase"
    assert not any(b"zirkon" in path.read_bytes() for path in now.folder.rglob("*") if path.is_file())


# list, check, show-address, pair


def test_devices_of_several_makes_are_found_at_once(
    every_device: Any, other_wallet: Any, wallet: Any
) -> None:
    with DeviceEmulator(mnemonic=OTHER_MNEMONIC, persona="trezor-one", mode="auto") as second:
        found = discover([every_device.path, second.path], emulated=True)
    by_path = {each.path: each for each in found.devices}
    assert by_path[every_device.path].root_fingerprint == wallet.fingerprint
    assert by_path[second.path].root_fingerprint == other_wallet.fingerprint
    assert by_path[second.path].info.model in {"Trezor 1", "Trezor T1B1"}
    assert {report.name for report in found.transports} == {"webusb", "bridge", "udp"}


def test_a_device_that_this_program_uses_is_listed_as_busy(trezor: Any, opened: Any) -> None:
    with opened(trezor) as session:
        (found,) = [
            each for each in discover([trezor.path], emulated=True).devices if each.path == trezor.path
        ]
        assert found.trouble is not None
        assert found.trouble.code == "device.busy"
        assert session.xpub("m/84h/1h/0h")


def test_check_fails_what_an_emulator_lacks_and_nothing_else(treasury: Treasury, every_device: Any) -> None:
    target = Target(every_device.path, None, None)
    found = check(treasury, target, NOBODY, silent, authenticity=True)
    verdicts = {each.what: each.verdict for each in found.findings}
    assert verdicts["PIN"] == "FAIL"
    assert verdicts["safety checks"] == "OK"
    assert verdicts["firmware"] == ("SKIP" if every_device.persona == "onekey-pro" else "OK")
    assert verdicts["authenticity"] == "SKIP"


def test_show_address_shows_what_we_derive(treasury: Treasury, every_device: Any, wallet: Any) -> None:
    now = append(treasury, added(treasury, every_device))
    with Desk(now, keyboard=AGREEING) as desk:
        assert show_address(desk, "cold", 7, change=False).address == wallet.address("p2wpkh", 7)
        shown = show_address(desk, "cold", 2, change=True)
    assert (shown.path, shown.address) == ("m/84h/1h/0h/1/2", wallet.address("p2wpkh", 2, 1))


def test_a_device_of_the_older_protocol_needs_no_pairing(
    treasury: Treasury, trezor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault.secrets.backend_name", lambda: "test")
    done = pair(treasury, Target(trezor.path, None, None), "code", NOBODY, silent)
    assert (done.needed, done.already) == (False, False)
