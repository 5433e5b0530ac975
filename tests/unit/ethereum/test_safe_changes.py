"""Changes of a Safe: built with what stands before in its list, recognised, refused when they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_safes import OWNERS, RECIPIENT, SAFE, STRANGER, safe_call, state
from vault.errors import EthereumError, SafeError, VaultError
from vault.ethereum.safe.changes import (
    Change,
    add_owner,
    after,
    change_threshold,
    disable_module,
    enable_module,
    recognise,
    remove_owner,
    set_fallback_handler,
    set_guard,
    swap_owner,
)
from vault.ethereum.safe.describe import describe, grouped, named_line
from vault.ethereum.safe.inner import read_inner
from vault.ethereum.safe.state import SafeState
from vault.ethereum.safe.table import CHANGES, SAFE_TABLE
from vault.ethereum.safe.transaction import SENTINEL, SafeTx, safe_tx
from vault.evm.address import ZERO_ADDRESS

# Selectors as published with Safe's ABI.
SELECTORS = {
    "add_owner": "0d582f13",
    "remove_owner": "f8dc5dd9",
    "swap_owner": "e318b52b",
    "change_threshold": "694e80c3",
    "enable_module": "610b5925",
    "disable_module": "e009cfde",
    "set_guard": "e19a9dd9",
    "set_fallback_handler": "f08a0323",
}
MODULES = state(modules=(STRANGER, RECIPIENT))


def _tx(data: bytes, value: int = 0) -> SafeTx:
    return SafeTx(1, SAFE, SAFE, value, data, 3)


def test_the_selectors_are_the_published_ones() -> None:
    assert {kind: known.function.selector.hex() for kind, known in CHANGES.items()} == SELECTORS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (add_owner(state(), STRANGER), f"add the owner {STRANGER}; 2 owners needed"),
        (remove_owner(state(), OWNERS[0]), f"remove the owner {OWNERS[0]}; 2 owners needed"),
        (swap_owner(state(), OWNERS[1], STRANGER), f"put the owner {STRANGER} in the place of {OWNERS[1]}"),
        (change_threshold(state(), 3), "have 3 owners needed"),
        (enable_module(state(), STRANGER), f"let the module {STRANGER} move everything"),
        (disable_module(MODULES, RECIPIENT), f"take the module {RECIPIENT} away"),
        (set_guard(state(), STRANGER), f"let {STRANGER} stop transactions"),
        (set_guard(state()), "take the guard away"),
        (set_fallback_handler(state(), STRANGER), f"let {STRANGER} answer for the Safe"),
        (set_fallback_handler(state()), "take the fallback handler away"),
    ],
)
def test_a_change_is_recognised_and_said_in_full(change: Change, said: str) -> None:
    assert recognise(_tx(change.data)) == change
    found = read_inner(_tx(change.data))
    assert found.change == change
    assert any(said in line for line in found.lines())


def test_what_stands_before_is_the_safes_own_order() -> None:
    assert remove_owner(state(), OWNERS[0]).previous == SENTINEL
    assert remove_owner(state(), OWNERS[2]).previous == OWNERS[1]
    assert disable_module(MODULES, STRANGER).previous == SENTINEL
    assert disable_module(MODULES, RECIPIENT).previous == STRANGER


def test_removing_an_owner_lowers_a_threshold_that_could_not_be_reached() -> None:
    assert remove_owner(state(threshold=3), OWNERS[0]).threshold == 2
    assert remove_owner(state(threshold=1), OWNERS[0]).threshold == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: add_owner(state(), OWNERS[0]),
        lambda: add_owner(state(), SAFE),
        lambda: add_owner(state(), SENTINEL),
        lambda: add_owner(state(), ZERO_ADDRESS),
        lambda: add_owner(state(), STRANGER.lower()),
        lambda: add_owner(state(), STRANGER, 5),
        lambda: remove_owner(state(), STRANGER),
        lambda: remove_owner(state(), OWNERS[0], 3),
        lambda: remove_owner(state(owners=OWNERS[:1], threshold=1), OWNERS[0]),
        lambda: swap_owner(state(), STRANGER, RECIPIENT),
        lambda: swap_owner(state(), OWNERS[0], OWNERS[1]),
        lambda: swap_owner(state(), OWNERS[0], SAFE),
        lambda: change_threshold(state(), 4),
        lambda: change_threshold(state(), -1),
        lambda: enable_module(MODULES, STRANGER),
        lambda: enable_module(state(), SENTINEL),
        lambda: disable_module(state(), STRANGER),
        lambda: set_guard(state(), SAFE),
        lambda: set_fallback_handler(state(), SAFE),
    ],
)
def test_a_change_that_the_safe_would_refuse_is_not_made(make: Callable[[], Change]) -> None:
    with pytest.raises(SafeError) as refused:
        make()
    assert refused.value.code == "safe.bad_change"


def test_a_change_made_for_another_list_is_refused() -> None:
    change = remove_owner(state(), OWNERS[2])
    moved: SafeState = state(owners=(OWNERS[2], *OWNERS[:2]))
    with pytest.raises(SafeError) as refused:
        after(change, moved)
    assert refused.value.code == "safe.bad_change"


@pytest.mark.parametrize(
    "data", [b"\xde\xad\xbe\xef", b"\x01", change_threshold(state(), 1).data + b"\0", bytes(100)]
)
def test_other_calls_of_a_safe_to_itself_are_unknown(data: bytes) -> None:
    with pytest.raises(EthereumError) as refused:
        recognise(_tx(data))
    assert refused.value.code in {"ethereum.unknown_call", "ethereum.bad_calldata"}


def test_ether_with_a_change_is_refused() -> None:
    with pytest.raises(EthereumError):
        recognise(_tx(change_threshold(state(), 1).data, value=1))


@pytest.mark.parametrize("known", [each for each in SAFE_TABLE.functions if each.use == "refused"])
def test_functions_that_are_never_signed_are_refused_by_name(known: Any) -> None:
    with pytest.raises(VaultError):
        read_inner(_tx(known.function.selector + bytes(320)))


@given(st.binary(max_size=120))
def test_no_calldata_is_a_change_by_accident(data: bytes) -> None:
    try:
        found = recognise(_tx(data))
    except VaultError:
        return
    assert found is None or found.data == data


def test_a_description_shortens_nothing_and_names_what_it_knows() -> None:
    call = safe_call()
    lines = "\n".join(describe(safe_tx(1, call), call, names={RECIPIENT: "payee", OWNERS[0]: "alice"}))
    for said in (SAFE, f"{RECIPIENT} (payee)", f"{OWNERS[0]} (alice)", *OWNERS, call.implementation):
        assert said in lines
    assert "1500.000000 USDC" in lines
    assert f"data: {call.data}" in lines.split("\n")
    assert {f"to: {call.to}", "value: 0 wei"} <= set(lines.split("\n"))
    assert named_line(f"a {STRANGER}", {RECIPIENT: "x"}) == f"a {STRANGER}"
    assert grouped("0x" + "0123456789ab" * 2) == "0123 4567 89ab 0123 4567 89ab"
