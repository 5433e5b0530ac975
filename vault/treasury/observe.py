"""Takes the snapshot: every venue account, market and wallet, all at once, each with its own failure.

Refuses nothing but a broken store: a source that fails is named in the snapshot, and what it would
have said is missing, never zero.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from vault.codec import encode
from vault.errors import VaultError, VenueError
from vault.model import Assessment, MarketReading, Snapshot, SourceFailure, SpotHolding
from vault.money import Amount
from vault.store import records
from vault.treasury.booked import booked_assets
from vault.treasury.market_watch import AskedOnce, findings_now, gather
from vault.treasury.venue_requests import outward
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from vault.config import VenueSettings
    from vault.model import AccountRisk, ForeignSpend, MarginAccount, UnsolicitedCoin, WalletBalance
    from vault.risk.assess import RiskParameters
    from vault.treasury.desk import Desk
    from vault.treasury.ethereum.observe import AccountLook

Result = TypeVar("Result")

# The assets whose spot holdings a snapshot always shows; with them those that have books at the venue.
SPOT_ASSETS = ("BTC", "USDT")
# At one venue: the worker lets in only as many of them at once as the venue takes.
VENUE_THREADS = 16


def take_snapshot(desk: Desk) -> Snapshot:
    """Observe everything that is configured and keep the snapshot in the store."""
    failures: list[SourceFailure] = []

    def settle(source: str, future: Future[Result]) -> Result | None:
        try:
            return future.result()
        except VaultError as error:
            failures.append(SourceFailure(source, error.code, error.message[:500]))
        except Exception as error:  # noqa: BLE001 -- one source's fault must not hide what the others said
            failures.append(SourceFailure(source, "internal.unexpected", type(error).__name__))
        return None

    config = desk.treasury.config
    shown = _spot_assets(desk)
    public = AskedOnce(desk.venues.public)
    with ExitStack() as stack:
        # Threads of its own for each venue: one that hangs takes none that another needs.
        pools = {v.name: stack.enter_context(ThreadPoolExecutor(VENUE_THREADS)) for v in config.venue}
        accounts = {v.name: pools[v.name].submit(_account, desk, v) for v in config.venue}
        spot = {
            (v.name, asset): pools[v.name].submit(_spot, desk, v.name, asset)
            for v in config.venue
            for asset in shown[v.name]
            if traits_of(v.exchange).ships == "full"
        }
        markets = {
            (v.name, contract): pools[v.name].submit(_market, desk, v, contract, public)
            for v in config.venue
            for contract in v.contracts
        }
        gathered = stack.enter_context(ThreadPoolExecutor(1)).submit(gather, desk, public)
        # Wallet state is a SQLite file each and not shared between threads: one thread for all of them.
        wallets = stack.enter_context(ThreadPoolExecutor(1)).submit(_wallets, desk)
        chains = stack.enter_context(ThreadPoolExecutor(1)).submit(_account_balances, desk)
        snapshot = Snapshot(
            treasury_id=config.treasury_id,
            taken_at=desk.clock.now(),
            accounts=_present(settle(f"venue:{name}", job) for name, job in accounts.items()),
            markets=_present(settle(f"market:{v}:{contract}", job) for (v, contract), job in markets.items()),
            wallets=(),
            spot=_present(settle(f"spot:{name}:{asset}", job) for (name, asset), job in spot.items()),
            failures=(),
        )
        silent = settle("market data", gathered)
        failures.extend(silent or ())
        seen = _settle_wallets(wallets, failures)
        on_accounts = settle("accounts", chains)
        failures.extend(on_accounts.failures if on_accounts else ())
    snapshot = dataclasses.replace(
        snapshot,
        wallets=(*(look.balance for look in seen), *(on_accounts.balances if on_accounts else ())),
        unsolicited=tuple(coin for look in seen for coin in look.unsolicited),
        foreign=tuple(each for look in seen for each in look.foreign),
        findings=on_accounts.findings if on_accounts else (),
        failures=tuple(failures),
    )
    with desk.store.write() as writer:
        records.save_document(writer, "snapshot", encode(snapshot))
    return snapshot


def _spot_assets(desk: Desk) -> dict[str, tuple[str, ...]]:
    """By venue account, the assets whose spot wallet is read."""
    with desk.store.read() as connection:
        booked = booked_assets(desk, connection)
    return {name: tuple(dict.fromkeys((*SPOT_ASSETS, *sorted(found)))) for name, found in booked.items()}


def _account_balances(desk: Desk) -> AccountLook | None:
    """What accounts on Ethereum hold; what reads a chain is not even loaded without one."""
    if not desk.treasury.config.account:
        return None
    from vault.treasury.ethereum.observe import account_balances

    return account_balances(desk)


def _present(items: Iterable[Result | None]) -> tuple[Result, ...]:
    return tuple(item for item in items if item is not None)


def _account(desk: Desk, settings: VenueSettings) -> MarginAccount:
    desk.progress(f"reading {settings.name}")
    return desk.venues.read_account(settings.name)


def _spot(desk: Desk, name: str, asset: str) -> SpotHolding:
    desk.progress(f"reading {asset} in the spot wallet of {name}")
    balance = desk.venues.spot_balance(name, asset)
    if not outward(desk.treasury.venue(name)):
        # Margin is withdrawn directly: there is no other wallet, and what it says is margin already.
        nothing = Amount.zero(balance.free.asset)
        return SpotHolding(name, nothing, nothing, balance.observed_at)
    return SpotHolding(name, balance.free, balance.locked, balance.observed_at)


def _market(desk: Desk, settings: VenueSettings, contract: str, public: AskedOnce) -> MarketReading:
    from vault.markets.feeds.venue.present import read_market

    desk.progress(f"reading the market of {contract} at {settings.name}")
    ask = functools.partial(public, settings.name)
    return read_market(ask, settings.exchange, settings.name, contract, desk.clock.now())


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """What one wallet holds, what in it nobody asked for, and what left it by nobody's plan."""

    balance: WalletBalance
    unsolicited: tuple[UnsolicitedCoin, ...]
    foreign: tuple[ForeignSpend, ...]


