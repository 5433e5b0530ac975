"""A PSBT out of coins, payments and a fee, with every field a signer of this wallet needs.

Refuses outputs that the coins do not cover (``psbt.insufficient_funds``). Which coins is decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from vault.bitcoin.descriptor import Descriptor, Place
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In, Out
from vault.bitcoin.psbt.maps import FieldMap, KeyOrigin, PsbtInput, PsbtOutput
from vault.bitcoin.spend import RBF_SEQUENCE
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.wallet import weights
from vault.bitcoin.wallet.coins import Coin
from vault.errors import PsbtError
from vault.money import BTC, Amount

TX_VERSION: Final = 2

Payments = tuple[tuple[bytes, Amount], ...]


@dataclass(frozen=True, slots=True)
class BuiltPsbt:
    """A PSBT as built, with everything a plan must pin. `payments` hold the drained amount too.

    `vsize` is the worst case; `change_index` None when there is no change output. `algorithm` says how
    the coins were chosen and `waste` (satoshi, Bitcoin Core's metric) how well, against `considered`;
    empty where there was no choice.
    """

    psbt: bytes
    txid: str
    payments: Payments
    inputs: tuple[OutPoint, ...]
    change_index: int | None
    fee: Amount
    vsize: int
    version: int
    locktime: int
    sequence: int
    algorithm: str = ""
    waste: int = 0
    considered: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction with its amounts settled. `change` is the last output where `has_change`."""

    coins: tuple[Coin, ...]
    unsigned: Transaction
    fee: int
    vsize: int
    has_change: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid and how: outputs keep their order, change goes last to `change_index`."""

    descriptor: Descriptor
    payments: Payments
    fee_rate: Decimal
    change_index: int
    locktime: int = 0

    @property
    def paid(self) -> int:
        """Satoshi that the payments take, the fee aside."""
        return sum(amount.units for _, amount in self.payments)

    @property
    def change_script(self) -> bytes:
        return self.descriptor.script_pubkey(True, self.change_index)


def draft(order: Order, coins: Sequence[Coin], fee_rule: Callable[[int], int] | None = None) -> Draft:
    """Settle amounts: the fee first, and change unless it would be dust.

    `fee_rule` gives the fee in satoshi for a size in vbytes; without it the order's rate does. Raises
    `PsbtError`.
    """
    chosen = tuple(sorted(coins, key=lambda coin: coin.outpoint))
    total = sum(coin.amount.units for coin in chosen)
    fee_for = fee_rule or (lambda vbytes: weights.fee_of(vbytes, order.fee_rate))
    bare, script = unsigned_of(order, chosen), order.change_script
    changed = replace(bare, outputs=(*bare.outputs, TxOut(0, script)))
    vsize = weights.vsize(changed, order.descriptor)
    change = total - order.paid - fee_for(vsize)
    if change >= weights.dust_limit(script):
        unsigned = replace(bare, outputs=(*bare.outputs, TxOut(change, script)))
        return Draft(chosen, unsigned, fee_for(vsize), vsize, True)
    if not bare.outputs:
        raise short_of_funds(fee_for(vsize) + weights.dust_limit(script), total)
    vsize = weights.vsize(bare, order.descriptor)
    if total < order.paid + fee_for(vsize):
        raise short_of_funds(order.paid + fee_for(vsize), total)
    return Draft(chosen, bare, total - order.paid, vsize, False)


def unsigned_of(order: Order, chosen: Sequence[Coin]) -> Transaction:
    """The transaction of an order without change, its coins in the order given."""
    inputs = tuple(TxIn(coin.outpoint, b"", RBF_SEQUENCE) for coin in chosen)
    outputs = tuple(TxOut(amount.units, script) for script, amount in order.payments)
    return Transaction(TX_VERSION, inputs, outputs, order.locktime)


def short_of_funds(needed: int, available: int) -> PsbtError:
    """The coins do not cover the payments and the fee (satoshi)."""
    need, have = Amount(BTC, needed), Amount(BTC, available)
    return PsbtError(
        "insufficient_funds",
        f"expected {need} confirmed with the fee, found {have}",
        hint="Wait for confirmations or send less.",
        needed=need.number,
        available=have.number,
    )


def finish(order: Order, settled: Draft, previous: Mapping[str, bytes]) -> BuiltPsbt:
    """The PSBT (version 0): previous transactions by id, and what our descriptor says of each place."""
    unsigned, descriptor = settled.unsigned, order.descriptor
    psbt = Psbt.create(unsigned)
    inputs = tuple(
        _input_fields(descriptor.place(coin.change, coin.index), coin, previous[coin.outpoint.txid])
        for coin in settled.coins
    )
    outputs = list(psbt.outputs)
    if settled.has_change:
        place = descriptor.place(True, order.change_index)
        outputs[-1] = PsbtOutput(_key_fields(FieldMap(()), Out, place).fields)
    return BuiltPsbt(
        psbt=replace(psbt, inputs=inputs, outputs=tuple(outputs)).serialise(),
        txid=unsigned.txid,
        payments=order.payments,
        inputs=tuple(each.outpoint for each in unsigned.inputs),
        change_index=order.change_index if settled.has_change else None,
        fee=Amount(BTC, settled.fee),
        vsize=settled.vsize,
        version=unsigned.version,
        locktime=unsigned.locktime,
        sequence=RBF_SEQUENCE,
    )


def _input_fields(place: Place, coin: Coin, previous: bytes) -> PsbtInput:
    if place.script_pubkey != coin.script:
        raise PsbtError(
            "derivation_differs",
            f"{coin.outpoint}: expected the script at {place.where}, found {coin.script.hex()}",
            hint="The wallet's state file is damaged. Move it away; the next sync builds it again.",
        )
    fields = FieldMap(()).put(In.NON_WITNESS_UTXO, previous)
    if place.kind != "p2pkh":
        fields = fields.put(In.WITNESS_UTXO, TxOut(coin.amount.units, coin.script).serialise())
    return PsbtInput(_key_fields(fields, In, place).fields)


def _key_fields(fields: FieldMap, kinds: type[In] | type[Out], place: Place) -> FieldMap:
    """Scripts and key origins of a place, as signers of its kind look for them (BIP174, BIP371)."""
    taproot = place.kind == "p2tr"
    if place.redeem_script:
        fields = fields.put(kinds.REDEEM_SCRIPT, place.redeem_script)
    if place.witness_script:
        fields = fields.put(kinds.WITNESS_SCRIPT, place.witness_script)
    if taproot:
        fields = fields.put(kinds.TAP_INTERNAL_KEY, place.keys[0].key[1:])
    for each in place.keys:
        key = each.key[1:] if taproot else each.key
        kind = kinds.TAP_BIP32_DERIVATION if taproot else kinds.BIP32_DERIVATION
        fields = fields.put(kind, KeyOrigin(key, each.fingerprint, each.path).value(taproot=taproot), key)
    return fields
