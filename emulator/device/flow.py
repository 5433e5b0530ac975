"""What a workflow may do: talk to the host, ask the person, and use the wallet of its session.

On core firmware a message that is not expected ends the workflow (`Interrupted`) and is then handled
as a new one. The C firmwares answer most such messages and go on; Initialize and Cancel end it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Protocol

from . import passphrase
from .errors import FirmwareError, NotInitialized
from .faults import Faults
from .keys import HARDENED, Node
from .personas import Persona
from .pin import entry as pin_entry
from .protocol.proto import Message, MessageClass
from .protocol.wire import Frame
from .randomness import DeviceRandom
from .rules import WireRules, rules_for
from .sessions import Session, SessionStore
from .state import DeviceState
from .ui.screens import Screen

_FOREIGN_SEED = hashlib.sha512(b"another wallet").digest()  # signs in place of the loaded seed


class Interrupted(Exception):  # noqa: N818 - not an error: the next message is waiting
    """Another message than the expected one arrived; it has to be handled next."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(f"interrupted by message type {frame.wire_type}")
        self.frame = frame


class Talk(Protocol):
    """Host and person, as a workflow sees them."""

    def call(self, reply: Message, *expected: MessageClass) -> Message: ...

    def send(self, message: Message) -> None: ...

    def sync_call(
        self, reply: Message, expected: MessageClass, siblings: Collection[MessageClass]
    ) -> Message: ...

    def confirm(self, screen: Screen, *, announce: bool) -> None: ...

    def offers_more(self, screen: Screen) -> bool: ...

    def ask_text(self, screen: Screen) -> str: ...

    def ask_entry(self, screen: Screen, *, announce: bool) -> str | None: ...

    def shown_matrix(self, prompt: str, matrix: str) -> AbstractContextManager[None]: ...

    def reset_entropy(self, entropy: bytes) -> None: ...


class Flow:
    """One running workflow."""

    def __init__(
        self,
        talk: Talk,
        persona: Persona,
        state: DeviceState,
        sessions: SessionStore,
        faults: Faults,
        *,
        random: DeviceRandom | None = None,
    ) -> None:
        self._talk = talk
        self.persona = persona
        self.state = state
        self.sessions = sessions
        self.faults = faults
        self.random = DeviceRandom() if random is None else random
        self.rules: WireRules = rules_for(persona)
        # What the person opened for this workflow alone: paths below a prefix, and a coinjoin.
        self.unlocked_path: tuple[int, ...] | None = None
        self.coinjoin: Message | None = None

    # The host

    def call(self, reply: Message, *expected: MessageClass) -> Message:
        """Send a message and return the answer, which must be of an expected type."""
        return self._talk.call(reply, *expected)

    def send(self, message: Message) -> None:
        """Send a message that is not answered, before the one that ends the workflow."""
        self._talk.send(message)

    def sync_call(
        self, reply: Message, expected: MessageClass, siblings: Collection[MessageClass]
    ) -> Message:
        """As `call`, the way OneKey's C firmware asks within a workflow: other messages fail it.

        `siblings` are those that have a meaning only within this workflow; unknown messages do not
        end it.
        """
        return self._talk.sync_call(reply, expected, siblings)

    # The person

    def offers_more(self, screen: Screen) -> bool:
        """Ask a question with a third button (`screen.info`); whether that one was pressed.

        Raises ActionCancelled on NO.
        """
        return self._talk.offers_more(screen)

    def confirm(self, screen: Screen, *, announce: bool = True) -> None:
        """Ask the person; `announce` sends a ButtonRequest.

        Raises ActionCancelled on NO, and CancelledByHost (which is one) when the host cancels the
        question of a C firmware: a workflow that asks on after a NO must not do so then.
        """
        self._talk.confirm(screen, announce=announce)

    def ask_text(self, screen: Screen) -> str:
        """What the person types; an entry confirmed without text is what the emulator was told to type."""
        return self._talk.ask_text(screen)

    def ask_entry(self, screen: Screen, *, announce: bool) -> str | None:
        """What the person types, None for a mere press of confirm."""
        return self._talk.ask_entry(screen, announce=announce)

    def shown_matrix(self, prompt: str, matrix: str) -> AbstractContextManager[None]:
        """Show a PIN matrix while the host is asked for its places."""
        return self._talk.shown_matrix(prompt, matrix)

    def reset_entropy(self, entropy: bytes) -> None:
        """Let debuglink see the device's share of a new seed."""
        self._talk.reset_entropy(entropy)

    # The wallet

    def require_initialized(self) -> None:
        if not self.state.initialized:
            raise NotInitialized(self.rules.not_initialized)

    def unlock(self) -> None:
        """Ask for the PIN if the device is locked."""
        pin_entry.unlock(self)

    def session(self) -> Session:
        """The active session with its seed; asks for the passphrase when it is first needed."""
        session = self.sessions.active
        if session.root is None:
            self.require_initialized()
            self.unlock()  # asked at the start of a workflow; no seed is ever made without it
            typed = passphrase.ask(self)
            if not self.state.initialized:
                raise FirmwareError("the seed vanished while the passphrase was entered")
            session.seed = self.state.seed(typed)
            session.root = Node.from_seed(session.seed)
        return session

    def root(self) -> Node:
        root = self.session().root
        if root is None:
            raise FirmwareError("the session has no seed")
        return root

    def foreign_root(self) -> Node:
        """The root of a wallet that is not the loaded one, for a device that is evil."""
        return Node.from_seed(_FOREIGN_SEED)

    def root_fingerprint(self) -> int:
        return self.root().child(HARDENED).fingerprint

    def slip21_key(self, *labels: bytes) -> bytes:
        """Symmetric key at a SLIP-21 path."""
        return slip21_key(self.session().seed, *labels)

    def slip21_key_without_passphrase(self, *labels: bytes) -> bytes:
        """Symmetric key at a SLIP-21 path of the wallet that has no passphrase."""
        self.require_initialized()
        return slip21_key(self.state.seed(""), *labels)


def slip21_key(seed: bytes, *labels: bytes) -> bytes:
    """Symmetric key at a SLIP-21 path of a seed."""
    node = hmac.new(b"Symmetric key seed", seed, hashlib.sha512).digest()
    for label in labels:
        node = hmac.new(node[:32], b"\0" + label, hashlib.sha512).digest()
    return node[32:]


# A workflow: takes the message that started it, returns the answer that ends it.
Handler = Callable[[Flow, Message], Message]
HandlerEntry = tuple[MessageClass, Handler]
