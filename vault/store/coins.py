"""What people said about coins: frozen, accepted, labelled; and which receive addresses were given out.

Shared by all operators of a treasury; every change is journaled with who said so (as the machine told,
proven by nothing) and why. Refuses to give out an address twice. Of what two operators see differently (which
payment to an address came first) it keeps what was written first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, update

from vault.canonical import digest
from vault.errors import StoreError
from vault.store import schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.database import Writer

# BIP329 recommends that a label of more than 255 characters is cut; here it is refused where it is read.
MAX_TEXT: Final = 255
# Outpoints in one SQL statement that every database takes.
_BATCH: Final = 400


@dataclass(frozen=True, slots=True)
class Said:
    """Who said something and why; `by` is the name the machine told, proven by nothing."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class CoinMark:
    """What was said of one output: `frozen`, `accepted`, and whether it was part of the opening balance."""

    outpoint: str
    wallet: str
    frozen: bool
    accepted: bool
    opening: bool
    at: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoredLabel:
    """A label: `kind` and `ref` as in BIP329."""

    kind: str
    ref: str
    text: str
    at: str
    by: str


@dataclass(frozen=True, slots=True)
class GivenAddress:
    """A receive address that somebody was given; `place` is its index."""

    wallet: str
    place: int
    address: str
    note: str
    at: str
    by: str


# -- marks -------------------------------------------------------------------------------------------


def marks(connection: Connection, wallet: str) -> dict[str, CoinMark]:
    """Every mark of a wallet's coins, by outpoint."""
    rows = connection.execute(select(schema.coin_mark).where(schema.coin_mark.c.wallet == wallet))
    return {
        row.outpoint: CoinMark(
            row.outpoint,
            row.wallet,
            bool(row.frozen),
            bool(row.accepted),
            bool(row.opening),
            row.at,
            row.by,
            row.reason,
        )
        for row in rows
    }


def freeze(writer: Writer, wallet: str, outpoint: str, said: Said) -> bool:
    """From now on no transaction spends this coin; False when it was frozen already."""
    return _mark(writer, wallet, outpoint, said, "coin_frozen", frozen=1)


def unfreeze(writer: Writer, wallet: str, outpoint: str, said: Said) -> bool:
    """The coin may be spent again; False when it was not frozen."""
    return _mark(writer, wallet, outpoint, said, "coin_unfrozen", frozen=0)


def accept(writer: Writer, wallet: str, outpoint: str, said: Said) -> bool:
    """The coin is ours to use, whoever sent it; False when it was accepted already."""
    return _mark(writer, wallet, outpoint, said, "coin_accepted", accepted=1)


def accept_opening(writer: Writer, wallet: str, outpoints: Collection[str], by: str) -> None:
    """These coins, spent ones too, are what the books open with; the journal gets their number and digest."""
    known = marks(writer.connection, wallet)
    said = {"at": writer.at, "by": by, "reason": "opening balance"}
    new = [each for each in sorted(outpoints) if each not in known]
    for start in range(0, len(new), _BATCH):
        rows = [
            {"outpoint": each, "wallet": wallet, "accepted": 1, "opening": 1, **said}
            for each in new[start : start + _BATCH]
        ]
        writer.connection.execute(insert(schema.coin_mark), rows)
    again = [each for each in sorted(outpoints) if each in known and not known[each].opening]
    for each in again:
        writer.connection.execute(
            update(schema.coin_mark).where(schema.coin_mark.c.outpoint == each).values(accepted=1, opening=1)
        )
    writer.journal(
        "coins_opening", wallet, {"coins": len(outpoints), "digest": digest(sorted(outpoints)), **said}
    )


