"""What a venue paid on Ethereum: by the token's own logs, or in ether, as every node shows the transaction.

Refuses a log of another contract, whatever it calls itself, a failed transaction, and ether that cannot be
told from the other movements of its block. Never sends anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.errors import BooksError, EthereumError
from vault.evm.address import checksum_address
from vault.money import ETH, Amount
from vault.store import records
from vault.treasury.ethereum.accounts import chain_named
from vault.treasury.ethereum.following import depth_of
from vault.venues.registry import asset_network, plain_txid

if TYPE_CHECKING:
    from vault.ethereum.node.base import Block, EthereumNode, Log, Receipt
    from vault.ethereum.receipts import FinalStatus
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

# What a Safe (1.3 and later) says when ether comes, whichever contract sent it.
SAFE_RECEIVED: Final = "SafeReceived(address,uint256)"
TRANSFER: Final = "Transfer(address,address,uint256)"
# States of a withdrawal that nothing came of, or will.
NEVER_LEFT: Final = frozenset({"planned", "unsent", "refused", "cancelled"})


@dataclass(frozen=True, slots=True)
class Place:
    """An address on a chain, the node that tells of it, and the token that is to come there (None: ether).

    `depth` is how many blocks make a transaction final to us; what comes from `ours` no venue has paid.
    """

    network: str
    node: EthereumNode
    address: str
    token: str | None
    is_safe: bool
    depth: int
    ours: frozenset[str]

    @property
    def leaves_logs(self) -> bool:
        """Whether whatever comes leaves a log: tokens do, ether only at a Safe."""
        return self.token is not None or self.is_safe


@dataclass(frozen=True, slots=True)
class Came:
    """So many base units that came to a place, by which transaction."""

    txid: str
    units: int


def is_ethereum(network: str) -> bool:
    """Whether a CAIP-2 network is Ethereum or its kin."""
    return network.startswith("eip155:")


def place_of(desk: Desk, transfer: Transfer) -> Place:
    """Where a withdrawal is to arrive. Raises `ConfigError`, `EthereumError`, `VenueError`.

    The token is that of our own tables; the venue's registry must name the same (``ethereum.unknown_token``).
    """
    from vault.ethereum.tokens import token_of

    chain = chain_named(desk.treasury, transfer.network)
    asset, address = transfer.amount.asset, transfer.payment.address
    token = None if asset == ETH else token_of(chain.id, asset).address
    exchange = desk.treasury.venue(transfer.venue_account).exchange
    entry = asset_network(exchange, asset.symbol, transfer.venue_network)
    if entry.contract != token:
        raise EthereumError(
            "unknown_token",
            f"{asset} on {transfer.network}: expected the token {token}, {exchange} has {entry.contract}",
        )
    safe = any(
        (each.chain, each.address, each.kind) == (chain.name, address, "safe")
        for each in desk.treasury.config.account
    )
    node, depth = desk.ethereum(chain.name), depth_of(desk, transfer.network)
    ours = frozenset(each.address for each in desk.treasury.config.account if each.chain == chain.name)
    return Place(transfer.network, node, address, token, safe, depth, ours)


# -- one transaction -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paid:
    """How often a transaction pays exactly what was planned, and in words what it pays instead.

    `txid` is as the chain writes it; `status` is where it stands, of every node.
    """

    txid: str
    count: int
    said: str
    status: FinalStatus


def look(desk: Desk, transfer: Transfer, step: IntentRow, txid: str) -> Paid | None:
    """The transaction that a venue says it paid with; None while no block has it.

    Raises `BooksError` (``books.payment_differs`` for one that failed, ``books.payment_unproven``) and
    `EthereumError`.
    """
    from vault.ethereum.receipts import final_status

    place = place_of(desk, transfer)
    txid = plain_txid("ethereum", txid)
    status = final_status(place.node, txid)
    receipt = status.receipt
    if not status.found or receipt is None:
        return None
    if status.reverted:
        raise BooksError(
            "payment_differs",
            f"expected {transfer.amount} to {place.address} in {txid}, which failed: nothing moved",
            hint="The venue has to pay again; ask it. Nothing was closed.",
        )
    came = _in(desk, place, transfer, step, receipt)
    wanted = transfer.amount.units
    said = ", ".join(str(each.units) for each in came) or "nothing"
    return Paid(txid, sum(each.units == wanted for each in came), f"{said} (base units)", status)


def final_facts(desk: Desk, transfer: Transfer, step: IntentRow, paid: Paid) -> dict[str, str] | None:
    """What ends a withdrawal; None while it is not final. Raises `EthereumError` (``bad_answer``)."""
    status, depth = paid.status, depth_of(desk, transfer.network)
    if status.confirmations < depth or status.height is None:
        return None
    made = step.facts.get("tip_when_made")
    if made is not None and status.height <= int(made) - depth:
        raise EthereumError(
            "bad_answer",
            f"expected {paid.txid} in a block after {made}, the chain's height when its plan was made, found "
            f"it in block {status.height}",
            hint="The node is wrong, or the venue names an old transaction. Ask another node.",
        )
    return {
        "network": transfer.network,
        "confirmations": str(status.confirmations),
        "height": str(status.height),
        "block_hash": str(status.block_hash),
    }


def reorganised(desk: Desk, step: IntentRow) -> str:
    """Why a withdrawal that was done on Ethereum is not final any more; "" while it is.

    In another block it is judged anew: the same transaction may do something else there.
    """
    from vault.ethereum.receipts import final_status

    chain = chain_named(desk.treasury, str(step.facts["network"]))
    node, height = desk.ethereum(chain.name), int(step.facts["height"])
    status = final_status(node, step.reference)
    if status.found and status.block_hash == step.facts["block_hash"]:
        return ""
    where = f"in block {status.height}" if status.found else "not found"
    return f"books.reorganised: {step.reference} was final in block {height}, now it is {where}"


def _in(desk: Desk, place: Place, transfer: Transfer, step: IntentRow, receipt: Receipt) -> tuple[Came, ...]:
    """Everything of the asset that a transaction brought to the place."""
    from vault.ethereum.receipts import token_moves

    txid = receipt.transaction_hash
    if place.token is not None:
        moves = token_moves(receipt, {place.token})
        theirs = (each for each in moves if each.recipient == place.address and each.sender not in place.ours)
        return tuple(Came(txid, each.units) for each in theirs)
    tx = place.node.transaction(txid)
    if tx is not None and tx.sender in place.ours:
        return ()
    if tx is not None and tx.to == place.address:
        return (Came(txid, tx.value),)
    if place.is_safe:
        return tuple(_received(place, receipt.logs))
    return _through_a_contract(desk, place, transfer, step, receipt)


def _received(place: Place, logs: tuple[Log, ...]) -> Iterator[Came]:
    """Ether as a Safe of ours itself says that it came."""
    topic = _topic(SAFE_RECEIVED)
    for log in logs:
        known = log.address == place.address and log.topics[:1] == (topic,) and len(log.data) == 32
        if known and not _sent_by_us(place, log):
            yield Came(log.transaction_hash, int.from_bytes(log.data, "big"))


def _sent_by_us(place: Place, log: Log) -> bool:
    """Whether the ether of a Safe's own event came from an account of ours."""
    return len(log.topics) == 2 and checksum_address(log.topics[1][12:]) in place.ours


