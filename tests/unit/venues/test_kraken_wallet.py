"""Kraken's spot wallet: addresses by name, records by details, moves by both their ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.kraken_answers import NOW, registered, spot, ways, withdrawal, without
from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VaultError
from vault.money import BTC, XRP, Amount
from vault.venues import matching, traits
from vault.venues.base import WithdrawNetwork, WithdrawRequest
from vault.venues.kraken import names, rights, wallet
from vault.venues.kraken.account import Kraken
from vault.venues.kraken.answers import spot_rows
from vault.venues.line.raw import Fields

COLD = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
OTHER = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
RIPPLE = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
AT = datetime.fromtimestamp(1_772_366_400, UTC)
APPLIED = AT


def btc(text: str) -> Amount:
    return Amount.parse(text, BTC)


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(VaultError) as caught:
        call()
    return caught.value.code


def request(**changes: Any) -> WithdrawRequest:
    made = WithdrawRequest(
        "", "BTC", btc("0.25"), "Bitcoin", COLD, "", "mainnet", APPLIED + timedelta(minutes=1), btc("0.00002")
    )
    return replace(made, **changes)


def listed(*lines: dict[str, Any], of: WithdrawRequest | None = None, addresses: Any = None) -> Any:
    wanted = of or request()
    known = spot(addresses if addresses is not None else [registered(COLD)])
    keys = wallet.keys_of(known, ways(), wanted.asset, wanted.network)
    return wallet.withdrawals(spot_rows(spot(list(lines)), "withdrawStatus"), ways(), keys, wanted)


def network_answers(**changes: Any) -> wallet.NetworkAnswers:
    given: dict[str, Any] = {
        "assets": spot({"XXBT": {"altname": "XBT", "decimals": 10, "status": "enabled"}}),
        "methods": ways(),
        "deposit_methods": spot([{"method": "Bitcoin", "minimum": "0.00010000"}]),
        "addresses": spot([registered(COLD), registered(OTHER, key="other")]),
        "info": spot({"method": "Bitcoin", "limit": "332.5", "amount": "0.1", "fee": "0.00002000"}),
    }
    return wallet.NetworkAnswers(**{**given, **changes})


def network(**changes: Any) -> wallet.KrakenNetwork:
    return wallet.withdraw_network(network_answers(**changes), "BTC", "Bitcoin", NOW)


# Names


def test_an_asset_is_one_under_all_its_names() -> None:
    assert {names.ours(each) for each in ("XXBT", "XBT", "xbt", "BTC")} == {"BTC"}
    assert [names.ours(each) for each in ("XETH", "ZUSD", "XXRP", "XXDG", "USDT", "XTZ", "ZRX")] == [
        "ETH", "USD", "XRP", "DOGE", "USDT", "XTZ", "ZRX",
    ]  # fmt: skip
    assert names.ours("XBT.F") != "BTC"
    assert (names.theirs("BTC"), names.theirs("ETH")) == ("XBT", "ETH")


# Networks


def test_a_network_is_read_from_five_answers() -> None:
    found = network()
    assert (found.enabled, found.deposit_enabled) == (True, True)
    assert (found.fee, found.minimum, found.maximum) == (btc("0.00002"), btc("0.00042"), btc("332.5"))
    assert (found.step, found.deposit_minimum) == (Amount(BTC, 1), btc("0.0001"))
    assert {key.name for key in found.keys} == {"cold one", "other"}


def test_what_is_told_outside_names_no_key_and_no_limit_of_the_moment() -> None:
    told = network().public()
    assert type(told) is WithdrawNetwork
    assert told.maximum is None
    assert told.fee == btc("0.00002")


@pytest.mark.parametrize(
    ("status", "out", "into"),
    [
        ("enabled", True, True),
        ("withdrawal_only", True, False),
        ("deposit_only", False, True),
        ("funding_temporarily_disabled", False, False),
    ],
)
def test_an_assets_status_says_which_way_is_open(status: str, out: bool, into: bool) -> None:
    assets = spot({"XXBT": {"altname": "XBT", "decimals": 10, "status": status}})
    found = network(assets=assets)
    assert (found.enabled, found.deposit_enabled) == (out, into)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"info": None}, "venue.no_withdrawal_key"),
        ({"methods": spot([])}, "venue.unknown_network"),
        ({"assets": spot({})}, "venue.unknown_network"),
        ({"assets": spot({"XXBT": {"decimals": 10, "status": "new"}})}, "venue.unknown_status"),
        ({"info": spot({"method": "Bitcoin Lightning", "limit": "1", "fee": "0"})}, "venue.bad_answer"),
        ({"info": spot({"method": "Bitcoin", "limit": "1"})}, "venue.incomplete_answer"),
        ({"info": {"error": ["EGeneral:Permission denied"]}}, "venue.bad_answer"),
        ({"methods": {"error": []}}, "venue.incomplete_answer"),
    ],
)
def test_a_network_that_is_only_half_described_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert code(lambda: network(**changes)) == expected


def test_deposits_are_closed_where_the_method_is_not_listed() -> None:
    assert network(deposit_methods=spot([{"method": "Bitcoin Lightning"}])).deposit_enabled is False


def test_a_deposit_method_that_could_be_two_is_none() -> None:
    both = spot([{"method": "USDC (Arbitrum One)"}, {"method": "USDC.e (Arbitrum One)"}])
    assert code(lambda: wallet.deposit_method(both, "USDC", "Arbitrum One")) == "venue.unknown_network"
    one = spot([{"method": "USDC (Arbitrum One)"}])
    found = wallet.deposit_method(one, "USDC", "Arbitrum One")
    assert found is not None
    assert found.text("method") == "USDC (Arbitrum One)"


# Withdrawals: the order


def kraken() -> Kraken:
    settings = VenueSettings(name="desk", exchange="kraken", account_uid="AA/f")

    def lend(_role: Any) -> Any:
        raise AssertionError("nothing is asked")

    return Kraken(settings, lend, ManualClock(NOW))


def test_a_withdrawal_names_the_registered_address_and_sends_it_along() -> None:
    order = kraken().withdraw_order(request(), network())
    assert (order.method, order.beside) == ("privatePostWithdraw", "")
    assert order.parameters == {
        "asset": "XBT", "key": "cold one", "amount": "0.25", "address": COLD, "max_fee": "0.00002"
    }  # fmt: skip
    receipt = {"error": [], "result": {"refid": "AGBSO6T-UFMTTQ-I7KGS6"}}
    assert order.receipt(Fields(receipt, "receipt")) == "AGBSO6T-UFMTTQ-I7KGS6"
    assert code(lambda: order.receipt(Fields({"error": [], "result": {}}, "receipt"))).startswith("venue.")


@pytest.mark.parametrize(
    "addresses",
    [
        [],
        [registered(OTHER)],
        [registered(COLD, verified=False)],
        [registered(COLD, method="Bitcoin Lightning")],
        [registered(COLD, asset="ETH")],
        [registered(COLD, tag="1")],
    ],
)
def test_an_address_that_is_not_registered_is_not_withdrawn_to(addresses: list[dict[str, Any]]) -> None:
    found = network(addresses=spot(addresses))
    assert code(lambda: kraken().withdraw_order(request(), found)) == "venue.no_withdrawal_key"


def test_a_network_that_names_no_address_withdraws_nothing() -> None:
    assert code(lambda: kraken().withdraw_order(request(), network().public())) == "venue.no_withdrawal_key"


@pytest.mark.parametrize("tag", ["12345", 12345])
def test_a_tag_must_be_the_registered_one(tag: Any) -> None:
    addresses = spot([registered(RIPPLE, asset="XRP", method="Ripple XRP", key="ripple", memo=tag)])
    keys = wallet.keys_of(addresses, ways(), "XRP", "Ripple")
    wanted = request(
        asset="XRP", network="Ripple", address=RIPPLE, tag="12345", amount=Amount.parse("5", XRP)
    )
    assert wallet.chosen_key(keys, wanted) == "ripple"
    for other in ("", "123456"):
        assert code(lambda given=other: wallet.chosen_key(keys, replace(wanted, tag=given))) == (
            "venue.no_withdrawal_key"
        )


# Withdrawals: the history


@pytest.mark.parametrize(
    ("status", "prop", "state"),
    [
        ("Initial", "", "processing"),
        ("Pending", "", "processing"),
        ("Pending", "onhold", "processing"),
        ("Pending", "cancel-pending", "processing"),
        ("Settled", "", "sent"),
        ("Success", "", "completed"),
        ("Failure", "", "refused"),
        ("Failure", "canceled", "cancelled"),
    ],
)
def test_statuses_are_told_apart(status: str, prop: str, state: str) -> None:
    line = withdrawal(COLD, status=status, **({"status-prop": prop} if prop else {}))
    (found,) = listed(line)
    assert (found.state, found.raw_status) == (state, f"{status} {prop}".strip())
    assert (found.gross, found.amount, found.fee) == (btc("0.25"), btc("0.24998"), btc("0.00002"))
    assert (found.network, found.address, found.applied_at) == ("Bitcoin", COLD, APPLIED)


@pytest.mark.parametrize("change", [{"status": "Done"}, {"status": "Success", "status-prop": "odd"}])
def test_a_status_nobody_knows_is_neither_done_nor_failed(change: dict[str, Any]) -> None:
    assert code(lambda: listed(withdrawal(COLD, **change))) == "venue.unknown_status"


ODD = {"status": "Done"}


@pytest.mark.parametrize(
    "other", [(OTHER, {"key": "other"}), (COLD, {"amount": "0.24"}), (OTHER, {"amount": "0.24"})]
)
def test_a_status_of_a_record_that_cannot_be_ours_is_not_read(other: tuple[str, dict[str, Any]]) -> None:
    address, changes = other
    (found,) = listed(withdrawal(address, refid="theirs", **changes, **ODD), withdrawal(COLD))
    assert found.venue_id == "FTQcuak-V6Za8qrWnhzTx67yYHz8Tg"
    assert listed(withdrawal(address, **changes, **ODD)) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"key": "other"},  # our address under another name
        {"amount": "0.25000000"},  # gross, where the fee was taken out of it elsewhere
        {"fee": "0.00005"},  # net as planned, the fee has changed
        {"fee": None},
        {"info": None},
        {"amount": None},
    ],
)
def test_a_status_of_a_record_that_may_be_ours_must_be_known(change: dict[str, Any]) -> None:
    assert code(lambda: listed({**withdrawal(COLD, **ODD), **change})) == "venue.unknown_status"


def test_every_field_of_a_record_is_needed_or_not_read() -> None:
    record = withdrawal(COLD)
    for name in record:
        line = without(record, (name,))
        if name in {"aclass", "txid", "method", "key"}:
            found = listed(line) if name != "method" else ()
            assert all(each.gross == btc("0.25") for each in found)
            continue
        assert code(lambda given=line: listed(given)) == "venue.incomplete_answer", name


def test_a_record_without_its_network_has_that_of_its_method() -> None:
    (found,) = listed({**withdrawal(COLD), "network": ""})
    assert found.network == "Bitcoin"
    (told,) = listed({**withdrawal(COLD), "network": "Lightning", "key": "other"})
    assert told.network == "Lightning"


def test_a_record_with_a_transaction_is_on_its_way() -> None:
    (found,) = listed(withdrawal(COLD, txid="ab" * 32))
    assert (found.state, found.txid) == ("sent", "ab" * 32)


def test_the_record_of_a_request_is_found_by_its_details() -> None:
    records = listed(
        withdrawal(COLD),
        withdrawal(COLD, refid="second", amount="0.25000000"),
        withdrawal(OTHER, refid="third", key="other"),
        withdrawal(COLD, refid="old", time=1772000000),
    )
    window = (APPLIED - timedelta(minutes=1), APPLIED + timedelta(minutes=2))
    found = matching.only_one(records, request(), *window)
    assert found is not None
    assert found.venue_id == "FTQcuak-V6Za8qrWnhzTx67yYHz8Tg"


def test_two_records_that_fit_are_for_a_person() -> None:
    records = listed(withdrawal(COLD), withdrawal(COLD, refid="second"))
    window = (APPLIED - timedelta(minutes=1), APPLIED + timedelta(minutes=2))
    assert code(lambda: matching.only_one(records, request(), *window)) == "venue.ambiguous_withdrawal"


def test_one_record_listed_twice_is_one() -> None:
    assert len(listed(withdrawal(COLD), withdrawal(COLD))) == 1


@pytest.mark.parametrize("info", ["bc1qar0s....f5mdq", OTHER])
def test_a_record_under_our_name_with_another_address_is_not_overlooked(info: str) -> None:
    assert code(lambda: listed(withdrawal(info))) == "venue.bad_answer"
    assert listed(withdrawal(info, amount="0.30000000")) == ()


def test_a_record_that_shows_no_tag_has_that_of_its_name() -> None:
    wanted = request(
        asset="XRP", network="Ripple", address=RIPPLE, tag="12345", amount=Amount.parse("5", XRP), fee=None
    )
    line = withdrawal(RIPPLE, asset="XXRP", method="Ripple XRP", amount="4.98", fee="0.02", key="ripple")
    known = [registered(RIPPLE, asset="XRP", method="Ripple XRP", key="ripple", tag="12345")]
    (found,) = listed(line, of=wanted, addresses=known)
    assert (found.tag, matching.fits(found, wanted)) == ("12345", True)


# Deposits, balances, rights


def test_deposits_are_of_one_transaction_and_an_unknown_status_is_an_error() -> None:
    line = {
        "method": "Bitcoin", "asset": "XXBT", "refid": "Q", "txid": "ab" * 32, "info": COLD,
        "amount": "0.5000000000", "fee": "0", "time": 1772366400, "status": "Success",
    }  # fmt: skip

    def read(**changes: Any) -> Any:
        rows = spot_rows(spot([{**line, **changes}]), "depositStatus")
        return wallet.deposits(rows, "BTC", "Bitcoin", "ab" * 32)

    (done,) = read()
    assert (done.state, done.unlocked, done.amount) == ("credited", True, btc("0.5"))
    (held,) = read(**{"status-prop": "onhold"})
    assert (held.state, held.unlocked) == ("credited", False)
    assert read(status="Settled")[0].state == "pending"
    assert read(status="Failure")[0].state == "refused"
    assert read(txid="cd" * 32) == ()
    assert code(lambda: read(status="New")) == "venue.unknown_status"


def test_the_deposit_address_is_the_first_that_lasts() -> None:
    lines = spot(
        [
            {"address": "expiring", "expiretm": "1772366400"},
            {"address": COLD, "expiretm": "0", "new": True},
            {"address": OTHER, "expiretm": "0"},
        ]
    )
    assert wallet.deposit_place(lines, "BTC").address == COLD
    tagged = spot([{"address": RIPPLE, "expiretm": "0", "tag": "1361101127"}])
    assert wallet.deposit_place(tagged, "XRP").tag == "1361101127"
    assert code(lambda: wallet.deposit_place(spot([]), "BTC")) == "venue.no_deposit_address"


def test_a_balance_is_what_is_not_held() -> None:
    answer = spot({"XXBT": {"balance": "1.5000000009", "hold_trade": "0.5"}, "XBT.F": {"balance": "9"}})
    found = wallet.spot_balance(answer, "BTC", NOW)
    assert (found.free, found.locked) == (btc("1"), btc("0.5"))
    assert wallet.spot_balance(spot({}), "BTC", NOW).free == btc("0")
    assert code(lambda: wallet.spot_balance(spot({"XXBT": {"balance": "1"}}), "BTC", NOW)) == (
        "venue.incomplete_answer"
    )
    two = spot({name: {"balance": "1", "hold_trade": "0"} for name in ("XXBT", "XBT")})
    assert code(lambda: wallet.spot_balance(two, "BTC", NOW)) == "venue.bad_answer"


def info(**changes: Any) -> dict[str, Any]:
    told = {
        "permissions": ["query-funds", "query-ledger", "withdraw-funds"],
        "iban": "AA08 N84G TWOK GIKI",
        "valid_until": "0",
        "created_time": "1522132642",
        "ip_allowlist": [""],
    }
    return spot({**told, **changes})


def test_a_keys_rights_are_what_the_venue_says_of_the_spot_pair() -> None:
    found = rights.key_permissions(info(), "withdraw", "u")
    assert (found.can_read, found.can_withdraw, found.can_transfer) == (True, True, True)
    assert (found.can_trade, found.ip_restricted, found.ip_list) == (None, False, ())
    assert (found.expires_at, found.withdraw_whitelist_on) == (None, True)
    assert rights.identity(info()) == "AA08N84GTWOKGIKI"
    trader = rights.key_permissions(info(permissions=["modify-trades"]), "read", "u")
    assert (trader.can_read, trader.can_withdraw, trader.can_trade) == (False, False, True)
    bound = rights.key_permissions(
        info(ip_allowlist=["203.0.113.7/32"], valid_until="1900000000"), "read", "u"
    )
    assert (bound.ip_restricted, bound.ip_list) == (True, ("203.0.113.7/32",))
    assert bound.expires_at is not None


def test_a_key_whose_rights_are_not_told_is_refused_and_an_untold_ip_list_is_not_none() -> None:
    for name in ("permissions", "valid_until"):
        cut = without(info(), ("result", name))
        assert code(lambda given=cut: rights.key_permissions(given, "read", "u")).startswith("venue.")
    untold = rights.key_permissions(without(info(), ("result", "ip_allowlist")), "read", "u")
    assert (untold.ip_restricted, untold.ip_list) == (None, None)
    assert code(lambda: rights.identity(without(info(), ("result", "iban")))) == "venue.incomplete_answer"


def test_what_is_in_the_tables_is_what_the_venue_has() -> None:
    import ccxt

    for name, endpoints in (("kraken", Kraken.endpoints()), *Kraken.BESIDE.items()):
        known = getattr(ccxt, name)()
        for method in endpoints.reads | endpoints.sends | endpoints.public:
            assert hasattr(known, method), method
        assert not endpoints.reads & endpoints.sends
    assert traits.traits_of("kraken").client_ids is None
    assert traits.traits_of("kraken").fee == "included"
