"""Devices to play on: the one in this project, one that runs already, or upstream's emulators.

    builtin                 the personas that have a recording, in turn
    builtin:PERSONA         one persona
    udp:HOST:PORT           a running device, debuglink on PORT+1; it is wiped
    trezor-legacy=PATH      upstream emulators, started with a fresh profile and stopped at the end:
    trezor-core=PATH        a binary, or a script that takes a port and a profile directory
    onekey=PATH

Upstream's C emulators have their port compiled in; it has to be free unless the build reads
TREZOR_UDP_PORT.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emulator.device.personas import PERSONAS
from emulator.device.server import DeviceEmulator

HOST = "127.0.0.1"
# Upstream: wire, debuglink, webauthn, VCP, two for Bluetooth, the secure element's model.
PORTS_OF_A_DEVICE = 7
COMPILED_IN = {"trezor-legacy": 21324, "trezor-core": 21324, "onekey": 54935}
READY_SECONDS = 30.0
STOP_SECONDS = 5.0
# Personas with a recording of genuine firmware beside these files.
RECORDED = ("trezor-one", "onekey-classic1s")


class Device(Protocol):
    """A device on a wire port, with debuglink on the next one."""

    host: str
    port: int

    def crashed(self) -> bool: ...

    def stop(self) -> None:
        """End it, where that is possible."""
        ...

    def restart(self) -> None:
        """Start it again with nothing in it, where that is possible."""
        ...


@dataclass(frozen=True, slots=True)
class Spec:
    """Which device: `kind` is builtin, udp or an upstream emulator; `where` persona, address or path."""

    kind: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind}{'=' if self.kind in COMPILED_IN else ':'}{self.where}"


def parse(text: str) -> tuple[Spec, ...]:
    """The devices an option names. ValueError says what is wrong with it."""
    if text == "builtin":
        return tuple(Spec("builtin", persona) for persona in RECORDED)
    kind, _, where = text.partition("=" if "=" in text else ":")
    if kind == "builtin" and where in PERSONAS:
        return (Spec(kind, where),)
    if kind == "udp" and where.rpartition(":")[2].isdigit():
        return (Spec(kind, where),)
    if kind in COMPILED_IN and Path(where).expanduser().is_file():
        return (Spec(kind, str(Path(where).expanduser().resolve())),)
    if kind in COMPILED_IN:
        raise ValueError(f"no emulator at {where!r}")
    raise ValueError(
        f"unknown device {text!r}; known: builtin, builtin:PERSONA ({', '.join(sorted(PERSONAS))}), "
        f"udp:HOST:PORT, {', '.join(f'{kind}=PATH' for kind in COMPILED_IN)}"
    )


@contextmanager
def opened(spec: Spec, mode: str = "scripted") -> Iterator[Device]:
    """Run the device for as long as the block lasts; nothing of it is left behind."""
    if spec.kind == "udp":
        host, _, port = spec.where.rpartition(":")
        yield _Running(host or HOST, int(port))
    elif spec.kind == "builtin":
        builtin = _Builtin(spec.where, mode)
        try:
            yield builtin
        finally:
            builtin.stop()
    else:
        upstream = _Upstream(spec)
        try:
            upstream.start()
            yield upstream
        finally:
            upstream.stop()


@dataclass
class _Running:
    """Someone else's device."""

    host: str
    port: int

    def crashed(self) -> bool:
        return False

    def stop(self) -> None:
        """It is not ours to stop."""

    def restart(self) -> None:
        """It is not ours to restart."""


class _Builtin:
    """This project's device, in this process."""

    host = HOST

    def __init__(self, persona: str, mode: str) -> None:
        self._persona, self._mode = persona, mode
        self._start()

    def _start(self) -> None:
        self._device = DeviceEmulator(persona=self._persona, mode=self._mode)  # type: ignore[arg-type]
        self._device.start()
        self.port = self._device.port

    def crashed(self) -> bool:
        return False

    def restart(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        self._device.stop()


class _Upstream:
    """A genuine emulator as a child process; each start has a profile of its own."""

    host = HOST

    def __init__(self, spec: Spec) -> None:
        self._kind, self._path = spec.kind, Path(spec.where)
        self._process: subprocess.Popen[bytes] | None = None
        self._profile: Path | None = None
        self.port = free_ports()

    def start(self) -> None:
        compiled_in = COMPILED_IN[self._kind]
        stranger = not ports_are_free(compiled_in)
        self._profile = Path(tempfile.mkdtemp(prefix="device-profile-"))
        with (self._profile / "output.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._folder(),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        candidates = (self.port,) if stranger else (self.port, compiled_in)
        self.port = self._wait_until_ready(candidates)

    def crashed(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._profile is not None:
            shutil.rmtree(self._profile, ignore_errors=True)

    def _command(self) -> list[str]:
        if is_script(self._path):
            return [str(self._path), str(self.port), str(self._profile)]
        if self._kind == "trezor-core":
            return [str(self._path), "-O0", "-X", "heapsize=20M", "-m", "main"]
        return [str(self._path)]

    def _folder(self) -> Path:
        """Core runs its Python from `src` unless that is frozen in; C keeps its flash where it starts."""
        if self._kind == "trezor-core":
            for parent in self._path.parents:
                if (parent / "src" / "main.py").is_file():
                    return parent / "src"
        if self._profile is None:
            raise RuntimeError("started without a profile")
        return self._profile

    def _environment(self) -> dict[str, str]:
        profile = str(self._profile)
        return {
            **os.environ,
            "TREZOR_UDP_PORT": str(self.port),
            "TREZOR_PROFILE_DIR": profile,
            "TREZOR_PROFILE": profile,
            "TREZOR_DISABLE_FADE": "1",
            "TREZOR_DISABLE_ANIMATION": "1",
            "TROPIC_MODEL_PORT": str(self.port + PORTS_OF_A_DEVICE - 1),
            "SDL_VIDEODRIVER": "dummy",
        }

    def _wait_until_ready(self, candidates: tuple[int, ...]) -> int:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for port in candidates:
                if answers(port):
                    return port
            if self.crashed():
                break
        self.stop()
        raise OSError(f"{self._path} does not answer on any of the ports {candidates}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate the process and what it has started, and wait until all of it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if _gone(process, STOP_SECONDS):
            return


def _gone(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether nothing of the process's group is left after that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        process.poll()
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def is_script(path: Path) -> bool:
    """Whether a file is a script: such a wrapper takes a port and a profile directory."""
    with path.open("rb") as stream:
        return stream.read(2) == b"#!"


def answers(port: int, seconds: float = 0.1) -> bool:
    """Whether a device answers a ping there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        sock.connect((HOST, port))
        try:
            sock.send(b"PINGPING")
            return sock.recv(8) == b"PONGPONG"
        except TimeoutError:
            return False
        except OSError:
            time.sleep(seconds)  # refused at once: nobody is there yet
            return False


def ports_are_free(first: int, count: int = 2) -> bool:
    for port in range(first, first + count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.bind((HOST, port))
            except OSError:
                return False
    return True


def free_ports() -> int:
    """The first of as many free UDP ports in a row as an upstream emulator takes."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((HOST, 0))
            first = int(sock.getsockname()[1])
        if first + PORTS_OF_A_DEVICE < 65536 and ports_are_free(first, PORTS_OF_A_DEVICE):
            return first
    raise OSError("no free range of UDP ports")
