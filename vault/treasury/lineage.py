"""Transactions of ours that compete for the same coins: which of them counts, and which has won.

An original and its replacements can never both confirm, nor can a child outlive its parent. Every change
is one write: at no moment do two of them count, and a winner and its losers are recorded together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vault.store import records
from vault.treasury.steps import outcome_of_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from vault.store.database import Writer
    from vault.store.records import IntentRow

# States in which a transaction is thought to be in the mempool or in a block.
SEEN: Final = frozenset({"accepted", "sent"})
_LOSES: Final = records.OPEN_STATES


def _is_final(row: IntentRow) -> bool:
    """True for what the chain keeps; a transaction that a contract refused has used its nonce."""
    return row.state == "done" or (row.state == "refused" and "height" in row.facts)


def _owners_asked(facts: dict[str, Any]) -> bool:
    """True for a call of a Safe that its owners were asked to sign."""
    return "safe" in facts and "asked_at" in facts


class Lineage:
    """All spends of the treasury, by what they replace and whose coins they spend."""

    def __init__(self, connection: Connection) -> None:
        self._rows = records.intents_of_kind(connection, "spend")
        facts = {row.client_id: row.facts for row in self._rows}
        self._txid = {name: str(found.get("txid", "")) for name, found in facts.items()}
        self._replaces = {name: str(found.get("replaces", "")) for name, found in facts.items()}
        self._coins = {name: tuple(map(str, found.get("coins", ()))) for name, found in facts.items()}
        self._safe = {name: str(found["safe"]) for name, found in facts.items() if _owners_asked(found)}
        self._safes_done = {
            str(facts[row.client_id].get("safe", "")): row.client_id
            for row in self._rows
            if row.state == "done" or facts[row.client_id].get("revert") == "safe_inner_failed"
        }
        self._final = {
            coin: row.client_id for row in self._rows if _is_final(row) for coin in self.coins(row)
        }
        self._by_txid = {self._txid[row.client_id]: row for row in self._rows if self._txid[row.client_id]}

    @property
    def rows(self) -> tuple[IntentRow, ...]:
        """All of them, the oldest plan first."""
        return tuple(self._rows)

    def beaten(self, row: IntentRow) -> bool:
        """True once a final transaction of ours has spent a coin of it, or of a parent: it cannot confirm.

        What owners of a Safe may have signed can be executed by anybody, with any nonce of his own: it ends
        only with the nonce of the Safe.
        """
        if (safe := self._safe.get(row.client_id)) is not None:
            return self._safes_done.get(safe, row.client_id) != row.client_id
        others = {self._final.get(coin, row.client_id) for coin in self.coins(row)} - {row.client_id}
        return bool(others) or any(
            parent.state == "replaced" or self.beaten(parent) for parent in self.parents(row)
        )

    def find(self, txid: str) -> IntentRow | None:
        """The spend of that transaction id, if it is ours."""
        return self._by_txid.get(txid)

    def replaced(self, txid: str) -> list[IntentRow]:
        """The spend of that id and all that it replaced itself, nearest first."""
        found: list[IntentRow] = []
        while (row := self.find(txid)) is not None and row not in found:
            found.append(row)
            txid = self._replaces[row.client_id]
        return found

    def replacements(self, row: IntentRow) -> list[IntentRow]:
        """What takes its place, and the place of that, nearest first."""
        found: list[IntentRow] = []
        ids = {self._txid[row.client_id]} - {""}
        while more := [
            each for each in self._rows if self._replaces[each.client_id] in ids and each not in found
        ]:
            found += more
            ids = {self._txid[each.client_id] for each in more} - {""}
        return found

    def relatives(self, txids: Iterable[str]) -> list[IntentRow]:
        """The spends of those ids with everything they replaced and everything that replaced them."""
        ids = set(txids) - {""}
        found: dict[str, IntentRow] = {}
        while True:
            more = [
                row
                for row in self._rows
                if row.client_id not in found
                and (self._txid[row.client_id] in ids or self._replaces[row.client_id] in ids)
            ]
            if not more:
                return list(found.values())
            for row in more:
                found[row.client_id] = row
                ids |= {self._txid[row.client_id], self._replaces[row.client_id]} - {""}

    def coins(self, row: IntentRow) -> tuple[str, ...]:
        """The coins it spends, as ``txid:vout``."""
        return self._coins[row.client_id]

    def children(self, rows: Iterable[IntentRow]) -> list[IntentRow]:
        """Spends of coins that these made."""
        made = {self._txid[row.client_id] for row in rows} - {""}
        return [row for row in self._rows if made & {coin.partition(":")[0] for coin in self.coins(row)}]

    def parents(self, row: IntentRow) -> list[IntentRow]:
        """Spends of ours that made the coins it spends."""
        makers = dict.fromkeys(coin.partition(":")[0] for coin in self.coins(row))
        return [found for maker in makers if (found := self.find(maker)) is not None]

    def losers(self, winner: IntentRow) -> list[IntentRow]:
        """What cannot be in the chain together with `winner`: rivals of it and of its parents, and theirs."""
        alive = {winner.client_id: winner}
        queue = [winner]
        while queue:
            fresh = [each for each in self.parents(queue.pop()) if each.client_id not in alive]
            alive.update((each.client_id, each) for each in fresh)
            queue += fresh
        dead: dict[str, IntentRow] = {}
        for each in alive.values():
            named = (self._txid[each.client_id], self._replaces[each.client_id])
            for rival in (*self.relatives(named), *self._at_nonce(each)):
                if rival.client_id not in alive:
                    dead[rival.client_id] = rival
        queue = list(dead.values())
        while queue:
            fresh = [row for row in self.children([queue.pop()]) if row.client_id not in {*dead, *alive}]
            dead.update((row.client_id, row) for row in fresh)
            queue += fresh
        return list(dead.values())

    def _at_nonce(self, row: IntentRow) -> list[IntentRow]:
        """What was signed with the same nonce of the same sender, whatever it was made for."""
        uses = self.coins(row)
        if not uses or not uses[0].startswith("eip155:"):
            return []
        return [each for each in self._rows if self.coins(each) == uses and self._txid[each.client_id]]


def seen(writer: Writer, row: IntentRow) -> None:
    """`row` is in the mempool or in a block: what competes with it is displaced, for now."""
    for loser in Lineage(writer.connection).losers(row):
        if loser.state in SEEN:
            records.move_intent(writer, loser, "displaced", displaced_by=str(row.facts["txid"]))


def won(writer: Writer, row: IntentRow) -> None:
    """`row` is final: what competes with it is replaced, with all that was to follow it."""
    winner = str(row.facts["txid"])
    for loser in Lineage(writer.connection).losers(row):
        if loser.state not in _LOSES:
            continue
        for step in records.intents(writer.connection, loser.plan_id):
            if step.transfer == loser.transfer and step.state in _LOSES:
                records.move_intent(writer, step, "replaced", replaced_by=winner)
        end_plan(writer, loser.plan_id)


def reopened(writer: Writer, row: IntentRow) -> None:
    """`row` had won and was reorganised out: what it had replaced competes again."""
    winner = str(row.facts["txid"])
    for loser in Lineage(writer.connection).losers(row):
        if loser.state != "replaced" or loser.facts.get("replaced_by") != winner:
            continue
        for step in records.intents(writer.connection, loser.plan_id):
            if step.transfer == loser.transfer and step.state == "replaced":
                again = "displaced" if step.kind == "spend" and step.submitted_at else "planned"
                records.reopen_intent(writer, step, again)
        begin_again(writer, loser.plan_id)


def begin_again(
    writer: Writer,
    plan_id: str,
    states: frozenset[str] = frozenset({"done", "replaced"}),
    reason: str = "books.reorganised",
) -> None:
    """A plan that was over, or never begun, has something to wait for."""
    found = records.find_plan(writer.connection, plan_id)
    if found is not None and found.state in states:
        records.set_plan_state(writer, plan_id, frozenset({found.state}), "sending", reason)


def end_plan(writer: Writer, plan_id: str) -> None:
    """Mark a plan as over when nothing of it is left to happen."""
    found = records.find_plan(writer.connection, plan_id)
    state, reason = outcome_of_plan(records.intents(writer.connection, plan_id))
    open_states = {"sending", "approved"} if state == "replaced" else {"sending"}
    if state and found is not None and found.state in open_states:
        records.set_plan_state(writer, plan_id, frozenset(open_states), state, reason)
