"""Gives the tests of this folder the test keys of tests/support and the forgeries."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.attacks.psbt.forged_answers import FORGED_ANSWERS
from tests.attacks.psbt.forged_psbts import FORGED_PSBTS
from tests.support import bitcoin_keys as keys


@pytest.fixture(scope="session")
def bitcoin_keys() -> ModuleType:
    return keys


@pytest.fixture(scope="session")
def sample(request: pytest.FixtureRequest, bitcoin_keys: ModuleType) -> object:
    return bitcoin_keys.sample_of(request.param)


FORGERIES: dict[str, dict[str, Any]] = {
    "psbts": dict(FORGED_PSBTS),
    "answers": dict(FORGED_ANSWERS),
}


@pytest.fixture(scope="session")
def forgeries() -> dict[str, Any]:
    return {**FORGERIES["psbts"], **FORGERIES["answers"]}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test for both kinds of wallet, forgeries only for the kinds they apply to."""
    for argument, which in (("psbt_forgery", "psbts"), ("answer_forgery", "answers")):
        if argument in metafunc.fixturenames:
            cases = [
                pytest.param(kind, forgery, id=f"{kind}-{name}")
                for name, forgery in FORGERIES[which].items()
                for kind in forgery.kinds
            ]
            metafunc.parametrize(("sample", argument), cases, indirect=["sample"])
            return
    if "sample" in metafunc.fixturenames:
        metafunc.parametrize("sample", ["p2wpkh", "p2tr"], indirect=True)
