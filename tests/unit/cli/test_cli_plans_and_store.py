"""Commands that read a filled store: status, why, show, audit, and plans that may not be used."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from vault.canonical import canonical_json
from vault.clock import SystemClock, to_iso
from vault.codec import encode
from vault.model import (
    AccountRisk,
    Assessment,
    Decision,
    Snapshot,
    SourceFailure,
    TraceStep,
    WalletBalance,
)
from vault.money import BTC, Amount
from vault.store import records
from vault.store.database import Store
from vault.store.records import IntentRow, PlanRow
from vault.treasury import authority
from vault.treasury.plan import PLAN_SCHEMA, Payment, Plan, PlanBody, Transfer, write_plan

NOW = datetime.now(UTC).replace(microsecond=0)
AMOUNT = Amount.parse("6", BTC)
FEE = Amount.parse("0.000015", BTC)


def decision(outcome: Any = "allow") -> Decision:
    step = TraceStep("rule:allow-sweep", "allow", "allowed while it holds", (("account.equity", "1 USD"),))
    return Decision(
        action="sweep",
        subject="trading",
        outcome=outcome,
        amount=AMOUNT,
        source="trading",
        destination="cold-1",
        decided_by="rule:allow-sweep",
        reason="allowed while it holds",
        policy_id="default",
        policy_version=1,
        policy_digest="0" * 64,
        trace=(step,),
    )


def make_plan(shell: Any, **changes: Any) -> Plan:
    """A plan of one sweep to the book's only entry, made now under the present documents."""
    treasury = shell.treasury
    book = authority.read_book(treasury)
    _, policy_digest = authority.read_policy(treasury)
    transfer = Transfer(
        number=1,
        action="sweep",
        kind="venue_withdrawal",
        source="trading",
        venue_account="trading",
        network="bitcoin:regtest",
        venue_network="BTC",
        payments=(Payment("cold-1", book.entries[0].address, AMOUNT - FEE),),
        fee=FEE,
    )
    body = PlanBody(
        schema_version=PLAN_SCHEMA,
        treasury_id="desk-one",
        network="regtest",
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        policy_id="default",
        policy_version=1,
        policy_digest=policy_digest,
        book_version=1,
        book_digest=book.digest(),
        snapshot_digest="1" * 64,
        assessment_digest="2" * 64,
        approvals_required=1,
        decisions=(decision(),),
        transfers=(transfer,),
    )
    return Plan.of(replace(body, **changes))


def record(shell: Any, plan: Plan, state: str = "proposed") -> Plan:
    with opened(shell) as store, store.write() as writer:
        row = PlanRow(
            plan.plan_id,
            plan.digest,
            to_iso(plan.body.created_at),
            to_iso(plan.body.expires_at),
            state,
            canonical_json(encode(plan.body)),
        )
        records.save_plan(writer, row)
    write_plan(plan, shell.treasury.plans_path)
    return plan


def opened(shell: Any) -> Store:
    return Store.open(shell.treasury.store_url, "desk-one", SystemClock())


def fill(shell: Any) -> tuple[str, ...]:
    """One observed round in the store; the digests of its decisions."""
    balance = WalletBalance("cold", "cold", AMOUNT, Amount.zero(BTC), 120, NOW)
    snapshot = Snapshot("desk-one", NOW, (), (), (balance,), ())
    risk = AccountRisk(
        account="trading",
        observed_at=NOW,
        equity=Decimal("1000000.5"),
        maintenance_margin=Decimal(60000),
        stress_excess=Decimal("-12.25"),
        binding_scenario="joint -10 %",
        scenarios=(),
        joint_distance=Decimal("-0.12"),
        flags=(),
    )
    assessment = Assessment(
        "1" * 64, "desk-one", NOW, (risk,), (), Decimal("0.5"), Decimal("0.6"), Decimal("0.8"), ("a source",)
    )
    with opened(shell) as store, store.write() as writer:
        records.save_document(writer, "snapshot", encode(snapshot))
        records.save_document(writer, "assessment", encode(assessment))
        found = (decision(), decision("none"))
        names = tuple(records.save_document(writer, "decision", encode(each)) for each in found)
        records.save_document(writer, "round", {"at": writer.at, "assessment": "1", "decisions": names})
    return names


# -- status and why ----------------------------------------------------------------------------------


def test_status_of_an_empty_store_says_so(shell: Any) -> None:
    status = shell.ok("status")
    assert (status["observed_at"], status["accounts"], status["plans"]) == (None, [], [])
    assert "Nothing has been observed yet" in shell.vault("status").out


