"""The plan: exactly what will be done, as a file bound by hash to policy, book and snapshot.

Refuses a file whose content does not hash to its digest, whose times are absurd, or that was written
by another version. A plan never changes; a different wish is a different plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from vault.canonical import canonical_json, digest, read_json
from vault.clock import to_iso
from vault.codec import decode, encode
from vault.errors import ConfigError, DocumentError, PlanError, VaultError
from vault.evm.call import EthereumCall
from vault.files import write_document
from vault.model import Action, Decision
from vault.money import BTC, Amount, total

# 2: the exchange's own moves, fee rules, lead times, and warnings. 3: Ethereum's calls.
PLAN_SCHEMA = 3
# What a plan of an older format does not say, as the fields' defaults: it still counts, and is never sent.
_NOT_IN: Final[dict[int, dict[str, object]]] = {
    1: {"moves": [], "fee_rule": "", "expected": None, "call": None},
    2: {"call": None},
}
MAX_PLAN_BYTES = 8_000_000  # about 1,000 inputs with their previous transactions
PLAN_ID_LENGTH = 16
NOTHING: Final = Amount.zero(BTC)


@dataclass(frozen=True, slots=True)
class Payment:
    """What arrives at one entry of the address book."""

    destination: str
    address: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Move:
    """One hop between two wallets of a venue account, in the exchange's own words."""

    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class Expected:
    """How long a transfer takes until it has arrived; `basis` says what that rests on.

    Of `records` earlier ones like it half took at most `p50_seconds` and 95 of 100 at most `p95_seconds`.
    Without records there is no p50, and `p95_seconds` is what the confirmations take that are waited for.
    """

    p50_seconds: int | None
    p95_seconds: int
    records: int
    basis: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement of coins; `fee` is what the network or venue keeps of what leaves `source`.

    A ``venue_withdrawal`` makes one payment, from the margin account by the exchange's own `moves` and a
    withdrawal. A ``bitcoin_spend`` makes one or more, with one transaction; for a top-up one, `venue_account`
    is credited and `moves` lead from there to margin. A ``bitcoin_upkeep`` makes none: its coins come back to
    `source`. A ``venue_move`` makes none either: `returned` goes back into margin. Of a transaction the plan
    has the unsigned PSBT (base64), exactly the coins it spends (``txid:vout``), and what it returns as
    change. An ``ethereum_spend`` makes one payment, or none, by its `call`; its gas is no part of `fee`, the
    account `call.account` pays it in ether. `replaces` is the transaction of ours whose place it takes, empty
    when there is none. `fee_rule`: whether the venue takes its fee out of the amount it is asked for, or adds
    it.
    """

    number: int
    action: Action
    kind: Literal["venue_withdrawal", "bitcoin_spend", "bitcoin_upkeep", "venue_move", "ethereum_spend"]
    source: str
    venue_account: str
    network: str
    venue_network: str
    payments: tuple[Payment, ...]
    fee: Amount
    psbt: str = ""
    coins: tuple[str, ...] = ()
    returned: Amount = NOTHING
    replaces: str = ""
    moves: tuple[Move, ...] = ()
    fee_rule: Literal["", "included", "added"] = ""
    expected: Expected | None = None
    call: EthereumCall | None = None

    @property
    def amount(self) -> Amount:
        """What arrives in all."""
        return total([payment.amount for payment in self.payments], self.fee.asset)

    @property
    def gross(self) -> Amount:
        """What leaves the source in all."""
        return self.amount + self.fee

    @property
    def payment(self) -> Payment:
        """The one payment of a sweep or a top-up. Raises `PlanError`."""
        if len(self.payments) != 1:
            raise PlanError(
                "payments", f"transfer {self.number}: expected one payment, found {len(self.payments)}"
            )
        return self.payments[0]

    @property
    def asked(self) -> Amount:
        """The amount that the venue is asked for: minimum, maximum and step are rules for it."""
        return self.amount if self.fee_rule == "added" else self.gross

    @property
    def on_chain(self) -> bool:
        """True when it is a transaction of ours."""
        return self.on_bitcoin or self.on_ethereum

    @property
    def on_bitcoin(self) -> bool:
        """True when it is a transaction of ours that has a PSBT."""
        return self.kind in {"bitcoin_spend", "bitcoin_upkeep"}

    @property
    def on_ethereum(self) -> bool:
        """True when it is a transaction of ours that has a call."""
        return self.kind == "ethereum_spend"

    @property
    def uses(self) -> tuple[str, ...]:
        """What only one transaction can use: its coins, or the nonce of its sender."""
        if (call := self.call) is not None:
            return (f"{self.network}/{call.sender.lower()}/{call.nonce}",)
        return self.coins

    @property
    def ethereum(self) -> EthereumCall:
        """The call of an ``ethereum_spend``. Raises `PlanError`."""
        if self.call is None:
            raise PlanError("form", f"transfer {self.number}: expected a call, found none")
        return self.call

    @property
    def credited(self) -> bool:
        """True when its payment goes to a venue, which must credit it."""
        return self.on_chain and bool(self.venue_account)

    @property
    def subject(self) -> str:
        """The account or wallet that limits and waits count it for."""
        return self.venue_account or self.source


# A replacement takes the place of a transaction of ours, and nothing else does.
_REPLACES: Final = frozenset({"bump", "cancel"})
# What pays nobody: its coins come back to the wallet they left.
_PAYS_NOBODY: Final = frozenset({"consolidate", "cancel", "speed_up", "return", "revoke", "reconfigure"})
# What changes an account on Ethereum.
_OF_ACCOUNTS: Final = frozenset({"revoke", "reconfigure"})
# What a venue does, by the action it is done for; everything else is a transaction of ours.
_AT_VENUE: Final[dict[str, str]] = {"sweep": "venue_withdrawal", "return": "venue_move"}

_NO_PAYMENT: Final = frozenset({"bitcoin_upkeep", "venue_move"})


def require_form(transfer: Transfer) -> None:
    """Kind, action, payments and what is replaced fit together. Raises `PlanError` (``plan.form``)."""
    each = transfer
    problems = (
        (
            each.kind != _AT_VENUE.get(each.action, each.kind) or each.on_chain == (each.action in _AT_VENUE),
            "a sweep is a withdrawal, a return a move at the venue, and nothing else is",
        ),
        (each.on_bitcoin != bool(each.psbt and each.coins), "a transaction of Bitcoin has a PSBT and coins"),
        (
            not each.on_ethereum and (each.kind in _NO_PAYMENT) == bool(each.payments),
            "an upkeep or a move alone pays nobody",
        ),
        *_ethereum_problems(each),
        (
            bool(each.moves) and each.on_chain and not each.credited,
            "only what leaves a venue or is credited there moves inside it",
        ),
        (
            each.kind == "venue_move" and not (each.moves and each.returned and each.venue_account),
            "a move at a venue says what it moves, and on which way",
        ),
        (each.action in _PAYS_NOBODY and bool(each.payments), f"a {each.action} pays nobody"),
        (bool(each.replaces) != (each.action in _REPLACES), "a bump or cancel replaces, and nothing else"),
        (
            bool(each.venue_account) and len(each.payments) != (each.kind != "venue_move"),
            "a venue credits one payment",
        ),
    )
    for wrong, expected in problems:
        if wrong:
            raise PlanError(
                "form", f"transfer {each.number}: expected that {expected}", hint="Make a new plan."
            )


def _ethereum_problems(each: Transfer) -> tuple[tuple[bool, str], ...]:
    call = each.call
    pays = each.action not in _PAYS_NOBODY and not (each.action == "bump" and not each.payments)
    return (
        (
            each.on_ethereum != (call is not None),
            "a transaction of Ethereum has a call, and nothing else does",
        ),
        (each.on_ethereum and len(each.payments) != pays, "a transaction of Ethereum makes one payment"),
        (each.action in _OF_ACCOUNTS and not each.on_ethereum, f"a {each.action} is a call of Ethereum"),
        (each.on_ethereum and bool(each.fee), "gas is no part of the fee"),
        (call is not None and each.network != f"eip155:{call.chain_id}", "the call is of the same network"),
        (
            call is not None and (call.account if call.safe is None else each.source) != each.source,
            "an account of one key pays its own gas",
        ),
        (
            call is not None and call.safe is not None and bool(call.value or call.data != "0x"),
            "only the call of a Safe says what it does",
        ),
    )


@dataclass(frozen=True, slots=True)
class PlanBody:
    """Everything the digest of a plan covers.

    `created_at` is when what the plan rests on was observed: whatever moved later is not in it. `warnings`
    say what could not be made sure of: a venue that cannot say something, a price of one source only.
    """

    schema_version: int
    treasury_id: str
    network: str
    created_at: datetime
    expires_at: datetime
    policy_id: str
    policy_version: int
    policy_digest: str
    book_version: int
    book_digest: str
    snapshot_digest: str
    assessment_digest: str
    approvals_required: int
    decisions: tuple[Decision, ...]
    transfers: tuple[Transfer, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan body with its digest; `plan_id` is the digest's beginning."""

    body: PlanBody
    digest: str

    @property
    def plan_id(self) -> str:
        return self.digest[:PLAN_ID_LENGTH]

    @classmethod
    def of(cls, body: PlanBody) -> Plan:
        return cls(body, digest(encode(body)))

    def client_id(self, transfer: Transfer, step: int) -> str:
        """The id under which a step is sent, the same at every attempt: 32 letters and digits."""
        return "v" + digest([self.digest, transfer.number, step])[:31]

    def transfer(self, number: int) -> Transfer:
        for transfer in self.body.transfers:
            if transfer.number == number:
                return transfer
        raise PlanError("no_transfer", f"plan {self.plan_id} has no transfer {number}")

    def text(self) -> str:
        """The canonical text of the plan file."""
        value = {"plan_id": self.plan_id, "digest": self.digest, "body": encode(self.body)}
        return canonical_json(value)

    def expired(self, at: datetime) -> bool:
        return at >= self.body.expires_at


