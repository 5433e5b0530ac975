"""Counts of the firmware's own test vectors: `python tests/conformance/vectors.py --vectors DIR`.

The vectors do not travel with the project (their licence is another); DIR is $VAULT_SHARED or
../shared, then vectors/trezor. Exit status: 0 when every case agrees or is a named exception,
1 when one differs, 2 when vectors or device cannot be had.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if sys.path[0] != str(ROOT):
    sys.path[0] = str(ROOT)  # in the place of this folder: its file names are not modules of their own

from tests.conformance import vector_bitcoin as bitcoin  # noqa: E402
from tests.conformance import vector_ethereum as eth  # noqa: E402
from tests.conformance.devices import Spec, opened, parse  # noqa: E402
from tests.conformance.driver import DeviceUnreachableError, Driver  # noqa: E402
from tests.conformance.vector_tally import Tally  # noqa: E402

EXIT_DIFFERS = 1
EXIT_UNAVAILABLE = 2
DEFAULT_DEVICE = "builtin:trezor-core"


@dataclass(frozen=True, slots=True)
class Report:
    """Tallies of Bitcoin and Ethereum vectors on one device."""

    device: str
    tallies: tuple[Tally, ...]

    @property
    def whole(self) -> bool:
        return all(tally.whole for tally in self.tallies)

    def lines(self) -> list[str]:
        found = [self.device, *map(str, self.tallies)]
        reasons: dict[str, int] = {}
        for tally in self.tallies:
            for _, reason in tally.excepted:
                reasons[reason] = reasons.get(reason, 0) + 1
        return found + [f"excepted, {count}: {reason}" for reason, count in reasons.items()]

    def differences(self) -> list[str]:
        return [line for tally in self.tallies for line in tally.differing]


def default_folder() -> Path:
    return Path(os.environ.get("VAULT_SHARED", ROOT.parent / "shared")) / "vectors" / "trezor"


def run(folder: Path, spec: Spec, only: str = "") -> Report:
    """Play every vector on the device. FileNotFoundError without the vectors."""
    with opened(spec) as device:
        driver = Driver(device)
        try:
            tallies = [*_bitcoin(folder, driver, only), *_ethereum(folder, driver, only)]
        finally:
            driver.close()
    return Report(str(spec), tuple(tallies))


def _cases(folder: Path, name: str, only: str) -> list[Any]:
    cases: list[Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    return [case for case in cases if only in case["id"]]


def _bitcoin(folder: Path, driver: Driver, only: str) -> Iterator[Tally]:
    player = bitcoin.Player(driver)
    flows = Tally("message flow of transactions", driver.vendor)
    for name, title, refused in (
        ("btc_signtx_expected", "signed transactions, to the byte", False),
        ("btc_signtx_negative", "refused transactions", True),
    ):
        tally = Tally(title, driver.vendor)
        for case in _cases(folder, name, only):
            play = bitcoin.refused if refused else bitcoin.signed
            tally.judge(f"{name}/{case['id']}", partial(play, player, case))
            flow = bitcoin.expected_flow(case, driver.model, refused=refused)
            if flow is not None:
                flows.judge(
                    f"flow of {name}/{case['id']}",
                    partial(bitcoin.flow_differs, player, flow),
                )
        yield tally
    yield flows
    calls = Tally("addresses, keys, messages", driver.vendor)
    for case in _cases(folder, "btc_address_xpub_message", only):
        # A test makes several calls under one id.
        number = case["expected"][0]["ref"].partition("]")[0] + "]" if case["expected"] else "refused"
        name = f"btc_address_xpub_message/{case['id']} {number}"
        calls.judge(name, partial(bitcoin.single_call, player, case))
    yield calls


def _ethereum(folder: Path, driver: Driver, only: str) -> Iterator[Tally]:
    player = bitcoin.Player(driver)
    for path in sorted((folder / "ethereum_fixtures").glob("*.json")):
        fixture = json.loads(path.read_text(encoding="utf-8"))
        kind = "error" if eth.is_error_file(path.stem) else "positive"
        tally = Tally(f"ethereum {kind}: {path.stem}", driver.vendor)
        for number, test in enumerate(fixture["tests"]):
            case = eth.case_id(path.stem, number, test)
            if only in case:
                tally.judge(
                    case,
                    partial(eth.differs, player, path.stem, fixture["setup"], test),
                )
        yield tally


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=Path, default=default_folder(), metavar="DIR")
    parser.add_argument("--device", default=DEFAULT_DEVICE, help="see tests/conformance/devices.py")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose id contains TEXT")
    parser.add_argument("--quiet", action="store_true", help="the counts alone")
    options = parser.parse_args()
    logging.getLogger("trezorlib").setLevel(logging.CRITICAL)
    try:
        reports = [run(options.vectors, spec, options.only) for spec in parse(options.device)]
    except (DeviceUnreachableError, OSError, ValueError) as error:
        print(f"cannot play: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_UNAVAILABLE
    for report in reports:
        if not options.quiet:
            for line in report.differences():
                print(f"  {line[:400]}")  # noqa: T201
        print("\n".join(report.lines()))  # noqa: T201
    return 0 if all(report.whole for report in reports) else EXIT_DIFFERS


if __name__ == "__main__":
    sys.exit(main())
