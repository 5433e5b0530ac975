"""From a configured path to an open line on which questions and answers are in step.

Finds out which protocol the device speaks (v1, or THP: see `thp`). What an earlier user of the device
left unread is read away first. Refuses to ask for a PIN anywhere but at unlocking.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from vault.config import PassphraseSource
from vault.device import failures
from vault.device.connection import transports
from vault.device.connection.credentials import PairingCredential, no_credentials
from vault.device.connection.features import DeviceInfo, locked, read_info
from vault.device.connection.keyboard import NOBODY, Keyboard, ask_passphrase, ask_pin, pin_legend
from vault.device.connection.lock import owned
from vault.device.connection.onekey import device_mapping, onekey_model, pin_on_device
from vault.device.connection.wire import GuardedTransport
from vault.device.prompt import OnPrompt, Prompt, silent
from vault.errors import DeviceError

CONNECT_LIMIT_S: Final = 10.0  # nobody presses a button while connecting
CALL_MESSAGES: Final = 100  # a call and the questions it asks the person, page by page
_RESEND_S: Final = 1.0  # a device left in the middle of a message swallows the first Cancels
_STALE_MESSAGES: Final = 100


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connection has around it: the time a person has, where to show, whom to ask, what is paired."""

    limit_s: float
    on_prompt: OnPrompt = silent
    keyboard: Keyboard = NOBODY
    credentials: Callable[[], Sequence[PairingCredential]] = no_credentials

    @property
    def connect_limit_s(self) -> float:
        return min(self.limit_s, CONNECT_LIMIT_S)


class Connection:
    """An open line to a device, in protocol v1; `info` is what the device last said about itself."""

    def __init__(self, line: GuardedTransport, info: DeviceInfo, around: Surroundings) -> None:
        self.line = line
        self.info = info
        self.around = around
        self._client: Any = None

    @property
    def client(self) -> Any:
        """trezorlib's client on this line."""
        if self._client is None:
            self._client = self._make_client()
        return self._client

    def _make_client(self) -> Any:
        from trezorlib.client import AppManifest
        from trezorlib.protocol_v1 import TrezorClientV1

        app = AppManifest("vault", host_name="", pin_callback=_refuse_pin)
        model = onekey_model() if self.info.kind == "onekey" else None
        return TrezorClientV1(app, self.line, model=model, mapping=device_mapping())

    def unlock(self) -> None:
        """Have the person unlock the device, there or here. Raises ``locked``, ``wrong_pin`` …

        One PIN at most is sent: each wrong one brings a device nearer to wiping itself.
        """
        from trezorlib import messages

        if self.around.keyboard.pin is None:
            raise locked(self.info)
        if self.info.pin_entry == "device":
            lines = (f"Unlock {self.info.model}: enter its PIN on the device.",)
            self.around.on_prompt(Prompt("unlock", lines))
        self.line.allow(self.around.limit_s, CALL_MESSAGES)
        session = self.client._get_any_session()
        with session:
            # Needs the PIN, changes nothing (flags are only ever added), and derives no wallet.
            answer = session.call_raw(messages.ApplyFlags(flags=0))
            asked = False
            while not isinstance(answer, messages.Success):
                if isinstance(answer, messages.PinMatrixRequest) and not asked:
                    asked = True
                    answer = session.call_raw(self._pin_message())
                elif isinstance(answer, messages.ButtonRequest):
                    answer = session.call_raw(messages.ButtonAck())
                elif isinstance(answer, messages.Failure):
                    raise failures.from_failure(answer.code, answer.message)
                else:
                    _refuse_pin(answer)
        self.info = self.described(self.client.refresh_features())

    def _pin_message(self) -> Any:
        from trezorlib import messages

        self.around.on_prompt(Prompt("enter_pin", pin_legend(self.info.kind)))
        places = ask_pin(self.around.keyboard, self.info.kind)
        return messages.PinMatrixAck(pin=places) if places else pin_on_device()()

    def described(self, features: Any) -> DeviceInfo:
        """`info` anew, from Features of the same device."""
        known = self.info
        maker = "OneKey" if known.kind == "onekey" else ""
        return read_info(features, emulated=known.emulated, protocol=known.protocol, maker=maker)

    def require_ready(self) -> None:
        """Nothing in protocol v1; elsewhere a pairing. Raises ``device.not_paired``."""

    def passphrase_setting(self, source: PassphraseSource) -> Any:
        """What trezorlib's ``get_session`` takes; a person is asked where the passphrase is typed here.

        Raises `DeviceError`: ``passphrase_always_on_device``, ``passphrase_needed``, ``bad_passphrase``.
        """
        from trezorlib.client import PassphraseSetting

        around = self.around
        if source == "none":
            if self.info.passphrase_always_on_device:
                raise DeviceError(
                    "passphrase_always_on_device",
                    f"{self.info.model} always asks for a passphrase on its screen",
                    hint='Set `passphrase = "device"`; an empty passphrase is the standard wallet.',
                )
            self.line.allow(around.connect_limit_s, CALL_MESSAGES)
            return PassphraseSetting.STANDARD_WALLET
        if source == "device":
            around.on_prompt(Prompt("enter_passphrase", ("Enter the passphrase on the device.",)))
            self.line.allow(around.limit_s, CALL_MESSAGES)
            return PassphraseSetting.ON_DEVICE
        typed = ask_passphrase(around.keyboard)
        lines = ("The device may show the passphrase you typed: compare it there.",)
        around.on_prompt(Prompt("confirm_passphrase", lines))
        self.line.allow(around.limit_s, CALL_MESSAGES)
        return typed

    def require_in_step(self, *, skip_old: bool = False) -> None:
        """See `require_in_step`."""
        require_in_step(self.line, skip_old=skip_old)


