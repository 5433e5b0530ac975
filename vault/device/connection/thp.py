"""Devices of Trezor's host protocol (THP: Safe 7 and later): an encrypted channel, and pairing.

trezorlib does the protocol; here its waiting is bounded and its errors get their names. Refuses a device
that this host is not paired with, and pairing without a code that a person carries over (SkipPairing).
"""

from __future__ import annotations

import platform
import secrets
from collections import defaultdict
from typing import Any, Final, Literal

from vault.device import failures
from vault.device.connection.connect import CALL_MESSAGES, Connection, Surroundings, out_of_step
from vault.device.connection.credentials import PairingCredential
from vault.device.connection.features import DeviceInfo
from vault.device.connection.keyboard import NOBODY, Keyboard
from vault.device.connection.onekey import device_mapping
from vault.device.connection.wire import GuardedTransport
from vault.device.prompt import Prompt
from vault.errors import DeviceError

PairingMethod = Literal["code", "qr"]

APP_NAME: Final = "vault"
# The library doubles its pause with each repetition, twenty times: hours. Five sends take four seconds.
REPETITIONS: Final = 4
# A message, its repetitions, the acknowledgement of the answer, and one for a repeated answer.
_PACKETS_PER_MESSAGE: Final = REPETITIONS + 3
_HANDSHAKE_MESSAGES: Final = 10


class ThpConnection(Connection):
    """An open channel. Before pairing `info` holds no more than the model."""

    def __init__(self, line: GuardedTransport, info: DeviceInfo, around: Surroundings, client: Any) -> None:
        super().__init__(line, info, around)
        self._client = client

    @property
    def paired(self) -> bool:
        return bool(self._client.pairing.is_paired())

    def learn(self) -> None:
        """Ask a paired device for its Features; it may ask the person whether this host may connect."""
        self.require_ready()
        self.line.allow(self.around.limit_s, CALL_MESSAGES)
        self.info = self.described(self._client.features)

    def require_ready(self) -> None:
        """A pairing. Raises `DeviceError` (``device.not_paired``)."""
        if not self.paired:
            raise DeviceError(
                "not_paired",
                f"this computer is not paired with {self.info.model}",
                hint="Run `vault device pair`, once for each computer.",
            )

    def require_in_step(self, *, skip_old: bool = False) -> None:
        """Prove with a fresh number that the next answer belongs to the last question."""
        from trezorlib import messages

        nonce = secrets.token_hex(8)
        session = self._client._get_any_session()
        if session.call(messages.Ping(message=nonce), expect=messages.Success).message != nonce:
            raise out_of_step()


def open_channel(line: GuardedTransport, around: Surroundings, *, emulated: bool) -> ThpConnection:
    """Make a channel to a device that speaks THP, with a stored pairing if there is one.

    Raises `DeviceError`: ``locked``, ``busy``, ``timeout``, ``bad_answer`` …
    """
    from trezorlib import exceptions

    line.packets_per_message = _PACKETS_PER_MESSAGE
    line.allow(around.connect_limit_s, _HANDSHAKE_MESSAGES)
    credentials = tuple(around.credentials())
    channel = _allocate(line)
    try:
        channel.open(credentials)
    except exceptions.DeviceLockedError:
        if around.keyboard.pin is None:
            raise DeviceError("locked", "the device is locked", hint="Unlock it and try again.") from None
        around.on_prompt(Prompt("unlock", ("Enter the PIN on the device.",)))
        line.allow(around.limit_s, _HANDSHAKE_MESSAGES)
        channel = _allocate(line)
        channel.open(credentials, force_unlock=True)
    client = _make_client(line, channel, credentials)
    line.farewell = lambda raw: _cancel(raw, channel)
    connection = ThpConnection(line, _info_of(channel.device_properties, emulated), around, client)
    if connection.paired:
        connection.learn()
    return connection


def _allocate(line: GuardedTransport) -> Any:
    from trezorlib.thp.channel import Channel

    channel = Channel.allocate(line)
    channel.BUSY_RETRIES = REPETITIONS
    return channel


def _make_client(line: GuardedTransport, channel: Any, credentials: tuple[PairingCredential, ...]) -> Any:
    """trezorlib's THP client on a channel that is open: its own constructor makes one without limits."""
    from trezorlib.client import AppManifest, TrezorClient
    from trezorlib.thp.client import TrezorClientThp
    from trezorlib.thp.pairing import PairingController

    client = TrezorClientThp.__new__(TrezorClientThp)
    client.channel = channel
    client._session_id_counter = 0
    client._session_message_queue = defaultdict(list)
    TrezorClient.__init__(
        client,
        AppManifest(APP_NAME, host_name=platform.node() or "computer", credentials=credentials),
        line,
        model=TrezorClientThp.detect_model(channel.device_properties),
        mapping=device_mapping(),
        pairing=PairingController(client),
    )
    return client


