"""What the store alone knows: the last observation, its assessment and decisions, open plans, the journal.

Refuses to ask anything outside: no network, no device, no venue. Everything carries its age.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from vault.canonical import read_json
from vault.clock import from_iso, to_iso
from vault.codec import decode, encode
from vault.errors import StoreError
from vault.model import (
    AccountFinding,
    AccountRisk,
    Decision,
    ForeignSpend,
    SourceFailure,
    SpotHolding,
    UnsolicitedCoin,
    WalletBalance,
)
from vault.money import BTC, ETH, Amount
from vault.store import foreign_spends, journal, records, schema
from vault.store.observations import read_assessment
from vault.treasury import last_books
from vault.treasury.opening import Held, openings
from vault.treasury.steps import disputed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection

    from vault.model import Assessment
    from vault.risk.assess import State
    from vault.store.database import Store
    from vault.store.records import IntentRow
    from vault.treasury.last_books import Unbalanced

# What an observation of before there were accounts does not say of its wallets.
_NOT_THEN: Final = {"network": "", "gas_from": ""}
# Fewer digits of a decision's digest are too easily those of another.
MIN_PREFIX: Final = 6
# How many plans that are over an overview names.
FINISHED_SHOWN: Final = 5
_PLAN_COLUMNS: Final = select(
    schema.plan.c.plan_id,
    schema.plan.c.state,
    schema.plan.c.created_at,
    schema.plan.c.expires_at,
    schema.plan.c.body,
)
# States of a step that was begun and has moved nothing.
_NOTHING_MOVED: Final = ("planned", "unsent", "refused", "cancelled", "replaced")
# Plans that are not over, whatever their age; a proposed one only until it expires.
_UNFINISHED: Final = ("approved", "sending", "frozen")


@dataclass(frozen=True, slots=True)
class AccountView:
    """A venue account as it was last assessed; `before` names a transfer that has touched it since."""

    state: State
    risk: AccountRisk
    before: str = ""


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan, what it does in a line for each transfer, and how far its steps are."""

    plan_id: str
    state: str
    created_at: datetime
    expires_at: datetime
    steps: tuple[IntentRow, ...]
    what: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision under the digest it is kept by; `before` as of an account: it is not due any more."""

    digest: str
    decision: Decision
    before: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """The treasury as far as the store knows; `assessment` is None before the first observation.

    `idle`: coins in a venue's spot wallet, of what has books there, while no plan of that account is under
    way. `finished`: the last plans that are over, newest first. `stuck`: transactions that did not get on
    when it was last looked. `unsolicited`: coins in quarantine that nobody has looked at. `foreign`:
    transactions of nobody's plan that spent our coins, which no person has closed. `failures`: what the last
    observation could not read. `unsigned`: documents because of which the last round decided nothing.
    `unbalanced`: books that did not balance when they were last compared. `findings`: what is wrong with
    nonces of accounts.
    """

    at: datetime
    taken_at: datetime | None
    assessment: Assessment | None
    accounts: tuple[AccountView, ...]
    wallets: tuple[WalletBalance, ...]
    decisions: tuple[RecordedDecision, ...]
    plans: tuple[PlanView, ...]
    journal: journal.Head
    idle: tuple[SpotHolding, ...] = ()
    finished: tuple[PlanView, ...] = ()
    stuck: tuple[str, ...] = ()
    unsolicited: tuple[UnsolicitedCoin, ...] = ()
    foreign: tuple[ForeignSpend, ...] = ()
    failures: tuple[SourceFailure, ...] = ()
    unsigned: tuple[str, ...] = ()
    unbalanced: Unbalanced | None = None
    findings: tuple[AccountFinding, ...] = ()

    @property
    def age_seconds(self) -> int | None:
        """How old the last observation is."""
        return None if self.taken_at is None else int((self.at - self.taken_at).total_seconds())

    def age_of(self, view: AccountView) -> int:
        """How many seconds ago the venue's oldest number of an account was true."""
        return int((self.at - view.risk.observed_at).total_seconds())

    @property
    def unknown_steps(self) -> tuple[IntentRow, ...]:
        """Steps that were sent and never answered."""
        return tuple(s for plan in self.plans for s in plan.steps if s.state in {"submitting", "unknown"})

    @property
    def disputed_steps(self) -> tuple[IntentRow, ...]:
        """Steps that left otherwise than planned, and that no person has closed."""
        return tuple(s for plan in self.plans for s in plan.steps if disputed(s))


