"""HTTP sources with all that can be wrong with them: each fault is named, none crashes or looks calm."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from emulator.feeds.control import FeedControl, FeedControlError
from emulator.feeds.faults import FeedFault
from emulator.feeds.server import FeedServer
from vault.clock import ManualClock, SystemClock
from vault.config_feeds import FeedSettings
from vault.errors import VenueError
from vault.markets.feeds import http
from vault.markets.feeds.base import FeedState, VenueSource
from vault.markets.feeds.collect import Collected, collect
from vault.series import Recorded, Series, SeriesKey

NAMES: dict[str, tuple[str, str]] = {
    "etf-flows": ("etf_flow", "BTC"),
    "gold": ("close", "XAU"),
    "silver": ("close", "XAG"),
    "equities": ("close", "SPX"),
    "vix": ("close", "VIX"),
    "dollar-index": ("close", "DXY"),
    "stablecoins": ("supply", "STABLE"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def control(server: FeedServer) -> Iterator[FeedControl]:
    hand = FeedControl(server.url)
    yield hand
    hand.clear()


def feed(control: FeedControl, name: str, form: str = "csv", **more: Any) -> FeedSettings:
    kind, asset = NAMES[name]
    columns: dict[str, Any] = {"time": "date", "value": "value"}
    if form == "json":
        columns = {"rows": "/data", "time": "/date", "value": "/value"}
    told = {"name": name, "kind": kind, "asset": asset, "where": control.address(name, form), "format": form}
    return FeedSettings.model_validate({**told, **columns, "licence": "emulated", **more})


def series(item: Recorded) -> Series:
    assert isinstance(item.data, Series)
    return item.data


def ask(*feeds: FeedSettings, states: Any = None) -> Collected:
    return collect([], feeds, {}, SystemClock(), states=states or {})


@pytest.mark.parametrize("form", ["csv", "json"])
def test_every_source_is_read_with_its_age_and_licence(control: FeedControl, form: str) -> None:
    found = ask(*(feed(control, name, form) for name in NAMES))
    assert not found.failures
    assert [item.key.kind for item in found.recorded] == [kind for kind, _ in NAMES.values()]
    for item in found.recorded:
        assert item.provenance.licence == "emulated"
        assert item.provenance.read_at is not None
        assert len(item.data) > 400
        assert not [fault for fault in item.faults if fault.kind not in {"gap"}]


def test_csv_and_json_of_a_source_say_the_same(control: FeedControl) -> None:
    one = series(ask(feed(control, "gold")).recorded[0])
    other = series(ask(feed(control, "gold", "json")).recorded[0])
    assert np.array_equal(one.times, other.times)
    assert np.array_equal(one.values, other.values)


ROWS = {
    FeedFault.MISSING_ROWS: "gap",
    FeedFault.DUPLICATED: "duplicate",
    FeedFault.REORDERED: "unsorted",
    FeedFault.FUTURE_DATED: "future",
    FeedFault.CONTRADICTORY: "contradiction",
    FeedFault.NOT_A_NUMBER: "not_a_number",
}


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("kind", ROWS)
def test_wrong_rows_are_named_and_never_read_as_values(
    control: FeedControl, kind: FeedFault, form: str
) -> None:
    settings = feed(control, "stablecoins", form, step_seconds=86_400, max_age_seconds=5 * 86_400)
    whole = series(ask(settings).recorded[0])
    control.fault("stablecoins", kind)
    found = ask(settings)
    item = found.recorded[0]
    named = {fault.kind for fault in item.faults}
    assert ROWS[kind] in named
    told = series(item)
    usable = np.isfinite(told.values)
    kept = dict(zip(told.times[usable].tolist(), told.values[usable].tolist(), strict=True))
    truth = dict(zip(whole.times.tolist(), whole.values.tolist(), strict=True))
    assert all(truth.get(at) == value for at, value in kept.items())


def test_a_source_that_stands_still_is_stale_by_name_and_still_told(control: FeedControl) -> None:
    control.fault("stablecoins", "stale")
    found = ask(feed(control, "stablecoins", max_age_seconds=3 * 86_400))
    assert [(each.key, each.code, each.reason) for each in found.failures] == [
        ("stablecoins", "market.stale", "incomplete")
    ]
    assert len(found.recorded) == 1


WIRE = {
    FeedFault.DEAD: "market.unreachable",
    FeedFault.TOO_MANY_REQUESTS: "market.rate_limited",
    FeedFault.SERVER_ERROR: "market.server_fault",
    FeedFault.HTML: "market.not_data",
    FeedFault.EMPTY: "market.not_data",
    FeedFault.HUGE: "market.too_large",
    FeedFault.SHORT: "market.cut_off",
    FeedFault.LONG: "market.cut_off",
    FeedFault.MOVED_AWAY: "market.moved",
    FeedFault.COMPRESSED: "market.encoding",
    FeedFault.SLOW: "market.timeout",
    FeedFault.SILENT: "market.timeout",
}


@pytest.mark.parametrize("kind", WIRE)
def test_what_goes_wrong_on_the_wire_has_a_name_and_spoils_no_other(
    control: FeedControl, kind: FeedFault
) -> None:
    control.fault("vix", kind, seconds="5")
    found = ask(feed(control, "vix", timeout_seconds=1), feed(control, "gold"))
    assert [(each.key, each.code) for each in found.failures] == [("vix", WIRE[kind])]
    assert [item.key.name for item in found.recorded] == ["XAU"]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_half_an_answer_is_refused_or_named(control: FeedControl, form: str) -> None:
    control.fault("gold", "broken")
    found = ask(feed(control, "gold", form, max_age_seconds=5 * 86_400))
    assert [each.key for each in found.failures] == ["gold"]


def test_a_redirect_on_the_same_host_is_followed(control: FeedControl) -> None:
    control.fault("gold", "moved_here", count=1)
    assert not ask(feed(control, "gold")).failures


def test_one_failure_that_passes_is_asked_again_once(control: FeedControl) -> None:
    control.fault("gold", "server_error", count=1)
    assert not ask(feed(control, "gold")).failures
    control.fault("gold", "dead", count=2)
    assert [each.code for each in ask(feed(control, "gold")).failures] == ["market.unreachable"]


def test_what_has_not_changed_is_not_sent_again_and_not_asked_too_soon(control: FeedControl) -> None:
    settings = feed(control, "gold", every_seconds=60)
    first = ask(settings)
    assert ask(settings, states=first.states).not_due == ("gold",)
    old = {name: replace(state, asked_at=0) for name, state in first.states.items()}
    again = ask(settings, states=old)
    assert (again.unchanged, again.recorded, again.failures) == (("gold",), (), ())
    control.rows("gold", {"2020-01-01": "1500"})
    assert len(ask(settings, states=old).recorded) == 1


def test_a_value_told_before_its_time_is_read_when_it_has_come(control: FeedControl) -> None:
    gold = feed(control, "gold")
    clock = ManualClock(SystemClock().now() - timedelta(days=5))
    early = collect([], [gold], {}, clock)
    assert [fault.kind for fault in early.recorded[0].faults if fault.kind == "future"]
    clock.advance(5 * 86_400)
    late = collect([], [gold], {}, clock, states=early.states)
    assert not late.unchanged
    assert series(late.recorded[0]).times[-1] > series(early.recorded[0]).times[-1]


def test_one_that_wants_fewer_requests_is_left_alone_until_its_time(control: FeedControl) -> None:
    control.fault("gold", "too_many_requests")
    found = ask(feed(control, "gold"))
    assert found.states["gold"].asked_at > 0
    assert ask(feed(control, "gold"), states=found.states).not_due == ("gold",)


def test_slow_sources_wait_for_nobody(control: FeedControl) -> None:
    """All of them hang until released by their own limit: together they take one limit, not seven."""
    for name in NAMES:
        control.fault(name, "silent", seconds="20")
    found = ask(*(feed(control, name, timeout_seconds=1) for name in NAMES))
    assert {each.code for each in found.failures} == {"market.timeout"}
    assert len(found.failures) == len(NAMES)


def test_a_dead_venue_is_named_once_for_each_thing_and_asked_a_few_times_only() -> None:
    asked = []

    def fetch(endpoint: str, parameters: tuple[tuple[str, str], ...]) -> Any:
        asked.append(endpoint)
        raise VenueError("timeout", "no answer")

    source = VenueSource("binance", ("BTCUSDT",), fetch, networks=(("BTC", "BTC"),))
    found = collect([source], [], {}, SystemClock())
    assert not found.recorded
    assert len(asked) <= 6
    assert {each.key for each in found.failures} >= {
        "open_interest:BTC:binance",
        "funding:BTC:binance",
        "depth_1pct:BTC:binance",
        "spot_volume:BTC:binance",
        "venue_open:BTC:binance/BTC",
    }


def test_a_file_among_live_sources_and_a_stranger_among_venues_are_named() -> None:
    path = FeedSettings.model_validate(
        {
            "name": "file",
            "kind": "close",
            "asset": "XAU",
            "where": "gold.csv",
            "format": "csv",
            "time": "d",
            "value": "v",
        }
    )
    stranger = VenueSource("nowhere", ("X",), lambda endpoint, parameters: pytest.fail("asked"))
    found = collect([stranger], [path], {SeriesKey("price", "BTC", "x"): 1}, SystemClock())
    assert {each.key: each.code for each in found.failures} == {
        "file": "market.not_live",
        "nowhere/X": "venue.not_offered",
    }


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://192.0.2.1/x.csv", "market.insecure"),
        ("ftp://127.0.0.1/x.csv", "market.bad_url"),
        ("http://me:secret@127.0.0.1/x.csv", "market.bad_url"),
    ],
)
def test_addresses_that_may_not_be_asked(url: str, code: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        http.ask(url, 1, FeedState(0), SystemClock())
    assert getattr(caught.value, "code", "") == code
    assert "secret" not in str(caught.value)


def test_control_refuses_what_it_does_not_know(control: FeedControl) -> None:
    for feed_name, kind in (("gold", "unheard_of"), ("lead", "stale")):
        with pytest.raises(FeedControlError):
            control.fault(feed_name, kind)
    with pytest.raises(FeedControlError):
        control.rows("gold", {"soon": "1"})


def test_a_venue_that_falls_silent_midway_is_left_alone_and_one_that_refuses_is_not() -> None:
    contracts = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    for code, told in (("dropped", {"venue.dropped", "venue.silent"}), ("refused", {"venue.refused"})):
        asked: list[str] = []
        fetch = functools.partial(_fail, asked, code)
        found = collect([VenueSource("binance", contracts, fetch)], [], {}, SystemClock())
        assert {each.code for each in found.failures if each.reason == "failed"} == told
        # Three at once may be on their way when the fourth fails.
        assert len(asked) <= 7 if code == "dropped" else len(asked) > 15


def _fail(asked: list[str], code: str, endpoint: str, parameters: tuple[tuple[str, str], ...]) -> Any:
    asked.append(endpoint)
    raise VenueError(code, "no")
