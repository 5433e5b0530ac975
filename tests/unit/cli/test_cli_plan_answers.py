"""Small answers about plans: found by their beginning, over, approved twice, followed in vain, idle coins."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import statements
from vault.attestation import signed_text
from vault.canonical import canonical_json
from vault.cli import send as send_command
from vault.clock import SystemClock, to_iso
from vault.codec import encode
from vault.errors import PlanError
from vault.model import Snapshot, SpotHolding
from vault.money import BTC, Amount
from vault.store import records
from vault.store.database import Store
from vault.store.records import IntentRow, PlanRow
from vault.treasury import authority
from vault.treasury.inspection import outlook
from vault.treasury.plan import PLAN_SCHEMA, Payment, Plan, PlanBody, Transfer, write_plan

NOW = datetime.now(UTC).replace(microsecond=0)
SIX = Amount.parse("6", BTC)
FEE = Amount.parse("0.000015", BTC)


@contextmanager
def opened(shell: Any) -> Any:
    with Store.open(shell.treasury.store_url, "desk-one", SystemClock()) as store:
        yield store


def make(shell: Any, state: str, **changes: Any) -> Plan:
    """A recorded plan of one sweep from `trading`."""
    book = authority.read_book(shell.treasury)
    transfer = Transfer(
        1, "sweep", "venue_withdrawal", "trading", "trading", "bitcoin:regtest", "BTC",
        (Payment("cold-1", book.entries[0].address, SIX - FEE),), FEE,
    )  # fmt: skip
    digest = authority.read_policy(shell.treasury)[1]
    body = PlanBody(
        PLAN_SCHEMA, "desk-one", "regtest", NOW, NOW + timedelta(hours=1), "default", 1, digest, 1,
        book.digest(), "1" * 64, "2" * 64, 2, (), (transfer,),
    )  # fmt: skip
    plan = Plan.of(replace(body, **changes))
    times = (to_iso(plan.body.created_at), to_iso(plan.body.expires_at))
    with opened(shell) as store, store.write() as writer:
        row = PlanRow(plan.plan_id, plan.digest, *times, state, canonical_json(encode(plan.body)))
        records.save_plan(writer, row)
    write_plan(plan, shell.treasury.plans_path)
    return plan


def test_a_plan_is_found_by_six_digits_of_its_id_and_not_by_fewer(signed: Any) -> None:
    plan = make(signed, "proposed")
    assert signed.ok("show", plan.plan_id[:6])["plan_id"] == plan.plan_id
    signed.fails(60, "plan.unknown", "show", plan.plan_id[:5])
    assert signed.ok("cancel", plan.plan_id[:8])["plan_id"] == plan.plan_id


def test_an_edited_plan_file_is_refused_by_the_beginning_of_its_id_too(signed: Any) -> None:
    plan = make(signed, "proposed")
    path = signed.folder / "plans" / f"{plan.plan_id}.json"
    path.write_text(path.read_text(encoding="utf-8").replace("5.99998500", "59.9998500"), encoding="utf-8")
    signed.fails(60, "plan.altered", "show", plan.plan_id[:6])


def test_a_beginning_of_two_ids_is_refused_and_both_are_named(signed: Any) -> None:
    plan = make(signed, "proposed")
    twin = f"{plan.plan_id[:8]}{'0' * 8}"
    with opened(signed) as store, store.write() as writer:
        records.save_plan(writer, PlanRow(twin, "0" * 64, to_iso(NOW), to_iso(NOW), "proposed", "{}"))
    assert twin in signed.fails(60, "plan.ambiguous", "show", plan.plan_id[:6])["message"]


def test_a_plan_that_is_done_is_not_cancelled_and_the_answer_is_short(signed: Any) -> None:
    plan = make(signed, "done")
    found = signed.fails(60, "plan.wrong_state", "cancel", plan.plan_id)
    assert found["message"] == f"plan {plan.plan_id} is done: all of it was sent"
    assert "vault plan" in found["hint"]


def test_a_second_approval_by_the_same_person_is_refused_before_the_device_is_asked(signed: Any) -> None:
    plan = make(signed, "proposed")
    with opened(signed) as store, store.write() as writer:
        records.save_approval(writer, plan.plan_id, "alice", {"is": base64.b64encode(b"one").decode()})
    found = signed.fails(60, "plan.approved_twice", "approve", plan.plan_id, "--attester", "alice")
    assert found["hint"] == "1 more must come from others."


def test_an_approval_is_exported_as_the_file_that_anybody_can_verify(signed: Any, elsewhere: Any) -> None:
    plan = make(signed, "proposed")
    signed.fails(17, "attestation.no_approval", "attestation", "export", plan.plan_id, "--attester", "alice")
    item = signed.approval(plan)
    with opened(signed) as store, store.write() as writer:
        records.save_approval(writer, plan.plan_id, "alice", item.as_json())
    command = ("attestation", "export", plan.plan_id[:6], "--attester", "alice")
    for printed in (signed.vault(*command).out, signed.vault(*command, "--json").out):
        assert printed == item.dump()
    public_key = signed.treasury.attester("alice").public_key
    path = elsewhere.folder / "approval.json"
    path.write_text(item.dump(), encoding="utf-8")
    found = elsewhere.ok("attestation", "verify", str(path), "--public-key", public_key)
    assert (found["kind"], found["fields"]["plan"]) == ("approval", plan.plan_id)
    assert found["fields"]["1"] == "sweep 5.99998500 BTC from trading"
    assert found["fields"]["1 to"] == plan.body.transfers[0].payment.address
    signed.fails(17, "attestation.no_approval", "attestation", "export", plan.plan_id, "--attester", "bob")


def test_an_approval_whose_signature_does_not_hold_is_not_exported(signed: Any) -> None:
    plan = make(signed, "proposed")
    statement = authority.approval_statement(plan)
    forged = statements.signed(statements.sign(signed_text(statement, "alice")), statement, "alice")
    with opened(signed) as store, store.write() as writer:
        records.save_approval(writer, plan.plan_id, "alice", forged.as_json())
    signed.fails(17, "attestation.wrong_signer", "attestation", "export", plan.plan_id, "--attester", "alice")


def step(state: str, **facts: str) -> IntentRow:
    return IntentRow("v1", "p", 1, 2, "withdraw", state, to_iso(NOW), to_iso(NOW), "", canonical_json(facts))


@pytest.mark.parametrize(
    ("state", "waited", "status"),
    [
        ("done", True, 0),
        ("accepted", False, 0),
        ("accepted", True, 22),
        ("unsent", True, 22),
        ("unknown", True, 21),
        ("unknown", False, 21),
        ("refused", True, 60),
    ],
)
def test_following_in_vain_is_no_success(state: str, waited: bool, status: int) -> None:
    assert send_command._status([step(state)], waited=waited) == status


def test_a_second_send_that_waits_is_told_how_to_follow(signed: Any) -> None:
    plan = make(signed, "sending")
    error = PlanError("already_sent", "it was sent", hint="other")
    with opened(signed) as store:
        desk: Any = SimpleNamespace(store=store)
        send_command._hint_to_follow(desk, plan, error, 0)
        assert error.hint == "other"
        send_command._hint_to_follow(desk, plan, error, 20)
    assert error.hint.startswith(f"Run `vault send {plan.plan_id} --resume --wait 20`")


def test_an_unknown_step_can_be_settled_after_the_window_and_the_lag_of_the_history(signed: Any) -> None:
    plan = make(signed, "sending")
    venue = SimpleNamespace(history_lag_seconds=60, recv_window_ms=5000)
    facts = {"not_after": to_iso(NOW), "error": "unknown.timeout", "message": "no answer"}
    with opened(signed) as store:
        with store.write() as writer:
            records.save_intent(writer, replace(step("unknown", **facts), plan_id=plan.plan_id))
        desk: Any = SimpleNamespace(store=store, treasury=SimpleNamespace(venue=lambda _: venue))
        seen = outlook(desk, "v1")
    assert seen.settles_from == NOW + timedelta(seconds=65)
    assert seen.said == "unknown.timeout: no answer"


# -- status ------------------------------------------------------------------------------------------


def test_status_names_the_last_five_plans_that_are_over_newest_first(signed: Any) -> None:
    old = [
        make(signed, state, created_at=NOW - timedelta(hours=9 - n), expires_at=NOW - timedelta(minutes=1))
        for n, state in enumerate(("done", "failed", "cancelled", "done", "proposed", "done"))
    ]
    found = signed.ok("status")
    assert found["plans"] == []
    assert [each["plan_id"] for each in found["finished_plans"]] == [p.plan_id for p in old[:0:-1]]
    assert found["finished_plans"][1]["state"] == "expired"
    assert "Last plans that are over:" in signed.vault("status").out


@pytest.mark.parametrize(("state", "idle"), [("done", True), ("failed", True), ("sending", False)])
def test_status_warns_of_coins_idle_in_spot_unless_a_plan_moves_them(
    signed: Any, state: str, idle: bool
) -> None:
    make(signed, state)
    holding = SpotHolding("trading", SIX, Amount.zero(BTC), NOW)
    with opened(signed) as store, store.write() as writer:
        records.save_document(
            writer, "snapshot", encode(Snapshot("desk-one", NOW, (), (), (), (), (holding,)))
        )
    assert bool(signed.ok("status")["idle"]) is idle
    said = "WARNING: 6.00000000 BTC idle in trading's spot wallet"
    assert (said in signed.vault("status").out) is idle


def test_status_says_that_another_network_is_not_permitted(shell: Any, edit: Any) -> None:
    assert shell.ok("status")["permitted"] is True
    edit(shell.config, 'network = "regtest"', 'network = "mainnet"')
    found = shell.ok("status")
    assert (found["permitted"], found["refused"]["error"]) == (False, "guard.network")
    assert "NOT PERMITTED: guard.network" in shell.vault("status").out


# -- policy show, doctor, help -----------------------------------------------------------------------


def test_policy_show_leaves_no_number_out(signed: Any) -> None:
    said = signed.vault("policy", "show", COLUMNS="200").out
    for text in (
        "1 required", "after 30 min", "120 s old at most", "0.00200000 BTC, 300 sat/vB, 2.00 % of the amount",
        "cool 24 h", "10,000.00 USD", "60 min", "from cold to trading-deposit",
    ):  # fmt: skip
        assert text in said, text


def test_one_row_is_not_rows(shell: Any) -> None:
    assert "1 row verified" in shell.vault("audit", "verify").out


def doctor(shell: Any) -> dict[str, Any]:
    return {each["what"]: each for each in shell.vault("doctor", "--json").document["findings"]}


def test_doctor_names_what_the_policy_needs_and_nobody_configured(signed: Any) -> None:
    found = doctor(signed)["names in the policy"]
    assert (found["verdict"], found["code"]) == ("FAIL", "config.unknown_name")
    for missing in (
        "band:trading needs [[venue]] trading",
        "band:trading needs cold [[wallet]] cold",
        "band:trading needs venue_deposit entry trading-deposit of trading in the address book",
        "evacuation:staging needs staging [[wallet]] staging",
    ):
        assert missing in found["detail"]
    assert "cold entry cold-1" not in found["detail"]


def test_doctor_finds_a_descriptor_whose_checksum_is_wrong(signed: Any) -> None:
    with signed.config.open("a", encoding="utf-8") as file:
        file.write(
            '\n[[wallet]]\nname = "cold"\nrole = "cold"\ndevice = "cold"\ndescriptor = "wpkh(x)#aaaaaaaa"\n'
        )
    found = doctor(signed)["wallet cold"]
    assert found["verdict"] == "FAIL"
    assert found["code"]


def test_doctor_calls_a_world_that_is_not_permitted_by_its_name(shell: Any, edit: Any) -> None:
    edit(shell.config, 'network = "regtest"', 'network = "mainnet"')
    found = doctor(shell)
    assert (found["permitted world"]["verdict"], found["permitted world"]["code"]) == (
        "FAIL",
        "guard.network",
    )
    assert found["store"]["verdict"] == "SKIP"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("unable to open database file", "writable"),
        ("attempt to write a readonly database", "writable"),
        ("disk I/O error", "no space left"),
        ("database or disk is full", "no space left"),
        ("something new", "Check the store's file"),
    ],
)
def test_sqlites_words_come_with_what_to_do(said: str, hint: str) -> None:
    from vault.store.database import _hint

    assert hint in _hint(said)


def test_a_store_that_is_no_database_is_refused_with_a_hint(shell: Any) -> None:
    (shell.folder / "state" / "vault.db").write_bytes(b"no database" * 1000)
    assert "damaged" in shell.fails(13, "store.unreadable", "status")["hint"]


@pytest.mark.parametrize(("kind", "other"), [("trezor", "onekey"), ("onekey", "trezor")])
def test_a_device_of_the_other_make_is_told_by_the_option(kind: str, other: str) -> None:
    from vault.cli.device import _hint_at_kind
    from vault.errors import DeviceError

    error = DeviceError("wrong_make", "expected another", hint="in treasury.toml")
    _hint_at_kind(error, kind)
    assert f"--kind {other}" in error.hint


def test_the_address_book_is_called_by_its_name_once() -> None:
    assert authority.title("address-book", authority.BOOK_NAME) == "address book"
    assert authority.title("policy", "default") == "policy default"
