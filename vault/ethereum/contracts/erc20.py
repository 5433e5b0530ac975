"""Tokens: the functions of ERC-20 that are called, those that are read, and those that are refused by name.

Sources: ERC-20, EIP-2612, ERC-3009; ``FiatTokenV2_2.sol`` (USDC), ``TetherToken.sol`` (USDT).
"""

from __future__ import annotations

from typing import Final

from vault.ethereum.contracts.table import ContractTable, call, refused, view
from vault.evm.abi import event

_SPENDING: Final = "it lets somebody else take what is ours"

_TRANSFER: Final = call("transfer(address to, uint256 value) returns (bool)")
_APPROVE: Final = call("approve(address spender, uint256 value) returns (bool)")  # only of zero: `verify`
_BALANCE_OF: Final = view("balanceOf(address account) returns (uint256)")
_ALLOWANCE: Final = view("allowance(address owner, address spender) returns (uint256)")
_DECIMALS: Final = view("decimals() returns (uint8)")
_SYMBOL: Final = view("symbol() returns (string)")
_PAUSED: Final = view("paused() returns (bool)")
_IS_BLACKLISTED: Final = view("isBlacklisted(address account) returns (bool)")  # USDC
_IS_BLACK_LISTED: Final = view("isBlackListed(address account) returns (bool)")  # USDT on mainnet
_IS_BLOCKED: Final = view("isBlocked(address account) returns (bool)")  # USDT on later chains
_BASIS_POINTS_RATE: Final = view("basisPointsRate() returns (uint256)")
_MAXIMUM_FEE: Final = view("maximumFee() returns (uint256)")
_DEPRECATED: Final = view("deprecated() returns (bool)")  # USDT on mainnet: another contract acts for it

TRANSFER: Final = _TRANSFER.function
APPROVE: Final = _APPROVE.function
BALANCE_OF: Final = _BALANCE_OF.function
ALLOWANCE: Final = _ALLOWANCE.function
DECIMALS: Final = _DECIMALS.function
SYMBOL: Final = _SYMBOL.function
PAUSED: Final = _PAUSED.function
IS_BLACKLISTED: Final = _IS_BLACKLISTED.function
IS_BLACK_LISTED: Final = _IS_BLACK_LISTED.function
IS_BLOCKED: Final = _IS_BLOCKED.function
BASIS_POINTS_RATE: Final = _BASIS_POINTS_RATE.function
MAXIMUM_FEE: Final = _MAXIMUM_FEE.function
DEPRECATED: Final = _DEPRECATED.function

TRANSFER_EVENT: Final = event("Transfer(address indexed from, address indexed to, uint256 value)")
APPROVAL_EVENT: Final = event("Approval(address indexed owner, address indexed spender, uint256 value)")

ERC20: Final = ContractTable(
    "erc20",
    "token",
    (
        _TRANSFER,
        _APPROVE,
        _BALANCE_OF,
        _ALLOWANCE,
        _DECIMALS,
        _SYMBOL,
        _PAUSED,
        _IS_BLACKLISTED,
        _IS_BLACK_LISTED,
        _IS_BLOCKED,
        _BASIS_POINTS_RATE,
        _MAXIMUM_FEE,
        _DEPRECATED,
        refused(
            "transferFrom(address from, address to, uint256 value) returns (bool)", "it uses an allowance"
        ),
        refused("increaseAllowance(address spender, uint256 added) returns (bool)", _SPENDING),
        refused("decreaseAllowance(address spender, uint256 removed) returns (bool)", "approve zero instead"),
        refused(
            "permit(address owner, address spender, uint256 value, uint256 deadline, "
            "uint8 v, bytes32 r, bytes32 s)",
            _SPENDING,
        ),
        refused(
            "transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, "
            "uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)",
            "it carries a signature that anybody may use",
        ),
        refused(
            "receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, "
            "uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)",
            "it carries a signature that anybody may use",
        ),
        refused("burn(uint256 value)", "it destroys what is ours"),
    ),
)
