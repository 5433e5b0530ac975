"""Packets that are lost, late, doubled or cut, and answers with too much in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from trezorlib import btc
from trezorlib import messages as m
from trezorlib.tools import parse_path
from trezorlib.transport import Timeout, TransportException

from emulator.device.ethereum import onekey_messages as onekey
from emulator.device.faults import MAX_DELAY_MS, Faults, PacketMangler
from emulator.device.server import DeviceEmulator
from tests.support.raw_host import ALL, RawHost
from tests.support.typed_exchange import MAIL, Exchange

PING = m.Ping(message="x")


@pytest.fixture
def raw() -> Iterator[RawHost]:
    with DeviceEmulator(mnemonic=ALL, mode="auto") as device, RawHost(device) as host:
        yield host


def test_so_many_packets_to_the_host_are_lost(raw: RawHost) -> None:
    raw.device.set_faults({"drop_packets": 2})
    for _ in range(2):
        raw.send(PING)
        with pytest.raises(Timeout):
            raw.read(timeout=0.1)
    assert raw.call(PING).message == "x"
    assert raw.device.faults["drop_packets"] == 0


def test_so_many_packets_from_the_host_are_not_heard(raw: RawHost) -> None:
    raw.device.set_faults({"ignore_packets": 1})
    raw.send(PING)
    with pytest.raises(Timeout):
        raw.read(timeout=0.1)
    assert raw.call(PING).message == "x"


def test_a_doubled_packet_is_an_answer_too_many(raw: RawHost) -> None:
    raw.device.set_faults({"duplicate_packets": 1})
    assert raw.call(PING).message == "x"
    assert raw.read().message == "x"


def test_half_a_packet_is_noticed_by_the_transport(raw: RawHost) -> None:
    raw.device.set_faults({"truncate_packets": 1})
    raw.send(PING)
    with pytest.raises(TransportException):
        raw.read()
    assert raw.call(PING).message == "x"


def test_a_late_packet_comes_late(raw: RawHost) -> None:
    raw.device.set_faults({"delay_packets_ms": 40})
    before = time.monotonic()
    assert raw.call(PING).message == "x"
    assert time.monotonic() - before >= 0.04


def test_chance_is_the_same_for_the_same_seed() -> None:
    def fates(seed: int) -> list[int]:
        faults = Faults(packet_loss=0.3, packet_duplication=0.3, packet_truncation=0.2, packet_seed=seed)
        mangler = PacketMangler(faults)
        return [sum(len(packet) for packet in mangler.to_host(b"x" * 64)) for _ in range(200)]

    assert fates(7) == fates(7)
    assert fates(7) != fates(8)
    assert {0, 64, 128} <= set(fates(7))


def test_a_device_that_loses_packets_still_answers_its_pings(raw: RawHost) -> None:
    raw.device.set_faults({"packet_loss": 1.0})
    raw._wire.wait_until_ready(2)


@pytest.mark.parametrize(
    "changes",
    [
        {"drop_packets": -1},
        {"drop_packets": True},
        {"packet_loss": 1.5},
        {"packet_loss": "much"},
        {"delay_packets_ms": MAX_DELAY_MS + 1},
        {"inflated_fields": 1},
    ],
)
def test_nonsense_is_refused_and_changes_nothing(raw: RawHost, changes: dict[str, Any]) -> None:
    before = raw.device.faults
    with pytest.raises(ValueError, match="takes"):
        raw.device.set_faults({"duplicate_packets": 1, **changes})
    assert raw.device.faults == before


def test_inflated_answers_hold_what_they_should_and_more(bench: Any) -> None:
    honest = bench.address(m.InputScriptType.SPENDWITNESS)
    bench.device.set_faults({"inflated_fields": True})
    assert bench.address(m.InputScriptType.SPENDWITNESS) == honest


def test_padded_signatures_are_too_long_and_right_at_heart(bench: Any) -> None:
    path = parse_path("m/84h/1h/0h/0/0")
    kind = m.InputScriptType.SPENDWITNESS
    honest = btc.sign_message(bench.session, "Regtest", path, b"x", script_type=kind).signature
    bench.device.set_faults({"zero_padded_signature": True})
    padded = btc.sign_message(bench.session, "Regtest", path, b"x", script_type=kind).signature
    assert padded == honest + bytes(4)


ETHEREUM_PATH = parse_path("m/44h/60h/0h/0/0")
HASHES = {"domain_separator_hash": bytes(32), "message_hash": bytes(32)}


@pytest.mark.parametrize("persona", ["onekey-pro", "onekey-classic1s"])
def test_padding_reaches_the_answers_that_only_onekey_has(opened: Callable[..., Any], persona: str) -> None:
    device, session = opened(persona)
    asks = (
        lambda: session.call(onekey.EthereumSignMessageOneKey(address_n=ETHEREUM_PATH, message=b"x")),
        lambda: session.call(onekey.EthereumSignTypedHashOneKey(address_n=ETHEREUM_PATH, **HASHES)),
        lambda: Exchange(session, MAIL, own=True).run(ETHEREUM_PATH),
    )
    honest = [ask().signature for ask in asks]
    device.set_faults({"zero_padded_signature": True})
    assert [ask().signature for ask in asks] == [signature + bytes(4) for signature in honest]


def test_vanishing_in_the_middle_leaves_the_pin_asked_for_again() -> None:
    with DeviceEmulator(mnemonic=ALL, persona="trezor-one", pin="1") as device, RawHost(device) as raw:
        raw.call(m.Initialize())
        raw.call(m.GetPublicKey(address_n=[]))
        assert isinstance(raw.call(raw.places("1")), m.PublicKey)
        device.unplug()
        device.plug_in()
        raw.call(m.Initialize())
        assert isinstance(raw.call(m.GetPublicKey(address_n=[])), m.PinMatrixRequest)
