"""`vault policy`: the policy as it stands, its tests, and its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vault.cli.command import Answer, Call, command
from vault.errors import PolicyError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.policy.document import Band, Policy
    from vault.treasury.documents import DocumentState


@click.group("policy")
def policy() -> None:
    """Show, test and sign the policy."""


@command("sign", interrupted="The policy is signed only if `vault policy show` says so.")
@click.option(
    "--attester", required=True, metavar="NAME", help="Whose device signs, as named in treasury.toml."
)
@click.option("--untested", is_flag=True, help="Without running its tests; the journal keeps that.")
def sign(call: Call, attester: str, *, untested: bool) -> Answer:
    """Have an attester's device sign policy.toml as it stands; the signature is written beside it.

    The tests beside it run first: refused (50) when one fails, or when there are none. The device shows
    policy, version and the file's SHA-256. Refused (17) for a version older than one that was in force.
    """
    from vault.cli.signing import signed_answer, statement_shower
    from vault.treasury.documents import sign_policy

    with call.desk() as desk:
        return signed_answer(sign_policy(desk, attester, statement_shower, untested=untested))


@command("show")
def show(call: Call) -> Answer:
    """Show the policy's numbers and rules, its digest, and whether its signature holds."""
    from vault.treasury.authority import read_policy
    from vault.treasury.documents import policy_state

    with call.desk() as desk:
        document, _ = read_policy(desk.treasury)
        state = policy_state(desk)
    return Answer(
        {"signature": _state(state), "policy": document.model_dump(mode="json", by_alias=True)},
        lambda page: _render(page, document, state),
        0 if not state.code else 17,
    )


def _state(state: DocumentState) -> dict[str, Any]:
    from vault.cli.signing import state_json

    return state_json(state)


def _render(page: Page, document: Policy, state: DocumentState) -> None:
    from vault.cli.signing import show_state

    page.title(f"Policy {document.policy_id} version {document.version}")
    page.line(document.description)
    show_state(page, state)
    page.line()
    page.facts(_settings(document))
    page.line()
    for band in document.band:
        page.line(f"band of {band.account} in {band.asset}, stress excess:")
        page.facts(_band(band), "  ")
    for item in document.evacuation:
        page.line(
            f"evacuate {item.wallet} to {item.to} when {item.when}, "
            f"{item.min_change:f} {item.asset} at least, min wait {item.min_wait_minutes} min"
        )
    for gas in document.gas:
        page.line(
            f"gas on chain {gas.chain}: {gas.max_cost:f} ETH and {gas.max_fee_per_gas:f} gwei each, "
            f"{gas.window_amount:f} ETH in {gas.window_hours} h"
        )
    for rule in document.rule:
        page.line(f"{rule.effect} {rule.action.replace('_', '-')} when {rule.when}  [{rule.id}]")
    for limit in document.limit:
        page.line(
            f"limit {limit.action.replace('_', '-')}: {limit.per_transfer:f} {limit.asset} each, "
            f"{limit.window_amount:f} in {limit.window_hours} h  [{limit.id}]"
        )


def _settings(document: Policy) -> list[tuple[str, str]]:
    """What holds for every plan, whatever its bands and rules."""
    fees = document.fees
    share = f"{fees.max_fee_share * 100:f} % of the amount"
    return [
        ("approvals", f"{document.plan.approvals_required} required"),
        ("plan expires", f"after {document.plan.expires_minutes} min"),
        ("facts", f"{document.freshness.max_age_seconds} s old at most"),
        (
            "fee at most",
            f"{fees.max_fee_amount}, {fees.max_fee_rate:f} sat/vB, {share}",
        ),
        (
            "fees in all",
            f"{fees.window_amount:f} BTC and {fees.window_share * 100:f} % of what is moved "
            f"in {fees.window_hours} h",
        ),
        ("stuck", f"after {fees.stuck_after_blocks} blocks unconfirmed"),
        ("new addresses", f"cool {document.address_book.cooling_hours} h"),
    ]


def _band(band: Band) -> list[tuple[str, str]]:
    from vault.cli.wording import usd

    step = "" if band.step is None else f", in steps of {band.step:f} {band.asset}"
    top_up = f"from {band.top_up_from} to {band.top_up_to}" if band.top_up_from else "none"
    return [
        ("floor", usd(band.floor)),
        ("target", usd(band.target)),
        ("ceiling", usd(band.ceiling)),
        ("sweep", f"to {band.cold}, by {band.venue_network} at the venue"),
        ("top-up", top_up),
        ("min change", f"{band.min_change:f} {band.asset}{step}"),
        ("min wait", f"{band.min_wait_minutes} min"),
    ]


@command("test")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path())
def test(call: Call, file: str | None) -> Answer:
    """Run the tests beside a policy (policy.test.toml beside policy.toml): facts in, decision out.

    FILE is another policy than the treasury's. Exit status 50 when a test fails.
    """
    from pathlib import Path

    from vault.policy.testing import run_policy_tests

    results = run_policy_tests(Path(file) if file else call.treasury().policy_path)
    failed = [result for result in results if not result.passed]
    document = {
        "passed": not failed,
        "tests": [{"name": r.name, "passed": r.passed, "problems": list(r.problems)} for r in results],
    }

    def render(page: Page) -> None:
        for result in results:
            page.line(f"{'ok  ' if result.passed else 'FAIL'}  {result.name}")
            page.lines(result.problems, "      ")
        page.line(f"{len(results) - len(failed)} of {len(results)} passed")

    return Answer(document, render, PolicyError.exit_status if failed else 0)


for each in (sign, show, test):
    policy.add_command(each)
