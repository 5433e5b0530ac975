"""A venue's keys, lists and addresses are asked before coins move, and what is not right stops them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.policy import policy_world as world
from vault.clock import ManualClock, to_iso
from vault.config import VenueSettings
from vault.errors import DeniedError, VaultError, VenueError
from vault.money import BTC, Amount
from vault.policy.book import Entry
from vault.policy.document import Policy
from vault.risk.assess import account_risk
from vault.store import journal, venues
from vault.store.database import Store
from vault.store.venues import Way
from vault.treasury import lead_times, precautions, preconditions
from vault.treasury.precautions import Place
from vault.treasury.venue_overview import unfreeze
from vault.venues import traits
from vault.venues.base import DepositAddress, HoldStatus, KeyPermissions, WhitelistEntry, WithdrawNetwork

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLD: Entry = world.entry()
DEPOSIT: Entry = world.deposit(venue="main")
OTHER = world.address("somebody else")


def key(**changes: Any) -> KeyPermissions:
    made = KeyPermissions("withdraw", "77", True, True, False, True, True, None, withdraw_whitelist_on=True)
    return replace(made, **changes)


def listed(**changes: Any) -> WhitelistEntry:
    return replace(WhitelistEntry("BTC", "BTC", COLD.address, "", "cold", True), **changes)


@dataclass
class Venues:
    """What the venue says; a test makes it say something else."""

    key: Any = field(default_factory=key)
    entries: Any = field(default_factory=lambda: (listed(),))
    hold: Any = field(default_factory=lambda: HoldStatus(False, None, "", NOW))
    network: Any = None
    deposit: Any = None
    asked: list[str] = field(default_factory=list)

    def permissions(self, name: str, role: str) -> KeyPermissions:
        self.asked.append("permissions")
        return _said(self.key)

    def whitelist(self, name: str) -> tuple[WhitelistEntry, ...] | None:
        return _said(self.entries)

    def holds(self, name: str) -> HoldStatus:
        return _said(self.hold)

    def network_info(self, name: str, asset: str, network: str) -> WithdrawNetwork:
        return _said(self.network)

    def deposit_address(self, name: str, asset: str, network: str) -> DepositAddress:
        return _said(self.deposit)


def _said(value: Any) -> Any:
    if isinstance(value, VaultError):
        raise value
    return value


@dataclass
class Hand:
    desk: Any
    said: Venues
    clock: ManualClock
    policy: Policy
    entries: tuple[Entry, ...]

    def sweep(self) -> tuple[precautions.Precaution, ...]:
        return precautions.gathered(precautions.of_sweep(self.desk, Place("main", "BTC", "BTC", COLD)))

    def require_sweep(self) -> None:
        precautions.required(self.desk, precautions.of_sweep(self.desk, Place("main", "BTC", "BTC", COLD)))

    def top_up(self, risk: Any = None, entry: Entry = DEPOSIT) -> tuple[precautions.Precaution, ...]:
        place = Place("main", "BTC", "BTC", entry)
        return precautions.gathered(precautions.of_top_up(self.desk, place, risk))

    def frozen(self) -> venues.VenueFreeze | None:
        with self.desk.store.read() as connection:
            return venues.freeze_of(connection, "main")


def settings(**changes: str) -> VenueSettings:
    facts = {"name": "main", "exchange": "binance", "account_uid": "77", **changes}
    return VenueSettings.model_validate(facts)


def full_traits(exchange: str = "binance", **changes: Any) -> traits.Traits:
    reads = frozenset({"permissions", "whitelist", "ip_list", "holds"})
    return replace(traits.TRAITS[exchange], **{"reads": reads, **changes})


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hand]:
    """A venue that can say everything, and says that all is well."""
    monkeypatch.setitem(traits.TRAITS, "binance", full_traits())
    clock, said = ManualClock(NOW), Venues()
    btc = Amount(BTC, 1_000)
    said.network = WithdrawNetwork("BTC", "BTC", True, True, btc, btc, None, Amount(BTC, 1), 2, NOW)
    said.deposit = DepositAddress("BTC", "BTC", DEPOSIT.address, "", "77", NOW, "spot")
    policy, _ = world.policy()
    with Store.open(f"sqlite:///{tmp_path / 'v.db'}", "ours", clock, create=True) as store:
        found: dict[str, Any] = {"main": settings()}
        desk = SimpleNamespace(
            treasury=SimpleNamespace(
                venue=lambda name: found[name],
                config=SimpleNamespace(risk=SimpleNamespace(adverse_move_per_hour=Decimal("0.05"))),
            ),
            venues=said,
            clock=clock,
            store=store,
            policy=lambda: SimpleNamespace(policy=hand.policy),
            book=lambda: SimpleNamespace(book=SimpleNamespace(entries=hand.entries)),
            configured=found,
        )
        hand = Hand(desk, said, clock, policy, (COLD, DEPOSIT))
        yield hand


def codes(found: tuple[precautions.Precaution, ...], state: str = "broken") -> list[str]:
    return [each.code or each.what for each in found if each.state == state]


def test_a_venue_that_says_all_is_well_breaks_and_leaves_nothing_unsaid(hand: Hand) -> None:
    assert {each.state for each in hand.sweep()} == {"kept"}
    assert {each.state for each in hand.top_up()} == {"kept"}
    hand.require_sweep()


Change = Callable[[Venues], None]


def _set(**values: Any) -> Change:
    def change(said: Venues) -> None:
        for name, value in values.items():
            setattr(said, name, value)

    return change


SWEEP_ATTACKS: list[tuple[str, Change]] = [
    ("denied.no_ip_list", _set(key=key(ip_restricted=False))),
    ("denied.no_ip_list", _set(key=key(ip_restricted=None, ip_list=()))),
    ("denied.no_ip_list", _set(key=key(ip_list=("127.0.0.1", "0.0.0.0/0")))),
    ("denied.no_ip_list", _set(key=key(ip_list=("0.0.0.0/1", "128.0.0.0/1")))),
    ("denied.no_ip_list", _set(key=key(ip_restricted=None, ip_list=("*",)))),
    ("denied.no_ip_list", _set(key=key(ip_list=("::/0",)))),
    ("denied.no_ip_list", _set(key=key(ip_list=("::ffff:0:0/96",)))),
    ("denied.ip_list_unknown", _set(key=key(ip_restricted=None))),
    ("denied.wrong_account", _set(key=key(account_uid="78"))),
    ("denied.key_cannot_withdraw", _set(key=key(can_withdraw=False))),
    ("denied.whitelist_off", _set(key=key(withdraw_whitelist_on=False))),
    ("denied.not_whitelisted", _set(entries=())),
    ("denied.not_whitelisted", _set(entries=(listed(address=OTHER),))),
    ("denied.not_whitelisted", _set(entries=(listed(asset="ETH"),))),
    ("denied.not_whitelisted", _set(entries=(listed(network="BSC"),))),
    ("denied.not_whitelisted", _set(entries=(listed(tag="7"),))),
    ("denied.not_whitelisted", _set(entries=(listed(verified=False),))),
    ("venue.held", _set(entries=(listed(usable_from=NOW + timedelta(seconds=1)),))),
    ("venue.held", _set(hold=HoldStatus(True, None, "password changed", NOW))),
    ("venue.unreachable", _set(entries=VenueError("unreachable", "no connection"))),
    ("venue.timeout", _set(key=VenueError("timeout", "no answer in time"))),
]


@pytest.mark.parametrize(("code", "change"), SWEEP_ATTACKS)
def test_what_is_not_right_at_the_venue_denies_with_its_own_code_at_both_times(
    hand: Hand, code: str, change: Change
) -> None:
    hand.require_sweep()
    change(hand.said)
    assert code in codes(hand.sweep())
    with pytest.raises(VaultError) as caught:
        hand.require_sweep()
    assert caught.value.code == code


@pytest.mark.parametrize(
    "entry",
    [listed(asset="", network=""), listed(usable_from=NOW), listed(address=COLD.address.upper())],
)
def test_an_entry_for_any_coin_or_in_use_by_now_is_ours(hand: Hand, entry: WhitelistEntry) -> None:
    hand.said.entries = (listed(address=OTHER), entry)
    hand.require_sweep()


@pytest.mark.parametrize(
    ("silenced", "what"),
    [
        ("permissions", ["key", "whitelist"]),  # nor that the list is on
        ("ip_list", ["ip_list"]),
        ("whitelist", ["whitelist"]),
        ("holds", ["holds"]),
    ],
)
def test_what_a_venue_cannot_say_is_named_and_denies_only_where_the_policy_says_so(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, silenced: str, what: list[str]
) -> None:
    reads = full_traits().reads - {silenced}
    monkeypatch.setitem(traits.TRAITS, "binance", full_traits(reads=reads))
    assert codes(hand.sweep(), "unsaid") == what
    hand.require_sweep()
    strict, _ = world.policy(head=world.HEAD + '[venues]\nunsaid = "deny"\n')
    hand.policy = strict
    with pytest.raises(DeniedError) as caught:
        hand.require_sweep()
    assert caught.value.code == f"denied.{what[0]}_unsaid"


def test_a_list_of_which_nobody_says_that_it_is_on_is_not_taken_for_a_wall(hand: Hand) -> None:
    for verified in (True, None):  # that it knows the address says nothing about others
        hand.said.entries = (listed(verified=verified),)
        hand.said.key = key(withdraw_whitelist_on=None)
        assert codes(hand.sweep(), "unsaid") == ["whitelist"]
        hand.said.key = key(withdraw_whitelist_on=True)
        assert codes(hand.sweep(), "unsaid") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exchange": "bitget"}, "denied.read_only_venue"),
        ({"custody": "off_exchange", "custodian": "ceffu"}, "denied.off_exchange"),
    ],
)
def test_accounts_that_are_only_read_are_never_source_nor_target_and_not_even_asked(
    hand: Hand, changes: dict[str, str], code: str
) -> None:
    hand.desk.configured["main"] = settings(**changes)
    assert codes(hand.sweep()) == [code]
    assert codes(hand.top_up()) == [code]
    assert hand.said.asked == []


# -- top-ups ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"address": OTHER},
        {"tag": "123"},
        {"network": "BSC"},
        {"asset": "ETH"},
        {"account_uid": "78"},
    ],
)
def test_any_change_of_the_deposit_address_freezes_the_account_until_a_person_lifts_it(
    hand: Hand, answer: dict[str, str]
) -> None:
    right = hand.said.deposit
    hand.said.deposit = replace(right, **answer)
    assert codes(hand.top_up()) == ["denied.deposit_address_changed"]
    found = hand.frozen()
    assert found is not None and found.code == "denied.deposit_address_changed"
    hand.said.deposit = right
    assert codes(hand.top_up()) == ["denied.venue_frozen"], "the old answer again does not lift it"
    main, reason = hand.desk.treasury.venue("main"), "called the venue: a lie of its proxy"
    with pytest.raises(DeniedError) as caught:
        unfreeze(hand.desk.store, main, reason, "denied.account_changed")
    assert caught.value.code == "denied.other_freeze" and hand.frozen() == found
    unfreeze(hand.desk.store, main, reason, found.code)
    assert codes(hand.top_up()) == []
    with hand.desk.store.read() as connection:
        kinds = [row.kind for row in journal.rows(connection)]
    assert kinds.index("venue_frozen") < kinds.index("venue_lifted")


def test_a_venue_that_does_not_answer_is_denied_and_not_frozen(hand: Hand) -> None:
    hand.said.deposit = VenueError("timeout", "no answer in time")
    assert codes(hand.top_up()) == ["venue.timeout"]
    assert hand.frozen() is None


def test_a_memo_in_the_attested_entry_is_part_of_the_address(hand: Hand) -> None:
    entry = replace(DEPOSIT, memo="42")
    assert codes(hand.top_up(entry=entry)) == ["denied.deposit_address_changed"]


@pytest.mark.parametrize("entry", [COLD, replace(DEPOSIT, venue="hedge")])
def test_an_entry_of_another_purpose_or_account_is_no_deposit_address(hand: Hand, entry: Entry) -> None:
    hand.said.deposit = replace(hand.said.deposit, address=entry.address)
    assert codes(hand.top_up(entry=entry)) == ["denied.no_deposit_entry"]


def test_another_uid_behind_the_same_name_freezes_it(hand: Hand) -> None:
    assert codes(hand.top_up()) == []
    hand.desk.configured["main"] = settings(account_uid="78")
    hand.said.deposit = replace(hand.said.deposit, account_uid="78")
    assert codes(hand.top_up()) == ["denied.account_changed"]
    assert hand.frozen() is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"deposit_enabled": False}, "denied.deposits_suspended"),
        ({"enabled": False}, "denied.withdrawals_suspended"),
    ],
)
def test_a_suspended_network_takes_no_top_up(hand: Hand, changes: dict[str, bool], code: str) -> None:
    hand.said.network = replace(hand.said.network, **changes)
    assert codes(hand.top_up()) == [code]
    assert hand.frozen() is None


def test_a_credit_that_comes_after_the_liquidation_is_refused_to_the_second(hand: Hand) -> None:
    """Two confirmations take 1,200 s; at 5 % an hour that is a distance of one part in sixty."""
    risk = account_risk(world.account(), world.PARAMETERS)
    assert not isinstance(risk, str)
    in_time = replace(risk, joint_distance=Decimal("-0.0166667"))
    assert codes(hand.top_up(in_time)) == []
    late = replace(risk, joint_distance=Decimal("-0.0166"))
    assert codes(hand.top_up(late)) == ["denied.too_late"]


def test_recorded_lead_times_count_instead_of_the_venues_word(hand: Hand) -> None:
    risk = account_risk(world.account(), world.PARAMETERS)
    assert not isinstance(risk, str)
    near = replace(risk, joint_distance=Decimal("-0.05"))
    assert codes(hand.top_up(near)) == []
    step: Any = SimpleNamespace(facts={"first_submitted_at": "2026-03-01T10:59:59.000Z"}, client_id="v1")
    with hand.desk.store.write() as writer:
        lead_times.record(writer, Way("main", "BTC", "BTC", "deposit"), step, NOW)
    assert codes(hand.top_up(near)) == ["denied.too_late"]


# -- what only shows later ---------------------------------------------------------------------------


def test_what_only_now_cannot_be_said_was_approved_by_nobody(hand: Hand) -> None:
    """A venue, or somebody between, answers while the plan is made and falls silent before it is sent."""
    checks = precautions.of_sweep(hand.desk, Place("main", "BTC", "BTC", COLD))
    precautions.required(hand.desk, checks, ())
    hand.said.hold = HoldStatus(None, None, "", NOW)
    checks = precautions.of_sweep(hand.desk, Place("main", "BTC", "BTC", COLD))
    with pytest.raises(DeniedError) as caught:
        precautions.required(hand.desk, checks, ())
    assert caught.value.code == "denied.unsaid_since"
    warned = tuple(each.reason for each in hand.sweep() if each.state == "unsaid")
    precautions.required(hand.desk, checks, warned)


STRANGE = listed(address=OTHER, name="mine, honest")


@pytest.mark.parametrize("move", ["sweep", "top_up"])
def test_every_plan_names_addresses_that_only_the_venues_list_has(hand: Hand, move: str) -> None:
    hand.said.entries = (listed(), STRANGE)
    (warned,) = (each for each in getattr(hand, move)() if each.state == "unsaid")
    assert OTHER in warned.reason and COLD.address not in warned.reason
    assert codes(getattr(hand, move)()) == []


def test_a_retired_address_on_the_venues_list_is_named_too(hand: Hand) -> None:
    hand.entries = (COLD, replace(world.entry(address=OTHER, id="old"), retired_at=NOW))
    hand.said.entries = (listed(), STRANGE)
    assert codes(hand.sweep(), "unsaid") == ["addresses"]


@pytest.mark.parametrize(("silenced", "what"), [("ip_list", "ip_list"), ("whitelist", "whitelist")])
def test_a_top_up_says_as_well_that_its_venue_has_no_wall_against_the_key(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, silenced: str, what: str
) -> None:
    monkeypatch.setitem(traits.TRAITS, "binance", full_traits(reads=full_traits().reads - {silenced}))
    assert codes(hand.top_up(), "unsaid") == [what]
    assert codes(hand.top_up()) == []


def test_a_list_that_cannot_be_read_lets_no_account_be_liquidated(hand: Hand) -> None:
    hand.said.entries = VenueError("timeout", "no answer in time")
    assert (codes(hand.top_up()), codes(hand.top_up(), "unsaid")) == ([], ["whitelist"])
    assert "whitelist" not in codes(hand.sweep(), "kept")
    assert "venue.timeout" in codes(hand.sweep())


def test_a_uid_is_bound_only_once_the_venue_gave_that_accounts_attested_address(hand: Hand) -> None:
    """A slip in treasury.toml must not bind the name to it for good, and lock the right account out."""
    right = hand.said.network
    hand.desk.configured["main"] = settings(account_uid="78")
    hand.said.network = VenueError("unreachable", "no connection")
    assert codes(hand.top_up()) == ["venue.unreachable"]
    hand.said.network, hand.desk.configured["main"] = right, settings()
    assert codes(hand.top_up()) == []
    with hand.desk.store.read() as connection:
        assert venues.bound_uid(connection, "main") == "77"


@pytest.mark.parametrize("call", ["network", "deposit"])
def test_a_key_of_another_account_freezes_whichever_call_shows_it(hand: Hand, call: str) -> None:
    setattr(hand.said, call, VenueError("wrong_account", "expected 77, the read key belongs to 78"))
    assert codes(hand.top_up()) == ["venue.wrong_account"]
    found = hand.frozen()
    assert found is not None and found.code == "venue.wrong_account"


def test_a_deposit_address_in_capitals_is_no_other_address(hand: Hand) -> None:
    hand.said.deposit = replace(hand.said.deposit, address=DEPOSIT.address.upper())
    assert (codes(hand.top_up()), hand.frozen()) == ([], None)


def test_a_freeze_that_another_process_sets_meanwhile_stops_the_last_write(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((preconditions, "check_no_rival"), (preconditions.limits, "check_limits")):
        monkeypatch.setattr(module, name, lambda *arguments: None)
    monkeypatch.setattr(preconditions.coins, "require_free", lambda *arguments: None)
    transfer: Any = SimpleNamespace(credited=True, on_bitcoin=True, venue_account="main")
    preconditions.check_meanwhile(hand.desk, None, transfer)  # type: ignore[arg-type]
    precautions.freeze(hand.desk, "main", DeniedError("deposit_address_changed", "another one"))
    with pytest.raises(DeniedError) as caught:
        preconditions.check_meanwhile(hand.desk, None, transfer)  # type: ignore[arg-type]
    assert caught.value.code == "denied.venue_frozen"


# -- lead times that somebody would like to choose -----------------------------------------------------


def took(hand: Hand, *seconds: int, credited: timedelta | None = None) -> None:
    way = Way("main", "BTC", "BTC", "deposit")
    for number, each in enumerate(seconds):
        began = to_iso(NOW - timedelta(seconds=each))
        step: Any = SimpleNamespace(facts={"first_submitted_at": began}, client_id=f"v{number}-{each}")
        with hand.desk.store.write() as writer:
            lead_times.record(writer, way, step, NOW + (credited or timedelta()))


def codes_at(hand: Hand, distance: str) -> list[str]:
    risk = account_risk(world.account(), world.PARAMETERS)
    assert not isinstance(risk, str)
    return codes(hand.top_up(replace(risk, joint_distance=Decimal(distance))))


def test_records_faster_than_the_confirmations_do_not_make_a_late_credit_timely(hand: Hand) -> None:
    """The venue itself says when it credited: two confirmations take 1,200 s whatever it says."""
    took(hand, 1, 2, 3)
    assert codes_at(hand, "-0.0166") == ["denied.too_late"]
    assert codes_at(hand, "-0.0166667") == []


@pytest.mark.parametrize("credited", [timedelta(days=-40), timedelta(days=40)])
def test_a_time_of_credit_before_the_sending_or_after_now_is_not_recorded(
    hand: Hand, credited: timedelta
) -> None:
    took(hand, 5_000, credited=credited)
    with hand.desk.store.read() as connection:
        assert venues.known_ways(connection) == []


def test_one_deposit_that_was_stuck_for_weeks_does_not_stop_all_top_ups_after_it(hand: Hand) -> None:
    took(hand, 1_300, 14 * 86_400)
    assert codes_at(hand, "-0.05") == []
    took(hand, 15 * 86_400)
    assert codes_at(hand, "-0.05") == ["denied.too_late"], "two of them are how the venue is"
