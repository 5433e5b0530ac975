"""The table of exchanges in docs/venues.md says what traits, routes, registry and feeds say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from tests.support.shared import ROOT
from vault.clock import SystemClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.secrets import Secret
from vault.venues.feeds.opening import _talks
from vault.venues.registry import NETWORKS
from vault.venues.routes import outward
from vault.venues.traits import TRAITS, Traits

PRODUCTS: Final[tuple[str, ...]] = get_args(VenueSettings.model_fields["product"].annotation)
FULL: Final = tuple(each for each in TRAITS.values() if each.ships == "full")
READ_ONLY: Final = tuple(each for each in TRAITS.values() if each.ships == "read_only")
KEYS: Final[Mapping[str, Secret]] = {"key": Secret("k"), "secret": Secret("s"), "password": Secret("p")}


def products(exchange: str) -> tuple[str, ...]:
    """Those that the configuration takes for this exchange."""
    return PRODUCTS if exchange == "binance" else PRODUCTS[:1]


def settings(exchange: str, product: str) -> VenueSettings:
    return VenueSettings.model_validate(
        {"name": "main", "exchange": exchange, "account_uid": "1", "product": product}
    )


def way(exchange: str, product: str) -> str:
    hops = outward(exchange, product)
    return " → ".join((hops[0].source, *(hop.destination for hop in hops))) if hops else "directly"


def ways(traits: Traits) -> str:
    found = [(product, way(traits.exchange, product)) for product in products(traits.exchange)]
    return found[0][1] if len(found) == 1 else "; ".join(f"{product}: {told}" for product, told in found)


def span(time: timedelta) -> str:
    """A search is kept an hour or a day short of what the venue keeps."""
    return f"{time.days + 1} days"


def history(traits: Traits) -> str:
    by_id = traits.client_id_history
    return span(traits.history) + ("" if by_id is None else f", by client id {span(by_id)}")


def accepted(time: timedelta) -> str:
    return f"{time.days} days" if time.days else f"{time.seconds} s"


def client_ids(traits: Traits) -> str:
    if traits.client_ids is None:
        return "none"
    listed = "" if traits.lists_client_ids else ", not in its history"
    return f"`{traits.client_ids.pattern.pattern}`{listed}"


def ip_list(traits: Traits) -> str:
    return next(
        (
            told
            for name, told in (("ip_list", "the addresses"), ("ip_restricted", "only whether there is one"))
            if name in traits.reads
        ),
        "no",
    )


def feed(traits: Traits) -> str:
    found = []
    for product in products(traits.exchange):
        try:
            talks = _talks(settings(traits.exchange, product), KEYS, lambda _: None, SystemClock())  # type: ignore[arg-type, return-value]
        except VenueError as error:
            assert error.code == "venue.not_offered"
            continue
        kinds = {kind for talk in talks for kind in talk.brings}
        brought = "marks" if kinds == {"mark"} else "marks, balances, positions"
        found.append(brought if len(products(traits.exchange)) == 1 else f"{product}: {brought}")
    return "; ".join(found) or "no"


def said(name: str) -> Any:
    return lambda traits: "yes" if name in traits.reads else "no"


ROWS: Final[dict[str, Any]] = {
    "products": lambda traits: ", ".join(products(traits.exchange)) if traits.exchange == "binance" else "-",
    "kept in the keyring": lambda traits: ", ".join(traits.secrets) or "nothing",
    "withdrawals are signed by": lambda traits: {"key": "the API key", "device": "the device"}[
        traits.signed_by
    ],
    "from margin to where it leaves": ways,
    "client ids": client_ids,
    "a withdrawal is found by": lambda traits: traits.known_by.replace("_", " "),
    "its fee": lambda traits: {"included": "out of the amount", "added": "on top"}[traits.fee],
    "history reaches back": history,
    "a request is good for": lambda traits: (
        accepted(traits.accept_window) if traits.accept_window else "its receive window"
    ),
    "pairs of coin and network": lambda traits: str(
        sum(entry.exchange == traits.exchange for entry in NETWORKS)
    ),
    "says a key's rights": said("permissions"),
    "says its IP list": ip_list,
    "says when it expires": said("key_expiry"),
    "says its whitelist": said("whitelist"),
    "says holds": said("holds"),
    "WebSocket": feed,
}


def table() -> list[str]:
    lines = [f"| | {' | '.join(each.exchange for each in FULL)} |", "| --- |" + " --- |" * len(FULL)]
    lines += [f"| {name} | {' | '.join(tell(each) for each in FULL)} |" for name, tell in ROWS.items()]
    return lines


def read_only_table() -> list[str]:
    return [
        "| exchange | kept in the keyring |",
        "| --- | --- |",
        *(f"| {each.exchange} | {', '.join(each.secrets) or 'nothing'} |" for each in READ_ONLY),
    ]


@pytest.mark.parametrize("lines", [table(), read_only_table()], ids=["full", "read-only"])
def test_the_page_has_the_table(lines: list[str]) -> None:
    page = (ROOT / "docs" / "venues.md").read_text(encoding="utf-8")
    assert "\n".join(lines) in page, "\n".join(["expected in docs/venues.md:", *lines])


@pytest.mark.parametrize("traits", TRAITS.values(), ids=list(TRAITS))
def test_every_exchange_has_its_fields_described(traits: Traits) -> None:
    folder = Path(ROOT / "docs" / "venues")
    page = f"{traits.exchange}.md" if traits.ships == "full" else "read-only.md"
    assert traits.exchange in (folder / page).read_text(encoding="utf-8").lower()


def test_a_read_only_exchange_has_no_way_out() -> None:
    for traits in READ_ONLY:
        with pytest.raises(VenueError):
            outward(traits.exchange)
        assert feed(traits) == "no"
        assert not traits.reads


if __name__ == "__main__":  # pragma: no cover
    import sys

    sys.stdout.write("\n".join([*table(), "", *read_only_table(), ""]))
