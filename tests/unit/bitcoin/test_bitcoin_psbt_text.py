"""How a PSBT comes in: binary, base64, a file or standard input; bounded before it is decoded."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.psbt_mutations import corpus, wide
from vault.bitcoin.psbt import text
from vault.bitcoin.psbt.document import MAX_BYTES, Psbt
from vault.bitcoin.psbt.text import BASE64_START, MAX_TEXT, parse_any, parse_text, read_psbt, to_base64
from vault.errors import PsbtError

PSBT = wide(2, 2)
BINARY = PSBT.serialise()
TEXT = to_base64(PSBT)


class Endless(io.RawIOBase):
    """A stream that never ends; it counts what was asked of it."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "asked for everything"
        self.asked += size
        return b"A" * size


def refusal(data: bytes) -> PsbtError:
    with pytest.raises(PsbtError) as refused:
        parse_any(data)
    return refused.value


@pytest.mark.parametrize(
    "data",
    [
        BINARY,
        TEXT.encode(),
        TEXT.encode() + b"\n",
        b"\n " + TEXT.encode() + b"\r\n\t ",
        base64.encodebytes(BINARY),
        base64.encodebytes(BINARY).replace(b"\n", b"\r\n"),
    ],
    ids=["binary", "text", "line", "blanks around", "wrapped", "wrapped with CRLF"],
)
def test_reads(data: bytes) -> None:
    assert parse_any(data) == PSBT


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "psbt.not_psbt"),
        (b" \n ", "psbt.not_psbt"),
        (BINARY.hex().encode(), "psbt.hex_text"),
        (BINARY.hex().upper().encode(), "psbt.hex_text"),
        (PSBT.unsigned.serialise(), "psbt.not_psbt"),
        (PSBT.unsigned.serialise().hex().encode(), "psbt.not_psbt"),
        (TEXT.rstrip("=").encode() + b"A", "psbt.bad_base64"),
        (TEXT[:-5].encode(), "psbt.bad_base64"),
        (TEXT.encode() + b"====", "psbt.bad_base64"),
        (TEXT[:40].encode() + b" " + TEXT[40:].encode(), "psbt.bad_base64"),
        (TEXT[:40].encode() + b"-" + TEXT[41:].encode(), "psbt.bad_base64"),
        (TEXT[:40].encode() + b"_" + TEXT[41:].encode(), "psbt.bad_base64"),
        (TEXT[:40].encode() + b"\0" + TEXT[40:].encode(), "psbt.bad_base64"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "psbt.bad_base64"),
        (TEXT.encode("utf-16"), "psbt.bad_base64"),
        (b'"' + TEXT.encode() + b'"', "psbt.not_psbt"),
        (TEXT.encode() + TEXT.encode(), "psbt.trailing_bytes"),
        (BINARY + b"\n", "psbt.trailing_bytes"),
    ],
)
def test_refuses(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_there_is_one_way_to_write_the_last_byte() -> None:
    """Two characters carry the last byte and four spare bits, which must be zero."""
    odd = next(each.data for each in corpus() if len(each.data) % 3 == 1)
    written = base64.b64encode(odd)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spare = alphabet[alphabet.index(written[-3]) + 1]
    assert base64.b64decode(written[:-3] + bytes([spare]) + b"==") == odd
    assert refusal(written[:-3] + bytes([spare]) + b"==").code == "psbt.bad_base64"


def test_the_hint_for_hex_says_how_to_go_on() -> None:
    assert "xxd -r -p" in refusal(BINARY.hex().encode()).hint


def test_too_long_a_text_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text.base64, "b64decode", lambda *_, **__: pytest.fail("decoded"))
    for refuse in (lambda: parse_any(b"c" * (MAX_TEXT + 1)), lambda: parse_text("c" * (MAX_TEXT + 1))):
        with pytest.raises(PsbtError) as refused:
            refuse()
        assert refused.value.code == "psbt.too_large"


def test_the_largest_psbt_fits_into_the_largest_text() -> None:
    wrapped = -(-MAX_BYTES // 3) * 4
    assert wrapped + 2 * -(-wrapped // 64) <= MAX_TEXT


def test_an_endless_stream_is_not_read_to_its_end() -> None:
    endless = Endless()
    with pytest.raises(PsbtError) as refused:
        read_psbt("-", endless)  # type: ignore[arg-type]
    assert refused.value.code == "psbt.too_large"
    assert endless.asked == MAX_TEXT + 1


def test_reads_standard_input_file_and_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (("a.psbt", BINARY), ("b.txt", TEXT.encode() + b"\n"), (f"{BASE64_START}x", BINARY)):
        (tmp_path / name).write_bytes(content)
        assert read_psbt(str(tmp_path / name), io.BytesIO()) == PSBT
    monkeypatch.chdir(tmp_path)
    assert read_psbt(f"./{BASE64_START}x", io.BytesIO()) == PSBT
    assert read_psbt("-", io.BytesIO(BINARY)) == PSBT
    assert read_psbt("-", io.BytesIO(TEXT.encode())) == PSBT
    assert read_psbt(TEXT, io.BytesIO()) == PSBT


@pytest.mark.parametrize("source", ["", "nowhere.psbt", ".", "a\0b", "x" * 5000, BINARY.hex()])
def test_what_is_no_readable_file_is_said_so(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PsbtError) as refused:
        read_psbt(source, io.BytesIO())
    assert refused.value.code == "psbt.unreadable"
    assert len(refused.value.message) < 400


def test_a_letter_outside_ascii_is_refused() -> None:
    with pytest.raises(PsbtError) as refused:
        parse_text(TEXT[:20] + "é" + TEXT[20:])
    assert refused.value.code == "psbt.bad_base64"


@pytest.mark.parametrize("psbt", [Psbt.parse(each.data) for each in corpus()[:40]])
def test_comes_back_from_text(psbt: Psbt) -> None:
    assert parse_text(to_base64(psbt)) == psbt
    assert to_base64(psbt).startswith(BASE64_START)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_anything_else_raises_a_typed_error(data: bytes) -> None:
    for candidate in (data, BASE64_START.encode() + data):
        with pytest.raises(PsbtError):
            parse_any(candidate)
