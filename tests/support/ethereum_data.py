"""Typed data, transactions and accounts for tests of Ethereum on a device."""

from __future__ import annotations

from typing import Any

from vault.evm.transaction import AccessEntry, FeeMarketTransaction, LegacyTransaction

HARD = 0x80000000
PATH = (44 | HARD, 60 | HARD, HARD, 0, 0)
TARGET = "0x54B0Fa66A065748C40dCA2C7Fe125A2028CF9982"
TOKEN = "0xc0004B62C5A39a728e4Af5bee0c6B4a4E54b15ad"
GWEI = 10**9

MAIL: dict[str, Any] = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallets", "type": "address[]"}],
        "Mail": [
            {"name": "from", "type": "Person"},
            {"name": "to", "type": "Person[]"},
            {"name": "contents", "type": "string"},
            {"name": "amount", "type": "uint256"},
            {"name": "change", "type": "int64"},
            {"name": "urgent", "type": "bool"},
            {"name": "tag", "type": "bytes4"},
            {"name": "attachment", "type": "bytes"},
            {"name": "pair", "type": "uint8[2]"},
        ],
    },
    "primaryType": "Mail",
    "domain": {"name": "Ether Mail", "version": "1", "chainId": 1, "verifyingContract": TOKEN},
    "message": {
        "from": {"name": "Cow", "wallets": [TOKEN, TARGET]},
        "to": [{"name": "Bob", "wallets": [TARGET]}, {"name": "Eve", "wallets": []}],
        "contents": "Hello, Bob!",
        "amount": 10**24,
        "change": -5,
        "urgent": True,
        "tag": "0x01020304",
        "attachment": "0x" + "ab" * 40,
        "pair": [7, 255],
    },
}
SAFE: dict[str, Any] = {
    "types": {
        "EIP712Domain": [
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "SafeTx": [
            {"name": "to", "type": "address"},
            {"name": "value", "type": "uint256"},
            {"name": "data", "type": "bytes"},
            {"name": "operation", "type": "uint8"},
            {"name": "safeTxGas", "type": "uint256"},
            {"name": "baseGas", "type": "uint256"},
            {"name": "gasPrice", "type": "uint256"},
            {"name": "gasToken", "type": "address"},
            {"name": "refundReceiver", "type": "address"},
            {"name": "nonce", "type": "uint256"},
        ],
    },
    "primaryType": "SafeTx",
    "domain": {"chainId": 1, "verifyingContract": TOKEN},
    "message": {
        "to": TARGET,
        "value": 10**18,
        "data": "0xa9059cbb",
        "operation": 0,
        "safeTxGas": 0,
        "baseGas": 21000,
        "gasPrice": 0,
        "gasToken": "0x" + "0" * 40,
        "refundReceiver": "0x" + "0" * 40,
        "nonce": 258,
    },
}


def legacy(**changes: Any) -> LegacyTransaction:
    facts = {
        "chain_id": 1,
        "nonce": 7,
        "gas_price": 20 * GWEI,
        "gas_limit": 21_000,
        "to": TARGET,
        "value": 10**17,
    }
    return LegacyTransaction(**(facts | changes))


def fee_market(**changes: Any) -> FeeMarketTransaction:
    facts = {
        "chain_id": 1,
        "nonce": 0,
        "max_priority_fee": GWEI,
        "max_fee": 30 * GWEI,
        "gas_limit": 60_000,
        "to": TARGET,
        "value": 0,
    }
    return FeeMarketTransaction(**(facts | changes))


ACCESS = (
    AccessEntry(TOKEN, (bytes(31) + b"\1", b"\xff" * 32)),
    AccessEntry(TARGET),
)
