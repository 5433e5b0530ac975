"""A file's bytes, out of gzip or zip where it is packed; bounded before, while and after unpacking.

Refuses archives that grow too much, that are encrypted, or that hold other archives.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from vault.errors import MarketDataError
from vault.markets.reading import limits
from vault.markets.reading.table import unusable

_CHUNK = 1 << 20
PACKED = frozenset({".gz", ".zip"})
# All that zipfile raises for damaged archives, by what it stumbles over.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    ArithmeticError,
    LookupError,
)
_OTHER_ARCHIVES = frozenset({".xz", ".bz2", ".zst", ".7z", ".rar", ".tar", ".tgz", ".lz4"})


@dataclass(frozen=True, slots=True)
class Piece:
    """One document of a file: its name (that of the archive's member, or the file's own) and its bytes."""

    name: str
    data: bytes


def read_bytes(path: Path) -> bytes:
    """A file's bytes. Raises `MarketDataError`: too large, unreadable, or no ordinary file."""
    try:
        if not path.is_file():
            raise unusable("unreadable", f"{path}: expected an ordinary file")
        # Without waiting: a pipe, or what became one meanwhile, must not hold up the rest.
        with open(path, "rb", opener=_opened) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise unusable("unreadable", f"{path}: expected an ordinary file")
            if found.st_size > limits.MAX_BYTES:
                raise too_large(f"{path.name}: expected at most {limits.MAX_BYTES} bytes")
            # A file of the kernel (/proc) says it is empty, and may be without an end.
            data = file.read(limits.MAX_BYTES + 1) if found.st_size else b""
    except OSError as error:
        raise unusable(
            "unreadable", f"{path}: {error.strerror}", "Check that this user may read it."
        ) from None
    if len(data) > limits.MAX_BYTES:
        raise too_large(f"{path.name}: grew beyond {limits.MAX_BYTES} bytes while it was read")
    return data


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def too_large(message: str) -> MarketDataError:
    return unusable("too_large", message, "Split the file, or cut away what is not needed.")


def unpack(name: str, data: bytes) -> tuple[Piece, ...]:
    """The documents of a file. Raises `MarketDataError` (``too_large``, ``not_unpacked``)."""
    suffix = PurePosixPath(name.lower()).suffix
    if data.startswith(b"\x1f\x8b"):
        inner = name[:-3] if suffix == ".gz" else name
        return (Piece(inner, _gunzipped(name, data)),)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _unzipped(name, data)
    if suffix in PACKED or suffix in _OTHER_ARCHIVES:
        what = "it is not" if suffix in PACKED else "only gzip and zip are unpacked"
        raise unusable("not_unpacked", f"{name}: expected a {suffix[1:]} archive, {what}", "Unpack it first.")
    return (Piece(name, data),)


def _gunzipped(name: str, data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            return _bounded(name, stream, len(data))
    except (OSError, EOFError, zlib.error) as error:
        raise unusable("not_unpacked", f"{name}: damaged gzip data ({error})") from None


def _unzipped(name: str, data: bytes) -> tuple[Piece, ...]:
    found: list[Piece] = []
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > limits.MAX_MEMBERS:
                raise too_large(
                    f"{name}: expected at most {limits.MAX_MEMBERS} files in it, found {len(members)}"
                )
            for member in members:
                if member.flag_bits & 1:
                    raise unusable(
                        "not_unpacked", f"{name}: {member.filename!r} is encrypted", "Decrypt it first."
                    )
                with archive.open(member) as stream:
                    unpacked = _bounded(name, stream, member.compress_size)
                total += len(unpacked)
                if total > limits.MAX_BYTES:
                    raise too_large(f"{name}: unpacks to more than {limits.MAX_BYTES} bytes")
                if unpacked.startswith((b"PK\x03\x04", b"\x1f\x8b")):
                    raise unusable("not_unpacked", f"{name}: {member.filename!r} is an archive in an archive")
                found.append(Piece(member.filename, unpacked))
    except _DAMAGED as error:
        raise unusable("not_unpacked", f"{name}: damaged zip archive ({error})") from None
    if not found:
        raise unusable("not_unpacked", f"{name}: an empty archive")
    return tuple(found)


def _bounded(name: str, stream: IO[bytes] | gzip.GzipFile, packed: int) -> bytes:
    """All of the stream, or an error as soon as it is too much; what an archive claims does not count."""
    parts: list[bytes] = []
    size = 0
    while part := stream.read(_CHUNK):
        size += len(part)
        if size > limits.MAX_BYTES:
            raise too_large(f"{name}: unpacks to more than {limits.MAX_BYTES} bytes")
        if size > limits.FREE_BYTES and size > limits.MAX_RATIO * max(packed, 1):
            raise too_large(f"{name}: unpacks to more than {limits.MAX_RATIO} times its size")
        parts.append(part)
    return b"".join(parts)
