"""Keys of the emulator's own purses (faucet, hot wallet): p2wpkh only, and payments built from their coins.

These are the keys of invented parties; nothing here ever holds a key of the product.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from coincurve import PrivateKey

from emulator.chains.errors import ChainError
from emulator.chains.index import Coin
from emulator.chains.script import address_of, hash160, p2wpkh_script, script_hash
from emulator.chains.transaction import (
    MAX_BIP125_SEQUENCE,
    SIGHASH_ALL,
    Transaction,
    TxIn,
    TxOut,
    segwit_v0_sighash,
)

MIN_CHANGE = 1_000  # satoshi; below this change would cost more to spend than it is worth
_DUMMY_WITNESS = (b"\0" * 72, b"\0" * 33)


class InsufficientFundsError(ChainError, ValueError):
    """The coins given do not cover the amount and the fee."""


class Key:
    """A secp256k1 key that receives as p2wpkh."""

    def __init__(self, seed: bytes, label: str) -> None:
        secret = hashlib.sha256(b"emulator-key/" + label.encode() + b"/" + seed).digest()
        self._private = PrivateKey(secret)
        self.public: bytes = self._private.public_key.format(compressed=True)
        self.script = p2wpkh_script(self.public)
        self.scripthash = script_hash(self.script)
        self.address = address_of(self.script) or ""

    def sign_input(self, tx: Transaction, index: int, amount_sat: int) -> tuple[bytes, bytes]:
        """The witness of a p2wpkh input."""
        script_code = b"\x76\xa9\x14" + hash160(self.public) + b"\x88\xac"
        digest = segwit_v0_sighash(tx, index, script_code, amount_sat)
        signature = self._private.sign(digest, hasher=None)
        return signature + bytes([SIGHASH_ALL]), self.public


@dataclass(frozen=True, slots=True)
class OwnedCoin:
    coin: Coin
    key: Key


def build_payment(
    coins: Sequence[OwnedCoin], outputs: Sequence[TxOut], change_script: bytes, fee_rate: int
) -> Transaction:
    """Pay `outputs` from the largest coins first, at `fee_rate` sat/vB, and sign.

    Raises InsufficientFundsError.
    """
    chosen: list[OwnedCoin] = []
    target = sum(output.amount_sat for output in outputs)
    ordered = sorted(coins, key=lambda owned: (-owned.coin.output.amount_sat, owned.coin.outpoint))
    for owned in ordered:
        chosen.append(owned)
        available = sum(each.coin.output.amount_sat for each in chosen)
        fee = fee_rate * _draft(chosen, outputs).vsize
        if available < target + fee:
            continue
        with_change = [*outputs, TxOut(0, change_script)]
        change = available - target - fee_rate * _draft(chosen, with_change).vsize
        final = [*outputs, TxOut(change, change_script)] if change >= MIN_CHANGE else list(outputs)
        return sign(_draft(chosen, final), chosen)
    total = sum(owned.coin.output.amount_sat for owned in coins)
    raise InsufficientFundsError(
        f"expected {target} sat and fees, found {total} sat in {len(coins)} spendable coins"
    )


def _draft(coins: Sequence[OwnedCoin], outputs: Sequence[TxOut]) -> Transaction:
    inputs = tuple(TxIn(owned.coin.outpoint, b"", MAX_BIP125_SEQUENCE, _DUMMY_WITNESS) for owned in coins)
    return Transaction(2, inputs, tuple(outputs), 0)


def sign(tx: Transaction, coins: Sequence[OwnedCoin]) -> Transaction:
    """The transaction with the witness of every input, `coins` in the order of its inputs."""
    inputs = tuple(
        replace(txin, witness=owned.key.sign_input(tx, index, owned.coin.output.amount_sat))
        for index, (txin, owned) in enumerate(zip(tx.inputs, coins, strict=True))
    )
    return replace(tx, inputs=inputs)
