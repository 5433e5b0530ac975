"""Where the firmwares differ about the device itself: one named field per behaviour, a row per persona.

Sources: apps/base.py and apps/management of the core firmwares, fsm_msg_common.h of the legacy ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from trezorlib.messages import SafetyCheckLevel

from ..personas import Persona

_ALL_LEVELS = frozenset(SafetyCheckLevel)


@dataclass(frozen=True, slots=True)
class ManagementRules:
    """Behaviour of one firmware."""

    # Texts of Success.
    locked: str | None = ""
    session_ended: str | None = ""
    busy_set: str | None = ""
    reset_done: str = "Initialized"
    # SetBusy on an empty device is refused.
    busy_needs_seed: bool = True
    already_initialized: str = "Already initialized"
    # LoadDevice looks at the words after the question, and says which failure.
    words_checked_after_question: bool = False
    takes_shares: bool = True
    # A device without a PIN is told so when the PIN is to be removed (else: done already).
    refuses_to_remove_no_pin: bool = True
    safety_levels: frozenset[SafetyCheckLevel] = _ALL_LEVELS
    minimum_auto_lock_ms: int = 10_000  # of debug builds, as emulators are
    # Initialize goes on with a session only if derive_cardano is what it was opened with.
    cardano_opens_session: bool = True
    # ResetDevice and RecoveryDevice are refused whatever they say.
    no_setup_by_host: str | None = None
    # Wiping is asked twice.
    wipe_tips: bool = False
    # EntropyAck out of turn (C firmware).
    entropy_not_asked: str = "Entropy not requested"


_CORE = ManagementRules()
_LEGACY = ManagementRules(
    locked="Session cleared",
    session_ended="Session ended",
    busy_set=None,
    reset_done="Device successfully initialized",
    busy_needs_seed=False,
    already_initialized="Device is already initialized. Use Wipe first.",
    words_checked_after_question=True,
    takes_shares=False,
    refuses_to_remove_no_pin=False,
    safety_levels=frozenset({SafetyCheckLevel.Strict, SafetyCheckLevel.PromptTemporarily}),
    cardano_opens_session=False,
)

_ROWS = {
    "trezor-core": _CORE,
    "trezor-one": _LEGACY,
    "onekey-classic1s": replace(_LEGACY, no_setup_by_host="unsupport", entropy_not_asked="Not in Reset mode"),
    "onekey-pro": replace(_CORE, wipe_tips=True),
}


def rules_for(persona: Persona) -> ManagementRules:
    """The row of a persona."""
    return _ROWS[persona.name]
