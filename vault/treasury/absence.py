"""Whether a withdrawal that a venue without client ids does not list ever left it: the chain is asked too.

Refuses to call it absent while a payment to its address and of its amount could be it, and before the chain
has had the time to show one. Where the chain cannot tell (ether that contracts pass on), nothing is proven.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault.errors import BooksError
from vault.money import BTC, Amount
from vault.store import records
from vault.treasury.ethereum import arrivals
from vault.treasury.ethereum.arrivals import is_ethereum

if TYPE_CHECKING:
    from vault.bitcoin.backends.base import ReceivedOutput
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

# Facts of a step: the chain's height at its first attempt, and at its last.
FIRST_TIP: Final = "first_tip"
LAST_TIP: Final = "last_tip"


@dataclass(frozen=True, slots=True)
class _Scan:
    """What came to an address since the first attempt, and how high the chain is.

    `untold`: ether came that cannot be told from it; `deep`: how many blocks make a transaction final.
    """

    came: tuple[arrivals.Came, ...]
    tip: int
    deep: int
    untold: str = ""


def facts_of_attempt(desk: Desk, transfer: Transfer, step: IntentRow) -> dict[str, str]:
    """What an attempt has to remember, so that its absence can be proven. Raises `VaultError` of the chain.

    A server that lags behind what was seen before is not believed: its catching up would pass for new blocks.
    """
    if is_ethereum(transfer.network):
        tip = arrivals.place_of(desk, transfer).node.tip().number
    else:
        tip = desk.backend().tip_height()
    seen = int(step.facts.get("tip_when_made", 0))
    first = step.facts.get(FIRST_TIP) or tip
    return {FIRST_TIP: str(first), LAST_TIP: str(max(tip, seen))}


def proven_on_chain(desk: Desk, transfer: Transfer, step: IntentRow) -> bool:
    """True once nothing since the first attempt can be this withdrawal; False until that is certain.

    Certain: as many blocks as make a transaction final here were found since the last attempt. Raises
    `BooksError` (``books.payment_found`` for a payment of its amount, gross or net; ``payment_untold``),
    `ChainError` and `EthereumError`.
    """
    if FIRST_TIP not in step.facts:
        return False
    if is_ethereum(transfer.network):
        scan = _on_ethereum(desk, transfer, step)
    elif transfer.fee.asset == BTC:
        scan = _on_bitcoin(desk, transfer, step)
    else:
        return False
    if found := _unclaimed(desk, step, scan.came):
        raise BooksError(
            "payment_found",
            f"{Amount(transfer.fee.asset, found[0].units)} to {transfer.payment.address} came in "
            f"{found[0].txid}, and the venue lists no withdrawal that it would be",
            hint="It may be this one. Ask the venue; nothing is sent again. Then close the step by hand.",
        )
    late = scan.tip >= int(step.facts[LAST_TIP]) + scan.deep
    if late and scan.untold:
        raise BooksError(
            "payment_untold",
            f"the venue lists no withdrawal of {transfer.gross} to {transfer.payment.address}, and since the "
            f"first attempt {scan.untold}: whether it came cannot be told",
            hint="Ask the venue; nothing is sent again. Then close the step by hand.",
        )
    return late


def _on_bitcoin(desk: Desk, transfer: Transfer, step: IntentRow) -> _Scan:
    backend, deep = desk.backend(), desk.treasury.config.bitcoin.confirmations
    # Blocks that were not final at the first attempt may be others by now, with other transactions in them.
    tip, first = backend.tip_height(), int(step.facts[FIRST_TIP]) - deep
    amounts = {transfer.amount, transfer.gross}
    came = tuple(
        arrivals.Came(output.txid, output.amount.units)
        for output in backend.address_outputs(transfer.payment.address)
        if output.amount in amounts and _since(output, tip, first)
    )
    return _Scan(came, tip, deep)


def _since(output: ReceivedOutput, tip: int, first: int) -> bool:
    """False for an output that was in a final block before the first attempt."""
    return not output.confirmations or tip - output.confirmations + 1 > first


def _on_ethereum(desk: Desk, transfer: Transfer, step: IntentRow) -> _Scan:
    place = arrivals.place_of(desk, transfer)
    tip, first = place.node.tip().number, int(step.facts[FIRST_TIP]) - place.depth + 1
    least = min(transfer.amount, transfer.gross)
    if not place.leaves_logs:
        came = arrivals.ether_since(desk, place, step, first)
        if came is None:
            return _Scan((), tip, place.depth, "the address spent something, or awaits other withdrawals")
        gained = Amount(least.asset, came)
        untold = "" if came < least.units else f"the address gained {gained} that nothing explains"
        return _Scan((), tip, place.depth, untold)
    amounts = {transfer.amount.units, transfer.gross.units}
    logs = arrivals.came_since(place, first)
    return _Scan(tuple(each for each in logs if each.units in amounts), tip, place.depth)


def _unclaimed(desk: Desk, step: IntentRow, came: tuple[arrivals.Came, ...]) -> list[arrivals.Came]:
    """Those that no other withdrawal of ours is known to be: one payment never settles two.

    Venues batch: a transaction that is another withdrawal of ours may pay this one as well. Only one that was
    to pay the same is known by such a payment.
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
    for each in came:
        if claims[each.txid]:
            claims[each.txid] -= 1
        else:
            free.append(each)
    return free
