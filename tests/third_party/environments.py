"""Third-party clients in virtual environments of their own, from requirement files with hashes.

An environment is made once and kept under .venv-third-party in the checkout; another requirements
file or interpreter gets another one. What cannot be had here is `UnavailableError`, with its reason.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / ".venv-third-party"
INSTALL_SECONDS = 240
# The first Python version that a client does not run on.
PYTHON_BELOW = {"hwi": (3, 13)}

# A client's command: takes its arguments, returns what it prints.
Run = Callable[..., str]


class UnavailableError(Exception):
    """The client cannot be installed or run on this machine; the text says why."""


class UnsupportedPythonError(UnavailableError):
    """The client does not run on this Python: nothing that one could install here."""


def environment(name: str) -> Path:
    """Folder of the client's commands. UnavailableError without network or a fitting Python."""
    below = PYTHON_BELOW.get(name)
    if below is not None and sys.version_info[:2] >= below:
        raise UnsupportedPythonError(f"{name} needs a Python below {'.'.join(map(str, below))}")
    requirements = HERE / f"requirements-{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = FOLDER / f"{name}-{digest}-{sys.version_info[0]}.{sys.version_info[1]}"
    with locked(FOLDER / f"{name}.lock"):
        if not (folder / ".ready").exists():
            _make(folder, requirements)
            (folder / ".ready").touch()
    return folder / "bin"


def _make(folder: Path, requirements: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        _run(sys.executable, "-m", "venv", str(folder))
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(*install, "--require-hashes", "-r", str(requirements))


def _run(*command: str) -> None:
    """A wrong hash is an error; everything else that fails is a machine without what is needed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{command[0]} did not end within {INSTALL_SECONDS} s") from error
    if done.returncode:
        output = (done.stderr or done.stdout).strip()
        if "hash" in output.lower():
            raise RuntimeError(f"not what the requirements file names: {output}")
        raise UnavailableError(f"cannot be installed: {output.splitlines()[-1] if output else command}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time: several test workers, or several checkouts where `path` is shared."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
