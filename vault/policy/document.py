"""The policy document: TOML, strict, checked as a whole before one rule of it is used.

Refuses unknown keys, floats that are not exact, absurd numbers, conditions that name no fact, and
limits, rules or bands that contradict each other. The digest is over the file's bytes.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from vault.canonical import digest_bytes
from vault.errors import DocumentError, MoneyError, PolicyError
from vault.model import MOVE_NOTHING, REQUESTS, Action
from vault.money import ETH, Amount, asset_of
from vault.policy.expression import parse_expression
from vault.policy.facts import FACTS_OF
from vault.toml_strict import MAX_BYTES, ExactDecimal, PlacedError, StrictModel, parse_toml

# A policy moves less than this in USD or in whole units of an asset; more is a slip of the keyboard. For ETH
# and dollars it is what there may be of them, rounded up.
MAX_USD = Decimal(10) ** 12
MAX_COINS: Final[dict[str, Decimal]] = {
    "BTC": Decimal(21_000_000),
    "ETH": Decimal(200_000_000),
    "USDC": MAX_USD,
    "USDT": MAX_USD,
}
# Gas dearer than this has not been seen in ten years by a factor of three.
MAX_GWEI = Decimal(100_000)
# Wei in a gwei, as digits.
GWEI_DIGITS: Final = 9
# Longer than a month, a rolling window is a budget and wants another tool.
MAX_WINDOW_HOURS = 24 * 31

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError("expected lower-case letters, digits and '-', at most 40")
    return value


def _account(value: str) -> str:
    return value if value == "*" else _identifier(value)


def _usd(value: Decimal) -> Decimal:
    if not 0 <= value <= MAX_USD:
        raise ValueError(f"expected USD between 0 and {MAX_USD:f}")
    return value


def _check_coins(value: Decimal, asset: str) -> None:
    if not 0 < value <= MAX_COINS[asset]:
        raise ValueError(f"expected more than 0 and at most {MAX_COINS[asset]:f} coins")
    try:
        Amount.from_decimal(value, asset_of(asset))
    except MoneyError as error:
        raise ValueError(error.message) from None


def _bitcoins(value: Decimal) -> Decimal:
    _check_coins(value, "BTC")
    return value


def _ether(value: Decimal) -> Decimal:
    _check_coins(value, "ETH")
    return value


def _gwei(value: Decimal) -> Decimal:
    if not 0 < value <= MAX_GWEI or value != round(value, GWEI_DIGITS):
        raise ValueError(f"expected more than 0 and at most {MAX_GWEI} gwei with {GWEI_DIGITS} digits")
    return value


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("expected more than 0 coins")
    return value


def _share(value: Decimal) -> Decimal:
    if not 0 < value <= 1:
        raise ValueError("expected a share above 0 and at most 1")
    return value


def _condition(value: str) -> str:
    try:
        parse_expression(value)
    except PolicyError as error:
        raise ValueError(error.message) from None
    return value


Identifier = Annotated[str, AfterValidator(_identifier)]
AccountName = Annotated[str, AfterValidator(_account)]
Usd = Annotated[ExactDecimal, AfterValidator(_usd)]
Bitcoins = Annotated[ExactDecimal, AfterValidator(_bitcoins)]
Ether = Annotated[ExactDecimal, AfterValidator(_ether)]
Gwei = Annotated[ExactDecimal, AfterValidator(_gwei)]
# Of the asset of its own table, which says how many digits and how much there is at most.
Coins = Annotated[ExactDecimal, AfterValidator(_positive)]
Share = Annotated[ExactDecimal, AfterValidator(_share)]
Condition = Annotated[str, AfterValidator(_condition)]
# What has a chain and a device behind it.
MovableAsset = Literal["BTC", "ETH", "USDC", "USDT"]


class OfOneAsset(StrictModel):
    """A table whose amounts are of its `asset`: with the digits it has, and no more than there is of it."""

    amounts: ClassVar[tuple[str, ...]] = ()
    asset: MovableAsset

    @model_validator(mode="after")
    def _in_its_asset(self) -> Self:
        for name in self.amounts:
            value = getattr(self, name)
            try:
                if value is not None:
                    _check_coins(value, self.asset)
            except ValueError as error:
                raise PlacedError(str(error), name) from None
        return self

    def amount(self, number: Decimal) -> Amount:
        """Whole units of the asset. Raises `MoneyError` for digits that it does not have."""
        return Amount.from_decimal(number, asset_of(self.asset))


class Freshness(StrictModel):
    """How old a fact may be when it decides."""

    max_age_seconds: int = Field(ge=1, le=3600)


class PlanSettings(StrictModel):
    """What a plan made under this policy needs."""

    expires_minutes: int = Field(ge=1, le=24 * 60)
    approvals_required: int = Field(ge=1, le=16)


class Fees(StrictModel):
    """Caps on what a Bitcoin transaction of ours may pay: BTC, satoshi per vbyte, share of the amount.

    `window_amount` and `window_share` (of what was moved) are the budget of a rolling window, shared by
    network fees and the venues' withdrawal fees. A transaction of ours that is unconfirmed after
    `stuck_after_blocks` and pays less than the present estimate is reported.
    """

    max_fee: Bitcoins
    max_fee_rate: Annotated[ExactDecimal, Field(gt=0, le=10_000)]
    max_fee_share: Share
    window_hours: int = Field(default=24, ge=1, le=MAX_WINDOW_HOURS)
    window_amount: Bitcoins
    window_share: Share
    stuck_after_blocks: int = Field(default=6, ge=1, le=2016)

    @property
    def max_fee_amount(self) -> Amount:
        return Amount.from_decimal(self.max_fee, asset_of("BTC"))


class Gas(StrictModel):
    """What our transactions on one chain may cost: ETH each, gwei per gas, and ETH in a rolling window.

    Without a table for a chain nothing of ours moves there.
    """

    chain: int = Field(ge=1, le=2**53)
    max_cost: Ether
    max_fee_per_gas: Gwei
    window_hours: int = Field(default=24, ge=1, le=MAX_WINDOW_HOURS)
    window_amount: Ether

    @property
    def name(self) -> str:
        return f"gas:{self.chain}"

    @property
    def max_cost_amount(self) -> Amount:
        return Amount.from_decimal(self.max_cost, ETH)

    @property
    def max_cost_wei(self) -> int:
        return self.max_cost_amount.units

    @property
    def max_fee_wei(self) -> int:
        return int(self.max_fee_per_gas.scaleb(GWEI_DIGITS))

    @property
    def window(self) -> Amount:
        return Amount.from_decimal(self.window_amount, ETH)


class AddressBookSettings(StrictModel):
    """How long a new entry waits before money may go to it."""

    cooling_hours: int = Field(ge=1, le=24 * 30)


class Venues(StrictModel):
    """What a venue's silence means: a warning in every plan, or a denial.

    `unsaid`: about keys, lists of addresses and holds; `independent_price`: that a top-up's need was measured
    at the price of another source too.
    """

    unsaid: Literal["warn", "deny"] = "warn"
    independent_price: Literal["wanted", "required"] = "wanted"


class Band(OfOneAsset):
    """Floor, target and ceiling of an account's stress excess (USD), and where its coins go and come from."""

    amounts: ClassVar[tuple[str, ...]] = ("min_change", "step")
    account: AccountName
    venue_network: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}$")]
    floor: Usd
    target: Usd
    ceiling: Usd
    min_change: Coins
    min_wait_minutes: int = Field(ge=0, le=24 * 60 * 7)
    step: Coins | None = None
    cold: Identifier
    top_up_from: Identifier | None = None
    top_up_to: Identifier | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.floor < self.target < self.ceiling:
            raise ValueError("expected floor < target < ceiling")
        if (self.top_up_from is None) != (self.top_up_to is None):
            raise ValueError("expected both top_up_from and top_up_to, or neither")
        if self.account == "*" and self.top_up_to is not None:
            raise ValueError('a deposit address belongs to one account: name the account instead of "*"')
        return self

    @property
    def name(self) -> str:
        return f"band:{self.account}"

    @property
    def step_amount(self) -> Amount:
        return Amount(asset_of(self.asset), 1) if self.step is None else self.amount(self.step)


