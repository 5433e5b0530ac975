"""`vault doctor`: one line for everything a treasury rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command
from vault.cli.finding_lines import any_failed, finding_json, show_findings
from vault.errors import VaultError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.findings import Finding


@command("doctor")
@click.option("--offline", is_flag=True, help="Look at packages and keyring only.")
def doctor(call: Call, offline: bool) -> Answer:
    """Check packages, keyring, configuration, store, signatures, backend, devices and venues.

    Exit status 0 only when nothing FAILs, else 1. WARN is to be looked at. SKIP is what could not be asked,
    with the reason: a failure before it, a locked device and nobody at a terminal to unlock it, or what a
    venue does not say.
    """
    from vault.treasury.doctor import environment

    findings = list(environment())
    if not offline:
        findings += _of_treasury(call)
    failed = any_failed(findings)

    def render(page: Page) -> None:
        show_findings(page, findings)

    document = {"ok": not failed, "findings": [finding_json(finding) for finding in findings]}
    return Answer(document, render, 1 if failed else 0)


def _of_treasury(call: Call) -> list[Finding]:
    from vault.treasury.doctor import treasury_findings
    from vault.treasury.findings import Finding, failure

    try:
        treasury = call.treasury()
    except VaultError as error:
        return [failure("configuration", error)]
    found = [Finding("configuration", "OK", str(treasury.path))]
    found += treasury_findings(treasury, call.progress, call.on_prompt, call.keyboard())
    return found
