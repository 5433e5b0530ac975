"""The one error hierarchy: every failure a user can meet has a stable code, an exit status and a hint.

Refuses to be raised without saying what was expected and what was found; the CLI turns these into
text or JSON at its edge, nowhere else. Messages never carry secrets.
"""

from __future__ import annotations

from typing import ClassVar


class VaultError(Exception):
    """Base of all errors of this program.

    `code` is stable and machine readable (``family.reason``), `exit_status` belongs to the family,
    `hint` says what to do next. `details` are facts as strings, safe to print and to log.
    """

    family: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 70

    def __init__(self, reason: str, message: str, *, hint: str = "", **details: str) -> None:
        super().__init__(message)
        self.code = f"{self.family}.{reason}"
        self.message = message
        self.hint = hint
        self.details = details

    def as_json(self) -> dict[str, object]:
        """The error as a JSON-ready mapping (the shape printed by every command with ``--json``)."""
        return {
            "error": self.code,
            "exit_status": self.exit_status,
            "message": self.message,
            "hint": self.hint,
            "details": dict(self.details),
        }


class MoneyError(VaultError):
    """An amount, price or ratio that is not exact, not in range, or of another asset."""

    family, exit_status = "money", 16


class DocumentError(VaultError):
    """A TOML or JSON document that does not have the form it must have (file, line and column given)."""

    family, exit_status = "document", 10


class ConfigError(VaultError):
    """treasury.toml is missing, contradictory, or names what does not exist."""

    family, exit_status = "config", 11


class SecretError(VaultError):
    """A key is missing in the keyring, or the keyring is not one that keeps secrets."""

    family, exit_status = "secret", 12


class StoreError(VaultError):
    """The store cannot be opened, is of another version, or is in use."""

    family, exit_status = "store", 13


class AuditError(VaultError):
    """The journal's hash chain is broken: somebody altered, removed or reordered a row."""

    family, exit_status = "audit", 14


class AddressError(VaultError):
    """Not an address, an address of another network, or one whose checksum fails."""

    family, exit_status = "address", 15


class AttestationError(VaultError):
    """A statement that is unsigned, altered, older, foreign, or signed by a key that is not pinned."""

    family, exit_status = "attestation", 17


class GuardError(VaultError):
    """Something this version is not yet allowed to touch (a real network, a real venue)."""

    family, exit_status = "guard", 18


class VenueError(VaultError):
    """A venue refused, answered nonsense, or could not be asked; nothing left it because of this call."""

    family, exit_status = "venue", 20


class OutcomeUnknownError(VaultError):
    """Something was sent and no answer came: it may have happened. `vault reconcile` settles it."""

    family, exit_status = "unknown", 21


class KeyRightsError(VaultError):
    """An API key that may do more than it is for, or less, or from anywhere: it is not kept or not used."""

    family, exit_status = "key", 23


class MarketDataError(VaultError):
    """Market data or a history that cannot be read, or that is not what its mapping says."""

    family, exit_status = "market", 26


class ChainError(VaultError):
    """The chain backend refused or could not be asked."""

    family, exit_status = "chain", 25


class PsbtError(VaultError):
    """A PSBT that cannot be parsed, or that says something else than the plan."""

    family, exit_status = "psbt", 30


class EthereumError(VaultError):
    """An Ethereum transaction, call, token or answer that is not what it must be; it is not used."""

    family, exit_status = "ethereum", 35


class SafeError(EthereumError):
    """A Safe transaction that may not be signed, or a Safe that is not as it was configured."""

    family, exit_status = "safe", 36


class DeviceError(VaultError):
    """The device is absent, locked, busy, unplugged, or answers what it must not."""

    family, exit_status = "device", 40


class WrongDeviceError(DeviceError):
    """A device answered, but it holds another wallet than the configured one."""

    family, exit_status = "device", 41


class DeviceRefusedError(DeviceError):
    """The person at the device, or the device itself, said no."""

    family, exit_status = "device", 42


class DeceivedError(DeviceError):
    """The device, or its line, answered with what is provably not what was asked: it is not used."""

    family, exit_status = "device", 43


class PolicyError(VaultError):
    """A policy document or expression that cannot be used as it stands."""

    family, exit_status = "policy", 50


class DeniedError(VaultError):
    """The policy does not allow it. Deny is the default."""

    family, exit_status = "denied", 51


class PlanError(VaultError):
    """A plan file that is altered, expired, unknown, already used, or whose preconditions no longer hold."""

    family, exit_status = "plan", 60


class BooksError(VaultError):
    """The books do not balance: what was recorded differs from what venue and chain say."""

    family, exit_status = "books", 65
