"""SLIP-24 payment requests of Ethereum transactions: amounts of 32 bytes, one output."""

from __future__ import annotations

import copy

from ..bitcoin.scripts.serialise import prefixed
from ..bitcoin.signing.payment_request import PaymentRequest
from ..errors import DataError, FirmwareError
from ..flow import Flow
from ..keys import HARDENED
from ..protocol.proto import Message

_AMOUNT_SIZE = 32


class EthereumPaymentRequest(PaymentRequest):
    """A request, to be checked against the transaction it came with. Raises DataError."""

    def __init__(self, flow: Flow, message: Message, path: list[int]) -> None:
        if message.amount is not None and len(message.amount) != _AMOUNT_SIZE:
            raise DataError(f"amount must be exactly {_AMOUNT_SIZE} bytes")
        if len(path) < 2:
            raise FirmwareError("list index out of range")  # the path has no coin type
        self.message = message
        without_amount = copy.copy(message)
        without_amount.amount = None  # of another size than Bitcoin's; compared here
        super().__init__(flow, without_amount, path[1] & ~HARDENED)

    @property
    def asked_amount(self) -> int:
        """The amount in the request; the firmware takes its presence for granted on the screen."""
        if self.message.amount is None:
            raise FirmwareError("")
        return int.from_bytes(self.message.amount, "little")

    def verify_output(self, amount: int, recipient: str) -> None:
        """Whether that output is what the merchant signed. Raises DataError."""
        if self.message.amount is not None and amount != self.asked_amount:
            raise DataError("Invalid amount in payment request.")
        self._outputs.update(amount.to_bytes(_AMOUNT_SIZE, "little") + prefixed(recipient.encode()))
        self.verify()
