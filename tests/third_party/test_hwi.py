"""HWI 3.2.0, as installed from its package: it finds the device at port 21324 and presses by debuglink."""

from __future__ import annotations

import json

import pytest
from embit import finalizer
from embit.networks import NETWORKS
from embit.psbt import PSBT

from emulator.device.server import DeviceEmulator
from tests.third_party.environments import Run
from tests.third_party.judge import FINGERPRINT, ROOT, Coin, accepted_by_kernel, address, pkh, psbt, wpkh

# The port is one, so is the worker.
pytestmark = [pytest.mark.xdist_group("third-party"), pytest.mark.timeout(300)]

REGTEST = ("--emulators", "--chain", "regtest")


def on_device(device: DeviceEmulator) -> tuple[str, ...]:
    return (*REGTEST, "--device-type", "trezor", "--device-path", device.path)


def test_enumerates_the_emulator(hwi: Run, at_hwis_port: DeviceEmulator) -> None:
    (found,) = json.loads(hwi(*REGTEST, "enumerate"))
    assert found["type"] == "trezor"
    assert found["path"] == at_hwis_port.path
    assert found["fingerprint"] == FINGERPRINT
    assert "error" not in found


def test_gets_extended_public_keys(hwi: Run, at_hwis_port: DeviceEmulator) -> None:
    for path in ("m/84h/1h/0h", "m/44h/1h/3h"):
        answer = json.loads(hwi(*on_device(at_hwis_port), "getxpub", path))
        expected = ROOT.derive(path).to_public().to_base58(version=NETWORKS["test"]["xpub"])
        assert answer["xpub"] == expected


def test_displays_an_address_on_the_device(hwi: Run, at_hwis_port: DeviceEmulator) -> None:
    path = "m/84h/1h/0h/0/3"
    answer = json.loads(hwi(*on_device(at_hwis_port), "displayaddress", "--path", path, "--addr-type", "wit"))
    # HWI calls the coin of regtest Testnet: the address is right, its prefix is testnet's.
    assert answer["address"] == address(wpkh(path))
    assert address(wpkh(path)) in "".join(screen.text for screen in at_hwis_port.screens)


def test_signs_a_psbt_that_the_kernel_accepts(hwi: Run, at_hwis_port: DeviceEmulator) -> None:
    coins = [
        Coin.at("m/84h/1h/0h/0/0", wpkh("m/84h/1h/0h/0/0"), 70_000, 0),
        Coin.at("m/84h/1h/0h/0/7", wpkh("m/84h/1h/0h/0/7"), 30_000, 1),
        Coin.at("m/44h/1h/0h/0/1", pkh("m/44h/1h/0h/0/1"), 50_000, 2),
    ]
    payee = wpkh("m/84h/1h/9h/0/0")
    unsigned = psbt(coins, [(60_000, payee)], (89_000, "m/84h/1h/0h/1/0"))
    answer = json.loads(hwi(*on_device(at_hwis_port), "signtx", unsigned.to_base64()))
    signed = PSBT.from_base64(answer["psbt"])
    assert signed.tx.txid() == unsigned.tx.txid()
    final = finalizer.finalize_psbt(signed)
    assert accepted_by_kernel(final.serialize(), coins)
    assert address(payee) in "".join(screen.text for screen in at_hwis_port.screens)