def parse_plan(text: str, *, what: str = "plan", older: bool = False) -> Plan:
    """Read a plan's text; one of an `older` format only to count what it moved (see `require_format`).

    Raises `PlanError` (``plan.altered``, ``plan.unreadable``, ``plan.other_format``).
    """
    try:
        value = read_json(text, what=what)
        if not isinstance(value, dict) or set(value) != {"plan_id", "digest", "body"}:
            raise DocumentError("not_a_plan", f"{what}: expected plan_id, digest and body")
        if value["digest"] != digest(value["body"]):
            raise PlanError(
                "altered",
                f"{what}: the content does not hash to the digest it carries",
                hint="The file was edited or damaged. Make a new plan with `vault plan`.",
            )
        body = _present_form(value["body"], what, older=older)
        plan = Plan(decode(body, PlanBody, what="plan"), str(value["digest"]))
    except PlanError:
        raise
    except VaultError as error:
        raise PlanError("unreadable", f"{what}: {error.message}", hint="Make a new plan.") from None
    if value["plan_id"] != plan.plan_id:
        raise PlanError("altered", f"{what}: its id is not the one of its content")
    if plan.body.schema_version == PLAN_SCHEMA and Plan.of(plan.body).digest != plan.digest:
        raise PlanError("altered", f"{what}: the content does not read back to its digest")
    return plan


