"""The coins of our wallets as the treasury knows them: where each comes from, and what was said of it.

Refuses to let a transaction spend what is frozen, or what nobody here asked for. What a chain shows is
never by itself the arrival of something expected: only our plans, a person, or a first payment to an
address that was given out say so. Asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet.coins import DUST, Coin, balances, classify
from vault.codec import decode
from vault.errors import DocumentError, PlanError
from vault.money import BTC, Amount, total
from vault.store import coins as said
from vault.store import records
from vault.treasury.plan import Payment
from vault.treasury.reserved import reserved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from vault.address import Network
    from vault.bitcoin.wallet.coins import Provenance
    from vault.model import WalletBalance
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

State = Literal["spendable", "pending", "immature", "reserved", "frozen", "quarantined"]

_TXID: Final = re.compile(r"[0-9a-f]{64}")


# -- what our plans say --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expected:
    """Transactions of ours, and the payments that venues made for us: (script, satoshi) by transaction id."""

    transactions: frozenset[str]
    payments: Mapping[str, tuple[tuple[bytes, int], ...]]

    def paid(self, coins: Iterable[Coin]) -> frozenset[OutPoint]:
        """Which of these coins are a venue's payments: of many alike, only as many as were planned.

        A venue's transaction pays strangers too; what one of them had sent to us is not expected.
        """
        left = {txid: list(payments) for txid, payments in self.payments.items()}
        found = []
        for coin in coins:
            payment = (coin.script, coin.amount.units)
            if payment in left.get(coin.outpoint.txid, ()):
                left[coin.outpoint.txid].remove(payment)
                found.append(coin.outpoint)
        return frozenset(found)


def expected(connection: Connection, network: Network) -> Expected:
    """What may arrive: all outputs of what we signed, and what venues' transactions pay as planned."""
    from vault.address import script_pubkey

    # A transaction that was signed once may confirm whatever became of its plan.
    spends = [str(step.facts.get("txid", "")) for step in records.intents_of_kind(connection, "spend")]
    payments: dict[str, list[tuple[bytes, int]]] = {}
    for step in records.intents_of_kind(connection, "withdraw"):
        if step.state in {"sent", "done"} and _TXID.fullmatch(step.reference):
            planned = decode(step.facts["payments"], tuple[Payment, ...], what="payments")
            payments.setdefault(step.reference, []).extend(
                (script_pubkey(each.address, network), each.amount.units) for each in planned
            )
    return Expected(frozenset(spends) - {""}, {txid: tuple(found) for txid, found in payments.items()})


# -- a wallet's coins ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KnownCoin:
    """A coin, where it comes from, what was said of it (`mark`), and which plan wants it (`reserved_by`).

    `reused`: its address received in more than one transaction. `dust`: nobody pays so little in earnest.
    """

    wallet: str
    coin: Coin
    address: str
    provenance: Provenance
    mark: said.CoinMark | None
    reserved_by: str
    label: str
    reused: bool

    @property
    def outpoint(self) -> OutPoint:
        return self.coin.outpoint

    @property
    def frozen(self) -> bool:
        return self.mark is not None and self.mark.frozen

    @property
    def quarantined(self) -> bool:
        return self.provenance == "unsolicited"

    @property
    def dust(self) -> bool:
        return self.coin.amount < DUST

    @property
    def state(self) -> State:
        """The first thing that keeps it from being spent."""
        if self.frozen or self.quarantined:
            return "frozen" if self.frozen else "quarantined"
        if not self.coin.mature:
            return "immature" if self.coin.confirmations else "pending"
        return "reserved" if self.reserved_by else "spendable"


