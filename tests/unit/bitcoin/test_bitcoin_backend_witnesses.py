"""Two backends as witnesses: nothing is built on what one of them says alone, or on a contradiction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from tests.support import bitcoin_keys
from vault.address import network_of
from vault.bitcoin.backends.base import Acceptance, BlockRef, HistoryEntry, TxStatus
from vault.bitcoin.backends.witnesses import WitnessedBackend
from vault.errors import ChainError, OutcomeUnknownError, VaultError

SCRIPT = b"\x00\x14" + b"\x42" * 20
PAYMENT = bitcoin_keys.previous_of(SCRIPT, 77_000, 3)
RAW, TXID = PAYMENT.serialise(), PAYMENT.txid
SILENT = ChainError("no_answer", "expected an answer, found none")
GONE = ChainError("unreachable", "expected a server, found none")
NO = ChainError("refused", "expected it to be taken, found: dust")
LOST = OutcomeUnknownError("broadcast", "it was sent and no answer came")


def block(height: int, branch: str = "a") -> str:
    return (branch + f"{height:x}").rjust(64, "0")


@dataclass
class Told:
    """A backend that says what it was told to say; an error is raised."""

    name: str
    height: int = 100
    branch: str = "a"
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def answer(*parameters: Any) -> Any:
            self.asked.append(method)
            found = self.answers[method]
            if isinstance(found, VaultError):
                raise found
            return found(*parameters) if callable(found) else found

        return answer

    def describe(self) -> str:
        return self.name

    def tip(self) -> BlockRef:
        return self._or(self.answers.get("tip"), BlockRef(self.height, block(self.height, self.branch)))

    def tip_height(self) -> int:
        return int(self.tip().height)

    def block_hash(self, height: int) -> str | None:
        found = None if height > self.height else block(height, self.branch)
        return self._or(self.answers.get("block_hash"), found)

    @staticmethod
    def _or(told: Any, otherwise: Any) -> Any:
        if isinstance(told, VaultError):
            raise told
        return told or otherwise


@dataclass
class Pair:
    one: Told
    other: Told
    warnings: list[str]
    backend: WitnessedBackend

    def says(self, method: str, one: Any, other: Any) -> WitnessedBackend:
        self.one.answers[method], self.other.answers[method] = one, other
        return self.backend


@pytest.fixture
def pair() -> Pair:
    one, other = Told("Esplora here"), Told("Electrum there")
    warnings: list[str] = []
    backend = WitnessedBackend(one, other, network_of("regtest"), warn=warnings.append)  # type: ignore[arg-type]
    return Pair(one, other, warnings, backend)


def refusal(ask: Callable[[], object]) -> ChainError:
    with pytest.raises(ChainError) as refused:
        ask()
    return refused.value


def confirmed(height: int, branch: str = "a", depth: int = 1) -> TxStatus:
    return TxStatus(True, True, height, depth, block(height, branch))


WAITING, ABSENT = TxStatus(True, False, None, 0), TxStatus(False, False, None, 0)


def entry(height: int | None, branch: str = "a", txid: str = TXID) -> HistoryEntry:
    return HistoryEntry(txid, height, None if height is None else block(height, branch))


# -- the tip ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other", "lower"), [(100, 100, 100), (100, 98, 98), (98, 100, 98)])
def test_the_lower_of_two_near_tips_is_built_on(pair: Pair, one: int, other: int, lower: int) -> None:
    pair.one.height, pair.other.height = one, other
    assert pair.backend.tip() == BlockRef(lower, block(lower))
    assert pair.backend.tip_height() == lower


def test_tips_too_far_apart_or_on_two_chains_are_a_disagreement_that_names_both(pair: Pair) -> None:
    pair.other.height = 97
    error = refusal(pair.backend.tip)
    assert error.code == "chain.witness_disagrees"
    assert error.message == "the tip: Esplora here says height 100, Electrum there says height 97"
    pair.other.height, pair.other.branch = 99, "b"
    for height in (99, 100, 101):
        pair.other.height = height
        error = refusal(pair.backend.tip)
        assert error.code == "chain.witness_disagrees"
        assert block(min(height, 100), "b") in error.message.partition("Electrum there says")[2]
    assert refusal(lambda: pair.backend.block_hash(50)).code == "chain.witness_disagrees"


# -- histories --------------------------------------------------------------------------------------------


def test_a_coin_that_only_one_of_them_knows_is_not_built_on(pair: Pair) -> None:
    known = ((entry(90),),)
    for other in (((),), ((entry(91),),), ((entry(90, "b"),),), ((entry(None),),)):
        for one, another in ((known, other), (other, known)):
            error = refusal(
                lambda one=one, another=another: pair.says("history", one, another).history([SCRIPT])
            )
            assert error.code == "chain.witness_disagrees"
            assert TXID in error.message
            assert SCRIPT.hex() in error.message


def test_what_waits_at_one_of_them_waits(pair: Pair) -> None:
    second = "11" * 32
    found = pair.says("history", ((entry(90), entry(None, txid=second)),), ((entry(90),),)).history([SCRIPT])
    assert found == ((entry(90), entry(None, txid=second)),)


def test_a_block_that_one_of_them_has_not_seen_yet_confirms_nothing(pair: Pair) -> None:
    pair.other.height = 99
    found = pair.says("history", ((entry(100),),), ((),)).history([SCRIPT])
    assert found == ((entry(None),),)


@pytest.mark.parametrize(
    "method", ["history", "outspend", "fee_rate", "tip", "block_hash", "final_status", "prove"]
)
@pytest.mark.parametrize("error", [SILENT, GONE])
def test_nothing_is_built_on_one_word_alone(pair: Pair, method: str, error: VaultError) -> None:
    answers = {"history": ((),), "fee_rate": Decimal(5), "final_status": confirmed(90)}
    ask = {
        "history": lambda: pair.backend.history([SCRIPT]),
        "outspend": lambda: pair.backend.outspend(TXID, 0),
        "fee_rate": lambda: pair.backend.fee_rate(3),
        "tip": pair.backend.tip,
        "block_hash": lambda: pair.backend.block_hash(3),
        "final_status": lambda: pair.backend.final_status(TXID),
        "prove": lambda: pair.backend.prove([entry(90)]),
    }[method]
    for silent, name in ((pair.one, "Esplora here"), (pair.other, "Electrum there")):
        for each in (pair.one, pair.other):
            each.answers[method] = answers.get(method)
        silent.answers[method] = error
        found = refusal(ask)
        assert found.code == "chain.witness_silent"
        assert name in found.message


# -- spends -----------------------------------------------------------------------------------------------


def test_two_spenders_of_one_coin_are_a_disagreement(pair: Pair) -> None:
    assert pair.says("outspend", None, None).outspend(TXID, 0) is None
    assert pair.says("outspend", "aa" * 32, "aa" * 32).outspend(TXID, 0) == "aa" * 32
    error = refusal(lambda: pair.says("outspend", "aa" * 32, "bb" * 32).outspend(TXID, 0))
    assert error.code == "chain.witness_disagrees"


def test_a_spend_one_of_them_has_not_heard_of_counts_unless_it_must_have(pair: Pair) -> None:
    pair.says("transaction_status", WAITING, ABSENT)
    for one, other in (("aa" * 32, None), (None, "aa" * 32)):
        assert pair.says("outspend", one, other).outspend(TXID, 0) == "aa" * 32
    for one_status, other_status in ((confirmed(90), confirmed(90)), (confirmed(90), ABSENT)):
        pair.says("transaction_status", one_status, other_status)
        error = refusal(lambda: pair.says("outspend", "aa" * 32, None).outspend(TXID, 0))
        assert error.code == "chain.witness_disagrees"


# -- status -----------------------------------------------------------------------------------------------


def test_the_more_cautious_of_two_statuses_is_told(pair: Pair) -> None:
    def status(one: TxStatus, other: TxStatus) -> TxStatus:
        return pair.says("transaction_status", one, other).transaction_status(TXID)

    assert status(confirmed(99, depth=2), confirmed(99, depth=1)).confirmations == 1
    assert status(WAITING, ABSENT) == status(ABSENT, WAITING) == WAITING
    assert status(ABSENT, ABSENT) == ABSENT
    pair.other.height = 99
    assert status(confirmed(100), WAITING) == status(confirmed(100), ABSENT) == WAITING
    for other in (WAITING, ABSENT, confirmed(98), confirmed(99, "b")):
        error = refusal(lambda other=other: status(confirmed(99), other))
        assert error.code == "chain.witness_disagrees"


def test_a_silent_witness_is_a_warning_for_a_status(pair: Pair) -> None:
    for one, other, name in (
        (SILENT, confirmed(90), "Esplora here"),
        (confirmed(90), GONE, "Electrum there"),
    ):
        pair.warnings.clear()
        assert pair.says("transaction_status", one, other).transaction_status(TXID) == confirmed(90)
        assert len(pair.warnings) == 1
        assert name in pair.warnings[0]
    assert refusal(lambda: pair.says("transaction_status", GONE, SILENT).transaction_status(TXID)) is GONE


def test_bytes_prove_themselves_and_may_come_from_either(pair: Pair) -> None:
    assert pair.says("raw_transactions", (None,), (RAW,)).raw_transaction(TXID) == RAW
    assert pair.says("raw_transactions", SILENT, (RAW,)).raw_transaction(TXID) == RAW
    assert pair.says("raw_transactions", (None,), (None,)).raw_transaction(TXID) is None
    error = refusal(lambda: pair.says("raw_transactions", SILENT, (None,)).raw_transaction(TXID))
    assert error.code == "chain.witness_silent"
    pair.other.asked.clear()
    assert pair.says("raw_transactions", (RAW,), GONE).raw_transaction(TXID) == RAW
    assert not pair.other.asked


# -- fees -------------------------------------------------------------------------------------------------


def test_fee_rates_beyond_the_bound_are_a_disagreement_and_the_higher_one_is_taken(pair: Pair) -> None:
    assert pair.says("fee_rate", Decimal(4), Decimal(12)).fee_rate(3) == 12
    error = refusal(lambda: pair.says("fee_rate", Decimal("12.01"), Decimal(4)).fee_rate(3))
    assert error.code == "chain.witness_disagrees"
    assert "12.01 sat/vB" in error.message
    none = ChainError("no_estimate", "no data")
    assert pair.says("fee_rate", none, Decimal(4)).fee_rate(3) == 4
    assert "no data" in pair.warnings[0]
    assert refusal(lambda: pair.says("fee_rate", none, none).fee_rate(3)).code == "chain.no_estimate"


def test_a_node_that_would_refuse_is_believed(pair: Pair) -> None:
    yes, no = Acceptance(True, ""), Acceptance(False, "dust")
    assert pair.says("test_accept", None, yes).test_accept(RAW) == yes
    assert pair.says("test_accept", yes, no).test_accept(RAW) == no
    assert pair.says("test_accept", None, None).test_accept(RAW) is None
    assert pair.says("mempool_min_fee", None, Decimal(2)).mempool_min_fee() == 2


# -- sending ----------------------------------------------------------------------------------------------

ENDS = [
    (TXID, TXID, TXID),
    (TXID, GONE, TXID),
    (TXID, LOST, TXID),
    (LOST, TXID, TXID),
    (GONE, TXID, TXID),
    (TXID, NO, "unknown.broadcast"),
    (NO, TXID, "unknown.broadcast"),
    (NO, LOST, "unknown.broadcast"),
    (LOST, NO, "unknown.broadcast"),
    (LOST, LOST, "unknown.broadcast"),
    (LOST, GONE, "unknown.broadcast"),
    (GONE, LOST, "unknown.broadcast"),
    (NO, NO, "chain.refused"),
    (NO, GONE, "chain.refused"),
    (GONE, NO, "chain.refused"),
    (GONE, GONE, "chain.unreachable"),
]


@pytest.mark.parametrize(("one", "other", "end"), ENDS)
def test_the_end_of_a_broadcast_through_two(pair: Pair, one: Any, other: Any, end: str) -> None:
    backend = pair.says("broadcast", one, other)
    try:
        found = backend.broadcast(RAW)
    except VaultError as error:
        found = error.code
    assert found == end
    assert pair.one.asked == pair.other.asked == ["broadcast"]  # each once, whatever the other said
    assert bool(pair.warnings) == (end == TXID and (one, other) != (TXID, TXID))