def _mark(writer: Writer, wallet: str, outpoint: str, said: Said, kind: str, **change: int) -> bool:
    columns = schema.coin_mark.c
    found = writer.connection.execute(select(schema.coin_mark).where(columns.outpoint == outpoint)).first()
    if found is not None and found.wallet != wallet:
        raise StoreError(
            "other_wallet", f"{outpoint}: expected a coin of {wallet}, found one of {found.wallet}"
        )
    (name, value), *_ = change.items()
    if (getattr(found, name) if found is not None else 0) == value:
        return False
    values = {**change, "at": writer.at, "by": said.by, "reason": said.reason}
    if found is None:
        row = {"outpoint": outpoint, "wallet": wallet, **values}
        writer.connection.execute(insert(schema.coin_mark).values(**row))
    else:
        writer.connection.execute(
            update(schema.coin_mark).where(columns.outpoint == outpoint).values(**values)
        )
    writer.journal(kind, outpoint, {"wallet": wallet, "by": said.by, "reason": said.reason})
    return True


# -- labels ------------------------------------------------------------------------------------------


def labels(connection: Connection) -> dict[tuple[str, str], StoredLabel]:
    """All labels by kind and reference."""
    rows = connection.execute(select(schema.label).order_by(schema.label.c.kind, schema.label.c.ref))
    return {(row.kind, row.ref): StoredLabel(*row) for row in rows}


def set_label(writer: Writer, kind: str, ref: str, text: str, by: str) -> bool:
    """Write a label over what stood there; an empty text removes it. False when nothing changes."""
    columns = schema.label.c
    where = (columns.kind == kind, columns.ref == ref)
    found = writer.connection.execute(select(columns.text).where(*where)).scalar()
    if (found or "") == text:
        return False
    writer.connection.execute(delete(schema.label).where(*where))
    if text:
        row = {"kind": kind, "ref": ref, "text": text, "at": writer.at, "by": by}
        writer.connection.execute(insert(schema.label).values(**row))
    # The journal's subject is short, and what a label is about may be long.
    writer.journal("label", ref[:80], {"kind": kind, "ref": ref, "text": text, "by": by})
    return True


# -- addresses ---------------------------------------------------------------------------------------


def given(connection: Connection, wallet: str) -> tuple[GivenAddress, ...]:
    """The receive addresses of a wallet that were given out, by index."""
    columns = schema.given_address.c
    query = select(schema.given_address).where(columns.wallet == wallet).order_by(columns.place)
    return tuple(GivenAddress(*row) for row in connection.execute(query))


def give(writer: Writer, wallet: str, place: int, address: str, said: Said) -> GivenAddress:
    """Record that an address is given out now. Raises `StoreError` (``store.address_given``)."""
    if place in {each.place for each in given(writer.connection, wallet)}:
        raise StoreError(
            "address_given",
            f"receive address {place} of {wallet} was given out by somebody else meanwhile",
            hint="Ask again: the next one will be free.",
        )
    row = GivenAddress(wallet, place, address, said.reason, writer.at, said.by)
    writer.connection.execute(
        insert(schema.given_address).values(**{name: getattr(row, name) for name in row.__dataclass_fields__})
    )
    facts = {"wallet": wallet, "index": place, "note": said.reason, "by": said.by}
    writer.journal("address_given", address, facts)
    return row


def places_of(addresses: Iterable[GivenAddress]) -> frozenset[int]:
    """Their indexes."""
    return frozenset(each.place for each in addresses)


# -- first payments ------------------------------------------------------------------------------------


def first_payments(connection: Connection, wallet: str) -> dict[str, str]:
    """Which output was decided to be the first payment to each given-out address, by address."""
    columns = schema.first_payment.c
    query = select(columns.address, columns.outpoint).where(columns.wallet == wallet)
    return {row.address: row.outpoint for row in connection.execute(query)}


def decide_first(writer: Writer, wallet: str, found: Mapping[str, str], by: str) -> None:
    """These outputs are the first payments to these addresses; what was decided before stands."""
    known = first_payments(writer.connection, wallet)
    for address, outpoint in sorted(found.items()):
        if address not in known:
            row = {"address": address, "wallet": wallet, "outpoint": outpoint, "at": writer.at, "by": by}
            writer.connection.execute(insert(schema.first_payment).values(**row))
            writer.journal("first_payment", address, {"wallet": wallet, "outpoint": outpoint, "by": by})
