"""The questions of OneKey Classic 1S: lists to leaf through, announced by no ButtonRequest.

Only the warning and the last question are announced. NO on a page between goes back a page.
"""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib.messages import ButtonRequestType

from ....flow import Flow
from ....protocol.proto import Message
from ....ui.screens import Screen
from ...dialogs import leaf_through
from ..hashing import StructHasher
from ..host import Host
from ..rules import Bounds
from ..safe import DELEGATE_CALL, PRIMARY_TYPE, SafeHashes, domain_items, message_items
from ..schema import DOMAIN_TYPE, Schema
from ..viewers import Outline
from .warnings import CLASSIC_PERMITS, authorization

_PROTECT = int(ButtonRequestType.ProtectCall)
_TITLE = "Confirm Typed Data"


class ClassicReview:
    def __init__(self, flow: Flow, bounds: Bounds) -> None:
        self._flow = flow
        self._bounds = bounds

    def open(self, address: bytes) -> None:
        pass

    def warn(self, primary_type: str) -> None:
        kind = authorization(primary_type, CLASSIC_PERMITS)
        lines = (f"{kind} authorization. Check dApp trust first.",)
        self._flow.confirm(Screen("typed_data_warning", "", lines, _PROTECT))

    def domain(self, hasher: StructHasher, host: Host, schema: Schema) -> bytes:
        return self._struct(hasher, DOMAIN_TYPE, 0)

    def no_message(self) -> None:
        pass

    def message(self, hasher: StructHasher, schema: Schema, primary_type: str) -> bytes:
        return self._struct(hasher, primary_type, 1)

    def _struct(self, hasher: StructHasher, name: str, root: int) -> bytes:
        outline = Outline(self._bounds.shown_items)
        digest = hasher.hash_struct(name, (root,), outline, (name,))
        self._leaf_through(name, outline.items)
        return digest

    def _leaf_through(self, name: str, items: Sequence[str]) -> None:
        lines = tuple(line for item in items for line in item.split("\n"))
        pages = (
            Screen("typed_data", _TITLE, ("Review struct:", name), _PROTECT),
            Screen("typed_data", "Transaction Details", lines, _PROTECT),
        )
        leaf_through(self._flow, pages, announce=False)

    def message_hash(self, digest: bytes) -> None:
        pass

    def close(self) -> None:
        lines = ("Do you want to sign this EIP712 message?",)
        self._flow.confirm(Screen("typed_data_final", _TITLE, lines, _PROTECT))

    def safe_tx(self, address: bytes, ack: Message, hashes: SafeHashes, digest: bytes) -> None:
        if int(ack.operation) == DELEGATE_CALL:
            lines = ("Delegate call: the Safe runs another contract's code as its own.",)
            self._flow.confirm(Screen("safe_tx_delegate", "", lines, _PROTECT))
        shown = (("Domain Hash:", hashes.domain), ("Message Hash:", hashes.message), ("SafeTx Hash:", digest))
        pages = [
            Screen("safe_tx", "Safe Transaction", (name, f"0x{value.hex()}"), _PROTECT)
            for name, value in shown
        ]
        leaf_through(self._flow, pages, announce=False)
        self._leaf_through(DOMAIN_TYPE, [f"{name}\n{text}" for name, text in domain_items(ack)])
        self._leaf_through(PRIMARY_TYPE, [f"{name}\n{text}" for name, text in message_items(ack)])
        self.close()
