"""Markup that cannot be broken by what stands in it: text is escaped unless it was made here.

Pure. Refuses what a browser would obey instead of show: texts of venues, files and feeds pass through here.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

# Without content and without an end tag in HTML.
_VOID: Final = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """An element; attributes that are None are left out. Names are ours, never data.

    An underscore at the end of an attribute's name is dropped (``class_``), one inside is a hyphen.
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{together(children)}</{name}>")


def together(children: Iterable[str | Markup]) -> Markup:
    """Children one after the other, text escaped."""
    return Markup("".join(child if isinstance(child, Markup) else escaped(child) for child in children))


def escaped(text: str) -> Markup:
    """Text as markup, quotes too; a character that steers (control, direction, surrogate) is replaced."""
    shown = "".join(
        sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text
    )
    return Markup(html.escape(shown, quote=True))


def _attribute(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
