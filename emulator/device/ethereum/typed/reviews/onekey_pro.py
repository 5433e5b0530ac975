"""The questions of OneKey Pro: a warning, the domain, the message as core has it.

The domain's values are asked for twice, once to be shown and once to be hashed, and nothing
compares them: a host that answers differently has another domain signed than was shown.
"""

from __future__ import annotations

from trezorlib.messages import ButtonRequestType

from ....errors import FirmwareError
from ....flow import Flow
from ....protocol.proto import Message
from ....ui.screens import Screen
from ...address import checksum_address
from ..fields import FieldType, Kind
from ..hashing import BLIND, StructHasher
from ..host import Host
from ..safe import DELEGATE_CALL, SafeHashes, domain_items, message_items
from ..schema import DOMAIN_TYPE, Schema
from ..values import value_text
from .core import AskingViewer
from .warnings import PRO_PERMITS, authorization

_OTHER = int(ButtonRequestType.Other)
_PROTECT = int(ButtonRequestType.ProtectCall)
# How the members of a domain that have a meaning are read, whatever their declared types.
_DOMAIN_KINDS = {
    "name": FieldType(Kind.STRING),
    "version": FieldType(Kind.STRING),
    "chainId": FieldType(Kind.UINT, 32),
    "verifyingContract": FieldType(Kind.ADDRESS),
    "salt": FieldType(Kind.BYTES, 32),
}


class ProReview:
    """`network` names the screens' titles; `asks_empty_domain` shows a domain without members."""

    def __init__(self, flow: Flow, network: str, *, asks_empty_domain: bool) -> None:
        self._flow = flow
        self._network = network
        self._asks_empty_domain = asks_empty_domain

    def open(self, address: bytes) -> None:
        pass

    def warn(self, primary_type: str) -> None:
        kind = authorization(primary_type, PRO_PERMITS)
        advice = "ensure the dApp is trustworthy to avoid asset loss."
        lines = (f"You are using {kind} authorization, {advice}", "PrimaryType:", primary_type)
        title = f"{self._network} Typed Data"
        self._flow.confirm(Screen("confirm_eip712_warning", title, lines, _PROTECT, "CONTINUE"))

    def domain(self, hasher: StructHasher, host: Host, schema: Schema) -> bytes:
        shown = {
            member.name: host.value(member.type, (0, index))
            for index, member in enumerate(schema.members(DOMAIN_TYPE))
        }
        if shown or self._asks_empty_domain:
            lines = [line for name in _DOMAIN_KINDS for line in self._item(name, shown.get(name))]
            title = f"{self._network} Typed Data"
            self._flow.confirm(Screen("confirm_domain", title, tuple(lines), _PROTECT, "CONTINUE"))
        return hasher.hash_struct(DOMAIN_TYPE, (0,), BLIND, (DOMAIN_TYPE,))

    @staticmethod
    def _item(name: str, value: bytes | None) -> list[str]:
        if not value:
            return []
        field = _DOMAIN_KINDS[name]
        if field.kind is Kind.STRING:
            try:
                value.decode()
            except UnicodeDecodeError:
                raise FirmwareError("Firmware error") from None
        return [f"{name} ({field.name}):", value_text(field, value)]

    def no_message(self) -> None:
        lines = ("No message field",)
        self._flow.confirm(Screen("confirm_empty_typed_message", "Confirm Message", lines, _OTHER))

    def message(self, hasher: StructHasher, schema: Schema, primary_type: str) -> bytes:
        viewer = AskingViewer(self._flow).open_struct(
            "Confirm Message", primary_type, schema.members(primary_type), "View Full Message"
        )
        return hasher.hash_struct(primary_type, (1,), viewer, (primary_type,))

    def message_hash(self, digest: bytes) -> None:
        pass

    def close(self) -> None:
        title = f"Sign {self._network} Typed Data"
        lines = ("Do you want to sign EIP-712 typed data?",)
        self._flow.confirm(Screen("confirm_typed_data_final", title, lines, _OTHER, "SLIDE TO CONFIRM"))

    def safe_tx(self, address: bytes, ack: Message, hashes: SafeHashes, digest: bytes) -> None:
        lines = ["From:", checksum_address(address)]
        if int(ack.operation) == DELEGATE_CALL:
            lines.insert(0, "Delegate call: the Safe runs another contract's code as its own.")
        for name, text in (*message_items(ack), *domain_items(ack)):
            lines += [f"{name}:", text]
        names = ("Domain Hash:", "Message Hash:", "SafeTx Hash:")
        for name, value in zip(names, (hashes.domain, hashes.message, digest), strict=True):
            lines += [name, f"0x{value.hex()}"]
        self._flow.confirm(Screen("confirm_safe_tx", "Safe Transaction", tuple(lines), _PROTECT))
        last = ("Do you want to sign this Gnosis Safe transaction?",)
        self._flow.confirm(Screen("confirm_final", "Confirm Transaction", last, _OTHER, "SLIDE TO SIGN"))
