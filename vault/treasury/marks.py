"""What a person says of coins: freeze, set free, accept out of quarantine, and labels, BIP329 included.

Refuses coins that are not ours, and words that could steer a terminal. An import changes nothing by
itself: it makes a list of changes first, and never sets a coin free unless that is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from vault.bitcoin.transaction import OutPoint
from vault.errors import DocumentError, PlanError
from vault.store import coins as said
from vault.treasury import coins
from vault.treasury.coins import WalletCoins, of_wallet, who

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.bitcoin.wallet.labels import Label, LabelType
    from vault.treasury.desk import Desk

ChangeKind = Literal["label", "freeze", "unfreeze"]

_TXID: Final = re.compile(r"[0-9a-f]{64}")
_OUTPOINT: Final = re.compile(r"[0-9a-f]{64}:[0-9]{1,10}")


# -- freezing and accepting ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Marked:
    """A coin after something was said of it; `changed` False when it had been said before."""

    coin: coins.KnownCoin
    changed: bool


def freeze(desk: Desk, outpoint: str, reason: str) -> Marked:
    """No transaction spends this coin any more. Raises `PlanError` (``plan.no_coin``), `DocumentError`."""
    return _mark(desk, outpoint, reason, "freeze")


def unfreeze(desk: Desk, outpoint: str, reason: str) -> Marked:
    """The coin may be spent again, unless it is in quarantine."""
    return _mark(desk, outpoint, reason, "unfreeze")


def accept(desk: Desk, outpoint: str, reason: str) -> Marked:
    """A coin that nobody here asked for is ours to use; the books count it as received."""
    return _mark(desk, outpoint, reason, "accept")


def _mark(desk: Desk, outpoint: str, reason: str, kind: Literal["freeze", "unfreeze", "accept"]) -> Marked:
    point = OutPoint.parse(outpoint)
    told = said.Said(who(), coins.require_words(reason, "a reason"))
    found = _holder(desk, point)
    coin = next(each for each in found.known(spent=True) if each.outpoint == point)
    if kind == "accept" and not coin.quarantined:
        return Marked(coin, False)
    change = {"freeze": said.freeze, "unfreeze": said.unfreeze, "accept": said.accept}[kind]
    with desk.store.write() as writer:
        changed = change(writer, found.wallet, outpoint, told)
    after = of_wallet(desk, found.wallet).known(spent=True)
    return Marked(next(each for each in after if each.outpoint == point), changed)


def _holder(desk: Desk, point: OutPoint) -> WalletCoins:
    """The wallet that holds a coin; the chain is asked only for one that no sync has seen."""
    for fresh in (False, True):
        for settings in desk.treasury.config.wallet:
            if fresh:
                coins.sync(desk, settings.name)
            if (found := of_wallet(desk, settings.name)).find(point) is not None:
                return found
    raise PlanError(
        "no_coin",
        f"no wallet here holds the coin {point}",
        hint="`vault wallet coins NAME` lists them.",
    )


# -- labels --------------------------------------------------------------------------------------------


def label_kind(desk: Desk, ref: str) -> LabelType:
    """What a reference is: a coin (``txid:number``), a transaction, or an address of our network.

    Raises `AddressError`.
    """
    from vault.address import script_pubkey

    if _OUTPOINT.fullmatch(ref):
        OutPoint.parse(ref)
        return "output"
    if _TXID.fullmatch(ref):
        return "tx"
    script_pubkey(ref, desk.network)
    return "addr"


def set_label(desk: Desk, ref: str, text: str) -> bool:
    """Label a coin, a transaction or an address; an empty text removes the label. False: nothing changed."""
    from vault.bitcoin.wallet.labels import plain_ref

    kind = label_kind(desk, ref)
    ref = plain_ref(kind, ref, desk.network)
    with desk.store.write() as writer:
        return said.set_label(writer, kind, ref, coins.require_words(text, "a label") if text else "", who())


def export_labels(desk: Desk) -> tuple[Label, ...]:
    """All labels and frozen coins, as BIP329 has them; coins in quarantine are not spendable either."""
    from vault.bitcoin.wallet.labels import Label

    with desk.store.read() as connection:
        known = said.labels(connection)
    held = {
        str(coin.outpoint)
        for each in _wallets(desk)
        for coin in each.known()
        if coin.frozen or coin.quarantined
    }
    rows = {(kind, ref): Label(_type(kind), ref, stored.text) for (kind, ref), stored in known.items()}
    for ref in held:
        stored = known.get(("output", ref))
        rows["output", ref] = Label("output", ref, stored.text if stored else None, spendable=False)
    return tuple(rows[key] for key in sorted(rows))


def _type(kind: str) -> LabelType:
    from typing import cast

    return cast("LabelType", kind)


def _wallets(desk: Desk) -> list[WalletCoins]:
    return [of_wallet(desk, settings.name) for settings in desk.treasury.config.wallet]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing an import would change, from what to what; `note` says why it is left out, if it is."""

    kind: ChangeKind
    type: LabelType
    ref: str
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class LabelImport:
    """What a file says, as changes; `left_out` are not made, `skipped` lines are of types nobody defined."""

    changes: tuple[Change, ...]
    left_out: tuple[Change, ...]
    skipped: int


