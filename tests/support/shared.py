"""Where reference data lies that does not travel with the project."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def shared_path() -> Path:
    """`VAULT_SHARED`, or a folder beside the checkout; it need not be there."""
    return Path(os.environ.get("VAULT_SHARED", ROOT.parent / "shared"))
