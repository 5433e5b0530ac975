"""One Ethereum node by JSON-RPC: the questions of `EthereumNode`, and what its answers must hold to.

Refuses a node of another chain before anything else is asked, a block that is not the one asked for, logs
outside of what was asked, and a hash of a sent transaction that is not ours.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from vault.errors import EthereumError, OutcomeUnknownError
from vault.ethereum.node import answers, refusals
from vault.ethereum.node.answers import SMALL, nonsense, quantity, require_address, require_hash
from vault.ethereum.node.base import Block, ChainTransaction, FeeHistory, Log, LogFilter, Receipt
from vault.ethereum.node.line import JsonRpcLine, NodeRefusedError
from vault.ethereum.node.log_ranges import collect_logs
from vault.ethereum.node.view import NodeView
from vault.ethereum.view import BlockView, CallOutcome, CallRequest
from vault.evm.hashing import keccak
from vault.secrets import Secret

_HEX_WORDS: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_LACKING: Final = re.compile(r"not found|unknown (block|transaction)", re.ASCII | re.IGNORECASE)
_NO_DATA: Final = frozenset({"ethereum.no_answer", "ethereum.bad_answer"})


class NodeClient:
    """The node at `url`; ``{key}`` in it stands for what `key` gives. Implements `EthereumNode`."""

    def __init__(
        self, url: str, chain_id: int, timeout: float = 10.0, *, key: Callable[[], Secret] | None = None
    ) -> None:
        self._line = JsonRpcLine(url, timeout, key=key)
        self._chain_id = chain_id
        self._checked = False
        self._checking = threading.Lock()
        self._simulates = True

    @property
    def chain_id(self) -> int:
        return self._chain_id

    def describe(self) -> str:
        return f"the node at {self._line.url}"

    def __repr__(self) -> str:
        return f"NodeClient({self._line.url!r}, {self._chain_id})"

    def session(self) -> AbstractContextManager[None]:
        return self._line.kept()

    def check_chain(self) -> None:
        found = answers.to_quantity(self._line.ask("eth_chainId"), "chain id", SMALL)
        if found != self._chain_id:
            raise EthereumError(
                "wrong_chain_id",
                f"expected chain {self._chain_id} at {self._line.url}, found chain {found}",
                hint="Nothing was asked of it. Correct the address or the id in treasury.toml.",
                expected=str(self._chain_id),
                found=str(found),
            )

    def _ask(self, method: str, *params: object) -> Any:
        self._require_chain()
        return self._line.ask(method, *params)

    def _require_chain(self) -> None:
        with self._checking:
            if not self._checked:
                self.check_chain()
                self._checked = True

    def _find(self, method: str, *params: object) -> Any:
        """Some nodes say with an error that they do not have a block or a transaction; others say null."""
        try:
            return self._ask(method, *params)
        except NodeRefusedError as error:
            if _LACKING.search(error.rpc_message):
                return None
            raise

    # -- blocks ----------------------------------------------------------------------------------------

    def tip(self) -> Block:
        return answers.to_block(self._ask("eth_getBlockByNumber", "latest", False))

    def block(self, which: int | str) -> Block | None:
        if isinstance(which, int):
            value = self._ask("eth_getBlockByNumber", quantity(which), False)
        else:
            value = self._find("eth_getBlockByHash", require_hash(which, "block hash"), False)
        if value is None:
            return None
        found = answers.to_block(value)
        if which not in (found.number, found.hash):
            raise nonsense("block", str(which), found)
        return found

    # -- state at a block --------------------------------------------------------------------------------

    def _at(self, block: Block, method: str, *params: object) -> Any:
        """Bound to the block by its hash (EIP-1898); a block that is gone is said so."""
        place = {"blockHash": block.hash, "requireCanonical": True}
        try:
            return self._ask(method, *params, place)
        except NodeRefusedError as error:
            if not refusals.no_block(error.rpc_message):
                raise
            raise EthereumError(
                "unknown_block",
                f"expected {self.describe()} to have the state of {block}, found: {error.rpc_message}",
                hint="The chain may have moved: ask again. Some nodes keep the states of few blocks.",
            ) from None

    def balance(self, address: str, block: Block) -> int:
        return answers.to_quantity(self._at(block, "eth_getBalance", require_address(address)), "balance")

    def nonce(self, address: str, block: Block) -> int:
        value = self._at(block, "eth_getTransactionCount", require_address(address))
        return answers.to_quantity(value, "nonce", SMALL)

    def code(self, address: str, block: Block) -> bytes:
        return answers.to_data(self._at(block, "eth_getCode", require_address(address)), "code")

    def storage(self, address: str, slot: int, block: Block) -> bytes:
        value = self._at(block, "eth_getStorageAt", require_address(address), quantity(slot))
        return answers.to_data(value, "storage", 32)

    def call(self, request: CallRequest, block: Block) -> CallOutcome:
        try:
            output = answers.to_data(self._at(block, "eth_call", _call(request)), "output of a call")
        except NodeRefusedError as error:
            if not _failed(error):
                raise
            return CallOutcome(False, revert_data(error.rpc_data))
        return CallOutcome(True, output)

    def simulate(self, requests: Sequence[CallRequest], block: Block) -> tuple[CallOutcome, ...] | None:
        if not self._simulates:
            return None
        asked = {
            "blockStateCalls": [{"calls": [_call(each) for each in requests]}],
            "traceTransfers": True,
            "validation": False,
        }
        try:
            value = self._at(block, "eth_simulateV1", asked)
        except NodeRefusedError as error:
            if not refusals.no_method(error.rpc_code, error.rpc_message):
                raise
            self._simulates = False
            return None
        return answers.to_simulation(value, len(requests))

    def view(self, block: Block) -> BlockView:
        return NodeView(self, block)

    # -- fees and pool -----------------------------------------------------------------------------------

    def pending_nonce(self, address: str) -> int:
        value = self._ask("eth_getTransactionCount", require_address(address), "pending")
        return answers.to_quantity(value, "pending nonce", SMALL)

    def estimate_gas(self, request: CallRequest) -> int:
        try:
            value = self._ask("eth_estimateGas", _call(request))
        except NodeRefusedError as error:
            if refusals.sending_refusal(error.rpc_message) == "insufficient_funds":
                raise EthereumError("insufficient_funds", error.message, hint=error.hint) from None
            if not _failed(error):
                raise
            raise EthereumError(
                "call_reverted",
                f"expected a call to {request.to} that can be carried out, found: {error.rpc_message}",
                hint="It would fail on the chain too; it is not sent.",
                data="0x" + revert_data(error.rpc_data).hex(),
            ) from None
        return answers.to_quantity(value, "gas estimate", SMALL)

    def fee_history(self, blocks: int, percentiles: Sequence[int]) -> FeeHistory:
        value = self._ask("eth_feeHistory", quantity(blocks), "latest", list(percentiles))
        return answers.to_fee_history(value, blocks, percentiles)

    # -- transactions ------------------------------------------------------------------------------------

    def receipt(self, transaction_hash: str) -> Receipt | None:
        value = self._find("eth_getTransactionReceipt", require_hash(transaction_hash, "transaction"))
        return None if value is None else answers.to_receipt(value, transaction_hash)

    def transaction(self, transaction_hash: str) -> ChainTransaction | None:
        value = self._find("eth_getTransactionByHash", require_hash(transaction_hash, "transaction"))
        return None if value is None else answers.to_transaction(value, transaction_hash)

    def logs(self, wanted: LogFilter) -> tuple[Log, ...]:
        return collect_logs(lambda asked: self._ask("eth_getLogs", asked), wanted)

    def send_raw(self, raw: bytes) -> str:
        ours = "0x" + keccak(raw).hex()
        self._require_chain()
        try:
            value = self._line.ask("eth_sendRawTransaction", "0x" + raw.hex())
        except NodeRefusedError as error:
            return self._not_taken(error, ours)
        except EthereumError as error:
            if error.code not in _NO_DATA:
                raise
            raise send_unknown(ours, error.message) from None
        if value != ours:
            raise send_unknown(ours, f"{self.describe()} answered {str(value)[:80]!r}")
        return ours

    def _not_taken(self, error: NodeRefusedError, ours: str) -> str:
        """A refusal is held against the chain: what is known, or mined meanwhile, was taken once before."""
        kind = refusals.sending_refusal(error.rpc_message)
        try:
            known = self.transaction(ours) is not None
        except EthereumError as silent:
            raise send_unknown(
                ours,
                f"the node said {error.rpc_message!r}; whether it has it cannot be asked: {silent.message}",
            ) from None
        if known:
            return ours
        if kind == "known" or (
            kind is None and not refusals.surely_refused(error.rpc_code, error.rpc_message)
        ):
            raise send_unknown(ours, f"the node said {error.rpc_message!r}, and does not show it")
        raise send_refused(self.describe(), ours, kind or "node_refused", error)


def send_refused(who: str, txid: str, kind: str, error: NodeRefusedError) -> EthereumError:
    """It was sent, and the answer was no."""
    return EthereumError(
        kind,
        f"expected {who} to take transaction {txid}, found: {error.rpc_message}",
        hint="The transaction is not on its way.",
        txid=txid,
        rpc_code=str(error.rpc_code),
        rpc_message=error.rpc_message,
    )


def send_unknown(txid: str, why: str) -> OutcomeUnknownError:
    """It was sent; what became of it is not known."""
    return OutcomeUnknownError(
        "broadcast",
        f"transaction {txid} was sent and may be on its way: {why}",
        hint="`vault reconcile` asks what became of it. Sign nothing else with its nonce before that.",
        txid=txid,
    )


def revert_data(value: object) -> bytes:
    """The reason of a revert out of an error's data: hex, ``Reverted 0x…`` (nethermind), or an object."""
    if isinstance(value, dict):
        value = value.get("data") or value.get("result")
    found = _HEX_WORDS.search(value) if isinstance(value, str) and len(value) < 2**20 else None
    return bytes.fromhex(found[0][2:]) if found else b""


def _call(request: CallRequest) -> dict[str, str]:
    asked = {
        "from": require_address(request.sender),
        "to": require_address(request.to),
        "data": "0x" + request.data.hex(),
        "value": quantity(request.value),
    }
    return asked if request.gas is None else {**asked, "gas": quantity(request.gas)}


def _failed(error: NodeRefusedError) -> bool:
    """Whether the call failed, or what it was to pay is not there."""
    words = error.rpc_message
    return refusals.reverted(error.rpc_code, words) or refusals.sending_refusal(words) == "insufficient_funds"
