"""Whether transactions a server shows could be in any block: no money made, no script left unsatisfied.

Judged are those whose spent outputs the ledger knows all of, so that nothing passes for our own without
our signatures; whether others own what they spend is the chain's matter. Refuses (``chain.bad_answer``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vault.bitcoin.finalise import require_consensus
from vault.bitcoin.transaction import MAX_MONEY, Transaction, TxOut
from vault.bitcoin.wallet.ledger import Ledger
from vault.bitcoin.wallet.state import KnownTransaction, LedgerState
from vault.errors import ChainError, PsbtError


def contradiction(expected: str, found: str) -> ChainError:
    """What a server says is not true, or does not go together."""
    return ChainError(
        "bad_answer",
        f"expected {expected}, found {found}",
        hint="Nothing was changed. Sync again; a server that goes on like this is broken, or lies.",
    )


def require_valid(
    ledger: Ledger,
    state: LedgerState,
    new: Sequence[tuple[KnownTransaction, bytes]],
    moved: Sequence[KnownTransaction],
) -> None:
    """Raises `ChainError` (``chain.bad_answer``) unless the transactions that come in now are possible.

    Each is judged once: when it comes in, or comes back, or when the last output it spends becomes known.
    """
    for each, _ in new:
        if each.output_total > MAX_MONEY:
            raise contradiction(
                f"transaction {each.txid} to pay at most {MAX_MONEY} satoshi", f"{each.output_total}"
            )
    raws = {each.txid: raw for each, raw in new}
    judged = list(_judged(state, raws, {each.txid: each for each in [*(one for one, _ in new), *moved]}))
    wanted = {each.txid for each in judged} | {point.txid for each in judged for point in each.inputs}
    raws |= ledger.raw(sorted(wanted - raws.keys())) if wanted else {}
    parsed = {txid: Transaction.parse(raws[txid]) for txid in sorted(wanted)}
    for each in judged:
        _require_valid(each, raws[each.txid], parsed)


def _judged(
    state: LedgerState, new: Mapping[str, bytes], changed: Mapping[str, KnownTransaction]
) -> Iterator[KnownTransaction]:
    after = {**state.transactions, **changed}
    for each in after.values():
        was = state.transactions.get(each.txid)
        if each.vanished or each.coinbase:
            continue
        came = was is None or was.vanished or any(point.txid in new for point in each.inputs)
        if came and all(point.txid in after for point in each.inputs):
            yield each


def _require_valid(each: KnownTransaction, raw: bytes, parsed: Mapping[str, Transaction]) -> None:
    spent: list[TxOut] = []
    for point in each.inputs:
        outputs = parsed[point.txid].outputs
        if point.vout >= len(outputs):
            raise contradiction(f"transaction {each.txid} to spend what there is", f"{point}")
        spent.append(outputs[point.vout])
    total = sum(output.value for output in spent)
    if len(set(each.inputs)) < len(spent) or each.output_total > total:
        raise contradiction(
            f"transaction {each.txid} to pay at most the {total} satoshi it spends", f"{each.output_total}"
        )
    try:
        require_consensus(raw, spent)
    except PsbtError as error:
        raise contradiction(f"transaction {each.txid} to be signed", error.message) from None
