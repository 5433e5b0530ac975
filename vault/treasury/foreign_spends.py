"""Coins of ours that left by a transaction of nobody's plan: found, named, closed by a person.

Whoever sent it holds the keys: another program with the same seed, or a thief. Refuses to let anything be
asked for from that wallet before a person has looked. What was before the books were opened is nobody's loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.bitcoin.transaction import Transaction
from vault.clock import from_iso
from vault.errors import BooksError, DeniedError, VaultError
from vault.model import ForeignSpend
from vault.money import BTC, Amount, total
from vault.store import foreign_spends as said
from vault.store import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from vault.address import Network
    from vault.bitcoin.wallet.state import KnownTransaction, LedgerState
    from vault.treasury.coins import WalletCoins
    from vault.treasury.desk import Desk

MAX_REASON: Final = 500
_CLOSE: Final = "Look who sent it. Then say so: `vault reconcile --close {} --reason TEXT`."


# -- what is found ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Opening:
    """When the books of a wallet were opened: at which height, and what was on its way then."""

    second: int
    height: int | None
    waiting: frozenset[str]


def open_spends(desk: Desk, wallet: str) -> tuple[ForeignSpend, ...]:
    """Transactions that spent coins of a wallet since its books were opened, and that nobody accounted for.

    None of our plans' transactions, whoever sent them, and none that a person closed.
    """
    with desk.store.read() as connection:
        done = {each.txid for each in said.closed(connection)}
    state = desk.wallet(wallet).ledger.state()
    found = [each for each in _foreign(desk, wallet, state) if each.txid not in done]
    return tuple(_named(desk, wallet, state, each) for each in sorted(found, key=lambda each: each.txid))


def left(desk: Desk, found: WalletCoins) -> Amount:
    """What a wallet holds less because of transactions that persons closed, as the chain has them now."""
    with desk.store.read() as connection:
        done = {each.txid for each in said.closed(connection)}
    if not done:
        return Amount.zero(BTC)
    state = desk.wallet(found.wallet).ledger.state()
    ours = [each for txid in done if (each := state.transactions.get(txid)) is not None and not each.vanished]
    spent = {point for each in ours for point in each.inputs}
    made = {each.txid for each in ours}
    # What came back and was let in is told as received; what nobody asked for was never in the books.
    where = found.provenance
    gone = [c.amount for c in found.coins if c.outpoint in spent and where[c.outpoint] != "unsolicited"]
    back = [c.amount for c in found.coins if c.outpoint.txid in made and where[c.outpoint] == "own"]
    return total(gone, BTC) - total(back, BTC)


def _foreign(desk: Desk, wallet: str, state: LedgerState) -> list[KnownTransaction]:
    with desk.store.read() as connection:
        opening = _opening(connection, wallet)
        spends = records.intents_of_kind(connection, "spend")
    if opening is None:
        return []
    ours = {str(step.facts.get("txid", "")) for step in spends}
    candidates = [
        each
        for each in state.transactions.values()
        if not each.vanished
        and each.txid not in ours
        and not _before(each, opening)
        and any(point in state.outputs for point in each.inputs)
    ]
    if not candidates:
        return []
    return _of_nobody(desk, wallet, candidates, [step for step in spends if step.facts.get("coins")])


def _before(each: KnownTransaction, opening: _Opening) -> bool:
    if each.txid in opening.waiting or each.first_seen < opening.second:
        return True
    return each.height is not None and opening.height is not None and each.height <= opening.height


def _opening(connection: Connection, wallet: str) -> _Opening | None:
    place = f"wallet:{wallet}"
    body = next((each for each in records.documents(connection, "opening") if each["place"] == place), None)
    if body is None:
        return None
    height = body.get("height")
    if height is None:  # opened by an older version: its first observation tells
        height = said.height_observed(connection, wallet, body["at"])
    second = int(from_iso(body["at"]).timestamp())
    return _Opening(second, height, frozenset(body.get("waiting", ())))


def _of_nobody(
    desk: Desk, wallet: str, candidates: list[KnownTransaction], spends: list[records.IntentRow]
) -> list[KnownTransaction]:
    """Without those that are a plan's own transaction, and those whose conflict a person closed already."""
    raws = desk.wallet(wallet).ledger.raw([each.txid for each in candidates])
    found = []
    for each in candidates:
        points = {str(point) for point in each.inputs}
        rivals = [step for step in spends if not points.isdisjoint(step.facts["coins"])]
        explained = any(step.state == "closed_by_person" for step in rivals)
        if not explained and not _planned(desk, Transaction.parse(raws[each.txid]), rivals):
            found.append(each)
    return found


def _planned(desk: Desk, transaction: Transaction, rivals: Iterable[records.IntentRow]) -> bool:
    from vault.treasury.strays import bare, planned

    return any(planned(desk, step) == bare(transaction) for step in rivals)


def _named(desk: Desk, wallet: str, state: LedgerState, each: KnownTransaction) -> ForeignSpend:
    parsed = Transaction.parse(desk.wallet(wallet).ledger.raw([each.txid])[each.txid])
    spent = sum(state.outputs[point].value for point in each.inputs if point in state.outputs)
    back = sum(out.value for point, out in state.outputs.items() if point.txid == each.txid)
    away = [out.script for out in parsed.outputs if out.script not in state.scripts]
    tip = state.tip.height if state.tip else 0
    return ForeignSpend(
        wallet=wallet,
        txid=each.txid,
        amount=Amount(BTC, spent - back),
        confirmations=0 if each.height is None else max(1, tip - each.height + 1),
        destinations=tuple(dict.fromkeys(_address(script, desk.network) for script in away)),
        coins=tuple(str(point) for point in each.inputs if point in state.outputs),
    )


def _address(script: bytes, network: Network) -> str:
    from vault.address import address_of

    try:
        return address_of(script, network)
    except VaultError:
        return f"script {script.hex()}"


# -- what follows from it --------------------------------------------------------------------------------


def require_none(desk: Desk, wallet: str) -> None:
    """Nobody but our plans spends from this wallet. Raises `DeniedError` (``denied.foreign_spend``)."""
    for each in open_spends(desk, wallet):
        raise DeniedError(
            "foreign_spend",
            f"{each.amount} left {wallet} by {each.txid}, which is in no plan",
            hint=_CLOSE.format(each.txid),
            txid=each.txid,
        )


def close_spend(desk: Desk, txid: str, reason: str) -> tuple[ForeignSpend, ...]:
    """A person has looked at a transaction of nobody's plan: books and limits count it from now on.

    Raises `BooksError` (``books.not_foreign``, ``books.no_reason``).
    """
    from vault.treasury import coins

    if not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise BooksError("no_reason", f"expected a reason of 1 to {MAX_REASON} printable characters")
    found = []
    for settings in desk.treasury.config.wallet:
        coins.sync(desk, settings.name)
        found += [each for each in open_spends(desk, settings.name) if each.txid == txid]
    if not found:
        raise BooksError(
            "not_foreign",
            f"expected a transaction that spends coins of ours and is in no plan, found {txid}",
            hint="`vault reconcile` names those that nobody has accounted for.",
        )
    with desk.store.write() as writer:
        if txid not in {each.txid for each in said.closed(writer.connection)}:
            said.close(writer, txid, coins.who(), reason, {each.wallet: each.amount for each in found})
    return tuple(found)