@dataclass(frozen=True)
class WalletCoins:
    """All coins of a wallet, spent ones too, as the last sync and the store know them."""

    wallet: str
    network: Network
    coins: tuple[Coin, ...]
    marks: Mapping[str, said.CoinMark]
    given: tuple[said.GivenAddress, ...]
    expected: Expected
    reserved: Mapping[str, str]
    labels: Mapping[tuple[str, str], said.StoredLabel]
    books_open: bool

    @cached_property
    def paid(self) -> frozenset[OutPoint]:
        """The venues' payments of our plans."""
        return self.expected.paid(self.coins)

    @cached_property
    def provenance(self) -> Mapping[OutPoint, Provenance]:
        """Where each coin comes from."""
        accepted = {OutPoint.parse(name) for name, mark in self.marks.items() if mark.accepted} | self.paid
        places = said.places_of(self.given)
        return {
            coin.outpoint: classify(coin, self.expected.transactions, accepted, places) for coin in self.coins
        }

    @cached_property
    def frozen(self) -> frozenset[OutPoint]:
        return frozenset(OutPoint.parse(name) for name, mark in self.marks.items() if mark.frozen)

    @cached_property
    def withheld(self) -> frozenset[OutPoint]:
        """Frozen and quarantined coins: no transaction is built from these."""
        foreign = (point for point, where in self.provenance.items() if where == "unsolicited")
        return self.frozen | frozenset(foreign)

    @cached_property
    def notes(self) -> Mapping[str, str]:
        """Who was given an address, by address."""
        return {given.address: given.note for given in self.given}

    @property
    def received(self) -> Amount:
        """What came in outside our plans and was let in, since the books were opened."""
        opening = {name for name, mark in self.marks.items() if mark.opening}
        return total(
            [
                coin.amount
                for coin in self.coins
                if self.provenance[coin.outpoint] == "expected"
                and coin.outpoint not in self.paid
                and coin.outpoint.txid not in self.expected.transactions
                and str(coin.outpoint) not in opening
            ],
            BTC,
        )

    def known(self, *, spent: bool = False) -> tuple[KnownCoin, ...]:
        """The coins with all that is said of them; `spent` ones only when asked for."""
        from vault.address import address_of

        reused = self._reused()
        return tuple(
            KnownCoin(
                self.wallet,
                coin,
                address := address_of(coin.script, self.network),
                self.provenance[coin.outpoint],
                self.marks.get(str(coin.outpoint)),
                self.reserved.get(str(coin.outpoint), ""),
                self._label(coin, address),
                coin.script in reused,
            )
            for coin in self.coins
            if spent or coin.spent_by is None
        )

    def find(self, outpoint: OutPoint) -> Coin | None:
        return next((coin for coin in self.coins if coin.outpoint == outpoint), None)

    def _reused(self) -> frozenset[bytes]:
        from vault.bitcoin.wallet.coins import reused_addresses

        return frozenset(each.script for each in reused_addresses(self.coins))

    def _label(self, coin: Coin, address: str) -> str:
        """The coin's own label, else that of its address or transaction, else who got the address.

        What was said of an address was not said of a coin that nobody asked for: it is marked as such.
        """
        whose = "address: " if self.provenance[coin.outpoint] == "unsolicited" else ""
        found = (
            ("", self._text("output", str(coin.outpoint))),
            (whose, self._text("addr", address)),
            ("", self._text("tx", coin.outpoint.txid)),
            (whose, self.notes.get(address, "")),
        )
        return next((mark + text for mark, text in found if text), "")

    def _text(self, kind: str, ref: str) -> str:
        found = self.labels.get((kind, ref))
        return found.text if found else ""


def of_wallet(desk: Desk, wallet: str) -> WalletCoins:
    """A wallet's coins as the last sync saw them. Raises `ConfigError`, `StoreError`."""
    ours = desk.wallet(wallet)
    with desk.store.read() as connection:
        firsts = said.first_payments(connection, wallet)
        return WalletCoins(
            wallet,
            desk.network,
            ours.coins({address: OutPoint.parse(point) for address, point in firsts.items()}),
            said.marks(connection, wallet),
            said.given(connection, wallet),
            expected(connection, desk.network),
            reserved(connection, desk.clock.now()),
            said.labels(connection),
            any(body["place"] == f"wallet:{wallet}" for body in records.documents(connection, "opening")),
        )


