"""Ways to a device: USB, the bridge, and UDP for emulators. From a path to a transport, and what is there.

Refuses other transports and other hosts than this one. Every call into a transport is bounded in time,
also where the library's own is not.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any, Final, Literal

from vault.device import failures
from vault.device.connection.onekey import onekey_model
from vault.errors import DeviceError

TransportName = Literal["webusb", "bridge", "udp"]
NAMES: Final[tuple[TransportName, ...]] = ("webusb", "bridge", "udp")

# Where an emulator listens unless it is told otherwise: Trezor's, and OneKey's (54935).
USUAL_EMULATOR_PATHS: Final = ("udp:127.0.0.1:21324", "udp:127.0.0.1:54935")
_PING_S: Final = 0.2
_LIBUSB: Final = "Install libusb 1.0 (Debian: libusb-1.0-0; macOS: brew install libusb), or use `bridge:`."


def canonical(path: str) -> str:
    """The one spelling of a path, so that one device is not taken for two."""
    return "udp:127.0.0.1:" + path[len("udp:localhost:") :] if path.startswith("udp:localhost:") else path


def find(path: str, limit_s: float) -> Any:
    """The transport of `path`, not yet opened.

    Raises `DeviceError`: ``unknown_transport``, ``not_found``, ``busy``, ``usb_unavailable``, ``timeout``.
    """
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
        hint="Correct the path; `vault device list` shows those of connected devices.",
    )


def present(name: TransportName, limit_s: float) -> tuple[str, ...]:
    """Paths of the devices that a transport sees now (UDP sees none by itself).

    Raises `DeviceError` when the transport itself does not work: ``usb_unavailable``, ``bridge_absent`` …
    """
    if name == "webusb":
        return tuple(raw.get_path() for raw in _usb_devices())
    if name == "bridge":
        return tuple(raw.get_path() for raw in _bridge_devices(limit_s))
    return ()


def not_found(path: str, why: str = "") -> DeviceError:
    """Nothing answers there."""
    return DeviceError(
        "not_found",
        f"no device answers at {path}" + (f" ({why})" if why else ""),
        hint="Connect it, switch it on and unlock it; `vault device list` shows what is there.",
    )


# -- UDP ---------------------------------------------------------------------------------------------


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
                    raise not_found(path) from None
            if time.monotonic() > deadline:
                raise not_found(path)


# -- bridge ------------------------------------------------------------------------------------------


def _bridge_devices(limit_s: float) -> list[Any]:
    import requests
    from trezorlib.transport import TransportException, bridge

    try:
        version = bridge.call_bridge("configure", timeout=limit_s).json()["version"]
        legacy = tuple(map(int, version.split("."))) < bridge.TREZORD_VERSION_MODERN
        found = bridge.call_bridge("enumerate", timeout=limit_s).json()
        return [bridge.BridgeTransport(device, legacy) for device in found]
    except requests.ConnectionError:
        raise DeviceError(
            "bridge_absent", "no bridge runs on this machine", hint="Start Trezor Suite, or use USB."
        ) from None
    except requests.Timeout:
        raise failures.timeout(limit_s) from None
    except (requests.RequestException, TransportException, KeyError, ValueError, TypeError) as error:
        raise DeviceError(
            "bridge_failed",
            f"the bridge on this machine answers what is no bridge's answer ({type(error).__name__})",
            hint="Restart it; find out what else listens on port 21325.",
        ) from None


def _find_bridge(path: str, limit_s: float) -> Any:
    import requests
    from trezorlib.transport import Timeout

    try:
        raws = _bridge_devices(limit_s)
    except DeviceError as error:
        raise not_found(path, error.message) from None
    raw = next((raw for raw in raws if raw.get_path() == path), None)
    if raw is None:
        raise not_found(path)
    if raw.session is not None:
        # The library would take the device away from whoever holds it, in the middle of what they do.
        raise DeviceError(
            "busy",
            f"another program holds {path}",
            hint="Close it; if none runs any more, unplug the device and plug it in again.",
        )
    stock_call = raw._call

    def call(action: str, data: str | None = None, timeout: float | None = None) -> Any:
        try:
            return stock_call(action, data=data, timeout=limit_s if timeout is None else timeout)
        except requests.Timeout:
            raise Timeout from None

    # The stock transport sends and acquires without any time limit.
    raw._call = call
    return raw


# -- USB ---------------------------------------------------------------------------------------------


def _usb_devices() -> list[Any]:
    from trezorlib.models import ALL_MODELS
    from trezorlib.transport.webusb import WebUsbTransport

    if not WebUsbTransport.ENABLED:
        raise DeviceError("usb_unavailable", "USB needs the Python package libusb1", hint=_LIBUSB)
    try:
        return list(WebUsbTransport.enumerate((*ALL_MODELS, onekey_model())))
    except FileNotFoundError:
        raise DeviceError(
            "usb_unavailable", "USB needs libusb 1.0, which is not installed", hint=_LIBUSB
        ) from None
    except Exception as error:  # noqa: BLE001 -- libusb's errors are of no common kind
        raise DeviceError(
            "usb_unavailable",
            f"libusb cannot look for devices ({type(error).__name__})",
            hint="Check the permissions of USB devices (udev rules), then try again.",
        ) from None


def _find_usb(path: str, limit_s: float) -> Any:
    raw = next((raw for raw in _usb_devices() if raw.get_path() == path), None)
    if raw is None:
        raise not_found(path)
    raw.write_chunk = bounded_usb_write(raw, limit_s)
    return raw


def usb_maker(raw: Any) -> str:
    """What the USB descriptor gives as maker, empty where there is none (UDP, bridge)."""
    with contextlib.suppress(Exception):
        return failures.said(raw.device.getManufacturer())
    return ""


def bounded_usb_write(raw: Any, limit_s: float) -> Callable[[bytes], None]:
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