def test_status_of_a_filled_store_is_exact_and_whole(signed: Any) -> None:
    fill(signed)
    plan = record(signed, make_plan(signed), "sending")
    step = IntentRow("v1", plan.plan_id, 1, 1, "withdraw", "unknown", to_iso(NOW), to_iso(NOW), "", "{}")
    with opened(signed) as store, store.write() as writer:
        records.save_intent(writer, step)
    status = signed.ok("status")
    assert status["accounts"][0]["equity"] == "1000000.5"
    assert status["accounts"][0]["state"] == "warning"
    assert status["accounts"][0]["age_seconds"] >= 0
    assert status["wallets"][0]["confirmed"] == {"asset": "BTC", "amount": "6.00000000"}
    assert [each["plan_id"] for each in status["plans"]] == [plan.plan_id]
    assert status["unknown_steps"] == ["v1"]
    text = signed.vault("status").out
    assert plan.plan_id in text
    assert "vault reconcile" in text
    assert status["journal"]["head"] in text


@pytest.mark.parametrize(
    ("kind", "state", "after", "touched"),
    [
        ("to_spot", "done", 5, True),
        ("withdraw", "unknown", 5, True),
        ("withdraw", "done", -5, False),  # begun before, only final since
        ("withdraw", "unsent", 5, False),
        ("to_margin", "done", 5, True),
    ],
)
def test_figures_of_before_a_transfer_are_marked_and_their_decision_is_not_due(
    signed: Any, kind: str, state: str, after: int, touched: bool
) -> None:
    fill(signed)
    plan = record(signed, make_plan(signed), "sending")
    later = datetime.now(UTC) + timedelta(minutes=1)
    moment = to_iso(later if after > 0 else NOW - timedelta(hours=1))
    step = IntentRow("v1", plan.plan_id, 1, 1, kind, state, moment, to_iso(later), "", "{}")
    with opened(signed) as store, store.write() as writer:
        records.save_intent(writer, step)
    status, text = signed.ok("status"), signed.vault("status").out
    name = f"{plan.plan_id}/1" if touched else None
    assert status["accounts"][0]["before_transfer"] == name
    assert [each["before_transfer"] for each in status["decisions"]] == [name, name]
    marked = f"WARNING: trading: as of before transfer {name}; run `vault check`" in text
    assert (marked, "sweep trading: allow" in text) == (touched, not touched)


def test_status_forgets_proposals_that_expired_but_no_plan_that_is_under_way(signed: Any) -> None:
    old = {"created_at": NOW - timedelta(hours=2), "expires_at": NOW - timedelta(hours=1)}
    record(signed, make_plan(signed, **old))
    begun = record(signed, make_plan(signed, snapshot_digest="3" * 64, **old), "sending")
    assert [each["plan_id"] for each in signed.ok("status")["plans"]] == [begun.plan_id]


def test_why_explains_the_last_round_and_each_decision_by_its_beginning(shell: Any) -> None:
    shell.fails(13, "store.no_decisions", "why", "--last")
    names = fill(shell)
    assert [each["digest"] for each in shell.ok("why", "--last")["decisions"]] == list(names)
    assert shell.ok("why", names[0][:8])["decisions"][0]["digest"] == names[0]
    text = shell.vault("why", names[0]).out
    assert "allows  rule:allow-sweep" in text
    assert "account.equity = 1 USD" in text
    shell.fails(13, "store.no_decision", "why", "ffffffff")
    shell.fails(13, "store.no_decision", "why", names[0][:3])


# -- plans -------------------------------------------------------------------------------------------


def test_show_prints_the_whole_address_on_any_terminal(signed: Any) -> None:
    plan = record(signed, make_plan(signed))
    for width in ("20", "80", "200"):
        ran = signed.vault("show", plan.plan_id, COLUMNS=width, NO_COLOR="1")
        assert ran.status == 0
        assert plan.body.transfers[0].payment.address in ran.out
        assert plan.digest in ran.out
        assert "\x1b" not in ran.out


def test_show_takes_a_file_or_an_id(signed: Any) -> None:
    plan = record(signed, make_plan(signed))
    by_id = signed.ok("show", plan.plan_id)
    by_file = signed.ok("show", f"plans/{plan.plan_id}.json")
    assert by_id == by_file
    assert by_id["body"]["transfers"][0]["payments"][0]["amount"] == {"asset": "BTC", "amount": "5.99998500"}


@pytest.mark.parametrize("command", ["show", "approve", "sign", "send", "cancel"])
def test_an_edited_plan_file_is_refused_by_every_command(signed: Any, command: str) -> None:
    plan = record(signed, make_plan(signed))
    path = signed.folder / "plans" / f"{plan.plan_id}.json"
    path.write_text(path.read_text(encoding="utf-8").replace("5.99998500", "59.9998500"), encoding="utf-8")
    extra = ["--attester", "alice"] if command == "approve" else []
    for ident in (plan.plan_id, str(path)):
        signed.fails(60, "plan.altered", command, ident, *extra)


@pytest.mark.parametrize("ident", ["0123456789abcdef", "nonsense", "plans/none.json", "policy.toml"])
def test_an_unknown_plan_is_refused(signed: Any, ident: str) -> None:
    found = signed.vault("show", ident, "--json")
    assert found.status == 60
    assert found.document["error"] in {"plan.unknown", "plan.unreadable"}


