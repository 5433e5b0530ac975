"""The flow that all exchanges share: own account, clock, fee, matching; what may not be sent is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.money import BTC, Amount
from vault.secrets import venue_secret_names
from vault.venues import routes
from vault.venues.base import (
    DepositStatus,
    InternalTransfer,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawRequest,
)
from vault.venues.binance.dialect import DIALECT
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.reading import History, Order, ReadingContext
from vault.venues.line.transport import Evidence, SendPermit
from vault.venues.traits import TRAITS, traits_of

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
OURS = "v" + "0" * 31


def btc(text: str) -> Amount:
    return Amount.parse(text, BTC)


class Line:
    """In the place of a connection: remembers what was sent."""

    def __init__(self) -> None:
        self.verified = False
        self.evidence = Evidence()
        self.sent: list[tuple[str, dict[str, object]]] = []

    def send(self, method: str, parameters: Any, permit: SendPermit, read: Callable[..., str]) -> str:
        self.sent.append((method, dict(parameters)))
        return "id-1"


class Made(ExchangeAccount):
    """An exchange of which only the hooks exist; `history` is what it has recorded."""

    EXCHANGE = "binance"
    READS: ClassVar[frozenset[str]] = frozenset()
    DIALECT = DIALECT
    history: History[WithdrawalStatus] = History(())
    fee = "0.0001"
    owner = "1"
    asked: WithdrawRequest | None = None

    def uid(self, ask: Any) -> str:
        return self.owner

    def server_time(self, ask: Any) -> datetime:
        return NOW

    def account(self, ask: Any, context: ReadingContext) -> MarginAccount:
        raise NotImplementedError

    def network(self, ask: Any, asset: str, network: str) -> WithdrawNetwork:
        return WithdrawNetwork(
            asset, network, True, True, btc(self.fee), btc("0.001"), None, btc("0.00000001"), 1, NOW
        )  # fmt: skip

    def withdraw_order(self, request: WithdrawRequest, network: WithdrawNetwork) -> Order:
        return Order("withdraw", {"id": request.client_id}, lambda answer: answer.text("id"))

    def withdrawals(
        self, ask: Any, request: WithdrawRequest, since: datetime, now: datetime
    ) -> History[WithdrawalStatus]:
        self.asked = request
        return self.history


class Okx(Made):
    EXCHANGE = "okx"


class Kraken(Made):
    EXCHANGE = "kraken"


class Gate(Made):
    EXCHANGE = "gate"


NETWORK = {"binance": "BTC", "okx": "BTC-Bitcoin", "kraken": "Bitcoin", "gate": "BTC"}


def made(kind: type[Made] = Made, **settings: Any) -> tuple[Made, Line]:
    line = Line()

    @contextmanager
    def lend(_role: Any) -> Iterator[Any]:
        yield line

    given = VenueSettings(name="a", exchange=kind.EXCHANGE, account_uid="1", **settings)
    return kind(given, lend, ManualClock(NOW)), line


def request(kind: type[Made] = Made, **changes: Any) -> WithdrawRequest:
    made_request = WithdrawRequest(
        OURS, "BTC", btc("0.5"), NETWORK[kind.EXCHANGE], ADDRESS, "", "mainnet",
        NOW + timedelta(minutes=1), btc("0.0001"),
    )  # fmt: skip
    return replace(made_request, **changes)


def status(kind: type[Made] = Made, **changes: Any) -> WithdrawalStatus:
    found = WithdrawalStatus(
        "processing", "w1", "", None, "BTC", btc("0.4999"), btc("0.0001"), ADDRESS,
        NETWORK[kind.EXCHANGE], NOW, "1",
    )  # fmt: skip
    return replace(found, **changes)


def code(call: Callable[[], object]) -> str:
    with pytest.raises(VenueError) as caught:
        call()
    return caught.value.code


def test_a_withdrawal_leaves_once_under_the_client_id() -> None:
    account, line = made()
    assert account.withdraw(request()).venue_id == "id-1"
    assert line.sent == [("withdraw", {"id": OURS})]


def test_an_id_the_venue_would_refuse_is_sent_as_the_same_hash_each_time() -> None:
    ids = TRAITS["okx"].client_ids
    assert ids is not None
    assert ids.of(OURS) == OURS
    hashed = ids.of("intent-0001")
    assert (len(hashed), hashed.isalnum(), ids.of("intent-0001")) == (32, True, hashed)
    account, line = made(Okx)
    receipt = account.withdraw(request(Okx, client_id="intent-0001"))
    assert receipt.client_id == "intent-0001"
    assert line.sent == [("withdraw", {"id": hashed})]
    account.history = History((status(Okx, client_id=hashed),))
    found = account.search_withdrawal(request(Okx, client_id="intent-0001"), NOW)
    assert found.found is not None
    assert (found.found.client_id, found.matched_by) == ("intent-0001", "client_id")


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        (Gate, {}, "venue.read_only"),
        (Made, {"custody": "off_exchange", "custodian": "C"}, "venue.off_exchange"),
    ],
)
def test_what_may_not_send_sends_nothing(kind: type[Made], settings: Any, expected: str) -> None:
    account, line = made(kind, **settings)
    move = InternalTransfer("futures", "spot", btc("1"), NOW + timedelta(minutes=1))
    assert code(lambda: account.withdraw(request(kind))) == expected
    assert code(lambda: account.transfer_internal(move)) == expected
    assert line.sent == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": btc("0")}, "venue.below_minimum"),
        ({"network": "BSC"}, "venue.unknown_network"),
        ({"client_id": "a b"}, "venue.bad_client_id"),
        ({"not_after": NOW - timedelta(seconds=1)}, "venue.too_late"),
        ({"asset": "ETH", "network": "ETH"}, "venue.bad_amount"),
    ],
)
def test_a_request_that_is_not_good_is_not_sent(change: Any, expected: str) -> None:
    account, line = made()
    assert code(lambda: account.withdraw(request(**change))) == expected
    assert line.sent == []


def test_another_account_s_key_and_a_clock_that_is_off_send_nothing() -> None:
    account, line = made()
    account.owner = "2"
    assert code(lambda: account.withdraw(request())) == "venue.wrong_account"
    account.owner = "1"
    account.server_time = lambda ask: NOW + timedelta(seconds=5)  # type: ignore[method-assign]
    assert code(lambda: account.withdraw(request())) == "venue.clock_skew"
    assert line.sent == []


def test_where_the_fee_is_added_another_fee_than_planned_is_refused() -> None:
    account, line = made(Okx)
    account.fee = "0.0002"
    assert code(lambda: account.withdraw(request(Okx))) == "venue.fee_changed"
    assert code(lambda: account.withdraw(request(Okx, amount=btc("0.0001")))) == "venue.fee_changed"
    account.fee = "0.0001"
    # What is asked for is what arrives: the minimum is a rule for that.
    assert code(lambda: account.withdraw(request(Okx, amount=btc("0.00101")))) == "venue.below_minimum"
    assert line.sent == []
    account.withdraw(request(Okx))


def test_where_the_fee_is_taken_out_another_one_than_planned_is_refused() -> None:
    account, line = made()
    for fee in ("0.0002", "0.00005"):
        account.fee = fee
        assert code(lambda: account.withdraw(request())) == "venue.fee_changed"
    assert line.sent == []


def test_without_client_ids_a_record_is_known_by_all_its_details() -> None:
    account, _ = made(Kraken)

    def search(*found: WithdrawalStatus) -> WithdrawalStatus | None:
        account.history = History(found)
        answer = account.search_withdrawal(request(Kraken), NOW - timedelta(minutes=5))
        assert answer.matched_by == "details"
        return answer.found

    assert search() is None
    found = search(status(Kraken))
    assert found is not None
    assert found.client_id == OURS
    assert account.asked is not None
    assert account.asked.client_id == ""
    assert search(status(Kraken, fee=btc("0.0003"))) is not None  # net as planned, the fee has changed
    for other in (
        {"address": "bc1qother"},
        {"amount": btc("0.4998")},
        {"tag": "1"},
        {"asset": "ETH"},
        {"network": "Ethereum"},
        {"applied_at": NOW - timedelta(minutes=10)},
        {"applied_at": NOW + timedelta(minutes=10)},
    ):
        assert search(status(Kraken, **other)) is None


def test_two_records_that_fit_are_for_a_person_but_one_listed_twice_is_one() -> None:
    account, _ = made(Kraken)
    since = NOW - timedelta(minutes=5)
    account.history = History((status(Kraken), status(Kraken, venue_id="w2")))
    assert code(lambda: account.search_withdrawal(request(Kraken), since)) == "venue.ambiguous_withdrawal"
    account.history = History((status(Kraken), status(Kraken)))
    assert account.search_withdrawal(request(Kraken), since).found is not None
    account.history = History((status(Kraken), status(Kraken, state="sent")))
    assert code(lambda: account.search_withdrawal(request(Kraken), since)) == "venue.ambiguous_withdrawal"
    ided, _ = made()
    ided.history = History((status(client_id=OURS), status(client_id=OURS, venue_id="w2")))
    assert code(lambda: ided.search_withdrawal(request(), since)) == "venue.withdrawn_twice"


def test_a_history_with_more_than_it_lists_proves_nothing() -> None:
    account, _ = made(Kraken)
    for found in ((), (status(Kraken),)):
        account.history = History(found, complete=False)
        assert code(lambda: account.search_withdrawal(request(Kraken), NOW)) == "venue.history_incomplete"
    ided, _ = made()
    ided.history = History((status(client_id=OURS),), complete=False)
    assert ided.search_withdrawal(request(), NOW).found is not None
    ided.history = History((), complete=False)
    assert code(lambda: ided.search_withdrawal(request(), NOW)) == "venue.history_incomplete"
    assert (
        code(lambda: ided.search_withdrawal(request(), NOW - timedelta(days=100))) == "venue.history_too_old"
    )


def test_absence_waits_as_long_as_the_venue_may_still_accept() -> None:
    for kind, seconds in ((Made, 5), (Okx, 30), (Kraken, 60)):
        account, _ = made(kind)
        search = account.search_withdrawal(request(kind), NOW)
        assert search.covers_until == NOW - timedelta(seconds=60 + seconds)


def test_what_an_exchange_does_not_fill_is_refused_by_name() -> None:
    account, _ = made()
    assert account.whitelist() is None
    assert account.holds().held is None
    for call in (
        lambda: account.permissions("read"),
        lambda: account.spot_balance("BTC"),
        lambda: account.deposit_address("BTC", "BTC"),
        lambda: account.find_deposit("BTC", "BTC", "t", "a", NOW),
    ):
        assert code(call) == "venue.not_offered"
    assert code(lambda: account.public("privateGetAccount", ())) == "venue.not_public"


def test_routes_lead_out_and_back() -> None:
    assert routes.outward("kraken") == (("flex", "cash"), ("cash", "spot"))
    assert routes.inward("kraken") == (("spot", "cash"), ("cash", "flex"))
    assert routes.outward("deribit") == ()
    assert routes.wallets("deribit") == ("margin",)
    assert routes.wallets("bybit") == ("unified", "funding")
    assert routes.outward("binance", "coinm") == (("coin_futures", "spot"),)
    assert code(lambda: routes.outward("gate")) == "venue.read_only"
    assert code(lambda: routes.check_hop("kraken", "usdm", "flex", "spot")) == "venue.unknown_transfer"
    for exchange, traits in TRAITS.items():
        if traits.ships == "full":
            for hop in (*routes.outward(exchange), *routes.inward(exchange)):
                assert routes.check_hop(exchange, "usdm", *hop) == hop
    assert code(lambda: traits_of("ftx")) == "venue.unknown_exchange"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"exchange": "ftx"}, "exchange"),
        ({"exchange": "bybit", "product": "coinm"}, "product"),
        ({"custody": "off_exchange"}, "custodian"),
        ({"custodian": "C"}, "custodian"),
        ({"contracts": []}, "contracts"),
        ({"paced": "no"}, "paced"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(given: Any, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        VenueSettings(**{"name": "a", "exchange": "binance", "account_uid": "1", **given})


def test_each_exchange_has_its_usual_contract() -> None:
    for exchange in TRAITS:
        settings = VenueSettings(name="a", exchange=exchange, account_uid="1")  # type: ignore[arg-type]
        assert settings.contracts
        again = VenueSettings.model_validate_json(settings.model_dump_json())
        assert again == settings
    coin = VenueSettings(name="a", exchange="binance", account_uid="1", product="coinm")
    assert coin.contracts == ("BTCUSD_PERP",)


def test_each_exchange_s_key_is_kept_in_as_many_parts_as_it_has() -> None:
    def names(exchange: str) -> tuple[str, ...]:
        return venue_secret_names("a", "read", traits_of(exchange).secrets)

    assert names("binance") == ("venue/a/read/key", "venue/a/read/secret")
    assert names("okx")[2:] == ("venue/a/read/password",)
    assert names("kraken")[2:] == ("venue/a/read/futures_key", "venue/a/read/futures_secret")
    assert names("hyperliquid") == ()


def test_one_deposit_listed_twice_is_one_and_two_are_for_a_person() -> None:
    account, _ = made()
    deposit = DepositStatus("credited", True, "t", "BTC", "BTC", btc("1"), ADDRESS, 1, 1, "1")

    def find(*found: DepositStatus, complete: bool = True) -> DepositStatus | None:
        account.deposits = lambda *_: History(found, complete)  # type: ignore[method-assign]
        return account.find_deposit("BTC", "BTC", "t", ADDRESS, NOW)

    assert find(deposit, deposit) == deposit
    assert find() is None
    assert code(lambda: find(deposit, replace(deposit, amount=btc("2")))) == "venue.ambiguous_deposit"
    assert code(lambda: find(complete=False)) == "venue.history_incomplete"
