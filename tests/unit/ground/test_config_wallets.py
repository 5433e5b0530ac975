"""Wallets in treasury.toml: one key has a device, a group devices and outsiders, and nobody is named idly."""

from __future__ import annotations

from pathlib import Path

import pytest

from vault.config import Treasury, load_treasury
from vault.errors import DocumentError

HEAD = """\
schema = 1
treasury_id = "desk"

[bitcoin]
network = "regtest"
esplora = "http://127.0.0.1:3002"
"""
DEVICE = '\n[[device]]\nname = "{0}"\nkind = "trezor"\npath = "webusb:1"\nroot_fingerprint = "{1}"\n'
DEVICES = DEVICE.format("a", "0000000a") + DEVICE.format("b", "0000000b") + DEVICE.format("c", "0000000c")
GROUP = "wsh(sortedmulti(2,[0000000a/48h]x,[0000000b/48h]y,[0000000d/48h]z))#check"


def load(folder: Path, wallet: str, devices: str = DEVICES) -> Treasury:
    text = f'{HEAD}{devices}\n[[wallet]]\nname = "w"\nrole = "cold"\n{wallet}\n'
    (folder / "treasury.toml").write_text(text, encoding="utf-8")
    return load_treasury(folder / "treasury.toml")


def test_a_group_names_its_devices_and_who_is_outside(tmp_path: Path) -> None:
    wallet = load(tmp_path, f'descriptor = "{GROUP}"\ndevices = ["b", "a"]\noutside = ["0000000d"]').wallet(
        "w"
    )
    assert (wallet.group, wallet.signers, wallet.outside) == (True, ("b", "a"), ("0000000d",))
    assert wallet.fingerprints == ("0000000a", "0000000b", "0000000d")


def test_a_wallet_of_one_key_has_its_device(tmp_path: Path) -> None:
    wallet = load(tmp_path, 'descriptor = "wpkh([0000000a/84h]x)#check"\ndevice = "a"').wallet("w")
    assert (wallet.group, wallet.signers, wallet.outside) == (False, ("a",), ())


OUTSIDE = 'outside = ["0000000d"]'
REFUSED = {
    "no device at all": ('descriptor = "wpkh(x)#c"', "wallet 1 (w)", "found none"),
    "devices for one key": ('descriptor = "wpkh(x)#c"\ndevices = ["a"]', "wallet 1 (w).devices", "one key"),
    "an outsider for one key": (
        f'descriptor = "wpkh(x)#c"\ndevice = "a"\n{OUTSIDE}',
        "wallet 1 (w).outside",
        "one key",
    ),
    "one device for a group": (
        f'descriptor = "{GROUP}"\ndevice = "a"',
        "wallet 1 (w).device",
        "expected `devices`",
    ),
    "nobody here": (f'descriptor = "{GROUP}"\n{OUTSIDE}', "wallet 1 (w).descriptor", "at least one"),
    "a device that is not there": (
        f'descriptor = "{GROUP}"\ndevices = ["a", "z"]\n{OUTSIDE}',
        "wallet 1 (w).devices",
        "no [[device]] is named 'z'",
    ),
    "a device twice": (
        f'descriptor = "{GROUP}"\ndevices = ["a", "a"]\n{OUTSIDE}',
        "wallet 1 (w).devices",
        "'a' twice",
    ),
    "a device that holds no key": (
        f'descriptor = "{GROUP}"\ndevices = ["a", "b", "c"]\n{OUTSIDE}',
        "wallet 1 (w).devices",
        "c (0000000c) holds no key",
    ),
    "a cosigner nobody named": (
        f'descriptor = "{GROUP}"\ndevices = ["a", "b"]',
        "wallet 1 (w).descriptor",
        "cosigner 0000000d",
    ),
    "a device named as outside": (
        f'descriptor = "{GROUP}"\ndevices = ["a", "b"]\noutside = ["0000000d", "0000000a"]',
        "wallet 1 (w).outside",
        "0000000a is a's",
    ),
    "an outsider who holds no key": (
        f'descriptor = "{GROUP}"\ndevices = ["a", "b"]\noutside = ["0000000d", "0000000e"]',
        "wallet 1 (w).outside",
        "0000000e holds no key",
    ),
    "an outsider twice": (
        f'descriptor = "{GROUP}"\ndevices = ["a", "b"]\noutside = ["0000000d", "0000000d"]',
        "wallet 1 (w).outside",
        "twice",
    ),
    "no fingerprint": (
        f'descriptor = "{GROUP}"\ndevices = ["a", "b"]\noutside = ["DEADBEEF"]',
        "wallet 1 (w).outside",
        "8 hex digits",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_together_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    wallet, place, words = REFUSED[name]
    with pytest.raises(DocumentError) as caught:
        load(tmp_path, wallet)
    assert caught.value.code == "document.invalid"
    assert place in caught.value.message
    assert words in caught.value.message
    line = int(caught.value.details["line"])
    named = (tmp_path / "treasury.toml").read_text().splitlines()[line - 1]
    assert named.startswith((place.rpartition(".")[2] if "." in place else "[[wallet]]", "[[wallet]]"))


def test_two_devices_with_the_same_wallet_are_not_two_cosigners(tmp_path: Path) -> None:
    devices = DEVICE.format("a", "0000000a") + DEVICE.format("b", "0000000a")
    group = GROUP.replace("0000000b", "0000000a")
    with pytest.raises(DocumentError, match="found one wallet twice"):
        load(tmp_path, f'descriptor = "{group}"\ndevices = ["a", "b"]\n{OUTSIDE}', devices)
