"""A judge of what the parser, and everything that works on what it accepts, makes of a PSBT.

Right, or refused with a typed error; within memory bounded by the size of the input.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from vault.bitcoin.psbt.combine import combine
from vault.bitcoin.psbt.compare import compare
from vault.bitcoin.psbt.convert import convert
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.extract import extract
from vault.bitcoin.psbt.fields import Global
from vault.bitcoin.psbt.signer_checks import check_signer_rules
from vault.bitcoin.psbt.text import parse_any, to_base64
from vault.errors import PsbtError

# Memory at the highest, tracemalloc's count: objects are larger than the bytes they were read from.
PEAK_FLOOR = 64_000
PEAK_PER_BYTE = 30


def judge(data: bytes, *, weigh: bool = False) -> str:
    """What the parser made of it: the code of its refusal, or "accepted". AssertionError for all else.

    With `weigh` the memory that parsing takes at its highest is judged too.
    """
    verdict, parsed = _weighed(data) if weigh else _parsed(data)
    if parsed is not None:
        assert parsed.serialise() == data, "another serialisation"
        assert Psbt.parse(parsed.serialise()) == parsed, "another PSBT when parsed again"
        work_with(parsed)
    return verdict


def _parsed(data: bytes) -> tuple[str, Psbt | None]:
    try:
        return "accepted", Psbt.parse(data)
    except PsbtError as error:
        return error.code, None


def _weighed(data: bytes) -> tuple[str, Psbt | None]:
    tracemalloc.start()
    try:
        found = _parsed(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    allowed = PEAK_FLOOR + PEAK_PER_BYTE * len(data)
    assert peak <= allowed, f"{peak} bytes of memory for {len(data)} bytes"
    return found


def work_with(psbt: Psbt) -> None:
    """Everything the room does with a PSBT that parsed: right, or refused with a typed error."""
    assert parse_any(to_base64(psbt).encode()) == psbt, "another PSBT in base64"
    assert combine([psbt, psbt]) == psbt, "another PSBT combined with itself"
    same = compare(psbt, psbt)
    assert (same.only_signatures, same.signatures, same.finalised) == (True, (), ()), "differs from itself"
    assert len(psbt.identity()) == 64
    for step in (check_signer_rules, extract, _origins):
        _typed(step, psbt)
    _typed(_there_and_back, psbt)


def _there_and_back(psbt: Psbt) -> None:
    other = convert(psbt, 2 - psbt.version)
    assert other.unsigned == psbt.unsigned, "another transaction in the other version"
    again = convert(other, psbt.version)
    assert again.unsigned == psbt.unsigned, "another transaction after there and back"
    if psbt.version == 0:
        explicit = {field.identity: field for field in psbt.globals.fields if field.type != Global.VERSION}
        assert again.globals.by_identity() == explicit, "other global fields after there and back"
        for one, another in zip(psbt.inputs + psbt.outputs, again.inputs + again.outputs, strict=True):
            assert one.by_identity() == another.by_identity(), "other fields after there and back"


def _origins(psbt: Psbt) -> None:
    for one in (*psbt.inputs, *psbt.outputs):
        for taproot in (False, True):
            one.origins(taproot=taproot)


def _typed(step: Callable[[Psbt], object], psbt: Psbt) -> None:
    try:
        step(psbt)
    except PsbtError as error:
        assert error.code.startswith("psbt."), error.code
