"""`vault attestation verify`: a signed statement holds for one key, byte for byte, wherever it is checked."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.support.statements import PARTS, PINNED, STATEMENT, TEXT, sign
from tests.support.statements import signed as signed_by
from vault.attestation import SignedStatement
from vault.cli.attestation import verify
from vault.errors import AttestationError

APPROVAL = signed_by(sign())
FILE = APPROVAL.dump()
OTHER_KEY = "02" + "ab" * 32


def run(data: bytes, *options: str) -> Any:
    """`vault attestation verify -` in this process."""
    return CliRunner().invoke(verify, ["-", *options], input=data, standalone_mode=False)


def test_a_statement_verifies_anywhere_with_the_public_key_alone(elsewhere: Any) -> None:
    path = elsewhere.folder / "approval.json"
    path.write_text(FILE, encoding="utf-8")
    found = elsewhere.ok("attestation", "verify", str(path), "--public-key", PINNED)
    assert found == {
        "valid": True,
        "kind": "approval",
        "treasury_id": "fund-one",
        "network": "regtest",
        "fields": dict(STATEMENT.fields),
        "attester": "anna",
        "public_key": PINNED,
        "text": TEXT,
    }
    piped = elsewhere.vault("attestation", "verify", "-", "--public-key", PINNED, stdin=FILE)
    assert piped.status == 0
    assert piped.out.splitlines() == [*PARTS, "", "The signature holds: by anna, with the key", PINNED]


@pytest.mark.parametrize("name", ["policy.toml.sig", "address-book.json.sig"])
def test_the_signatures_of_policy_and_book_verify_as_they_lie_there(
    signed: Any, elsewhere: Any, name: str
) -> None:
    pinned = signed.treasury.attester("alice").public_key
    with_key = elsewhere.ok("attestation", "verify", str(signed.folder / name), "--public-key", pinned)
    with_name = signed.ok("attestation", "verify", name, "--attester", "alice")
    assert with_key == with_name
    assert with_key["treasury_id"] == "desk-one"
    assert with_key["fields"]["version"] == "1"


def test_a_key_that_did_not_sign_is_status_17(elsewhere: Any) -> None:
    path = elsewhere.folder / "approval.json"
    path.write_text(FILE, encoding="utf-8")
    found = elsewhere.fails(
        17, "attestation.wrong_signer", "attestation", "verify", str(path), "--public-key", OTHER_KEY
    )
    assert found["message"] == "the approval statement of 'anna' is not signed by the key given"
    elsewhere.fails(17, "attestation.unreadable", "attestation", "verify", "gone", "--public-key", PINNED)


def test_every_byte_changed_in_the_file_is_refused() -> None:
    data = FILE.encode()
    assert run(data, "--public-key", PINNED).exit_code == 0
    for position in range(len(data)):
        altered = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        ran = run(altered, "--public-key", PINNED)
        assert isinstance(ran.exception, AttestationError), position
        assert ran.exception.exit_status == 17


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_an_attestation_error(data: bytes) -> None:
    assert isinstance(run(data, "--public-key", PINNED).exception, AttestationError)


def test_a_file_too_large_to_be_a_statement_is_not_read() -> None:
    error = run(b" " * 100_001, "--public-key", PINNED).exception
    assert isinstance(error, AttestationError)
    assert error.code == "attestation.too_large"


@pytest.mark.parametrize(
    "key", [PINNED.upper(), PINNED[2:], "04" + PINNED[2:] * 2, "", PINNED + "\n", "x" * 66]
)
def test_a_public_key_in_another_form_is_wrong_usage(elsewhere: Any, key: str) -> None:
    ran = elsewhere.vault("attestation", "verify", "-", "--public-key", key, stdin=FILE)
    assert ran.status == 2, ran.err


def test_key_or_attester_must_be_given_and_not_both(elsewhere: Any) -> None:
    for options in ((), ("--public-key", PINNED, "--attester", "anna")):
        assert elsewhere.vault("attestation", "verify", "-", *options, stdin=FILE).status == 2


def test_with_a_name_the_statement_must_be_of_this_treasury_and_by_that_person(
    signed: Any, edit: Any
) -> None:
    path = signed.folder / "policy.toml.sig"
    other = signed.folder / "approval.json"
    other.write_text(FILE, encoding="utf-8")
    signed.fails(17, "attestation.foreign", "attestation", "verify", str(other), "--attester", "alice")
    # Whoever renames the attester in the file has changed what was signed.
    item = SignedStatement.load(path.read_text(encoding="utf-8"), what="policy")
    path.write_text(dataclasses.replace(item, attester="bob").dump(), encoding="utf-8")
    signed.fails(17, "attestation.foreign", "attestation", "verify", str(path), "--attester", "alice")
    edit(signed.config, 'name = "alice"\ndevice = "cold"', 'name = "bob"\ndevice = "cold"')
    signed.fails(17, "attestation.wrong_signer", "attestation", "verify", str(path), "--attester", "bob")
    signed.fails(17, "attestation.wrong_signer", "plan")


def test_a_statement_of_a_name_nobody_pinned_is_refused(signed: Any) -> None:
    item = SignedStatement.load((signed.folder / "policy.toml.sig").read_text(), what="policy")
    other: Path = signed.folder / "carol.json"
    other.write_text(dataclasses.replace(item, attester="carol").dump(), encoding="utf-8")
    signed.fails(11, "config.unknown_name", "attestation", "verify", str(other), "--attester", "carol")


def test_high_s_and_other_script_types_are_refused_here_too() -> None:
    raw = sign()
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(raw[33:], "big")).to_bytes(32, "big")
    twins = [bytes([39 + (raw[0] - 39 ^ 1)]) + raw[1:33] + high]
    twins += [bytes([raw[0] - 39 + base_header]) + raw[1:] for base_header in (27, 31, 35, 43)]
    for twin in twins:
        item = dataclasses.replace(APPROVAL, signature=base64.b64encode(twin).decode())
        error = run(item.dump().encode(), "--public-key", PINNED).exception
        assert isinstance(error, AttestationError)
        assert error.code == "attestation.bad_signature"
