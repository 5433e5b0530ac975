"""A host without a library: sends messages to a device and returns its answers, pressing what it is told."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any, Self

from trezorlib import messages as m
from trezorlib import protobuf, protocol_v1
from trezorlib.transport.udp import UdpTransport

from emulator.device.protocol import proto
from emulator.device.protocol.wire import Frame, split
from emulator.device.server import DeviceEmulator

ALL = "all " * 11 + "all"
PATIENCE_S = 5.0


def _stock(wire_type: int, data: bytes) -> Any:
    """What trezorlib makes of an answer."""
    return protobuf.load_message(io.BytesIO(data), proto.class_for_wire_type(wire_type))


class RawHost:
    """The wire of one device; `mapping` of trezorlib is not involved."""

    def __init__(self, device: DeviceEmulator) -> None:
        self.device = device
        self._wire = UdpTransport(f"127.0.0.1:{device.port}")
        self._debug = UdpTransport(f"127.0.0.1:{device.port + 1}")

    def __enter__(self) -> Self:
        self._wire.open()
        self._debug.open()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._wire.close()
        self._debug.close()

    def send(self, message: Any) -> None:
        self.send_frame(Frame(proto.wire_type_of(message), proto.encode(message)))

    def send_frame(self, frame: Frame) -> None:
        for report in split(frame):
            self._wire.write_chunk(report)

    def send_packet(self, packet: bytes) -> None:
        """One datagram of any length."""
        assert self._wire.socket is not None
        self._wire.socket.sendall(packet)

    def read(self, timeout: float = PATIENCE_S) -> Any:
        """The next message of the device. trezorlib's Timeout if there is none."""
        wire_type, data = protocol_v1.read(self._wire, timeout=timeout)
        return _stock(wire_type, data)

    def call(self, message: Any) -> Any:
        """Send and read one answer."""
        self.send(message)
        return self.read()

    def confirmed(self, message: Any, *, answers: tuple[bool | str, ...] = ()) -> Any:
        """Send, and acknowledge and answer every question: YES, unless `answers` says NO or a text."""
        reply, left = self.call(message), list(answers)
        while isinstance(reply, m.ButtonRequest):
            self.send(m.ButtonAck())
            self.decide(left.pop(0) if left else True)
            reply = self.read()
        return reply

    def decide(self, answer: bool | str) -> None:
        """Press on debuglink, or type."""
        if isinstance(answer, str):
            decision = m.DebugLinkDecision(input=answer)
        else:
            decision = m.DebugLinkDecision(button=m.DebugButton.YES if answer else m.DebugButton.NO)
        self._tell_debug(decision)

    def _tell_debug(self, message: Any) -> None:
        for report in split(Frame(proto.wire_type_of(message), proto.encode(message))):
            self._debug.write_chunk(report)

    def debug(self, message: Any) -> Any:
        """Send on debuglink and read the answer there."""
        self._tell_debug(message)
        wire_type, data = protocol_v1.read(self._debug, timeout=PATIENCE_S)
        return _stock(wire_type, data)

    def places(self, pin: str) -> m.PinMatrixAck:
        """The answer to a PinMatrixRequest: where the digits are on the matrix shown now."""
        matrix = self.debug(m.DebugLinkGetState()).matrix
        return m.PinMatrixAck(pin="".join(str((matrix.index(digit) + 1) % 10) for digit in pin))
