"""Nonces of ours that no transaction of ours used: found, named, accepted by a person.

Whoever used one holds the key: another program with the same seed, or a thief. What the chain had when an
account was first looked at is nobody's matter here; from then on each nonce has to be a plan's. Refuses to
accept what is not final, and what nothing is wrong with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.clock import to_iso
from vault.errors import BooksError
from vault.model import AccountFinding
from vault.store import account_nonces, records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.config_chains import AccountSettings
    from vault.ethereum.node.base import Block, EthereumNode
    from vault.store.account_nonces import AcceptedNonce
    from vault.store.records import IntentRow
    from vault.treasury.books import BookLine, Explanation
    from vault.treasury.desk import Desk

CODE: Final = "ethereum.foreign_nonce"
# What a person closes once he knows that another transaction has taken a nonce.
_LOOKED_AT: Final = ("books.conflicted", "books.cancelled_but_sent")


def foreign_ranges(
    desk: Desk, node: EthereumNode, account: AccountSettings, latest: int, block: Block
) -> tuple[range, ...]:
    """Nonces below `latest`, the chain's at `block`, that were used since the account was first looked at,
    by no transaction of ours, and that nobody accepted."""
    from vault.ethereum.nonces import unaccounted

    network, address = f"eip155:{node.chain_id}", account.address
    with desk.store.read() as connection:
        first = account_nonces.opening(connection, network, address)
        accepted = account_nonces.accepted_nonces(connection)
        rows = records.intents_of_kind(connection, "spend")
    if first is None:
        with desk.store.write() as writer:
            first = account_nonces.open_account(writer, network, address, latest, block.number)
    known = {each.nonce for each in accepted if (each.network, each.address) == (network, address)}
    by_nonce: dict[int, list[IntentRow]] = {}
    for row in rows:
        if (row.facts.get("network"), row.facts.get("sender")) == (network, address):
            by_nonce.setdefault(int(row.facts["nonce"]), []).append(row)
    for nonce, ours in by_nonce.items():
        if first <= nonce < latest and nonce not in known and _is_ours(node, ours):
            known.add(nonce)
    return unaccounted(first, latest, known)


def _is_ours(node: EthereumNode, rows: Sequence[IntentRow]) -> bool:
    """Whether a nonce was used by one of these: as recorded, else as the chain says."""
    if any(_recorded(row) for row in rows):
        return True
    txids = [str(row.facts.get("txid", "")) for row in rows]
    theirs = {str(row.facts.get("executed_by", "")) for row in rows}
    txids = [txid for txid in txids if txid and txid not in theirs]
    return any(node.receipt(txid) is not None for txid in txids)


def _recorded(row: IntentRow) -> bool:
    facts = row.facts
    if row.state == "closed_by_person":
        return str(facts.get("finding", "")).startswith(_LOOKED_AT)
    # What somebody else executed has used a nonce of theirs.
    return row.state in {"done", "refused"} and "height" in facts and "executed_by" not in facts


def finding_of(account: str, nonces: range) -> AccountFinding:
    """What is said of nonces that the chain has, and no plan."""
    several = len(nonces) > 1
    which = f"nonces {nonces[0]} to {nonces[-1]} were" if several else f"nonce {nonces[0]} was"
    what = "transactions that are in no plan" if several else "a transaction that is in no plan"
    line = (
        f"{account}: {which} used by {what}: somebody else has its key. Look it up by the account's address "
        f"in an explorer of the chain, and what it allowed with `vault account allowances {account}`; then "
        f"say so: `vault account accept-nonce {account} {nonces[0]} --reason TEXT`"
    )
    return AccountFinding(account, CODE, line, "")


def accept_nonce(desk: Desk, name: str, nonce: int, reason: str) -> AcceptedNonce:
    """A person has looked at what used a nonce: it is held against nobody any more, and the books count what
    is missing in the account as gone by it.

    Raises `BooksError` (``books.not_foreign``, ``books.not_final``, ``books.on_its_way``, ``books.unread``,
    ``books.no_reason``), `ConfigError`, `EthereumError`.
    """
    from vault.treasury import books
    from vault.treasury.closing import require_reason
    from vault.treasury.coins import who
    from vault.treasury.surplus import require_quiet

    require_reason(reason)
    account = desk.treasury.account(name)
    _require_foreign(desk, account, nonce)
    found = books.close_books(desk)
    place = f"wallet:{name}"
    if place in found.unread:
        raise BooksError("unread", f"{place} could not be read", hint="Try again when its chain answers.")
    missing = [each for each in found.all_lines if each.place == place and each.difference.units < 0]
    for each in missing:
        require_quiet(desk, place, each.observed.asset.symbol)
    network = f"eip155:{desk.treasury.chain(account.chain).id}"
    left = tuple(-each.difference for each in missing)
    at = to_iso(desk.clock.now())
    accepted = account_nonces.AcceptedNonce(network, account.address, nonce, name, at, who(), reason, left)
    with desk.store.write() as writer:
        account_nonces.accept(writer, accepted)
        if missing:
            books.record_explanation(writer, _explanation(accepted, missing))
    return accepted


def _require_foreign(desk: Desk, account: AccountSettings, nonce: int) -> None:
    chain = desk.treasury.chain(account.chain)
    node = desk.ethereum(chain.name)
    with node.session():
        block = node.tip()
        ranges: tuple[range, ...] = ()
        if account.kind == "device":
            latest = node.nonce(account.address, block)
            ranges = foreign_ranges(desk, node, account, latest, block)
        if not any(nonce in each for each in ranges):
            raise BooksError(
                "not_foreign",
                f"expected a nonce of {account.name} that a transaction of no plan used, found {nonce}",
                hint="`vault check` names those that nobody has accounted for.",
            )
        _require_final(desk, node, account, nonce, block)


def _require_final(
    desk: Desk, node: EthereumNode, account: AccountSettings, nonce: int, block: Block
) -> None:
    from vault.treasury.ethereum.following import depth_of

    depth = depth_of(desk, f"eip155:{node.chain_id}")
    deep = node.block(max(0, block.number - depth + 1))
    if deep is None or node.nonce(account.address, deep) <= nonce:
        raise BooksError(
            "not_final",
            f"expected nonce {nonce} of {account.name} used {depth} blocks deep, found it used later",
            hint="Until then a transaction of ours may still win. Try again later.",
        )


def _explanation(accepted: AcceptedNonce, missing: Sequence[BookLine]) -> Explanation:
    from vault.treasury import books

    finding = (
        f"{CODE}: nonce {accepted.nonce} of {accepted.account} was used by a transaction that is in no plan"
    )
    places = tuple(books.explained(line) for line in missing)
    return books.Explanation("", 0, 0, accepted.reason, finding, places)
