"""Puts the tokens and the Safe contracts at their canonical addresses on a fresh chain, and works them.

The chain is ours or any node that can set code and storage. Tokens belong to the account that sends; Safe's
contracts come through their own CREATE2 deployer, so that their addresses prove their bytecode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from emulator.chains.ethereum.artefacts import load
from emulator.chains.ethereum.hexes import hashed

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
USDC_IMPLEMENTATION = "0x43506849D7C04F9138D1A2050bbF3A0c054402dd"
USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
ARBITRUM_USDC = "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"
ARBITRUM_USDC_IMPLEMENTATION = "0x86E721b43d4ECFa71119Dd38c0f938A75Fdb57B3"
ARBITRUM_USDT = "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9"
ARBITRUM_USDT_IMPLEMENTATION = "0x14E4A1B13bf7F943c8ff7C51fb60FA964A298D92"
ARBITRUM = 42161

SAFE = "0x41675C099F32341bf84BFc5382aF534df5C7461a"
SAFE_L2 = "0x29fcB43b46531BcA003ddC8FCB67FFE91900C762"
SAFE_FACTORY = "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67"
SAFE_FALLBACK = "0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99"
SAFE_MULTISEND = "0x38869bf66a61cF6bDB996A6aE40D5853Fd43B526"
SAFE_MULTISEND_CALL_ONLY = "0x9641d764fc13c8B624c04430C7356C1C7C8102e2"
SAFE_CONTRACTS = {
    "Safe": SAFE,
    "SafeL2": SAFE_L2,
    "SafeProxyFactory": SAFE_FACTORY,
    "CompatibilityFallbackHandler": SAFE_FALLBACK,
    "MultiSend": SAFE_MULTISEND,
    "MultiSendCallOnly": SAFE_MULTISEND_CALL_ONLY,
}
# Safe's singleton factory: calldata is a salt and a creation code, which it gives to CREATE2.
CREATE2_DEPLOYER = "0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7"
CREATE2_DEPLOYER_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f5"
    "8015156039578182fd5b8082525050506014600cf3"
)


@dataclass(frozen=True, slots=True)
class ProxySlots:
    """Where a kind of proxy, one of the artefacts, keeps its implementation and its admin."""

    proxy: str
    implementation: int
    admin: int


def _slot(label: str) -> int:
    return int.from_bytes(hashed(label.encode()), "big")


ZEPPELINOS = ProxySlots(
    "TokenProxy", _slot("org.zeppelinos.proxy.implementation"), _slot("org.zeppelinos.proxy.admin")
)
EIP_1967 = ProxySlots(
    "Eip1967Proxy", _slot("eip1967.proxy.implementation") - 1, _slot("eip1967.proxy.admin") - 1
)
ZERO_ADDRESS = "0x" + "00" * 20


class Ground(Protocol):
    """A chain that can be prepared: `owner` is the account its `send` signs for."""

    @property
    def chain_id(self) -> int: ...
    @property
    def owner(self) -> str: ...
    def set_code(self, address: str, code: bytes) -> None: ...
    def set_storage(self, address: str, slot: int, value: int) -> None: ...
    def call(self, to: str, data: bytes) -> bytes: ...
    def send(self, to: str | None, data: bytes) -> str:
        """Send and mine; `to` None creates a contract. Returns the txid; raises when it failed."""
        ...

    def contract_made_by(self, txid: str) -> str: ...


def calldata(signature: str, *values: object) -> bytes:
    """Selector and arguments of a call like `transfer(address,uint256)`."""
    types = signature[signature.index("(") + 1 : -1]
    return hashed(signature.encode())[:4] + encode(types.split(",") if types else [], list(values))


def prepare(ground: Ground) -> None:
    """Tokens and Safe contracts on a fresh chain."""
    place_tokens(ground)
    place_safe_contracts(ground)


def place_tokens(ground: Ground) -> None:
    """USDC and USDT at their addresses on this chain id: Arbitrum's kinds of them, else mainnet's."""
    if ground.chain_id == ARBITRUM:
        _place_proxy(ground, ARBITRUM_USDC, ARBITRUM_USDC_IMPLEMENTATION, "UsdcToken", ZEPPELINOS)
        _place_proxy(ground, ARBITRUM_USDT, ARBITRUM_USDT_IMPLEMENTATION, "Usdt0Token", EIP_1967)
        named = ((ARBITRUM_USDC, "USD Coin", "USDC"), (ARBITRUM_USDT, "USD₮0", "USD₮0"))
    else:
        _place_proxy(ground, USDC, USDC_IMPLEMENTATION, "UsdcToken", ZEPPELINOS)
        ground.set_code(USDT, load("UsdtToken").runtime)
        named = ((USDC, "USD Coin", "USDC"), (USDT, "Tether USD", "USDT"))
    for token, name, symbol in named:
        ground.send(token, calldata("initialize(address,string,string)", ground.owner, name, symbol))


def _place_proxy(ground: Ground, proxy: str, target: str, name: str, slots: ProxySlots) -> None:
    ground.set_code(target, load(name).runtime)
    ground.set_code(proxy, load(slots.proxy).runtime)
    ground.set_storage(proxy, slots.implementation, int(target, 16))
    ground.set_storage(proxy, slots.admin, int(ground.owner, 16))


def place_safe_contracts(ground: Ground) -> None:
    """Safe 1.4.1 through its own deployer. Raises ValueError when one is not where it has to be."""
    ground.set_code(CREATE2_DEPLOYER, CREATE2_DEPLOYER_CODE)
    for name, address in SAFE_CONTRACTS.items():
        bytecode = load(name).bytecode
        found = create2_address(CREATE2_DEPLOYER, bytes(32), bytecode)
        if found != address:
            raise ValueError(f"{name}: expected at {address}, its bytecode belongs at {found}")
        ground.send(CREATE2_DEPLOYER, bytes(32) + bytecode)


def create2_address(deployer: str, salt: bytes, bytecode: bytes) -> str:
    """Where CREATE2 puts a contract (EIP-1014)."""
    parts = b"\xff" + bytes.fromhex(deployer[2:]) + salt + hashed(bytecode)
    return str(to_checksum_address(hashed(parts)[12:]))


def deploy_safe(
    ground: Ground,
    owners: Sequence[str],
    threshold: int,
    *,
    salt_nonce: int = 0,
    singleton: str = SAFE_L2,
    fallback: str = SAFE_FALLBACK,
) -> str:
    """A Safe's proxy through the real factory; returns its address, which owners and salt determine."""
    setup = calldata(
        "setup(address[],uint256,address,bytes,address,address,uint256,address)",
        list(owners),
        threshold,
        ZERO_ADDRESS,
        b"",
        fallback,
        ZERO_ADDRESS,
        0,
        ZERO_ADDRESS,
    )
    order = calldata("createProxyWithNonce(address,bytes,uint256)", singleton, setup, salt_nonce)
    address = ground.call(SAFE_FACTORY, order)[-20:]
    ground.send(SAFE_FACTORY, order)
    return str(to_checksum_address(address))


