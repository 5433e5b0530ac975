"""At every exchange the fee is read once more right before a withdrawal leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.money import BTC, Amount
from vault.venues.base import WithdrawNetwork, WithdrawRequest
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.kinds import account_kind
from vault.venues.common.reading import Order
from vault.venues.line.transport import Evidence
from vault.venues.registry import NETWORKS
from vault.venues.traits import TRAITS

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
PLANNED = 10_000
# Bitcoin is asked for: a venue on Ethereum has tests of its own.
MOVING = [
    exchange for exchange, traits in TRAITS.items() if traits.ships == "full" and traits.signed_by == "key"
]


def withdraw(exchange: str, fee: int) -> list[str]:
    """What the exchange's own class sends when the venue now takes that fee; raises what it refuses."""
    code = next(each.network for each in NETWORKS if (each.exchange, each.asset) == (exchange, "BTC"))
    sent: list[str] = []

    @contextmanager
    def lend(_role: Any) -> Iterator[Any]:
        def send(method: str, *_: Any) -> str:
            sent.append(method)
            return "id"

        yield SimpleNamespace(verified=True, send=send, evidence=Evidence())

    network = WithdrawNetwork(
        "BTC", code, True, True, Amount(BTC, fee), Amount(BTC, 1), None, Amount(BTC, 1), 1, NOW
    )
    hooks = {
        "uid": lambda self, ask: "1",
        "server_time": lambda self, ask: NOW,
        "network": lambda self, *asked: network,
        "withdraw_order": lambda self, *asked: Order("withdraw", {}, lambda answer: "id"),
    }
    kind: type[ExchangeAccount] = type("Made", (account_kind(exchange),), hooks)
    account = kind(VenueSettings(name="a", exchange=exchange, account_uid="1"), lend, ManualClock(NOW))
    account.withdraw(
        WithdrawRequest(
            "v" * 32,
            "BTC",
            Amount(BTC, 50_000_000),
            code,
            ADDRESS,
            "",
            "mainnet",
            NOW + timedelta(minutes=1),
            Amount(BTC, PLANNED),
        )
    )
    return sent


@pytest.mark.parametrize("exchange", MOVING)
@pytest.mark.parametrize("fee", [PLANNED - 1, PLANNED + 1, PLANNED * 100])
def test_another_fee_than_planned_sends_nothing(exchange: str, fee: int) -> None:
    with pytest.raises(VenueError) as caught:
        withdraw(exchange, fee)
    assert caught.value.code == "venue.fee_changed"


@pytest.mark.parametrize("exchange", MOVING)
def test_the_planned_fee_is_sent(exchange: str) -> None:
    assert withdraw(exchange, PLANNED) == ["withdraw"]
