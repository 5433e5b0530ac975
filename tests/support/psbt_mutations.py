"""Valid PSBTs turned into hostile ones, case by numbered case.

Used by a seeded sample in the tests and by the long run of `make soak`.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.vectors.bips import COUNTS, vectors
from vault.bitcoin.psbt.convert import close, convert, to_v2
from vault.bitcoin.psbt.document import MAGIC, Psbt
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import PsbtInput, PsbtOutput
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.wire import compact_size
from vault.errors import PsbtError

Pair = tuple[bytes, bytes]
Maps = list[list[Pair]]
HUGE = (0, 1, 0xFC, 0xFD, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 0x1_0000_0000, 2**63, 2**64 - 1)


@dataclass(frozen=True)
class Seed:
    """A valid PSBT, whole and in its maps."""

    data: bytes
    maps: Maps


@functools.cache
def corpus() -> tuple[Seed, ...]:
    """All valid vectors, each also in the other version, and what they lack: many inputs, a deep tree."""
    valid = [
        Psbt.parse(each.data)
        for bip in COUNTS
        for each in vectors(bip)
        if each.kind in {"valid", "role", "signer"} or each.more.get("locktime") is not None
    ]
    valid += [wide(), deep()]
    both = [*valid]
    for psbt in valid:
        try:
            both.append(to_v2(psbt) if psbt.version == 0 else convert(close(psbt), 0))
        except PsbtError:
            continue
    return tuple(Seed(each.serialise(), _split(each)) for each in both)


def wide(inputs: int = 12, outputs: int = 9) -> Psbt:
    """One input and output after the other, each with a few fields."""
    unsigned = Transaction(
        2,
        tuple(TxIn(OutPoint(f"{number:064x}", number), b"", 0xFFFFFFFD) for number in range(inputs)),
        tuple(TxOut(1_000 + number, b"\x00\x14" + number.to_bytes(20, "big")) for number in range(outputs)),
        800_000,
    )
    psbt = Psbt.create(unsigned)
    key, origin = b"\x02" + b"\x11" * 32, bytes.fromhex("deadbeef") + bytes(8)
    ours = PsbtInput(()).put(In.WITNESS_UTXO, TxOut(5_000, b"\x00\x14" + bytes(20)).serialise())
    ours = ours.put(In.SIGHASH_TYPE, b"\x01\0\0\0").put(In.BIP32_DERIVATION, origin, key)
    change = PsbtOutput(()).put(Out.BIP32_DERIVATION, origin, key)
    return replace(
        psbt,
        inputs=tuple(PsbtInput(ours.fields) for _ in unsigned.inputs),
        outputs=tuple(PsbtOutput(change.fields) for _ in unsigned.outputs),
    )


def deep(depth: int = 128) -> Psbt:
    """A taproot tree as deep as trees may be, one leaf on every floor."""
    leaves = [(number, b"\x51") for number in range(1, depth + 1)] + [(depth, b"\x52")]
    tree = b"".join(bytes([floor, 0xC0, len(script)]) + script for floor, script in leaves)
    psbt = wide(1, 1)
    return psbt.with_output(0, psbt.outputs[0].put(Out.TAP_TREE, tree))


def _split(psbt: Psbt) -> Maps:
    maps = (psbt.globals, *psbt.inputs, *psbt.outputs)
    return [[(compact_size(each.type) + each.key, each.value) for each in one.fields] for one in maps]


def case(seed: int, number: int) -> bytes:
    """The hostile PSBT with that number; the same for ever."""
    draw = random.Random(f"{seed}/{number}")
    seeds = corpus()
    base = draw.choice(seeds)
    data = base.data
    if draw.random() < 0.6:
        maps = [list(one) for one in base.maps]
        for _ in range(draw.randint(1, 3)):
            draw.choice(_STRUCTURED)(draw, maps)
        data = _joined(draw, maps, lie=draw.random() < 0.15)
    if draw.random() < 0.6:
        raw = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            draw.choice(_RAW)(draw, raw)
        data = bytes(raw)
    return data


def _joined(draw: random.Random, maps: Maps, *, lie: bool) -> bytes:
    parts = [MAGIC]
    fields = sum(len(one) for one in maps)
    liar = draw.randrange(2 * fields) if lie and fields else -1
    for one in maps:
        for pair in one:
            for item in pair:
                parts += [_size(draw, len(item), wrong=liar == 0), item]
                liar -= 1
        parts.append(b"\0")
    return b"".join(parts)


def _size(draw: random.Random, size: int, *, wrong: bool) -> bytes:
    if not wrong:
        return compact_size(size)
    if draw.random() < 0.3:
        return b"\xfd" + (size & 0xFFFF).to_bytes(2, "little")
    return compact_size(draw.choice((*HUGE, size + 1, max(0, size - 1))))


def _one(draw: random.Random, maps: Maps) -> tuple[list[Pair], int] | None:
    full = [one for one in maps if one]
    if not full:
        return None
    chosen = draw.choice(full)
    return chosen, draw.randrange(len(chosen))


def _duplicate(draw: random.Random, maps: Maps) -> None:
    if (found := _one(draw, maps)) is not None:
        draw.choice(maps if draw.random() < 0.5 else [found[0]]).append(found[0][found[1]])


def _reorder(draw: random.Random, maps: Maps) -> None:
    draw.shuffle(draw.choice(maps))


def _drop(draw: random.Random, maps: Maps) -> None:
    if (found := _one(draw, maps)) is not None:
        del found[0][found[1]]


def _drop_map(draw: random.Random, maps: Maps) -> None:
    if len(maps) > 1:
        del maps[draw.randrange(len(maps))]


def _foreign_field(draw: random.Random, maps: Maps) -> None:
    donor = [list(one) for one in draw.choice(corpus()).maps]
    if (found := _one(draw, donor)) is not None:
        draw.choice(maps).append(found[0][found[1]])


def _foreign_map(draw: random.Random, maps: Maps) -> None:
    maps[draw.randrange(len(maps))] = list(draw.choice(draw.choice(corpus()).maps))


def _other_type(draw: random.Random, maps: Maps) -> None:
    if (found := _one(draw, maps)) is not None:
        fields, place = found
        key, value = fields[place]
        fields[place] = (
            compact_size(draw.choice((draw.randrange(0x20), 0xFB, 0xFC, *HUGE))) + key[1:],
            value,
        )


def _other_value(draw: random.Random, maps: Maps) -> None:
    if (found := _one(draw, maps)) is None:
        return
    fields, place = found
    key, value = fields[place]
    shapes: tuple[bytes, ...] = (
        b"",
        value + value,
        value[: draw.randrange(len(value) + 1)],
        value + draw.randbytes(draw.randint(1, 70)),
        draw.randbytes(draw.choice((1, 4, 8, 32, 33, 64, 65, 200))),
        compact_size(draw.choice(HUGE)),
        draw.choice(corpus()).data,
    )
    fields[place] = (key, draw.choice(shapes))


def _other_key(draw: random.Random, maps: Maps) -> None:
    if (found := _one(draw, maps)) is not None:
        fields, place = found
        key, value = fields[place]
        fields[place] = (key[:1] + draw.randbytes(draw.choice((0, 1, 20, 32, 33, 64, 65, 78))), value)


def _huge_count(draw: random.Random, maps: Maps) -> None:
    kind = draw.choice((Global.INPUT_COUNT, Global.OUTPUT_COUNT))
    kept = [pair for pair in maps[0] if pair[0] != bytes([kind])]
    maps[0][:] = [*kept, (bytes([kind]), compact_size(draw.choice(HUGE)))]


def _many_fields(draw: random.Random, maps: Maps) -> None:
    count = draw.choice((10, 100, 600))
    draw.choice(maps).extend((b"\xf0" + number.to_bytes(2, "big"), b"") for number in range(count))


def _many_maps(draw: random.Random, maps: Maps) -> None:
    maps.extend(list(draw.choice(maps)) for _ in range(draw.choice((1, 10, 300))))


def _nested(draw: random.Random, maps: Maps) -> None:
    """A tree of many leaves, a stack of many items, a transaction of many outputs, a path of many steps."""
    count = draw.choice((1, 50, 129, 1000))
    leaf = bytes([draw.choice((0, 1, 128, 129, 255)), 0xC0, 0])
    pairs: tuple[Pair, ...] = (
        (bytes([Out.TAP_TREE]), leaf * count),
        (bytes([In.FINAL_SCRIPTWITNESS]), compact_size(count) + b"\0" * count),
        (bytes([In.NON_WITNESS_UTXO]), _transaction(count)),
        (bytes([In.BIP32_DERIVATION]) + b"\x02" * 33, bytes(4 * count)),
        (bytes([In.TAP_BIP32_DERIVATION]) + b"\x02" * 32, compact_size(count) + bytes(32 * count + 8)),
    )
    draw.choice(maps).append(draw.choice(pairs))


def _transaction(outputs: int) -> bytes:
    coins = (TxIn(OutPoint("11" * 32, 0), b"", 0, (b"",) * outputs + (b"\1",)),)
    return Transaction(2, coins, (TxOut(1, b""),) * outputs, 0).serialise()


def _other_version(draw: random.Random, maps: Maps) -> None:
    kept = [pair for pair in maps[0] if pair[0] != bytes([Global.VERSION])]
    number = draw.choice((0, 1, 2, 3, 0xFFFF_FFFF))
    maps[0][:] = [*kept, (bytes([Global.VERSION]), number.to_bytes(4, "little"))]


def _lock_times(draw: random.Random, maps: Maps) -> None:
    for one in maps[1:]:
        kind = draw.choice((In.REQUIRED_TIME_LOCKTIME, In.REQUIRED_HEIGHT_LOCKTIME, In.SEQUENCE))
        value = draw.choice((0, 1, 499_999_999, 500_000_000, 0xFFFF_FFFF)).to_bytes(4, "little")
        one[:] = [*(pair for pair in one if pair[0] != bytes([kind])), (bytes([kind]), value)]


def _flip(draw: random.Random, raw: bytearray) -> None:
    if raw:
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)


def _set(draw: random.Random, raw: bytearray) -> None:
    if raw:
        raw[draw.randrange(len(raw))] = draw.choice((0, 1, 0x7F, 0xFC, 0xFD, 0xFE, 0xFF))


def _insert(draw: random.Random, raw: bytearray) -> None:
    place = draw.randint(0, len(raw))
    raw[place:place] = draw.randbytes(draw.randint(1, 9))


def _cut(draw: random.Random, raw: bytearray) -> None:
    place = draw.randint(0, len(raw))
    del raw[place : place + draw.choice((1, 2, 9, 40, 10_000))]


def _repeat(draw: random.Random, raw: bytearray) -> None:
    place = draw.randint(0, len(raw))
    raw[place:place] = raw[place : place + draw.randint(1, 60)]


def _splice(draw: random.Random, raw: bytearray) -> None:
    other = draw.choice(corpus()).data
    raw[draw.randint(0, len(raw)) :] = other[draw.randint(0, len(other)) :]


def _size_in_place(draw: random.Random, raw: bytearray) -> None:
    place = draw.randint(0, len(raw))
    raw[place : place + 1] = compact_size(draw.choice(HUGE))


_STRUCTURED: tuple[Callable[[random.Random, Maps], None], ...] = (
    _duplicate,
    _reorder,
    _drop,
    _drop_map,
    _foreign_field,
    _foreign_map,
    _other_type,
    _other_value,
    _other_key,
    _huge_count,
    _many_fields,
    _many_maps,
    _nested,
    _other_version,
    _lock_times,
)
_RAW: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flip,
    _flip,
    _set,
    _insert,
    _cut,
    _repeat,
    _splice,
    _size_in_place,
)
