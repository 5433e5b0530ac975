"""From a configured path to an open line on which questions and answers are in step.

Paths: ``udp:127.0.0.1:PORT`` (an emulator), ``bridge:…``, ``webusb:…``. Refuses other transports, other
hosts, and devices of protocol THP. What an earlier user of the device left unread is read away first.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import time
from typing import Any, Final

from vault.device import failures
from vault.device.features import device_mapping, onekey_model
from vault.device.wire import GuardedTransport
from vault.errors import DeviceError

CONNECT_LIMIT_S: Final = 10.0  # nobody presses a button while connecting
_RESEND_S: Final = 1.0  # a device left in the middle of a message swallows the first Cancels
_STALE_MESSAGES: Final = 100
_PING_S: Final = 0.2


def is_emulated(path: str) -> bool:
    """Whether the path is an emulator's: only emulators listen on UDP."""
    return path.startswith("udp:")


def connect(path: str, limit_s: float) -> tuple[GuardedTransport, Any]:
    """Open the device at `path` and bring it in step; the line and the Features it reported.

    Raises `DeviceError`: ``unknown_transport``, ``not_found``, ``busy``, ``timeout``, ``thp_unsupported`` …
    """
    # Its debug output holds whole messages, passphrases included. Errors arrive typed, not as log lines.
    logging.getLogger("trezorlib").setLevel(logging.CRITICAL)
    limit_s = min(limit_s, CONNECT_LIMIT_S)
    try:
        raw = _find(path, limit_s)
    except DeviceError:
        raise
    except Exception as error:  # noqa: BLE001 -- a missing libusb and the like, each with its own type
        raise _not_found(path, type(error).__name__) from None
    line = GuardedTransport(raw, limit_s)
    line.open()
    try:
        return line, synchronise(line, limit_s)
    except BaseException as error:
        line.cancel()
        line.close()
        if isinstance(error, Exception):
            raise failures.from_exception(error) from None
        raise


def _find(path: str, limit_s: float) -> Any:
    scheme, _, rest = path.partition(":")
    if scheme == "udp":
        return _find_udp(path, rest, limit_s)
    if scheme == "bridge":
        return _find_bridge(path, limit_s)
    if scheme == "webusb":
        return _find_usb(path, limit_s)
    raise DeviceError(
        "unknown_transport",
        f"expected a path with udp:, bridge: or webusb:, found {path!r}",
        hint="Correct `path` of this device in treasury.toml.",
    )


def _not_found(path: str, why: str = "") -> DeviceError:
    return DeviceError(
        "not_found",
        f"no device answers at {path}" + (f" ({why})" if why else ""),
        hint="Connect it, switch it on and unlock it; `webusb:` needs libusb, `bridge:` a running bridge.",
    )


def _find_udp(path: str, address: str, limit_s: float) -> Any:
    from trezorlib.transport.udp import UdpTransport

    host, _, port = address.partition(":")
    if host not in {"127.0.0.1", "localhost"} or not port.isascii() or not port.isdecimal():
        raise DeviceError(
            "unknown_transport", f"expected udp:127.0.0.1:PORT, found {path!r}", hint="Emulators are local."
        )
    if not 0 < int(port) < 2**16:
        raise DeviceError("unknown_transport", f"expected a port below 65536, found {path!r}")
    # A socket of its own: a late answer to this ping must not land among the messages.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ping:
        ping.connect(("127.0.0.1", int(port)))
        ping.settimeout(_PING_S)
        deadline = time.monotonic() + limit_s
        while True:
            with contextlib.suppress(TimeoutError):
                try:
                    ping.send(b"PINGPING")
                    if ping.recv(64) == b"PONGPONG":
                        return UdpTransport(f"127.0.0.1:{port}")
                except ConnectionError:
                    raise _not_found(path) from None
            if time.monotonic() > deadline:
                raise _not_found(path)


