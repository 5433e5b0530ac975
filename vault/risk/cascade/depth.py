"""The order book that a cascade sells into: how much it takes until the price has moved by u.

Makers step back as the price moves, deep bids wait far below. Refuses parameters without a meaning. The model
is symmetric: for rises the same book stands for the offers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from vault.risk.cascade.checks import array, number
from vault.series import FloatArray

# A flat book that quotes Q within 1 % holds Q / 0.01 = 100 Q per unit of log move. What is refilled while the
# price moves makes kappa larger: quoted depth alone was emptied by almost every shock of the past.
KAPPA_AS_QUOTED: Final = 100.0
# exp(-1000) is a price of nothing: what only a longer move would take is never taken.
FARTHEST: Final = 1000.0
# Halving an interval of float64 up to FARTHEST more often than this changes nothing.
HALVINGS: Final = 200


@dataclass(frozen=True, slots=True)
class Depth:
    """D(u) = delta * e(u) + K * u^2, with e(u) = w_min * u + (1 - w_min) * xi * (1 - exp(-u / xi)).

    `delta`: USD per unit of log move at the present price (density of the book). `xi`: log move over which
    makers step back by a factor e. `w_min`: share of the density that never leaves, 0..1. `deep_bids` (K):
    USD per squared log move; alone it gives the square-root law of impact (Tóth et al. 2011, Phys. Rev. X 1,
    021006), u = sqrt(N / K). u is a log move away from the price after the shock.
    """

    delta: float
    xi: float
    w_min: float
    deep_bids: float = 0.0

    def __post_init__(self) -> None:
        number("delta", self.delta)
        number("xi", self.xi, above=True)
        number("w_min", self.w_min, most=1.0)
        number("deep_bids", self.deep_bids)

    def capacity(self, moves: npt.ArrayLike) -> FloatArray:
        """D(u) in USD for each log move."""
        return self._capacity(array("moves", np.atleast_1d(moves)))

    def density(self, moves: npt.ArrayLike) -> FloatArray:
        """D'(u) = delta * (w_min + (1 - w_min) * exp(-u / xi)) + 2 * K * u, USD per unit of log move."""
        found = array("moves", np.atleast_1d(moves))
        staying = self.w_min + (1.0 - self.w_min) * np.exp(-found / self.xi)
        return self.delta * staying + 2.0 * self.deep_bids * found

    def move_for(self, notional: npt.ArrayLike) -> FloatArray:
        """D^-1: the log move that selling each `notional` (USD) makes; inf where the book never takes it.

        Exact where D has an inverse in closed form; else halved between two books that have one, the one
        whose makers never step back and the one whose makers left at once.
        """
        found = array("notional", np.atleast_1d(notional))
        staying, leaving = self.delta * self.w_min, self.delta * (1.0 - self.w_min) * self.xi
        if leaving == 0.0:
            moves = _quadratic(found, staying, self.deep_bids)
        elif staying == 0.0 and self.deep_bids == 0.0:
            with np.errstate(divide="ignore"):
                moves = -self.xi * np.log1p(-np.minimum(found / leaving, 1.0))
        else:
            moves = self._halved(found, staying)
        return np.where(found > self._capacity(np.full(1, FARTHEST)), np.inf, moves)

    def after(self, move: float) -> Depth:
        """The same book once the price has moved: its capacity of u is D(move + u) - D(move), exactly."""
        number("move", move)
        density = float(self.density(move)[0])
        if density == 0.0:
            return replace(self, delta=0.0)
        staying = self.delta * self.w_min + 2.0 * self.deep_bids * move
        return replace(self, delta=density, w_min=min(1.0, staying / density))

    def stressed(self, move: float) -> Depth:
        """The book after a move, without deep bids: never deeper than the present one."""
        return replace(self, deep_bids=0.0).after(move)

    def scaled(self, factor: float) -> Depth:
        """`factor` times as deep at every move."""
        number("factor", factor)
        return replace(self, delta=self.delta * factor, deep_bids=self.deep_bids * factor)

    def _capacity(self, moves: FloatArray) -> FloatArray:
        leaving = -self.xi * np.expm1(-moves / self.xi)
        taken: FloatArray = self.delta * (self.w_min * moves + (1.0 - self.w_min) * leaving)
        return taken + self.deep_bids * moves * moves

    def _halved(self, notional: FloatArray, staying: float) -> FloatArray:
        """The least move of float64 whose capacity is `notional`; FARTHEST where none is."""
        least = np.minimum(_quadratic(notional, self.delta, self.deep_bids), FARTHEST)
        most = np.minimum(_quadratic(notional, staying, self.deep_bids), FARTHEST)
        for _ in range(HALVINGS):
            middle = 0.5 * (least + most)
            if bool(((middle <= least) | (middle >= most)).all()):
                break
            enough = self._capacity(middle) >= notional
            most = np.where(enough, middle, most)
            least = np.where(enough, least, middle)
        return most


def _quadratic(notional: FloatArray, delta: float, deep_bids: float) -> FloatArray:
    """The root u >= 0 of K * u^2 + delta * u = N; inf where N > 0 and the book is empty."""
    below = delta + np.hypot(delta, 2.0 * math.sqrt(deep_bids) * np.sqrt(notional))
    found = np.where(notional > 0.0, np.inf, 0.0)
    with np.errstate(over="ignore"):
        np.divide(2.0 * notional, below, out=found, where=below > 0.0)
    return found


def density_of_quoted(quoted_1pct: float, kappa: float) -> float:
    """delta = kappa * what is quoted within 1 % of the mid (USD); kappa per unit of log move."""
    return number("quoted_1pct", quoted_1pct) * number("kappa", kappa)


def log_drop(simple: float) -> float:
    """x = -ln(1 - d) of a simple drop d in 0..1 (1 excluded)."""
    number("simple drop", simple, most=1.0 - 1e-15)
    return float(-np.log1p(-simple))


def log_rise(simple: float) -> float:
    """x = ln(1 + d) of a simple rise d."""
    return float(np.log1p(number("simple rise", simple)))


def simple_drop(log_move: float) -> float:
    """d = 1 - exp(-x); a cascade without an end (inf) is a drop of 1."""
    if log_move == np.inf:
        return 1.0
    return float(-np.expm1(-number("log move", log_move)))
