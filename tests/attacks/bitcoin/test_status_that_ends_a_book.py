"""The status that ends a book: one backend that lies, or stands alone, ends nothing; honest ones do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from vault.address import network_of
from vault.bitcoin.backends.base import BlockRef, TxStatus
from vault.bitcoin.backends.shared import READINGS, OneView
from vault.bitcoin.backends.witnesses import WitnessedBackend
from vault.errors import ChainError, VaultError

TXID = "ab" * 32
ABSENT, WAITING = TxStatus(False, False, None, 0), TxStatus(True, False, None, 0)
SILENT = ChainError("no_answer", "expected an answer, found none")


def block(height: int, branch: str = "a") -> str:
    return (branch + f"{height:x}").rjust(64, "0")


def deep(height: int, tip: int = 1_000, branch: str = "a") -> TxStatus:
    return TxStatus(True, True, height, tip - height + 1, block(height, branch))


@dataclass
class View(OneView):
    """One backend's chain, and what it says of the transaction; `then` happens after each such answer."""

    name: str
    says: TxStatus | VaultError
    height: int = 1_000
    branch: str = "a"
    then: list[Callable[[View], None]] = field(default_factory=list)
    asked: int = 0

    def describe(self) -> str:
        return self.name

    def tip(self) -> BlockRef:
        return BlockRef(self.height, block(self.height, self.branch))

    def tip_height(self) -> int:
        return self.height

    def block_hash(self, height: int) -> str | None:
        return None if height > self.height else block(height, self.branch)

    def transaction_status(self, txid: str) -> TxStatus:
        self.asked += 1
        told = self.says
        if self.then:
            self.then.pop(0)(self)
        if isinstance(told, VaultError):
            raise told
        return told


def final(view: Any) -> TxStatus:
    found = view.final_status(TXID)
    assert isinstance(found, TxStatus)
    return found


def refusal(view: Any) -> str:
    with pytest.raises(ChainError) as refused:
        final(view)
    return refused.value.code


def pair(one: View, other: View) -> WitnessedBackend:
    return WitnessedBackend(one, other, network_of("regtest"))  # type: ignore[arg-type]


# -- one backend ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [ABSENT, WAITING, deep(1), deep(994), deep(1_000)])
def test_an_honest_status_is_final(status: TxStatus) -> None:
    assert final(View("honest", status)) == status


LIES = {
    "height 1, six deep": TxStatus(True, True, 1, 6, block(1)),
    "the first block": TxStatus(True, True, 0, 1_001, block(0)),
    "below the first block": TxStatus(True, True, -5, 1_006, block(0)),
    "above the tip": TxStatus(True, True, 1_001, 6, block(1_001)),
    "deeper than the chain says": replace(deep(998), confirmations=6),
    "less deep than the chain says": replace(deep(900), confirmations=6),
    "in a block of no chain": deep(994, branch="b"),
    "in a block of another height": replace(deep(994), block_hash=block(995)),
    "in no block": replace(deep(994), block_hash=None),
    "at no height": replace(deep(994), height=None),
    "not found and yet confirmed": replace(deep(994), found=False),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_confirmation_that_does_not_fit_its_chain_ends_nothing(lie: str) -> None:
    assert refusal(View("liar", LIES[lie])) == "chain.bad_answer"
    assert refusal(pair(View("honest", deep(994)), View("liar", LIES[lie]))) == "chain.witness_silent"


def test_a_depth_without_a_block_counts_as_waiting() -> None:
    assert final(View("liar", TxStatus(True, False, 994, 7, block(994)))) == WAITING


def test_a_block_that_comes_meanwhile_is_counted_and_not_refused() -> None:
    def grow(view: View) -> None:
        view.height, view.says = 1_001, deep(994, 1_001)

    view = View("honest", deep(994), then=[grow])
    assert final(view) == deep(994, 1_001)
    assert view.asked == 2


def test_a_reorganisation_meanwhile_is_followed() -> None:
    def reorganise(view: View) -> None:
        view.branch, view.height, view.says = "b", 1_001, deep(999, 1_001, "b")

    def take_out(view: View) -> None:
        view.branch, view.height, view.says = "c", 1_002, WAITING

    assert final(View("honest", deep(994), then=[reorganise])) == deep(999, 1_001, "b")
    assert final(View("honest", deep(994), then=[reorganise, take_out])) == WAITING


def test_a_chain_that_never_holds_still_ends_nothing() -> None:
    def grow(view: View) -> None:
        view.height += 1

    assert refusal(View("restless", deep(994), then=[grow] * READINGS)) == "chain.moving"


# -- two as witnesses -------------------------------------------------------------------------------------


def test_what_stands_alone_is_a_status_and_ends_nothing() -> None:
    for lone in (deep(994), deep(1), LIES["height 1, six deep"]):
        for views in ((View("down", SILENT), View("up", lone)), (View("up", lone), View("down", SILENT))):
            assert pair(*views).transaction_status(TXID) == lone
            assert refusal(pair(*views)) == "chain.witness_silent"


def test_two_that_name_two_blocks_end_nothing() -> None:
    for other in (
        View("other", deep(995)),
        View("other", deep(994, branch="b"), branch="b"),
        View("other", ABSENT),
        View("other", WAITING),
    ):
        for views in ((View("one", deep(994)), other), (other, View("one", deep(994)))):
            assert refusal(pair(*views)) == "chain.witness_disagrees"


def test_the_lower_depth_of_two_is_told() -> None:
    behind = View("behind", deep(994, 999), height=999)
    for views in ((View("ahead", deep(994)), behind), (behind, View("ahead", deep(994)))):
        assert final(pair(*views)) == deep(994, 999)


def test_a_block_that_one_of_them_has_not_seen_confirms_nothing() -> None:
    for told in (WAITING, ABSENT):
        views = View("ahead", deep(1_000)), View("behind", told, height=999)
        assert final(pair(*views)) == WAITING
    assert final(pair(View("one", ABSENT), View("other", ABSENT))) == ABSENT
