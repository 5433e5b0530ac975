"""Rules a transaction must meet to be relayed: consensus checks without the chain, then standardness.

Follows bitcoind 29 (src/consensus/tx_check.cpp, src/policy/policy.cpp) and refuses with its strings.
Signature operation counts and package relay are not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.chains.errors import Reject, TransactionRefusedError
from emulator.chains.script import ScriptType, classify, is_push_only, witness_program
from emulator.chains.transaction import SEQUENCE_FINAL, WITNESS_SCALE, Transaction, TxOut, compact_size

MAX_MONEY = 21_000_000 * 100_000_000
MAX_BLOCK_WEIGHT = 4_000_000
MAX_STANDARD_TX_WEIGHT = 400_000
MIN_STANDARD_TX_NONWITNESS_SIZE = 65  # below 65 bytes a transaction can pose as a merkle node
MAX_STANDARD_SCRIPTSIG_SIZE = 1650
MAX_OP_RETURN_RELAY = 83
MAX_STANDARD_P2WSH_STACK_ITEMS = 100
MAX_STANDARD_P2WSH_STACK_ITEM_SIZE = 80
MAX_STANDARD_P2WSH_SCRIPT_SIZE = 3600
MAX_STANDARD_TX_VERSION = 3
LOCKTIME_THRESHOLD = 500_000_000  # below: block height, from here: unix time (BIP65)
SEQUENCE_LOCKTIME_DISABLE = 1 << 31  # BIP68
SEQUENCE_LOCKTIME_TYPE = 1 << 22
SEQUENCE_LOCKTIME_MASK = 0xFFFF
SEQUENCE_LOCKTIME_GRANULARITY = 9
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_ANNEX_TAG = 0x50
_TAPSCRIPT_LEAF = 0xC0


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """Settings of the mempool, as a node's operator may choose them. Rates are sat per 1,000 vB."""

    min_relay_rate: int = 1000
    incremental_relay_rate: int = 1000
    dust_relay_rate: int = 3000
    full_rbf: bool = False  # False: BIP125 signalling is required, a silent double spend is a conflict
    max_ancestors: int = 25
    max_descendants: int = 25
    max_replacements: int = 100

    def min_relay_fee(self, vsize: int) -> int:
        return _fee(self.min_relay_rate, vsize)

    def incremental_fee(self, vsize: int) -> int:
        return _fee(self.incremental_relay_rate, vsize)

    def dust_threshold(self, output: TxOut) -> int:
        """Least amount for which an output is worth spending (bitcoind's GetDustThreshold)."""
        if classify(output.script_pubkey) is ScriptType.OP_RETURN:
            return 0
        size = 8 + len(compact_size(len(output.script_pubkey))) + len(output.script_pubkey)
        spend = 32 + 4 + 1 + 107 // WITNESS_SCALE + 4 if witness_program(output.script_pubkey) else 148
        return _fee(self.dust_relay_rate, size + spend)


def _fee(rate: int, vsize: int) -> int:
    return (rate * vsize + 999) // 1000


def check_transaction(tx: Transaction) -> None:
    """Consensus checks that need no chain (bitcoind's CheckTransaction)."""
    if not tx.inputs:
        raise TransactionRefusedError(Reject.VIN_EMPTY)
    if not tx.outputs:
        raise TransactionRefusedError(Reject.VOUT_EMPTY)
    if len(tx.stripped) * WITNESS_SCALE > MAX_BLOCK_WEIGHT:
        raise TransactionRefusedError(Reject.OVERSIZE)
    total = 0
    for output in tx.outputs:
        if output.amount_sat < 0:
            raise TransactionRefusedError(Reject.VOUT_NEGATIVE)
        if output.amount_sat > MAX_MONEY:
            raise TransactionRefusedError(Reject.VOUT_TOO_LARGE)
        total += output.amount_sat
        if total > MAX_MONEY:
            raise TransactionRefusedError(Reject.TXOUT_TOTAL_TOO_LARGE)
    if len({txin.prevout for txin in tx.inputs}) != len(tx.inputs):
        raise TransactionRefusedError(Reject.DUPLICATE_INPUTS)
    if tx.is_coinbase:
        raise TransactionRefusedError(Reject.COINBASE)
    if any(txin.is_coinbase for txin in tx.inputs):
        raise TransactionRefusedError(Reject.PREVOUT_NULL)


