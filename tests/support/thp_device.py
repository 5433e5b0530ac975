"""A device of Trezor's host protocol (THP) behind a transport in memory: its side of channel and pairing.

Framing, handshake (Noise XX with a masked static key) and code entry follow docs/common/thp of
trezor-firmware; what a channel carries is answered by the rules of `ScriptedTransport`. It counts what
it is asked, and can lose packets, be locked or lie.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from noise.connection import Keypair, NoiseConnection
from trezorlib import messages, protocol_v1
from trezorlib.thp import control_byte, cpace, curve25519
from trezorlib.thp.channel import decode_proto, encode_proto
from trezorlib.thp.message import Message

from tests.support.scripted_device import ScriptedTransport, _Inbox, failure
from vault.device.connection.onekey import device_mapping

METHODS = messages.ThpPairingMethod
CODE_ENTRY = int(METHODS.CodeEntry).to_bytes(1, "big")
QR_CODE = int(METHODS.QrCode).to_bytes(1, "big")


class _Masked:
    """Stands for the static private key times the mask, which is no key of its own."""


class ThpDevice(ScriptedTransport):
    """Knows one static key, the credentials it gave out, and the code on its screen."""

    def __init__(self) -> None:
        super().__init__()
        self.static = secrets.token_bytes(32)
        self.static_public = curve25519.get_public_key(self.static)
        self.credentials: dict[bytes, bytes] = {}  # credential -> the host's static public key
        self.methods = [METHODS.SkipPairing, METHODS.CodeEntry, METHODS.QrCode, METHODS.NFC]
        self.version = (2, 0)
        self.locked = False
        self.lose = 0  # packets of the host that do not arrive
        self.shown_code = ""
        self.shown_qr = b""
        self.false_commitment = False
        self.host_names: list[tuple[str, str]] = []
        self.repeated = 0
        self._channel = 0x1200
        self._packet = bytearray()
        self._head = (0, 0, 0)
        self._secret = secrets.token_bytes(16)
        self._reset()
        self.rules |= {
            messages.ThpPairingRequest: self._pairing_request,
            messages.ThpSelectMethod: self._select,
            messages.ThpCodeEntryChallenge: self._challenge,
            messages.ThpCodeEntryCpaceHostTag: self._host_tag,
            messages.ThpQrCodeTag: self._qr_tag,
            messages.ThpCredentialRequest: self._give_credential,
            messages.ThpEndRequest: lambda _: [messages.ThpEndResponse()],
            messages.ThpCreateNewSession: lambda _: [messages.Success(message="")],
            messages.Cancel: lambda _: [failure(4, "Cancelled")],
        }

    def _reset(self) -> None:
        self._seq_in = self._seq_out = False
        self.noise: Any = None

    # Packets

    def write_chunk(self, chunk: bytes, /) -> None:
        if chunk.startswith(b"?"):
            if chunk.startswith(b"?##"):
                kind, data = failure(17, "Invalid protocol")
                protocol_v1.write(_Inbox(self.inbox), kind, data)
            return
        if self.lose:
            self.lose -= 1
            return
        if chunk[0] & control_byte.CONTINUATION_BIT:
            self._packet += chunk[3:]
        else:
            self._head = (chunk[0], int.from_bytes(chunk[1:3], "big"), int.from_bytes(chunk[3:5], "big"))
            self._packet = bytearray(chunk[5:])
        if len(self._packet) >= self._head[2]:
            self._take(Message.parse(self._head[0], self._head[1], bytes(self._packet[: self._head[2]])))

    def _take(self, message: Message) -> None:
        if message.ctrl_byte == control_byte.CHANNEL_ALLOCATION_REQ:
            self._channel += 1
            self._reset()
            self._say_packet(
                Message.broadcast(
                    control_byte.CHANNEL_ALLOCATION_RES,
                    message.data + self._channel.to_bytes(2, "big") + self._properties(),
                )
            )
            return
        if message.is_ack() or message.cid != self._channel:
            return
        assert message.seq_bit is not None
        if message.seq_bit != self._seq_in:
            self.repeated += 1
            self._say_packet(Message.ack(self._channel, message.seq_bit))
            return
        self._seq_in = not self._seq_in
        self._say_packet(Message.ack(self._channel, message.seq_bit))
        kind = message.ctrl_byte & control_byte.DATA_MASK
        if kind == control_byte.HANDSHAKE_INIT_REQ:
            self._handshake(message.data)
        elif kind == control_byte.HANDSHAKE_COMP_REQ:
            self._complete(message.data)
        else:
            self._application(bytes(self.noise.decrypt(message.data)))

    def _say_packet(self, message: Message) -> None:
        for chunk in message.chunks(64):
            self.inbox.append(chunk)

    def _send(self, kind: int, data: bytes) -> None:
        self._say_packet(Message(kind, self._channel, data).with_seq_bit(self._seq_out))
        self._seq_out = not self._seq_out

    def _properties(self) -> bytes:
        return encode_proto(
            messages.ThpDeviceProperties(
                internal_model="T3W1",
                protocol_version_major=self.version[0],
                protocol_version_minor=self.version[1],
                pairing_methods=self.methods,
            )
        )

    # Handshake

    def _handshake(self, data: bytes) -> None:
        ephemeral = secrets.token_bytes(32)
        mask = X25519PrivateKey.from_private_bytes(
            sha256(self.static_public + curve25519.get_public_key(ephemeral)).digest()
        )
        static = X25519PrivateKey.from_private_bytes(self.static)
        noise = NoiseConnection.from_name(b"Noise_XX_25519_AESGCM_SHA256")
        noise.set_as_responder()
        noise.set_keypair_from_private_bytes(Keypair.STATIC, self.static)
        noise.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
        noise.set_prologue(self._properties())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mask needs the ephemeral key beforehand
            noise.start_handshake()
        unlock = noise.read_message(data)
        if self.locked and unlock != b"\1":
            self._say_packet(Message(control_byte.ERROR, self._channel, b"\5"))
            return
        self.locked = False
        protocol = noise.noise_protocol
        stock = protocol.dh_fn.dh

        def exchange(private: Any, public: Any) -> bytes:
            if isinstance(private, _Masked):
                return mask.exchange(X25519PublicKey.from_public_bytes(static.exchange(public)))
            return bytes(stock(private, public))

        protocol.dh_fn.dh = exchange
        ours = protocol.handshake_state.s
        ours.public_bytes = mask.exchange(X25519PublicKey.from_public_bytes(self.static_public))
        ours.private = _Masked()
        self.noise = noise
        self._send(control_byte.HANDSHAKE_INIT_RES, bytes(noise.write_message(b"")))

    def _complete(self, data: bytes) -> None:
        state = self.noise.noise_protocol.handshake_state  # the library drops it with the last message
        payload = self.noise.read_message(data)
        proof = decode_proto(messages.ThpHandshakeCompletionReqNoisePayload, bytes(payload))
        given = proof.host_pairing_credential
        known = given is not None and self.credentials.get(given) == bytes(state.rs.public_bytes)
        self._send(control_byte.HANDSHAKE_COMP_RES, bytes(self.noise.encrypt(b"\1" if known else b"\0")))

    # What the channel carries

    def _application(self, data: bytes) -> None:
        session, kind = data[0], int.from_bytes(data[1:3], "big")
        message = device_mapping().decode(kind, data[3:])
        self.sent.append(message)
        self.session = session
        rule: Callable[[Any], list[Any]] = self.rules.get(
            type(message), lambda _: [failure(1, "Unexpected message")]
        )
        for answer in rule(message):
            self.say(answer)

    def say(self, answer: Any) -> None:
        if self.noise is None:
            super().say(answer)
            return
        kind, data = answer if isinstance(answer, tuple) else device_mapping().encode(answer)
        plain = self.session.to_bytes(1, "big") + kind.to_bytes(2, "big") + data
        self._send(control_byte.ENCRYPTED_TRANSPORT, bytes(self.noise.encrypt(plain)))

    # Pairing

    @property
    def _hash(self) -> bytes:
        return bytes(self.noise.get_handshake_hash())

    def _pairing_request(self, message: Any) -> list[Any]:
        self.host_names.append((message.host_name, message.app_name))
        if not message.host_name or not message.app_name:
            return [failure(3, "Missing name")]
        return [messages.ThpPairingRequestApproved()]

    def _select(self, message: Any) -> list[Any]:
        if message.selected_pairing_method == METHODS.CodeEntry:
            told = b"\0" * 32 if self.false_commitment else sha256(self._secret).digest()
            return [messages.ThpCodeEntryCommitment(commitment=told)]
        assert message.selected_pairing_method == METHODS.QrCode
        self.shown_qr = sha256(QR_CODE + self._hash + self._secret).digest()[:16]
        return [messages.ThpPairingPreparationsFinished()]

    def _challenge(self, message: Any) -> list[Any]:
        digest = sha256(CODE_ENTRY + self._hash + self._secret + message.challenge).digest()
        self.shown_code = f"{int.from_bytes(digest, 'big') % 1_000_000:06}"
        generator = cpace._generator(prs=self.shown_code.encode(), ci=self._hash)
        self._cpace = secrets.token_bytes(32)
        return [
            messages.ThpCodeEntryCpaceTrezor(
                cpace_trezor_public_key=curve25519.multiply(self._cpace, generator)
            )
        ]

    def _host_tag(self, message: Any) -> list[Any]:
        shared = curve25519.multiply(self._cpace, message.cpace_host_public_key)
        if sha256(shared).digest() != message.tag:
            return [failure(3, "Unexpected Code Entry Tag")]
        return [messages.ThpCodeEntrySecret(secret=self._secret)]

    def _qr_tag(self, message: Any) -> list[Any]:
        if message.tag != sha256(self._hash + self.shown_qr).digest():
            return [failure(3, "Unexpected QR Code Tag")]
        return [messages.ThpQrCodeSecret(secret=self._secret)]

    def _give_credential(self, message: Any) -> list[Any]:
        credential = secrets.token_bytes(60)
        self.credentials[credential] = bytes(message.host_static_public_key)
        return [
            messages.ThpCredentialResponse(trezor_static_public_key=self.static_public, credential=credential)
        ]
