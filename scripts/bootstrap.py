"""Make a virtual environment from a lock file with hashes: uv where it can be had, else pip.

Runs on a bare Python 3.11+ with venv. Refuses to install anything whose hash is not in the lock file.
"""

from __future__ import annotations

import compileall
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path) -> bool:
    """True when the command succeeded; its output goes to stderr."""
    return subprocess.run([str(part) for part in command], stdout=sys.stderr, check=False).returncode == 0


def find_uv(folder: Path) -> Path | None:
    """An installed uv, or one put into the environment with pip; None when it cannot be had."""
    if found := shutil.which("uv"):
        return Path(found)
    if run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "uv"):
        return folder / "bin" / "uv"
    return None


def install(folder: Path, lock: Path) -> bool:
    python = folder / "bin" / "python"
    uv = find_uv(folder)
    if uv and run(uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock):
        return True
    print("uv is not to be had or failed; installing with pip", file=sys.stderr)
    return run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)


def link_project(folder: Path) -> None:
    """Put this checkout on the environment's path and the `vault` command into its bin folder."""
    python = folder / "bin" / "python"
    site = next((folder / "lib").glob("python3.*")) / "site-packages"
    (site / "vault-checkout.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    command = folder / "bin" / "vault"
    command.write_text(
        f"#!{python.absolute()}\nimport sys\n\nfrom vault.__main__ import main\n\nsys.exit(main())\n",
        encoding="utf-8",
    )
    command.chmod(0o755)


def main() -> int:
    folder, lock = Path(sys.argv[1]), Path(sys.argv[2])
    if not (folder / "bin" / "python").exists():
        print(f"making {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
    if not install(folder, lock):
        print(f"could not install {lock}; see the messages above", file=sys.stderr)
        return 1
    link_project(folder)
    for source in (next((folder / "lib").glob("python3.*")), ROOT / "vault", ROOT / "emulator"):
        compileall.compile_dir(str(source), quiet=2, workers=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