def _refuse_pin(_request: object) -> str:
    """A PIN is typed when a device is opened, and never in the middle of something else."""
    raise DeviceError(
        "pin_requested", "the device asks for its PIN in the middle of a call", hint=failures.RETRY
    )


def is_emulated(path: str) -> bool:
    """Whether the path is an emulator's: only emulators listen on UDP."""
    return path.startswith("udp:")


def quiet_library() -> None:
    """Its debug output holds whole messages, passphrases included. Errors arrive typed, not as log lines."""
    logging.getLogger("trezorlib").setLevel(logging.CRITICAL)
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("trezorlib.") and isinstance(logger, logging.Logger):
            logger.setLevel(logging.NOTSET)


def connect(path: str, around: Surroundings) -> Connection:
    """Open the device at `path` and bring it in step.

    Raises `DeviceError`: ``unknown_transport``, ``not_found``, ``busy``, ``timeout``, ``not_paired`` …
    """
    limit_s = around.connect_limit_s
    try:
        import trezorlib.client  # noqa: F401 -- its loggers exist from here on

        quiet_library()
        raw = transports.find(path, limit_s)
    except DeviceError:
        raise
    except Exception as error:  # noqa: BLE001 -- a transport's own errors, of no common kind
        raise transports.not_found(path, type(error).__name__) from None
    line = GuardedTransport(raw, limit_s)
    line.open()
    try:
        features = synchronise(line, limit_s)
        if features is None:
            from vault.device.connection.thp import open_channel

            return open_channel(line, around, emulated=is_emulated(path))
        maker = transports.usb_maker(raw)
        return Connection(line, read_info(features, emulated=is_emulated(path), maker=maker), around)
    except BaseException as error:
        line.cancel()
        line.close()
        if isinstance(error, Exception):
            raise failures.from_exception(error) from None
        raise


@contextmanager
def open_connection(path: str, around: Surroundings) -> Iterator[Connection]:
    """Own the device and its line for the length of a ``with`` block; at an error it is told to stop."""
    with owned(path):
        connection = connect(path, around)
        try:
            yield connection
        except BaseException:
            # Covers Ctrl-C: the device is told to stop before the program does.
            connection.line.cancel()
            raise
        finally:
            connection.line.close()


def synchronise(line: GuardedTransport, limit_s: float) -> Any:
    """Cancel what is on the screen, read away what is unread, and learn the Features.

    None from a device that speaks THP only. Messages that were left over may come at any moment before
    the answer to Cancel; they are skipped.
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
        return None
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
    raise out_of_step()


def out_of_step() -> DeviceError:
    """An answer to another question."""
    return DeviceError(
        "out_of_step",
        "an answer of the device does not belong to the question that was asked",
        hint=failures.RETRY,
    )
