"""What this chain refuses, as typed errors that carry bitcoind's own reject strings.

`TransactionRefusedError` is a refusal by mempool policy or consensus, `RefusedByNodeError` one by a real
node, `BlockRefusedError` one by block validation; all say which rule and with which numbers.
"""

from __future__ import annotations

from enum import StrEnum

# JSON-RPC error codes of bitcoind (src/rpc/protocol.h), which Esplora passes through in its answer.
RPC_DESERIALIZATION_ERROR = -22
RPC_TRANSACTION_ERROR = -25
RPC_TRANSACTION_REJECTED = -26
RPC_TRANSACTION_ALREADY_IN_UTXO_SET = -27


class Reject(StrEnum):
    """bitcoind's reject reasons (src/validation.cpp, src/policy/policy.cpp, consensus/tx_verify.cpp)."""

    DECODE = "TX decode failed"
    VIN_EMPTY = "bad-txns-vin-empty"
    VOUT_EMPTY = "bad-txns-vout-empty"
    OVERSIZE = "bad-txns-oversize"
    VOUT_NEGATIVE = "bad-txns-vout-negative"
    VOUT_TOO_LARGE = "bad-txns-vout-toolarge"
    TXOUT_TOTAL_TOO_LARGE = "bad-txns-txouttotal-toolarge"
    DUPLICATE_INPUTS = "bad-txns-inputs-duplicate"
    PREVOUT_NULL = "bad-txns-prevout-null"
    COINBASE = "coinbase"
    VERSION = "version"
    TX_SIZE = "tx-size"
    TX_SIZE_SMALL = "tx-size-small"
    SCRIPTSIG_SIZE = "scriptsig-size"
    SCRIPTSIG_NOT_PUSHONLY = "scriptsig-not-pushonly"
    SCRIPTPUBKEY = "scriptpubkey"
    MULTI_OP_RETURN = "multi-op-return"
    DUST = "dust"
    NON_FINAL = "non-final"
    NON_BIP68_FINAL = "non-BIP68-final"
    SAME_NONWITNESS = "txn-same-nonwitness-data-in-mempool"
    ALREADY_KNOWN = "txn-already-known"
    MEMPOOL_CONFLICT = "txn-mempool-conflict"
    MISSING_INPUTS = "bad-txns-inputs-missingorspent"
    PREMATURE_COINBASE = "bad-txns-premature-spend-of-coinbase"
    IN_BELOW_OUT = "bad-txns-in-belowout"
    NONSTANDARD_INPUTS = "bad-txns-nonstandard-inputs"
    WITNESS_NONSTANDARD = "bad-witness-nonstandard"
    MIN_RELAY_FEE = "min relay fee not met"
    TOO_LONG_CHAIN = "too-long-mempool-chain"
    INSUFFICIENT_FEE = "insufficient fee"
    TOO_MANY_REPLACEMENTS = "too many potential replacements"
    REPLACEMENT_ADDS_UNCONFIRMED = "replacement-adds-unconfirmed"
    SPENDS_CONFLICTING = "bad-txns-spends-conflicting-tx"
    SCRIPT = "mandatory-script-verify-flag-failed"
    SCRIPT_POLICY = "non-mandatory-script-verify-flag"


_RPC_CODES = {
    Reject.DECODE: RPC_DESERIALIZATION_ERROR,
    Reject.MISSING_INPUTS: RPC_TRANSACTION_ERROR,
    Reject.ALREADY_KNOWN: RPC_TRANSACTION_ALREADY_IN_UTXO_SET,
}


class ChainError(Exception):
    """Base of everything this package raises on purpose."""


class NotTakenError(ChainError):
    """A transaction did not get into the mempool: the line bitcoind prints for it, and its RPC's code."""

    @property
    def message(self) -> str:
        raise NotImplementedError

    @property
    def rpc_code(self) -> int:
        raise NotImplementedError


class RefusedByNodeError(NotTakenError):
    """A real node's refusal, in its own words."""

    def __init__(self, message: str, rpc_code: int) -> None:
        self._message, self._rpc_code = message, rpc_code
        super().__init__(message)

    @property
    def message(self) -> str:
        return self._message

    @property
    def rpc_code(self) -> int:
        return self._rpc_code


class TransactionRefusedError(NotTakenError):
    """Our own mempool did not take a transaction: `reject` is the rule, `detail` the numbers."""

    def __init__(self, reject: Reject, detail: str = "") -> None:
        self.reject = reject
        self.detail = detail
        super().__init__(self.message)

    @property
    def message(self) -> str:
        if self.reject in (Reject.SCRIPT, Reject.SCRIPT_POLICY):
            return f"{self.reject.value} ({self.detail})"
        return f"{self.reject.value}, {self.detail}" if self.detail else self.reject.value

    @property
    def rpc_code(self) -> int:
        return _RPC_CODES.get(self.reject, RPC_TRANSACTION_REJECTED)


class BlockRefusedError(ChainError):
    """A block was not taken; `reason` is the judge's own word (for example `bad-cb-amount`)."""

    def __init__(self, block_hash: str, reason: str) -> None:
        self.block_hash = block_hash
        self.reason = reason
        super().__init__(f"block {block_hash} refused: {reason}")


class UnknownBlockError(ChainError):
    """A block hash or height that this chain does not have."""


class FaucetEmptyError(ChainError):
    """More was asked of the faucet than its matured coinbases hold."""


class AddressError(ChainError, ValueError):
    """A string that is not a regtest address."""
