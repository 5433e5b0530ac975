"""The wallet and device fixtures of tests/integration/device, used here as they are."""

from tests.integration.device.conftest import (
    device,
    every_device,
    has_passphrase,
    opened,
    other_wallet,
    person,
    pin,
    pytest_generate_tests,
    trezor,
    verified,
    wallet,
)

__all__ = [
    "device",
    "every_device",
    "has_passphrase",
    "opened",
    "other_wallet",
    "person",
    "pin",
    "pytest_generate_tests",
    "trezor",
    "verified",
    "wallet",
]
