"""Hypothesis strategies for valid PSBTs: every type of field in every map, both versions, any order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from vault.address import hash160, ripemd160, sha256d
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import Field, FieldMap, PsbtInput, PsbtOutput
from vault.bitcoin.transaction import MAX_MONEY, OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.wire import compact_size, counted

Fields = st.SearchStrategy[Field]


def exactly(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


numbers = st.integers(0, 0xFFFFFFFF)
scripts = st.binary(max_size=80)
payments = st.builds(TxOut, st.integers(0, MAX_MONEY), scripts)
coins = st.builds(TxIn, st.builds(OutPoint, exactly(32).map(bytes.hex), numbers), st.just(b""), numbers)
transactions = st.builds(
    Transaction,
    numbers,
    st.lists(coins, max_size=4).map(tuple),
    st.lists(payments, max_size=4).map(tuple),
    numbers,
)
signed_coins = st.builds(
    lambda coin, script, witness: replace(coin, script_sig=script, witness=tuple(witness)),
    coins,
    scripts,
    st.lists(scripts, max_size=3),
)
previous_transactions = st.builds(
    Transaction,
    numbers,
    st.lists(signed_coins, min_size=1, max_size=3).map(tuple),
    st.lists(payments, max_size=4).map(tuple),
    numbers,
)
public_keys = st.builds(lambda head, x: bytes([head]) + x, st.sampled_from([2, 3]), exactly(32)) | exactly(
    64
).map(lambda point: b"\x04" + point)
paths = st.lists(numbers, max_size=6).map(
    lambda steps: b"".join(each.to_bytes(4, "little") for each in steps)
)
origins = st.builds(bytes.__add__, exactly(4), paths)
taproot_origins = st.builds(
    lambda leaves, origin: compact_size(len(leaves)) + b"".join(leaves) + origin,
    st.lists(exactly(32), max_size=3),
    origins,
)
sighash_bytes = st.sampled_from([b"\x01", b"\x02", b"\x03", b"\x81", b"\x82", b"\x83"])


def _der_integer(number: int) -> bytes:
    return b"\x02" + counted(number.to_bytes(number.bit_length() // 8 + 1, "big"))


ecdsa_signatures = st.builds(
    lambda r, s, kind: b"\x30" + counted(_der_integer(r) + _der_integer(s)) + kind,
    st.integers(1, 2**256 - 1),
    st.integers(1, 2**256 - 1),
    sighash_bytes,
)
schnorr_signatures = exactly(64) | st.builds(bytes.__add__, exactly(64), sighash_bytes)
stacks = st.lists(scripts, max_size=4).map(
    lambda items: compact_size(len(items)) + b"".join(counted(item) for item in items)
)


@st.composite
def taproot_trees(draw: st.DrawFn) -> bytes:
    """A random tree: a leaf, or two trees one floor deeper."""

    def branch(depth: int) -> bytes:
        if depth < 6 and draw(st.booleans()):
            return branch(depth + 1) + branch(depth + 1)
        version = draw(st.integers(0, 127)) * 2
        return bytes([depth, version]) + counted(draw(scripts))

    return branch(0)


@st.composite
def leaf_scripts(draw: st.DrawFn) -> Field:
    version, parity = draw(st.integers(0, 127)) * 2, draw(st.integers(0, 1))
    control = (
        bytes([version | parity]) + draw(exactly(32)) + b"".join(draw(st.lists(exactly(32), max_size=3)))
    )
    return Field(In.TAP_LEAF_SCRIPT, control, draw(scripts) + bytes([version]))


@st.composite
def extended_keys(draw: st.DrawFn) -> Field:
    path = draw(paths)
    head = draw(exactly(4)) + bytes([len(path) // 4]) + draw(exactly(40))
    return Field(
        Global.XPUB, head + draw(st.sampled_from([b"\2", b"\3"])) + draw(exactly(32)), draw(exactly(4)) + path
    )


def alone(kind: int, values: st.SearchStrategy[bytes]) -> Fields:
    return st.builds(Field, st.just(kind), st.just(b""), values)


def keyed(kind: int, keys: st.SearchStrategy[bytes], values: st.SearchStrategy[bytes]) -> Fields:
    return st.builds(Field, st.just(kind), keys, values)


def preimage(kind: int, digest: Callable[[bytes], bytes]) -> Fields:
    return scripts.map(lambda secret: Field(kind, digest(secret), secret))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


proprietary = keyed(
    0xFC,
    st.builds(
        lambda name, subtype, rest: counted(name) + compact_size(subtype) + rest,
        scripts,
        st.integers(0, 2**64 - 1),
        scripts,
    ),
    scripts,
)
# 0x60 and up is far from every type with a meaning.
unknown = st.builds(Field, st.integers(0x60, 0xFA) | st.integers(0x100, 2**64 - 1), scripts, scripts)

GLOBAL_FIELDS: Sequence[Fields] = (extended_keys(), proprietary, unknown)
INPUT_FIELDS: Sequence[Fields] = (
    alone(In.NON_WITNESS_UTXO, previous_transactions.map(Transaction.serialise)),
    alone(In.WITNESS_UTXO, payments.map(TxOut.serialise)),
    keyed(In.PARTIAL_SIG, public_keys, ecdsa_signatures),
    alone(In.SIGHASH_TYPE, exactly(4)),
    alone(In.REDEEM_SCRIPT, scripts),
    alone(In.WITNESS_SCRIPT, scripts),
    keyed(In.BIP32_DERIVATION, public_keys, origins),
    alone(In.FINAL_SCRIPTSIG, scripts),
    alone(In.FINAL_SCRIPTWITNESS, stacks),
    alone(In.POR_COMMITMENT, st.text(max_size=20).map(str.encode)),
    preimage(In.RIPEMD160, ripemd160),
    preimage(In.SHA256, sha256),
    preimage(In.HASH160, hash160),
    preimage(In.HASH256, sha256d),
    alone(In.TAP_KEY_SIG, schnorr_signatures),
    keyed(In.TAP_SCRIPT_SIG, exactly(64), schnorr_signatures),
    leaf_scripts(),
    keyed(In.TAP_BIP32_DERIVATION, exactly(32), taproot_origins),
    alone(In.TAP_INTERNAL_KEY, exactly(32)),
    alone(In.TAP_MERKLE_ROOT, exactly(32)),
    proprietary,
    unknown,
)
OUTPUT_FIELDS: Sequence[Fields] = (
    alone(Out.REDEEM_SCRIPT, scripts),
    alone(Out.WITNESS_SCRIPT, scripts),
    keyed(Out.BIP32_DERIVATION, public_keys, origins),
    alone(Out.TAP_INTERNAL_KEY, exactly(32)),
    alone(Out.TAP_TREE, taproot_trees()),
    keyed(Out.TAP_BIP32_DERIVATION, exactly(32), taproot_origins),
    proprietary,
    unknown,
)


def maps_of(kinds: Sequence[Fields], most: int = 6) -> st.SearchStrategy[tuple[Field, ...]]:
    """Fields of these kinds, each once, in any order."""
    one = st.one_of(*kinds)
    return st.lists(one, max_size=most, unique_by=lambda field: field.identity).map(tuple)


@st.composite
def psbts(draw: st.DrawFn) -> Psbt:
    """A valid PSBT of either version, its maps shuffled."""
    psbt = Psbt.create(draw(transactions))
    psbt = replace(
        psbt,
        globals=FieldMap((*psbt.globals.fields, *draw(maps_of(GLOBAL_FIELDS)))),
        inputs=tuple(PsbtInput(draw(maps_of(INPUT_FIELDS))) for _ in psbt.inputs),
        outputs=tuple(PsbtOutput(draw(maps_of(OUTPUT_FIELDS))) for _ in psbt.outputs),
    )
    if draw(st.booleans()):
        psbt = to_v2(psbt)
        flags = draw(st.none() | exactly(1))
        if flags is not None:
            psbt = replace(psbt, globals=psbt.globals.put(Global.TX_MODIFIABLE, flags))
    return replace(
        psbt,
        globals=FieldMap(tuple(draw(st.permutations(psbt.globals.fields)))),
        inputs=tuple(PsbtInput(tuple(draw(st.permutations(each.fields)))) for each in psbt.inputs),
    )
