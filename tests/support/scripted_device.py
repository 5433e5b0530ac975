"""A device of a few lines behind a transport in memory, whose answers a test replaces one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from trezorlib import messages
from trezorlib.protocol_v1 import write
from trezorlib.transport import Timeout

from vault.device.connection.onekey import device_mapping

FINGERPRINT = "5c9e228d"
Answers = list[Any]


class ScriptedTransport:
    """Answers each message with what `rules` say for its type; silence is an empty list."""

    CHUNK_SIZE: int | None = 64

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.inbox: deque[bytes] = deque()
        self.opened = self.closed = 0
        self.features: dict[str, Any] = {
            "vendor": "trezor.io",
            "major_version": 2,
            "minor_version": 12,
            "patch_version": 5,
            "model": "T",
            "internal_model": "T2T1",
            "initialized": True,
            "unlocked": True,
            "session_id": b"\1" * 32,
            "capabilities": [messages.Capability.Bitcoin],
        }
        self.rules: dict[type, Callable[[Any], Answers]] = {
            messages.Cancel: lambda _: [failure(4, "Cancelled")],
            messages.Initialize: lambda _: [self._features()],
            messages.GetFeatures: lambda _: [self._features()],
            messages.Ping: lambda msg: [messages.Success(message=msg.message)],
            messages.GetPublicKey: lambda _: [public_key()],
            messages.EndSession: lambda _: [messages.Success(message="")],
        }
        self.more_features = b""
        self._partial = b""
        self._left = 0
        self._kind = 0

    def _features(self) -> tuple[int, bytes]:
        kind, data = device_mapping().encode(device_mapping().type_to_class[17](**self.features))
        return kind, data + self.more_features

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.closed += 1

    def write_chunk(self, chunk: bytes, /) -> None:
        if not self._left:
            self._kind = int.from_bytes(chunk[3:5], "big")
            self._left = int.from_bytes(chunk[5:9], "big")
            self._partial, chunk = b"", chunk[8:]
        self._partial += chunk[1:]
        if len(self._partial) < self._left:
            return
        data, self._left = self._partial[: self._left], 0
        try:
            message = device_mapping().decode(self._kind, data)
        except ValueError:
            return  # half of one message and half of another: no device makes sense of it
        self.sent.append(message)
        rule = self.rules.get(type(message), unexpected)
        for answer in rule(message):
            self.say(answer)

    def say(self, answer: Any) -> None:
        """Put a message (or raw type and bytes) on the line."""
        kind, data = answer if isinstance(answer, tuple) else device_mapping().encode(answer)
        write(_Inbox(self.inbox), kind, data)

    def read_chunk(self, *, timeout: float | None = None) -> bytes:
        assert timeout is not None, "a read without a limit"
        if not self.inbox:
            raise Timeout
        return self.inbox.popleft()

    def sent_types(self) -> list[type]:
        return [type(message) for message in self.sent]


class _Inbox:
    CHUNK_SIZE = 64

    def __init__(self, inbox: deque[bytes]) -> None:
        self.write_chunk = inbox.append


def number(tag: int, value: int) -> bytes:
    """A varint field, for values that the library knows no name of."""
    out = []
    for part in (tag << 3, value):
        rest = part
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def failure(code: int, text: str | None) -> tuple[int, bytes]:
    kind, data = device_mapping().encode(messages.Failure(message=text))
    return kind, data + number(1, code)


def unexpected(_message: Any) -> Answers:
    return [failure(1, "Unexpected message")]


def public_key(fingerprint: str = FINGERPRINT) -> Any:
    node = messages.HDNodeType(
        depth=1,
        fingerprint=int(fingerprint, 16),
        child_num=0x80000000,
        chain_code=b"\2" * 32,
        public_key=b"\2" * 33,
    )
    return messages.PublicKey(node=node, xpub="xpub")
