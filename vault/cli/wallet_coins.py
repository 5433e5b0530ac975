"""`vault wallet coins|history|freeze|unfreeze|accept|consolidation`: what a wallet holds, coin by coin."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click

from vault.cli.command import Answer, Call, command
from vault.cli.fees import exact_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault.bitcoin.wallet.coins import HistoryLine
    from vault.bitcoin.wallet.consolidate import Consolidation
    from vault.cli.page import Page
    from vault.treasury.coins import KnownCoin, WalletCoins
    from vault.treasury.marks import Marked
    from vault.treasury.wallet_history import PlanTransaction

# Fee rates in sat/vB that were paid for days on end in past years: what coins may cost to spend one day.
LATER_RATES: Final = ("20", "50", "100")
# A consolidation can wait for a day.
PATIENT_BLOCKS: Final = 144

_OFFLINE: Final = click.option("--offline", is_flag=True, help="As the last sync saw it; ask nobody.")
_REASON: Final = click.option("--reason", required=True, metavar="TEXT", help="Kept in the journal.")


@command("coins")
@click.argument("name", metavar="NAME")
@click.option("--all", "spent", is_flag=True, help="Spent coins too.")
@_OFFLINE
def coins(call: Call, name: str, *, spent: bool, offline: bool) -> Answer:
    """The coins of a wallet: what each is worth, its depth, its label, and what keeps it from being spent.

    quarantined: nobody here asked for it. frozen: a person set it aside. reserved: a plan that may still be
    sent spends it. No transaction is built from the first two.
    """
    with call.desk() as desk:
        found = _wallet(desk, name, offline=offline)
        known = found.known(spent=spent)
    document = {
        "wallet": name,
        "books_open": found.books_open,
        "coins": [coin_json(each) for each in known],
    }
    return Answer(document, lambda page: _render_coins(page, found, known))


def _wallet(desk: Any, name: str, *, offline: bool) -> WalletCoins:
    from vault.treasury.coins import of_wallet, sync

    desk.treasury.wallet(name)
    if not offline:
        desk.progress(f"syncing {name}")
        sync(desk, name)
    return of_wallet(desk, name)


def coin_json(each: KnownCoin) -> dict[str, Any]:
    """A coin with everything known of it."""
    from vault.codec import encode

    coin = each.coin
    return {
        "outpoint": str(coin.outpoint),
        "wallet": each.wallet,
        "amount": encode(coin.amount),
        "address": each.address,
        "change": coin.change,
        "index": coin.index,
        "height": coin.height,
        "confirmations": coin.confirmations,
        "spent_by": coin.spent_by,
        "state": "spent" if coin.spent_by else each.state,
        "provenance": each.provenance,
        "frozen": each.frozen,
        "reserved_by": each.reserved_by or None,
        "label": each.label or None,
        "address_reused": each.reused,
        "dust": each.dust,
        "said": encode(each.mark),
    }


def _render_coins(page: Page, found: WalletCoins, known: tuple[KnownCoin, ...]) -> None:
    from vault.money import BTC, total

    page.title(f"Coins of {found.wallet}")
    if not found.books_open:
        page.line("Its books are not open yet: what it holds when `vault check` first looks is its opening")
        page.line("balance. Until then nothing in it may be spent.")
    if not known:
        page.line("none")
    for each in sorted(known, key=lambda one: (-one.coin.amount.units, one.outpoint)):
        page.line()
        page.line(f"{each.coin.amount}  {_state(each)}")
        page.line(f"  {each.outpoint}")
        page.line(f"  {each.address}")
        page.lines(_remarks(each), "  ")
    page.line()
    sums: dict[str, list[Any]] = {}
    for each in known:
        if each.coin.spent_by is None:
            sums.setdefault(each.state, []).append(each.coin.amount)
    page.facts([(state, f"{total(amounts, BTC)} in {len(amounts)}") for state, amounts in sums.items()])


def _state(each: KnownCoin) -> str:
    if each.coin.spent_by:
        return "spent"
    said = {"reserved": f"reserved by plan {each.reserved_by}"}.get(each.state, each.state)
    if each.frozen and each.quarantined:
        said = "frozen and quarantined: nobody here asked for it"
    return f"{said}, {each.coin.confirmations} deep"


def _remarks(each: KnownCoin) -> list[str]:
    found = [f"label: {each.label}"] if each.label else []
    if each.frozen and each.mark is not None:
        found.append(f"frozen by {each.mark.by} at {each.mark.at}: {each.mark.reason}")
    if each.reused:
        found.append("its address received more than once")
    if each.dust:
        found.append("dust")
    if each.coin.spent_by:
        found.append(f"spent by {each.coin.spent_by}")
    return found


# -- history -----------------------------------------------------------------------------------------


@command("history")
@click.argument("name", metavar="NAME")
@_OFFLINE
def history(call: Call, name: str, *, offline: bool) -> Answer:
    """Every transaction that touched a wallet, the newest first, with what it changed."""
    from vault.codec import encode
    from vault.treasury.wallet_history import transactions_of_plans

    with call.desk() as desk:
        found = _wallet(desk, name, offline=offline)
        lines = desk.wallet(name).history()
        ours = transactions_of_plans(desk)
    labels = {ref: label.text for (kind, ref), label in found.labels.items() if kind == "tx"}
    rows = [
        {**encode(line), "label": labels.get(line.txid), "plan": encode(ours.get(line.txid))}
        for line in lines
    ]
    return Answer(
        {"wallet": name, "transactions": rows}, lambda page: _render_history(page, name, lines, labels, ours)
    )


def _render_history(
    page: Page,
    name: str,
    lines: tuple[HistoryLine, ...],
    labels: dict[str, str],
    ours: Mapping[str, PlanTransaction],
) -> None:
    from datetime import UTC, datetime

    from vault.clock import to_iso

    page.title(f"Transactions of {name}")
    if not lines:
        page.line("none")
    for line in lines:
        where = "waiting" if line.height is None else f"block {line.height}, {line.confirmations} deep"
        page.line()
        page.line(f"{line.effect}  {where}")
        page.line(f"  {line.txid}")
        seen = to_iso(datetime.fromtimestamp(line.first_seen, UTC))
        page.line(f"  first seen here {seen}" + (f", fee {line.fee}" if line.fee is not None else ""))
        if (of_plan := ours.get(line.txid)) is not None:
            page.line(f"  {of_plan.line}")
        if line.txid in labels:
            page.line(f"  label: {labels[line.txid]}")


# -- what a person says of a coin ----------------------------------------------------------------------


@command("freeze", interrupted="The coin is frozen if `vault wallet coins` says so.")
@click.argument("outpoint", metavar="TXID:NUMBER")
@_REASON
def freeze(call: Call, outpoint: str, reason: str) -> Answer:
    """Set a coin aside: no transaction spends it, and a plan that would is refused before it is signed."""
    from vault.treasury import marks

    with call.desk() as desk:
        return _marked(marks.freeze(desk, outpoint, reason))


@command("unfreeze", interrupted="The coin is free if `vault wallet coins` says so.")
@click.argument("outpoint", metavar="TXID:NUMBER")
@_REASON
def unfreeze(call: Call, outpoint: str, reason: str) -> Answer:
    """Let a frozen coin be spent again, unless it is in quarantine."""
    from vault.treasury import marks

    with call.desk() as desk:
        return _marked(marks.unfreeze(desk, outpoint, reason))


@command("accept", interrupted="The coin is accepted if `vault wallet coins` says so.")
@click.argument("outpoint", metavar="TXID:NUMBER")
@_REASON
def accept(call: Call, outpoint: str, reason: str) -> Answer:
    """Take a coin out of quarantine: from now on it is ours to spend, and the books count it as received.

    It may link this wallet to whoever sent it, and dust is sent for just that.
    """
    from vault.treasury import marks

    with call.desk() as desk:
        return _marked(marks.accept(desk, outpoint, reason), accepted=True)


def _marked(found: Marked, *, accepted: bool = False) -> Answer:
    def render(page: Page) -> None:
        page.line(f"{found.coin.outpoint}")
        page.line(f"{found.coin.coin.amount} of {found.coin.wallet}: {_state(found.coin)}")
        if not found.changed:
            page.line("It was so before; nothing was changed.")
        if accepted and found.coin.frozen:
            page.line(
                f"It is frozen all the same: `vault wallet unfreeze {found.coin.outpoint} --reason TEXT`."
            )

    return Answer({"coin": coin_json(found.coin), "changed": found.changed}, render)


# -- consolidation -------------------------------------------------------------------------------------


@command("consolidation")
@click.argument("name", metavar="NAME")
@click.option("--rate", metavar="SAT_VB", help="Fee rate now (default: the estimate for a day).")
@click.option(
    "--later",
    multiple=True,
    default=LATER_RATES,
    show_default=True,
    metavar="SAT_VB",
    help="Fee rate later; the first decides whether it pays.",
)
@_OFFLINE
def consolidation(
    call: Call, name: str, *, rate: str | None, later: tuple[str, ...], offline: bool
) -> Answer:
    """What joining a wallet's small coins would cost now, and save when they are spent later.

    Only a table: the plan is made by `vault request consolidate`. Frozen, quarantined and reserved coins are
    left alone.
    """
    from vault.bitcoin.wallet.consolidate import plan_consolidation
    from vault.codec import encode
    from vault.money import plain

    wanted, rates = None if rate is None else exact_rate(rate), tuple(map(exact_rate, later))
    with call.desk() as desk:
        found = _wallet(desk, name, offline=offline)
        present = desk.fee_rate(PATIENT_BLOCKS) if wanted is None else wanted
        free = [each.coin for each in found.known() if each.state == "spendable"]
        plans = plan_consolidation(free, desk.descriptor(name), present, rates)
    document = {
        "wallet": name,
        "fee_rate": plain(present),
        "spendable": len(free),
        "consolidations": [{**encode(each), "coins": [str(coin) for coin in each.coins]} for each in plans],
    }
    return Answer(document, lambda page: _render_plans(page, name, present, len(free), plans))


def _render_plans(
    page: Page, name: str, present: Decimal, free: int, plans: tuple[Consolidation, ...]
) -> None:
    from vault.cli.wording import counted
    from vault.money import plain

    page.title(f"Consolidation of {name} at {plain(present)} sat/vB")
    if not plans:
        page.line(f"Nothing to gain from joining {counted(free, 'spendable coin')} at this rate.")
    for each in plans:
        page.line()
        page.line(f"{counted(len(each.coins), 'coin')}, {each.amount}: {each.cost} now ({each.vsize} vB)")
        rows = [
            (plain(saving.rate), saving.apart.number, saving.joined.number, saving.net.number)
            for saving in each.savings
        ]
        head = ("later, sat/vB", "apart, BTC", "joined, BTC", "saved, BTC")
        page.table(head, rows, right=(0, 1, 2, 3))
        page.line(f"vault request consolidate {name} --fee-rate {plain(present)} \\")
        page.lines(f"  --coin {coin} \\" for coin in each.coins[:-1])
        page.line(f"  --coin {each.coins[-1]}")
