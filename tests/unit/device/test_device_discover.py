"""Looking for devices: several at once, each with its own state, and nothing that hangs holds up the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from trezorlib import messages

from tests.support.scripted_device import ScriptedTransport, failure, public_key
from tests.support.thp_device import ThpDevice
from vault.device.connection import transports
from vault.device.discover import Discovery, discover
from vault.errors import DeviceError

LIMIT_S = 0.4


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What is at which path; the bridge and USB show theirs."""
    there: dict[str, Any] = {}

    def find(path: str, _limit: float) -> Any:
        if path not in there:
            raise transports.not_found(path)
        if isinstance(there[path], Exception):
            raise there[path]
        return there[path]

    def present(name: str, _limit: float) -> tuple[str, ...]:
        if isinstance(there.get(name), Exception):
            raise there[name]
        return tuple(path for path in there if path.startswith(f"{name}:"))

    monkeypatch.setattr(transports, "find", find)
    monkeypatch.setattr(transports, "present", present)
    return there


def device(fingerprint: str = "5c9e228d", **features: Any) -> ScriptedTransport:
    raw = ScriptedTransport()
    raw.rules[messages.GetPublicKey] = lambda _: [public_key(fingerprint)]
    raw.features |= features
    return raw


def look(*configured: str, emulated: bool = False) -> Discovery:
    return discover(configured, emulated=emulated, limit_s=LIMIT_S)


def states(found: Discovery) -> dict[str, str | None]:
    """Path -> fingerprint or trouble."""
    return {each.path: each.trouble.code if each.trouble else each.root_fingerprint for each in found.devices}


def test_devices_of_one_id_are_told_apart_by_their_wallets(wires: dict[str, Any]) -> None:
    wires["webusb:1"] = device("11111111", device_id="SAME")
    wires["webusb:2"] = device("22222222", device_id="SAME")
    wires["bridge:1"] = device("33333333", device_id="SAME")
    assert states(look()) == {"webusb:1": "11111111", "webusb:2": "22222222", "bridge:1": "33333333"}


def test_each_state_is_listed_and_nothing_is_asked_of_a_person(wires: dict[str, Any]) -> None:
    wires |= {
        "webusb:1": device(unlocked=False, pin_protection=True),
        "webusb:2": device(initialized=False),
        "webusb:3": device(bootloader_mode=True),
        "webusb:4": device(busy=True),
        "webusb:5": device(minor_version=1),
        "webusb:6": device(vendor="evil.example"),
        "webusb:7": device(passphrase_always_on_device=True, passphrase_protection=True),
        "webusb:8": ThpDevice(),
        "webusb:9": DeviceError("busy", "another program uses it"),
    }
    found = look()
    assert states(found) == {
        "webusb:1": "device.locked",
        "webusb:2": "device.not_initialised",
        "webusb:3": "device.bootloader",
        "webusb:4": "device.busy",
        "webusb:5": "device.outdated",
        "webusb:6": "device.wrong_make",
        "webusb:7": "device.passphrase_always_on_device",
        "webusb:8": "device.not_paired",
        "webusb:9": "device.busy",
    }
    assert all(each.info is not None for each in found.devices[:8])
    for number in range(1, 8):
        asked = wires[f"webusb:{number}"].sent_types()
        assert {messages.ApplyFlags, messages.GetPublicKey, messages.ButtonAck}.isdisjoint(asked)


def test_a_device_that_says_nothing_hides_no_other(wires: dict[str, Any]) -> None:
    mute = device()
    mute.rules[messages.Cancel] = lambda _: []
    wires |= {"webusb:1": mute, "webusb:2": device("22222222")}
    assert states(look()) == {"webusb:1": "device.timeout", "webusb:2": "22222222"}


def test_a_driver_that_never_comes_back_is_given_up(
    wires: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    stuck = device()
    monkeypatch.setattr(stuck, "open", release.wait)
    wires |= {"webusb:1": stuck, "webusb:2": device("22222222")}
    try:
        assert states(look()) == {"webusb:1": "device.timeout", "webusb:2": "22222222"}
    finally:
        release.set()


def test_a_transport_that_fails_is_reported_and_the_others_are_looked_at(wires: dict[str, Any]) -> None:
    wires |= {"webusb": DeviceError("usb_unavailable", "no libusb"), "bridge:1": device("33333333")}
    found = look()
    assert states(found) == {"bridge:1": "33333333"}
    reports = {report.name: report.trouble.code if report.trouble else None for report in found.transports}
    assert reports == {"webusb": "device.usb_unavailable", "bridge": None}


def test_an_error_of_no_known_kind_is_a_transports_trouble(wires: dict[str, Any]) -> None:
    wires |= {"webusb": RuntimeError("usb1.USBErrorOther")}
    assert look().transports[0].trouble is not None


def test_configured_paths_are_looked_at_and_named_when_nothing_is_there(wires: dict[str, Any]) -> None:
    assert states(look("webusb:7")) == {"webusb:7": "device.not_found"}


def test_emulators_are_looked_for_in_an_emulated_treasury_only(wires: dict[str, Any]) -> None:
    usual = transports.USUAL_EMULATOR_PATHS[0]
    wires |= {usual: device("11111111"), "udp:127.0.0.1:9": device("22222222")}
    assert states(look("udp:127.0.0.1:9")) == {}
    found = look("udp:localhost:9", emulated=True)
    assert states(found) == {"udp:127.0.0.1:9": "22222222", usual: "11111111"}
    assert all(each.info and each.info.emulated for each in found.devices)


def test_an_unknown_failure_of_one_device_is_its_own(wires: dict[str, Any]) -> None:
    broken = device()
    broken.rules[messages.GetFeatures] = lambda _: [failure(12345, "from the future")]
    broken.rules[messages.GetPublicKey] = lambda _: [(60000, b"")]
    wires |= {"webusb:1": broken, "webusb:2": device("22222222")}
    assert states(look())["webusb:2"] == "22222222"
    assert str(states(look())["webusb:1"]).startswith("device.")


def test_missing_libusb_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from trezorlib.transport.webusb import WebUsbTransport

    def missing(_models: object) -> None:
        raise FileNotFoundError("libusb-1.0.so.0")

    monkeypatch.setattr(WebUsbTransport, "enumerate", missing)
    for ask in (lambda: transports.present("webusb", 1.0), lambda: transports.find("webusb:1", 1.0)):
        with pytest.raises(DeviceError) as error:
            ask()
        assert error.value.code == "device.usb_unavailable"
        assert "libusb-1.0-0" in error.value.hint


def test_usb_is_asked_for_onekeys_own_ids_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from trezorlib.transport.webusb import WebUsbTransport

    asked: list[Any] = []

    def enumerate_(models: Any) -> list[Any]:
        asked.extend(usb_id for model in models for usb_id in model.usb_ids)
        return []

    monkeypatch.setattr(WebUsbTransport, "enumerate", enumerate_)
    assert transports.present("webusb", 1.0) == ()
    assert {(0x1209, 0x4F4B), (0x1209, 0x53C1), (0x534C, 0x0001)} <= set(asked)


def test_a_onekey_of_old_is_told_by_its_usb_maker(wires: dict[str, Any]) -> None:
    class Descriptor:
        def getManufacturer(self) -> str:
            return "OneKey Ltd."

    raw = device(vendor="trezor.io", model="T", internal_model=None)
    raw.device = Descriptor()  # type: ignore[attr-defined]
    wires["webusb:1"] = raw
    info = look().devices[0].info
    assert info is not None
    assert (info.kind, info.model) == ("onekey", "OneKey unknown")
