"""Unmodified third-party clients, each in an environment of its own, and a device for them.

They skip where they cannot be installed. With VAULT_THIRD_PARTY=required that is a failure, unless
the client does not run on this Python at all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    # In front: a dependency installs a package called `tests` of its own.
    sys.path.insert(0, ROOT)

from emulator.device.server import DeviceEmulator  # noqa: E402
from tests.third_party.environments import (  # noqa: E402
    Run,
    UnavailableError,
    UnsupportedPythonError,
    environment,
    locked,
)
from tests.third_party.judge import MNEMONIC  # noqa: E402

# Where HWI looks for an emulator; debuglink is on the next one.
HWI_PORT = 21324
COMMAND_SECONDS = 60


def _absent(reason: str) -> NoReturn:
    if os.environ.get("VAULT_THIRD_PARTY") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def _commands(name: str) -> Path:
    try:
        return environment(name)
    except UnsupportedPythonError as error:
        pytest.skip(str(error))
    except UnavailableError as error:
        _absent(f"{name}: {error}")


def _run(command: Path) -> Run:
    def run(*arguments: object) -> str:
        done = subprocess.run(
            [str(command), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, f"{command.name} {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def trezorctl() -> Run:
    """`trezorctl("-p", path, "get-features")` returns what it prints; a failure is an assertion."""
    return _run(_commands("trezor") / "trezorctl")


@pytest.fixture(scope="session")
def hwi() -> Run:
    """`hwi("enumerate")` returns what it prints."""
    commands = _commands("hwi")
    loads = "import usb1; usb1.USBContext().open()"
    if subprocess.run([commands / "python", "-c", loads], capture_output=True, check=False).returncode:
        _absent("hwi needs the system's libusb-1.0 (libusb-1.0-0), even without USB")
    return _run(commands / "hwi")


@pytest.fixture(params=["trezor-core", "trezor-one"])
def confirming(request: pytest.FixtureRequest) -> Iterator[DeviceEmulator]:
    """A device that confirms everything."""
    with DeviceEmulator(persona=request.param, mnemonic=MNEMONIC, mode="auto", label="third") as device:
        yield device


@pytest.fixture(params=["trezor-core", "trezor-one"])
def at_hwis_port(request: pytest.FixtureRequest) -> Iterator[DeviceEmulator]:
    """A device that waits for its buttons, at the one port where HWI finds it."""
    with locked(Path(tempfile.gettempdir()) / f"device-port-{HWI_PORT}.lock"):
        try:
            device = DeviceEmulator(
                persona=request.param, mnemonic=MNEMONIC, mode="scripted", port=HWI_PORT, label="third"
            )
        except OSError as error:
            _absent(f"port {HWI_PORT}, the only one where HWI looks, is taken: {error}")
        with device:
            yield device
