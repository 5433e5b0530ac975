"""Play the demo and draw its turning points as docs/demo.svg (`make picture`)."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from vault.cli.demo.command import play
from vault.cli.demo.scenes import Scene
from vault.cli.demo.screen import show

WIDTH = 92
TARGET = Path(__file__).resolve().parent.parent / "docs" / "demo.svg"
# The scenes that tell the day in one picture; the rest is for who plays it.
TURNS = ("Calm", "Excess margin", "Metals break", "The staging wallet", "The open", "Cold storage tops up")
ENDS = ("The twin is liquidated", "The low", "The books")


def main() -> None:
    paper = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    tell = TURNS + ENDS

    def draw(scene: Scene) -> None:
        if scene.title.startswith(tell):
            show(paper, scene)

    with tempfile.TemporaryDirectory() as folder:
        outcome = play(Path(folder), "2026-01-31", tell=draw)
    paper.print(f"\n{outcome.closing}", style="bold green")
    drawn = paper.export_svg(title="vault demo", theme=MONOKAI, font_aspect_ratio=0.61)
    # The drawing's fonts would be fetched from elsewhere: the viewer's own monospace font does.
    TARGET.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
