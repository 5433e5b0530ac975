"""What the engine decides: bands, default deny, deny overrides, and the trace that explains it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from types import ModuleType

import pytest

from vault.codec import decode, encode
from vault.errors import PolicyError
from vault.model import Decision
from vault.policy.book import AddressBook
from vault.policy.engine import decide
from vault.policy.explain import explain
from vault.policy.trail import Stamp, Trail
from vault.risk.assess import assess

D = Decimal


def test_sweeps_down_to_the_target_above_the_ceiling(world: ModuleType) -> None:
    decision = world.decisions()["sweep", "main"]
    assert (decision.outcome, str(decision.amount)) == ("allow", "6.00000000 BTC")
    assert (decision.source, decision.destination) == ("main", "cold-1")
    assert decision.decided_by == "rule:allow-sweep"


def test_tops_up_to_the_target_below_the_floor(world: ModuleType) -> None:
    decision = world.decisions(world.snapshot((world.FALLEN,)))["top_up", "main"]
    assert (decision.outcome, str(decision.amount)) == ("allow", "3.61757272 BTC")
    assert (decision.source, decision.destination) == ("cold", "main-deposit")


def test_calls_for_nothing_between_floor_and_ceiling(world: ModuleType) -> None:
    found = world.decisions(world.snapshot((world.account(coins="8", mark="84640", index="84650"),)))
    assert [found[key, "main"].outcome for key in ("sweep", "top_up")] == ["none", "none"]


def test_one_decision_per_direction_and_evacuation(world: ModuleType) -> None:
    assert list(world.decisions()) == [("sweep", "main"), ("top_up", "main"), ("evacuate", "staging")]


def test_a_fragile_market_evacuates_the_staging_wallet_whole(world: ModuleType) -> None:
    calm = world.decisions()["evacuate", "staging"]
    fragile = world.decisions(markets=(world.market(crowded=True),))["evacuate", "staging"]
    assert calm.outcome == "none"
    assert (fragile.outcome, str(fragile.amount)) == ("allow", "2.50000000 BTC")


def test_without_a_rule_that_allows_the_default_is_deny(world: ModuleType) -> None:
    rules = world.rule("only-top-ups", "allow", "top_up", "account.equity > 0")
    decision = world.decisions(rulebook=world.policy(rules=rules))["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "default")


@pytest.mark.parametrize("first", [True, False])
def test_a_deny_rule_wins_wherever_it_stands(world: ModuleType, first: bool) -> None:
    no = world.rule("no", "deny", "*", "transfer.amount > 0")
    rules = no + world.RULES if first else world.RULES + no
    decision = world.decisions(rulebook=world.policy(rules=rules))["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "rule:no")


def test_an_error_in_any_rule_denies_even_in_an_allow_rule(world: ModuleType) -> None:
    rules = world.RULES + world.rule("odd", "allow", "sweep", "1 / (account.equity - account.equity) > 0")
    decision = world.decisions(rulebook=world.policy(rules=rules))["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "rule:odd")
    assert "policy.arithmetic" in decision.reason


def test_every_check_is_recorded_even_after_a_denial(world: ModuleType) -> None:
    decision = world.decisions(in_flight={"main"})["sweep", "main"]
    steps = [step.step for step in decision.trace]
    assert decision.decided_by == "in_flight"
    assert steps == ["in_flight", "band:main", "book:cold-1", "rule:allow-sweep", "limit:all"]


def test_the_trace_shows_every_fact_with_its_age_and_source(world: ModuleType) -> None:
    seen = world.snapshot((dataclasses.replace(world.CALM, observed_at=world.AT - timedelta(seconds=7)),))
    step = next(s for s in world.decisions(seen)["sweep", "main"].trace if s.step == "rule:allow-sweep")
    shown = dict(step.facts)["account.maintenance_margin"]
    assert shown.endswith("(7 s old, account main)")


def test_explains_the_answer_first_and_marks_what_decided(world: ModuleType) -> None:
    lines = explain(world.decisions(in_flight={"main"})["sweep", "main"])
    assert lines[0] == "Sweep main: denied of 6.00000000 BTC from main to cold-1"
    assert lines[1].startswith("decided by in_flight")
    assert sum("<- decided" in line for line in lines) == 1
    assert any("moved in 24 h = 0.00000000 BTC" in line for line in lines)


def test_a_decision_names_policy_version_and_digest_and_survives_being_written(world: ModuleType) -> None:
    document, digest = world.policy()
    decision = world.decisions(rulebook=(document, digest))["sweep", "main"]
    assert (decision.policy_id, decision.policy_version, decision.policy_digest) == ("test", 3, digest)
    assert decode(encode(decision), Decision) == decision


def test_an_assessment_of_another_snapshot_is_refused(world: ModuleType) -> None:
    document, digest = world.policy()
    other = assess(world.snapshot(()), world.PARAMETERS, world.AT)
    with pytest.raises(PolicyError, match="assessment of this snapshot"):
        decide(document, digest, other, world.snapshot(), world.BOOK, (), (), world.AT)


@pytest.mark.parametrize("state", ["pending", "unknown", "UNKNOWN"])
def test_a_transfer_whose_result_is_not_known_blocks_its_subject(world: ModuleType, state: str) -> None:
    past = (world.outflow("sweep", "main", "0.1", 600, state),)
    decision = world.decisions(history=past)["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "in_flight")


@pytest.mark.parametrize("action", ["sweep", "top_up"])
def test_a_sweep_waits_after_a_transfer_in_either_direction(world: ModuleType, action: str) -> None:
    soon = world.decisions(history=(world.outflow(action, "main", "0.1", 59),))["sweep", "main"]
    later = world.decisions(history=(world.outflow(action, "main", "0.1", 60),))["sweep", "main"]
    assert (soon.outcome, soon.decided_by) == ("deny", "min_wait")
    assert later.outcome == "allow"


def test_a_top_up_does_not_wait_for_a_sweep_but_waits_for_a_top_up(world: ModuleType) -> None:
    fallen = world.snapshot((world.FALLEN,))
    after_sweep = world.decisions(fallen, history=(world.outflow("sweep", "main", "6", 1),))
    after_top_up = world.decisions(fallen, history=(world.outflow("top_up", "main", "1", 1),))
    assert after_sweep["top_up", "main"].outcome == "allow"
    assert after_top_up["top_up", "main"].decided_by == "min_wait"


def test_less_than_the_smallest_change_is_left_alone(world: ModuleType) -> None:
    band = world.BAND.replace('ceiling = "350000"', 'ceiling = "250001"')
    almost = world.account(coins="8.04")
    found = world.decisions(world.snapshot((almost,)), rulebook=world.policy(band=band))["sweep", "main"]
    assert found.outcome == "none"
    assert "smallest change" in found.reason


def test_amounts_are_quantised_down_to_the_step(world: ModuleType) -> None:
    band = world.BAND.replace('cold = "cold-1"', 'step = "0.25"\ncold = "cold-1"')
    found = world.decisions(world.snapshot((world.FALLEN,)), rulebook=world.policy(band=band))
    assert str(found["top_up", "main"].amount) == "3.50000000 BTC"


def test_a_sweep_never_exceeds_what_the_venue_lets_go(world: ModuleType) -> None:
    tight = world.account(max_withdraw="2.123456789")
    assert str(world.decisions(world.snapshot((tight,)))["sweep", "main"].amount) == "2.12345678 BTC"
    free = world.account(available_to_withdraw=D("84740"))
    assert str(world.decisions(world.snapshot((free,)))["sweep", "main"].amount) == "1.00000000 BTC"


def test_a_sweep_is_denied_when_the_venue_does_not_say_what_may_go(world: ModuleType) -> None:
    silent = world.account(max_withdraw=None)
    decision = world.decisions(world.snapshot((silent,)))["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "band:main")


def test_a_top_up_that_would_not_reach_the_floor_is_for_a_person(world: ModuleType) -> None:
    wallets = (world.wallet(confirmed="0.25"), world.WALLETS[1])
    decision = world.decisions(world.snapshot((world.FALLEN,), wallets=wallets))["top_up", "main"]
    assert decision.outcome == "deny"
    assert "cannot lift the account to its floor" in decision.reason


def test_a_top_up_leaves_room_for_its_own_fee(world: ModuleType) -> None:
    wallets = (world.wallet(confirmed="1"), world.WALLETS[1])
    decision = world.decisions(world.snapshot((world.FALLEN,), wallets=wallets))["top_up", "main"]
    assert str(decision.amount) == "0.99900000 BTC"


def test_a_wallet_of_the_wrong_role_is_not_used(world: ModuleType) -> None:
    wallets = (world.wallet(role="staging"), world.wallet("staging", "cold", "2.5"))
    crowded = (world.market(crowded=True),)
    found = world.decisions(world.snapshot((world.FALLEN,), wallets), markets=crowded)
    assert found["top_up", "main"].decided_by == "wallet:cold"
    assert found["evacuate", "staging"].decided_by == "wallet:staging"


def test_an_account_with_a_band_that_was_not_read_shows_as_denied(world: ModuleType) -> None:
    found = world.decisions(world.snapshot(()))
    assert {found[key, "main"].outcome for key in ("sweep", "top_up")} == {"deny"}


def test_a_band_for_all_accounts_gives_way_to_an_account_s_own(world: ModuleType) -> None:
    general = world.BAND.replace('account = "main"', 'account = "*"').replace("350000", "9000000")
    general = general.replace('top_up_from = "cold"\ntop_up_to = "main-deposit"\n', "")
    other = world.account(name="other")
    rulebook = world.policy(band=world.BAND + general)
    found = world.decisions(world.snapshot((world.CALM, other)), rulebook=rulebook)
    assert found["sweep", "main"].outcome == "allow"
    assert found["sweep", "other"].decided_by == "band:*"
    assert found["top_up", "other"].outcome == "none"


def test_two_top_ups_in_one_round_share_the_cold_wallet_and_the_limits(world: ModuleType) -> None:
    second = world.BAND.replace('"main"', '"second"').replace("main-deposit", "second-deposit")
    book = AddressBook(1, (*world.BOOK.entries, world.deposit("second-deposit", "second")))
    accounts = (world.FALLEN, dataclasses.replace(world.FALLEN, name="second"))
    rulebook = world.policy(
        band=world.BAND + second, limits=world.LIMITS + world.limit("day", "top_up", "5", 24, "6")
    )
    found = world.decisions(world.snapshot(accounts), rulebook=rulebook, book=book)
    assert found["top_up", "main"].outcome == "allow"
    assert found["top_up", "second"].decided_by == "limit:day"
    poor = world.snapshot(accounts, wallets=(world.wallet(confirmed="4"), world.WALLETS[1]))
    found = world.decisions(poor, rulebook=world.policy(band=world.BAND + second), book=book)
    assert found["top_up", "main"].outcome == "allow"
    assert str(found["top_up", "second"].amount) == "0.38142728 BTC"


def test_exactly_at_the_ceiling_or_the_floor_nothing_is_called_for(world: ModuleType) -> None:
    exact = world.decisions()["sweep", "main"]
    excess = dict(exact.trace[0].facts)["stress_excess"].removesuffix(" USD")
    at_ceiling = world.BAND.replace("350000", excess)
    found = world.decisions(rulebook=world.policy(band=at_ceiling))
    assert found["sweep", "main"].outcome == "none"
    at_floor = world.BAND.replace("10000", excess).replace("250000", "800000").replace("350000", "900000")
    found = world.decisions(rulebook=world.policy(band=at_floor))
    assert found["top_up", "main"].outcome == "none"


def test_a_limit_allows_exactly_its_amount_and_not_a_satoshi_more(world: ModuleType) -> None:
    past = (world.outflow("sweep", "other", "2", 600),)
    for single, window, outcome in (
        ("6", "8", "allow"),
        ("5.99999999", "8", "deny"),
        ("6", "7.99999999", "deny"),
    ):
        limits = world.LIMITS + world.limit("exact", "sweep", single, 24, window)
        decision = world.decisions(rulebook=world.policy(limits=limits), history=past)["sweep", "main"]
        assert decision.outcome == outcome


def test_a_transfer_that_no_limit_covers_is_denied_whatever_the_document_checked(world: ModuleType) -> None:
    document, digest = world.policy()
    unlimited = document.model_copy(update={"limit": ()})
    decision = world.decisions(rulebook=(unlimited, digest))["sweep", "main"]
    assert (decision.outcome, decision.decided_by) == ("deny", "limits")


def test_a_trail_that_was_allowed_without_an_amount_denies() -> None:
    trail = Trail("sweep", "main", "main", "cold-1", Stamp("p", 1, "00"))
    trail.allow("rule:x", "fine")
    assert trail.settle(None).outcome == "deny"
