"""What a server must show: headers with their work, branches to their root, JSON that is bounded."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.address import network_of, sha256d
from vault.bitcoin.backends.answers import MAX_PARTS, read_json, to_amount, to_integer, to_rate
from vault.bitcoin.backends.chains import CHAINS
from vault.bitcoin.backends.proof import Header, climb, read_chain, read_header, require_branch
from vault.errors import ChainError

MAINNET, REGTEST = network_of("mainnet"), network_of("regtest")
# Block 0 of mainnet (Bitcoin Core `kernel/chainparams.cpp`).
GENESIS = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e"
    "67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
)


def refused(ask: object) -> bool:
    with pytest.raises(ChainError) as error:
        ask()  # type: ignore[operator]
    return error.value.code == "chain.bad_answer"


@given(count=st.integers(1, 40), data=st.data())
def test_every_leaf_of_a_tree_is_proven_and_no_other(count: int, data: st.DataObject) -> None:
    leaves = [hashlib.sha256(str(number).encode()).digest() for number in range(count)]
    at = position = data.draw(st.integers(0, count - 1))
    branch, level = [], leaves
    while len(level) > 1:
        level = level + level[-1:] if len(level) % 2 else level
        branch.append(level[at ^ 1])
        level = [sha256d(level[each] + level[each + 1]) for each in range(0, len(level), 2)]
        at //= 2
    assert climb(leaves[position], branch, position) == level[0]
    header = Header(9, "00" * 32, "00" * 32, level[0])
    told = {"merkle": [each[::-1].hex() for each in branch], "pos": position, "block_height": 9}
    require_branch(told, leaves[position][::-1].hex(), header)
    assert refused(lambda: require_branch(told, hashlib.sha256(b"x").hexdigest(), header))
    if branch:
        spoilt = told | {"merkle": [*told["merkle"][:-1], "00" * 32]}  # type: ignore[index]
        assert refused(lambda: require_branch(spoilt, leaves[position][::-1].hex(), header))
        shorter = told | {"merkle": told["merkle"][:-1]}  # type: ignore[index]
        assert refused(lambda: require_branch(shorter, leaves[position][::-1].hex(), header))


def test_a_header_must_have_the_work_its_target_asks_for_and_a_target_of_its_network() -> None:
    header = read_header(GENESIS, 0, MAINNET)
    assert header.hash == CHAINS["mainnet"].genesis
    assert refused(lambda: read_header(GENESIS[:-1] + b"\0", 0, MAINNET))
    assert refused(lambda: read_header(GENESIS[:-1], 0, MAINNET))
    easy = GENESIS[:72] + bytes.fromhex("ffff7f20") + GENESIS[76:]
    assert refused(lambda: read_header(easy, 0, MAINNET))
    for bits in ("00000000", "ffff00ff", "ffff801d", "ffff0021"):
        raw = GENESIS[:72] + bytes.fromhex(bits) + GENESIS[76:]
        assert refused(lambda raw=raw: read_header(raw, 0, REGTEST))


def test_a_recent_mainnet_header_at_the_easiest_target_is_no_header() -> None:
    assert read_header(GENESIS, 799_999, MAINNET)
    assert refused(lambda: read_header(GENESIS, 800_000, MAINNET))


def test_headers_must_build_on_each_other() -> None:
    assert read_chain(GENESIS, 0, MAINNET)[0].height == 0
    assert refused(lambda: read_chain(GENESIS + GENESIS, 0, MAINNET))
    assert refused(lambda: read_chain(b"", 0, MAINNET))
    assert refused(lambda: read_chain(GENESIS + b"\0", 0, MAINNET))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 33 + "]" * 33,
        '{"a":' * 40 + "1" + "}" * 40,
        "[" * 2_000_000,
        '"' * 400_001,
        "NaN",
        "1e999999999999",
    ],
)
def test_json_is_bounded_before_it_is_parsed(text: str) -> None:
    assert refused(lambda: read_json(text))


def test_an_answer_of_nothing_but_empty_lists_is_refused_before_it_is_parsed() -> None:
    assert refused(lambda: read_json("[" + "[]," * MAX_PARTS + "[]]"))
    assert len(read_json("[" + "[]," * 1_000 + "[]]")) == 1_001


def test_brackets_within_text_are_no_nesting_and_numbers_stay_exact() -> None:
    assert read_json('["' + "[" * 100 + '\\"[", 0.1]') == ["[" * 100 + '"[', Decimal("0.1")]
    assert to_rate(read_json("0.00012345"), per_vbyte=100_000) == Decimal("12.345")
    for value in (True, "1", -1, Decimal("NaN"), 10**9, None, 1.5):
        assert refused(lambda value=value: to_rate(value))
    for value in (True, -1, "-1", "1.0", "٣", 10**15, None):
        assert refused(lambda value=value: to_integer(value, "number"))
    for value in (True, -1, 21_000_000 * 10**8 + 1, "1", Decimal(1)):
        assert refused(lambda value=value: to_amount(value))
