"""[bitcoin] of treasury.toml: which backends may stand there, and what is opened for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vault import secrets
from vault.bitcoin.backends.electrum import ElectrumBackend
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.bitcoin.backends.node import NodeBackend
from vault.bitcoin.backends.node_rpc import cookie
from vault.bitcoin.backends.open import open_backend
from vault.bitcoin.backends.witnesses import WitnessedBackend
from vault.config import Treasury, load_treasury
from vault.errors import ChainError, DocumentError, GuardError
from vault.secrets import Secret
from vault.treasury.authority import require_permitted_world

PIN = "AB:" * 31 + "ab"
WITNESS = 'esplora = "http://a"\n[bitcoin.witness]\n'
HEAD = 'schema = 1\ntreasury_id = "main"\n[bitcoin]\nnetwork = "regtest"\n'


def load(folder: Path, text: str) -> Treasury:
    path = folder / "treasury.toml"
    path.write_text(HEAD + text)
    return load_treasury(path)


def nobody(_warning: str) -> None:
    """Warnings are not of interest here."""


@pytest.mark.parametrize(
    ("text", "kind", "described"),
    [
        ('esplora = "http://127.0.0.1:3002/"', EsploraBackend, "Esplora http://127.0.0.1:3002"),
        ('electrum = "tcp://127.0.0.1:50001"', ElectrumBackend, "Electrum tcp://127.0.0.1:50001"),
        (
            f'electrum = "ssl://127.0.0.1"\ncertificate = "{PIN}"\nproxy = "socks5://127.0.0.1:9050"',
            ElectrumBackend,
            "Electrum ssl://127.0.0.1",
        ),
        (
            'bitcoind = "http://127.0.0.1:18443"\ncookie = ".cookie"\nbirthday = 5',
            NodeBackend,
            "bitcoind http://127.0.0.1:18443",
        ),
        ('bitcoind = "http://[::1]:18443"\nuser = "vault"', NodeBackend, "bitcoind http://[::1]:18443"),
        (
            'esplora = "http://127.0.0.1:1"\n[bitcoin.witness]\nbitcoind = "http://127.0.0.1:2"\n'
            'cookie = "c"\ntip_blocks = 1\nfee_factor = "1.5"',
            WitnessedBackend,
            "Esplora http://127.0.0.1:1, witnessed by bitcoind http://127.0.0.1:2",
        ),
    ],
)
def test_each_form_opens_its_backend_without_asking_anybody(
    tmp_path: Path, text: str, kind: type, described: str
) -> None:
    treasury = load(tmp_path, text)
    require_permitted_world(treasury.config)
    backend = open_backend(treasury, nobody)
    assert isinstance(backend, kind)
    assert backend.describe() == described


def test_an_onion_service_is_its_own_encryption(tmp_path: Path) -> None:
    url = f"http://{'a' * 56}.onion:8332"
    proxied = f'bitcoind = "{url}"\nuser = "vault"\nproxy = "socks5://127.0.0.1:9050"'
    assert load(tmp_path, proxied).config.bitcoin.bitcoind == url


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("confirmations = 1", 3, "expected one of esplora, electrum and bitcoind, found none"),
        ('esplora = "http://a"\nelectrum = "ssl://b"', 3, "found http://a, ssl://b"),
        ('electrum = "127.0.0.1:50001"', 5, "expected ssl://host:port"),
        ('electrum = "ssl://user@host:1"', 5, "expected ssl://host:port"),
        ('esplora = "http://a"\nproxy = "http://127.0.0.1:9050"', 6, "expected socks5://host:port"),
        ('esplora = "http://a:65536"', 5, "Port out of range"),
        ('electrum = "ssl://a:0"', 5, "expected a port from 1 to 65535"),
        ('electrum = "ssl://a"\ncertificate = "abcd"', 6, "64 hex digits"),
        (f'electrum = "tcp://a"\ncertificate = "{PIN}"', 6, "only with https:// or ssl://"),
        ('bitcoind = "http://127.0.0.1:1"', 5, "expected `cookie` or `user`"),
        ('bitcoind = "http://127.0.0.1:1"\ncookie = "c"\nuser = "u"', 5, "expected `cookie` or `user`"),
        (
            'bitcoind = "http://10.0.0.1:1"\ncookie = "c"',
            5,
            "expected https for a bitcoind",
        ),
        (
            # The last Tor relay would read the password.
            'bitcoind = "http://node.example:1"\ncookie = "c"\nproxy = "socks5://127.0.0.1:9050"',
            5,
            "expected https for a bitcoind",
        ),
        ('bitcoind = "http://127.0.0.1:1"\nuser = "u"\npassword = "p"', 7, "unknown key"),
        ('bitcoind = "http://127.0.0.1:1"\nuser = "a:b"', 6, "pattern"),
        ('esplora = "http://a"\ncookie = "c"', 6, "expected only with a bitcoind"),
        ('esplora = "http://a"\nbirthday = 1', 6, "expected only with a bitcoind"),
        (WITNESS + "tip_blocks = 1", 6, "found none"),
        (
            'esplora = "http://a"\n[bitcoin.witness]\nesplora = "http://a/"',
            7,
            "another backend than the first",
        ),
        (
            'esplora = "http://a"\n[bitcoin.witness]\nesplora = "http://b"\nfee_factor = "0.5"',
            8,
            "from 1 to 10",
        ),
        (
            'esplora = "http://a"\n[bitcoin.witness]\nesplora = "http://b"\nconfirmations = 1',
            8,
            "unknown key",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_line(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        load(tmp_path, text)
    assert f"treasury.toml:{line}:" in refused.value.message
    assert says in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        'esplora = "http://10.0.0.1:1"',
        'electrum = "ssl://electrum.example"',
        'bitcoind = "https://node.example"\ncookie = "c"',
        'electrum = "tcp://127.0.0.1:1"\nproxy = "socks5://10.0.0.1:9050"',
        'esplora = "http://127.0.0.1:1"\n[bitcoin.witness]\nelectrum = "ssl://electrum.example"',
        'esplora = "http://127.0.0.1:1"\n[bitcoin.witness]\nelectrum = "tcp://127.0.0.1:1"\n'
        'proxy = "socks5://proxy.example:1"',
    ],
)
def test_every_address_of_every_backend_must_be_on_this_machine(tmp_path: Path, text: str) -> None:
    with pytest.raises(GuardError) as refused:
        require_permitted_world(load(tmp_path, text).config)
    assert refused.value.code == "guard.not_loopback"


def test_a_nodes_password_comes_from_the_keyring_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def read(treasury_id: str, name: str) -> Secret:
        asked.append((treasury_id, name))
        return Secret("hidden")

    monkeypatch.setattr(secrets, "read_secret", read)
    treasury = load(tmp_path, 'bitcoind = "http://127.0.0.1:1"\nuser = "vault"')
    backend = open_backend(treasury, nobody)
    assert asked == []
    with pytest.raises(ChainError) as refused:
        backend.tip()
    assert asked == [("main", "bitcoind/vault@127.0.0.1:1/password")]
    assert refused.value.code == "chain.unreachable"
    assert "hidden" not in repr(vars(backend)) + refused.value.message


def test_a_cookie_is_read_anew_and_a_missing_one_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / ".cookie"
    read = cookie(path)
    with pytest.raises(ChainError) as refused:
        read()
    assert refused.value.code == "chain.no_cookie"
    for text in ("__cookie__:11", "__cookie__:22"):
        path.write_text(text + "\n")
        assert read() == text
    path.write_bytes(b"\xff")
    with pytest.raises(ChainError):
        read()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "127.0.0.1:50001", "ssl://", "ssl://h/path", "tcp://h?a=b", "ssl://h:99999"]
)
def test_refuses_an_address_that_is_no_electrum_server(url: str) -> None:
    from vault.address import network_of

    with pytest.raises(ChainError) as refused:
        ElectrumBackend(url, network_of("regtest"))
    assert refused.value.code == "chain.bad_url"
