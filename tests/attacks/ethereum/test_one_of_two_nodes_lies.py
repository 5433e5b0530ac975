"""One hostile node of two, a token's log that anybody can cause, a data fee beside the gas, an allowance."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.chains.ethereum.deploy import USDC
from tests.support.ethereum_calls import CAPS, amount_of, call_of
from tests.support.ethereum_node_talks import NodeTalk, block_json, node
from vault.errors import BooksError, EthereumError, VaultError
from vault.ethereum.build import payment
from vault.ethereum.contracts.erc20 import APPROVE, TRANSFER_EVENT
from vault.ethereum.fees import gas_fees
from vault.ethereum.node.base import Log, Receipt
from vault.ethereum.node.witnesses import WitnessedNode
from vault.ethereum.safe.document import typed_text
from vault.ethereum.safe.transaction import SafeTx
from vault.evm.address import address_bytes
from vault.treasury.ethereum import ground, settle
from vault.treasury.ethereum.offline import Known, verify_file

GWEI = 10**9
SAFE = "0x" + "5" * 40
PAYEE = "0x" + "3" * 40
THIEF = "0x" + "7" * 40
TXID = "0x" + "ab" * 32


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("base_fee", [GWEI, 2 * GWEI])
def test_no_single_node_says_how_much_is_tipped(liar: int, base_fee: int) -> None:
    talks = [NodeTalk(), NodeTalk()]
    lie = {
        "oldestBlock": hex(100),
        "baseFeePerGas": [hex(GWEI), hex(base_fee)],
        "gasUsedRatio": [0.5],
        "reward": [[hex(90 * GWEI)]],
    }
    talks[liar].spoil["eth_feeHistory"] = lie
    with node(talks[0]) as one, node(talks[1]) as other:
        found = gas_fees(WitnessedNode(one, other).fee_history(20, (50,)), cap=100 * GWEI)
    assert found.max_priority_fee == 2 * 10**8
    assert found.base_fee == base_fee


@pytest.mark.parametrize("what", ["hash", "baseFeePerGas", "gasLimit", "timestamp"])
def test_no_single_node_says_what_the_tip_is(what: str) -> None:
    lie = NodeTalk(spoil={"eth_getBlockByNumber": lambda params: block_json(100, **{what: "0x" + "1" * 64})})
    if what != "hash":
        lie.spoil["eth_getBlockByNumber"] = lambda params: block_json(100, **{what: "0x77"})
    with node(NodeTalk()) as one, node(lie) as other, pytest.raises(EthereumError) as caught:
        WitnessedNode(one, other).tip()
    assert caught.value.code == "ethereum.nodes_disagree"


# -- what a token's log proves -----------------------------------------------------------------------------


def moved(sender: str, recipient: str, units: int, token: str = USDC) -> Log:
    topics = (TRANSFER_EVENT.topic, *(bytes(12) + address_bytes(each) for each in (sender, recipient)))
    return Log(token, topics, units.to_bytes(32, "big"), 7, TXID, TXID, 0)


def closed(*logs: Log) -> str:
    """Of a payment of 250 USDC out of the Safe: the code with which its books stay open."""
    from vault.money import USDC as COIN
    from vault.money import Amount

    paid = SimpleNamespace(amount=Amount(COIN, 250), address=PAYEE)
    call = SimpleNamespace(chain_id=1, safe=SimpleNamespace(address=SAFE), sender=THIEF)
    transfer: Any = SimpleNamespace(payments=(paid,), payment=paid, ethereum=call)
    receipt = Receipt(TXID, 7, TXID, 0, THIEF, SAFE, None, True, 1, 1, 0, logs)
    try:
        settle._require_paid(transfer, receipt)
    except BooksError as error:
        return error.code
    return ""


PAID = moved(SAFE, PAYEE, 250)


@pytest.mark.parametrize(
    ("logs", "code"),
    [
        ((PAID,), ""),
        # transferFrom(Safe, anybody, 0) needs no allowance: whoever executes for us can add it.
        ((moved(SAFE, PAYEE, 0), PAID), ""),
        ((PAID, moved(THIEF, PAYEE, 250)), ""),
        ((moved(SAFE, PAYEE, 0),), "books.payment_differs"),
        ((PAID, PAID), "books.payment_differs"),
        ((moved(SAFE, PAYEE, 249),), "books.payment_differs"),
        ((moved(THIEF, PAYEE, 250),), "books.payment_differs"),
        ((moved(SAFE, THIEF, 250),), "books.payment_differs"),
        ((moved(SAFE, PAYEE, 250, token=THIEF),), "books.payment_differs"),
    ],
)
def test_only_the_tokens_own_record_of_exactly_the_payment_closes_it(
    logs: tuple[Log, ...], code: str
) -> None:
    assert closed(*logs) == code


# -- what a transaction costs ------------------------------------------------------------------------------


def test_the_cap_on_cost_holds_for_gas_and_data_together(monkeypatch: pytest.MonkeyPatch) -> None:
    call = call_of(payment(1, amount_of(250), PAYEE))
    here: Any = SimpleNamespace(
        caps=replace(CAPS, max_cost=call.max_gas_cost + 5), ether_of_sender=lambda: 10**30
    )
    for fee, refused in ((5, False), (6, True)):
        monkeypatch.setattr(ground, "data_cost", lambda *_, fee=fee: fee)
        try:
            ground.require_funds(here, call)
        except EthereumError as error:
            assert refused and error.code == "ethereum.cost_too_high"
        else:
            assert not refused


# -- a file on the second machine --------------------------------------------------------------------------


def test_an_allowance_in_a_file_is_refused_also_without_an_address_book() -> None:
    def judged(units: int) -> VaultError | None:
        text = typed_text(SafeTx(1, SAFE, USDC, 0, APPROVE.encode(THIEF, units), 3))
        return verify_file(text, "file", Known()).first_error

    found = judged(2**256 - 1)
    assert found is not None and found.code == "ethereum.grants_allowance"
    assert judged(0) is None
