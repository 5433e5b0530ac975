"""`vault book`: the address book, the only places money may go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vault.cli.command import Answer, Call, command
from vault.errors import AttestationError

if TYPE_CHECKING:
    from datetime import datetime

    from vault.cli.page import Page
    from vault.policy.book import AddressBook, Entry
    from vault.treasury.desk import Desk
    from vault.treasury.documents import AddedEntry, DocumentState


@click.group("book")
def book() -> None:
    """Show, extend and sign the address book."""


@command("sign", interrupted="The address book is signed only if `vault book show` says so.")
@click.option(
    "--attester", required=True, metavar="NAME", help="Whose device signs, as named in treasury.toml."
)
def sign(call: Call, attester: str) -> Answer:
    """Have an attester's device sign the address book as it stands; the signature is written beside it.

    Before that every address of ours is derived again, and the book must follow the one in force.
    """
    from vault.cli.signing import signed_answer, statement_shower
    from vault.treasury.documents import sign_book

    with call.desk() as desk:
        return signed_answer(sign_book(desk, attester, statement_shower))


@command("show")
def show(call: Call) -> Answer:
    """Show every entry with its state now, and whether the book's signature holds."""
    from vault.codec import encode
    from vault.treasury.authority import read_book, read_policy
    from vault.treasury.documents import book_state

    with call.desk() as desk:
        found = read_book(desk.treasury)
        state = book_state(desk)
        cooling = read_policy(desk.treasury)[0].address_book.cooling_hours
        at = desk.clock.now()
    entries: list[dict[str, Any]] = [
        {"state": entry.state(at, cooling), **encode(entry)} for entry in found.entries
    ]
    return Answer(
        {"signature": _state(state), "version": found.version, "entries": entries},
        lambda page: _render(page, found, state, at, cooling),
        AttestationError.exit_status if state.code else 0,
    )


def _state(state: DocumentState) -> dict[str, Any]:
    from vault.cli.signing import state_json

    return state_json(state)


def _render(page: Page, found: AddressBook, state: DocumentState, at: datetime, cooling: int) -> None:
    from vault.cli.signing import show_state

    page.title(f"Address book version {found.version}")
    show_state(page, state)
    for entry in found.entries:
        page.line()
        page.line(f"{entry.id}: {entry.state(at, cooling)}")
        page.facts(_facts(entry), "  ")


def _facts(entry: Entry) -> list[tuple[str, str]]:
    from vault.clock import to_iso

    whose = (
        f"deposit of venue account {entry.venue}"
        if entry.venue is not None
        else f"account {entry.wallet} ({entry.purpose})"
        if entry.chain_id is not None
        else f"receive address {entry.index} of wallet {entry.wallet}"
        if entry.wallet is not None
        else "an address that is not in a wallet of ours"
    )
    facts = [("address", entry.address), ("what", f"{entry.asset} on {entry.network}, {whose}")]
    if entry.memo is not None:
        facts.append(("memo", entry.memo))
    facts.append(("added", to_iso(entry.added_at)))
    if entry.retired_at is not None:
        facts.append(("retired", to_iso(entry.retired_at)))
    return facts


@command("add", interrupted="The entry was added only if `vault book show` has it; no book was signed.")
@click.argument("entry_id", metavar="ID")
@click.option(
    "--wallet", metavar="NAME", help="A cold wallet of ours: the address is derived and shown on its device."
)
@click.option("--index", type=click.IntRange(0, 1_000_000), default=0, show_default=True, metavar="N")
@click.option(
    "--venue", metavar="NAME", help="A venue account: its deposit address as the venue gives it now."
)
@click.option(
    "--asset",
    type=click.Choice(("BTC", "ETH", "USDC", "USDT")),
    default="BTC",
    show_default=True,
    help="Of a deposit: what is deposited there.",
)
@click.option(
    "--network", metavar="NAME", help="Of a deposit: the network as the venue names it; else as the asset."
)
def add(
    call: Call,
    entry_id: str,
    *,
    wallet: str | None,
    index: int,
    venue: str | None,
    asset: str,
    network: str | None,
) -> Answer:
    """Add an entry to the address book: an address of our own cold wallet, or a venue's deposit address.

    An account of ours on Ethereum is added with `vault book add-account`.

    The book's version rises by one above the signed one; entries of the first version do not cool. It must be
    signed before anything goes there (`vault book sign`).
    """
    from vault.treasury.documents import add_own_address

    if (wallet is None) == (venue is None):
        raise click.UsageError("expected either --wallet or --venue")
    with call.desk() as desk:
        if wallet is not None:
            return _added(add_own_address(desk, entry_id, wallet, index))
        return _added(_deposit(desk, entry_id, str(venue), asset, network))


@command(
    "add-account", interrupted="The entry was added only if `vault book show` has it; no book was signed."
)
@click.argument("entry_id", metavar="ID")
@click.option("--account", required=True, metavar="NAME", help="A cold or staging account of ours.")
@click.option(
    "--asset", required=True, type=click.Choice(("ETH", "USDC", "USDT")), help="Each has its own entry."
)
def add_account(call: Call, entry_id: str, account: str, asset: str) -> Answer:
    """Add an account of ours on Ethereum to the address book, for one asset, with a proof that it is ours.

    Of a device account the device shows the address; of a Safe the chain is asked for version, owners,
    threshold, modules and guard. An account that is only watched is refused, and an address that begins and
    ends like one we know (address.lookalike). It must be signed before anything goes there.
    """
    from vault.treasury.documents import add_account_address

    with call.desk() as desk:
        return _added(add_account_address(desk, entry_id, account, asset))


def _deposit(desk: Desk, entry_id: str, venue: str, asset: str, network: str | None) -> AddedEntry:
    from vault.errors import VenueError
    from vault.treasury.documents import add_venue_deposit

    try:
        return add_venue_deposit(desk, entry_id, venue, asset, network or asset)
    except VenueError as error:
        if error.code == "venue.unknown_network":
            error.hint = _network_hint(desk.treasury.venue(venue).exchange, asset)
        raise


def _added(added: AddedEntry) -> Answer:
    from vault.codec import encode

    document = {"version": added.version, "path": str(added.path), "entry": encode(added.entry)}

    def render(page: Page) -> None:
        page.line(f"{added.entry.id} now stands in version {added.version} of {added.path}, not yet signed:")
        page.facts(_facts(added.entry), "  ")
        if added.entry.venue is not None:
            page.line("Compare this address with the venue by another channel before you sign.")
        page.line("Next: vault book sign --attester NAME")

    return Answer(document, render)


def _network_hint(exchange: str, asset: str) -> str:
    from vault.treasury.venue_overview import networks

    known = (each for each in networks(exchange) if each.asset == asset)
    names = [each.network for each in known if each.network_id("regtest")]
    return f"At {exchange} give --network {' or --network '.join(names)}." if names else ""


for each in (sign, show, add, add_account):
    book.add_command(each)
