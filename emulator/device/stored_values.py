"""What each stored field may hold, in JSON: names, ranges and alphabets of the firmware.

Refuses values no device could have stored; the text of a WrongValueError never tells the value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

from mnemonic import Mnemonic
from trezorlib.messages import BackupType, DisplayRotation, SafetyCheckLevel

from . import shares
from .management.homescreen import MAX_SIZE as MAX_HOMESCREEN
from .management.rules import rules_for
from .management.settings import LABEL_MAX_LENGTH, MAX_AUTO_LOCK_MS
from .personas import Persona
from .pin.storage import MAX_LENGTH as MAX_PIN_LENGTH
from .pin.storage import MAX_TRIES

MAX_WORDS = 24
MAX_SHARES = 16
MAX_LANGUAGE = 16
_U32 = 0xFFFF_FFFF
_DEVICE_ID_DIGITS = 24

_ENUMS: dict[str, type[IntEnum]] = {
    "safety_checks": SafetyCheckLevel,
    "backup_type": BackupType,
    "display_rotation": DisplayRotation,
}
_FLAGS = (
    "passphrase_protection",
    "passphrase_always_on_device",
    "experimental_features",
    "hide_passphrase_from_host",
    "needs_backup",
    "no_backup",
    "unfinished_backup",
    "imported",
)


class WrongValueError(ValueError):
    """A value a field cannot have; the text is what was expected."""


@dataclass(frozen=True, slots=True)
class _Field:
    """How the JSON of a field becomes its value."""

    expected: str
    read: Callable[[Any], object]  # TypeError, ValueError or KeyError for anything else


def pin_digits(persona: Persona) -> str:
    """The digits a PIN of this persona may have."""
    return persona.pin_places if persona.firmware == "legacy" else "0123456789"


def is_pin(persona: Persona, pin: str) -> bool:
    """Whether a PIN (or none) has the digits and the length the firmware takes."""
    return len(pin) <= MAX_PIN_LENGTH and set(pin) <= set(pin_digits(persona))


def is_utf8(text: str) -> bool:
    """Whether a text can be sent at all: no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_label(persona: Persona, label: str) -> bool:
    """Core counts characters, C firmware bytes."""
    if not is_utf8(label):
        return False
    length = len(label) if persona.firmware == "core" else len(label.encode())
    return length <= LABEL_MAX_LENGTH


@cache
def _words() -> frozenset[str]:
    return frozenset(Mnemonic("english").wordlist)


def _require(held: bool) -> None:
    if not held:
        raise ValueError


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _matching(test: Callable[[str], bool]) -> Callable[[Any], str]:
    def read(value: object) -> str:
        text = _text(value)
        _require(test(text))
        return text

    return read


def _optional(read: Callable[[Any], str]) -> Callable[[Any], str | None]:
    return lambda value: None if value is None else read(value)


def _number(low: int, high: int) -> _Field:
    def read(value: object) -> int:
        if type(value) is not int:
            raise TypeError
        _require(low <= value <= high)
        return value

    return _Field(f"a whole number from {low} to {high}", read)


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def _enum(kind: type[IntEnum]) -> _Field:
    return _Field(f"one of {', '.join(item.name for item in kind)}", lambda value: kind[_text(value)])


def _is_mnemonic(text: str) -> bool:
    """Known words; a checksum is not asked for, since a seed can be loaded without one."""
    words = text.split(" ")
    return len(words) <= MAX_WORDS and _words().issuperset(words)


def _shares(value: object) -> tuple[str, ...]:
    if type(value) is not list or len(value) > MAX_SHARES:
        raise TypeError
    kept = tuple(_text(item) for item in value)
    if kept:
        shares.check(kept)
    return kept


def _homescreen(value: object) -> bytes:
    image = bytes.fromhex(_text(value))
    _require(len(image) <= MAX_HOMESCREEN)
    return image


def _is_device_id(text: str) -> bool:
    return len(text) == _DEVICE_ID_DIGITS and set(text) <= set("0123456789ABCDEF")


@cache
def _fields(persona: Persona) -> dict[str, _Field]:
    pin = _Field(
        f"up to {MAX_PIN_LENGTH} digits of {pin_digits(persona)}",
        _matching(lambda text: is_pin(persona, text)),
    )
    label = _optional(_matching(lambda text: is_label(persona, text)))
    language = _optional(_matching(lambda text: is_utf8(text) and len(text.encode()) <= MAX_LANGUAGE))
    return {
        "device_id": _Field("24 hex digits in upper case", _matching(_is_device_id)),
        "mnemonic": _Field("null or up to 24 words of the BIP39 list", _optional(_matching(_is_mnemonic))),
        "shares": _Field("a list of SLIP-39 shares that make a seed", _shares),
        "label": _Field(f"null or UTF-8 text of at most {LABEL_MAX_LENGTH}", label),
        "language": _Field(f"null or UTF-8 text of at most {MAX_LANGUAGE} bytes", language),
        "flags": _number(0, _U32),
        "u2f_counter": _number(0, _U32 + 1),
        "auto_lock_delay_ms": _number(rules_for(persona).minimum_auto_lock_ms, MAX_AUTO_LOCK_MS),
        "homescreen": _Field(f"hex of at most {MAX_HOMESCREEN} bytes", _homescreen),
        "pin": pin,
        "wipe_code": pin,
        "pin_failures": _number(0, MAX_TRIES),
        **{name: _enum(kind) for name, kind in _ENUMS.items()},
        **{name: _Field("true or false", _flag) for name in _FLAGS},
    }


def to_json(name: str, value: Any) -> object:
    """A field's value as JSON."""
    if name in _ENUMS:
        return _ENUMS[name](value).name
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value


def from_json(persona: Persona, name: str, value: object) -> object:
    """A field's value. Raises WrongValueError."""
    field = _fields(persona)[name]
    try:
        return field.read(value)
    except (TypeError, KeyError, ValueError):
        raise WrongValueError(f"expected {field.expected}") from None
