"""What `vault account` answers: the JSON document of each command, and how a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vault.cli.command import Answer
from vault.errors import SafeError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.config import Treasury
    from vault.ethereum.allowances import Allowances
    from vault.store.account_nonces import AcceptedNonce
    from vault.treasury.add_account import NewAccount
    from vault.treasury.ethereum.account_report import AccountLine, AccountState, Verified
    from vault.treasury.ethereum.safes import SafeReport


def added(found: NewAccount, treasury: Treasury, written: bool) -> Answer:
    """`add`."""
    from vault.codec import encode

    def render(page: Page) -> None:
        page.line(f"# {found.name}: {found.address}")
        if found.device:
            page.line(f"# {found.device} showed it")
        else:
            page.line(f"# {found.threshold} of these owners sign, as the chain says:")
            page.lines(found.owners, "#   ")
        page.line(f"# {'appended to' if written else 'for'} {treasury.path}:")
        page.line()
        page.lines(found.text.rstrip("\n").split("\n"))

    document = encode(found)
    document["toml"] = document.pop("text")
    return Answer({**document, "written": written, "path": str(treasury.path)}, render)


def listed(accounts: tuple[AccountLine, ...]) -> Answer:
    """`list`."""
    from vault.codec import encode

    def render(page: Page) -> None:
        if not accounts:
            page.line("No account is configured; `vault account add` adds one.")
        for each in accounts:
            page.line(f"{each.name}: {each.role}, {each.kind}, on {each.chain} ({each.network})")
            page.line(f"  {each.address}")
            if each.device:
                page.line(f"  {each.device} at {each.path}")

    return Answer({"accounts": encode(accounts)}, render)


def shown(found: AccountState) -> Answer:
    """`show`."""
    from vault.codec import encode

    account = found.account

    def render(page: Page) -> None:
        page.title(f"{account.name}: {account.kind} on {account.chain}, block {found.block}")
        page.line(account.address)
        for each in found.held:
            page.line(f"  {each.confirmed}" + (f", {each.pending} not final" if each.pending.units else ""))
            if each.token:
                page.line(f"    token {each.token}")
                page.line(f"    pinned {each.pinned.code_hash}" if each.pinned else "    not pinned yet")
        if found.nonce is not None:
            page.line(f"  next nonce {found.nonce}, {found.waiting} waiting for a block")
        if found.safe is not None:
            _safe(page, found.safe)

    document = {
        "account": encode(account),
        "block": found.block,
        "block_hash": found.block_hash,
        "held": encode(found.held),
        "nonce": found.nonce,
        "waiting": found.waiting,
        "safe": None if found.safe is None else _safe_document(found.safe),
    }
    wrong = found.safe is not None and bool(found.safe.differences)
    return Answer(document, render, SafeError.exit_status if wrong else 0)


def verified(found: Verified) -> Answer:
    """`verify`."""
    from vault.codec import encode

    account = found.account

    def render(page: Page) -> None:
        if found.safe is None:
            page.line(f"{account.name}, shown on {account.device}:")
            page.line(found.shown)
            return
        page.line(f"{account.name}: {account.address}")
        _safe(page, found.safe)

    document = {
        "account": encode(account),
        "shown": found.shown,
        "safe": None if found.safe is None else _safe_document(found.safe),
        "verified": found.holds,
    }
    return Answer(document, render, 0 if found.holds else SafeError.exit_status)


def allowed(name: str, found: Allowances) -> Answer:
    """`allowances`."""
    from vault.codec import encode

    def render(page: Page) -> None:
        if not found.found:
            page.line(f"Nobody may take tokens of {name}, as far as events since block {found.first} tell.")
        for each in found.found:
            amount = "an amount it does not say" if each.units is None else f"{each.units} base units"
            page.line(f"{each.spender} may take {'everything' if each.unlimited else amount}")
            page.line(f"  of token {each.token}{'' if each.known else ', which is not known here'}")
        if found.left_out:
            page.line(f"{found.left_out} more of unknown tokens were not read.")

    rows = [
        {
            "token": each.token,
            "spender": each.spender,
            "units": None if each.units is None else str(each.units),
            "unlimited": each.unlimited,
            "known": each.known,
        }
        for each in found.found
    ]
    document = {
        "account": name,
        "owner": found.owner,
        "block": found.block.number,
        "left_out": found.left_out,
    }
    return Answer({**document, "allowances": encode(rows)}, render)


def accepted(found: AcceptedNonce) -> Answer:
    """`accept-nonce`."""
    from vault.codec import encode

    def render(page: Page) -> None:
        page.line(f"Nonce {found.nonce} of {found.account} is accepted: {found.reason}")
        page.lines(f"  {each} left {found.account} by it, and counts in the limits" for each in found.left)
        page.line(f"Next: `vault account allowances {found.account}` shows what it may have allowed.")

    return Answer(encode(found), render)


def _safe(page: Page, found: SafeReport) -> None:
    state = found.state
    page.line(f"  Safe {state.version}, nonce {state.nonce}, {state.threshold} of {len(state.owners)} sign:")
    page.lines(state.owners, "    ")
    for each in found.differences:
        page.line(f"  NOT AS CONFIGURED: {each.code}: {each.message}")
    if not found.differences:
        page.line("  As configured: owners, threshold, no modules, no guard, known code.")


def _safe_document(found: SafeReport) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "state": encode(found.state),
        "differences": [each.as_json() for each in found.differences],
    }
