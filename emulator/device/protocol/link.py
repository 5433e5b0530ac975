"""The two UDP ports of a device: wire protocol on N, debuglink on N+1, loopback only.

One thread owns a Link; other threads hand it work with `submit`. An unplugged device hears
nothing, not even pings.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..faults import Faults, PacketMangler
from .wire import PING, PONG, Frame, HeaderCheck, Reassembler, WireError, split

HOST = "127.0.0.1"
_MAX_DATAGRAM = 2048
_PAIR_ATTEMPTS = 200
_PACKETS_AT_ONCE = 64  # of the wire, before debuglink and other threads have their turn

Address = tuple[str, int]


@dataclass(slots=True)
class _Port:
    """One socket with its half-received message and the host it last heard of."""

    sock: socket.socket
    reassembler: Reassembler = field(default_factory=Reassembler)
    peer: Address | None = None


def _bind(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _bind_pair(port: int) -> tuple[socket.socket, socket.socket]:
    """Sockets on N and N+1; with port 0 any free pair."""
    for _ in range(_PAIR_ATTEMPTS):
        try:
            first = _bind(port)
        except OSError as error:
            text = f"UDP port {port} cannot be used ({error.strerror}); choose another --port, or 0"
            raise OSError(text) from None
        number = first.getsockname()[1]
        try:
            return first, _bind(number + 1)
        except (OSError, OverflowError):
            first.close()
            if port:
                raise OSError(f"UDP port {port + 1} (debuglink) is taken; choose another --port") from None
    raise OSError("no two neighbouring free UDP ports found on 127.0.0.1")


class Link:
    """Receives frames, answers pings, sends frames."""

    def __init__(self, port: int = 0) -> None:
        wire, debug = _bind_pair(port)
        self.port: int = wire.getsockname()[1]
        self._wire = _Port(wire)
        self._debug = _Port(debug)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(wire, selectors.EVENT_READ, self._wire)
        self._selector.register(debug, selectors.EVENT_READ, self._debug)
        self._selector.register(self._wake_in, selectors.EVENT_READ, None)
        self._work: deque[Callable[[], None]] = deque()
        self.frames: deque[Frame] = deque()
        self.deaf = False
        self.mangler = PacketMangler(Faults())
        self.on_error: Callable[[WireError, Address], None] = lambda _error, _peer: None
        self.on_debug: Callable[[Frame, Address], None] = lambda _frame, _peer: None

    def judge_headers(self, check: HeaderCheck) -> None:
        """Have `check` look at type and length of every message before the rest of it comes."""
        self._wire.reassembler.check = check

    def submit(self, work: Callable[[], None]) -> None:
        """Have the owning thread run `work`; safe from any thread."""
        self._work.append(work)
        with contextlib.suppress(OSError):  # closed: nobody is left to do it
            self._wake_out.send(b"!")

    def wait(self) -> None:
        """Block until something happened: a packet, or submitted work."""
        for key, _ in self._selector.select():
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._wake_in.recv(4096)
            else:
                self._receive(key.data)
        while self._work:
            self._work.popleft()()

    def _receive(self, port: _Port) -> None:
        """Take packets: from the host many, from debuglink one, so that each takes effect first."""
        for _ in range(_PACKETS_AT_ONCE if port is self._wire else 1):
            try:
                packet, peer = port.sock.recvfrom(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # a host that has gone away; not the device's concern
            if self.deaf:
                continue
            if packet == PING:
                self._send(port, peer, PONG)
                continue
            if port is self._wire and not self.mangler.is_heard():
                continue
            if port.peer != peer:
                port.peer = peer
                port.reassembler.reset()  # another host: it does not finish a stranger's message
            try:
                frame = port.reassembler.feed(packet)
            except WireError as error:
                if port is self._wire:
                    self.on_error(error, peer)
                continue
            if frame is None:
                continue
            if port is self._wire:
                self.frames.append(frame)
            else:
                self.on_debug(frame, peer)

    @staticmethod
    def _send(port: _Port, peer: Address, packet: bytes) -> None:
        with contextlib.suppress(OSError):  # host gone: a device does not care either
            port.sock.sendto(packet, peer)

    def send(self, frame: Frame) -> None:
        """Send a message to the host that last spoke on the wire port."""
        if self._wire.peer is not None:
            self.send_to(frame, self._wire.peer)

    def send_to(self, frame: Frame, peer: Address) -> None:
        """Send a message from the wire port to a certain host."""
        if self.deaf:
            return
        for report in split(frame):
            for packet in self.mangler.to_host(report):
                self._send(self._wire, peer, packet)

    def send_debug(self, frame: Frame, peer: Address) -> None:
        if self.deaf:
            return
        for report in split(frame):
            self._send(self._debug, peer, report)

    def forget(self) -> None:
        """Drop everything half received or waiting (power loss)."""
        self.frames.clear()
        self._wire.reassembler.reset()
        self._debug.reassembler.reset()

    def close(self) -> None:
        self._selector.close()
        for sock in (self._wire.sock, self._debug.sock, self._wake_in, self._wake_out):
            sock.close()
