"""The questions of core firmware, as Model T words them: every screen has its ButtonRequest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from trezorlib.messages import ButtonRequestType

from ...protocol.proto import Message
from ...ui.screens import Screen
from .. import paths
from ..amounts import format_amount, format_fee_rate
from ..signing import omni
from .base import FeeQuestion, OutputQuestion, Path, Setting

LOCKTIME_IS_TIME = 500_000_000

_SIGN_TX = int(ButtonRequestType.SignTx)
_CONFIRM_OUTPUT = int(ButtonRequestType.ConfirmOutput)
_FEE_OVER_THRESHOLD = int(ButtonRequestType.FeeOverThreshold)
_OTHER = int(ButtonRequestType.Other)
_CONTINUE = "CONTINUE"
_ANYWAY = "Continue anyway?"


def account_label(setting: Setting, account: Path | None) -> str:
    """The name of an account, its path if it has none."""
    if account is None:
        return "Multiple accounts"
    name = paths.account_name(setting.coin, [*account, 0, 0], None)
    return name or paths.format_path(account)


def format_time(lock_time: int) -> str:
    """A lock time that is a time (UTC)."""
    return f"{datetime.fromtimestamp(lock_time, UTC):%Y-%m-%d %H:%M:%S}"


class CoreQuestions:
    """Asks on the flow's display."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._flow = setting.flow

    def _amount(self, amount: int) -> str:
        return format_amount(amount, self._setting.coin, self._setting.unit)

    def _ask(
        self, name: str, title: str, lines: tuple[str, ...], code: int = _SIGN_TX, button: str = "CONFIRM"
    ) -> None:
        self._flow.confirm(Screen(name, title, lines, code, button))

    # Outputs

    def output(self, output: OutputQuestion) -> None:
        label = (output.label,) if output.label is not None else ()
        recipient, amount = f"Recipient #{output.number}", f"Amount #{output.number}"
        self._ask("confirm_output", recipient, (*label, output.address), _CONFIRM_OUTPUT, _CONTINUE)
        self._ask("confirm_output", amount, (self._amount(output.amount),), _CONFIRM_OUTPUT)

    def op_return(self, number: int, data: bytes) -> None:
        if omni.is_omni(data):
            self._ask("omni_transaction", "OMNI transaction", (omni.describe(data),), _CONFIRM_OUTPUT)
        else:
            self._ask("op_return", "OP_RETURN", (data.hex(),), _CONFIRM_OUTPUT)

    # Payment requests

    def payment_request(self, request: Message, address: str, amount: int, account: Path | None) -> None:
        purchases = [memo.coin_purchase_memo for memo in request.memos if memo.coin_purchase_memo]
        title = "Swap" if purchases else "Confirm"
        for memo in request.memos:
            if memo.text_memo is not None:
                self._ask("confirm_payment_request", title, (memo.text_memo.text,), _OTHER)
            elif memo.text_details_memo is not None:
                text = memo.text_details_memo
                self._ask("confirm_payment_request", text.title, (text.text,), _OTHER)
        lines = ("Provider", request.recipient_name, "Provider address", address)
        self._ask("confirm_payment_request", title, (*lines, *self._refunds(request)))
        for purchase in purchases:
            bought = (f"-\u00a0{self._amount(amount)}", f"+\u00a0{purchase.amount}")
            place = ("Receive address", purchase.address, *self._account_lines(purchase.address_n))
            self._ask("confirm_trade", title, (*bought, *place))

    def _refunds(self, request: Message) -> Iterator[str]:
        for memo in request.memos:
            if memo.refund_memo is not None:
                yield from ("Refund address", memo.refund_memo.address)
                yield from self._account_lines(memo.refund_memo.address_n)

    def _account_lines(self, path: list[int]) -> tuple[str, ...]:
        if not path:
            return ()
        account = account_label(self._setting, tuple(path))
        return ("Account", account, "Derivation path", paths.format_path(path))

    # Replacement

    def replacement(self, title: str, tx_hash: bytes) -> None:
        self._ask("confirm_replacement", title, ("Transaction ID:", tx_hash.hex()), button=_CONTINUE)

    def modified_output(self, address: str, old_amount: int, new_amount: int) -> None:
        title, change = "Modify amount", new_amount - old_amount
        self._ask("modify_output", title, ("Address:", address), _CONFIRM_OUTPUT, _CONTINUE)
        direction = "Decrease amount by:" if change < 0 else "Increase amount by:"
        lines = (direction, self._amount(abs(change)), "New amount:", self._amount(new_amount))
        self._ask("modify_output", title, lines, _CONFIRM_OUTPUT)

    def modified_fee(self, title: str, change: int, fee: FeeQuestion) -> None:
        lines: tuple[str, ...] = ("Fee did not change.",)
        if change:
            direction = "Decrease fee by:" if change < 0 else "Increase fee by:"
            lines = (direction, self._amount(abs(change)))
        lines += ("New transaction fee:", self._amount(fee.fee))
        lines += (f"New fee rate: {format_fee_rate(fee.fee, fee.virtual_size)}",)
        self._ask("modify_fee", title, lines)

    # Warnings

    def unverified_external_inputs(self) -> None:
        lines = ("The transaction contains unverified external inputs.", _ANYWAY)
        self._ask("unverified_external_input", "Warning", lines, button=_CONTINUE)

    def several_accounts(self) -> None:
        lines = ("Sending from multiple accounts.", _ANYWAY)
        self._ask("sending_from_multiple_accounts", "Warning", lines, button=_CONTINUE)

    def fee_over_threshold(self, fee: int) -> None:
        lines = ("Unusually high fee.", self._amount(fee), _ANYWAY)
        self._ask("fee_over_threshold", "Warning", lines, _FEE_OVER_THRESHOLD, _CONTINUE)

    def many_change_outputs(self, count: int) -> None:
        lines = ("A lot of change-outputs.", f"{count} outputs")
        self._ask("change_count_over_threshold", "Warning", lines, button=_CONTINUE)

    def lock_time(self, lock_time: int, *, disabled: bool) -> None:
        button = "CONFIRM"
        if disabled:
            lines: tuple[str, ...] = ("Locktime is set but will have no effect.", _ANYWAY)
            button = _CONTINUE
        elif lock_time < LOCKTIME_IS_TIME:
            lines = ("Locktime set to blockheight:", str(lock_time))
        else:
            lines = ("Locktime set to:", format_time(lock_time))
        self._ask("nondefault_locktime", "Confirm Locktime", lines, button=button)

    # Totals

    def total(self, spending: int, fee: FeeQuestion, account: Path | None) -> None:
        lines = (
            "Total amount:",
            self._amount(spending),
            "including fee:",
            self._amount(fee.fee),
            f"Account: {account_label(self._setting, account)}",
            f"Fee rate: {format_fee_rate(fee.fee, fee.virtual_size)}",
        )
        self._ask("confirm_total", "Summary", lines, button="HOLD TO CONFIRM")

    def joint_total(self, spending: int, total: int) -> None:
        lines = ("You are contributing:", self._amount(spending), "To the total amount:", self._amount(total))
        self._ask("confirm_joint_total", "Joint transaction", lines, button="HOLD TO CONFIRM")
