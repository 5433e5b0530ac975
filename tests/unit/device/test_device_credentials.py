"""Pairings in the keyring: written as they are read, one a device, and refused when they are altered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from keyring.backend import KeyringBackend

from vault.device.connection.credentials import KEYRING_NAME, MAX_PAIRINGS, PairingCredential, load, save
from vault.errors import SecretError


class MemoryKeyring(KeyringBackend):
    """Keeps what it is given until the test ends."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def keyring_of_the_test() -> Iterator[MemoryKeyring]:
    import keyring

    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def credential(number: int, host: int = 1) -> PairingCredential:
    return PairingCredential(number.to_bytes(32, "big"), bytes([host]) * 32, b"credential")


def test_what_was_saved_is_loaded(keyring_of_the_test: MemoryKeyring) -> None:
    assert load("desk") == ()
    save("desk", credential(1))
    save("desk", credential(2))
    assert load("desk") == (credential(1), credential(2))
    assert load("other") == ()


def test_a_device_paired_again_replaces_its_pairing(keyring_of_the_test: MemoryKeyring) -> None:
    save("desk", credential(1))
    save("desk", credential(1, host=9))
    assert load("desk") == (credential(1, host=9),)


def test_the_oldest_pairings_make_room(keyring_of_the_test: MemoryKeyring) -> None:
    for number in range(MAX_PAIRINGS + 3):
        save("desk", credential(number))
    assert [found.trezor_pubkey[-1] for found in load("desk")] == list(range(3, MAX_PAIRINGS + 3))


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        "[1]",
        '[{"trezor_pubkey": "00"}]',
        json.dumps([{"trezor_pubkey": "00" * 31, "host_privkey": "00" * 32, "credential": "00"}]),
        json.dumps([{"trezor_pubkey": "00" * 32, "host_privkey": "00" * 32, "credential": ""}]),
        json.dumps([{"trezor_pubkey": "0g" * 32, "host_privkey": "00" * 32, "credential": "00"}]),
    ],
)
def test_an_altered_entry_is_refused_without_its_words(keyring_of_the_test: Any, text: str) -> None:
    keyring_of_the_test.set_password("vault:desk", KEYRING_NAME, text)
    with pytest.raises(SecretError) as error:
        load("desk")
    assert error.value.code == "secret.bad_pairings"
    assert text not in error.value.message
