"""What a venue says or cannot say is a step of the trace; the need is measured at the less needy price."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from vault.model import Decision
from vault.policy.document import Policy
from vault.policy.engine import decide
from vault.policy.precautions import Precaution, Standing, judge
from vault.risk.assess import account_risk, assess

STRICT = '[venues]\nunsaid = "deny"\nindependent_price = "required"\n'
BROKEN = Precaution("ip_list", "broken", "works from everywhere", "denied.no_ip_list")
UNSAID = Precaution("holds", "unsaid", "cannot say")
NO_PRICE = Precaution("independent_price", "unsaid", "no other source")
KEPT = Precaution("key", "kept", "ours")


def policy(world: ModuleType, venues: str = "") -> tuple[Policy, str]:
    found: tuple[Policy, str] = world.policy(head=world.HEAD + venues)
    return found


def decided(
    world: ModuleType, action: str, standing: Standing | None, *, venues: str = "", account: Any = None
) -> Decision:
    document, digest = policy(world, venues)
    seen = world.snapshot((account or (world.CALM if action == "sweep" else world.FALLEN),))
    assessment = assess(seen, world.PARAMETERS, world.AT)
    standings = {} if standing is None else {(action, "main"): standing}
    found = decide(document, digest, assessment, seen, world.BOOK, (), (), world.AT, standings)  # type: ignore[arg-type]
    return next(each for each in found if (each.action, each.subject) == (action, "main"))


@pytest.mark.parametrize("action", ["sweep", "top_up"])
def test_what_is_broken_denies_with_its_own_code_whatever_a_rule_allows(
    world: ModuleType, action: str
) -> None:
    assert decided(world, action, None).outcome == "allow"
    found = decided(world, action, Standing((KEPT, BROKEN, UNSAID)))
    assert (found.outcome, found.decided_by) == ("deny", "denied.no_ip_list")
    assert any(step.step == "venue:holds" and step.reason.startswith("warning") for step in found.trace)


@pytest.mark.parametrize(
    ("said", "venues", "outcome"),
    [
        (UNSAID, "", "allow"),
        (UNSAID, STRICT, "deny"),
        (NO_PRICE, "", "allow"),
        (NO_PRICE, STRICT, "deny"),
        (KEPT, STRICT, "allow"),
    ],
)
def test_silence_is_a_warning_unless_the_policy_wants_an_answer(
    world: ModuleType, said: Precaution, venues: str, outcome: str
) -> None:
    assert decided(world, "top_up", Standing((said,)), venues=venues).outcome == outcome


def test_a_missing_price_and_a_silent_venue_are_two_keys(world: ModuleType) -> None:
    only_price, _ = policy(world, '[venues]\nindependent_price = "required"\n')
    found = judge(only_price, (UNSAID, NO_PRICE))
    assert (found.denied, found.warned) == ((NO_PRICE,), (UNSAID,))


def test_the_smaller_need_of_two_prices_counts(world: ModuleType) -> None:
    alone = decided(world, "top_up", None)
    better = account_risk(world.account(coins="8", mark="84200", index="84228"), world.PARAMETERS)
    worse = account_risk(world.account(coins="8", mark="83000", index="83028"), world.PARAMETERS)
    assert not isinstance(better, str) and not isinstance(worse, str)
    less = decided(world, "top_up", Standing((KEPT,), better))
    same = decided(world, "top_up", Standing((KEPT,), worse))
    assert alone.amount is not None and less.amount is not None
    assert less.amount < alone.amount
    assert same.amount == alone.amount


def test_no_need_at_the_other_price_is_no_top_up(world: ModuleType) -> None:
    fine = account_risk(world.CALM, world.PARAMETERS)
    assert not isinstance(fine, str)
    found = decided(world, "top_up", Standing((KEPT,), fine))
    assert (found.outcome, found.amount) == ("none", None)
    assert "independent price" in found.reason


def test_a_standing_of_the_other_direction_says_nothing_of_this_one(world: ModuleType) -> None:
    document, digest = policy(world)
    seen = world.snapshot()
    assessment = assess(seen, world.PARAMETERS, world.AT)
    standings: Any = {("top_up", "main"): Standing((BROKEN,)), ("sweep", "other"): Standing((BROKEN,))}
    found = decide(document, digest, assessment, seen, world.BOOK, (), (), world.AT, standings)
    assert found[0].outcome == "allow"


def test_a_codeless_denial_is_named_after_what_was_not_said(world: ModuleType) -> None:
    found = decided(world, "sweep", Standing((replace(UNSAID, what="whitelist"),)), venues=STRICT)
    assert found.decided_by == "denied.whitelist_unsaid"
