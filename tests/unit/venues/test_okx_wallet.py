"""OKX wallet answers: networks, addresses, deposits, withdrawals, transfers and keys, read or refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.okx_answers import NOW, TIME, config, envelope
from vault.errors import VenueError
from vault.money import BTC, USDT, Amount
from vault.venues.base import InternalTransfer
from vault.venues.okx import wallet
from vault.venues.registry import asset_network

TXID = "ab" * 32
ADDRESS = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqyh4w9y"
TETHER = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


def chain(**fields: Any) -> dict[str, Any]:
    return {
        "ccy": "BTC",
        "chain": "BTC-Bitcoin",
        "ctAddr": "",
        "canDep": True,
        "canWd": True,
        "fee": "0.00002",
        "minFee": "0.00002",
        "maxFee": "0.00002",
        "minWd": "0.0005",
        "maxWd": "500",
        "minDep": "0.00000546",
        "minDepArrivalConfirm": "1",
        "minWdUnlockConfirm": "2",
        "burningFeeRate": "",
        "needTag": False,
        "wdTickSz": "8",
        **fields,
    }


def caught(code: str, call: Any, *arguments: Any) -> VenueError:
    with pytest.raises(VenueError) as error:
        call(*arguments)
    assert error.value.code == f"venue.{code}"
    return error.value


# Networks


def test_a_network_reads_as_its_strings() -> None:
    found = wallet.withdraw_network(envelope(chain(chain="BTC-OKC"), chain()), "BTC", "BTC-Bitcoin", NOW)
    assert (found.enabled, found.deposit_enabled, found.confirmations) == (True, True, 1)
    assert found.fee == Amount.parse("0.00002", BTC)
    assert found.minimum == Amount.parse("0.0005", BTC)
    assert found.maximum == Amount.parse("500", BTC)
    assert found.step == Amount(BTC, 1)
    assert found.deposit_minimum == Amount.parse("0.00000546", BTC)


@pytest.mark.parametrize(("digits", "units"), [("8", 1), ("5", 1000), ("0", 100_000_000), ("18", 1)])
def test_the_step_is_a_number_of_digits(digits: str, units: int) -> None:
    found = wallet.withdraw_network(envelope(chain(wdTickSz=digits)), "BTC", "BTC-Bitcoin", NOW)
    assert found.step == Amount(BTC, units)


def test_a_least_deposit_finer_than_the_asset_is_rounded_up() -> None:
    found = wallet.withdraw_network(envelope(chain(minDep="0.000000001")), "BTC", "BTC-Bitcoin", NOW)
    assert found.deposit_minimum == Amount(BTC, 1)


@pytest.mark.parametrize(
    "name", ["fee", "minWd", "canWd", "canDep", "wdTickSz", "minDepArrivalConfirm", "minDep"]
)
def test_a_network_without_a_number_that_is_needed_is_refused(name: str) -> None:
    line = chain()
    del line[name]
    error = caught("incomplete_answer", wallet.withdraw_network, envelope(line), "BTC", "BTC-Bitcoin", NOW)
    assert error.details["missing"].endswith(name)


def test_a_fee_that_grows_with_the_amount_is_refused() -> None:
    burning = envelope(chain(burningFeeRate="0.05"))
    caught("unsupported_fee", wallet.withdraw_network, burning, "BTC", "BTC-Bitcoin", NOW)


def test_a_network_that_is_not_listed_or_listed_twice_is_refused() -> None:
    caught("unknown_network", wallet.withdraw_network, envelope(chain()), "BTC", "BTC-Lightning", NOW)
    caught("bad_answer", wallet.withdraw_network, envelope(chain(), chain()), "BTC", "BTC-Bitcoin", NOW)


def test_another_token_under_the_same_name_is_refused() -> None:
    entry = asset_network("okx", "USDT", "USDT-TRC20")
    line = chain(ccy="USDT", chain="USDT-TRC20", ctAddr=TETHER)
    wallet.check_chain(envelope(line), entry)
    caught("other_token", wallet.check_chain, envelope({**line, "ctAddr": TETHER[:-1] + "u"}), entry)
    caught("other_token", wallet.check_chain, envelope({**line, "ctAddr": ""}), entry)


def test_a_tag_that_we_know_nothing_of_is_refused() -> None:
    caught(
        "tag_needed",
        wallet.check_chain,
        envelope(chain(needTag=True)),
        asset_network("okx", "BTC", "BTC-Bitcoin"),
    )


# Addresses


def place(**fields: Any) -> dict[str, Any]:
    return {
        "addr": ADDRESS,
        "ccy": "BTC",
        "chain": "BTC-Bitcoin",
        "ctAddr": "",
        "selected": True,
        "to": "6",
        **fields,
    }


def test_only_the_selected_address_of_the_chain_counts() -> None:
    answer = envelope(place(addr="old", selected=False), place(chain="BTC-OKC", addr="0x1"), place())
    assert wallet.deposit_place(answer, "BTC", "BTC-Bitcoin").address == ADDRESS


@pytest.mark.parametrize(("number", "name"), [("6", "funding"), ("18", "trading")])
def test_an_address_credits_the_account_that_the_venue_names(number: str, name: str) -> None:
    assert wallet.deposit_place(envelope(place(to=number)), "BTC", "BTC-Bitcoin").wallet == name


@pytest.mark.parametrize("field", ["tag", "memo", "pmtId"])
def test_the_tag_stands_under_three_names(field: str) -> None:
    assert wallet.deposit_place(envelope(place(**{field: "77"})), "BTC", "BTC-Bitcoin").tag == "77"


def test_the_tag_may_be_an_attachment_of_the_address() -> None:
    answer = envelope(place(addrEx={"comment": "11563797"}))
    assert wallet.deposit_place(answer, "BTC", "BTC-Bitcoin").tag == "11563797"


def test_an_address_that_cannot_be_meant_is_refused() -> None:
    arguments = ("BTC", "BTC-Bitcoin")
    caught("no_deposit_address", wallet.deposit_place, envelope(place(selected=False)), *arguments)
    caught("ambiguous_address", wallet.deposit_place, envelope(place(), place(addr="b")), *arguments)
    caught("deposits_elsewhere", wallet.deposit_place, envelope(place(to="1")), *arguments)
    caught("ambiguous_address", wallet.deposit_place, envelope(place(), place(to="18")), *arguments)
    caught("bad_answer", wallet.deposit_place, envelope(place(tag="1", memo="2")), *arguments)


def test_the_same_address_twice_is_one() -> None:
    assert wallet.deposit_place(envelope(place(), place()), "BTC", "BTC-Bitcoin").address == ADDRESS


# Deposits


def deposit(**fields: Any) -> dict[str, Any]:
    return {
        "actualDepBlkConfirm": "1",
        "amt": "0.5",
        "ccy": "BTC",
        "chain": "BTC-Bitcoin",
        "depId": "88",
        "state": "2",
        "to": ADDRESS,
        "ts": TIME,
        "txId": TXID,
        **fields,
    }


@pytest.mark.parametrize(
    ("state", "expected", "unlocked"),
    [
        ("0", "pending", False),
        ("1", "credited", False),
        ("2", "credited", True),
        ("8", "pending", False),
        ("11", "pending", False),
        ("12", "pending", False),
        ("13", "pending", False),
        ("14", "pending", False),
        ("17", "pending", False),
    ],
)
def test_the_states_of_a_deposit(state: str, expected: str, unlocked: bool) -> None:
    (found,) = wallet.deposits(envelope(deposit(state=state)), "BTC-Bitcoin", TXID, ADDRESS, 1)
    assert (found.state, found.unlocked, found.amount) == (expected, unlocked, Amount.parse("0.5", BTC))


def test_deposits_of_other_transactions_addresses_and_chains_are_left_out() -> None:
    answer = envelope(
        deposit(txId="cd" * 32, depId="1"),
        deposit(to="other", depId="2"),
        deposit(chain="BTC-OKC", depId="3"),
        deposit(),
        deposit(),
    )
    (found,) = wallet.deposits(answer, "BTC-Bitcoin", TXID, ADDRESS, 3)
    assert found.required_confirmations == 3


def test_a_deposit_state_that_is_not_known_is_neither_credited_nor_lost() -> None:
    answer = envelope(deposit(state="99"))
    caught("unknown_status", wallet.deposits, answer, "BTC-Bitcoin", TXID, ADDRESS, 1)


# Withdrawals

WAITING = ("0", "1", "3", "4", "5", "6", "7", "8", "9", "10", "12", "15", "16", "17", "19", "-3")


def withdrawal(**fields: Any) -> dict[str, Any]:
    return {
        "amt": "0.24998",
        "ccy": "BTC",
        "chain": "BTC-Bitcoin",
        "clientId": "intent1",
        "fee": "0.00002",
        "feeCcy": "BTC",
        "state": "0",
        "to": ADDRESS,
        "ts": TIME,
        "txId": "",
        "wdId": "67485",
        **fields,
    }


@pytest.mark.parametrize(
    ("state", "txid", "expected"),
    [
        *((state, "", "processing") for state in WAITING),
        ("1", TXID, "sent"),
        ("-3", TXID, "sent"),
        ("2", TXID, "completed"),
        ("-1", "", "refused"),
        ("-2", "", "cancelled"),
    ],
)
def test_the_states_of_a_withdrawal(state: str, txid: str, expected: str) -> None:
    (found,) = wallet.withdrawals(envelope(withdrawal(state=state, txId=txid)), "intent1")
    assert (found.state, found.raw_status, found.txid) == (expected, state, txid or None)


@pytest.mark.parametrize("state", ["18", "-4", "done", "2.0"])
def test_a_withdrawal_state_that_is_not_known_is_refused(state: str) -> None:
    caught("unknown_status", wallet.withdrawals, envelope(withdrawal(state=state)), "intent1")


def test_the_fee_comes_on_top_of_what_arrives() -> None:
    (found,) = wallet.withdrawals(envelope(withdrawal()), "intent1")
    assert found.amount == Amount.parse("0.24998", BTC)
    assert found.gross == Amount.parse("0.25", BTC)
    assert (found.client_id, found.applied_at) == ("intent1", NOW)


def test_entries_of_other_client_ids_are_not_even_read() -> None:
    strange = withdrawal(clientId="", state="77", chain="", wdId="1")
    assert wallet.withdrawals(envelope(strange, {"wdId": "2"}), "intent1") == ()


def test_a_tag_in_the_history_is_read() -> None:
    (found,) = wallet.withdrawals(envelope(withdrawal(memo="44")), "intent1")
    assert found.tag == "44"


def test_the_same_entry_twice_is_one_and_two_that_differ_are_refused() -> None:
    assert len(wallet.withdrawals(envelope(withdrawal(), withdrawal()), "intent1")) == 1
    caught("bad_answer", wallet.withdrawals, envelope(withdrawal(), withdrawal(amt="0.3")), "intent1")


@pytest.mark.parametrize("fields", [{"feeCcy": "USDT"}, {"fee": "0.00002btc"}, {"amt": "0.000000001"}])
def test_a_withdrawal_whose_money_cannot_be_told_is_refused(fields: dict[str, str]) -> None:
    caught("bad_answer", wallet.withdrawals, envelope(withdrawal(**fields)), "intent1")


@pytest.mark.parametrize("name", ["amt", "fee", "to", "chain", "ts", "wdId", "state", "ccy"])
def test_a_withdrawal_without_a_part_is_refused(name: str) -> None:
    line = withdrawal()
    del line[name]
    caught("incomplete_answer", wallet.withdrawals, envelope(line), "intent1")


# Transfers


TRANSFER = InternalTransfer("trading", "funding", Amount.parse("1.5", USDT), NOW)


def bill(**fields: Any) -> dict[str, Any]:
    return {
        "billId": "12344",
        "ccy": "USDT",
        "clientId": "c1",
        "balChg": "1.5",
        "type": "130",
        "ts": TIME,
        **fields,
    }


def state(**fields: Any) -> dict[str, Any]:
    return {
        "amt": "1.5",
        "ccy": "USDT",
        "clientId": "c1",
        "from": "18",
        "to": "6",
        "state": "success",
        "transId": "754147",
        "type": "0",
        **fields,
    }


def state_line(**fields: Any) -> Any:
    return wallet.entries(envelope(state(**fields)), "transferState")[0]


def test_a_move_is_known_by_direction_currency_amount_and_time() -> None:
    answer = envelope(
        bill(balChg="1.50000001", billId="1"),
        bill(balChg="-1.5", type="131", billId="2"),
        bill(ccy="BTC", billId="3"),
        bill(ts="1700000000000", billId="4"),
        bill(),
        bill(),
    )
    (found,) = wallet.moves(answer, TRANSFER, NOW - timedelta(minutes=1))
    assert found.text("billId") == "12344"
    back = InternalTransfer("funding", "trading", Amount.parse("1.5", USDT), NOW)
    (found,) = wallet.moves(answer, back, NOW - timedelta(minutes=1))
    assert found.text("billId") == "2"


@pytest.mark.parametrize(
    ("said", "expected"), [("success", "confirmed"), ("pending", "pending"), ("failed", "failed")]
)
def test_the_states_of_a_transfer(said: str, expected: str) -> None:
    found = wallet.recorded(state_line(state=said), TRANSFER, NOW)
    assert (found.state, found.venue_id, found.amount) == (expected, "754147", TRANSFER.amount)


def test_a_transfer_that_is_another_or_in_an_unknown_state_is_refused() -> None:
    caught("unknown_status", wallet.recorded, state_line(state="perhaps"), TRANSFER, NOW)
    for fields in ({"amt": "1.6"}, {"from": "6", "to": "18"}, {"ccy": "BTC"}):
        caught("bad_answer", wallet.recorded, state_line(**fields), TRANSFER, NOW)


# Balances and keys


def test_the_funding_balance_and_the_one_that_is_not_listed() -> None:
    answer = envelope({"ccy": "BTC", "bal": "1.5", "availBal": "1.25", "frozenBal": "0.25"})
    found = wallet.funding_balance(answer, "BTC", NOW)
    assert (found.free.to_decimal(), found.locked.to_decimal()) == (Decimal("1.25"), Decimal("0.25"))
    assert wallet.funding_balance(envelope(), "BTC", NOW).free == Amount.zero(BTC)


def test_a_funding_balance_that_does_not_add_up_is_refused() -> None:
    answer = envelope({"ccy": "BTC", "bal": "2", "availBal": "1.25", "frozenBal": "0.25"})
    caught("bad_answer", wallet.funding_balance, answer, "BTC", NOW)


def test_a_key_s_rights_and_addresses() -> None:
    read = wallet.key_permissions(config(perm="read_only"), "read")
    assert (read.can_read, read.can_trade, read.can_transfer, read.can_withdraw) == (
        True,
        False,
        False,
        False,
    )
    assert (read.ip_restricted, read.ip_list, read.account_uid) == (False, (), "446556270")
    sends = wallet.key_permissions(config(perm="read_only,withdraw,trade", ip="1.2.3.4,::1"), "withdraw")
    assert (sends.can_trade, sends.can_transfer, sends.can_withdraw) == (True, True, True)
    assert (sends.ip_restricted, sends.ip_list) == (True, ("1.2.3.4", "::1"))
    assert sends.withdraw_whitelist_on is None
    alone = wallet.key_permissions(config(perm="read_only,withdraw"), "withdraw")
    assert (alone.can_withdraw, alone.can_transfer) == (True, False)


@pytest.mark.parametrize("name", ["perm", "ip", "uid"])
def test_a_key_that_does_not_say_what_it_may_is_refused(name: str) -> None:
    answer = config()
    del answer["data"][0][name]
    caught("incomplete_answer", wallet.key_permissions, answer, "read")


def test_a_right_that_is_not_known_is_refused() -> None:
    caught("bad_answer", wallet.key_permissions, config(perm="read_only,fly"), "read")