def read_import(desk: Desk, path: Path, *, spendable: bool) -> LabelImport:
    """What importing a BIP329 file would change. Nothing is changed. Raises `DocumentError`.

    A file may freeze coins of ours. It sets them free only with `spendable`, and it never accepts one: what
    is in quarantine leaves it by a person's word alone.
    """
    from vault.bitcoin.wallet.labels import MAX_BYTES, read_labels

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise DocumentError("too_large", f"{path}: expected at most {MAX_BYTES} bytes")
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise DocumentError("unreadable", f"{path}: {words}") from None
    found = read_labels(text, desk.network)
    with desk.store.read() as connection:
        known = said.labels(connection)
    names = _label_changes(found.labels, known)
    flags = _flag_changes(desk, found.labels, spendable=spendable)
    changes = [*names, *flags]
    return LabelImport(
        tuple(each for each in changes if not each.note),
        tuple(each for each in changes if each.note),
        found.skipped,
    )


def _label_changes(labels: Iterable[Label], known: dict[tuple[str, str], said.StoredLabel]) -> list[Change]:
    """Of labels that differ in nothing but their origin, the first counts."""
    seen: set[tuple[str, str]] = set()
    found = []
    for label in labels:
        change = _label_change(label, known)
        if change is None:
            continue
        if (label.type, label.ref) in seen and not change.note:
            change = replace(change, note="named twice in the file")
        seen.add((label.type, label.ref))
        found.append(change)
    return found


def _label_change(label: Label, known: dict[tuple[str, str], said.StoredLabel]) -> Change | None:
    stored = known.get((label.type, label.ref))
    before = stored.text if stored else ""
    if label.label is None or label.label == before:
        return None
    note = ""
    if not label.label.strip():
        note = "an import removes no label"
    elif len(label.ref) > _LONGEST_REF:
        note = f"what it is about has more than {_LONGEST_REF} characters"
    return Change("label", label.type, label.ref, before, label.label, note)


# As many as the store keeps: an extended public key has 111.
_LONGEST_REF: Final = 200


def _flag_changes(desk: Desk, labels: Iterable[Label], *, spendable: bool) -> list[Change]:
    from vault.bitcoin.wallet.labels import frozen

    freezing, freeing = frozen(labels)
    ours = {coin.outpoint: coin for each in _wallets(desk) for coin in each.known(spent=True)}
    changes = []
    for point in sorted(freezing | freeing):
        coin = ours.get(point)
        before = "unknown" if coin is None else "frozen" if coin.frozen else "not frozen"
        kind: ChangeKind = "freeze" if point in freezing else "unfreeze"
        after = "frozen" if kind == "freeze" else "not frozen"
        if before == after or (kind == "freeze" and coin is not None and coin.quarantined):
            continue  # what is in quarantine is exported as not spendable, and is not
        note = ""
        if coin is None:
            note = "no coin of ours"
        elif kind == "unfreeze" and not spendable:
            note = "sets a coin free: only with --spendable"
        changes.append(Change(kind, "output", str(point), before, after, note))
    return changes


def apply_import(desk: Desk, found: LabelImport, source: str) -> None:
    """Make the changes of an import, all of them or none; `source` names the file in the journal."""
    by, reason = who(), f"imported from {source}"[: said.MAX_TEXT]
    wallets = {str(coin.outpoint): each.wallet for each in _wallets(desk) for coin in each.known(spent=True)}
    with desk.store.write() as writer:
        for each in found.changes:
            if each.kind == "label":
                said.set_label(writer, each.type, each.ref, each.after, by)
            else:
                change = said.freeze if each.kind == "freeze" else said.unfreeze
                change(writer, wallets[each.ref], each.ref, said.Said(by, reason))
