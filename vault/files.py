"""Writing a file whole or not at all, readable by its owner only.

Refuses to follow a link that lies where its scratch file goes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from vault.errors import ConfigError


def write_private(path: Path, data: bytes) -> None:
    """Write a file whole or not at all (mode 0600), replacing what was there; synced to disk."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise


def write_document(path: Path, data: bytes) -> None:
    """The same for a file that a person asked for. Raises `ConfigError` (``config.not_writable``)."""
    try:
        write_private(path, data)
    except OSError as error:
        raise ConfigError(
            "not_writable",
            f"{path}: {error.strerror or error}",
            hint="Nothing was written. Make room, or let this user write there, and do it again.",
        ) from None


def whose(path: Path) -> str:
    """A file, or the nearest folder above it that can be seen, with its mode and owner, for a message."""
    import pwd
    import stat

    for place in (path, *path.parents):
        try:
            about = place.stat()
        except OSError:
            continue
        try:
            owner = pwd.getpwuid(about.st_uid).pw_name
        except KeyError:
            owner = f"uid {about.st_uid}"
        return f"{place} ({stat.filemode(about.st_mode)}, owner {owner})"
    return str(path)
