"""Creating and backing up a seed: ResetDevice with its entropy exchange, BackupDevice, RecoveryDevice.

Exceptions to what firmware does, each refused with a text that says so: SLIP-39 seeds are not made,
core's guided backup and every recovery are not played.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NoReturn

from mnemonic import Mnemonic
from trezorlib import messages
from trezorlib.messages import BackupType, ButtonRequestType, RecoveryDeviceInputMethod, RecoveryType

from ..errors import ActionCancelled, CancelledByHost, DataError, ProcessError, UnexpectedMessage
from ..flow import Flow
from ..keys import Node, seed_from_mnemonic
from ..pin import entry, storage
from ..protocol.proto import Message
from ..ui.screens import Screen
from .pin_legacy import set_new_pin
from .rules import rules_for

_ENTROPY = 32
_STRENGTHS = (128, 192, 256)
_WORD_COUNTS = (12, 18, 24)
_RESET = int(ButtonRequestType.ResetDevice)


def _is_core(flow: Flow) -> bool:
    return flow.persona.firmware == "core"


def _refuse_setup(flow: Flow) -> None:
    text = rules_for(flow.persona).no_setup_by_host
    if text is not None:
        raise DataError(text)


def _not_played(what: str) -> NoReturn:
    raise ProcessError(f"{what} is not supported by this emulator")


def reset_device(flow: Flow, msg: Message) -> Message:
    _refuse_setup(flow)
    strength = _check_reset(flow, msg)
    _confirm_reset(flow)
    if _is_core(flow):
        flow.state.wipe()
        flow.sessions.clear()
    if msg.pin_protection:
        _set_pin(flow)
    words = _make_mnemonic(flow, msg, strength)
    backup = not msg.skip_backup and not msg.no_backup and _wants_backup(flow)
    if backup and not _is_core(flow):
        _show_new_words(flow, words)
    elif backup:
        _not_played("Showing the backup")
    state = flow.state
    state.mnemonic = words
    state.label = msg.label or None
    state.passphrase_protection = bool(msg.passphrase_protection)
    state.needs_backup = not backup and not (msg.no_backup and not _is_core(flow))
    state.no_backup = bool(msg.no_backup)
    return messages.Success(message=rules_for(flow.persona).reset_done)


def _check_reset(flow: Flow, msg: Message) -> int:
    if not _is_core(flow):
        flow.unlock()
        if flow.state.initialized:
            raise UnexpectedMessage(rules_for(flow.persona).already_initialized)
        if msg.strength is not None and msg.strength not in _STRENGTHS:
            raise DataError("Invalid seed strength")
        return int(msg.strength or _STRENGTHS[0])
    if msg.backup_type not in (None, BackupType.Bip39):
        raise ProcessError("Backup type not implemented")
    if msg.strength not in _STRENGTHS:
        raise ProcessError("Invalid strength (has to be 128, 192 or 256 bits)")
    if flow.state.initialized:
        raise UnexpectedMessage(rules_for(flow.persona).already_initialized)
    return int(msg.strength)


def _confirm_reset(flow: Flow) -> None:
    lines = ("Do you really want to create a new wallet?", "By continuing you agree to trezor.io/tos")
    code = ButtonRequestType.ResetDevice if _is_core(flow) else ButtonRequestType.ProtectCall
    flow.confirm(Screen("setup_device", "Create wallet", lines, int(code)))


def _set_pin(flow: Flow) -> None:
    if not _is_core(flow):
        set_new_pin(flow)
        return
    while True:
        first = entry.on_screen(flow, "Enter new PIN")
        if first == entry.on_screen(flow, "Re-enter new PIN"):
            break
        screen = Screen("pin_mismatch", "PIN mismatch", ("Entered PINs do not match!",), 1)
        try:
            flow.confirm(screen)
        except CancelledByHost:
            raise
        except ActionCancelled:
            continue
    storage.change(flow.state, first)


def _make_mnemonic(flow: Flow, msg: Message, strength: int) -> str:
    """The seed of both sides' entropy; with `entropy_check` the host may look at it and ask again."""
    previous: bytes | None = None
    while True:
        own = flow.random.bytes(_ENTROPY)
        flow.reset_entropy(own)
        commitment = hmac.new(own, b"", hashlib.sha256).digest() if msg.entropy_check else None
        request = messages.EntropyRequest(entropy_commitment=commitment, prev_entropy=previous)
        theirs = flow.call(request, messages.EntropyAck).entropy
        if len(theirs) * 8 < strength:
            raise ProcessError("Insufficient external entropy")
        secret = hashlib.sha256(own + theirs).digest()[: strength // 8]
        words = str(Mnemonic("english").to_mnemonic(secret))
        if not msg.entropy_check or _host_is_content(flow, words):
            flow.reset_entropy(b"")
            return words
        previous = own


def _host_is_content(flow: Flow, words: str) -> bool:
    from ..handlers import table_for

    _, get_public_key = table_for(flow.persona)[messages.GetPublicKey.MESSAGE_WIRE_TYPE]
    seed = seed_from_mnemonic(words, "")
    reply: Message = messages.EntropyCheckReady()
    while True:
        request = flow.call(reply, messages.EntropyCheckContinue, messages.GetPublicKey)
        if isinstance(request, messages.EntropyCheckContinue):
            return bool(request.finish)
        request.show_display = False
        with flow.sessions.scratch(Node.from_seed(seed), seed):
            reply = get_public_key(flow, request)


def _wants_backup(flow: Flow) -> bool:
    if not _is_core(flow):
        return True
    lines = ("New wallet created successfully!", "You should back it up right now.")
    again = ("Are you sure you want to skip the backup?", "You can back up your wallet at any time.")
    for title, text in (("Success", lines), ("Warning", again)):
        screen = Screen("backup_device", title, text, _RESET, confirm="BACK UP", cancel="SKIP")
        try:
            flow.confirm(screen)
        except CancelledByHost:
            raise
        except ActionCancelled:
            continue
        return True
    return False


def _show_new_words(flow: Flow, words: str) -> None:
    """As `_show_words`; refusing one leaves the device empty, and locked."""
    try:
        _show_words(flow, words)
    except ActionCancelled:
        flow.sessions.clear()
        flow.state.locked = True
        raise


def _show_words(flow: Flow, words: str) -> None:
    """Every word twice, as the C firmware has them written down and checked."""
    code = int(ButtonRequestType.ConfirmWord)
    for title in ("Write down the seed", "Please check the seed"):
        for number, word in enumerate(words.split(), start=1):
            flow.confirm(Screen("reset_word", title, (f"{number}. {word}",), code))


def backup_device(flow: Flow, _msg: Message) -> Message:
    flow.require_initialized()
    state = flow.state
    if _is_core(flow):
        if not state.needs_backup:
            raise ProcessError("Seed already backed up")
        _not_played("Showing the backup")
    entry.confirm_by_matrix(flow)
    if not state.needs_backup:
        raise UnexpectedMessage("Seed already backed up")
    state.unfinished_backup, state.needs_backup = True, False
    _show_words(flow, state.mnemonic or "")
    state.unfinished_backup = False
    return messages.Success(message="Seed successfully backed up")


def recovery_device(flow: Flow, msg: Message) -> Message:
    _refuse_setup(flow)
    kind = RecoveryType.NormalRecovery if msg.type is None else msg.type
    if _is_core(flow):
        _check_recovery_core(flow, msg, kind)
    else:
        _check_recovery_legacy(flow, msg, kind)
    _not_played("Recovery")


def _check_recovery_core(flow: Flow, msg: Message, kind: RecoveryType) -> None:
    if kind == RecoveryType.NormalRecovery:
        if flow.state.initialized:
            raise UnexpectedMessage("Already initialized")
    else:
        flow.require_initialized()
        if kind == RecoveryType.DryRun and flow.state.no_backup:
            raise ProcessError("Dry-run not available for seedless devices")
        if kind == RecoveryType.DryRun and (flow.state.needs_backup or flow.state.unfinished_backup):
            raise ProcessError("Cannot do dry-run without backed-up seed")
        if kind == RecoveryType.UnlockRepeatedBackup and flow.state.backup_type == BackupType.Bip39:
            raise ProcessError("Repeated Backup not available for BIP39 backups")
    if msg.enforce_wordlist is False:
        raise ProcessError("Value enforce_wordlist must be True, Trezor Core enforces words automatically.")


def _check_recovery_legacy(flow: Flow, msg: Message, kind: RecoveryType) -> None:
    entry.confirm_by_matrix(flow)
    if kind not in (RecoveryType.NormalRecovery, RecoveryType.DryRun):
        raise DataError("UnlockRepeatedBackup not supported")
    if kind == RecoveryType.NormalRecovery and flow.state.initialized:
        raise UnexpectedMessage(rules_for(flow.persona).already_initialized)
    if kind == RecoveryType.DryRun:
        flow.require_initialized()
        fields = ("passphrase_protection", "pin_protection", "language", "label", "u2f_counter")
        if any(getattr(msg, name, None) is not None for name in fields):
            raise DataError("Forbidden field set in dry-run")
    if msg.word_count is not None and msg.word_count not in _WORD_COUNTS:
        raise DataError("Invalid word count")
    scrambled = msg.input_method in (None, RecoveryDeviceInputMethod.ScrambledWords)
    if scrambled and (msg.word_count or _WORD_COUNTS[0]) < _WORD_COUNTS[-1] and flow.state.strict:
        raise DataError("Advanced recovery must be used.")
