"""A policy is signed after its own tests passed, or with the journal saying that nobody ran them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.coin_desk import ROOT, CoinDesk
from vault.errors import PolicyError
from vault.store import journal
from vault.treasury import authority, documents

PASSING = (ROOT / "policies" / "default.test.toml").read_bytes()


@pytest.fixture
def device(made: CoinDesk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which documents the device was asked to sign; it signs (the signature is there already)."""
    asked: list[str] = []

    def sign(desk: Any, attester: str, *, name: str, version: int, digest: str, **_: Any) -> Any:
        asked.append(name)
        path = desk.treasury.policy_path
        return documents.SignedDocument("policy", name, version, digest, attester, path, path)

    monkeypatch.setattr(documents, "_sign", sign)
    return asked


def write_tests(made: CoinDesk, text: bytes) -> None:
    path = made.desk.treasury.policy_path
    path.with_name(f"{path.stem}.test.toml").write_bytes(text)


def sign(made: CoinDesk, **options: bool) -> str:
    documents.sign_policy(made.desk, "alice", lambda _statement: None, **options)
    with made.desk.store.read() as connection:
        (*_, row) = [each for each in journal.rows(connection) if each.kind == "policy_signed"]
    return str(row.body)


def test_a_policy_whose_tests_pass_is_signed_and_the_journal_has_their_number(
    made: CoinDesk, device: list[str]
) -> None:
    write_tests(made, PASSING)
    assert "passed" in sign(made)
    policy, _ = authority.read_policy(made.desk.treasury)
    assert device == [policy.policy_id]


def test_a_policy_that_fails_a_test_reaches_no_device(made: CoinDesk, device: list[str]) -> None:
    wrong = PASSING.replace(b'outcome = "allow"', b'outcome = "deny"', 1)
    assert wrong != PASSING
    write_tests(made, wrong)
    with pytest.raises(PolicyError) as caught:
        sign(made)
    assert (caught.value.code, device) == ("policy.tests_failed", [])
    assert "--untested" in caught.value.hint


def test_a_policy_without_tests_reaches_no_device(made: CoinDesk, device: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        sign(made)
    assert (caught.value.code, device) == ("policy.untested", [])


def test_whoever_signs_untested_all_the_same_is_in_the_journal(made: CoinDesk, device: list[str]) -> None:
    write_tests(made, b"this is not even TOML")
    body = sign(made, untested=True)
    assert "signed untested" in body
    assert "alice" in body
    assert len(device) == 1
