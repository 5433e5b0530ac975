"""What the treasury keeps: documents, plans, approvals and intents, with their allowed state changes.

An intent's state changes only by compare-and-swap along `TRANSITIONS`; a change that another process
made first is refused. Nothing here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, insert, or_, select, update

from vault.canonical import canonical_json, digest, read_json
from vault.errors import PlanError, StoreError
from vault.store import schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from vault.store.database import Writer

# From each state of an intent, the states it may go to. A planned step may become done or closed at once when
# it is only observed (a venue's credit); an accepted one stays so while its venue says more of it. What is
# signed may be sent by whoever else has the signatures; what is sent may be refused by a contract.
# A transaction is displaced while another one of ours holds its coins, and replaced when that one is final.
TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "planned": frozenset({"signing", "submitting", "done", "cancelled", "replaced", "closed_by_person"}),
    "signing": frozenset({"signing", "signed", "accepted", "sent", "cancelled", "replaced"}),
    "signed": frozenset({"submitting", "accepted", "sent", "cancelled", "replaced"}),
    "submitting": frozenset(
        {
            "accepted",
            "unknown",
            "refused",
            "unsent",
            "sent",
            "done",
            "cancelled",
            "displaced",
            "replaced",
            "closed_by_person",
        }
    ),
    "unknown": frozenset(
        {
            "accepted",
            "unsent",
            "refused",
            "sent",
            "done",
            "cancelled",
            "displaced",
            "replaced",
            "closed_by_person",
        }
    ),
    "unsent": frozenset(
        {
            "submitting",
            "accepted",
            "sent",
            "done",
            "cancelled",
            "displaced",
            "replaced",
            "closed_by_person",
        }
    ),
    "accepted": frozenset(
        {
            "accepted",
            "sent",
            "done",
            "refused",
            "cancelled",
            "unsent",
            "displaced",
            "replaced",
            "closed_by_person",
        }
    ),
    "sent": frozenset({"accepted", "done", "refused", "unsent", "displaced", "replaced", "closed_by_person"}),
    "displaced": frozenset({"accepted", "sent", "done", "unsent", "replaced", "closed_by_person"}),
    "done": frozenset(),
    "replaced": frozenset(),
    "refused": frozenset(),
    "cancelled": frozenset(),
    "closed_by_person": frozenset(),
}
TERMINAL: Final = frozenset({"done", "refused", "cancelled", "replaced", "closed_by_person"})
# What only the chain takes back, by a deep reorganisation or by showing what was given up: see
# `reopen_intent`.
REOPENED: Final[dict[str, frozenset[str]]] = {
    "done": frozenset({"sent"}),
    "refused": frozenset({"sent"}),
    "replaced": frozenset({"displaced", "planned"}),
    "cancelled": frozenset({"accepted", "sent", "planned", "replaced"}),
}
# How many steps that are done are looked at again for deep reorganisations.
DONE_WATCHED: Final = 500
OPEN_STATES: Final = frozenset(TRANSITIONS) - TERMINAL
# States of a step that was begun and is not over.
BEGUN_STATES: Final = OPEN_STATES - {"planned", "signing", "signed"}


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as the store knows it; `body` is the plan's canonical JSON."""

    plan_id: str
    digest: str
    created_at: str
    expires_at: str
    state: str
    body: str


@dataclass(frozen=True, slots=True)
class IntentRow:
    """One step of a transfer. `reference` is a txid or venue id; `body` holds the step's facts."""

    client_id: str
    plan_id: str
    transfer: int
    step: int
    kind: str
    state: str
    submitted_at: str | None
    updated_at: str
    reference: str
    body: str

    @property
    def facts(self) -> dict[str, Any]:
        return dict(read_json(self.body))


# -- documents ---------------------------------------------------------------------------------------


def save_document(writer: Writer, kind: str, body: object) -> str:
    """Keep a document under the digest of its canonical form; the journal gets the digest."""
    name = digest(body)
    known = writer.connection.execute(
        select(schema.document.c.digest).where(schema.document.c.digest == name)
    ).first()
    if known is None:
        writer.connection.execute(
            insert(schema.document).values(digest=name, kind=kind, at=writer.at, body=canonical_json(body))
        )
        writer.journal(kind, name, {"digest": name})
    return name


def latest_document(connection: Connection, kind: str) -> tuple[str, str, Any] | None:
    """(digest, instant, body) of the newest document of a kind."""
    row = connection.execute(
        select(schema.document)
        .where(schema.document.c.kind == kind)
        .order_by(schema.document.c.at.desc(), schema.document.c.digest)
        .limit(1)
    ).first()
    return (row.digest, row.at, read_json(row.body)) if row else None


def documents(connection: Connection, kind: str) -> list[Any]:
    """Bodies of all documents of a kind, oldest first."""
    query = select(schema.document).where(schema.document.c.kind == kind)
    rows = connection.execute(query.order_by(schema.document.c.at, schema.document.c.digest))
    return [read_json(row.body) for row in rows]


