"""Why a contract refused, from the bytes that it returned: text from a chain, which anybody may have written.

Shows printable ASCII only, and never much of it.
"""

from __future__ import annotations

from typing import Final

from vault.errors import EthereumError
from vault.evm.abi import function

MAX_TEXT: Final = 120  # longer reasons are somebody's message to the reader
_ERROR: Final = function("Error(string reason)")
_PANIC: Final = function("Panic(uint256 code)")
# Solidity documentation, "Panic via assert and Error via require".
_PANICS: Final = {
    0x01: "a failed assertion",
    0x11: "an overflow",
    0x12: "a division by zero",
    0x21: "a value that its enum does not have",
    0x22: "a storage array that is wrongly encoded",
    0x31: "an empty array",
    0x32: "an index out of bounds",
    0x41: "too much memory",
    0x51: "an uninitialised function",
}


def revert_text(output: bytes) -> str:
    """A revert's reason for a person: its text, Solidity's panic, or the selector of a custom error."""
    if not output:
        return "no reason given"
    try:
        if output[:4] == _ERROR.selector:
            return f'"{printable(str(_ERROR.decode(output)[0]))}"'
        if output[:4] == _PANIC.selector:
            code = int(str(_PANIC.decode(output)[0]))
            return f"panic 0x{code:02x}, {_PANICS.get(code, 'of an unknown kind')}"
    except EthereumError:
        return f"an error that is badly encoded, {len(output)} bytes"
    return f"error 0x{output[:4].hex()} with {max(0, len(output) - 4)} bytes"


def printable(text: str) -> str:
    """Foreign text without anything but printable ASCII, and not too long."""
    shown = "".join(char if " " <= char <= "~" else "?" for char in text[:MAX_TEXT])
    return f"{shown}..." if len(text) > MAX_TEXT else shown
