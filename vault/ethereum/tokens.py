"""The tokens that are known: where each contract stands, what it says of itself, and what it may do to us.

Refuses every other contract: a known symbol at another address, a bridged cousin, an address that looks
alike. Sources: Circle, "USDC contract addresses"; Tether, "Supported protocols"; ``TetherToken.sol``,
``FiatTokenV2_2.sol``, ``UpgradeabilityProxy.sol`` (zos-lib), EIP-1967.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from vault.errors import EthereumError
from vault.ethereum.chains import chain_of
from vault.ethereum.contracts import erc20
from vault.evm.abi import Function
from vault.evm.address import evm_checksummed
from vault.money import USDC, USDT, Asset

ProxyKind = Literal["none", "eip1967", "zeppelinos"]

IMPLEMENTATION_SLOTS: Final[dict[ProxyKind, int]] = {
    # One below the hash of eip1967.proxy.implementation.
    "eip1967": 0x360894A13BA1A3210667C828492DB98DCA3E2076CC3735A920A3CA505D382BBC,
    # The hash of org.zeppelinos.proxy.implementation.
    "zeppelinos": 0x7050C9E0F4CA769C69BD3A8EF740BC37934F8E2C036E5A723FD8EE048ED3F8C3,
}
_ENDS: Final = 4  # hex digits at each end that people compare, and that poisoners therefore match
# Letters of other alphabets that pass for those of our symbols.
_LOOKS: Final = str.maketrans(
    {
        "₮": "t",
        "т": "t",
        "τ": "t",
        "ѕ": "s",
        "ʂ": "s",
        "с": "c",
        "ϲ": "c",
        "ԁ": "d",
        "ɗ": "d",
        "υ": "u",
        "ս": "u",
    }
)


@dataclass(frozen=True, slots=True)
class Token:
    """An asset's contract on one chain.

    `symbols` are what symbol() may answer. `paused`, `blocks` and `retired` are its views for: nobody can
    transfer; this address cannot; another contract acts in its place. `takes_fee`: it has parameters for
    a fee on transfers. `returns_nothing`: transfer() ends without the boolean of ERC-20.
    """

    chain_id: int
    asset: Asset
    address: str
    symbols: tuple[str, ...]
    proxy: ProxyKind = "none"
    paused: Function | None = None
    blocks: Function | None = None
    retired: Function | None = None
    takes_fee: bool = False
    returns_nothing: bool = False

    @property
    def implementation_slot(self) -> int | None:
        """The storage slot that holds the implementation's address, of a proxy."""
        return IMPLEMENTATION_SLOTS.get(self.proxy)


def _usdc(chain_id: int, address: str) -> Token:
    return Token(
        chain_id, USDC, address, ("USDC",), "zeppelinos", paused=erc20.PAUSED, blocks=erc20.IS_BLACKLISTED
    )


TOKENS: Final = (
    _usdc(1, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
    _usdc(10, "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85"),
    _usdc(8453, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
    _usdc(42161, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"),
    _usdc(11155111, "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"),
    Token(
        1,
        USDT,
        "0xdAC17F958D2ee523a2206206994597C13D831ec7",
        ("USDT",),
        paused=erc20.PAUSED,
        blocks=erc20.IS_BLACK_LISTED,
        retired=erc20.DEPRECATED,
        takes_fee=True,
        returns_nothing=True,
    ),
    Token(
        42161,
        USDT,
        "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9",
        ("USD₮0", "USDT"),  # renamed when it became an omnichain token
        "eip1967",
        blocks=erc20.IS_BLOCKED,
    ),
    Token(10, USDT, "0x94b008aA00579c1307B0EF2c499aD98a8ce58e58", ("USDT",)),
)

# Contracts that are taken for the tokens above, and are other ones.
_STRANGERS: Final[dict[tuple[int, str], str]] = {
    (10, "0x7F5c764cBc14f9669B88837ca1490cCa17c31607"): "USDC.e, bridged USDC of OP Mainnet",
    (42161, "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8"): "USDC.e, bridged USDC of Arbitrum One",
    (8453, "0xd9aAEc86B65D86f6A7B5B1b0c42FFA531710b6CA"): "USDbC, bridged USDC of Base",
}


def token_of(chain_id: int, asset: Asset) -> Token:
    """An asset's contract. Raises `EthereumError` (``unknown_token``, ``unknown_chain``)."""
    title = chain_of(chain_id).title
    found = next((each for each in TOKENS if each.chain_id == chain_id and each.asset == asset), None)
    if found is None:
        raise EthereumError("unknown_token", f"expected a token that is registered on {title}, found {asset}")
    return found


def token_at(chain_id: int, address: str) -> Token | None:
    """The registered token at an address (EIP-55)."""
    return next((each for each in TOKENS if (each.chain_id, each.address) == (chain_id, address)), None)


def require_token(chain_id: int, address: str, symbol: str = "") -> Token:
    """The registered token at `address`; `symbol` is what a contract there calls itself, if that is known.

    Raises `EthereumError` (``ethereum.lookalike``, ``ethereum.unknown_token``).
    """
    token = token_at(chain_id, address)
    if token is not None:
        return token
    title = chain_of(chain_id).title
    if stranger := _STRANGERS.get((chain_id, address)):
        raise _lookalike(f"expected a registered token of {title}, found {stranger} at {address}")
    for each in TOKENS:
        if each.address == address:
            other = chain_of(each.chain_id).title
            raise _lookalike(f"{address} is {each.asset} on {other}; on {title} it may be anybody's")
        if each.chain_id == chain_id and looks_alike(each.address, address):
            raise _lookalike(f"expected {each.asset} at {each.address}, found {address}, which looks alike")
        if each.chain_id == chain_id and _folded(symbol) in map(_folded, (*each.symbols, each.asset.symbol)):
            raise _lookalike(
                f"expected {each.asset} at {each.address}, "
                f"found {address}, which calls itself {ascii(symbol)[:40]}"
            )
    raise EthereumError(
        "unknown_token", f"expected a registered token of {title}, found the contract {address}"
    )


def looks_alike(one: str, other: str) -> bool:
    """Two different addresses that begin and end with the same digits."""
    first, second = evm_checksummed(one).lower()[2:], evm_checksummed(other).lower()[2:]
    return first != second and first[:_ENDS] == second[:_ENDS] and first[-_ENDS:] == second[-_ENDS:]


def _folded(symbol: str) -> str:
    text = unicodedata.normalize("NFKD", symbol).casefold().translate(_LOOKS)
    return "".join(char for char in text if char.isascii() and char.isalnum())


def _lookalike(message: str) -> EthereumError:
    return EthereumError("lookalike", message, hint="Somebody wants it to be mistaken. Send nothing to it.")
