"""The keyring of a server without a desktop, with its full key derivation: filled and read by commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

STOCK = "keyrings.cryptfile.cryptfile.CryptFileKeyring"
NAME = "venue/trading/read/key"
# The first of these files sets the treasury up; all of them use the same one.
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("commands")]


def test_a_key_stored_by_one_command_is_found_by_another_and_lies_nowhere_in_clear(
    shell: Any, tmp_path: Path
) -> None:
    own = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": STOCK}
    stock = type(shell)(shell.folder, {**shell.environment, **own})
    assert stock.ok("secret", "set", NAME, stdin="hunter2-hunter2\n")["keyring"] == STOCK
    ran = stock.vault("secret", "check", "--json")
    present = [each["name"] for each in ran.document["secrets"] if each["present"]]
    assert (ran.status, ran.document["keyring"], present) == (12, STOCK, [NAME])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"hunter2" in path.read_bytes()]
