"""How the same things are said by every command: amounts, shares, steps, decisions. Pure, light."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.cli.page import Page
    from vault.model import Decision, ForeignSpend, SpotHolding, UnsolicitedCoin, WalletBalance
    from vault.store.records import IntentRow

STEP_NAMES = {
    "to_spot": "move from margin to spot",
    "withdraw": "withdraw",
    "spend": "transaction",
    "credit": "credit at the venue",
    "to_margin": "move from spot to margin",
}


# Facts that whoever has them could send, or put to others of their kind.
_SIGNED = frozenset({"raw", "partial", "owners", "signed_action"})


def usd(value: Decimal) -> str:
    """For reading only: whole cents, with separators."""
    return f"{value:,.2f} USD"


def idle_line(holding: SpotHolding) -> str:
    """Coins at the venue that are no margin, and that no plan moves."""
    return f"{holding.free} idle in {holding.account}'s spot wallet"


def set_aside_lines(wallets: Sequence[WalletBalance]) -> list[str]:
    """What wallets hold and do not count: in quarantine, and frozen."""
    lines = []
    for wallet in wallets:
        if wallet.quarantined.units:
            lines.append(f"{wallet.name}: {wallet.quarantined} in quarantine, which nobody here asked for")
        if wallet.frozen.units:
            lines.append(f"{wallet.name}: {wallet.frozen} frozen")
    return lines


def unsolicited_lines(coins: Sequence[UnsolicitedCoin]) -> list[str]:
    """One line a wallet for coins in quarantine that nobody has looked at, and one for each lookalike."""
    lines = []
    for name in dict.fromkeys(coin.wallet for coin in coins):
        held = [coin for coin in coins if coin.wallet == name]
        dust = sum(coin.dust for coin in held)
        amount = sum((coin.amount for coin in held[1:]), held[0].amount)
        lines.append(
            f"{name} holds {counted(len(held), 'coin')} nobody here asked for ({amount}, {dust} of them dust)"
        )
    alike = dict.fromkeys(line for coin in coins for line in coin.resembles)
    return [*lines, *(f"poison: {line}: copy no address from the history" for line in alike)]


def foreign_lines(spends: Sequence[ForeignSpend]) -> list[str]:
    """One line for each transaction of nobody's plan that spent our coins."""
    return [
        f"{each.amount} LEFT {each.wallet} WITHOUT A PLAN, by {each.txid} "
        f"({counted(each.confirmations, 'confirmation')}), to {', '.join(each.destinations) or 'itself'}: "
        f"`vault reconcile --close {each.txid} --reason TEXT` once a person has looked"
        for each in spends
    ]


def percent(value: Decimal | None) -> str:
    """A share 0..1 in percent with one digit; unknown is said."""
    return "unknown" if value is None else f"{value * 100:.1f} %"


def share(value: Decimal | None) -> str:
    """A share 0..1 as the policy writes it, with two digits; unknown is said."""
    return "unknown" if value is None else f"{value:.2f}"


def counted(number: int, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def step_json(step: IntentRow) -> dict[str, Any]:
    """A step of a plan as JSON; what it carries, without signatures and the signed transaction itself."""
    facts = {key: value for key, value in step.facts.items() if key not in _SIGNED}
    return {
        "client_id": step.client_id,
        "plan_id": step.plan_id,
        "transfer": step.transfer,
        "step": step.step,
        "kind": step.kind,
        "state": step.state,
        "submitted_at": step.submitted_at,
        "updated_at": step.updated_at,
        "reference": step.reference,
        "facts": facts,
    }


def step_line(step: IntentRow) -> str:
    """A step in one line."""
    from vault.treasury.steps import disputed

    reference = f" {step.reference}" if step.reference else ""
    if by := step.facts.get("replaced_by" if step.state == "replaced" else "displaced_by"):
        reference += f" by {by}" if step.state in {"replaced", "displaced"} else ""
    said = f"{step.transfer}.{step.step} {STEP_NAMES.get(step.kind, step.kind)}: {step.state}{reference}"
    return f"{said} DISPUTED: {dispute}" if (dispute := disputed(step)) else said


def show_steps(page: Page, steps: Sequence[IntentRow]) -> None:
    """Steps of a plan, one a line."""
    page.lines((step_line(step) for step in steps), "  ")


def decision_rows(decisions: Sequence[Decision]) -> list[tuple[str, ...]]:
    """Rows for `DECISION_HEAD`."""
    return [
        (
            each.action.replace("_", "-"),
            each.subject,
            each.outcome,
            str(each.amount) if each.amount is not None else "",
            f"{each.decided_by}: {each.reason}",
        )
        for each in decisions
    ]


DECISION_HEAD = ("action", "subject", "outcome", "amount", "decided by")
