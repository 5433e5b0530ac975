"""Where a PSBT comes from: a regular file, and addresses of no network that nobody named."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.bitcoin_keys import sample_of
from vault.bitcoin.psbt.text import read_psbt
from vault.cli.psbt import _require_mainnet
from vault.errors import ConfigError, PsbtError


@pytest.mark.parametrize("what", ["pipe", "folder", "device"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path: Path, what: str) -> None:
    path = {"pipe": tmp_path / "pipe", "folder": tmp_path, "device": Path("/dev/zero")}[what]
    if what == "pipe":
        os.mkfifo(path)
    with pytest.raises(PsbtError) as caught:
        read_psbt(str(path), io.BytesIO())
    assert caught.value.code == "psbt.unreadable"


@pytest.mark.parametrize("kind", ["p2wpkh", "p2tr"])
def test_keys_of_a_test_network_are_not_shown_as_mainnet_addresses(kind: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        _require_mainnet(sample_of(kind).psbt)
    assert caught.value.code == "config.no_network"
    assert "--network" in caught.value.hint
