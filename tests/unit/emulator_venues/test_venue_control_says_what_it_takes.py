"""A control request that is not understood is answered with what would be; the page lists the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.venues.control.client import ControlError, VenueControl
from emulator.venues.engine.withdrawals import ClientIds, FeeMode, Status
from emulator.venues.serving.faults import FaultKind
from emulator.venues.serving.server import VenueServer


@pytest.fixture(scope="module")
def control() -> Iterator[VenueControl]:
    with VenueServer("kraken") as server:
        yield VenueControl(server.url)


@pytest.fixture
def page(repo_root: Path) -> str:
    text = (repo_root / "docs" / "emulator.md").read_text(encoding="utf-8")
    return text[text.index("## The emulated exchanges") :]


def first_column(table: str) -> set[str]:
    """The names in backticks in the first column."""
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.mark.parametrize(
    ("order", "fields", "kinds"),
    [
        ("fault", {"kind": "x", "path": "/"}, FaultKind),
        ("withdrawals", {"fee_mode": "x"}, FeeMode),
        ("withdrawals", {"client_ids": "x"}, ClientIds),
        ("withdrawals", {"hold_at": "x"}, Status),
        ("withdrawals/refuse", {"id": "1", "status": "x"}, Status),
    ],
)
def test_a_word_that_is_none_is_answered_with_those_that_are(
    control: VenueControl, order: str, fields: dict[str, str], kinds: type[FaultKind]
) -> None:
    with pytest.raises(ControlError) as caught:
        control.call(order, **fields)
    assert all(str(kind) in str(caught.value) for kind in kinds)


def test_the_page_lists_every_kind_of_fault_and_no_other(page: str) -> None:
    start, end = page.index("| kind | the request |"), page.index("How a new exchange is added")
    table = page[start:end]
    assert first_column(table) == set(FaultKind)


def test_the_page_lists_every_order_and_no_other(control: VenueControl, page: str) -> None:
    with pytest.raises(ControlError) as caught:
        control.call("nothing")
    known = set(re.findall(r"'([^']+)'", str(caught.value).partition("known:")[2]))
    assert known
    table = page[page.index("| order | does |") : page.index("**Faults**")]
    assert first_column(table) == known
