"""The firmware's own test vectors, played through stock trezorlib; skips where they are not present."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.conformance import vectors
from tests.conformance.devices import parse
from tests.conformance.vector_exceptions import EXCEPTIONS
from tests.conformance.vector_tally import Tally

pytestmark = [pytest.mark.xdist_group("vectors"), pytest.mark.timeout(600)]

# What the vectors hold; a file that has lost cases proves less than it says.
SIGNED, REFUSED, CALLS = 74, 71, 336


@pytest.fixture(scope="module", params=["trezor-core", "onekey-pro"])
def report(request: pytest.FixtureRequest) -> Iterator[vectors.Report]:
    """Every vector, played once on each core device: the builtin personas, or the one of --device."""
    folder = vectors.default_folder()
    if not folder.is_dir():
        pytest.skip(f"the firmware's vectors are not present at {folder}")
    options = request.config.getoption("--device") or []
    wanted = next((text for text in options if text.startswith("trezor-core=")), "")
    if wanted:
        if request.param != "trezor-core":
            pytest.skip(f"only {wanted} was asked for")
        (spec,) = parse(wanted)
    else:
        (spec,) = parse(f"builtin:{request.param}")
    logging.getLogger("trezorlib").setLevel(logging.CRITICAL)
    yield vectors.run(folder, spec)
    logging.getLogger("trezorlib").setLevel(logging.NOTSET)


def tally(report: vectors.Report, name: str) -> Tally:
    return next(found for found in report.tallies if found.name.startswith(name))


@pytest.mark.parametrize(
    ("name", "count"),
    [("signed transactions", SIGNED), ("refused transactions", REFUSED), ("addresses", CALLS)],
)
def test_every_bitcoin_vector_agrees(report: vectors.Report, name: str, count: int) -> None:
    found = tally(report, name)
    assert found.every == count
    assert found.whole, "\n" + "\n".join(found.differing)


def test_requests_and_buttons_come_in_the_firmwares_order(report: vectors.Report) -> None:
    found = tally(report, "message flow")
    assert found.every >= 40
    assert found.whole, "\n" + "\n".join(found.differing)


@pytest.mark.parametrize("kind", ["positive", "error"])
def test_every_ethereum_fixture_agrees(report: vectors.Report, kind: str) -> None:
    found = [one for one in report.tallies if one.name.startswith(f"ethereum {kind}")]
    print("\n" + "\n".join(report.lines()))  # noqa: T201
    assert found
    differing = [line for one in found for line in one.differing]
    assert not differing, "\n" + "\n".join(differing)


def test_no_exception_is_listed_for_nothing(report: vectors.Report) -> None:
    excepted = {case for one in report.tallies for case, _ in one.excepted}
    listed = EXCEPTIONS[report.tallies[0].vendor]
    assert not [key for key in listed if not any(case.startswith(key) for case in excepted)]
