"""Makes a block: picks what pays best from the mempool in nonce order, executes it and seals the header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from eth.abc import StateAPI
from eth.constants import EMPTY_SHA256, POST_MERGE_NONCE
from eth.vm.forks.prague.blocks import PragueBlockHeader

from emulator.chains.ethereum.blocks import (
    Block,
    MinedTransaction,
    base_fee_of,
    bloom_of,
    receipt_bytes,
    trie_root,
    with_fields,
)
from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.evm import execute
from emulator.chains.ethereum.transaction import WireTransaction


def child_header(
    parent: Block, timestamp: int, base_fee: int, fee_recipient: bytes, extra: bytes
) -> PragueBlockHeader:
    """The frame of the block after `parent`, with nothing in it yet."""
    return PragueBlockHeader(
        difficulty=0,
        block_number=parent.number + 1,  # type: ignore[arg-type]
        gas_limit=parent.gas_limit,
        timestamp=max(timestamp, parent.timestamp + 1),
        coinbase=fee_recipient,  # type: ignore[arg-type]
        parent_hash=parent.hash,  # type: ignore[arg-type]
        base_fee_per_gas=base_fee,
        requests_hash=EMPTY_SHA256,
        extra_data=extra,
        nonce=POST_MERGE_NONCE,
    )


def refusal_now(tx: WireTransaction, state: StateAPI, base_fee: int) -> str | None:
    """Why a transaction cannot be in a block at this moment, in go-ethereum's words."""
    nonce = state.get_nonce(tx.sender)  # type: ignore[arg-type]
    if tx.nonce < nonce:
        return f"nonce too low: address {tx.sender.hex()}, tx: {tx.nonce} state: {nonce}"
    if tx.nonce > nonce:
        return f"nonce too high: address {tx.sender.hex()}, tx: {tx.nonce} state: {nonce}"
    if tx.max_fee < base_fee:
        return f"max fee per gas less than block base fee: maxFeePerGas: {tx.max_fee}, baseFee: {base_fee}"
    balance = state.get_balance(tx.sender)  # type: ignore[arg-type]
    if balance < tx.cost:
        return f"insufficient funds for gas * price + value: have {balance} want {tx.cost}"
    return None


@dataclass(slots=True)
class BlockInProgress:
    """Transactions executed one after the other on `state`, in the frame of `header`."""

    header: PragueBlockHeader
    state: StateAPI
    mined: list[MinedTransaction] = field(default_factory=list)
    gas_used: int = 0

    def add(self, tx: WireTransaction) -> None:
        """Raises RpcRefusal when gas, nonce, fee or balance do not allow it in this block."""
        if self.gas_used + tx.gas > self.header.gas_limit:
            raise RpcRefusal("gas limit reached")
        reason = refusal_now(tx, self.state, base_fee_of(self.header))
        if reason is not None:
            raise RpcRefusal(reason)
        outcome = execute(self.state, tx.execution)
        self.gas_used += outcome.gas_used
        first_log = sum(len(each.logs) for each in self.mined)
        self.mined.append(
            MinedTransaction(
                tx,
                len(self.mined),
                outcome.error is None,
                outcome.gas_used,
                self.gas_used,
                outcome.logs,
                outcome.moves,
                first_log,
            )
        )

    def fill(self, waiting: Sequence[Sequence[WireTransaction]]) -> None:
        """Take the best-paying next transaction of any sender until none fits; each row in nonce order."""
        base_fee = base_fee_of(self.header)
        rows = [list(row) for row in waiting if row]
        while rows:
            rows.sort(key=lambda row: row[0].effective_tip(base_fee), reverse=True)
            row = rows[0]
            try:
                self.add(row[0])
                del row[0]
            except RpcRefusal:
                row.clear()
            rows = [each for each in rows if each]

    def seal(self) -> Block:
        self.state.persist()
        header = with_fields(
            self.header,
            state_root=self.state.state_root,
            transaction_root=trie_root([each.tx.raw for each in self.mined]),
            receipt_root=trie_root([receipt_bytes(each) for each in self.mined]),
            bloom=bloom_of(tuple(log for each in self.mined for log in each.logs)),
            gas_used=self.gas_used,
        )
        return Block(header, tuple(self.mined), self.state.state_root)
