"""How far a device is: a bar on a terminal, lines elsewhere; nothing is called signed before its check."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from tests.integration.device.conftest import MNEMONIC
from tests.support.groups import Group, funded_input
from tests.support.terminal import LIMIT_S, ROOT, at_a_terminal
from vault.address import NETWORKS
from vault.device.bitcoin.request import SpendRequest
from vault.device.prompt import SigningProgress
from vault.errors import DeceivedError

REGTEST = NETWORKS["regtest"]
INPUTS = 20
DRIVER = """
import sys
from tests.integration.device.conftest import MNEMONIC, REGTEST, wallet_of
from vault.cli.signing_bar import SigningBar
from vault.device.session import open_device
request = wallet_of(MNEMONIC).request(*["p2tr"] * 20)
with SigningBar() as bar, open_device(
    sys.argv[1], kind=None, expected_fingerprint=None, timeout_s=10.0
) as session:
    session.sign_transaction(request, REGTEST, bar)
"""
SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def slow() -> Iterator[DeviceEmulator]:
    with DeviceEmulator(mnemonic=MNEMONIC, persona="onekey-classic1s", mode="auto") as device:
        device.set_faults({"delay_packets_ms": 10})
        yield device


def test_a_terminal_has_a_bar_that_goes_away_and_one_line_that_stays(slow: Any, tmp_path: Path) -> None:
    status, seen = at_a_terminal(tmp_path, ["-c", DRIVER, slow.path], [], term="xterm")
    assert status == 0, seen
    assert HIDE_CURSOR in seen
    assert seen.rfind(SHOW_CURSOR) > seen.rfind(HIDE_CURSOR)
    assert "not checked yet" in seen
    assert seen.count("signed") == 1
    assert seen.rstrip().endswith("... signed 20 of 20 inputs, each signature checked")


def test_ctrl_c_in_the_middle_leaves_a_clean_terminal_and_a_device_that_signs_again(
    slow: Any, tmp_path: Path, opened: Any, wallet: Any, verified: Any
) -> None:
    status, seen = at_a_terminal(
        tmp_path, ["-c", DRIVER, slow.path], [(r"\b([2-9]|1[0-5])/20", "\x03")], term="xterm"
    )
    assert status != 0
    assert "KeyboardInterrupt" in seen
    assert "... signed" not in seen
    assert seen.rfind(SHOW_CURSOR) > seen.rfind(HIDE_CURSOR)
    slow.set_faults({"delay_packets_ms": 0})
    request = wallet.request(*["p2tr"] * INPUTS)
    with opened(slow) as session:
        assert verified(wallet, request, session.sign_transaction(request, REGTEST))


@pytest.mark.parametrize("term", ["dumb", "pipe"])
def test_elsewhere_there_are_lines_and_nothing_on_stdout(term: str, tmp_path: Path) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, mode="auto") as device:
        if term == "dumb":
            status, seen = at_a_terminal(tmp_path, ["-c", DRIVER, device.path], [])
        else:
            ran = subprocess.run(
                [sys.executable, "-c", DRIVER, device.path],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
            )
            assert ran.stdout == ""
            status, seen = ran.returncode, ran.stderr
    assert status == 0, seen
    lines = seen.split()
    assert "\x1b" not in seen
    assert "... the device answered 12 of 20 inputs, not checked yet" in seen
    assert seen.count("not checked yet") == 10
    assert seen.count("signed") == 1
    assert lines[-8:] == ["signed", "20", "of", "20", "inputs,", "each", "signature", "checked"]


def test_each_run_is_counted_from_its_start_and_proven_at_its_end(
    every_device: Any, opened: Any, wallet: Any
) -> None:
    group = Group("p2wsh", 2, ((wallet, 2), (wallet, 0)))
    inputs = tuple(
        funded_input(group.script(0, index), group.origin(0, index), "p2wsh", index, 100_000)
        for index in range(3)
    )
    request = SpendRequest(2, 0, inputs, wallet.request("p2wpkh").outputs)
    heard: list[SigningProgress] = []
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        session.sign_transaction(request, REGTEST, heard.append)
    assert heard == [
        SigningProgress(run, 2, answered, 3, proven=proven)
        for run in (1, 2)
        for answered, proven in ((0, False), (1, False), (2, False), (3, False), (3, True))
    ]


def test_signatures_that_do_not_hold_are_never_called_signed(device: Any, opened: Any, wallet: Any) -> None:
    device.set_faults({"wrong_key_signature": True})
    heard: list[SigningProgress] = []
    with opened(device) as session, pytest.raises(DeceivedError):
        session.sign_transaction(wallet.request("p2wpkh", "p2wpkh"), REGTEST, heard.append)
    assert [each.answered for each in heard] == [0, 1, 2]
    assert not any(each.proven for each in heard)
