"""What an OP chain takes for data beside gas counts in every cap, and nowhere else is there one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.ethereum_calls import CAPS, RECIPIENT, SENDER, amount_of, call_of, planned, safe_call_of
from vault.errors import EthereumError
from vault.ethereum.build import payment
from vault.ethereum.chains import CHAINS
from vault.ethereum.fees import DATA_FEE_MARGIN
from vault.ethereum.node.base import Receipt
from vault.ethereum.verify import verify_call
from vault.evm.call import EthereumCall
from vault.treasury.ethereum import settle
from vault.treasury.ethereum.ground import require_data_fee, require_funds, with_data_fee

OP = 10
PART, EXPECTED = planned(amount_of(250_000_000), chain_id=OP)
CALL = call_of(PART, chain_id=OP)
A_BYTE = 10**6
HASH = "0x" + "ab" * 32


class Oracle:
    """Takes so much for each byte; keeps how long what it was asked about is."""

    def __init__(self, wei: int = A_BYTE) -> None:
        self.wei = wei
        self.lengths: list[int] = []

    def view(self, _block: object) -> Oracle:
        return self

    def call(self, _to: str, data: bytes) -> bytes:
        self.lengths.append(int.from_bytes(data[36:68], "big"))
        return (self.lengths[-1] * self.wei).to_bytes(32, "big")


def ground_on(chain: int, oracle: Oracle, held: int = 10**20, cap: int = CAPS.max_cost) -> Any:
    return SimpleNamespace(
        table=CHAINS[chain],
        node=oracle,
        block=None,
        caps=replace(CAPS, max_cost=cap),
        ether_of_sender=lambda: held,
    )


def code(call: EthereumCall, **caps: int) -> str:
    try:
        verify_call(call, EXPECTED, replace(CAPS, **caps))
    except EthereumError as error:
        return error.code
    return ""


def test_the_fee_is_part_of_what_a_transaction_costs_at_most() -> None:
    gas = CALL.max_gas_cost
    made = with_data_fee(ground_on(OP, oracle := Oracle()), CALL)
    assert made.data_fee == oracle.lengths[0] * A_BYTE * DATA_FEE_MARGIN
    assert made.max_gas_cost == gas + made.data_fee
    assert code(made) == ""
    assert code(made, max_cost=made.max_gas_cost) == ""
    assert code(made, max_cost=made.max_gas_cost - 1) == "ethereum.cost_too_high"


def test_of_a_safe_it_is_for_calldata_with_all_signatures() -> None:
    safe = replace(safe_call_of(payment(OP, amount_of(1), RECIPIENT)), chain_id=OP)
    assert safe.safe is not None
    one = replace(safe, safe=replace(safe.safe, threshold=1))
    oracle = Oracle()
    for each in (one, safe):
        with_data_fee(ground_on(OP, oracle), each)
    assert oracle.lengths[1] - oracle.lengths[0] >= 65 - 32


@pytest.mark.parametrize("chain", [each for each in CHAINS if CHAINS[each].fee != "optimism"])
def test_a_chain_that_takes_none_is_not_asked_and_has_none(chain: int) -> None:
    oracle = Oracle()
    part, expected = planned(amount_of(250_000_000), chain_id=chain)
    made = with_data_fee(ground_on(chain, oracle), call_of(part, chain_id=chain))
    assert (made.data_fee, oracle.lengths) == (0, [])
    with pytest.raises(EthereumError) as caught:
        verify_call(replace(made, data_fee=1), expected, CAPS)
    assert caught.value.code == "ethereum.bad_field"


@pytest.mark.parametrize("fee", [-1, True, "5"])
def test_a_fee_that_is_no_amount_is_refused(fee: Any) -> None:
    assert code(replace(CALL, data_fee=fee)) == "ethereum.bad_field"


@pytest.mark.parametrize(("dearer", "refused"), [(1, False), (DATA_FEE_MARGIN, False), (3, True)])
def test_a_fee_above_what_was_approved_is_refused(dearer: int, refused: bool) -> None:
    made = with_data_fee(ground_on(OP, Oracle()), CALL)
    try:
        require_data_fee(ground_on(OP, Oracle(dearer * A_BYTE)), made)
    except EthereumError as error:
        assert refused and error.code == "ethereum.data_fee_too_high"
    else:
        assert not refused


def test_cap_and_funds_hold_for_the_dearer_of_what_was_planned_and_what_is_due() -> None:
    made = with_data_fee(ground_on(OP, Oracle()), CALL)
    later = Oracle(2 * A_BYTE)
    due = made.max_gas_cost + made.data_fee
    require_funds(ground_on(OP, later, held=due, cap=due), made)
    require_funds(ground_on(OP, Oracle(0), held=made.max_gas_cost, cap=made.max_gas_cost), made)
    with pytest.raises(EthereumError) as caught:
        require_funds(ground_on(OP, later, cap=due - 1), made)
    assert caught.value.code == "ethereum.cost_too_high"


@pytest.mark.parametrize(("chain", "refused"), [(1, True), (42161, True), (OP, False)])
def test_a_receipt_with_such_a_fee_is_believed_only_where_there_is_one(chain: int, refused: bool) -> None:
    call = replace(CALL, chain_id=chain)
    receipt = Receipt(HASH, 7, HASH, 0, SENDER, CALL.to, None, True, 50_000, 10**9, 5, ())
    try:
        settle._require_ours(call, receipt)
    except EthereumError as error:
        assert refused and error.code == "ethereum.bad_answer"
    else:
        assert not refused
