"""The text and the file of a statement have one form each; whatever differs from it is refused."""

from __future__ import annotations

import base64
import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.statements import PARTS, PINNED, STATEMENT, TEXT, names, sign, signed, statements
from vault.attestation import MAX_TEXT, SEPARATOR, SignedStatement, Statement, signed_text, verify
from vault.errors import AttestationError

words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-:. |", min_size=1, max_size=30)


@given(statements, names)
def test_a_statement_is_one_line_of_printable_ascii_that_small_devices_show_as_text(
    statement: Statement, attester: str
) -> None:
    """`is_valid_ascii` and `is_printable` in legacy/firmware of both makes: 0x20 to 0x7e, or it is hex."""
    text = signed_text(statement, attester)
    assert all(0x20 <= ord(char) <= 0x7E for char in text)
    assert text.split(SEPARATOR) == [*statement.parts, f"attester: {attester}"]


def test_the_text_is_exactly_this() -> None:
    assert STATEMENT.parts == PARTS
    assert " | ".join((*PARTS, "attester: anna")) == TEXT
    assert signed(sign()).as_json() == {
        "statement": list(PARTS),
        "attester": "anna",
        "signature": base64.b64encode(sign()).decode(),
    }


# Values and labels


@pytest.mark.parametrize(
    "value",
    [
        "",
        "|",
        "a|b",
        "a | to: bcrt1qevil",
        "a |",
        "| a",
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
def test_values_are_printable_7_bit_text_without_the_separator(value: str) -> None:
    with pytest.raises(AttestationError) as error:
        Statement("approval", "fund-one", "regtest", (("amount", value),))
    assert error.value.code == "attestation.bad_field"


@pytest.mark.parametrize(
    "label",
    [
        "",
        "Amount",
        "to:",
        "a\nb",
        "1-st",
        " x",
        "é",
        "x" * 33,
        "a: b",
        "a\n",
        "treasury\n",
        "a|b",
        "a | b",
        "|",
        "to ",
    ],
)
def test_labels_are_short_lower_case_words(label: str) -> None:
    with pytest.raises(AttestationError):
        Statement("approval", "fund-one", "regtest", ((label, "x"),))


@pytest.mark.parametrize("label", ["treasury", "network", "attester"])
def test_a_field_cannot_repeat_the_parts_that_name_treasury_network_and_attester(label: str) -> None:
    with pytest.raises(AttestationError) as error:
        Statement("approval", "fund-one", "regtest", ((label, "another"),))
    assert error.value.code == "attestation.bad_field"


@pytest.mark.parametrize(
    "name", ["", "a b", "a\n", "a\nnetwork: mainnet", "a | network: mainnet", "a|b", "é", "-x", "x" * 65]
)
def test_treasury_and_network_are_identifiers(name: str) -> None:
    for changes in ({"treasury_id": name}, {"network": name}):
        with pytest.raises(AttestationError):
            dataclasses.replace(STATEMENT, **changes)  # type: ignore[arg-type]


def test_duplicate_labels_are_refused_in_fields_and_in_text() -> None:
    with pytest.raises(AttestationError):
        Statement("approval", "fund-one", "regtest", (("to", "a"), ("to", "b")))
    with pytest.raises(AttestationError):
        Statement.parse(STATEMENT.text() + " | to: bcrt1qevil")


def test_unknown_kinds_are_refused() -> None:
    for kind in (
        "",
        "Approval",
        "approvals",
        "genesis",
        "approval v1\ntreasury: x",
        "approval v1 | treasury: x",
    ):
        with pytest.raises(AttestationError) as error:
            Statement(kind, "fund-one", "regtest", ())
        assert error.value.code == "attestation.unknown_kind"


def test_a_text_longer_than_a_person_can_read_is_refused() -> None:
    fields = tuple((f"line {number}", "x" * 190) for number in range(25))
    with pytest.raises(AttestationError) as error:
        Statement("approval", "fund-one", "regtest", fields)
    assert error.value.code == "attestation.too_long"
    assert MAX_TEXT == 4096


BODY = STATEMENT.text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vault approval v1",
        "vault approval v1 | treasury: x",
        BODY + "\n",
        "\n" + BODY,
        BODY + " ",
        BODY + " |",
        BODY + " | ",
        " | " + BODY,
        BODY.replace(" | ", "\n"),
        BODY.replace(" | ", "\r\n"),
        BODY.replace(" | ", " |\n"),
        BODY.replace(" | ", "|"),
        BODY.replace(" | ", " || "),
        BODY.replace(" | ", "  |  "),
        BODY.replace("v1", "v2"),
        BODY.replace("vault", "Vault"),
        BODY.replace(": ", ":", 1),
        BODY.replace(": ", ":  ", 1),
        BODY.replace("treasury", "network", 1),
        BODY.replace("approval", "approval-", 1),
        BODY + " | no colon",
        BODY + " | empty: ",
        BODY + " | attester: anna",
        BODY + "\x00",
        BODY + "\x7f",
        BODY.replace("0.25", "0,25\u00a0"),
        BODY.replace(" | ", "\u2028"),
        BODY.replace(" | ", " \u2502 "),
        BODY.replace("|", "\uff5c"),
    ],
)
def test_texts_that_do_not_rebuild_to_themselves_are_refused(text: str) -> None:
    with pytest.raises(AttestationError):
        Statement.parse(text)


