"""GNOME's keyring without a desktop: a session bus and a daemon of its own, unlocked with a password.

Refuses to touch the user's own: folders and bus are the test's. `VAULT_GNOME_KEYRING` may name the program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_S = 10
BACKEND = "keyring.backends.SecretService.Keyring"


def missing() -> str:
    """Why there is none here; "" when there is one."""
    if shutil.which("dbus-daemon") is None:
        return "no dbus-daemon on this machine"
    if program() is None:
        return "no gnome-keyring-daemon on this machine (VAULT_GNOME_KEYRING may name one)"
    return ""


def program() -> str | None:
    return os.environ.get("VAULT_GNOME_KEYRING") or shutil.which("gnome-keyring-daemon")


@contextmanager
def gnome_keyring(home: Path, password: str) -> Iterator[dict[str, str]]:
    """The environment in which that keyring is found."""
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    environment = {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    daemon = None
    try:
        assert bus.stdout is not None
        environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        daemon = subprocess.Popen(
            [str(program()), "--foreground", "--unlock", "--components=secrets"],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert daemon.stdin is not None
        assert daemon.stdout is not None
        daemon.stdin.write(password)
        daemon.stdin.close()
        daemon.stdout.readline()  # where its control socket is: it is ready
        yield {**environment, "PYTHON_KEYRING_BACKEND": BACKEND}
    finally:
        for process in (daemon, bus):
            if process is not None:
                process.terminate()
                process.wait(STOP_S)
                if process.stdout is not None:
                    process.stdout.close()
