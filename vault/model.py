"""Shared value types of the pipeline: what is observed, assessed and decided.

Pure data, frozen; money that moves is `Amount`, everything measured in a reference currency is an
exact `Decimal` in USD. What a source did not say is None and named in `missing`, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from vault.errors import MoneyError
from vault.money import BTC, ETH, Amount, Asset

Action = Literal[
    "sweep",
    "evacuate",
    "top_up",
    "pay",
    "consolidate",
    "bump",
    "cancel",
    "speed_up",
    "return",
    "revoke",
    "reconfigure",
]
"""What the policy calls for: sweep: venue account to cold; evacuate: staging wallet to cold; top_up: cold to
venue account. What a person asks for: pay: a wallet to cold entries; consolidate: many coins of a wallet to
one; bump: a transaction again, with a higher fee; cancel: its coins back to the wallet, or its nonce used up;
speed_up: a child that pays for its parent; return: coins that wait at a venue outside of margin back into it;
revoke: an allowance to zero; reconfigure: owners, threshold, modules, guard or handler of a Safe.
"""

ACTIONS: tuple[Action, ...] = ("sweep", "evacuate", "top_up")
REQUESTS: tuple[Action, ...] = (
    "pay",
    "consolidate",
    "bump",
    "cancel",
    "speed_up",
    "return",
    "revoke",
    "reconfigure",
)
# What changes an account on chain and moves nothing: gas alone leaves, and that has a budget of its own.
MOVE_NOTHING: Final = frozenset({"revoke", "reconfigure"})

_NOTHING: Final = Amount.zero(BTC)
_NO_GAS: Final = Amount.zero(ETH)


@dataclass(frozen=True, slots=True)
class Bracket:
    """One notional tier of maintenance margin: MM = notional * rate - cum.

    Notional, `floor`, `cap` and `cum` are in quote units for linear contracts, in settle coins for inverse.

    `cum` keeps MM continuous: cum_n = floor_n * (rate_n - rate_{n-1}) + cum_{n-1} (Binance
    "Leverage and Margin of USD-M Futures").
    """

    floor: Decimal
    cap: Decimal | None
    rate: Decimal
    cum: Decimal


@dataclass(frozen=True, slots=True)
class Position:
    """An open position; `size` > 0 whatever the side, prices in quote units.

    Linear: `size` in base units, profit in `settle` (the quote). Inverse: `size` in quote units (USD),
    profit in `settle` (the base): size * (1/entry - 1/mark) for a long. `rate_per_unit` is added to the
    bracket's rate for each base unit of size (Deribit). `adl_rank`: 1 is last to be deleveraged, 5 first.
    `observed_at`: what the venue says of this position alone.
    """

    symbol: str
    base: str
    side: Literal["long", "short"]
    size: Decimal
    entry_price: Decimal
    mark_price: Decimal
    isolated: bool
    brackets: tuple[Bracket, ...]
    venue_liquidation_price: Decimal | None
    venue_maintenance_margin: Decimal | None
    settle: str = ""
    inverse: bool = False
    leverage: Decimal | None = None
    notional: Decimal | None = None
    initial_margin: Decimal | None = None
    isolated_margin: Decimal | None = None
    rate_per_unit: Decimal = Decimal(0)
    adl_rank: int | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CollateralTier:
    """The part of a balance above `floor` and up to `cap` (None: no end) counts at `ratio`; asset units."""

    floor: Decimal
    cap: Decimal | None
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class Collateral:
    """One asset in a margin account: balance in the asset, USD index price, collateral ratio 0..1.

    `balance` is net of what was `borrowed` and includes what isolated positions hold. With `tiers` the ratio
    falls with the balance, marginally, and `ratio` is what the whole balance counts at now. A debt counts
    at `debt_ratio`; None: at 2 - ratio, the ask side of the haircut.
    """

    asset: str
    balance: Decimal
    price: Decimal
    ratio: Decimal
    max_withdraw: Decimal | None
    tiers: tuple[CollateralTier, ...] = ()
    borrowed: Decimal | None = None
    debt_ratio: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueRatio:
    """The margin ratio in the venue's own words. Binance and Bybit say maintenance / balance, up is bad;
    uniMMR and OKX's mgnRatio say equity / maintenance, down is bad."""

    name: str
    value: Decimal
    bad: Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Reading:
    """Where some of an account's numbers come from, and when the venue says they were true."""

    what: str
    endpoint: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingCoins:
    """What a wallet between margin and the one that withdrawals leave from holds: no margin, not yet out."""

    wallet: str
    asset: str
    balance: Decimal


