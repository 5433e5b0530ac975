"""PSBTs as people carry them: a binary file, base64 (RFC 4648), a file's name, or `-` for standard input.

Size is bounded before anything is decoded. Refuses hex (BIP174 knows two forms: a third is one more way
to read a file wrongly), other alphabets, missing padding, stray bits and blanks between characters.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
from typing import BinaryIO, Final

from vault.bitcoin.psbt.document import MAGIC, MAX_BYTES, Psbt
from vault.errors import PsbtError

# What the first four bytes, "psb" and "t\xff..", always look like.
BASE64_START: Final = "cHNidP"
# Four characters for three bytes, and a line end for each line of 64.
MAX_TEXT: Final = (MAX_BYTES + 2) // 3 * 4 * 66 // 64 + 100
_LINE_ENDS: Final = b"\r\n"


def to_base64(psbt: Psbt) -> str:
    """One line, without its end."""
    return base64.b64encode(psbt.serialise()).decode("ascii")


def parse_text(text: str) -> Psbt:
    """A PSBT in base64. Raises `PsbtError`; see `parse_any`."""
    if len(text) > MAX_TEXT:
        raise _too_large()
    try:
        return _parse_base64(text.encode("ascii"))
    except UnicodeEncodeError:
        raise _not_text("expected base64, found characters outside ASCII") from None


def parse_any(data: bytes) -> Psbt:
    """A PSBT in either form: binary when it begins with the magic bytes, else base64.

    Blanks around the text and line ends within it do no harm (`base64` wraps at 76 characters); all
    else must be exactly RFC 4648's one way to write these bytes. Raises `PsbtError`.
    """
    if data.startswith(MAGIC):
        return Psbt.parse(data)
    if len(data) > MAX_TEXT:
        raise _too_large()
    return _parse_base64(data)


def read_psbt(source: str, stdin: BinaryIO) -> Psbt:
    """The PSBT that `source` names: `-`, base64 itself, or a file (``./cHNidP...`` if it is so called).

    Raises `PsbtError`: ``psbt.unreadable`` for the file, else as `parse_any`.
    """
    if source == "-":
        return parse_any(_bounded(stdin))
    if source.startswith(BASE64_START):
        return parse_text(source)
    try:
        # Without waiting: a pipe that nobody writes to would hold this up for ever.
        with open(os.open(source, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ValueError
            data = _bounded(stream)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a regular file"
        raise PsbtError(
            "unreadable",
            f"expected a PSBT file, base64 or -, found {source[:200]!r}: {reason}",
            hint="Base64 of a PSBT begins with cHNidP.",
        ) from None
    return parse_any(data)


def _bounded(stream: BinaryIO) -> bytes:
    data = stream.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise _too_large()
    return data


def _parse_base64(text: bytes) -> Psbt:
    joined = text.strip(b" \t\r\n").translate(None, _LINE_ENDS)
    if not joined:
        raise PsbtError("not_psbt", "expected a PSBT, found nothing")
    _refuse_other_forms(joined)
    try:
        data = base64.b64decode(joined, validate=True)
    except binascii.Error as error:
        raise _not_text(f"expected base64 (RFC 4648), found text that is none: {error}") from None
    if base64.b64encode(data) != joined:
        raise _not_text("expected base64 with nothing behind its last byte, found stray bits")
    return Psbt.parse(data)


def _refuse_other_forms(text: bytes) -> None:
    if text.lower().startswith(MAGIC.hex().encode()):
        raise PsbtError(
            "hex_text",
            "expected a PSBT in binary or base64, found hex",
            hint="xxd -r -p turns it into a binary file.",
        )
    if text.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _not_text("expected base64 in ASCII, found a byte order mark")
    if not text.startswith(BASE64_START.encode()):
        with contextlib.suppress(binascii.Error):
            binascii.unhexlify(text)
            raise PsbtError(
                "not_psbt",
                "expected a PSBT, found hex of something else",
                hint="A plain transaction is not a PSBT.",
            )
        raise PsbtError(
            "not_psbt",
            f"expected a PSBT (base64 begins with {BASE64_START}), found {text[:40]!r}",
            hint="A plain transaction is not a PSBT.",
        )


def _not_text(message: str) -> PsbtError:
    return PsbtError("bad_base64", message, hint="Copy it again, whole, or use the binary file.")


def _too_large() -> PsbtError:
    return PsbtError("too_large", f"PSBT: expected at most {MAX_BYTES} bytes, found more")
