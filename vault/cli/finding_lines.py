"""Findings as `vault doctor` and `vault venue` print them: a verdict a line, and under it what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.cli.page import Page
    from vault.treasury.findings import Finding


def show_findings(page: Page, findings: Sequence[Finding]) -> None:
    for finding in findings:
        page.line(f"{finding.verdict:<4}  {finding.what}: {finding.detail}")
        if finding.hint:
            page.line(f"      {finding.hint}")
    counts = [
        f"{count} of {len(findings)} {word}"
        for verdict, word in (("FAIL", "failed"), ("WARN", "to be looked at"))
        if (count := sum(each.verdict == verdict for each in findings))
    ]
    page.line()
    page.line(", ".join(counts) or "nothing failed")


def finding_json(finding: Finding) -> dict[str, str]:
    return {
        "what": finding.what,
        "verdict": finding.verdict,
        "detail": finding.detail,
        "code": finding.code,
        "hint": finding.hint,
    }


def any_failed(findings: Sequence[Finding]) -> bool:
    return any(finding.verdict == "FAIL" for finding in findings)
