"""Hyperliquid's actions: hashed as ccxt hashes them, read strictly, and compared with what was planned."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import EthereumError
from vault.ethereum.hyperliquid import bridge
from vault.ethereum.hyperliquid.actions import (
    Action,
    ClassTransfer,
    SignedAction,
    Withdraw,
    body,
    typed_data,
)
from vault.ethereum.hyperliquid.verify import PlannedWithdrawal, require_withdrawal
from vault.ethereum.view import EventLog
from vault.evm import abi
from vault.evm.address import checksum_address
from vault.evm.hashing import keccak
from vault.evm.transaction import ORDER, EthereumSignature
from vault.evm.typed import TypedData
from vault.money import BTC, USDC, Amount

KEY = PrivateKey(b"\x11" * 32)
OWNER = checksum_address(keccak(KEY.public_key.format(compressed=False)[1:])[12:])
COLD = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
OTHER = "0x54B0Fa66A065748C40dCA2C7Fe125A2028CF9982"
NONCE = 1_763_900_000_000
CCXT_CHAIN = 421614  # what ccxt signs with; ours is Arbitrum's own
GROSS = Amount.parse("12.3", USDC)
WITHDRAW = Withdraw(COLD, GROSS, NONCE)
PLANNED = PlannedWithdrawal(OWNER, COLD, GROSS, NONCE)


def signed(action: Action, key: PrivateKey = KEY, chain_id: int = 42161) -> SignedAction:
    raw = key.sign_recoverable(typed_data(action, chain_id).digest(), hasher=None)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    return SignedAction(action, EthereumSignature(raw[64], 27 + raw[64], r, s), chain_id)


def code_of(call: Any) -> str:
    with pytest.raises(EthereumError) as caught:
        call()
    return caught.value.code


@pytest.fixture(scope="module")
def exchange() -> Any:
    ccxt = pytest.importorskip("ccxt")
    return ccxt.hyperliquid({"privateKey": f"0x{KEY.to_hex()}", "walletAddress": OWNER})


def sent_by_ccxt(exchange: Any, monkeypatch: pytest.MonkeyPatch, call: str, *arguments: Any) -> Any:
    """The body that ccxt's own method would post."""
    posted: list[Any] = []

    def keep(request: Any) -> Any:
        posted.append(request)
        return {"status": "ok", "response": {"type": "default"}}

    monkeypatch.setattr(exchange, "privatePostExchange", keep)
    monkeypatch.setattr(exchange, "markets", {})
    monkeypatch.setattr(exchange, "incrementing_nonce", lambda: NONCE)
    getattr(exchange, call)(*arguments)
    (request,) = posted
    return request


