"""What a person is about to see on the device, in full, so that it can be compared line by line.

Refuses nothing; it is handed to the caller before the device is asked. Addresses are never shortened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompt:
    """`action` is the call (``show_address``, ``sign_message``, ``sign_transaction``); `lines` are facts."""

    action: str
    lines: tuple[str, ...]


OnPrompt = Callable[[Prompt], None]


def silent(_prompt: Prompt) -> None:
    """An `OnPrompt` that shows nothing, for callers that print elsewhere."""
