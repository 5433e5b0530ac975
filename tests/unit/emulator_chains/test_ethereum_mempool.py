"""The emulated mempool refuses what go-ethereum refuses, in its words, and lets wait what has to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.chains.ethereum.chain import EthereumChain
from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.mempool import replaces
from emulator.chains.ethereum.transaction import HALF_ORDER, decode, sign
from tests.support.ethereum_purse import ETHER, GWEI, EthereumPurse


@pytest.fixture
def chain() -> EthereumChain:
    return EthereumChain(automine=False)


@pytest.fixture
def purse(chain: EthereumChain) -> EthereumPurse:
    return EthereumPurse(chain)


def refusal(chain: EthereumChain, raw: bytes) -> str:
    with pytest.raises(RpcRefusal) as refused:
        chain.submit(raw)
    assert refused.value.code == -32000
    return refused.value.message


def test_a_nonce_that_is_used_is_too_low(chain: EthereumChain, purse: EthereumPurse) -> None:
    chain.submit(purse.transfer(0))
    chain.mine()
    assert refusal(chain, purse.transfer(0, value=2)) == "nonce too low: next nonce 1, tx nonce 0"


def test_the_same_bytes_twice_are_already_known(chain: EthereumChain, purse: EthereumPurse) -> None:
    chain.submit(purse.transfer(0))
    assert refusal(chain, purse.transfer(0)) == "already known"


def test_a_gap_queues_and_is_not_mined_until_it_closes(chain: EthereumChain, purse: EthereumPurse) -> None:
    later = chain.submit(purse.transfer(1))
    chain.mine()
    sender = purse.key.public_key.to_canonical_address()
    assert chain.confirmations(later) == 0
    assert [tx.txid for tx in chain.mempool.queued] == [later]
    assert chain.mempool.next_nonce(sender) == 0
    first = chain.submit(purse.transfer(0))
    assert chain.mempool.next_nonce(sender) == 2
    chain.mine()
    assert (chain.confirmations(first), chain.confirmations(later)) == (1, 1)


@pytest.mark.parametrize(
    ("max_fee", "max_tip", "taken"),
    [
        (2200, 1100, True),
        (2199, 1100, False),
        (2200, 1099, False),
        (4000, 1000, False),
        (2000, 2000, False),
    ],
)
def test_a_replacement_needs_ten_percent_on_both_fees(
    chain: EthereumChain, purse: EthereumPurse, max_fee: int, max_tip: int, taken: bool
) -> None:
    million = GWEI // 1000
    old = chain.submit(purse.transfer(0, max_fee=2000 * million, max_tip=1000 * million))
    new = purse.transfer(0, max_fee=max_fee * million, max_tip=max_tip * million)
    if not taken:
        assert refusal(chain, new) == "replacement transaction underpriced"
        return
    txid = chain.submit(new)
    chain.mine()
    assert (chain.confirmations(old), chain.confirmations(txid)) == (None, 1)


@given(
    old_fee=st.integers(1, 10**12),
    old_tip=st.integers(1, 10**12),
    fee=st.integers(1, 10**12),
    tip=st.integers(1, 10**12),
)
def test_a_replacement_never_pays_less_than_110_percent_of_either_fee_rounded_down(
    old_fee: int, old_tip: int, fee: int, tip: int
) -> None:
    purse = EthereumPurse(EthereumChain())
    old = decode(purse.transfer(0, max_fee=old_fee, max_tip=old_tip), 1)
    new = decode(purse.transfer(0, max_fee=fee, max_tip=tip), 1)
    enough = fee > old_fee and tip > old_tip and fee >= old_fee * 110 // 100 and tip >= old_tip * 110 // 100
    assert replaces(new, old) is enough


def test_what_the_account_cannot_pay_is_refused_with_the_numbers(chain: EthereumChain) -> None:
    poor = EthereumPurse(chain, 8, wei=10**15)
    message = refusal(chain, poor.transfer(0, value=10**15, max_fee=GWEI, max_tip=GWEI))
    cost = 10**15 + 21_000 * GWEI
    assert message == (
        f"insufficient funds for gas * price + value: balance {10**15}, tx cost {cost}, "
        f"overshot {21_000 * GWEI}"
    )


def test_what_waits_counts_against_the_balance(chain: EthereumChain) -> None:
    poor = EthereumPurse(chain, 8, wei=3 * 10**14)
    chain.submit(poor.transfer(0, value=2 * 10**14, max_fee=GWEI, max_tip=GWEI))
    message = refusal(chain, poor.transfer(1, value=10**14, max_fee=GWEI, max_tip=GWEI))
    assert f"queued cost {2 * 10**14 + 21_000 * GWEI}" in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gas": 20_999}, "intrinsic gas too low: gas 20999, minimum needed 21000"),
        ({"gas": 21_000, "data": b"\1"}, "intrinsic gas too low: gas 21000, minimum needed 21016"),
        (
            {"gas": 21_016, "data": b"\1"},
            "insufficient gas for floor data gas cost: gas 21016, minimum needed 21040",
        ),
        ({"max_tip": 21 * GWEI}, "max priority fee per gas higher than max fee per gas"),
        ({"gas": 30_000_001, "max_fee": 1, "max_tip": 1}, "exceeds block gas limit"),
        ({"max_tip": 0}, "transaction underpriced: gas tip cap 0, minimum needed 1"),
        (
            {"gas": 1_000_000, "max_fee": 2000 * GWEI},
            "tx fee (2.00 ether) exceeds the configured cap (1.00 ether)",
        ),
        ({"chain_id": 5}, "invalid sender: invalid chain id for signer: have 5 want 1"),
    ],
)
def test_form_is_refused_before_state(
    chain: EthereumChain, purse: EthereumPurse, changes: dict[str, int | bytes], words: str
) -> None:
    assert refusal(chain, purse.transfer(0, **changes)) == words


def test_a_fee_below_the_base_fee_waits_and_is_mined_when_the_base_fee_has_fallen(
    chain: EthereumChain, purse: EthereumPurse
) -> None:
    txid = chain.submit(purse.transfer(0, max_fee=GWEI // 2, max_tip=1))
    chain.mine()
    assert chain.confirmations(txid) == 0
    chain.mine(10)
    assert (chain.confirmations(txid) or 0) > 0


def test_a_high_s_signature_is_an_invalid_sender(chain: EthereumChain, purse: EthereumPurse) -> None:
    import rlp

    order = 2 * HALF_ORDER + 1
    fields = rlp.decode(purse.transfer(0)[1:])
    high = (order - int.from_bytes(fields[-1], "big")).to_bytes(32, "big")
    flipped = b"" if fields[-3] == b"\1" else b"\1"
    raw = b"\x02" + rlp.encode([*fields[:-3], flipped, fields[-2], high])
    assert refusal(chain, raw) == "invalid sender: invalid transaction v, r, s values"


def test_an_unprotected_legacy_transaction_is_refused(chain: EthereumChain, purse: EthereumPurse) -> None:
    from emulator.chains.ethereum.transaction import BUILDER

    unsigned = BUILDER.create_unsigned_transaction(
        nonce=0, gas_price=GWEI, gas=21_000, to=b"\x05" * 20, value=1, data=b""
    )
    raw = unsigned.as_signed_transaction(purse.key).encode()
    assert "only replay-protected (EIP-155) transactions" in refusal(chain, raw)
    protected = unsigned.as_signed_transaction(purse.key, chain_id=1).encode()
    txid = chain.submit(protected)
    chain.mine()
    assert chain.confirmations(txid) == 1


@pytest.mark.parametrize("raw", [b"", b"\x03\xc0", b"\x7f\x01", b"\xc0", b"\x02\xc0", b"\x02", b"\xff" * 40])
def test_bytes_that_are_no_transaction_are_refused(chain: EthereumChain, raw: bytes) -> None:
    assert refusal(chain, raw)


def test_bytes_behind_a_transaction_are_refused(chain: EthereumChain, purse: EthereumPurse) -> None:
    assert refusal(chain, purse.transfer(0) + b"\0").startswith("rlp")


def test_an_account_with_code_cannot_send(chain: EthereumChain, purse: EthereumPurse) -> None:
    chain.set_code(purse.address, b"\x00")
    assert refusal(chain, purse.transfer(0)) == f"sender not an eoa: address {purse.address}"


def test_what_can_no_longer_be_paid_leaves_the_mempool(chain: EthereumChain, purse: EthereumPurse) -> None:
    txid = chain.submit(purse.transfer(1, value=ETHER))
    chain.set_balance(purse.address, 1)
    chain.mine()
    assert chain.confirmations(txid) is None


def test_an_evicted_transaction_is_forgotten_and_may_come_again(
    chain: EthereumChain, purse: EthereumPurse
) -> None:
    txid = chain.submit(purse.transfer(0))
    assert chain.mempool.evict(txid)
    assert chain.confirmations(txid) is None
    assert chain.submit(purse.transfer(0)) == txid


def test_the_best_paying_goes_first_and_each_sender_in_nonce_order(chain: EthereumChain) -> None:
    one, other = EthereumPurse(chain, 8), EthereumPurse(chain, 9)
    order = [
        chain.submit(one.transfer(0, max_tip=GWEI)),
        chain.submit(one.transfer(1, max_tip=5 * GWEI)),
        chain.submit(other.transfer(0, max_tip=3 * GWEI)),
    ]
    chain.mine()
    mined = [each.tx.txid for each in chain.tip.transactions]
    assert mined == [order[2], order[0], order[1]]


def test_signing_gives_the_bytes_that_are_decoded() -> None:
    purse = EthereumPurse(EthereumChain())
    tx = decode(sign(purse.key, chain_id=1, nonce=3, to=b"", data=b"\x60", max_fee=9, max_tip=2), 1)
    assert (tx.nonce, tx.execution.to, tx.execution.data, tx.max_fee, tx.max_tip) == (3, b"", b"\x60", 9, 2)
    assert tx.sender == purse.key.public_key.to_canonical_address()


def test_automine_makes_a_block_only_for_what_can_be_in_it() -> None:
    chain = EthereumChain()
    purse = EthereumPurse(chain)
    chain.submit(purse.transfer(1))
    chain.submit(EthereumPurse(chain, 8).transfer(0, max_fee=1, max_tip=1))
    assert chain.height == 0
    chain.submit(purse.transfer(0))
    assert (chain.height, chain.nonce(purse.address)) == (1, 2)
