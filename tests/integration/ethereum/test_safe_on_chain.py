"""Our Safe room against the real contracts, on py-evm and on anvil: hashes, execution, changes, gas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from coincurve import PrivateKey

from emulator.chains.ethereum.deploy import SAFE, SAFE_L2, USDC, USDT
from tests.support.ethereum_calls import GWEI, address_of
from tests.support.ethereum_chains import KINDS, RpcAnswerError, RunningChain, start_chain
from tests.support.ethereum_safes import (
    ALICE,
    BOB,
    CAROL,
    OWNERS,
    PAYS,
    RECIPIENT,
    STRANGER,
    TOKENS,
    raw_signature,
    signed_by,
)
from vault.errors import SafeError
from vault.ethereum.contracts.erc20 import TRANSFER
from vault.ethereum.node.base import Receipt
from vault.ethereum.node.client import NodeClient
from vault.ethereum.safe import changes
from vault.ethereum.safe.changes import Change, after, recognise
from vault.ethereum.safe.execute import exec_data, gas_around, outcome, require_exec
from vault.ethereum.safe.state import SafeState, planned, read_safe
from vault.ethereum.safe.transaction import hashes, safe_tx
from vault.ethereum.view import CallRequest
from vault.evm.address import ZERO_ADDRESS
from vault.evm.call import SafeCall
from vault.evm.transaction import EthereumSignature, FeeMarketTransaction, serialise, signing_digest

EXECUTOR = PrivateKey(bytes(31) + b"\xe1")
STOCK = 10_000_000_000


@dataclass
class Bench:
    """A chain with a Safe on it, asked through our own node client."""

    running: RunningChain
    node: NodeClient
    safe: str

    def state(self) -> SafeState:
        return read_safe(self.node.view(self.node.tip()), self.safe)

    def plan(self, to: str, value: int = 0, data: bytes = b"") -> SafeCall:
        return planned(self.state(), to, value, data)

    def send(self, data: bytes, gas: int = 600_000) -> Receipt:
        """The executor's outer transaction, mined."""
        sender = address_of(EXECUTOR)
        nonce = self.node.nonce(sender, self.node.tip())
        tx = FeeMarketTransaction(1, nonce, GWEI, 50 * GWEI, gas, self.safe, 0, data)
        raw = raw_signature(EXECUTOR, signing_digest(tx))
        parity = raw[64] - 27
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
        txid = self.node.send_raw(serialise(tx, EthereumSignature(parity, parity, r, s)))
        self.running.mine()  # anvil answers before its block is made
        receipt = self.node.receipt(txid)
        assert receipt is not None
        return receipt

    def execute(self, call: SafeCall, *signers: PrivateKey) -> Receipt:
        receipt = self.send(exec_data(1, call, signed_by(call, *signers)))
        digest = hashes(safe_tx(1, call)).safe_tx
        assert receipt.succeeded
        assert outcome(receipt.logs, self.safe, digest) == "success"
        return receipt


@pytest.fixture(scope="module", params=KINDS)
def running(request: pytest.FixtureRequest) -> Iterator[RunningChain]:
    with start_chain(request.param) as found:
        found.fund(address_of(EXECUTOR), 10**19)
        yield found


@pytest.fixture
def bench(running: RunningChain) -> Callable[..., Bench]:
    def make(threshold: int = 2, owners: tuple[str, ...] = OWNERS) -> Bench:
        running.mine()
        safe = running.deploy_safe(list(owners), threshold, salt_nonce=running.height)
        running.mint(USDC, safe, STOCK)
        running.mint(USDT, safe, STOCK)
        running.fund(safe, 10**19)
        return Bench(running, NodeClient(running.url, 1), safe)

    return make


@pytest.mark.parametrize("token", [USDC, USDT])
def test_two_of_three_move_a_token_and_the_next_nonce_follows(
    bench: Callable[..., Bench], token: str
) -> None:
    at = bench()
    before = at.running.token_balance(token, RECIPIENT)
    call = at.plan(token, data=PAYS)
    at.execute(call, CAROL, ALICE)
    assert at.running.token_balance(token, RECIPIENT) - before == TOKENS
    assert at.running.token_balance(token, at.safe) == STOCK - TOKENS
    assert at.state().nonce == call.nonce + 1


def test_two_of_three_send_ether(bench: Callable[..., Bench]) -> None:
    at = bench()
    block = at.node.tip()
    before = at.node.balance(RECIPIENT, block)
    at.execute(at.plan(RECIPIENT, 10**18), ALICE, BOB)
    assert at.node.balance(RECIPIENT, at.node.tip()) - before == 10**18


def test_a_cancelled_nonce_is_a_call_of_nothing_to_itself(bench: Callable[..., Bench]) -> None:
    at = bench()
    at.execute(at.plan(at.safe), ALICE, BOB)
    assert at.state().nonce == 1


