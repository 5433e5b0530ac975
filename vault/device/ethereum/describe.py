"""Ethereum requests as a person reads them beside the device, line by line and in full.

Refuses nothing: what is described was checked before.
"""

from __future__ import annotations

from vault.device.ethereum.request import EthereumAccount
from vault.device.paths import format_path
from vault.evm.transaction import EthereumTransaction, LegacyTransaction
from vault.evm.typed import TypedData, shown_values

_ETHER = 18
_GWEI = 9


def _decimal(value: int, decimals: int) -> str:
    whole, rest = divmod(value, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}".rstrip("0") if rest else str(whole)


def _signer(account: EthereumAccount) -> tuple[str, str]:
    return f"from: {account.address}", f"key: {format_path(account.path)}"


def describe_transaction(tx: EthereumTransaction, account: EthereumAccount) -> tuple[str, ...]:
    """The lines of the prompt."""
    lines = [
        *_signer(account),
        f"chain id: {tx.chain_id}",
        f"to: {tx.to}",
        f"value: {_decimal(tx.value, _ETHER)} ether ({tx.value} wei)",
        f"nonce: {tx.nonce}",
        f"gas limit: {tx.gas_limit}",
    ]
    price = tx.gas_price if isinstance(tx, LegacyTransaction) else tx.max_fee
    if isinstance(tx, LegacyTransaction):
        lines.append(f"gas price: {_decimal(price, _GWEI)} gwei")
    else:
        lines.append(f"maximum fee per gas: {_decimal(price, _GWEI)} gwei")
        lines.append(f"priority fee per gas: {_decimal(tx.max_priority_fee, _GWEI)} gwei")
        for entry in tx.access_list:
            lines.append(f"access list: {entry.address}")
            lines += [f"storage key: 0x{key.hex()}" for key in entry.storage_keys]
    fee = price * tx.gas_limit
    lines.append(f"fee at most: {_decimal(fee, _ETHER)} ether ({fee} wei)")
    if tx.data:
        lines.append(f"data: {len(tx.data)} bytes")
        lines.append(f"0x{tx.data.hex()}")
    return tuple(lines)


def describe_message(text: str, account: EthereumAccount) -> tuple[str, ...]:
    """The lines of the prompt."""
    return (*_signer(account), *text.split("\n"))


def describe_typed_data(
    data: TypedData, account: EthereumAccount, *, full: bool, behind: bool = False
) -> tuple[str, ...]:
    """Every value by its path; the two hashes where the device shows nothing else.

    `behind`: the device shows values only to whoever asks it for them.
    """
    lines = [*_signer(account), f"type: {data.primary_type}", *shown_values(data)]
    if full and behind:
        lines.append("Have the device show the full message: without it you sign what you have not seen.")
    if not full:
        lines.append("The device shows only these two hashes:")
    lines.append(f"domain hash: 0x{data.domain_hash().hex()}")
    lines.append(f"message hash: 0x{data.message_hash().hex()}")
    return tuple(lines)
