"""Adds up the transaction and decides what the person has to be asked about it.

Refuses more spending than funds, under strict safety checks a fee above ten times the coin's
ceiling and external inputs nobody vouches for, and replacements that spend more than before.
"""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib.messages import OutputScriptType

from ....errors import DataError, FirmwareError, NotEnoughFunds, ProcessError, changed_during_signing
from ....flow import Flow
from ....protocol.proto import Message
from ... import paths
from ...questions.base import FeeQuestion, OutputQuestion, SigningQuestions
from ...scripts.script_types import INPUT_TYPE_OF_CHANGE, is_unverified
from ...wallet import Wallet
from ..payment_request import PaymentRequest
from ..totals import Totals
from ..tx_info import OriginalTx, TxInfo
from ..weight import WeightCounter

# More change outputs than this are unusual enough to ask.
MAX_SILENT_CHANGE = 2
# With strict safety checks a fee this many times above the warning is refused.
MAX_FEE_FACTOR = 10


class Approver:
    """Totals of one transaction; what must hold whoever approves it."""

    def __init__(self, flow: Flow, wallet: Wallet, info: TxInfo) -> None:
        self._flow = flow
        self._wallet = wallet
        self._coin = wallet.coin
        self._info = info
        self._weight = WeightCounter()
        self._payment_request: PaymentRequest | None = None
        self.current = Totals()
        self.original = Totals()  # of the transactions being replaced
        self._unverified_inputs = False

    # Inputs

    def _count_input(self, txi: Message) -> None:
        self._weight.add_input(txi)
        self.current.inputs += txi.amount
        if txi.orig_hash:
            self.original.inputs += txi.amount

    def add_internal_input(self, txi: Message) -> None:
        self._count_input(txi)

    def check_internal_input(self, txi: Message) -> None:
        """Before signing: the input must be one that was approved."""

    def add_external_input(self, txi: Message) -> None:
        """Count an input of someone else's. Raises ProcessError if nothing vouches for it."""
        self._count_input(txi)
        if is_unverified(txi):
            self._unverified_inputs = True
            if self._flow.state.strict:
                raise ProcessError("Unverifiable external input.")
            return
        self.current.external_inputs += txi.amount
        if txi.orig_hash:
            self.original.external_inputs += txi.amount

    # Payment requests

    def start_payment_request(self, message: Message, address: str) -> None:
        """The outputs from here on belong to this request; `address` is the first one's.

        Raises DataError, also for the request before.
        """
        self.finish_payment_request()
        self._payment_request = PaymentRequest(self._flow, message, self._coin.slip44)

    def finish_payment_request(self) -> None:
        """Raises DataError unless the outputs were those of the request."""
        if self._payment_request is not None:
            self._payment_request.verify()
        self._payment_request = None

    # Outputs

    def _count_output(self, txo: Message, script: bytes) -> None:
        self._weight.add_output(script)
        self.current.outputs += txo.amount

    def _count_for_request(self, txo: Message, address: str, *, is_change: bool) -> None:
        if self._payment_request is not None:
            self._payment_request.add_output(txo.amount, address, is_change=is_change)

    def add_change_output(self, txo: Message, address: str, script: bytes) -> None:
        self._count_output(txo, script)
        self.current.change += txo.amount
        self._count_for_request(txo, address, is_change=True)

    def add_external_output(
        self, txo: Message, address: str, script: bytes, original: Message | None
    ) -> None:
        """An output that is not change; `original` is what it was before a replacement."""
        self._count_output(txo, script)
        self._count_for_request(txo, address, is_change=False)

    def add_original_output(self, txo: Message, *, is_change: bool) -> None:
        self.original.outputs += txo.amount
        if is_change:
            self.original.change += txo.amount

    # The whole

    def approve_originals(self, originals: Sequence[OriginalTx]) -> None:
        """The question about the transactions being replaced."""

    def approve(self, originals: Sequence[OriginalTx]) -> None:
        """The questions about the transaction as a whole."""
        self.finish_payment_request()