def document(connection: Connection, name: str) -> Any:
    """The body of the document with that digest, checked against it. Raises `StoreError`."""
    row = connection.execute(select(schema.document).where(schema.document.c.digest == name)).first()
    if row is None:
        raise StoreError("no_document", f"the store holds no document {name}")
    body = read_json(row.body)
    if digest(body) != name:
        raise StoreError("document_altered", f"document {name} was altered in the store")
    return body


# -- plans -------------------------------------------------------------------------------------------


def save_plan(writer: Writer, row: PlanRow) -> None:
    """Record a new plan. Raises `PlanError` when a plan of that id exists."""
    if find_plan(writer.connection, row.plan_id) is not None:
        raise PlanError("exists", f"plan {row.plan_id} is already recorded")
    writer.connection.execute(insert(schema.plan).values(**_columns(row)))
    writer.journal("plan", row.plan_id, {"digest": row.digest, "expires_at": row.expires_at})


def find_plan(connection: Connection, plan_id: str) -> PlanRow | None:
    """The plan of that id, or None."""
    found = connection.execute(select(schema.plan).where(schema.plan.c.plan_id == plan_id)).first()
    return PlanRow(*found) if found else None


def all_plans(connection: Connection, states: frozenset[str] | None = None) -> list[PlanRow]:
    """Plans, oldest first; only those in `states` when given."""
    query = select(schema.plan).order_by(schema.plan.c.created_at, schema.plan.c.plan_id)
    if states is not None:
        query = query.where(schema.plan.c.state.in_(sorted(states)))
    return [PlanRow(*row) for row in connection.execute(query)]


def plans_since(
    connection: Connection, states: frozenset[str], at: str, since: str, without: str = ""
) -> list[PlanRow]:
    """Of the plans in `states`, oldest first, those made or begun `since`, and those that are not over `at`.

    Not over: it may still send, a step of it was begun and is open or given up, or a credit is awaited.
    """
    plan, step = schema.plan.c, schema.intent.c
    given_up = and_(step.kind == "spend", step.state == "cancelled", step.submitted_at.is_not(None))
    open_steps = or_(step.submitted_at >= since, step.state.in_(sorted(BEGUN_STATES)), given_up)
    awaiting = select(step.plan_id).where(step.kind == "credit", step.state == "planned")
    query = select(schema.plan).where(
        plan.state.in_(sorted(states)),
        plan.plan_id != without,
        or_(
            plan.state == "sending",
            and_(plan.state == "approved", plan.expires_at > at),
            plan.created_at >= since,
            plan.plan_id.in_(select(step.plan_id).where(open_steps)),
            and_(plan.state.in_(("failed", "frozen")), plan.plan_id.in_(awaiting)),
        ),
    )
    return [PlanRow(*row) for row in connection.execute(query.order_by(plan.created_at, plan.plan_id))]


def set_plan_state(writer: Writer, plan_id: str, expected: frozenset[str], state: str, reason: str) -> None:
    """Change a plan's state by compare-and-swap. Raises `PlanError` when it is in none of `expected`."""
    changed = writer.connection.execute(
        update(schema.plan)
        .where(schema.plan.c.plan_id == plan_id, schema.plan.c.state.in_(sorted(expected)))
        .values(state=state)
    )
    if changed.rowcount != 1:
        found = find_plan(writer.connection, plan_id)
        raise PlanError(
            "wrong_state",
            f"expected plan {plan_id} to be {' or '.join(sorted(expected))}, "
            f"found {found.state if found else 'no such plan'}",
        )
    writer.journal("plan_state", plan_id, {"state": state, "reason": reason})


# -- approvals ---------------------------------------------------------------------------------------


def save_approval(writer: Writer, plan_id: str, attester: str, body: object) -> None:
    """Record one attester's approval of a plan; a second one by the same attester is refused."""
    if any(name == attester for name, _ in approvals(writer.connection, plan_id)):
        raise PlanError("approved_twice", f"{attester} has already approved plan {plan_id}")
    writer.connection.execute(
        insert(schema.approval).values(
            plan_id=plan_id, attester=attester, at=writer.at, body=canonical_json(body)
        )
    )
    writer.journal("approval", plan_id, {"attester": attester, "digest": digest(body)})


def approvals(connection: Connection, plan_id: str) -> list[tuple[str, Any]]:
    """(attester, signed statement as JSON) of a plan's approvals."""
    query = select(schema.approval).where(schema.approval.c.plan_id == plan_id).order_by(schema.approval.c.at)
    return [(row.attester, read_json(row.body)) for row in connection.execute(query)]


# -- intents -----------------------------------------------------------------------------------------


def save_intent(writer: Writer, row: IntentRow) -> None:
    """Record a new intent; its client id and its place in the plan are unique."""
    writer.connection.execute(insert(schema.intent).values(**_columns(row)))
    writer.journal(
        "intent", row.client_id, {"plan": row.plan_id, "kind": row.kind, "facts": read_json(row.body)}
    )


