// SPDX-License-Identifier: AGPL-3.0-or-later
pragma solidity 0.8.30;

/// What USDC's proxy points to: six decimals, returns bool, blacklist of both sides, pause, mint by the owner.
contract UsdcToken {
    string public name;
    string public symbol;
    uint8 public constant decimals = 6;
    string public constant version = "2";
    uint256 public totalSupply;
    address public owner;
    bool public paused;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => bool) public isBlacklisted;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event Blacklisted(address indexed account);
    event UnBlacklisted(address indexed account);
    event Pause();
    event Unpause();
    event Mint(address indexed minter, address indexed to, uint256 amount);

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    modifier open(address one, address other) {
        require(!paused, "Pausable: paused");
        require(!isBlacklisted[msg.sender], "Blacklistable: account is blacklisted");
        require(!isBlacklisted[one] && !isBlacklisted[other], "Blacklistable: account is blacklisted");
        _;
    }

    function initialize(address newOwner, string calldata newName, string calldata newSymbol) external {
        require(owner == address(0), "FiatToken: contract is already initialized");
        (owner, name, symbol) = (newOwner, newName, newSymbol);
    }

    function transfer(address to, uint256 value) external open(msg.sender, to) returns (bool) {
        _transfer(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external open(from, to) returns (bool) {
        require(value <= allowance[from][msg.sender], "ERC20: transfer amount exceeds allowance");
        if (allowance[from][msg.sender] != type(uint256).max) allowance[from][msg.sender] -= value;
        _transfer(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external open(msg.sender, spender) returns (bool) {
        _approve(spender, value);
        return true;
    }

    function increaseAllowance(address spender, uint256 more) external open(msg.sender, spender) returns (bool) {
        _approve(spender, allowance[msg.sender][spender] + more);
        return true;
    }

    function mint(address to, uint256 amount) external onlyOwner returns (bool) {
        totalSupply += amount;
        balanceOf[to] += amount;
        emit Mint(msg.sender, to, amount);
        emit Transfer(address(0), to, amount);
        return true;
    }

    function pause() external onlyOwner {
        paused = true;
        emit Pause();
    }

    function unpause() external onlyOwner {
        paused = false;
        emit Unpause();
    }

    function blacklist(address account) external onlyOwner {
        isBlacklisted[account] = true;
        emit Blacklisted(account);
    }

    function unBlacklist(address account) external onlyOwner {
        isBlacklisted[account] = false;
        emit UnBlacklisted(account);
    }

    function _approve(address spender, uint256 value) private {
        require(spender != address(0), "ERC20: approve to the zero address");
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
    }

    function _transfer(address from, address to, uint256 value) private {
        require(to != address(0), "ERC20: transfer to the zero address");
        require(value <= balanceOf[from], "ERC20: transfer amount exceeds balance");
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
