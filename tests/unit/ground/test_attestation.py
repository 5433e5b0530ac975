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

from vault.attestation import (
    KINDS,
    MAX_TEXT,
    SignedStatement,
    Statement,
    attestation_path,
    message_digest,
    verify,
)
from vault.errors import AttestationError

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SECRET = PrivateKey(b"\7" * 32)
PINNED = SECRET.public_key.format(compressed=True).hex()
STATEMENT = Statement(
    "approval",
    "fund-one",
    "regtest",
    (
        ("plan", "3f9a"),
        ("amount", "0.25000000 BTC"),
        ("to", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"),
        ("expires", "2026-01-31T05:00:00.000Z"),
    ),
)

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-:. ", min_size=1, max_size=30)
labels = st.from_regex(r"[a-z][a-z0-9 ]{0,15}", fullmatch=True)
values = st.from_regex(r"[!-~]([ -~]{0,30}[!-~])?", fullmatch=True)
statements = st.builds(
    Statement,
    st.sampled_from(KINDS),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    st.sampled_from(["mainnet", "regtest"]),
    st.lists(st.tuples(labels, values), max_size=6, unique_by=lambda pair: pair[0]).map(tuple),
)


def sign(text: str, secret: PrivateKey = SECRET) -> bytes:
    """A p2wpkh message signature as devices make it: header 39 + recovery id, r, s."""
    raw = secret.sign_recoverable(message_digest(text), hasher=None)
    return bytes([39 + raw[64]]) + raw[:64]


def signed(raw: bytes, statement: Statement = STATEMENT) -> SignedStatement:
    return SignedStatement(statement, "anna", base64.b64encode(raw).decode())


def code_of(item: SignedStatement, public_key: str = PINNED) -> str:
    with pytest.raises(AttestationError) as error:
        verify(item, public_key)
    return error.value.code


# What verifies


@given(statements)
def test_a_signed_statement_verifies_and_survives_its_file_form(statement: Statement) -> None:
    item = signed(sign(statement.text()), statement)
    assert verify(SignedStatement.from_json(item.as_json()), PINNED) == statement
    assert Statement.parse(statement.text()) == statement


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
        raw = sign(statement.text())
        seen.add(raw[0])
        assert verify(signed(raw, statement), PINNED) == statement
    assert seen == {39, 40}


def test_the_key_of_a_device_seed_is_found_by_an_independent_library() -> None:
    root = bip32.HDKey.from_seed(bip39.mnemonic_to_seed("all all all all all all all all all all all all"))
    node = root.derive(list(attestation_path(1)))
    secret = PrivateKey(node.key.serialize())
    pinned = ec.PrivateKey(node.key.serialize()).get_public_key().sec().hex()
    assert verify(signed(sign(STATEMENT.text(), secret)), pinned) == STATEMENT


# Signatures that do not


@pytest.mark.parametrize("header", [0, 27, 30, 31, 34, 35, 38, 43, 44, 255])
def test_headers_of_other_script_types_are_refused(header: int) -> None:
    raw = sign(STATEMENT.text())
    assert code_of(signed(bytes([header]) + raw[1:])) == "attestation.bad_signature"


@pytest.mark.parametrize("header", [39, 40, 41, 42])
def test_every_other_recovery_id_gives_another_key(header: int) -> None:
    raw = sign(STATEMENT.text())
    item = signed(bytes([header]) + raw[1:])
    if header == raw[0]:
        assert verify(item, PINNED) == STATEMENT
    else:
        assert code_of(item) == "attestation.wrong_signer"


def test_high_s_is_refused_though_it_is_a_valid_ecdsa_signature() -> None:
    raw = sign(STATEMENT.text())
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
    raw = (sign(STATEMENT.text()) * 2)[:size]
    assert code_of(signed(raw)) == "attestation.bad_signature"


def test_base64_has_one_spelling() -> None:
    good = signed(sign(STATEMENT.text())).signature
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
    raw = sign(STATEMENT.text())
    for position in range(65):
        for flip in (1, 0x80):
            altered = raw[:position] + bytes([raw[position] ^ flip]) + raw[position + 1 :]
            assert code_of(signed(altered)) in {"attestation.bad_signature", "attestation.wrong_signer"}


@given(st.binary(min_size=65, max_size=65))
def test_random_signatures_never_verify_and_never_crash(raw: bytes) -> None:
    assert code_of(signed(raw)) in {"attestation.bad_signature", "attestation.wrong_signer"}


# Keys and texts


def test_another_key_is_refused_and_the_pinned_one_is_the_only_judge() -> None:
    other = PrivateKey(b"\x08" * 32)
    forged = signed(sign(STATEMENT.text(), other))
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
    assert code_of(signed(sign(STATEMENT.text())), pinned) == "attestation.wrong_signer"


def test_an_empty_pinned_key_does_not_match_a_key_that_cannot_be_recovered() -> None:
    raw = b"\x27" + (5).to_bytes(32, "big") + (1).to_bytes(32, "big")
    assert code_of(signed(raw), "") == "attestation.wrong_signer"


def test_every_single_changed_byte_of_the_text_fails() -> None:
    text = STATEMENT.text()
    raw = sign(text)
    for position in range(len(text)):
        for flip in (1, 2, 0x20):
            altered = text[:position] + chr(ord(text[position]) ^ flip) + text[position + 1 :]
            try:
                statement = Statement.parse(altered)
            except AttestationError:
                continue
            assert statement != STATEMENT
            assert code_of(signed(raw, statement)) == "attestation.wrong_signer", position


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
    assert code_of(signed(sign(STATEMENT.text()), other)) == "attestation.wrong_signer"


@pytest.mark.parametrize(
    "value",
    [
        "",
        " leading",
        "trailing ",
        "two\nlines",
        "x\nto: bcrt1qevil",
        "cr\rhere",
        "tab\there",
        "é",
        "\u202e0.1",
        "nul\0",
        "x" * 201,
        "new line at the end\n",
        "nbsp\xa0",
        "\x7f",
    ],
)
def test_values_are_one_line_of_visible_7_bit_text(value: str) -> None:
    with pytest.raises(AttestationError) as error:
        Statement("approval", "fund-one", "regtest", (("amount", value),))
    assert error.value.code == "attestation.bad_field"


@pytest.mark.parametrize(
    "label", ["", "Amount", "to:", "a\nb", "1st", " x", "é", "x" * 33, "a: b", "a\n", "treasury\n"]
)
def test_labels_are_short_lower_case_words(label: str) -> None:
    with pytest.raises(AttestationError):
        Statement("approval", "fund-one", "regtest", ((label, "x"),))


@pytest.mark.parametrize("label", ["treasury", "network"])
def test_a_field_cannot_repeat_the_lines_that_name_treasury_and_network(label: str) -> None:
    with pytest.raises(AttestationError) as error:
        Statement("approval", "fund-one", "regtest", ((label, "another"),))
    assert error.value.code == "attestation.bad_field"


@pytest.mark.parametrize("name", ["", "a b", "a\n", "a\nnetwork: mainnet", "é", "-x", "x" * 65])
def test_treasury_and_network_are_identifiers(name: str) -> None:
    for changes in ({"treasury_id": name}, {"network": name}):
        with pytest.raises(AttestationError):
            dataclasses.replace(STATEMENT, **changes)  # type: ignore[arg-type]


def test_duplicate_labels_are_refused_in_fields_and_in_text() -> None:
    with pytest.raises(AttestationError):
        Statement("approval", "fund-one", "regtest", (("to", "a"), ("to", "b")))
    with pytest.raises(AttestationError):
        Statement.parse(STATEMENT.text() + "\nto: bcrt1qevil")


def test_unknown_kinds_are_refused() -> None:
    for kind in ("", "Approval", "approvals", "genesis", "approval v1\ntreasury: x"):
        with pytest.raises(AttestationError) as error:
            Statement(kind, "fund-one", "regtest", ())
        assert error.value.code == "attestation.unknown_kind"


def test_a_text_longer_than_a_person_can_read_is_refused() -> None:
    fields = tuple((f"line {number}", "x" * 190) for number in range(25))
    with pytest.raises(AttestationError) as error:
        Statement("approval", "fund-one", "regtest", fields)
    assert error.value.code == "attestation.too_long"
    assert MAX_TEXT == 4096


TEXT = STATEMENT.text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vault approval v1",
        TEXT + "\n",
        "\n" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("v1", "v2"),
        TEXT.replace("vault", "Vault"),
        TEXT.replace(": ", ":", 1),
        TEXT.replace(": ", ":  ", 1),
        TEXT.replace("treasury", "network", 1),
        TEXT.replace("approval", "approval-", 1),
        TEXT + "\nno colon",
        TEXT + "\nempty: ",
        TEXT + "\x00",
        TEXT.replace("0.25", "0,25\u00a0"),
        TEXT.replace("\n", "\u2028"),
        TEXT.replace("\n", "\x0b"),
    ],
)
def test_texts_that_do_not_rebuild_to_themselves_are_refused(text: str) -> None:
    with pytest.raises(AttestationError):
        Statement.parse(text)