def intents(connection: Connection, plan_id: str | None = None) -> list[IntentRow]:
    """Intents in order of plan, transfer and step."""
    columns = schema.intent.c
    query = select(schema.intent).order_by(columns.plan_id, columns.transfer, columns.step)
    if plan_id is not None:
        query = query.where(columns.plan_id == plan_id)
    return [IntentRow(*row) for row in connection.execute(query)]


def intents_of_kind(connection: Connection, kind: str) -> list[IntentRow]:
    """Every intent of one kind, the oldest plan first."""
    columns = schema.intent.c
    query = (
        select(schema.intent)
        .join(schema.plan)
        .where(columns.kind == kind)
        .order_by(schema.plan.c.created_at, columns.plan_id, columns.transfer, columns.step)
    )
    return [IntentRow(*row) for row in connection.execute(query)]


def done_on_chain(connection: Connection, kind: str) -> list[IntentRow]:
    """Steps of that kind that are done and whose block's height was recorded, the newest `DONE_WATCHED`."""
    columns = schema.intent.c
    query = select(schema.intent).where(columns.kind == kind, columns.state == "done")
    rows = connection.execute(query.order_by(columns.updated_at.desc()).limit(DONE_WATCHED))
    return [found for row in rows if "height" in (found := IntentRow(*row)).facts]


def find_intent(connection: Connection, client_id: str) -> IntentRow:
    """The intent of that client id. Raises `StoreError`."""
    row = connection.execute(select(schema.intent).where(schema.intent.c.client_id == client_id)).first()
    if row is None:
        raise StoreError("no_intent", f"the store holds no intent {client_id}")
    return IntentRow(*row)


def move_intent(
    writer: Writer,
    before: IntentRow,
    state: str,
    *,
    reference: str | None = None,
    submitted_at: str | None = None,
    **facts: str,
) -> IntentRow:
    """Move an intent along `TRANSITIONS` by compare-and-swap, and journal it.

    Raises `StoreError` (``store.bad_transition``, ``store.moved_meanwhile``).
    """
    if state not in TRANSITIONS[before.state]:
        raise StoreError("bad_transition", f"{before.client_id}: {before.state} cannot become {state}")
    return _changed(writer, before, state, reference, submitted_at, facts)


def reopen_intent(
    writer: Writer,
    before: IntentRow,
    state: str,
    *,
    reference: str | None = None,
    submitted_at: str | None = None,
    **facts: str,
) -> IntentRow:
    """Take back what was over, because the chain did (`REOPENED`); journaled like every move."""
    if state not in REOPENED.get(before.state, ()):
        raise StoreError("bad_transition", f"{before.client_id}: {before.state} cannot become {state}")
    return _changed(writer, before, state, reference, submitted_at, facts)


def _changed(  # noqa: PLR0917
    writer: Writer,
    before: IntentRow,
    state: str,
    reference: str | None,
    submitted_at: str | None,
    facts: dict[str, str],
) -> IntentRow:
    body = canonical_json({**before.facts, **facts})
    values: dict[str, str] = {"state": state, "updated_at": writer.at, "body": body}
    if reference is not None:
        values["reference"] = reference
    if submitted_at is not None:
        values["submitted_at"] = submitted_at
    changed = writer.connection.execute(
        update(schema.intent)
        .where(
            schema.intent.c.client_id == before.client_id,
            schema.intent.c.state == before.state,
            schema.intent.c.updated_at == before.updated_at,
        )
        .values(**values)
    )
    if changed.rowcount != 1:
        raise StoreError(
            "moved_meanwhile",
            f"{before.client_id}: expected state {before.state}, but another process moved it",
            hint="Run `vault show` and start again from what it says.",
        )
    writer.journal(
        "intent_state",
        before.client_id,
        {"from": before.state, "to": state, "reference": reference or "", **facts},
    )
    return find_intent(writer.connection, before.client_id)


# -- versions of signed documents --------------------------------------------------------------------


def highest_version(connection: Connection, kind: str, name: str) -> tuple[int, str] | None:
    """(version, digest) of the newest signed document of that kind and name that was ever accepted."""
    row = connection.execute(
        select(schema.seen_version).where(
            schema.seen_version.c.kind == kind, schema.seen_version.c.name == name
        )
    ).first()
    return (row.version, row.digest) if row else None


def remember_version(writer: Writer, kind: str, name: str, version: int, name_digest: str) -> None:
    """Remember a newer version of a signed document."""
    table = schema.seen_version
    where = (table.c.kind == kind, table.c.name == name)
    if writer.connection.execute(select(table.c.kind).where(*where)).first() is None:
        writer.connection.execute(
            insert(table).values(kind=kind, name=name, version=version, digest=name_digest)
        )
    else:
        writer.connection.execute(update(table).where(*where).values(version=version, digest=name_digest))
    writer.journal("version", f"{kind}:{name}", {"version": version, "digest": name_digest})


def _columns(row: Row[Any] | PlanRow | IntentRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