@pytest.mark.parametrize("threshold", [1, 2, 3])
def test_the_gas_that_is_planned_is_enough(bench: Callable[..., Bench], threshold: int) -> None:
    for singleton in (SAFE, SAFE_L2):
        at = bench(threshold)
        at.running.set_storage(at.safe, 0, int(singleton, 16))
        call = at.plan(USDC, data=TRANSFER.encode(address_of(PrivateKey(bytes(30) + b"\1\1")), 5))
        inner = at.node.estimate_gas(CallRequest(USDC, bytes.fromhex(call.data[2:]), at.safe))
        limit = inner * 64 // 63 + 1 + gas_around(threshold)
        data = exec_data(1, call, signed_by(call, *(ALICE, BOB, CAROL)[:threshold]))
        receipt = at.send(data, limit)
        assert receipt.succeeded
        assert receipt.gas_used <= limit


def test_the_contract_refuses_what_we_refuse(bench: Callable[..., Bench]) -> None:
    """Signatures out of order, of a stranger, of another nonce: we say so before the chain does."""
    at = bench()
    call = at.plan(USDC, data=PAYS)
    good = exec_data(1, call, signed_by(call, ALICE, BOB))
    require_exec(good, 1, call)
    first, second = good[-160:-95], good[-95:-30]
    assert good.count(first) == good.count(second) == 1
    swapped = good.replace(first + second, second + first)
    doubled = good.replace(first + second, first + first)
    for bad, code in ((swapped, "safe.unsorted_signatures"), (doubled, "safe.unsorted_signatures")):
        with pytest.raises(SafeError) as refused:
            require_exec(bad, 1, call)
        assert refused.value.code == code
        with pytest.raises(RpcAnswerError, match="GS026"):
            at.running.rpc("eth_call", {"to": at.safe, "data": f"0x{bad.hex()}"}, "latest")
    at.running.rpc("eth_call", {"to": at.safe, "data": f"0x{good.hex()}"}, "latest")


def test_a_failing_inner_call_moves_nothing_and_is_not_done(bench: Callable[..., Bench]) -> None:
    at = bench()
    call = at.plan(USDC, data=TRANSFER.encode(RECIPIENT, 2 * STOCK))
    receipt = at.send(exec_data(1, call, signed_by(call, ALICE, BOB)))
    assert not receipt.succeeded  # without safeTxGas the whole reverts (GS013), and the nonce stays
    assert outcome(receipt.logs, at.safe, hashes(safe_tx(1, call)).safe_tx) == "absent"
    assert at.state().nonce == call.nonce


HANDLER = "0xf48f2B2d2a534e402487b3ee7C18c33Aec0Fe5e4"


@pytest.mark.parametrize(
    "make",
    [
        lambda state: changes.add_owner(state, STRANGER),
        lambda state: changes.add_owner(state, STRANGER, 3),
        lambda state: changes.remove_owner(state, state.owners[0]),
        lambda state: changes.remove_owner(state, state.owners[1], 1),
        lambda state: changes.remove_owner(state, state.owners[2]),
        lambda state: changes.swap_owner(state, state.owners[0], STRANGER),
        lambda state: changes.swap_owner(state, state.owners[2], STRANGER),
        lambda state: changes.change_threshold(state, 3),
        lambda state: changes.enable_module(state, STRANGER),
        changes.set_guard,
        changes.set_fallback_handler,
        lambda state: changes.set_fallback_handler(state, HANDLER),
    ],
)
def test_a_change_leaves_the_safe_exactly_as_it_was_foreseen(
    bench: Callable[..., Bench], make: Callable[[SafeState], Change]
) -> None:
    at = bench()
    # A node of this chain has no code of 1.3.0; the address of its handler is enough for the Safe.
    state = at.state()
    change = make(state)
    call = at.plan(at.safe, data=change.data)
    assert recognise(safe_tx(1, call)) == change
    at.execute(call, BOB, CAROL)
    foreseen = after(change, state)
    if change.subject == HANDLER:
        with pytest.raises(SafeError):
            at.state()
        return
    found = at.state()
    assert (found.owners, found.threshold) == (foreseen.owners, foreseen.threshold)
    assert (found.modules, found.guard) == (foreseen.modules, foreseen.guard)
    assert found.fallback_handler == foreseen.fallback_handler


def test_modules_are_taken_away_again_wherever_they_stand(bench: Callable[..., Bench]) -> None:
    at = bench()
    for module in (STRANGER, RECIPIENT):
        at.execute(at.plan(at.safe, data=changes.enable_module(at.state(), module).data), ALICE, BOB)
    state = at.state()
    assert state.modules == (RECIPIENT, STRANGER)
    at.execute(at.plan(at.safe, data=changes.disable_module(state, STRANGER).data), ALICE, BOB)
    assert at.state().modules == (RECIPIENT,)
    assert at.state().guard == ZERO_ADDRESS
