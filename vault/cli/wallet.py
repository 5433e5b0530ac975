"""`vault wallet`: wallets of one key and of groups of cosigners: add, confirm on every device, look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vault.cli.command import Answer, Call, command
from vault.cli.wallet_coins import accept, coins, consolidation, freeze, history, unfreeze
from vault.cli.wallet_labels import label, labels, receive

if TYPE_CHECKING:
    from vault.treasury.add_wallet import Signer, WalletRequest

SINGLE_SCRIPTS = ("p2wpkh", "p2tr", "p2sh-p2wpkh", "p2pkh")
GROUP_SCRIPTS = ("p2wsh", "p2sh-p2wsh")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("wallet")
def wallet() -> None:
    """Add a wallet, alone or of a group of cosigners, and see what is known of it."""


@command("add", interrupted="treasury.toml was written only if it has the new table; a device keeps nothing.")
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(("cold", "staging")), required=True)
@click.option(
    "--device",
    "devices",
    multiple=True,
    required=True,
    metavar="NAME[:ACCOUNT]",
    help="A device of the treasury that holds a key; once for each cosigner, in the descriptor's order.",
)
@click.option("--threshold", type=click.IntRange(1, 15), help="Of a group: how many must sign.")
@click.option(
    "--script",
    type=click.Choice((*SINGLE_SCRIPTS, *GROUP_SCRIPTS)),
    help="Default: p2wpkh for one key, p2wsh for a group.",
)
@click.option(
    "--account", type=click.IntRange(0, 99), default=0, show_default=True, help="Where none is named."
)
@click.option(
    "--xpub",
    "xpubs",
    multiple=True,
    metavar="KEY",
    help="A cosigner without a device here: '[fingerprint/48h/0h/0h/2h]xpub...'.",
)
@click.option(
    "--keys",
    "absent",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="`vault device xpub --json` of a device that is not at hand; it confirms the wallet later.",
)
@click.option(
    "--compare",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="`vault device xpub --json` on another machine; must be the same keys.",
)
@click.option("--write", is_flag=True, help="Append the table to treasury.toml.")
def add(
    call: Call,
    name: str,
    *,
    role: Literal["cold", "staging"],
    devices: tuple[str, ...],
    threshold: int | None,
    script: str | None,
    account: int,
    xpubs: tuple[str, ...],
    absent: tuple[Path, ...],
    compare: tuple[Path, ...],
    write: bool,
) -> Answer:
    """Read the account keys of devices of the treasury and print the wallet's table of treasury.toml.

    Each key is read twice, over two connections. Every device at hand shows the first address, which must be
    the one derived here. Nothing is paid to or from a group before all of its devices have shown it.
    """
    from vault.cli.device import read_key_file
    from vault.cli.wallet_answers import added
    from vault.treasury.add_wallet import WalletRequest, add_wallet, enrol, parse_cosigner

    group = threshold is not None
    if (len(devices) + len(xpubs) > 1) != group:
        raise click.UsageError("--threshold belongs to a group of cosigners, and a group needs it")
    kind = _kind(script, group=group)
    with call.store() as (treasury, store):
        wanted: WalletRequest = WalletRequest(
            name,
            role,
            kind,
            threshold or 1,
            tuple(_signer(text, account) for text in devices),
            tuple(parse_cosigner(treasury, text) for text in xpubs),
            tuple(read_key_file(path) for path in absent),
            tuple(read_key_file(path) for path in compare),
        )
        found = add_wallet(treasury, wanted, call.keyboard(), call.on_prompt)
        if write:
            enrol(treasury, store, found)
    return added(found, treasury, write)


def _kind(
    script: str | None, *, group: bool
) -> Literal["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr", "p2wsh", "p2sh-p2wsh"]:
    from vault.bitcoin.scripts import GROUP_KINDS, SINGLE_KINDS

    chosen = script or ("p2wsh" if group else "p2wpkh")
    for kind in GROUP_KINDS if group else SINGLE_KINDS:
        if kind == chosen:
            return kind
    what = "a group" if group else "one key"
    raise click.UsageError(f"--script {chosen} is no script of {what}")


def _signer(text: str, account: int) -> Signer:
    from vault.treasury.add_wallet import Signer

    name, colon, own = text.partition(":")
    if colon and not (own.isascii() and own.isdigit() and len(own) <= 2):
        raise click.BadParameter(f"expected NAME or NAME:ACCOUNT, found {text!r}", param_hint="--device")
    return Signer(name, int(own) if colon else account)


@command("confirm", interrupted="What a device showed before this is kept.")
@click.argument("name", metavar="NAME")
@click.option("--device", metavar="NAME", help="Default: every device of the wallet, each in turn.")
@click.option("--index", type=click.IntRange(0, 999_999), default=0, show_default=True)
def confirm(call: Call, name: str, *, device: str | None, index: int) -> Answer:
    """Have a cosigner's device show an address of its group, and keep that it did.

    The first address (index 0) admits the wallet; those of other indexes an entry of the address book.
    """
    from vault.cli.wallet_answers import confirmed
    from vault.treasury.devices import show_address
    from vault.treasury.shown import not_shown

    with call.desk() as desk:
        address = show_address(desk, name, index, change=False, device=device).address
        return confirmed(name, index, address, not_shown(desk, name, index))


@command("list")
def list_(call: Call) -> Answer:
    """Every wallet: its kind, who signs, and whether every device of a group has shown it."""
    from vault.cli.wallet_answers import listed
    from vault.treasury.shown import describe_wallet

    with call.desk() as desk:
        return listed(tuple(describe_wallet(desk, each.name) for each in desk.treasury.config.wallet))


@command("show")
@click.argument("name", metavar="NAME")
def show(call: Call, name: str) -> Answer:
    """A wallet's descriptor, its cosigners with their keys, and its first address. Asks nobody."""
    from vault.cli.wallet_answers import described
    from vault.treasury.shown import describe_wallet

    with call.desk() as desk:
        return described(describe_wallet(desk, name))


for each in (
    add,
    confirm,
    list_,
    show,
    receive,
    coins,
    history,
    label,
    freeze,
    unfreeze,
    accept,
    labels,
    consolidation,
):
    wallet.add_command(each)