def _through_a_contract(
    desk: Desk, place: Place, transfer: Transfer, step: IntentRow, receipt: Receipt
) -> tuple[Came, ...]:
    """Ether that a contract of the venue passed on, which no log tells: by what the address gained then.

    Taken for proven only where the address moved nothing itself in that block, and all that it gained are
    payments we know of.
    """
    block = place.node.block(receipt.block_hash)
    before = None if block is None else place.node.block(block.parent)
    if block is None or before is None:
        raise EthereumError(
            "unknown_block", f"expected block {receipt.block_number}, the node has it no more"
        )
    gained = _gained(place, before, block)
    if gained == 0:
        return ()
    wanted = transfer.amount.units
    others = None if gained is None else gained - _known_others(desk, place, step, receipt)
    if others is None or others <= 0 or others % wanted:
        raise BooksError(
            "payment_unproven",
            f"expected {transfer.amount} to {place.address} by a contract in {receipt.transaction_hash}, and "
            f"in block {receipt.block_number} the address "
            + ("moved something itself" if gained is None else f"gained {gained} wei"),
            hint="Look at the transaction in an explorer that shows internal transfers, and close the step.",
        )
    return (Came(receipt.transaction_hash, wanted),) * (others // wanted)


def _gained(place: Place, before: Block, block: Block) -> int | None:
    """What an address gained between two blocks; None where it may have spent something in between."""
    node, address = place.node, place.address
    if node.code(address, block) or node.nonce(address, before) != node.nonce(address, block):
        return None
    return node.balance(address, block) - node.balance(address, before)


def _known_others(desk: Desk, place: Place, step: IntentRow, receipt: Receipt) -> int:
    """Wei of our other withdrawals to the address in that block, without those claimed beside this one."""
    units = 0
    for row in _others(desk, place, step):
        txid = plain_txid("ethereum", str(row.facts.get("venue_txid", "")))
        claimed = txid == receipt.transaction_hash and row.facts["payments"] == step.facts["payments"]
        paid = 0 if claimed or not txid else _paid_to(row, place.address)
        if paid and _in_block(place.node, row, txid, receipt):
            units += paid
    return units


def _others(desk: Desk, place: Place, step: IntentRow) -> list[IntentRow]:
    """Our other withdrawals but those that are known to have ended on another chain."""
    with desk.store.read() as connection:
        rows = records.intents_of_kind(connection, "withdraw")
    return [
        row
        for row in rows
        if row.client_id != step.client_id and row.facts.get("network", place.network) == place.network
    ]


def _paid_to(row: IntentRow, address: str) -> int:
    """Wei that a step was to pay to an address."""
    found = ((each["address"], Amount.from_json(each["amount"])) for each in row.facts["payments"])
    return sum(amount.units for paid, amount in found if paid == address and amount.asset == ETH)


def _in_block(node: EthereumNode, row: IntentRow, txid: str, receipt: Receipt) -> bool:
    if txid == receipt.transaction_hash:
        return True
    if (height := row.facts.get("height")) is not None:
        return int(height) == receipt.block_number
    other = node.receipt(txid)
    return other is not None and other.block_hash == receipt.block_hash


def nonce_is_final(desk: Desk, step: IntentRow) -> bool:
    """Whether some transaction of the sender used the nonce of a spend of ours, as deep as is final to us."""
    chain = chain_named(desk.treasury, str(step.facts["network"]))
    node = desk.ethereum(chain.name)
    deep = node.block(max(0, node.tip().number - depth_of(desk, f"eip155:{chain.id}") + 1))
    return deep is not None and node.nonce(str(step.facts["sender"]), deep) > int(step.facts["nonce"])


# -- all that came since a block -----------------------------------------------------------------------


def came_since(place: Place, first: int) -> tuple[Came, ...]:
    """Everything that came to the place from a block on, by its logs."""
    from vault.ethereum.node.base import LogFilter

    last = place.node.tip().number
    first = max(0, min(first, last))
    if place.token is not None:
        who = (bytes.fromhex(place.address[2:]).rjust(32, b"\0"),)
        found = place.node.logs(LogFilter(first, last, (place.token,), ((_topic(TRANSFER),), None, who)))
        return tuple(
            Came(each.transaction_hash, int.from_bytes(each.data, "big"))
            for each in found
            if checksum_address(each.topics[1][12:]) not in place.ours
        )
    logs = place.node.logs(LogFilter(first, last, (place.address,), ((_topic(SAFE_RECEIVED),),)))
    return tuple(_received(place, logs))


def ether_since(desk: Desk, place: Place, step: IntentRow, first: int) -> int | None:
    """Wei that an address gained from a block on, beside what our other withdrawals brought.

    None where that cannot be told: the address may have spent something, or another withdrawal is open.
    """
    before = place.node.block(max(0, first - 1))
    gained = None if before is None else _gained(place, before, place.node.tip())
    if gained is None:
        return None
    for row in _others(desk, place, step):
        units = _paid_to(row, place.address)
        if units and row.state != "done" and row.state not in NEVER_LEFT:
            return None
        if units and row.state == "done" and int(row.facts["height"]) >= first:
            gained -= units
    return gained


def _topic(event: str) -> bytes:
    from vault.evm.hashing import keccak

    return keccak(event.encode())
