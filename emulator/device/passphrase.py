"""The passphrase of a hidden wallet: from the host or typed on the device, then shown and confirmed.

Refuses what the firmware refuses: more than 50 bytes, none at all, one where none should be, and on
the C firmwares entry on a device that has no keyboard (OneKey's has one, letter by letter).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from .errors import ActionCancelled, CancelledByHost, DataError
from .ui.screens import Entry, Screen

if TYPE_CHECKING:
    from .flow import Flow

MAX_BYTES = 50
_OTHER = int(ButtonRequestType.Other)
_ENTRY = int(ButtonRequestType.PassphraseEntry)
_FIRST_LETTER = "a"  # what a keyboard without arrow keys offers


def ask(flow: Flow) -> str:
    """The passphrase of the wallet that is being opened."""
    if not flow.state.passphrase_protection:
        return ""
    if flow.persona.firmware == "core":
        return _ask_core(flow)
    return _ask_legacy(flow)


# Core


def _ask_core(flow: Flow) -> str:
    on_device = flow.state.passphrase_always_on_device
    passphrase = _typed(flow) if on_device else _from_host(flow)
    if len(passphrase.encode()) > MAX_BYTES:
        raise DataError(f"Maximum passphrase length is {MAX_BYTES} bytes")
    return passphrase


def _typed(flow: Flow) -> str:
    try:
        return flow.ask_text(
            Screen("passphrase_device", "Enter passphrase", (), _ENTRY, entry=Entry.PASSPHRASE)
        )
    except CancelledByHost:
        raise
    except ActionCancelled:
        raise ActionCancelled("Passphrase entry cancelled") from None


def _from_host(flow: Flow) -> str:
    ack = flow.call(messages.PassphraseRequest(), messages.PassphraseAck)
    if ack.on_device:
        if ack.passphrase is not None:
            raise DataError("Passphrase provided when it should not be")
        return _typed(flow)
    if ack.passphrase is None:
        raise DataError(
            "Passphrase not provided and on_device is False. Use empty string to set an empty passphrase."
        )
    passphrase = str(ack.passphrase)
    if passphrase:
        _show(flow, passphrase)
    return passphrase


def _show(flow: Flow, passphrase: str) -> None:
    if flow.state.hide_passphrase_from_host:
        lines: tuple[str, ...] = (
            "Passphrase provided by connected app will be used but will not be displayed",
            "due to the device settings.",
        )
        flow.confirm(Screen("passphrase_host1_hidden", "Hidden wallet", lines, _OTHER))
        return
    lines = ("The next screen shows your passphrase.",)
    flow.confirm(Screen("passphrase_host1", "Hidden wallet", lines, _OTHER, confirm="CONTINUE"))
    flow.confirm(Screen("passphrase_host2", "Confirm passphrase", (passphrase,), _OTHER))


# Legacy


def _ask_legacy(flow: Flow) -> str:
    ack = flow.call(messages.PassphraseRequest(), messages.PassphraseAck)
    if ack.on_device:
        if not flow.persona.passphrase_entry_on_device:
            raise DataError("This firmware is incapable of passphrase entry on the device.")
        passphrase = _letter_by_letter(flow)
    elif ack.passphrase is None:
        raise DataError("No passphrase provided. Use empty string to set an empty passphrase.")
    else:
        passphrase = str(ack.passphrase)
    if passphrase:
        _dismissable(flow, "Access hidden wallet?", "Next screen will show", "the passphrase!")
        _dismissable(flow, "Use this passphrase?", passphrase)
    return passphrase


def _dismissable(flow: Flow, title: str, *lines: str) -> None:
    try:
        flow.confirm(Screen("passphrase", title, lines, _OTHER))
    except ActionCancelled:
        raise ActionCancelled("Passphrase dismissed") from None


def _letter_by_letter(flow: Flow) -> str:
    """OneKey's keyboard: a press of confirm takes the letter shown, cancel the last one back.

    Debuglink has no arrow keys, so that a confirmed letter is always the first of the alphabet; text
    sent as input, or typed by the person, is taken whole.
    """
    tips = ("Tips: press both at once", "to switch case, numbers, symbols")
    announce = True
    while True:
        text = flow.ask_entry(Screen("passphrase_tips", "Enter passphrase", tips, _ENTRY), announce=announce)
        announce = False
        letters = ""
        while text is None:
            shown = (letters + _FIRST_LETTER,)
            screen = Screen("passphrase_entry", "Enter passphrase", shown, _ENTRY, entry=Entry.PASSPHRASE)
            try:
                text = flow.ask_entry(screen, announce=False)
            except CancelledByHost:
                raise
            except ActionCancelled:
                if not letters:
                    break
                letters = letters[:-1]
                continue
            if text is None:
                letters += _FIRST_LETTER
                if len(letters) == MAX_BYTES:
                    return letters
        if text is not None:
            return text
