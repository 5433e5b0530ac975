"""Coinjoin: signing without questions, within what the person authorised beforehand.

Refuses paths outside the account, external inputs nobody vouches for, payment requests, fees above
the bound, and more rounds than allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ...errors import DataError, ProcessError
from ...flow import Flow
from ...protocol.proto import Message
from .. import paths
from ..scripts.script_types import INPUT_TYPE_OF_CHANGE, is_unverified
from ..scripts.serialise import prefixed
from ..wallet import Wallet
from .core.approver import Approver
from .tx_info import OriginalTx, TxInfo
from .weight import WeightCounter

FEE_RATE_DECIMALS = 6  # a coordinator's fee rate of 10**6 is one percent
MIN_REGISTRABLE_AMOUNT = 5000  # smaller outputs are left to the coordinator or to miners
MAX_OUTPUT_WEIGHT = 4 * (8 + 1 + 1 + 1 + 32)  # p2tr or p2wsh
_NO_FEE_FLAG = 2


def _is_below(path: Sequence[int], account: Sequence[int]) -> bool:
    return len(path) >= paths.WALLET_DEPTH and list(path[: -paths.WALLET_DEPTH]) == list(account)


def allows_proof(authorization: Message, request: Message) -> bool:
    """Whether a GetOwnershipProof belongs to the coinjoin."""
    return (
        _is_below(request.address_n, authorization.address_n)
        and request.coin_name == authorization.coin_name
        and request.script_type == authorization.script_type
        and bytes(request.commitment_data or b"").startswith(prefixed(authorization.coordinator.encode()))
    )


def use_round(flow: Flow, authorization: Message, coin_name: str) -> bool:
    """Count a round; False if none is left or it is another coin's."""
    if authorization.max_rounds < 1 or coin_name != authorization.coin_name:
        return False
    authorization.max_rounds -= 1
    flow.session().coinjoin = authorization if authorization.max_rounds >= 1 else None
    return True


class CoinjoinApprover(Approver):
    """Holds a transaction against an authorisation."""

    def __init__(self, flow: Flow, wallet: Wallet, info: TxInfo, authorization: Message) -> None:
        super().__init__(flow, wallet, info)
        if info.tx.coinjoin_request is None:
            raise DataError("Missing coinjoin request.")
        self._request = info.tx.coinjoin_request
        self._authorization = authorization
        self._fee_base = 0  # what the coordinator takes its share of
        self._our_weight = WeightCounter()

    def _allows(self, path: Sequence[int], script_type: int) -> bool:
        authorization = self._authorization
        return _is_below(path, authorization.address_n) and script_type == authorization.script_type

    def add_internal_input(self, txi: Message) -> None:
        self._our_weight.add_input(txi)
        self.check_internal_input(txi)
        no_fee = (txi.coinjoin_flags or 0) & _NO_FEE_FLAG
        if txi.amount > self._request.no_fee_threshold and not no_fee:
            self._fee_base += txi.amount
        super().add_internal_input(txi)

    def check_internal_input(self, txi: Message) -> None:
        if not self._allows(txi.address_n, txi.script_type):
            raise ProcessError("Unauthorized path")

    def add_external_input(self, txi: Message) -> None:
        super().add_external_input(txi)
        if is_unverified(txi):
            raise ProcessError("Unverifiable external input.")

    def _count_output(self, txo: Message, script: bytes) -> None:
        super()._count_output(txo, script)
        if txo.address_n and not self._allows(txo.address_n, INPUT_TYPE_OF_CHANGE[txo.script_type]):
            raise ProcessError("Unauthorized path")
        if txo.payment_req_index:
            raise DataError("Unexpected payment request.")

    def add_change_output(self, txo: Message, address: str, script: bytes) -> None:
        super().add_change_output(txo, address, script)
        self._our_weight.add_output(script)

    def approve(self, originals: Sequence[OriginalTx]) -> None:
        super().approve(originals)
        if self.current.own_spending > self._max_fees():
            raise ProcessError("Total fee over threshold.")
        if not use_round(self._flow, self._authorization, self._info.tx.coin_name):
            raise ProcessError("Exceeded number of coinjoin rounds.")

    def _max_fees(self) -> Fraction:
        """Mining fee, coordination fee, and what is too small to be paid back."""
        params, request = self._authorization, self._request
        mining = Fraction(params.max_fee_per_kvbyte * self._our_weight.virtual_size(), 1000)
        rate = min(request.fee_rate, params.max_coordinator_fee_rate)
        coordination = Fraction(rate * self._fee_base, 10 ** (FEE_RATE_DECIMALS + 2))
        fee_per_weight = Fraction(self.current.fee, self._weight.weight - self._weight.base_weight)
        smallest = min(request.min_registrable_amount, MIN_REGISTRABLE_AMOUNT)
        return mining + coordination + int(smallest) + fee_per_weight * MAX_OUTPUT_WEIGHT