def _wallets(desk: Desk) -> list[tuple[str, _Look | VaultError]]:
    from vault.treasury import coins
    from vault.treasury.foreign_spends import open_spends
    from vault.treasury.opening import open_wallet
    from vault.treasury.unsolicited import look_closely

    found: list[tuple[str, _Look | VaultError]] = []
    for settings in desk.treasury.config.wallet:
        desk.progress(f"syncing {settings.name}")
        try:
            coins.sync(desk, settings.name)
            open_wallet(desk, settings.name)
            balance = coins.balance(desk, settings.name)
            desk.progress(f"{settings.name} is at block {balance.tip_height}")
            strange = look_closely(desk, settings.name) if balance.quarantined.units else ()
            found.append((settings.name, _Look(balance, strange, open_spends(desk, settings.name))))
        except VaultError as error:
            found.append((settings.name, error))
    return found


def _settle_wallets(
    future: Future[list[tuple[str, _Look | VaultError]]], failures: list[SourceFailure]
) -> list[_Look]:
    found = []
    for name, answer in future.result():
        if isinstance(answer, VaultError):
            failures.append(SourceFailure(f"wallet:{name}", answer.code, answer.message[:500]))
        else:
            found.append(answer)
    return found


def assess_snapshot(desk: Desk, snapshot: Snapshot, parameters: RiskParameters | None = None) -> Assessment:
    """Assess a snapshot under the treasury's parameters or these, and keep the assessment."""
    from vault.risk.assess import assess

    desk.progress("assessing what was read")
    assessment = assess(snapshot, parameters or desk.risk_parameters(), desk.clock.now(), findings_now(desk))
    with desk.store.write() as writer:
        records.save_document(writer, "assessment", encode(assessment))
    return assessment


def assess_account(desk: Desk, name: str) -> AccountRisk:
    """Read one account afresh and assess its margin. Raises `VenueError` when it cannot be used."""
    return look_at_account(desk, name)[1]


def look_at_account(desk: Desk, name: str) -> tuple[MarginAccount, AccountRisk]:
    """The same, with the account as it was read."""
    from vault.risk.assess import assess

    now = desk.clock.now()
    account = desk.venues.read_account(name)
    snapshot = Snapshot(desk.treasury.config.treasury_id, now, (account,), (), (), ())
    parameters = desk.risk_parameters()
    for risk in assess(snapshot, parameters, now).accounts:
        age = (now - risk.observed_at).total_seconds()
        if age <= parameters.max_age_seconds:
            return account, risk
        raise VenueError("stale", f"{name}: the account's numbers are {int(age)} s old")
    raise VenueError("unusable", f"{name}: the account's numbers cannot be used")
