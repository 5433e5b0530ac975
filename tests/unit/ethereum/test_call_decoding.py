"""Calldata becomes a named call only where our tables know it, and is told to a person in full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_calls import RECIPIENT, SAFE, SENDER
from vault.errors import AddressError, EthereumError
from vault.ethereum.build import cancel, payment, revoke
from vault.ethereum.contracts import erc20
from vault.ethereum.contracts.table import ContractTable, call
from vault.ethereum.decode import data_bytes, decimal_text, decode_call
from vault.ethereum.tokens import TOKENS, token_of
from vault.evm.abi import function
from vault.evm.address import checksum_address
from vault.money import BTC, ETH, USDC, USDT, Amount

USDC_1 = token_of(1, USDC)


def refused(code: str) -> pytest.RaisesExc[EthereumError]:
    return pytest.raises(EthereumError, check=lambda error: error.code == f"ethereum.{code}")


def test_a_payment_is_told_in_full() -> None:
    part = payment(1, Amount(USDC, 1_500_250_000), RECIPIENT)
    decoded = decode_call(1, part.to, part.value, data_bytes(part.data))
    assert decoded.lines() == (
        "chain: Ethereum (1)",
        f"contract: USDC token at {USDC_1.address}",
        "call: transfer(address,uint256)",
        f"to: {RECIPIENT}",
        "value: 1500.250000 USDC (1500250000 units)",
    )
    assert (decoded.asset, decoded.units, decoded.party) == (USDC, 1_500_250_000, RECIPIENT)


def test_ether_is_told_in_ether_and_wei() -> None:
    part = payment(42161, Amount(ETH, 1), RECIPIENT)
    assert decode_call(42161, part.to, part.value, b"").lines() == (
        "chain: Arbitrum One (42161)",
        "send: 0.000000000000000001 ETH (1 wei)",
        f"to: {RECIPIENT}",
    )


def test_an_allowance_without_end_is_told_with_all_its_digits_and_the_ether_with_it() -> None:
    most = 2**256 - 1
    decoded = decode_call(1, USDC_1.address, 5, erc20.APPROVE.encode(RECIPIENT, most))
    assert f"value: {decimal_text(most, 6)} USDC ({most} units)" in decoded.lines()
    assert decoded.lines()[-1] == "ether with it: 0.000000000000000005 ETH (5 wei)"


@given(st.sampled_from(TOKENS), st.binary(min_size=20, max_size=20).filter(any), st.integers(1, 10**36))
def test_what_is_built_decodes_to_itself(token: object, raw: bytes, units: int) -> None:
    recipient, known = checksum_address(raw), next(each for each in TOKENS if each is token)
    part = payment(known.chain_id, Amount(known.asset, units), recipient)
    decoded = decode_call(known.chain_id, part.to, part.value, data_bytes(part.data))
    assert (decoded.token, decoded.party, decoded.units) == (known, recipient, units)
    part = revoke(known.chain_id, known.asset, recipient)
    decoded = decode_call(known.chain_id, part.to, part.value, data_bytes(part.data))
    assert (decoded.function, decoded.party, decoded.units) == (erc20.APPROVE, recipient, 0)


@given(st.binary(min_size=1, max_size=120))
def test_other_calldata_of_a_token_is_refused(data: bytes) -> None:
    try:
        decoded = decode_call(1, USDC_1.address, 0, data)
    except EthereumError as error:
        assert error.code in {"ethereum.unknown_call", "ethereum.bad_calldata", "ethereum.refused_function"}
    else:
        assert decoded.function is not None
        assert decoded.function.encode(*(each.value for each in decoded.arguments)) == data


@given(st.binary(min_size=1, max_size=60))
def test_calldata_of_an_unknown_contract_is_refused(data: bytes) -> None:
    with pytest.raises(EthereumError):
        decode_call(1, RECIPIENT, 0, data)


@pytest.mark.parametrize(
    "known",
    [each for each in erc20.ERC20.functions if each.use != "call"],
    ids=lambda each: each.function.name,
)
def test_functions_that_are_read_or_refused_are_never_called(known: object) -> None:
    found = next(each for each in erc20.ERC20.functions if each is known)
    with refused("refused_function"):
        decode_call(1, USDC_1.address, 0, found.function.selector + bytes(96))


def test_selectors_of_a_table_are_told_apart() -> None:
    selectors = [each.function.selector for each in erc20.ERC20.functions]
    assert len(set(selectors)) == len(selectors)


def test_a_tokens_function_at_another_contract_is_unknown_or_a_lookalike() -> None:
    data = erc20.TRANSFER.encode(RECIPIENT, 5)
    with refused("unknown_token"):
        decode_call(1, SENDER, 0, data)
    with refused("lookalike"):
        decode_call(42161, USDC_1.address, 0, data)


def test_contracts_of_ours_are_known_from_the_directory_only() -> None:
    change = "changeThreshold(uint256 _threshold)"
    table = ContractTable("safe", "Safe", (call(change),))
    data = function(change).encode(2)
    decoded = decode_call(1, SAFE, 0, data, {SAFE: table})
    assert decoded.lines()[1:] == (
        f"contract: Safe at {SAFE}", "call: changeThreshold(uint256)", "_threshold: 2",
    )  # fmt: skip
    with refused("unknown_call"):
        decode_call(1, SAFE, 0, data)
    with refused("unknown_call"):
        decode_call(1, SAFE, 0, b"\0\0\0\0", {SAFE: table})


def test_foreign_text_in_arguments_cannot_write_on_the_screen() -> None:
    table = ContractTable("other", "thing", (call("say(string words, bytes more)"),))
    data = function("say(string words, bytes more)").encode("a\x1b[2J\u202e", b"\x01")
    lines = decode_call(1, SAFE, 0, data, {SAFE: table}).lines()
    assert lines[-2:] == ("words: 'a\\x1b[2J\\u202e'", "more: 0x01")


@pytest.mark.parametrize("text", ["", "0X", "0xA0", "0x0", "0x0g", " 0x", "a9059cbb", "0x00\n"])
def test_calldata_has_one_text(text: str) -> None:
    with refused("bad_calldata"):
        data_bytes(text)


def test_only_amounts_and_addresses_that_are_right_are_built() -> None:
    with refused("zero_amount"):
        payment(1, Amount(USDT, 0), RECIPIENT)
    with refused("zero_amount"):
        payment(1, Amount(ETH, -1), RECIPIENT)
    with refused("unknown_token"):
        payment(1, Amount(BTC, 1), RECIPIENT)
    for address in (RECIPIENT.lower(), "0x" + "0" * 40, RECIPIENT[:-1], ""):
        with pytest.raises(AddressError):
            payment(1, Amount(ETH, 1), address)
        with pytest.raises(AddressError):
            cancel(address)
        with pytest.raises(AddressError):
            revoke(1, USDC, address)
