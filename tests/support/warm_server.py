"""`python -m vault` and the venue worker as processes of their own, forked from one that has imported it all.

Each gets its own folder, environment, standard streams, exit status and end; only the imports are paid for
once. What depends on how a fresh interpreter starts is not for here: the tests of that start one.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
_LARGEST_ORDER = 1 << 20
# What commands and the worker import, also late, and what reads nothing of the machine's state meanwhile.
IMPORTED = (
    "_strptime", "argon2", "bdkpython", "ccxt", "coincurve", "Crypto.Cipher._mode_gcm", "keyring",
    "keyrings.cryptfile.cryptfile", "numpy", "pbk", "rich.console", "rich.table", "sqlite3",
    "sqlalchemy.dialects.sqlite", "trezorlib.btc", "trezorlib.protocol_v1", "trezorlib.thp.client",
    "trezorlib.transport.udp", "vault.bitcoin.verify", "vault.bitcoin.wallet.watch", "vault.cli.edge",
    "vault.device.session", "vault.markets.feeds.venue.present", "vault.policy.document",
    "vault.policy.engine", "vault.risk.assess", "vault.risk.indicators.judge", "vault.treasury.desk",
    "vault.treasury.devices",
    "vault.treasury.market_feeds", "vault.treasury.market_history", "vault.treasury.overview",
    "vault.treasury.setup", "vault.treasury.venue_requests", "vault.venues.binance.account",
    "vault.venues.client",
)  # fmt: skip


class WarmProcess:
    """A process of the server's, to ask and to end like a Popen."""

    def __init__(self, server: WarmServer, pid: int) -> None:
        self.pid = pid
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self.returncode: int | None = None
        self._server = server
        self._descriptor = os.pidfd_open(pid)  # exists until it is reaped, dead or alive

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("vault", timeout or 0)
        return status

    def kill(self) -> None:
        if self.returncode is None:
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def _ended(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._descriptor], [], [], seconds)[0]:
            self.returncode = self._server.reap(self.pid)
            os.close(self._descriptor)
        return self.returncode


class WarmServer:
    """Starts processes; each is the main module of a name, as with `python -m`."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(SECONDS)
        self._lock = threading.Lock()
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm_server", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *streams: int,
    ) -> WarmProcess:
        """A process with these descriptors for its input, output and errors."""
        order = {"module": module, "arguments": list(arguments), "folder": str(folder)}
        return WarmProcess(self, self._ask({**order, "environment": dict(environment)}, *streams))

    def vault(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: str = ""
    ) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of a command. TimeoutExpired when it hangs."""
        with ExitStack() as stack:
            given, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            given.write(stdin.encode())
            given.seek(0)
            streams = (each.fileno() for each in (given, out, err))
            process = self.start("vault", arguments, folder, environment, *streams)
            try:
                status = process.wait(SECONDS)
            finally:
                process.kill()
            out.seek(0)
            err.seek(0)
            return status, out.read().decode(), err.read().decode()

    def worker(self, module: str) -> Any:
        """In the place of `vault.venues.client._start`: the worker on its pipes, with this environment."""
        from vault.venues import client

        (stdin, write), (read, stdout) = os.pipe(), os.pipe()
        said = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the worker
        try:
            streams = (stdin, stdout, said.fileno())
            popen: Any = self.start(module, (), Path.cwd(), os.environ, *streams)
        finally:
            os.close(stdin)
            os.close(stdout)
        popen.stdin, popen.stdout = os.fdopen(write, "wb"), os.fdopen(read, "rb")
        process = client._Process(popen, said, Future(), {})
        process.reader = threading.Thread(target=client._read, args=(process,), daemon=True)
        process.reader.start()
        return process

    def reap(self, pid: int) -> int:
        """The status of a process that has ended."""
        return self._ask({"reap": pid})

    def _ask(self, order: Mapping[str, Any], *descriptors: int) -> int:
        with self._lock:
            socket.send_fds(self._line, [json.dumps(order).encode()], descriptors)
            return int(self._line.recv(_LARGEST_ORDER))

    def close(self) -> None:
        """End the server; a process that still runs was forgotten by its test and goes with it."""
        self._line.close()
        try:
            self._server.wait(SECONDS)
        finally:
            self._server.kill()
            self._server.wait()


@contextmanager
def warm_server() -> Iterator[WarmServer]:
    server = WarmServer()
    try:
        yield server
    finally:
        server.close()


# -- the server's own side ---------------------------------------------------------------------------


def _serve(line: socket.socket) -> None:
    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()  # nothing imported is ever looked at again: children share its memory
    running: set[int] = set()
    while True:
        text, streams, _, _ = socket.recv_fds(line, _LARGEST_ORDER, 3)
        if not text:
            break
        order = json.loads(text)
        if "reap" in order:
            running.discard(order["reap"])
            answer = os.waitstatus_to_exitcode(os.waitpid(order["reap"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                line.close()
                _become(order, streams)
            running.add(answer)
        for stream in streams:
            os.close(stream)
        line.send(str(answer).encode())
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _become(order: Mapping[str, Any], streams: Sequence[int]) -> NoReturn:
    """Become `python -m MODULE`: the same module as the main one, and the same end."""
    status: object = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.path[:0] = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
        sys.argv = [order["module"], *order["arguments"]]
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = 0 if end.code is None else end.code
        if isinstance(status, str):
            print(status, file=sys.stderr)  # noqa: T201
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        for file in (sys.stdout, sys.stderr):
            file.flush()
        os._exit(status if isinstance(status, int) else 1)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as own:
        _serve(own)
