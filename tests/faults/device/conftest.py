"""The wallet and device fixtures of tests/integration/device, used here as they are."""

from tests.integration.device.conftest import device, opened, other_wallet, trezor, verified, wallet

__all__ = ["device", "opened", "other_wallet", "trezor", "verified", "wallet"]
