// SPDX-License-Identifier: AGPL-3.0-or-later
pragma solidity 0.8.30;

interface Token {
    function transfer(address to, uint256 value) external returns (bool);
}

/// What Hyperliquid's bridge on Arbitrum does last: pays a withdrawal that the validators have signed, once.
/// Stands at the bridge's address with the real one's event; validators, disputes and lockers are not here.
contract HyperliquidBridge {
    Token private constant USDC = Token(0xaf88d065e77c8cC2239327C5EDb3A432268e5831);
    address public finalizer;
    mapping(bytes32 => bool) public finalizedWithdrawals;

    event FinalizedWithdrawal(address indexed user, address destination, uint64 usd, uint64 nonce, bytes32 message);

    function finalizeWithdrawal(address user, address destination, uint64 usd, uint64 nonce) external {
        require(msg.sender == finalizer, "Sender is not a finalizer");
        bytes32 message = keccak256(abi.encode("requestWithdrawal", user, destination, usd, nonce));
        require(!finalizedWithdrawals[message], "Withdrawal was finalized before");
        finalizedWithdrawals[message] = true;
        require(USDC.transfer(destination, usd), "USDC refused");
        emit FinalizedWithdrawal(user, destination, usd, nonce, message);
    }
}
