"""A signed transaction as the node takes it from the wire: decoded by py-evm, its sender recovered.

Refuses what go-ethereum refuses before it looks at any state. Blob transactions are not supported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth._utils.address import generate_contract_address
from eth.abc import SignedTransactionAPI
from eth.vm.forks.prague import PragueVM
from eth_keys.datatypes import PrivateKey

from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.hexes import hashed

LEGACY, ACCESS_LIST, DYNAMIC_FEE, SET_CODE = 0, 1, 2, 4
MAX_TRANSACTION_BYTES = 128 * 1024
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
MAX_INIT_CODE = 49_152
FLOOR_PER_TOKEN = 10  # EIP-7623
BUILDER = PragueVM.get_transaction_builder()

AccessList = Sequence[tuple[bytes, Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Execution:
    """What the EVM needs of a transaction or of a call; `to` is empty for a contract creation."""

    sender: bytes
    to: bytes
    value: int
    data: bytes
    gas: int
    nonce: int = 0
    max_fee_per_gas: int = 0
    max_priority_fee_per_gas: int = 0
    access_list: AccessList = ()
    authorization_list: Sequence[object] = ()
    type_id: int = DYNAMIC_FEE

    @property
    def intrinsic_gas(self) -> int:
        """Gas before the first instruction: EIP-2028, EIP-2930, EIP-3860, EIP-7702."""
        gas = 21_000 + _tokens(self.data) * 4
        if not self.to:
            gas += 32_000 + 2 * ((len(self.data) + 31) // 32)
        gas += sum(2_400 + 1_900 * len(slots) for _, slots in self.access_list)
        return gas + 25_000 * len(self.authorization_list)

    @property
    def floor_gas(self) -> int:
        """EIP-7623: the least gas that calldata of this size costs."""
        return 21_000 + FLOOR_PER_TOKEN * _tokens(self.data)

    @property
    def created(self) -> bytes | None:
        """Address of the contract it makes."""
        return None if self.to else bytes(generate_contract_address(self.sender, self.nonce))  # type: ignore[arg-type]


def _tokens(data: bytes) -> int:
    zeros = data.count(0)
    return zeros + 4 * (len(data) - zeros)


@dataclass(frozen=True, slots=True)
class WireTransaction:
    """`max_fee` and `max_tip` are the gas price where there is only one; `chain_id` None: unprotected."""

    raw: bytes
    txid: str
    execution: Execution
    chain_id: int | None
    v: int
    r: int
    s: int

    @property
    def sender(self) -> bytes:
        return self.execution.sender

    @property
    def nonce(self) -> int:
        return self.execution.nonce

    @property
    def gas(self) -> int:
        return self.execution.gas

    @property
    def max_fee(self) -> int:
        return self.execution.max_fee_per_gas

    @property
    def max_tip(self) -> int:
        return self.execution.max_priority_fee_per_gas

    @property
    def cost(self) -> int:
        """The most it can take from the sender's balance."""
        return self.execution.value + self.gas * self.max_fee

    def effective_tip(self, base_fee: int) -> int:
        """What the block's maker gets per gas; negative when the fee does not cover the base fee."""
        return min(self.max_tip, self.max_fee - base_fee)

    def gas_price(self, base_fee: int) -> int:
        return min(self.max_fee, self.max_tip + base_fee)


def decode(raw: bytes, chain_id: int) -> WireTransaction:
    """Raises RpcRefusal with go-ethereum's words."""
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise RpcRefusal(f"oversized data: transaction size {len(raw)}, limit {MAX_TRANSACTION_BYTES}")
    if not raw:
        raise RpcRefusal("typed transaction too short")
    if raw[0] < 0xC0 and raw[0] not in (ACCESS_LIST, DYNAMIC_FEE, SET_CODE):
        raise RpcRefusal("transaction type not supported")
    try:
        signed = BUILDER.decode(raw)
        # py-evm reads a list of the right shape; the bytes must also be the canonical ones
        if bytes(signed.encode()) != raw:
            raise RpcRefusal("rlp: non-canonical encoding")
    except RpcRefusal:
        raise
    except Exception as error:
        raise RpcRefusal(f"rlp: {error}".split("\n", maxsplit=1)[0][:200]) from error
    return _read(signed, raw, chain_id)


def _read(signed: SignedTransactionAPI, raw: bytes, chain_id: int) -> WireTransaction:
    type_id = signed.type_id or LEGACY
    v, given_chain_id = _replay_protection(signed, type_id)
    _check_signature(signed)
    if given_chain_id is None:
        raise RpcRefusal("only replay-protected (EIP-155) transactions allowed over RPC")
    if given_chain_id != chain_id:
        raise RpcRefusal(
            f"invalid sender: invalid chain id for signer: have {given_chain_id} want {chain_id}"
        )
    priced = type_id in (LEGACY, ACCESS_LIST)
    try:
        sender = bytes(signed.sender)
    except Exception as error:
        raise RpcRefusal("invalid sender: invalid signature") from error
    execution = Execution(
        sender=sender,
        to=bytes(signed.to),
        value=signed.value,
        data=bytes(signed.data),
        gas=signed.gas,
        nonce=signed.nonce,
        max_fee_per_gas=signed.gas_price if priced else signed.max_fee_per_gas,
        max_priority_fee_per_gas=signed.gas_price if priced else signed.max_priority_fee_per_gas,
        access_list=() if type_id == LEGACY else signed.access_list,
        authorization_list=signed.authorization_list if type_id == SET_CODE else (),
        type_id=type_id,
    )
    return WireTransaction(raw, "0x" + hashed(raw).hex(), execution, given_chain_id, v, signed.r, signed.s)


def _replay_protection(signed: SignedTransactionAPI, type_id: int) -> tuple[int, int | None]:
    if type_id == LEGACY:
        v: int = signed.v  # type: ignore[attr-defined]
        return v, None if v in (27, 28) else (v - 35) // 2
    return signed.y_parity, signed.chain_id


def _check_signature(signed: SignedTransactionAPI) -> None:
    if signed.y_parity not in (0, 1) or not signed.r or not 0 < signed.s <= HALF_ORDER:
        raise RpcRefusal("invalid sender: invalid transaction v, r, s values")


def sign(
    key: PrivateKey,
    *,
    chain_id: int,
    nonce: int,
    to: bytes,
    value: int = 0,
    data: bytes = b"",
    gas: int = 21_000,
    max_fee: int,
    max_tip: int,
) -> bytes:
    """A raw EIP-1559 transaction; an empty `to` creates a contract."""
    unsigned = BUILDER.new_unsigned_dynamic_fee_transaction(  # type: ignore[attr-defined]
        chain_id, nonce, max_tip, max_fee, gas, to, value, data, ()
    )
    return bytes(unsigned.as_signed_transaction(key).encode())
