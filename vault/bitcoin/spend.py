"""Value types of a spend: what is expected, what was proven, and what may be broadcast.

A `VerifiedSpend` is made by `verify.verify_psbt` only (and grows signatures by `verify.collect`); a
`FinalTransaction` by `verify_signed` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from vault.address import Network, address_of
from vault.bitcoin.descriptor import Descriptor, Place
from vault.bitcoin.transaction import OutPoint, Transaction, TxOut
from vault.errors import AddressError
from vault.money import Amount

# Replaceable (BIP125), no relative locktime (BIP68): the sequence this program builds with.
RBF_SEQUENCE: Final = 0xFFFFFFFD


@dataclass(frozen=True, slots=True)
class FeeRange:
    """A planned fee that is not exact: both ends belong to it."""

    least: Amount
    most: Amount

    def __str__(self) -> str:
        return f"{self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class ExpectedSpend:
    """What the plan says. `payments` are (output script, amount), each to be found exactly once.

    `change_gap`: the first index that is too far to be believed. `inputs`: the exact coins to be spent,
    in any order; None leaves the choice open (every coin must still be ours). `fee`: the fee planned,
    exact or a range; None leaves it to the caps, up to which change can be shaved into the fee.
    `max_change`: change outputs allowed, 0 or 1. `confirmed`: the coins that the chain is known to have
    confirmed, others are refused; None allows unconfirmed inputs (replacement, CPFP). `in_progress`: the
    PSBT may carry signatures of a group's cosigners, each of which is proven.
    """

    descriptor: Descriptor
    payments: tuple[tuple[bytes, Amount], ...]
    network: Network
    change_gap: int = 1000
    locktime: int = 0
    sequence: int = RBF_SEQUENCE
    version: int = 2
    inputs: tuple[OutPoint, ...] | None = None
    fee: Amount | FeeRange | None = None
    max_change: int = 1
    confirmed: frozenset[OutPoint] | None = None
    in_progress: bool = False


@dataclass(frozen=True, slots=True)
class FeeLimits:
    """Caps on the network fee: absolute, sat/vB at the worst-case size, and share of what is paid.

    Where nothing but change is made the share is of the change.
    """

    max_fee: Amount
    max_fee_rate: Decimal
    max_fee_share: Decimal


@dataclass(frozen=True, slots=True)
class PartialSignature:
    """A cosigner's signature of an input: derived key, strict DER without the sighash byte."""

    input: int
    key: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class VerifiedInput:
    """A coin proven to be ours: value from its hashed previous transaction, script re-derived."""

    outpoint: OutPoint
    amount: Amount
    sequence: int
    place: Place
    previous: bytes

    @property
    def script(self) -> bytes:
        """The output script it spends."""
        return self.place.script_pubkey

    @property
    def spent(self) -> TxOut:
        """The output it spends."""
        return TxOut(self.amount.units, self.place.script_pubkey)


@dataclass(frozen=True, slots=True)
class VerifiedOutput:
    """Output number `output`, a planned payment."""

    output: int
    script: bytes
    amount: Amount


@dataclass(frozen=True, slots=True)
class VerifiedChange:
    """Output number `output`, derived again from our descriptor."""

    output: int
    amount: Amount
    place: Place

    @property
    def script(self) -> bytes:
        """The output script."""
        return self.place.script_pubkey


@dataclass(frozen=True, slots=True)
class VerifiedSpend:
    """A PSBT that says what the plan says. `fee_rate` is sat/vB at `worst_vsize`.

    `txid` is that of the unsigned transaction; a scriptSig (p2pkh, and both kinds under p2sh) makes
    another one of it, which only the `FinalTransaction` knows.
    `partial` are the signatures of a group's cosigners so far, each proven, in order of input and key.
    """

    psbt: bytes
    expected: ExpectedSpend
    unsigned: Transaction
    txid: str
    inputs: tuple[VerifiedInput, ...]
    payments: tuple[VerifiedOutput, ...]
    change: VerifiedChange | None
    fee: Amount
    worst_vsize: int
    fee_rate: Decimal
    partial: tuple[PartialSignature, ...] = ()

    @property
    def spent(self) -> tuple[TxOut, ...]:
        """The proven outputs it spends, in the inputs' order."""
        return tuple(each.spent for each in self.inputs)

    @property
    def missing(self) -> int:
        """Signatures that the input with the fewest still lacks."""
        have = [0] * len(self.inputs)
        for each in self.partial:
            have[each.input] += 1
        return max(0, *(one.place.threshold - count for one, count in zip(self.inputs, have, strict=True)))


@dataclass(frozen=True, slots=True)
class FinalTransaction:
    """A transaction whose every signature and script was checked; `raw` may be broadcast."""

    raw: bytes
    txid: str
    wtxid: str
    fee: Amount
    vsize: int


@dataclass(frozen=True, slots=True)
class SpendLine:
    """One input, payment or change as shown to a person; `note` says how it was proven."""

    what: str
    amount: Amount
    note: str


@dataclass(frozen=True, slots=True)
class SpendDescription:
    """A verified spend in words. Addresses are whole."""

    txid: str
    inputs: tuple[SpendLine, ...]
    payments: tuple[SpendLine, ...]
    change: SpendLine | None
    fee: Amount
    fee_rate: Decimal
    worst_vsize: int
    locktime: int
    replaceable: bool


def describe(verified: VerifiedSpend) -> SpendDescription:
    """What a person should be shown before signing."""
    network = verified.expected.network
    change = verified.change
    return SpendDescription(
        txid=verified.txid,
        inputs=tuple(
            SpendLine(str(each.outpoint), each.amount, f"ours, at {each.place.where}")
            for each in verified.inputs
        ),
        payments=tuple(
            SpendLine(_where(each.script, network), each.amount, "as planned") for each in verified.payments
        ),
        change=None
        if change is None
        else SpendLine(
            _where(change.script, network),
            change.amount,
            f"derived again from our descriptor at {change.place.where}",
        ),
        fee=verified.fee,
        fee_rate=verified.fee_rate,
        worst_vsize=verified.worst_vsize,
        locktime=verified.unsigned.locktime,
        replaceable=any(each.sequence <= RBF_SEQUENCE for each in verified.unsigned.inputs),
    )


def _where(script: bytes, network: Network) -> str:
    try:
        return address_of(script, network)
    except AddressError:
        return f"script {script.hex()}"
