"""Where the firmwares differ on EIP-712: one named field per behaviour, one row per persona.

Sources: apps/ethereum/sign_typed_data.py of the core firmwares, ethereum_typed_data.h of OneKey
Classic 1S. Trezor One has no typed data of its own (only their hash), hence no row.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...personas import Persona


@dataclass(frozen=True, slots=True)
class Bounds:
    """The fixed buffers of a firmware in C; what does not fit is refused."""

    member_path: int = 6
    array_words: int = 24
    other_structs: int = 10
    entry_types: int = 24
    type_text: int = 2048
    shown_items: int = 128


@dataclass(frozen=True, slots=True)
class TypedDataRules:
    """Behaviour of one firmware."""

    # The signing address is shown first.
    shows_address: bool = False
    # `show_message_hash` is a field of the request.
    knows_message_hash: bool = False
    # A domain with arrays or structs in it is refused.
    flat_domain: bool = False
    # Values of no fixed size are limited to that many bytes; None: by the message's size only.
    longest_value: int | None = None
    # primaryType "SafeTx" is asked for as a whole (EthereumGnosisSafeTxRequest).
    asks_for_safe_tx: bool = False
    # OneKey's own message: its chain decides about the coin type of the path.
    chain_decides_path: bool = False
    # Reads the addresses of a Safe transaction up to their first wrong digit, instead of failing.
    lenient_safe_addresses: bool = False
    # The signature comes with its address (OneKey Classic leaves that empty).
    answers_with_address: bool = True
    # The C firmware's buffers, its 8-bit lengths, and its failures reported once per level.
    bounds: Bounds | None = None


_ROWS = {
    "trezor-core": TypedDataRules(shows_address=True, knows_message_hash=True, flat_domain=True),
    "onekey-pro": TypedDataRules(longest_value=1536, asks_for_safe_tx=True),
    "onekey-classic1s": TypedDataRules(
        asks_for_safe_tx=True,
        chain_decides_path=True,
        lenient_safe_addresses=True,
        answers_with_address=False,
        bounds=Bounds(),
    ),
}


def rules_for(persona: Persona) -> TypedDataRules:
    """The row of a persona. KeyError for one that signs only hashes."""
    return _ROWS[persona.name]
