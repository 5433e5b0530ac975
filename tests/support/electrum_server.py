"""An ElectrumX server (PyPI `e-x`) in a process of its own, over a bitcoind with -txindex=1."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from emulator.chains.node import NodeRpc, free_port

START_SECONDS = 60
POLL_SECONDS = 0.02
# Its padding against traffic analysis delays small answers by up to a second, unless this budget is raised.
_PROGRAM = """
from electrumx.server.transport import PaddedRSTransport
PaddedRSTransport.WARMUP_BUDGET_SIZE = 1 << 60
from electrumx.cli.electrumx_server import main
main()
"""


class ElectrumServer:
    """`with ElectrumServer(node, tmp_path) as server: server.url`. The node needs a block first.

    `tls` names a certificate and its key: then `tls_url` speaks TLS as well.
    """

    def __init__(self, node: NodeRpc, directory: Path, tls: tuple[Path, Path] | None = None) -> None:
        pytest.importorskip("electrumx", reason="e-x, an ElectrumX, is not installed")
        self._node, self._directory, self._tls = node, directory, tls
        self.port, self._tls_port = free_port(), free_port()
        self.url = f"tcp://127.0.0.1:{self.port}"
        self.tls_url = f"ssl://127.0.0.1:{self._tls_port}"
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._log: list[str] = []

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        services = f"tcp://127.0.0.1:{self.port}"
        environment = os.environ | {
            "COIN": "Bitcoin",
            "NET": "regtest",
            "DB_DIRECTORY": str(self._directory),
            "DAEMON_URL": self._node.url.replace("://", f"://{self._node.cookie_file.read_text()}@"),
            "PEER_DISCOVERY": "off",
            "PEER_ANNOUNCE": "",
            "COST_SOFT_LIMIT": "0",
            "COST_HARD_LIMIT": "0",
            "CACHE_MB": "20",
            "DAEMON_POLL_INTERVAL_BLOCKS": "50",
            "DAEMON_POLL_INTERVAL_MEMPOOL": "50",
            "ALLOW_ROOT": "1",
        }
        if self._tls is not None:
            services += f",ssl://127.0.0.1:{self._tls_port}"
            environment |= {"SSL_CERTFILE": str(self._tls[0]), "SSL_KEYFILE": str(self._tls[1])}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env=environment | {"SERVICES": services},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ready = threading.Event()
        expected = 1 if self._tls is None else 2
        self._reader = threading.Thread(target=self._read, args=(ready, expected))
        self._reader.start()
        if not ready.wait(START_SECONDS) or self._process.poll() is not None:
            self.__exit__(None, None, None)
            raise RuntimeError("ElectrumX did not start:\n" + "".join(self._log[-20:]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._reader is not None:
            self._reader.join()
        if process is not None and process.stdout is not None:
            process.stdout.close()

    def _read(self, ready: threading.Event, expected: int) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        listening = 0
        for line in self._process.stdout:
            self._log.append(line)
            listening += "server listening on" in line
            if listening >= expected:
                ready.set()
        ready.set()  # it ended

    def await_tip(self) -> None:
        """Return when the server shows the node's best block."""
        best = self._node.call("getblockheader", self._node.call("getbestblockhash"), False)
        self._until(lambda told: told["hex"] == best, "blockchain.headers.subscribe")

    def await_waiting(self, script: bytes, least: int) -> None:
        """Return when the server knows `least` transactions of a script, waiting ones included."""
        from vault.bitcoin.backends.proof import script_hash

        self._until(lambda told: len(told) >= least, "blockchain.scripthash.get_history", script_hash(script))

    def _until(self, enough: Callable[[Any], bool], method: str, *params: str) -> None:
        """Ask again and again: the server drops its own notices when a block and a payment come together."""
        deadline = time.monotonic() + START_SECONDS
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_SECONDS) as connection:
            lines = connection.makefile("r")
            for number in count(0):
                question = (method, *params) if number else ("server.version", "tests", "1.4")
                asked = {"id": number, "method": question[0], "params": question[1:]}
                connection.sendall(json.dumps(asked).encode() + b"\n")
                told = next((each for each in map(json.loads, lines) if each.get("id") == number), None)
                if told is None:
                    raise RuntimeError("ElectrumX hung up")
                if number and "result" in told and enough(told["result"]):
                    return
                if time.monotonic() > deadline:
                    raise RuntimeError(f"ElectrumX did not come to it: {told}")
                if number:
                    time.sleep(POLL_SECONDS)
