"""What a person reads on stdout: headings, facts, lines and tables.

Addresses and transaction ids are never shortened: they stand on lines of their own that only the terminal
itself may fold; tables fold long words and never use an ellipsis. Colour says nothing that the words do not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from vault.cli.edge import clean

Row = Sequence[str]


class Page:
    """Writes to stdout. rich is imported with the first table."""

    def title(self, text: str) -> None:
        """A heading."""
        self.line(text)
        self.line("-" * min(len(text), 80))

    def line(self, text: str = "") -> None:
        """A line as it is, whole."""
        sys.stdout.write(clean(text) + "\n")

    def lines(self, texts: Iterable[str], indent: str = "") -> None:
        for text in texts:
            self.line(indent + text)

    def facts(self, pairs: Iterable[tuple[str, str]], indent: str = "") -> None:
        """Names and values, the values under each other."""
        known = list(pairs)
        width = max((len(name) for name, _ in known), default=0)
        for name, value in known:
            self.line(f"{indent}{name.ljust(width)}  {value}".rstrip())

    def columns(self, head: Row, rows: Sequence[Row]) -> None:
        """A plain table without rich, for the command that must be fast."""
        table = [list(head), *[list(row) for row in rows]]
        widths = [max(len(clean(row[number])) for row in table) for number in range(len(head))]
        for row in table:
            cells = (clean(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
            self.line("  ".join(cells).rstrip())

    def table(self, head: Row, rows: Sequence[Row], *, right: Sequence[int] = ()) -> None:
        """A table; columns whose numbers are in `right` are right-aligned. Cells fold, nothing is cut."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
        for number, name in enumerate(head):
            table.add_column(name, justify="right" if number in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        sys.stdout.flush()
        Console(file=sys.stdout, highlight=False, markup=False, emoji=False).print(table)