def balance(desk: Desk, wallet: str) -> WalletBalance:
    """A wallet's balance; only what may be spent counts as confirmed."""
    from vault.model import WalletBalance
    from vault.treasury.foreign_spends import left

    found, ours = of_wallet(desk, wallet), desk.wallet(wallet)
    foreign = {point for point, where in found.provenance.items() if where == "unsolicited"}
    # A coin nobody asked for stays in quarantine when a person has set it aside, too.
    sums = balances(found.coins, found.provenance, found.frozen - foreign)
    return WalletBalance(
        ours.name,
        ours.role,
        sums.confirmed,
        sums.pending + sums.immature,
        ours.tip_height(),
        desk.clock.now(),
        sums.quarantined,
        sums.frozen,
        found.received,
        left(desk, found),
    )


def sync(desk: Desk, wallet: str) -> None:
    """Bring a wallet up to the chain. Raises `ChainError`, `StoreError`.

    Addresses that other operators gave out are looked at too. Nothing is accepted by it: what a wallet
    opens with is decided where its books are opened (`vault.treasury.opening`).
    """
    with desk.store.read() as connection:
        given = said.given(connection, wallet)
    adopt(desk, wallet, said.places_of(given))
    desk.wallet(wallet).sync()
    _decide_firsts(desk, wallet, given)


def _decide_firsts(desk: Desk, wallet: str, given: tuple[said.GivenAddress, ...]) -> None:
    """Keep for all operators which confirmed payment to a given-out address was its first."""
    with desk.store.read() as connection:
        known = said.first_payments(connection, wallet)
    waiting = {each.place: each.address for each in given if each.address not in known}
    found = {
        waiting[coin.index]: str(coin.outpoint)
        for coin in (desk.wallet(wallet).coins() if waiting else ())
        if coin.first and coin.confirmations and not coin.change and coin.index in waiting
    }
    if found:
        with desk.store.write() as writer:
            said.decide_first(writer, wallet, found, who())


def adopt(desk: Desk, wallet: str, given: frozenset[int]) -> None:
    """Have this machine's wallet watch the addresses that were given out, here or elsewhere."""
    ours = desk.wallet(wallet)
    if given <= ours.handed_out():
        return
    with ours.ledger.exclusive() as writer:
        for place in sorted(given - writer.state().handed_out):
            writer.hand_out(place, int(desk.clock.now().timestamp()))


def require_words(text: str, what: str) -> str:
    """The text, which a person reads later. Raises `DocumentError` (``document.bad_text``)."""
    if not text.strip() or len(text) > said.MAX_TEXT or not text.isprintable():
        raise DocumentError(
            "bad_text",
            f"expected {what} of 1 to {said.MAX_TEXT} printable characters, found {text[: said.MAX_TEXT]!r}",
        )
    return text


def who() -> str:
    """The operator's name as this machine tells it; it proves nothing."""
    import getpass

    try:
        return getpass.getuser()[:80]
    except (KeyError, OSError):
        return "unknown"


# -- what no transaction spends ------------------------------------------------------------------------


def withheld(desk: Desk, wallet: str) -> tuple[OutPoint, ...]:
    """The coins that no transaction is built from."""
    return tuple(sorted(of_wallet(desk, wallet).withheld))


def require_free(desk: Desk, transfer: Transfer) -> None:
    """No coin of a spend is frozen, in quarantine or unknown.

    Raises `PlanError` (``plan.coin_frozen``, ``plan.coin_quarantined``, ``plan.coin_unknown``).
    """
    if not transfer.coins:
        return
    found = of_wallet(desk, transfer.source)
    if any(found.find(OutPoint.parse(name)) is None for name in transfer.coins):
        # The plan may have been made on another machine, whose wallet has seen more than this one.
        sync(desk, transfer.source)
        found = of_wallet(desk, transfer.source)
    for name in transfer.coins:
        outpoint = OutPoint.parse(name)
        if found.find(outpoint) is None:
            raise PlanError(
                "coin_unknown", f"{transfer.source} holds no coin {name}", hint="Make a new plan."
            )
        if outpoint in found.frozen:
            raise PlanError(
                "coin_frozen",
                f"transfer {transfer.number} spends {name}, which is frozen: {found.marks[name].reason}",
                hint=f"Make a new plan, or `vault wallet unfreeze {name}`.",
            )
        if outpoint in found.withheld:
            raise PlanError(
                "coin_quarantined",
                f"transfer {transfer.number} spends {name}, which nobody here asked for",
                hint=f"Make a new plan, or `vault wallet accept {name}`.",
            )
