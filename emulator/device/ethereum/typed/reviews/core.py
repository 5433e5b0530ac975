"""The questions of Trezor's core firmware (Model T)."""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib.messages import ButtonRequestType

from ....errors import FirmwareError
from ....flow import Flow
from ....protocol.proto import Message
from ....ui.screens import Screen
from ..fields import FieldType, Kind, Member
from ..hashing import BLIND, StructHasher
from ..host import Host
from ..safe import SafeHashes
from ..schema import DOMAIN_TYPE, Schema
from ..values import value_text
from ..viewers import Listing, Parents, Viewer

_OTHER = int(ButtonRequestType.Other)
_SIGN = int(ButtonRequestType.SignTx)
_WARNING = int(ButtonRequestType.Warning)
_TITLE_LENGTH = 16


def _shortened(title: str) -> str:
    """Titles keep their last characters."""
    return title if len(title) <= _TITLE_LENGTH + 2 else f"..{title[-_TITLE_LENGTH:]}"


class AskingViewer:
    """Asks at every struct and array whether to look inside, and shows value after value."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def member(self, member: Member) -> None:
        pass

    def struct(self, parents: Parents, member: Member, inner: Sequence[Member]) -> Viewer:
        return self.open_struct(".".join(parents), member.type.name, inner, "Show full struct")

    def open_struct(self, title: str, name: str, inner: Sequence[Member], info: str) -> Viewer:
        """Look into a struct, or skip it."""
        keys = "key" if len(inner) == 1 else "keys"
        lines = (name, f"Contains {len(inner)} {keys}", ", ".join(member.name for member in inner))
        screen = Screen("should_show_struct", title, lines, _OTHER, info=info)
        return self if self._flow.offers_more(screen) else BLIND

    def array(self, parents: Parents, member: Member, size: int) -> Viewer:
        entry = "" if member.type.entry is None else member.type.entry.name
        plural = entry if size == 1 else f"{entry}s"
        lines = (f"Array of {size} {plural}",)
        title = _shortened(".".join(parents))
        screen = Screen("should_show_array", title, lines, _OTHER, info="Show full array")
        return self if self._flow.offers_more(screen) else BLIND

    def value(self, parents: Parents, name: str, field: FieldType, value: bytes, index: int | None) -> None:
        if index is None:
            title, description = parents, f"{name} ({field.name})"
        else:
            title, description = (*parents, name), f"[{index}] ({field.name})"
        text = value_text(field, value)
        # Text without content has no colon before it.
        colon = ":" if text or field.kind in (Kind.ADDRESS, Kind.BYTES) else ""
        lines = (f"{description}{colon}", text)
        self._flow.confirm(Screen("confirm_typed_value", _shortened(".".join(title)), lines, _OTHER))


class CoreReview:
    """Address, domain on one screen, message to be looked into, final question."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def open(self, address: bytes) -> None:
        lines = (f"0x{address.hex()}",)
        self._flow.confirm(Screen("confirm_address", "Signing address", lines, _SIGN))

    def warn(self, primary_type: str) -> None:
        pass

    def domain(self, hasher: StructHasher, host: Host, schema: Schema) -> bytes:
        listing = Listing()
        separator = hasher.hash_struct(DOMAIN_TYPE, (0,), listing, (DOMAIN_TYPE,))
        if listing.lines:
            screen = Screen("confirm_typed_value", DOMAIN_TYPE, tuple(listing.lines), _OTHER)
        else:
            title = "dApp did not identify itself!"
            screen = Screen("confirm_typed_value", title, (), _WARNING, "CONTINUE")
        self._flow.confirm(screen)
        return separator

    def no_message(self) -> None:
        lines = ("No message field",)
        self._flow.confirm(Screen("confirm_empty_typed_message", "Confirm message", lines, _OTHER))

    def message(self, hasher: StructHasher, schema: Schema, primary_type: str) -> bytes:
        viewer = AskingViewer(self._flow).open_struct(
            "Confirm message", primary_type, schema.members(primary_type), "Show full message"
        )
        return hasher.hash_struct(primary_type, (1,), viewer, (primary_type,))

    def message_hash(self, digest: bytes) -> None:
        lines = (f"0x{digest.hex()}",)
        self._flow.confirm(Screen("confirm_message_hash", "Confirm message hash", lines, _SIGN))

    def close(self) -> None:
        lines = ("Really sign EIP-712 typed data?",)
        self._flow.confirm(
            Screen("confirm_typed_data_final", "Confirm typed data", lines, _OTHER, "HOLD TO CONFIRM")
        )

    def safe_tx(self, address: bytes, ack: Message, hashes: SafeHashes, digest: bytes) -> None:
        raise FirmwareError("Firmware error")  # this firmware has no such exchange
