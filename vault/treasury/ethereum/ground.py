"""Where an Ethereum transaction is built: one account, one block, one nonce, fees under the policy's caps.

Refuses a sender with a transaction under way, a nonce that somebody else has taken, and a chain for which
the policy names no caps on gas.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vault.errors import DeniedError, EthereumError
from vault.money import ETH, Amount, asset_of
from vault.treasury.ethereum.accounts import chain_of, sender_of

if TYPE_CHECKING:
    from vault.config_chains import AccountSettings, ChainSettings
    from vault.ethereum.caps import FeeCaps
    from vault.ethereum.chains import Chain
    from vault.ethereum.fees import GasFees
    from vault.ethereum.node.base import Block, EthereumNode
    from vault.ethereum.view import BlockView
    from vault.evm.call import EthereumCall
    from vault.treasury.desk import Desk


@dataclass(frozen=True, slots=True)
class Ground:
    """An account, who signs and pays for it, and the chain as one block left it."""

    desk: Desk
    account: AccountSettings
    sender: AccountSettings
    chain: ChainSettings
    table: Chain
    node: EthereumNode
    block: Block
    view: BlockView
    caps: FeeCaps

    @property
    def confirmations(self) -> int:
        """How many blocks deep a transaction is final to us."""
        return self.chain.confirmations or self.table.confirmations

    def ether_of_sender(self) -> int:
        """What the sender may pay gas from, in wei."""
        return confirmed(self, self.sender.address, ETH.symbol)


@contextmanager
def stand(desk: Desk, account: str) -> Iterator[Ground]:
    """The ground on which a transaction out of an account is built or checked; one connection meanwhile.

    Raises `ConfigError`, `EthereumError`, `DeniedError` (``denied.no_gas_table``).
    """
    from vault.ethereum.chains import chain_of as table_of

    settings = desk.treasury.account(account)
    chain = chain_of(desk.treasury, account)
    sender = sender_of(desk.treasury, settings)
    caps = gas_caps(desk, chain.id)
    node = desk.ethereum(chain.name)
    with node.session():
        block = node.tip()
        table = table_of(chain.id)
        yield Ground(desk, settings, sender, chain, table, node, block, node.view(block), caps)


def gas_caps(desk: Desk, chain_id: int) -> FeeCaps:
    """The policy's caps on gas of a chain. Raises `DeniedError` (``denied.no_gas_table``)."""
    from vault.ethereum.caps import FeeCaps

    table = desk.policy().policy.gas_of(chain_id)
    if table is None:
        raise DeniedError(
            "no_gas_table",
            f"the policy has no [[gas]] for chain {chain_id}: nothing is paid for there",
            hint="Add a [[gas]] table with its caps to the policy, and sign it.",
        )
    return FeeCaps(table.max_fee_wei, table.max_cost_wei)


def confirmed(ground: Ground, address: str, asset: str) -> int:
    """The least of what an address holds at the tip and at the depth that is final to us, in base units."""
    from vault.ethereum.balances import Holder, read_holdings
    from vault.ethereum.tokens import token_of

    token = None if asset == ETH.symbol else token_of(ground.chain.id, asset_of(asset)).address
    found = read_holdings(ground.node, (Holder(address, token),), ground.confirmations)
    return found.holdings[0].confirmed


def next_nonce(ground: Ground) -> int:
    """The nonce of the sender's next transaction, if nothing of it is under way.

    Raises `DeniedError` (``denied.in_flight``).
    """
    address = ground.sender.address
    latest = ground.node.nonce(address, ground.block)
    pending = ground.node.pending_nonce(address)
    if pending > latest:
        raise DeniedError(
            "in_flight",
            f"{ground.sender.name} ({address}) has {pending - latest} transactions that wait for a block, "
            f"from nonce {latest} on",
            hint="Run `vault reconcile`; a stuck one is replaced with `vault request bump`. One that is in "
            "no plan was sent by somebody else with this key.",
        )
    return latest


