"""What a plan binds of an Ethereum transaction of ours: everything but signatures.

Pure data; amounts are integers of wei or base units, addresses EIP-55, data ``0x`` and hex digits.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SafeCall:
    """What the owners of a Safe sign: one call, never a delegatecall, and no refund to anybody.

    `implementation` is the singleton that the proxy ran and `version` what it called itself when the plan was
    made; `owners` and `threshold` are as the chain said then. The operation is CALL (0), and safeTxGas,
    baseGas, gasPrice, gasToken and refundReceiver are zero: they are no part of it because nothing else is
    ever signed.
    """

    address: str
    version: str
    implementation: str
    nonce: int
    to: str
    value: int
    data: str
    owners: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class EthereumCall:
    """One transaction of type 2 that `sender` signs, whose gas it pays; `account` is its name with us.

    Of a Safe, `to` is the Safe and `data` is empty until its owners have signed: the transaction then is
    execTransaction with exactly `safe` and their signatures. `block` is the height at which it was simulated.
    `data_fee` is what an OP chain takes at most beside gas, by its oracle's word; 0 on every other chain.
    """

    chain_id: int
    account: str
    sender: str
    nonce: int
    gas_limit: int
    max_fee: int
    max_priority_fee: int
    to: str
    value: int
    data: str
    block: int
    safe: SafeCall | None = None
    data_fee: int = 0

    @property
    def max_gas_cost(self) -> int:
        """The most that it can cost beside its value, in wei."""
        return self.gas_limit * self.max_fee + self.data_fee
