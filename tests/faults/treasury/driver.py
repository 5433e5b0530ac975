"""The fork server that gives every job of the kill tests a process of its own, quickly; and its other side.

The server imports everything once (ccxt alone takes seconds) and forks a process for a job and one that
becomes its venue worker: the real worker, on real pipes, which ends at the end of its input. It reads jobs as
JSON lines and answers with the status of each; it ends with its own input and takes its children with it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from concurrent.futures import Future
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

from tests.faults.treasury import stage
from tests.faults.treasury.jobs import Job, perform
from tests.faults.treasury.stage import Scene
from tests.support.warm_server import IMPORTED
from vault.treasury import reconcile


class _Adopted:
    """A worker that the server forked for us: looks like the Popen that the client would have made."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout

    def poll(self) -> int | None:
        return 0 if self.stdout.closed else None

    def wait(self, timeout: float | None = None) -> int:
        return 0

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def _adopt(pid: int, stdin: int, stdout: int) -> None:
    """The client's first worker is the forked one; a second one would be started the usual way."""
    from vault.venues import client

    start, waiting = client._start, [pid]

    def adopt() -> Any:
        if not waiting:
            return start()
        popen = _Adopted(waiting.pop(), os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"))
        said = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the worker
        process = client._Process(cast("Any", popen), said, Future(), {})
        process.reader = threading.Thread(target=client._read, args=(process,), daemon=True)
        process.reader.start()
        return process

    client._start = adopt


def _worker(job: Job, stdin: int, stdout: int) -> None:
    os.setpgid(0, 0)
    os.environ.update(stage.own_keyring(Path(job.folder)))
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    from vault.venues import worker

    worker.main()


def _child(job: Job, scene: Scene) -> None:
    os.setpgid(0, 0)
    answer: dict[str, Any]
    try:
        answer = {"ok": perform(job, scene)}
    except BaseException:  # noqa: BLE001  whatever it was, the test shall show it
        answer = {"problem": traceback.format_exc()}
    scratch = job.result.with_suffix(".part")
    scratch.write_text(json.dumps(answer), encoding="utf-8")
    scratch.replace(job.result)


class Server:
    """Forks for each job; one thread, so that a fork copies no lock that is held."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._jobs: dict[int, tuple[int, int]] = {}  # pid: (number, status of the job's own process)
        self._open: dict[int, set[int]] = {}
        self._status: dict[int, int] = {}

    def serve(self) -> None:
        _preload()
        gc.collect()
        gc.freeze()  # nothing imported is ever looked at again: children share its memory
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write)
        self._close_in_child = (wake_read, wake_write)
        print(json.dumps({"ready": os.getpid()}), flush=True)  # noqa: T201
        waiting = b""
        while True:
            ready, _, _ = select.select([0, wake_read], [], [])
            if wake_read in ready:
                os.read(wake_read, 4096)
                self._reap()
            if 0 not in ready:
                continue
            data = os.read(0, 65536)
            if not data:
                break
            waiting += data
            *complete, waiting = waiting.split(b"\n")
            for text in complete:
                self._start(Job(**json.loads(text)))
        for pid in self._jobs:
            os.kill(pid, signal.SIGKILL)

    def _start(self, job: Job) -> None:
        requests, answers = os.pipe(), os.pipe()
        worker = self._fork((requests[1], answers[0]), lambda: _worker(job, requests[0], answers[1]))

        def work() -> None:
            _adopt(worker, requests[1], answers[0])
            _child(job, self._scene)

        child = self._fork((requests[0], answers[1]), work)
        for descriptor in (*requests, *answers):
            os.close(descriptor)
        self._open[job.number] = {worker, child}
        self._jobs[worker] = self._jobs[child] = (job.number, child)

    def _fork(self, close: tuple[int, ...], work: Any) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            empty = os.open(os.devnull, os.O_RDWR)
            os.dup2(empty, 0)
            os.dup2(2, 1)
            for descriptor in (*close, *self._close_in_child):
                os.close(descriptor)
            work()
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)

    def _reap(self) -> None:
        while self._jobs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid not in self._jobs:
                continue
            number, child = self._jobs.pop(pid)
            self._open[number].discard(pid)
            if pid == child:
                self._status[number] = os.waitstatus_to_exitcode(status)
            if not self._open[number]:
                del self._open[number]
                told = {"number": number, "status": self._status.pop(number)}
                print(json.dumps(told), flush=True)  # noqa: T201


def _preload() -> None:
    """Everything that a job or a worker imports, also late: paid for once."""
    sys.path.append(str(stage.HELPERS))
    for name in (*IMPORTED, "quick_keyring", "vault.venues.worker"):
        import_module(name)


# -- the other side: what tests use ------------------------------------------------------------------


class Crew:
    """Starts the fork server and gives it jobs; several may wait for theirs from several threads."""

    def __init__(self, scene: Scene, log: Path) -> None:
        self._log = log.open("ab")
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.treasury.driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=stage.ROOT,
            env={**os.environ, **stage.own_keyring(log.parent), "SCENE": json.dumps(scene.as_json())},
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[int]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        assert self._popen.stdout is not None
        assert b"ready" in self._popen.stdout.readline(), log.read_text(encoding="utf-8")
        self._reader.start()

    def do(self, job: Job, timeout: float = 100.0) -> int:
        """Have a job done; the exit status of its process (-9 when it was killed)."""
        done: Future[int] = Future()
        with self._lock:
            self._waiting[job.number] = done
            assert self._popen.stdin is not None
            self._popen.stdin.write(json.dumps({name: getattr(job, name) for name in Job.__slots__}).encode())
            self._popen.stdin.write(b"\n")
            self._popen.stdin.flush()
        return done.result(timeout)

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for text in self._popen.stdout:
            told = json.loads(text)
            self._waiting.pop(told["number"]).set_result(told["status"])
        for future in list(self._waiting.values()):
            future.set_exception(RuntimeError("the fork server has ended"))

    def close(self) -> None:
        assert self._popen.stdin is not None and self._popen.stdout is not None
        self._popen.stdin.close()
        self._popen.wait(20)
        self._reader.join(5)
        self._popen.stdout.close()
        self._log.close()


def result_of(job: Job) -> dict[str, Any]:
    """What a job that came to its end says. Raises AssertionError with its traceback when it failed."""
    answer = json.loads(job.result.read_text(encoding="utf-8"))
    assert "problem" not in answer, f"{job}\n{answer.get('problem')}"
    return dict(answer["ok"])


if __name__ == "__main__":
    # The chain of these tests knows at once what it was sent: what it does not find never arrived.
    reconcile.PATIENCE = timedelta()
    Server(Scene.from_json(json.loads(os.environ["SCENE"]))).serve()
