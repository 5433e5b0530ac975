"""`vault venue`: add a trading account, ask it what it is, and see what its keys may do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import click

from vault.cli.command import Answer, Call, command
from vault.venues.traits import TRAITS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from vault.config import Treasury
    from vault.secrets import Secret
    from vault.store.venues import VenueFreeze
    from vault.treasury.add_venue import Intake
    from vault.venues.base import Role

FAILED_STATUS = 1
ROLES = ("read", "withdraw")
PRODUCTS = ("usdm", "coinm", "portfolio")
_exchange = click.Choice(tuple(TRAITS))


def _configured(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the treasury's accounts, for the shell; none where there is no treasury."""
    from click.shell_completion import CompletionItem

    from vault.config import find_config, load_treasury
    from vault.errors import VaultError

    try:
        venues = load_treasury(find_config(ctx.params.get("config"))).config.venue
    except VaultError:
        return []
    return [
        CompletionItem(each.name, help=each.exchange) for each in venues if each.name.startswith(incomplete)
    ]


_name = click.argument("name", metavar="NAME", shell_complete=_configured)


@click.group("venue")
def venue() -> None:
    """Add a trading account, ask it what it is, and see what its keys may do."""


@command("add", interrupted="Table and keys are kept together or not at all: `vault venue list`.")
@click.argument("name", metavar="NAME")
@click.option("--exchange", type=_exchange, help="Asked for at a terminal when it is not given.")
@click.option("--uid", metavar="UID", help="The account's UID as the venue's own site shows it.")
@click.option("--url", metavar="URL", help="The venue's server; only one on this machine is permitted yet.")
@click.option("--product", type=click.Choice(PRODUCTS), help="At Binance. Default: usdm.")
@click.option("--margin-currency", metavar="ASSET", help="At Deribit, without cross collateral.")
@click.option("--custodian", metavar="NAME", help="The coins are with this custodian, not with the venue.")
@click.option(
    "--contract",
    "contracts",
    multiple=True,
    metavar="SYMBOL",
    help="Whose market is read; may be repeated. Default: the exchange's largest in bitcoin.",
)
@click.option("--no-withdraw-key", is_flag=True, help="Keep a read key only; the account sends nothing yet.")
@click.option("--write", is_flag=True, help="Ask for the keys, and keep them and the table.")
def add(
    call: Call,
    name: str,
    *,
    exchange: str | None,
    uid: str | None,
    contracts: tuple[str, ...],
    no_withdraw_key: bool,
    write: bool,
    **options: str | None,
) -> Answer:
    """Print the account's table of treasury.toml; with --write ask for its keys and keep both.

    Keys are typed unseen, or read from standard input a line each, in the order in which they are asked for:
    of the read key every part, then of the withdraw key. The venue is asked about each before it is kept.
    Exit status 23 for a key that may withdraw from any IP address, or does not do what it is for.
    """
    from vault.cli.venue_answers import added
    from vault.treasury import add_venue
    from vault.treasury.add_venue import VenueRequest
    from vault.treasury.venue_keys import roles_of

    for key, value in options.items():
        if value == "":  # an unset shell variable must not mean "the usual", for a url the real exchange
            raise click.BadParameter(
                "expected a value, found an empty one", param_hint=f"--{key.replace('_', '-')}"
            )
    treasury = call.treasury()
    wanted = VenueRequest(
        name,
        exchange or _asked("--exchange", "Exchange", _exchange),
        uid or _asked("--uid", "Account UID, as the venue's own site shows it", click.STRING),
        contracts=contracts,
        **{key: value for key, value in options.items() if value is not None},
    )
    new = add_venue.new_venue(treasury, wanted)
    roles = tuple(role for role in roles_of(new.settings) if role == "read" or not no_withdraw_key)
    if not write:
        return added(new, treasury, (), written=False)
    _unlock(treasury)
    tried = add_venue.enrol(treasury, new, roles, _intake(call, name, roles, new.settings.exchange))
    return added(new, treasury, tried, written=True)