def overview(store: Store, at: datetime) -> Overview:
    """Read it all in one consistent view. Raises `StoreError`, `DocumentError`."""
    from vault.risk.assess import account_state

    with store.read() as connection:
        snapshot = records.latest_document(connection, "snapshot")
        found = records.latest_document(connection, "assessment")
        assessment = read_assessment(found[2]) if found else None
        decided = records.latest_document(connection, "round")
        return Overview(
            at=at,
            taken_at=from_iso(snapshot[2]["taken_at"]) if snapshot else None,
            assessment=assessment,
            accounts=_accounts(connection, assessment, account_state),
            wallets=tuple(
                decode({**_NOT_THEN, **item}, WalletBalance)
                for item in (snapshot[2]["wallets"] if snapshot else ())
            ),
            decisions=_last_round(connection, decided),
            plans=_open_plans(connection, at),
            journal=journal.head(connection),
            idle=_idle(connection, snapshot[2] if snapshot else {}, at),
            finished=_finished_plans(connection, at),
            stuck=_stuck(connection),
            unsolicited=tuple(
                decode(item, UnsolicitedCoin)
                for item in (snapshot[2].get("unsolicited", ()) if snapshot else ())
            ),
            foreign=_foreign(connection, snapshot[2] if snapshot else {}),
            failures=tuple(
                decode(item, SourceFailure) for item in (snapshot[2].get("failures", ()) if snapshot else ())
            ),
            unsigned=tuple(
                f"{item['file']}: {item['code']}: `{item['command']}`"
                for item in (decided[2].get("unsigned", ()) if decided else ())
            ),
            unbalanced=last_books.last(connection),
            findings=tuple(
                decode(item, AccountFinding) for item in (snapshot[2].get("findings", ()) if snapshot else ())
            ),
        )


def _accounts(
    connection: Connection, assessment: Assessment | None, state: Callable[[AccountRisk], State]
) -> tuple[AccountView, ...]:
    if assessment is None:
        return ()
    seen = {risk.account: min(risk.observed_at, assessment.taken_at) for risk in assessment.accounts}
    touched = _touched_since(connection, min(seen.values())) if seen else []
    return tuple(
        AccountView(state(risk), risk, _before(touched, {risk.account}, seen[risk.account]))
        for risk in assessment.accounts
    )


@dataclass(frozen=True, slots=True)
class _Touch:
    """A step that moved something: which transfer's, what it moved from or to, and when."""

    transfer: str
    names: frozenset[str]
    at: datetime


def _touched_since(connection: Connection, since: datetime) -> list[_Touch]:
    """What left, came or was moved by steps that began since then, or by a credit that came since then."""
    step, plan = schema.intent.c, schema.plan.c
    begun = (step.submitted_at > to_iso(since)) & ~step.state.in_(_NOTHING_MOVED)
    credited = (step.kind == "credit") & (step.state == "done") & (step.updated_at > to_iso(since))
    query = (
        select(step.plan_id, step.transfer, step.kind, step.submitted_at, step.updated_at, plan.body)
        .join_from(schema.intent, schema.plan)
        .where(begun | credited)
        .order_by(step.updated_at.desc())
    )
    found = []
    for row in connection.execute(query):
        transfer = next(each for each in read_json(row.body)["transfers"] if each["number"] == row.transfer)
        names = frozenset({str(transfer["source"]), str(transfer["venue_account"])} - {""})
        moment = row.updated_at if row.kind == "credit" else row.submitted_at
        found.append(_Touch(f"{row.plan_id}/{row.transfer}", names, from_iso(moment)))
    return found


def _before(touched: list[_Touch], names: set[str], seen: datetime) -> str:
    return next((each.transfer for each in touched if each.names & names and each.at > seen), "")


def _idle(connection: Connection, snapshot: dict[str, Any], at: datetime) -> tuple[SpotHolding, ...]:
    from vault.treasury.history import in_flight

    held = [decode(item, SpotHolding) for item in snapshot.get("spot", ())]
    booked = openings(connection) if any(each.free.asset != BTC for each in held) else {}
    found = [
        each
        for each in held
        if each.free.units
        and (each.free.asset == BTC or Held(f"venue:{each.account}", each.free.asset.symbol) in booked)
    ]
    # Plans are read only when there is something to explain: `status` must stay fast.
    busy = in_flight(connection, at) if found else frozenset()
    return tuple(each for each in found if each.account not in busy)


def _foreign(connection: Connection, snapshot: dict[str, Any]) -> tuple[ForeignSpend, ...]:
    """Those of the last observation that nobody has closed since."""
    found = [decode(item, ForeignSpend) for item in snapshot.get("foreign", ())]
    done = {each.txid for each in foreign_spends.closed(connection)} if found else set()
    return tuple(each for each in found if each.txid not in done)


def _stuck(connection: Connection) -> tuple[str, ...]:
    found = records.latest_document(connection, "stuck")
    return tuple(str(item["line"]) for item in found[2]["items"]) if found else ()


def _is_open(at: datetime) -> ColumnElement[bool]:
    columns = schema.plan.c
    return (
        columns.state.in_(_UNFINISHED)
        | ((columns.state == "proposed") & (columns.expires_at > to_iso(at)))
        | columns.plan_id.in_(
            select(schema.intent.c.plan_id).where(schema.intent.c.state.in_(("submitting", "unknown")))
        )
    )


