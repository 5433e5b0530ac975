"""How the C firmware of Trezor One shows addresses, keys, messages and proofs.

NO on an address or a public key turns to its next form (text, QR code, cosigners' keys) under a new
ButtonRequest; only a Cancel on the wire ends it.
"""

from __future__ import annotations

from trezorlib.messages import ButtonRequestType

from ...errors import ActionCancelled, CancelledByHost
from ...flow import Flow
from ...ui.screens import Screen
from .keys_base import AddressShown, GroupShown, MessageShown, PublicKeyShown

_OTHER = int(ButtonRequestType.Other)
_WARNING = int(ButtonRequestType.Warning)
_ADDRESS = int(ButtonRequestType.Address)
_PUBLIC_KEY = int(ButtonRequestType.PublicKey)
_PROTECT_CALL = int(ButtonRequestType.ProtectCall)
_PRINTABLE = range(ord(" "), ord("~") + 1)
_TEXT_PAGE, _HEX_PAGE = 4 * 18, 4 * 8  # bytes on one screen: four rows


def says_yes(flow: Flow, screen: Screen, *, announce: bool = True) -> bool:
    """Ask; whether the answer was YES. Raises CancelledByHost for a Cancel on the wire."""
    try:
        flow.confirm(screen, announce=announce)
    except CancelledByHost:
        raise
    except ActionCancelled:
        return False
    return True


def is_printable(message: bytes) -> bool:
    return all(byte in _PRINTABLE for byte in message)


def pages_of(message: bytes) -> list[str]:
    """A message screen by screen: text if it is printable ASCII, hex otherwise."""
    as_text = is_printable(message)
    size = _TEXT_PAGE if as_text else _HEX_PAGE
    cut = [message[i : i + size] for i in range(0, len(message), size)] or [b""]
    return [page.decode() if as_text else page.hex() for page in cut]


def _address_screens(shown: AddressShown) -> list[Screen]:
    group = shown.group
    title = "Address:" if group is None else _group_title(group)
    lines = (shown.address, shown.path)
    screens = [
        Screen("show_address", title, lines, _ADDRESS, "CONTINUE", "QR CODE"),
        Screen("show_address", f"{title} (QR code)", lines, _ADDRESS, "CONTINUE", "NEXT"),
    ]
    for index, xpub in enumerate(group.xpubs if group else ()):
        owner = "yours" if group and index == group.own_index else "others"
        for half in (1, 2):
            name = f"XPUB #{index + 1} {half}/2 ({owner})"
            screens.append(Screen("show_address", name, (xpub,), _ADDRESS, "CONTINUE", "NEXT"))
    return screens


def _group_title(group: GroupShown) -> str:
    order = " (sorted)" if group.is_sorted else ""
    return f"Multisig {group.threshold:2} of {len(group.xpubs):2}{order}:"


class LegacyKeyQuestions:
    """A ButtonRequest a screen, also for those that NO turns to."""

    def multisig(self, flow: Flow) -> None:
        """Nothing: the address screen says it."""

    def different_paths(self, flow: Flow) -> None:
        lines = ("for different XPUBs.", "Continue at your own risk!")
        flow.confirm(Screen("different_paths", "Using different paths", lines, _WARNING, "CONTINUE", "ABORT"))

    def address(self, flow: Flow, shown: AddressShown) -> None:
        screens = _address_screens(shown)
        number = 0
        while not says_yes(flow, screens[number]):
            number = (number + 1) % len(screens)

    def public_key(self, flow: Flow, shown: PublicKeyShown) -> None:
        text = shown.descriptor or shown.xpub
        page, as_qr = 0, False
        while page < 2:
            title = "XPUB (QR code)" if as_qr else f"XPUB {page + 1}/2"
            screen = Screen("show_xpub", title, (text, shown.path), _PUBLIC_KEY, "NEXT", "QR CODE")
            if says_yes(flow, screen):
                page, as_qr = page + 1, False
            else:
                as_qr = not as_qr

    def message(self, flow: Flow, shown: MessageShown) -> None:
        name = "verify_message" if shown.verify else "sign_message"
        address = ("Message signed by:", shown.address)
        flow.confirm(Screen(name, "Confirm address?", address, _OTHER))
        binary = "" if is_printable(shown.message) else "binary "
        title = f"Verified {binary}message?" if shown.verify else f"Sign {binary}message?"
        self._pages(flow, name, title, shown.message)

    @staticmethod
    def _pages(flow: Flow, name: str, title: str, message: bytes) -> None:
        pages = pages_of(message)
        for number, page in enumerate(pages, start=1):
            button = "CONFIRM" if number == len(pages) else "NEXT"
            flow.confirm(Screen(name, title, (page,), _OTHER, button))

    def verified(self, flow: Flow) -> None:
        flow.confirm(Screen("verify_message", "The signature is valid.", (), _OTHER, "CONTINUE"))

    def proof_of_ownership(self, flow: Flow, commitment_data: bytes) -> None:
        name, question = "confirm_ownership_proof", "Do you want to create a proof of ownership?"
        flow.confirm(Screen(name, question, (), _PROTECT_CALL))
        title = "Commitment data" if is_printable(commitment_data) else "Binary commitment data"
        self._pages(flow, name, title, commitment_data)

    def coinjoin_access(self, flow: Flow) -> None:
        question = "Do you want to allow access to your coinjoin account?"
        flow.confirm(Screen("confirm_coinjoin_access", question, (), _OTHER))
