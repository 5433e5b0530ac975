"""Scripted devices of both protocols behind `open_device`; see tests/support for the devices themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.device.conftest import other_wallet, wallet
from tests.support.scripted_device import FINGERPRINT, ScriptedTransport, failure, number, public_key
from tests.support.thp_device import ThpDevice

__all__ = ["other_wallet", "wallet"]


@pytest.fixture(autouse=True)
def locks_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All scripted devices have one path: tests side by side must not lock each other out."""
    monkeypatch.setattr("vault.device.connection.lock.lock_folder", lambda: tmp_path / "locks")


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> ScriptedTransport:
    """What `open_device` finds at ``udp:127.0.0.1:1``."""
    raw = ScriptedTransport()
    monkeypatch.setattr("vault.device.connection.transports.find", lambda _path, _limit: raw)
    return raw


@pytest.fixture
def thp(monkeypatch: pytest.MonkeyPatch) -> ThpDevice:
    """The same, of a device that speaks THP only."""
    raw = ThpDevice()
    monkeypatch.setattr("vault.device.connection.transports.find", lambda _path, _limit: raw)
    return raw


@pytest.fixture
def opened() -> Callable[..., Any]:
    from vault.device.session import open_device

    def open_it(**changes: Any) -> Any:
        facts: dict[str, Any] = {
            "kind": "trezor",
            "expected_fingerprint": FINGERPRINT,
            "timeout_s": 0.05,
        }
        return open_device("udp:127.0.0.1:1", **(facts | changes))

    return open_it


@pytest.fixture
def fail() -> Callable[[int, str | None], Any]:
    return failure


@pytest.fixture
def varint() -> Callable[[int, int], bytes]:
    return number


@pytest.fixture
def key_of() -> Callable[[str], Any]:
    return public_key
