"""What an approver reads: every payment in full, or what comes back; nothing that moves is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vault.attestation import Statement
from vault.money import BTC, Amount
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
