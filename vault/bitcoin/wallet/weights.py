"""Weights and fees of what a wallet builds: inputs of its kind, outputs, the smallest output relayed.

Sizes are the worst case of `finalise.worst_weight`, so that a fee never falls below the rate asked for.
"""

from __future__ import annotations

import functools
from decimal import ROUND_CEILING, Decimal
from typing import Final

from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.finalise import worst_weight
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.verify import MAX_WEIGHT
from vault.errors import PsbtError
from vault.money import BTC, CONTEXT, Amount

# An estimate above this is a broken server, not a market (sat/vB).
MAX_FEE_RATE: Final = Decimal(10_000)
# Bitcoin Core's DUST_RELAY_TX_FEE: 3 sat/vB for the output and for the input that spends it.
_DUST_RATE: Final = 3
_SPENDS_WITNESS: Final = 67
_SPENDS_LEGACY: Final = 148

_COIN: Final = TxIn(OutPoint("00" * 32, 0), b"", 0)


@functools.lru_cache(maxsize=64)
def input_weight(descriptor: Descriptor) -> int:
    """Weight units that one more input of this wallet adds at most, its share of the flag aside."""
    one, two = (Transaction(2, (_COIN,) * count, (), 0) for count in (1, 2))
    return worst_weight(two, descriptor) - worst_weight(one, descriptor)


def output_weight(script: bytes) -> int:
    """Weight units of an output."""
    return 4 * len(TxOut(0, script).serialise())


def vsize(unsigned: Transaction, descriptor: Descriptor) -> int:
    """Virtual bytes of the signed transaction at most. Raises `PsbtError` (``psbt.too_heavy``)."""
    weight = worst_weight(unsigned, descriptor)
    if weight > MAX_WEIGHT:
        raise PsbtError(
            "too_heavy",
            f"expected at most {MAX_WEIGHT} weight units, found {weight} with {len(unsigned.inputs)} inputs",
            hint="Nodes do not relay it. Spend in several transactions, or consolidate first.",
        )
    return (weight + 3) // 4


def fee_of(vbytes: int, fee_rate: Decimal) -> int:
    """The fee in satoshi, rounded up."""
    return int(CONTEXT.multiply(fee_rate, Decimal(vbytes)).to_integral_value(rounding=ROUND_CEILING))


def dust_limit(script: bytes) -> int:
    """The smallest amount in satoshi that nodes relay to a script (Bitcoin Core, `GetDustThreshold`)."""
    witness = len(script) >= 4 and script[0] in {0, *range(0x51, 0x61)} and script[1] == len(script) - 2
    spending = _SPENDS_WITNESS if witness else _SPENDS_LEGACY
    return _DUST_RATE * (len(TxOut(0, script).serialise()) + spending)


def require_rate(fee_rate: Decimal) -> None:
    """Raises `PsbtError` (``psbt.fee_rate``) for a rate that is none."""
    if not 0 < fee_rate <= MAX_FEE_RATE:
        raise PsbtError("fee_rate", f"expected a fee rate up to {MAX_FEE_RATE} sat/vB, found {fee_rate}")


def require_payments(payments: tuple[tuple[bytes, Amount], ...]) -> None:
    """Raises `PsbtError` for amounts that are not positive bitcoin, or that nodes would not relay."""
    for number, (script, amount) in enumerate(payments):
        if amount.asset != BTC or amount.units <= 0:
            raise PsbtError("bad_amount", f"expected a positive amount of bitcoin, found {amount}")
        if amount.units < dust_limit(script):
            raise PsbtError(
                "dust", f"output {number}: expected at least {dust_limit(script)} sat, found {amount.units}"
            )
