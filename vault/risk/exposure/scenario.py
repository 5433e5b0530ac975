"""What a stress scenario is, as data: strict, so that a table of a file cannot mean something by accident.

Pure. Refuses a field that its kind does not take, and a scenario without a reason.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from vault.errors import PolicyError
from vault.risk.exact import ONE, ZERO, exact, trimmed
from vault.risk.exposure.move import WRAPPED, Move, Shares, pegged
from vault.risk.margin import STABLE_ASSETS
from vault.risk.stress import GREATEST_MOVE

if TYPE_CHECKING:
    from vault.model import MarginAccount

Kind = Literal["move", "wick", "gap", "day", "depeg", "haircut", "frozen"]

# What each kind takes besides name, reason and kind; everything else stays at its default.
FIELDS: Final[dict[Kind, frozenset[str]]] = {
    "move": frozenset({"market", "both_ways", "prices", "betas", "ratio_cut"}),
    "wick": frozenset({"market", "both_ways", "prices", "betas"}),
    "gap": frozenset({"market", "both_ways", "prices", "betas"}),
    "day": frozenset({"market", "prices", "betas"}),
    "depeg": frozenset({"drop", "wrapped_drop", "prices"}),
    "haircut": frozenset({"ratio_cut", "assets"}),
    "frozen": frozenset({"hours", "both_ways", "betas", "venue"}),
}
# Kinds in which no top-up can arrive before it is over.
TOO_FAST: Final[frozenset[Kind]] = frozenset({"wick", "gap", "day", "frozen"})
MAX_HOURS: Final = Decimal(24 * 30)
MAX_SCALE: Final = Decimal(5)
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_ASSET = re.compile(r"[A-Z0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class AssetMove:
    """An asset's own move as a share, instead of the market's; `venue`: at this exchange only, "" is all."""

    asset: str
    share: Decimal
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Beta:
    """How far an asset moves when the market moves by 1."""

    asset: str
    beta: Decimal


@dataclass(frozen=True, slots=True)
class ScenarioSpec:
    """One scenario. Shares are of the price: -0.1 is a fall of 10 %.

    ===========  =====================================================================================
    kind         what happens, and the fields it takes
    ===========  =====================================================================================
    ``move``     prices move by `market` and `prices`, ratios fall by `ratio_cut`; a top-up can arrive
    ``wick``     the same within the day and back again: judged at its end and after the return
    ``gap``      the same at once: nothing can be topped up, isolated margin that is reached is lost
    ``day``      a gap that happened; `scaled` makes it harder or milder
    ``depeg``    each pegged asset held, on its own: dollars by `drop`, wrapped coins by `wrapped_drop`, or
                 by its share in `prices`
    ``haircut``  collateral ratios of `assets` (none named: all that are not stable) fall by `ratio_cut`
    ``frozen``   `hours` in which nothing leaves or reaches the account, prices moving against it at the
                 configured speed; `venue`: at this exchange only
    ===========  =====================================================================================

    `both_ways`: the opposite move too, and the worse one counts.
    """

    name: str
    kind: Kind
    reason: str
    market: Decimal = ZERO
    both_ways: bool = False
    prices: tuple[AssetMove, ...] = ()
    betas: tuple[Beta, ...] = ()
    drop: Decimal = ZERO
    wrapped_drop: Decimal = ZERO
    ratio_cut: Decimal = ZERO
    assets: tuple[str, ...] = ()
    hours: Decimal = ZERO
    venue: str = ""

    def __post_init__(self) -> None:
        if self.kind not in FIELDS:
            raise PolicyError("bad_scenario", f"{self.name}: expected one of {sorted(FIELDS)} as kind")
        if not _NAME.fullmatch(self.name):
            raise PolicyError("bad_scenario", f"expected a name of a-z, 0-9, - and ., found {self.name!r}")
        if not self.reason.strip():
            raise PolicyError("bad_scenario", f"{self.name}: expected a reason, found none")
        for field in dataclasses.fields(self):
            given = getattr(self, field.name) != field.default
            if field.name not in {"name", "kind", "reason"} and given and field.name not in FIELDS[self.kind]:
                raise PolicyError(
                    "bad_scenario",
                    f"{self.name}: `{field.name}` means nothing in a {self.kind}",
                    hint=f"A {self.kind} takes {', '.join(sorted(FIELDS[self.kind]))}.",
                )
        self._bounds()

    def _bounds(self) -> None:
        for name, least, most in (
            ("market", -GREATEST_MOVE, GREATEST_MOVE),
            ("drop", -GREATEST_MOVE, ZERO),
            ("wrapped_drop", -GREATEST_MOVE, ZERO),
            ("ratio_cut", ZERO, ONE),
            ("hours", ZERO, MAX_HOURS),
        ):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or not least <= value <= most:
                raise PolicyError(
                    "bad_scenario", f"{self.name}: {name}: expected {least} to {most}, found {value}"
                )
        if self.kind == "frozen" and not self.hours:
            raise PolicyError("bad_scenario", f"{self.name}: expected hours above 0, found 0")
        if self.kind == "depeg" and not (self.drop or self.wrapped_drop or self.prices):
            raise PolicyError("bad_scenario", f"{self.name}: expected a drop or prices, found none")
        if self.kind == "haircut" and not self.ratio_cut:
            raise PolicyError("bad_scenario", f"{self.name}: expected a ratio_cut above 0, found 0")
        named = [(each.asset, each.venue) for each in self.prices]
        known = [*(each.asset for each in self.betas), *self.assets]
        if len({*named}) != len(named) or len({each.asset for each in self.betas}) != len(self.betas):
            raise PolicyError("bad_scenario", f"{self.name}: an asset is named twice")
        for asset in (*known, *(asset for asset, _ in named)):
            if not _ASSET.fullmatch(asset):
                raise PolicyError("bad_scenario", f"{self.name}: expected an asset, found {asset!r}")
        Move(self.market, tuple((a.asset, a.share) for a in self.prices), self.beta_pairs)

    @property
    def beta_pairs(self) -> Shares:
        """Each named asset with its beta."""
        return tuple((each.asset, each.beta) for each in self.betas)

    @exact
    def prices_at(self, exchange: str, sign: int = 1) -> Shares:
        """Each asset's share here; what is said of this exchange comes before what is said of all."""
        found = {each.asset: each.share for each in self.prices if not each.venue}
        found |= {each.asset: each.share for each in self.prices if each.venue == exchange}
        return tuple((asset, max(-GREATEST_MOVE, share * sign)) for asset, share in found.items())


