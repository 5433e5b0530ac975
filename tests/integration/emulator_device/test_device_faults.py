"""A device that vanishes, hangs or lies: what a host sees, and that the lies are real."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from coincurve import PublicKey
from embit.transaction import Transaction
from trezorlib import btc, messages, protocol_v1
from trezorlib import client as trezor_client
from trezorlib.transport import Timeout
from trezorlib.transport.udp import UdpTransport

from emulator.device.bitcoin.address import bech32_encode
from emulator.device.bitcoin.keys.message import message_digest
from emulator.device.keys import recover_public_key
from emulator.device.server import DeviceEmulator

m: Any = messages
ABANDON = "abandon " * 11 + "about"
OTHER = "zoo " * 11 + "wrong"
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
KINDS = [WITNESS, TAPROOT, m.InputScriptType.SPENDP2SHWITNESS, m.InputScriptType.SPENDADDRESS]


def spend(bench: Any, kind: Any = WITNESS) -> tuple[list[bytes], bytes]:
    coin = bench.fund(kind, 100_000)
    signatures, serialized = bench.sign([coin], [m.TxOutputType(address=STRANGER, amount=90_000)])
    return signatures, serialized


@contextmanager
def silence() -> Iterator[None]:
    """The device must not answer; the host does not wait long to find out."""
    patience = trezor_client._DEFAULT_READ_TIMEOUT
    trezor_client._DEFAULT_READ_TIMEOUT = 0.15
    try:
        with pytest.raises(Timeout):
            yield
    finally:
        trezor_client._DEFAULT_READ_TIMEOUT = patience


def is_ready(device: DeviceEmulator) -> bool:
    transport = UdpTransport(f"127.0.0.1:{device.port}")
    transport.open()
    ready = transport.is_ready()
    transport.close()
    return bool(ready)


def test_an_unplugged_device_is_silent_and_forgets_its_sessions(bench: Any) -> None:
    first = bench.session.id
    bench.device.unplug()
    assert not is_ready(bench.device)
    with silence():
        bench.client.ping("alive")
    bench.device.plug_in()
    assert is_ready(bench.device)
    with bench.session:
        assert bench.session.call_raw(m.Initialize(session_id=first)).session_id != first


@pytest.mark.parametrize("answers", range(12))
def test_unplugged_while_signing_gives_no_transaction_at_any_step(bench: Any, answers: int) -> None:
    coin = bench.fund(WITNESS, 100_000)
    bench.device.unplug_after(answers)
    with silence():
        bench.sign([coin], [m.TxOutputType(address=STRANGER, amount=90_000)])
    bench.device.set_faults({"unplugged": False, "unplug_after": None})
    bench.client._last_active_session = None
    bench.session = bench.client.get_session("")
    assert bench.accepted_by_kernel(spend(bench)[1])


def test_a_stalled_device_goes_on_when_released(bench: Any) -> None:
    bench.device.set_faults({"stall_after_button": True})
    with silence():
        spend(bench)
    bench.device.set_faults({"stall_after_button": False})
    bench.client._last_active_session = None
    protocol_v1.sync_responses(bench.client.transport)
    bench.session = bench.client.get_session("")
    assert bench.accepted_by_kernel(spend(bench)[1])


def test_a_screen_open_when_unplugged_is_recorded_as_dropped(
    scripted: DeviceEmulator, connected: Callable[..., Any]
) -> None:
    session = connected(scripted).get_session("")
    with session:
        session.write(m.Ping(message="x", button_protection=True))
        scripted.wait_for_screen()
        scripted.unplug()
        scripted.plug_in()
    assert [record.answer.value for record in scripted.screen_records] == ["dropped"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["wrong_key_signature", "truncate_signature", "sign_other_output"])
def test_a_transaction_of_an_evil_device_is_refused_by_the_kernel(bench: Any, fault: str, kind: Any) -> None:
    assert bench.accepted_by_kernel(spend(bench, kind)[1])
    bench.device.set_faults({fault: True})
    _, serialized = spend(bench, kind)
    assert [out.value for out in Transaction.parse(serialized).vout] == [90_000]
    assert not bench.accepted_by_kernel(serialized)


def test_wrong_key_signature_is_a_valid_signature_of_a_sibling_key(bench: Any) -> None:
    honest = bench.address(WITNESS, "0/0")
    sibling = bench.address(WITNESS, "0/1")
    bench.device.set_faults({"wrong_key_signature": True})
    signed = btc.sign_message(bench.session, "Regtest", bench.path(WITNESS), "hello", script_type=WITNESS)
    assert signed.address == honest
    key = recover_public_key(signed.signature[0] - 39, signed.signature[1:], message_digest(b"hello"))
    assert key is not None
    program = hashlib.new("ripemd160", hashlib.sha256(key).digest()).digest()
    assert bech32_encode("bcrt", 0, program) == sibling


def test_truncated_signatures_have_one_byte_less(bench: Any) -> None:
    honest = spend(bench, TAPROOT)[0][0]
    bench.device.set_faults({"truncate_signature": True})
    assert len(spend(bench, TAPROOT)[0][0]) == len(honest) - 1 == 63
    signed = btc.sign_message(bench.session, "Regtest", bench.path(WITNESS), "x", script_type=WITNESS)
    assert len(signed.signature) == 64


def test_sign_other_output_signs_something_with_the_right_key(bench: Any) -> None:
    bench.device.set_faults({"sign_other_output": True})
    signatures, serialized = spend(bench)
    key = Transaction.parse(serialized).vin[0].witness.items[1]
    assert len(PublicKey(key).format()) == 33
    assert signatures[0][0] == 0x30


@pytest.mark.parametrize("kind", KINDS)
def test_redirect_output_is_a_valid_transaction_to_a_thief(bench: Any, kind: Any) -> None:
    bench.device.set_faults({"redirect_output": True})
    _, serialized = spend(bench, kind)
    assert bench.accepted_by_kernel(serialized)
    assert Transaction.parse(serialized).vout[0].script_pubkey.data == bytes.fromhex("0014" + "66" * 20)
    assert any(STRANGER in screen.lines for screen in bench.device.screens)


def test_wrong_address_shows_one_address_and_returns_another(bench: Any) -> None:
    honest = bench.address(WITNESS)
    bench.device.set_faults({"wrong_address": True})
    returned = bench.address(WITNESS, show=True)
    assert bench.device.screens[-1].lines[0] == honest
    assert returned != honest
    assert returned == _honest_address(bench, "0/1")


def test_wrong_address_on_screen_shows_another_than_it_returns(bench: Any) -> None:
    honest = bench.address(WITNESS)
    sibling = bench.address(WITNESS, "0/1")
    bench.device.set_faults({"wrong_address_on_screen": True})
    assert bench.address(WITNESS, show=True) == honest
    assert bench.device.screens[-1].lines[0] == sibling


def test_a_foreign_wallets_signature_is_by_no_key_of_this_one(bench: Any) -> None:
    bench.device.set_faults({"foreign_wallet_signature": True})
    signed = btc.sign_message(bench.session, "Regtest", bench.path(WITNESS), "hello", script_type=WITNESS)
    key = recover_public_key(signed.signature[0] - 39, signed.signature[1:], message_digest(b"hello"))
    assert key is not None
    program = hashlib.new("ripemd160", hashlib.sha256(key).digest()).digest()
    ours = {bench.address(WITNESS, f"{chain}/{index}") for chain in (0, 1) for index in range(5)}
    assert bech32_encode("bcrt", 0, program) not in ours


def test_shuffled_signatures_are_the_right_ones_in_another_order(bench: Any) -> None:
    coins = [bench.fund(TAPROOT, 40_000, "0/0"), bench.fund(TAPROOT, 50_000, "0/1")]
    paid = [bench.change(TAPROOT, 80_000)]
    honest = bench.sign(coins, paid)[0]
    bench.device.set_faults({"shuffled_signatures": True})
    assert bench.sign(coins, paid)[0] == honest[::-1]


def _honest_address(bench: Any, suffix: str) -> str:
    bench.device.set_faults({"wrong_address": False})
    return str(bench.address(WITNESS, suffix))


def test_another_seed_is_another_device(bench: Any) -> None:
    before = bench.session.get_root_fingerprint().hex()
    bench.device.load_seed(OTHER)
    bench.client._last_active_session = None
    after = bench.client.get_session("").get_root_fingerprint().hex()
    assert after != before
    assert after == bench.device.root_fingerprint


@pytest.mark.parametrize("mnemonic", ["abandon " * 12, "not words", ""])
def test_refuses_a_bad_mnemonic_without_repeating_it(bench: Any, mnemonic: str) -> None:
    with pytest.raises(ValueError, match="mnemonic") as caught:
        bench.device.load_seed(mnemonic)
    assert mnemonic == "" or mnemonic not in str(caught.value)


def test_an_unknown_fault_persona_or_mode_is_refused(bench: Any) -> None:
    with pytest.raises(ValueError, match="no_such_fault"):
        bench.device.set_faults({"no_such_fault": True})
    with pytest.raises(ValueError, match="known: onekey-classic1s, onekey-pro, trezor-core, trezor-one"):
        DeviceEmulator(persona="abacus")
    with pytest.raises(ValueError, match="mode"):
        DeviceEmulator(mode="sleepy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="interactive"):
        DeviceEmulator(mode="auto", on_screen=lambda _screen: True)


def test_a_taken_port_is_refused_and_stopping_frees_it(bench: Any) -> None:
    port = bench.device.port
    with pytest.raises(OSError, match="in use"):
        DeviceEmulator(port=port)
    bench.device.stop()
    bench.device.stop()
    with DeviceEmulator(port=port, mode="auto") as second:
        assert second.port == port
        assert is_ready(second)
