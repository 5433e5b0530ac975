"""Fees: what the next blocks can ask for at most, within the caps or refused; replacements nodes take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_node_talks import NodeTalk, Refusal, node
from vault.errors import EthereumError
from vault.ethereum.caps import MAX_GAS
from vault.ethereum.fees import (
    GWEI,
    GasFees,
    data_fee,
    gas_fees,
    gas_limit,
    gwei,
    projected_base_fee,
    replacement_fees,
    require_replacement,
    suggested_tip,
)
from vault.ethereum.node.base import FeeHistory
from vault.evm.abi import encode

FEES = st.integers(0, 10**13)


def history(base_fee: int, *tips: int) -> FeeHistory:
    rows = tuple((tip,) for tip in tips) or ((0,),)
    return FeeHistory(1, (base_fee,) * (len(rows) + 1), rows, (50,))


def next_base_fee(base_fee: int, used: int, target: int) -> int:
    """EIP-1559, as its text has it."""
    if used == target:
        return base_fee
    delta = base_fee * abs(used - target) // target // 8
    return base_fee + max(delta, 1) if used > target else base_fee - delta


@given(FEES, st.lists(st.integers(0, 30_000_000), max_size=8))
def test_no_run_of_blocks_gets_past_the_projection(base_fee: int, used: list[int]) -> None:
    fee = base_fee
    for each in used:
        fee = next_base_fee(fee, each, 15_000_000)
    assert fee <= projected_base_fee(base_fee, len(used))


@given(FEES, st.integers(0, 8))
def test_a_run_of_full_blocks_gets_exactly_there(base_fee: int, blocks: int) -> None:
    fee = base_fee
    for _ in range(blocks):
        fee = next_base_fee(fee, 30_000_000, 15_000_000)
    assert fee == projected_base_fee(base_fee, blocks)


@given(FEES, st.lists(FEES, max_size=9), st.integers(1, 10), FEES)
def test_fees_are_within_the_cap_or_refused_with_both_numbers(
    base_fee: int, tips: list[int], blocks: int, cap: int
) -> None:
    seen = history(base_fee, *tips)
    try:
        found = gas_fees(seen, cap=cap, blocks=blocks, least_tip=7)
    except EthereumError as error:
        assert error.code == "ethereum.fee_too_high"
        assert (error.details["cap"], error.details["base_fee"]) == (str(cap), str(base_fee))
        assert int(error.details["max_fee"]) > cap
        assert gwei(cap) in error.message
        assert gwei(base_fee) in error.message
        return
    assert 7 <= found.max_priority_fee <= found.max_fee <= cap
    assert found.max_fee - found.max_priority_fee == projected_base_fee(base_fee, blocks - 1)


def test_a_cap_below_the_base_fee_is_an_error_and_no_fee() -> None:
    with pytest.raises(EthereumError, match=r"at most 10 gwei.*the base fee is 20 gwei now"):
        gas_fees(history(20 * GWEI), cap=10 * GWEI)


def test_the_tip_is_the_median_of_blocks_that_had_transactions() -> None:
    assert suggested_tip(history(1, 5, 0, 0, 9, 7), 1) == 7
    assert suggested_tip(history(1, 0, 0), 3) == 3
    assert suggested_tip(history(1, 2, 2), 3) == 3


def test_one_block_of_extreme_tips_does_not_decide() -> None:
    assert suggested_tip(history(1, 5, 5, 5, 5, 10**15), 1) == 5


def test_a_gas_limit_has_its_margin_and_its_bounds() -> None:
    assert gas_limit(21_000, "l1", 30_000_000) == 21_000
    assert gas_limit(21_000, "arbitrum", 1 << 50) == 29_400
    assert gas_limit(21_001, "l1", 30_000_000) == 25_202
    assert gas_limit(65_000, "optimism", 30_000_000) == 78_000
    for estimate, block in ((MAX_GAS, 1 << 50), (50_000, 59_999), (20_999, 30_000_000), (0, 30_000_000)):
        with pytest.raises(EthereumError) as error:
            gas_limit(estimate, "l1", block)
        assert error.value.code == "ethereum.gas_too_high"


def test_the_data_fee_of_a_chain_on_the_op_stack_is_asked_and_never_guessed() -> None:
    talk = NodeTalk(spoil={"eth_call": "0x" + encode(["uint256"], [500]).hex()})
    with node(talk) as client:
        assert data_fee(client, b"\x02xyz", client.tip()) == 1000
    (asked,) = (params[0] for method, params in talk.asked if method == "eth_call")
    assert asked["to"] == "0x420000000000000000000000000000000000000F"
    assert asked["data"].startswith("0x49948e0e")  # getL1Fee(bytes)
    for answer in ("0x", Refusal(3, "execution reverted"), "0x01"):
        with node(NodeTalk(spoil={"eth_call": answer})) as client, pytest.raises(EthereumError):
            data_fee(client, b"\x02", client.tip())


# -- replacement ---------------------------------------------------------------------------------------------


def geth_takes(old: tuple[int, int], new: tuple[int, int]) -> bool:
    """core/txpool/legacypool/list.go, Add."""
    return all(
        after > before and after >= before * 110 // 100 for before, after in zip(old, new, strict=True)
    )


def nethermind_takes(old: tuple[int, int], new: tuple[int, int]) -> bool:
    """CompareReplacedTxByFee: each fee plus a tenth of it, and that tenth is never nothing."""
    return all(after >= before + max(before // 10, 1) for before, after in zip(old, new, strict=True))


@given(FEES, FEES)
def test_a_replacement_is_taken_by_nodes_and_none_cheaper_is_ours(max_fee: int, tip: int) -> None:
    old = (max(max_fee, tip), min(max_fee, tip))
    new = replacement_fees(*old)
    assert new[0] * 100 >= old[0] * 110
    assert new[1] * 100 >= old[1] * 110
    assert new[1] <= new[0]
    assert geth_takes(old, new)
    assert nethermind_takes(old, new)
    require_replacement(old, new)
    for cheaper in ((new[0] - 1, new[1]), (new[0], new[1] - 1)):
        with pytest.raises(EthereumError) as error:
            require_replacement(old, cheaper)
        assert error.value.code == "ethereum.underpriced_replacement"


def test_a_replacement_is_not_below_what_is_due_now() -> None:
    assert replacement_fees(100, 10, GasFees(50, 300, 5, 6)) == (300, 11)
    assert replacement_fees(100, 10, GasFees(50, 90, 40, 6)) == (110, 40)
    assert replacement_fees(0, 0) == (1, 1)


@pytest.mark.parametrize(
    ("wei", "text"), [(0, "0"), (1, "0.000000001"), (10**9, "1"), (1_500_000_000, "1.5")]
)
def test_gwei_are_written_exactly(wei: int, text: str) -> None:
    assert gwei(wei) == text
