"""Which key paths Ethereum messages may use, and the account a path is shown as.

BIP44, SEP-0005, Ledger Live's old scheme and Casa's multisig scheme, with the coin types that fit
the network. A path outside them is "Forbidden key path" while safety checks are strict.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..keys import HARDENED
from .networks import ETHER_SLIP44, TESTNET_SLIP44, UNKNOWN_NETWORK, Network
from .rules import EthereumRules

_BIP44 = 44 | HARDENED
_CASA = 45 | HARDENED


def slip44_of(path: Sequence[int]) -> int | None:
    """The coin type in a path, None for one that is too short."""
    return path[1] & ~HARDENED if len(path) > 1 else None


def coin_types(rules: EthereumRules, network: Network) -> tuple[int, ...]:
    """Coin types whose keys may be used on a network."""
    if network is UNKNOWN_NETWORK:
        return (ETHER_SLIP44, TESTNET_SLIP44)
    if rules.testnet_paths_everywhere:
        other = TESTNET_SLIP44 if network.slip44 == ETHER_SLIP44 else ETHER_SLIP44
        return (network.slip44, other)
    if network.slip44 in (ETHER_SLIP44, TESTNET_SLIP44):
        return (network.slip44,)
    return (network.slip44, ETHER_SLIP44)


def is_address_path(
    rules: EthereumRules, coins: Collection[int], path: Sequence[int], *, wide: bool = True
) -> bool:
    """Whether the path is one of an account of these coin types.

    `wide` includes Casa's scheme and Ledger Live's old one.
    """
    if len(path) < 3:
        return False
    if path[0] == _CASA:
        return wide and path[1] in coins and len(path) == 5 and _fits(rules, path[2], path[3:])
    if path[0] != _BIP44 or not path[1] & HARDENED or (path[1] ^ HARDENED) not in coins:
        return False
    if not path[2] & HARDENED or (account := path[2] ^ HARDENED) > rules.max_account:
        return False
    if len(path) == 3:
        return True
    if wide and len(path) == 4 and account == 0 and path[3] <= rules.max_account:
        return True
    return _fits(rules, account, path[3:])


def _fits(rules: EthereumRules, account: int, rest: Sequence[int]) -> bool:
    if account > rules.max_account or rest[0] > 1:
        return False
    if rules.open_ended_paths:
        return all(index <= rules.max_index for index in rest[1:])
    return len(rest) == 2 and rest[1] <= rules.max_index


def is_account_branch(rules: EthereumRules, coins: Collection[int], path: Sequence[int]) -> bool:
    """Whether the path is at or (unhardened) below m/44'/coin'/account'."""
    if len(path) < 3 or not path[2] & HARDENED:
        return False
    top = path[0] == _BIP44 and path[1] & HARDENED and (path[1] ^ HARDENED) in coins
    return bool(top) and path[2] ^ HARDENED <= rules.max_account and all(n < HARDENED for n in path[3:])


def account_number(rules: EthereumRules, path: Sequence[int]) -> int | None:
    """The number core firmware gives an account, None for an unusual path.

    MetaMask's m/44'/c'/0'/0/i and Ledger's m/44'/c'/0'/i count their last step.
    """
    coin = slip44_of(path)
    if coin is None or not is_address_path(rules, (coin,), path):
        return None
    if path[0] == _BIP44 and len(path) == 5 and (path[2], path[3]) == (HARDENED, 0) and path[4] <= 100:
        return path[4] + 1
    if len(path) == 4:
        return path[3] + 1
    return (path[2] & ~HARDENED) + 1


def account_label(rules: EthereumRules, path: Sequence[int]) -> str | None:
    """What an account is called on core's screens."""
    number = account_number(rules, path)
    return None if number is None else f"ETH #{number}"


def format_path(path: Sequence[int]) -> str:
    """m/44'/60'/0'/0/0 notation."""
    return "/".join(["m", *(f"{n ^ HARDENED}'" if n & HARDENED else str(n) for n in path)])
