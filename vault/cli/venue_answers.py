"""What `vault venue` answers: the JSON document of each command, and how a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vault.cli.command import Answer
from vault.cli.finding_lines import any_failed, finding_json, show_findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.cli.page import Page
    from vault.config import Treasury, VenueSettings
    from vault.errors import VaultError
    from vault.store.venues import VenueFreeze
    from vault.treasury.add_venue import NewVenue, TriedKey
    from vault.treasury.findings import Finding
    from vault.treasury.venue_overview import Remembered, VenueView
    from vault.treasury.venue_probe import ComparedBook, KeysReport
    from vault.treasury.venue_whitelist import Compared
    from vault.venues.base import KeyPermissions
    from vault.venues.registry import AssetNetwork

_WHERE = {"both": "both", "venue_only": "ONLY AT THE VENUE", "ours_only": "only in ours"}


# -- add and keys --set ------------------------------------------------------------------------------


def added(new: NewVenue, treasury: Treasury, tried: Sequence[TriedKey], *, written: bool) -> Answer:
    findings = [finding for key in tried for finding in key.findings]

    def render(page: Page) -> None:
        if findings:
            show_findings(page, findings)
            page.line()
        page.line(f"# {'appended to' if written else 'for'} {treasury.path}:")
        page.line()
        page.lines(new.text.rstrip("\n").split("\n"))
        page.line()
        name = new.settings.name
        if not written:
            page.line("# with --write the keys are asked for, tried at the venue, and kept with this table")
        elif tried:
            page.line(f"# kept in the keyring: {_kept(tried)}; next: vault venue test {name}")

    document = {
        "venue": new.settings.name,
        "toml": new.text,
        "written": written,
        "path": str(treasury.path),
        "keys": [_tried_json(key) for key in tried],
    }
    return Answer(document, render)


def replaced(settings: VenueSettings, tried: TriedKey) -> Answer:
    def render(page: Page) -> None:
        show_findings(page, tried.findings)
        page.line()
        page.line(f"kept in the keyring: the {tried.role} key of {settings.name}")

    return Answer({"venue": settings.name, "stored": True, **_tried_json(tried)}, render)


def _kept(tried: Sequence[TriedKey]) -> str:
    return " and ".join(f"the {key.role} key" for key in tried)


def _tried_json(tried: TriedKey) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "role": tried.role,
        "permissions": encode(tried.permissions),
        "findings": [finding_json(each) for each in tried.findings],
    }


# -- test and keys -----------------------------------------------------------------------------------


def tested(
    settings: VenueSettings,
    book: ComparedBook,
    findings: Sequence[Finding],
    unread: VaultError | None,
    failed_status: int,
) -> Answer:
    """`unread`: why the address book as it stands could not be compared with; `book` is what was instead."""
    failed = any_failed(findings)

    def render(page: Page) -> None:
        page.title(f"{settings.name}: {settings.exchange} account {settings.account_uid}")
        if unread is not None:
            page.line(f"not the address book as it stands: {unread.code}: {unread.message}")
            page.line(f"compared with {book.called}" if book.version else "no version was ever signed")
        show_findings(page, findings)

    document = {
        "venue": settings.name,
        "exchange": settings.exchange,
        "account_uid": settings.account_uid,
        "ok": not failed,
        "book_error": None if unread is None else unread.code,
        "book_version": book.version or None,
        "findings": [finding_json(each) for each in findings],
    }
    return Answer(document, render, failed_status if failed else 0)


def examined(report: KeysReport) -> Answer:
    """The exit status is that of the first failure: 23 for what a key may do, else that of the error."""
    from vault.codec import encode

    def render(page: Page) -> None:
        for key in report.keys:
            page.title(f"{report.venue}: {key.role} key")
            page.facts(_rights(key), "  ")
            page.line()
        if report.whitelist is not None:
            page.title(
                f"{report.venue}: addresses for withdrawals, the venue's list against the address book"
            )
            for row in report.whitelist:
                page.lines(_compared(row), "  ")
            if not report.whitelist:
                page.line("  none, there and here")
            page.line()
        show_findings(page, report.findings)

    statuses = [finding.exit_status for finding in report.findings if finding.verdict == "FAIL"]
    document = {
        "venue": report.venue,
        "ok": not statuses,
        "keys": encode(report.keys),
        "whitelist": encode(report.whitelist),
        "hold": encode(report.hold),
        "findings": [finding_json(each) for each in report.findings],
    }
    return Answer(document, render, _worst(statuses))


def _worst(statuses: Sequence[int]) -> int:
    from vault.errors import KeyRightsError

    if KeyRightsError.exit_status in statuses:
        return KeyRightsError.exit_status
    return statuses[0] if statuses else 0


def _rights(key: KeyPermissions) -> list[tuple[str, str]]:
    from vault.clock import to_iso

    def said(value: bool | None) -> str:
        return "the venue does not say" if value is None else "yes" if value else "no"

    listed = ", ".join(key.ip_list) if key.ip_list else said(key.ip_restricted)
    never = "never, or the venue does not say"
    return [
        ("account UID", key.account_uid),
        ("read", said(key.can_read)),
        ("trade", said(key.can_trade)),
        ("transfer", said(key.can_transfer)),
        ("withdraw", said(key.can_withdraw)),
        ("IP list", listed),
        ("whitelist on", said(key.withdraw_whitelist_on)),
        ("created", to_iso(key.created_at) if key.created_at else "the venue does not say"),
        ("expires", to_iso(key.expires_at) if key.expires_at else never),
    ]


def _compared(row: Compared) -> list[str]:
    tag = f" tag {row.tag}" if row.tag else ""
    ours = f"{row.entry} ({row.entry_state})" if row.entry else "not in the address book"
    about = f"{row.asset or 'any asset'} on {row.network or 'any network'}, {ours}"
    named = f", the venue calls it {row.name!r}" if row.name else ""
    return [f"{_WHERE[row.where]}: {about}{named}", f"    {row.address}{tag}"]


# -- list, show, networks ----------------------------------------------------------------------------


def listed(views: Sequence[VenueView]) -> Answer:
    from vault.codec import encode

    def render(page: Page) -> None:
        if not views:
            page.line("no venue is configured; `vault venue add NAME` makes the table of one")
            return
        head = ("name", "exchange", "product", "account UID", "custody", "mode", "keys")
        page.columns(
            head,
            [
                (
                    each.name,
                    each.exchange,
                    each.product or each.margin_currency or "-",
                    each.account_uid,
                    each.custodian or "venue",
                    each.mode.replace("_", " "),
                    ", ".join(each.keys) or "none",
                )
                for each in views
            ],
        )

    return Answer({"venues": [encode(each) for each in views]}, render)


def shown(view: VenueView, kept: Remembered) -> Answer:
    from vault.codec import encode

    def render(page: Page) -> None:
        page.title(f"{view.name}: {view.exchange} account {view.account_uid}")
        if kept.freeze is not None:
            page.lines(_frozen(kept.freeze), "  ")
        page.facts(_facts(view), "  ")
        page.line()
        for took in kept.durations:
            way = f"{took.direction} of {took.asset} on {took.network}"
            page.line(
                f"{way}: half within {took.p50_seconds} s, 95 of 100 within {took.p95_seconds} s "
                f"({took.records} recorded)"
            )
        if not kept.durations:
            page.line("no withdrawal or deposit was timed yet")
        page.line()
        _show_networks(page, view.networks)

    return Answer({**encode(view), **encode(kept)}, render)


def frozen_lines(freeze: VenueFreeze) -> list[str]:
    """What was expected and what was found, under each other: a person compares them."""
    return [
        f"{freeze.name} is FROZEN since {freeze.at} by {freeze.code}:",
        *(f"  {part}" for part in freeze.reason.split(", ", 1)),
    ]


def _frozen(freeze: VenueFreeze) -> list[str]:
    return [
        *frozen_lines(freeze),
        f"after asking the venue by another channel: vault venue unfreeze {freeze.name} --reason TEXT "
        f"(where nobody is at a terminal also --yes {freeze.code})",
    ]


def unfrozen(freeze: VenueFreeze) -> Answer:
    from vault.codec import encode

    return Answer(
        {"venue": freeze.name, "lifted": encode(freeze)},
        lambda page: page.line(f"{freeze.name} is free again; it was frozen by {freeze.code}"),
    )


def _facts(view: VenueView) -> list[tuple[str, str]]:
    from vault.venues.traits import traits_of

    facts = [
        ("server", view.url or "not configured"),
        ("mode", "money is moved" if view.mode == "full" else "only read, nothing is sent"),
        ("custody", f"{view.custodian}, the venue holds a mirror" if view.custodian else "the venue"),
        ("contracts", ", ".join(view.contracts)),
        ("keys", ", ".join(view.keys) or "none needed"),
    ]
    if view.product or view.margin_currency:
        facts.insert(1, ("product", view.product or f"margin in {view.margin_currency}"))
    if view.wallets:
        rule = "taken out of the amount" if view.fee == "included" else "on top of what is sent"
        ids = "yes" if view.client_ids else "none: a withdrawal is matched by address, amount and time"
        facts += [
            ("wallets", " to ".join(view.wallets)),
            ("fee of a withdrawal", rule),
            ("client ids", ids),
            ("history", f"{view.history_days} days"),
        ]
        if traits_of(view.exchange).rising_nonces:
            facts.append(("nonces", "rise: one program at a time for each key"))
    facts.append(("never told", "; ".join(view.unsaid) or "nothing"))
    return facts


def registered(networks: Sequence[AssetNetwork]) -> Answer:
    from vault.codec import encode

    document = {"networks": [{**encode(each), "tag": each.tag_rule} for each in networks]}
    return Answer(document, lambda page: _show_networks(page, networks, exchanges=True))


def _show_networks(page: Page, networks: Sequence[AssetNetwork], *, exchanges: bool = False) -> None:
    if not networks:
        page.line("no networks: nothing is moved there")
        return
    head = ("asset", "network", "chain", "decimals", "tag", "token contract")
    rows = [
        (each.asset, each.network, each.chain, str(each.decimals), each.tag_rule, each.contract or "")
        for each in networks
    ]
    if exchanges:
        head = ("exchange", *head)  # type: ignore[assignment]
        rows = [(each.exchange, *row) for each, row in zip(networks, rows, strict=True)]  # type: ignore[misc]
    page.columns(head, rows)