@dataclass(frozen=True, slots=True)
class Case:
    """One move of a scenario, and what it is called."""

    name: str
    move: Move


@exact
def scaled(spec: ScenarioSpec, factor: Decimal) -> ScenarioSpec:
    """A day that was `factor` times as bad: every share times it, never more than 99 % of a price."""
    if not factor.is_finite() or not 0 < factor <= MAX_SCALE:
        raise PolicyError("bad_scale", f"expected a scale above 0 and at most {MAX_SCALE}, found {factor}")
    if spec.kind != "day" or factor == 1:
        return spec
    return dataclasses.replace(
        spec,
        market=max(-GREATEST_MOVE, spec.market * factor),
        prices=tuple(
            dataclasses.replace(each, share=max(-GREATEST_MOVE, each.share * factor)) for each in spec.prices
        ),
    )


@exact
def cases(spec: ScenarioSpec, account: MarginAccount | None, speed_per_hour: Decimal) -> tuple[Case, ...]:
    """The moves of a scenario for one account; at least one, which is no move where nothing applies.

    Without an account: for whatever is held anywhere, at no venue in particular.
    """
    held = tuple(item.asset for item in account.collateral) if account is not None else ()
    exchange = account.exchange if account is not None else ""
    if spec.kind == "depeg":
        return _depegs(spec, held, exchange)
    if spec.kind == "haircut":
        held = tuple(asset for asset in held if asset not in STABLE_ASSETS)
        cuts = tuple((asset, spec.ratio_cut) for asset in spec.assets or held)
        return (Case(f"ratios -{percent(spec.ratio_cut)}", Move(ratio_cuts=cuts)),)
    market = spec.market
    if spec.kind == "frozen":
        if account is not None and spec.venue not in {"", exchange}:
            return (Case(f"{spec.venue} is another venue", Move()),)
        market = -min(GREATEST_MOVE, speed_per_hour * spec.hours)
    found = []
    for sign in (1, -1) if spec.both_ways else (1,):
        cuts = tuple((asset, spec.ratio_cut) for asset in held if spec.ratio_cut)
        move = Move(market * sign, spec.prices_at(exchange, sign), spec.beta_pairs, cuts)
        found.append(Case(f"{'+' if market * sign > 0 else ''}{percent(market * sign)}", move))
    return tuple(found)


def _depegs(spec: ScenarioSpec, held: tuple[str, ...], exchange: str) -> tuple[Case, ...]:
    named = dict(spec.prices_at(exchange))
    shares: dict[str, Decimal] = {}
    for asset in held:
        if asset in named or pegged(asset):
            usual = spec.wrapped_drop if asset in WRAPPED else spec.drop
            if share := named.get(asset, usual):
                shares[asset] = share
    if not shares:
        return (Case("nothing pegged is held", Move()),)
    return tuple(
        Case(f"{asset} {percent(share)}", Move(prices=((asset, share),))) for asset, share in shares.items()
    )


def percent(share: Decimal) -> str:
    """A share as a person writes it, without trailing zeros."""
    return f"{trimmed(share * 100):f} %"
