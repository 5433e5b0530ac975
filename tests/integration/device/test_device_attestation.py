"""Statements made on every persona verify offline with the public key alone, and only as they stand."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest

from vault.address import NETWORKS
from vault.attestation import SignedStatement, Statement, attestation_path, replay_key, verify
from vault.device.attest import attestation_public_key, sign_statement
from vault.device.prompt import Prompt
from vault.errors import AttestationError, DeviceError

REGTEST = NETWORKS["regtest"]
APPROVAL = Statement(
    "approval",
    "fund-one",
    "regtest",
    (
        ("plan", "3f9a0c11d2e4b567"),
        ("policy", "liquidity version 7"),
        ("expires", "2026-01-01T00:00:00Z"),
        ("transfer 1 amount", "1.25000000 BTC"),
        ("transfer 1 to", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
        ("transfer 1 fee at most", "0.00010000 BTC"),
        ("transfer 2 amount", "0.50000000 BTC"),
        ("transfer 2 to", "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"),
        ("transfer 2 fee at most", "0.00010000 BTC"),
    ),
)
STATEMENTS = (
    APPROVAL,
    Statement("policy", "fund-one", "regtest", (("name", "p"), ("version", "3"), ("sha256", "ab" * 32))),
    Statement("address-book", "fund-one", "regtest", (("name", "address-book"), ("version", "9"))),
    Statement("freeze", "fund-one", "regtest", (("id", "f-1"), ("reason", "a device lied"))),
    Statement("unfreeze", "fund-one", "regtest", (("id", "f-1"), ("reason", "it was the cable"))),
    Statement("checkpoint", "fund-one", "regtest", (("row", "4711"), ("head", "cd" * 32))),
)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.kind)
def test_every_kind_of_statement_verifies_with_the_public_key_alone(
    every_device: Any, opened: Any, wallet: Any, statement: Statement
) -> None:
    prompts: list[Prompt] = []
    with opened(every_device, expected_fingerprint=wallet.fingerprint, on_prompt=prompts.append) as session:
        pinned = attestation_public_key(session, REGTEST)
        signed = sign_statement(session, statement, "anna", pinned, REGTEST)
    assert pinned == wallet.key(attestation_path(1)).to_public().key.sec().hex()
    assert verify(SignedStatement.from_json(signed.as_json()), pinned) == statement
    assert prompts[-1].lines[1:] == tuple(statement.text().split("\n"))


def test_one_byte_changed_anywhere_fails(every_device: Any, opened: Any, wallet: Any) -> None:
    with opened(every_device, expected_fingerprint=wallet.fingerprint) as session:
        pinned = attestation_public_key(session, REGTEST)
        signed = sign_statement(session, APPROVAL, "anna", pinned, REGTEST)
    raw = base64.b64decode(signed.signature)
    text = APPROVAL.text()
    key = bytes.fromhex(pinned)
    refused = 0
    for position in range(len(raw)):
        altered = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        forged = dataclasses.replace(signed, signature=base64.b64encode(altered).decode())
        with pytest.raises(AttestationError):
            verify(forged, pinned)
        refused += 1
    for position, char in enumerate(text):
        altered_text = text[:position] + chr(ord(char) ^ 1) + text[position + 1 :]
        with pytest.raises(AttestationError):
            verify(dataclasses.replace(signed, statement=Statement.parse(altered_text)), pinned)
        refused += 1
    for position in range(len(key)):
        other = (key[:position] + bytes([key[position] ^ 1]) + key[position + 1 :]).hex()
        with pytest.raises(AttestationError):
            verify(signed, other)
        refused += 1
    assert refused == 65 + len(text) + 33


def test_the_same_approval_signed_by_two_makes_counts_once(
    device: Any, trezor: Any, opened: Any, wallet: Any
) -> None:
    keys = set()
    for one in (device, trezor):
        with opened(one, expected_fingerprint=wallet.fingerprint) as session:
            pinned = attestation_public_key(session, REGTEST)
            for name in ("anna", "bert"):
                keys.add(replay_key(sign_statement(session, APPROVAL, name, pinned, REGTEST), pinned))
    assert keys == {("fund-one", "approval", "3f9a0c11d2e4b567", pinned)}


def test_the_attestation_account_is_no_wallet(trezor: Any, opened: Any, wallet: Any) -> None:
    path = attestation_path(1)
    with opened(trezor) as session:
        for ask in (
            lambda: session.xpub(path[:3]),
            lambda: session.show_address(REGTEST, path, "p2wpkh", expected=wallet.address("p2wpkh", 0)),
            lambda: session.sign_transaction(
                dataclasses.replace(
                    wallet.request("p2wpkh"), inputs=(wallet.input("p2wpkh", 0, 100_000, account=100),)
                ),
                REGTEST,
            ),
        ):
            with pytest.raises(DeviceError) as error:
                ask()
            assert error.value.code == "device.forbidden_path"
    assert trezor.screens == ()


def test_a_statement_without_what_names_it_is_no_vote(trezor: Any, opened: Any) -> None:
    nameless = Statement("approval", "fund-one", "regtest", (("amount", "1 BTC"),))
    with opened(trezor) as session:
        pinned = attestation_public_key(session, REGTEST)
        signed = sign_statement(session, nameless, "anna", pinned, REGTEST)
    with pytest.raises(AttestationError) as error:
        replay_key(signed, pinned)
    assert error.value.code == "attestation.missing_field"


@pytest.mark.parametrize(
    "signature",
    [
        # BIP322's own examples: simple (a witness) and full (a transaction).
        "AkcwRAIgM2gBAQqvZX15ZiysmKmQpDrG83avLIT492QBzLnQIxYCIBaTpOaD20qRlEylyxFSeEA2ba9YOixpX8z46TSDtS40ASEC"
        "x/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=",
        "AkcwRAIgZRfIY3p7/DoVTty6YZbWS71bc5Vct9p9Fia83eRmw2QCICK/ENGfwLtptFluMGs2KsqoNSk89pO7F29zJLUx9a/sASEC"
        "x/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=",
    ],
)
def test_bip322_is_not_accepted(wallet: Any, signature: str) -> None:
    pinned = wallet.key(attestation_path(1)).to_public().key.sec().hex()
    with pytest.raises(AttestationError) as error:
        verify(SignedStatement(APPROVAL, "anna", signature), pinned)
    assert error.value.code == "attestation.bad_signature"
