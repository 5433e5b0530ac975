"""Whatever happens at the venue, no coin appears or vanishes: every change of a balance is in a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.venues.binance.profile import FUTURES, PROFILE, SPOT
from emulator.venues.engine.accounts import Account, IncomeKind
from emulator.venues.engine.exact import ZERO
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.positions import Position
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.engine.withdrawals import WithdrawalRequest

D = Decimal
COLD = "bcrt1q" + "x" * 38
SATS = st.integers(1, 300_000_000).map(lambda units: D(units).scaleb(-8))
STEP = st.one_of(
    st.tuples(st.just("to_spot"), st.sampled_from(["BTC", "USDT"]), SATS),
    st.tuples(st.just("to_futures"), st.sampled_from(["BTC", "USDT"]), SATS),
    st.tuples(st.just("withdraw"), st.just("BTC"), SATS),
    st.tuples(st.just("deposit"), st.just("BTC"), SATS),
    st.tuples(st.just("mark"), st.just(""), st.integers(20_000, 140_000).map(D)),
    st.tuples(st.just("funding"), st.just(""), st.integers(-300, 300).map(lambda n: D(n).scaleb(-5))),
    st.tuples(st.just("tick"), st.just(""), st.just(D(1))),
)


@dataclass
class Scene:
    """One account, what it started with, and what was put on the chain for it."""

    venue: Venue
    chain: Any
    account: Account
    deposited: Decimal = ZERO
    started: dict[str, Decimal] = field(default_factory=dict)

    def play(self, kind: str, asset: str, value: Decimal) -> None:
        """One step; what the venue refuses must change nothing, which the checks below would show."""
        try:
            if kind in {"to_spot", "to_futures"}:
                way = (FUTURES, SPOT) if kind == "to_spot" else (SPOT, FUTURES)
                self.venue.transfer(self.account, *way, asset, value)
            elif kind == "withdraw":
                self.venue.withdraw(self.account, WithdrawalRequest("BTC", COLD, value, "BTC"))
            elif kind == "mark":
                self.venue.set_price("BTCUSDT", value)
            elif kind == "funding":
                self.venue.settle_funding("BTCUSDT", value)
        except Refusal:
            return
        if kind == "deposit":
            self.chain.receive(
                self.venue.deposit_address(self.account, "BTC", "BTC").address, int(value.scaleb(8))
            )
        if kind == "tick":
            self.chain.confirm(2)
            self.venue.pump()

    def held(self, asset: str) -> Decimal:
        account = self.account
        return sum(
            (wallet.get(asset, ZERO) for wallet in (*account.wallets.values(), account.withdrawing)), ZERO
        )

    def booked(self, asset: str) -> Decimal:
        return sum(
            (
                i.amount
                for i in self.account.incomes
                if i.asset == asset and i.kind is not IncomeKind.TRANSFER
            ),
            ZERO,
        )

    def check(self) -> None:
        desk, deposits = self.venue.withdrawals, self.venue.deposits.of(self.account.uid)
        credited = sum((d.amount for d in deposits if d.credited_ms is not None), ZERO)
        gone = desk.paid_out.get("BTC", ZERO) + desk.fees.get("BTC", ZERO)
        assert self.held("BTC") + gone == self.started["BTC"] + credited + self.booked("BTC")
        assert self.held("USDT") == self.started["USDT"] + self.booked("USDT")
        assert all(amount >= ZERO for amount in self.account.wallet(SPOT).values())
        paid = sum((amount for _, amount in self.chain.paid), 0)
        outgoing = sum((r.amount for r in desk.records if r.tx_id), ZERO)
        assert D(paid).scaleb(-8) == outgoing


def scene(venue: Venue, chain: Any) -> Scene:
    account = venue.create_account(
        f"account {len(venue.accounts)}",
        keys=(ApiKey(f"k{len(venue.accounts)}", "s"),),
        wallets={
            SPOT: {"BTC": D("1"), "USDT": D("500")},
            FUTURES: {"BTC": D("2"), "USDT": D("10000.00000001")},
        },
    )
    venue.set_position(account, Position("BTCUSDT", D("3.217"), D("81234.57"), 10))
    return Scene(venue, chain, account, started={"BTC": D("3"), "USDT": D("10500.00000001")})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEP, max_size=25))
def test_every_change_of_a_balance_is_explained_by_a_record(
    chain: Any, steps: list[tuple[str, str, Decimal]]
) -> None:
    fresh = type(chain)()
    venue = Venue(PROFILE)
    venue.chains["BTC", "BTC"] = fresh
    played = scene(venue, fresh)
    for kind, asset, value in steps:
        played.play(kind, asset, value)
        played.check()


def test_liquidation_exchanges_just_enough_btc_and_books_every_part(venue: Venue, chain: Any) -> None:
    played = scene(venue, chain)
    venue.market.symbols["BTCUSDT"].liquidation_fee = D("0.0001")
    # More is lost than the USDT wallet holds: BTC is sold for the rest, and some of it is left.
    venue.set_price("BTCUSDT", D("49200"))
    assert not played.account.positions
    (record,) = played.account.liquidations
    assert record.margin_balance <= record.maintenance_margin
    kinds = [income.kind for income in played.account.incomes]
    assert kinds[:2] == [IncomeKind.REALISED, IncomeKind.LIQUIDATION_FEE]
    assert IncomeKind.EXCHANGE in kinds
    assert ZERO <= played.account.wallet(FUTURES)["USDT"] < D("0.001")
    assert ZERO < played.account.wallet(FUTURES)["BTC"] < D("0.1")
    played.check()


def test_a_bankrupt_account_ends_at_zero_and_never_below(venue: Venue, chain: Any) -> None:
    played = scene(venue, chain)
    venue.set_price("BTCUSDT", D("20000"))
    assert played.account.wallet(FUTURES) == {"BTC": ZERO, "USDT": ZERO}
    assert played.account.incomes[-1].kind is IncomeKind.BANKRUPTCY
    played.check()


def test_a_twin_with_a_top_up_survives_the_mark_that_liquidates_the_other(venue: Venue, chain: Any) -> None:
    plain, topped = scene(venue, chain), scene(venue, chain)
    venue.set_price("BTCUSDT", D("60000"))
    venue.transfer(topped.account, SPOT, FUTURES, "BTC", D("1"))
    mark = D("60000")
    while plain.account.positions:
        mark -= D("250")
        venue.set_price("BTCUSDT", mark)
    assert topped.account.positions
    assert not topped.account.liquidations


def test_refuses_a_transfer_that_the_margin_needs(venue: Venue, chain: Any) -> None:
    played = scene(venue, chain)
    most = venue.max_withdraw(played.account, FUTURES, "BTC")
    assert ZERO < most < D("2")
    try:
        venue.transfer(played.account, FUTURES, SPOT, "BTC", most + D("0.00000001"))
    except Refusal as refused:
        assert refused.reason is Reason.MARGIN
    else:
        raise AssertionError("expected a refusal")
    venue.transfer(played.account, FUTURES, SPOT, "BTC", most)
    played.check()
