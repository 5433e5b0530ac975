"""What a monitor reads of `vault check`: one short Nagios line, the details, performance data. Pure.

Refuses to let a line grow with the number of accounts: what does not fit follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vault.treasury.overview import Overview
    from vault.treasury.propose import Proposal

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
WORDS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# Characters of the first line: monitors cut what is longer.
FIRST_LINE: Final = 300


@dataclass(frozen=True, slots=True)
class Remark:
    """One reason for a level."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Fragility at which to warn and to alarm, 0..1."""

    warning: Decimal
    critical: Decimal


def plain(text: str) -> str:
    """Nothing in it can pass for performance data or another line."""
    return text.replace("|", "/").replace("\n", " ")


def report(  # noqa: PLR0917
    level: int,
    remarks: tuple[Remark, ...],
    found: Proposal,
    known: Overview,
    accounts: tuple[str, ...],
    limits: Thresholds,
) -> list[str]:
    """A Nagios plugin's output: a short line, then the details, then the rest of the performance data."""
    of_accounts, of_all = performance(found), shared_performance(found, limits)
    several = len(accounts) > 1
    data = " ".join(of_all if several else [*of_accounts, *of_all])
    start = f"VAULT {WORDS[level]} - {_counts(known, accounts) if several else ''}"
    room = FIRST_LINE - len(start) - (len(data) + 3 if several else 0)
    texts = [remark.text for remark in remarks] or ["margin and wallets as they should be"]
    said, whole = _shortened(texts, room)
    lines = [f"{start}{said} | {data}"]
    if several or not whole:
        lines += [f"{WORDS[remark.level]}: {remark.text}" for remark in remarks]
        lines += [plain(f"{each.source}: {each.code}: {each.message}") for each in found.snapshot.failures]
    return [*lines, f"performance data | {' '.join(of_accounts)}"] if several and of_accounts else lines


def _counts(known: Overview, accounts: tuple[str, ...]) -> str:
    states = [view.state for view in known.accounts if view.risk.account in accounts]
    counts = [
        (states.count("critical"), "critical"),
        (len(accounts) - len(states), "not assessed"),
        (states.count("warning"), "warning"),
        (states.count("ok"), "ok"),
    ]
    return f"{len(accounts)} accounts, {', '.join(f'{count} {word}' for count, word in counts if count)}: "


def _shortened(texts: list[str], room: int) -> tuple[str, bool]:
    """As many of them as fit, and whether that is all; the first is cut rather than left out."""
    if len("; ".join(texts)) <= room:
        return "; ".join(texts), True
    count = len(texts)
    while count > 1 and len(_some(texts, count)) > room:
        count -= 1
    said = _some(texts, count)
    return said if len(said) <= room else f"{said[: room - 4]} ...", False


def _some(texts: list[str], count: int) -> str:
    more = f"; {len(texts) - count} more below" if count < len(texts) else ""
    return f"{'; '.join(texts[:count])}{more}"


def performance(found: Proposal) -> list[str]:
    """Performance data of accounts and wallets: 'label'=value;warning;critical;minimum;maximum."""
    data = []
    for risk in found.assessment.accounts:
        data += [
            f"'{risk.account}_equity'={risk.equity:.2f}",
            f"'{risk.account}_maintenance_margin'={risk.maintenance_margin:.2f}",
            f"'{risk.account}_stress_excess'={risk.stress_excess:.2f};0:",
        ]
        if risk.joint_distance is not None:
            data.append(f"'{risk.account}_distance'={abs(risk.joint_distance):.4f};0.15:;0.05:")
    return [
        *data,
        *(
            f"'{wallet.name}_{wallet.asset.symbol.lower()}'={wallet.confirmed.number};;;0"
            for wallet in found.snapshot.wallets
        ),
    ]


def shared_performance(found: Proposal, limits: Thresholds) -> list[str]:
    """Performance data of the treasury as a whole."""
    from vault.money import plain as exact

    data = []
    if found.assessment.fragility is not None:
        bounds = f"{exact(limits.warning)};{exact(limits.critical)};0;1"
        data.append(f"'fragility'={found.assessment.fragility:.4f};{bounds}")
    return [*data, f"'coverage'={found.assessment.coverage:.4f};;;0;1"]
