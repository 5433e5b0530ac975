"""Draw docs/risk.svg, cascade.svg, risk-record.svg and risk-page.png from a folder of market history.

`make picture RISK="--data FOLDER --at 2026-01-30T16:00:00Z"`: the screens as they would have been then, in a
new treasury without accounts. The page needs a Chromium; without one it is left as it was, and that is said.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from rich.text import Text

from scripts.drawing import DOCS, paper, save
from vault.clock import ManualClock
from vault.report import cascade_screen, html, record_screen, risk_screen
from vault.treasury.views import CascadeView, RecordView, RiskView

WIDTH = 100
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# The page from its head to the first pictures of the cascade.
PAGE = (1000, 2400)
SHOCKS = tuple(Decimal(text) for text in ("0.01", "0.03", "0.05", "0.1"))
DROP = Decimal("0.1")


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--data", type=Path, help="files of market history; without it nothing is drawn")
    told.add_argument("--at", help="the moment of the screens, an instant with its zone")
    told.add_argument("--asset", default="BTC")
    told.add_argument("--to", type=Path, default=DOCS)
    asked = told.parse_args()
    if asked.data is None or asked.at is None:
        say('pictures of the risk screens are left as they are: RISK="--data FOLDER --at INSTANT" draws them')
        return
    risk, cascade, record = views(asked.data, datetime.fromisoformat(asked.at), asked.asset)
    draw(risk_screen.screen(risk, width=WIDTH), "vault risk", asked.to / "risk.svg")
    draw(cascade_screen.screen(cascade, width=WIDTH), "vault cascade", asked.to / "cascade.svg")
    draw(record_screen.screen(record, width=WIDTH), "vault risk record", asked.to / "risk-record.svg")
    photograph(html.Report(risk, (cascade,), record), asked.to / "risk-page.png")


def views(data: Path, at: datetime, asset: str) -> tuple[RiskView, CascadeView, RecordView]:
    """What the program would have said at that moment with this history."""
    from vault.config import load_treasury
    from vault.store.database import Store
    from vault.treasury.cascade import cascade_view
    from vault.treasury.fragility import look
    from vault.treasury.market_history import import_files
    from vault.treasury.record import replay_store
    from vault.treasury.setup import init_treasury

    clock = ManualClock(at)
    with tempfile.TemporaryDirectory() as folder:
        treasury = load_treasury(init_treasury(Path(folder) / "desk", "desk", clock).config)
        with Store.open(treasury.store_url, treasury.config.treasury_id, clock) as store:
            import_files(store, [data], datetime.now(at.tzinfo), progress=say)
            return (
                look(treasury, store, at, asset),
                cascade_view(store, at, asset, "long", SHOCKS),
                replay_store(store, at, asset, drop=DROP, since=None, until=None, progress=say),
            )


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
