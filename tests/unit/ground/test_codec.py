"""Value types to JSON and back: equal, or refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.canonical import canonical_json
from vault.clock import from_milliseconds
from vault.codec import decode, encode
from vault.errors import DocumentError, VaultError
from vault.model import Decision, Outflow, TraceStep
from vault.money import BTC, Amount

AT = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    """One of everything."""

    text: str
    count: int
    flag: bool
    price: Decimal
    amount: Amount | None
    at: datetime
    kind: Literal["a", "b"]
    pairs: tuple[tuple[str, Decimal], ...]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
samples = st.builds(
    Sample,
    text=texts,
    count=st.integers(-(10**20), 10**20),
    flag=st.booleans(),
    price=st.decimals("-1e18", "1e18", places=12),
    amount=st.one_of(st.none(), st.integers(0, 10**16).map(lambda n: Amount(BTC, n))),
    at=st.integers(0, 4_102_444_800_000).map(from_milliseconds),
    kind=st.sampled_from(["a", "b"]),
    pairs=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5), st.decimals("0", "9", places=3)
        ),
        max_size=3,
    ).map(tuple),
)


@given(samples)
def test_reads_back_equal_through_canonical_text(sample: Sample) -> None:
    assert decode(json.loads(canonical_json(encode(sample))), Sample) == sample


def encoded() -> dict[str, object]:
    sample = Sample("x", 1, True, Decimal("1.5"), Amount(BTC, 5), AT, "a", (("p", Decimal(1)),))
    value = encode(sample)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 5),
        ("text", None),
        ("count", "1"),
        ("count", True),
        ("count", 1.0),
        ("flag", 1),
        ("flag", "true"),
        ("price", 1.5),
        ("price", 1),
        ("price", "NaN"),
        ("price", None),
        ("amount", "5"),
        ("amount", {"asset": "BTC", "amount": 5}),
        ("at", "2026-01-31"),
        ("at", 1769817600000),
        ("kind", "c"),
        ("kind", ["a"]),
        ("kind", {}),
        ("pairs", "x"),
        ("pairs", [["p"]]),
        ("pairs", [["p", "1", "2"]]),
        ("pairs", [["p", 1]]),
        ("pairs", {"p": "1"}),
    ],
)
def test_refuses_a_field_of_another_type(field: str, value: object) -> None:
    with pytest.raises(VaultError):
        decode(encoded() | {field: value}, Sample)


def test_refuses_unknown_and_missing_keys_by_name() -> None:
    with pytest.raises(DocumentError, match="differs in extra"):
        decode(encoded() | {"extra": 1}, Sample)
    short = encoded()
    del short["amount"]
    with pytest.raises(DocumentError, match="differs in amount"):
        decode(short, Sample)


@pytest.mark.parametrize("value", [None, 5, "x", [], [encoded()]])
def test_refuses_what_is_no_object(value: object) -> None:
    with pytest.raises(DocumentError, match="expected an object"):
        decode(value, Sample)


@pytest.mark.parametrize("value", [0.1, b"x", {1}, object(), Sample])
def test_refuses_to_write_what_has_no_exact_form(value: object) -> None:
    with pytest.raises(DocumentError):
        encode(value)


def test_names_the_place_of_what_is_wrong() -> None:
    step = TraceStep("rule:x", "deny", "because", (("a", "b"),))
    decision = Decision(
        "sweep", "main", "deny", None, "main", "cold-1", "rule:x", "because", "p", 1, "00", (step,)
    )
    value = encode(decision)
    assert decode(value, Decision) == decision
    value["trace"][0]["verdict"] = "maybe"
    with pytest.raises(DocumentError, match=r"Decision\.trace\[0\]\.verdict"):
        decode(value, Decision)


def test_an_outflow_keeps_every_satoshi() -> None:
    outflow = Outflow(AT, "top_up", "main", "main-deposit", Amount(BTC, 2_100_000_000_000_001), "unknown")
    assert decode(encode(outflow), Outflow) == outflow
