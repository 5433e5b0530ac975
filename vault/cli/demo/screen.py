"""The story on a terminal: headings, tables and device screens; readable without colour and at 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from vault.cli.demo.scenes import DeviceScreen, Measure, Scene, Table

LABEL: Final = 23
BAR: Final = 12
PANEL: Final = 76
# A screen of more lines than this is not told line by line.
TALL: Final = 24
# However narrow the terminal: so much of what is said is shown.
MARGIN: Final = 20
_STYLES = {"calm": "bold cyan", "warning": "bold yellow", "danger": "bold red", "good": "bold green"}


def show(console: Console, scene: Scene) -> None:
    """Print one scene."""
    heading = Text(f"{scene.when}  ", style="dim")
    heading.append(scene.title, style=_STYLES.get(scene.mood, "bold"))
    console.print()
    console.print(heading)
    if scene.narration:
        console.print(scene.narration)
    for line in scene.lines:
        console.print(Text(line, overflow="fold"))
    for measure in scene.measures:
        console.print(Text(measure_line(measure, console.width), overflow="fold"))
    for note in scene.notes:
        console.print(note, style="dim", markup=False)
    for table in scene.tables:
        console.print(_table(table))
    for screen in scene.screens:
        console.print(device_panel(screen))


def measure_line(measure: Measure, width: int) -> str:
    """Label, bar, number, and as many words of what is said as the line has room for."""
    if measure.score is None:
        bar = f"{'no data':<{BAR + 5}}"
    else:
        filled = int(measure.score * BAR)
        bar = "█" * filled + "░" * (BAR - filled) + f" {abs(measure.score):.2f}"
    start = f"{measure.label:<{LABEL}} {bar}  "
    return start + textwrap.shorten(measure.said, max(width - len(start), MARGIN), placeholder=" …")


def _table(table: Table) -> RenderableType:
    rich = RichTable(
        title=table.title, title_justify="left", title_style="italic", box=SIMPLE_HEAD, pad_edge=False
    )
    for number, name in enumerate(table.columns):
        # Long words (txids, addresses) fold onto the next line; nothing is ever cut.
        rich.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
    for row in table.rows:
        rich.add_row(*row)
    return rich


def _beside(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Lines of one width, such as calldata on a small display, as many in a row as a panel has room for."""
    room = max(1, (PANEL - 4 + 1) // (max(map(len, lines)) + 1))
    return tuple(" ".join(lines[at : at + room]) for at in range(0, len(lines), room))


def device_panel(screen: DeviceScreen) -> RenderableType:
    """A device's screen as a small box: every line of it whole, in visible letters."""
    from emulator.device.ui.visible import visible

    told = _beside(screen.lines) if len(screen.lines) > TALL else screen.lines
    lines: list[RenderableType] = [Text(visible(line), overflow="fold") for line in told]
    return Panel(
        Group(*lines) if lines else Text(""),
        title=Text(f"{screen.device}: {visible(screen.title)}"),
        title_align="left",
        subtitle=screen.answer or "waiting",
        subtitle_align="right",
        box=ROUNDED,
        width=PANEL,
    )