@dataclass(frozen=True, slots=True)
class MarginAccount:
    """A venue account as the venue's raw strings say, in USD unless an asset is named.

    `equity` is the venue's margin balance (haircut collateral plus unrealised profit). `observed_at`
    is when the venue says the oldest of the numbers was true, `received_at` when they arrived here.
    `balance` is without unrealised profit. `derived` names the numbers that we computed because the venue
    does not say them, `missing` those that nobody says, `flags` those that contradict each other.
    ``off_exchange``: the coins are with a custodian, the venue holds only their mirror.
    """

    name: str
    exchange: str
    uid: str
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available_to_withdraw: Decimal | None
    collateral: tuple[Collateral, ...]
    positions: tuple[Position, ...]
    observed_at: datetime
    received_at: datetime
    clock_skew_ms: int
    missing: tuple[str, ...]
    flags: tuple[str, ...]
    balance: Decimal | None = None
    open_order_margin: Decimal | None = None
    ratio: VenueRatio | None = None
    mode: str = ""
    custody: Literal["venue", "off_exchange"] = "venue"
    derived: tuple[str, ...] = ()
    sources: tuple[Reading, ...] = ()
    waiting: tuple[WaitingCoins, ...] = ()


WalletRole = Literal["cold", "staging", "gas"]


@dataclass(frozen=True, slots=True)
class WalletBalance:
    """A wallet on chain, or one asset of an account: `confirmed` can be spent, `pending` is only seen.

    Of an account there is one for each asset; `network` is its chain (``eip155:1``; "" for Bitcoin), and
    `gas_from` the account that pays for its transactions: itself, a Safe's executor, "" when nobody signs.

    Apart from both: `quarantined`, what nobody here asked for, and `frozen`, what a person set aside.
    `received` is all that ever came in outside our plans and was let in: first payments to addresses that
    were given out, and coins that a person accepted after the books were opened. `left` is what went out
    by transactions of nobody's plan that a person closed.
    """

    name: str
    role: WalletRole
    confirmed: Amount
    pending: Amount
    tip_height: int
    observed_at: datetime
    quarantined: Amount = _NOTHING
    frozen: Amount = _NOTHING
    received: Amount = _NOTHING
    left: Amount = _NOTHING
    network: str = ""
    gas_from: str = ""

    def __post_init__(self) -> None:
        amounts = (self.pending, self.quarantined, self.frozen, self.received, self.left)
        if others := sorted({each.asset.symbol for each in amounts} - {self.asset.symbol}):
            raise MoneyError("mixed_assets", f"{self.name}: expected {self.asset}, found {others[0]}")

    @property
    def asset(self) -> Asset:
        return self.confirmed.asset

    @classmethod
    def of_account(  # noqa: PLR0917 -- the fields of a balance, in their order
        cls,
        name: str,
        role: WalletRole,
        confirmed: Amount,
        pending: Amount,
        tip_height: int,
        observed_at: datetime,
        *,
        network: str,
        gas_from: str,
    ) -> WalletBalance:
        """One asset of an account on Ethereum: nothing there is frozen, or kept apart."""
        rest = (Amount.zero(confirmed.asset),) * 4
        return cls(name, role, confirmed, pending, tip_height, observed_at, *rest, network, gas_from)


@dataclass(frozen=True, slots=True)
class AccountFinding:
    """What is wrong with the nonces of an account: a gap, a stuck transaction, or one that is not ours.

    `line` says it in words; `code` ends with ``foreign_nonce`` where somebody else used a nonce of ours.
    """

    account: str
    code: str
    line: str
    txid: str

    @property
    def foreign(self) -> bool:
        return self.code.endswith("foreign_nonce")


