"""The HTML report: nothing in it can run, load or steer, whatever the texts; pictures have titles."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support import risk_views as made
from vault.errors import ConfigError
from vault.report.html import Report, page, write
from vault.report.markup import Markup, escaped, tag
from vault.report.style import STYLE

T = TypeVar("T")
HOSTILE = '</td></style><script>alert(1)</script><img src=x onerror="a" \'>&\x1b[2J\u202e'
TAGS = (
    "html head meta title style body main header section h1 h2 h3 p ul li div table caption thead "
    "tbody tr th td span svg rect line text circle polyline"
)
ATTRIBUTES = (
    "lang charset http-equiv content name class role viewbox width height x y x1 y1 x2 y2 cx cy r points "
    "text-anchor scope"
)


def report() -> Report:
    return Report(
        made.risk(),
        (made.cascade(), made.cascade_without_depth()),
        made.record(),
        ("record: no prices of ETH",),
    )


def poisoned(value: T) -> T:
    """The same with every free text hostile; literals and names of states stay what they are."""
    if isinstance(value, str):
        return value if value in KEPT else HOSTILE  # type: ignore[return-value]
    if isinstance(value, tuple):
        return tuple(poisoned(each) for each in value)  # type: ignore[return-value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {field.name: poisoned(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return type(value)(**changed)
    return value


KEPT = {"pass", "fail", "unknown", "told", "long", "short", "low", "close", "composite", "percentile"}


class Reader(HTMLParser):
    """What a browser would see: tags in balance, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("hostile", [False, True])
def test_only_known_tags_and_attributes_are_there_and_all_are_closed(hostile: bool) -> None:
    found = Reader(page(poisoned(report()) if hostile else report()))
    assert {name for name, _ in found.seen} <= set(TAGS.split())
    assert {key for _, attributes in found.seen for key in attributes} <= set(ATTRIBUTES.split())
    assert found.open == []
    if hostile:
        assert any("<script>alert(1)</script>" in text for text in found.text)


def test_a_text_cannot_steer_the_reader() -> None:
    written = page(poisoned(report()))
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert "\N{REPLACEMENT CHARACTER}" in written


def test_the_policy_forbids_everything_but_the_one_style_sheet() -> None:
    written = page(report())
    (policy,) = (
        each["content"]
        for name, each in Reader(written).seen
        if name == "meta" and each.get("http-equiv") == "Content-Security-Policy"
    )
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    style = re.findall(r"<style>(.*?)</style>", written, re.DOTALL)
    assert style == [STYLE]
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_every_picture_has_a_title() -> None:
    written = page(report())
    assert written.count("<svg ") == written.count("<svg class=") > 10
    assert all(inside.startswith("<title>") for inside in re.findall(r"<svg [^>]*>(<title>|.)", written))


def test_light_dark_and_paper_are_provided_for() -> None:
    assert "prefers-color-scheme: dark" in STYLE
    assert "@media print" in STYLE


def test_every_part_is_there_with_what_is_missing_and_the_licences() -> None:
    said = " ".join(Reader(page(report())).text)
    for part in (
        "Stage of a cascade",
        "Indicators",
        "Cascade: longs",
        "Accounts",
        "Record: falls",
        "Sources",
    ):
        assert part in said
    for fact in ("record: no prices of ETH", "exchange terms", "not known", "MISSED one day before", "FAIL"):
        assert fact in said


def test_parts_that_could_not_be_had_leave_the_others() -> None:
    said = " ".join(Reader(page(Report(made.risk(), failures=("record: market.no_prices",)))).text)
    assert "Not replayed: see what is missing." in said
    assert "record: market.no_prices" in said
    assert "STRESSED" in said


def test_the_file_is_private_whole_and_replaces_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "risk.html"
    target.write_text(page(report()) + "older", encoding="utf-8")
    target.chmod(0o644)
    write(target, report())
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_text(encoding="utf-8") == page(report())
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_but_an_earlier_page_is_ever_replaced(tmp_path: Path) -> None:
    treasury, link, earlier = (tmp_path / name for name in ("treasury.toml", "link.html", "risk.html"))
    treasury.write_text("treasury_id = 'ours'", encoding="utf-8")
    write(earlier, report())
    link.symlink_to(earlier)
    for target in (treasury, link):
        with pytest.raises(ConfigError) as caught:
            write(target, report())
        assert caught.value.code == "config.exists"
    assert treasury.read_text(encoding="utf-8") == "treasury_id = 'ours'"
    assert link.is_symlink()


def test_a_place_that_cannot_be_written_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "risk.html").mkdir()
    with pytest.raises(ConfigError, match=r"risk\.html"):
        write(tmp_path / "risk.html", report())
    assert [each.name for each in tmp_path.iterdir()] == ["risk.html"]


def test_markup_escapes_text_and_attributes_and_leaves_its_own() -> None:
    made_here = tag("p", tag("b", "a<b"), "c&d", title='"quoted"', class_=None)
    assert made_here == '<p title="&quot;quoted&quot;"><b>a&lt;b</b>c&amp;d</p>'
    assert isinstance(made_here, Markup)
    assert escaped("a\x00b\ud800") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
