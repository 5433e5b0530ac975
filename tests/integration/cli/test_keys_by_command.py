"""The keyring of a server without a desktop, with its full key derivation: filled and read by commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

STOCK = "keyrings.cryptfile.cryptfile.CryptFileKeyring"
NAMES = ["venue/trading/read/key", "venue/trading/read/secret"]
# The first of these files sets the treasury up; all of them use the same one.
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("commands")]


def test_a_key_stored_by_one_command_is_found_by_another_and_lies_nowhere_in_clear(
    shell: Any, world: Any, tmp_path: Path
) -> None:
    own = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": STOCK}
    stock = type(shell)(shell.folder, {**shell.environment, **own})
    pair = world.account("protected").read
    stored = stock.ok("venue", "keys", "trading", "--set", "read", stdin=f"{pair.key}\n{pair.secret}\n")
    assert stored["stored"] is True
    ran = stock.vault("secret", "check", "--json")
    present = [each["name"] for each in ran.document["secrets"] if each["present"]]
    assert (ran.status, ran.document["keyring"], present) == (12, STOCK, NAMES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for secret in (pair.key, pair.secret):
        assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_a_venue_s_key_is_not_stored_without_being_tried(shell: Any) -> None:
    ran = shell.vault("secret", "set", NAMES[0], "--json", stdin="hunter2-hunter2\n")
    assert (ran.status, ran.document["error"]) == (12, "secret.venue_key")
    assert "vault venue keys trading --set read" in ran.document["hint"]
    assert "hunter2" not in ran.out + ran.err
