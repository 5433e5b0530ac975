"""Payment requests (SLIP-24): a merchant's signed word on what outputs are for.

Verified with the key of upstream's debug firmware, whose private half is public: this device is
for tests. Refuses amounts, outputs, nonces and memo addresses other than the signed ones.
"""

from __future__ import annotations

import hashlib

from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS

from ...errors import DataError, FirmwareError
from ...flow import Flow
from ...protocol.proto import Message
from ...slip24 import check_address_mac
from ..scripts.serialise import compact_size, prefixed, u32, u64

# NIST P-256 key of debug builds (core/src/apps/common/payment_request.py).
DEBUG_PUBLIC_KEY = bytes.fromhex("03d9d93f89c6963b94bbd7a5118828e44c1c395915ace84888717f568cb01974c3")

_MAGIC = b"SL\x00\x24"
_AMOUNT_SIZE = 8
_TEXT, _REFUND, _COIN_PURCHASE, _TEXT_DETAILS = 1, 2, 3, 4


def _check_memos(message: Message) -> None:
    for memo in message.memos:
        kinds = (memo.text_memo, memo.text_details_memo, memo.refund_memo, memo.coin_purchase_memo)
        if sum(kind is not None for kind in kinds) != 1:
            raise DataError("Exactly one memo type must be specified in each PaymentRequestMemo.")


def _text(text: str) -> bytes:
    return prefixed(text.encode())


class PaymentRequest:
    """One request, fed with its outputs."""

    def __init__(self, flow: Flow, message: Message, slip44: int) -> None:
        """Raises DataError; uses up the session's nonce."""
        _check_memos(message)
        self._flow = flow
        self._slip44 = slip44
        self._message = message
        self._expected_amount: int | None = None
        self._amount = 0
        self._outputs = hashlib.sha256()
        if message.amount is not None:
            if len(message.amount) != _AMOUNT_SIZE:
                raise DataError(f"amount must be exactly {_AMOUNT_SIZE} bytes")
            self._expected_amount = int.from_bytes(message.amount, "little")
        nonce = self._take_nonce()
        self._signed = _MAGIC + prefixed(nonce) + _text(message.recipient_name)
        self._signed += compact_size(len(message.memos))
        self._signed += b"".join(self._memo(memo) for memo in message.memos) + u32(slip44)

    def _take_nonce(self) -> bytes:
        nonce = bytes(self._message.nonce or b"")
        if not nonce:
            if self._message.memos:
                raise DataError("Missing nonce in payment request.")
            return b""
        session = self._flow.sessions.active
        if session.nonce != nonce:
            raise DataError("Invalid nonce in payment request.")
        session.nonce = b""
        return nonce

    def _memo(self, memo: Message) -> bytes:
        if memo.text_memo is not None:
            return u32(_TEXT) + _text(memo.text_memo.text)
        if memo.text_details_memo is not None:
            details = memo.text_details_memo
            return u32(_TEXT_DETAILS) + _text(details.title) + _text(details.text)
        if memo.refund_memo is not None:
            refund = memo.refund_memo
            check_address_mac(self._flow, self._slip44, refund.address_n, refund.address, refund.mac)
            return u32(_REFUND) + _text(refund.address)
        buy = memo.coin_purchase_memo
        check_address_mac(self._flow, buy.coin_type, buy.address_n, buy.address, buy.mac)
        return u32(_COIN_PURCHASE) + u32(buy.coin_type) + _text(buy.amount) + _text(buy.address)

    def add_output(self, amount: int, address: str, *, is_change: bool) -> None:
        if not address:  # OP_RETURN: an assertion of the firmware
            raise FirmwareError("")
        self._outputs.update(u64(amount) + _text(address))
        if not is_change:
            self._amount += amount

    def verify(self) -> None:
        """Raises DataError unless amount and outputs are those that were signed."""
        if self._expected_amount is not None and self._amount != self._expected_amount:
            raise DataError("Invalid amount in payment request.")
        digest = SHA256.new(self._signed + self._outputs.digest())
        key = ECC.import_key(DEBUG_PUBLIC_KEY, curve_name="P-256")
        signature = bytes(self._message.signature)
        if len(signature) == 65:  # with a recovery byte in front
            signature = signature[1:]
        try:
            DSS.new(key, "fips-186-3").verify(digest, signature)
        except ValueError:
            raise DataError("Invalid signature in payment request.") from None
