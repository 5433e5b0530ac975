"""A model with which unmodified trezorlib talks to a OneKey and knows its own Ethereum messages."""

from __future__ import annotations

from trezorlib import mapping, messages, models

from emulator.device.ethereum import onekey_messages


def _extended_mapping() -> mapping.ProtobufMapping:
    """Trezor's messages and OneKey's; trezorlib's own table stays as it is."""
    extended = mapping.ProtobufMapping.from_module(messages)
    for cls in vars(onekey_messages).values():
        if (
            isinstance(getattr(cls, "MESSAGE_WIRE_TYPE", None), int)
            and cls.__module__ == onekey_messages.__name__
        ):
            extended.register(cls)
    return extended


ONEKEY_MODEL = models.TrezorModel(
    "1", "ONEKEY", (0, 0, 0), ("onekey.so", "trezor.io"), (), _extended_mapping()
)
