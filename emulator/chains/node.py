"""A real bitcoind in regtest as a process of our own, and a client for its RPC; standard library only.

Loopback, a cookie, no peers, no wallet. It is ended by its own process id.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
START_SECONDS = 30
STOP_SECONDS = 30
CALL_SECONDS = 30
READY_POLL = 0.05  # a node tells nobody that it is ready


class NodeError(RuntimeError):
    """The node did not start, did not answer, or said no: then `code` is that of its RPC."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NodeRpc:
    """`NodeRpc(url, cookie_file).call("getblockcount")`; a connection for each call."""

    def __init__(self, url: str, cookie_file: Path) -> None:
        self.url = url
        self.cookie_file = cookie_file
        self._address = urlsplit(url)

    def call(self, method: str, *params: object) -> Any:
        """One RPC. Raises NodeError with the node's words, OSError when it cannot be reached."""
        token = base64.b64encode(self.cookie_file.read_bytes()).decode()
        connection = http.client.HTTPConnection(
            self._address.hostname or LOOPBACK, self._address.port, timeout=CALL_SECONDS
        )
        try:
            body = json.dumps({"id": 0, "method": method, "params": params})
            connection.request("POST", "/", body, {"Authorization": f"Basic {token}"})
            answer = json.loads(connection.getresponse().read())
        except (ValueError, http.client.HTTPException) as error:
            raise NodeError(f"{method}: {error}") from None
        finally:
            connection.close()
        if answer["error"] is not None:
            raise NodeError(str(answer["error"]["message"]), int(answer["error"]["code"]))
        return answer["result"]


class Bitcoind(NodeRpc):
    """`with Bitcoind("/usr/bin/bitcoind", directory, "-txindex=1") as node: node.call(...)`."""

    def __init__(self, program: str, directory: Path, *options: str) -> None:
        port = free_port()
        super().__init__(f"http://{LOOPBACK}:{port}", directory / "regtest" / ".cookie")
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = port
        self._command = [
            program,
            "-regtest",
            f"-datadir={directory}",
            f"-rpcport={port}",
            f"-rpcbind={LOOPBACK}",
            f"-rpcallowip={LOOPBACK}",
            "-listen=0",
            "-dnsseed=0",
            "-fixedseeds=0",
            "-disablewallet",
            "-server",
            "-printtoconsole=0",
            "-persistmempool=0",
            "-dbcache=16",
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Return when it answers. Raises NodeError or OSError with the reason."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            self._await(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.call("getblockcount")
            except (OSError, NodeError) as error:
                if process.poll() is not None:
                    told = process.communicate()[1].decode(errors="replace").strip()
                    raise NodeError(f"bitcoind ended: {told}") from None
                if time.monotonic() > deadline:
                    raise NodeError(f"bitcoind was not ready within {START_SECONDS} s: {error}") from None
                time.sleep(READY_POLL)
            else:
                return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
