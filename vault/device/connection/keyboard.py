"""What a person types at this computer because of a device: PIN positions, passphrase, code, and their word.

Nothing typed here is stored, logged, or part of an error. Nobody is asked where no `Keyboard` is given:
what only a person can say is refused then.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vault.device.connection.features import DeviceInfo, DeviceKind
from vault.errors import DeviceError, DeviceRefusedError
from vault.secrets import Secret

MAX_PASSPHRASE_BYTES: Final = 50  # of every firmware of the protocol
MAX_PIN: Final = 50
# The device shows the digits of a matrix in an order of its own; a person types places, not digits.
# OneKey's has a tenth place, and takes the PIN on the device instead when it is asked to.
PLACES: Final[dict[DeviceKind, str]] = {"trezor": "123456789", "onekey": "0123456789"}
_MATRIX: Final = ("  7 8 9", "  4 5 6", "  1 2 3")


@dataclass(frozen=True, slots=True)
class Keyboard:
    """How a person is asked; None where nobody can be.

    `pin` and `passphrase` must not echo. `code` asks for what a device shows while it is paired. `confirm`
    asks whether the device showed exactly this address; only a yes is True.
    """

    pin: Callable[[], Secret] | None = None
    passphrase: Callable[[], Secret] | None = None
    code: Callable[[], Secret] | None = None
    confirm: Callable[[str], bool] | None = None


NOBODY: Final = Keyboard()


def pin_legend(kind: DeviceKind) -> tuple[str, ...]:
    """How to type a PIN of a device of that make."""
    tenth = ("    0", "or press Enter alone, and type the PIN on the device.") if kind == "onekey" else ()
    return (
        "The device shows digits in a matrix. Type the places of your PIN's digits, which lie like this:",
        *_MATRIX,
        *tenth,
        "What you type is not shown. One try: a wrong PIN counts on the device.",
    )


def ask_pin(keyboard: Keyboard, kind: DeviceKind) -> str:
    """PIN places; from a OneKey's person also nothing: typed on the device.

    Raises `DeviceError`: ``locked``, ``bad_pin``.
    """
    if keyboard.pin is None:
        raise DeviceError(
            "locked",
            "the device asks for its PIN by a matrix, and nobody is there to type it",
            hint="Run the command in a terminal.",
        )
    text = keyboard.pin().reveal()
    places, least = PLACES[kind], 0 if kind == "onekey" else 1
    if not least <= len(text) <= MAX_PIN or not set(places).issuperset(text):
        raise DeviceError(
            "bad_pin",
            f"expected at most {MAX_PIN} places, each a digit from {places[0]} to 9",
            hint="Nothing was sent to the device; it counts no wrong PIN.",
        )
    return text


def ask_passphrase(keyboard: Keyboard) -> str:
    """A passphrase as devices take it: Unicode NFKD, at most 50 bytes of UTF-8.

    Raises `DeviceError`: ``passphrase_needed``, ``bad_passphrase``.
    """
    if keyboard.passphrase is None:
        raise DeviceError(
            "passphrase_needed",
            "this wallet's passphrase is typed at this computer, and nobody is there",
            hint="Run the command in a terminal. A passphrase is never read from arguments or files.",
        )
    text = unicodedata.normalize("NFKD", keyboard.passphrase().reveal())
    if not text:
        raise _bad_passphrase('found none; the wallet without a passphrase is `passphrase = "none"`')
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _bad_passphrase("found characters that no encoding has") from None
    if size > MAX_PASSPHRASE_BYTES:
        raise _bad_passphrase(f"found {size} bytes after Unicode normalisation")
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise _bad_passphrase("found a control character")
    return text


def _bad_passphrase(found: str) -> DeviceError:
    return DeviceError(
        "bad_passphrase",
        f"expected 1 to {MAX_PASSPHRASE_BYTES} bytes of text, {found}",
        hint="Nothing was sent to the device.",
    )


def answers_without_consent(info: DeviceInfo) -> bool:
    """Whether showing an address proves nothing about the person.

    OneKey's touch models answer the same whichever way a person leaves the screen (show_address in
    lvgl/__init__.py of the firmware).
    """
    return info.kind == "onekey" and info.pin_entry == "device"


def require_comparer(keyboard: Keyboard, info: DeviceInfo) -> None:
    """Before such a device shows an address: somebody is there to compare it.

    Raises `DeviceError` (``device.not_compared_by_person``).
    """
    if answers_without_consent(info) and keyboard.confirm is None:
        raise DeviceError(
            "not_compared_by_person",
            f"{info.model} answers whether or not a person agrees, and nobody is here to ask instead",
            hint="Run the command in a terminal, where you are asked whether the device showed the address.",
        )


def require_compared(keyboard: Keyboard, info: DeviceInfo, address: str) -> None:
    """After such a device showed an address: the person says here that it was exactly this one.

    Raises `DeviceRefusedError` (``device.refused_by_person``), and what `require_comparer` raises.
    """
    require_comparer(keyboard, info)
    if keyboard.confirm is None or not answers_without_consent(info):
        return
    if not keyboard.confirm(address):
        raise DeviceRefusedError(
            "refused_by_person",
            f"expected {address} on the screen of {info.model}; the person says it showed something else",
            hint="Do not use the address. Find out whether this computer, the line or the device lies.",
        )
