"""Not knowing is never said as calm, and never as a loss: plan, check and reconcile without their sources."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from vault.cli import plan as plan_command
from vault.cli import reconcile as reconcile_command
from vault.cli.blind import could_not_judge, failed_places, not_known, status_of
from vault.cli.reconcile import Closing, verdict
from vault.model import Assessment, Decision, Snapshot, SourceFailure, TraceStep, WalletBalance
from vault.money import BTC, Amount
from vault.treasury.books import BookLine, Books
from vault.treasury.propose import Proposal
from vault.treasury.reconcile import Settlement

AT = datetime(2026, 1, 31, tzinfo=UTC)
ZERO = Amount.zero(BTC)
ONE = Amount.parse("1", BTC)
NO_VENUE = SourceFailure("venue:trading", "venue.unreachable", "no connection")
NO_CHAIN = SourceFailure("wallet:staging", "chain.unreachable", "no connection")
LOCKED = SourceFailure("venue:trading", "secret.locked", "the keyring is locked")


def denied(action: Any, subject: str, step: str, reason: str) -> Decision:
    trace = (TraceStep(step, "deny", reason, ()),)
    return Decision(action, subject, "deny", None, subject, "c", step, reason, "default", 1, "0" * 64, trace)


UNREAD = denied("sweep", "trading", "account:trading", "the account was not read or could not be assessed")
UNREAD_WALLET = denied("evacuate", "staging", "wallet:staging", "its balance is not known")
BY_LIMIT = denied("sweep", "trading", "limit:day", "above the limit")


def proposal(*decisions: Decision, failures: tuple[SourceFailure, ...] = (), wallets: Any = ()) -> Proposal:
    snapshot = Snapshot("desk-one", AT, (), (), wallets, failures)
    assessment = Assessment("0" * 64, "desk-one", AT, (), (), None, Decimal(1), Decimal(0), ())
    return Proposal(snapshot, assessment, decisions, ("0" * 64,) * len(decisions), None, None, ())


@pytest.mark.parametrize(
    ("failures", "decision", "status"),
    [
        ((NO_VENUE,), UNREAD, 20),
        ((LOCKED,), UNREAD, 12),
        ((NO_CHAIN,), UNREAD_WALLET, 25),
        ((), UNREAD_WALLET, 11),
        ((), BY_LIMIT, 0),
    ],
)
def test_a_plan_made_blind_ends_with_the_status_of_the_first_failure(
    failures: tuple[SourceFailure, ...], decision: Decision, status: int
) -> None:
    found = proposal(decision, failures=failures)
    assert plan_command._status(found, False) == status
    assert plan_command._status(found, True) == (1 if status else 0)


def test_a_plan_made_blind_says_what_is_not_known_and_not_that_nothing_is_called_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from vault.cli.page import Page

    found = proposal(UNREAD, failures=(NO_VENUE,))
    plan_command._render(Page(), found)
    said = capsys.readouterr().out
    assert (
        "not known: sweep trading: venue:trading could not be read: no connection (venue.unreachable)" in said
    )
    assert "nothing is called for" not in said
    assert plan_command.plan_document(found)["not_known"][0]["error"] == "venue.unreachable"


def test_a_wallet_that_the_policy_names_and_nobody_configured_is_said_as_such() -> None:
    (each,) = not_known(proposal(UNREAD_WALLET))
    assert each.code == "config.unknown_name"
    assert "no [[wallet]] of that name" in each.message


def test_stale_numbers_are_not_known_either() -> None:
    balance = WalletBalance("staging", "staging", ONE, ZERO, 1, AT)
    stale = denied("evacuate", "staging", "wallet:staging", "the balance is 500 s old")
    (each,) = not_known(proposal(stale, wallets=(balance,)))
    assert each.code == "venue.facts_missing"
    assert "500 s old" in each.line


def test_a_rule_whose_fact_is_missing_could_not_be_judged() -> None:
    (each,) = not_known(proposal(denied("sweep", "trading", "rule:x", "policy.missing_fact: f is not known")))
    assert each.subject == "trading"


def test_a_wallet_of_the_wrong_role_was_judged() -> None:
    wrong = denied("evacuate", "cold", "wallet:cold", "expected a staging wallet, found a cold one")
    assert not could_not_judge(wrong)


@pytest.mark.parametrize(
    ("code", "status"), [("venue.timeout", 20), ("chain.unreachable", 25), ("secret.locked", 12)]
)
def test_a_venue_that_was_asked_and_did_not_answer_is_not_known_although_it_denies(
    code: str, status: int
) -> None:
    found = proposal(denied("sweep", "trading", code, "trading: no answer in time"))
    (each,) = not_known(found)
    assert (each.subject, each.code) == ("trading", code)
    assert "no answer in time" in each.line
    assert plan_command._status(found, False) == status


@pytest.mark.parametrize("code", ["venue.held", "venue.wrong_account", "denied.no_ip_list", "key.too_weak"])
def test_what_a_venue_answered_was_judged(code: str) -> None:
    assert not_known(proposal(denied("sweep", "trading", code, "so it is"))) == ()


@pytest.mark.parametrize(
    ("code", "status"), [("chain.x", 25), ("secret.x", 12), ("venue.x", 20), ("other.x", 20)]
)
def test_a_code_alone_has_the_status_of_its_family(code: str, status: int) -> None:
    assert status_of(code) == status


def test_a_venue_whose_spot_wallet_failed_is_a_place_not_read() -> None:
    spot = SourceFailure("spot:trading:BTC", "venue.timeout", "m")
    tether = SourceFailure("spot:trading:USDT", "venue.timeout", "m")
    market = SourceFailure("market:trading:BTCUSDT", "venue.timeout", "m")
    assert set(failed_places((spot, tether, market))) == {"venue:trading"}
    assert failed_places((tether, market)) == {}


# -- reconcile ---------------------------------------------------------------------------------------


def books(*, difference: Amount = ZERO, unsettled: tuple[str, ...] = (), unread: tuple[str, ...] = ()) -> Any:
    line = BookLine("wallet:cold", ONE, ZERO, ZERO, ZERO, ONE, ONE + difference, difference)
    return Books((line,), ZERO, ZERO, ZERO, ONE, ONE + difference, unsettled, unread)


def settlement(state: str) -> Settlement:
    return Settlement("p", "v1", 1, 1, "withdraw", state, state, "", "")


def closing(found: Books, *settled: Settlement, failed: dict[str, SourceFailure] | None = None) -> Closing:
    return Closing(settled, found, failed or {}, {})


def status(of: Closing, *, waited: bool = False) -> int:
    return reconcile_command._status(of, waited=waited)


def test_books_of_places_that_were_not_read_are_not_compared() -> None:
    of = closing(books(unread=("venue:trading",)), failed={"venue:trading": NO_VENUE})
    assert verdict(of) == "The books could not be compared: venue:trading unread."
    assert status(of) == 20
    assert reconcile_command._document(of)["balanced"] is False


def test_nothing_readable_at_all_is_not_balanced() -> None:
    nothing = Books((), ZERO, ZERO, ZERO, ZERO, ZERO, (), ())
    of = closing(nothing, failed={"wallet:staging": NO_CHAIN})
    assert "could not be compared" in verdict(of)
    assert status(of) == 25
    assert reconcile_command._document(of)["balanced"] is False


def test_books_with_only_an_unsettled_step_wait_for_it() -> None:
    of = closing(books(unsettled=("p/1/withdraw: unknown",)), settlement("unknown"))
    assert verdict(of) == "The books wait for a step that is not settled."
    assert status(of) == 21


@pytest.mark.parametrize("unread", [(), ("venue:trading",)])
def test_one_satoshi_of_difference_is_loud_whatever_else_is_not_known(unread: tuple[str, ...]) -> None:
    of = closing(books(difference=Amount(BTC, 1), unread=unread))
    assert verdict(of) == "THE BOOKS DO NOT BALANCE."
    assert status(of) == 65


def test_a_total_that_does_not_add_up_is_loud_when_every_place_was_read() -> None:
    assert status(closing(replace(books(), in_transit=ONE))) == 65


def test_waiting_in_vain_is_22_and_only_when_it_was_asked_for() -> None:
    of = closing(books(), settlement("accepted"))
    assert (status(of), status(of, waited=True)) == (0, 22)
    assert status(closing(books(), settlement("done")), waited=True) == 0


def test_an_unknown_step_says_what_was_answered_and_when_it_can_be_settled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from vault.cli.page import Page
    from vault.treasury.inspection import Outlook

    seen = {"v1": Outlook("unknown.timeout: no answer", AT)}
    of = Closing((settlement("unknown"),), books(unsettled=("x",)), {}, seen)
    reconcile_command._render(Page(), of)
    said = capsys.readouterr().out
    assert "the answer was: unknown.timeout: no answer" in said
    assert "it can be settled from 2026-01-31T00:00:00.000Z on" in said


# -- whole commands ----------------------------------------------------------------------------------

VENUE = """
[[venue]]
name = "trading"
exchange = "binance"
account_uid = "1"
url = "http://127.0.0.1:1"
"""


@pytest.fixture
def locked(signed: Any) -> Any:
    """A treasury with a venue whose keys cannot be read."""
    with signed.config.open("a", encoding="utf-8") as file:
        file.write(VENUE)
    return signed


def test_plan_without_keys_is_no_calm_day(locked: Any) -> None:
    ran = locked.vault("plan")
    assert ran.status == 12
    assert "not known: sweep trading: venue:trading could not be read" in ran.out
    assert "nothing is called for" not in ran.out
    assert locked.vault("plan", "--detailed-exitcode").status == 1


def test_check_without_keys_is_unknown_and_not_critical(locked: Any) -> None:
    ran = locked.vault("check")
    assert ran.status == 3
    assert ran.out.startswith("VAULT UNKNOWN - ")
    assert ran.out.count("trading") == 1


def test_reconcile_without_keys_does_not_cry_loss(locked: Any) -> None:
    ran = locked.vault("reconcile")
    assert ran.status == 12
    assert "The books could not be compared: venue:trading unread." in ran.out
    assert "NOT BALANCE" not in ran.out


def test_plan_for_a_venue_that_nobody_configured_says_so(signed: Any) -> None:
    ran = signed.vault("plan")
    assert ran.status == 11
    assert "the policy names trading, and treasury.toml has no [[venue]] of that name" in ran.out
