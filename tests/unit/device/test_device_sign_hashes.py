"""Our signature hashes against the examples of the BIPs, and against embit for everything else."""

from __future__ import annotations

from typing import Any

from embit import script
from hypothesis import given
from hypothesis import strategies as st

from tests.support.signing import unsigned
from vault.device.bitcoin.request import KeyOrigin, SpendInput, SpendOutput, SpendRequest
from vault.device.bitcoin.scripts import group_lock, push, single_lock
from vault.device.bitcoin.sighash import Digests, Unsigned, compact_size

KINDS = ("p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr")
KEYS = [
    bytes.fromhex(text)
    for text in (
        "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357",
        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        "03ad1d8e89212f0b92c74d23bb710c00662ad1470198ac48c43f7d6f93a2a26873",
    )
]


def an_input(txid: str, vout: int, sequence: int, amount: int) -> SpendInput:
    return SpendInput(txid, vout, sequence, amount, "", KeyOrigin("", (), b""), b"")


def test_the_native_p2wpkh_example_of_bip143() -> None:
    inputs = (
        an_input("9f96ade4b41d5433f4eda31e1738ec2b36f6e7d1420d94a6af99801a88f7f7ff", 0, 0xFFFFFFEE, 0),
        an_input(
            "8ac60eb9575db5b2d987e29f301b5b819ea83a5c6579d282d189cc04b8e151ef", 1, 0xFFFFFFFF, 600_000_000
        ),
    )
    outputs = (
        SpendOutput(112_340_000, bytes.fromhex("76a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac")),
        SpendOutput(223_450_000, bytes.fromhex("76a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac")),
    )
    request = SpendRequest(1, 17, inputs, outputs)
    lock = single_lock(
        "p2wpkh", bytes.fromhex("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357")
    )
    digests = Digests(request, Unsigned.of(request), [lock, lock])
    assert digests.of(1).hex() == "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"


def test_the_p2sh_p2wpkh_example_of_bip143() -> None:
    spend = an_input(
        "77541aeb3c4dac9260b68f74f44c973081a9d4cb2ebe8038b2d70faa201b6bdb", 1, 0xFFFFFFFE, 1_000_000_000
    )
    outputs = (
        SpendOutput(199_996_600, bytes.fromhex("76a914a457b684d7f0d539a46a45bbc043f35b59d0d96388ac")),
        SpendOutput(800_000_000, bytes.fromhex("76a914fd270b1ee6abcaea97fea7ad0402e8bd8ad6d77c88ac")),
    )
    request = SpendRequest(1, 1170, (spend,), outputs)
    lock = single_lock("p2sh-p2wpkh", KEYS[2])
    assert lock.script_pubkey.hex() == "a9144733f37cf4db86fbc2efed2500b4f4e49f31202387"
    digest = Digests(request, Unsigned.of(request), [lock]).of(0)
    assert digest.hex() == "64f3b0f4dd2bb3aa1ce8566d220cc74dda9df97d8490cc81d89d735c92e59fb6"


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1)),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.tuples(st.integers(0, 10**15), st.binary(max_size=300)), min_size=1, max_size=4),
    st.integers(1, 2),
    st.integers(0, 2**32 - 1),
)
def test_every_digest_is_the_one_embit_computes(
    inputs: list[Any], outputs: list[Any], version: int, locktime: int
) -> None:
    from embit.ec import PublicKey

    spends = tuple(
        an_input(txid.hex(), 3, sequence, 1000 + n) for n, (_, txid, sequence) in enumerate(inputs)
    )
    request = SpendRequest(version, locktime, spends, tuple(SpendOutput(*each) for each in outputs))
    locks = [single_lock(kind, KEYS[n % 3]) for n, (kind, _, _) in enumerate(inputs)]
    digests = Digests(request, Unsigned.of(request), locks)
    tx, values = unsigned(request), [each.amount_sat for each in spends]
    spent = [script.Script(lock.script_pubkey) for lock in locks]
    for index, (kind, _, _) in enumerate(inputs):
        code = script.p2pkh(PublicKey.parse(KEYS[index % 3]))
        if kind == "p2tr":
            expected = tx.sighash_taproot(index, spent, values)
        elif kind == "p2pkh":
            expected = tx.sighash_legacy(index, code)
        else:
            expected = tx.sighash_segwit(index, code, values[index])
        assert digests.of(index) == expected


def test_keys_of_a_group_are_sorted_whatever_their_order() -> None:
    made = {group_lock("p2wsh", 2, order).script_pubkey for order in (KEYS, KEYS[::-1], KEYS[1:] + KEYS[:1])}
    assert len(made) == 1
    assert group_lock("p2wsh", 2, KEYS).keys == tuple(sorted(KEYS))


def test_lengths_are_written_in_their_shortest_form() -> None:
    assert [compact_size(n).hex() for n in (0, 252, 253, 65535, 65536)] == [
        "00",
        "fc",
        "fdfd00",
        "fdffff",
        "fe00000100",
    ]
    assert [push(b"x" * n)[:3].hex() for n in (75, 76, 255, 256)] == ["4b7878", "4c4c78", "4cff78", "4d0001"]
