"""Coinjoin: the C firmware signs without questions, within what the person authorised beforehand.

Refuses paths outside the account, inputs of others without a proof, fees above the bound, more
rounds than allowed, and every input of ours where the coordinator has to unmask them with a key.
"""

from __future__ import annotations

from trezorlib.messages import InputScriptType

from ....errors import DataError, ProcessError
from ....protocol.proto import Message
from ... import paths
from ...questions.base import SigningQuestions
from ...scripts.script_types import is_external
from ..coinjoin import FEE_RATE_DECIMALS, MAX_OUTPUT_WEIGHT, MIN_REGISTRABLE_AMOUNT, use_round
from .approval import Approval
from .context import Context, add_amount
from .facts import Facts
from .weight import WeightCounter

_NO_FEE_FLAG = 2


class AuthorizedContext(Context):
    """Allows the paths of the authorised account, and no others."""

    def approve_path(self, txio: Message, script_type: InputScriptType, *, late: bool = False) -> None:
        authorization = self.flow.coinjoin
        account = list(txio.address_n[: -paths.WALLET_DEPTH])
        if (
            authorization is None
            or len(txio.address_n) < paths.WALLET_DEPTH
            or account != list(authorization.address_n)
            or script_type != authorization.script_type
        ):
            raise ProcessError("Unauthorized path")


class CoinjoinApproval(Approval):
    """Totals of one round, and what the person pays for it."""

    def __init__(
        self, context: Context, questions: SigningQuestions, msg: Message, authorization: Message
    ) -> None:
        """Raises DataError, ProcessError."""
        super().__init__(context, questions)
        if msg.coinjoin_request is None:
            raise DataError("Missing coinjoin request.")
        if msg.coin_name != authorization.coin_name:
            raise ProcessError("Unauthorized operation.")
        self._request = msg.coinjoin_request
        self._authorization = authorization
        self._fee_base = 0  # what the coordinator takes its share of
        self._our_weight = WeightCounter()

    def add_input(self, txi: Message) -> None:
        if not is_external(txi):
            if self._context.rules.masks_coinjoin_inputs:
                raise ProcessError("Unauthorized input")
            no_fee = (txi.coinjoin_flags or 0) & _NO_FEE_FLAG
            if txi.amount > self._request.no_fee_threshold and not no_fee:
                self._fee_base = add_amount(self._fee_base, txi.amount)
            self._our_weight.add_input(txi)
        super().add_input(txi)

    def weigh_output(self, script: bytes, *, is_change: bool) -> None:
        super().weigh_output(script, is_change=is_change)
        if is_change:
            self._our_weight.add_output(script)

    def ask_output(self, txo: Message) -> None:
        """Not asked."""

    def approve(self, facts: Facts, original: Facts | None) -> None:
        """Raises ProcessError unless the round is within its bounds; uses it up."""
        if self._unverified_inputs:
            raise ProcessError("Unverifiable external input.")
        current = self.current
        our_fees = max(current.inputs - current.external - current.change, 0)
        if our_fees > self._max_fees():
            raise ProcessError("Total fee over threshold.")
        if not use_round(self._context.flow, self._authorization, self._authorization.coin_name):
            raise ProcessError("Exceeded number of coinjoin rounds.")

    def _max_fees(self) -> int:
        """Mining fee, coordination fee, and what is too small to be paid back."""
        params, request = self._authorization, self._request
        mining = params.max_fee_per_kvbyte * self._our_weight.virtual_size() // 1000
        rate = min(request.fee_rate, params.max_coordinator_fee_rate)
        coordination = rate * self._fee_base // 10**FEE_RATE_DECIMALS // 100
        fee = max(self.current.inputs - self.current.outputs, 0)
        per_output = MAX_OUTPUT_WEIGHT * fee // (self._weight.weight - self._weight.base_weight)
        smallest = min(request.min_registrable_amount, MIN_REGISTRABLE_AMOUNT)
        return int(mining + coordination + smallest + per_output)
