"""Owners' signatures: recovered, each owner once, in the contract's order, never a quorum of the blind."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from tests.support.ethereum_safes import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    OWNERS,
    SAFE,
    STRANGER,
    raw_signature,
    safe_call,
    signed_by,
)
from vault.errors import SafeError
from vault.ethereum.safe.signatures import (
    OwnerSignature,
    Saw,
    collect,
    missing,
    packed,
    read_signature,
    require_quorum,
    unpacked,
)
from vault.ethereum.safe.transaction import hashes, safe_tx
from vault.evm.hashing import message_digest
from vault.evm.transaction import ORDER

CALL = safe_call()
DIGEST = hashes(safe_tx(1, CALL)).safe_tx


def _refused(signatures: list[OwnerSignature]) -> str:
    with pytest.raises(SafeError) as refused:
        require_quorum(1, CALL, signatures)
    assert refused.value.exit_status == 36
    return refused.value.code


@pytest.mark.parametrize("order", list(permutations((ALICE, BOB, CAROL), 2)))
def test_any_two_owners_in_any_order_become_the_contracts_order(order: tuple[object, ...]) -> None:
    found = require_quorum(1, CALL, signed_by(CALL, *order))  # type: ignore[arg-type]
    addresses = [int(each.owner, 16) for each in found]
    assert addresses == sorted(addresses)
    assert unpacked(packed(found), 1, CALL) == tuple(replace(each, saw="unknown") for each in found)


def test_no_more_than_the_threshold_are_sent_and_one_of_them_saw_the_data() -> None:
    for seeing in (ALICE, BOB, CAROL):
        blind = [key for key in (ALICE, BOB, CAROL) if key is not seeing]
        all_three = [*signed_by(CALL, *blind, saw="hashes"), *signed_by(CALL, seeing)]
        found = require_quorum(1, CALL, all_three)
        assert len(found) == 2
        assert [each.saw for each in found].count("data") == 1


@pytest.mark.parametrize("saw", ["hashes", "unknown"])
def test_signers_who_saw_no_data_are_never_enough_however_many(saw: Saw) -> None:
    assert _refused(signed_by(CALL, ALICE, BOB, CAROL, saw=saw)) == "safe.blind_quorum"
    assert missing(CALL, collect(1, CALL, signed_by(CALL, ALICE, BOB, saw=saw))) == 1


def test_one_more_is_missing_until_the_threshold() -> None:
    assert [missing(CALL, tuple(signed_by(CALL, *keys))) for keys in ((), (ALICE,), (ALICE, BOB))] == [
        2,
        1,
        0,
    ]
    assert _refused(signed_by(CALL, ALICE)) == "safe.not_enough_signatures"


def test_the_same_signature_twice_is_one_and_the_better_seen_counts() -> None:
    twice = [*signed_by(CALL, ALICE, saw="hashes"), *signed_by(CALL, ALICE, saw="data")]
    assert collect(1, CALL, twice) == tuple(signed_by(CALL, ALICE, saw="data"))
    assert _refused(twice) == "safe.not_enough_signatures"


def test_two_different_signatures_of_one_owner_are_refused() -> None:
    (first,) = signed_by(CALL, ALICE)
    # What another nonce of the same key makes: it holds just as well.
    from coincurve import PrivateKey

    other = None
    for entropy in range(1, 50):
        compact = PrivateKey(ALICE.secret).sign_recoverable(
            DIGEST, hasher=None, custom_nonce=_nonce(bytes([entropy]) * 32)
        )
        other = replace(first, signature=compact[:64] + bytes([27 + compact[64]]))
        if other.signature != first.signature:
            break
    assert other is not None
    assert _refused([first, other]) == "safe.duplicate_signature"


def _nonce(entropy: bytes) -> tuple[object, object]:
    from coincurve._libsecp256k1 import ffi

    return ffi.NULL, ffi.new("unsigned char[32]", entropy)


@pytest.mark.parametrize(
    ("v", "code"),
    [
        (0, "safe.contract_signature"),
        (1, "safe.approved_hash"),
        (31, "safe.eth_sign"),
        (32, "safe.eth_sign"),
        (2, "safe.bad_signature"),
        (26, "safe.bad_signature"),
        (29, "safe.bad_signature"),
        (255, "safe.bad_signature"),
    ],
)
def test_other_kinds_of_signature_are_refused_by_name(v: int, code: str) -> None:
    raw = raw_signature(ALICE, DIGEST)[:64] + bytes([v])
    with pytest.raises(SafeError) as refused:
        read_signature(raw, DIGEST, OWNERS)
    assert refused.value.code == code


def test_an_eth_sign_signature_dressed_as_typed_data_leads_to_nobody() -> None:
    raw = raw_signature(ALICE, message_digest(DIGEST))
    with pytest.raises(SafeError) as refused:
        read_signature(raw, DIGEST, OWNERS)
    assert refused.value.code == "safe.foreign_signature"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(64),
        bytes(66),
        bytes(64) + b"\x1b",
        b"\xff" * 64 + b"\x1b",
        raw_signature(ALICE, DIGEST)[:32] + (ORDER - 1).to_bytes(32, "big") + b"\x1b",
    ],
)
def test_what_is_no_signature_is_refused(raw: bytes) -> None:
    with pytest.raises(SafeError) as refused:
        read_signature(raw, DIGEST, OWNERS)
    assert refused.value.code == "safe.bad_signature"


def test_a_high_s_is_refused_although_it_would_recover() -> None:
    raw = raw_signature(ALICE, DIGEST)
    high = raw[:32] + (ORDER - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big") + bytes([55 - raw[64]])
    with pytest.raises(SafeError) as refused:
        read_signature(high, DIGEST, OWNERS)
    assert refused.value.code == "safe.bad_signature"


def test_signatures_of_strangers_and_of_removed_owners_are_refused() -> None:
    assert _refused(signed_by(CALL, ALICE, MALLORY)) == "safe.foreign_signature"
    without_carol = safe_call(owners=OWNERS[:2])
    with pytest.raises(SafeError) as refused:
        require_quorum(1, without_carol, signed_by(CALL, ALICE, CAROL))
    assert refused.value.code == "safe.foreign_signature"


@pytest.mark.parametrize(
    ("other", "chain_id"),
    [
        (safe_call(nonce=4), 1),
        (safe_call(address=STRANGER), 1),
        (safe_call(value=1), 1),
        (safe_call(data="0x"), 1),
        (CALL, 42161),
    ],
)
def test_signatures_of_another_transaction_chain_or_safe_are_refused(other: object, chain_id: int) -> None:
    signatures = signed_by(other, ALICE, BOB, chain_id=chain_id)  # type: ignore[arg-type]
    assert _refused(signatures) == "safe.foreign_signature"


def test_a_signature_under_another_owners_name_is_refused() -> None:
    (mine,) = signed_by(CALL, ALICE)
    assert _refused([replace(mine, owner=OWNERS[1])]) == "safe.wrong_owner"


@pytest.mark.parametrize(
    ("signers", "code"),
    [
        ((ALICE,), "safe.not_enough_signatures"),
        ((ALICE, ALICE), "safe.unsorted_signatures"),
        ((ALICE, BOB, CAROL), "safe.surplus"),
        ((ALICE, MALLORY), "safe.foreign_signature"),
    ],
)
def test_what_an_exec_transaction_carries_is_exactly_a_quorum(signers: tuple[object, ...], code: str) -> None:
    raw = packed(sorted(signed_by(CALL, *signers), key=lambda each: int(each.owner, 16)))  # type: ignore[arg-type]
    with pytest.raises(SafeError) as refused:
        unpacked(raw, 1, CALL)
    assert refused.value.code == code


def test_signatures_in_another_order_are_refused() -> None:
    raw = packed(reversed(require_quorum(1, CALL, signed_by(CALL, ALICE, BOB))))
    with pytest.raises(SafeError) as refused:
        unpacked(raw, 1, CALL)
    assert refused.value.code == "safe.unsorted_signatures"
    with pytest.raises(SafeError):
        unpacked(raw[:-1], 1, CALL)


def test_the_safe_itself_is_never_a_signer() -> None:
    with pytest.raises(SafeError):
        collect(1, safe_call(owners=(SAFE, *OWNERS)), signed_by(CALL, ALICE))
