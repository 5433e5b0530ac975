"""How a group's signing is said: who signed, who still may, how many are missing. Pure, light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.cosign import CosignerState, Cosigning


def cosigning_json(found: Cosigning) -> dict[str, Any]:
    """The same as JSON."""
    from vault.codec import encode

    document: dict[str, Any] = encode(found)
    for row, each in zip(document["cosigners"], found.cosigners, strict=True):
        row["done"], row["may_sign"] = each in found.done, each in found.open
    return document


def show_cosigning(page: Page, found: Cosigning) -> None:
    """A line for each cosigner, below what the transaction does."""
    missing = f"{found.missing} more needed" if found.missing else "complete"
    if found.missing and found.closed:
        missing = f"{found.missing} missing, and nobody signs this plan any more"
    page.line(f"  Signatures: {found.threshold} of {len(found.cosigners)} cosigners, {missing}")
    for each in found.cosigners:
        page.line(f"    {_who(each)}: {_state(found, each)}")


def next_steps(found: Cosigning, plan_id: str) -> list[str]:
    """What a person can do about the signatures that are missing."""
    devices = sorted({each.device for each in found.open if each.device})
    lines = [f"vault sign {plan_id} --device {name}" for name in devices]
    if any(not each.device for each in found.open):
        transfer = f"{plan_id} --transfer {found.transfer}"
        lines.append(f"vault psbt export {transfer} -o FILE, and vault psbt import {transfer} FILE")
    return lines


def _who(each: CosignerState) -> str:
    return f"{each.device or 'outside'} {each.fingerprint} {each.path}"


def _state(found: Cosigning, each: CosignerState) -> str:
    if each in found.done:
        return "signed"
    if each.signed:
        return f"signed {each.signed} of {found.inputs} inputs"
    if each in found.open:
        return "may sign"
    return "not signed" if found.missing else "not needed"
