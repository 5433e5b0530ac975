"""Strict TOML: exact decimals, nothing unknown, nothing twice, and errors that point at the place."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from vault.errors import DocumentError
from vault.toml_strict import MAX_BYTES, ExactDecimal, StrictModel, locate, parse_toml, read_toml


class Part(StrictModel):
    name: str
    size: ExactDecimal = Decimal(1)


class Document(StrictModel):
    count: int
    price: ExactDecimal
    flag: bool = False
    one: Part | None = None
    part: tuple[Part, ...] = Field(default=(), strict=False)


GOOD = 'count = 1\nprice = "0.1"\n'


def refusal(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse_toml(text, Document, name="d.toml")
    return caught.value


@pytest.mark.parametrize("literal", ['"0.1"', "0.1", '"0.10"'])
def test_a_tenth_is_a_tenth_however_it_is_written(literal: str) -> None:
    document = parse_toml(f"count = 1\nprice = {literal}\n", Document, name="d")
    assert document.price == Decimal(1) / 10


@given(st.decimals("-1e15", "1e15", places=15))
def test_a_bare_number_loses_no_digit(number: Decimal) -> None:
    assert parse_toml(f"count = 1\nprice = {number:f}\n", Document, name="d").price == number


@pytest.mark.parametrize(
    ("line", "where", "says"),
    [
        ('price = "0.1"\ncount = 1.0', "d.toml:2:1: count", "integer"),
        ('price = "0.1"\ncount = "1"', "d.toml:2:1: count", "integer"),
        ('price = "0.1"\ncount = true', "d.toml:2:1: count", "integer"),
        ("count = 1\nprice = nan", "d.toml:2:1: price", "finite"),
        ("count = 1\nprice = inf", "d.toml:2:1: price", "finite"),
        ("count = 1\nprice = 1e400", "d.toml:2:1: price", "magnitude"),
        ("count = 1\nprice = true", "d.toml:2:1: price", "decimal string"),
        ('count = 1\nprice = "1e5"', "d.toml:2:1: price", "plain decimal"),
        ('count = 1\nprice = "ten"', "d.toml:2:1: price", "plain decimal"),
        ("count = 1\nprice = 2026-01-31", "d.toml:2:1: price", "decimal string"),
        (GOOD + "flag = 1", "d.toml:3:1: flag", "boolean"),
        (GOOD + "  prise = 2", "d.toml:3:3: prise", "unknown key"),
        (GOOD + "[one]\nname = 5", "d.toml:4:1: one.name", "string"),
        (GOOD + "[one]\nsize = 5", "d.toml:3:1: one.name", "required"),
        (
            GOOD + "[[part]]\nname = 'a'\n[[part]]\nname = 'b'\nsise = 1",
            "d.toml:7:1: part 2 (b).sise",
            "unknown key",
        ),
        (GOOD + "one = { name = 'a', sise = 1 }", "d.toml:3:21: one.sise", "unknown key"),
        ("count = 1", "d.toml:1:1: price", "required"),
    ],
)
def test_an_error_names_file_line_column_key_and_what_was_expected(line: str, where: str, says: str) -> None:
    message = refusal(line).message
    assert message.startswith(where)
    assert says in message


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("count = 3.0\nprice = 1", "d.toml:1:1: count: expected a valid integer, found 3.0"),
        ("count = true\nprice = 1", "d.toml:1:1: count: expected a valid integer, found true"),
        ("count = 1", "d.toml:1:1: price: missing: this key is required"),
        ("count = 1\nprice = 1\none = 5", "d.toml:3:1: one: expected a table, found 5"),
    ],
)
def test_an_error_is_said_in_the_words_of_whoever_writes_the_file(text: str, whole: str) -> None:
    assert refusal(text).message == whole


def test_every_refusal_says_what_to_do(tmp_path: Path) -> None:
    assert "key = value" in refusal("count = ").hint
    with pytest.raises(DocumentError) as caught:
        read_toml(tmp_path, Document)
    assert "UTF-8" in caught.value.hint
    assert "Errno" not in caught.value.message


def test_all_problems_are_named_in_the_order_of_the_file() -> None:
    lines = refusal("count = 'x'\nprice = 'y'\nextra = 1\n").message.split("\n")
    assert [line.split(": ")[0] for line in lines] == ["d.toml:1:1", "d.toml:2:1", "d.toml:3:1"]


@pytest.mark.parametrize(
    "text",
    [
        "count = 1\ncount = 2",
        "[one]\nname = 'a'\n[one]\nname = 'b'",
        "count = ",
        "count = 1 2",
        "count = 01",
        "count: 1",
        '"count" = 1\ncount = 1',
        "count = '''",
        "\x00",
    ],
)
def test_text_that_is_no_toml_or_says_a_thing_twice_is_refused_with_its_line(text: str) -> None:
    error = refusal(text)
    assert error.code == "document.not_toml"
    assert error.message.startswith("d.toml:")
    assert int(error.details["line"]) >= 1


def test_a_deeply_nested_document_is_refused_and_does_not_overflow() -> None:
    for text in ("a = " + "[" * 5000 + "]" * 5000, "a = " + "{a=" * 5000, "a." * 5000 + "a = 1"):
        assert refusal(text).code.startswith("document.")


def test_a_number_of_absurd_length_is_refused() -> None:
    assert refusal("count = " + "9" * 5000 + "\nprice = '1'").code.startswith("document.")
    assert refusal("count = 1\nprice = 0." + "1" * 5000).code.startswith("document.")
    assert refusal("count = 1\nprice = " + "1" * 5000).code.startswith("document.")
    assert refusal("count = 1\nprice = 1e99999999999999999999").code.startswith("document.")


def test_a_long_wrong_value_is_not_printed_whole() -> None:
    assert len(refusal("count = '" + "x" * 100_000 + "'\nprice = '1'").message) < 400


@given(st.text(max_size=120))
def test_any_text_is_a_document_or_a_clear_refusal(text: str) -> None:
    try:
        parse_toml(text, Document, name="d.toml")
    except DocumentError as error:
        assert error.message.startswith("d.toml:")


def test_reading_a_file_names_what_is_wrong_with_it(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no such file"):
        read_toml(tmp_path / "none.toml", Document)
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(DocumentError, match="at most"):
        read_toml(big, Document)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(DocumentError, match="utf-8"):
        read_toml(binary, Document)
    with pytest.raises(DocumentError):
        read_toml(tmp_path, Document)


@pytest.mark.parametrize(
    ("where", "place"),
    [
        (("a",), (1, 1)),
        (("t", "b"), (3, 3)),
        (("t", "gone"), (2, 1)),
        (("r", 1, "c"), (7, 1)),
        (("r", 0, "c"), (5, 1)),
        (("q r", "d"), (9, 1)),
        (("nowhere",), (1, 1)),
    ],
)
def test_finds_the_line_and_column_of_a_key(where: tuple[object, ...], place: tuple[int, int]) -> None:
    text = "a = 1\n[t]\n  b = 2\n[[r]]\nc = 3\n[[r]]\nc = 4\n['q r'] # note\nd = 5\n"
    assert locate(text, where) == place
