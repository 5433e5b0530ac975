"""What a person waits for: `vault --help` against bare click, `vault status` from a filled store.

The store has accounts and plans on Ethereum too; neither command may import web3 or eth-account for them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.filled_store import fill
from benchmarks.measure import Bound, side_by_side

VAULT = [str(Path(sys.executable).with_name("vault"))]
BARE_CLICK = [sys.executable, "-c", "import click"]
OF_ETHEREUM = ("web3", "eth_account")
IMPORTS = [sys.executable, "-c", f"import {', '.join(OF_ETHEREUM)}"]
_LISTED = (
    "import atexit, sys; atexit.register(lambda: sys.stderr.write('\\n'.join(sys.modules))); "
    "from vault.__main__ import main; sys.argv[0] = 'vault'; sys.exit(main())"
)


def measure(runs: int) -> list[Bound]:
    """Help and status, each taking turns with an import of click, and what they import of Ethereum."""
    environment = {**os.environ, "NO_COLOR": "1"}
    helped, click = side_by_side([*VAULT, "--help"], BARE_CLICK, runs, environment)
    imports, bare = side_by_side(IMPORTS, BARE_CLICK, runs, environment)
    saved = f"importing both takes {imports * 1000:.0f} ms, bare click {bare * 1000:.0f} ms"
    with tempfile.TemporaryDirectory() as folder:
        config = fill(Path(folder))
        status, beside = side_by_side(
            [*VAULT, "status", "--config", str(config)], BARE_CLICK, runs, environment
        )
        lazy = [
            Bound(
                f"vault {arguments[0]}: modules of web3 and eth-account that it imports",
                _imported(arguments, environment),
                0,
                "modules",
                saved,
            )
            for arguments in (["--help"], ["status", "--config", str(config)])
        ]
    return [
        Bound(
            "vault --help against python -c 'import click'",
            helped / click,
            1.5,
            "times",
            f"medians of {runs}: {helped * 1000:.0f} ms and {click * 1000:.0f} ms",
        ),
        Bound(
            "vault status from a filled store",
            status * 1000,
            400,
            "ms",
            f"median of {runs}; bare click beside it {beside * 1000:.0f} ms",
        ),
        *lazy,
    ]


def _imported(arguments: list[str], environment: dict[str, str]) -> int:
    """How many modules of Ethereum's libraries a command has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", _LISTED, *arguments],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = done.stderr.split()
    if "click" not in loaded:
        raise RuntimeError(f"expected the modules of vault {arguments[0]}, found {done.stderr[:200]!r}")
    return sum(name.partition(".")[0] in OF_ETHEREUM for name in loaded)