def test_a_withdrawal_is_signed_as_ccxt_signs_it_byte_for_byte(
    exchange: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = sent_by_ccxt(exchange, monkeypatch, "withdraw", "USDC", 12.3, COLD.lower())
    assert json.loads(signed(WITHDRAW, chain_id=CCXT_CHAIN).text()) == theirs


@pytest.mark.parametrize("to_perp", [True, False])
def test_a_move_between_spot_and_perpetuals_is_signed_as_ccxt_signs_it(
    exchange: Any, monkeypatch: pytest.MonkeyPatch, to_perp: bool
) -> None:
    ways = ("spot", "swap") if to_perp else ("swap", "spot")
    theirs = sent_by_ccxt(exchange, monkeypatch, "transfer", "USDC", 5.25, *ways)
    ours = ClassTransfer(Amount.parse("5.25", USDC), to_perp, NONCE)
    assert json.loads(signed(ours, chain_id=CCXT_CHAIN).text()) == theirs


@given(
    st.integers(1, 10**15),
    st.binary(min_size=20, max_size=20).filter(any),
    st.integers(10**12, 10**13 - 1),
)
def test_what_is_posted_reads_back_to_the_same_action(units: int, to: bytes, nonce: int) -> None:
    action = Withdraw(checksum_address(to), Amount(USDC, units), nonce)
    made = signed(action)
    assert SignedAction.parse(made.text()) == made
    assert "e" not in body(action)["amount"].lower()
    assert Amount.parse(body(action)["amount"], USDC) == action.amount


def test_the_struct_has_the_venues_name_with_its_colon() -> None:
    data = typed_data(WITHDRAW)
    assert data.type_text(data.primary_type) == (
        "HyperliquidTransaction:Withdraw(string hyperliquidChain,string destination,string amount,"
        "uint64 time)"
    )


@pytest.mark.parametrize(
    "action",
    [
        replace(WITHDRAW, amount=Amount(USDC, 0)),
        replace(WITHDRAW, amount=Amount.parse("1", BTC)),
        replace(WITHDRAW, destination=COLD.lower()),
        replace(WITHDRAW, destination="0x" + "0" * 40),
        replace(WITHDRAW, destination="not an address"),
        replace(WITHDRAW, nonce=NONCE // 1000),
        replace(WITHDRAW, nonce=NONCE * 1000),
        replace(WITHDRAW, nonce=True),
        ClassTransfer(Amount(USDC, 0), True, NONCE),
    ],
)
def test_an_action_that_could_mean_something_else_is_not_made(action: Action) -> None:
    assert code_of(lambda: typed_data(action)) in {"ethereum.bad_action", "ethereum.bad_nonce"}


def altered(**changes: Any) -> str:
    said = json.loads(signed(WITHDRAW).text())
    said["action"] |= changes
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    "kind",
    ["usdSend", "spotSend", "sendAsset", "approveAgent", "vaultTransfer", "order", "withdraw2", "", None],
)
def test_every_other_action_is_refused_by_name(kind: Any) -> None:
    assert code_of(lambda: SignedAction.parse(altered(type=kind))) == "ethereum.unknown_action"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"action":{},"nonce":1,"signature":{}}',
        altered(hyperliquidChain="Testnet"),
        altered(signatureChainId="42161"),
        altered(signatureChainId="0x0a4b1"),
        altered(amount="12.30"),
        altered(amount="1.23e1"),
        altered(amount="-12.3"),
        altered(amount="12.3000001"),
        altered(amount=12),
        altered(destination=COLD),
        altered(destination="0x1"),
        altered(time=NONCE + 1),
        altered(time=str(NONCE)),
        altered(time=True),
        altered(extra=1),
        signed(WITHDRAW).text().replace('"v":2', '"v":3'),
        signed(WITHDRAW).text().replace('"r":"0x', '"r":"0X'),
        signed(WITHDRAW).text() + " ",
    ],
)
def test_a_text_that_is_not_exactly_an_action_of_ours_is_refused(text: str) -> None:
    assert code_of(lambda: SignedAction.parse(text)) in {"ethereum.bad_action", "ethereum.unknown_action"}


def test_the_planned_withdrawal_by_the_owner_passes() -> None:
    assert require_withdrawal(signed(WITHDRAW), PLANNED) == WITHDRAW
    assert require_withdrawal(signed(WITHDRAW), replace(PLANNED, nonce=None)) == WITHDRAW
    assert require_withdrawal(signed(WITHDRAW), replace(PLANNED, account=OWNER.lower())) == WITHDRAW


@pytest.mark.parametrize(
    ("planned", "field"),
    [
        (replace(PLANNED, destination=OTHER), "destination"),
        (replace(PLANNED, amount=Amount.parse("12.300001", USDC)), "amount"),
        (replace(PLANNED, nonce=NONCE + 1), "nonce"),
    ],
)
def test_a_field_that_differs_from_the_plan_is_named(planned: PlannedWithdrawal, field: str) -> None:
    with pytest.raises(EthereumError) as caught:
        require_withdrawal(signed(WITHDRAW), planned)
    assert (caught.value.code, caught.value.details["field"]) == ("ethereum.altered_action", field)


def test_another_kind_or_another_chain_is_altered_too() -> None:
    move = signed(ClassTransfer(GROSS, True, NONCE))
    assert code_of(lambda: require_withdrawal(move, PLANNED)) == "ethereum.altered_action"
    elsewhere = signed(WITHDRAW, chain_id=1)
    assert code_of(lambda: require_withdrawal(elsewhere, PLANNED)) == "ethereum.altered_action"


def test_the_signature_of_another_action_or_key_is_nobodys() -> None:
    later = signed(replace(WITHDRAW, nonce=NONCE + 1))
    moved = replace(signed(WITHDRAW), signature=later.signature)
    stranger = signed(WITHDRAW, PrivateKey(b"\x22" * 32))
    for each in (moved, stranger):
        assert code_of(lambda each=each: require_withdrawal(each, PLANNED)) in {  # type: ignore[misc]
            "ethereum.wrong_signer",
            "ethereum.bad_signature",
        }


