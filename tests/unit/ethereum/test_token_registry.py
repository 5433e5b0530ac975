"""Chains and tokens that are known: facts in their right form, and no other contract taken for them."""

from __future__ import annotations

import pytest

from tests.support.ethereum_paper import CODE, IMPLEMENTATION, PaperToken, PaperView, word
from vault.codec import decode, encode
from vault.errors import EthereumError
from vault.ethereum.chains import CHAINS, chain_id_of, chain_of
from vault.ethereum.contracts import erc20
from vault.ethereum.token_checks import TokenPin, check_token, read_pin
from vault.ethereum.tokens import IMPLEMENTATION_SLOTS, TOKENS, looks_alike, require_token, token_at, token_of
from vault.evm.address import address_bytes, checksum_address
from vault.evm.hashing import keccak
from vault.money import ETH, USDC, USDT

USDC_1, USDT_1 = token_of(1, USDC), token_of(1, USDT)
PAYER, PAYEE = "0x54B0Fa66A065748C40dCA2C7Fe125A2028CF9982", checksum_address(b"\x22" * 20)


def refused(code: str) -> pytest.RaisesExc[EthereumError]:
    return pytest.raises(EthereumError, check=lambda error: error.code == f"ethereum.{code}")


def test_every_token_stands_on_a_known_chain_at_an_address_with_its_checksum() -> None:
    for token in TOKENS:
        assert token.chain_id in CHAINS
        address_bytes(token.address)
        assert token.asset in {USDC, USDT}
        assert token_of(token.chain_id, token.asset) is token
        assert token_at(token.chain_id, token.address) is token


def test_storage_slots_are_the_hashes_that_their_standards_say() -> None:
    eip1967 = int.from_bytes(keccak(b"eip1967.proxy.implementation"), "big") - 1
    assert IMPLEMENTATION_SLOTS["eip1967"] == eip1967
    zeppelinos = int.from_bytes(keccak(b"org.zeppelinos.proxy.implementation"), "big")
    assert IMPLEMENTATION_SLOTS["zeppelinos"] == zeppelinos


def test_chains_are_named_by_caip_2_and_others_are_refused() -> None:
    assert chain_of(42161).caip2 == "eip155:42161"
    assert chain_id_of("eip155:1") == 1
    assert {each.id for each in CHAINS.values() if each.test} == {11155111}
    assert all(each.confirmations >= 1 and each.why for each in CHAINS.values())
    with refused("unknown_chain"):
        chain_of(56)
    for name in ("bitcoin:mainnet", "eip155:", "eip155:01", "eip155:1 ", "EIP155:1", "eip155:-1"):
        with refused("wrong_chain_id"):
            chain_id_of(name)


def test_an_asset_without_a_contract_on_a_chain_is_unknown() -> None:
    for chain_id, asset in ((8453, USDT), (11155111, USDT), (1, ETH)):
        with refused("unknown_token"):
            token_of(chain_id, asset)


def test_a_bridged_cousin_is_a_lookalike() -> None:
    with refused("lookalike"):
        require_token(42161, "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8")


def test_another_chains_token_is_a_lookalike_here() -> None:
    with refused("lookalike"):
        require_token(42161, USDC_1.address)


def test_an_address_with_the_same_ends_is_a_lookalike() -> None:
    digits = USDC_1.address[2:].lower()
    fake = checksum_address(bytes.fromhex(digits[:4] + "ab" * 16 + digits[-4:]))
    assert looks_alike(fake, USDC_1.address)
    with refused("lookalike"):
        require_token(1, fake)


@pytest.mark.parametrize("symbol", ["USDC", "usdc", " USDC ", "USD₮", "ＵＳＤＣ", "U.S.D.C", "USDС"])
def test_a_known_symbol_at_another_address_is_a_lookalike_however_it_is_written(symbol: str) -> None:
    with refused("lookalike"):
        require_token(1, PAYEE, symbol)


def test_another_contract_with_another_symbol_is_unknown() -> None:
    with refused("unknown_token"):
        require_token(1, PAYEE, "WETH")


def paper() -> tuple[PaperView, PaperToken, PaperToken]:
    view = PaperView()
    return view, view.put(PaperToken(USDC_1)), view.put(PaperToken(USDT_1))


def test_a_token_as_registered_and_pinned_passes() -> None:
    view, _, _ = paper()
    for token in (USDC_1, USDT_1):
        pin = read_pin(view, token)
        assert check_token(view, token, pin, (PAYER, PAYEE), 10**9) == pin
        assert decode(encode(pin), TokenPin) == pin
    assert read_pin(view, USDC_1).implementation == IMPLEMENTATION
    assert read_pin(view, USDT_1).implementation == ""