@given(st.text(max_size=200))
def test_any_text_parses_to_itself_or_is_refused(text: str) -> None:
    for candidate in (text, "vault policy v1\ntreasury: x\nnetwork: regtest\n" + text):
        try:
            assert Statement.parse(candidate).text() == candidate
        except AttestationError:
            continue


@given(statements, words)
def test_a_line_added_anywhere_gives_another_statement_or_none(statement: Statement, line: str) -> None:
    lines = statement.text().split("\n")
    for position in range(len(lines) + 1):
        try:
            other = Statement.parse("\n".join([*lines[:position], line, *lines[position:]]))
        except AttestationError:
            continue
        assert other != statement


# The file form


GOOD = SignedStatement(STATEMENT, "anna", "c2ln").as_json()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {},
        {**GOOD, "public_key": PINNED},
        {key: value for key, value in GOOD.items() if key != "attester"},
        {**GOOD, "statement": TEXT},
        {**GOOD, "statement": [1]},
        {**GOOD, "statement": []},
        {**GOOD, "statement": [TEXT.split("\n")[0], "\n".join(TEXT.split("\n")[1:])]},
        {**GOOD, "attester": 7},
        {**GOOD, "signature": None},
    ],
)
def test_a_file_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(AttestationError):
        SignedStatement.from_json(value)


def test_fields_are_read_by_label_and_absence_is_an_error() -> None:
    assert STATEMENT.field("amount") == "0.25000000 BTC"
    with pytest.raises(AttestationError) as error:
        STATEMENT.field("memo")
    assert error.value.code == "attestation.missing_field"
