"""Fee rates joined: the median of what answered, between floor and ceiling; later is never dearer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.bitcoin.fees.estimate import FeeEstimate, FeeRules, blocks_until, combine
from vault.bitcoin.fees.sources import TARGETS, FeeReading
from vault.errors import ChainError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = FeeRules(required=1, spread=Decimal(3), max_age_seconds=600)


def reading(source: str, *rates: tuple[int, object], **fields: object) -> FeeReading:
    kind = "backend" if source in {"backend", "witness"} else "url"
    found = tuple((target, Decimal(str(rate))) for target, rate in rates)
    return FeeReading(source, kind, found, fields.pop("floor", None), NOW, **fields)  # type: ignore[arg-type]


def flat(source: str, rate: object, **fields: object) -> FeeReading:
    return reading(source, (1, rate), **fields)


def silent(source: str, code: str = "chain.unreachable") -> FeeReading:
    return reading(source, code=code, message="no answer")


def joined(*readings: FeeReading, rules: FeeRules = RULES) -> FeeEstimate:
    return combine(readings, rules, NOW)


def refusal(found: FeeEstimate, target: int = 3, at: datetime = NOW) -> str:
    with pytest.raises(ChainError) as caught:
        found.rate_for(target, at)
    return caught.value.code


def test_the_median_of_three_is_deaf_to_one_that_lies() -> None:
    for lie in ("0.01", "9000"):
        found = joined(flat("a", 10), flat("b", 12), flat("c", lie))
        assert found.rate_for(3, NOW) in {Decimal(10), Decimal(12)}
        assert [each.outliers for each in found.rates] == [("c",)] * len(TARGETS)


def test_two_that_are_far_apart_are_believed_neither() -> None:
    assert joined(flat("a", 4), flat("b", 12)).rate_for(3, NOW) == 12
    assert refusal(joined(flat("a", 4), flat("b", "12.01"))) == "chain.fee_spread"


def test_half_of_the_sources_are_not_most_of_them() -> None:
    found = joined(flat("a", 1), flat("b", 1), flat("c", 10), flat("d", 10))
    assert refusal(found) == "chain.fee_spread"


def test_too_few_answers_are_refused_and_the_silent_named() -> None:
    rules = FeeRules(required=2, spread=Decimal(3), max_age_seconds=600)
    found = joined(flat("a", 5), silent("b", "chain.stale_estimate"), rules=rules)
    with pytest.raises(ChainError) as caught:
        found.rate_for(3, NOW)
    assert caught.value.code == "chain.fee_sources"
    assert "b: chain.stale_estimate" in caught.value.message
    assert refusal(joined(silent("a"))) == "chain.fee_sources"


def test_a_source_counts_only_for_targets_it_speaks_of() -> None:
    found = joined(reading("a", (1, 30), (6, 9)), reading("b", (6, 8)))
    assert [len(each.said) for each in found.rates] == [1, 1, 2, 2, 2]
    assert (found.rate_for(1, NOW), found.rate_for(6, NOW)) == (30, 9)


def test_no_rate_is_below_what_mempools_take() -> None:
    assert joined(flat("a", "0.2")).rate_for(144, NOW) == 1
    found = joined(flat("a", 2, floor=Decimal("1.5")), flat("b", 2, floor=Decimal(4)))
    assert (found.floor, found.rate_for(3, NOW)) == (4, 4)


def test_no_rate_is_above_the_policys_cap() -> None:
    rules = FeeRules(1, Decimal(3), 600, ceiling=Decimal("9.9"))
    assert joined(flat("a", 300), rules=rules).rate_for(3, NOW) == Decimal("9.9")
    full = joined(flat("a", 300, floor=Decimal(10)), rules=rules)
    assert refusal(full) == "chain.fee_floor_above_cap"


def test_two_witnesses_must_both_answer_and_agree() -> None:
    rules = FeeRules(1, Decimal(10), 600, witness_factor=Decimal(2))
    third = flat("other", 5)
    assert (
        refusal(joined(flat("backend", 5), silent("witness"), third, rules=rules)) == "chain.witness_silent"
    )
    assert refusal(joined(flat("backend", 5), flat("witness", 11), third, rules=rules)) == (
        "chain.witness_disagrees"
    )
    nothing = silent("witness", "chain.no_estimate")
    assert joined(flat("backend", 5), nothing, rules=rules).rate_for(3, NOW) == 5


def test_rates_that_grew_old_are_refused() -> None:
    found = joined(flat("a", 5))
    assert found.rate_for(3, NOW + timedelta(seconds=600)) == 5
    assert refusal(found, at=NOW + timedelta(seconds=601)) == "chain.stale_estimate"
    assert refusal(found, at=NOW - timedelta(seconds=1)) == "chain.stale_estimate"


def test_a_deadline_is_counted_in_blocks_of_ten_minutes() -> None:
    assert blocks_until(NOW + timedelta(minutes=59), NOW) == 5
    assert blocks_until(NOW + timedelta(seconds=1), NOW) == 1
    with pytest.raises(ChainError):
        blocks_until(NOW, NOW)
    with pytest.raises(ChainError):
        joined(flat("a", 5)).rate_for(0, NOW)


rates = st.decimals(min_value="0.1", max_value="2000", places=2)
tables = st.lists(
    st.dictionaries(st.sampled_from([1, 2, 3, 5, 6, 24, 144, 500]), rates, min_size=1), min_size=1, max_size=6
)


@given(tables, st.one_of(st.none(), st.decimals(min_value=1, max_value=500, places=1)))
def test_a_later_target_never_costs_more_and_stays_between_floor_and_ceiling(
    said: list[dict[int, Decimal]], ceiling: Decimal | None
) -> None:
    readings = [reading(f"s{number}", *sorted(table.items())) for number, table in enumerate(said)]
    found = combine(readings, FeeRules(1, Decimal(10), 600, ceiling=ceiling), NOW)
    before: Decimal | None = None
    every = [rate for table in said for rate in table.values()]
    for target in range(1, 200):
        try:
            rate = found.rate_for(target, NOW)
        except ChainError as error:
            assert error.code in {"chain.fee_sources", "chain.fee_spread"}
            continue
        assert found.floor <= rate <= max([*every, found.floor])
        assert ceiling is None or rate <= ceiling
        assert before is None or rate <= before
        before = rate
