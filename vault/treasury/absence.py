"""Whether a withdrawal that a venue without client ids does not list ever left it: the chain is asked too.

Refuses to call it absent while an output to its address and of its amount could be it, and before the chain
has had the time to show one. Bitcoin only; where another chain would have to be asked, nothing is proven.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from vault.errors import BooksError
from vault.money import BTC
from vault.store import records

if TYPE_CHECKING:
    from vault.bitcoin.backends.base import ReceivedOutput
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

# Facts of a step: the chain's height at its first attempt, and at its last.
FIRST_TIP: Final = "first_tip"
LAST_TIP: Final = "last_tip"


def facts_of_attempt(desk: Desk, step: IntentRow) -> dict[str, str]:
    """What an attempt has to remember, so that its absence can be proven. Raises `ChainError`.

    A server that lags behind what was seen before is not believed: its catching up would pass for new blocks.
    """
    tip, seen = desk.backend().tip_height(), int(step.facts.get("tip_when_made", 0))
    first = step.facts.get(FIRST_TIP) or tip
    return {FIRST_TIP: str(first), LAST_TIP: str(max(tip, seen))}


def proven_on_chain(desk: Desk, transfer: Transfer, step: IntentRow) -> bool:
    """True once no output since the first attempt can be this withdrawal; False until that is certain.

    Certain: as many blocks as make a transaction final here were found since the last attempt. Raises
    `BooksError` (``books.payment_found``) for an output of its amount, gross or net, and `ChainError`.
    """
    facts = step.facts
    if transfer.fee.asset != BTC or FIRST_TIP not in facts:
        return False
    backend, deep = desk.backend(), desk.treasury.config.bitcoin.confirmations
    # Blocks that were not final at the first attempt may be others by now, with other transactions in them.
    tip, first = backend.tip_height(), int(facts[FIRST_TIP]) - deep
    amounts = {transfer.amount, transfer.gross}
    outputs = [
        output
        for output in backend.address_outputs(transfer.payment.address)
        if output.amount in amounts and _since(output, tip, first)
    ]
    if found := _unclaimed(desk, step, outputs):
        raise BooksError(
            "payment_found",
            f"{found[0].amount} to {transfer.payment.address} came in {found[0].txid}, and the venue lists "
            "no withdrawal that it would be",
            hint="It may be this one. Ask the venue; nothing is sent again. Then close the step by hand.",
        )
    return tip >= int(facts[LAST_TIP]) + deep


def _since(output: ReceivedOutput, tip: int, first: int) -> bool:
    """False for an output that was in a final block before the first attempt."""
    return not output.confirmations or tip - output.confirmations + 1 > first


def _unclaimed(desk: Desk, step: IntentRow, outputs: list[ReceivedOutput]) -> list[ReceivedOutput]:
    """Those that no other withdrawal of ours is known to be: one output never settles two.

    Venues batch: a transaction that is another withdrawal of ours may pay this one as well. Only one that was
    to pay the same is known by such an output.
    """
    with desk.store.read() as connection:
        claims = Counter(
            other.reference
            for other in records.intents_of_kind(connection, "withdraw")
            if other.client_id != step.client_id
            and other.reference
            and other.facts["payments"] == step.facts["payments"]
        )
    free = []
    for output in outputs:
        if claims[output.txid]:
            claims[output.txid] -= 1
        else:
            free.append(output)
    return free
