"""Statements signed by a device: only the exact text under the pinned key verifies."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest
from coincurve import PrivateKey
from embit import bip32, bip39, ec
from hypothesis import given
from hypothesis import strategies as st

from tests.support.statements import PINNED, SECRET, STATEMENT, TEXT, names, sign, signed, statements
from vault.attestation import (
    SignedStatement,
    Statement,
    attestation_path,
    message_digest,
    replay_key,
    signed_text,
    verify,
)
from vault.errors import AttestationError

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def code_of(item: SignedStatement, public_key: str = PINNED) -> str:
    with pytest.raises(AttestationError) as error:
        verify(item, public_key)
    return error.value.code


# What verifies


@given(statements, names)
def test_a_signed_statement_verifies_and_survives_its_file_form(statement: Statement, attester: str) -> None:
    item = signed(sign(signed_text(statement, attester)), statement, attester)
    assert SignedStatement.from_json(item.as_json()) == item
    assert SignedStatement.load(item.dump(), what="file") == item
    assert verify(item, PINNED) == statement
    assert Statement.parse(statement.text()) == statement
    assert item.text() == f"{statement.text()} | attester: {attester}"


def test_digest_is_the_bitcoin_message_digest_for_short_and_long_texts() -> None:
    """Against embit's independent serialisation; lengths around the one-byte limit of 252."""
    from embit import compact, hashes

    for size in (1, 252, 253, 254, 4096):
        text = "x" * size
        data = b"\x18Bitcoin Signed Message:\n" + compact.to_bytes(size) + text.encode()
        assert message_digest(text) == hashes.double_sha256(data)


def test_path_is_the_reserved_p2wpkh_account() -> None:
    hard = 0x80000000
    assert attestation_path(1) == (84 | hard, 1 | hard, 100 | hard, 0, 0)
    assert bip32.parse_path("m/84h/0h/100h/0/0") == list(attestation_path(0))


def test_both_recovery_ids_occur_and_verify() -> None:
    seen = set()
    for number in range(20):
        statement = dataclasses.replace(STATEMENT, fields=(("plan", str(number)),))
        raw = sign(signed_text(statement, "anna"))
        seen.add(raw[0])
        assert verify(signed(raw, statement), PINNED) == statement
    assert seen == {39, 40}


def test_the_key_of_a_device_seed_is_found_by_an_independent_library() -> None:
    root = bip32.HDKey.from_seed(bip39.mnemonic_to_seed("all all all all all all all all all all all all"))
    node = root.derive(list(attestation_path(1)))
    secret = PrivateKey(node.key.serialize())
    pinned = ec.PrivateKey(node.key.serialize()).get_public_key().sec().hex()
    assert verify(signed(sign(secret=secret)), pinned) == STATEMENT


# Signatures that do not


def test_headers_of_other_script_types_are_refused() -> None:
    """27 to 34 are p2pkh, 35 to 38 p2sh-p2wpkh; above 42 nothing is defined, also not for p2tr."""
    raw = sign()
    for header in (*range(39), *range(43, 256)):
        assert code_of(signed(bytes([header]) + raw[1:])) == "attestation.bad_signature"


@pytest.mark.parametrize("header", [39, 40, 41, 42])
def test_every_other_recovery_id_gives_another_key(header: int) -> None:
    raw = sign()
    item = signed(bytes([header]) + raw[1:])
    if header == raw[0]:
        assert verify(item, PINNED) == STATEMENT
    else:
        assert code_of(item) == "attestation.wrong_signer"


def test_high_s_is_refused_though_it_is_a_valid_ecdsa_signature() -> None:
    raw = sign()
    s = ORDER - int.from_bytes(raw[33:], "big")
    twin = bytes([39 + ((raw[0] - 39) ^ 1)]) + raw[1:33] + s.to_bytes(32, "big")
    assert code_of(signed(twin)) == "attestation.bad_signature"


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 1), (1, 0), (0, 0), (ORDER, 1), (1, ORDER), (ORDER + 1, 1), (2**256 - 1, 1), (1, ORDER // 2 + 1)],
)
def test_numbers_out_of_range_are_refused(r: int, s: int) -> None:
    raw = b"\x27" + r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert code_of(signed(raw)) == "attestation.bad_signature"


def test_an_r_that_is_no_point_is_refused_by_the_signer_check() -> None:
    raw = b"\x27" + (5).to_bytes(32, "big") + (1).to_bytes(32, "big")  # no point has x = 5
    assert code_of(signed(raw)) == "attestation.wrong_signer"


@pytest.mark.parametrize("size", [0, 1, 64, 66, 71])
def test_signatures_of_another_length_are_refused(size: int) -> None:
    raw = (sign() * 2)[:size]
    assert code_of(signed(raw)) == "attestation.bad_signature"


def test_base64_has_one_spelling() -> None:
    good = signed(sign()).signature
    for other in (
        good + "\n",
        " " + good,
        good.rstrip("="),
        good + "=",
        good[:40] + "\n" + good[40:],
        "é" + good,
    ):
        assert code_of(SignedStatement(STATEMENT, "anna", other)) == "attestation.bad_signature"
    # 65 bytes leave four unused bits in the last sextet: each setting of them decodes to the same bytes.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = good.rstrip("=")[-1]
    twin = good.rstrip("=")[:-1] + alphabet[alphabet.index(last) ^ 1] + "=" * good.count("=")
    assert base64.b64decode(twin) == base64.b64decode(good)
    assert code_of(SignedStatement(STATEMENT, "anna", twin)) == "attestation.bad_signature"


