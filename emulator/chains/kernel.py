"""A thin wrapper on libbitcoinkernel: one regtest chainstate, block processing, script verification.

Says yes only when the kernel's own chain shows it: `process_block` of the library returns True for
refused blocks too, so the tip is compared; `verify` returns 0 or raises, so the value is tested.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pbk
from pbk.script import PrecomputedTransactionData

from emulator.chains.errors import BlockRefusedError
from emulator.chains.transaction import Transaction, TxOut, display_hash, sha256d

_FAILED = re.compile(r"ConnectBlock ([0-9a-f]{64}) failed, (.*)")
_REFUSED = re.compile(r"AcceptBlock FAILED \((.*)\)")


@dataclass(frozen=True, slots=True)
class Tip:
    height: int
    block_hash: str


class BlockJudge(Protocol):
    """Who says which blocks are valid, and which branch is followed."""

    def process_block(self, raw: bytes) -> Tip:
        """Take a block and return the tip afterwards. Raises BlockRefusedError."""
        ...

    def refusal(self, block_hash: str) -> str | None:
        """Why a block was found invalid, if it was."""
        ...

    def close(self) -> None: ...


class Kernel:
    """One chainstate in a temporary directory of its own; databases in memory, blocks in files."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="regtest-"))
        self._reasons: dict[str, str] = {}
        self._last_refusal = ""
        # The kernel names the broken rule only in its log (its callback has a coarse enumeration).
        self._log: Any = pbk.LoggingConnection(self._on_log)
        self._context: Any = pbk.make_context(pbk.ChainType.REGTEST)
        options: Any = pbk.ChainstateManagerOptions(
            self._context, str(self._directory), str(self._directory / "blocks")
        )
        options.update_block_tree_db_in_memory(True)
        options.update_chainstate_db_in_memory(True)
        options.set_worker_threads_num(0)
        self._manager: Any = pbk.ChainstateManager(options)
        self._manager.import_blocks([])
        self._chain: Any = self._manager.get_active_chain()

    def _on_log(self, line: str) -> None:
        if match := _FAILED.search(line):
            self._reasons[match.group(1)] = match.group(2)
        elif match := _REFUSED.search(line):
            self._last_refusal = match.group(1)

    def close(self) -> None:
        """Release the chainstate and remove its directory."""
        self._chain = self._manager = self._context = self._log = None
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def tip(self) -> Tip:
        height = int(self._chain.height)
        return Tip(height, str(self._chain.block_tree_entries[height].block_hash))

    def genesis(self) -> bytes:
        """The serialised genesis block."""
        return bytes(self._manager.blocks[self._chain.block_tree_entries[0]])

    def process_block(self, raw: bytes) -> Tip:
        """Hand a block to the kernel and return the tip afterwards.

        A valid block on a shorter branch leaves the tip where it was. Raises BlockRefusedError with the
        kernel's reason when the block, or the branch it completes, is invalid.
        """
        block_hash = display_hash(sha256d(raw[:80]))
        self._last_refusal = ""
        try:
            block = pbk.Block(raw)
        except RuntimeError as error:
            raise BlockRefusedError(block_hash, "block does not decode") from error
        try:
            self._manager.process_block(block)
        except pbk.ProcessBlockException as error:
            reason = self._reasons.get(block_hash) or self._last_refusal or str(error)
            raise BlockRefusedError(block_hash, reason) from error
        tip = self.tip
        if tip.block_hash != block_hash and block_hash in self._reasons:
            raise BlockRefusedError(block_hash, self._reasons[block_hash])
        return tip

    def refusal(self, block_hash: str) -> str | None:
        """Why the kernel found a block invalid, if it did."""
        return self._reasons.get(block_hash)

    def first_invalid_input(self, tx: Transaction, spent: Sequence[TxOut]) -> int | None:
        """Index of the first input whose script does not verify under all consensus flags, or None.

        `spent` are the outputs the inputs spend, in order: taproot commits to all of them.
        """
        kernel_tx = pbk.Transaction(tx.raw)
        outputs = [
            pbk.TransactionOutput(pbk.ScriptPubkey(out.script_pubkey), out.amount_sat) for out in spent
        ]
        precomputed = PrecomputedTransactionData(kernel_tx, outputs)
        for index, out in enumerate(spent):
            try:
                valid = pbk.ScriptPubkey(out.script_pubkey).verify(
                    out.amount_sat, kernel_tx, precomputed, index, pbk.ScriptVerificationFlags.ALL
                )
            except pbk.ScriptVerifyException:
                return index
            if not valid:
                return index
        return None
