"""What a typed data workflow asks of the host: struct types, values, a Safe transaction.

The same exchange exists twice, with the messages of Trezor and with OneKey's own. Refuses every
other message in between: core firmware then serves that one, the C firmware of OneKey fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trezorlib import messages

from ...errors import DataError
from ...flow import Flow
from ...protocol.proto import Message, MessageClass
from .. import onekey_messages as onekey
from .fields import FieldType, Member, members_of
from .rules import TypedDataRules
from .values import check_value


@dataclass(frozen=True, slots=True)
class Dialect:
    """The message classes of one family."""

    struct_request: MessageClass
    struct_ack: MessageClass
    value_request: MessageClass
    value_ack: MessageClass
    signature: MessageClass


TREZOR = Dialect(
    messages.EthereumTypedDataStructRequest,
    messages.EthereumTypedDataStructAck,
    messages.EthereumTypedDataValueRequest,
    messages.EthereumTypedDataValueAck,
    messages.EthereumTypedDataSignature,
)
ONEKEY = Dialect(
    onekey.EthereumTypedDataStructRequestOneKey,
    onekey.EthereumTypedDataStructAckOneKey,
    onekey.EthereumTypedDataValueRequestOneKey,
    onekey.EthereumTypedDataValueAckOneKey,
    onekey.EthereumTypedDataSignatureOneKey,
)


class Host:
    """The other end of the exchange."""

    def __init__(self, flow: Flow, dialect: Dialect, rules: TypedDataRules) -> None:
        self._flow = flow
        self.dialect = dialect
        self.rules = rules

    def struct(self, name: str) -> tuple[Member, ...]:
        """The members of a struct, unchecked."""
        ack = self._call(self.dialect.struct_request(name=name), self.dialect.struct_ack)
        return members_of(ack.members)

    def value(self, field: FieldType, path: Sequence[int]) -> bytes:
        """The value at a member path, which must fit its type."""
        ack = self._ask_value(path)
        check_value(field, ack, self.rules)
        return ack

    def array_length(self, path: Sequence[int]) -> int:
        """The number of elements of an array, two bytes on the wire."""
        length = self._ask_value(path)
        # The C firmware takes fewer than two as well, and writes more past its buffer.
        if len(length) > 2 or (self.rules.bounds is None and len(length) != 2):
            raise DataError("Invalid length")
        return int.from_bytes(length.ljust(2, b"\0"), "big")

    def safe_tx(self) -> Message:
        """A Safe transaction in one piece."""
        return self._call(onekey.EthereumGnosisSafeTxRequest(), onekey.EthereumGnosisSafeTxAck)

    def _ask_value(self, path: Sequence[int]) -> bytes:
        request = self.dialect.value_request(member_path=list(path))
        return bytes(self._call(request, self.dialect.value_ack).value)

    def _call(self, request: Message, expected: MessageClass) -> Message:
        if self.rules.bounds is None:
            return self._flow.call(request, expected)
        siblings = (self.dialect.struct_ack, self.dialect.value_ack, onekey.EthereumGnosisSafeTxAck)
        return self._flow.sync_call(request, expected, siblings)
