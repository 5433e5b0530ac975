"""Draw docs/risk.svg, cascade.svg, risk-record.svg and risk-page.png.

`make picture RISK="--desk DESK --at 2026-01-31T23:59:10Z --data FOLDER"`: the screens of a treasury as they
were then (`vault demo --keep DESK` leaves one), the record over files of market history. Refuses to guess:
without all three nothing is drawn. The page needs a Chromium; without one it is left as it was.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rich.text import Text

from scripts.drawing import DOCS, paper, save
from vault.clock import ManualClock
from vault.config import load_treasury
from vault.report import cascade_screen, html, record_screen, risk_screen
from vault.store.database import Store
from vault.treasury.cascade import cascade_view
from vault.treasury.fragility import look
from vault.treasury.record import replay_folder
from vault.treasury.views import CascadeView, RiskView

WIDTH = 100
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# The page from its head to the first pictures of the cascade.
PAGE = (1000, 2400)
SHOCKS = tuple(Decimal(text) for text in ("0.01", "0.03", "0.05", "0.1"))
DROP = Decimal("0.1")


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--desk", type=Path, help="the folder of a treasury")
    told.add_argument("--data", type=Path, help="files of market history, for the record")
    told.add_argument("--at", help="the moment of the screens, an instant with its zone")
    told.add_argument("--asset", default="BTC")
    told.add_argument("--to", type=Path, default=DOCS)
    asked = told.parse_args()
    if None in {asked.desk, asked.data, asked.at}:
        say(
            'pictures of the risk screens are left as they are: RISK="--desk DESK --at INSTANT --data FOLDER"'
        )
        return
    risk, cascade = views(asked.desk, datetime.fromisoformat(asked.at), asked.asset)
    record = replay_folder(
        asked.data, datetime.now(UTC), asked.asset, drop=DROP, since=None, until=None, progress=say
    )
    draw(risk_screen.screen(risk, width=WIDTH), "vault risk", asked.to / "risk.svg")
    draw(cascade_screen.screen(cascade, width=WIDTH), "vault cascade", asked.to / "cascade.svg")
    draw(record_screen.screen(record, width=WIDTH), "vault risk record", asked.to / "risk-record.svg")
    photograph(html.Report(risk, (cascade,), record), asked.to / "risk-page.png")


def views(desk: Path, at: datetime, asset: str) -> tuple[RiskView, CascadeView]:
    """What the program would have said at that moment of this treasury."""
    treasury = load_treasury(desk / "treasury.toml")
    with Store.open(treasury.store_url, treasury.config.treasury_id, ManualClock(at)) as store:
        return look(treasury, store, at, asset), cascade_view(store, at, asset, "long", SHOCKS)


def draw(lines: Sequence[str], title: str, target: Path) -> None:
    """A screen as a terminal shows it."""
    drawn = paper(WIDTH)
    text = Text("\n".join(lines))
    # Apart from the rest of its line a run of braille keeps its place, however wide a font draws it.
    text.highlight_regex("[\u2800-\u28ff]+", "cyan")
    drawn.print(text)
    save(drawn, title, target)
    say(f"drawn: {target}")


def photograph(report: html.Report, target: Path) -> None:
    """The page as a browser shows it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        say(f"{target} is left as it was: found none of {', '.join(BROWSERS)}")
        return
    # A browser's sandbox does not work for root; the page has neither script nor anything from elsewhere.
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "risk.html"
        html.write(page, report)
        size = f"--window-size={PAGE[0]},{PAGE[1]}"
        where = f"--user-data-dir={folder}/profile"
        subprocess.run(
            [browser, "--headless", "--disable-gpu", "--hide-scrollbars", *root, where, size,
             f"--screenshot={target}", page.as_uri()],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    say(f"drawn: {target}")


def say(line: str) -> None:
    """Progress, for the person at the terminal."""
    sys.stderr.write(f"... {line}\n")


if __name__ == "__main__":
    main()