def test_a_high_s_is_refused() -> None:
    made = signed(WITHDRAW)
    high = replace(made.signature, s=ORDER - made.signature.s, parity=1 - made.signature.parity)
    assert code_of(lambda: require_withdrawal(replace(made, signature=high), PLANNED)) == (
        "ethereum.bad_signature"
    )


# The bridge


def test_the_bridges_event_is_the_one_of_the_real_contract() -> None:
    assert bridge.FINALIZED.topic.hex() == "e5c7fe3a4ffca1590f26d74c8ba8b0db69557f7f4607a2a43f82e93041611978"


def test_a_deposit_of_enough_from_the_account_itself_is_credited() -> None:
    bridge.require_deposit(
        chain_id=42161, sender=OWNER, to=bridge.BRIDGE, amount=bridge.MINIMUM_DEPOSIT, account=OWNER.lower()
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"chain_id": 1}, "ethereum.wrong_chain_id"),
        ({"to": OTHER}, "ethereum.wrong_bridge"),
        ({"to": bridge.BRIDGE.lower()}, "ethereum.wrong_bridge"),
        ({"sender": OTHER}, "ethereum.wrong_sender"),
        ({"amount": Amount.parse("4.999999", USDC)}, "ethereum.below_minimum"),
        ({"amount": Amount.parse("6", BTC)}, "ethereum.below_minimum"),
    ],
)
def test_a_deposit_that_would_be_lost_is_refused(changes: dict[str, Any], code: str) -> None:
    good: dict[str, Any] = {
        "chain_id": 42161, "sender": OWNER, "to": bridge.BRIDGE, "amount": GROSS, "account": OWNER,
    }  # fmt: skip
    assert code_of(lambda: bridge.require_deposit(**good | changes)) == code


PAYOUT = bridge.Payout(OWNER, COLD, Amount.parse("11.3", USDC), NONCE)


def paid(
    *,
    address: str = bridge.BRIDGE,
    user: str = OWNER,
    to: str = COLD,
    usd: int = 11_300_000,
    nonce: int = NONCE,
) -> EventLog:
    data = abi.encode(["address", "uint64", "uint64", "bytes32"], [to, usd, nonce, b"\1" * 32])
    return EventLog(address, bridge.payout_topics(user), data)


def test_the_payment_of_our_nonce_is_found_however_finely_it_is_written() -> None:
    logs = [("0xa", paid(nonce=NONCE - 1)), ("0xb", paid(user=OTHER)), ("0xc", paid(address=OTHER))]
    assert bridge.payouts(logs, PAYOUT) == ()
    assert bridge.payouts([*logs, ("0xd", paid()), ("0xd", paid())], PAYOUT) == ("0xd",)
    assert bridge.payouts([("0xe", paid(nonce=NONCE * 1000))], PAYOUT) == ("0xe",)


@pytest.mark.parametrize("log", [paid(to=OTHER), paid(usd=12_300_000)])
def test_our_nonce_with_another_payment_is_an_error_and_no_payment(log: EventLog) -> None:
    assert code_of(lambda: bridge.payouts([("0xa", log)], PAYOUT)) == "ethereum.bad_payout"


def named(name: str) -> TypedData:
    return TypedData.parse(
        {
            "types": {"EIP712Domain": [], name: [{"name": "x", "type": "string"}]},
            "primaryType": name,
            "domain": {},
            "message": {"x": ""},
        }
    )


@pytest.mark.parametrize("name", ["A:B", "Permit", "_a:_b", "A" * 31 + ":" + "B" * 32])
def test_a_structs_name_may_have_one_colon_within(name: str) -> None:
    assert named(name).type_text(name) == f"{name}(string x)"


@pytest.mark.parametrize(
    "name", [":A", "A:", "A:B:C", "A::B", "A:1", "1:A", "A:B)", "A: B", "A:B\n", "A" * 32 + ":" + "B" * 32]
)
def test_a_name_that_reads_as_something_else_is_refused(name: str) -> None:
    assert code_of(lambda: named(name)) == "ethereum.bad_typed_data"
