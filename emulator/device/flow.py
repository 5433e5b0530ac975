"""What a workflow may do: talk to the host, ask the person, and use the wallet of its session.

A message that is not expected ends the workflow (`Interrupted`) and is then handled as a new one,
as core firmware does; so does a Cancel.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Protocol

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from .errors import DataError, FirmwareError, NotInitialized
from .faults import Faults
from .keys import HARDENED, Node, seed_from_mnemonic
from .personas import Persona
from .proto import Message, MessageClass
from .screens import Screen
from .sessions import Session, SessionStore
from .state import DeviceState
from .wire import Frame

MAX_PASSPHRASE_BYTES = 50


class Interrupted(Exception):  # noqa: N818 - not an error: the next message is waiting
    """Another message than the expected one arrived; it has to be handled next."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(f"interrupted by message type {frame.wire_type}")
        self.frame = frame


class Talk(Protocol):
    """Host and person, as a workflow sees them."""

    def call(self, reply: Message, expected: MessageClass) -> Message: ...

    def confirm(self, screen: Screen, *, announce: bool) -> None: ...

    def ask_text(self, screen: Screen) -> str: ...


class Flow:
    """One running workflow."""

    def __init__(
        self, talk: Talk, persona: Persona, state: DeviceState, sessions: SessionStore, faults: Faults
    ) -> None:
        self._talk = talk
        self.persona = persona
        self.state = state
        self.sessions = sessions
        self.faults = faults

    def call(self, reply: Message, expected: MessageClass) -> Message:
        """Send a message and return the answer, which must be of the expected type."""
        return self._talk.call(reply, expected)

    def confirm(self, screen: Screen, *, announce: bool = True) -> None:
        """Ask the person. Raises ActionCancelled on NO; `announce` sends a ButtonRequest."""
        self._talk.confirm(screen, announce=announce)

    def require_initialized(self) -> None:
        if not self.state.initialized:
            raise NotInitialized("Device is not initialized")

    def session(self) -> Session:
        """The active session with its seed; asks for the passphrase when it is first needed."""
        session = self.sessions.active
        if session.root is None:
            self.require_initialized()
            passphrase = self._passphrase()
            mnemonic = self.state.mnemonic
            if mnemonic is None:
                raise FirmwareError("the seed vanished while the passphrase was entered")
            session.seed = seed_from_mnemonic(mnemonic, passphrase)
            session.root = Node.from_seed(session.seed)
        return session

    def root(self) -> Node:
        root = self.session().root
        if root is None:
            raise FirmwareError("the session has no seed")
        return root

    def root_fingerprint(self) -> int:
        return self.root().child(HARDENED).fingerprint

    def slip21_key(self, *labels: bytes) -> bytes:
        """Symmetric key at a SLIP-21 path."""
        node = hmac.new(b"Symmetric key seed", self.session().seed, hashlib.sha512).digest()
        for label in labels:
            node = hmac.new(node[:32], b"\0" + label, hashlib.sha512).digest()
        return node[32:]

    # Passphrase

    def _passphrase(self) -> str:
        if not self.state.passphrase_protection:
            return ""
        if self.state.passphrase_always_on_device:
            passphrase = self._passphrase_on_device()
        else:
            passphrase = self._passphrase_from_host()
        if len(passphrase.encode()) > MAX_PASSPHRASE_BYTES:
            raise DataError(f"Maximum passphrase length is {MAX_PASSPHRASE_BYTES} bytes")
        return passphrase

    def _passphrase_on_device(self) -> str:
        if not self.persona.passphrase_entry_on_device:
            raise DataError("This firmware is incapable of passphrase entry on the device.")
        code = int(ButtonRequestType.PassphraseEntry)
        return self._talk.ask_text(Screen("passphrase_device", "Enter passphrase", (), code))

    def _passphrase_from_host(self) -> str:
        ack = self.call(messages.PassphraseRequest(), messages.PassphraseAck)
        if ack.on_device:
            if ack.passphrase is not None:
                raise DataError("Passphrase provided when it should not be")
            return self._passphrase_on_device()
        if ack.passphrase is None:
            raise DataError(
                "Passphrase not provided and on_device is False. Use empty string to set an empty passphrase."
            )
        passphrase = str(ack.passphrase)
        if passphrase:
            self._show_passphrase(passphrase)
        return passphrase

    def _show_passphrase(self, passphrase: str) -> None:
        code = int(ButtonRequestType.Other)
        if self.state.hide_passphrase_from_host:
            lines = ("Access hidden wallet?", "The passphrase will not be displayed.")
            self.confirm(Screen("passphrase_host1_hidden", "Hidden wallet", lines, code))
            return
        lines = ("Access hidden wallet?", "Next screen will show the passphrase.")
        self.confirm(Screen("passphrase_host1", "Hidden wallet", lines, code, confirm="CONTINUE"))
        self.confirm(Screen("passphrase_host2", "Confirm passphrase", (passphrase,), code))


# A workflow: takes the message that started it, returns the answer that ends it.
Handler = Callable[[Flow, Message], Message]
HandlerEntry = tuple[MessageClass, Handler]