@dataclass(frozen=True, slots=True)
class ForeignSpend:
    """A transaction of nobody's plan that spent our coins, and that no person has accounted for.

    `amount` is what the wallet gave without what came back to it; `destinations` are addresses, or scripts.
    """

    wallet: str
    txid: str
    amount: Amount
    confirmations: int
    destinations: tuple[str, ...]
    coins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnsolicitedCoin:
    """A coin in quarantine that nobody has looked at yet.

    `resembles` names addresses of ours or of the address book that an address in its transaction looks
    like without being one: whoever copies from the history is to copy the wrong one.
    """

    wallet: str
    outpoint: str
    amount: Amount
    address: str
    confirmations: int
    dust: bool
    resembles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpotHolding:
    """What a venue's spot wallet holds of one asset: on the venue, but not margin."""

    account: str
    free: Amount
    locked: Amount
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class MarketReading:
    """Public market data of one contract at one venue; quantities in base units, prices in USD.

    `depth_bid_10bp` and `depth_bid_1pct` are the quantities bid within a tenth of a percent and within 1 %
    below the mid. None: the venue did not say.
    """

    venue: str
    symbol: str
    mark_price: Decimal | None
    index_price: Decimal | None
    funding_rate: Decimal | None
    funding_interval_hours: int | None
    open_interest: Decimal | None
    spot_volume_24h: Decimal | None
    perp_volume_24h: Decimal | None
    depth_bid_10bp: Decimal | None
    depth_bid_1pct: Decimal | None
    spread: Decimal | None
    observed_at: datetime
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """A source that could not be read: which, the error's code, and its message."""

    source: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything observed at one moment, and what could not be observed."""

    treasury_id: str
    taken_at: datetime
    accounts: tuple[MarginAccount, ...]
    markets: tuple[MarketReading, ...]
    wallets: tuple[WalletBalance, ...]
    failures: tuple[SourceFailure, ...]
    spot: tuple[SpotHolding, ...] = ()
    unsolicited: tuple[UnsolicitedCoin, ...] = ()
    foreign: tuple[ForeignSpend, ...] = ()
    findings: tuple[AccountFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """An account under one stress scenario, USD: `excess` = equity after haircuts - k * maintenance.

    `unit_values` gives, per collateral asset, how much one whole unit adds to equity there.
    """

    scenario: str
    equity: Decimal
    maintenance_margin: Decimal
    excess: Decimal
    unit_values: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class AccountRisk:
    """Margin risk of one account. `stress_excess` is the least excess over all scenarios (USD).

    `joint_distance` is the common relative move of all prices at which equity meets maintenance
    margin (negative: a fall), None when no move within (-100 %, +100 %) does it.
    """

    account: str
    observed_at: datetime
    equity: Decimal
    maintenance_margin: Decimal
    stress_excess: Decimal
    binding_scenario: str
    scenarios: tuple[ScenarioResult, ...]
    joint_distance: Decimal | None
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Indicator:
    """One fragility indicator: raw `value`, `score` 0 (calm) to 1, and what it rests on.

    `score` is None when there is no usable input; None is never read as calm.
    """

    name: str
    value: Decimal | None
    unit: str
    score: Decimal | None
    observed_at: datetime | None
    source: str
    detail: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """What risk makes of a snapshot. `fragility` 0..1 is the headline of the most fragile market, `asset`.

    The headline takes an indicator without input as what it was last, and at least as one half;
    `fragility_least` takes it as calm (what rules act on), `fragility_upper` as worst. `coverage` is the
    share of the configured indicators' weight that had input. `regime` is calm, elevated, stressed, cascade
    or unknown; `steps` are the steps of a cascade with evidence. Fragility says how bad a shock would be,
    never that one comes.
    """

    snapshot_digest: str
    treasury_id: str
    taken_at: datetime
    accounts: tuple[AccountRisk, ...]
    indicators: tuple[Indicator, ...]
    fragility: Decimal | None
    fragility_upper: Decimal
    coverage: Decimal
    missing: tuple[str, ...]
    fragility_least: Decimal = Decimal(0)
    regime: str = "unknown"
    asset: str = ""
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One thing the policy considered: a rule, band, limit or book entry; what it read; what it said."""

    step: str
    verdict: Literal["allow", "deny", "skip", "note"]
    reason: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy's answer for one account or wallet.

    outcome ``none``: nothing is called for; ``deny``: something is called for and refused;
    ``allow``: `amount` may move from `source` to the address-book entry `destination`.
    `decided_by` names the rule, band or limit that settled it.
    """

    action: Action
    subject: str
    outcome: Literal["allow", "deny", "none"]
    amount: Amount | None
    source: str
    destination: str
    decided_by: str
    reason: str
    policy_id: str
    policy_version: int
    policy_digest: str
    trace: tuple[TraceStep, ...]


@dataclass(frozen=True, slots=True)
class Outflow:
    """A past or pending transfer, as limits count it (UNKNOWN counts as if it had happened).

    `fee` is the part of `amount` that network or venue keep, `moved` what it was paid for. ``foreign``: it
    left by a transaction of nobody's plan, which a person closed. `gas` is what it cost, or may cost at most,
    in ETH on the chain `chain_id` beside all that (0: no transaction of ours on Ethereum).
    """

    at: datetime
    action: Action | Literal["foreign"]
    subject: str
    destination: str
    amount: Amount
    state: str
    fee: Amount = _NOTHING
    moved: Amount = _NOTHING
    gas: Amount = _NO_GAS
    chain_id: int = 0
