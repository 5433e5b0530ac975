"""Nonces: what is next, what waits for nothing, what is stuck, and what is not ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import EthereumError
from vault.ethereum.nonces import NonceState, OpenTransaction, nonce_state, require_nonce, unaccounted


def ours(nonce: int, max_fee: int = 10, sent_at: int = 100) -> OpenTransaction:
    return OpenTransaction(nonce, f"0x{nonce:064x}", max_fee, sent_at)


def state(latest: int, pending: int, *open_ones: OpenTransaction, tip: int = 100, fee: int = 5) -> NonceState:
    return nonce_state(latest, pending, open_ones, tip=tip, base_fee=fee)


def test_with_nothing_under_way_the_next_nonce_is_the_chain_s() -> None:
    assert state(7, 7) == NonceState(7, 7, 7, (), (), ())


def test_one_of_ours_that_waits_keeps_its_nonce_and_the_next_follows() -> None:
    assert state(7, 8, ours(7)).next == 8
    assert state(7, 7, ours(7)).next == 8  # the pool has dropped it: its nonce is still spoken for


def test_a_gap_is_what_ours_waits_for_and_is_filled_first() -> None:
    found = state(7, 7, ours(9))
    assert (found.gaps, found.next) == ((7, 8), 7)
    found = state(7, 8, ours(7), ours(9))
    assert (found.gaps, found.next) == ((8,), 8)


def test_a_nonce_the_pool_has_for_somebody_else_is_foreign_and_no_gap() -> None:
    found = state(7, 9, ours(9))
    assert (found.gaps, found.foreign, found.next) == ((), (7, 8), 10)


def test_a_used_nonce_that_nobody_accounts_for_is_named_from_the_first_look_on() -> None:
    assert unaccounted(7, 7, ()) == ()
    assert unaccounted(7, 9, ()) == (range(7, 9),)
    assert unaccounted(5, 9, (7, 6, 7)) == (range(5, 6), range(8, 9))
    assert unaccounted(5, 9, (3, 11)) == (range(5, 9),)
    assert unaccounted(9, 5, ()) == ()
    assert unaccounted(0, 2**63, (0,)) == (range(1, 2**63),)


@given(st.integers(0, 20), st.integers(0, 20), st.sets(st.integers(0, 25)))
def test_what_is_unaccounted_for_is_every_used_nonce_but_ours(
    first: int, latest: int, known: set[int]
) -> None:
    found = unaccounted(first, latest, known)
    assert [nonce for each in found for nonce in each] == sorted(set(range(first, latest)) - known)
    assert all(found)


def test_stuck_is_what_waits_long_below_the_base_fee() -> None:
    cheap, dear, young = ours(7, 4, 90), ours(8, 50, 90), ours(9, 4, 91)
    found = state(7, 10, cheap, dear, young)
    assert found.stuck == (cheap,)
    assert state(8, 10, cheap, dear, young).stuck == ()  # the chain has used its nonce


@given(st.integers(0, 20), st.integers(0, 6), st.lists(st.integers(0, 30), max_size=8))
def test_the_next_nonce_is_the_first_that_nobody_holds(latest: int, waiting: int, said: list[int]) -> None:
    pending = latest + waiting
    found = nonce_state(latest, pending, [ours(nonce) for nonce in said], tip=100, base_fee=5)
    held = {nonce for nonce in said if nonce >= latest} | set(range(latest, pending))
    assert found.next == min(set(range(latest, latest + 60)) - held)
    assert not set(found.gaps) & held
    assert not set(found.gaps) & set(found.foreign)
    if found.gaps:
        assert found.next == found.gaps[0]


def test_a_nonce_that_is_used_and_one_that_would_wait_are_refused() -> None:
    require_nonce(7, 7, 7)
    require_nonce(7, 7, 9)  # a replacement
    require_nonce(9, 7, 9)
    for nonce, code in ((6, "stale_nonce"), (10, "nonce_gap")):
        with pytest.raises(EthereumError) as error:
            require_nonce(nonce, 7, 9)
        assert error.value.code == f"ethereum.{code}"


def test_a_pool_that_counts_behind_the_chain_changes_nothing() -> None:
    assert state(7, 5) == NonceState(7, 5, 7, (), (), ())
    require_nonce(7, 7, 5)
