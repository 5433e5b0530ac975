"""What an account looks like at each exchange: where its margin lies, its contract, its keys and their parts.

One way to open an account at any of them. Quantities are given in coins and turned into the exchange's
contracts; an exchange that is not known is refused with ValueError.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache

from emulator.venues.control.client import VenueControl
from emulator.venues.engine.coins import CoinNetwork
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.networks import ETHEREUM, ON_ETHEREUM
from emulator.venues.engine.profile import Profile
from emulator.venues.kraken.names import account_uid as kraken_uid
from emulator.venues.serving import exchange as exchanges

# Where the first mode of an exchange does not hold every coin in one account.
MODES: Mapping[str, str] = {"deribit": "cross_sm"}
# The one address that a key which withdraws works from.
HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An API key; what only some exchanges have is empty elsewhere."""

    key: str
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)
    futures_key: str = ""
    futures_secret: str = field(default="", repr=False)

    def parts(self) -> dict[str, str]:
        """By the names that a keyring knows them by."""
        every = {name: getattr(self, name) for name in self.__slots__}
        return {name: text for name, text in every.items() if text}


@dataclass(frozen=True, slots=True)
class Holding:
    """A position; `quantity` in coins, negative for a short one. An inverse one is settled in its coin."""

    base: str
    quantity: Decimal
    entry_price: Decimal
    leverage: int
    inverse: bool = False


@cache
def profile(exchange: str) -> Profile:
    """Raises ValueError for an exchange that is not emulated."""
    return exchanges.load(exchange).profile


def contract(exchange: str, base: str = "BTC", *, inverse: bool = False) -> SymbolMarket:
    """The perpetual of a coin, settled in dollars or in the coin itself. Raises ValueError."""
    for market in profile(exchange).market().symbols.values():
        if (market.base, market.inverse) == (base, inverse):
            return market
    raise ValueError(f"{exchange} has no {'inverse ' if inverse else ''}contract of {base}")


def margin_wallet(exchange: str, *, inverse: bool = False) -> str:
    """The wallet that those contracts are margined in."""
    return profile(exchange).wallet_of(contract(exchange, inverse=inverse))


def bitcoin_network(exchange: str) -> CoinNetwork:
    """How bitcoin goes in and out there."""
    return next(each for each in profile(exchange).coins()["BTC"].networks if each.is_default)


def ethereum_networks(exchange: str) -> tuple[tuple[str, str], ...]:
    """(asset, network code) of what goes over Ethereum itself there: ETH, USDC, USDT, each once."""
    return tuple(
        (name, network.network)
        for name, coin in profile(exchange).coins().items()
        for network in coin.networks
        if name in ON_ETHEREUM and network.chain_id == ETHEREUM
    )


def account_uid(exchange: str, uid: int) -> str:
    """An account as whoever reads it names it."""
    return kraken_uid(uid) if exchange == "kraken" else str(uid)


def new_key(exchange: str) -> KeyPair:
    """A key with every part that the exchange asks for."""
    word = secrets.token_hex
    if exchange == "okx":
        return KeyPair(word(32), word(32), password=word(16))
    if exchange == "kraken":
        return KeyPair(word(32), word(32), futures_key=word(32), futures_secret=word(32))
    return KeyPair(word(32), word(32))


def open_account(
    venue: VenueControl,
    exchange: str,
    name: str,
    *,
    read: KeyPair,
    withdraw: KeyPair,
    margin: Mapping[str, str],
    holdings: Sequence[Holding] = (),
) -> int:
    """An account with a key that reads and one that transfers and withdraws too. Raises ControlError.

    `margin` lies in the wallet of the first position's contract.
    """
    inverse = bool(holdings) and holdings[0].inverse
    return venue.create_account(
        name,
        keys=[
            *_keys(read, transfer=False),
            *_keys(withdraw, transfer=True, withdraw=True, ip_list=[HERE]),
        ],
        wallets={margin_wallet(exchange, inverse=inverse): dict(margin)},
        positions=[_position(exchange, holding) for holding in holdings],
        mode=MODES.get(exchange),
    )


def _keys(pair: KeyPair, **rights: object) -> list[dict[str, object]]:
    first: dict[str, object] = {"key": pair.key, "secret": pair.secret, **rights}
    if pair.password:
        first["passphrase"] = pair.password
    if not pair.futures_key:
        return [first]
    second = {"key": pair.futures_key, "secret": pair.futures_secret, "realm": "futures", **rights}
    return [{**first, "realm": "spot"}, second]


def _position(exchange: str, holding: Holding) -> dict[str, object]:
    market = contract(exchange, holding.base, inverse=holding.inverse)
    contracts = holding.quantity / market.contract_size
    if holding.inverse:  # its contracts are dollars
        contracts = (contracts * holding.entry_price).quantize(Decimal(1))
    return {
        "symbol": market.symbol,
        "quantity": format(contracts.normalize(), "f"),
        "entry_price": str(holding.entry_price),
        "leverage": holding.leverage,
    }


def allow_address(venue: VenueControl, name: str, exchange: str, address: str, label: str) -> None:
    """Register an address for withdrawals of bitcoin, and let them go to registered ones only."""
    entry = {"coin": "BTC", "network": bitcoin_network(exchange).network, "address": address, "name": label}
    venue.call("whitelist", account=name, on=True, entries=[entry])


def allow_on_ethereum(
    venue: VenueControl, name: str, exchange: str, places: Mapping[str, tuple[str, str]]
) -> None:
    """Register an (address, label) for each of these assets on Ethereum, in place of all that was there."""
    codes = dict(ethereum_networks(exchange))
    entries = [
        {"coin": asset, "network": codes[asset], "address": address, "name": label}
        for asset, (address, label) in places.items()
    ]
    venue.call("whitelist", account=name, on=True, entries=entries)