def _open_plans(connection: Connection, at: datetime) -> tuple[PlanView, ...]:
    columns = schema.plan.c
    return _views(connection, _PLAN_COLUMNS.where(_is_open(at)).order_by(columns.created_at, columns.plan_id))


def _finished_plans(connection: Connection, at: datetime) -> tuple[PlanView, ...]:
    """The last plans that are over; a proposal that nobody approved is expired."""
    columns = schema.plan.c
    newest_first = (columns.created_at.desc(), columns.plan_id)
    found = _views(
        connection, _PLAN_COLUMNS.where(~_is_open(at)).order_by(*newest_first).limit(FINISHED_SHOWN)
    )
    return tuple(replace(each, state="expired") if each.state == "proposed" else each for each in found)


def _views(connection: Connection, query: Select[Any]) -> tuple[PlanView, ...]:
    return tuple(
        PlanView(
            row.plan_id,
            row.state,
            from_iso(row.created_at),
            from_iso(row.expires_at),
            tuple(records.intents(connection, row.plan_id)),
            _what(row.body),
        )
        for row in connection.execute(query)
    )


def _what(body: str) -> tuple[str, ...]:
    """In a line for each transfer: what is done, how much, from where, to whom by name."""
    return tuple(_line(each) for each in read_json(body)["transfers"])


def _line(transfer: dict[str, Any]) -> str:
    paid = ", ".join(
        f"{Amount.from_json(each['amount'])} to {each['destination']}" for each in transfer["payments"]
    )
    action = str(transfer["action"]).replace("_", "-")
    if (call := transfer.get("call")) is not None:
        gas = Amount(ETH, int(call["gas_limit"]) * int(call["max_fee"]))
        return f"{action} {transfer['source']}: {paid or 'nothing leaves'}, gas at most {gas}"
    back = Amount.from_json(transfer["returned"])
    return f"{action} {transfer['source']}: {paid or f'{back} back'}, fee {Amount.from_json(transfer['fee'])}"


# -- decisions ---------------------------------------------------------------------------------------


def last_decisions(store: Store) -> tuple[RecordedDecision, ...]:
    """The decisions of the last round, or of the last request if that is newer, denied or not.

    Raises `StoreError` (``store.no_decisions``).
    """
    with store.read() as connection:
        known = (records.latest_document(connection, kind) for kind in ("round", "request"))
        newest = max((each for each in known if each is not None), key=lambda each: each[1], default=None)
        found = _decisions_of(connection, newest[2]) if newest else ()
    if not found:
        unsigned = newest[2].get("unsigned", ()) if newest else ()
        files = " and ".join(str(each["file"]) for each in unsigned)
        raise StoreError(
            "no_decisions",
            f"nothing was decided in the last round: {files} not signed"
            if files
            else "nothing has been decided yet",
            hint="Run `vault check` or `vault plan`.",
        )
    return found


def find_decisions(store: Store, ident: str) -> tuple[RecordedDecision, ...]:
    """A decision by its digest (or how it begins), or all decisions of a plan.

    Raises `StoreError` (``store.no_decision``, ``store.ambiguous``).
    """
    from vault.canonical import digest
    from vault.treasury.history import stored_plan

    with store.read() as connection:
        row = records.find_plan(connection, ident)
        if row is not None:
            made = stored_plan(row).body.decisions
            return tuple(RecordedDecision(digest(encode(each)), each) for each in made)
        names = _digests(connection, ident)
        if len(names) > 1:
            raise StoreError(
                "ambiguous", f"{ident!r} begins {len(names)} decisions", hint="Give more of the digest."
            )
        if not names:
            raise StoreError(
                "no_decision",
                f"expected a plan id or a decision's digest ({MIN_PREFIX} digits or more), found {ident!r}",
                hint="`vault why --last` shows the last round with its digests.",
            )
        return (_recorded(connection, names[0]),)


def _digests(connection: Connection, prefix: str) -> list[str]:
    if len(prefix) < MIN_PREFIX or not set(prefix) <= set("0123456789abcdef"):
        return []
    columns = schema.document.c
    query = select(columns.digest).where(
        columns.kind == "decision", columns.digest >= prefix, columns.digest < f"{prefix}g"
    )
    return [str(name) for name in connection.execute(query).scalars()]


def _recorded(connection: Connection, name: str) -> RecordedDecision:
    return RecordedDecision(name, decode(records.document(connection, name), Decision))


def _last_round(connection: Connection, found: tuple[str, str, Any] | None) -> tuple[RecordedDecision, ...]:
    """What was decided last, each with the transfer that has touched its account or wallet since."""
    if found is None:
        return ()
    at = from_iso(found[2]["at"])
    touched = _touched_since(connection, at)
    return tuple(
        replace(each, before=_before(touched, {each.decision.subject, each.decision.source}, at))
        for each in _decisions_of(connection, found[2])
    )


def _decisions_of(connection: Connection, body: dict[str, Any]) -> tuple[RecordedDecision, ...]:
    names: list[Any] = body["decisions"]
    return tuple(_recorded(connection, str(name)) for name in names)