def test_refuses_a_proxy_that_runs_another_implementation() -> None:
    view, _, _ = paper()
    pin = read_pin(view, USDC_1)
    view.slots[USDC_1.address, IMPLEMENTATION_SLOTS["zeppelinos"]] = word(PAYEE)
    view.codes[PAYEE] = CODE + b"1"
    with refused("proxy_changed"):
        check_token(view, USDC_1, pin)


@pytest.mark.parametrize("slot", [bytes(32), b"\x01" + word(PAYEE)[1:], b"\x11" * 31])
def test_refuses_a_proxy_of_another_kind(slot: bytes) -> None:
    view, _, _ = paper()
    view.slots[USDC_1.address, IMPLEMENTATION_SLOTS["zeppelinos"]] = slot
    with refused("proxy_changed"):
        check_token(view, USDC_1, None)


@pytest.mark.parametrize("address", [USDC_1.address, IMPLEMENTATION])
def test_refuses_code_that_is_not_the_pinned_one(address: str) -> None:
    view, _, _ = paper()
    pin = read_pin(view, USDC_1)
    view.codes[address] += b"!"
    with refused("code_changed"):
        check_token(view, USDC_1, pin)


@pytest.mark.parametrize("address", [USDC_1.address, IMPLEMENTATION])
def test_refuses_a_token_without_code(address: str) -> None:
    view, _, _ = paper()
    del view.codes[address]
    with refused("no_code"):
        check_token(view, USDC_1, None)


def test_refuses_another_tokens_pin() -> None:
    view, _, _ = paper()
    with refused("unknown_token"):
        check_token(view, USDT_1, read_pin(view, USDC_1))


def test_refuses_other_decimals_and_symbols_than_the_registrys() -> None:
    view, usdc, usdt = paper()
    usdc.decimals = (18).to_bytes(32, "big")
    with refused("wrong_decimals"):
        check_token(view, USDC_1, None)
    usdt.symbol = PaperToken(USDC_1).symbol
    with refused("wrong_symbol"):
        check_token(view, USDT_1, None)


@pytest.mark.parametrize(
    "answer", [b"", b"\x06", (6).to_bytes(32, "big") + bytes(32), (256).to_bytes(32, "big")]
)
def test_refuses_decimals_that_cannot_be_read(answer: bytes) -> None:
    view, usdc, _ = paper()
    usdc.decimals = answer
    with refused("bad_answer"):
        check_token(view, USDC_1, None)


@pytest.mark.parametrize(
    ("token", "function", "code"),
    [
        (USDC_1, erc20.PAUSED, "token_paused"),
        (USDT_1, erc20.PAUSED, "token_paused"),
        (USDT_1, erc20.DEPRECATED, "token_retired"),
    ],
)
def test_refuses_a_token_that_is_paused_or_retired(token: object, function: object, code: str) -> None:
    view, usdc, usdt = paper()
    each = usdc if token is USDC_1 else usdt
    each.views[function.selector] = (1).to_bytes(32, "big")  # type: ignore[attr-defined]
    with refused(code):
        check_token(view, each.token, None)


@pytest.mark.parametrize("party", [PAYER, PAYEE])
def test_refuses_a_token_that_blocks_a_party(party: str) -> None:
    for at, token in enumerate((USDC_1, USDT_1)):
        view, *papers = paper()
        assert token.blocks is not None
        papers[at].views[token.blocks.encode(party)] = (1).to_bytes(32, "big")
        with refused("token_blocks"):
            check_token(view, token, None, (PAYER, PAYEE))


def test_refuses_usdt_when_it_takes_a_fee_of_the_amount() -> None:
    view, _, usdt = paper()
    usdt.views[erc20.BASIS_POINTS_RATE.selector] = (10).to_bytes(32, "big")
    check_token(view, USDT_1, None, (PAYER,), 10**6)  # of at most zero
    usdt.views[erc20.MAXIMUM_FEE.selector] = (50).to_bytes(32, "big")
    check_token(view, USDT_1, None, (PAYER,), 999)  # too little for a fee
    with refused("token_takes_fee"):
        check_token(view, USDT_1, None, (PAYER,), 10**6)


def test_refuses_a_node_of_another_chain() -> None:
    view, _, _ = paper()
    view.chain_id = 11155111
    with refused("wrong_chain_id"):
        check_token(view, USDC_1, None)
