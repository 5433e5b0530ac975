"""A hostile host for the emulated device: random packets, random messages, a person who refuses.

Used by a seeded sample in the tests and by the long run of `make soak`; see device_conversations for
hosts that begin honestly.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from hypothesis import strategies as st
from trezorlib import client as trezor_client
from trezorlib import mapping, protobuf, protocol_v1
from trezorlib import messages as m
from trezorlib.transport import Timeout
from trezorlib.transport.udp import UdpTransport

from emulator.device.handlers import table_for
from emulator.device.personas import by_name
from emulator.device.protocol import proto
from emulator.device.protocol.wire import Frame, split
from emulator.device.server import DeviceEmulator
from emulator.device.ui.screens import Screen

ABANDON = "abandon " * 11 + "about"
FINGERPRINT = "73c5da0a"
ANSWER_LIMIT = 5.0  # seconds; a device that needs longer hangs
# C firmware overhears messages while it waits for a button; whether it hangs is seen in the end.
OVERHEARD = 0.03
# A public key on Trezor One: NO shows the next of its screens, for ever.
MOST_QUESTIONS = 10
MAX_TEXT = 40

# Answers that carry a signature by a key of the wallet.
_SIGNED = (
    m.MessageSignature,
    m.EthereumMessageSignature,
    m.EthereumTypedDataSignature,
    m.SignedIdentity,
    m.ECDHSessionKey,
)


def carries_signature(message: Any) -> bool:
    """Whether an answer gives a signature away."""
    if isinstance(message, m.TxRequest):
        return message.serialized is not None and message.serialized.signature is not None
    if isinstance(message, m.EthereumTxRequest):
        return message.signature_r is not None
    return isinstance(message, _SIGNED)


class Crashes(logging.Handler):
    """Collects what the device logs when its own code fails."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info is not None and record.exc_info[1] is not None:
            text += f": {record.exc_info[1]!r}"
        self.records.append(text)


@dataclass
class Person:
    """Answers screens from a list of decisions, then with `default`; her answers are logged in order."""

    decisions: list[bool] = field(default_factory=list)
    default: bool = False
    log: list[str] = field(default_factory=list)

    def __call__(self, _screen: Screen) -> bool:
        answer = self.decisions.pop(0) if self.decisions else self.default
        self.log.append("yes" if answer else "no")
        return answer

    def sit_down(self, decisions: Sequence[bool] = (), *, default: bool) -> None:
        self.decisions, self.default, self.log = list(decisions), default, []


@dataclass
class Victim:
    """A device under attack, its person, and the attacker's line to it."""

    device: DeviceEmulator
    person: Person
    crashes: Crashes
    transport: UdpTransport
    sent: int = 0

    def send(self, frame: Frame) -> None:
        for report in split(frame):
            self.transport.write_chunk(report)
        self.sent += 1

    def read(self, limit: float) -> Any:
        """The next answer. Raises Timeout."""
        wire_type, data = protocol_v1.read(self.transport, timeout=limit)
        if wire_type not in mapping.DEFAULT_MAPPING.type_to_class:
            return wire_type, data  # a message of OneKey's own
        return mapping.DEFAULT_MAPPING.decode(wire_type, data)

    def check(self) -> None:
        """The device answers, is the same device, and none of its code has failed."""
        protocol_v1.sync_responses(self.transport)
        assert self.crashes.records == []
        assert self.device.root_fingerprint == FINGERPRINT


@contextmanager
def victim(persona: str) -> Iterator[Victim]:
    """A fresh device whose person says no to everything until told otherwise."""
    person, crashes = Person(), Crashes()
    logger = logging.getLogger("emulator.device")
    logger.addHandler(crashes)
    before = trezor_client._DEFAULT_READ_TIMEOUT
    trezor_client._DEFAULT_READ_TIMEOUT = ANSWER_LIMIT  # type: ignore[assignment]
    try:
        with DeviceEmulator(
            mnemonic=ABANDON, persona=persona, mode="interactive", on_screen=person
        ) as device:
            transport = UdpTransport(f"127.0.0.1:{device.port}")
            transport.open()
            yield Victim(device, person, crashes, transport)
            transport.close()
    finally:
        trezor_client._DEFAULT_READ_TIMEOUT = before
        logger.removeHandler(crashes)


# Random packets

_HEADERS = st.sampled_from([b"", b"?", b"??", b"?##", b"?##\x00\x00\x00\x00", b"?##\x00\x0f\x00\x00\x00\x40"])


