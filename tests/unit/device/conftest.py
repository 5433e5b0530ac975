"""A device of a few lines behind a transport in memory, whose answers a test replaces one by one."""

from __future__ import annotations

import importlib.util
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trezorlib import messages
from trezorlib.protocol_v1 import write
from trezorlib.transport import Timeout

from vault.device.features import device_mapping

_PATH = Path(__file__).resolve().parents[2] / "integration" / "device" / "conftest.py"
_NAME = "vault_device_fixtures"
if _NAME not in sys.modules:
    _SPEC = importlib.util.spec_from_file_location(_NAME, _PATH)
    assert _SPEC is not None
    assert _SPEC.loader is not None
    _MODULE = importlib.util.module_from_spec(_SPEC)
    sys.modules[_NAME] = _MODULE
    _SPEC.loader.exec_module(_MODULE)
_SHARED = sys.modules[_NAME]

wallet = _SHARED.wallet
other_wallet = _SHARED.other_wallet

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


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> ScriptedTransport:
    """What `open_device` finds at ``udp:127.0.0.1:1``."""
    raw = ScriptedTransport()
    monkeypatch.setattr("vault.device.connect._find", lambda _path, _limit: raw)
    return raw


@pytest.fixture
def opened() -> Callable[..., Any]:
    from vault.device.session import open_device

    def open_it(**changes: Any) -> Any:
        facts: dict[str, Any] = {
            "kind": "trezor",
            "expected_fingerprint": FINGERPRINT,
            "timeout_s": 0.05,
        }
        return open_device("udp:127.0.0.1:1", **(facts | changes))

    return open_it


@pytest.fixture
def fail() -> Callable[[int, str | None], Any]:
    return failure


@pytest.fixture
def varint() -> Callable[[int, int], bytes]:
    return number


@pytest.fixture
def key_of() -> Callable[[str], Any]:
    return public_key
