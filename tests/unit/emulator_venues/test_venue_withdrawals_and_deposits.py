"""Money leaving and entering a venue: checks and codes, statuses, the chain, one credit per output."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from emulator.venues.engine.accounts import Account, WhitelistEntry
from emulator.venues.engine.deposits import DepositStatus
from emulator.venues.engine.exact import ZERO
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.engine.withdrawals import ClientIds, FeeMode, Status, WithdrawalRequest

D = Decimal
COLD = "bcrt1q" + "x" * 38


@pytest.fixture
def account(venue: Venue) -> Account:
    return venue.create_account("main", wallets={"spot": {"BTC": D("1")}})


def request(amount: str = "0.5", **changes: Any) -> WithdrawalRequest:
    fields: dict[str, Any] = {
        "coin": "BTC",
        "address": COLD,
        "amount": D(amount),
        "network": "BTC",
        **changes,
    }
    return WithdrawalRequest(**fields)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"coin": "DOGE"}, Reason.UNKNOWN_ASSET),
        ({"network": "TRX"}, Reason.UNKNOWN_NETWORK),
        ({"amount": D("0.00011999")}, Reason.BELOW_MINIMUM),
        ({"amount": D("0.5000000001")}, Reason.NOT_A_MULTIPLE),
        ({"amount": D("2351")}, Reason.ABOVE_MAXIMUM),
        ({"amount": D("-1")}, Reason.BAD_AMOUNT),
        ({"amount": D("1.00000001")}, Reason.INSUFFICIENT),
        ({"address": "not-an-address"}, Reason.BAD_ADDRESS),
        ({"address": "0x" + "a" * 40}, Reason.BAD_ADDRESS),
    ],
)
def test_refuses_a_bad_withdrawal_and_says_why(
    venue: Venue, account: Account, changes: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(Refusal) as refused:
        venue.withdraw(account, request(**changes))
    assert refused.value.reason is reason
    assert account.wallets["spot"]["BTC"] == D("1")
    assert not venue.withdrawals.records


def test_refuses_an_amount_that_the_fee_would_swallow(venue: Venue, account: Account) -> None:
    venue.network("BTC", "BTC").withdraw_fee = D("0.001")
    with pytest.raises(Refusal) as refused:
        venue.withdraw(account, request("0.001"))
    assert refused.value.reason is Reason.BELOW_FEE


def test_refuses_an_address_that_is_not_on_the_venues_whitelist(venue: Venue, account: Account) -> None:
    account.whitelist_on = True
    with pytest.raises(Refusal) as refused:
        venue.withdraw(account, request())
    assert refused.value.reason is Reason.NOT_WHITELISTED
    account.whitelist.append(WhitelistEntry("BTC", "BTC", COLD))
    venue.withdraw(account, request())


def test_refuses_withdrawals_while_suspended_for_all_or_for_the_network(
    venue: Venue, account: Account
) -> None:
    venue.withdrawals_suspended = True
    with pytest.raises(Refusal, match="suspended"):
        venue.withdraw(account, request())
    venue.withdrawals_suspended = False
    venue.network("BTC", "BTC").withdraw_enabled = False
    with pytest.raises(Refusal, match="suspended"):
        venue.withdraw(account, request())


def test_the_address_receives_the_amount_less_the_fee_to_the_satoshi(
    venue: Venue, account: Account, chain: Any
) -> None:
    record = venue.withdraw(account, request("0.12345678"))
    statuses = [record.status]
    for _ in range(3):
        venue.pump()
        statuses.append(record.status)
    assert statuses == [Status.EMAIL_SENT, Status.AWAITING_APPROVAL, Status.PROCESSING, Status.COMPLETED]
    assert chain.paid == [(COLD, 12_344_178)]
    assert record.tx_id == "0" * 63 + "1"
    assert account.wallets["spot"]["BTC"] == D("0.87654322")
    assert account.withdrawing["BTC"] == ZERO
    assert venue.withdrawals.fees == {"BTC": D("0.000015")}


def test_fee_can_be_charged_on_top(venue: Venue, account: Account, chain: Any) -> None:
    venue.withdrawals.settings.fee_mode = FeeMode.ADDED
    venue.withdraw(account, request("0.5"))
    for _ in range(3):
        venue.pump()
    assert chain.paid == [(COLD, 50_000_000)]
    assert account.wallets["spot"]["BTC"] == D("0.499985")


def test_a_second_use_of_a_client_id_is_a_second_withdrawal_unless_told_otherwise(
    venue: Venue, account: Account
) -> None:
    venue.withdraw(account, request("0.1", client_id="x"))
    venue.withdraw(account, request("0.1", client_id="x"))
    assert len(venue.withdrawals.records) == 2
    venue.withdrawals.settings.client_ids = ClientIds.REFUSED
    with pytest.raises(Refusal, match="duplicate"):
        venue.withdraw(account, request("0.1", client_id="x"))
    venue.withdraw(account, request("0.1", client_id="y"))
    venue.withdraw(account, request("0.1"))


def test_a_payment_the_chain_refuses_fails_and_the_money_comes_back(
    venue: Venue, account: Account, chain: Any
) -> None:
    chain.refuse = "address of another network"
    record = venue.withdraw(account, request())
    venue.pump()
    venue.pump()
    assert (record.status, record.info) == (Status.FAILED, "address of another network")
    assert account.wallets["spot"]["BTC"] == D("1")
    assert account.withdrawing["BTC"] == ZERO


def test_a_rejected_withdrawal_gives_the_money_back_and_is_never_paid(
    venue: Venue, account: Account, chain: Any
) -> None:
    venue.withdrawals.settings.reject_next = 1
    record = venue.withdraw(account, request())
    for _ in range(4):
        venue.pump()
    assert record.status is Status.REJECTED
    assert not chain.paid
    assert account.wallets["spot"]["BTC"] == D("1")


def test_a_paid_withdrawal_can_no_longer_be_refused(venue: Venue, account: Account) -> None:
    record = venue.withdraw(account, request())
    venue.pump()
    venue.pump()
    with pytest.raises(ValueError, match="unpaid"):
        venue.withdrawals.refuse(record, account, Status.CANCELLED, "late", 0)


def test_a_hold_stops_a_withdrawal_until_it_is_lifted(venue: Venue, account: Account, chain: Any) -> None:
    venue.withdrawals.settings.hold_at = Status.AWAITING_APPROVAL
    record = venue.withdraw(account, request())
    for _ in range(5):
        venue.pump()
    assert record.status is Status.AWAITING_APPROVAL
    venue.withdrawals.settings.hold_at = None
    venue.pump()
    assert chain.paid


def test_completion_waits_for_confirmations(venue: Venue, account: Account, chain: Any) -> None:
    venue.withdrawals.settings.confirmations_to_complete = 2
    record = venue.withdraw(account, request())
    for _ in range(5):
        venue.pump()
    assert record.status is Status.PROCESSING
    chain.confirm(2)
    venue.pump()
    assert (record.status, record.confirmations) == (Status.COMPLETED, 2)


def test_history_hides_what_is_younger_than_its_lag(venue: Venue, account: Account) -> None:
    venue.withdrawals.settings.history_lag_ticks = 2
    venue.withdraw(account, request())
    seen = []
    for _ in range(3):
        seen.append(len(venue.withdrawals.visible(account.uid, venue.clock.now_ms(), venue.ticks)))
        venue.pump()
    assert seen == [0, 0, 1]


def test_a_deposit_is_pending_then_credited_then_free(venue: Venue, account: Account, chain: Any) -> None:
    chain.receive(venue.deposit_address(account, "BTC", "BTC").address, 25_000_001)
    story = []
    for depth in (0, 1, 2):
        chain.confirm(depth)
        venue.pump()
        story.append((venue.deposits.of(account.uid)[0].status, account.wallets["spot"]["BTC"]))
    assert story == [
        (DepositStatus.PENDING, D("1")),
        (DepositStatus.CREDITED_LOCKED, D("1.25000001")),
        (DepositStatus.SUCCESS, D("1.25000001")),
    ]


def test_credited_but_unconfirmed_money_cannot_be_withdrawn(
    venue: Venue, account: Account, chain: Any
) -> None:
    chain.receive(venue.deposit_address(account, "BTC", None).address, 50_000_000, confirmations=1)
    venue.pump()
    with pytest.raises(Refusal) as refused:
        venue.withdraw(account, request("1.2"))
    assert refused.value.reason is Reason.LOCKED
    chain.confirm(2)
    venue.pump()
    venue.withdraw(account, request("1.2"))


def test_an_output_is_credited_once_however_often_it_is_seen(
    venue: Venue, account: Account, chain: Any
) -> None:
    chain.receive(venue.deposit_address(account, "BTC", "BTC").address, 1_000_000, confirmations=6)
    for _ in range(5):
        venue.pump()
    chain.confirm(0)  # reorganised away from the tip and back
    venue.pump()
    chain.confirm(6)
    venue.pump()
    assert account.wallets["spot"]["BTC"] == D("1.01")


def test_dust_and_foreign_outputs_are_not_credited(venue: Venue, account: Account, chain: Any) -> None:
    chain.receive(venue.deposit_address(account, "BTC", "BTC").address, 999, confirmations=6)
    chain.receive(COLD, 1_000_000, confirmations=6)
    venue.pump()
    assert account.wallets["spot"]["BTC"] == D("1")


def test_deposits_wait_while_suspended(venue: Venue, account: Account, chain: Any) -> None:
    address = venue.deposit_address(account, "BTC", "BTC")
    venue.network("BTC", "BTC").deposit_enabled = False
    chain.receive(address.address, 1_000_000, confirmations=6)
    venue.pump()
    assert account.wallets["spot"]["BTC"] == D("1")
    with pytest.raises(Refusal, match="no_deposits"):
        venue.deposit_address(account, "BTC", "BTC")
    venue.network("BTC", "BTC").deposit_enabled = True
    venue.pump()
    assert account.wallets["spot"]["BTC"] == D("1.01")


def test_deposit_address_is_stable_and_an_old_one_still_credits(
    venue: Venue, account: Account, chain: Any
) -> None:
    first = venue.deposit_address(account, "BTC", "BTC")
    assert venue.deposit_address(account, "BTC", "BTC") == first
    second = venue.deposits.renew(account, "BTC", venue.network("BTC", "BTC"), chain)
    assert second != first
    assert venue.deposit_address(account, "BTC", "BTC") == second
    chain.receive(first.address, 1_000_000, confirmations=1)
    venue.pump()
    assert account.wallets["spot"]["BTC"] == D("1.01")


def test_a_wallet_refuses_what_it_does_not_hold_and_what_is_too_fine(account: Account) -> None:
    with pytest.raises(ValueError, match="at least"):
        account.debit("spot", "BTC", D("2"), 0)
    with pytest.raises(ValueError, match="8 decimals"):
        account.credit("spot", "BTC", D("0.000000001"), 0)
    with pytest.raises(ValueError, match="8 decimals"):
        account.credit("spot", "BTC", D("-1"), 0)