def test_a_whole_plan_that_this_treasury_never_made_is_refused(signed: Any) -> None:
    write_plan(plan := make_plan(signed), signed.folder / "elsewhere")
    signed.fails(60, "plan.unknown", "show", f"elsewhere/{plan.plan_id}.json")


def test_an_expired_plan_is_shown_as_such_and_not_approved(signed: Any) -> None:
    old = {"created_at": NOW - timedelta(hours=2), "expires_at": NOW - timedelta(hours=1)}
    plan = record(signed, make_plan(signed, **old))
    assert signed.ok("show", plan.plan_id)["expired"] is True
    signed.fails(60, "plan.expired", "approve", plan.plan_id, "--attester", "alice")


def test_a_plan_that_nobody_approved_is_neither_signed_nor_sent(signed: Any) -> None:
    plan = record(signed, make_plan(signed))
    signed.fails(60, "plan.not_approved", "sign", plan.plan_id)
    signed.fails(60, "plan.not_approved", "send", plan.plan_id)


def test_show_names_a_transfer_to_another_address_than_the_books(signed: Any) -> None:
    from vault.address import segwit_encode

    plan = make_plan(signed)
    transfer = plan.body.transfers[0]
    other = replace(transfer.payment, address=segwit_encode("bcrt", 0, bytes(20)))
    elsewhere = replace(transfer, payments=(other,))
    plan = record(signed, make_plan(signed, transfers=(elsewhere,)))
    ran = signed.vault("show", plan.plan_id)
    assert ran.status == 60
    assert "NOT VERIFIED: plan.address_differs" in ran.out


def test_a_cancelled_plan_stays_cancelled(signed: Any) -> None:
    plan = record(signed, make_plan(signed))
    assert signed.ok("cancel", plan.plan_id, "--reason", "second thoughts")["state"] == "cancelled"
    signed.fails(60, "plan.wrong_state", "cancel", plan.plan_id)
    rows = signed.ok("audit", "log", "--subject", plan.plan_id)["rows"]
    assert rows[-1]["body"] == {"reason": "second thoughts", "state": "cancelled"}


# -- the journal -------------------------------------------------------------------------------------


def test_audit_verify_counts_the_rows(shell: Any) -> None:
    fill(shell)
    found = shell.ok("audit", "verify")
    assert found["rows"] == len(shell.ok("audit", "log")["rows"]) == 6
    assert f"{found['rows']} rows verified" in shell.vault("audit", "verify").out


def test_audit_verify_names_the_altered_row(shell: Any) -> None:
    fill(shell)
    with sqlite3.connect(shell.folder / "state" / "vault.db") as connection:
        connection.execute("UPDATE journal SET body = '{}' WHERE seq = 3")
    found = shell.fails(14, "audit.row_altered", "audit", "verify")
    assert found["details"]["row"] == "3"


def test_audit_verify_sees_a_truncated_journal(shell: Any) -> None:
    fill(shell)
    with sqlite3.connect(shell.folder / "state" / "vault.db") as connection:
        connection.execute("DELETE FROM journal WHERE seq > 4")
    assert shell.fails(14, "audit.truncated", "audit", "verify")["details"]["row"] == "5"


def test_json_holds_no_float(signed: Any) -> None:
    def refuse(text: str) -> Any:
        raise AssertionError(f"found the float {text}")

    fill(signed)
    record(signed, make_plan(signed))
    for command in (["status"], ["why", "--last"], ["policy", "show"], ["book", "show"]):
        json.loads(signed.vault(*command, "--json").out, parse_float=refuse)


# -- what cannot be read ------------------------------------------------------------------------------

BROKEN = """
[[wallet]]
name = "cold"
role = "cold"
descriptor = "wpkh([5c9e228d/84h/1h/0h]tpubBroken/<0;1>/*)"
device = "cold"
"""


def test_status_names_a_wallet_whose_descriptor_cannot_be_read(signed: Any) -> None:
    with signed.config.open("a", encoding="utf-8") as file:
        file.write(BROKEN)
    (found,) = signed.ok("status")["unusable_wallets"]
    assert (found["wallet"], bool(found["error"]), bool(found["message"])) == ("cold", True, True)
    assert f"WARNING: wallet cold cannot be read: {found['error']}" in signed.vault("status").out


def test_status_names_what_the_last_look_could_not_read(signed: Any) -> None:
    failure = SourceFailure("wallet:cold", "chain.unreachable", "no connection")
    with opened(signed) as store, store.write() as writer:
        records.save_document(writer, "snapshot", encode(Snapshot("desk-one", NOW, (), (), (), (failure,))))
    assert signed.ok("status")["failures"] == [encode(failure)]
    assert (
        "WARNING: not read then: wallet:cold: chain.unreachable: no connection" in signed.vault("status").out
    )