@given(statements)
def test_a_text_of_several_lines_is_refused_whatever_it_says(statement: Statement) -> None:
    for joint in ("\n", "\r\n", " |\n", "\n| "):
        with pytest.raises(AttestationError):
            Statement.parse(joint.join(statement.parts))


@given(st.text(max_size=200))
def test_any_text_parses_to_itself_or_is_refused(text: str) -> None:
    for candidate in (text, "vault policy v1 | treasury: x | network: regtest | " + text):
        try:
            assert Statement.parse(candidate).text() == candidate
        except AttestationError:
            continue


@given(statements, words)
def test_a_part_added_anywhere_gives_another_statement_or_none(statement: Statement, part: str) -> None:
    parts = statement.parts
    for position in range(len(parts) + 1):
        try:
            other = Statement.parse(SEPARATOR.join([*parts[:position], part, *parts[position:]]))
        except AttestationError:
            continue
        assert other != statement


def test_fields_are_read_by_label_and_absence_is_an_error() -> None:
    assert STATEMENT.field("amount") == "0.25000000 BTC"
    with pytest.raises(AttestationError) as error:
        STATEMENT.field("memo")
    assert error.value.code == "attestation.missing_field"


# The file form


FILE = signed(sign()).dump().encode()
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
        {**GOOD, "statement": BODY},
        {**GOOD, "statement": [BODY]},
        {**GOOD, "statement": [*PARTS[:1], "|", *PARTS[1:]]},
        {**GOOD, "statement": [*PARTS, "attester: anna"]},
        {**GOOD, "statement": [1]},
        {**GOOD, "statement": []},
        {**GOOD, "statement": [PARTS[0], " | ".join(PARTS[1:])]},
        {**GOOD, "statement": [PARTS[0], "\n".join(PARTS[1:])]},
        {**GOOD, "attester": "a\nb"},
        {**GOOD, "attester": 7},
        {**GOOD, "signature": None},
    ],
)
def test_a_file_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(AttestationError):
        SignedStatement.from_json(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\ufeff" + FILE.decode(),
        FILE.decode().rstrip(),
        FILE.decode() + "\n",
        FILE.decode().replace("\n", "\r\n"),
        FILE.decode().replace("  ", "\t"),
        FILE.decode().replace("anna", "\\u0061nna"),
        json.dumps(signed(sign()).as_json()),
        FILE.decode().replace('"attester": "anna"', '"attester": "bert",\n  "attester": "anna"'),
    ],
)
def test_a_file_in_other_bytes_is_refused(text: str) -> None:
    with pytest.raises(AttestationError) as error:
        SignedStatement.load(text, what="file")
    assert error.value.code == "attestation.not_signed"


def _accepts(data: bytes) -> bool:
    """Whether a file holds for the pinned key."""
    try:
        verify(SignedStatement.load(data.decode(), what="file"), PINNED)
    except (UnicodeDecodeError, AttestationError):
        return False
    return True


def test_every_single_changed_byte_of_the_file_fails() -> None:
    assert _accepts(FILE)
    for position in range(len(FILE)):
        for byte in {FILE[position] ^ 1, FILE[position] ^ 0x20, 0x09, 0x0A, 0x20, 0x41} - {FILE[position]}:
            assert not _accepts(FILE[:position] + bytes([byte]) + FILE[position + 1 :]), position


@given(st.integers(0, len(FILE) - 1), st.integers(0, 2), st.binary(max_size=3))
def test_bytes_replaced_removed_or_put_in_anywhere_fail(position: int, removed: int, put: bytes) -> None:
    altered = FILE[:position] + put + FILE[position + removed :]
    assert _accepts(altered) == (altered == FILE)
