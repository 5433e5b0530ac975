"""bitcoinlib as a second opinion: agrees on the kinds of one key it gets right, is asked about no other,
writes nothing at home.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from vault.address import network_of
from vault.bitcoin import second_opinion
from vault.bitcoin.scripts import Kind
from vault.errors import AddressError

SCRIPT = """
import sys
from vault.address import network_of
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.second_opinion import check_address
for line in sys.stdin.read().splitlines():
    network, text = line.split(" ", 1)
    descriptor = Descriptor.parse(text, network_of(network))
    print([check_address(descriptor, change, index) for change in (False, True) for index in range(3)])
"""


def test_agrees_and_leaves_the_home_directory_alone(
    bitcoin_keys: ModuleType, tmp_path: Path, repo_root: Path
) -> None:
    descriptors = [
        bitcoin_keys.account_of(b"second", kind, network_of(name)).descriptor
        for kind in ("p2pkh", "p2sh-p2wpkh", "p2wpkh")
        for name in ("mainnet", "testnet4", "regtest")
    ]
    temporary, home = tmp_path / "tmp", tmp_path / "home"
    temporary.mkdir()
    home.mkdir()
    environment = {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(repo_root),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input="\n".join(f"{each.network.name} {each.text()}" for each in descriptors),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    expected = [
        str([each.address(change, index) for change in (False, True) for index in range(3)])
        for each in descriptors
    ]
    assert done.stdout.splitlines() == expected
    assert not list(home.iterdir())
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("kind", ["p2tr", "p2wsh", "p2sh-p2wsh"])
def test_is_never_asked_about_taproot_or_groups(bitcoin_keys: ModuleType, kind: Kind) -> None:
    descriptor = bitcoin_keys.account_of(b"second", kind).descriptor
    assert not second_opinion.has_second_opinion(descriptor)
    with pytest.raises(AddressError) as refused:
        second_opinion.check_address(descriptor, False, 0)
    assert refused.value.code == "address.no_second_opinion"


def test_refuses_an_address_on_which_the_two_differ(
    bitcoin_keys: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = bitcoin_keys.account_of(b"second", "p2wpkh").descriptor
    monkeypatch.setattr(second_opinion, "_derive", lambda *_: "tb1qsomethingelse")
    with pytest.raises(AddressError) as refused:
        second_opinion.check_address(descriptor, False, 0)
    assert refused.value.code == "address.second_opinion"
