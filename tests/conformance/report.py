"""The conformance table as a command: `python tests/conformance/report.py --device trezor-legacy=PATH`.

Exit status: 0 when every gate is kept, 1 when one is not, 2 when the device cannot be driven.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if sys.path[0] != str(ROOT):
    sys.path[0] = str(ROOT)  # in the place of this folder: its file names are not modules of their own

from tests.conformance import recording, suite  # noqa: E402
from tests.conformance.compare import MEASURES, TOTAL  # noqa: E402
from tests.conformance.devices import parse  # noqa: E402
from tests.conformance.driver import DeviceUnreachableError  # noqa: E402

EXIT_DISAGREES = 1
EXIT_UNREACHABLE = 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="builtin", help="see tests/conformance/devices.py")
    parser.add_argument("--scenarios", type=Path, default=suite.SCENARIOS)
    parser.add_argument("--expected", type=Path, help="a recording (default: that of the device's firmware)")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose id contains TEXT")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the answers as a recording")
    parser.add_argument("--json", action="store_true", help="counts and disagreements as JSON")
    parser.add_argument("--quiet", action="store_true", help="the table alone")
    return parser.parse_args()


def _as_json(result: suite.Result) -> dict[str, object]:
    comparison = result.comparison
    return {
        "device": result.device,
        "reference": result.reference.stem,
        "own_firmware": result.own,
        "restarts": result.restarts,
        "not_compared": dict(comparison.skipped),
        "counts": {
            theme: {measure: comparison.count(measure, theme) for measure in MEASURES}
            for theme in (*comparison.themes, TOTAL)
        },
        "disagreements": [str(check) for check in comparison.disagreements()],
        "broken_gates": comparison.broken_gates(),
    }


def _tell(result: suite.Result, *, quiet: bool) -> None:
    if not quiet:
        for check in result.comparison.disagreements():
            print(f"  {check}")  # noqa: T201
    print(result.report())  # noqa: T201
    for line in result.comparison.broken_gates():
        print(f"GATE {line}")  # noqa: T201


def main() -> int:
    options = _arguments()
    logging.getLogger("trezorlib").setLevel(logging.CRITICAL)  # it calls a full session table an error
    try:
        specs = parse(options.device)
        results = [suite.run(spec, options.scenarios, options.expected, options.only) for spec in specs]
    except (DeviceUnreachableError, OSError, ValueError) as error:
        print(f"cannot play: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_UNREACHABLE
    if options.save:
        for result in results:
            recording.save(options.save, {"name": result.device}, result.records)
    if options.json:
        print(json.dumps([_as_json(result) for result in results], indent=2))  # noqa: T201
    else:
        for result in results:
            _tell(result, quiet=options.quiet)
    return EXIT_DISAGREES if any(result.comparison.broken_gates() for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
