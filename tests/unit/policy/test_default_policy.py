"""The policy that is shipped: its own tests pass, and the runner notices when they should not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vault.errors import DocumentError
from vault.model import MOVE_NOTHING, REQUESTS
from vault.policy.document import load_policy
from vault.policy.testing import cases_path, run_policy_tests

DEFAULT = Path(__file__).resolve().parents[3] / "policies" / "default.toml"


@pytest.mark.parametrize("result", run_policy_tests(DEFAULT), ids=lambda result: result.name)
def test_default_policy(result: object) -> None:
    assert result.problems == ()  # type: ignore[attr-defined]


def test_the_runner_reports_what_differs(tmp_path: Path) -> None:
    policy = tmp_path / "default.toml"
    policy.write_text(DEFAULT.read_text().replace('ceiling = "350000"', 'ceiling = "900000"'))
    shutil.copy(cases_path(DEFAULT), tmp_path)
    failed = [result for result in run_policy_tests(policy) if not result.passed]
    assert any("expected allow, found none by band:trading" in result.problems[0] for result in failed)


def test_a_policy_without_tests_is_an_error_not_a_success(tmp_path: Path) -> None:
    shutil.copy(DEFAULT, tmp_path)
    with pytest.raises(DocumentError, match="no such file"):
        run_policy_tests(tmp_path / "default.toml")


def test_every_action_is_covered_and_the_cold_wallet_keeps_most_of_its_coins() -> None:
    policy, _ = load_policy(DEFAULT)
    assert policy.movements() == (("sweep", "BTC"), ("evacuate", "BTC"), ("top_up", "BTC"))
    assert {limit.action for limit in policy.limit} == {
        "sweep",
        "evacuate",
        "top_up",
        *(each for each in REQUESTS if each not in MOVE_NOTHING),
    }
