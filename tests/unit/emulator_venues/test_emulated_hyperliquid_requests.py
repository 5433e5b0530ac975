"""The emulated Hyperliquid takes actions as the real one does: by whoever signed them, a nonce once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from coincurve import PrivateKey

from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.paper_chain import Family, PaperChain
from emulator.venues.engine.venue import Venue
from emulator.venues.hyperliquid.profile import BRIDGE
from emulator.venues.serving.dispatch import Dispatcher
from emulator.venues.serving.exchange import load
from emulator.venues.serving.messages import Incoming
from tests.support.hyperliquid_world import COLD, KEY, OWNER, address_of, signed, withdrawal
from vault.ethereum.hyperliquid.actions import ClassTransfer
from vault.money import USDC, Amount

NOW = 1_795_000_000_000
DAY = 86_400_000
OK = {"status": "ok", "response": {"type": "default"}}
STRANGER = PrivateKey(b"\x22" * 32)


@pytest.fixture
def venue() -> Venue:
    made = Venue(load("hyperliquid").profile)
    made.clock.fixed_ms = NOW
    made.chains["USDC", "Arbitrum"] = PaperChain("USDC", Family.EVM)
    made.create_account(
        "main",
        keys=(ApiKey(OWNER.lower(), ""),),
        wallets={"perp": {"USDC": Amount.parse("1000", USDC).to_decimal()}},
    )
    return made


def post(venue: Venue, path: str, body: Any) -> tuple[int, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    asked = Incoming("POST", path, "", text, None, "127.0.0.1")
    answer = Dispatcher(load("hyperliquid"), venue).answer(asked)
    try:
        return answer.status, json.loads(answer.text)
    except ValueError:
        return answer.status, answer.text


def act(venue: Venue, text: str) -> Any:
    status, said = post(venue, "/exchange", text)
    assert status == 200
    return said


def told(venue: Venue, kind: str, **fields: Any) -> Any:
    return post(venue, "/info", {"type": kind, **fields})[1]


def ledger(venue: Venue) -> Any:
    return told(venue, "userNonFundingLedgerUpdates", user=OWNER, startTime=NOW - DAY)


def err(text: str) -> Any:
    return {"status": "err", "response": text}


def action(amount: str = "25.5", nonce: int = NOW) -> str:
    return signed(withdrawal(amount, nonce=nonce)).text()


def altered(text: str, **changes: Any) -> str:
    said = json.loads(text)
    said["action"] |= changes
    return json.dumps(said)


def test_a_withdrawal_that_the_owner_signed_is_paid_less_one_dollar_and_stands_in_the_ledger(
    venue: Venue,
) -> None:
    assert act(venue, action()) == OK
    assert ledger(venue) == []  # the validators have not signed it yet
    venue.pump()
    venue.pump()
    chain = venue.chains["USDC", "Arbitrum"]
    assert isinstance(chain, PaperChain)
    assert chain.paid == [(COLD.lower(), 24_500_000, f"{OWNER.lower()}:{NOW}")]
    (row,) = ledger(venue)
    assert row["delta"] == {"type": "withdraw", "usdc": "24.5", "nonce": NOW, "fee": "1.0"}
    assert told(venue, "clearinghouseState", user=OWNER)["withdrawable"] == "974.5"


def test_the_same_action_again_is_refused_also_when_the_first_one_was(venue: Venue) -> None:
    poor = action("1000.000001")
    assert act(venue, poor) == err("Insufficient balance for withdrawal.")
    assert act(venue, poor) == err(f"Invalid nonce: duplicate nonce {NOW}")
    good = action(nonce=NOW + 1)
    assert act(venue, good) == OK
    assert act(venue, good) == err(f"Invalid nonce: duplicate nonce {NOW + 1}")
    move = ClassTransfer(Amount.parse("1", USDC), False, NOW + 1)
    assert act(venue, signed(move).text()) == err(f"Invalid nonce: duplicate nonce {NOW + 1}")


@pytest.mark.parametrize(
    "changes", [{"amount": "26.5"}, {"destination": OWNER.lower()}, {"signatureChainId": "0x66eee"}]
)
def test_an_altered_action_is_that_of_somebody_else_who_has_no_account(
    venue: Venue, changes: dict[str, str]
) -> None:
    said = act(venue, altered(action(), **changes))
    assert said["status"] == "err"
    assert said["response"].startswith("Must deposit before performing actions. User: 0x")
    assert OWNER.lower() not in said["response"]
    assert venue.withdrawals.records == []


def test_a_stranger_is_named_and_another_owner_pays_for_himself(venue: Venue) -> None:
    theirs = signed(withdrawal("5", nonce=NOW), STRANGER).text()
    stranger = address_of(STRANGER).lower()
    assert act(venue, theirs) == err(f"Must deposit before performing actions. User: {stranger}")
    other = venue.create_account("other", keys=(ApiKey(stranger, ""),))
    other.credit("perp", "USDC", Amount.parse("7", USDC).to_decimal(), NOW)
    assert act(venue, theirs) == OK
    assert other.held("perp", "USDC") == 2
    assert venue.account("main").held("perp", "USDC") == 1000


def test_any_chain_id_may_be_signed_for_but_not_another_hyperliquid_chain(venue: Venue) -> None:
    for number, chain_id in enumerate((1, 421614, 42161)):
        assert act(venue, signed(withdrawal("2", nonce=NOW + number), chain_id=chain_id).text()) == OK
    said = act(venue, altered(action(nonce=NOW + 9), hyperliquidChain="Testnet"))
    assert said == err("Mainnet and testnet require different signature.")


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (-2 * DAY, f"Invalid nonce: nonce too low {NOW - 2 * DAY} < {NOW - 2 * DAY}"),
        (DAY, f"Invalid nonce: nonce too high {NOW + DAY} > {NOW + DAY}"),
    ],
)
def test_a_nonce_outside_of_its_window_is_refused(venue: Venue, offset: int, text: str) -> None:
    assert act(venue, action(nonce=NOW + offset)) == err(text)
    inside = offset + (1 if offset < 0 else -1)
    assert act(venue, action(nonce=NOW + inside)) == OK


def test_the_nonce_beside_the_action_must_be_its_own(venue: Venue) -> None:
    said = json.loads(action())
    assert act(venue, json.dumps(said | {"nonce": NOW + 1})) == err("Nonce mismatch.")


@pytest.mark.parametrize("amount", ["0", "1", "1e1", "-5", "", "25.5000001"])
def test_an_amount_that_cannot_be_paid_is_refused(venue: Venue, amount: str) -> None:
    good = withdrawal("25.5", nonce=NOW)
    body = json.loads(signed(good).text())
    # The venue hashes the text as it is, so this one is signed as it is.
    from emulator.venues.hyperliquid.signing import digest

    body["action"]["amount"] = amount
    raw = KEY.sign_recoverable(digest(body["action"]), hasher=None)
    body["signature"] = {"r": "0x" + raw[:32].hex(), "s": "0x" + raw[32:64].hex(), "v": 27 + raw[64]}
    assert act(venue, json.dumps(body))["status"] == "err"
    assert venue.account("main").held("perp", "USDC") == 1000


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '{"action":{"type":"order"},"nonce":1,"signature":{}}',
        altered(action(), extra=1),
        altered(action(), time="1"),
        altered(action(), signatureChainId=42161),
        json.dumps({**json.loads(action()), "more": 1}),
    ],
)
def test_a_body_of_another_form_is_not_even_an_error_of_the_exchange(venue: Venue, body: str) -> None:
    status, text = post(venue, "/exchange", body)
    assert (status, text) == (422, "Failed to deserialize the JSON body into the target type")
    assert post(venue, "/exchange", "{") == (400, "Failed to parse the request body as JSON")


def test_a_signature_that_nobody_made_recovers_nobody(venue: Venue) -> None:
    said = json.loads(action())
    zeros = {"r": "0x0", "s": "0x0", "v": 27}
    assert act(venue, json.dumps(said | {"signature": zeros})) == err("Unable to recover signer.")


def test_money_moves_between_perpetuals_and_spot_by_signature_alone(venue: Venue) -> None:
    out = ClassTransfer(Amount.parse("300.25", USDC), False, NOW)
    assert act(venue, signed(out).text()) == OK
    back = replace(out, amount=Amount.parse("0.25", USDC), to_perp=True, nonce=NOW + 1)
    assert act(venue, signed(back).text()) == OK
    account = venue.account("main")
    assert (account.held("perp", "USDC"), account.held("spot", "USDC")) == (700, 300)
    assert [row["delta"]["toPerp"] for row in ledger(venue)] == [False, True]
    assert told(venue, "spotClearinghouseState", user=OWNER)["balances"][0]["total"] == "300.0"


def test_whoever_pays_the_bridge_is_credited_and_less_than_five_dollars_is_lost(venue: Venue) -> None:
    chain = venue.chains["USDC", "Arbitrum"]
    assert isinstance(chain, PaperChain)
    txid = chain.receive(BRIDGE, 12_000_000, OWNER)
    chain.receive(BRIDGE, 4_999_999, OWNER)
    chain.receive(BRIDGE, 50_000_000, address_of(STRANGER))
    venue.pump()
    venue.pump()
    (row,) = ledger(venue)
    assert (row["hash"], row["delta"]) == (txid, {"type": "deposit", "usdc": "12.0"})
    assert venue.account("main").held("perp", "USDC") == 1012


def test_who_has_no_account_has_an_empty_one(venue: Venue) -> None:
    nobody = address_of(STRANGER)
    assert told(venue, "userRole", user=nobody) == {"role": "missing"}
    assert told(venue, "userRole", user=OWNER.removeprefix("0x")) == {"role": "user"}
    assert told(venue, "clearinghouseState", user=nobody)["marginSummary"]["accountValue"] == "0.0"
    assert post(venue, "/info", {"type": "clearinghouseState", "user": "me"})[0] == 422
    assert post(venue, "/info", {"type": "noSuchThing"})[0] == 422