def _present_form(body: Any, what: str, *, older: bool) -> Any:
    """A body of this format as it is, one of a format before with what that left out."""
    found = body.get("schema_version") if isinstance(body, dict) else None
    if type(found) is not int or found == PLAN_SCHEMA:
        return body
    if not older or found not in _NOT_IN or not isinstance(body.get("transfers"), list):
        raise _other_format(what, found)
    transfers = [
        {**_NOT_IN[found], **each} if isinstance(each, dict) else each  # what it says itself stays
        for each in body["transfers"]
    ]
    return {"warnings": [], **body, "transfers": transfers}


def _other_format(what: str, found: int) -> PlanError:
    return PlanError(
        "other_format",
        f"{what}: expected a plan of format {PLAN_SCHEMA}, found one of format {found}",
        hint="Another version of this program made it. It is not carried out: make a new plan.",
    )


def require_format(plan: Plan) -> None:
    """Raises `PlanError` (``plan.other_format``) for a plan that is only kept to be counted."""
    if plan.body.schema_version != PLAN_SCHEMA:
        raise _other_format(f"plan {plan.plan_id}", plan.body.schema_version)


def read_plan(path: Path) -> Plan:
    """Read a plan file. Raises `PlanError`."""
    try:
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise PlanError("unreadable", f"{path}: expected at most {MAX_PLAN_BYTES} bytes")
        return parse_plan(path.read_text(encoding="utf-8"), what=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError("unreadable", f"{path}: {error}", hint="Give a plan file or a plan id.") from None


def write_plan(plan: Plan, folder: Path) -> Path:
    """Write the plan file whole or not at all (mode 0600); returns its path. Raises `ConfigError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError("not_writable", f"{folder}: {error.strerror or error}") from None
    path = folder / f"{plan.plan_id}.json"
    write_document(path, f"{plan.text()}\n".encode())
    return path


def require_live(plan: Plan, at: datetime) -> None:
    """Raises `PlanError` (``plan.expired``) once the plan's time is over."""
    if plan.expired(at):
        raise PlanError(
            "expired",
            f"plan {plan.plan_id} expired at {to_iso(plan.body.expires_at)}; it is {to_iso(at)}",
            hint="Make a new plan with `vault plan`; the market has moved on.",
        )
