"""What the treasury keeps about venue accounts: which UID a name stands for, freezes, and lead times.

A freeze is written by the program and lifted by a person alone; both are journaled. Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sqlalchemy import delete, insert, select

from vault.errors import StoreError
from vault.store import schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.coins import Said
    from vault.store.database import Writer

Direction = Literal["withdraw", "deposit"]

MAX_REASON: Final = 500
# Older ones tell how a venue was, not how it is.
RECORDS_KEPT: Final = 500


@dataclass(frozen=True, slots=True)
class VenueFreeze:
    """An account that nothing is sent to: since when, by which finding, and its words."""

    name: str
    at: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Way:
    """What lead times are recorded for: an account, an asset on a network, and a direction."""

    venue: str
    asset: str
    network: str
    direction: Direction


# -- accounts ----------------------------------------------------------------------------------------


def bound_uid(connection: Connection, name: str) -> str | None:
    """The UID that the account's name stood for first, None while nothing was ever about to go there."""
    columns = schema.venue_account.c
    query = select(columns.account_uid).where(columns.name == name)
    found: str | None = connection.execute(query).scalar()
    return found


def bind_uid(writer: Writer, name: str, account_uid: str) -> str:
    """Remember what the name stands for, unless it is known; returns the UID it stands for."""
    known = bound_uid(writer.connection, name)
    if known is not None:
        return known
    writer.connection.execute(
        insert(schema.venue_account).values(name=name, account_uid=account_uid, at=writer.at)
    )
    writer.journal("venue_account", name, {"account_uid": account_uid})
    return account_uid


# -- freezes -----------------------------------------------------------------------------------------


def freeze_of(connection: Connection, name: str) -> VenueFreeze | None:
    """The freeze of an account, None while it has none."""
    row = connection.execute(select(schema.venue_freeze).where(schema.venue_freeze.c.name == name)).first()
    return VenueFreeze(*row) if row else None


def freezes(connection: Connection) -> list[VenueFreeze]:
    """Every frozen account, by name."""
    query = select(schema.venue_freeze).order_by(schema.venue_freeze.c.name)
    return [VenueFreeze(*row) for row in connection.execute(query)]


def freeze_venue(writer: Writer, name: str, code: str, reason: str) -> VenueFreeze:
    """Freeze an account; one that is frozen stays so by its first finding, and the new one is journaled."""
    reason = reason[:MAX_REASON]
    found = freeze_of(writer.connection, name)
    if found is None:
        writer.connection.execute(
            insert(schema.venue_freeze).values(name=name, at=writer.at, code=code, reason=reason)
        )
        found = VenueFreeze(name, writer.at, code, reason)
    writer.journal("venue_frozen", name, {"code": code, "reason": reason})
    return found


def require_freeze(connection: Connection, name: str) -> VenueFreeze:
    """The freeze of an account. Raises `StoreError` (``store.venue_not_frozen``)."""
    found = freeze_of(connection, name)
    if found is None:
        raise StoreError("venue_not_frozen", f"expected a frozen venue account, found {name} not frozen")
    return found


def lift_freeze(writer: Writer, name: str, by: Said) -> VenueFreeze:
    """Lift a freeze in a person's name; returns it. Raises `StoreError` (``store.venue_not_frozen``)."""
    found = require_freeze(writer.connection, name)
    writer.connection.execute(delete(schema.venue_freeze).where(schema.venue_freeze.c.name == name))
    writer.journal("venue_lifted", name, {"code": found.code, "by": by.by, "reason": by.reason})
    return found


# -- lead times --------------------------------------------------------------------------------------


def save_lead_time(writer: Writer, client_id: str, way: Way, seconds: int) -> bool:
    """Record how long a step took, once for each step; False when it was recorded before."""
    table = schema.lead_time
    if writer.connection.execute(select(table.c.seconds).where(table.c.client_id == client_id)).first():
        return False
    writer.connection.execute(
        insert(table).values(
            client_id=client_id,
            venue=way.venue,
            asset=way.asset,
            network=way.network,
            direction=way.direction,
            ended_at=writer.at,
            seconds=seconds,
        )
    )
    return True


def lead_times(connection: Connection, way: Way) -> list[int]:
    """The newest `RECORDS_KEPT` durations of that way in seconds, newest first."""
    columns = schema.lead_time.c
    query = select(columns.seconds).where(
        columns.venue == way.venue,
        columns.asset == way.asset,
        columns.network == way.network,
        columns.direction == way.direction,
    )
    rows = connection.execute(query.order_by(columns.ended_at.desc(), columns.client_id).limit(RECORDS_KEPT))
    return [int(row.seconds) for row in rows]


def known_ways(connection: Connection) -> list[Way]:
    """Every way that something is recorded of, in order."""
    columns = schema.lead_time.c
    query = select(columns.venue, columns.asset, columns.network, columns.direction).distinct()
    return [Way(*row) for row in connection.execute(query.order_by(*query.selected_columns))]