class Evacuation(OfOneAsset):
    """A staging wallet that is emptied to a cold entry when its condition holds."""

    amounts: ClassVar[tuple[str, ...]] = ("min_change",)
    wallet: Identifier
    to: Identifier
    asset: MovableAsset = "BTC"
    when: Condition
    min_change: Coins
    min_wait_minutes: int = Field(default=0, ge=0, le=24 * 60 * 7)

    @property
    def key(self) -> str:
        """Each wallet once for each asset."""
        return self.wallet if self.asset == "BTC" else f"{self.wallet} {self.asset}"

    @property
    def name(self) -> str:
        return f"evacuation:{self.key}"


class Rule(StrictModel):
    """Allows or denies one kind of transfer while a condition holds."""

    id: Identifier
    effect: Literal["allow", "deny"]
    action: Action | Literal["*"]
    when: Condition

    @property
    def name(self) -> str:
        return f"rule:{self.id}"

    def covers(self, action: Action) -> bool:
        """Who may sign for a Safe is never left to a rule for everything: only its own allows it."""
        if action == "reconfigure" and self.effect == "allow":
            return self.action == action
        return self.action in {"*", action}


class Limit(OfOneAsset):
    """The most that one transfer, and all transfers of a rolling window together, may move."""

    amounts: ClassVar[tuple[str, ...]] = ("per_transfer", "window_amount")
    id: Identifier
    action: Action | Literal["*"]
    per_transfer: Coins
    window_hours: int = Field(ge=1, le=MAX_WINDOW_HOURS)
    window_amount: Coins

    @property
    def name(self) -> str:
        return f"limit:{self.id}"

    def covers(self, action: Action, asset: str) -> bool:
        return self.action in {"*", action} and self.asset == asset


