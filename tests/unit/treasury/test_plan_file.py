"""A plan file is the plan that was made, or it is refused: any edit, any byte."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.canonical import digest
from vault.codec import encode
from vault.errors import PlanError
from vault.money import BTC, Amount
from vault.treasury.plan import (
    MAX_PLAN_BYTES,
    PLAN_SCHEMA,
    Move,
    Payment,
    Plan,
    PlanBody,
    Transfer,
    parse_plan,
    read_plan,
    require_format,
    require_live,
    write_plan,
)
from vault.treasury.steps import steps_of

AT = datetime(2026, 1, 31, 5, tzinfo=UTC)
ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def transfer(number: int = 1, **changes: object) -> Transfer:
    made = Transfer(
        number=number,
        action="sweep",
        kind="venue_withdrawal",
        source="trading",
        venue_account="trading",
        network="bitcoin:regtest",
        venue_network="BTC",
        payments=(Payment("cold-1", ADDRESS, Amount(BTC, 600_000_000)),),
        fee=Amount(BTC, 1_500),
        moves=(Move("futures", "spot"),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def plan(*transfers: Transfer) -> Plan:
    return Plan.of(
        PlanBody(
            schema_version=PLAN_SCHEMA,
            treasury_id="ours",
            network="regtest",
            created_at=AT,
            expires_at=AT + timedelta(minutes=30),
            policy_id="default",
            policy_version=1,
            policy_digest="1" * 64,
            book_version=1,
            book_digest="2" * 64,
            snapshot_digest="3" * 64,
            assessment_digest="4" * 64,
            approvals_required=1,
            decisions=(),
            transfers=transfers or (transfer(),),
        )
    )


PLAN = plan()
TEXT = PLAN.text()


def outcome(text: str) -> Plan | None:
    """The plan that is read, None when the text is refused with one of the plan's own codes."""
    try:
        return parse_plan(text)
    except PlanError as error:
        assert error.code in {"plan.altered", "plan.unreadable", "plan.other_format"}, error
        return None


def test_a_plan_reads_back_equal() -> None:
    assert parse_plan(TEXT) == PLAN


@given(st.integers(0, len(TEXT) - 1), st.characters())
def test_no_single_changed_character_makes_another_plan(position: int, character: str) -> None:
    assert outcome(TEXT[:position] + character + TEXT[position + 1 :]) in {None, PLAN}


@given(st.integers(0, len(TEXT)), st.integers(1, 40), st.text(max_size=12))
def test_no_cut_or_pasted_text_makes_another_plan(position: int, length: int, pasted: str) -> None:
    assert outcome(TEXT[:position] + pasted + TEXT[position + length :]) in {None, PLAN}


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "some-plan.json"
    path.write_bytes(data)
    with pytest.raises(PlanError) as caught:
        read_plan(path)
    assert caught.value.code in {"plan.altered", "plan.unreadable"}


@pytest.mark.parametrize("field", ["amount", "fee"])
def test_an_edited_amount_under_the_old_digest_is_altered(field: str) -> None:
    value = json.loads(TEXT)
    transfer = value["body"]["transfers"][0]
    holder = transfer if field == "fee" else transfer["payments"][0]
    holder[field] = encode(Amount(BTC, 700_000_000))
    with pytest.raises(PlanError) as caught:
        parse_plan(json.dumps(value))
    assert caught.value.code == "plan.altered"


@pytest.mark.parametrize(
    "edit",
    [
        {"schema_version": 1},
        {"schema_version": 2},
        {"schema_version": 4},
        {"schema_version": "1"},
        {"unknown": 1},
        {"approvals_required": 1.0},
        {"expires_at": "2026-01-31 05:30"},
        {"transfers": {}},
    ],
)
def test_an_odd_body_is_refused_although_its_digest_fits(edit: dict[str, object]) -> None:
    value = json.loads(TEXT)
    value["body"].update(edit)
    text = json.dumps(value)
    if "approvals_required" not in edit:  # a float has no digest at all
        value["digest"] = digest(value["body"])
        value["plan_id"] = value["digest"][:16]
        text = json.dumps(value)
    assert outcome(text) is None


