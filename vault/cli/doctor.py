"""`vault doctor`: one line for everything a treasury rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command
from vault.errors import VaultError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.doctor import Finding


@command("doctor")
@click.option("--offline", is_flag=True, help="Look at packages and keyring only.")
def doctor(call: Call, offline: bool) -> Answer:
    """Check packages, keyring, configuration, store, signatures, backend, devices and venues.

    Exit status 0 only when nothing FAILs, else 1. SKIP is what could not be asked, with the reason: a
    failure before it, or a locked device and nobody at a terminal to unlock it.
    """
    from vault.treasury.doctor import environment

    findings = list(environment())
    if not offline:
        findings += _of_treasury(call)
    failed = [finding for finding in findings if finding.verdict == "FAIL"]

    def render(page: Page) -> None:
        for finding in findings:
            page.line(f"{finding.verdict:<4}  {finding.what}: {finding.detail}")
            if finding.hint:
                page.line(f"      {finding.hint}")
        page.line()
        page.line(f"{len(failed)} of {len(findings)} failed" if failed else "nothing failed")

    document = {"ok": not failed, "findings": [_json(finding) for finding in findings]}
    return Answer(document, render, 1 if failed else 0)


def _of_treasury(call: Call) -> list[Finding]:
    from vault.treasury.doctor import Finding, treasury_findings

    try:
        treasury = call.treasury()
    except VaultError as error:
        return [Finding("configuration", "FAIL", error.message, error.code, error.hint)]
    found = [Finding("configuration", "OK", str(treasury.path))]
    found += treasury_findings(treasury, call.progress, call.on_prompt, call.keyboard())
    return found


def _json(finding: Finding) -> dict[str, str]:
    return {
        "what": finding.what,
        "verdict": finding.verdict,
        "detail": finding.detail,
        "code": finding.code,
        "hint": finding.hint,
    }
