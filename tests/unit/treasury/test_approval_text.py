"""What an approver reads: every payment in full, or what comes back; nothing that moves is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vault.attestation import Statement
from vault.errors import EthereumError
from vault.ethereum.build import CallPart, payment, revoke
from vault.ethereum.tokens import token_of
from vault.evm.abi import function
from vault.evm.address import checksum_address
from vault.evm.call import EthereumCall, SafeCall
from vault.money import BTC, ETH, USDC, Amount
from vault.treasury.authority import approval_statement
from vault.treasury.plan import PLAN_SCHEMA, Move, Payment, Plan, PlanBody, Transfer

AT = datetime(2026, 1, 31, 5, tzinfo=UTC)
ONE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
TWO = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
TXID = "ab" * 32


def statement(**changes: Any) -> Statement:
    facts: dict[str, Any] = {
        "number": 1,
        "action": "pay",
        "kind": "bitcoin_spend",
        "source": "cold",
        "venue_account": "",
        "network": "bitcoin:regtest",
        "venue_network": "",
        "payments": (
            Payment("cold-1", ONE, Amount(BTC, 50_000)),
            Payment("cold-2", TWO, Amount(BTC, 70_000)),
        ),
        "fee": Amount(BTC, 900),
        "psbt": "cA==",
        "coins": (f"{TXID}:0", f"{TXID}:1"),
        **changes,
    }
    zeros = ("0" * 64,) * 4
    body = PlanBody(
        PLAN_SCHEMA, "ours", "regtest", AT, AT + timedelta(minutes=30), "default", 1, zeros[0], 1, *zeros[1:],
        1, (), (Transfer(**facts),),
    )  # fmt: skip
    return approval_statement(Plan.of(body))


def of_transfer(said: Statement) -> dict[str, str]:
    return {label: value for label, value in said.fields if label[0] == "1"}


def test_a_batch_shows_every_payment_whole() -> None:
    assert of_transfer(statement()) == {
        "1": "pay 0.00120000 BTC from cold in 2 payments",
        "1 pays 1": "0.00050000 BTC",
        "1 to 1": ONE,
        "1 pays 2": "0.00070000 BTC",
        "1 to 2": TWO,
        "1 max fee": "0.00000900 BTC",
    }


def test_an_upkeep_shows_what_comes_back_and_to_whom() -> None:
    said = statement(
        action="consolidate", kind="bitcoin_upkeep", payments=(), returned=Amount(BTC, 1_234_567)
    )
    assert of_transfer(said) == {
        "1": "consolidate 2 coins of cold",
        "1 returns": "0.01234567 BTC to wallet cold",
        "1 max fee": "0.00000900 BTC",
    }


def test_a_return_shows_what_moves_and_on_which_way() -> None:
    said = statement(
        action="return",
        kind="venue_move",
        source="main",
        venue_account="main",
        payments=(),
        fee=Amount.zero(BTC),
        psbt="",
        coins=(),
        returned=Amount(BTC, 1_234_567),
        moves=(Move("spot", "cash"), Move("cash", "flex")),
    )
    assert of_transfer(said) == {
        "1": "return 0.01234567 BTC at main",
        "1 moves": "spot to cash to flex",
        "1 max fee": "0.00000000 BTC",
    }


def test_a_replacement_names_what_it_replaces() -> None:
    paid = (Payment("cold-1", ONE, Amount(BTC, 50_000)),)
    said = of_transfer(statement(action="bump", payments=paid, replaces=TXID))
    assert (said["1"], said["1 to"], said["1 replaces"]) == ("bump 0.00050000 BTC from cold", ONE, TXID)


def test_the_text_is_read_back_to_the_same_statement() -> None:
    for said in (statement(), statement(action="cancel", kind="bitcoin_upkeep", payments=(), replaces=TXID)):
        assert Statement.parse(said.text()) == said


# -- Ethereum ---------------------------------------------------------------------------------------------

OURS, THEIRS, SAFE = (checksum_address(bytes([each]) * 20) for each in (0x11, 0x22, 0x33))
USDC_AT = token_of(1, USDC).address


def on_ethereum(amount: Amount | None, *, safe: bool = False, **changes: Any) -> Statement:
    """A payment of an account or of a Safe, or without an amount what `changes` say."""
    part = payment(1, amount, THEIRS) if amount is not None else changes.pop("part")
    inner = SafeCall(SAFE, "1.4.1", THEIRS, 12, part.to, part.value, part.data, (OURS, THEIRS), 2)
    outer = (SAFE, 0, "0x") if safe else (part.to, part.value, part.data)
    call = EthereumCall(
        1, "gas" if safe else "hot", OURS, 7, 90_000, 40 * 10**9, 10**9, *outer, 100, inner if safe else None
    )
    asset = ETH if amount is None else amount.asset
    return statement(
        **{
            "kind": "ethereum_spend",
            "source": "safe" if safe else "hot",
            "network": "eip155:1",
            "payments": () if amount is None else (Payment("home", THEIRS, amount),),
            "fee": Amount.zero(asset),
            "psbt": "",
            "coins": (),
            "call": call,
            **changes,
        }
    )


def test_a_payment_of_a_token_says_who_what_where_and_at_most_what_gas() -> None:
    said = on_ethereum(Amount.parse("50.25", USDC))
    assert of_transfer(said) == {
        "1": "pay 50.250000 USDC from hot",
        "1 to": THEIRS,
        "1 token": USDC_AT,
        "1 chain": "eip155:1",
        "1 sender": f"{OURS} nonce 7",
        "1 max gas": "0.003600000000000000 ETH",
    }


def test_ether_has_no_token() -> None:
    said = of_transfer(on_ethereum(Amount(ETH, 1)))
    assert said["1"] == "pay 0.000000000000000001 ETH from hot"
    assert "1 token" not in said


def test_of_a_safe_its_address_its_nonce_and_its_hash_are_whole() -> None:
    said = of_transfer(on_ethereum(Amount.parse("1000000", USDC), safe=True))
    assert said["1 safe"] == f"{SAFE} nonce 12"
    assert len(said["1 safe hash"]) == 66
    other = of_transfer(on_ethereum(Amount.parse("1000000.000001", USDC), safe=True))
    assert said["1 safe hash"] != other["1 safe hash"]
    assert said["1 token"] == USDC_AT


def test_a_call_that_pays_nobody_is_said_with_every_argument() -> None:
    part = revoke(1, USDC, THEIRS)
    said = of_transfer(on_ethereum(None, part=part, action="revoke"))
    assert said["1"] == "revoke of hot"
    assert said["1 on"] == USDC_AT
    assert said["1 calls"] == "approve(address,uint256)"
    assert THEIRS in said["1 with 1"]
    assert said["1 with 2"].endswith(": 0")


def test_owners_of_a_safe_change_only_in_words_that_say_who() -> None:
    add = function("addOwnerWithThreshold(address owner, uint256 threshold)")
    part = CallPart(SAFE, 0, "0x" + add.encode(THEIRS, 2).hex())
    said = of_transfer(on_ethereum(None, safe=True, part=part, action="reconfigure"))
    assert said["1"] == "reconfigure of safe"
    assert said["1 calls"] == "addOwnerWithThreshold(address,uint256)"
    assert any(THEIRS in value for value in said.values())
    assert any(value.endswith(": 2") for value in said.values())


def test_what_no_table_of_ours_knows_is_approved_by_nobody() -> None:
    part = CallPart(SAFE, 0, "0xdeadbeef")
    with pytest.raises(EthereumError):
        on_ethereum(None, safe=True, part=part, action="reconfigure")


def test_a_withdrawal_to_ethereum_names_its_chain() -> None:
    said = statement(
        action="sweep",
        kind="venue_withdrawal",
        source="main",
        venue_account="main",
        network="eip155:42161",
        venue_network="Arbitrum",
        payments=(Payment("home", THEIRS, Amount.parse("5", USDC)),),
        fee=Amount.parse("1", USDC),
        psbt="",
        coins=(),
    )
    assert of_transfer(said)["1 chain"] == "eip155:42161"


def test_every_text_of_ethereum_fits_a_device_and_is_read_back() -> None:
    for said in (
        on_ethereum(Amount.parse("999999999999.999999", USDC), safe=True),
        on_ethereum(Amount(ETH, 10**27)),
        on_ethereum(None, part=revoke(1, USDC, THEIRS), action="revoke"),
    ):
        assert Statement.parse(said.text()) == said