def _find_bridge(path: str, limit_s: float) -> Any:
    import requests
    from trezorlib.transport import Timeout, bridge

    try:
        version = bridge.call_bridge("configure", timeout=limit_s).json()["version"]
        legacy = tuple(map(int, version.split("."))) < bridge.TREZORD_VERSION_MODERN
        found = bridge.call_bridge("enumerate", timeout=limit_s).json()
    except requests.RequestException as error:
        raise _not_found(path, type(error).__name__) from None
    raws = [bridge.BridgeTransport(device, legacy) for device in found]
    raw = next((raw for raw in raws if raw.get_path() == path), None)
    if raw is None:
        raise _not_found(path)
    stock_call = raw._call

    def call(action: str, data: str | None = None, timeout: float | None = None) -> Any:
        try:
            return stock_call(action, data=data, timeout=limit_s if timeout is None else timeout)
        except requests.Timeout:
            raise Timeout from None

    # The stock transport sends and acquires without any time limit.
    raw._call = call
    return raw


def _find_usb(path: str, limit_s: float) -> Any:
    from trezorlib.models import ALL_MODELS
    from trezorlib.transport.webusb import WebUsbTransport

    if not WebUsbTransport.ENABLED:
        raise DeviceError(
            "unknown_transport", "USB needs libusb and the Python package libusb1", hint="Install them."
        )
    found = WebUsbTransport.enumerate((*ALL_MODELS, onekey_model()))
    raw = next((raw for raw in found if raw.get_path() == path), None)
    if raw is None:
        raise _not_found(path)
    raw.write_chunk = bounded_usb_write(raw, limit_s)
    return raw


def bounded_usb_write(raw: Any, limit_s: float) -> Any:
    """A write that gives up: the stock one repeats for ever when the device takes nothing."""
    from trezorlib.transport import Timeout, TransportException

    def write_chunk(chunk: bytes, /) -> None:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            try:
                written = raw.handle.interruptWrite(raw.endpoint, chunk, 300)
            except Exception as error:  # noqa: BLE001 -- libusb's errors, without importing libusb
                if not type(error).__name__.endswith("Timeout"):
                    raise TransportException(type(error).__name__) from None
                written = getattr(error, "transferred", 0)
            if written == len(chunk):
                return
            if written:
                raise TransportException("partial write")
        raise Timeout

    return write_chunk


def synchronise(line: GuardedTransport, limit_s: float) -> Any:
    """Cancel what is on the screen, read away what is unread, and learn the Features.

    Messages that were left over may come at any moment before the answer to Cancel; they are skipped.
    """
    from trezorlib import messages, protocol_v1
    from trezorlib.transport import Timeout

    mapping = device_mapping()
    line.allow(limit_s, _STALE_MESSAGES)
    cancel = mapping.encode(messages.Cancel())
    get_features = mapping.encode(messages.GetFeatures())
    deadline = time.monotonic() + limit_s
    answer = None
    while not isinstance(answer, messages.Failure):
        if time.monotonic() > deadline:
            raise failures.timeout(limit_s)
        protocol_v1.write(line, *cancel)
        with contextlib.suppress(Timeout):
            answer = _read_until(line, messages.Failure, min(_RESEND_S, limit_s / 2))
    if answer.code == messages.FailureType.InvalidProtocol:
        raise failures.from_failure(int(answer.code), answer.message)
    protocol_v1.write(line, *get_features)
    return _read_until(line, messages.Features, None)


def _read_until(line: GuardedTransport, wanted: Any, timeout: float | None) -> Any:
    from trezorlib import protocol_v1

    mapping = device_mapping()
    for _ in range(_STALE_MESSAGES):
        kind, data = protocol_v1.read(line, timeout=timeout, _ignore_bad_magic=True)
        if issubclass(mapping.type_to_class.get(kind, object), wanted):
            return mapping.decode(kind, data)
    raise DeviceError("out_of_step", "the device does not stop sending old answers", hint=failures.RETRY)


def require_in_step(line: GuardedTransport, *, skip_old: bool = False) -> None:
    """Prove with a fresh number that the next answer belongs to the last question.

    Raises `DeviceError` (``device.out_of_step``) when anything else arrives; `skip_old` reads it away.
    """
    from trezorlib import messages, protocol_v1

    mapping = device_mapping()
    nonce = secrets.token_hex(8)
    protocol_v1.write(line, *mapping.encode(messages.Ping(message=nonce)))
    for _ in range(_STALE_MESSAGES if skip_old else 1):
        kind, data = protocol_v1.read(line)
        if kind == messages.Success.MESSAGE_WIRE_TYPE:
            answer = mapping.decode(kind, data)
            if answer.message == nonce:
                return
    raise DeviceError(
        "out_of_step",
        "an answer of the device does not belong to the question that was asked",
        hint=failures.RETRY,
    )
