"""Loading and wiping a seed."""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ..errors import DataError, FirmwareError, ProcessError, UnexpectedMessage
from ..flow import Flow
from ..keys import mnemonic_is_valid
from ..personas import Persona
from ..pin import storage
from ..protocol.proto import Message
from ..state import DeviceState
from ..ui.screens import Screen
from .rules import rules_for

MAX_SHARES = 16


def check_load(persona: Persona, state: DeviceState, msg: Message) -> None:
    """Refuse a LoadDevice that cannot be carried out, as far as it is seen before the question."""
    rules = rules_for(persona)
    if state.initialized:
        raise UnexpectedMessage(rules.already_initialized)
    if rules.words_checked_after_question:
        return
    if not msg.mnemonics:
        raise ProcessError("No mnemonic provided")
    first = str(msg.mnemonics[0])
    counts = {len(str(mnemonic).split(" ")) for mnemonic in msg.mnemonics}
    if len(counts) > 1:
        raise ProcessError("All shares are required to have the same number of words")
    if not _are_shares(persona, msg) and not msg.skip_checksum and not mnemonic_is_valid(first):
        raise ProcessError("Mnemonic is not valid")


def _are_shares(persona: Persona, msg: Message) -> bool:
    if not rules_for(persona).takes_shares or not msg.mnemonics:
        return False
    return len(str(msg.mnemonics[0]).split(" ")) in (20, 33)


def keep_seed(persona: Persona, state: DeviceState, msg: Message) -> None:
    """Store the seed and settings of a LoadDevice. Raises DataError or FirmwareError on bad words."""
    if _are_shares(persona, msg):
        _keep_shares(state, tuple(str(mnemonic) for mnemonic in msg.mnemonics))
    elif msg.mnemonics:
        mnemonic = str(msg.mnemonics[0])
        late = rules_for(persona).words_checked_after_question
        if late and not msg.skip_checksum and not mnemonic_is_valid(mnemonic):
            raise DataError("Mnemonic with wrong checksum provided")
        state.mnemonic = mnemonic
    state.imported = True
    state.passphrase_protection = bool(msg.passphrase_protection)
    state.label = msg.label or ""
    state.needs_backup = bool(msg.needs_backup)
    state.no_backup = bool(msg.no_backup)
    state.unfinished_backup = bool(msg.unfinished_backup)
    if msg.u2f_counter is not None:
        state.u2f_counter = msg.u2f_counter + 1
    if msg.pin:
        storage.change(state, str(msg.pin))


def _keep_shares(state: DeviceState, mnemonics: tuple[str, ...]) -> None:
    from .. import shares

    try:
        shares.check(mnemonics)
    except ValueError as error:
        raise FirmwareError(str(error)) from None
    state.shares = mnemonics
    state.backup_type = shares.backup_type(mnemonics[0])


def load_device(flow: Flow, msg: Message) -> Message:
    if flow.persona.firmware == "legacy":
        flow.unlock()
    check_load(flow.persona, flow.state, msg)
    is_core = flow.persona.firmware == "core"
    code = ButtonRequestType.Other if is_core else ButtonRequestType.ProtectCall
    lines = ("Loading private seed is not recommended.", "Continue only if you know what you are doing!")
    flow.confirm(Screen("warn_loading_seed", "Loading seed", lines, int(code)))
    keep_seed(flow.persona, flow.state, msg)
    if not is_core:
        flow.sessions.clear()
    return messages.Success(message="Device loaded")


def wipe_device(flow: Flow, _msg: Message) -> Message:
    lines: tuple[str, ...] = ("All data will be erased.", "Do you really want to wipe the device?")
    code = int(ButtonRequestType.WipeDevice)
    name = "confirm_wipe"
    if rules_for(flow.persona).wipe_tips:
        name = "wipe_device"
        flow.confirm(Screen(name, "Wipe device", lines, code))
        lines = ("This cannot be undone.",)
    flow.confirm(Screen(name, "Wipe device", lines, code, confirm="HOLD TO CONFIRM"))
    busy_until = flow.state.busy_until
    flow.state.wipe()
    if flow.persona.firmware == "legacy":
        flow.state.busy_until = busy_until  # kept beside storage, and not cleared
    flow.sessions.clear()
    return messages.Success(message="Device wiped")
