"""Pairings with devices of protocol THP: kept in the keyring of the operating system, never on disk.

One entry a treasury, a list of credentials. Refuses one that is altered or longer than it can be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from vault.errors import SecretError
from vault.secrets import Secret, find_secret, write_secret

KEYRING_NAME: Final = "device/pairings"
MAX_PAIRINGS: Final = 50
_MAX_BYTES: Final = 1000  # of a credential; firmware makes about 100


@dataclass(frozen=True, slots=True, repr=False)
class PairingCredential:
    """What a paired host proves itself with: to one device, which `trezor_pubkey` recognises.

    The names are those of trezorlib's ``Credential``, which this is. It does not print.
    """

    trezor_pubkey: bytes
    host_privkey: bytes
    credential: bytes


def no_credentials() -> Sequence[PairingCredential]:
    """Of a host that was never paired."""
    return ()


def credentials_of(treasury_id: str) -> Callable[[], Sequence[PairingCredential]]:
    """Reads the pairings of a treasury when a device asks for them, and not before."""
    return lambda: load(treasury_id)


def load(treasury_id: str) -> tuple[PairingCredential, ...]:
    """All pairings. Raises `SecretError` for a keyring that cannot be read, or holds something else."""
    secret = find_secret(treasury_id, KEYRING_NAME)
    if secret is None:
        return ()
    try:
        found = json.loads(secret.reveal())
        if not isinstance(found, list) or len(found) > MAX_PAIRINGS:
            raise ValueError
        return tuple(_read(item) for item in found)
    except (ValueError, TypeError, KeyError):
        raise SecretError(
            "bad_pairings",
            f"the keyring entry {KEYRING_NAME!r} is not what this program writes",
            hint="Delete it in the keyring, and pair the devices again.",
        ) from None


def save(treasury_id: str, credential: PairingCredential) -> None:
    """Add a pairing, in place of an older one with the same device. Raises `SecretError`."""
    kept = [known for known in load(treasury_id) if known.trezor_pubkey != credential.trezor_pubkey]
    kept = [*kept, credential][-MAX_PAIRINGS:]
    document = [
        {field.name: getattr(item, field.name).hex() for field in fields(PairingCredential)} for item in kept
    ]
    write_secret(treasury_id, KEYRING_NAME, Secret(json.dumps(document)))


def _read(item: Any) -> PairingCredential:
    values = {field.name: bytes.fromhex(item[field.name]) for field in fields(PairingCredential)}
    result = PairingCredential(**values)
    sizes = (len(result.trezor_pubkey), len(result.host_privkey))
    if len(item) != len(values) or sizes != (32, 32) or not 0 < len(result.credential) <= _MAX_BYTES:
        raise ValueError
    return result
