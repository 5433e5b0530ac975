"""A piece of market history as a few bytes: times as differences, values as differences of their decimals.

The same history gives the same bytes, and what is unpacked is what was packed, to the bit. Refuses bytes that
are damaged, or of a form it does not know.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np

from vault.errors import StoreError
from vault.series import Candles, FloatArray, IntArray, Series

_HEAD: Final = struct.Struct("<BBIq")  # form, columns, points, first time
_SERIES, _CANDLES = 1, 2
_RAW: Final = 255
_NOTHING: Final = np.int64(-(2**62))  # stands for NaN among decimals
_LARGEST: Final = 2.0**52  # beyond this a float holds no decimals exactly
_DIGITS: Final = range(13)
_MAX_POINTS: Final = 10_000_000


def pack(data: Series | Candles) -> bytes:
    """The bytes of a history of at least one point."""
    if isinstance(data, Candles):
        form, times = _CANDLES, data.opens
        columns = [data.open, data.high, data.low, data.close, data.volume]
    else:
        form, times, columns = _SERIES, data.times, [data.values]
    steps = np.diff(times, prepend=times[:1])
    body = _shuffled(np.diff(steps, prepend=0)) + b"".join(_packed(column) for column in columns)
    return _HEAD.pack(form, len(columns), times.size, int(times[0])) + zlib.compress(body, 9)


def unpack(data: bytes, step: int) -> Series | Candles:
    """What was packed; `step` is that of the key. Raises `StoreError` (``store.history_damaged``)."""
    try:
        form, width, points, first = _HEAD.unpack_from(data)
        if (
            form not in {_SERIES, _CANDLES}
            or width != (5 if form == _CANDLES else 1)
            or not 0 < points < _MAX_POINTS
        ):
            raise ValueError("unknown form")
        size = 8 * points * (1 + width) + width
        stream = zlib.decompressobj()
        body = stream.decompress(data[_HEAD.size :], size)
        if len(body) != size or stream.unconsumed_tail or stream.unused_data:
            raise ValueError("other length")
        times = first + np.cumsum(np.cumsum(_sorted_out(body[: 8 * points])))
        columns = []
        for place in range(width):
            start = 8 * points + place * (8 * points + 1)
            columns.append(_unpacked(body[start : start + 8 * points + 1]))
        if form == _SERIES:
            return Series(times, columns[0])
        return Candles(times, step, columns[0], columns[1], columns[2], columns[3], columns[4])
    except (ValueError, struct.error, zlib.error) as error:
        raise StoreError(
            "history_damaged",
            f"a piece of market history in the store cannot be read: {error}",
            hint="Restore the store, or import that history into a new one.",
        ) from None


def _packed(values: FloatArray) -> bytes:
    """The fewest decimals that give every value back exactly, as differences; else the bits as they are."""
    known = np.isfinite(values)
    told = values[known]
    exact = not bool(np.any((told == 0) & np.signbit(told)))
    for digits in _DIGITS if exact else ():
        with np.errstate(over="ignore"):
            scaled = np.round(told * 10.0**digits)
        if told.size and float(np.max(np.abs(scaled))) >= _LARGEST:
            break
        if bool(np.all(scaled / 10.0**digits == told)):
            whole = np.full(values.shape, _NOTHING, dtype=np.int64)
            whole[known] = scaled.astype(np.int64)
            return bytes([digits]) + _shuffled(np.diff(whole, prepend=0))
    plain = np.where(known, values, np.nan).view(np.int64)
    return bytes([_RAW]) + _shuffled(plain)


def _unpacked(data: bytes) -> FloatArray:
    whole = _sorted_out(data[1:])
    if data[0] == _RAW:
        return whole.view(np.float64).copy()
    if data[0] not in _DIGITS:
        raise ValueError("unknown packing")
    whole = np.cumsum(whole)
    return np.where(whole == _NOTHING, np.nan, whole / 10.0 ** data[0])


def _shuffled(whole: IntArray) -> bytes:
    """Zigzag, and first bytes with first bytes: small differences become runs of zeros."""
    folded = ((whole << 1) ^ (whole >> 63)).astype("<i8")
    return folded.view(np.uint8).reshape(-1, 8).T.tobytes()


def _sorted_out(data: bytes) -> IntArray:
    folded = np.frombuffer(data, dtype=np.uint8).reshape(8, -1).T.copy().view("<u8").reshape(-1)
    whole = (folded >> np.uint64(1)).astype(np.int64)
    return np.where((folded & np.uint64(1)).astype(np.bool_), ~whole, whole)
