"""Secrets that belong together are kept together or not at all; a stop waits until that is decided."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError, PasswordSetError

from vault import secrets
from vault.errors import SecretError
from vault.secrets import Secret, delete_secret, find_secret, uninterrupted, write_secrets

TREASURY = "desk-one"


class Drawer(KeyringBackend):  # type: ignore[misc]
    """A keyring in memory that refuses after so many writes."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.writes = 0
        self.most = 100

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.writes += 1
        if self.writes == self.most:
            raise PasswordSetError("full")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("none")


@pytest.fixture
def drawer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drawer]:
    made = Drawer()
    monkeypatch.setattr(keyring, "get_keyring", lambda: made)
    yield made
    secrets._unlock.cache_clear()


def found(*names: str) -> list[str | None]:
    return [secret.reveal() if (secret := find_secret(TREASURY, name)) else None for name in names]


def of(**texts: str) -> dict[str, Secret]:
    return {name: Secret(text) for name, text in texts.items()}


def test_all_are_kept_when_the_block_ends_well(drawer: Drawer) -> None:
    with write_secrets(TREASURY, of(a="1", b="2")):
        pass
    assert found("a", "b") == ["1", "2"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_was_there_before_is_back_when_it_does_not(drawer: Drawer, error: type[BaseException]) -> None:
    with write_secrets(TREASURY, of(a="old")):
        pass
    with pytest.raises(error), write_secrets(TREASURY, of(a="new", b="2")):
        assert found("a", "b") == ["new", "2"]
        raise error
    assert found("a", "b") == ["old", None]


def test_a_keyring_that_fills_up_in_between_keeps_none(drawer: Drawer) -> None:
    drawer.most = 2
    with pytest.raises(SecretError), write_secrets(TREASURY, of(a="1", b="2")):
        pytest.fail("the block must not be entered")
    assert found("a", "b") == [None, None]


def test_a_stop_waits_for_the_end_of_the_block(drawer: Drawer) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), write_secrets(TREASURY, of(a="1")):
        os.kill(os.getpid(), signal.SIGINT)
        done.append("all of it")
    assert done == ["all of it"]
    assert found("a") == ["1"]


def test_signals_are_as_before_afterwards() -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with uninterrupted():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_forgetting_what_is_not_there_is_no_error(drawer: Drawer) -> None:
    delete_secret(TREASURY, "nothing")


def test_a_missing_key_of_a_venue_names_the_command_that_gives_it(drawer: Drawer) -> None:
    with pytest.raises(SecretError) as caught:
        secrets.read_secret(TREASURY, "venue/trading/withdraw/key")
    assert "vault venue keys trading --set withdraw" in caught.value.hint
    with pytest.raises(SecretError) as caught:
        secrets.read_secret(TREASURY, "bitcoind/me@127.0.0.1:8332/password")
    assert "vault secret set bitcoind/me@127.0.0.1:8332/password" in caught.value.hint
