"""From the configuration through live sources into the store: what is asked, kept, and asked again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emulator.feeds.control import FeedControl
from emulator.feeds.server import FeedServer
from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support.venue_history import load_past
from vault.clock import SystemClock
from vault.config import VenueSettings
from vault.config_feeds import FeedSettings
from vault.store import history
from vault.store.database import Store
from vault.treasury import market_feeds, market_history
from vault.venues.client import VenueClient

DAMAGED = ("", "[]", "{", '{"gold": 1}', '{"gold": {"asked_at": "x"}}', "\x00" * 9)


@dataclass
class Scene:
    desk: Any
    venue: VenueControl
    feeds: FeedControl


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with VenueServer("okx") as server, FeedServer() as sources:
        feeds, control = FeedControl(sources.url), VenueControl(server.url)
        past = load_past(control, "okx")
        told = {"name": "main", "exchange": "okx", "account_uid": "none", "url": server.url}
        settings = [
            VenueSettings.model_validate({**told, "name": name, "contracts": (past.symbol,)})
            for name in ("main", "second")
        ]
        gold = {"name": "gold", "kind": "close", "asset": "XAU", "where": feeds.address("gold")}
        columns = {"format": "csv", "time": "date", "value": "value", "every_seconds": 10}
        clock = SystemClock()
        with (
            Store.open(f"sqlite:///{tmp_path}/vault.db", "feeds-test", clock, create=True) as store,
            VenueClient("feeds-test", *settings) as client,
        ):
            config = SimpleNamespace(
                venue=tuple(settings), feed=(FeedSettings.model_validate(gold | columns),)
            )
            treasury = SimpleNamespace(config=config, folder=tmp_path)
            desk = SimpleNamespace(
                treasury=treasury, store=store, clock=clock, venues=client, progress=lambda line: None
            )
            yield Scene(desk, control, feeds)


def lines(scene: Scene) -> dict[str, int]:
    with scene.desk.store.read() as connection:
        return {str(line.key): line.points for line in history.overview(connection)}


def test_what_is_told_is_kept_and_the_next_time_only_the_rest_is_asked(scene: Scene) -> None:
    first = market_history.fetch(cast("Any", scene.desk), None)
    held = lines(scene)
    assert held["funding:BTC:okx"] >= 5
    assert held["close:XAU:gold"] > 400
    assert held["price:BTC:okx-perp"] == held["price:BTC:okx"] == 48
    asked = len(scene.venue.requests())
    # One line for an exchange, whatever the number of its accounts; flags need a key that is not there.
    assert {each.key for each in first.failures} == {
        "venue_open:BTC:okx/BTC-Bitcoin",
        *(each.key for each in first.failures if each.reason == "not_offered"),
    }
    second = market_history.fetch(cast("Any", scene.desk), None)
    assert not [each for each in second.histories if each.key.kind == "close"]
    assert not [each for each in second.histories if each.appended.contradicted]
    assert len(scene.venue.requests()) - asked <= asked
    assert [request["path"] for request in scene.feeds.requests()] == ["/feeds/gold.csv"]


def test_from_a_date_on_everything_is_asked_again_whatever_is_known(scene: Scene) -> None:
    market_feeds.collect(cast("Any", scene.desk), None)
    since = scene.desk.clock.now() - timedelta(days=2)
    market_feeds.collect(cast("Any", scene.desk), since)
    assert len(scene.feeds.requests()) == 2


def test_a_kept_answer_without_its_history_is_asked_as_if_for_the_first_time(scene: Scene) -> None:
    path = scene.desk.treasury.folder / "state" / market_feeds.STATES
    market_feeds.collect(cast("Any", scene.desk), None)  # told, but never put into the store
    assert '"etag"' in path.read_text(encoding="utf-8")
    recorded, _ = market_feeds.collect(cast("Any", scene.desk), None)
    assert "XAU" in {item.key.name for item in recorded}
    assert scene.feeds.requests()[-1]["if_none_match"] == ""


def test_a_damaged_memory_costs_one_question_and_nothing_else(scene: Scene) -> None:
    market_history.fetch(cast("Any", scene.desk), None)
    path = scene.desk.treasury.folder / "state" / market_feeds.STATES
    for asked, text in enumerate(DAMAGED, start=2):
        path.write_text(text, encoding="utf-8")
        market_feeds.collect(cast("Any", scene.desk), None)
        assert len(scene.feeds.requests()) == asked
