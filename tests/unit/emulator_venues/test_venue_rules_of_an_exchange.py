"""What differs between exchanges: client ids, pace, holds, travel rule, tags, nonces; and damaged answers."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from emulator.venues.binance.profile import PROFILE
from emulator.venues.engine.accounts import Account, WhitelistEntry
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.keys import ApiKey, NonceBook, Right
from emulator.venues.engine.paper_chain import Family, PaperChain
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.engine.withdrawals import ClientIds, FeeMode, Status, WithdrawalRequest
from emulator.venues.serving.damage import damaged
from emulator.venues.serving.faults import Fault, FaultKind

D = Decimal
COLD = "bcrt1q" + "x" * 38
NOW = 1_769_817_600_000


@pytest.fixture
def account(venue: Venue) -> Account:
    return venue.create_account("main", wallets={"spot": {"BTC": D("1")}})


def send(venue: Venue, account: Account, amount: str = "0.1", **more: Any) -> Any:
    return venue.withdraw(account, WithdrawalRequest("BTC", COLD, D(amount), "BTC", **more))


def refused(reason: Reason) -> Any:
    return pytest.raises(Refusal, match=f"^{reason}")


def test_an_idempotent_client_id_gets_the_first_withdrawal(venue: Venue, account: Account) -> None:
    venue.withdrawals.settings.client_ids = ClientIds.IDEMPOTENT
    first = send(venue, account, client_id="x")
    assert send(venue, account, "0.7", client_id="x") is first
    assert account.held("spot", "BTC") == D("0.9")
    venue.create_account("other", wallets={"spot": {"BTC": D("1")}})
    assert send(venue, venue.account("other"), client_id="x") is not first


def test_a_client_id_must_fit_the_exchanges_alphabet() -> None:
    strict = Venue(replace(PROFILE, client_id_pattern=re.compile(r"[0-9A-Za-z]{1,32}")))
    account = strict.create_account("main", wallets={"spot": {"BTC": D("1")}})
    with refused(Reason.BAD_CLIENT_ID):
        send(strict, account, client_id="with-dash")
    send(strict, account, client_id="without")


def test_a_second_withdrawal_of_a_coin_waits_its_ten_seconds(venue: Venue, account: Account) -> None:
    venue.withdrawals.settings.spacing_ms = 10_000
    send(venue, account)
    venue.clock.fixed_ms = NOW + 9_999
    with refused(Reason.TOO_FREQUENT):
        send(venue, account)
    venue.clock.fixed_ms = NOW + 10_000
    send(venue, account)


def test_a_hold_ends_at_its_moment(venue: Venue, account: Account) -> None:
    account.held_until_ms = NOW + 1
    with refused(Reason.HELD):
        send(venue, account)
    venue.clock.fixed_ms = NOW + 1
    send(venue, account)


def test_travel_rule_refuses_as_often_as_told(venue: Venue, account: Account) -> None:
    venue.withdrawals.settings.travel_rule_next = 1
    with refused(Reason.TRAVEL_RULE):
        send(venue, account)
    send(venue, account)


def test_a_request_may_choose_who_bears_the_fee(venue: Venue, account: Account) -> None:
    record = send(venue, account, fee_mode=FeeMode.ADDED)
    assert (record.amount, record.gross) == (D("0.1"), D("0.100015"))


def test_a_whitelist_entry_counts_with_its_tag_and_once_it_is_usable(venue: Venue, account: Account) -> None:
    account.whitelist_on = True
    account.whitelist.append(WhitelistEntry("BTC", "BTC", COLD, usable=False))
    with refused(Reason.NOT_WHITELISTED):
        send(venue, account)
    account.whitelist[:] = [WhitelistEntry("BTC", "BTC", COLD)]
    send(venue, account)


def xrp() -> CoinNetwork:
    return CoinNetwork(
        network="XRP",
        name="XRP Ledger",
        address_pattern=r"^r[1-9A-HJ-NP-Za-km-z]{24,34}$",
        withdraw_fee=D("0.2"),
        withdraw_min=D("1"),
        withdraw_max=D("1000000"),
        withdraw_step=D("0.000001"),
        deposit_dust=D("0.000001"),
        is_default=True,
        decimals=6,
        tag_pattern=r"[0-9]{1,10}",
        tag_required=True,
        family="xrp",
    )


@pytest.fixture
def ledger(venue: Venue) -> PaperChain:
    chain = PaperChain("XRP", Family.XRP, stock=1_000_000_000)
    venue.coins["XRP"] = Coin("XRP", "XRP", [xrp()])
    venue.chains["XRP", "XRP"] = chain
    return chain


def test_the_tag_goes_with_the_payment_and_its_lack_is_refused(venue: Venue, ledger: PaperChain) -> None:
    account = venue.create_account("x", wallets={"spot": {"XRP": D("100")}})
    address = ledger.address("cold")
    with refused(Reason.BAD_TAG):
        venue.withdraw(account, WithdrawalRequest("XRP", address, D("10"), "XRP"))
    with refused(Reason.BAD_TAG):
        venue.withdraw(account, WithdrawalRequest("XRP", address, D("10"), "XRP", tag="memo"))
    record = venue.withdraw(account, WithdrawalRequest("XRP", address, D("10"), "XRP", tag="77"))
    for _ in range(3):
        venue.pump()
    assert ledger.paid == [(address, 9_800_000, "77")]
    assert (record.status, record.tx_id.isupper()) == (Status.COMPLETED, True)


def test_one_address_serves_all_and_the_tag_says_whose_the_money_is(venue: Venue, ledger: PaperChain) -> None:
    one, two = (venue.create_account(name) for name in ("one", "two"))
    first, second = (venue.deposit_address(each, "XRP", None) for each in (one, two))
    assert (first.address, first.tag != second.tag) == (second.address, True)
    ledger.receive(first.address, 5_000_000, second.tag)
    ledger.receive(first.address, 3_000_000)  # no tag: nobody's
    venue.pump()
    assert (one.held("spot", "XRP"), two.held("spot", "XRP")) == (0, D("5"))


def test_a_tag_on_a_chain_without_tags_is_refused(venue: Venue, account: Account) -> None:
    with refused(Reason.BAD_TAG):
        send(venue, account, tag="1")


def test_a_paper_chain_repeats_itself_and_refuses_foreign_addresses() -> None:
    one, two = (PaperChain("ETH", Family.EVM, stock=10**18) for _ in range(2))
    target = one.address("cold")
    assert one.pay(target, 5) == two.pay(target, 5)
    with pytest.raises(ValueError, match="family"):
        one.pay(PaperChain("USDT", Family.TRON).address("cold"), 5)
    with pytest.raises(ValueError, match="base units"):
        one.pay(target, 10**18)
    one.tick()
    assert one.confirmations(two.pay(target, 6)) is None


def test_wei_survive_a_deposit_to_the_last_one() -> None:
    fine = Venue(replace(PROFILE, places=18))
    network = fine.network("ETH", None)
    network.deposit_enabled, network.deposit_dust = True, D("1E-18")
    chain = PaperChain("ETH", Family.EVM)
    fine.chains["ETH", "ETH"] = chain
    account = fine.create_account("main")
    chain.receive(fine.deposit_address(account, "ETH", None).address, 10**18 + 1, confirmations=64)
    fine.pump()
    assert account.held("spot", "ETH") == D("1.000000000000000001")


def test_a_nonce_only_rises_and_each_key_has_its_own() -> None:
    book = NonceBook()
    book.rise("a", 5)
    book.rise("b", 1)
    for stale in (5, 4):
        with refused(Reason.BAD_NONCE):
            book.rise("a", stale)
    book.rise("a", 6)


def test_a_key_is_checked_for_its_address_and_each_right() -> None:
    key = ApiKey("k", "s", can_read_addresses=False, ip_list=("10.0.0.1",))
    key.check_right(Right.READ)
    for right in (Right.ADDRESSES, Right.WITHDRAW, Right.TRADE):
        with refused(Reason.NO_RIGHT):
            key.check_right(right)
    with refused(Reason.FOREIGN_IP):
        key.check_ip("127.0.0.1")
    assert "s" not in repr(ApiKey("k", "secret-text", passphrase="pass-text")).partition("key='k'")[2][:2]
    assert "secret-text" not in repr(ApiKey("k", "secret-text", passphrase="pass-text"))


def test_a_photograph_of_the_venue_stands_still(venue: Venue, account: Account) -> None:
    then = venue.photograph()
    account.credit("spot", "BTC", D("1"), NOW)
    venue.set_price("BTCUSDT", D("1"))
    assert then.account("main").held("spot", "BTC") == D("1")
    assert then.market.symbols["BTCUSDT"].mark == D("80000")


BTC, ETH = '{"coin":"BTC","equity":"1.23456789","rate":0.5}', '{"coin":"ETH","equity":"2.0"}'
ANSWER = f'{{"list":[{BTC},{ETH}],"time":1}}'


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            Fault(FaultKind.PARTIAL_ANSWER, "", field="equity"),
            '{"list":[{"coin":"BTC","rate":0.5},{"coin":"ETH"}],"time":1}',
        ),
        (
            Fault(FaultKind.PARTIAL_ANSWER, "", entries=1),
            '{"list":[{"coin":"BTC","equity":"1.23456789","rate":0.5}],"time":1}',
        ),
        (
            Fault(FaultKind.DUPLICATE_ENTRIES, "", field="list"),
            f'{{"list":[{BTC},{BTC},{ETH},{ETH}],"time":1}}',
        ),
        (
            Fault(FaultKind.CHANGED_PRECISION, "", digits=2),
            '{"list":[{"coin":"BTC","equity":"1.23","rate":0.50},{"coin":"ETH","equity":"2.00"}],"time":1}',
        ),
        (
            Fault(FaultKind.CHANGED_PRECISION, "", digits=10, field="equity"),
            '{"list":[{"coin":"BTC","equity":"1.2345678900","rate":0.5},'
            '{"coin":"ETH","equity":"2.0000000000"}],"time":1}',
        ),
        (
            Fault(FaultKind.UNKNOWN_FIELD, "", field="novelty"),
            '{"list":[{"coin":"BTC","equity":"1.23456789","rate":0.5,"novelty":"1"},'
            '{"coin":"ETH","equity":"2.0","novelty":"1"}],"time":1,"novelty":"1"}',
        ),
    ],
    ids=["field gone", "entry gone", "twice", "cut", "filled", "stranger"],
)
def test_damage_changes_what_it_names_and_nothing_else(fault: Fault, expected: str) -> None:
    assert damaged(ANSWER, fault) == expected


def test_damage_leaves_what_is_no_json_alone() -> None:
    assert damaged("<html>", Fault(FaultKind.DUPLICATE_ENTRIES, "")) == "<html>"
