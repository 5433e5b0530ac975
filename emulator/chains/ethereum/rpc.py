"""The node's methods: JSON-RPC parameters in, results out; refusals have go-ethereum's codes."""

from __future__ import annotations

from collections.abc import Callable

from emulator.chains.ethereum import calls, fees, simulate, views
from emulator.chains.ethereum.blocks import Block
from emulator.chains.ethereum.chain import FINALIZED_DEPTH, SAFE_DEPTH, EthereumChain
from emulator.chains.ethereum.errors import METHOD_NOT_FOUND, RpcRefusal, invalid_params
from emulator.chains.ethereum.hexes import (
    data,
    parse_address,
    parse_data,
    parse_quantity,
    parse_slot,
    parse_word,
    quantity,
    word,
)
from emulator.chains.ethereum.logs import LogLimits, logs

CLIENT = "Geth/v1.16.7-emulated/py-evm"
Params = list[object]


class EthereumRpc:
    """`ceiling` is the height above which it shows nothing, as a node that lags behind; None for none."""

    def __init__(self, chain: EthereumChain, *, simulate_v1: bool = True) -> None:
        self._chain = chain
        self.simulate_v1 = simulate_v1
        self.limits = LogLimits()
        self.ceiling: int | None = None
        self._methods: dict[str, tuple[Callable[..., object], int, int]] = {
            "web3_clientVersion": (lambda: CLIENT, 0, 0),
            "net_version": (lambda: str(chain.chain_id), 0, 0),
            "eth_chainId": (lambda: quantity(chain.chain_id), 0, 0),
            "eth_syncing": (lambda: False, 0, 0),
            "eth_accounts": (list, 0, 0),
            "eth_blockNumber": (lambda: quantity(self.tip.number), 0, 0),
            "eth_getBlockByNumber": (self._block_by_number, 2, 2),
            "eth_getBlockByHash": (self._block_by_hash, 2, 2),
            "eth_getBalance": (self._balance, 2, 2),
            "eth_getTransactionCount": (self._count, 2, 2),
            "eth_getCode": (self._code, 2, 2),
            "eth_getStorageAt": (self._storage, 3, 3),
            "eth_call": (self._call, 1, 4),
            "eth_estimateGas": (self._estimate, 1, 3),
            "eth_gasPrice": (lambda: quantity(fees.tip(chain, self.tip) + self.tip.base_fee), 0, 0),
            "eth_maxPriorityFeePerGas": (lambda: quantity(fees.tip(chain, self.tip)), 0, 0),
            "eth_feeHistory": (self._fee_history, 2, 3),
            "eth_sendRawTransaction": (self._send, 1, 1),
            "eth_getTransactionByHash": (self._transaction, 1, 1),
            "eth_getTransactionReceipt": (self._receipt, 1, 1),
            "eth_getBlockReceipts": (self._block_receipts, 1, 1),
            "eth_getLogs": (self._logs, 1, 1),
            "eth_simulateV1": (self._simulate, 1, 2),
        }

    def answer(self, method: str, params: Params) -> object:
        """Raises RpcRefusal."""
        known = self._methods.get(method)
        if known is None or (method == "eth_simulateV1" and not self.simulate_v1):
            raise RpcRefusal(f"the method {method} does not exist/is not available", METHOD_NOT_FOUND)
        function, least, most = known
        given = list(params)
        while len(given) > least and given[-1] is None:
            given.pop()
        if len(given) < least:
            raise invalid_params(f"missing value for required argument {len(given)}")
        if len(given) > most:
            raise invalid_params(f"too many arguments, want at most {most}")
        with self._chain.lock:
            return function(*given)

    # --- blocks

    @property
    def tip(self) -> Block:
        tip = self._chain.tip
        if self.ceiling is None or tip.number <= self.ceiling:
            return tip
        return self._chain.block_at(self.ceiling) or tip

    def _find(self, given: object) -> Block | None:
        """A block by tag, number, or the object of EIP-1898; None when there is none."""
        if isinstance(given, dict):
            return self._by_object(given)
        height = self.tip.number
        tags = {
            "latest": height,
            "pending": height,
            "earliest": 0,
            "safe": max(height - SAFE_DEPTH, 0),
            "finalized": max(height - FINALIZED_DEPTH, 0),
        }
        if isinstance(given, str) and given in tags:
            return self._chain.block_at(tags[given])
        number = parse_quantity(given, "block number")
        return self._chain.block_at(number) if number <= height else None

    def _by_object(self, given: dict[str, object]) -> Block | None:
        if "blockHash" not in given:
            return self._find(given.get("blockNumber"))
        block = self._by_hash(given["blockHash"])
        if block is not None and given.get("requireCanonical") and self._dropped(block):
            raise RpcRefusal("hash is not currently canonical")
        return block

    def _by_hash(self, block_hash: object) -> Block | None:
        block = self._chain.block(parse_word(block_hash))
        return None if block is None or block.number > self.tip.number else block

    def _dropped(self, block: Block) -> bool:
        return self._chain.block_at(block.number) is not block

    def _at(self, given: object) -> Block:
        block = self._find(given)
        if block is None:
            by_hash = isinstance(given, dict) and "blockHash" in given
            raise RpcRefusal("header for hash not found" if by_hash else "header not found")
        return block

    def _block_by_number(self, given: object, full: object) -> object:
        if given == "pending":
            return views.pending_view(self._chain.next_header(), self._chain.mempool.pending, full=bool(full))
        block = self._find(given)
        return None if block is None else views.block_view(block, full=bool(full))

    def _block_by_hash(self, block_hash: object, full: object) -> object:
        block = self._by_hash(block_hash)
        return None if block is None else views.block_view(block, full=bool(full))

    def _block_receipts(self, given: object) -> object:
        block = self._find({"blockHash": given} if isinstance(given, str) and len(given) == 66 else given)
        if block is None:
            return None
        return [views.receipt_view(block, each) for each in block.transactions]

    # --- accounts

    def _balance(self, address: object, block: object) -> str:
        return quantity(self._chain.balance_of(parse_address(address), self._at(block)))

    def _count(self, address: object, block: object) -> str:
        if block == "pending" and self.ceiling is None:
            return quantity(self._chain.mempool.next_nonce(parse_address(address)))
        return quantity(self._chain.nonce_of(parse_address(address), self._at(block)))

    def _code(self, address: object, block: object) -> str:
        return data(self._chain.code_of(parse_address(address), self._at(block)))

    def _storage(self, address: object, slot: object, block: object) -> str:
        owner, place = data(parse_address(address)), parse_slot(slot)
        return word(self._chain.storage(owner, place, self._at(block)))

    # --- calls and fees

    def _call(
        self, given: object, block: object = "latest", overrides: object = None, frame: object = None
    ) -> str:
        if frame:
            raise invalid_params("block overrides are not supported here")
        return calls.call(self._chain, self._at(block), given, overrides)

    def _estimate(self, given: object, block: object = "latest", overrides: object = None) -> str:
        return quantity(calls.estimate(self._chain, self._at(block), given, overrides))

    def _simulate(self, given: object, block: object = "latest") -> object:
        return simulate.simulate(self._chain, self._at(block), given)

    def _fee_history(self, count: object, newest: object, percentiles: object = None) -> object:
        blocks = parse_quantity(count, "blockCount") if isinstance(count, str) else count
        if not isinstance(blocks, int) or isinstance(blocks, bool):
            raise invalid_params("invalid argument 0: expected a number of blocks")
        return fees.history(self._chain, blocks, self._at(newest), percentiles)

    # --- transactions

    def _send(self, raw: object) -> str:
        return self._chain.submit(parse_data(raw, "transaction"))

    def _transaction(self, txid: object) -> object:
        wanted = data(parse_word(txid))
        found = self._chain.find(wanted)
        if found is not None and found[0].number <= self.tip.number:
            return views.transaction_view(found[1].tx, found[0], found[1].index)
        waiting = self._chain.mempool.get(wanted)
        return None if waiting is None else views.transaction_view(waiting)

    def _receipt(self, txid: object) -> object:
        found = self._chain.find(data(parse_word(txid)))
        if found is None or found[0].number > self.tip.number:
            return None
        return views.receipt_view(*found)

    def _logs(self, given: object) -> object:
        return logs(self._chain, self.tip.number, given, self._find, self.limits)