def test_every_single_changed_byte_of_the_signature_fails() -> None:
    raw = sign()
    for position in range(65):
        for change in (1, 2, 0x20, 0x80, 0xFF):
            altered = raw[:position] + bytes([raw[position] ^ change]) + raw[position + 1 :]
            assert code_of(signed(altered)) in {"attestation.bad_signature", "attestation.wrong_signer"}


def test_every_single_changed_letter_of_the_base64_fails() -> None:
    good = signed(sign()).signature
    for position in range(len(good)):
        for letter in "A/+=z \n":
            if letter != good[position]:
                altered = good[:position] + letter + good[position + 1 :]
                item = SignedStatement(STATEMENT, "anna", altered)
                assert code_of(item) in {"attestation.bad_signature", "attestation.wrong_signer"}


@given(st.data())
def test_another_line_of_text_does_not_verify(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(TEXT) - 1))
    char = data.draw(st.characters(max_codepoint=0x7F).filter(lambda c: c != TEXT[position]))
    altered = TEXT[:position] + char + TEXT[position + 1 :]
    assert sign() != sign(altered)
    body, _, name = altered.rpartition(" | attester: ")
    try:
        item = signed(sign(), Statement.parse(body), name)
    except AttestationError:
        return
    assert code_of(item) == "attestation.wrong_signer"


@given(st.binary(min_size=65, max_size=65))
def test_random_signatures_never_verify_and_never_crash(raw: bytes) -> None:
    assert code_of(signed(raw)) in {"attestation.bad_signature", "attestation.wrong_signer"}


# Keys and texts


def test_another_key_is_refused_and_the_pinned_one_is_the_only_judge() -> None:
    other = PrivateKey(b"\x08" * 32)
    forged = signed(sign(secret=other))
    assert code_of(forged) == "attestation.wrong_signer"
    assert verify(forged, other.public_key.format(compressed=True).hex()) == STATEMENT


@pytest.mark.parametrize(
    "pinned",
    [
        "",
        PINNED.upper(),
        "02" + PINNED[2:] if PINNED[:2] == "03" else "03" + PINNED[2:],
        PINNED[:-2],
        "00" * 33,
    ],
)
def test_a_pinned_key_in_another_form_never_matches(pinned: str) -> None:
    assert code_of(signed(sign()), pinned) == "attestation.wrong_signer"


def test_an_empty_pinned_key_does_not_match_a_key_that_cannot_be_recovered() -> None:
    raw = b"\x27" + (5).to_bytes(32, "big") + (1).to_bytes(32, "big")
    assert code_of(signed(raw), "") == "attestation.wrong_signer"


def test_every_single_changed_byte_of_the_text_fails() -> None:
    raw, read = sign(), 0
    for position in range(len(TEXT)):
        for change in (1, 2, 4, 0x20, 0x40):
            altered = TEXT[:position] + chr(ord(TEXT[position]) ^ change) + TEXT[position + 1 :]
            body, _, name = altered.rpartition(" | attester: ")
            try:
                item = signed(raw, Statement.parse(body), name)
            except AttestationError:
                continue
            assert code_of(item) == "attestation.wrong_signer", position
            read += 1
    assert read > 300


def test_the_name_of_the_attester_is_signed_too() -> None:
    for name in ("bert", "ann", "annb", "Anna"):
        assert code_of(signed(sign(), attester=name)) == "attestation.wrong_signer"
    for name in ("", "an na", "anna | plan: 4", "anna\n", "é"):
        with pytest.raises(AttestationError):
            signed(sign(), attester=name)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "policy"},
        {"treasury_id": "fund-two"},
        {"network": "mainnet"},
        {"fields": STATEMENT.fields[:-1]},
        {"fields": (*STATEMENT.fields, ("more", "x"))},
        {"fields": STATEMENT.fields[::-1]},
    ],
)
def test_a_signature_does_not_carry_over_to_another_statement(changes: dict[str, Any]) -> None:
    other = dataclasses.replace(STATEMENT, **changes)
    assert code_of(signed(sign(), other)) == "attestation.wrong_signer"


# What counts once


def test_an_approval_counts_once_for_a_signer_whatever_its_bytes_or_the_name_beside_it() -> None:
    twin = PrivateKey(SECRET.secret)
    votes = {replay_key(signed(sign(signed_text(STATEMENT, name)), attester=name), PINNED) for name in "abc"}
    votes.add(replay_key(signed(sign(secret=twin)), PINNED))
    assert votes == {("fund-one", "approval", "3f9a", PINNED)}


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"treasury_id": "fund-two"}, True),
        ({"fields": (("plan", "4a1b"), *STATEMENT.fields[1:])}, True),
        ({"kind": "freeze", "fields": (("id", "3f9a"),)}, True),
        ({"fields": (STATEMENT.fields[0], ("amount", "0.50000000 BTC"))}, False),
        ({"network": "signet"}, False),
    ],
)
def test_what_counts_is_treasury_kind_identity_and_signer(changes: dict[str, Any], differs: bool) -> None:
    other = dataclasses.replace(STATEMENT, **changes)
    vote = replay_key(signed(sign(signed_text(other, "anna")), other), PINNED)
    assert (vote != replay_key(signed(sign()), PINNED)) is differs


def test_two_signers_are_two_votes_and_an_unverified_one_is_none() -> None:
    other = PrivateKey(b"\x08" * 32)
    key = other.public_key.format(compressed=True).hex()
    forged = signed(sign(secret=other))
    assert replay_key(forged, key) != replay_key(signed(sign()), PINNED)
    with pytest.raises(AttestationError):
        replay_key(forged, PINNED)
