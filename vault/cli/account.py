"""`vault account`: accounts on Ethereum: add, look at, verify on device or chain, allowances, pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page

_INTERRUPTED = "treasury.toml was written only if it has the new table; a device keeps nothing."


@click.group("account")
def account() -> None:
    """Add an account on Ethereum, of a device or a Safe, and see what its chain says of it."""


@command("add", interrupted=_INTERRUPTED)
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(("cold", "staging", "gas", "signer")), required=True)
@click.option("--chain", required=True, metavar="NAME", help="A [[chain]] of treasury.toml.")
@click.option("--device", metavar="NAME", help="The device that holds its key.")
@click.option("--path", metavar="PATH", help="Default: m/44'/60'/0'/0/0.")
@click.option("--safe", metavar="ADDRESS", help="A Safe at this address; owners are read from the chain.")
@click.option("--executor", metavar="NAME", help="Of a Safe: the account that sends and pays its gas.")
@click.option("--asset", "assets", multiple=True, type=click.Choice(("ETH", "USDC", "USDT")))
@click.option("--write", is_flag=True, help="Append the table to treasury.toml.")
def add(
    call: Call,
    name: str,
    *,
    role: str,
    chain: str,
    device: str | None,
    path: str | None,
    safe: str | None,
    executor: str | None,
    assets: tuple[str, ...],
    write: bool,
) -> Answer:
    """Print an account's table of treasury.toml: of a device's key, or of a Safe as its chain has it.

    A device reads its address twice, and shows it. Compare a Safe's owners and its threshold yourself.
    """
    from vault.cli.account_answers import added
    from vault.treasury.add_account import (
        WantedAccount,
        add_device_account,
        add_safe_account,
        append_account,
    )

    if (device is None) == (safe is None) or (safe is None) != (executor is None):
        raise click.UsageError("give --device, or --safe with --executor")
    if path is not None and device is None:
        raise click.UsageError("--path belongs to --device")
    wanted = WantedAccount(name, role, chain, assets)
    treasury = call.treasury()
    if device is not None:
        where = path or "m/44'/60'/0'/0/0"
        found = add_device_account(treasury, wanted, device, where, call.keyboard(), call.on_prompt)
    else:
        with call.desk() as desk:
            found = add_safe_account(desk, wanted, safe or "", executor or "")
    if write:
        append_account(treasury, found)
    return added(found, treasury, write)


@command("list")
def list_(call: Call) -> Answer:
    """Every account: its kind, its chain, its address, who signs. Asks nobody."""
    from vault.cli.account_answers import listed
    from vault.treasury.ethereum.account_report import account_line

    with call.desk() as desk:
        return listed(tuple(account_line(desk, each) for each in desk.treasury.config.account))


@command("show")
@click.argument("name", metavar="NAME")
def show(call: Call, name: str) -> Answer:
    """What an account holds, its nonces, the pins of its tokens; of a Safe its owners and its differences.

    Asks the chain. Status 36 when a Safe is not as treasury.toml has it.
    """
    from vault.cli.account_answers import shown
    from vault.treasury.ethereum.account_report import account_state

    with call.desk() as desk:
        return shown(account_state(desk, name))


@command("verify")
@click.argument("name", metavar="NAME")
def verify(call: Call, name: str) -> Answer:
    """Have the account's device show its address; of a Safe, compare its owners with treasury.toml."""
    from vault.cli.account_answers import verified
    from vault.treasury.ethereum.account_report import verify_account

    with call.desk() as desk:
        return verified(verify_account(desk, name))


@command("allowances")
@click.argument("name", metavar="NAME")
@click.option("--from-block", type=click.IntRange(min=0), default=0, show_default=True)
def allowances(call: Call, name: str, from_block: int) -> Answer:
    """Who may take tokens of an account; `vault request revoke` takes an allowance back."""
    from vault.cli.account_answers import allowed
    from vault.treasury.ethereum.account_report import allowances_of

    with call.desk() as desk:
        return allowed(name, allowances_of(desk, name, from_block))


@command("pin", interrupted="The new pin was recorded, or nothing was changed.")
@click.argument("name", metavar="NAME")
@click.argument("asset", type=click.Choice(("USDC", "USDT")))
def pin(call: Call, name: str, asset: str) -> Answer:
    """Pin the code that a token runs now, on the chain of an account: you have looked at what changed.

    Whoever can change a token's code can take what is held in it. Nothing moves in a token whose code is not
    the pinned one.
    """
    from vault.treasury.ethereum.account_report import as_document, repin

    with call.desk() as desk:
        found = repin(desk, name, asset)

    def render(page: Page) -> None:
        page.title(f"{asset} at {found.token}")
        for what, each in (("before", found.before), ("now", found.after)):
            page.line(f"{what}:")
            if each is None:
                page.line("  never pinned")
                continue
            page.line(f"  code            {each.code_hash}")
            page.line(f"  implementation  {each.implementation or 'none'}")
            page.line(f"  its code        {each.implementation_code_hash or 'none'}")

    return Answer(as_document(found), render)


@command("accept-nonce", interrupted="The nonce was accepted only if `vault check` does not name it.")
@click.argument("name", metavar="NAME")
@click.argument("nonce", type=click.IntRange(min=0))
@click.option("--reason", metavar="TEXT", required=True, help="What it was, for the journal.")
def accept_nonce(call: Call, name: str, nonce: int, *, reason: str) -> Answer:
    """Say that you have looked at a transaction of nobody's plan that used a nonce of an account.

    Until then nothing leaves the account. What is missing in it is booked as gone by that transaction, and
    counts in the limits. If you do not know who sent it, somebody else has the key: move what is left to an
    account of another one instead.
    """
    from vault.cli.account_answers import accepted
    from vault.treasury.ethereum import foreign_nonces

    with call.desk() as desk:
        return accepted(foreign_nonces.accept_nonce(desk, name, nonce, reason))


for _each in (add, list_, show, verify, allowances, pin, accept_nonce):
    account.add_command(_each)
