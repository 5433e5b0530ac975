"""Sessions: a host's handle on one wallet (one passphrase), kept in memory only.

The oldest unused one makes room for a new one; an unknown id, or one of a wrong length, opens a
new session instead of failing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_bytes

from .errors import InvalidSession
from .keys import Node
from .protocol.proto import Message

SESSION_ID_LENGTH = 32


@dataclass(slots=True)
class Session:
    """One wallet; `root` is there once a seed was needed, and `seed` with it."""

    session_id: bytes
    root: Node | None = None
    seed: bytes = b""
    # The last number of GetNonce; a payment request has to carry it, once.
    nonce: bytes = b""
    derive_cardano: bool = False
    # The coinjoin the person authorised (an AuthorizeCoinJoin), with the rounds left.
    coinjoin: Message | None = None


class SessionStore:
    """At most `slots` sessions, least recently used first."""

    def __init__(self, slots: int, random_bytes: Callable[[int], bytes] = token_bytes) -> None:
        self._slots = slots
        self._random_bytes = random_bytes
        self._sessions: dict[bytes, Session] = {}
        self._active: bytes | None = None

    def start(self, session_id: bytes | None) -> bytes:
        """Resume the session of that id or open a new one; the id of the now active session."""
        known = session_id is not None and session_id in self._sessions
        if known and session_id is not None:
            session = self._sessions.pop(session_id)
        else:
            while len(self._sessions) >= self._slots:
                del self._sessions[next(iter(self._sessions))]
            session = Session(self._random_bytes(SESSION_ID_LENGTH))
        self._sessions[session.session_id] = session
        self._active = session.session_id
        return session.session_id

    @property
    def active(self) -> Session:
        """The active session. Raises InvalidSession if there is none."""
        if self._active is None:
            raise InvalidSession
        return self._sessions[self._active]

    @contextmanager
    def scratch(self, root: Node, seed: bytes) -> Iterator[None]:
        """For the time of the context a wallet that is no session's."""
        before, session = self._active, Session(b"", root, seed)
        self._sessions[session.session_id], self._active = session, session.session_id
        try:
            yield
        finally:
            del self._sessions[session.session_id]
            self._active = before

    def end_active(self) -> None:
        if self._active is not None:
            del self._sessions[self._active]
            self._active = None

    def clear(self) -> None:
        self._sessions.clear()
        self._active = None
