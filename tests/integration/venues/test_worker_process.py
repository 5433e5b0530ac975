"""The worker as a process: it ends with its client, leaks no key, and reads a real encrypted keyring."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vault.errors import SecretError, VaultError, VenueError
from vault.venues import client as venue_client

ACCOUNT = "binance-main"
START = venue_client._start
COMMAND = [sys.executable, "-P", "-m", "vault.venues.worker"]


@pytest.fixture(autouse=True)
def fresh_workers(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by the client itself, as outside of tests."""
    monkeypatch.setattr(venue_client, "_start", START)


def environment(root: Path) -> dict[str, str]:
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def gone(pid: int) -> bool:
    """True when the process has ended (a zombie that nobody waited for counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_the_worker_ends_with_its_client(world: Any) -> None:
    world.client.read_clock(ACCOUNT)
    pid = world.client.worker_pid
    world.client.close()
    assert gone(pid)
    with pytest.raises(VenueError) as caught:
        world.client.read_clock(ACCOUNT)
    assert caught.value.code == "venue.closed"


def test_the_worker_does_not_outlive_a_killed_parent(world: Any, repo_root: Path) -> None:
    program = (
        "import sys, time\n"
        "from vault.config import VenueSettings\n"
        "from vault.venues.client import VenueClient\n"
        "settings = VenueSettings.model_validate_json(sys.argv[1])\n"
        "client = VenueClient('t', settings); client.read_clock('binance-main')\n"
        "print(client.worker_pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, world.settings.model_dump_json()],
        stdout=subprocess.PIPE,
        env=environment(repo_root),
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    descriptor = os.pidfd_open(pid)
    parent.kill()
    parent.wait()
    ended, _, _ = select.select([descriptor], [], [], 10)
    os.close(descriptor)
    assert ended


def test_a_worker_that_died_is_replaced_at_the_next_call(world: Any) -> None:
    world.client.read_clock(ACCOUNT)
    first = world.client.worker_pid
    descriptor = os.pidfd_open(first)
    os.kill(first, signal.SIGKILL)
    select.select([descriptor], [], [], 10)
    os.close(descriptor)
    world.client.read_clock(ACCOUNT)
    assert world.client.worker_pid != first


def test_no_key_material_in_output_errors_command_line_or_environment(world: Any, repo_root: Path) -> None:
    requests = [
        {"call": "read_account", "args": {}},
        {"call": "permissions", "args": {"role": "withdraw"}},
        {"call": "withdraw", "args": {"request": _encoded(world.request("200"))}},
        {"call": "withdraw", "args": {"request": _encoded(world.request("0.5"))}},
        {"call": "no_such_call", "args": {}},
        {"call": "read_account", "args": {"extra": 1}},
    ]
    world.control.fault("http_500", "/fapi/v3/positionRisk", count=1)
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(repo_root),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    settings = json.loads(world.settings.model_dump_json())
    for number, request in enumerate(requests):
        line = {"id": number, "treasury_id": world.treasury, "venue": settings, **request}
        process.stdin.write(json.dumps(line) + "\n")
    process.stdin.flush()
    output = [process.stdout.readline() for _ in range(len(requests) + 1)]
    command_line = Path(f"/proc/{process.pid}/cmdline").read_text()
    process.stdin.close()
    process.wait(10)
    with process.stdout, process.stderr:
        everything = "".join([*output, process.stdout.read(), process.stderr.read(), command_line])
    answers = {answer["id"]: answer for answer in map(json.loads, output[1:])}
    assert len(answers) == len(requests)
    assert answers[2]["error"]["error"] == "venue.refused"
    assert "ok" in answers[3]
    for secret in world.secrets:
        assert secret not in everything


def _encoded(request: Any) -> Any:
    from vault.codec import encode

    return encode(request)


def test_a_key_that_the_venue_echoes_is_taken_out_of_the_error(world: Any) -> None:
    from vault.clock import SystemClock
    from vault.secrets import Secret
    from vault.venues.binance.account import Binance
    from vault.venues.line.connection import Connection

    keys = {"key": Secret("the-key"), "secret": Secret("the-secret")}
    connection = Connection(world.settings, keys, SystemClock(), Binance.endpoints())
    error = connection._clean(VenueError("refused", "no key the-key with the-secret"))
    assert str(error) == error.message == "no key … with …"
    assert "the-secret" not in repr(connection)


@pytest.mark.parametrize(
    ("url", "pauses"),
    [("https://api.example.com", True), ("https://10.0.0.1", True), ("http://127.0.0.1:1", False)],
)
def test_the_pauses_between_requests_are_kept_everywhere_but_on_this_machine(
    world: Any, monkeypatch: pytest.MonkeyPatch, *, url: str, pauses: bool
) -> None:
    from vault.clock import SystemClock
    from vault.venues.binance.account import Binance
    from vault.venues.line import connection

    monkeypatch.setattr(connection, "venue_address", lambda _settings: url)
    opened = connection.Connection(world.settings, None, SystemClock(), Binance.endpoints())
    assert opened._exchange.enableRateLimit is pauses


def test_the_client_loads_no_ccxt(repo_root: Path) -> None:
    check = (
        "import sys, vault.venues.client, vault.markets.feeds.venue.present\n"
        "print([m for m in ('ccxt', 'requests') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, env=environment(repo_root)
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_keys_are_read_from_the_standard_encrypted_file_keyring(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyrings.cryptfile.cryptfile import CryptFileKeyring

    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.cryptfile.cryptfile.CryptFileKeyring")
    world.fill(CryptFileKeyring(), ACCOUNT)
    with world.open() as client:
        assert client.permissions(ACCOUNT, "read").can_read


@pytest.mark.parametrize("password", ["not the password", None])
def test_a_locked_keyring_is_a_typed_error_and_hangs_nothing(
    world: Any, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    if password is None:
        monkeypatch.delenv("KEYRING_CRYPTFILE_PASSWORD")
        # Without a terminal nothing can be asked for; with one the person at it would be.
        if _has_terminal():
            pytest.skip("a terminal is attached; the keyring would ask there")
    else:
        monkeypatch.setenv("KEYRING_CRYPTFILE_PASSWORD", password)
    with world.open() as client, pytest.raises(SecretError) as caught:
        client.withdraw(ACCOUNT, world.request())
    assert caught.value.code == "secret.locked"


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def test_a_keyring_that_keeps_no_secret_is_refused(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with world.open() as client, pytest.raises(VaultError) as caught:
        client.withdraw(ACCOUNT, world.request())
    assert caught.value.code == "secret.insecure_keyring"
