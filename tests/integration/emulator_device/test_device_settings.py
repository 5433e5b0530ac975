"""Settings, flags, loading, wiping and creating seeds: asked for, stored and refused as firmware does."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mnemonic import Mnemonic
from shamir_mnemonic import generate_mnemonics
from trezorlib import messages as m
from trezorlib.messages import FailureType, SafetyCheckLevel

from emulator.device.keys import HARDENED, Node, seed_from_mnemonic
from emulator.device.protocol import proto
from emulator.device.protocol.wire import Frame
from emulator.device.server import DeviceEmulator
from tests.support.raw_host import ALL, RawHost

JPEG = bytes.fromhex("ffd8ffc0001108 00f0 00f0 03012200021101031101 ffd9")
ALCOHOL = "alcohol woman abuse must during monitor noble actual mixed trade anger aisle"
SLIP39 = m.BackupType.Slip39_Basic
Open = Callable[..., RawHost]


@pytest.fixture
def host() -> Iterator[Open]:
    opened: list[Any] = []

    def open_it(persona: str = "trezor-core", mnemonic: str | None = ALL, **options: Any) -> RawHost:
        device = DeviceEmulator(mnemonic=mnemonic, persona=persona, **options).start()
        raw = RawHost(device).__enter__()
        opened.extend((raw, device))
        raw.call(m.Initialize())
        return raw

    yield open_it
    for thing in opened:
        thing.__exit__(None, None, None)


def refusal(reply: Any) -> tuple[FailureType, str]:
    assert isinstance(reply, m.Failure), reply
    return reply.code, reply.message


@pytest.mark.parametrize(
    ("setting", "code", "text"),
    [
        ({}, FailureType.ProcessError, "No setting provided"),
        ({"label": "x" * 33}, FailureType.DataError, "Label too long"),
        ({"passphrase_always_on_device": True}, FailureType.DataError, "Passphrase is not enabled"),
        ({"auto_lock_delay_ms": 9_999}, FailureType.ProcessError, "Auto-lock delay too short"),
        ({"auto_lock_delay_ms": 0x2000_0001}, FailureType.ProcessError, "Auto-lock delay too long"),
        ({"hide_passphrase_from_host": True}, FailureType.ProcessError, "Safety checks are strict"),
        ({"homescreen": b"GIF89a"}, FailureType.DataError, "Wrong homescreen format"),
        (
            {"homescreen": JPEG, "homescreen_length": 4},
            FailureType.ProcessError,
            "Mutually exclusive settings",
        ),
        (
            {"homescreen_length": 16_385},
            FailureType.DataError,
            "Homescreen is too large, maximum size is 16384 bytes",
        ),
    ],
)
def test_core_refuses_a_setting(host: Open, setting: dict[str, Any], code: FailureType, text: str) -> None:
    assert refusal(host().confirmed(m.ApplySettings(**setting))) == (code, text)


@pytest.mark.parametrize(
    ("setting", "code", "text"),
    [
        ({}, FailureType.DataError, "No setting provided"),
        ({"label": "x" * 33}, FailureType.DataError, "string overflow"),
        (
            {"passphrase_always_on_device": True},
            FailureType.DataError,
            "This firmware is incapable of passphrase entry on the device.",
        ),
        (
            {"safety_checks": SafetyCheckLevel.PromptAlways},
            FailureType.ProcessError,
            "Unsupported safety-checks setting",
        ),
        ({"homescreen": b"x" * 1025}, FailureType.DataError, "bytes overflow"),
        ({"display_rotation": m.DisplayRotation.East}, FailureType.DataError, "No setting provided"),
    ],
)
@pytest.mark.parametrize("persona", ["trezor-one", "onekey-classic1s"])
def test_c_firmware_refuses_a_setting(
    host: Open, persona: str, setting: dict[str, Any], code: FailureType, text: str
) -> None:
    assert refusal(host(persona).confirmed(m.ApplySettings(**setting))) == (code, text)


def test_core_stores_each_setting_when_it_is_confirmed_and_c_all_or_none(host: Open) -> None:
    settings = m.ApplySettings(label="new", use_passphrase=True)
    for persona, label in (("trezor-core", "new"), ("trezor-one", "old")):
        raw = host(persona, label="old")
        reply = raw.confirmed(settings, answers=(True, False))
        assert reply.code == FailureType.ActionCancelled
        features = raw.call(m.GetFeatures())
        assert (features.label, features.passphrase_protection) == (label, False)


def test_every_setting_of_core_is_told_by_the_features(host: Open) -> None:
    raw = host()
    wanted = {
        "label": "desk",
        "use_passphrase": True,
        "passphrase_always_on_device": True,
        "auto_lock_delay_ms": 10_000,
        "safety_checks": SafetyCheckLevel.PromptAlways,
        "display_rotation": m.DisplayRotation.South,
        "experimental_features": True,
        "hide_passphrase_from_host": True,
    }
    assert raw.confirmed(m.ApplySettings(homescreen=JPEG, **wanted)).message == "Settings applied"
    features = raw.call(m.GetFeatures())
    told = {name: getattr(features, name, None) for name in wanted}
    assert told | {"use_passphrase": features.passphrase_protection} == wanted
    assert raw.device.screens[0].name == "set_homesreen"


def test_a_homescreen_may_come_in_chunks(host: Open) -> None:
    image = JPEG + bytes(2_000)
    raw = host()
    reply = raw.call(m.ApplySettings(homescreen_length=len(image)))
    while isinstance(reply, m.DataChunkRequest):
        start, size = reply.data_offset, reply.data_length
        reply = raw.confirmed(m.DataChunkAck(data_chunk=image[start : start + size]))
    assert reply.message == "Settings applied"
    raw.call(m.ApplySettings(homescreen_length=len(image)))
    assert refusal(raw.call(m.DataChunkAck(data_chunk=b"x"))) == (
        FailureType.DataError,
        "Data length mismatch",
    )


def test_experimental_fields_are_refused(host: Open) -> None:
    raw = host()
    delegation = proto.encode_bytes(16, proto.encode_bytes(1, b"0x"))  # auth7702
    raw.send_frame(Frame(m.EthereumSignTxEIP1559.MESSAGE_WIRE_TYPE, delegation))
    text = "Failed to decode message: Experimental features are disabled."
    assert refusal(raw.read()) == (FailureType.DataError, text)


def test_flags_only_add_up(host: Open) -> None:
    raw = host("trezor-one")
    assert raw.call(m.GetFeatures()).flags is None
    raw.call(m.ApplyFlags(flags=4))
    raw.call(m.ApplyFlags(flags=1))
    assert raw.call(m.GetFeatures()).flags == 5


def test_a_busy_device_says_so(host: Open) -> None:
    raw = host()
    raw.call(m.SetBusy(expiry_ms=60_000))
    assert raw.call(m.GetFeatures()).busy
    raw.call(m.SetBusy())
    assert not raw.call(m.GetFeatures()).busy
    empty = host(mnemonic=None)
    assert refusal(empty.call(m.SetBusy(expiry_ms=1)))[0] == FailureType.NotInitialized


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro"])
def test_wiping_makes_another_device(host: Open, persona: str) -> None:
    raw = host(persona)
    before = raw.call(m.GetFeatures()).device_id
    assert raw.confirmed(m.WipeDevice(), answers=(False,)).code == FailureType.ActionCancelled
    assert raw.call(m.GetFeatures()).initialized
    assert raw.confirmed(m.WipeDevice()).message == "Device wiped"
    after = raw.call(m.GetFeatures())
    assert (after.initialized, after.device_id == before) == (False, False)


def test_loading_asks_first_and_refuses_bad_words_in_the_makes_order(host: Open) -> None:
    bad = m.LoadDevice(mnemonics=[ALL.replace("all all", "all abandon", 1)])
    core, one = host("trezor-core", None), host("trezor-one", None)
    assert refusal(core.call(bad)) == (FailureType.ProcessError, "Mnemonic is not valid")
    assert refusal(core.call(m.LoadDevice(mnemonics=[])))[1] == "No mnemonic provided"
    assert refusal(core.call(m.LoadDevice(mnemonics=["a b", "a"])))[1].startswith("All shares")
    assert isinstance(one.call(bad), m.ButtonRequest)
    one.call(m.Cancel())
    text = "Mnemonic with wrong checksum provided"
    assert refusal(one.confirmed(bad)) == (FailureType.DataError, text)
    assert not one.call(m.GetFeatures()).initialized


def test_shares_are_loaded_as_the_secret_they_make(host: Open) -> None:
    secret = bytes(range(16))
    groups = generate_mnemonics(1, [(2, 3)], secret, passphrase=b"", extendable=True)
    raw = host("trezor-core", None)
    one_share = raw.confirmed(m.LoadDevice(mnemonics=groups[0][:1]))
    assert one_share.code == FailureType.FirmwareError
    raw.confirmed(m.LoadDevice(mnemonics=groups[0][:2]))
    root = Node.from_seed(secret)
    assert raw.device.root_fingerprint == f"{root.child(HARDENED).fingerprint:08x}"
    assert raw.call(m.GetFeatures()).backup_type == m.BackupType.Slip39_Basic_Extendable


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one"])
def test_a_new_seed_is_made_of_both_sides_entropy(host: Open, persona: str) -> None:
    raw = host(persona, None)
    request = raw.confirmed(m.ResetDevice(strength=256, skip_backup=True, label="fresh"))
    assert isinstance(request, m.EntropyRequest)
    own = raw.debug(m.DebugLinkGetState()).reset_entropy
    assert refusal(raw.call(m.EntropyAck(entropy=b"\1" * 31)))[1] == "Insufficient external entropy"
    raw.confirmed(m.ResetDevice(strength=256, skip_backup=True, label="fresh"))
    own = raw.debug(m.DebugLinkGetState()).reset_entropy
    theirs = b"\7" * 32
    assert isinstance(raw.confirmed(m.EntropyAck(entropy=theirs)), m.Success)
    words = Mnemonic("english").to_mnemonic(hashlib.sha256(own + theirs).digest())
    assert raw.debug(m.DebugLinkGetState()).mnemonic_secret == words.encode()
    features = raw.call(m.GetFeatures())
    assert (features.label, features.backup_availability) == ("fresh", m.BackupAvailability.Required)


def test_the_host_may_check_that_its_entropy_was_used(host: Open) -> None:
    raw = host("trezor-core", None)
    first = raw.confirmed(m.ResetDevice(strength=128, skip_backup=True, entropy_check=True))
    own = raw.debug(m.DebugLinkGetState()).reset_entropy
    assert first.entropy_commitment == hmac.new(own, b"", hashlib.sha256).digest()
    assert isinstance(raw.call(m.EntropyAck(entropy=b"\1" * 32)), m.EntropyCheckReady)
    words = Mnemonic("english").to_mnemonic(hashlib.sha256(own + b"\1" * 32).digest()[:16])
    key = raw.call(m.GetPublicKey(address_n=[84 | HARDENED]))
    node = Node.from_seed(seed_from_mnemonic(words, "")).child(84 | HARDENED)
    assert key.node.public_key == node.public_key
    second = raw.call(m.EntropyCheckContinue(finish=False))
    assert second.prev_entropy == own
    raw.call(m.EntropyAck(entropy=b"\2" * 32))
    assert raw.call(m.EntropyCheckContinue(finish=True)).message == "Initialized"


def test_the_backup_of_c_firmware_shows_every_word_twice(host: Open) -> None:
    raw = host("trezor-one", None)
    raw.confirmed(m.ResetDevice(strength=128, skip_backup=True))
    raw.call(m.EntropyAck(entropy=b"\1" * 32))
    assert raw.confirmed(m.BackupDevice()).message == "Seed successfully backed up"
    words = raw.debug(m.DebugLinkGetState()).mnemonic_secret.decode().split()
    shown = [screen.lines[0].split()[1] for screen in raw.device.screens if screen.name == "reset_word"]
    assert shown == words * 2
    assert refusal(raw.call(m.BackupDevice()))[1] == "Seed already backed up"


@pytest.mark.parametrize(
    ("persona", "message", "text"),
    [
        ("trezor-core", m.ResetDevice(strength=100), "Invalid strength (has to be 128, 192 or 256 bits)"),
        ("trezor-core", m.ResetDevice(strength=128, backup_type=SLIP39), "Backup type not implemented"),
        ("trezor-one", m.ResetDevice(strength=100), "Invalid seed strength"),
        ("onekey-classic1s", m.ResetDevice(strength=128), "unsupport"),
        ("onekey-classic1s", m.RecoveryDevice(), "unsupport"),
        ("trezor-core", m.RecoveryDevice(), "Recovery is not supported by this emulator"),
        ("trezor-one", m.RecoveryDevice(word_count=13), "Invalid word count"),
        ("trezor-one", m.RecoveryDevice(), "Advanced recovery must be used."),
    ],
)  # fmt: skip
def test_setups_that_are_refused(host: Open, persona: str, message: Any, text: str) -> None:
    assert refusal(host(persona, None).confirmed(message))[1] == text


def test_key_values_are_encrypted_as_slip_11_has_it(host: Open) -> None:
    raw = host("trezor-core", ALCOHOL)
    request: dict[str, Any] = {
        "address_n": [0, 1, 2],
        "key": "test",
        "ask_on_encrypt": True,
        "ask_on_decrypt": True,
    }
    sealed = raw.confirmed(m.CipherKeyValue(value=b"testing message!", encrypt=True, **request)).value
    assert sealed.hex() == "676faf8f13272af601776bc31bc14e8f"  # trezor-firmware's test vector
    opened = raw.confirmed(m.CipherKeyValue(value=sealed, encrypt=False, **request)).value
    assert opened == b"testing message!"
    assert refusal(raw.call(m.CipherKeyValue(value=b"x", **request)))[0] == FailureType.DataError


def test_entropy_and_counters_are_asked_about(host: Open) -> None:
    raw = host()
    assert len(raw.confirmed(m.GetEntropy(size=2_000)).entropy) == 1024
    assert raw.confirmed(m.GetEntropy(size=1), answers=(False,)).code == FailureType.ActionCancelled
    raw.confirmed(m.SetU2FCounter(u2f_counter=7))
    assert [raw.confirmed(m.GetNextU2FCounter()).u2f_counter for _ in range(2)] == [8, 9]
