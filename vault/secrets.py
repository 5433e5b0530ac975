"""API keys and device pairings in the operating system's keyring, and nowhere else.

Refuses the keyring backends that keep no secret: ``fail``, any plaintext backend, and the chainer
(which may silently pick one of them). Nothing read here is ever printed, logged or written.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.errors import SecretError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

# Backends whose module or class carries one of these words do not keep a secret.
REFUSED_BACKENDS = ("fail", "null", "plaintext", "chainer")

# What a person or a closing terminal stops a program with.
_STOPPING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

# Where the encrypted file backend (keyrings.cryptfile) takes its password from when nobody is there.
CRYPTFILE_PASSWORD = "KEYRING_CRYPTFILE_PASSWORD"  # noqa: S105 -- the name of a variable


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that does not print: only `reveal` gives the text."""

    _text: str

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


def check_backend(backend: KeyringBackend) -> str:
    """The backend's dotted name. Raises `SecretError` for one that is refused by name."""
    name = f"{type(backend).__module__}.{type(backend).__name__}"
    if any(word in name.lower() for word in REFUSED_BACKENDS):
        raise SecretError(
            "insecure_keyring",
            f"the keyring backend {name} does not keep secrets",
            hint="Unlock the desktop keyring, or set PYTHON_KEYRING_BACKEND="
            "keyrings.cryptfile.cryptfile.CryptFileKeyring.",
        )
    return name


def _keyring() -> KeyringBackend:
    import keyring

    backend = keyring.get_keyring()
    check_backend(backend)
    try:
        _unlock(backend)
    except ValueError:
        raise SecretError(
            "locked",
            f"the password in {CRYPTFILE_PASSWORD} does not open the keyring",
            hint="Set the password of this keyring file.",
        ) from None
    return backend


@functools.cache
def _unlock(backend: KeyringBackend) -> None:
    """Give an encrypted file backend its password from the environment, once.

    The backend itself reads the variable for an existing file only; for a new one it would prompt.
    """
    password = os.environ.get(CRYPTFILE_PASSWORD)
    if password and hasattr(type(backend), "keyring_key"):
        backend.keyring_key = password  # type: ignore[attr-defined]


def backend_name() -> str:
    """The name of the keyring backend in use. Raises `SecretError` when it is refused."""
    return check_backend(_keyring())


def _service(treasury_id: str) -> str:
    return f"vault:{treasury_id}"


def venue_secret_names(venue: str, role: str, parts: tuple[str, ...] = ("key", "secret")) -> tuple[str, ...]:
    """Keyring names of what a venue's API key consists of; `role` is ``read`` or ``withdraw``."""
    return tuple(f"venue/{venue}/{role}/{part}" for part in parts)


def find_secret(treasury_id: str, name: str) -> Secret | None:
    """A secret by name, None when there is none. Raises `SecretError` when the keyring is locked."""
    from keyring.errors import KeyringError

    try:
        text = _keyring().get_password(_service(treasury_id), name)
    except (KeyringError, ValueError) as error:
        raise SecretError("locked", f"the keyring cannot be read ({type(error).__name__})") from None
    return Secret(text) if text else None


def read_secret(treasury_id: str, name: str) -> Secret:
    """A secret by name. Raises `SecretError` when it is absent or the keyring is locked."""
    secret = find_secret(treasury_id, name)
    if secret is None:
        raise SecretError(
            "missing",
            f"the keyring holds no {name!r} for treasury {treasury_id!r}",
            hint=_how_to_store(name),
        )
    return secret


def _how_to_store(name: str) -> str:
    kind, _, rest = name.partition("/")
    if kind == "venue" and rest.count("/") == 2:
        venue, role, _ = rest.split("/")
        return f"Give the key with `vault venue keys {venue} --set {role}` (asked for, or read from stdin)."
    return f"Store it with `vault secret set {name}` (it is read from a prompt or from stdin)."


def write_secret(treasury_id: str, name: str, secret: Secret) -> None:
    """Store a secret under a name. Raises `SecretError`."""
    from keyring.errors import KeyringError

    try:
        _keyring().set_password(_service(treasury_id), name, secret.reveal())
    except (KeyringError, ValueError) as error:
        raise SecretError("locked", f"the keyring cannot be written ({type(error).__name__})") from None


@contextmanager
def write_secrets(treasury_id: str, secrets: Mapping[str, Secret]) -> Iterator[None]:
    """Store all of these, and keep them only if the block ends well; else what was there before is back.

    Ctrl-C, SIGTERM and SIGHUP wait until all of it is done or undone. Raises `SecretError`.
    """
    # Reading first also unlocks the keyring, while a person can still stop.
    before = {name: find_secret(treasury_id, name) for name in secrets}
    with uninterrupted():
        try:
            for name, secret in secrets.items():
                write_secret(treasury_id, name, secret)
            yield
        except BaseException:
            for name, old in before.items():
                with suppress(SecretError):
                    _restore(treasury_id, name, old)
            raise


def _restore(treasury_id: str, name: str, old: Secret | None) -> None:
    if old is None:
        delete_secret(treasury_id, name)
    else:
        write_secret(treasury_id, name, old)


def delete_secret(treasury_id: str, name: str) -> None:
    """Forget a secret; nothing happens where there is none. Raises `SecretError`."""
    from keyring.errors import KeyringError, PasswordDeleteError

    try:
        _keyring().delete_password(_service(treasury_id), name)
    except PasswordDeleteError:
        return
    except (KeyringError, ValueError) as error:
        raise SecretError("locked", f"the keyring cannot be written ({type(error).__name__})") from None


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that stop the program wait for the end of the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Handlers and not a mask: another thread would take a masked signal, and Python raise it here at once.
    waiting: list[int] = []
    before = {each: signal.signal(each, lambda number, _: waiting.append(number)) for each in _STOPPING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        for number in dict.fromkeys(waiting):
            signal.raise_signal(number)
