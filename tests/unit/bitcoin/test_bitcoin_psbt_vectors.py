"""Every vector of BIP174, BIP370 and BIP371, one test each, and that none got lost."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.vectors import bips

ALL = [each for bip in bips.COUNTS for each in bips.vectors(bip)]


@pytest.mark.parametrize("vector", ALL, ids=str)
def test_vector_is_met(vector: bips.Vector) -> None:
    assert bips.problem(vector) is None


@pytest.mark.parametrize("bip", bips.COUNTS)
def test_all_vectors_of_the_specification_are_there(bip: str) -> None:
    found = bips.vectors(bip)
    assert Counter(each.kind for each in found) == bips.COUNTS[bip]
    assert len({(each.kind, each.data) for each in found}) == len(found)


def test_the_command_prints_a_table_and_says_so_by_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert bips.main() == 0
    printed = capsys.readouterr().out
    assert " 20/20  BIP174 invalid PSBTs refused" in printed
    assert " 24/24  BIP370 invalid PSBTs refused" in printed


def test_the_command_fails_when_a_vector_is_not_met(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(bips.CHECKS, "valid", lambda _: "other bytes")
    assert bips.main() == 1
    assert "  0/10  BIP174 valid" in capsys.readouterr().out
