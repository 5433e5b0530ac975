"""What the following of an Ethereum transaction stands on: its node, its depth, its nonce, and its Safe.

Asks and records; decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.evm.hashing import keccak
from vault.store import records
from vault.treasury import history, lineage
from vault.treasury.ethereum.accounts import chain_named

if TYPE_CHECKING:
    from vault.ethereum.node.base import EthereumNode
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

_EXECUTED: Final = keccak(b"ExecutionSuccess(bytes32,uint256)")


def is_ethereum(intent: IntentRow) -> bool:
    """True for a step whose transaction is on Ethereum."""
    return str(intent.facts.get("network", "")).startswith("eip155:")


def transfer_of(desk: Desk, intent: IntentRow) -> Transfer | None:
    """The transfer of a step, from the store."""
    with desk.store.read() as connection:
        plan = records.find_plan(connection, intent.plan_id)
    return None if plan is None else history.stored_plan(plan).transfer(intent.transfer)


def node_of(desk: Desk, intent: IntentRow) -> EthereumNode:
    """The node of the chain that a step is on."""
    return desk.ethereum(chain_named(desk.treasury, str(intent.facts["network"])).name)


def depth_of(desk: Desk, network: str) -> int:
    """How many blocks deep a transaction of a network is final to us."""
    from vault.ethereum.chains import chain_of

    chain = chain_named(desk.treasury, network)
    return chain.confirmations or chain_of(chain.id).confirmations


def nonce_used(node: EthereumNode, intent: IntentRow) -> bool:
    """True once the chain has a transaction with the nonce of a step."""
    return node.nonce(str(intent.facts["sender"]), node.tip()) > int(intent.facts["nonce"])


def safe_nonce(node: EthereumNode, address: str) -> int:
    """The nonce of the next transaction of a Safe. Raises `EthereumError`."""
    from vault.ethereum.safe.state import NONCE

    (found,) = NONCE.result(node.view(node.tip()).call(address, NONCE.encode()))
    return int(str(found))


def move(desk: Desk, intent: IntentRow, state: str, reference: str | None = None, **facts: str) -> IntentRow:
    """Record a state that is another one; what is seen now displaces what competes with it."""
    if state == intent.state:
        return intent
    with desk.store.write() as writer:
        moved = records.move_intent(writer, intent, state, reference=reference, **facts)
        if state in lineage.SEEN:
            lineage.seen(writer, moved)
    return moved


def executed_outside(desk: Desk, node: EthereumNode, transfer: Transfer) -> str:
    """The transaction, none of ours, by which a Safe did the call that its owners signed.

    Whoever has their signatures can: the call is done then, whoever paid the gas.
    """
    call = transfer.ethereum
    if call.safe is None:
        return ""
    from vault.ethereum.node.base import LogFilter
    from vault.ethereum.safe.execute import outcome
    from vault.ethereum.safe.transaction import hashes, safe_tx

    digest = hashes(safe_tx(call.chain_id, call.safe)).safe_tx
    span = LogFilter(call.block, node.tip().number, (call.safe.address,), ((_EXECUTED,),))
    with desk.store.read() as connection:
        family = lineage.Lineage(connection)
    for log in node.logs(span):
        ours = family.find(log.transaction_hash)
        stranger = ours is None or ours.facts.get("executed_by") == log.transaction_hash
        if stranger and outcome([log], call.safe.address, digest) == "success":
            return log.transaction_hash
    return ""


def done_elsewhere(desk: Desk, intent: IntentRow, other: str) -> IntentRow | None:
    """The step of ours for which a transaction of somebody else counts already: it pays once."""
    with desk.store.read() as connection:
        rows = records.intents_of_kind(connection, "spend")
    found = (row for row in rows if row.client_id != intent.client_id and row.state == "done")
    return next((row for row in found if row.facts.get("executed_by") == other), None)
