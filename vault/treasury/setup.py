"""Makes a treasury's folder: treasury.toml, the default policy with its tests, and an empty store.

Never overwrites: a file that is already there is named and nothing is written. What is written appears
whole; treasury.toml comes last, so a folder that has one has everything.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vault.config import CONFIG_NAME, TreasuryConfig
from vault.errors import ConfigError, VaultError
from vault.files import write_private
from vault.toml_strict import parse_toml
from vault.treasury.templates import treasury_text

if TYPE_CHECKING:
    from vault.clock import Clock

POLICY_NAME: Final = "policy.toml"
POLICY_TESTS_NAME: Final = "policy.test.toml"
DEFAULT_ESPLORA: Final = "http://127.0.0.1:3002"
_STATE: Final = "state"


@dataclass(frozen=True, slots=True)
class MadeTreasury:
    """A treasury that was just made: its folder and the files in it."""

    folder: Path
    config: Path
    files: tuple[Path, ...]


def default_policy_path() -> Path:
    """The policy that ships with the program: beside the package, in a checkout and when installed."""
    import vault

    return Path(vault.__path__[0]).resolve().parent / "policies" / "default.toml"


def init_treasury(
    folder: Path, treasury_id: str, clock: Clock, *, emulated: bool = False, esplora: str = DEFAULT_ESPLORA
) -> MadeTreasury:
    """Make a treasury in `folder`, which is made if need be.

    Raises `ConfigError` (``config.exists``, ``config.not_writable``) and `DocumentError` for an id or
    address that cannot stand in treasury.toml.
    """
    text = treasury_text(treasury_id, esplora, emulated=emulated)
    parse_toml(text, TreasuryConfig, name=CONFIG_NAME)
    folder = folder.absolute()
    _refuse_existing(folder)
    fresh = not folder.exists()
    scratch = folder.parent / f".{folder.name}.{os.getpid()}" if fresh else folder / f".init.{os.getpid()}"
    try:
        scratch.mkdir(mode=0o700, parents=True)
        _fill(scratch, text, treasury_id, clock)
        if fresh:
            scratch.rename(folder)
        else:
            _move_in(scratch, folder)
    except OSError as error:
        raise ConfigError(
            "not_writable",
            f"{error.filename or folder}: {error.strerror}",
            hint="Nothing was left behind. Choose a folder you may write to.",
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    names = (CONFIG_NAME, POLICY_NAME, POLICY_TESTS_NAME, f"{_STATE}/vault.db")
    return MadeTreasury(folder, folder / CONFIG_NAME, tuple(folder / name for name in names))


def _refuse_existing(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise _exists(folder)
    for name in (CONFIG_NAME, POLICY_NAME, POLICY_TESTS_NAME, _STATE):
        if os.path.lexists(folder / name):
            raise _exists(folder / name)


def _exists(path: Path) -> VaultError:
    return ConfigError(
        "exists",
        f"{path} is already there",
        hint="`vault init` never overwrites. Choose another folder, or move the file away yourself.",
    )


def _fill(folder: Path, text: str, treasury_id: str, clock: Clock) -> None:
    from vault.store.database import Store

    policy = default_policy_path()
    tests = policy.with_name(f"{policy.stem}.test.toml")
    for name, data in (
        (CONFIG_NAME, text.encode()),
        (POLICY_NAME, policy.read_bytes()),
        (POLICY_TESTS_NAME, tests.read_bytes()),
    ):
        write_private(folder / name, data)
    Store.open(f"sqlite:///{folder / _STATE / 'vault.db'}", treasury_id, clock, create=True).close()


def _move_in(scratch: Path, folder: Path) -> None:
    """Into a folder that has other things in it: whole files, none over another, all or none."""
    moved: list[Path] = []
    try:
        for name in (POLICY_NAME, POLICY_TESTS_NAME, _STATE, CONFIG_NAME):
            target = folder / name
            if name == _STATE:
                (scratch / name).rename(target)
            else:
                os.link(scratch / name, target)  # unlike a rename it fails when the name is taken
            moved.append(target)
    except FileExistsError as error:
        _undo(moved)
        raise _exists(Path(str(error.filename2 or error.filename))) from None
    except BaseException:
        _undo(moved)
        raise


def _undo(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
