"""What an exchange is asked about: the networks that book and policy use, not every one of their assets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.ethereum_policy import entry, policy
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.money import Amount, asset_of
from vault.policy.book import Entry
from vault.policy.document import Policy
from vault.treasury.findings import Finding
from vault.treasury.venue_probe import ComparedBook, _networks, usable_networks
from vault.venues.base import DepositAddress, WithdrawNetwork

AT = datetime(2026, 5, 1, tzinfo=UTC)
OURS = "0x1111111111111111111111111111111111111111"
ON_SOLANA = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
ACCOUNT = VenueSettings(
    name="main", exchange="binance", account_uid="1", url="http://127.0.0.1:1", contracts=("BTCUSDT",)
)


COLD = entry("cold-usdc", "USDC")
DEPOSIT = entry("deposit", "USDC", venue="main")
BAND = policy()[0].band[0]


def book(*entries: Entry, **more: Any) -> ComparedBook:
    return ComparedBook(entries, 1, in_force=True, bitcoin="regtest", **more)


def with_band(**changes: str) -> Policy:
    """The policy whose band is otherwise."""
    return policy()[0].model_copy(update={"band": (BAND.model_copy(update=changes),)})


def asked(found: ComparedBook, settings: VenueSettings = ACCOUNT) -> list[tuple[str, str]]:
    return [(each.asset, each.network) for each in usable_networks(settings, found)]


@dataclass
class Exchange:
    """Answers for one network of USDC and refuses all others, as an exchange without them does."""

    only: str
    address: str
    seen: list[str] = field(default_factory=list)

    def network_info(self, _name: str, asset: str, network: str) -> WithdrawNetwork:
        self.seen.append(network)
        if network != self.only:
            raise VenueError("unknown_network", f"{network} is not offered")
        amount = Amount.parse("1", asset_of(asset))
        return WithdrawNetwork(
            asset=asset,
            network=network,
            enabled=True,
            deposit_enabled=True,
            fee=amount,
            minimum=amount,
            maximum=None,
            step=amount,
            confirmations=12,
            observed_at=AT,
        )

    def deposit_address(self, _name: str, asset: str, network: str) -> DepositAddress:
        return DepositAddress(asset, network, self.address, "", "1", AT, "spot")


def told(exchange: Exchange, found: ComparedBook) -> list[Finding]:
    client: Any = exchange
    return list(_networks(client, ACCOUNT, found))


def test_one_network_of_an_asset_in_the_book_is_asked_about_and_no_other() -> None:
    assert asked(book(COLD, DEPOSIT)) == [("USDC", "ETH")]
    exchange = Exchange("ETH", DEPOSIT.address)
    assert [each.verdict for each in told(exchange, book(COLD, DEPOSIT))] == ["OK", "OK"]
    assert exchange.seen == ["ETH"]


def test_an_address_on_another_chain_is_not_that_of_the_entry() -> None:
    on_solana = with_band(venue_network="SOL")
    findings = told(Exchange("SOL", ON_SOLANA), book(DEPOSIT, policy=on_solana))
    (deposit,) = [each for each in findings if each.what == "deposit address USDC on SOL"]
    assert (deposit.verdict, deposit.code) == ("OK", "")
    assert "nothing is sent there" in deposit.detail


def test_another_address_on_the_same_chain_is_a_failure() -> None:
    findings = told(Exchange("ETH", OURS), book(DEPOSIT))
    assert [each.code for each in findings] == ["", "venue.deposit_address_changed"]


@pytest.mark.parametrize("account", ["main", "*"])
def test_what_a_band_names_is_asked_about_before_the_book_has_an_address(account: str) -> None:
    assert asked(ComparedBook(policy=with_band(account=account), bitcoin="regtest")) == [("USDC", "ETH")]


def test_what_is_retired_or_of_another_account_is_nothing_to_ask_about() -> None:
    other = entry("other", "ETH", network="eip155:42161", venue="other")
    gone = entry("gone", "ETH", network="eip155:10", retired_at=AT)
    assert asked(book(COLD, other, gone)) == [("USDC", "ETH")]


def test_without_book_and_policy_bitcoin_is_asked_about() -> None:
    assert asked(ComparedBook()) == [("BTC", "BTC")]
