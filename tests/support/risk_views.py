"""Views of a stressed market by hand: numbers that could be, every state and every absence at least once."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from vault.treasury import views
from vault.treasury.views import (
    AccountView,
    CascadeView,
    EventView,
    IndicatorView,
    InputView,
    LevelView,
    NamedDayView,
    PathPoint,
    PhiView,
    RecordLine,
    RecordView,
    RegimeBound,
    RiskView,
    RuleView,
    SaidBefore,
    ShockView,
    SignalView,
    SourceView,
    StepView,
    Trend,
)

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
START = datetime(2025, 7, 1, tzinfo=UTC)
D = Decimal


def rounded(value: float, digits: int = 4) -> Decimal:
    return D(str(round(value, digits)))


def trend(base: float, swing: float, *, holes: tuple[int, ...] = ()) -> Trend:
    values = [rounded(base + swing * math.sin(place / 5) * place / 48) for place in range(48)]
    return Trend(NOW, 3600, tuple(None if place in holes else value for place, value in enumerate(values)))


def indicator(
    name: str,
    value: str | None,
    unit: str,
    statistic: tuple[str | None, str],
    scores: tuple[str | None, str],
    *,
    weight: str,
    age: int | None,
    source: str = "binance",
    absent: tuple[str, ...] = (),
    shape: Trend | None = None,
) -> IndicatorView:
    score, counted = scores
    return IndicatorView(
        name=name,
        title=name.replace("_", " "),
        configured=True,
        value=None if value is None else D(value),
        unit=unit,
        statistic=None if statistic[0] is None else D(statistic[0]),
        statistic_kind=statistic[1],
        score=None if score is None else D(score),
        counted=D(counted),
        weight=D(weight),
        contribution=D(weight) * D(counted),
        age_seconds=age,
        coverage=D("0.93") if score else D(0),
        source=source if age is not None else "",
        detail=f"{name} in words",
        absent=absent,
        trend=shape,
    )


def idle(name: str) -> IndicatorView:
    why = "no feed of it is configured"
    return IndicatorView(
        name, name.replace("_", " "), False, None, "", None, "", None, None, D(0), None, None, None, "", why,
        (why,),
    )  # fmt: skip


def indicators() -> tuple[IndicatorView, ...]:
    return (
        indicator(
            "open_interest",
            "1.92",
            "days of spot volume",
            ("2.1", "ratio"),
            ("0.61", "0.61"),
            weight="0.15",
            age=240,
            source="binance, bybit, okx",
            shape=trend(1.5, 0.5),
        ),
        indicator(
            "funding",
            "0.082",
            "per year",
            ("-1.5", "z"),
            ("0", "0"),
            weight="0.13",
            age=3600,
            shape=trend(0.1, 0.06, holes=(3, 4, 5)),
        ),
        indicator(
            "liquidation_clusters",
            "23400",
            "coins within 5 %",
            ("0.91", "percentile"),
            ("0.72", "0.72"),
            weight="0.16",
            age=60,
            source="ladder",
            shape=trend(1.4e8, 5e7),
        ),
        indicator(
            "realised_liquidations",
            "420000000",
            "USD in 1 h",
            ("4.2", "z"),
            ("0.88", "0.88"),
            weight="0.12",
            age=60,
            shape=trend(2e8, 2e8),
        ),
        indicator(
            "etf",
            "-1490000000",
            "USD in 5 days",
            ("-2.4", "z"),
            ("0.7", "0.7"),
            weight="0.1",
            age=129_600,
            source="farside.csv",
            shape=trend(-2e8, 1e9),
        ),
        indicator(
            "cross_asset",
            "0.336",
            "per year",
            ("0.99", "percentile"),
            ("0.95", "0.95"),
            weight="0.1",
            age=43_200,
            source="metals.csv",
            absent=("VIX: markets are shut since 2026-01-30 21:00 UTC",),
        ),
        indicator(
            "depth",
            None,
            "USD",
            (None, ""),
            (None, "0.5"),
            weight="0.14",
            age=5400,
            absent=("depth_1pct:BTC:binance is 90 min old, at most 5 min are used",),
        ),
        indicator(
            "stablecoins",
            "0.006",
            "share lost",
            ("0.08", "percentile"),
            ("0.55", "0.55"),
            weight="0.06",
            age=86_400,
            source="supply.json",
        ),
        idle("venue"),
        indicator(
            "time_of_day",
            "0.0000021",
            "range per million USD",
            ("1.31", "ratio"),
            ("0.4", "0.4"),
            weight="0.04",
            age=0,
            source="clock and hourly prices",
        ),
    )


def accounts() -> tuple[AccountView, ...]:
    return (
        AccountView(
            "trading",
            "warning",
            D("-0.0769"),
            D("0.183"),
            (
                RuleView(
                    "survives_a_10%_wick",
                    "fail",
                    D("-0.0769"),
                    "share",
                    "equity meets maintenance margin at −7.7 %, before the wick ends",
                ),
                RuleView(
                    "effective_leverage", "told", D("6.4"), "x", "6.4 x; the oldest position is 12 d old"
                ),
                RuleView(
                    "largest_size_closable",
                    "told",
                    D("41000000"),
                    "USD",
                    "41.0 M USD within 50 bp of the stressed book; the position is 12.3 M USD",
                ),
                RuleView(
                    "share_on_venues", "pass", D("0.18"), "share", "18.0 % of all holdings, at most 25 %"
                ),
                RuleView(
                    "correlated_collateral",
                    "unknown",
                    None,
                    "share",
                    "no price history of wBETH, so its beta is not known",
                ),
            ),
        ),
        AccountView("hedge", "", None, None, (), "venue.timeout: okx did not answer within 10 s"),
    )


def sources() -> tuple[SourceView, ...]:
    return (
        SourceView("price:BTC:binance", "https://api.binance.com/api/v3/klines", 60, "exchange terms", 43_000,
                   START, NOW),
        SourceView("close:XAG:metals.csv", "metals.csv", 43_200, "", 1200, START, NOW,
                   "3 times with values that contradict each other"),
    )  # fmt: skip


def risk() -> RiskView:
    shown = indicators()
    headline = sum((each.contribution or D(0) for each in shown), D(0))
    return RiskView(
        asset="BTC",
        at=NOW,
        fragility=headline,
        least=headline - D("0.07"),
        most=headline + D("0.07"),
        known=headline + D("0.0143"),
        coverage=D("0.86"),
        coverage_of_all=D("0.79"),
        regime="stressed",
        regime_since=NOW - timedelta(hours=15),
        regime_why="0.57 is above 0.55; falls again once even the most is under 0.45 for 6 h",
        bounds=(
            RegimeBound("elevated", D("0.35"), D("0.28")),
            RegimeBound("stressed", D("0.55"), D("0.45")),
            RegimeBound("cascade", D("0.4"), D("0.35"), "one of the steps 3 to 6 has evidence"),
        ),
        steps=(
            StepView(1, "crowding", "evidence", "open interest is 1.92 x spot volume"),
            StepView(2, "catalyst or thinning", "evidence", "silver −33.6 %, ETF −1.49 bn in 5 days"),
            StepView(3, "collateral levels break", "evidence", "420 M USD liquidated in the last hour"),
            StepView(4, "forced selling", "no evidence", "realised liquidations are below the ladder's"),
            StepView(5, "market makers step back", "no data", "depth is too old"),
            StepView(6, "flush", "no evidence", "open interest has not fallen"),
        ),
        indicators=shown,
        accounts=accounts(),
        missing=("depth: 90 min old, at most 5 min are used", "VIX: shut", "account hedge: venue.timeout"),
        not_covered=("balance sheet capacity of dealers: no public measure",),
        sources=sources(),
        record=RecordLine("BTC", "elevated", D("0.35"), START, NOW, 3, 1, 1, 14, 190),
        trend=trend(0.4, 0.25, holes=(10, 11)),
    )


def level(move: float, *, rise: bool = False) -> LevelView:
    price = 83_120 * (1 + move if rise else 1 - move)
    triggered = 9e8 / (1 + math.exp(-(move - 0.08) * 60)) - 9e8 / (1 + math.exp(4.8))
    return LevelView(
        rounded(move), rounded(price, 2), rounded(max(triggered, 0.0), 0), rounded(3e9 * move * (1 - move), 0)
    )


def shock(size: str, reached: str | None, generations: int) -> ShockView:
    end = D(reached) if reached else D("0.5")
    steps = [D(size) + (end - D(size)) * k / generations for k in range(generations + 1)]
    return ShockView(
        shock=D(size),
        reached=D(reached) if reached else None,
        endless=reached is None,
        amplification=end / D(size) if reached else None,
        branching=D("0.42"),
        peak_branching=D("0.87") if reached else D("1.64"),
        forced_notional=end * 4 * 10**9,
        floor_price=83_120 * (1 - end) if reached else None,
        seconds_to_exhaustion=D(generations * 60) if reached else None,
        adl_share=D("0.021") if size == "0.1" else None,
        path=tuple(PathPoint(k, D(k * 60), 83_120 * (1 - move)) for k, move in enumerate(steps)),
        absent=() if size == "0.1" else ("ADL share: the insurance fund is not known",),
    )


def cascade() -> CascadeView:
    return CascadeView(
        asset="BTC",
        side="long",
        at=NOW,
        price=D(83_120),
        forced_per_percent=D(31_400_000),
        levels=tuple(level(place * 0.002) for place in range(276)),
        shocks=(
            shock("0.01", "0.0104", 3),
            shock("0.03", "0.0352", 6),
            shock("0.05", "0.0721", 11),
            shock("0.1", "0.1627", 18),
        ),
        phi=PhiView(D("0.17"), D("0.06"), 10_800, 12, "12 windows, the newest 3 h ago"),
        inputs=(
            InputView("price", D(83_120), "USD", 60, "price:BTC:binance", "exchange terms"),
            InputView("open interest", D(92_400), "BTC", 240, "open_interest:BTC:binance", "exchange terms"),
            InputView("depth within 1 %", D(1240), "BTC", 5400, "depth_1pct:BTC:binance", "",
                      "90 min old: used, and named"),
            InputView("insurance fund", None, "USD", None, "", "", "no feed of it is configured"),
        ),
        assumptions=("the mix of leverages (5 to 50 x): nobody publishes it",
                     "deep bids: square-root impact with K from the daily volume"),
        missing=("insurance fund: no feed of it is configured",),
    )  # fmt: skip


def cascade_without_depth() -> CascadeView:
    """No depth, no open interest, no prices beyond: everything that rests on them is absent."""
    bare = ShockView(
        shock=D("0.05"), reached=None, endless=False, amplification=None, branching=None, peak_branching=None,
        forced_notional=None, floor_price=None, seconds_to_exhaustion=None, adl_share=None,
        absent=("depth_1pct:BTC is missing",),
    )  # fmt: skip
    return CascadeView(
        asset="BTC", side="long", at=NOW, price=D(83_120), forced_per_percent=None,
        levels=tuple(LevelView(each.move, each.price, each.triggered, None) for each in cascade().levels),
        shocks=(bare,), phi=PhiView(None, None, None, 0, "no past window"),
        inputs=(InputView("depth within 1 %", None, "USD", None, "", "", "depth_1pct:BTC is missing"),),
        assumptions=(), missing=("depth_1pct:BTC is missing",),
    )  # fmt: skip


SIGNALS = (
    ("elevated", "composite", "0.35", (201, 42), (1, 1), (2, 0), (18, 14, 190)),
    ("stressed", "composite", "0.55", (201, 42), (0, 2), (1, 1), (3, 2, 190)),
    ("cascade", "composite", "0.75", (201, 42), (0, 2), (0, 2), (0, 0, 190)),
    ("open_interest", "open_interest", "0.5", (0, 243), (0, 0), (0, 0), (0, 0, 0)),
    ("funding", "funding", "0.5", (230, 13), (0, 3), (0, 2), (6, 6, 220)),
    ("liquidation_clusters", "liquidation_clusters", "0.5", (243, 0), (2, 1), (2, 0), (60, 52, 230)),
    ("realised_liquidations", "realised_liquidations", "0.5", (0, 243), (0, 0), (0, 0), (0, 0, 0)),
    ("etf", "etf", "0.5", (170, 73), (1, 1), (1, 1), (12, 10, 160)),
    ("cross_asset", "cross_asset", "0.5", (170, 73), (1, 1), (1, 1), (20, 18, 160)),
    ("depth", "depth", "0.5", (0, 243), (0, 0), (0, 0), (0, 0, 0)),
    ("stablecoins", "stablecoins", "0.5", (243, 0), (1, 2), (0, 2), (30, 28, 230)),
    ("venue", "venue", "0.5", (0, 243), (0, 0), (0, 0), (0, 0, 0)),
    ("time_of_day", "time_of_day", "0.5", (243, 0), (0, 3), (1, 1), (243, 235, 235)),
)


def signal(
    name: str,
    asked: str,
    alarm_at: str,
    *,
    days: tuple[int, int],
    by_day: tuple[int, int],
    by_hour: tuple[int, int],
    alarms: tuple[int, int, int],
) -> SignalView:
    hit_rate = D(by_day[0]) / sum(by_day) if sum(by_day) else None
    false_rate = D(alarms[1]) / alarms[2] if alarms[2] else None
    skill = hit_rate - false_rate if hit_rate is not None and false_rate is not None else None
    return SignalView(
        name, asked, D(alarm_at), *days, *by_day, *by_hour, *alarms,
        hit_rate=hit_rate, false_alarm_rate=false_rate, skill=skill,
    )  # fmt: skip


def before(level: str, day: str | None, hour: str | None) -> SaidBefore:
    """What a level said; its signals alarm at their own thresholds."""

    def alarms(value: str | None) -> tuple[str, ...]:
        named = [each for each in SIGNALS if each[1] == level]
        return tuple(each[0] for each in named if value is not None and D(value) >= D(each[2]))

    return SaidBefore(
        level, None if day is None else D(day), None if hour is None else D(hour), alarms(day), alarms(hour)
    )


def event(day: datetime, fall: str, composite: tuple[str, str] | None, *, hour: int | None) -> EventView:
    known = {
        "funding": ("0.1", "0.12"),
        "liquidation_clusters": ("0.66", "0.71"),
        "time_of_day": ("0.2", "0.55"),
        "cross_asset": ("0.95", "0.9"),
    }
    if composite:
        known["composite"] = composite
    said = tuple(
        before(
            name,
            known[name][0] if name in known else None,
            known[name][1] if name in known and hour is not None else None,
        )
        for name in dict.fromkeys(each[1] for each in SIGNALS)
    )
    onset = None if hour is None else day + timedelta(hours=hour)
    return EventView(
        day, D(fall), "close" if hour is None else "low", 86_400 if hour is None else 3600,
        "price:BTC:hourly.csv", onset, said,
    )  # fmt: skip


def record() -> RecordView:
    days = [datetime(each.day.year, each.day.month, each.day.day, tzinfo=UTC) for each in views.NAMED_DAYS]
    return RecordView(
        asset="BTC",
        drop=D("0.1"),
        since=START,
        until=NOW + timedelta(days=28),
        days=243,
        signals=tuple(
            signal(*each[:3], days=each[3], by_day=each[4], by_hour=each[5], alarms=each[6])
            for each in SIGNALS
        ),
        events=(
            event(days[0], "-0.162", ("0.21", "0.38"), hour=21),
            event(days[1], "-0.101", ("0.57", "0.61"), hour=17),
            event(datetime(2026, 2, 20, tzinfo=UTC), "-0.112", None, hour=None),
        ),
        named=(
            NamedDayView(days[0], views.NAMED_DAYS[0].known_for, True, D("-0.162"), "low", ""),
            NamedDayView(days[1], views.NAMED_DAYS[1].known_for, True, D("-0.101"), "low", ""),
            NamedDayView(days[2], views.NAMED_DAYS[2].known_for, False, D("-0.048"), "close",
                         "by closes alone it fell −4.8 %, and came back within the day"),
        ),
        sources=sources(),
        unused=("notes.txt: no shape that is known",),
        notes=("open interest, depth: no history in this folder",),
    )  # fmt: skip
