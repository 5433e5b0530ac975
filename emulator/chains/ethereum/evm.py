"""The EVM: py-evm's newest fork run on a state root, one transaction or call at a time.

Only states, blocks' frames and executions are py-evm's; chain, mempool and answers are ours. It neither
checks chain ids nor knows go-ethereum's words, so both are done outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth.abc import ComputationAPI, MessageAPI, StateAPI, TransactionContextAPI
from eth.db.atomic import AtomicDB
from eth.exceptions import InsufficientFunds, Revert, VMError
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState

from emulator.chains.ethereum.hexes import hashed
from emulator.chains.ethereum.transaction import Execution

FORK = "prague"
TRANSFER_TOPIC = int.from_bytes(hashed(b"Transfer(address,address,uint256)"), "big")
NATIVE_MARKER = b"\xee" * 20  # the address go-ethereum logs plain transfers under
REFUND_QUOTIENT = 5  # EIP-3529


@dataclass(frozen=True, slots=True)
class Log:
    address: bytes
    topics: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution did; `error` is "execution reverted" or the VM's reason, None when it succeeded.

    `entries` are its logs and, in between as they happened, the moves of ETH (from NATIVE_MARKER).
    """

    output: bytes
    gas_used: int
    refunded: int
    entries: tuple[Log, ...]
    error: str | None

    @property
    def logs(self) -> tuple[Log, ...]:
        return tuple(entry for entry in self.entries if entry.address != NATIVE_MARKER)

    @property
    def moves(self) -> tuple[Log, ...]:
        """Every move of ETH, the transaction's own first, as a token's Transfer log would tell it."""
        return tuple(entry for entry in self.entries if entry.address == NATIVE_MARKER)

    @property
    def reverted(self) -> bool:
        return self.error == "execution reverted"


class TracingComputation(PragueComputation):
    """Logs every transfer of ETH like a token's, in the order in which things happened."""

    @classmethod
    def apply_message(
        cls,
        state: StateAPI,
        message: MessageAPI,
        transaction_context: TransactionContextAPI,
        parent_computation: ComputationAPI | None = None,
    ) -> ComputationAPI:
        counter = transaction_context.get_next_log_counter()
        computation = super().apply_message(state, message, transaction_context, parent_computation)
        if message.should_transfer_value and message.value:
            topics = (
                TRANSFER_TOPIC,
                int.from_bytes(message.sender, "big"),
                int.from_bytes(message.storage_address, "big"),
            )
            entry = (counter, NATIVE_MARKER, topics, message.value.to_bytes(32, "big"))
            computation._log_entries.append(entry)  # type: ignore[arg-type]
        return computation


class TracingState(PragueState):
    computation_class = TracingComputation


class Evm:
    """States by root over one database in memory; nothing is ever dropped from it."""

    def __init__(self, chain_id: int) -> None:
        self._context = ChainContext(chain_id)
        self._db = AtomicDB()

    def state(
        self,
        header: PragueBlockHeader,
        root: bytes,
        ancestors: Sequence[bytes] = (),
        *,
        base_fee: int | None = None,
    ) -> StateAPI:
        """The state `root` in the frame of `header`; `ancestors` are block hashes, the newest first."""
        frame = header.copy(state_root=root)
        if base_fee is not None:
            frame = frame.copy(base_fee_per_gas=base_fee)
        context = PragueVM.create_execution_context(frame, ancestors, self._context)  # type: ignore[arg-type]
        return TracingState(self._db, context, frame.state_root)


def execute(state: StateAPI, call: Execution) -> Outcome:
    """Run a call with the transaction's full accounting on `state`, checking nothing beforehand.

    The caller has checked nonce and balance, or does not care: gas priced at zero costs nobody anything.
    """
    state.lock_changes()
    executor = state.get_transaction_executor()
    transfer_failed = None
    try:
        message = executor.build_evm_message(call)  # type: ignore[arg-type]
        computation = executor.build_computation(message, call)  # type: ignore[arg-type]
    except InsufficientFunds as error:
        transfer_failed = str(error)
    if transfer_failed is not None:
        return Outcome(b"", call.gas, 0, (), "insufficient balance for transfer")
    executor.finalize_computation(call, computation)  # type: ignore[arg-type]
    state.clear_transient_storage()
    return _outcome(call, computation)


def _outcome(call: Execution, computation: ComputationAPI) -> Outcome:
    consumed = call.gas - computation.get_gas_remaining()
    refunded = min(computation.get_gas_refund(), consumed // REFUND_QUOTIENT)
    entries = tuple(
        Log(bytes(address), tuple(topics), bytes(data))
        for address, topics, data in computation.get_log_entries()
    )
    output = bytes(computation.output)
    return Outcome(output, max(consumed - refunded, call.floor_gas), refunded, entries, _error(computation))


def _error(computation: ComputationAPI) -> str | None:
    if not computation.is_error:
        return None
    error: VMError = computation.error
    if isinstance(error, Revert):
        return "execution reverted"
    return _VM_WORDS.get(type(error).__name__, str(error) or type(error).__name__)


_VM_WORDS = {
    "OutOfGas": "out of gas",
    "InvalidInstruction": "invalid opcode: INVALID",
    "InvalidJumpDestination": "invalid jump destination",
    "InsufficientStack": "stack underflow",
    "FullStack": "stack limit reached 1024 (1023)",
    "WriteProtection": "write protection",
    "ContractCreationCollision": "contract address collision",
    "InsufficientFunds": "insufficient balance for transfer",
    "OutOfBoundsRead": "return data out of bounds",
}
