"""The report on a PSBT and the finaliser, on hostile ones and honest ones: typed errors, no false word."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.support.bitcoin_keys import REGTEST, sample_of
from tests.support.psbt_mutations import case, corpus
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt_report import Surroundings, report
from vault.bitcoin.scripts import GROUP_KINDS, KINDS, Kind, multisig
from vault.bitcoin.standard_inputs import finalise, read_multisig
from vault.errors import PsbtError

AROUND = Surroundings(REGTEST, {kind: sample_of(kind).descriptor for kind in KINDS}, {})
SAMPLE = 900


def work_with(data: bytes) -> str:
    try:
        psbt = Psbt.parse(data)
    except PsbtError:
        return "refused"
    found = report(psbt, AROUND)
    for each in (*found.faults, *found.warnings):
        assert each.code.isidentifier()
        assert each.where
        assert each.message
    try:
        finalise(psbt)
    except PsbtError:
        return "not final"
    assert not any(each.code in {"signature_invalid", "consensus"} for each in found.faults)
    return "final"


def test_whatever_reads_is_reported_and_what_is_finalised_had_no_fault() -> None:
    seen = Counter(work_with(case(11, number)) for number in range(SAMPLE))
    seen += Counter(work_with(each.data) for each in corpus())
    assert min(seen["refused"], seen["not final"]) > 50
    assert seen["final"] > 3


@pytest.mark.parametrize("kind", KINDS)
def test_coins_of_each_kind_are_recognised_among_wallets_of_all_kinds(kind: Kind) -> None:
    found = report(sample_of(kind).psbt, AROUND)
    assert found.faults == ()
    assert {each.wallet for each in found.inputs} == {kind}
    assert {each.needed for each in found.inputs} == {2 if kind in GROUP_KINDS else 1}
    assert found.fee_proven


def test_a_multisig_script_is_read_back_and_nothing_else_is_one() -> None:
    draw = random.Random(5)
    keys = [bytes([2]) + draw.randbytes(32) for _ in range(15)]
    for count in (1, 2, 3, 15):
        for threshold in (1, count):
            script = multisig(threshold, keys[:count])
            assert read_multisig(script) == (threshold, tuple(sorted(keys[:count])))
            for spoiled in (
                script[:-1],
                script + b"\xae",
                bytes([0x50 + count + 1]) + script[1:],
                bytes([0x50]) + script[1:],
                script[:1] + b"\x20" + script[2:],
                script[:2] + b"\x04" + script[3:],
            ):
                assert read_multisig(spoiled) is None
    assert read_multisig(b"") is None
