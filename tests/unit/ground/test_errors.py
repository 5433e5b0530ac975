"""Every error has a stable code, an exit status of its family, and a shape for JSON."""

from __future__ import annotations

import json

import pytest

from vault import errors
from vault.errors import VaultError


def families(kind: type[VaultError] = VaultError) -> list[type[VaultError]]:
    found = [kind]
    for child in kind.__subclasses__():
        found += families(child)
    return [item for item in found if item.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", families(), ids=lambda kind: kind.__name__)
def test_an_error_says_code_status_message_and_hint_as_json(kind: type[VaultError]) -> None:
    error = kind("reason", "expected a, found b", hint="do c", where="d")
    assert json.loads(json.dumps(error.as_json())) == {
        "error": f"{kind.family}.reason",
        "exit_status": kind.exit_status,
        "message": "expected a, found b",
        "hint": "do c",
        "details": {"where": "d"},
    }
    assert str(error) == "expected a, found b"


def test_no_two_kinds_of_error_share_an_exit_status() -> None:
    statuses = [kind.exit_status for kind in families()]
    assert len(set(statuses)) == len(statuses)


def test_exit_statuses_are_free_of_meanings_others_gave_them() -> None:
    # 0 to 3 are Nagios and terraform, 126 and above the shell's.
    assert all(10 <= kind.exit_status < 126 for kind in families())


def test_every_error_says_in_its_docstring_when_it_is_raised() -> None:
    assert all(kind.__doc__ and "\n" not in kind.__doc__.strip().split(". ")[0] for kind in families()[1:])


def test_details_of_the_json_are_a_copy() -> None:
    error = VaultError("x", "y", a="1")
    error.as_json()["details"].clear()  # type: ignore[attr-defined]
    assert error.details == {"a": "1"}
