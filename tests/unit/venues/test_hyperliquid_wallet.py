"""Hyperliquid's ledger and refusals: which line is ours, what it says, and what is no refusal at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vault.clock import ManualClock, from_milliseconds
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.money import USDC, Amount
from vault.venues.base import WithdrawRequest
from vault.venues.hyperliquid import wallet
from vault.venues.hyperliquid.account import MAX_PAGES, Hyperliquid
from vault.venues.hyperliquid.dialect import DIALECT, find
from vault.venues.line.transport import Evidence

NONCE = 1_725_369_497_528
TIME = 1_725_369_558_702
COLD = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
NOW = datetime(2024, 9, 3, 14, tzinfo=UTC)


def request(amount: str = "10", **changes: Any) -> WithdrawRequest:
    fields: dict[str, Any] = {
        "client_id": str(NONCE), "asset": "USDC", "amount": Amount.parse(amount, USDC), "network": "Arbitrum",
        "address": COLD, "tag": "", "bitcoin_network": "", "not_after": NOW, "fee": wallet.FEE,
    }  # fmt: skip
    return WithdrawRequest(**fields | changes)


def row(nonce: int = NONCE, usdc: str = "9.0", fee: str = "1.0", time: int = TIME) -> dict[str, Any]:
    delta = {"type": "withdraw", "usdc": usdc, "nonce": nonce, "fee": fee}
    return {"time": time, "hash": "0x" + f"{time:064x}", "delta": delta}


def read(rows: list[Any], asked: WithdrawRequest) -> Any:
    return wallet.withdrawals(wallet.lines(rows, "withdraw"), asked)


@pytest.mark.parametrize("nonce", [NONCE, NONCE * 1000, NONCE * 1000 + 7])
@pytest.mark.parametrize("usdc", ["9.0", "10.0"])
def test_our_line_is_known_by_its_nonce_and_says_gross_and_net(nonce: int, usdc: str) -> None:
    (found,) = read([row(nonce, usdc)], request())
    assert (found.gross, found.amount, found.fee) == (
        Amount.parse("10", USDC),
        Amount.parse("9", USDC),
        wallet.FEE,
    )
    assert (found.client_id, found.address, found.txid) == (str(NONCE), COLD, None)


def test_another_amount_under_our_nonce_is_told_as_it_is() -> None:
    (found,) = read([row(usdc="90.0")], request())
    assert found.gross == Amount.parse("91", USDC)


@pytest.mark.parametrize("nonce", [NONCE - 1, NONCE + 1, NONCE * 10, NONCE // 1000, 0])
def test_another_nonce_is_anothers(nonce: int) -> None:
    assert read([row(nonce)], request()) == ()


def test_lines_of_other_kinds_are_not_read() -> None:
    odd = [{"time": TIME, "hash": "0x1", "delta": {"type": "vaultDeposit", "usdc": "?"}}]
    assert read([*odd, row()], request()) == read([row()], request())


@pytest.mark.parametrize("change", [{"usdc": None}, {"fee": None}, {"nonce": None}, {"usdc": "9.0000001"}])
def test_a_line_that_lacks_a_number_or_has_too_many_digits_is_refused(change: dict[str, Any]) -> None:
    broken = row()
    broken["delta"] |= change
    with pytest.raises(VenueError):
        read([broken], request())


def test_the_recorded_withdrawal_is_read_exactly(shared_dir: Path) -> None:
    file = shared_dir / "fixtures" / "ccxt" / "response" / "hyperliquid.json"
    recorded = json.loads(file.read_text(encoding="utf-8"))["methods"]["fetchWithdrawals"][0]["httpResponse"]
    (found,) = read(recorded, request())
    assert (found.gross, found.applied_at) == (Amount.parse("10", USDC), from_milliseconds(TIME))
    (deposit,) = wallet.deposits(
        wallet.lines(recorded, "deposit"), "b17ab23a7006fe26145857954e728c72a118563deb7e32f80e317bb5b0fab955"
    )
    assert deposit.amount == Amount.parse("105", USDC)


class Ledger:
    """Answers with the lines since ``startTime``, at most so many; oldest first, or newest first."""

    def __init__(self, rows: list[Any], *, reverse: bool = False) -> None:
        self.rows, self.reverse, self.asked = rows, reverse, 0

    def get(self, _: str, said: dict[str, Any]) -> Any:
        self.asked += 1
        fitting = [each for each in self.rows if each["time"] >= said["startTime"]]
        return sorted(fitting, key=lambda each: each["time"], reverse=self.reverse)[: wallet.PAGE]


def account() -> Hyperliquid:
    settings = VenueSettings(name="hl", exchange="hyperliquid", account_uid=COLD)
    return Hyperliquid(settings, SimpleNamespace(), ManualClock(NOW))  # type: ignore[arg-type]


def since(rows: list[Any], **how: Any) -> Any:
    ledger = Ledger(rows, **how)
    start = from_milliseconds(TIME) - timedelta(hours=1)
    return account().withdrawals(ledger, request(), start, NOW), ledger  # type: ignore[arg-type]


def test_a_long_ledger_is_read_to_its_end() -> None:
    rows = [row(NONCE - 10_000 + n, time=TIME - 10_000 + n) for n in range(1, 1300)]
    found, ledger = since([*rows, row()])
    assert (len(found.found), found.complete, ledger.asked) == (1, True, 3)


def test_a_full_page_that_is_not_oldest_first_proves_nothing() -> None:
    rows = [row(NONCE + n, time=TIME + n) for n in range(1, wallet.PAGE + 2)]
    found, _ = since([row(), *rows], reverse=True)
    assert not found.complete


def test_more_at_one_moment_than_a_page_holds_proves_nothing() -> None:
    found, _ = since([row(NONCE + n) for n in range(1, wallet.PAGE + 2)])
    assert not found.complete


def test_a_ledger_without_end_is_given_up() -> None:
    rows = [row(NONCE + n, time=TIME + n) for n in range(1, wallet.PAGE * (MAX_PAGES + 1))]
    found, ledger = since(rows)
    assert (found.complete, ledger.asked) == (False, MAX_PAGES)


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("Insufficient balance for withdrawal.", True),
        ("Must deposit before performing actions. User: 0x123", True),
        ("L1 error: User or API Wallet 0x0123 does not exist.", True),
        ("User or API Wallet 0x0123 does not exist.", True),
        ("Unable to recover signer.", True),
        ("Nonce mismatch.", True),
        ("Invalid nonce: nonce too high 2 > 1", True),
        ("Invalid nonce: duplicate nonce 1", False),
        ("Invalid nonce: nonce too low 1 < 2", False),
        ("Something new.", False),
        ("", False),
    ],
)
def test_only_words_that_are_known_are_a_refusal_of_a_send(text: str, refuses: bool) -> None:
    evidence = Evidence(left=True, status=200, body=json.dumps({"status": "err", "response": text}))
    refusal = DIALECT.refusal(evidence)
    assert refusal is not None
    assert DIALECT.refuses(refusal, 200) == refuses
    assert not DIALECT.refuses(refusal, 502)


def test_an_accepted_action_is_no_refusal() -> None:
    assert find({"status": "ok", "response": {"type": "default"}}) is None
