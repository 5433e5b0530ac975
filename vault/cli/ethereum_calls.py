"""How a call on Ethereum is said: what it does line by line, and how far a Safe's owners are. Pure, light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.ethereum.report import CallReport
    from vault.treasury.ethereum.safes import OwnerState, SafeProgress

_SAW: Final = {"data": "saw the data", "hashes": "saw hashes only", "unknown": "what was seen is not known"}


def call_json(found: CallReport) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "transfer": found.transfer,
        "lines": list(found.lines),
        "safe": None if found.safe is None else safe_json(found.safe),
    }


def safe_json(found: SafeProgress) -> dict[str, Any]:
    """How far a Safe's owners are, as JSON."""
    from vault.codec import encode

    document: dict[str, Any] = encode(found)
    for row, each in zip(document["owners"], found.owners, strict=True):
        row["may_sign"] = each in found.open
    return document


def show_call(page: Page, found: CallReport) -> None:
    """What a call does, below its transfer."""
    page.line("  What the transaction does, proven by its own bytes:")
    page.lines(found.lines, "    ")
    if found.safe is not None:
        show_safe(page, found.safe)


def show_safe(page: Page, found: SafeProgress) -> None:
    """A line for each owner."""
    missing = f"{found.missing} more needed" if found.missing else "complete"
    if found.blind:
        missing = (
            "enough have signed, but none is known to have seen the data: one more that shows it is needed"
        )
    elif found.missing and found.closed:
        missing = f"{found.missing} missing, and nobody signs this plan any more"
    page.line(f"  Owners of {found.account}: {found.threshold} of {len(found.owners)} sign, {missing}")
    for each in found.owners:
        page.line(
            f"    {each.owner} {each.account or 'outside'} {each.device}".rstrip()
            + f": {_state(found, each)}"
        )
    page.line(f"  domain hash   {found.domain_hash}")
    page.line(f"  message hash  {found.message_hash}")
    page.line(f"  safeTxHash    {found.safe_hash}")


def steps_of_safe(found: SafeProgress, plan_id: str) -> list[str]:
    """What a person can do about the owners' signatures that are missing."""
    devices = sorted({each.device for each in found.open if each.device})
    lines = [f"vault sign {plan_id} --device {name}" for name in devices]
    if any(not each.device for each in found.open):
        transfer = f"{plan_id} --transfer {found.transfer}"
        lines.append(f"vault safe export {transfer} -o FILE, and vault safe import {transfer} FILE")
    return lines


def _state(found: SafeProgress, each: OwnerState) -> str:
    if each.signed:
        return f"signed, {_SAW[each.saw]}"
    if each in found.open:
        return "may sign"
    return "not signed" if found.missing else "not needed"
