"""A transaction the host wants signed, as the questions and checks see it."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol.proto import Message
from .networks import Network
from .payment_request import EthereumPaymentRequest
from .wallet import Wallet

SELECTOR_LENGTH = 4
WORD = 32


@dataclass(frozen=True, slots=True)
class Fees:
    """Gas and its price in wei; `priority` only for EIP-1559, where `price` is the maximum."""

    gas_limit: int
    price: int
    priority: int | None = None

    @property
    def maximum(self) -> int:
        return self.gas_limit * self.price


@dataclass(frozen=True, slots=True)
class Call:
    """Recipient, value and the first part of the data, read from a request."""

    msg: Message
    wallet: Wallet
    sender: bytes
    recipient: bytes  # b"" for contract creation
    fees: Fees
    payment_request: EthereumPaymentRequest | None = None

    @property
    def network(self) -> Network:
        return self.wallet.network

    @property
    def path(self) -> list[int]:
        return list(self.msg.address_n)

    @property
    def chain_id(self) -> int:
        return int(self.msg.chain_id)

    @property
    def value(self) -> int:
        return int.from_bytes(self.msg.value, "big")

    @property
    def nonce(self) -> int:
        return int.from_bytes(self.msg.nonce, "big")

    @property
    def initial(self) -> bytes:
        """The data that came with the request."""
        return bytes(self.msg.data_initial_chunk)

    @property
    def data_length(self) -> int:
        return int(self.msg.data_length)

    def is_plain_call(self, length: int) -> bool:
        """Whether ether-less data of that length came in one piece, for an existing contract."""
        return bool(
            self.recipient
            and not self.msg.value
            and self.data_length == length
            and len(self.initial) == length
        )