def _cancel(raw: Any, channel: Any) -> None:
    """Cancel without waiting for its acknowledgement; only an open channel can carry it."""
    from trezorlib import messages
    from trezorlib.thp import control_byte, thp_io
    from trezorlib.thp.message import Message

    if not channel.is_open():
        return
    kind, data = device_mapping().encode(messages.Cancel())
    payload = channel.noise.encrypt(bytes([0]) + kind.to_bytes(2, "big") + data)
    packet = Message(control_byte.ENCRYPTED_TRANSPORT, channel.channel_id, payload)
    packet = packet.with_seq_bit(channel.sync_bit_send).with_ack_bit(not channel.sync_bit_receive)
    thp_io.write_payload_to_wire(raw, packet)


def _info_of(properties: Any, emulated: bool) -> DeviceInfo:
    """What a device says in the open, before it is paired."""
    model = failures.said(properties.internal_model)
    return DeviceInfo(
        kind="trezor",
        vendor="trezor.io",
        model=f"Trezor {model or 'unknown'}",
        internal_model=model,
        firmware_version="",
        firmware_vendor="",
        label="",
        serial="",
        protocol="thp",
        initialized=True,
        locked=False,
        bootloader=False,
        busy=False,
        pin_protection=False,
        pin_entry="device",
        passphrase_protection=False,
        passphrase_always_on_device=False,
        attached_pin=False,
        backup="unknown",
        recovering=False,
        safety_checks="unknown",
        emulated=emulated,
    )


# -- pairing -----------------------------------------------------------------------------------------


def pair(connection: ThpConnection, method: PairingMethod, keyboard: Keyboard = NOBODY) -> PairingCredential:
    """Pair this host: the device shows a code, the person types it here. The caller keeps the credential.

    Raises `DeviceError`: ``pairing_method``, ``nobody_to_pair``, ``wrong_code``, ``bad_code``; and
    `DeviceRefusedError` when the person at the device says no.
    """
    if keyboard.code is None:
        raise DeviceError(
            "nobody_to_pair",
            "the code that the device shows must be typed, and nobody is there",
            hint="Run the command in a terminal.",
        )
    pairing = connection.client.pairing
    offered = {each.__name__: each for each in pairing.methods}
    wanted = offered.get({"code": "CodeEntry", "qr": "QrCode"}[method])
    if wanted is None:
        raise DeviceError(
            "pairing_method",
            f"expected a device that pairs by {method}, found one that offers "
            f"{', '.join(sorted(offered)) or 'nothing'}",
            hint="Choose another --method; pairing without a code is refused.",
        )
    connection.line.allow(connection.around.limit_s, CALL_MESSAGES)
    connection.around.on_prompt(
        Prompt("pair", (f"Allow {APP_NAME} on {platform.node() or 'computer'} to pair, then read the code.",))
    )
    with failures.typed():
        exchange = wanted(pairing)
        _send_code(exchange, method, keyboard.code().reveal().strip())
        found = pairing.request_credential()
        pairing.finish()
        connection.learn()
    return PairingCredential(bytes(found.trezor_pubkey), bytes(found.host_privkey), bytes(found.credential))


def _send_code(exchange: Any, method: PairingMethod, code: str) -> None:
    from trezorlib import exceptions, messages

    size, digits = (6, "0123456789") if method == "code" else (32, "0123456789abcdefABCDEF")
    if len(code) != size or not set(digits).issuperset(code):
        raise DeviceError(
            "bad_code",
            f"expected {size} {'digits' if method == 'code' else 'hex digits'}",
            hint="Start the pairing again.",
        )
    try:
        if method == "code":
            exchange.send_code(code)
        else:
            exchange.send_qr_code(bytes.fromhex(code))
    except (exceptions.ProtocolError, ValueError):  # a mismatch is the second: the library's abort fails
        raise _wrong_code() from None
    except exceptions.TrezorFailure as error:
        if error.code == messages.FailureType.DataError:
            raise _wrong_code() from None
        raise


def _wrong_code() -> DeviceError:
    return DeviceError(
        "wrong_code",
        "the code is not the one that the device shows",
        hint="Start the pairing again. If the code was right, something stands between you and the device.",
    )
