"""How OneKey's firmwares show addresses, keys, messages and proofs.

Classic 1S: one ButtonRequest, then several screens between which YES and NO move; NO leaves only
from a first or last screen. Pro: one screen a question, and NO on an address has no effect.
"""

from __future__ import annotations

from dataclasses import replace

from trezorlib.messages import ButtonRequestType

from ...errors import ActionCancelled
from ...flow import Flow
from ...ui.screens import Screen
from .keys_base import AddressShown, MessageShown, PublicKeyShown
from .keys_core import CoreKeyQuestions, cosigner_lines
from .keys_legacy import LegacyKeyQuestions, is_printable, says_yes

_OTHER = int(ButtonRequestType.Other)
_ADDRESS = int(ButtonRequestType.Address)
_PUBLIC_KEY = int(ButtonRequestType.PublicKey)
_PROTECT_CALL = int(ButtonRequestType.ProtectCall)
_SUCCESS = int(ButtonRequestType.Success)
_NEXT = "NEXT"


def _walk(flow: Flow, screens: list[Screen], rejecting: tuple[int, ...]) -> None:
    """YES goes forward, NO back; on a `rejecting` screen NO ends it."""
    number, announce = 0, True
    while number < len(screens):
        if says_yes(flow, screens[number], announce=announce):
            number += 1
        elif number in rejecting:
            raise ActionCancelled
        else:
            number -= 1
        announce = False


class OneKeyClassicKeyQuestions(LegacyKeyQuestions):
    """Classic 1S. What it does not do otherwise is Trezor One's."""

    def different_paths(self, flow: Flow) -> None:
        """Nothing: this firmware does not compare the paths."""

    def address(self, flow: Flow, shown: AddressShown) -> None:
        """Address, path, then each cosigner's key; NO turns to the QR code and back."""
        title = _address_title(shown)
        screen = Screen("show_address", title, (shown.address,), _ADDRESS, _NEXT, "QR CODE")
        pages = [screen, replace(screen, lines=("Path:", shown.path))]
        if shown.group is not None:
            lines = cosigner_lines(shown.group)
            pages += [replace(screen, lines=lines[i : i + 2]) for i in range(0, len(lines), 2)]
        number, as_qr, announce = 0, False, True
        while number < len(pages):
            shown_now = replace(screen, title=f"{title} (QR code)") if as_qr else pages[number]
            yes = says_yes(flow, shown_now, announce=announce)
            announce = False
            if as_qr:
                if yes:
                    return
                number, as_qr = 0, False
            elif yes:
                number += 1
            elif number < 2:
                as_qr = True
            else:
                number -= 1

    def public_key(self, flow: Flow, shown: PublicKeyShown) -> None:
        title = f"{shown.coin.name} public key"
        first = Screen("show_xpub", title, ("xPub:", shown.xpub), _PUBLIC_KEY, _NEXT)
        _walk(flow, [first, replace(first, lines=("Path:", shown.path), confirm="CONFIRM")], rejecting=(0,))

    def message(self, flow: Flow, shown: MessageShown) -> None:
        name = "verify_message" if shown.verify else "sign_message"
        title = "Verify message" if shown.verify else f"{shown.coin.name} message"
        verb = "verify this message" if shown.verify else f"sign this {shown.coin.name} message"
        text = shown.message.decode() if is_printable(shown.message) else shown.message.hex()
        lines = (("Signer:", shown.address), ("Message:", text), (f"Do you want to {verb}?",))
        screens = [Screen(name, title, each, _PROTECT_CALL, _NEXT) for each in lines]
        _walk(flow, screens, rejecting=(0, len(screens) - 1))

    def verified(self, flow: Flow) -> None:
        """Nothing: the message screens come after the check."""


def _address_title(shown: AddressShown) -> str:
    if shown.group is None:
        return f"{shown.coin.name} address"
    return f"Multisig address ({shown.group.threshold}-{len(shown.group.xpubs)})"


class OneKeyProKeyQuestions(CoreKeyQuestions):
    """Pro."""

    def multisig(self, flow: Flow) -> None:
        """Nothing: the address screen says it."""

    def different_paths(self, flow: Flow) -> None:
        """Nothing: this firmware does not compare the paths."""

    def address(self, flow: Flow, shown: AddressShown) -> None:
        """YES and NO both close the screen: the address is returned in any case."""
        group = shown.group
        title = f"{shown.coin.name} address"
        if group is not None:
            title = f"{shown.coin.name} Multisig Address ({group.threshold} of {len(group.xpubs)})"
        cosigners = () if group is None else cosigner_lines(group)
        screen = Screen("show_address", title, (shown.address, shown.path, *cosigners), _ADDRESS)
        says_yes(flow, screen)

    def public_key(self, flow: Flow, shown: PublicKeyShown) -> None:
        title = f"{shown.coin.name} public key"
        flow.confirm(Screen("show_pubkey", title, (shown.xpub, shown.path), _PUBLIC_KEY))

    def message(self, flow: Flow, shown: MessageShown) -> None:
        name = "verify_message" if shown.verify else "sign_message"
        title = f"{'Verify' if shown.verify else 'Sign'} {shown.coin.name} message"
        lines = (shown.address, *(_pro_text(shown.message).splitlines() or ("",)))
        flow.confirm(Screen(name, title, lines, _OTHER))

    def verified(self, flow: Flow) -> None:
        flow.confirm(Screen("verify_message", "Verified", ("The signature is valid.",), _SUCCESS, "DONE"))

    def coinjoin_access(self, flow: Flow) -> None:
        lines = ("Do you want to allow access to your CoinJoin account?",)
        flow.confirm(Screen("confirm_coinjoin_access", "CoinJoin account", lines, _OTHER))


def _pro_text(message: bytes) -> str:
    """Text with something to read in it and no control characters but white space, hex otherwise."""
    try:
        text = message.decode()
    except UnicodeDecodeError:
        text = ""
    control = any((ord(c) < 32 and c not in "\t\n\r") or ord(c) == 127 for c in text)
    if control or not any(" " <= c <= "~" for c in text):
        return message.hex() if len(message) > 1024 else "0x" + message.hex()
    return text