def _asked(option: str, question: str, kind: click.ParamType[str]) -> str:
    """What was left out, asked of a person."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{option} is needed where nobody is at a terminal")
    return str(click.prompt(question, type=kind, err=True))


def _unlock(treasury: Treasury) -> None:
    """Refuse an unsafe or locked keyring before a person types a secret."""
    from vault.secrets import backend_name, find_secret

    backend_name()
    find_secret(treasury.config.treasury_id, "venue")


def _intake(call: Call, name: str, roles: tuple[Role, ...] = (), exchange: str = "") -> Intake:
    """Each prompt says which part of which key is asked for.

    From a pipe all parts of these roles are read at once: a line too few is found before the venue is asked.
    """
    from vault.cli.hidden import read_secret_line
    from vault.clock import SystemClock
    from vault.treasury.add_venue import Intake
    from vault.venues.traits import traits_of

    def secret(role: Role, part: str) -> Secret:
        return read_secret_line(f"{name}: {part.replace('_', ' ')} of the {role} key")

    if sys.stdin.isatty() or not roles:
        return Intake(secret, SystemClock(), call.progress)
    given = {(role, part): secret(role, part) for role in roles for part in traits_of(exchange).secrets}
    return Intake(lambda role, part: given[role, part], SystemClock(), call.progress)


@command("test")
@_name
def test(call: Call, name: str) -> Answer:
    """Ask the account everything: clock, UID, margin, networks, deposit address, rights of both keys.

    Exit status 0 only when nothing FAILs, else 1. WARN is to be looked at; SKIP is what was not asked, or
    what the venue does not say.
    """
    from vault.cli.venue_answers import tested
    from vault.treasury.venue_probe import book_to_compare, probe

    with call.desk() as desk:
        settings = desk.treasury.venue(name)
        call.progress(f"asking {name}")
        book, unread = book_to_compare(desk)
        findings = tuple(probe(desk.venues, settings, desk.clock.now(), book))
    return tested(settings, book, findings, unread, FAILED_STATUS)


@command("keys", interrupted="A key is replaced whole or not at all.")
@_name
@click.option("--set", "role", type=click.Choice(ROLES), help="Give another key of this role.")
def keys(call: Call, name: str, role: Literal["read", "withdraw"] | None) -> Answer:
    """What the keys may do as the venue says, its own list of addresses against ours, and what it holds back.

    Exit status 23 for a key that may withdraw from any IP address or does not do what it is for; with --set
    it is not kept, and the one before stays.
    """
    from vault.cli.venue_answers import examined, replaced

    if role is not None:
        from vault.treasury.add_venue import replace_key

        treasury = call.treasury()
        settings = treasury.venue(name)
        _unlock(treasury)
        return replaced(settings, replace_key(treasury, settings, role, _intake(call, name)))
    from vault.treasury.venue_probe import examine_keys

    with call.desk() as desk:
        return examined(examine_keys(desk, name))


@command("list")
def list_(call: Call) -> Answer:
    """Every account of the treasury: exchange, product, custody, and whether money is moved there."""
    from vault.cli.venue_answers import listed
    from vault.treasury.venue_overview import view

    return listed(tuple(view(each) for each in call.treasury().config.venue))


@command("show")
@_name
def show(call: Call, name: str) -> Answer:
    """One account: wallets, networks, fee rule, client ids, lead times, and what its exchange never tells."""
    from vault.cli.venue_answers import shown
    from vault.treasury.venue_overview import remembered, view

    with call.store() as (treasury, store):
        return shown(view(treasury.venue(name)), remembered(store, name))


@command("unfreeze", interrupted="It is free unless `vault venue show` says otherwise.")
@_name
@click.option("--reason", required=True, metavar="TEXT", help="Kept in the journal.")
@click.option(
    "--yes", "code", metavar="CODE", help="The code it is frozen by, where nobody is at a terminal."
)
def unfreeze(call: Call, name: str, reason: str, code: str | None) -> Answer:
    """Let top-ups go to an account again, after you have asked the venue by another channel what happened.

    What was expected and what was found is shown, and the account's name is to be typed; or give the code
    that it is frozen by (`vault venue show NAME`) with --yes.
    """
    from vault.cli.venue_answers import unfrozen
    from vault.treasury.venue_overview import freeze_of
    from vault.treasury.venue_overview import unfreeze as work

    with call.store() as (treasury, store):
        settings = treasury.venue(name)
        found = freeze_of(store, settings)
        if code is None:
            _require_compared(found)
        return unfrozen(work(store, settings, reason, found.code if code is None else code))


def _require_compared(found: VenueFreeze) -> None:
    """Old and new are shown, and a person types the account's name. Raises `DeniedError`."""
    from vault.cli.edge import clean
    from vault.cli.venue_answers import frozen_lines
    from vault.errors import DeniedError

    if not sys.stdin.isatty():
        raise click.UsageError("--yes CODE is needed where nobody is at a terminal")
    for line in frozen_lines(found):
        click.echo(clean(line), err=True)
    typed = str(click.prompt("Compared with the venue's own word? Type the account's name", err=True))
    if typed != found.name:
        raise DeniedError(
            "not_confirmed", f"expected {found.name}, found {typed[:80]!r}; {found.name} stays frozen"
        )


@command("networks")
@click.argument("exchange", type=_exchange, required=False)
def networks(call: Call, exchange: str | None) -> Answer:
    """The networks known here: asset, the venue's own code, chain, decimals, tag, token contract."""
    from vault.cli.venue_answers import registered
    from vault.treasury import venue_overview

    return registered(venue_overview.networks(exchange))


for each in (add, test, keys, list_, show, unfreeze, networks):
    venue.add_command(each)
