"""ERC-4626 vaults and Merkl.xyz rewards, which core firmware spells out.

Refuses vault calls with ether or without an amount, and, for the vaults it knows by name, any that
credit or debit another account. Calls of unknown vaults for others are left to be shown raw.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DataError
from .call import SELECTOR_LENGTH, WORD, Call
from .clear_signing.abi import Value, parse_types, read_parameters
from .clear_signing.errors import InvalidCall
from .clear_signing.reading import Reader
from .networks import UNKNOWN_TOKEN, Token

_USDC = Token(1, bytes.fromhex("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"), 6, "USDC")
_USDT = Token(1, bytes.fromhex("dac17f958d2ee523a2206206994597c13d831ec7"), 6, "USDT")
_WETH = Token(1, bytes.fromhex("c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"), 18, "WETH")
_MORPHO = bytes.fromhex("58d97b57bb95320f9a05dc918aef65434969c2b2")
_MERKL = bytes.fromhex("3ef3d8ba38ebe18db133cec108f4d14ce00dd9ae")
# https://api.merkl.xyz/v4/chains
_MERKL_CHAIN_LIST = """
    1 10 30 50 56 100 122 130 137 143 146 151 169 196 239 250 252 324 480 592 747 988 999 1101 1135
    1284 1329 1672 1868 1923 2020 4114 4217 4326 4663 5000 5464 6900 8217 8453 9745 13371 16661 25363
    31612 34443 42161 42220 42793 43111 43114 48900 57073 59144 60808 80094 81457 98866 167000 534352
    685689 747474 1440000 5064014 21000000 2046399126
    """
_MERKL_CHAINS = frozenset(map(int, _MERKL_CHAIN_LIST.split()))
_MAX_FETCHED_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault on mainnet: what goes in, and the shares that stand for it."""

    name: str
    asset: Token
    share: Token


def _known(address: str, name: str, symbol: str, asset: Token) -> tuple[bytes, Vault]:
    raw = bytes.fromhex(address)
    return raw, Vault(name, asset, Token(1, raw, 18, symbol))


_VAULTS = dict(
    (
        _known(
            "a511d618cd0f9d7cad791009d7c5e3b19c9568da",
            "Test Steakhouse USDC Prime Vault",
            "tstSHUSDCp",
            _USDC,
        ),
        _known(
            "de6c23e561f3e55846207ec45a91b777e0f7c889",
            "Trezor Steakhouse USDC Prime Vault",
            "trSHUSDCp",
            _USDC,
        ),
        _known(
            "e4db1c5a1b709ce4d2ada6985d9d506e58f73829",
            "Trezor Steakhouse USDT Prime Vault",
            "trSHUSDTp",
            _USDT,
        ),
        _known(
            "704cfb08969048a8dff298b214f959791d8da509",
            "Trezor Steakhouse ETH Prime Vault",
            "trSHETHp",
            _WETH,
        ),
    )
)


def known_vault(chain_id: int, address: bytes) -> Vault | None:
    """A vault the firmware knows by name."""
    return _VAULTS.get(bytes(address)) if chain_id == 1 else None


@dataclass(frozen=True, slots=True)
class Movement:
    """A function of ERC-4626: its name, types, and whether it counts shares."""

    name: str
    types: str
    counts_shares: bool = False


_MOVEMENTS = {
    bytes.fromhex("6e553f65"): Movement("deposit", "uint256 address"),
    bytes.fromhex("b460af94"): Movement("withdraw", "uint256 address address"),
    bytes.fromhex("ba087652"): Movement("redeem", "uint256 address address", counts_shares=True),
}
_CLAIM = bytes.fromhex("71ee95c0")
_CLAIM_TYPES = "address[] address[] uint256[]"  # of four; the proofs are only counted


@dataclass(frozen=True, slots=True)
class VaultCall:
    """A movement into or out of a vault, as it is shown."""

    movement: str
    vault: str
    amount: int
    token: Token
    suffix: bytes


@dataclass(frozen=True, slots=True)
class RewardsClaim:
    """Tokens claimed from Merkl.xyz."""

    tokens: tuple[str, ...]


def read_yield_call(call: Call, data: bytes, reader: Reader) -> VaultCall | RewardsClaim | None:
    """What a call does with a vault or with rewards; None for any other. Raises DataError."""
    if len(data) < SELECTOR_LENGTH:
        return None
    selector, arguments = data[:SELECTOR_LENGTH], data[SELECTOR_LENGTH:]
    movement = _MOVEMENTS.get(selector)
    if movement is not None:
        return _read_movement(call, movement, arguments)
    chain = call.network.chain_id
    if selector == _CLAIM and call.recipient == _MERKL and chain in _MERKL_CHAINS:
        return _read_claim(call, arguments, reader)
    return None


def _read_movement(call: Call, movement: Movement, arguments: bytes) -> VaultCall | None:
    types = parse_types(movement.types)
    complaint = DataError("Invalid data for ERC-4626 vault transaction.")
    try:
        amount, *accounts = read_parameters(types, arguments)
    except InvalidCall:
        raise complaint from None
    if not isinstance(amount, int) or amount == 0 or call.value:
        raise complaint
    vault = known_vault(call.network.chain_id, call.recipient)
    if any(account != call.sender for account in accounts):
        if vault is not None:
            raise DataError("Vault tx: Signer receiver mismatch")
        return None
    token = UNKNOWN_TOKEN
    if vault is not None:
        token = vault.share if movement.counts_shares else vault.asset
    name = str(call.msg.to) if vault is None else vault.name
    return VaultCall(movement.name, name, amount, token, arguments[WORD * len(types) :])


def _read_claim(call: Call, arguments: bytes, reader: Reader) -> RewardsClaim | None:
    if call.value:
        raise DataError("ETH transfer with Merkl.xyz claim not allowed")
    users, tokens = _claimed(arguments)
    if any(user != call.sender for user in users):
        return None
    fetch = len(tokens) <= _MAX_FETCHED_TOKENS
    return RewardsClaim(tuple(_token_label(call, token, reader, fetch=fetch) for token in tokens))


def _claimed(arguments: bytes) -> tuple[list[bytes], list[bytes]]:
    """Users and tokens of a claim whose four lists are of one length."""
    complaint = DataError("Invalid data for claim rewards transaction")
    try:
        lists = read_parameters(parse_types(_CLAIM_TYPES), arguments)
    except InvalidCall:
        raise complaint from None
    head = 3 * WORD
    proofs = int.from_bytes(arguments[head : head + WORD], "big")
    if head + WORD > len(arguments) or proofs + WORD > len(arguments):
        raise complaint
    lengths = {_length(part) for part in lists}
    if lengths != {int.from_bytes(arguments[proofs : proofs + WORD], "big")} or lengths == {0}:
        raise complaint
    users, tokens, _ = lists
    return _addresses(users), _addresses(tokens)


def _length(value: Value) -> int:
    return len(value) if isinstance(value, list) else -1


def _addresses(value: Value) -> list[bytes]:
    return [item for item in value if isinstance(item, bytes)] if isinstance(value, list) else []


def _token_label(call: Call, address: bytes, reader: Reader, *, fetch: bool) -> str:
    if address == _MORPHO and call.network.chain_id == 1:
        return "MORPHO"
    token = reader.fetch_token(address) if fetch else UNKNOWN_TOKEN
    return "UNKNOWN" if token is UNKNOWN_TOKEN else token.symbol
