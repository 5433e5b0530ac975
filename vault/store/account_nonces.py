"""What is kept of the nonces of accounts on Ethereum: where each began here, and which a person accepted.

Shared by all operators. Nothing here looks at a chain, and nothing is taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.money import Amount
from vault.store import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from vault.store.database import Writer

_OPENED: Final = "nonce_opening"
_ACCEPTED: Final = "accepted_nonce"


@dataclass(frozen=True, slots=True)
class AcceptedNonce:
    """What a person said of a nonce that no transaction of ours used, and what `left` the account then."""

    network: str
    address: str
    nonce: int
    account: str
    at: str
    by: str
    reason: str
    left: tuple[Amount, ...]


def opening(connection: Connection, network: str, address: str) -> int | None:
    """The nonce that the chain had for an address when it was first looked at; None before that."""
    for body in records.documents(connection, _OPENED):
        if (body["network"], body["address"]) == (network, address):
            return int(body["nonce"])
    return None


def open_account(writer: Writer, network: str, address: str, nonce: int, block: int) -> int:
    """From `nonce` on every transaction of an address is one of ours; returns what was said first."""
    known = opening(writer.connection, network, address)
    if known is not None:
        return known
    body = {"at": writer.at, "network": network, "address": address, "nonce": nonce, "block": block}
    records.save_document(writer, _OPENED, body)
    return nonce


def accept(writer: Writer, accepted: AcceptedNonce) -> None:
    """Keep that a person has looked at a nonce; the words go to the journal."""
    body = {
        "at": accepted.at,
        "network": accepted.network,
        "address": accepted.address,
        "nonce": accepted.nonce,
        "account": accepted.account,
        "by": accepted.by,
        "reason": accepted.reason,
        "left": [each.as_json() for each in accepted.left],
    }
    records.save_document(writer, _ACCEPTED, body)
    writer.journal("nonce_accepted", f"{accepted.network}/{accepted.address}/{accepted.nonce}", body)


def accepted_nonces(connection: Connection) -> tuple[AcceptedNonce, ...]:
    """All that were accepted, oldest first."""
    return tuple(
        AcceptedNonce(
            body["network"],
            body["address"],
            int(body["nonce"]),
            body["account"],
            body["at"],
            body["by"],
            body["reason"],
            _amounts(body["left"]),
        )
        for body in records.documents(connection, _ACCEPTED)
    )


def _amounts(values: Iterable[object]) -> tuple[Amount, ...]:
    return tuple(Amount.from_json(each) for each in values)
