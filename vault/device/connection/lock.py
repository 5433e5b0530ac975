"""One program at a time talks to a device: a lock per path, held by the operating system.

It goes with the process that holds it, however that ends. Refuses a lock folder that another user owns.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vault.device.connection.transports import canonical
from vault.errors import DeviceError


def lock_folder() -> Path:
    """The folder of the locks of this user's programs."""
    return Path(tempfile.gettempdir()) / f"vault-{os.getuid()}"


@contextmanager
def owned(path: str) -> Iterator[None]:
    """Own the device at `path` for the length of a ``with`` block. Raises `DeviceError` (``device.busy``)."""
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace")
            who = "this program" if holder == str(os.getpid()) else f"another vault (process {holder})"
            raise DeviceError(
                "busy",
                f"{path} is already open in {who}",
                hint="Wait until it has finished, or end it.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        # Closing frees the lock. The file stays: removing it would let two programs lock two files.
        os.close(descriptor)


def _open(path: str) -> int:
    folder = lock_folder()
    name = hashlib.sha256(canonical(path).encode()).hexdigest()[:32]
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
            raise PermissionError
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(folder / f"device-{name}.lock", flags, 0o600)
    except OSError as error:
        raise DeviceError(
            "lock_unusable",
            f"the lock folder {folder} cannot be used ({type(error).__name__})",
            hint="It must be a folder that only you can write to: remove what is there.",
        ) from None
