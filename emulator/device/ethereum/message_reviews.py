"""What a device asks before it signs a message, and what it shows of one it verified.

One class per firmware: Model T, Trezor One, OneKey Classic 1S, OneKey Pro. Every question raises
ActionCancelled on NO.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from trezorlib.messages import ButtonRequestType

from ..flow import Flow
from ..ui.long_text import confirm_long_text, is_long
from ..ui.screens import Screen
from . import message_texts as texts
from .dialogs import leaf_through
from .networks import Network
from .onekey_names import onekey_name

_OTHER = int(ButtonRequestType.Other)
_PROTECT = int(ButtonRequestType.ProtectCall)
_SIGN = int(ButtonRequestType.SignTx)
_SUCCESS = int(ButtonRequestType.Success)
_VALID = "The signature is valid."


class MessageReview(Protocol):
    """The questions of one firmware about messages and hashes of typed data."""

    def sign(self, address: str, message: bytes, path: str) -> None: ...

    def verify(self, address: str, given: str, message: bytes) -> None:
        """`address` has its checksum, `given` is as the host wrote it."""

    def typed_hash_warning(self) -> None:
        """Before the key is derived."""

    def typed_hash(self, address: str, domain: bytes, message: bytes | None) -> None: ...


class CoreMessageReview:
    """Model T: address, then message; long messages are skimmed or read."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def sign(self, address: str, message: bytes, path: str) -> None:
        text = texts.core_text(message)
        details = ("Account:", "ETH", "Derivation path:", path, "Message size:", f"{len(text)} Bytes")
        self._show("sign_message", "Signing address", (address, *details), text, hold=True)

    def verify(self, address: str, given: str, message: bytes) -> None:
        self._show("verify_message", "Verify address", (address,), texts.core_text(message), hold=False)
        self._flow.confirm(Screen("verify_message", _VALID, (), _SUCCESS, "CONTINUE"))

    def _show(self, name: str, title: str, address: tuple[str, ...], text: str, *, hold: bool) -> None:
        self._flow.confirm(Screen(name, title, address, _OTHER, "CONTINUE"))
        lines = tuple(text.splitlines()) or ("",)
        screen = Screen(name, "Confirm message", lines, _OTHER)
        if is_long(text):
            confirm_long_text(self._flow, screen, must_read=hold)
        else:
            self._flow.confirm(screen)

    def typed_hash_warning(self) -> None:
        """This firmware signs no hashes."""

    def typed_hash(self, address: str, domain: bytes, message: bytes | None) -> None:
        """This firmware signs no hashes."""


class LegacyMessageReview:
    """Trezor One: four rows a page, a ButtonRequest a page."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def _ask(self, name: str, title: str, *lines: str, code: int = _OTHER) -> None:
        self._flow.confirm(Screen(name, title, lines, code))

    def sign(self, address: str, message: bytes, path: str) -> None:
        self._ask("sign_message", "Confirm address?", address)
        kind = "Sign message?" if texts.is_ascii(message) else "Sign binary message?"
        for page in texts.pages_of(message):
            self._ask("sign_message", kind, *page)

    def verify(self, address: str, given: str, message: bytes) -> None:
        self._ask("verify_message", "Confirm address?", given)
        kind = "Verified message?" if texts.is_ascii(message) else "Verified binary message?"
        for page in texts.pages_of(message):
            self._ask("verify_message", kind, *page)
        self._ask("verify_message", "", _VALID)

    def typed_hash_warning(self) -> None:
        lines = ("Unable to show", "EIP-712 data.", "Sign at your own risk.")
        self._ask("typed_hash_warning", "", *lines, code=_PROTECT)

    def typed_hash(self, address: str, domain: bytes, message: bytes | None) -> None:
        self._ask("typed_hash_address", "Confirm address?", address)
        self._ask("typed_hash_domain", "EIP-712 domain hash", domain.hex())
        if message is not None:
            self._ask("typed_hash_message", "EIP-712 message hash", message.hex())


class ClassicMessageReview:
    """OneKey Classic 1S: one ButtonRequest, then pages to leaf through."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def _leaf(self, name: str, title: str, code: int, *pages: tuple[str, ...]) -> None:
        leaf_through(self._flow, [Screen(name, title, page, code) for page in pages], announce=True)

    def sign(self, address: str, message: bytes, path: str) -> None:
        text = ("Message:", texts.classic_text(message))
        last = ("Do you want to sign this Ethereum message?",)
        self._leaf("sign_message", "Ethereum Message", _PROTECT, ("Signer:", address), text, last)

    def verify(self, address: str, given: str, message: bytes) -> None:
        text = ("Message:", texts.classic_text(message))
        last = ("Do you want to verify this message?",)
        self._leaf("verify_message", "Verify Message", _PROTECT, ("Signer:", given), text, last)
        self._flow.confirm(Screen("verify_message", "", (_VALID,), _OTHER))

    def typed_hash_warning(self) -> None:
        """The warning is the first page."""

    def typed_hash(self, address: str, domain: bytes, message: bytes | None) -> None:
        warning = ("Unable to decode EIP-712 data.", "Sign at your own risk!")
        pages: list[tuple[str, ...]] = [warning, ("Signer:", address), ("Domain Hash", domain.hex())]
        if message is not None:
            pages.append(("Message Hash", message.hex()))
        pages.append(("Do you want to sign this Ethereum transaction?",))
        self._leaf("typed_hash", "Ethereum Message", _SIGN, *pages)


class ProMessageReview:
    """OneKey Pro: address and message on one screen."""

    def __init__(self, flow: Flow, network: str) -> None:
        self._flow = flow
        self._network = network

    def _show(self, name: str, title: str, address: str, message: bytes) -> None:
        lines = (address, *(texts.pro_text(message).splitlines() or ("",)))
        self._flow.confirm(Screen(name, title, lines, _OTHER))

    def sign(self, address: str, message: bytes, path: str) -> None:
        self._show("sign_message", f"Sign {self._network} Message", address, message)

    def verify(self, address: str, given: str, message: bytes) -> None:
        self._show("verify_message", f"Verify {self._network} Message", address, message)
        self._flow.confirm(Screen("verify_message", "Verified", (_VALID,), _SUCCESS, "DONE"))

    def typed_hash_warning(self) -> None:
        """The hashes are all there is to see."""

    def typed_hash(self, address: str, domain: bytes, message: bytes | None) -> None:
        lines = ("Domain Hash:", texts.pro_text(domain), "Message Hash:", texts.pro_text(message or b""))
        title = f"{self._network} Typed Hash"
        self._flow.confirm(Screen("confirm_sign_typed_hash", title, lines, _PROTECT))
        last = ("Do you want to sign this typed hash?",)
        title = f"Sign {self._network} Typed Hash"
        self._flow.confirm(Screen("confirm_typed_hash_final", title, last, _OTHER, "SLIDE TO CONFIRM"))


_MAKES: dict[str, Callable[[Flow, Network], MessageReview]] = {
    "trezor-core": lambda flow, _: CoreMessageReview(flow),
    "trezor-one": lambda flow, _: LegacyMessageReview(flow),
    "onekey-classic1s": lambda flow, _: ClassicMessageReview(flow),
    "onekey-pro": lambda flow, network: ProMessageReview(flow, onekey_name(network)),
}


def review_for(flow: Flow, network: Network) -> MessageReview:
    """The questions of the flow's device."""
    return _MAKES[flow.persona.name](flow, network)