class PersonApprover(Approver):
    """Asks the person."""

    def __init__(self, flow: Flow, wallet: Wallet, info: TxInfo, questions: SigningQuestions) -> None:
        super().__init__(flow, wallet, info)
        self._ask = questions
        self._change_count = 0
        self._asked_outputs = 0
        self._unusual_path_accepted = False

    @property
    def _is_payjoin(self) -> bool:
        """A replacement to which someone else added inputs."""
        return self.current.external_inputs != self.original.external_inputs

    # Inputs

    def _input_path_is_usual(self, txi: Message) -> bool:
        return self._wallet.fits(txi.address_n, txi.script_type, multisig=txi.multisig is not None)

    def add_internal_input(self, txi: Message) -> None:
        """Count an input; warns of a path that does not fit its script type."""
        if not self._input_path_is_usual(txi):
            self._wallet.warn_unusual_path(txi.address_n)
            self._unusual_path_accepted = True
        super().add_internal_input(txi)

    def check_internal_input(self, txi: Message) -> None:
        """Before signing: an unusual path must have been warned of."""
        if not self._unusual_path_accepted and not self._input_path_is_usual(txi):
            raise changed_during_signing()

    # Outputs

    def start_payment_request(self, message: Message, address: str) -> None:
        super().start_payment_request(message, address)
        if message.amount is None:
            raise DataError("Missing payment request amount.")
        if not address:  # OP_RETURN: an assertion of the firmware
            raise FirmwareError("")
        amount = int.from_bytes(message.amount, "little")
        self._ask.payment_request(message, address, amount, self._info.change.account)

    def _count_output(self, txo: Message, script: bytes) -> None:
        if txo.address_n:
            kind = INPUT_TYPE_OF_CHANGE[txo.script_type]
            if not self._wallet.fits(txo.address_n, kind, multisig=txo.multisig is not None):
                self._wallet.warn_unusual_path(txo.address_n)
        super()._count_output(txo, script)

    def add_change_output(self, txo: Message, address: str, script: bytes) -> None:
        super().add_change_output(txo, address, script)
        self._change_count += 1

    def add_external_output(
        self, txo: Message, address: str, script: bytes, original: Message | None
    ) -> None:
        super().add_external_output(txo, address, script, original)
        if original is not None:
            self._take_modified_output(txo, address, original)
        elif self.original.inputs:
            self._take_new_output(txo)
        elif txo.payment_req_index is None:
            self._ask_output(txo, address)

    def _take_modified_output(self, txo: Message, address: str, original: Message) -> None:
        """Only the payer of a payjoin may raise an output, nobody may lower one there."""
        if txo.amount < original.amount:
            if self._is_payjoin:
                raise ProcessError("Reducing original output amounts is not supported.")
            self._ask.modified_output(address, original.amount, txo.amount)
        elif txo.amount > original.amount and not self._is_payjoin:
            raise ProcessError("Increasing original output amounts is not supported.")

    def _take_new_output(self, txo: Message) -> None:
        if txo.script_type == OutputScriptType.PAYTOOPRETURN:
            raise ProcessError("Adding new OP_RETURN outputs in replacement transactions is not supported.")
        if not self._is_payjoin:
            raise ProcessError("Adding new external outputs in replacement transactions is not supported.")

    def _ask_output(self, txo: Message, address: str) -> None:
        self._asked_outputs += 1
        if txo.script_type == OutputScriptType.PAYTOOPRETURN:
            self._ask.op_return(self._asked_outputs, bytes(txo.op_return_data))
            return
        label = None
        if txo.address_n and txo.multisig is None:
            kind = INPUT_TYPE_OF_CHANGE[txo.script_type]
            label = paths.account_name(self._coin, txo.address_n, kind) or paths.format_path(txo.address_n)
        account = self._info.change.account
        self._ask.output(OutputQuestion(self._asked_outputs, address, txo.amount, label, account))

    # The whole

    def approve_originals(self, originals: Sequence[OriginalTx]) -> None:
        for original in originals:
            self._ask.replacement(self._title(originals), original.tx_hash)

    def _title(self, originals: Sequence[OriginalTx]) -> str:
        if self._is_payjoin:
            return "Payjoin"
        if self._info.rbf_disabled and not all(original.rbf_disabled for original in originals):
            return "Finalize transaction"
        return "Meld transaction" if len(originals) > 1 else "Update transaction"

    def approve(self, originals: Sequence[OriginalTx]) -> None:
        """Raises NotEnoughFunds, DataError, ProcessError."""
        super().approve(originals)
        if self._unverified_inputs:
            self._ask.unverified_external_inputs()
        if self._info.change.account is None:
            self._ask.several_accounts()
        if self.current.fee < 0:
            raise NotEnoughFunds("Not enough funds")
        size = self._weight.virtual_size()
        self._check_fee(self.current.fee, size)
        if self._change_count > MAX_SILENT_CHANGE:
            self._ask.many_change_outputs(self._change_count)
        if originals:
            self._approve_replacement(originals, size)
        else:
            self._approve_standard(size)

    def _check_fee(self, fee: int, size: int) -> None:
        ceiling = self._coin.max_fee_per_kvb * size  # in thousandths of a satoshi
        if fee * 1000 <= ceiling:
            return
        if fee * 1000 > MAX_FEE_FACTOR * ceiling and self._flow.state.strict:
            raise DataError("The fee is unexpectedly large")
        self._ask.fee_over_threshold(fee)

    def _approve_standard(self, size: int) -> None:
        lock_time = self._info.tx.lock_time
        if lock_time > 0:
            self._ask.lock_time(lock_time, disabled=self._info.lock_time_disabled)
        if self.current.external_inputs:
            self._ask.joint_total(self.current.own_spending, self.current.spending)
        else:
            fee = FeeQuestion(self.current.fee, size)
            self._ask.total(self.current.spending, fee, self._info.change.account)

    def _approve_replacement(self, originals: Sequence[OriginalTx], size: int) -> None:
        """Whatever we spend more than before must be fee, and the person is told how much."""
        if self.original.fee < 0:
            raise ProcessError("Negative fees not supported in transaction replacement.")
        more_fee = self.current.fee - self.original.fee
        more_spending = self.current.own_spending - self.original.own_spending
        if more_spending > more_fee:
            raise ProcessError("Invalid replacement transaction.")
        lock_time = self._info.effective_lock_time
        if any(original.effective_lock_time != lock_time for original in originals):
            raise ProcessError(
                "Original transactions must have same effective nLockTime as replacement transaction."
            )
        fee = FeeQuestion(self.current.fee, size)
        if not self._is_payjoin:
            self._ask.modified_fee(self._title(originals), more_fee, fee)
        elif more_spending > 0:
            self._ask.modified_fee(self._title(originals), more_spending, fee)