def packets() -> st.SearchStrategy[bytes]:
    """Datagrams: mostly of a report's size, some beginning like one."""
    sized = st.builds(lambda head, body: (head + body)[:64], _HEADERS, st.binary(min_size=64, max_size=64))
    return sized | sized | sized | st.binary(max_size=80)


def throw_packets(target: Victim, thrown: Sequence[bytes]) -> None:
    """Throw packets from a host of their own; the device must go on serving the other one."""
    intruder = UdpTransport("{}:{}".format(*target.transport.device))
    intruder.open()
    assert intruder.socket is not None
    for packet in thrown:
        intruder.socket.sendall(packet)
    intruder.close()
    target.sent += len(thrown)
    target.check()


# Random messages


def _value(field_: Any, depth: int) -> st.SearchStrategy[Any]:
    """Values of a message field, of the right kind and often absurd."""
    kind = field_.py_type
    if issubclass(kind, protobuf.MessageType):
        return messages_of(kind, depth + 1)
    if issubclass(kind, IntEnum):
        return st.sampled_from(list(kind))
    if kind is bool:
        return st.booleans()
    if kind is bytes:
        sizes = st.sampled_from([0, 1, 20, 32, 33, 65])
        return sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size)) | st.binary(max_size=70)
    if kind is str:
        known = ("Bitcoin", "Testnet", "Regtest", "0xdAC17F958D2ee523a2206206994597C13D831ec7", "")
        return st.sampled_from(known) | st.text(max_size=MAX_TEXT)
    if field_.name == "address_n":
        hard = 1 << 31
        return st.sampled_from([84 + hard, 49 + hard, 44 + hard, 86 + hard, hard, hard + 60, 1 + hard, 0, 1])
    bits = 63 if field_.proto_type.endswith("64") else 31
    return st.sampled_from([0, 1, 2, 253, 2**bits - 1]) | st.integers(0, 2**bits)


def messages_of(cls: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Messages of one class: required fields always, the others sometimes."""
    required, optional = {}, {}
    for field_ in cls.FIELDS.values():
        if depth >= 3 and issubclass(field_.py_type, protobuf.MessageType) and not field_.required:
            continue
        value = _value(field_, depth)
        if field_.repeated:
            value = st.lists(value, max_size=6)
        (required if field_.required else optional)[field_.name] = value
    return st.fixed_dictionaries(required, optional=optional).map(lambda chosen: cls(**chosen))


# What would change the device by right, once confirmed; here nobody confirms, save these that ask nothing.
_NOT_THROWN = frozenset({"ApplyFlags", "LockDevice", "SetBusy", "RebootToBootloader"})


def frames(persona: str) -> st.SearchStrategy[Frame]:
    """Messages the persona knows (well formed and spoiled), and ones it does not."""
    classes = [cls for cls, _ in table_for(by_name(persona)).values() if cls.__name__ not in _NOT_THROWN] + [
        m.ButtonAck,
        m.PassphraseAck,
        m.TxAck,
        m.EthereumTxAck,
        m.PinMatrixAck,
    ]
    good = st.sampled_from(classes).flatmap(messages_of).map(frame_of)
    raw = st.builds(Frame, st.sampled_from([proto.wire_type_of(c) for c in classes]), st.binary(max_size=90))
    unknown = st.builds(Frame, st.integers(0, 0xFFFF), st.binary(max_size=20))
    return good | good | good | raw | unknown


def frame_of(message: Any) -> Frame:
    return Frame(proto.wire_type_of(message), proto.encode(message))


def throw_messages(target: Victim, thrown: Sequence[Frame]) -> None:
    """Throw messages at a device whose person refuses everything: nothing may come of it."""
    target.person.sit_down(default=False)
    for frame in thrown:
        if frame.wire_type in _names_to_types(_NOT_THROWN):
            continue
        target.send(frame)
        if frame.wire_type == proto.wire_type_of(m.ButtonAck):
            continue  # may be the answer to a question, and then nothing follows at once
        with suppress(Timeout):
            _read_to_end(target)
    target.check()
    assert "yes" not in target.person.log


def _names_to_types(names: frozenset[str]) -> set[int]:
    return {int(getattr(m, name).MESSAGE_WIRE_TYPE) for name in names if hasattr(m, name)}


def _read_to_end(target: Victim) -> None:
    reply = target.read(OVERHEARD)
    for _ in range(MOST_QUESTIONS):
        assert not carries_signature(reply), reply
        if not isinstance(reply, m.ButtonRequest):
            return
        target.send(frame_of(m.ButtonAck()))
        reply = target.read(OVERHEARD)
