"""`vault request`: plans that the policy does not call for, and must permit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import click

from vault.cli.command import Answer, Call, command
from vault.cli.fees import exact_rate
from vault.errors import PlanError
from vault.money import exact_decimal

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault.bitcoin.transaction import OutPoint
    from vault.cli.page import Page
    from vault.ethereum.safe.changes import Change
    from vault.ethereum.safe.state import SafeState
    from vault.money import Amount
    from vault.treasury.desk import Desk
    from vault.treasury.propose import Proposal

_RATE_HELP: Final = "Fee rate in sat/vB (default: the present estimate, held below the policy's cap)."
_REPLACING_HELP: Final = (
    "Fee rate in sat/vB (default: the present estimate, or the least that replaces it if that is more)."
)
_INTERRUPTED: Final = "A plan that was recorded is shown by `vault status`; no plan moves by itself."


@click.group("request")
def request() -> None:
    """Ask for a plan that the policy does not call for: it must permit it all the same.

    Each becomes a plan like any other, to be approved, signed and sent. What the policy denies is status 51,
    with its trace under `vault why`.
    """


@command("pay", interrupted=_INTERRUPTED)
@click.argument("wallet")
@click.argument("payments", nargs=-1, required=True, metavar="ENTRY=AMOUNT...")
@click.option("--fee-rate", metavar="SAT_VB", help=_RATE_HELP)
def pay(call: Call, wallet: str, payments: tuple[str, ...], fee_rate: str | None) -> Answer:
    """Pay cold entries of the address book out of WALLET, all in one transaction.

    A bitcoin wallet pays one or more, in BTC. An account on Ethereum pays one, in the entry's own asset, and
    takes no --fee-rate.
    """
    from vault.treasury.ethereum.accounts import is_account
    from vault.treasury.requests.build import pay as make

    named = [_named(each) for each in payments]
    rate = _rate(fee_rate)
    with call.desk() as desk:
        if is_account(desk.treasury, wallet):
            return _answer(_pay_from_account(desk, wallet, named, rate))
        wanted = [(entry, _amount(text, "BTC")) for entry, text in named]
        _require_payer(desk, wallet)  # a name that is none is told before anything is asked
        return _answer(make(desk, wallet, wanted, rate))


def _require_payer(desk: Desk, name: str) -> None:
    from vault.errors import ConfigError

    config = desk.treasury.config
    names = [*(each.name for each in config.wallet), *(each.name for each in config.account)]
    if name not in names:
        known = ", ".join(names) or "none"
        raise ConfigError(
            "unknown_name", f"expected a configured wallet or account ({known}), found {name!r}"
        )


def _pay_from_account(
    desk: Desk, account: str, named: list[tuple[str, str]], rate: Decimal | None
) -> Proposal:
    from vault.treasury.requests.ethereum import pay_from_account

    if rate is not None or len(named) != 1:
        raise click.UsageError("an account on Ethereum pays one entry at a time, and takes no --fee-rate")
    entry, text = named[0]
    return pay_from_account(desk, account, entry, _amount(text, desk.book().book.find(entry).asset))


@command("revoke", interrupted=_INTERRUPTED)
@click.argument("account")
@click.argument("asset", type=click.Choice(("USDC", "USDT")))
@click.argument("spender", metavar="SPENDER")
def revoke(call: Call, account: str, asset: str, spender: str) -> Answer:
    """Take back what SPENDER (an address) may take of ASSET from ACCOUNT: the allowance becomes zero.

    `vault account allowances` lists them.
    """
    from vault.treasury.requests.ethereum import revoke as make

    with call.desk() as desk:
        desk.treasury.account(account)
        return _answer(make(desk, account, asset, spender))


_CHANGES: Final = (
    "add-owner",
    "remove-owner",
    "swap-owner",
    "threshold",
    "enable-module",
    "disable-module",
    "guard",
    "fallback-handler",
)


@command("reconfigure", interrupted=_INTERRUPTED)
@click.argument("safe")
@click.argument("change", type=click.Choice(_CHANGES))
@click.argument("subjects", nargs=-1, metavar="[ADDRESS...]")
@click.option("--threshold", type=click.IntRange(1, 30), help="How many owners sign from then on.")
def reconfigure(
    call: Call, safe: str, change: str, subjects: tuple[str, ...], threshold: int | None
) -> Answer:
    """Change who signs for SAFE, or what may act in it; only a policy rule of its own allows that.

    swap-owner takes the owner that goes and the one that comes; guard and fallback-handler take none to have
    it taken away; threshold takes --threshold alone.
    """
    from vault.treasury.requests.ethereum import reconfigure as make

    wanted = {"threshold": (0, 0), "swap-owner": (2, 2), "guard": (0, 1), "fallback-handler": (0, 1)}
    least, most = wanted.get(change, (1, 1))
    if not least <= len(subjects) <= most or (change == "threshold" and threshold is None):
        raise click.UsageError(f"{change} takes {least} to {most} addresses; see --help")
    if threshold is not None and change not in {"threshold", "add-owner", "remove-owner"}:
        raise click.UsageError(f"{change} takes no --threshold")
    with call.desk() as desk:
        return _answer(make(desk, safe, lambda state: _change(state, change, subjects, threshold)))


def _change(state: SafeState, change: str, subjects: tuple[str, ...], threshold: int | None) -> Change:
    from vault.ethereum.safe import changes

    first = subjects[:1]
    makers: dict[str, Callable[[], Change]] = {
        "threshold": lambda: changes.change_threshold(state, threshold or 0),
        "add-owner": lambda: changes.add_owner(state, subjects[0], threshold),
        "remove-owner": lambda: changes.remove_owner(state, subjects[0], threshold),
        "swap-owner": lambda: changes.swap_owner(state, subjects[0], subjects[1]),
        "enable-module": lambda: changes.enable_module(state, subjects[0]),
        "disable-module": lambda: changes.disable_module(state, subjects[0]),
        "guard": lambda: changes.set_guard(state, *first),
        "fallback-handler": lambda: changes.set_fallback_handler(state, *first),
    }
    return makers[change]()


@command("consolidate", interrupted=_INTERRUPTED)
@click.argument("wallet")
@click.option("--coin", "coins", multiple=True, required=True, metavar="TXID:VOUT", help="A coin; repeat.")
@click.option("--fee-rate", metavar="SAT_VB", help=_RATE_HELP)
def consolidate(call: Call, wallet: str, coins: tuple[str, ...], fee_rate: str | None) -> Answer:
    """Join exactly these coins of WALLET into one."""
    from vault.treasury.requests.build import consolidate as make

    points = [_point(each) for each in coins]
    rate = _rate(fee_rate)
    with call.desk() as desk:
        desk.treasury.wallet(wallet)
        return _answer(make(desk, wallet, points, rate))


@command("bump", interrupted=_INTERRUPTED)
@click.argument("ident", metavar="PLAN")
@click.argument("transfer", type=click.IntRange(min=1))
@click.option("--fee-rate", metavar="SAT_VB", help=_REPLACING_HELP)
def bump(call: Call, ident: str, transfer: int, fee_rate: str | None) -> Answer:
    """Replace a plan's unconfirmed transaction by the same payments at a higher fee (BIP125).

    On Ethereum: the same call at the same nonce, both fees at least a tenth higher, and no --fee-rate.

    What is to follow it (a venue's credit) is in the new plan too; only the winner's runs.
    """
    from vault.treasury.inspection import find_plan
    from vault.treasury.requests.build import bump as make

    rate = _rate(fee_rate)
    with call.desk() as desk:
        return _answer(make(desk, find_plan(desk, ident), transfer, rate))


@command("cancel", interrupted=_INTERRUPTED)
@click.argument("ident", metavar="PLAN")
@click.argument("transfer", type=click.IntRange(min=1))
@click.option("--fee-rate", metavar="SAT_VB", help=_REPLACING_HELP)
def cancel(call: Call, ident: str, transfer: int, fee_rate: str | None) -> Answer:
    """Take the coins of a plan's unconfirmed transaction back into the wallet (BIP125).

    On Ethereum: nothing to oneself at the same nonce, of a Safe at the Safe's nonce too; no --fee-rate.

    Also of one that was signed and given up: until its coins are spent, whoever has its bytes can send it.
    """
    from vault.treasury.inspection import find_plan
    from vault.treasury.requests.build import cancel_onchain

    rate = _rate(fee_rate)
    with call.desk() as desk:
        return _answer(cancel_onchain(desk, find_plan(desk, ident), transfer, rate))


@command("speed-up", interrupted=_INTERRUPTED)
@click.argument("wallet")
@click.argument("coin", metavar="TXID:VOUT")
@click.option("--fee-rate", required=True, metavar="SAT_VB", help="Rate of parent and child together.")
def speed_up(call: Call, wallet: str, coin: str, fee_rate: str) -> Answer:
    """Spend an unconfirmed coin of WALLET so dearly that its transaction confirms with it (CPFP)."""
    from vault.treasury.requests.build import speed_up as make

    point, rate = _point(coin), exact_rate(fee_rate)
    with call.desk() as desk:
        desk.treasury.wallet(wallet)
        return _answer(make(desk, wallet, point, rate))


@command("return", interrupted=_INTERRUPTED)
@click.argument("account")
def return_to_margin(call: Call, account: str) -> Answer:
    """Move the bitcoin that waits at venue ACCOUNT outside of margin back into it.

    A refused withdrawal leaves its coins in the wallet that withdrawals leave from. Nothing leaves the venue.
    """
    from vault.treasury.requests.venue_return import return_to_margin as make

    with call.desk() as desk:
        return _answer(make(desk, account))


def _answer(found: Proposal) -> Answer:
    from vault.cli.plan import plan_document

    return Answer(plan_document(found), lambda page: _render(page, found))


def _render(page: Page, found: Proposal) -> None:
    from vault.cli.plan import render_plan

    for decision in found.decisions:
        page.line(f"Allowed by {decision.decided_by}: {decision.reason}")
    page.line()
    if found.plan is not None:
        render_plan(page, found.plan, found.path)


def _named(text: str) -> tuple[str, str]:
    entry, separator, amount = text.partition("=")
    if not entry or not separator:
        raise PlanError(
            "bad_payment",
            f"expected ENTRY=AMOUNT, found {text!r}",
            hint="Write entry and amount: cold-1=0.25",
        )
    if not exact_decimal(amount, what=entry):
        raise PlanError(
            "bad_payment",
            f"expected an amount above zero, found {text!r}",
            hint="Write entry and amount: cold-1=0.25",
        )
    return entry, amount


def _amount(text: str, asset: str) -> Amount:
    from vault.money import Amount, asset_of

    return Amount.parse(text, asset_of(asset))


def _point(text: str) -> OutPoint:
    from vault.bitcoin.transaction import OutPoint

    return OutPoint.parse(text)


def _rate(text: str | None) -> Decimal | None:
    return None if text is None else exact_rate(text)


for _each in (pay, consolidate, bump, cancel, speed_up, return_to_margin, revoke, reconfigure):
    request.add_command(_each)
