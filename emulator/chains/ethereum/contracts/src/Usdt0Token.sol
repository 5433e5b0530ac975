// SPDX-License-Identifier: AGPL-3.0-or-later
pragma solidity 0.8.30;

/// What USDT's proxy on Arbitrum points to: returns bool, blocks accounts, knows neither fee nor pause.
contract Usdt0Token {
    string public name;
    string public symbol;
    uint8 public constant decimals = 6;
    uint256 public totalSupply;
    address public owner;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => bool) public isBlocked;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event BlockPlaced(address indexed user);
    event BlockReleased(address indexed user);

    modifier onlyOwner() {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        _;
    }

    function initialize(address newOwner, string calldata newName, string calldata newSymbol) external {
        require(owner == address(0), "Initializable: contract is already initialized");
        (owner, name, symbol) = (newOwner, newName, newSymbol);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _transfer(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        require(value <= allowed, "ERC20: insufficient allowance");
        if (allowed < type(uint256).max) allowance[from][msg.sender] = allowed - value;
        _transfer(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function mint(address to, uint256 amount) external onlyOwner {
        totalSupply += amount;
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function addToBlockedList(address user) external onlyOwner {
        isBlocked[user] = true;
        emit BlockPlaced(user);
    }

    function removeFromBlockedList(address user) external onlyOwner {
        isBlocked[user] = false;
        emit BlockReleased(user);
    }

    function _transfer(address from, address to, uint256 value) private {
        require(!isBlocked[from] || msg.sender == owner, "Tether: from is blocked");
        require(to != address(0), "ERC20: transfer to the zero address");
        require(value <= balanceOf[from], "ERC20: transfer amount exceeds balance");
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
