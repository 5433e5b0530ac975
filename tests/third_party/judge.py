"""What is expected of a client's results, by others: addresses by embit, scripts by libbitcoinkernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pbk
from embit import bip32, bip39, script
from embit.networks import NETWORKS
from embit.psbt import PSBT, DerivationPath
from embit.transaction import Transaction, TransactionInput, TransactionOutput
from pbk.script import PrecomputedTransactionData

MNEMONIC = "abandon " * 11 + "about"
FINGERPRINT = "73c5da0a"
ROOT = bip32.HDKey.from_seed(bip39.mnemonic_to_seed(MNEMONIC), version=NETWORKS["test"]["xprv"])
ALL_FLAGS = 0
for _flag in pbk.ScriptVerificationFlags:
    ALL_FLAGS |= _flag

Script = Any  # embit is not typed


def pkh(path: str) -> Script:
    return script.p2pkh(ROOT.derive(path).get_public_key())


def wpkh(path: str) -> Script:
    return script.p2wpkh(ROOT.derive(path).get_public_key())


def address(output: Script) -> str:
    """On testnet."""
    return str(output.address(NETWORKS["test"]))


@dataclass(frozen=True, slots=True)
class Coin:
    """An output of a previous transaction made up for a path of the wallet."""

    path: str
    script: Script
    amount: int
    prev: Transaction

    @classmethod
    def at(cls, path: str, output: Script, amount: int, number: int) -> Coin:
        prev = Transaction(
            version=2,
            vin=[TransactionInput(bytes([number + 1]) * 32, 3, sequence=0xFFFFFFFE)],
            vout=[TransactionOutput(amount, output)],
            locktime=number,
        )
        return cls(path, output, amount, prev)

    @property
    def input(self) -> TransactionInput:
        return TransactionInput(self.prev.txid(), 0, sequence=0xFFFFFFFD)


def accepted_by_kernel(serialized: bytes, coins: list[Coin]) -> bool:
    """Whether libbitcoinkernel accepts every input of a transaction that spends these coins."""
    tx = pbk.Transaction(serialized)
    spent = [pbk.TransactionOutput(pbk.ScriptPubkey(coin.script.data), coin.amount) for coin in coins]
    data = PrecomputedTransactionData(tx, spent)
    return all(
        pbk.ScriptPubkey(coin.script.data).verify(coin.amount, tx, data, index, ALL_FLAGS)
        for index, coin in enumerate(coins)
    )


def psbt(coins: list[Coin], payments: list[tuple[int, Script]], change: tuple[int, str]) -> PSBT:
    """A PSBT (version 0) with everything a hardware wallet wants to know."""
    amount, change_path = change
    outputs = [TransactionOutput(value, output) for value, output in payments]
    outputs.append(TransactionOutput(amount, wpkh(change_path)))
    made = PSBT(Transaction(version=2, vin=[coin.input for coin in coins], vout=outputs, locktime=0))
    for scope, coin in zip(made.inputs, coins, strict=True):
        scope.non_witness_utxo = coin.prev
        if coin.script.script_type() == "p2wpkh":
            scope.witness_utxo = coin.prev.vout[0]
        scope.bip32_derivations = _derivation(coin.path)
    made.outputs[-1].bip32_derivations = _derivation(change_path)
    return made


def _derivation(path: str) -> dict[object, object]:
    origin = DerivationPath(bytes.fromhex(FINGERPRINT), bip32.parse_path(path))
    return {ROOT.derive(path).get_public_key(): origin}
