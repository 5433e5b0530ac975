"""Small files that somebody else may have put there: read with a bound, replaced whole.

Refuses what is no regular file (a FIFO or a terminal would keep the device waiting), what is larger
than its bound, and a symbolic link in place of a file that is to be written.
"""

from __future__ import annotations

import contextlib
import os
import stat

MAX_BYTES = 64 * 1024
_SAFE = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class UnfitFileError(ValueError):
    """Not a regular file, or too large; says which."""


def read_small(path: str | os.PathLike[str], *, dir_fd: int | None = None) -> bytes:
    """The bytes of a regular file. Raises UnfitFileError, and OSError when it cannot be opened."""
    fd = os.open(path, os.O_RDONLY | _SAFE, dir_fd=dir_fd)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise UnfitFileError("it is not a regular file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UnfitFileError(f"it is larger than {MAX_BYTES // 1024} KiB")
    return data


def replace_whole(name: str, data: bytes, *, dir_fd: int) -> None:
    """Replace a file of a directory, on disk before this returns; on OSError the old one stays."""
    fresh = f"{name}.new"
    _remove(fresh, dir_fd)
    fd = os.open(fresh, _NEW, 0o600, dir_fd=dir_fd)
    try:
        with os.fdopen(fd, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        with contextlib.suppress(OSError):
            _remove(fresh, dir_fd)
        raise
    os.fsync(dir_fd)


def _remove(name: str, dir_fd: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=dir_fd)