def deploy_contract(ground: Ground, name: str, arguments: bytes = b"") -> str:
    """One of the artefacts at an address of its own; `arguments` of its constructor, ABI-encoded."""
    return ground.contract_made_by(ground.send(None, load(name).bytecode + arguments))


def deploy_lookalike(ground: Ground, name: str = "USD Coin", symbol: str = "USDC", decimals: int = 6) -> str:
    """A token that calls itself as another one does."""
    arguments = encode(["string", "string", "uint8"], [name, symbol, decimals])
    return deploy_contract(ground, "LookalikeToken", arguments)


def own(ground: Ground, token: str, signature: str, arguments: bytes = b"") -> str:
    """A call of a token's owner, its arguments encoded already; returns the txid."""
    return ground.send(token, hashed(signature.encode())[:4] + arguments)


def mint(ground: Ground, token: str, to: str, amount: int) -> str:
    return ground.send(token, calldata("mint(address,uint256)", to, amount))


def pause(ground: Ground, token: str, *, on: bool = True) -> str:
    return ground.send(token, calldata("pause()" if on else "unpause()"))


BLACKLIST_WORDS = {  # by symbol: each token has its own
    "USDC": ("blacklist", "unBlacklist"),
    "USDT": ("addBlackList", "removeBlackList"),
    "USD₮0": ("addToBlockedList", "removeFromBlockedList"),
}


def blacklist(ground: Ground, token: str, address: str, *, on: bool = True) -> str:
    """Raises KeyError for a token without a blacklist."""
    put, take = BLACKLIST_WORDS[_symbol(ground, token)]
    return ground.send(token, calldata(f"{put if on else take}(address)", address))


def set_token_fee(ground: Ground, token: str, basis_points: int, maximum: int) -> str:
    """USDT's fee: under 20 basis points, at most `maximum` whole tokens, under 50."""
    return ground.send(token, calldata("setParams(uint256,uint256)", basis_points, maximum))


def upgrade_token(ground: Ground, token: str, implementation: str) -> str:
    """Other code behind USDC's proxy."""
    return ground.send(token, calldata("upgradeTo(address)", implementation))


def token_balance(ground: Ground, token: str, address: str) -> int:
    return int.from_bytes(ground.call(token, calldata("balanceOf(address)", address)), "big")


def _symbol(ground: Ground, token: str) -> str:
    answer = ground.call(token, calldata("symbol()"))
    length = int.from_bytes(answer[32:64], "big")
    return answer[64 : 64 + length].decode()
