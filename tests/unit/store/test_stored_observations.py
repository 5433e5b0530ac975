"""What older versions wrote of an observation reads back; what none of them wrote is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from vault.codec import encode
from vault.errors import DocumentError
from vault.model import Assessment, MarketReading, Snapshot, SourceFailure
from vault.store.observations import read_assessment, read_snapshot

D = Decimal
AT = datetime(2026, 1, 31, tzinfo=UTC)
READING = MarketReading(
    "main", "BTCUSDT", D(80_000), D(80_001), D("0.0001"), 8, D(90_000), D(30_000), None, D(90), D(900), D(1),
    AT, ("perp_volume_24h: venue.timeout",),
)  # fmt: skip
SEEN = Snapshot("t", AT, (), (READING,), (), (SourceFailure("venue:x", "venue.timeout", "slow"),))
FOUND = Assessment("0" * 64, "t", AT, (), (), D("0.25"), D("0.5"), D("0.75"), ("indicator.depth: none",))


def older_snapshot() -> dict[str, Any]:
    body = encode(SEEN)
    histories = {"funding_history": ["0.0001"], "depth_history": ["900", "890"], "oi_spot_history": []}
    body["markets"] = [{**market, **histories} for market in body["markets"]]
    return body


def older_assessment() -> dict[str, Any]:
    added = {"fragility_least", "regime", "asset", "steps"}
    return {name: value for name, value in encode(FOUND).items() if name not in added}


def test_what_this_version_writes_reads_back_equal() -> None:
    assert read_snapshot(encode(SEEN)) == SEEN
    assert read_assessment(encode(FOUND)) == FOUND


def test_a_reading_with_its_own_histories_is_read_without_them() -> None:
    assert read_snapshot(older_snapshot()) == SEEN


def test_a_snapshot_from_before_spot_wallets_and_strange_coins_has_none() -> None:
    body = older_snapshot()
    for name in ("spot", "unsolicited", "foreign"):
        del body[name]
    assert read_snapshot(body) == SEEN


def test_an_assessment_from_before_regimes_has_an_unknown_one_and_no_evidence() -> None:
    found = read_assessment(older_assessment())
    assert found == FOUND
    assert (found.regime, found.fragility_least, found.steps) == ("unknown", 0, ())


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {**older_snapshot(), "markets": None},
        {**older_snapshot(), "markets": ["x"]},
        {**older_snapshot(), "extra": 1},
        {**older_snapshot(), "accounts": [{}]},
        {**older_snapshot(), "markets": [{**older_snapshot()["markets"][0], "else": 1}]},
    ],
)
def test_what_no_version_wrote_is_refused(broken: Any) -> None:
    with pytest.raises(DocumentError):
        read_snapshot(broken)


@pytest.mark.parametrize("lost", ["fragility", "fragility_upper", "coverage", "taken_at"])
def test_nothing_else_may_be_missing(lost: str) -> None:
    with pytest.raises(DocumentError):
        read_assessment({name: value for name, value in older_assessment().items() if name != lost})
