"""The questions of Trezor One's firmware (layout2.c): one screen and one ButtonRequest each.

It does not know accounts, and never asks about sending from several.
"""

from __future__ import annotations

from trezorlib.messages import ButtonRequestType

from ..amounts import format_fee_rate
from ..signing import omni
from .base import FeeQuestion, OutputQuestion, Path
from .core import LOCKTIME_IS_TIME, CoreQuestions, format_time

_CONFIRM_OUTPUT = int(ButtonRequestType.ConfirmOutput)
_FEE_OVER_THRESHOLD = int(ButtonRequestType.FeeOverThreshold)
_WARNING = "Warning!"


class LegacyQuestions(CoreQuestions):
    """One ButtonRequest a screen."""

    def output(self, output: OutputQuestion) -> None:
        path = () if output.label is None else (output.label,)
        lines = (f"{self._amount(output.amount)} to", output.address, *path)
        self._ask("confirm_output", "Confirm sending", lines, _CONFIRM_OUTPUT)

    def op_return(self, number: int, data: bytes) -> None:
        if omni.is_omni(data):
            title, text = "Confirm OMNI Transaction:", omni.describe(data)
        else:
            title, text = "Confirm OP_RETURN:", as_text(data)
        self._ask("op_return", title, (text,), _CONFIRM_OUTPUT)

    def replacement(self, title: str, tx_hash: bytes) -> None:
        self._ask("confirm_replacement", title, (tx_hash.hex(),))

    def modified_output(self, address: str, old_amount: int, new_amount: int) -> None:
        change = new_amount - old_amount
        question = "Decrease amount by:" if change < 0 else "Increase amount by:"
        lines = (self._amount(abs(change)), "New amount:", self._amount(new_amount))
        self._ask("modify_output", "Modify amount for address:", (address,), _CONFIRM_OUTPUT)
        self._ask("modify_output", question, lines, _CONFIRM_OUTPUT)

    def modified_fee(self, title: str, change: int, fee: FeeQuestion) -> None:
        question = "Decrease your fee by:" if change < 0 else "Increase your fee by:"
        rate = f"({format_fee_rate(fee.fee, fee.virtual_size)})"
        lines = (self._amount(abs(change)), "Transaction fee:", self._amount(fee.fee), rate)
        self._ask("modify_fee", question, lines)

    def unverified_external_inputs(self) -> None:
        lines = ("The transaction contains unverified external inputs.", "Continue?")
        self._ask("unverified_external_input", _WARNING, lines)

    def several_accounts(self) -> None:
        """Not asked."""

    def fee_over_threshold(self, fee: int) -> None:
        lines = (self._amount(fee), "is unexpectedly high.", "Send anyway?")
        self._ask("fee_over_threshold", "Fee", lines, _FEE_OVER_THRESHOLD)

    def many_change_outputs(self, count: int) -> None:
        lines = (f"There are {count} change-outputs.", "Continue?")
        self._ask("change_count_over_threshold", _WARNING, lines)

    def lock_time(self, lock_time: int, *, disabled: bool) -> None:
        title = "Locktime for this transaction is set to"
        if disabled:
            title, lines = _WARNING, ("Locktime is set but will have no effect.",)
        elif lock_time < LOCKTIME_IS_TIME:
            lines = (f"blockheight: {lock_time}",)
        else:
            lines = (f"timestamp (UTC): {format_time(lock_time)}",)
        self._ask("nondefault_locktime", title, (*lines, "Continue?"))

    def total(self, spending: int, fee: FeeQuestion, account: Path | None) -> None:
        rate = f"({format_fee_rate(fee.fee, fee.virtual_size)})"
        lines = (self._amount(spending), "including fee:", self._amount(fee.fee), rate)
        self._ask("confirm_total", "Confirm sending:", lines)

    def joint_total(self, spending: int, total: int) -> None:
        lines = (self._amount(spending), "to the total amount:", self._amount(total))
        self._ask("confirm_joint_total", "You are contributing:", lines)


def as_text(data: bytes) -> str:
    """ASCII as it is, anything else in hex."""
    return data.decode() if data and all(32 <= byte < 127 for byte in data) else data.hex()
