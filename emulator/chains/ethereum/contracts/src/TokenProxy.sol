// SPDX-License-Identifier: AGPL-3.0-or-later
pragma solidity 0.8.30;

/// Gives every call to the implementation in a slot of its own; only the admin may put another there.
abstract contract Proxy {
    event Upgraded(address implementation);

    constructor(address first, address administrator) {
        (bytes32 target, bytes32 administration) = _slots();
        _write(target, first);
        _write(administration, administrator);
    }

    function implementation() external view returns (address) {
        (bytes32 target, ) = _slots();
        return _read(target);
    }

    function admin() external view returns (address) {
        (, bytes32 administration) = _slots();
        return _read(administration);
    }

    function upgradeTo(address next) external {
        (bytes32 target, bytes32 administration) = _slots();
        require(msg.sender == _read(administration), "only the admin");
        require(next.code.length > 0, "Cannot set a proxy implementation to a non-contract address");
        _write(target, next);
        emit Upgraded(next);
    }

    fallback() external payable {
        (bytes32 slot, ) = _slots();
        address target = _read(slot);
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    function _slots() internal pure virtual returns (bytes32 target, bytes32 administration);

    function _read(bytes32 slot) private view returns (address value) {
        assembly { value := sload(slot) }
    }

    function _write(bytes32 slot, address value) private {
        assembly { sstore(slot, value) }
    }
}

/// Like USDC's, in the slots of zeppelinos.
contract TokenProxy is Proxy {
    constructor(address first, address administrator) Proxy(first, administrator) {}

    function _slots() internal pure override returns (bytes32, bytes32) {
        return (keccak256("org.zeppelinos.proxy.implementation"), keccak256("org.zeppelinos.proxy.admin"));
    }
}

/// In the slots of EIP-1967, as USDT's on Arbitrum.
contract Eip1967Proxy is Proxy {
    constructor(address first, address administrator) Proxy(first, administrator) {}

    function _slots() internal pure override returns (bytes32, bytes32) {
        return (
            bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1),
            bytes32(uint256(keccak256("eip1967.proxy.admin")) - 1)
        );
    }
}
