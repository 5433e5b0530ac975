"""Blocks, transactions, receipts and logs as JSON-RPC shows them."""

from __future__ import annotations

from eth.vm.forks.prague.blocks import PragueBlockHeader

from emulator.chains.ethereum.blocks import Block, MinedTransaction, base_fee_of
from emulator.chains.ethereum.evm import Log
from emulator.chains.ethereum.hexes import data, quantity, word
from emulator.chains.ethereum.transaction import ACCESS_LIST, LEGACY, SET_CODE, WireTransaction

Json = dict[str, object]


def address(value: bytes) -> str:
    """go-ethereum writes addresses in lower case."""
    return data(value)


def header_view(header: PragueBlockHeader) -> Json:
    return {
        "number": quantity(header.block_number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "nonce": data(header.nonce),
        "mixHash": data(header.mix_hash),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": f"0x{header.bloom:0512x}",
        "transactionsRoot": data(header.transaction_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipt_root),
        "miner": address(header.coinbase),
        "difficulty": quantity(header.difficulty),
        "extraData": data(header.extra_data),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "baseFeePerGas": quantity(base_fee_of(header)),
        "withdrawalsRoot": data(header.withdrawals_root or b""),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root or b""),
        "requestsHash": data(header.requests_hash),
    }


def block_view(block: Block, *, full: bool) -> Json:
    """`full`: with whole transactions, else with their hashes."""
    transactions: list[object] = [
        transaction_view(each.tx, block, each.index) if full else each.tx.txid for each in block.transactions
    ]
    return {
        **header_view(block.header),
        "size": quantity(block.size),
        "uncles": [],
        "withdrawals": [],
        "transactions": transactions,
    }


def pending_view(header: PragueBlockHeader, waiting: list[WireTransaction], *, full: bool) -> Json:
    """The block that would come next: no hash yet."""
    return {
        **header_view(header),
        "hash": None,
        "nonce": None,
        "miner": None,
        "size": quantity(0),
        "uncles": [],
        "withdrawals": [],
        "transactions": [transaction_view(tx) if full else tx.txid for tx in waiting],
    }


def transaction_view(tx: WireTransaction, block: Block | None = None, index: int | None = None) -> Json:
    """`block` None: it waits."""
    execution = tx.execution
    shown: Json = {
        "blockHash": None if block is None else data(block.hash),
        "blockNumber": None if block is None else quantity(block.number),
        "blockTimestamp": None if block is None else quantity(block.timestamp),
        "transactionIndex": None if index is None else quantity(index),
        "hash": tx.txid,
        "type": quantity(execution.type_id),
        "from": address(tx.sender),
        "to": address(execution.to) if execution.to else None,
        "nonce": quantity(tx.nonce),
        "gas": quantity(tx.gas),
        "gasPrice": quantity(tx.max_fee if block is None else tx.gas_price(block.base_fee)),
        "value": quantity(execution.value),
        "input": data(execution.data),
        "chainId": quantity(tx.chain_id or 0),
        "v": quantity(tx.v),
        "r": quantity(tx.r),
        "s": quantity(tx.s),
    }
    if execution.type_id != LEGACY:
        shown["yParity"] = quantity(tx.v)
        shown["accessList"] = [
            {"address": address(each), "storageKeys": [word(slot) for slot in slots]}
            for each, slots in execution.access_list
        ]
    if execution.type_id not in (LEGACY, ACCESS_LIST):
        shown["maxFeePerGas"] = quantity(tx.max_fee)
        shown["maxPriorityFeePerGas"] = quantity(tx.max_tip)
    if execution.type_id == SET_CODE:
        shown["authorizationList"] = []
    return shown


def receipt_view(block: Block, mined: MinedTransaction) -> Json:
    tx = mined.tx
    created = tx.execution.created
    return {
        "blockHash": data(block.hash),
        "blockNumber": quantity(block.number),
        "transactionHash": tx.txid,
        "transactionIndex": quantity(mined.index),
        "type": quantity(tx.execution.type_id),
        "status": quantity(int(mined.succeeded)),
        "from": address(tx.sender),
        "to": address(tx.execution.to) if tx.execution.to else None,
        "contractAddress": None if created is None else address(created),
        "gasUsed": quantity(mined.gas_used),
        "cumulativeGasUsed": quantity(mined.cumulative_gas),
        "effectiveGasPrice": quantity(tx.gas_price(block.base_fee)),
        "logs": log_views(block, mined),
        "logsBloom": f"0x{mined.bloom:0512x}",
    }


def log_views(block: Block, mined: MinedTransaction) -> list[Json]:
    return [
        {
            **log_view(log),
            "blockHash": data(block.hash),
            "blockNumber": quantity(block.number),
            "blockTimestamp": quantity(block.timestamp),
            "transactionHash": mined.tx.txid,
            "transactionIndex": quantity(mined.index),
            "logIndex": quantity(mined.first_log + offset),
            "removed": False,
        }
        for offset, log in enumerate(mined.logs)
    ]


def log_view(log: Log) -> Json:
    return {
        "address": address(log.address),
        "topics": [word(topic) for topic in log.topics],
        "data": data(log.data),
    }
