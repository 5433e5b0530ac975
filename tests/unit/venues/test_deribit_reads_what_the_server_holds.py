"""Two independent workings of one rule: what the emulated Deribit demands is what the reading computes."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from emulator.venues.deribit.margin import RATES, margined
from emulator.venues.deribit.profile import market
from emulator.venues.engine import positions as held_there
from tests.support.deribit_answers import INSTRUMENTS, INVERSE, NOW
from vault.risk.contract import position_margin, unrealised_pnl
from vault.venues.deribit.positions import Findings, contracts, read
from vault.venues.line.raw import Fields

SYMBOLS = sorted(RATES)
BELOW_ITS_DIGITS = Decimal("1e-9")


@given(
    symbol=st.sampled_from(SYMBOLS),
    quantity=st.decimals("0.001", "900", places=3),
    mark=st.decimals("10", "200000", places=2),
    entry=st.decimals("10", "200000", places=2),
    long=st.booleans(),
)
def test_margin_and_profit_of_any_position_agree(
    symbol: str, quantity: Decimal, mark: Decimal, entry: Decimal, *, long: bool
) -> None:
    listed = market().symbols[symbol]
    side = 1 if long else -1
    size = quantity * (10_000 if listed.inverse else 1) * side
    theirs = margined(held_there.Position(symbol, size, entry, 50, listed.settle, listed.inverse), mark)
    line = {
        **INVERSE,
        "instrument_name": symbol,
        "direction": "buy" if long else "sell",
        "size": size if listed.inverse else theirs.notional,
        "size_currency": theirs.notional if listed.inverse else size,
        "average_price": entry,
        "mark_price": mark,
        "initial_margin": theirs.initial_margin.quantize(BELOW_ITS_DIGITS),
        "maintenance_margin": theirs.maintenance_margin.quantize(BELOW_ITS_DIGITS),
    }
    if listed.inverse:
        line["size_currency"] = theirs.notional.quantize(Decimal("1e-15"))
    found = Findings()
    contract = contracts((INSTRUMENTS[symbol],))[symbol]
    ours = read(Fields(line, "position"), contract, "segregated_sm", NOW, found).position
    assert (found.missing, found.flags) == ([], [])
    assert abs(position_margin(ours, mark) - theirs.maintenance_margin) < Decimal("1e-30")
    assert abs(unrealised_pnl(ours, mark) - theirs.unrealised) < Decimal("1e-30")
