"""Gives the tests of this folder a clean sample of every kind of wallet, and the forgeries for it."""

from __future__ import annotations

import functools

import pytest

from tests.attacks.psbt.forged_answers import FORGED_ANSWERS
from tests.attacks.psbt.forged_psbts import FORGED_PSBTS, PLAIN_LIES
from tests.support.bitcoin_keys import Forgery, Sample, sample_of
from vault.bitcoin.scripts import KINDS, Kind

FORGERIES: dict[str, dict[str, Forgery]] = {
    "psbt_forgery": FORGED_PSBTS,
    "plain_lie": PLAIN_LIES,
    "answer_forgery": FORGED_ANSWERS,
}


@functools.cache
def _sample(kind: Kind) -> Sample:
    return sample_of(kind)


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Sample:
    return _sample(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test for every kind of wallet, forgeries only for the kinds they apply to."""
    for argument, named in FORGERIES.items():
        if argument in metafunc.fixturenames:
            cases = [
                pytest.param(kind, forgery, id=f"{kind}-{name}")
                for name, forgery in named.items()
                for kind in forgery.kinds
            ]
            metafunc.parametrize(("sample", argument), cases, indirect=["sample"])
            return
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize("sample", KINDS, indirect=True)
