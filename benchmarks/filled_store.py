"""A treasury whose store looks like that of a year: snapshots, decisions, plans and a long journal.

Every second plan is a top-up out of a Safe.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from vault.canonical import canonical_json
from vault.clock import ManualClock, to_iso
from vault.codec import encode
from vault.evm.call import EthereumCall, SafeCall
from vault.model import AccountRisk, Assessment, Collateral, MarginAccount, Snapshot, WalletBalance
from vault.money import BTC, ETH, USDC, Amount
from vault.store import records
from vault.store.database import Store
from vault.treasury.plan import PLAN_SCHEMA, Payment, Plan, PlanBody, Transfer

TREASURY = "benchmark"
HOME = "bcrt1qkvwu9g3k2pdxewfqr7syz89r3gj557l374sg5v"
SAFE = "0x5aFE3855358E112B5647B952709E6165e1c1eEEe"
GAS = "0x54B0Fa66A065748C40dCA2C7Fe125A2028CF9982"
DEPOSIT = "0x2b8bE89B69C44CCa594D809c8f2C47928f305ed2"
USDC_CONTRACT = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
SINGLETON = "0x29fcB43b46531BcA003ddC8FCB67FFE91900C762"
SNAPSHOTS = 500
PLANS = 120
JOURNAL_ROWS = 5000
START = datetime(2026, 1, 1, tzinfo=UTC)

_CONFIG = f"""\
schema = 1
treasury_id = "{TREASURY}"

[bitcoin]
network = "regtest"
esplora = "http://127.0.0.1:3002"

[[chain]]
name = "mainnet"
id = 1
rpc = "http://127.0.0.1:8545"

[[device]]
name = "cold"
kind = "trezor"
path = "udp:127.0.0.1:21324"
root_fingerprint = "5c9e228d"

[[account]]
name = "gas"
role = "gas"
chain = "mainnet"
address = "{GAS}"
device = "cold"
path = "m/44'/60'/0'/0/0"

[[account]]
name = "safe"
role = "cold"
chain = "mainnet"
address = "{SAFE}"
safe = {{ outside = ["{DEPOSIT}"], threshold = 1, executor = "gas" }}
"""


def fill(folder: Path) -> Path:
    """Make the treasury in `folder`; returns the path of its treasury.toml."""
    config = folder / "treasury.toml"
    config.write_text(_CONFIG, encoding="utf-8")
    clock = ManualClock(START)
    url = f"sqlite:///{(folder / 'state' / 'vault.db').resolve()}"
    with Store.open(url, TREASURY, clock, create=True) as store, store.write() as writer:
        for number in range(SNAPSHOTS):
            clock.advance(1800)
            writer.at = to_iso(clock.now())
            snapshot = _snapshot(clock.now(), number)
            name = records.save_document(writer, "snapshot", encode(snapshot))
            records.save_document(writer, "assessment", encode(_assessment(name, clock.now(), number)))
        for number in range(PLANS):
            records.save_plan(writer, _plan_row(number))
        for number in range(JOURNAL_ROWS):
            writer.journal("note", "benchmark", {"number": number})
    return config


def _snapshot(at: datetime, number: int) -> Snapshot:
    account = MarginAccount(
        name="trading",
        exchange="binance",
        uid="1",
        equity=Decimal(1_000_000 + number),
        initial_margin=Decimal(200_000),
        maintenance_margin=Decimal(60_000),
        available_to_withdraw=Decimal(500_000),
        collateral=(Collateral("BTC", Decimal(14), Decimal(89_000), Decimal("0.95"), Decimal(7)),),
        positions=(),
        observed_at=at,
        received_at=at,
        clock_skew_ms=3,
        missing=(),
        flags=(),
    )
    wallet = WalletBalance("cold", "cold", Amount(BTC, 10**9 + number), Amount(BTC, 0), 800_000 + number, at)
    of_safe = WalletBalance.of_account(
        "safe",
        "cold",
        Amount(USDC, 10**12 + number),
        Amount(USDC, 0),
        20_000_000 + number,
        at,
        network="eip155:1",
        gas_from="gas",
    )
    of_gas = WalletBalance.of_account(
        "gas",
        "gas",
        Amount(ETH, 10**18 + number),
        Amount(ETH, 0),
        20_000_000 + number,
        at,
        network="eip155:1",
        gas_from="gas",
    )
    return Snapshot(TREASURY, at, (account,), (), (wallet, of_safe, of_gas), ())


def _assessment(snapshot: str, at: datetime, number: int) -> Assessment:
    risk = AccountRisk(
        "trading",
        at,
        Decimal(1_000_000 + number),
        Decimal(60_000),
        Decimal(250_000),
        "joint -10 %",
        (),
        Decimal("-0.15"),
        (),
    )
    return Assessment(
        snapshot, TREASURY, at, (risk,), (), Decimal("0.2"), Decimal("0.4"), Decimal("0.7"), ("depth",)
    )


def _plan_row(number: int) -> records.PlanRow:
    at = START + timedelta(days=number)
    transfer = _top_up(number) if number % 2 else _sweep(number)
    body = PlanBody(
        PLAN_SCHEMA,
        TREASURY,
        "regtest",
        at,
        at + timedelta(minutes=30),
        "default",
        1,
        "0" * 64,
        1,
        "0" * 64,
        "0" * 64,
        "0" * 64,
        1,
        (),
        (transfer,),
    )
    plan = Plan.of(body)
    state = "done" if number < PLANS - 2 else "proposed"
    return records.PlanRow(
        plan.plan_id,
        plan.digest,
        to_iso(body.created_at),
        to_iso(body.expires_at),
        state,
        canonical_json(encode(body)),
    )


def _sweep(number: int) -> Transfer:
    return Transfer(
        number=1,
        action="sweep",
        kind="venue_withdrawal",
        source="trading",
        venue_account="trading",
        network="bitcoin:regtest",
        venue_network="BTC",
        payments=(Payment("cold-1", HOME, Amount(BTC, 10**8 + number)),),
        fee=Amount(BTC, 1500),
    )


def _top_up(number: int) -> Transfer:
    units = 10**11 + number
    data = f"0xa9059cbb{DEPOSIT[2:].lower():0>64}{units:064x}"
    safe = SafeCall(SAFE, "1.4.1", SINGLETON, number, USDC_CONTRACT, 0, data, (DEPOSIT,), 1)
    return Transfer(
        number=1,
        action="top_up",
        kind="ethereum_spend",
        source="safe",
        venue_account="trading",
        network="eip155:1",
        venue_network="ETH",
        payments=(Payment("trading-deposit", DEPOSIT, Amount(USDC, units)),),
        fee=Amount.zero(USDC),
        call=EthereumCall(
            1, "gas", GAS, number, 170_000, 30 * 10**9, 10**9, SAFE, 0, "0x", 20_000_000 + number, safe
        ),
    )
