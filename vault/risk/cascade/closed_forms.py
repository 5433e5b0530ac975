"""Cascades that can be worked out by hand: what the grid is held to, and what an explanation shows.

Each solves x = s + D^-1(theta * G(x)) for one pair of ladder and book; inf where there is no solution. theta
is 1 here: put theta * g in the place of g.
"""

from __future__ import annotations

import math

from vault.risk.cascade.checks import number
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.ladder import Ladder


def linear_book(shock: float, branching: float) -> float:
    """G = g * x, D = delta * u, R = g / delta: x* = s / (1 - R); no end from R = 1 on."""
    number("shock", shock)
    if number("branching", branching) >= 1.0:
        return math.inf if shock > 0.0 else 0.0
    return shock / (1.0 - branching)


def square_root_impact(shock: float, a: float) -> float:
    """G = g * x, D = K * u^2, a = g / K: x* = s + a/2 + sqrt(a*s + a^2/4), from (x - s)^2 = a * x."""
    number("shock", shock, above=True)
    number("a", a)
    return shock + a / 2.0 + math.sqrt(a * shock + a * a / 4.0)


def cluster(shock: float, at: float, notional: float, delta: float) -> float:
    """All of `notional` N at one level d, D = delta * u: x* = s if s < d, else s + N / delta."""
    number("at", at)
    number("notional", notional)
    if number("shock", shock) < at or notional == 0.0:
        return shock
    return shock + notional / delta if number("delta", delta) > 0.0 else math.inf


def withdrawal(shock: float, at: float, notional: float, delta: float, xi: float) -> float:
    """The same cluster where all makers leave (w_min = 0): x* = s - xi * ln(1 - N / (delta * xi)) for s >= d.

    No end where N exceeds delta * xi, all that the book will ever take.
    """
    number("at", at)
    number("xi", xi, above=True)
    if number("shock", shock) < at or number("notional", notional) == 0.0:
        return shock
    whole = number("delta", delta) * xi
    return shock - xi * math.log1p(-notional / whole) if notional < whole else math.inf


def linear_with_deep_bids(shock: float, g: float, delta: float, deep_bids: float) -> float:
    """G = g * x, D = delta * y + K * y^2, y = x - s: the root of K*y^2 + (delta - g)*y - g*s = 0.

    Deep bids end even a runaway (g > delta). Written so that neither sign of delta - g cancels digits.
    """
    number("shock", shock)
    number("deep_bids", deep_bids, above=True)
    b = number("delta", delta) - number("g", g)
    root = math.sqrt(b * b + 4.0 * deep_bids * g * shock)
    if b > 0.0:
        return shock + 2.0 * g * shock / (b + root)
    return shock + (root - b) / (2.0 * deep_bids)


def scaled_market(ladder: Ladder, depth: Depth, factor: float) -> tuple[Ladder, Depth]:
    """Scale invariance: open interest and depth times the same factor leave every x* where it was.

    Only G / D enters: what matters is the open interest per USD of book, not its size.
    """
    number("factor", factor, above=True)
    return ladder.scaled(factor), depth.scaled(factor)
