"""The small files that all processes of this user share: opened only where nobody else can have put them.

Refuses links, anything but a plain file, and a file or folder that another user owns or may write to.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def open_own(path: Path, flags: int) -> int:
    """A descriptor of the file, which `flags` may create with its folder. Raises `OSError`."""
    if flags & os.O_CREAT:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = path.parent.lstat()
    if not stat.S_ISDIR(folder.st_mode) or not _only_ours(folder):
        raise PermissionError(f"{path.parent}: expected a folder of this user's own")
    # O_NONBLOCK: a pipe in the file's place must not hold us.
    file = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    about = os.fstat(file)
    if not stat.S_ISREG(about.st_mode) or not _only_ours(about):
        os.close(file)
        raise PermissionError(f"{path}: expected a plain file of this user's own")
    return file


def _only_ours(about: os.stat_result) -> bool:
    return about.st_uid == os.geteuid() and not about.st_mode & 0o022
