"""How a server is reached: only the pinned certificate, and through a proxy nothing goes around it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.chains.chain import BitcoinChain
from tests.support.backend_talks import (
    QUICK,
    RAW,
    REGTEST,
    ElectrumTalk,
    electrum,
    esplora,
    esplora_answers,
    http_talk,
    refusal,
)
from tests.support.hostile_server import HostileServer, Line, self_signed
from vault.bitcoin.backends.electrum import ElectrumBackend
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.errors import ChainError


@pytest.fixture(scope="module")
def headers() -> list[bytes]:
    """Eight real headers of a regtest chain."""
    with BitcoinChain(start_blocks=8) as chain:
        return [chain.block_at(height).header for height in range(8)]


def test_only_the_pinned_certificate_is_spoken_to(headers: list[bytes], tmp_path: Path) -> None:
    context, certificate, _ = self_signed(tmp_path)
    with HostileServer(ElectrumTalk(headers), context) as server:
        assert electrum(server, scheme="ssl", certificate=certificate).tip_height() == 7
        for pin in ("00" * 32, ""):
            backend = electrum(server, scheme="ssl", certificate=pin)
            assert refusal(backend.tip) == "chain.bad_certificate"
            assert refusal(lambda each=backend: each.broadcast(RAW)) == "chain.bad_certificate"
    with HostileServer(http_talk(esplora_answers), context) as server:
        url = f"https://127.0.0.1:{server.port}"
        assert EsploraBackend(url, 5, certificate=certificate).tip_height() == 7
        assert refusal(EsploraBackend(url, 5).tip_height) == "chain.bad_certificate"
    with HostileServer(lambda line: line.send(b"220 no TLS here\r\n")) as server:
        assert refusal(electrum(server, scheme="ssl", certificate=certificate).tip) == "chain.unreachable"


def socks(target: int, seen: list[bytes], *, method: int = 0, reply: int = 0) -> Callable[[Line], None]:
    """A SOCKS5 proxy to a port of this machine, whatever name it is given."""
    import socket

    def talk(line: Line) -> None:
        version, count = line.read(2)
        assert version == 5
        assert method in line.read(count)
        line.send(bytes([5, method]))
        if method == 2:
            _, length = line.read(2)
            seen.append(line.read(length))
            line.read(line.read(1)[0])
            line.send(b"\x01\x00")
        head = line.read(4)
        assert head[:3] == b"\x05\x01\x00"
        length = line.read(1)[0] if head[3] == 3 else {1: 4, 4: 16}[head[3]]
        seen.append(line.read(length))
        line.read(2)
        line.send(bytes([5, reply, 0, 1]) + b"\0" * 6)
        if reply:
            return
        with socket.create_connection(("127.0.0.1", target)) as onward:

            def back() -> None:
                while part := onward.recv(65536):
                    line.send(part)

            thread = threading.Thread(target=back)
            thread.start()
            try:
                while part := line.connection.recv(65536):
                    onward.sendall(part)
            finally:
                onward.shutdown(socket.SHUT_RDWR)
                thread.join()

    return talk


@pytest.mark.parametrize("method", [0, 2])
def test_a_proxy_resolves_the_name_and_each_server_has_a_circuit_of_its_own(
    headers: list[bytes], method: int
) -> None:
    seen: list[bytes] = []
    with (
        HostileServer(ElectrumTalk(headers)) as server,
        HostileServer(socks(server.port, seen, method=method)) as proxy,
    ):
        through = f"socks5://127.0.0.1:{proxy.port}"
        backend = ElectrumBackend("tcp://abcdef.onion:50001", REGTEST, 5, proxy=through)
        assert backend.tip_height() == 7
        assert seen == [b"vault abcdef.onion:50001", b"abcdef.onion"][method == 0 :]
    with HostileServer(http_talk(esplora_answers)) as server:
        with HostileServer(socks(server.port, seen)) as proxy:
            through = f"socks5://127.0.0.1:{proxy.port}"
            assert EsploraBackend("http://explorer.onion", 5, proxy=through).tip_height() == 7
        # The proxy is gone: nothing goes around it.
        assert refusal(lambda: esplora(server, 5, proxy=through).broadcast(RAW)) == "chain.unreachable"


def test_a_proxy_that_refuses_or_speaks_otherwise_is_said_so(headers: list[bytes]) -> None:
    def mail(line: Line) -> None:
        line.send(b"220 mail ready\r\n")
        line.read(4)

    def slow(line: Line) -> None:
        line.trickle(b"\x05")

    for talk, says in (
        (socks(1, [], reply=5), "connection refused"),
        (mail, "does not speak SOCKS5"),
        (slow, "found none"),
        (lambda line: None, "found none"),
    ):
        with HostileServer(talk) as proxy:
            through = f"socks5://127.0.0.1:{proxy.port}"
            backend = ElectrumBackend("tcp://abcdef.onion:50001", REGTEST, QUICK, proxy=through)
            with pytest.raises(ChainError) as refused:
                backend.broadcast(RAW)
            assert refused.value.code == "chain.unreachable"
            assert says in refused.value.message
