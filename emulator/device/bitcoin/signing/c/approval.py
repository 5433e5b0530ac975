"""Adds up the transaction and asks the person about it, in the C firmware's order.

Refuses more spending than funds, inputs of others without a proof under strict safety checks, and
replacements that spend more than before. However high, a fee is only asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

from trezorlib.messages import OutputScriptType

from ....errors import DataError, NotEnoughFunds, ProcessError
from ....protocol.proto import Message
from ... import paths
from ...questions.base import FeeQuestion, OutputQuestion, SigningQuestions
from ...scripts.script_types import is_external
from .context import Context, add_amount
from .facts import Facts
from .proofs import is_not_ours
from .weight import WeightCounter

# More change outputs than this are unusual enough to ask.
MAX_SILENT_CHANGE = 2
_MASK = 0xFFFF_FFFF_FFFF_FFFF  # C's subtraction wraps around


@dataclass(slots=True)
class Sums:
    """Satoshi; sums of 64 bits."""

    inputs: int = 0
    external: int = 0  # of someone else, as proven
    outputs: int = 0
    change: int = 0

    @property
    def paid_by_us(self) -> int:
        """What leaves for others from our inputs, the fee excluded."""
        return (self.outputs - self.change - self.external) & _MASK


class Approval:
    """Totals of one signing, and its questions."""

    def __init__(self, context: Context, questions: SigningQuestions) -> None:
        self._context = context
        self._ask = questions
        self._weight = WeightCounter()
        self.current = Sums()
        self.original = Sums()  # of the transaction being replaced
        self._change_count = 0
        self._asked_outputs = 0
        self._unverified_inputs = False

    # Inputs

    def add_input(self, txi: Message) -> None:
        """Count an input. Raises DataError, ProcessError."""
        self.current.inputs = add_amount(self.current.inputs, txi.amount)
        self._weight.add_input(txi)
        if is_external(txi):
            self._add_external(txi)

    def _add_external(self, txi: Message) -> None:
        flow = self._context.flow
        if txi.ownership_proof is None:
            self._unverified_inputs = True
            self._refuse_unverified()
            return
        if not is_not_ours(flow, txi):
            raise DataError("Invalid external input.")
        self.current.external = add_amount(self.current.external, txi.amount)
        if txi.orig_hash is not None:
            self.original.external = add_amount(self.original.external, txi.amount)

    def _refuse_unverified(self) -> None:
        if self._context.flow.state.strict:
            raise ProcessError("Unverifiable external input.")

    # Outputs

    def add_output(self, txo: Message, *, is_change: bool) -> None:
        """Count an output. Raises DataError."""
        self.current.outputs = add_amount(self.current.outputs, txo.amount)
        if is_change:
            self.current.change = add_amount(self.current.change, txo.amount)
            self._change_count += 1

    def weigh_output(self, script: bytes, *, is_change: bool) -> None:
        self._weight.add_output(script)

    def ask_output(self, txo: Message) -> None:
        """The question about an output that is not change."""
        self._asked_outputs += 1
        if txo.script_type == OutputScriptType.PAYTOOPRETURN:
            self._ask.op_return(self._asked_outputs, bytes(txo.op_return_data or b""))
            return
        label = paths.format_path(txo.address_n) if txo.address_n else None
        address = self._context.address_of(txo)
        self._ask.output(OutputQuestion(self._asked_outputs, address, txo.amount, label))

    # Replacement

    def ask_replacement(self, facts: Facts, original: Facts, tx_hash: bytes) -> None:
        finalized = original.rbf_enabled and not facts.rbf_enabled
        self._ask.replacement("Finalize TXID:" if finalized else "Update TXID:", tx_hash)

    def add_original_input(self, txi: Message) -> None:
        self.original.inputs = add_amount(self.original.inputs, txi.amount or 0)

    def add_original_output(self, txo: Message, *, is_change: bool) -> None:
        self.original.outputs = add_amount(self.original.outputs, txo.amount)
        if is_change:
            self.original.change = add_amount(self.original.change, txo.amount)

    def compare_output(self, txo: Message, before: Message) -> None:
        """An output that was in the original, too: it may only be lowered. Raises ProcessError."""
        if txo.amount < before.amount:
            self._ask.modified_output(self._context.address_of(txo), before.amount, txo.amount)
        elif txo.amount > before.amount:
            raise ProcessError("Increasing original output amounts is not supported.")

    # The whole

    def approve(self, facts: Facts, original: Facts | None) -> None:
        """The questions about the transaction. Raises NotEnoughFunds, ProcessError, ActionCancelled."""
        if self._unverified_inputs:
            self._ask.unverified_external_inputs()
        fee = self.current.inputs - self.current.outputs
        if fee < 0:
            raise NotEnoughFunds("Not enough funds")
        ceiling = self._context.wallet.coin.max_fee_per_kvb * self._weight.weight
        if fee > ceiling // 4000:
            self._ask.fee_over_threshold(fee)
        if self._change_count > MAX_SILENT_CHANGE:
            self._ask.many_change_outputs(self._change_count)
        question = FeeQuestion(fee, self._weight.virtual_size())
        if original is not None:
            self._approve_replacement(facts, original, question)
        else:
            self._approve_standard(facts, question)

    def _approve_replacement(self, facts: Facts, original: Facts, fee: FeeQuestion) -> None:
        fee_before = self.original.inputs - self.original.outputs
        if fee_before < 0:
            raise ProcessError("Negative fees not supported in transaction replacement.")
        if self.current.external != self.original.external:
            raise ProcessError("Adding external inputs is not supported.")
        if self.current.paid_by_us > self.original.paid_by_us:
            raise ProcessError("Invalid replacement transaction.")
        if facts.effective_lock_time != original.effective_lock_time:
            raise ProcessError(
                "Original transactions must have same effective nLockTime as replacement transaction."
            )
        if fee.fee != fee_before:
            self._ask.modified_fee("Modify fee", fee.fee - fee_before, fee)

    def _approve_standard(self, facts: Facts, fee: FeeQuestion) -> None:
        if facts.head.lock_time:
            self._ask.lock_time(facts.head.lock_time, disabled=facts.lock_time_disabled)
        total = self.current.inputs - self.current.change
        if self.current.external:
            self._ask.joint_total(total - self.current.external, total)
        else:
            self._ask.total(total, fee, None)
