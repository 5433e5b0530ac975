"""A profile directory: state survives restarts, whole or not at all, and belongs to one process."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shamir_mnemonic import generate_mnemonics  # type: ignore[import-untyped]
from trezorlib import messages as m

from emulator.device.profile import LOCK_FILE, STATE_FILE, Profile, ProfileError
from emulator.device.server import DeviceEmulator
from emulator.device.state import STORED, DeviceState
from tests.support.raw_host import ALL, RawHost


def features_of(device: DeviceEmulator) -> Any:
    with RawHost(device) as raw:
        return raw.call(m.GetFeatures())


def test_seed_label_settings_and_pin_survive_a_restart(tmp_path: Path) -> None:
    with DeviceEmulator(mnemonic=ALL, label="kept", mode="auto", pin="12", profile=tmp_path) as device:
        before, fingerprint = features_of(device), device.root_fingerprint
        with RawHost(device) as raw:
            raw.call(m.Initialize())
            assert isinstance(raw.confirmed(m.ApplySettings(use_passphrase=True)), m.Success)
    with DeviceEmulator(mode="auto", profile=tmp_path) as device:
        after = features_of(device)
        assert device.root_fingerprint == fingerprint
    assert (after.label, after.device_id) == ("kept", before.device_id)
    assert (after.pin_protection, after.unlocked) == (True, False)
    with DeviceEmulator(mode="auto", profile=tmp_path) as device, RawHost(device) as raw:
        raw.call(m.Initialize())
        raw.confirmed(m.ApplyFlags(flags=1))  # the person types the PIN
        assert raw.call(m.GetFeatures()).passphrase_protection


def test_a_setting_is_kept_before_it_is_answered(tmp_path: Path) -> None:
    with (
        DeviceEmulator(mnemonic=ALL, mode="auto", profile=tmp_path) as device,
        RawHost(device) as raw,
    ):
        raw.call(m.Initialize())
        raw.confirmed(m.ApplySettings(label="written"))
        assert json.loads((tmp_path / STATE_FILE).read_text())["storage"]["label"] == "written"


def test_temporary_safety_checks_and_wrong_pins(tmp_path: Path) -> None:
    with DeviceEmulator(mnemonic=ALL, mode="auto", profile=tmp_path) as device, RawHost(device) as raw:
        raw.call(m.Initialize())
        raw.confirmed(m.ApplySettings(safety_checks=m.SafetyCheckLevel.PromptTemporarily))
        assert raw.call(m.GetFeatures()).safety_checks == m.SafetyCheckLevel.PromptTemporarily
    with DeviceEmulator(profile=tmp_path) as device:
        assert features_of(device).safety_checks == m.SafetyCheckLevel.Strict


def test_wrong_pins_are_counted_over_restarts(tmp_path: Path) -> None:
    for restart in range(3):
        options: dict[str, Any] = {} if restart else {"mnemonic": ALL, "pin": "1234"}
        with (
            DeviceEmulator(persona="trezor-one", profile=tmp_path, **options) as device,
            RawHost(device) as raw,
        ):
            raw.call(m.Initialize())
            raw.call(m.GetPublicKey(address_n=[]))
            raw.call(raw.places("1"))
    assert json.loads((tmp_path / STATE_FILE).read_text())["storage"]["pin_failures"] == 3


def test_a_wipe_is_kept_too(tmp_path: Path) -> None:
    with DeviceEmulator(mnemonic=ALL, mode="auto", profile=tmp_path) as device, RawHost(device) as raw:
        raw.confirmed(m.WipeDevice())
    with DeviceEmulator(profile=tmp_path) as device:
        assert device.root_fingerprint is None


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    with DeviceEmulator(mnemonic=ALL, profile=tmp_path / "new"):
        for name in (STATE_FILE, LOCK_FILE):
            assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted((STATE_FILE, LOCK_FILE))


def test_two_devices_on_one_profile_are_refused(tmp_path: Path) -> None:
    with (
        DeviceEmulator(mnemonic=ALL, profile=tmp_path),
        pytest.raises(ProfileError, match="used by another process"),
    ):
        DeviceEmulator(profile=tmp_path)
    with DeviceEmulator(profile=tmp_path) as device:  # free again
        assert device.root_fingerprint == "5c9e228d"


def test_another_process_on_the_profile_is_refused(tmp_path: Path, repo_root: Path) -> None:
    run = "import sys; from emulator.device.cli import main; sys.exit(main(sys.argv[1:]))"
    with DeviceEmulator(mnemonic=ALL, profile=tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", run, "--port", "0", "--profile", str(tmp_path)],
            cwd=repo_root,
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert done.returncode == 2
    assert "used by another process" in done.stderr


@pytest.mark.parametrize("options", [{"mnemonic": ALL}, {"label": "x"}])
def test_a_profile_that_holds_a_device_takes_no_other(tmp_path: Path, options: dict[str, Any]) -> None:
    with DeviceEmulator(mnemonic=ALL, profile=tmp_path):
        pass
    with pytest.raises(ProfileError, match="already holds a device"):
        DeviceEmulator(profile=tmp_path, **options)
    with DeviceEmulator(profile=tmp_path):  # the lock was given back
        pass


SHARES: list[str] = generate_mnemonics(1, [(2, 3)], bytes(16))[0][:2]


def stored(tmp_path: Path) -> dict[str, Any]:
    profile = Profile(tmp_path, "trezor-core")
    profile.save(DeviceState(mnemonic=ALL))
    profile.close()
    document: dict[str, Any] = json.loads((tmp_path / STATE_FILE).read_text())
    return document


def spoilt(document: dict[str, Any], **changes: Any) -> str:
    storage = {**document["storage"], **changes}
    return json.dumps({**document, "storage": {k: v for k, v in storage.items() if v != "gone"}})


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda _: "", "not JSON"),
        (lambda _: "[]", "expected a JSON object"),
        (lambda d: json.dumps(d)[:-20], "not JSON"),
        (lambda d: json.dumps({**d, "format": 2}), "use a newer emulator"),
        (lambda d: json.dumps({**d, "format": "1"}), "damaged"),
        (lambda d: json.dumps({**d, "extra": 1}), "damaged"),
        (lambda d: json.dumps({**d, "persona": "trezor-one"}), "of a trezor-one"),
        (lambda d: spoilt(d, flags="gone"), "unknown or missing in storage: flags"),
        (lambda d: spoilt(d, unknown=1), "unknown or missing in storage: unknown"),
        (lambda d: spoilt(d, flags=-1), "storage.flags"),
        (lambda d: spoilt(d, flags=True), "storage.flags"),
        (lambda d: spoilt(d, mnemonic=7), "storage.mnemonic"),
        (lambda d: spoilt(d, safety_checks="Lax"), "storage.safety_checks"),
        (lambda d: spoilt(d, homescreen="xyz"), "storage.homescreen"),
        (lambda d: spoilt(d, shares=[1]), "storage.shares"),
        (lambda d: spoilt(d, shares=["a b"], mnemonic=None), "storage.shares: expected a list of SLIP-39"),
        (lambda d: spoilt(d, shares=SHARES), "storage.shares: expected none beside a mnemonic"),
        (lambda d: spoilt(d, mnemonic="not words"), "storage.mnemonic: expected null or up to 24 words"),
        (lambda d: spoilt(d, mnemonic=""), "storage.mnemonic: expected"),
        (lambda d: spoilt(d, mnemonic="all " * 24 + "all"), "storage.mnemonic: expected"),
        (lambda d: spoilt(d, pin="12a"), "storage.pin: expected up to 50 digits"),
        (lambda d: spoilt(d, pin="1" * 51), "storage.pin: expected up to 50 digits"),
        (lambda d: spoilt(d, wipe_code="x"), "storage.wipe_code: expected up to 50 digits"),
        (lambda d: spoilt(d, pin_failures=17), "storage.pin_failures: expected a whole number from 0 to 16"),
        (lambda d: spoilt(d, flags=2**32), "storage.flags: expected a whole number from 0 to 4294967295"),
        (lambda d: spoilt(d, u2f_counter=2**32 + 1), "storage.u2f_counter: expected"),
        (lambda d: spoilt(d, auto_lock_delay_ms=1), "storage.auto_lock_delay_ms: expected"),
        (lambda d: spoilt(d, auto_lock_delay_ms=2**31), "storage.auto_lock_delay_ms: expected"),
        (lambda d: spoilt(d, device_id="ab" * 12), "storage.device_id: expected 24 hex digits in upper"),
        (lambda d: spoilt(d, device_id="AB"), "storage.device_id: expected 24 hex digits in upper"),
        (lambda d: spoilt(d, label="x" * 33), "storage.label: expected null or UTF-8 text of at most 32"),
        (lambda d: spoilt(d, label="\ud800"), "storage.label: expected null or UTF-8 text"),
        (lambda d: spoilt(d, language="\udfff"), "storage.language: expected null or UTF-8 text"),
        (lambda d: spoilt(d, homescreen="00" * 16_385), "storage.homescreen: expected hex of at most 16384"),
        (lambda d: json.dumps({**d, "persona": "abacus"}), "damaged .persona: expected one of"),
        (lambda d: json.dumps({**d, "persona": ["x"]}), "damaged .persona: expected one of"),
        (lambda _: "[" * 60_000, "damaged .*too deep"),
        (lambda _: '{"format": ' + "9" * 60_000 + "}", "damaged .a number too long"),
        (lambda d: json.dumps(d) + " " * 65_536, "damaged .it is larger than 64 KiB"),
    ],
)
def test_a_damaged_or_newer_file_is_refused_and_left_alone(tmp_path: Path, spoil: Any, told: str) -> None:
    text = spoil(stored(tmp_path))
    (tmp_path / STATE_FILE).write_text(text)
    with pytest.raises(ProfileError, match=told):
        DeviceEmulator(profile=tmp_path)
    assert (tmp_path / STATE_FILE).read_text() == text


def test_every_stored_field_comes_back_as_it_was(tmp_path: Path) -> None:
    state = DeviceState(
        mnemonic=None,
        shares=tuple(SHARES),
        label="l",
        safety_checks=m.SafetyCheckLevel.PromptAlways,
        flags=3,
        backup_type=m.BackupType.Slip39_Basic,
        homescreen=b"\x01\xff",
        display_rotation=m.DisplayRotation.East,
        u2f_counter=9,
        pin="12",
        wipe_code="34",
        pin_failures=2,
        imported=True,
    )
    profile = Profile(tmp_path, "trezor-core")
    profile.save(state)
    back = profile.load()
    profile.close()
    assert back is not None
    assert {name: getattr(back, name) for name in STORED} == {name: getattr(state, name) for name in STORED}


def test_half_a_write_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path)
    profile = Profile(tmp_path, "trezor-core")

    def full_disk(_number: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("emulator.device.files.os.fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        profile.save(DeviceState(mnemonic=None))
    loaded = profile.load()
    profile.close()
    assert loaded is not None
    assert loaded.mnemonic == ALL
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((STATE_FILE, LOCK_FILE))


def test_a_state_that_could_not_be_read_again_is_not_stored(tmp_path: Path) -> None:
    before = stored(tmp_path)
    profile = Profile(tmp_path, "trezor-core")
    with pytest.raises(ProfileError, match=r"cannot hold this: storage\.mnemonic"):
        profile.save(DeviceState(mnemonic="no such words"))
    profile.close()
    assert json.loads((tmp_path / STATE_FILE).read_text()) == before


@pytest.mark.parametrize("name", [f"{STATE_FILE}.new", STATE_FILE])
def test_a_link_laid_in_place_of_a_file_is_replaced_not_followed(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    profile = Profile(tmp_path / "profile", "trezor-core")
    (tmp_path / "profile" / name).symlink_to(victim)
    profile.save(DeviceState(mnemonic=ALL))
    profile.close()
    kept = tmp_path / "profile" / STATE_FILE
    assert victim.read_text() == "precious"
    assert not kept.is_symlink()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_link_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProfileError, match="cannot be locked"):
        DeviceEmulator(profile=tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_the_directory_too_is_on_disk_before_a_save_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = []
    fsync = os.fsync

    def watched(number: int) -> None:
        kinds.append(stat.S_ISDIR(os.fstat(number).st_mode))
        fsync(number)

    monkeypatch.setattr("emulator.device.files.os.fsync", watched)
    stored(tmp_path)
    assert kinds == [False, True]


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr("emulator.device.profile.os.geteuid", lambda: owner + 1)
    with pytest.raises(ProfileError, match="belongs to another user"):
        DeviceEmulator(profile=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lay", [os.mkfifo, os.mkdir])
def test_only_a_regular_file_is_read(tmp_path: Path, lay: Any) -> None:
    lay(tmp_path / STATE_FILE)
    with pytest.raises(ProfileError, match="damaged"):
        DeviceEmulator(profile=tmp_path)


def full_disk(_number: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_fails_the_change_and_the_device_lives_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        DeviceEmulator(mnemonic=ALL, mode="auto", label="old", profile=tmp_path) as device,
        RawHost(device) as raw,
    ):
        before = (tmp_path / STATE_FILE).read_bytes()
        with monkeypatch.context() as full:
            full.setattr("emulator.device.files.os.fsync", full_disk)
            for change in (m.ApplySettings(label="new"), m.WipeDevice()):
                raw.call(m.Initialize())
                reply = raw.confirmed(change)
                assert isinstance(reply, m.Failure)
                assert (reply.code, reply.message) == (m.FailureType.FirmwareError, "Firmware error")
                assert (tmp_path / STATE_FILE).read_bytes() == before
                assert raw.call(m.GetFeatures()).label == "old"
            with pytest.raises(ProfileError, match="cannot be written"):
                device.load_seed(None)
        assert "storage cannot be written: [Errno 28] No space left on device" in caplog.text
        raw.call(m.Initialize())
        assert isinstance(raw.confirmed(m.ApplySettings(label="new")), m.Success)
        assert device.alive
    assert json.loads((tmp_path / STATE_FILE).read_text())["storage"]["label"] == "new"
