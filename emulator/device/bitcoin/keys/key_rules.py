"""What differs between firmwares when they give addresses, keys, messages and proofs.

Code asks a field, never who the persona is; questions that differ are in `questions`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from trezorlib.messages import InputScriptType

from ...errors import DataError, DeviceFailure, FirmwareError, NotInitialized, ProcessError
from ...personas import Persona
from ..questions.keys_base import KeyQuestions
from ..questions.keys_core import CoreKeyQuestions
from ..questions.keys_legacy import LegacyKeyQuestions
from ..questions.keys_onekey import OneKeyClassicKeyQuestions, OneKeyProKeyQuestions
from ..scripts.script_types import INTERNAL_INPUT_TYPES


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failure to raise: its kind and the firmware's words."""

    kind: type[DeviceFailure]
    text: str

    def error(self) -> DeviceFailure:
        return self.kind(self.text)


@dataclass(frozen=True, slots=True)
class KeyRules:
    """One firmware's ways."""

    questions: KeyQuestions = field(default_factory=CoreKeyQuestions)
    # GetPublicKey and VerifyMessage fail on an unknown coin with an exception of the firmware's
    # own; None: they refuse it as all messages do.
    unknown_coin: Refusal | None = Refusal(FirmwareError, "Unknown coin name")

    # Addresses. One refusal whatever was wrong with the script; None: the particular one.
    address: Refusal | None = None
    # Cosigners with different paths under strict safety checks; None: not looked at.
    different_paths: Refusal | None = Refusal(
        FirmwareError, "Using different paths for different xpubs is not allowed"
    )
    # The keys of a segwit group are shown with versions of their own (SLIP-132).
    group_xpub_versions: bool = True
    # The address MAC (SLIP-24): given at all, and whether it covers the path.
    gives_mac: bool = True
    mac_covers_path: bool = True
    # Groups keep their address for a foreign path even where safety checks never relax.
    groups_are_lenient: bool = False

    # Public keys: with an output descriptor; Ed25519 keys are marked 1 when hashed and serialised.
    gives_descriptor: bool = True
    marks_edwards_by_1: bool = False
    unknown_curve: Refusal = Refusal(FirmwareError, "Failed to derive the root node")
    # Ed25519 has no unhardened steps; `underivable` is what its sister curve answers.
    unhardened_ed25519: Refusal = Refusal(DataError, "Non-hardened paths unsupported on Ed25519")
    underivable: Refusal = Refusal(FirmwareError, "Failed to derive path")
    # Steps below the account that can be derived at once; None: the decoder bounds the path.
    max_steps: int | None = 32
    too_many_steps: Refusal = Refusal(FirmwareError, "Path cannot be longer than 32 indexes")

    # Messages. Longest one; None: the decoder bounds it.
    max_message: int | None = None
    message_too_long: Refusal = Refusal(FirmwareError, "Firmware error")
    message_address: Refusal | None = None
    unsignable: Refusal = Refusal(ProcessError, "Unsupported script type")
    # Leaving out the script type makes the signature that of a p2pkh address, whatever the address.
    no_script_type_is_p2pkh: bool = False
    # An address is decoded by whichever form it has (bech32 in capitals, too), and compared decoded.
    decodes_any_case: bool = False

    # Messages and proofs: a path is asked about only when it is foreign, and refused afterwards.
    asks_only_of_foreign_paths: bool = False

    # Proofs of ownership: whether unusual paths are asked about, and what can be proven.
    proofs_ask_of_paths: bool = True
    proof_types: frozenset[InputScriptType] = INTERNAL_INPUT_TYPES
    unprovable: Refusal = Refusal(DataError, "Unsupported script type.")
    groups_unprovable: Refusal | None = None
    no_script: Refusal | None = None

    # An optional field that is there but empty (curve, MAC) counts as absent.
    empty_is_absent: bool = True
    # UnlockPath opens the path for any next message, not only for keys, addresses and transactions.
    unlocks_any_message: bool = False


_CORE = KeyRules()
_LEGACY = replace(
    _CORE,
    questions=LegacyKeyQuestions(),
    unknown_coin=None,
    address=Refusal(DataError, "Can't encode address"),
    different_paths=Refusal(DataError, "Using different paths for different xpubs is not allowed"),
    group_xpub_versions=False,
    gives_mac=False,
    unknown_curve=Refusal(NotInitialized, "Unsupported curve"),
    unhardened_ed25519=Refusal(ProcessError, "Failed to derive private key"),
    underivable=Refusal(ProcessError, "Failed to derive private key"),
    max_steps=None,
    message_address=Refusal(ProcessError, "Error computing address"),
    unsignable=Refusal(ProcessError, "Error signing message"),
    decodes_any_case=True,
    proofs_ask_of_paths=False,
    proof_types=frozenset({InputScriptType.SPENDWITNESS, InputScriptType.SPENDTAPROOT}),
    unprovable=Refusal(ProcessError, "Signing failed"),
    groups_unprovable=Refusal(DataError, "Multisig not supported."),
    no_script=Refusal(ProcessError, "Failed to derive scriptPubKey"),
    empty_is_absent=False,
    unlocks_any_message=True,
)
_FIRMWARE_ERROR = Refusal(FirmwareError, "Firmware error")

_ROWS = {
    "trezor-core": _CORE,
    "trezor-one": _LEGACY,
    "onekey-classic1s": replace(
        _LEGACY,
        questions=OneKeyClassicKeyQuestions(),
        different_paths=None,
        group_xpub_versions=True,
        gives_descriptor=False,
        marks_edwards_by_1=True,
    ),
    "onekey-pro": replace(
        _CORE,
        questions=OneKeyProKeyQuestions(),
        unknown_coin=_FIRMWARE_ERROR,
        different_paths=None,
        mac_covers_path=False,
        groups_are_lenient=True,
        gives_descriptor=False,
        marks_edwards_by_1=True,
        unknown_curve=_FIRMWARE_ERROR,
        underivable=_FIRMWARE_ERROR,
        too_many_steps=_FIRMWARE_ERROR,
        max_message=8 * 1024,
        no_script_type_is_p2pkh=True,
        asks_only_of_foreign_paths=True,
    ),
}


def key_rules_for(persona: Persona) -> KeyRules:
    """The row of a persona. KeyError if the room has none."""
    return _ROWS[persona.name]
