"""Names the coins that nobody here asked for: dust, and addresses made to look like ours.

Refuses to search for ever: of each wallet only so many coins are looked at closely. A transaction that
cannot be asked for is named without its resemblances, never left out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from vault.errors import VaultError
from vault.model import UnsolicitedCoin
from vault.treasury.coins import of_wallet

if TYPE_CHECKING:
    from vault.address import Network
    from vault.bitcoin.backends.base import Backend
    from vault.bitcoin.transaction import Transaction
    from vault.treasury.coins import KnownCoin, WalletCoins
    from vault.treasury.desk import Desk

# Coins of a wallet that are named one by one; their sum is always told whole.
MAX_NAMED: Final = 50
# Inputs of a transaction whose senders are looked at.
MAX_INPUTS: Final = 20
# People compare the first and the last characters. Two addresses that agree in so many of them by chance
# are found once in thirty billion.
ALIKE: Final = 7
EACH_END: Final = 2


def resembles(address: str, known: str) -> bool:
    """Whether an address looks like a known one at its ends without being it."""
    one, other = _telling(address), _telling(known)
    if address.lower() == known.lower() or one[0] != other[0]:
        return False
    front, back = _common(one[1], other[1]), _common(one[1][::-1], other[1][::-1])
    return min(front, back) >= EACH_END and front + back >= ALIKE


def _telling(address: str) -> tuple[str, str]:
    """What every address of its kind begins with, and the rest, which tells one from another."""
    prefix, separator, _ = address.partition("1")
    if separator and prefix in {"bc", "tb", "bcrt"}:
        # The witness version stands after the separator.
        start = len(prefix) + 2
        return address[:start], address[start:]
    return address[:1], address[1:]


def _common(one: str, other: str) -> int:
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length


def look_closely(desk: Desk, wallet: str) -> tuple[UnsolicitedCoin, ...]:
    """The unspent coins of a wallet that are in quarantine and not frozen, the largest first."""
    found = of_wallet(desk, wallet)
    foreign = [each for each in found.known() if each.state == "quarantined"]
    foreign.sort(key=lambda each: (-each.coin.amount.units, each.outpoint))
    named = foreign[:MAX_NAMED]
    if named:
        desk.progress(f"looking at what nobody asked for in {wallet}: {len(named)} of {len(foreign)} coins")
    known = _known_addresses(desk, found)
    seen = _addresses(desk, wallet, [each.outpoint.txid for each in named])
    return tuple(_named(each, seen.get(each.outpoint.txid, ()), known) for each in named)


def _named(each: KnownCoin, seen: Iterable[str], known: Mapping[str, str]) -> UnsolicitedCoin:
    alike = sorted(
        f"{address} looks like {known[ours]} {ours}"
        for address in seen
        for ours in known
        if address not in known and resembles(address, ours)
    )
    return UnsolicitedCoin(
        each.wallet,
        str(each.outpoint),
        each.coin.amount,
        each.address,
        each.coin.confirmations,
        each.dust,
        tuple(alike),
    )


def _known_addresses(desk: Desk, found: WalletCoins) -> dict[str, str]:
    """Addresses that people here copy, with what they are called."""
    known = {each.address: f"receive address {each.place} of {found.wallet}" for each in found.given}
    # Without a signed book there are no entries to look like.
    with contextlib.suppress(VaultError):
        known |= {entry.address: entry.id for entry in desk.book().book.entries}
    return known


def _addresses(desk: Desk, wallet: str, txids: list[str]) -> dict[str, frozenset[str]]:
    """Every address a transaction pays to, and those it spends from as far as the backend tells."""
    from vault.bitcoin.transaction import Transaction

    raw = desk.wallet(wallet).ledger.raw(list(dict.fromkeys(txids)))
    parsed = {txid: Transaction.parse(data) for txid, data in raw.items()}
    previous = _previous(desk.backend(), parsed.values())
    found = {}
    for txid, tx in parsed.items():
        scripts = [output.script for output in tx.outputs]
        for each in tx.inputs[:MAX_INPUTS]:
            source = previous.get(each.outpoint.txid)
            if source is not None and each.outpoint.vout < len(source.outputs):
                scripts.append(source.outputs[each.outpoint.vout].script)
        seen = (_address(script, desk.network) for script in scripts)
        found[txid] = frozenset(address for address in seen if address)
    return found


def _previous(backend: Backend, transactions: Iterable[Transaction]) -> dict[str, Transaction]:
    """What these transactions spend; nothing where the backend does not have it, or does not answer."""
    from vault.bitcoin.transaction import Transaction

    wanted = sorted({each.outpoint.txid for tx in transactions for each in tx.inputs[:MAX_INPUTS]})
    try:
        answers = zip(wanted, backend.raw_transactions(wanted), strict=True)
        return {txid: Transaction.parse(data) for txid, data in answers if data is not None}
    except VaultError:
        return {}


def _address(script: bytes, network: Network) -> str:
    from vault.address import address_of

    try:
        return address_of(script, network)
    except VaultError:
        return ""  # data, or a script that has no address
