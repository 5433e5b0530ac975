"""The kinds of transactions: how a request is read, and which bytes are hashed around its data.

An unsigned transaction is `prefix`, then one list of head fields, data and tail (EIP-155, EIP-1559
and EIP-7702).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import DataError
from ..protocol.proto import Message
from . import rlp
from .address import ADDRESS_LENGTH, parse_address, parse_address_leniently
from .call import Fees
from .rules import EthereumRules

# Above this chain id v does not fit 32 bits with the chain in it; only the parity is returned.
MAX_CHAIN_ID_IN_V = (0xFFFF_FFFF - 36) // 2
EIP1559_TYPE = 2
EIP7702_TYPE = 4

Authorisation = Sequence[rlp.Item]
_ReadAddress = Callable[[str], bytes]


def _access_list(msg: Message, read: _ReadAddress) -> rlp.Item:
    return [[read(item.address), [bytes(key) for key in item.storage_keys]] for item in msg.access_list]


def _read_or_zero(text: str) -> bytes:
    return parse_address_leniently(text) or bytes(ADDRESS_LENGTH)


def _read_or_fail(text: str) -> bytes:
    raw = parse_address_leniently(text)
    if raw is None:
        raise DataError("Malformed address")
    return raw


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of transaction, before EIP-1559 or since."""

    is_eip1559: bool

    def fees(self, msg: Message) -> Fees:
        limit = int.from_bytes(msg.gas_limit, "big")
        if not self.is_eip1559:
            return Fees(limit, int.from_bytes(msg.gas_price, "big"))
        price = int.from_bytes(msg.max_gas_fee, "big")
        return Fees(limit, price, int.from_bytes(msg.max_priority_fee, "big"))

    def prefix(self, authorisations: Sequence[Authorisation]) -> bytes:
        """The transaction type, nothing before EIP-2718."""
        if not self.is_eip1559:
            return b""
        return bytes([EIP7702_TYPE if authorisations else EIP1559_TYPE])

    def head(self, msg: Message, recipient: bytes) -> bytes:
        """Encoded fields before the data."""
        fields: list[rlp.Item]
        if self.is_eip1559:
            fees = (bytes(msg.max_priority_fee), bytes(msg.max_gas_fee))
            fields = [msg.chain_id, bytes(msg.nonce), *fees]
        else:
            wanchain = [] if msg.tx_type is None else [msg.tx_type]
            fields = [*wanchain, bytes(msg.nonce), bytes(msg.gas_price)]
        fields += [bytes(msg.gas_limit), recipient, bytes(msg.value)]
        return b"".join(rlp.encode(field) for field in fields)

    def tail(
        self,
        msg: Message,
        authorisations: Sequence[Authorisation],
        rules: EthereumRules,
        *,
        final: bool,
    ) -> bytes:
        """Encoded fields after the data.

        The C firmwares look at the addresses of an access list only when it is hashed (`final`),
        core before anything is asked. Raises DataError or ProcessError for a bad one.
        """
        if not self.is_eip1559:
            return b"".join(rlp.encode(number) for number in (msg.chain_id, 0, 0))
        read: _ReadAddress = parse_address
        if rules.lenient_recipient:
            read = _read_or_fail if final else _read_or_zero
        tail = rlp.encode(_access_list(msg, read))
        return tail + rlp.encode(list(authorisations)) if authorisations else tail

    def v(self, msg: Message, parity: int) -> int:
        """The first number of the signature."""
        if self.is_eip1559 or msg.chain_id > MAX_CHAIN_ID_IN_V:
            return parity
        return int(parity + 2 * msg.chain_id + 35)


LEGACY = Form(is_eip1559=False)
EIP1559 = Form(is_eip1559=True)
