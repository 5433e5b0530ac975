"""The device as a process of its own: ready line, control port, clean end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from trezorlib import btc, exceptions
from trezorlib import client as trezor_client
from trezorlib import messages as m
from trezorlib.tools import parse_path
from trezorlib.transport import get_transport
from trezorlib.transport.udp import UdpTransport

from emulator.device.control import ControlServer
from emulator.device.engine import DeviceEndedError
from emulator.device.protocol import link as link_module
from emulator.device.protocol import proto
from emulator.device.protocol.link import Link
from emulator.device.protocol.wire import Frame, split
from emulator.device.server import DeviceEmulator
from tests.support.raw_host import RawHost

ABANDON = "abandon " * 11 + "about"
RUN = "import sys; from emulator.device.cli import main; sys.exit(main(sys.argv[1:]))"
WITNESS = m.InputScriptType.SPENDWITNESS


@contextmanager
def running(root: Path, *args: str) -> Iterator[tuple[dict[str, str], Any]]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "--port", "0", *args],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline()), process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0


def request(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=5) as response:  # noqa: S310
        return json.load(response)


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "words"
    path.write_text(ABANDON.replace(" ", "\n") + "\n")
    return str(path)


def client_of(ready: dict[str, str]) -> Any:
    return trezor_client.get_client(trezor_client.AppManifest("tests"), get_transport(ready["path"]))


def test_control_port_sets_faults_seed_and_tells_screens(
    repo_root: Path, words: str, connected: Callable[..., Any]
) -> None:
    with running(repo_root, "--mode", "auto", "--mnemonic-file", words, "--label", "x") as (ready, _):
        base = ready["control"] + "/_emulator"
        session = client_of(ready).get_session("")
        path = parse_path("m/84h/0h/0h/0/0")
        honest = btc.get_address(session, "Bitcoin", path, show_display=True, script_type=WITNESS)
        (screen,) = request(base + "/screens")
        assert screen["lines"][0] == honest
        assert screen["answer"] == "confirmed"
        assert request(base + "/fault", {"wrong_address": True})["wrong_address"] is True
        assert btc.get_address(session, "Bitcoin", path, script_type=WITNESS) != honest
        assert request(base + "/seed") == {"root_fingerprint": "73c5da0a"}
        other = request(base + "/seed", {"mnemonic": "zoo " * 11 + "wrong"})
        assert other["root_fingerprint"] != "73c5da0a"
        assert request(base + "/seed", {"mnemonic": None}) == {"root_fingerprint": None}


def test_control_port_presses_buttons(repo_root: Path, words: str, connected: Callable[..., Any]) -> None:
    with running(repo_root, "--mnemonic-file", words) as (ready, _):
        client = client_of(ready)
        session = client.get_session("")
        for yes in (True, False):
            client.app.button_callback = lambda _request, yes=yes: request(
                ready["control"] + "/_emulator/press", {"yes": yes}
            )
            ping = m.Ping(message="x", button_protection=True)
            if yes:
                assert session.call(ping).message == "x"
            else:
                with pytest.raises(exceptions.Cancelled):
                    session.call(ping)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/fault", {"no_such_fault": True}),
        ("/fault", {"unplugged": "yes"}),
        ("/fault", [1]),
        ("/seed", {"mnemonic": "bad words"}),
        ("/seed", {"mnemonic": 5}),
        ("/seed", {}),
        ("/press", {"yes": 1}),
        ("/press", {}),
    ],
)
def test_control_port_refuses_nonsense(control_url: str, path: str, body: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        request(control_url + "/_emulator" + path, body)
    assert caught.value.code == 400
    assert "error" in json.load(caught.value)


def test_control_port_knows_no_other_resource(control_url: str) -> None:
    for url, body in ((control_url + "/_emulator/secrets", None), (control_url + "/", {})):
        with pytest.raises(urllib.error.HTTPError) as caught:
            request(url, body)
        assert caught.value.code == 404


@pytest.fixture
def control_url() -> Iterator[str]:
    with DeviceEmulator(mnemonic=ABANDON, mode="auto") as device:
        control = ControlServer(device)
        control.start()
        yield control.url
        control.stop()


def test_interactive_mode_asks_on_the_terminal(
    repo_root: Path, words: str, connected: Callable[..., Any]
) -> None:
    with running(repo_root, "--mode", "interactive", "--mnemonic-file", words) as (ready, process):
        session = client_of(ready).get_session("")
        path = parse_path("m/84h/0h/0h/0/0")
        process.stdin.write("what?\ny\n")
        process.stdin.flush()
        address = btc.get_address(session, "Bitcoin", path, show_display=True, script_type=WITNESS)
        process.stdin.write("n\n")
        process.stdin.flush()
        with pytest.raises(exceptions.Cancelled):
            btc.get_address(session, "Bitcoin", path, show_display=True, script_type=WITNESS)
        process.stdin.close()
        process.stdin = None
        process.send_signal(signal.SIGTERM)
        assert address in process.stderr.read()


@pytest.mark.parametrize(
    "args",
    [["--persona", "abacus"], ["--mode", "sleepy"], ["--mnemonic-file", "/nonexistent"], ["--port", "99999"]],
)
def test_refuses_to_start_on_bad_arguments(repo_root: Path, args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *args], cwd=repo_root, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 2
    assert done.stderr
    assert done.stdout == ""


BROKEN = """
import sys
from emulator.device.protocol.link import Link
from emulator.device.cli import main
wait = Link.wait
def broken(self):
    wait(self)
    raise OSError("the selector is gone")