@pytest.mark.parametrize(
    "keys", [(), ("plan_id",), ("plan_id", "digest"), ("plan_id", "digest", "body", "more")]
)
def test_a_file_with_other_keys_is_no_plan(keys: tuple[str, ...]) -> None:
    value = {**json.loads(TEXT), "more": 1}
    assert outcome(json.dumps({key: value[key] for key in keys})) is None


def test_a_plan_id_that_is_not_its_digests_is_refused() -> None:
    assert outcome(TEXT.replace(f'"plan_id":"{PLAN.plan_id}"', '"plan_id":"0000000000000000"')) is None


def test_a_key_given_twice_is_refused() -> None:
    assert outcome(TEXT.replace('"amount":', '"amount":"1 BTC","amount":', 1)) is None


def test_a_plan_file_is_written_whole_and_for_the_owner_only(tmp_path: Path) -> None:
    path = write_plan(PLAN, tmp_path / "plans")
    assert read_plan(path) == PLAN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [f"{PLAN.plan_id}.json"]


def test_a_file_too_large_to_be_a_plan_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with path.open("wb") as stream:
        stream.truncate(MAX_PLAN_BYTES + 1)
    with pytest.raises(PlanError) as caught:
        read_plan(path)
    assert caught.value.code == "plan.unreadable"


def test_a_plan_expires_at_its_instant_and_not_a_millisecond_later() -> None:
    require_live(PLAN, PLAN.body.expires_at - timedelta(milliseconds=1))
    with pytest.raises(PlanError) as caught:
        require_live(PLAN, PLAN.body.expires_at)
    assert caught.value.code == "plan.expired"


def test_client_ids_differ_between_plans_transfers_and_steps_and_never_change() -> None:
    plans = (plan(transfer(1), transfer(2)), plan(transfer(1), transfer(2, fee=Amount(BTC, 2_000))))
    ids = [
        each.client_id(item, step)
        for each in plans
        for item in each.body.transfers
        for step, _ in enumerate(steps_of(item), start=1)
    ]
    assert len(set(ids)) == len(ids) == 8
    assert all(len(name) == 32 and name.isalnum() for name in ids)
    assert PLAN.client_id(transfer(), 2) == parse_plan(TEXT).client_id(transfer(), 2)


def _of_format(number: int) -> dict[str, Any]:
    """As an older version wrote it."""
    value: dict[str, Any] = json.loads(TEXT)
    body = value["body"]
    body["schema_version"] = number
    if number == 1:
        del body["warnings"]
    for each in body["transfers"]:
        for name in ("call", *(("moves", "fee_rule", "expected") if number == 1 else ())):
            del each[name]
    value["digest"] = digest(body)
    return {**value, "plan_id": value["digest"][:16]}


@pytest.mark.parametrize("number", [1, 2])
def test_a_plan_of_an_older_format_is_named_as_such_and_not_called_damaged(
    tmp_path: Path, number: int
) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(_of_format(number)), encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        read_plan(path)
    assert caught.value.code == "plan.other_format"
    assert f"format {number}" in caught.value.message and "new plan" in caught.value.hint


@pytest.mark.parametrize("number", [1, 2])
def test_a_stored_plan_of_an_older_format_still_counts_and_is_never_carried_out(number: int) -> None:
    old = parse_plan(json.dumps(_of_format(number)), older=True)
    assert old.body.transfers == ((transfer(moves=()),) if number == 1 else PLAN.body.transfers)
    with pytest.raises(PlanError) as caught:
        require_format(old)
    assert caught.value.code == "plan.other_format"
    require_format(PLAN)


def test_an_older_plan_with_another_digest_is_altered_all_the_same() -> None:
    value = _of_format(1)
    value["body"]["transfers"][0]["source"] = "hedge"
    with pytest.raises(PlanError) as caught:
        parse_plan(json.dumps(value), older=True)
    assert caught.value.code == "plan.altered"
