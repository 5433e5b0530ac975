"""What is true, asked of the exchange and the chain themselves: the measure of every test of the line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.faults.treasury.stage import HOME_INDEX, LABELS, Scene, Staged
from vault.money import BTC, Amount


@dataclass(frozen=True, slots=True)
class Truth:
    """What exchange and chain hold now, in satoshi, and how often something happened there.

    `futures` is what margin lies in, `spot` all other wallets of the account together.
    """

    futures: int
    spot: int
    withdrawing: int
    cold: int
    staging: int
    deposited: int
    paid_home: int
    withdrawals: tuple[tuple[str, int, int], ...]  # client id, gross, status
    transfers: tuple[tuple[str, int], ...]
    credits: int

    @property
    def venue(self) -> int:
        return self.futures + self.spot


def truth(scene: Scene, staged: Staged) -> Truth:
    """Ask the exchange for the account and the chain for every address of the treasury."""
    state = scene.at(staged.market.exchange).exchange.state(staged.account)
    wallets = {name: sat(held.get("BTC", "0")) for name, held in state["wallets"].items()}
    margin = wallets.pop(staged.market.margin_wallet)
    with _esplora(scene) as ask:
        stats = {
            (name, change): [_stats(ask, address) for address in staged.addresses(name, change)]
            for name in LABELS
            for change in (False, True)
        }
        deposit = _stats(ask, staged.deposit)
    home = stats["cold", False][HOME_INDEX]
    held = {
        name: sum(each[1] for (label, _), all_of in stats.items() if label == name for each in all_of)
        for name in LABELS
    }
    return Truth(
        futures=margin,
        spot=sum(wallets.values()),
        withdrawing=sat(state["withdrawing"].get("BTC", "0")),
        cold=held["cold"],
        staging=held["staging"],
        deposited=deposit[0],
        paid_home=home[0],
        withdrawals=tuple(
            (each["client_id"], sat(each["gross"]), each["status"]) for each in state["withdrawals"]
        ),
        transfers=tuple((each["kind"], sat(each["amount"])) for each in state["transfers"]),
        credits=sum(each["credited"] for each in state["deposits"]),
    )


def sat(text: str) -> int:
    """Satoshi of an amount as the exchange writes it."""
    return Amount.from_decimal(Decimal(text), BTC).units


@contextmanager
def _esplora(scene: Scene) -> Iterator[Callable[[str], Any]]:
    """Ask the chain's server, every time anew but over one connection."""
    connection = HTTPConnection(urlsplit(scene.esplora).netloc, timeout=30)

    def ask(path: str) -> Any:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, (path, answer.status, text)
        return json.loads(text)

    try:
        yield ask
    finally:
        connection.close()


def _stats(ask: Callable[[str], Any], address: str) -> tuple[int, int]:
    """(outputs ever paid to it, satoshi on it), the mempool included."""
    value = ask(f"/address/{address}")
    parts = (value["chain_stats"], value["mempool_stats"])
    count = sum(part["funded_txo_count"] for part in parts)
    return count, sum(part["funded_txo_sum"] - part["spent_txo_sum"] for part in parts)
