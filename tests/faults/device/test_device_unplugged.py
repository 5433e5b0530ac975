"""Unplugged, hung, interrupted or refused while signing: a typed error, and a fresh session goes on."""

from __future__ import annotations

import _thread
import threading
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from emulator.device.ui.screens import Answer
from vault.address import NETWORKS
from vault.errors import DeviceError, DeviceRefusedError

REGTEST = NETWORKS["regtest"]
MNEMONIC = "all all all all all all all all all all all all"
SHORT_S = 0.08
GONE = {"device.timeout", "device.not_found", "device.disconnected"}


@pytest.fixture
def quick_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at the clock every 10 ms instead of every 100 ms while nothing arrives."""
    monkeypatch.setattr("trezorlib.transport.udp.SOCKET_TIMEOUT", 0.01)
    monkeypatch.setattr("vault.device.connection.transports._PING_S", 0.02)


@pytest.mark.usefixtures("quick_socket")
def test_unplug_at_every_message_of_a_signing_flow(
    device: Any, opened: Any, wallet: Any, verified: Any, record_property: Any
) -> None:
    request = wallet.request("p2wpkh", "p2tr", "p2wpkh")
    with opened(device) as session:
        reference = session.sign_transaction(request, REGTEST)
    assert verified(wallet, request, reference)
    positions = 0
    while positions < 300:
        device.unplug_after(positions)
        try:
            with opened(device, timeout_s=SHORT_S) as session:
                result = session.sign_transaction(request, REGTEST)
        except DeviceError as error:
            assert error.code in GONE, error
        else:
            assert result == reference
            break
        positions += 1
        # On a busy machine the time may be up before the cable is pulled; it must not be pulled later.
        device.set_faults({"unplugged": False, "unplug_after": None})
        with opened(device) as session:
            assert session.sign_transaction(request, REGTEST) == reference
    record_property("unplug_positions", positions)
    assert 10 < positions < 300


def test_device_that_hangs_after_the_button_is_given_up_in_time(
    every_device: Any, opened: Any, wallet: Any
) -> None:
    device = every_device.built_in("a genuine emulator cannot be told to hang")
    request = wallet.request("p2wpkh")
    device.set_faults({"stall_after_button": True})
    with opened(device, timeout_s=0.3) as session:
        with pytest.raises(DeviceError) as error:
            session.sign_transaction(request, REGTEST)
        assert error.value.code == "device.timeout"
        with pytest.raises(DeviceError) as later:
            session.xpub("m/84h/1h/0h")
        assert later.value.code == "device.closed"


def test_nobody_at_the_device_is_a_timeout_and_leaves_no_question_open(
    opened: Any, wallet: Any, verified: Any
) -> None:
    request = wallet.request("p2wpkh")
    with DeviceEmulator(mnemonic=MNEMONIC, mode="scripted") as device:
        with opened(device, timeout_s=0.3) as session, pytest.raises(DeviceError) as error:
            session.sign_transaction(request, REGTEST)
        assert error.value.code == "device.timeout"
        with opened(device) as session:
            assert device.screen_records[-1].answer is Answer.DROPPED
            assert session.xpub("m/84h/1h/0h").startswith("tpub")


def test_ctrl_c_cancels_on_the_device(opened: Any, wallet: Any) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, mode="scripted") as device:

        def interrupt() -> None:
            device.wait_for_screen()
            _thread.interrupt_main()

        thread = threading.Thread(target=interrupt)
        with pytest.raises(KeyboardInterrupt), opened(device) as session:
            thread.start()
            session.sign_transaction(wallet.request("p2wpkh"), REGTEST)
        thread.join()
        with opened(device) as session:
            assert device.screen_records[-1].answer is Answer.DROPPED
            assert session.fingerprint == wallet.fingerprint


def test_an_error_of_the_callers_own_leaves_the_device_usable(every_device: Any, opened: Any) -> None:
    with pytest.raises(ZeroDivisionError), opened(every_device):
        _ = 1 // 0
    with opened(every_device) as session:
        assert session.xpub("m/84h/1h/0h").startswith("tpub")


def test_a_prompt_that_fails_stops_before_the_device_is_asked(trezor: Any, opened: Any, wallet: Any) -> None:
    def broken(_prompt: object) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError), opened(trezor, on_prompt=broken) as session:
        session.sign_transaction(wallet.request("p2wpkh"), REGTEST)
    assert trezor.screens == ()


def test_refusal_at_every_screen_gives_no_signature(opened: Any, wallet: Any) -> None:
    request = wallet.request("p2wpkh", "p2tr")
    answers = {"count": 0, "refuse": 0}

    def answer(_screen: object) -> bool:
        answers["count"] += 1
        return answers["count"] != answers["refuse"]

    with DeviceEmulator(mnemonic=MNEMONIC, mode="interactive", on_screen=answer) as device:
        with opened(device) as session:
            session.sign_transaction(request, REGTEST)
        screens = answers["count"]
        assert screens >= 2
        for refused in range(1, screens + 1):
            answers.update(count=0, refuse=refused)
            with opened(device) as session, pytest.raises(DeviceRefusedError) as error:
                session.sign_transaction(request, REGTEST)
            assert error.value.code == "device.refused_by_person"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("truncate_signature", "device.bad_signature"),
        ("redirect_output", "device.altered_transaction"),
    ],
)
@pytest.mark.parametrize("kind", ["p2wpkh", "p2tr"])
def test_evil_answers_of_the_wrong_form_are_refused(
    *, every_device: Any, opened: Any, wallet: Any, fault: str, code: str, kind: str
) -> None:
    device = every_device.built_in("a genuine emulator cannot be told to lie")
    device.set_faults({fault: True})
    with opened(device) as session, pytest.raises(DeviceError) as error:
        session.sign_transaction(wallet.request(kind), REGTEST)
    assert error.value.code == code


@pytest.mark.parametrize("fault", ["wrong_key_signature", "sign_other_output"])
@pytest.mark.parametrize("kind", ["p2wpkh", "p2tr"])
def test_well_formed_lies_are_refused_as_they_do_not_verify(
    *, every_device: Any, opened: Any, wallet: Any, fault: str, kind: str
) -> None:
    device = every_device.built_in("a genuine emulator cannot be told to lie")
    device.set_faults({fault: True})
    with opened(device) as session, pytest.raises(DeviceError) as error:
        session.sign_transaction(wallet.request(kind), REGTEST)
    assert error.value.code == "device.invalid_signature"


def test_truncated_message_signature_is_refused(every_device: Any, opened: Any) -> None:
    device = every_device.built_in("a genuine emulator cannot be told to lie")
    device.set_faults({"truncate_signature": True})
    with opened(device) as session, pytest.raises(DeviceError) as error:
        session.sign_message("m/84h/1h/100h/0/0", "text", REGTEST)
    assert error.value.code == "device.bad_signature"
