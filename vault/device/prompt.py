"""What a person is about to see on the device, in full, and how far the device has come since.

Refuses nothing; a prompt is handed to the caller before the device is asked. Addresses are never
shortened, and nothing is called signed before its signature was checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompt:
    """`action` is the call (``show_address``, ``sign_message``, ``sign_transaction``); `lines` are facts.

    `device` names a configured device to the person; empty when it has no name.
    """

    action: str
    lines: tuple[str, ...]
    device: str = ""


OnPrompt = Callable[[Prompt], None]


def silent(_prompt: Prompt) -> None:
    """An `OnPrompt` that shows nothing, for callers that print elsewhere."""


@dataclass(frozen=True, slots=True)
class SigningProgress:
    """The device has returned `answered` signatures of `inputs`, in run `run` of `runs` (one a key of ours).

    They count as signed only once `proven`: every one of the run signs our own hash.
    """

    run: int
    runs: int
    answered: int
    inputs: int
    proven: bool = False


OnSigning = Callable[[SigningProgress], None]


def nobody_watches(_progress: SigningProgress) -> None:
    """An `OnSigning` for callers that show no progress."""
