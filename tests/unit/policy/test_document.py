"""The policy document: read exactly, refused as a whole when one line of it is wrong."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from vault.errors import DocumentError
from vault.money import BTC, Amount
from vault.policy.document import load_policy, parse_policy


def refusal(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        parse_policy(text.encode(), name="p.toml")
    return caught.value.message


def test_reads_amounts_exactly_and_hashes_the_bytes_it_parsed(world: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(world.policy_text().encode())
    policy, digest = load_policy(path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert policy.fees.max_fee_amount == Amount.parse("0.001", BTC)
    assert policy.band[0].min_change == Decimal("0.05")
    assert policy.movements() == (("sweep", "BTC"), ("evacuate", "BTC"), ("top_up", "BTC"))


def test_a_toml_number_is_as_exact_as_a_string(world: ModuleType) -> None:
    policy, _ = world.policy(head=world.HEAD.replace('max_fee = "0.001"', "max_fee = 0.001"))
    assert policy.fees.max_fee == Decimal("0.001")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('floor = "10000"', 'floor = "250000"', "floor < target < ceiling"),
        ('ceiling = "350000"', 'ceiling = "100000"', "floor < target < ceiling"),
        ('floor = "10000"', 'floor = "-1"', "between 0 and"),
        ('min_change = "0.05"', 'min_change = "0"', "more than 0"),
        ('min_change = "0.05"', 'min_change = "0.000000001"', "at most 8 digits"),
        ('min_change = "0.05"', "min_change = nan", "finite"),
        ('min_change = "0.05"', "min_change = inf", "finite"),
        ('min_change = "0.05"', "min_change = 1e400", "magnitude"),
        ('asset = "BTC"', 'asset = "DOGE"', "BTC"),
        ('asset = "BTC"', 'asset = "USDT"', "no limit covers sweep of USDT"),
        ('top_up_to = "main-deposit"\n', "", "both top_up_from and top_up_to"),
        ('account = "main"', 'account = "*"', "belongs to one account"),
        ('account = "main"', 'account = "Main"', "lower-case"),
        ("min_wait_minutes = 60", "min_wait_minutes = -1", "greater than or equal"),
        ("min_wait_minutes = 60", "min_wait_minutes = 60.0", "valid integer"),
        ("min_wait_minutes = 60", "min_wait_minutes = true", "valid integer"),
        ("min_wait_minutes = 60", "min_wait_minute = 60", "unknown key"),
    ],
)
def test_refuses_a_band_that_makes_no_sense(world: ModuleType, before: str, after: str, says: str) -> None:
    message = refusal(world.policy_text(band=world.BAND.replace(before, after)))
    assert says in message
    assert message.startswith("p.toml:")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("max_age_seconds = 300", "max_age_seconds = 0", "greater than or equal"),
        ("max_age_seconds = 300", "max_age_seconds = 86400", "less than or equal"),
        ('max_fee_share = "0.01"', 'max_fee_share = "1.01"', "share above 0"),
        ('max_fee_rate = "100"', 'max_fee_rate = "0"', "greater than 0"),
        ("approvals_required = 1", "approvals_required = 0", "greater than or equal"),
        ("cooling_hours = 24", "cooling_hours = 0", "greater than or equal"),
        ("schema = 1", "schema = 2", "schema"),
        ("version = 3", "version = 0", "greater than or equal"),
        ("version = 3", "version = 3\nversion = 4", "overwrite"),
        ('description = "A policy to test with."', 'description = ""', "at least 1"),
    ],
)
def test_refuses_settings_that_switch_a_protection_off(
    world: ModuleType, before: str, after: str, says: str
) -> None:
    assert says in refusal(world.policy_text(head=world.HEAD.replace(before, after)))


def test_refuses_a_condition_with_the_column_of_its_mistake(world: ModuleType) -> None:
    bad = world.rule("bad", "allow", "sweep", "account.equity > max(1, 2)")
    assert "column 18" in refusal(world.policy_text(rules=world.RULES + bad))


@pytest.mark.parametrize(
    ("action", "when"),
    [
        ("sweep", "account.equty > 0"),
        ("evacuate", "account.equity > 0"),
        ("*", "account.equity > 0"),
        ("sweep", "wallet.confirmed > 0"),
    ],
)
def test_refuses_a_fact_that_the_action_does_not_have(world: ModuleType, action: str, when: str) -> None:
    bad = world.rule("bad", "deny", action, when)
    assert "is no fact of" in refusal(world.policy_text(rules=world.RULES + bad))


@pytest.mark.parametrize("part", ["BAND", "EVACUATION", "RULES", "LIMITS"])
def test_refuses_anything_said_twice(world: ModuleType, part: str) -> None:
    key = {"BAND": "band", "EVACUATION": "evacuation", "RULES": "rules", "LIMITS": "limits"}[part]
    assert "found twice" in refusal(world.policy_text(**{key: getattr(world, part) * 2}))


def test_refuses_a_kind_of_transfer_without_a_limit(world: ModuleType) -> None:
    only = world.limit("sweeps", "sweep", "1", 24, "1")
    assert "no limit covers evacuate" in refusal(world.policy_text(limits=only))


def test_refuses_what_is_not_text(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="utf-8"):
        parse_policy(b"schema = 1 # \xff", name="p.toml")
    with pytest.raises(DocumentError, match="at most"):
        parse_policy(b"#" * 1_000_001, name="p.toml")
    with pytest.raises(DocumentError, match="no such policy"):
        load_policy(tmp_path / "none.toml")