def check_standard(tx: Transaction, rules: PolicyRules) -> None:
    """Relay policy on the transaction alone (bitcoind's IsStandardTx)."""
    if not 1 <= tx.version <= MAX_STANDARD_TX_VERSION:
        raise TransactionRefusedError(Reject.VERSION)
    if tx.weight > MAX_STANDARD_TX_WEIGHT:
        raise TransactionRefusedError(Reject.TX_SIZE)
    for txin in tx.inputs:
        if len(txin.script_sig) > MAX_STANDARD_SCRIPTSIG_SIZE:
            raise TransactionRefusedError(Reject.SCRIPTSIG_SIZE)
        if not is_push_only(txin.script_sig):
            raise TransactionRefusedError(Reject.SCRIPTSIG_NOT_PUSHONLY)
    carriers = 0
    for index, output in enumerate(tx.outputs):
        kind = classify(output.script_pubkey)
        if kind in (ScriptType.UNKNOWN, ScriptType.EMPTY):
            raise TransactionRefusedError(Reject.SCRIPTPUBKEY)
        if kind is ScriptType.OP_RETURN:
            carriers += 1
            if len(output.script_pubkey) > MAX_OP_RETURN_RELAY:
                raise TransactionRefusedError(Reject.SCRIPTPUBKEY)
        least = rules.dust_threshold(output)
        if output.amount_sat < least:
            raise TransactionRefusedError(Reject.DUST, f"output {index}: {output.amount_sat} < {least}")
    if carriers > 1:
        raise TransactionRefusedError(Reject.MULTI_OP_RETURN)
    if len(tx.stripped) < MIN_STANDARD_TX_NONWITNESS_SIZE:
        raise TransactionRefusedError(Reject.TX_SIZE_SMALL)


def check_final(tx: Transaction, next_height: int, median_time: int) -> None:
    """Refuse a locktime that the next block cannot meet yet (BIP113: median time past)."""
    if tx.locktime == 0 or all(txin.sequence == SEQUENCE_FINAL for txin in tx.inputs):
        return
    reached = next_height if tx.locktime < LOCKTIME_THRESHOLD else median_time
    if tx.locktime >= reached:
        raise TransactionRefusedError(Reject.NON_FINAL)


@dataclass(frozen=True, slots=True)
class CoinAge:
    """What BIP68 measures from: the coin's height and the median time before its block."""

    height: int
    median_time_before: int


def check_sequence_locks(
    tx: Transaction, ages: Sequence[CoinAge], next_height: int, median_time: int
) -> None:
    """Refuse relative locktimes that the next block cannot meet yet (BIP68)."""
    if tx.version < 2:
        return
    for txin, age in zip(tx.inputs, ages, strict=True):
        if txin.sequence & SEQUENCE_LOCKTIME_DISABLE:
            continue
        value = txin.sequence & SEQUENCE_LOCKTIME_MASK
        if txin.sequence & SEQUENCE_LOCKTIME_TYPE:
            met = median_time >= age.median_time_before + (value << SEQUENCE_LOCKTIME_GRANULARITY)
        else:
            met = next_height >= age.height + value
        if not met:
            raise TransactionRefusedError(Reject.NON_BIP68_FINAL)


def check_inputs_standard(tx: Transaction, spent: Sequence[TxOut]) -> None:
    """Relay policy on inputs and witnesses (bitcoind's AreInputsStandard and IsWitnessStandard)."""
    for txin, output in zip(tx.inputs, spent, strict=True):
        kind = classify(output.script_pubkey)
        if kind in (ScriptType.UNKNOWN, ScriptType.EMPTY, ScriptType.OP_RETURN, ScriptType.WITNESS_UNKNOWN):
            raise TransactionRefusedError(Reject.NONSTANDARD_INPUTS)
        if txin.witness and not _witness_is_standard(txin.witness, txin.script_sig, output.script_pubkey):
            raise TransactionRefusedError(Reject.WITNESS_NONSTANDARD)
        _check_low_s(txin.witness)


def _witness_is_standard(witness: tuple[bytes, ...], script_sig: bytes, script_pubkey: bytes) -> bool:
    kind = classify(script_pubkey)
    if kind is ScriptType.P2SH:
        redeem = script_sig[1:] if script_sig and script_sig[0] == len(script_sig) - 1 else b""
        kind = classify(redeem) if witness_program(redeem) else ScriptType.UNKNOWN
        if kind is ScriptType.P2TR:
            return False
    if kind is ScriptType.P2WSH:
        return (
            len(witness[-1]) <= MAX_STANDARD_P2WSH_SCRIPT_SIZE
            and len(witness) - 1 <= MAX_STANDARD_P2WSH_STACK_ITEMS
            and all(len(item) <= MAX_STANDARD_P2WSH_STACK_ITEM_SIZE for item in witness[:-1])
        )
    if kind is ScriptType.P2TR:
        if len(witness) >= 2 and witness[-1][:1] == bytes([_ANNEX_TAG]):
            return False
        is_tapscript = len(witness) >= 2 and witness[-1] and witness[-1][0] & 0xFE == _TAPSCRIPT_LEAF
        return not is_tapscript or all(
            len(item) <= MAX_STANDARD_P2WSH_STACK_ITEM_SIZE for item in witness[:-2]
        )
    return kind is ScriptType.P2WPKH


def _check_low_s(witness: tuple[bytes, ...]) -> None:
    # BIP146's low S rule is policy, not consensus, so the kernel's flags do not include it.
    for item in witness:
        if not (68 <= len(item) <= 73 and item[0] == 0x30 and item[2] == 0x02 and item[3] <= 33):
            continue
        at = 4 + item[3]
        if at + 2 < len(item) and item[at] == 0x02:
            s_value = int.from_bytes(item[at + 2 : at + 2 + item[at + 1]], "big")
            if s_value > _HALF_ORDER:
                raise TransactionRefusedError(
                    Reject.SCRIPT_POLICY, "Non-canonical signature: S value is unnecessarily high"
                )
