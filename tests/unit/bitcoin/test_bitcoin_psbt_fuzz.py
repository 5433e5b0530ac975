"""Hostile PSBTs by number: a sample of what `make soak` throws by the million, and the judge's own teeth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.soak.psbt_fuzz import fuzz_psbts
from tests.support import psbt_judge
from tests.support.psbt_judge import judge
from tests.support.psbt_mutations import case, corpus
from vault.bitcoin.psbt.document import Psbt

SAMPLE = 1_500


def test_a_seeded_sample_is_refused_with_typed_errors_or_reads_exactly() -> None:
    verdicts = Counter(judge(case(1, number), weigh=number % 50 == 0) for number in range(SAMPLE))
    assert verdicts["accepted"] > SAMPLE // 10
    assert len(verdicts) > 12
    assert all(each == "accepted" or each.startswith("psbt.") for each in verdicts)


def test_every_seed_is_valid_to_begin_with() -> None:
    assert {judge(each.data) for each in corpus()} == {"accepted"}
    assert {Psbt.parse(each.data).version for each in corpus()} == {0, 2}


def test_a_case_is_the_same_for_ever() -> None:
    assert case(3, 14) == case(3, 14)
    assert case(3, 14) != case(4, 14)


def test_the_judge_sees_another_serialisation(monkeypatch: pytest.MonkeyPatch) -> None:
    serialise = Psbt.serialise
    monkeypatch.setattr(Psbt, "serialise", lambda self: serialise(self) + b"\0")
    with pytest.raises(AssertionError, match="another serialisation"):
        judge(corpus()[0].data)


def test_the_judge_sees_an_untyped_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psbt_judge, "check_signer_rules", lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        judge(corpus()[0].data)


def test_the_judge_sees_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = Psbt.parse
    hoard: list[bytearray] = []

    def greedy(data: bytes) -> Psbt:
        hoard.append(bytearray(10_000_000))
        return parse(data)

    monkeypatch.setattr(Psbt, "parse", greedy)
    with pytest.raises(AssertionError, match="bytes of memory for"):
        judge(corpus()[0].data, weigh=True)


def test_the_judge_sees_a_psbt_that_converts_into_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(psbt: Psbt, _version: int) -> Psbt:
        return replace(psbt, unsigned=replace(psbt.unsigned, locktime=psbt.unsigned.locktime ^ 1))

    monkeypatch.setattr(psbt_judge, "convert", wrong)
    with pytest.raises(AssertionError, match="another transaction"):
        judge(corpus()[0].data)


def test_the_long_run_goes_on_where_it_stopped_and_records_what_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    *_, record = fuzz_psbts(5, 20, None)
    assert (record["done"], record["failed"], sum(record["codes"].values())) == (20, 0, 20)
    monkeypatch.setattr("tests.soak.psbt_fuzz.judge", lambda _data, weigh: 1 // 0)
    *_, record = fuzz_psbts(5, 22, record)
    assert (record["done"], record["failed"], record["codes"]["FAILED"]) == (22, 2, 2)
    assert [each["number"] for each in record["failures"]] == [20, 21]
    assert "ZeroDivisionError" in record["failures"][0]["problem"]
    assert bytes.fromhex(record["failures"][0]["psbt"]) == case(5, 20)
