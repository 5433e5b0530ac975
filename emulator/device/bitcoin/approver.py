"""Adds up the transaction and asks the person: outputs, warnings, fee and total.

Refuses more spending than funds, and under strict safety checks a fee above ten times the coin's
ceiling. Totals are integers of satoshi.
"""

from __future__ import annotations

from datetime import UTC, datetime

from trezorlib.messages import ButtonRequestType, OutputScriptType

from ..errors import DataError, NotEnoughFunds, ProcessError, changed_during_signing
from ..flow import Flow
from ..proto import Message
from ..screens import Screen
from . import paths
from .amounts import format_amount, format_fee_rate
from .change import ChangeDetector
from .stream import INPUT_TYPE_OF_CHANGE
from .wallet import Wallet
from .weight import WeightCounter

# More change outputs than this are unusual enough to ask.
MAX_SILENT_CHANGE = 2
# With strict safety checks a fee this many times above the warning is refused.
MAX_FEE_FACTOR = 10
SEQUENCE_FINAL = 0xFFFF_FFFF
LOCKTIME_IS_TIME = 500_000_000

_SIGN_TX = int(ButtonRequestType.SignTx)
_CONFIRM_OUTPUT = int(ButtonRequestType.ConfirmOutput)


class Approver:
    """Totals and questions of one transaction."""

    def __init__(self, flow: Flow, wallet: Wallet, msg: Message) -> None:
        self._flow = flow
        self._wallet = wallet
        self._coin = wallet.coin
        self._unit = msg.amount_unit
        self._lock_time = msg.lock_time
        self._weight = WeightCounter()
        self._total_in = 0
        self._total_out = 0
        self._change_out = 0
        self._change_count = 0
        self._external_count = 0
        self._min_sequence = SEQUENCE_FINAL
        self._unusual_path_accepted = False

    # Inputs

    def _input_path_is_usual(self, txi: Message) -> bool:
        return paths.fits_script_type(
            self._coin, txi.address_n, txi.script_type, multisig=txi.multisig is not None
        )

    def add_input(self, txi: Message) -> None:
        """Count an input; warns of a path that does not fit its script type."""
        if not self._input_path_is_usual(txi):
            self._wallet.warn_unusual_path(txi.address_n)
            self._unusual_path_accepted = True
        self._weight.add_input(txi.script_type)
        self._total_in += txi.amount
        self._min_sequence = min(self._min_sequence, txi.sequence)

    def check_input(self, txi: Message) -> None:
        """Before signing: an unusual path must have been warned of."""
        if not self._input_path_is_usual(txi) and not self._unusual_path_accepted:
            raise changed_during_signing()

    # Outputs

    def add_output(self, txo: Message, address: str, script: bytes, *, is_change: bool) -> None:
        """Count an output; ask about it unless it is change."""
        if txo.address_n and not paths.fits_script_type(
            self._coin,
            txo.address_n,
            INPUT_TYPE_OF_CHANGE[txo.script_type],
            multisig=txo.multisig is not None,
        ):
            self._wallet.warn_unusual_path(txo.address_n)
        self._weight.add_output(script)
        self._total_out += txo.amount
        if is_change:
            self._change_out += txo.amount
            self._change_count += 1
            return
        if txo.payment_req_index is not None:
            raise ProcessError("Payment requests are not supported by this emulator")
        self._ask_output(txo, address)
        self._external_count += 1

    def _ask_output(self, txo: Message, address: str) -> None:
        number = self._external_count + 1
        if txo.script_type == OutputScriptType.PAYTOOPRETURN:
            lines = (bytes(txo.op_return_data).hex(),)
            self._flow.confirm(Screen("op_return", "OP_RETURN", lines, _CONFIRM_OUTPUT))
            return
        amount = format_amount(txo.amount, self._coin, self._unit)
        label: tuple[str, ...] = ()
        if txo.address_n:
            kind = INPUT_TYPE_OF_CHANGE[txo.script_type]
            name = paths.account_name(self._coin, txo.address_n, kind)
            label = (name or paths.format_path(txo.address_n),)
        code = self._flow.persona.output_button_code
        if self._flow.persona.single_output_screen:
            title = f"Send #{number}"
            self._flow.confirm(Screen("confirm_output", title, (amount, *label, address), code))
            return
        recipient = Screen("confirm_output", f"Recipient #{number}", (*label, address), code, "CONTINUE")
        self._flow.confirm(recipient)
        self._flow.confirm(Screen("confirm_output", f"Amount #{number}", (amount,), code))

    # The whole

    def approve(self, change: ChangeDetector) -> None:
        """The questions about the transaction as a whole. Raises NotEnoughFunds, DataError."""
        if change.account is None:
            lines = ("Sending from multiple accounts.", "Continue anyway?")
            self._flow.confirm(Screen("sending_from_multiple_accounts", "Warning", lines, _SIGN_TX))
        fee = self._total_in - self._total_out
        if fee < 0:
            raise NotEnoughFunds("Not enough funds")
        size = self._weight.virtual_size()
        self._check_fee(fee, size)
        if self._change_count > MAX_SILENT_CHANGE:
            lines = ("There are a lot of change outputs.", f"{self._change_count} outputs")
            self._flow.confirm(Screen("change_count_over_threshold", "Warning", lines, _SIGN_TX))
        if self._lock_time > 0:
            self._ask_lock_time()
        self._ask_total(fee, size, change.account)

    def _check_fee(self, fee: int, size: int) -> None:
        ceiling = self._coin.max_fee_per_kvb * size  # in thousandths of a satoshi
        if fee * 1000 <= ceiling:
            return
        if fee * 1000 > MAX_FEE_FACTOR * ceiling and self._flow.state.strict:
            raise DataError("The fee is unexpectedly large")
        lines = ("Unusually high fee.", format_amount(fee, self._coin, self._unit), "Continue anyway?")
        code = int(ButtonRequestType.FeeOverThreshold)
        screen = Screen("fee_over_threshold", "Warning", lines, code)
        self._flow.confirm(screen, announce=self._flow.persona.announces_total)

    def _ask_lock_time(self) -> None:
        if self._min_sequence == SEQUENCE_FINAL:
            lines: tuple[str, ...] = ("Locktime is set but will have no effect.", "Continue anyway?")
        elif self._lock_time < LOCKTIME_IS_TIME:
            lines = ("Locktime for this transaction is set to blockheight:", str(self._lock_time))
        else:
            when = datetime.fromtimestamp(self._lock_time, UTC)
            lines = ("Locktime for this transaction is set to:", f"{when:%Y-%m-%d %H:%M:%S}")
        self._flow.confirm(Screen("nondefault_locktime", "Confirm locktime", lines, _SIGN_TX))

    def _ask_total(self, fee: int, size: int, account: tuple[int, ...] | None) -> None:
        total = self._total_in - self._change_out
        source = "Multiple accounts"
        if account is not None:
            name = paths.account_name(self._coin, [*account, 0, 0], None)
            source = name or paths.format_path(account)
        lines = (
            "Total amount:",
            format_amount(total, self._coin, self._unit),
            "including fee:",
            format_amount(fee, self._coin, self._unit),
            f"Account: {source}",
            f"Fee rate: {format_fee_rate(fee, size)}",
        )
        screen = Screen("confirm_total", "Summary", lines, _SIGN_TX, confirm="HOLD TO CONFIRM")
        self._flow.confirm(screen, announce=self._flow.persona.announces_total)
