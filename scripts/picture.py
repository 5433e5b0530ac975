"""Play the demo and draw its turning points as docs/demo.svg (`make picture`)."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from scripts.drawing import DOCS, paper, save
from vault.cli.demo.command import DEFAULT_SCENARIO, play
from vault.cli.demo.scenes import Scene
from vault.cli.demo.screen import show

WIDTH = 92
# The scenes that tell the day in one picture; the rest is for who plays it.
TURNS = ("Calm", "Excess margin", "Metals break", "The staging wallet", "The open", "Cold storage tops up")
OWNER = "Owner 2 of 2"
ENDS = ("The twin is liquidated", "The low", "The books")


def main() -> None:
    drawn = paper(WIDTH)
    tell = (*TURNS, OWNER, *ENDS)

    def draw(scene: Scene) -> None:
        if scene.title.startswith(OWNER):
            scene = replace(scene, screens=(max(scene.screens, key=lambda each: len(each.lines)),))
        if scene.title.startswith(tell):
            show(drawn, scene)

    with tempfile.TemporaryDirectory() as folder:
        outcome = play(Path(folder), DEFAULT_SCENARIO, tell=draw)
    drawn.print(f"\n{outcome.beside}", style="green")
    drawn.print(f"\n{outcome.closing}", style="bold green")
    save(drawn, "vault demo", DOCS / "demo.svg")


if __name__ == "__main__":
    main()
