"""What the store's history comes to: the numbers of the screen, of the cascade and of the record."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.support.indicator_history import START, full_history
from vault.clock import ManualClock, from_milliseconds
from vault.codec import decode, encode
from vault.config import Treasury, TreasuryConfig, VenueSettings, load_treasury
from vault.config_feeds import FeedSettings
from vault.errors import MarketDataError
from vault.markets.feeds.base import Failed
from vault.series import DAY, HOUR, Kind, MarketHistory, Provenance, Recorded, Series, SeriesKey
from vault.store.database import Store
from vault.treasury import market_history, market_watch
from vault.treasury.cascade import cascade_view
from vault.treasury.figures import figure, seconds_of, share, significant
from vault.treasury.fragility import look
from vault.treasury.record import last_record, replay_store
from vault.treasury.setup import init_treasury
from vault.treasury.views import NAMED_DAYS, RiskView

DAYS = 120
NOW = from_milliseconds(START + DAYS * DAY)
SHOCKS = (Decimal("0.01"), Decimal("0.05"), Decimal("0.1"))


@pytest.fixture(scope="module")
def history() -> MarketHistory:
    return full_history(DAYS)


@pytest.fixture
def treasury(tmp_path: Path) -> Treasury:
    made = init_treasury(tmp_path / "desk", "desk-one", ManualClock(NOW), emulated=True)
    return load_treasury(made.folder / "treasury.toml")


@pytest.fixture
def store(treasury: Treasury) -> Iterator[Store]:
    with Store.open(treasury.store_url, "desk-one", ManualClock(NOW)) as opened:
        yield opened


@pytest.fixture
def filled(store: Store, history: MarketHistory) -> Store:
    market_history.keep(store, history.recorded.values(), "made up")
    return store


def test_the_contributions_of_the_screen_add_up_to_its_headline(treasury: Treasury, filled: Store) -> None:
    view = look(treasury, filled, NOW, "BTC")
    parts = [each.contribution for each in view.indicators if each.contribution is not None]
    assert view.fragility is not None
    assert abs(sum(parts) - view.fragility) <= Decimal("0.0005")
    assert view.least is not None
    assert view.most is not None
    assert view.least <= view.fragility <= view.most
    assert len(view.indicators) == 10
    assert [step.number for step in view.steps] == [1, 2, 3, 4, 5, 6]


def test_the_screen_is_a_document_that_reads_back(treasury: Treasury, filled: Store) -> None:
    view = look(treasury, filled, NOW, "BTC")
    assert decode(json.loads(json.dumps(encode(view))), RiskView) == view


def test_nothing_known_is_no_number_and_never_calm(treasury: Treasury, store: Store) -> None:
    view = look(treasury, store, NOW, "BTC")
    assert (view.fragility, view.regime) == (None, "unknown")
    assert all(each.score is None for each in view.indicators)
    assert any("nothing_observed" in why for why in view.missing)


def test_old_history_is_missing_and_widens_the_answer(treasury: Treasury, filled: Store) -> None:
    fresh, old = (look(treasury, filled, NOW + timedelta(days=days), "BTC") for days in (0, 6))
    assert old.missing
    assert None not in {old.fragility, old.most, old.least, fresh.fragility, fresh.most, fresh.least}
    assert old.most > fresh.most  # type: ignore[operator]
    assert old.least < fresh.least or fresh.least == 0  # type: ignore[operator]
    assert old.regime == "unknown"


def test_a_cascade_rises_with_its_shock_and_shows_every_input(filled: Store) -> None:
    for side in ("long", "short"):
        view = cascade_view(filled, NOW, "BTC", side, SHOCKS)  # type: ignore[arg-type]
        assert view.missing == ()
        reached = [each.reached for each in view.shocks]
        assert reached == sorted(reached, key=lambda one: one or Decimal(9))
        for each in view.shocks:
            assert each.reached is None or each.reached >= each.shock
            prices = [point.price for point in each.path]
            assert prices == sorted(prices, reverse=side == "long")
        forced = [level.triggered for level in view.levels]
        assert forced == sorted(forced, key=lambda one: one or Decimal(0))
        assert {item.name for item in view.inputs} >= {"price", "open interest", "bids within 1 %", "phi"}


def test_a_cascade_without_its_inputs_has_no_numbers_and_names_them(store: Store) -> None:
    view = cascade_view(store, NOW, "BTC", "long", SHOCKS)
    assert view.levels == ()
    assert view.forced_per_percent is None
    assert view.missing
    for each in view.shocks:
        assert (each.reached, each.forced_notional, each.adl_share, each.endless) == (None, None, None, False)
        assert each.absent


def test_the_record_names_the_days_of_the_document_also_where_there_is_no_price(
    treasury: Treasury, filled: Store
) -> None:
    assert look(treasury, filled, NOW, "BTC").record is None, "not replayed yet"
    view = replay_store(
        filled, NOW, "BTC", drop=Decimal("0.1"), since=None, until=None, progress=lambda _: None
    )
    assert [each.day.date() for each in view.named] == [each.day for each in NAMED_DAYS]
    assert {each.why for each in view.named} == {"no price of it here"}
    assert view.days == DAYS
    line = last_record(filled, "BTC")
    assert line is not None
    assert (line.since, line.until) == (view.since, view.until)
    assert last_record(filled, "ETH") is None
    assert look(treasury, filled, NOW, "BTC").record == line, "the screen says how it did"


def test_what_fails_is_told_once_a_source_and_what_is_not_offered_is_no_failure() -> None:
    told = market_watch._by_source([
        Failed("open_interest:BTC:binance/BTCUSDT", "venue.timeout", "late", "failed"),
        Failed("funding:BTC:binance/BTCUSDT", "venue.timeout", "late", "failed"),
        Failed("long_liquidations:BTC:binance/BTCUSDT", "venue.not_offered", "streams only", "not_offered"),
        Failed("etf-flows", "market.stale", "old", "failed"),
    ])  # fmt: skip
    assert [each.source for each in told] == ["market data:binance", "market data:etf-flows"]
    assert told[0].message.startswith("2 of its data")


def with_venue(treasury: Treasury, *contracts: str, exchange: str = "binance") -> TreasuryConfig:
    venue = VenueSettings(name="main", exchange=exchange, account_uid="1", contracts=contracts)
    return treasury.config.model_copy(update={"venue": (venue,)})


def one_point(kind: Kind, name: str, source: str) -> Recorded:
    data = Series(np.array([START], dtype=np.int64), np.array([1.0]))
    return Recorded(SeriesKey(kind, name, source), data, Provenance("made"))


def test_what_somebody_imported_is_not_watched(treasury: Treasury) -> None:
    held = MarketHistory().with_recorded([
        one_point("funding", "BTC", "binance"),
        one_point("funding", "FOO", "binance"),
        one_point("open_interest", "DOGE", "doge-file"),
        one_point("funding", "ETH", "binance-file"),
    ])  # fmt: skip
    config = with_venue(treasury, "BTCUSDT")
    assert market_watch.assets_of(config, held) == ("BTC",)
    both = with_venue(treasury, "BTCUSDT", "ETHUSDT")
    assert market_watch.assets_of(both, held) == ("BTC", "ETH")
    assert market_watch.assets_of(treasury.config, held) == ("BTC",), "nothing watched: the usual one"


@pytest.mark.parametrize(
    ("exchange", "contract"),
    [
        ("binance", "BTCUSD_PERP"),
        ("okx", "BTC-USDT-SWAP"),
        ("deribit", "BTC-PERPETUAL"),
        ("kraken", "PF_XBTUSD"),
    ],
)
def test_a_contract_is_known_by_its_own_exchanges_name(
    treasury: Treasury, exchange: str, contract: str
) -> None:
    held = MarketHistory().with_recorded([one_point("open_interest", "BTC", f"{exchange}/{contract}")])
    assert market_watch.assets_of(with_venue(treasury, contract, exchange=exchange), held) == ("BTC",)


def test_a_feed_older_than_its_settings_allow_is_missing(treasury: Treasury, history: MarketHistory) -> None:
    key = next(each for each in history.recorded if each.kind == "etf_flow")
    feed = FeedSettings(
        name="flows", kind="etf_flow", asset=key.name, source=key.source, where="flows.csv", format="csv",
        time="date", value="total", max_age_seconds=3600,
    )  # fmt: skip
    config = treasury.config.model_copy(update={"feed": (feed,)})
    data = history.recorded[key].data
    assert isinstance(data, Series)
    told = int(data.times[-2])
    fresh = market_watch.aged(config, history, from_milliseconds(told + HOUR // 2))
    old = market_watch.aged(config, history, from_milliseconds(told + 2 * HOUR))
    assert fresh.recorded[key] is history.recorded[key]
    ((_, series),) = old.series("etf_flow", key.name)
    assert math.isnan(series.values[-1])
    (judged,) = market_watch.judge_all(config, history, from_milliseconds(START + DAYS * DAY))
    etf = next(track for track in judged.tracks if track.name == "etf")
    assert math.isnan(etf.score[-1])
    assert "unusable" in " ".join(etf.absent)


def test_a_record_without_a_price_is_an_error_with_a_hint(store: Store) -> None:
    with pytest.raises(MarketDataError) as caught:
        replay_store(store, NOW, "BTC", drop=Decimal("0.1"), since=None, until=None, progress=lambda _: None)
    assert caught.value.code == "market.no_price"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_unknown_and_never_zero(value: float) -> None:
    assert figure(value, 2) is None
    assert significant(value) is None
    assert share(value) is None


def test_numbers_are_short_and_without_a_sign_before_nothing() -> None:
    assert str(figure(-0.00001, 2)) == "0.00"
    assert str(significant(-0.0)) == "0"
    assert str(significant(1_234_567.8)) == "1234570"
    assert str(significant(0.000123456789)) == "0.000123457"
    assert (seconds_of(-1), seconds_of(1999)) == (None, 1)
    assert datetime.fromtimestamp(0, UTC) == from_milliseconds(0)
