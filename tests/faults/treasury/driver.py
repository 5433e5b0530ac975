"""The fork server that gives every job of the kill tests a process of its own, quickly; and its other side.

The server imports everything once (ccxt alone takes seconds) and forks a process for a job and one that
becomes its venue worker: the real worker, on real pipes, which ends at the end of its input. It reads jobs as
JSON lines and answers with the status of each; it ends with its own input and takes its children with it.
"""

from __future__ import annotations

import functools
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
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
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


def adopt_workers(*workers: tuple[int, int, int]) -> None:
    """The client's first workers are forked ones (process, its input, its output), more are not to be had."""
    from vault.venues import client

    start, waiting = client._start, list(workers)

    def adopt(module: str) -> Any:
        if not waiting:
            return start(module)
        pid, stdin, stdout = waiting.pop(0)
        popen = _Adopted(pid, os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"))
        said = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the worker
        process = client._Process(cast("Any", popen), said, Future(), {})
        process.reader = threading.Thread(target=client._read, args=(process,), daemon=True)
        process.reader.start()
        return process

    client._start = adopt


def become_worker(folder: Path, stdin: int, stdout: int) -> None:
    """The real worker, on these pipes, with the keyring of `folder`."""
    os.setpgid(0, 0)
    os.environ.update(stage.own_keyring(folder))
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    from vault.venues import worker

    worker.main()


def report(result: Path, work: Callable[[], dict[str, Any]]) -> None:
    """Do the work of a process of its own, and write down what came of it."""
    os.setpgid(0, 0)
    answer: dict[str, Any]
    try:
        answer = {"ok": work()}
    except BaseException:  # noqa: BLE001  whatever it was, the test shall show it
        answer = {"problem": traceback.format_exc()}
    scratch = result.with_suffix(".part")
    scratch.write_text(json.dumps(answer), encoding="utf-8")
    scratch.replace(result)


class Server:
    """Forks for each job; one thread, so that a fork copies no lock that is held."""

    JOB: Any = Job

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
                self._start(self.JOB(**json.loads(text)))
        for pid in self._jobs:
            os.kill(pid, signal.SIGKILL)

    def workers(self, job: Any) -> int:
        """How many venue workers the job may need, one after the other."""
        return 1

    def perform(self, job: Any) -> dict[str, Any]:
        """What a process of its own does for the job."""
        return perform(job, self._scene)

    def settle_in(self, job: Any) -> None:
        """What every process of a job does first."""

    def _start(self, job: Any) -> None:
        lines = [(*os.pipe(), *os.pipe()) for _ in range(self.workers(job))]
        every = {descriptor for line in lines for descriptor in line}
        workers = []
        for stdin, requests, answers, stdout in lines:
            pid = self._fork(every - {stdin, stdout}, functools.partial(self._work_for, job, stdin, stdout))
            workers.append((pid, requests, answers))

        def work() -> None:
            self.settle_in(job)
            adopt_workers(*workers)
            report(job.result, lambda: self.perform(job))

        child = self._fork({end for line in lines for end in (line[0], line[3])}, work)
        for descriptor in every:
            os.close(descriptor)
        self._open[job.number] = {child, *(worker[0] for worker in workers)}
        for pid in self._open[job.number]:
            self._jobs[pid] = (job.number, child)

    def _work_for(self, job: Any, stdin: int, stdout: int) -> None:
        self.settle_in(job)
        become_worker(Path(job.folder), stdin, stdout)

    def _fork(self, close: set[int], work: Callable[[], None]) -> int:
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

    MODULE = "tests.faults.treasury.driver"

    def __init__(self, scene: Scene, log: Path) -> None:
        self._log = log.open("ab")
        self._popen = subprocess.Popen(
            [sys.executable, "-m", self.MODULE],
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

    def do(self, job: Any, timeout: float = 100.0) -> int:
        """Have a job done; the exit status of its process (-9 when it was killed)."""
        done: Future[int] = Future()
        with self._lock:
            self._waiting[job.number] = done
            assert self._popen.stdin is not None
            self._popen.stdin.write(json.dumps(asdict(job)).encode())
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


def result_of(job: Any) -> dict[str, Any]:
    """What a job that came to its end says. Raises AssertionError with its traceback when it failed."""
    answer = json.loads(job.result.read_text(encoding="utf-8"))
    assert "problem" not in answer, f"{job}\n{answer.get('problem')}"
    return dict(answer["ok"])


if __name__ == "__main__":
    # The chain of these tests knows at once what it was sent: what it does not find never arrived.
    reconcile.PATIENCE = timedelta()
    Server(Scene.from_json(json.loads(os.environ["SCENE"]))).serve()
