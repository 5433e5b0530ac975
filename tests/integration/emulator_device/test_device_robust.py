"""Whatever a host sends, the device stays up, keeps its seed and signs nothing unasked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trezorlib import messages as m
from trezorlib import protocol_v1
from trezorlib.tools import parse_path
from trezorlib.transport.udp import UdpTransport

from emulator.device.handlers import table_for
from emulator.device.personas import by_name
from emulator.device.protocol import proto
from emulator.device.protocol.wire import Frame, split
from emulator.device.server import DeviceEmulator

ABANDON = "abandon " * 11 + "about"

U32 = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(list(m.InputScriptType))
PATHS = st.sampled_from(
    [parse_path("m/84h/1h/0h/0/0"), parse_path("m/86h/0h/0h/0/0"), [], [0] * 300]
) | st.lists(U32, max_size=6)
COINS = st.sampled_from(["Bitcoin", "Regtest", "Dogecoin", ""])
REQUESTS = st.one_of(
    st.builds(m.GetAddress, address_n=PATHS, coin_name=COINS, script_type=KINDS),
    st.builds(m.GetPublicKey, address_n=PATHS, coin_name=COINS, script_type=KINDS),
    st.builds(
        m.SignMessage, address_n=PATHS, coin_name=COINS, script_type=KINDS, message=st.binary(max_size=99)
    ),
    st.builds(
        m.VerifyMessage,
        address=st.sampled_from(["", "1", "bcrt1", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"]),
        signature=st.binary(max_size=70),
        message=st.binary(max_size=9),
        coin_name=COINS,
    ),
    st.builds(m.SignTx, inputs_count=U32, outputs_count=U32, coin_name=COINS, lock_time=U32),
    st.builds(m.Initialize, session_id=st.none() | st.binary(max_size=40)),
    st.builds(m.EndSession),
    st.builds(m.Ping, message=st.text(max_size=9), button_protection=st.booleans()),
    st.builds(m.ButtonAck),
    st.builds(m.PassphraseAck, passphrase=st.text(max_size=9)),
)
RAW = st.builds(
    Frame,
    st.sampled_from(sorted(table_for(by_name("trezor-core")))) | st.integers(0, 0xFFFF),
    st.binary(max_size=80),
)


@pytest.fixture(scope="module")
def lone() -> Any:
    with DeviceEmulator(mnemonic=ABANDON, mode="scripted") as device:
        transport = UdpTransport(f"127.0.0.1:{device.port}")
        transport.open()
        yield device, transport
        transport.close()


def send(transport: UdpTransport, frame: Frame) -> None:
    for report in split(frame):
        transport.write_chunk(report)


def exchange(transport: UdpTransport, frame: Frame) -> Any:
    send(transport, frame)
    wire_type, data = protocol_v1.read(transport, timeout=2)
    return proto.decode(proto.class_for_wire_type(wire_type), data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.lists(RAW | REQUESTS.map(lambda r: Frame(proto.wire_type_of(r), proto.encode(r))), max_size=12)
)
def test_random_messages_neither_crash_the_device_nor_get_a_confirmation(
    lone: Any, frames: list[Frame]
) -> None:
    device, transport = lone
    asked = False
    for frame in frames:
        if asked and frame.wire_type == m.ButtonAck.MESSAGE_WIRE_TYPE:
            send(transport, frame)  # the device now waits for a button, not for the host
            frame = Frame(m.Cancel.MESSAGE_WIRE_TYPE, b"")  # noqa: PLW2901
        reply = exchange(transport, frame)
        asked = isinstance(reply, m.ButtonRequest)
        assert not isinstance(reply, m.MessageSignature)
        if isinstance(reply, m.Failure):
            assert reply.message != "Firmware error" or frame.wire_type == 11, reply
    protocol_v1.sync_responses(transport)
    assert device.root_fingerprint == "73c5da0a"
    assert all(record.answer.value == "dropped" for record in device.screen_records)


@given(packets=st.lists(st.binary(min_size=64, max_size=64), max_size=10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_packets_leave_the_device_answering(lone: Any, packets: list[bytes]) -> None:
    _, transport = lone
    intruder = UdpTransport("{}:{}".format(*transport.device))
    intruder.open()
    for packet in packets:
        intruder.write_chunk(packet)
    intruder.close()
    protocol_v1.sync_responses(transport)


def test_threads_and_ports_are_gone_after_the_end(connected: Callable[..., Any]) -> None:
    before = set(threading.enumerate())
    for mode in ("auto", "scripted"):
        with DeviceEmulator(mnemonic=ABANDON, mode=mode) as device:
            connected(device).get_session("")
            port = device.port
    assert set(threading.enumerate()) == before
    with DeviceEmulator(port=port):
        pass


def test_stopping_while_a_question_is_open_does_not_hang() -> None:
    device = DeviceEmulator(mnemonic=ABANDON, mode="scripted").start()
    transport = UdpTransport(f"127.0.0.1:{device.port}")
    transport.open()
    reply = exchange(transport, Frame(1, proto.encode(m.Ping(message="x", button_protection=True))))
    assert isinstance(reply, m.ButtonRequest)
    device.stop()
    transport.close()