class Policy(StrictModel):
    """The whole document."""

    schema_version: Literal[1] = Field(alias="schema")
    policy_id: Identifier
    version: int = Field(ge=1, le=1_000_000)
    description: str = Field(min_length=1, max_length=500)
    freshness: Freshness
    plan: PlanSettings
    fees: Fees
    address_book: AddressBookSettings
    venues: Venues = Venues()
    band: tuple[Band, ...] = Field(default=(), max_length=50, strict=False)
    evacuation: tuple[Evacuation, ...] = Field(default=(), max_length=50, strict=False)
    rule: tuple[Rule, ...] = Field(min_length=1, max_length=200, strict=False)
    limit: tuple[Limit, ...] = Field(min_length=1, max_length=100, strict=False)
    gas: tuple[Gas, ...] = Field(default=(), max_length=20, strict=False)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for what, names in (
            ("band", [band.account for band in self.band]),
            ("evacuation", [item.key for item in self.evacuation]),
            ("rule", [rule.id for rule in self.rule]),
            ("limit", [limit.id for limit in self.limit]),
            ("gas", [str(gas.chain) for gas in self.gas]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what}: expected each once, found twice: {', '.join(twice)}")
        for rule in self.rule:
            _check_facts(rule.name, rule.when, rule.action)
        for item in self.evacuation:
            _check_facts(item.name, item.when, "trigger")
        self._check_limits()
        return self

    def _check_limits(self) -> None:
        """What the policy calls for needs a limit in its asset, what a person may ask for one in any."""
        for action, asset in self.movements():
            if not any(limit.covers(action, asset) for limit in self.limit):
                raise ValueError(f"no limit covers {action} of {asset}: every kind of transfer needs one")
        asked_for = {rule.action for rule in self.rule if rule.effect == "allow"}
        for action in (each for each in REQUESTS if each in asked_for - MOVE_NOTHING):
            if not any(limit.action in {"*", action} for limit in self.limit):
                raise ValueError(f"no limit covers {action}: every kind of transfer needs one")

    def movements(self) -> tuple[tuple[Action, str], ...]:
        """Each kind of transfer this policy can call for, with each asset it can be of."""
        wanted: list[tuple[Action, str]] = [("sweep", band.asset) for band in self.band]
        wanted += [("evacuate", item.asset) for item in self.evacuation]
        wanted += [("top_up", band.asset) for band in self.band if band.top_up_from]
        return tuple(dict.fromkeys(wanted))

    def gas_of(self, chain_id: int) -> Gas | None:
        """What transactions on that chain may cost; None: nothing moves there."""
        return next((gas for gas in self.gas if gas.chain == chain_id), None)

    def band_of(self, account: str) -> Band | None:
        """The account's own band, else the one for ``*``, else None."""
        named = {band.account: band for band in self.band}
        return named.get(account) or named.get("*")


def _check_facts(name: str, when: str, action: str) -> None:
    for fact in parse_expression(when).facts:
        if fact not in FACTS_OF[action]:
            known = ", ".join(sorted(FACTS_OF[action]))
            raise ValueError(f"{name}: {fact} is no fact of {action!r}; expected one of {known}")


def parse_policy(data: bytes, *, name: str) -> tuple[Policy, str]:
    """Policy and digest of a document's bytes. Raises `DocumentError` with line and column."""
    if len(data) > MAX_BYTES:
        raise DocumentError("too_large", f"{name}: expected at most {MAX_BYTES} bytes, found {len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError("unreadable", f"{name}: {error}") from None
    return parse_toml(text, Policy, name=name), digest_bytes(data)


def load_policy(path: Path) -> tuple[Policy, str]:
    """Policy and digest of a file; the bytes that are hashed are the bytes that are parsed."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DocumentError(
            "missing_file", f"{path}: no such policy", hint="Name the file under `policy` in treasury.toml."
        ) from None
    except OSError as error:
        raise DocumentError("unreadable", f"{path}: {error.strerror}") from None
    return parse_policy(data, name=str(path))
