"""How the firmwares differ on the wire: what they decode, how they wait, and their general words.

One row per persona. `core` rows are MicroPython firmware, `legacy` ones the C code of Trezor One
and its descendants. What a workflow asks or refuses differs in the rules of its own room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .personas import Persona
from .protocol.bounds import ONEKEY_1S_BOUNDS, TREZOR_ONE_BOUNDS, Bounds
from .protocol.core_decoder import PLAIN, Vocabulary

REPORT_PAYLOAD = 64 - 9  # what the first report carries of a message

# legacy: the state machine of a message tests these before anything else, in this order.
_INITIALIZED = "initialized"
_PIN = "pin"
_OPENING_CHECKS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "GetAddress",
            "SignMessage",
            "GetOwnershipId",
            "AuthorizeCoinJoin",
            "UnlockPath",
            "SignIdentity",
            "GetECDHSessionKey",
            "EthereumGetAddress",
            "EthereumGetPublicKey",
            "EthereumSignTx",
            "EthereumSignTxEIP1559",
            "EthereumSignMessage",
            "EthereumSignTypedHash",
            "GetOwnershipProof",
        ),
        (_INITIALIZED, _PIN),
    ),
    **dict.fromkeys(("GetEntropy", "ApplyFlags", "SetU2FCounter", "GetNextU2FCounter"), (_PIN,)),
    "GetPublicKey": (_PIN, _INITIALIZED),
    "DoPreauthorized": (_INITIALIZED,),
    "SignTx": (_INITIALIZED,),  # the PIN comes after the counts, not at all in a coinjoin
}
# OneKey's own numbers of the same requests.
_ONEKEY_TWINS = {
    f"{name}OneKey": checks for name, checks in _OPENING_CHECKS.items() if name.startswith("Ethereum")
}

_CORE_WHILE_LOCKED = frozenset(
    {
        "Initialize",
        "EndSession",
        "GetFeatures",
        "Cancel",
        "LockDevice",
        "DoPreauthorized",
        "WipeDevice",
        "SetBusy",
        "Ping",
    }
)


@dataclass(frozen=True, slots=True)
class WireRules:
    """What a firmware does with bytes and messages, whatever they are about."""

    # nanopb's fixed sizes of C structures, None: MicroPython's decoder without sizes.
    bounds: Bounds | None = None
    # A report that cannot belong to a message is answered ("Invalid magic"), or overheard.
    answers_bad_magic: bool = True
    # Longest message; None: as much as memory holds.
    max_message_size: int | None = None
    # The type is looked at in the first report, before the rest of the message has come.
    judges_first_report: bool = False
    # A message of another kind is handled and the running workflow goes on afterwards.
    workflow_survives: bool = False
    # While a button, PIN or passphrase is awaited only a few small messages are understood.
    small_message: int | None = None
    # Message definitions (MicroPython firmware).
    vocabulary: Vocabulary = PLAIN
    unknown_message: str = "Unexpected message"
    cancelled: str = "Cancelled"
    not_initialized: str = "Device is not initialized"
    # Messages a locked device answers without its PIN; None: each workflow asks for itself.
    allowed_while_locked: frozenset[str] | None = _CORE_WHILE_LOCKED
    opening_checks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Whether ButtonRequest carries name and page count.
    names_buttons: bool = True
    # Whether locking ends the sessions too.
    lock_ends_sessions: bool = False


_CORE = WireRules(
    vocabulary=Vocabulary(
        experimental_messages=frozenset({"EthereumSignAuth7702"}),
        experimental_fields=frozenset({("EthereumSignTxEIP1559", 16)}),  # auth7702
    )
)
_LEGACY = WireRules(
    bounds=TREZOR_ONE_BOUNDS,
    answers_bad_magic=False,
    max_message_size=16 * 1024,
    judges_first_report=True,
    workflow_survives=True,
    small_message=REPORT_PAYLOAD,
    unknown_message="Unknown message",
    cancelled="Action cancelled by user",
    not_initialized="Device not initialized",
    allowed_while_locked=None,
    opening_checks=_OPENING_CHECKS,
    names_buttons=False,
)
_ONEKEY_1S = replace(
    _LEGACY,
    bounds=ONEKEY_1S_BOUNDS,
    judges_first_report=False,
    small_message=128 - 9 - 1,
    opening_checks={**_OPENING_CHECKS, **_ONEKEY_TWINS},
    lock_ends_sessions=True,
)
_ONEKEY_PRO = replace(
    _CORE,
    # wire/__init__.py never enables experimental messages; payment requests are among them.
    vocabulary=Vocabulary(
        max_tag=0xFFFF,
        experimental_messages=frozenset({"TxAckPaymentRequest"}),
        experimental_fields=frozenset({("TxOutput", 12), ("TxOutputType", 12)}),
        unknown_fields=frozenset({("EthereumSignTxEIP1559", 16)}),
    ),
    allowed_while_locked=(_CORE_WHILE_LOCKED - {"Ping"})
    | {"OnekeyGetFeatures", "GetPassphraseState", "UnLockDevice"},
)

_ROWS = {
    "trezor-core": _CORE,
    "trezor-one": _LEGACY,
    "onekey-classic1s": _ONEKEY_1S,
    "onekey-pro": _ONEKEY_PRO,
}


def rules_for(persona: Persona) -> WireRules:
    """The row of a persona."""
    return _ROWS[persona.name]