Link.wait = broken
sys.exit(main(sys.argv[1:]))
"""


def test_a_device_that_dies_ends_its_process_with_an_error(repo_root: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BROKEN, "--port", "0"],
        cwd=repo_root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        transport = get_transport(json.loads(process.stdout.readline())["path"])
        transport.open()
        transport.write_chunk(b"?##" + bytes(61))
        transport.close()
        assert process.wait(10) == 1
    finally:
        process.kill()
        _, told = process.communicate(timeout=10)
    assert "the device ended by an error of its own" in told


def test_a_dead_device_says_so_and_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    died = threading.Event()
    device = DeviceEmulator(mnemonic=ABANDON)
    device.when_it_dies(died.set)
    assert not device.alive
    device.start()
    assert device.alive

    def broken(_link: Link) -> None:
        raise OSError("the selector is gone")

    monkeypatch.setattr(Link, "wait", broken)
    device._link.submit(lambda: None)  # wakes it
    assert died.wait(5)
    device._engine._thread.join(5)
    assert not device.alive
    with pytest.raises(DeviceEndedError):
        device.load_seed(None)
    assert device.root_fingerprint == "73c5da0a"
    device.stop()


def test_an_answer_without_bytes_is_a_failure_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = proto.encode

    def broken(message: Any) -> bytes:
        if isinstance(message, m.Features):
            raise UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates not allowed")
        return encode(message)

    with DeviceEmulator(mnemonic=ABANDON) as device, RawHost(device) as raw:
        with monkeypatch.context() as spoiled:
            spoiled.setattr(proto, "encode", broken)
            reply = raw.call(m.GetFeatures())
        assert (reply.code, reply.message) == (m.FailureType.FirmwareError, "Firmware error")
        assert raw.call(m.GetFeatures()).initialized
        assert device.alive


@pytest.mark.parametrize(
    "options", [{"label": "\ud800"}, {"typed_passphrase": "\udcff"}, {"label": "x" * 33}]
)
def test_refuses_text_no_device_could_hold(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="UTF-8 text"):
        DeviceEmulator(mnemonic=ABANDON, **options)


def test_a_flood_of_packets_leaves_room_for_other_work() -> None:
    link = Link()
    (packet,) = split(Frame(55, b""))
    transport = UdpTransport(f"127.0.0.1:{link.port}")
    transport.open()
    for _ in range(link_module._PACKETS_AT_ONCE + 10):
        transport.write_chunk(packet)
    seen: list[int] = []
    link.submit(lambda: seen.append(len(link.frames)))
    link.wait()
    assert seen == [link_module._PACKETS_AT_ONCE]
    link.wait()
    assert len(link.frames) == link_module._PACKETS_AT_ONCE + 10
    transport.close()
    link.close()
