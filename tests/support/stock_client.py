"""A stock trezorlib client on a device that was just started, for tests that start many.

Does what trezorlib's `get_client` does (which other tests use as it is), save its tenth of a second of
listening for answers to somebody else's questions: the socket is new, nobody has asked anything on it.
"""

from __future__ import annotations

from typing import Any

from trezorlib import client as trezor_client
from trezorlib import protocol_v1
from trezorlib.thp.client import TrezorClientThp
from trezorlib.transport import get_transport


def connect(path: str, model: Any = None) -> Any:
    """A client of the protocol that the device at `path` speaks."""
    transport = get_transport(path)
    spoken = protocol_v1.TrezorClientV1 if protocol_v1.probe(transport, retries=0) else TrezorClientThp
    return spoken(app=trezor_client.AppManifest("tests"), transport=transport, mapping=None, model=model)
