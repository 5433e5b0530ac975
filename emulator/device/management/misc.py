"""Small services: random numbers for the host, U2F counters, symmetric encryption (SLIP-11)."""

from __future__ import annotations

import hashlib
import hmac

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ..errors import DataError, ProcessError
from ..flow import Flow
from ..protocol.proto import Message
from ..ui.screens import Screen

MAX_ENTROPY = 1024
_PROTECT_CALL = int(ButtonRequestType.ProtectCall)
_OTHER = int(ButtonRequestType.Other)
_BLOCK = 16


def get_entropy(flow: Flow, msg: Message) -> Message:
    lines = ("Do you really want to send entropy?", "Continue only if you know what you are doing!")
    flow.confirm(Screen("get_entropy", "Confirm entropy", lines, _PROTECT_CALL))
    return messages.Entropy(entropy=flow.random.bytes(min(msg.size, MAX_ENTROPY)))


def set_u2f_counter(flow: Flow, msg: Message) -> Message:
    if flow.persona.firmware == "core":
        flow.require_initialized()
        if msg.u2f_counter is None:
            raise ProcessError("No value provided")
    line = f"Set the U2F counter to {msg.u2f_counter}?"
    flow.confirm(Screen("set_u2f_counter", "Set U2F counter", (line,), _PROTECT_CALL))
    flow.state.u2f_counter = (msg.u2f_counter or 0) + 1
    return messages.Success(message="U2F counter set")


def get_next_u2f_counter(flow: Flow, _msg: Message) -> Message:
    if flow.persona.firmware == "core":
        flow.require_initialized()
    line = "Increase and retrieve the U2F counter?"
    flow.confirm(Screen("get_u2f_counter", "Get U2F counter", (line,), _PROTECT_CALL))
    counter = flow.state.u2f_counter
    flow.state.u2f_counter = counter + 1
    return messages.NextU2FCounter(u2f_counter=counter)


def cipher_key_value(flow: Flow, msg: Message) -> Message:
    """Encrypt or decrypt under a key of the wallet; the question is part of the key."""
    from Crypto.Cipher import AES  # rarely used and slow to import

    core = flow.persona.firmware == "core"
    if core:
        root = flow.root()
        _check_length(msg.value)
    else:
        flow.require_initialized()
        _check_length(msg.value)
        flow.unlock()
        root = flow.root()
    if msg.ask_on_encrypt if msg.encrypt else msg.ask_on_decrypt:
        title = "Encrypt value" if msg.encrypt else "Decrypt value"
        flow.confirm(Screen("cipher_key_value", title, (msg.key,), _OTHER))
    text = msg.key.encode()
    text += b"E1" if msg.ask_on_encrypt else b"E0"
    text += b"D1" if msg.ask_on_decrypt else b"D0"
    node = root.derive(msg.address_n)
    key = hmac.new(node.private_key, text, hashlib.sha512).digest()
    iv = msg.iv if msg.iv and len(msg.iv) == _BLOCK else key[32:48]
    cipher = AES.new(key[:32], AES.MODE_CBC, iv)
    value = cipher.encrypt(msg.value) if msg.encrypt else cipher.decrypt(msg.value)
    return messages.CipheredKeyValue(value=value)


def _check_length(value: bytes) -> None:
    if len(value) % _BLOCK:
        raise DataError("Value length must be a multiple of 16")
