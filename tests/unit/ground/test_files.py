"""Files are written whole or not at all, for their owner only; what cannot be written is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vault.errors import ConfigError
from vault.files import write_document, write_private


def test_a_file_is_replaced_whole_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"before")
    path.chmod(0o644)
    write_document(path, b"after")
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_said_and_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "treasury.toml"
    path.write_bytes(b"before")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigError) as caught:
        write_document(path, b"after")
    assert caught.value.code == "config.not_writable"
    assert os.strerror(errno.ENOSPC) in caught.value.message
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        write_document(tmp_path / "none" / "plan.json", b"x")
    assert caught.value.code == "config.not_writable"
    with pytest.raises(FileNotFoundError):
        write_private(tmp_path / "none" / "plan.json", b"x")
