"""treasury.toml: every reference resolves, every name is unique, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from vault.config import CONFIG_ENVIRONMENT, find_config, load_treasury
from vault.errors import ConfigError, DocumentError

KEY = "02" + "ab" * 32
GOOD = f"""
schema = 1
treasury_id = "main"
[bitcoin]
network = "regtest"
esplora = "http://127.0.0.1:3002/"
[[device]]
name = "one"
kind = "trezor"
path = "udp:127.0.0.1:21324"
root_fingerprint = "5c9e228d"
[[wallet]]
name = "cold"
role = "cold"
descriptor = "wpkh(…)"
device = "one"
[[attester]]
name = "alice"
device = "one"
public_key = "{KEY}"
roles = ["policy", "approve"]
[[venue]]
name = "trading"
exchange = "binance"
account_uid = "1001"
url = "http://127.0.0.1:8080"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "treasury.toml").write_text(GOOD)
    return tmp_path


def refusal(folder: Path, before: str, after: str) -> str:
    assert before in GOOD
    path = folder / "treasury.toml"
    path.write_text(GOOD.replace(before, after))
    with pytest.raises(DocumentError) as caught:
        load_treasury(path)
    return caught.value.message


def test_paths_are_relative_to_the_folder_of_the_file(folder: Path) -> None:
    treasury = load_treasury(folder / "treasury.toml")
    assert treasury.policy_path == folder / "policy.toml"
    assert treasury.store_url == f"sqlite:///{(folder / 'state' / 'vault.db').resolve()}"
    assert treasury.wallet("cold").device == "one"
    assert treasury.config.bitcoin.esplora == "http://127.0.0.1:3002"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ('network = "regtest"', 'network = "testnet3"', "bitcoin.network"),
        ('network = "regtest"', 'network = "regtest"\nnetwrk = 1', "unknown key"),
        ('esplora = "http://127.0.0.1:3002/"', 'esplora = "file:///etc/passwd"', "expected a URL"),
        ('esplora = "http://127.0.0.1:3002/"', 'esplora = "http://user:pw@host/"', "expected a URL"),
        ('esplora = "http://127.0.0.1:3002/"', 'esplora = "http://h/?q=1"', "expected a URL"),
        ('name = "cold"', 'name = "../cold"', "lower-case"),
        ('name = "cold"', 'name = "Cold"', "lower-case"),
        ('name = "cold"', 'name = "cold\\n"', "lower-case"),
        ('root_fingerprint = "5c9e228d"', 'root_fingerprint = "5C9E228D"', "8 hex digits"),
        ('root_fingerprint = "5c9e228d"', 'root_fingerprint = "5c9e228d\\n"', "8 hex digits"),
        (KEY, "04" + "ab" * 32, "compressed public key"),
        ('roles = ["policy", "approve"]', "roles = []", "at least 1"),
        (
            'roles = ["policy", "approve"]',
            'roles = ["root"]',
            "attester 1 (alice).roles 1: expected 'policy', 'address-book' or 'approve'",
        ),
        ('device = "one"\npublic_key', 'device = "two"\npublic_key', "no [[device]] is named 'two'"),
        ('exchange = "binance"', 'exchange = "mtgox"', "venue 1 (trading).exchange"),
        ('account_uid = "1001"', "account_uid = 1001", "string"),
        ('account_uid = "1001"', 'account_uid = ""', "at least 1"),
    ],
)
def test_refuses_what_contradicts_itself(folder: Path, before: str, after: str, says: str) -> None:
    assert says in refusal(folder, before, after)


def test_a_reference_to_nobody_is_reported_at_its_own_line(folder: Path) -> None:
    for before, after, whose in (
        ('device = "one"\n[[attester]]', 'device = "two"\n[[attester]]', "wallet 1 (cold).device"),
        ('device = "one"\npublic_key', 'device = "two"\npublic_key', "attester 1 (alice).device"),
    ):
        message = refusal(folder, before, after)
        line = (folder / "treasury.toml").read_text().split("\n").index('device = "two"') + 1
        assert f"treasury.toml:{line}:1: {whose}: " in message
        assert "no [[device]] is named 'two'" in message


def test_a_name_used_twice_is_reported_where_it_stands_the_second_time(folder: Path) -> None:
    text = GOOD + GOOD[GOOD.index("[[venue]]") :]
    (folder / "treasury.toml").write_text(text)
    with pytest.raises(DocumentError) as caught:
        load_treasury(folder / "treasury.toml")
    line = len(text[: text.rindex('name = "trading"')].split("\n"))
    assert f":{line}:1: venue 2 (trading).name: " in caught.value.message


def test_a_list_with_a_wrong_element_is_not_called_too_short_as_well(folder: Path) -> None:
    message = refusal(folder, 'roles = ["policy", "approve"]', 'roles = ["root"]')
    assert len(message.split("\n")) == 1


@pytest.mark.parametrize("table", ["wallet", "device", "attester", "venue"])
def test_refuses_a_name_that_is_used_twice(folder: Path, table: str) -> None:
    start = GOOD.index(f"[[{table}]]")
    end = GOOD.find("[[", start + 3)
    block = GOOD[start : end if end > 0 else None]
    (folder / "treasury.toml").write_text(GOOD + block)
    with pytest.raises(DocumentError, match=f"{table}: expected each name once"):
        load_treasury(folder / "treasury.toml")


def test_a_name_that_is_not_configured_is_refused_with_those_that_are(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a configured wallet \(cold\), found 'hot'"):
        load_treasury(folder / "treasury.toml").wallet("hot")


def test_is_found_by_option_then_environment_then_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = folder / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.delenv(CONFIG_ENVIRONMENT, raising=False)
    monkeypatch.chdir(inside)
    assert find_config(None) == folder / "treasury.toml"
    monkeypatch.setenv(CONFIG_ENVIRONMENT, "/elsewhere.toml")
    assert find_config(None) == Path("/elsewhere.toml")
    assert find_config(str(folder)) == folder / "treasury.toml"


def test_says_how_to_make_one_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFIG_ENVIRONMENT, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        find_config(None)
    assert "vault init" in caught.value.hint
