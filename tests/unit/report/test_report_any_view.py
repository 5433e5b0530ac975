"""Whatever a view holds, it is shown: no screen and no page breaks on an odd number, an absence or a text."""

from __future__ import annotations

import functools
import types
import typing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import risk_views as made
from vault.codec import encode
from vault.report import cascade_screen, html, record_screen, risk_screen
from vault.report.terminal import ASCII, UNICODE
from vault.treasury.views import CascadeView, RecordView, RiskView

KINDS: dict[type, st.SearchStrategy[Any]] = {
    Decimal: st.decimals("-1e13", "1e13", allow_nan=False, places=4),
    datetime: st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    int: st.integers(-5, 10**9),
    str: st.text(max_size=12),
}


@functools.cache
def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a view's field, or any view."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in KINDS:
        return KINDS[kind]
    if kind is bool:
        return st.booleans()
    if origin is typing.Literal:
        return st.sampled_from(parts)
    if origin in {types.UnionType, typing.Union}:
        return st.one_of(*(st.none() if part is type(None) else anything(part) for part in parts))
    if origin is tuple:
        return st.lists(anything(parts[0]), max_size=3).map(tuple)
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: anything(hint) for name, hint in hints.items()})


SOME = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@SOME
@given(anything(RiskView))
def test_every_risk_view_can_be_told_in_every_form(view: RiskView) -> None:
    assert risk_screen.screen(view, signs=UNICODE)
    assert risk_screen.screen(view, signs=ASCII)
    assert html.page(html.Report(view)).endswith("</html>\n")
    assert encode(view)


@SOME
@given(anything(CascadeView))
def test_every_cascade_view_can_be_told_in_every_form(view: CascadeView) -> None:
    assert cascade_screen.screen(view, signs=UNICODE)
    assert cascade_screen.screen(view, signs=ASCII)
    assert html.page(html.Report(made.risk(), (view,))).endswith("</html>\n")
    assert encode(view)


@SOME
@given(anything(RecordView))
def test_every_record_can_be_told_in_every_form(view: RecordView) -> None:
    assert record_screen.screen(view, signs=UNICODE)
    assert record_screen.screen(view, signs=ASCII)
    assert html.page(html.Report(made.risk(), record=view)).endswith("</html>\n")
    assert encode(view)
