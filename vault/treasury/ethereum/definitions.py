"""Definitions of networks and tokens that Trezor signed: a device then shows a name it has not built in.

They are files in the tree in which Trezor publishes them (``eth/chain-id/1/network.dat``, ``token-….dat``).
Refuses nothing that is missing: a device without a definition shows raw data; it checks signatures itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from vault.config import Treasury
    from vault.device.ethereum.request import SignedDefinitions

MAX_BYTES: Final = 10_000  # a definition with its proof has a few hundred


def definitions_for(treasury: Treasury, chain_id: int, to: str) -> SignedDefinitions:
    """What is there of a chain and of the token that a transaction calls. Raises `ConfigError`."""
    from vault.device.ethereum.request import SignedDefinitions

    folder = treasury.definitions_path
    if folder is None:
        return SignedDefinitions()
    chain = folder / "eth" / "chain-id" / str(chain_id)
    return SignedDefinitions(
        network=_read(chain / "network.dat"),
        token=_read(chain / f"token-{to.removeprefix('0x').lower()}.dat"),
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError("unreadable", f"{path}: {error.strerror or error}") from None
    if len(found) > MAX_BYTES:
        raise ConfigError("unreadable", f"{path}: expected a definition of at most {MAX_BYTES} bytes")
    return found