def fees_now(ground: Ground) -> GasFees:
    """Fees for the next blocks under the cap. Raises `EthereumError` (``ethereum.fee_too_high``)."""
    from vault.ethereum.fees import LEAST_TIP, gas_fees, read_fees

    least = LEAST_TIP[ground.table.fee]
    return gas_fees(read_fees(ground.node), cap=ground.caps.max_fee_per_gas, least_tip=least)


def data_cost(ground: Ground, call: EthereumCall, data: bytes | None = None) -> int:
    """What a chain charges at most for data beside gas; 0 where it charges nothing."""
    if ground.table.fee != "optimism":
        return 0
    from vault.ethereum.fees import data_fee
    from vault.ethereum.verify import to_transaction
    from vault.evm.hashing import keccak
    from vault.evm.transaction import EthereumSignature, serialise

    # As long as any, and as hard to compress: that is what is paid for.
    r, s = (int.from_bytes(keccak(each), "big") for each in (b"r", b"s"))
    worst = EthereumSignature(1, 1, r, s >> 1)
    return data_fee(ground.node, serialise(to_transaction(call, data), worst), ground.block)


def with_data_fee(ground: Ground, call: EthereumCall) -> EthereumCall:
    """The call with the most that its chain takes for its data; of a Safe with owners' signatures as long."""
    from vault.ethereum.safe.execute import dummy_exec_data

    data = None if call.safe is None else dummy_exec_data(call.chain_id, call.safe)
    return replace(call, data_fee=data_cost(ground, call, data))


def require_data_fee(ground: Ground, call: EthereumCall, data: bytes | None = None) -> None:
    """What the chain takes for the data is within what was approved.

    Raises `EthereumError` (``ethereum.data_fee_too_high``).
    """
    from vault.ethereum.fees import DATA_FEE_MARGIN

    now = data_cost(ground, call, data) // DATA_FEE_MARGIN
    if now > call.data_fee:
        raise EthereumError(
            "data_fee_too_high",
            f"expected at most {call.data_fee} wei for the data of {call.account}'s transaction, the chain "
            f"takes {now} now",
            hint="Nobody approved that. Wait for a cheaper hour, or make a new plan.",
        )


def require_funds(ground: Ground, call: EthereumCall, data: bytes | None = None) -> None:
    """The sender can pay for value and gas at their most, and the policy lets it cost so much.

    Raises `DeniedError` (``denied.no_gas``), `EthereumError` (``ethereum.cost_too_high``).
    """
    dearer = data_cost(ground, call, data) - call.data_fee
    cost = call.max_gas_cost + max(0, dearer)
    if cost > ground.caps.max_cost:
        raise EthereumError(
            "cost_too_high",
            f"expected gas and data for at most {ground.caps.max_cost} wei, found {cost}",
            hint="Wait for a cheaper hour, or raise the cap where the policy sets it.",
        )
    needed = call.value + cost
    if (held := ground.ether_of_sender()) < needed:
        raise DeniedError(
            "no_gas",
            f"{call.account} holds {Amount(ETH, held)}, at most {Amount(ETH, needed)} are needed for value "
            "and gas",
            hint=f"Send ether to {call.sender} first.",
        )


def require_own(ground: Ground, call: EthereumCall) -> None:
    """The call is out of this account, on its chain. Raises `EthereumError` (``ethereum.wrong_payer``)."""
    wrong = (
        call.chain_id != ground.chain.id
        or (call.account, call.sender) != (ground.sender.name, ground.sender.address)
        or (call.safe.address if call.safe else call.sender) != ground.account.address
    )
    if wrong:
        raise EthereumError(
            "wrong_payer",
            f"expected a call of {ground.account.name} by {ground.sender.name} ({ground.sender.address}) on "
            f"chain {ground.chain.id}, found one by {call.account} ({call.sender}) on chain {call.chain_id}",
            hint="treasury.toml changed after the plan was made, or the plan was altered. Make a new plan.",
        )
