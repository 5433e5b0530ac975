"""Buttons, debuglink and the person in front of the device."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from trezorlib import btc, exceptions, mapping, models
from trezorlib import messages as m
from trezorlib.debuglink import DebugLink, LayoutContent, TrezorTestContext, load_device
from trezorlib.tools import parse_path
from trezorlib.transport.udp import UdpTransport

from emulator.device.server import DeviceEmulator
from emulator.device.ui.screens import Answer, Screen

ABANDON = "abandon " * 11 + "about"
WITNESS = m.InputScriptType.SPENDWITNESS
PATH = parse_path("m/84h/0h/0h/0/0")
ADDRESS = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"


def show_address(session: Any) -> str:
    return str(btc.get_address(session, "Bitcoin", PATH, show_display=True, script_type=WITNESS))


@pytest.fixture
def debug(scripted: DeviceEmulator) -> Any:
    link = DebugLink(UdpTransport(f"127.0.0.1:{scripted.port + 1}"))
    yield link
    link.close()


@pytest.fixture
def background() -> Any:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_debuglink_reads_the_screen_and_confirms(
    scripted: DeviceEmulator, debug: Any, connected: Callable[..., Any], background: Any
) -> None:
    session = connected(scripted).get_session("")
    assert "Homescreen" in debug.read_layout().json_str
    answer = background.submit(show_address, session)
    assert scripted.wait_for_screen().name == "show_address"
    layout = debug.read_layout()
    assert ADDRESS in layout.screen_content()
    assert layout.title() == "Receive address"
    assert layout.page_count() == 1
    debug._write(m.DebugLinkDecision(button=m.DebugButton.YES))
    assert answer.result(5) == ADDRESS
    assert scripted.screen_records[-1].answer is Answer.CONFIRMED


def test_no_on_debuglink_cancels(
    scripted: DeviceEmulator, debug: Any, connected: Callable[..., Any], background: Any
) -> None:
    session = connected(scripted).get_session("")
    answer = background.submit(show_address, session)
    scripted.wait_for_screen()
    debug._write(m.DebugLinkDecision(button=m.DebugButton.NO))
    with pytest.raises(exceptions.Cancelled):
        answer.result(5)
    assert scripted.screen_records[-1].answer is Answer.REJECTED


def test_a_press_before_the_question_does_not_count(
    scripted: DeviceEmulator, debug: Any, connected: Callable[..., Any], background: Any
) -> None:
    session = connected(scripted).get_session("")
    debug._write(m.DebugLinkDecision(button=m.DebugButton.YES))
    debug.state()  # the press has been taken
    answer = background.submit(show_address, session)
    scripted.wait_for_screen()
    assert not answer.done()
    scripted.press_no()
    with pytest.raises(exceptions.Cancelled):
        answer.result(5)


def test_wait_layout_answers_when_the_next_screen_comes(
    scripted: DeviceEmulator, debug: Any, connected: Callable[..., Any], background: Any
) -> None:
    session = connected(scripted).get_session("")
    debug.state()
    debug._write(m.DebugLinkGetState(wait_layout=m.DebugWaitType.NEXT_LAYOUT))
    answer = background.submit(show_address, session)
    assert ADDRESS in LayoutContent(debug._read(timeout=5).tokens).screen_content()
    scripted.press_yes()
    assert answer.result(5) == ADDRESS


def test_stock_test_context_drives_load_button_requests_and_wipe() -> None:
    with DeviceEmulator(mode="scripted") as device:
        context = TrezorTestContext(UdpTransport(f"127.0.0.1:{device.port}"))
        load_device(
            context.get_seedless_session(),
            mnemonic=ABANDON,
            pin=None,
            passphrase_protection=False,
            label="context",
        )
        context.refresh_features()
        session = context.get_session()
        with context:
            context.set_expected_responses([m.ButtonRequest(code=m.ButtonRequestType.Address), m.Address])
            assert show_address(session) == ADDRESS
        context.wipe_device()
        assert not context.features.initialized
        context.debug.close()
        context.transport.close()


def test_cancel_on_the_wire_ends_the_question(
    scripted: DeviceEmulator, connected: Callable[..., Any]
) -> None:
    client = connected(scripted)
    session = client.get_session("")
    with session:
        assert isinstance(ask_address(session), m.ButtonRequest)
        failure = session.call_raw(m.Cancel())
    assert (failure.code, failure.message) == (m.FailureType.ActionCancelled, "Cancelled")
    assert scripted.screen_records[-1].answer is Answer.DROPPED
    assert client.ping("alive") == "alive"


def ask_address(session: Any) -> Any:
    """The first answer to a request to show an address."""
    return session.call_raw(m.GetAddress(address_n=PATH, show_display=True, script_type=WITNESS))


def test_cancel_after_the_button_ack_ends_the_question(
    scripted: DeviceEmulator, connected: Callable[..., Any]
) -> None:
    session = connected(scripted).get_session("")
    with session:
        assert isinstance(ask_address(session), m.ButtonRequest)
        session.write(m.ButtonAck())
        session.write(m.Cancel())
        assert session.read().code == m.FailureType.ActionCancelled


@pytest.mark.parametrize(
    ("intruder", "reply"),
    [(m.GetFeatures(), m.Features), (m.Initialize(), m.Features), (m.Ping(message="x"), m.Success)],
)
def test_another_message_drops_the_workflow_and_is_answered(bench: Any, intruder: Any, reply: Any) -> None:
    sign = m.SignTx(inputs_count=1, outputs_count=1, coin_name="Regtest")
    with bench.session:
        assert isinstance(bench.session.call_raw(sign), m.TxRequest)
        assert isinstance(bench.session.call_raw(intruder), reply)
        refused = bench.session.call_raw(m.TxAck(tx=m.TransactionType()))
    assert refused.code == m.FailureType.UnexpectedMessage


def test_debuglink_stop_drops_the_question_without_an_answer(
    scripted: DeviceEmulator, debug: Any, connected: Callable[..., Any]
) -> None:
    client = connected(scripted)
    session = client.get_session("")
    with session:
        assert isinstance(ask_address(session), m.ButtonRequest)
    debug._write(m.DebugLinkStop())
    assert "Homescreen" in debug.read_layout().json_str
    assert scripted.screen_records[-1].answer is Answer.DROPPED
    assert client.ping("alive") == "alive"


@pytest.mark.parametrize("message", [m.GetFeatures(), m.DebugLinkEraseSdCard(), m.DebugLinkReseedRandom()])
def test_debuglink_answers_what_it_does_not_do(debug: Any, message: Any) -> None:
    debug._write(message)
    reply = debug._read(timeout=5)
    assert isinstance(reply, m.Failure if isinstance(message, m.GetFeatures) else m.Success)


def test_garbage_on_both_ports_does_not_disturb_the_device(bench: Any) -> None:
    for port in (bench.device.port, bench.device.port + 1):
        transport = UdpTransport(f"127.0.0.1:{port}")
        transport.open()
        assert transport.socket is not None
        for packet in (b"", b"x", b"?" * 64, b"?##" + b"\xff" * 61, b"\0" * 64, b"y" * 1500):
            transport.socket.send(packet)
        transport.close()
    assert bench.client.ping("alive") == "alive"


def test_an_embedding_program_decides_screen_by_screen(connected: Callable[..., Any]) -> None:
    seen: list[Screen] = []
    main = threading.get_ident()

    def decide(screen: Screen) -> bool:
        assert threading.get_ident() != main
        seen.append(screen)
        return len(seen) == 1

    with DeviceEmulator(mnemonic=ABANDON, mode="interactive", on_screen=decide) as device:
        session = connected(device).get_session("")
        assert show_address(session) == ADDRESS
        with pytest.raises(exceptions.Cancelled):
            show_address(session)
    assert [screen.lines[0] for screen in seen] == [ADDRESS, ADDRESS]


def test_a_callback_that_fails_confirms_nothing(connected: Callable[..., Any]) -> None:
    def broken(_screen: Screen) -> bool:
        raise RuntimeError("broken")

    with DeviceEmulator(mnemonic=ABANDON, mode="interactive", on_screen=broken) as device:
        session = connected(device).get_session("")
        with pytest.raises(exceptions.Cancelled):
            show_address(session)


def test_onekey_announces_a_transaction_once_per_output(connected: Callable[..., Any]) -> None:
    model = models.TrezorModel("1", "ONEKEY", (0, 0, 0), ("onekey.so",), (), mapping.DEFAULT_MAPPING)
    with DeviceEmulator(mnemonic=ABANDON, mode="auto", persona="onekey-classic1s") as device:
        client = connected(device, model)
        asked: list[Any] = []
        client.app.button_callback = lambda request: asked.append(request.code)
        session = client.get_session("")
        coin = m.TxInputType(
            address_n=parse_path("m/86h/0h/0h/0/0"),
            prev_hash=b"\1" * 32,
            prev_index=0,
            amount=100_000,
            script_type=m.InputScriptType.SPENDTAPROOT,
        )
        btc.sign_tx(session, "Bitcoin", [coin], [m.TxOutputType(address=ADDRESS, amount=99_000)])
    assert asked == [m.ButtonRequestType.SignTx]
    assert [screen.name for screen in device.screens] == ["confirm_output", "confirm_output", "confirm_total"]
    assert ADDRESS in device.screens[0].lines
